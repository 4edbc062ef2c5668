//! What stands between JavaScript and the core: promises, callers who leave, errors, and panics, which stop here.

use evergrant::{Code, Error, Result};
use napi::bindgen_prelude::{Object, ToNapiValue};
use napi::{Env, Status};
use napi_derive::napi;
use serde::Serialize;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::Notify;

/// Lets the caller of one operation leave it before it ends (`AbortSignal`).
#[napi]
#[derive(Default)]
pub struct Leaving(Arc<Notify>);

#[napi]
impl Leaving {
    /// Nobody has left yet.
    #[napi(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Leaving::default()
    }

    /// The caller leaves; what must go on in the library goes on.
    #[napi]
    pub fn leave(&self) {
        self.0.notify_one();
    }
}

/// Starts `operation` on the library's runtime and gives the promise of its result.
pub(crate) fn promise<'env, T: ToNapiValue + Send + 'static>(
    env: &'env Env,
    leaving: Option<&Leaving>,
    operation: impl Future<Output = Result<T>> + Send + 'static,
) -> napi::Result<Object<'env>> {
    let (deferred, promise) = env.create_deferred()?;
    let leaving = leaving.map(|leaving| Arc::clone(&leaving.0));
    evergrant::runtime().spawn(async move {
        let result = tokio::select! {
            result = guarded(operation) => result,
            left = left(leaving) => Err(left),
        };
        match result {
            Ok(value) => deferred.resolve(move |_| Ok(value)),
            Err(error) => deferred.reject(thrown(&error)),
        }
    });
    Ok(promise)
}

/// Ends when the caller leaves; never where he cannot.
async fn left(leaving: Option<Arc<Notify>>) -> Error {
    match leaving {
        Some(leaving) => leaving.notified().await,
        None => std::future::pending().await,
    }
    Error::new(Code::Cancelled, "the caller left")
}

/// The same future; a panic inside becomes the error `internal`.
async fn guarded<T>(operation: impl Future<Output = Result<T>>) -> Result<T> {
    let mut operation = pin!(operation);
    poll_fn(|context| {
        evergrant::guard(|| Ok(operation.as_mut().poll(context)))
            .unwrap_or_else(|error| std::task::Poll::Ready(Err(error)))
    })
    .await
}

/// Runs a synchronous operation; a panic inside becomes the error `internal`.
pub(crate) fn at_once<T>(operation: impl FnOnce() -> Result<T>) -> napi::Result<T> {
    evergrant::guard(operation).map_err(|error| thrown(&error))
}

/// The error as `EvergrantError` reads it: a JSON object with camelCase keys for a message.
fn thrown(error: &Error) -> napi::Error {
    napi::Error::new(Status::GenericFailure, evergrant::camel_json(error.to_json()).to_string())
}

/// A result of the core as JSON text with camelCase keys.
pub(crate) fn json(result: &impl Serialize) -> String {
    let value = serde_json::to_value(result).expect("a result is plain data");
    evergrant::camel_json(value).to_string()
}

/// What a provider said, as JSON text with its own keys.
pub(crate) fn as_it_came(result: &impl Serialize) -> String {
    serde_json::to_string(result).expect("a result is plain data")
}
