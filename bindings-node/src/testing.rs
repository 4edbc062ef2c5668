//! A provider to test against, and functions that fail and panic on purpose; only with the feature `testing`.

use crate::border::{Leaving, at_once, promise};
use evergrant::{Code, Error, Result};
use evergrant_sandbox::{Options, Sandbox};
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

/// A sandbox provider on a thread of this process.
#[napi(js_name = "_TestingSandbox")]
pub struct TestingSandbox(Sandbox);

#[napi]
impl TestingSandbox {
    /// Starts on a free loopback port.
    #[napi(constructor)]
    pub fn new() -> napi::Result<Self> {
        at_once(|| {
            Sandbox::start(Options::default())
                .map(TestingSandbox)
                .map_err(|error| Error::new(Code::Transport, error.to_string()))
        })
    }

    /// Where it listens.
    #[napi(getter)]
    #[must_use]
    pub fn base_url(&self) -> String {
        self.0.base_url().to_owned()
    }
}

/// Every code, in the order of its number.
#[napi(js_name = "_testingCodes")]
#[must_use]
pub fn codes() -> Vec<String> {
    Code::ALL.iter().map(|code| code.as_str().to_owned()).collect()
}

/// Fails with the code.
#[napi(js_name = "_testingFail")]
pub fn fail(code: String) -> napi::Result<()> {
    at_once(|| failure(&code))
}

/// Fails with the code, later.
#[napi(js_name = "_testingFailAsync")]
pub fn fail_async(env: &Env, code: String) -> napi::Result<Object<'_>> {
    promise(env, None, async move {
        tokio::task::yield_now().await;
        failure(&code)
    })
}

/// Panics.
#[napi(js_name = "_testingPanic")]
pub fn panic() -> napi::Result<()> {
    at_once(|| panic!("on purpose"))
}

/// Panics, later, on a thread of the library.
#[napi(js_name = "_testingPanicAsync")]
pub fn panic_async(env: &Env) -> napi::Result<Object<'_>> {
    promise(env, None, panicking())
}

async fn panicking() -> Result<()> {
    tokio::task::yield_now().await;
    panic!("on purpose")
}

/// Never ends unless the caller leaves.
#[napi(js_name = "_testingNever")]
pub fn never<'env>(env: &'env Env, leaving: Option<&Leaving>) -> napi::Result<Object<'env>> {
    promise(env, leaving, std::future::pending::<Result<()>>())
}

/// An error with every field set.
fn failure(code: &str) -> Result<()> {
    let code =
        Code::ALL.iter().find(|known| known.as_str() == code).expect("the tests name known codes");
    Err(Error::new(*code, "on purpose")
        .with_retry_at(Some(1_700_000_000_000))
        .with_reason("because")
        .with_grant("sandbox", "alice")
        .with_status(418)
        .with_server_error(Some("teapot".to_owned()), Some("short and stout".to_owned())))
}
