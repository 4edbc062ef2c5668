use std::io::ErrorKind;
use std::time::{Duration, Instant};

use evergrant_sandbox::{CLIENT_ID, CLIENT_SECRET, Fault, FaultKind, Target};
use serde_json::{Value, json};

use crate::client::{Provider, Tokens, encoded};

impl Provider {
    fn fault(&self, fault: &Value) {
        let response = self.control("POST", "faults", fault);
        assert_eq!(response.status, 200, "{}", response.text());
    }
}

#[test]
fn drop_before_closes_without_effect() {
    let provider = Provider::start();
    let tokens = provider.login("bob");
    provider.fault(&json!({ "on": "token", "kind": "drop_before" }));
    let form = format!("grant_type=refresh_token&refresh_token={}", tokens.refresh);
    let lost = provider.try_send("POST", "/oauth2/token", &[], form.as_bytes());
    let kind = lost.err().expect("no answer").kind();
    assert!(matches!(kind, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset), "{kind}");
    assert_eq!(provider.0.grants()[0].generation, 1);
    let entry = provider.0.journal().pop().unwrap();
    assert_eq!((entry.status, entry.fault), (None, Some(FaultKind::DropBefore)));
    Tokens::of(&provider.refresh(&tokens.refresh));
}

#[test]
fn drop_after_closes_with_effect() {
    let provider = Provider::start();
    let tokens = provider.login("bob");
    provider.0.add_fault(Fault::new(Target::Api, FaultKind::DropAfter)).unwrap();
    let bearer = format!("Bearer {}", tokens.access);
    let lost = provider.try_send("GET", "/api/me", &[("Authorization", &bearer)], b"");
    assert!(lost.is_err());
    let entry = provider.0.journal().pop().unwrap();
    assert_eq!((entry.status, entry.user.as_deref()), (None, Some("bob")));
}

#[test]
fn a_rotation_whose_answer_was_dropped_has_happened() {
    let provider = Provider::start();
    let tokens = provider.login("bob");
    provider.fault(&json!({ "on": "token", "kind": "drop_after" }));
    let form = encoded(&[
        ("client_id", CLIENT_ID),
        ("client_secret", CLIENT_SECRET),
        ("grant_type", "refresh_token"),
        ("refresh_token", &tokens.refresh),
    ]);
    let form_type = ("Content-Type", "application/x-www-form-urlencoded");
    assert!(provider.try_send("POST", "/oauth2/token", &[form_type], form.as_bytes()).is_err());
    assert_eq!(provider.0.grants()[0].generation, 2);
    assert_eq!(provider.refresh(&tokens.refresh).status, 400);
}

#[test]
fn status_answers_in_place_of_the_endpoint() {
    let provider = Provider::start();
    let tokens = provider.login("bob");
    provider.fault(&json!({
        "on": "token", "kind": "status", "status": 429, "headers": { "Retry-After": "7" },
        "body": "{}", "content_type": "application/json",
    }));
    let response = provider.refresh(&tokens.refresh);
    assert_eq!((response.status, response.header("retry-after")), (429, "7"));
    assert_eq!(response.header("content-type"), "application/json");
    assert_eq!(response.text(), "{}");
    Tokens::of(&provider.refresh(&tokens.refresh));
}

#[test]
fn status_after_the_effect_loses_the_rotation() {
    let provider = Provider::start();
    let tokens = provider.login("bob");
    provider.fault(&json!({ "on": "token", "kind": "status", "after": true }));
    assert_eq!(provider.refresh(&tokens.refresh).status, 503);
    assert_eq!(provider.0.grants()[0].generation, 2);
}

#[test]
fn truncate_announces_more_than_it_sends() {
    let provider = Provider::start();
    let access = provider.login("bob").access;
    provider.fault(&json!({ "on": "api", "kind": "truncate" }));
    let response = provider.call(&access, "/api/bytes/1000");
    assert_eq!((response.status, response.complete), (200, false));
    assert_eq!(response.header("content-length"), "1000");
    assert_eq!(response.body.len(), 500);
}

#[test]
fn content_type_keeps_the_real_body() {
    let provider = Provider::start();
    let tokens = provider.login("bob");
    provider.fault(&json!({ "on": "token", "kind": "content_type" }));
    provider.fault(&json!({ "on": "token", "kind": "content_type", "content_type": "x/y" }));
    let response = provider.refresh(&tokens.refresh);
    assert_eq!(response.header("content-type"), "text/html");
    let response = provider.refresh(&Tokens::of(&response).refresh);
    assert_eq!(response.header("content-type"), "x/y");
    Tokens::of(&response);
}

#[test]
fn body_stands_in_for_the_real_one() {
    let provider = Provider::start();
    let tokens = provider.login("bob");
    let html = "<html>busy</html>";
    provider.fault(&json!({ "on": "any", "kind": "body", "body": html }));
    let response = provider.refresh(&tokens.refresh);
    assert_eq!((response.status, response.text()), (200, html));
    assert_eq!(provider.0.grants()[0].generation, 1);
    provider.fault(&json!({ "on": "any", "kind": "body", "body": html, "after": true }));
    assert_eq!(provider.refresh(&tokens.refresh).text(), html);
    assert_eq!(provider.0.grants()[0].generation, 2);
}

#[test]
fn delay_answers_late_before_or_after_the_effect() {
    let provider = Provider::start();
    let mut tokens = provider.login("bob");
    for after in [false, true] {
        let fault = json!({ "on": "token", "kind": "delay", "milliseconds": 60, "after": after });
        provider.fault(&fault);
        let start = Instant::now();
        tokens = Tokens::of(&provider.refresh(&tokens.refresh));
        assert!(start.elapsed() >= Duration::from_millis(60));
    }
}

#[test]
fn while_one_request_is_delayed_others_are_answered() {
    let provider = Provider::start();
    let tokens = provider.login("bob");
    provider.fault(&json!({ "on": "token", "kind": "delay", "milliseconds": 1000 }));
    std::thread::scope(|scope| {
        let late = scope.spawn(|| provider.refresh(&tokens.refresh));
        while provider.0.journal().last().unwrap().fault.is_none() {
            std::thread::yield_now();
        }
        assert_eq!(provider.call(&tokens.access, "/api/me").status, 200);
        assert!(!late.is_finished());
        let waiting = provider.0.journal().into_iter().find(|entry| entry.fault.is_some());
        assert_eq!(waiting.unwrap().status, None);
        assert_eq!(late.join().unwrap().status, 200);
    });
}

#[test]
fn skip_and_times_count_requests() {
    let provider = Provider::start();
    let access = provider.login("bob").access;
    provider.fault(&json!({ "on": "api", "kind": "status", "skip": 1, "times": 2 }));
    let statuses: Vec<_> = (0..5).map(|_| provider.call(&access, "/api/me").status).collect();
    assert_eq!(statuses, [200, 503, 503, 200, 200]);
}

#[test]
fn zero_times_is_until_cleared() {
    let provider = Provider::start();
    let access = provider.login("bob").access;
    provider.fault(&json!({ "on": "api", "kind": "status", "times": 0 }));
    for _ in 0..3 {
        assert_eq!(provider.call(&access, "/api/me").status, 503);
    }
    assert_eq!(provider.control("DELETE", "faults", &Value::Null).json()["cleared"], 1);
    assert_eq!(provider.call(&access, "/api/me").status, 200);
}

#[test]
fn faults_come_in_their_order_and_only_where_they_belong() {
    let provider = Provider::start();
    let tokens = provider.login("bob");
    provider.fault(&json!({ "on": "token", "kind": "status", "status": 500 }));
    provider.fault(&json!({ "on": "any", "kind": "status", "status": 502 }));
    assert_eq!(provider.refresh(&tokens.refresh).status, 500);
    assert_eq!(provider.call(&tokens.access, "/api/me").status, 502);
    for (on, target) in [
        ("authorize", "/oauth2/authorize"),
        ("authorize", "/oauth1/authorize"),
        ("revoke", "/oauth2/revoke"),
        ("introspect", "/oauth2/introspect"),
        ("keys", "/oauth2/keys"),
        ("userinfo", "/oauth2/userinfo"),
        ("discovery", "/.well-known/openid-configuration"),
        ("request_token", "/oauth1/request_token"),
        ("access_token", "/oauth1/access_token"),
    ] {
        provider.fault(&json!({ "on": on, "kind": "status", "status": 599 }));
        assert_ne!(provider.get("/api/me").status, 599);
        assert_eq!(provider.get(target).status, 599, "{on}");
    }
}

#[test]
fn a_fault_that_cannot_be_is_refused() {
    let provider = Provider::start();
    for fault in [
        json!({ "on": "token", "kind": "delay" }),
        json!({ "on": "token", "kind": "body" }),
        json!({ "on": "token", "kind": "status", "status": 99 }),
        json!({ "on": "token", "kind": "explode" }),
        json!({ "on": "moon", "kind": "status" }),
        json!({ "on": "token", "kind": "status", "stauts": 500 }),
        json!({ "on": "token", "kind": "status", "headers": { "a b": "c" } }),
    ] {
        let response = provider.control("POST", "faults", &fault);
        assert_eq!(response.status, 400, "{fault}");
    }
    assert_eq!(provider.control("GET", "faults", &Value::Null).json(), json!([]));
}
