//! A store written in JavaScript, held to its promises.

use crate::border::{Leaving, json, promise};
use crate::store::{JavaScriptStore, StoreFunction};
use evergrant::{ApplicationStore, StoreCheck, options_from_json_camel};
use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use std::sync::Arc;

/// Gives the report; `beside` is a second object over the same data.
#[napi]
pub fn check_store<'env>(
    env: &'env Env,
    leaving: Option<&Leaving>,
    options: String,
    store: StoreFunction,
    methods: Vec<String>,
    beside: Option<StoreFunction>,
    methods_beside: Vec<String>,
) -> napi::Result<Object<'env>> {
    let crossed = |store, methods| {
        ApplicationStore::AnyThread(Arc::new(JavaScriptStore::new(store, methods)))
    };
    let store = crossed(store, methods);
    let beside = beside.map(|beside| crossed(beside, methods_beside));
    promise(env, leaving, async move {
        let check = StoreCheck::new(store, beside, &options_from_json_camel(&options)?)?;
        check.run().await.map(|report| json(&report))
    })
}
