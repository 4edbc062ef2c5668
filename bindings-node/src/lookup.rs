//! What needs no client: a registration, who gives tokens for an API, and the address of the application itself.

use crate::border::{Leaving, at_once, json, promise};
use evergrant::options_from_json_camel;
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;

/// Registers a client at an issuer; the result holds its secret.
#[napi]
pub fn register<'env>(
    env: &'env Env,
    leaving: Option<&Leaving>,
    options: String,
) -> napi::Result<Object<'env>> {
    promise(env, leaving, async move {
        let registered = evergrant::register(options_from_json_camel(&options)?).await?;
        Ok(json(&registered))
    })
}

/// What an API says about itself.
#[napi]
pub fn protected_resource<'env>(
    env: &'env Env,
    leaving: Option<&Leaving>,
    options: String,
) -> napi::Result<Object<'env>> {
    promise(env, leaving, async move {
        let resource = evergrant::protected_resource(options_from_json_camel(&options)?).await?;
        Ok(json(&resource))
    })
}

/// A redirect URI of the request that the application is answering.
#[napi]
pub fn redirect_uri_of(request: String, path: Option<String>) -> napi::Result<String> {
    at_once(|| evergrant::redirect_uri_of(&options_from_json_camel(&request)?, path.as_deref()))
}
