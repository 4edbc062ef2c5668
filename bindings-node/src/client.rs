//! `Client`: one configuration.

use crate::border::{Leaving, at_once, json, promise};
use crate::epoch;
use crate::grant::NativeGrant;
use crate::store::{JavaScriptStore, StoreFunction};
use evergrant::{
    ApplicationStore, Client, Config, Environment, Event, Events, options_from_json_camel,
};
use napi::bindgen_prelude::{ArrayBuffer, Object, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};
use napi_derive::napi;
use serde::Deserialize;
use std::sync::Arc;

/// Takes an event as JSON text; weak, so that a listener never keeps the process alive.
type EventFunction = ThreadsafeFunction<String, Unknown<'static>, String, Status, false, true>;

/// How long to wait for an answer on another device.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WaitOptions {
    /// Seconds; until the codes expire when absent.
    timeout: Option<f64>,
}

/// What `Client` of `lib/client.js` is made of.
#[napi]
pub struct NativeClient(Client);

#[napi]
impl NativeClient {
    /// Opens a client; `store_methods` are the names of the methods that the application's store has.
    #[napi(constructor)]
    pub fn new(
        config: String,
        on_event: Option<EventFunction>,
        store: Option<StoreFunction>,
        store_methods: Vec<String>,
    ) -> napi::Result<Self> {
        at_once(|| {
            let environment = Environment {
                store: store.map(|store| {
                    ApplicationStore::AnyThread(Arc::new(JavaScriptStore::new(
                        store,
                        store_methods,
                    )))
                }),
                events: on_event.map_or(Events::None, sink),
                ..Environment::default()
            };
            Client::open_with(Config::from_json_camel(&config)?, environment).map(NativeClient)
        })
    }

    /// Begins to ask the subject for consent.
    #[napi]
    pub fn begin<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
        options: String,
        subject: String,
    ) -> napi::Result<Object<'env>> {
        let client = self.0.clone();
        promise(env, leaving, async move {
            client
                .begin(&subject, options_from_json_camel(&options)?)
                .await
                .map(|start| json(&start))
        })
    }

    /// Ends an authorization with its callback.
    #[napi]
    pub fn finish<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
        options: String,
        callback: String,
    ) -> napi::Result<Object<'env>> {
        let client = self.0.clone();
        promise(env, leaving, async move {
            client
                .finish(&callback, options_from_json_camel(&options)?)
                .await
                .map(|finished| json(&finished))
        })
    }

    /// Exchanges a code that came another way than by a callback.
    #[napi]
    pub fn exchange<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
        options: String,
        subject: String,
        code: String,
    ) -> napi::Result<Object<'env>> {
        let client = self.0.clone();
        promise(env, leaving, async move {
            client
                .exchange(&subject, &code, options_from_json_camel(&options)?)
                .await
                .map(|finished| json(&finished))
        })
    }

    /// How the grant of a subject stands, and where to send a user who is needed.
    #[napi]
    pub fn check<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
        options: String,
        subject: String,
    ) -> napi::Result<Object<'env>> {
        let client = self.0.clone();
        promise(env, leaving, async move {
            client
                .check(&subject, options_from_json_camel(&options)?)
                .await
                .map(|standing| json(&standing))
        })
    }

    /// Begins to ask the subject for consent on another device.
    #[napi]
    pub fn begin_device<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
        options: String,
        subject: String,
    ) -> napi::Result<Object<'env>> {
        let client = self.0.clone();
        promise(env, leaving, async move {
            client
                .begin_device(&subject, options_from_json_camel(&options)?)
                .await
                .map(|start| json(&start))
        })
    }

    /// Asks once whether the user has consented.
    #[napi]
    pub fn poll_device<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
        state: String,
    ) -> napi::Result<Object<'env>> {
        let client = self.0.clone();
        promise(env, leaving, async move {
            client.poll_device(&state).await.map(|polled| json(&polled))
        })
    }

    /// Polls until the user has answered.
    #[napi]
    pub fn wait_device<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
        options: String,
        state: String,
    ) -> napi::Result<Object<'env>> {
        let client = self.0.clone();
        promise(env, leaving, async move {
            let options: WaitOptions = options_from_json_camel(&options)?;
            client.wait_device(&state, options.timeout).await.map(|finished| json(&finished))
        })
    }

    /// Stores the grant that a user's password brings.
    #[napi]
    pub fn grant_by_password<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
        options: String,
        subject: String,
    ) -> napi::Result<Object<'env>> {
        let client = self.0.clone();
        promise(env, leaving, async move {
            client
                .grant_by_password(&subject, options_from_json_camel(&options)?)
                .await
                .map(|inspection| json(&inspection))
        })
    }

    /// Stores the grant that a PIN brings.
    #[napi]
    pub fn grant_by_pin<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
        options: String,
        subject: String,
    ) -> napi::Result<Object<'env>> {
        let client = self.0.clone();
        promise(env, leaving, async move {
            client
                .grant_by_pin(&subject, options_from_json_camel(&options)?)
                .await
                .map(|inspection| json(&inspection))
        })
    }

    /// Where the provider shows a user the PIN.
    #[napi]
    pub fn pin_url<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
    ) -> napi::Result<Object<'env>> {
        let client = self.0.clone();
        promise(env, leaving, async move { client.pin_url().await })
    }

    /// Where a user's session at the provider ends; the text may hold their `id_token`.
    #[napi]
    pub fn logout_url<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
        options: String,
    ) -> napi::Result<Object<'env>> {
        let client = self.0.clone();
        promise(env, leaving, async move {
            let logout = client.logout_url(options_from_json_camel(&options)?).await?;
            Ok(logout.url.expose().to_owned())
        })
    }

    /// Stores tokens that were got elsewhere.
    #[napi]
    pub fn put<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
        tokens: String,
        subject: String,
    ) -> napi::Result<Object<'env>> {
        let client = self.0.clone();
        promise(env, leaving, async move {
            client
                .put(&subject, options_from_json_camel(&tokens)?)
                .await
                .map(|inspection| json(&inspection))
        })
    }

    /// All grants of this client registration.
    #[napi]
    pub fn list<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
    ) -> napi::Result<Object<'env>> {
        let client = self.0.clone();
        promise(
            env,
            leaving,
            async move { client.list().await.map(|inspections| json(&inspections)) },
        )
    }

    /// The grants whose time for a renewal has come.
    #[napi]
    pub fn due<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
        options: String,
    ) -> napi::Result<Object<'env>> {
        let client = self.0.clone();
        promise(env, leaving, async move {
            client.due(options_from_json_camel(&options)?).await.map(|found| json(&found))
        })
    }

    /// Renews the grants that are due.
    #[napi]
    pub fn refresh_due<'env>(
        &self,
        env: &'env Env,
        leaving: Option<&Leaving>,
        options: String,
    ) -> napi::Result<Object<'env>> {
        let client = self.0.clone();
        promise(env, leaving, async move {
            client.refresh_due(options_from_json_camel(&options)?).await.map(|report| json(&report))
        })
    }

    /// Waits for what is under way and refuses what comes later.
    #[napi]
    pub fn close<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let client = self.0.clone();
        promise(env, None, async move {
            client.close().await;
            Ok(())
        })
    }

    /// A handle; no I/O.
    #[napi]
    pub fn grant(&self, subject: String, slot: String) -> napi::Result<NativeGrant> {
        at_once(|| Ok(NativeGrant(self.0.grant_slot(&subject, &slot))))
    }

    /// Memory with the word that moves when a cached token may no longer be handed out; nothing where the engine takes
    /// no memory of others. To be called once per client.
    #[napi]
    pub fn epoch<'env>(&self, env: &'env Env) -> napi::Result<Option<ArrayBuffer<'env>>> {
        epoch::view(env, self.0.epoch_word())
    }

    /// For tests only: what the library takes for now, in Unix milliseconds; null is the system's clock.
    #[napi(js_name = "_testingSetClock")]
    pub fn testing_set_clock(&self, unix_millis: Option<i64>) -> napi::Result<()> {
        at_once(|| {
            self.0.set_test_clock(unix_millis);
            Ok(())
        })
    }
}

fn sink(listener: EventFunction) -> Events {
    Events::Sink(Arc::new(move |event: &Event| {
        // A thread of JavaScript that has ended hears nothing more.
        let _ = listener.call(json(event), ThreadsafeFunctionCallMode::NonBlocking);
    }))
}
