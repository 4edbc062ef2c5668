use std::time::Duration;

use evergrant_sandbox::{CLIENT_ID, CLIENT_SECRET, Choice, PUBLIC_CLIENT_ID};
use serde_json::{Value, json};

use crate::client::{Provider, Response, Tokens, basic};

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const INTERVAL: Duration = Duration::from_secs(5);

fn begun(provider: &Provider) -> Value {
    let headers = [("Authorization", &*basic(CLIENT_ID, CLIENT_SECRET))];
    let response = provider.post("/oauth2/device_authorization", &headers, &[("scope", "a b")]);
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()
}

fn poll(provider: &Provider, begun: &Value) -> Response {
    let code = begun["device_code"].as_str().unwrap();
    provider.token(&[("grant_type", GRANT_TYPE), ("device_code", code)])
}

fn error(response: &Response) -> (u16, String) {
    (response.status, response.json()["error"].as_str().unwrap().to_owned())
}

fn refused(word: &str) -> (u16, String) {
    (400, word.to_owned())
}

#[test]
fn a_device_gets_its_tokens_once_when_the_user_has_typed_the_code() {
    let provider = Provider::start();
    let begun = begun(&provider);
    assert_eq!((&begun["interval"], &begun["expires_in"]), (&json!(5), &json!(600)));
    assert_eq!(error(&poll(&provider, &begun)), refused("authorization_pending"));

    let typed = begun["user_code"].as_str().unwrap().to_lowercase().replace('-', " ");
    let form = [("user_code", &*typed), ("user", "bob"), ("decision", "allow")];
    assert_eq!(provider.post("/oauth2/device", &[], &form).status, 200);
    assert_eq!(provider.post("/oauth2/device", &[], &form).status, 400, "one user answers");

    provider.0.advance_clock(INTERVAL);
    let tokens = Tokens::of(&poll(&provider, &begun));
    assert_eq!(provider.call(&tokens.access, "/api/me").json()["user"], "bob");
    assert_eq!(provider.refresh(&tokens.refresh).json()["scope"], "a b");
    assert_eq!(error(&poll(&provider, &begun)), refused("invalid_grant"));
    let last = provider.0.journal().pop().unwrap();
    assert!(last.reuse);
    assert!(last.form.contains(&("device_code".to_owned(), "device#1".to_owned())), "{last:?}");
}

#[test]
fn who_polls_too_soon_is_told_to_slow_down_and_has_to_from_then_on() {
    let provider = Provider::start();
    let begun = begun(&provider);
    assert_eq!(error(&poll(&provider, &begun)), refused("authorization_pending"));
    assert_eq!(error(&poll(&provider, &begun)), refused("slow_down"));
    provider.0.advance_clock(INTERVAL);
    assert_eq!(error(&poll(&provider, &begun)), refused("slow_down"));
    provider.0.advance_clock(3 * INTERVAL);
    assert_eq!(error(&poll(&provider, &begun)), refused("authorization_pending"));
}

#[test]
fn a_denial_and_the_end_of_the_codes_are_told() {
    let provider = Provider::start();
    let denied = begun(&provider);
    let order = json!({"user_code": denied["user_code"], "decision": "deny"});
    assert_eq!(provider.control("POST", "device", &order).status, 200);
    assert_eq!(error(&poll(&provider, &denied)), refused("access_denied"));

    let late = begun(&provider);
    provider.0.advance_clock(Duration::from_secs(600));
    assert_eq!(error(&poll(&provider, &late)), refused("expired_token"));
    let code = late["user_code"].as_str().unwrap();
    assert!(provider.0.decide_device(code, "bob", Choice::Allow).is_err());
}

#[test]
fn a_device_code_is_of_the_client_that_asked_for_it() {
    let provider = Provider::start();
    let begun = begun(&provider);
    let code = begun["device_code"].as_str().unwrap();
    let form = [("grant_type", GRANT_TYPE), ("device_code", code), ("client_id", PUBLIC_CLIENT_ID)];
    assert_eq!(error(&provider.post("/oauth2/token", &[], &form)), refused("invalid_grant"));
    let unknown = [("client_id", "nobody")];
    let response = provider.post("/oauth2/device_authorization", &[], &unknown);
    assert_eq!(error(&response), (401, "invalid_client".to_owned()));
}

#[test]
fn the_page_asks_for_the_code_and_then_for_consent() {
    let provider = Provider::start();
    let begun = begun(&provider);
    assert!(provider.get("/oauth2/device").text().contains("name=\"user_code\""));
    let complete = begun["verification_uri_complete"].as_str().unwrap();
    let target = complete.strip_prefix(provider.0.base_url()).unwrap();
    assert!(provider.get(target).text().contains("decision"));
    assert_eq!(provider.get("/oauth2/device?user_code=nothing").status, 400);
}
