//! A signature for use with any HTTP client.

use crate::border::{call, give, optional_bytes, options, place, text};
use crate::error::ErrorHandle;
use crate::results::TextHandle;
use crate::status::Status;
use evergrant::{SignOptions, sign};
use std::ffi::c_char;

/// Signs one OAuth 1.0a request (RFC 5849 section 3.1) for use with any HTTP client; nothing is stored or sent. `options_json` has the
/// keys `client_id`, `client_secret`, `private_key`, `private_key_passphrase`, `signature_method`, `parameters_in`, `realm`, `token`,
/// `token_secret`, `query`, `form`, `parameters`, `nonce`, `timestamp`, `without_version`. `body` is one that `oauth_body_hash` is to
/// cover, or NULL. `signed_json` gets an object with `authorization` (the header's value, or null), `url`, `body` (or null),
/// `base_string`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_sign(
    method: *const c_char,
    url: *const c_char,
    options_json: *const c_char,
    body: *const u8,
    body_length: usize,
    signed_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let run = || {
        // SAFETY: passed on from the caller.
        let output = unsafe { place(signed_json, "signed_json") }?;
        // SAFETY: passed on from the caller.
        let (method, url) = unsafe { (text(method, "method")?, text(url, "url")?) };
        // SAFETY: passed on from the caller.
        let mut options: SignOptions = unsafe { options(options_json, "options_json") }?;
        // SAFETY: passed on from the caller.
        options.body = unsafe { optional_bytes(body, body_length) }.map(<[u8]>::to_vec);
        give(output, TextHandle::of_json(&sign(method, url, &options)?));
        Ok(())
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, run) }
}
