//! The client: opened, closed, and all its grants. Each function converts, makes one call into the crate `evergrant`, and maps the
//! result.

use crate::border::{call, free, give, handle, options, place, text};
use crate::environment::{EnvironmentTable, Hooks};
use crate::error::ErrorHandle;
use crate::results::TextHandle;
use crate::status::Status;
use evergrant::{Client, Config, Result, guard, options_from_json};
use serde::Serialize;
use std::ffi::c_char;
use std::future::Future;

/// One registration at one provider, with its store. It may be used by several threads at once, and after `fork()` in
/// the child too.
pub struct ClientHandle {
    client: Client,
    // Dropped after the client: its `destroy` comes after every other call.
    hooks: Hooks,
}

impl ClientHandle {
    pub(crate) fn core(&self) -> Client {
        self.client.clone()
    }

    /// Waits on this thread; serves the calls of the application's store, and delivers events, meanwhile.
    pub(crate) fn wait<T: Send + 'static>(
        &self,
        future: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let serving =
            self.hooks.store().and_then(|store| Some((store, self.client.calling_thread()?)));
        let result = match serving {
            Some((store, thread)) => thread.wait_serving(future, &mut |call| store.serve(call)),
            None => evergrant::wait(future),
        };
        for event in self.client.take_events() {
            self.hooks.deliver(&event);
        }
        result
    }

    fn close(&self) -> Result<()> {
        let client = self.client.clone();
        self.wait(async move {
            client.close().await;
            Ok(())
        })
    }
}

/// A call whose result is a JSON text, which the caller may not want: `operation` reads the arguments and gives the work.
pub(crate) unsafe fn ask<
    T: Serialize + Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
>(
    client: *const ClientHandle,
    json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
    operation: impl FnOnce(&ClientHandle) -> Result<F>,
) -> Status {
    let body = || {
        // SAFETY: passed on from the caller.
        let client = unsafe { handle(client, "client") }?;
        let result = client.wait(operation(client)?)?;
        // SAFETY: the caller gives NULL or a place that it may write to.
        if let Some(output) = unsafe { json.as_mut() } {
            give(output, TextHandle::of_json(&result));
        }
        Ok(())
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, body) }
}

/// Opens a client. `config_json` is an object with the keys of the user guide (`provider`, `client_id`, `store`, …);
/// `environment` may be NULL. Does not connect to anything yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_open(
    config_json: *const c_char,
    environment: *const EnvironmentTable,
    client: *mut *mut ClientHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let body = || {
        // SAFETY: passed on from the caller.
        let hooks = unsafe { Hooks::read(environment) }?;
        // SAFETY: passed on from the caller.
        let (config, output) =
            unsafe { (text(config_json, "config_json")?, place(client, "client")?) };
        let client = Client::open_with(Config::from_json(config)?, hooks.environment())?;
        give(output, ClientHandle { client, hooks });
        Ok(())
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, body) }
}

/// Ends a client's work: waits, at most 10 seconds, until refreshes on their way are stored. Later calls give
/// `EVERGRANT_CANCELLED`; closing again is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_close(
    client: *const ClientHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    // SAFETY: passed on from the caller.
    unsafe { call(error, || handle(client, "client")?.close()) }
}

/// Closes a client as `evergrant_client_close` does and frees it; NULL is fine. No other thread may be in a call with it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_free(client: *mut ClientHandle) {
    // SAFETY: passed on from the caller.
    if let Some(client) = unsafe { client.as_ref() } {
        // Nobody is left to be told of a failure.
        let _ = guard(|| client.close());
    }
    // SAFETY: passed on from the caller.
    unsafe { free(client) }
}

/// Serves the calls of your store that wait, and delivers the events that do, without waiting for anything else. For
/// programs that may be a long time without another call: a refresh behind the scenes goes on only inside calls when the
/// store is yours.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_poll(
    client: *const ClientHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    // SAFETY: passed on from the caller.
    unsafe { call(error, || handle(client, "client")?.wait(async { Ok(()) })) }
}

/// Stores tokens got elsewhere. `tokens_json` has the keys `access_token`, `token_secret` (OAuth 1.0a), `token_type`,
/// `refresh_token`, `expires_in` (seconds), `expires_at` (Unix seconds), `scope`, `slot`; or `document`, as `evergrant export`
/// or another program gave it, and `slot`. `inspection_json` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_put(
    client: *const ClientHandle,
    subject: *const c_char,
    tokens_json: *const c_char,
    inspection_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let operation = |client: &ClientHandle| {
        // SAFETY: passed on from the caller.
        let (subject, tokens) =
            unsafe { (text(subject, "subject")?.to_owned(), text(tokens_json, "tokens_json")?) };
        let (tokens, core) = (options_from_json(tokens)?, client.core());
        Ok(async move { core.put(&subject, tokens).await })
    };
    // SAFETY: passed on from the caller.
    unsafe { ask(client, inspection_json, error, operation) }
}

/// Gets the grants whose time for a renewal has come, as a JSON list: `subject`, `slot`, `grant_id`, `generation`, `due_for`
/// (`expiry`, `keepalive`, `revocation`), `expires_at`, `keepalive_at`, `retry_at`. Nothing is decrypted for it. `options_json`
/// may be NULL; its keys are `within` (seconds), `limit`, `after` (`subject` and `slot` of the last of the list before).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_due(
    client: *const ClientHandle,
    options_json: *const c_char,
    due_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let operation = |client: &ClientHandle| {
        // SAFETY: passed on from the caller.
        let options = unsafe { options(options_json, "options_json")? };
        let core = client.core();
        Ok(async move { core.due(options).await })
    };
    // SAFETY: passed on from the caller.
    unsafe { ask(client, due_json, error, operation) }
}

/// Renews the grants that are due, each once however many processes do this at the same time. `options_json` may be NULL;
/// its keys are `within` (seconds), `concurrency`, `limit`. `report_json` may be NULL; it gets an object with the numbers
/// `refreshed`, `renewed_elsewhere`, `in_back_off`, `skipped`, `revoked`, `cleared`, the lists `needs_consent` and `failed`, and
/// `stopped`, which is null or says why the rest was left for a later call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_refresh_due(
    client: *const ClientHandle,
    options_json: *const c_char,
    report_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let operation = |client: &ClientHandle| {
        // SAFETY: passed on from the caller.
        let options = unsafe { options(options_json, "options_json")? };
        let core = client.core();
        Ok(async move { core.refresh_due(options).await })
    };
    // SAFETY: passed on from the caller.
    unsafe { ask(client, report_json, error, operation) }
}

/// Gets every grant of this client in the store, as a JSON list of what `evergrant_client_inspect` gives.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_list(
    client: *const ClientHandle,
    list_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let operation = |client: &ClientHandle| {
        let core = client.core();
        Ok(async move { core.list().await })
    };
    // SAFETY: passed on from the caller.
    unsafe { ask(client, list_json, error, operation) }
}

/// For tests only: stops the client's clock at `*unix_ms` (Unix milliseconds), or gives it back the real time for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_testing_set_clock(
    client: *const ClientHandle,
    unix_ms: *const i64,
    error: *mut *mut ErrorHandle,
) -> Status {
    let body = || {
        // SAFETY: passed on from the caller; the time is NULL or readable.
        let (client, time) = unsafe { (handle(client, "client")?, unix_ms.as_ref()) };
        client.core().set_test_clock(time.copied());
        Ok(())
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, body) }
}
