//! However many want one expired token, one token request is sent.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use evergrant::{Client, TokenOptions, wait};
use evergrant_sandbox::Sandbox;
use serde_json::json;
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::time::Duration;
use support::{Folder, consent, oauth2, refresh_requests, sandbox};

const LIFETIME: Duration = Duration::from_secs(3600);

/// Consent, then a clock at which the token is over.
fn expired_grant(folder: &Folder, sandbox: &Sandbox) {
    let client = Client::open(oauth2(sandbox, &folder.database(), &json!({}))).unwrap();
    wait(consent(&client, sandbox, "alice"));
    sandbox.advance_clock(LIFETIME + Duration::from_secs(1));
}

fn past_expiry() -> i64 {
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap() + LIFETIME;
    i64::try_from(now.as_millis()).unwrap() + 1000
}

#[test]
fn two_hundred_threads_share_one_refresh() {
    let (folder, sandbox) = (Folder::new(), sandbox(LIFETIME));
    expired_grant(&folder, &sandbox);
    let tokens = two_hundred_threads(&folder, &sandbox);
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(refresh_requests(&sandbox), 1);
}

#[test]
fn eight_processes_share_one_refresh() {
    let (folder, sandbox) = (Folder::new(), sandbox(LIFETIME));
    expired_grant(&folder, &sandbox);
    let tokens = tokens_of(eight_processes(&folder, &sandbox));
    assert!(tokens.iter().all(|token| *token == tokens[0]), "{tokens:?}");
    assert_eq!(refresh_requests(&sandbox), 1);
}

#[test]
fn two_hundred_threads_and_eight_processes_at_once_share_one_refresh() {
    let (folder, sandbox) = (Folder::new(), sandbox(LIFETIME));
    expired_grant(&folder, &sandbox);
    let processes = eight_processes(&folder, &sandbox);
    let mut tokens = two_hundred_threads(&folder, &sandbox);
    tokens.extend(tokens_of(processes));
    assert_eq!(tokens.len(), 208);
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(refresh_requests(&sandbox), 1);
}

fn two_hundred_threads(folder: &Folder, sandbox: &Sandbox) -> Vec<String> {
    let client = Client::open(oauth2(sandbox, &folder.database(), &json!({}))).unwrap();
    client.set_test_clock(Some(past_expiry()));
    let barrier = Barrier::new(200);
    std::thread::scope(|scope| {
        let ask = || {
            barrier.wait();
            let token = wait(client.grant("alice").access_token(TokenOptions::default())).unwrap();
            token.token.expose().to_owned()
        };
        let threads: Vec<_> = (0..200).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn eight_processes(folder: &Folder, sandbox: &Sandbox) -> Vec<Child> {
    let start = |_| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "one_of_eight_processes", "--ignored", "--nocapture"])
            .env("EVERGRANT_TEST_DATABASE", folder.database())
            .env("EVERGRANT_TEST_SANDBOX", sandbox.base_url())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    (0..8).map(start).collect()
}

fn tokens_of(children: Vec<Child>) -> Vec<String> {
    children.into_iter().map(|child| token_of(child.wait_with_output().unwrap())).collect()
}

fn token_of(output: std::process::Output) -> String {
    let text = String::from_utf8(output.stdout).unwrap();
    let token = text.split_once("token=").unwrap_or_else(|| panic!("no token in {text}")).1;
    token.split_whitespace().next().unwrap().to_owned()
}

#[test]
#[ignore = "run by eight_processes_share_one_refresh, in a process of its own"]
fn one_of_eight_processes() {
    let base = std::env::var("EVERGRANT_TEST_SANDBOX").unwrap();
    let config = json!({
        "provider": {
            "name": "sandbox",
            "authorization_endpoint": format!("{base}/oauth2/authorize"),
            "token_endpoint": format!("{base}/oauth2/token"),
            "rotation": {"grace": 0, "kills_on_reuse": true},
        },
        "client_id": evergrant_sandbox::CLIENT_ID,
        "client_secret": evergrant_sandbox::CLIENT_SECRET,
        "store": std::env::var("EVERGRANT_TEST_DATABASE").unwrap(),
    });
    let client = Client::open(evergrant::Config::from_json(&config.to_string()).unwrap()).unwrap();
    client.set_test_clock(Some(past_expiry()));
    let token = wait(client.grant("alice").access_token(TokenOptions::default())).unwrap();
    println!("token={} ", token.token.expose());
}
