//! A token store written in JavaScript: its methods are called on the thread of the client that it was given to.

use evergrant::{ForeignStore, Method, StoreCall, StoreReply};
use napi::Status;
use napi::bindgen_prelude::{FnArgs, Promise};
use napi::threadsafe_function::ThreadsafeFunction;
use napi_derive::napi;
use serde::Deserialize;
use serde_json::Value;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

type Arguments = FnArgs<(String, String)>;

/// `(method, arguments as JSON) -> promise of the reply as JSON`; weak, so that a store never keeps the process alive.
pub(crate) type StoreFunction =
    ThreadsafeFunction<Arguments, Promise<String>, Arguments, Status, false, true>;

/// The names of the methods that a store may have, in `snake_case`; `lib/store.js` has the camelCase.
#[napi]
#[must_use]
pub fn store_methods() -> Vec<String> {
    Method::ALL.iter().map(|method| method.name().to_owned()).collect()
}

/// The application's store.
pub(crate) struct JavaScriptStore {
    function: Arc<StoreFunction>,
    methods: Vec<String>,
}

impl JavaScriptStore {
    pub(crate) fn new(function: StoreFunction, methods: Vec<String>) -> Self {
        JavaScriptStore { function: Arc::new(function), methods }
    }
}

/// What `lib/store.js` makes of a reply or of what was thrown.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Outcome {
    Reply(Value),
    Thrown(String),
}

impl ForeignStore for JavaScriptStore {
    fn has(&self, method: Method) -> bool {
        self.methods.iter().any(|name| name == method.name())
    }

    fn call(&self, call: StoreCall) -> Pin<Box<dyn Future<Output = StoreReply> + Send>> {
        let function = Arc::clone(&self.function);
        Box::pin(async move {
            let arguments =
                (call.method.name().to_owned(), Value::Array(call.arguments).to_string()).into();
            let text = match function.call_async_catch(arguments).await {
                Ok(reply) => reply.await,
                Err(error) => Err(error),
            };
            match serde_json::from_str(&text.map_err(|error| error.reason)?) {
                Ok(Outcome::Reply(value)) => Ok(value),
                Ok(Outcome::Thrown(text)) => Err(text),
                Err(error) => Err(error.to_string()),
            }
        })
    }
}
