//! What can be asked before there is a client.

use crate::border::{call, give, options, place};
use crate::error::ErrorHandle;
use crate::results::TextHandle;
use crate::status::Status;
use evergrant::{Result, protected_resource, register, wait};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ffi::c_char;
use std::future::Future;

/// Registers a client at an issuer (RFC 7591), anew with each call. `options_json` has the keys `issuer`, `metadata` (what the client
/// says about itself), `software_statement`, `initial_access_token`, `allow_private_addresses`, `timeout`. `registered_json` gets an
/// object with `config` (keys of a configuration, with the secret), `client_secret_expires_at`, `registration_access_token`,
/// `registration_client_uri` and `metadata`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_register(
    options_json: *const c_char,
    registered_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    // SAFETY: passed on from the caller.
    unsafe { look_up(options_json, registered_json, error, register) }
}

/// Asks what an API says about itself and who gives tokens for it (RFC 9728). `options_json` has the keys `url`, `challenge` (values of
/// `WWW-Authenticate`, a line each), `allow_private_addresses`, `timeout`. `resource_json` gets an object with `resource`,
/// `authorization_servers`, `scopes_supported` and so on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_protected_resource(
    options_json: *const c_char,
    resource_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    // SAFETY: passed on from the caller.
    unsafe { look_up(options_json, resource_json, error, protected_resource) }
}

unsafe fn look_up<O, T, F>(
    options_json: *const c_char,
    json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
    operation: impl FnOnce(O) -> F,
) -> Status
where
    O: DeserializeOwned + Default,
    T: Serialize + Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let body = || {
        // SAFETY: passed on from the caller.
        let (options, output) =
            unsafe { (options(options_json, "options_json")?, place(json, "result")?) };
        give(output, TextHandle::of_json(&wait(operation(options))?));
        Ok(())
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, body) }
}
