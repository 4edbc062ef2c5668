//! A client and the sandbox, ready for use.

use evergrant::{BeginOptions, Client, Config, FinishOptions};
use evergrant_sandbox::{
    CLIENT_ID, CLIENT_SECRET, CONSUMER_KEY, CONSUMER_SECRET, Choice, Options, Sandbox,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

pub(crate) fn sandbox(lifetime: Duration) -> Sandbox {
    Sandbox::start(Options { access_token_lifetime: lifetime, ..Options::default() }).unwrap()
}

/// The configuration of a confidential OAuth 2 client, with `more` keys over it.
#[allow(dead_code, reason = "not every test file speaks OAuth 2")]
pub(crate) fn oauth2(sandbox: &Sandbox, store: &str, more: &Value) -> Config {
    let base = sandbox.base_url();
    let mut config = json!({
        "provider": {
            "name": "sandbox",
            "authorization_endpoint": format!("{base}/oauth2/authorize"),
            "token_endpoint": format!("{base}/oauth2/token"),
            "revocation_endpoint": format!("{base}/oauth2/revoke"),
            "offline": {},
            "rotation": {"grace": 0, "kills_on_reuse": true},
        },
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "redirect_uri": "http://127.0.0.1/callback",
        "scope": ["read", "write"],
        "store": store,
        "detached": "off",
    });
    config["state_dir"] = match store.strip_prefix("sqlite:") {
        Some(database) => json!(Path::new(database).with_file_name("state")),
        None => json!(Path::new(env!("CARGO_TARGET_TMPDIR")).join("state")),
    };
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    Config::from_json(&config.to_string()).unwrap()
}

#[allow(dead_code, reason = "not every test file speaks OAuth 1.0a")]
pub(crate) fn oauth1(sandbox: &Sandbox, store: &str) -> Config {
    let base = sandbox.base_url();
    let config = json!({
        "provider": {
            "name": "sandbox-oauth1",
            "protocol": "oauth1",
            "temporary_credential_endpoint": format!("{base}/oauth1/request_token"),
            "authorization_endpoint": format!("{base}/oauth1/authorize"),
            "token_endpoint": format!("{base}/oauth1/access_token"),
        },
        "client_id": CONSUMER_KEY,
        "client_secret": CONSUMER_SECRET,
        "redirect_uri": "http://127.0.0.1/callback",
        "store": store,
    });
    Config::from_json(&config.to_string()).unwrap()
}

/// Has `subject` consent.
#[allow(dead_code, reason = "not every test file takes the callback as it is")]
pub(crate) async fn consent(client: &Client, sandbox: &Sandbox, subject: &str) {
    let start = client.begin(subject, BeginOptions::default()).await.unwrap();
    let callback = sandbox.consent(&start.url, subject, Choice::Allow).unwrap();
    client.finish(&callback, FinishOptions::default()).await.unwrap();
}

/// Token requests that renewed.
#[allow(dead_code, reason = "not every test file counts")]
pub(crate) fn refresh_requests(sandbox: &Sandbox) -> usize {
    let journal = sandbox.journal();
    journal.iter().filter(|entry| entry.grant_type.as_deref() == Some("refresh_token")).count()
}

/// A folder that is removed with the test.
#[allow(dead_code, reason = "not every test file needs one")]
pub(crate) struct Folder(TempDir);

#[allow(dead_code, reason = "not every test file needs one")]
impl Folder {
    pub(crate) fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn database(&self) -> String {
        format!("sqlite:{}", self.file("tokens.db").display())
    }
}
