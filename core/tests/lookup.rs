//! What is asked before there is a client: who gives tokens for an API (RFC 9728), and a registration (RFC 7591).

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use evergrant::{
    Client, Code, Config, RegisterOptions, ResourceOptions, options_from_json, protected_resource,
    register, wait,
};
use evergrant_sandbox::{Fault, FaultKind, Sandbox, Target};
use serde_json::{Value, json};
use std::time::Duration;

/// A sandbox that answers every request to one place with these.
fn answering(on: Target, status: u16, body: &Value) -> Sandbox {
    let sandbox = support::sandbox(Duration::from_secs(3600));
    answer(&sandbox, on, status, body);
    sandbox
}

fn answer(sandbox: &Sandbox, on: Target, status: u16, body: &Value) {
    let fault = Fault {
        status: Some(status),
        body: Some(body.to_string()),
        content_type: Some("application/json".to_owned()),
        times: 0,
        ..Fault::new(on, FaultKind::Status)
    };
    sandbox.add_fault(fault).unwrap();
}

fn resource(options: &Value) -> evergrant::Result<evergrant::oauth2::ProtectedResource> {
    let options: ResourceOptions = options_from_json(&options.to_string())?;
    wait(protected_resource(options))
}

#[test]
fn an_api_says_who_gives_tokens_for_it_at_the_well_known_place_or_where_its_challenge_says() {
    let sandbox = support::sandbox(Duration::from_secs(3600));
    let base = sandbox.base_url();
    let document = json!({"resource": format!("{base}/api"), "authorization_servers": [base]});
    answer(&sandbox, Target::Any, 200, &document);
    let read = resource(&json!({"url": format!("{base}/api")})).unwrap();
    assert_eq!(read.authorization_servers, [base]);
    assert_eq!(sandbox.journal().pop().unwrap().path, "/.well-known/oauth-protected-resource/api");

    let challenge = format!("Basic realm=x\nBearer resource_metadata=\"{base}/elsewhere\"");
    let options = json!({"url": format!("{base}/api/me"), "challenge": challenge});
    assert_eq!(resource(&options).unwrap(), read);
    assert_eq!(sandbox.journal().pop().unwrap().path, "/elsewhere");

    let error = resource(&json!({"url": format!("{base}/other")})).unwrap_err();
    assert_eq!(error.code(), Code::InvalidResponse);
}

#[test]
fn security_20_metadata_of_a_resource_is_not_fetched_from_private_networks_or_this_machine() {
    let refused =
        |options: Value| assert_eq!(resource(&options).unwrap_err().code(), Code::InsecureUrl);
    refused(json!({"url": "https://10.0.0.1/api"}));
    refused(json!({"url": "http://api.example/"}));
    for place in [
        "https://10.0.0.1/x",
        "http://127.0.0.1:1/x",
        "https://127.0.0.1/x",
        "http://api.example/x",
    ] {
        let challenge = format!("Bearer resource_metadata=\"{place}\"");
        refused(json!({"url": "https://api.example/", "challenge": challenge}));
    }
}

/// Metadata of this issuer with a registration endpoint.
fn with_registration(sandbox: &Sandbox, endpoint: &str) {
    let base = sandbox.base_url();
    let document = json!({"issuer": base, "registration_endpoint": endpoint});
    answer(sandbox, Target::Discovery, 200, &document);
}

fn registered(options: &Value) -> evergrant::Result<evergrant::Registered> {
    let options: RegisterOptions = options_from_json(&options.to_string())?;
    wait(register(options))
}

#[test]
fn a_registration_gives_a_configuration() {
    let sandbox = support::sandbox(Duration::from_secs(3600));
    let base = sandbox.base_url();
    with_registration(&sandbox, &format!("{base}/register"));
    let body = json!({
        "client_id": "s6BhdRkqt3",
        "client_secret": "cf136dc3c1fc93f31185e5885805d",
        "client_secret_expires_at": 2_893_276_800_i64,
        "redirect_uris": ["http://127.0.0.1/callback"],
        "scope": "read write",
        "token_endpoint_auth_method": "client_secret_post",
        "registration_access_token": "rat",
        "registration_client_uri": format!("{base}/register/s6BhdRkqt3"),
    });
    answer(&sandbox, Target::Any, 201, &body);
    let options = json!({
        "issuer": base,
        "metadata": {"client_name": "x", "redirect_uris": ["http://127.0.0.1/callback"]},
        "software_statement": "e30.e30.x",
        "initial_access_token": "iat",
    });
    let registered = registered(&options).unwrap();
    assert_eq!(registered.client_secret_expires_at, Some(2_893_276_800_000));
    let asked = sandbox.journal().pop().unwrap();
    assert_eq!((&*asked.path, asked.authorization.as_deref()), ("/register", Some("Bearer")));
    let mut config = serde_json::to_value(&registered.config).unwrap();
    assert_eq!(config["client_authentication"], "client_secret_post");
    assert_eq!(config["scope"], json!(["read", "write"]));
    config["store"] = json!("memory:");
    Client::open(Config::from_json(&config.to_string()).unwrap()).unwrap();
    let shown = format!("{registered:?} {:?}", registered.metadata);
    assert!(!shown.contains("cf136") && !shown.contains("\"rat\""), "{shown}");
}

#[test]
fn a_registration_that_fails_says_why_and_shows_no_token() {
    let refused = |status, body: Value| {
        let sandbox = support::sandbox(Duration::from_secs(3600));
        with_registration(&sandbox, &format!("{}/register", sandbox.base_url()));
        answer(&sandbox, Target::Any, status, &body);
        registered(&json!({"issuer": sandbox.base_url(), "initial_access_token": "canary"}))
            .unwrap_err()
    };
    let error =
        refused(400, json!({"error": "invalid_redirect_uri", "error_description": "not canary"}));
    assert_eq!(
        (error.code(), error.server_error()),
        (Code::ProviderError, Some("invalid_redirect_uri"))
    );
    assert!(!error.to_json().to_string().contains("canary"), "{error}");
    assert_eq!(refused(201, json!({})).code(), Code::InvalidResponse);

    let without = answering(Target::Discovery, 200, &json!({}));
    let document = json!({"issuer": without.base_url()});
    without.clear_faults();
    answer(&without, Target::Discovery, 200, &document);
    let error = registered(&json!({"issuer": without.base_url()})).unwrap_err();
    assert_eq!(error.code(), Code::Unsupported);
}

#[test]
fn security_20_a_registration_goes_into_no_private_network() {
    let sandbox = support::sandbox(Duration::from_secs(3600));
    with_registration(&sandbox, "https://10.0.0.1/register");
    let error = registered(&json!({"issuer": sandbox.base_url()})).unwrap_err();
    assert_eq!(error.code(), Code::InsecureUrl);
    assert_eq!(
        registered(&json!({"issuer": "https://10.0.0.1"})).unwrap_err().code(),
        Code::InsecureUrl
    );
}
