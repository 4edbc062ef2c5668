use std::time::{Duration, Instant};

use evergrant_sandbox::Options;
use serde_json::json;

use crate::client::{Provider, Tokens};

#[test]
fn a_call_without_a_good_token_is_told_so() {
    let provider = Provider::start();
    let none = provider.get("/api/me");
    assert_eq!(none.status, 401);
    assert!(none.header("www-authenticate").starts_with("Bearer realm="));
    assert!(!none.header("www-authenticate").contains("error"));
    let bad = provider.call("sbx.at.unknown", "/api/me");
    assert_eq!(bad.status, 401);
    assert!(bad.header("www-authenticate").contains(r#"error="invalid_token""#));
}

#[test]
fn a_token_expires_on_the_sandbox_clock() {
    let provider = Provider::with(Options {
        access_token_lifetime: Duration::from_millis(3500),
        ..Options::default()
    });
    let response = provider.exchange(&provider.code("sandbox-client", "bob", ""));
    assert_eq!(response.json()["expires_in"], 3);
    let access = Tokens::of(&response).access;
    provider.0.set_clock(provider.0.now() + Duration::from_secs(2));
    assert_eq!(provider.call(&access, "/api/me").status, 200);
    provider.0.advance_clock(Duration::from_millis(1500));
    assert_eq!(provider.call(&access, "/api/me").status, 401);
    provider.0.reset_clock();
    assert_eq!(provider.call(&access, "/api/me").status, 200);
}

#[test]
fn the_echo_is_the_request_without_its_credentials() {
    let provider = Provider::start();
    let bearer = format!("Bearer {}", provider.login("bob").access);
    let headers = [
        ("Authorization", &*bearer),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("X-Twice", "1"),
        ("X-Twice", "2"),
    ];
    let body = "a=1&a=%C3%BC&b+c=&d";
    let json =
        provider.send("PATCH", "/api/echo/a%20b?x=%26&x=+&y", &headers, body.as_bytes()).json();
    assert_eq!(json["method"], "PATCH");
    assert_eq!(json["path"], "/api/echo/a%20b");
    assert_eq!(json["query"], json!([["x", "&"], ["x", " "], ["y", ""]]));
    assert_eq!(json["form"], json!([["a", "1"], ["a", "ü"], ["b c", ""], ["d", ""]]));
    assert_eq!(json["headers"]["x-twice"], "1, 2");
    assert_eq!(json["headers"]["authorization"], "Bearer [redacted]");
    assert_eq!(json["size"], body.len());
    assert_eq!(json["body_base64"], "YT0xJmE9JUMzJUJDJmIrYz0mZA==");
    assert!(json["json"].is_null());
}

#[test]
fn the_echo_reads_json() {
    let provider = Provider::start();
    let bearer = format!("Bearer {}", provider.login("bob").access);
    let headers = [("Authorization", &*bearer), ("Content-Type", "application/json")];
    let json = provider.send("PUT", "/api/echo", &headers, br#"{"a":[1]}"#).json();
    assert_eq!(json["json"], json!({ "a": [1] }));
    assert_eq!(json["form"], json!([]));
}

#[test]
fn a_head_request_gets_the_head_alone() {
    let provider = Provider::start();
    let bearer = format!("Bearer {}", provider.login("bob").access);
    let response = provider.send("HEAD", "/api/me", &[("Authorization", &bearer)], b"");
    assert_eq!(response.status, 200);
    assert_ne!(response.header("content-length"), "0");
}

#[test]
fn each_status_can_be_had() {
    let provider = Provider::start();
    let access = provider.login("bob").access;
    for status in [200, 201, 204, 304, 400, 404, 429, 500, 503] {
        assert_eq!(provider.call(&access, &format!("/api/status/{status}")).status, status);
    }
    let unauthorized = provider.call(&access, "/api/status/401");
    assert!(unauthorized.header("www-authenticate").contains("invalid_token"));
    for wrong in ["100", "600", "x", ""] {
        assert_eq!(provider.call(&access, &format!("/api/status/{wrong}")).status, 400);
    }
}

#[test]
fn bytes_come_as_many_as_asked() {
    let provider = Provider::start();
    let access = provider.login("bob").access;
    for count in [0, 1, 251, 1_000_000] {
        let response = provider.call(&access, &format!("/api/bytes/{count}"));
        assert_eq!(response.header("content-type"), "application/octet-stream");
        assert_eq!(response.body.len(), count);
    }
    assert_eq!(provider.call(&access, "/api/bytes/-1").status, 400);
}

#[test]
fn a_redirect_goes_where_it_was_told() {
    let provider = Provider::start();
    let access = provider.login("bob").access;
    let plain = provider.call(&access, "/api/redirect?to=http%3A%2F%2Flocalhost%3A1%2Fx");
    assert_eq!((plain.status, plain.header("location")), (302, "http://localhost:1/x"));
    let other = provider.call(&access, "/api/redirect?to=/api/me&status=307");
    assert_eq!((other.status, other.header("location")), (307, "/api/me"));
    assert_eq!(provider.call(&access, "/api/redirect?to=/&status=200").status, 400);
    assert_eq!(provider.call(&access, "/api/redirect?to=a%0Ab").status, 500);
}

#[test]
fn a_slow_answer_takes_its_time() {
    let provider = Provider::start();
    let access = provider.login("bob").access;
    let start = Instant::now();
    assert_eq!(provider.call(&access, "/api/slow?ms=60").status, 200);
    assert!(start.elapsed() >= Duration::from_millis(60));
}

#[test]
fn the_scope_is_never_enough_for_one_place() {
    let provider = Provider::start();
    let response = provider.call(&provider.login("bob").access, "/api/scope");
    assert_eq!(response.status, 403);
    assert!(response.header("www-authenticate").contains(r#"error="insufficient_scope""#));
}

#[test]
fn what_is_not_there_is_not_found() {
    let provider = Provider::start();
    assert_eq!(provider.get("/nowhere").status, 404);
    assert_eq!(provider.call(&provider.login("bob").access, "/api/nowhere").status, 404);
}
