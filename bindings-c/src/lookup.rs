//! What needs no client: a registration, who gives tokens for an API, and the address of the application itself.

use crate::border::{call, give, optional_text, options, place};
use crate::error::ErrorHandle;
use crate::results::TextHandle;
use crate::status::Status;
use evergrant::{Result, protected_resource, redirect_uri_of, register, wait};
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

/// Makes a redirect URI of the request that your application is answering. `request_json` has the keys `url` (absolute, as far as
/// your server knows it), `headers` (an object) and `trust_proxy` (whether `Forwarded` and `X-Forwarded-*` are believed: only behind a
/// proxy that sets or removes them all). `path` may be NULL, which is the request's own.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_redirect_uri_of(
    request_json: *const c_char,
    path: *const c_char,
    uri: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let body = || {
        // SAFETY: passed on from the caller.
        let (request, output) =
            unsafe { (options(request_json, "request_json")?, place(uri, "uri")?) };
        // SAFETY: passed on from the caller.
        let path = unsafe { optional_text(path, "path") }?;
        give(output, TextHandle::new(&redirect_uri_of(&request, path)?));
        Ok(())
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, body) }
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
