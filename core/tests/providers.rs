//! What a provider's entry asks for and no conformance case can see.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use evergrant::{BeginOptions, Client, FinishOptions, wait};
use evergrant_sandbox::Choice;
use serde_json::json;
use std::time::Duration;
use support::{oauth2, sandbox};

#[test]
fn a_parameter_of_the_callback_that_api_calls_need_is_kept_with_the_grant_and_no_other() {
    let sandbox = sandbox(Duration::from_secs(3600));
    let base = sandbox.base_url();
    let provider = json!({
        "name": "sandbox",
        "authorization_endpoint": format!("{base}/oauth2/authorize"),
        "token_endpoint": format!("{base}/oauth2/token"),
        "callback_parameters": ["realmId"],
    });
    let client =
        Client::open(oauth2(&sandbox, "memory:", &json!({ "provider": provider }))).unwrap();
    let start = wait(client.begin("alice", BeginOptions::default())).unwrap();
    let callback = sandbox.consent(&start.url, "alice", Choice::Allow).unwrap();
    let callback = format!("{callback}&realmId=4620816365&other=1");
    wait(client.finish(&callback, FinishOptions::default())).unwrap();
    let exported = wait(client.grant("alice").export()).unwrap();
    let exported = exported.expose();
    assert!(exported.contains("realmId") && exported.contains("4620816365"));
    assert!(!exported.contains("other"));
}
