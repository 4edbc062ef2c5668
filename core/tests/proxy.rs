//! Proxies of the environment: for https, and never for http, which is allowed to this machine only and would show the
//! proxy every token.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use evergrant::{ApiRequest, Client, wait};
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;
use support::{consent, oauth2, sandbox};

#[test]
fn security_07_a_proxy_sees_no_token() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "a_process_with_a_proxy", "--ignored"]);
    for variable in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
        child.env(variable, &address);
    }
    let mut child = child.env_remove("NO_PROXY").env_remove("no_proxy").spawn().unwrap();
    let (stream, _) = proxy.accept().unwrap();
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).unwrap();
    drop(stream);
    assert!(child.wait().unwrap().success());
    assert_eq!(line.trim(), "CONNECT api.example:443 HTTP/1.1");
}

#[test]
#[ignore = "run by another test, in a process of its own"]
fn a_process_with_a_proxy() {
    let sandbox = sandbox(Duration::from_secs(3600));
    let client = Client::open(oauth2(&sandbox, "memory:", &json!({}))).unwrap();
    wait(consent(&client, &sandbox, "alice"));
    let get = |url: String| {
        let request = ApiRequest { url, ..ApiRequest::default() };
        wait(async { client.grant("alice").request(request).await })
    };
    assert_eq!(get(format!("{}/api/me", sandbox.base_url())).unwrap().status, 200);
    assert!(get("https://api.example/".to_owned()).is_err());
}
