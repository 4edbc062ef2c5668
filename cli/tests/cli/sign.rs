//! A request that is signed here and sent by something else.

use crate::support::Scene;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;

/// Sends a GET as any HTTP client does, and gives the answer.
fn get(scene: &Scene, path: &str, authorization: &str) -> String {
    let host = scene.sandbox.base_url().strip_prefix("http://").unwrap().to_owned();
    let mut stream = TcpStream::connect(&host).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close");
    let request = format!("{head}\r\nauthorization: {authorization}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn any_http_client_can_send_what_was_signed() {
    let scene = Scene::new();
    scene.log_in("one", "alice");
    let grant: Value = serde_json::from_str(&scene.output(&["export", "one", "alice"])).unwrap();
    let access = &grant["tokens"]["access"][0];
    std::fs::write(scene.path("secret"), access["secret"].as_str().unwrap()).unwrap();
    let secret = format!("--token-secret=@{}", scene.path("secret").display());
    let sign = |url: &str| {
        let token = access["token"].as_str().unwrap();
        scene.output(&["sign", "one", "GET", url, "--token", token, &secret])
    };
    let authorization = sign(&scene.url("/api/me?a=b"));
    let answer = get(&scene, "/api/me?a=b", authorization.trim());
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("alice"), "{answer}");
    let answer = get(&scene, "/api/me?a=c", sign(&scene.url("/api/me?a=b")).trim());
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
}

#[test]
fn signing_opens_no_store_and_says_what_it_signed() {
    let scene = Scene::new();
    let request = ["sign", "one", "POST", "https://api.example/x", "-F", "b=2 3", "-q", "a=1"];
    let two_legged = ["--parameter", "xoauth_requestor_id=alice@example.com"];
    let arguments = [&request[..], &two_legged].concat();
    let base_string = scene.output(&[&arguments[..], &["--base-string"]].concat());
    assert!(base_string.starts_with(
        "POST&https%3A%2F%2Fapi.example%2Fx&a%3D1%26b%3D2%25203%26oauth_consumer_key%3D"
    ));
    assert!(base_string.trim().ends_with("%26xoauth_requestor_id%3Dalice%2540example.com"));
    let signed = scene.json(&arguments);
    assert_eq!(signed["url"], "https://api.example/x?a=1");
    assert!(signed["authorization"].as_str().unwrap().starts_with("OAuth oauth_consumer_key="));
    assert!(!scene.path("tokens.db").exists());

    let refused = scene.run(&["sign", "two", "GET", "https://api.example/"]);
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("OAuth 1.0a"), "{}", refused.stderr);
}
