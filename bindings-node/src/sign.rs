//! OAuth 1.0a signatures for use with any HTTP client.

use crate::border::{at_once, json};
use evergrant::{SignOptions, options_from_json_camel};
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;

/// Signs one request; no I/O.
#[napi]
pub fn sign(
    method: String,
    url: String,
    options: String,
    body: Option<Buffer>,
) -> napi::Result<String> {
    at_once(|| {
        let mut options: SignOptions = options_from_json_camel(&options)?;
        options.body = body.map(Vec::from);
        evergrant::sign(&method, &url, &options).map(|signed| json(&signed))
    })
}
