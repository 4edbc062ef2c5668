//! What this library promises about security, in the order of docs/security.md: the name of a test has the number of the line
//! that it keeps. Promises of parts that do no I/O are kept by tests of the same kind of name beside these parts.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use evergrant::{
    ApiRequest, BeginOptions, Client, Code, Config, FinishOptions, HeaderOptions, LoopbackListener,
    Pkce, Protocol, ProviderStatus, ProviderTable, PutTokens, RefreshOptions, RevokeOptions,
    Secret, Start, TokenIn, TokenOptions, catalogue, wait,
};
use evergrant_sandbox::{
    CLIENT_ID, CLIENT_SECRET, Choice, ClientAuthentication, Fault, FaultKind, JournalEntry,
    PUBLIC_CLIENT_ID, Sandbox, Target,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use support::{Folder, consent, oauth1, oauth2, sandbox};
use url::Url;

const LIFETIME: Duration = Duration::from_secs(3600);

fn client(sandbox: &Sandbox, more: &Value) -> Client {
    Client::open(oauth2(sandbox, "memory:", more)).unwrap()
}

fn begin(client: &Client, options: BeginOptions) -> Start {
    wait(client.begin("alice", options)).unwrap()
}

fn query(url: &str) -> BTreeMap<String, String> {
    Url::parse(url).unwrap().query_pairs().into_owned().collect()
}

/// An answer in place of the sandbox's own.
fn answer(on: Target, status: u16, body: &str) -> Fault {
    Fault {
        status: Some(status),
        body: Some(body.to_owned()),
        content_type: Some("application/json".to_owned()),
        ..Fault::new(on, FaultKind::Body)
    }
}

fn token_requests(sandbox: &Sandbox) -> Vec<JournalEntry> {
    sandbox.journal().into_iter().filter(|entry| entry.path == "/oauth2/token").collect()
}

fn put(client: &Client, tokens: &Value) {
    let tokens: PutTokens = evergrant::options_from_json(&tokens.to_string()).unwrap();
    wait(client.put("alice", tokens)).unwrap();
}

fn get(client: &Client, url: String) -> evergrant::Result<evergrant::ApiResponse> {
    wait(client.grant("alice").request(ApiRequest { url, ..ApiRequest::default() }))
}

#[test]
fn security_01_a_code_is_all_that_is_ever_asked_for() {
    let sandbox = sandbox(LIFETIME);
    let client = client(&sandbox, &json!({}));
    assert_eq!(query(&begin(&client, BeginOptions::default()).url)["response_type"], "code");
    let parameters = [("response_type".to_owned(), "token".to_owned())].into();
    let options = BeginOptions { parameters, ..BeginOptions::default() };
    let error = wait(client.begin("alice", options)).unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.message().contains("response_type"), "{error}");
    let implicit = "http://127.0.0.1/callback#access_token=a&token_type=bearer&state=s";
    assert!(wait(client.finish(implicit, FinishOptions::default())).is_err());
}

#[test]
fn security_02_pkce_is_s256_with_another_verifier_each_time() {
    let sandbox = sandbox(LIFETIME);
    let client = client(&sandbox, &json!({}));
    let mut challenges = BTreeSet::new();
    for _ in 0..20 {
        let asked = query(&begin(&client, BeginOptions::default()).url);
        assert_eq!(asked["code_challenge_method"], "S256");
        assert_eq!(asked["code_challenge"].len(), 43); // 32 octets
        challenges.insert(asked["code_challenge"].clone());
    }
    assert_eq!(challenges.len(), 20);
    for parameter in ["code_challenge", "code_challenge_method"] {
        let parameters = [(parameter.to_owned(), "plain".to_owned())].into();
        let options = BeginOptions { parameters, ..BeginOptions::default() };
        let error = wait(client.begin("alice", options)).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{parameter}");
    }
    let plain = r#"{"provider": {"pkce": "plain"}, "client_id": "c"}"#;
    assert_eq!(Config::from_json(plain).unwrap_err().code(), Code::InvalidConfig);
}

#[test]
fn security_03_a_callback_is_taken_once_where_it_began_and_not_for_ever() {
    let (sandbox, folder) = (sandbox(LIFETIME), Folder::new());
    let open = |more: &Value| Client::open(oauth2(&sandbox, &folder.database(), more)).unwrap();
    let (client, of_another) = (
        open(&json!({})),
        open(&json!({"client_id": PUBLIC_CLIENT_ID,
        "client_authentication": "none", "client_secret": null})),
    );
    let session = |key: &str| Some(key.to_owned());
    let begun = || {
        let options = BeginOptions { browser_session: session("one"), ..BeginOptions::default() };
        sandbox.consent(&begin(&client, options).url, "alice", Choice::Allow).unwrap()
    };
    let finish = |client: &Client, callback: &str, key: &str| {
        let options = FinishOptions { browser_session: session(key), ..FinishOptions::default() };
        wait(client.finish(callback, options))
    };
    let refused = |client: &Client, callback: &str, key: &str| {
        let error = finish(client, callback, key).unwrap_err();
        assert_eq!(error.code(), Code::StateMismatch);
        error.reason().map(str::to_owned).unwrap()
    };
    assert_eq!(refused(&client, &begun(), "another"), "browser_session");
    assert_eq!(refused(&of_another, &begun(), "one"), "client");
    let late = begun();
    let now =
        i64::try_from(sandbox.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis());
    client.set_test_clock(Some(now.unwrap() + 601_000));
    assert!(["unknown", "expired"].contains(&refused(&client, &late, "one").as_str()));
    client.set_test_clock(None);
    assert!(token_requests(&sandbox).is_empty());
    let callback = begun();
    finish(&client, &callback, "one").unwrap();
    assert_eq!(refused(&client, &callback, "another"), "used");
    assert_eq!(token_requests(&sandbox).len(), 1);
}

#[test]
fn security_04_a_code_that_comes_without_a_state_of_ours_is_sent_nowhere() {
    let sandbox = sandbox(LIFETIME);
    let client = client(&sandbox, &json!({}));
    let start = begin(&client, BeginOptions::default());
    let mut states = vec![String::new(), "&state=".to_owned(), "&state=foreign".to_owned()];
    states.push(format!("&state={}x", start.state));
    for state in states {
        let callback = format!("http://127.0.0.1/callback?code=c{state}");
        let error = wait(client.finish(&callback, FinishOptions::default())).unwrap_err();
        assert_eq!(error.code(), Code::StateMismatch, "{state}");
    }
    assert!(token_requests(&sandbox).is_empty());
    assert_eq!(start.state.len(), 43); // 256 bits
}

#[test]
fn security_06_metadata_speaks_for_its_own_issuer_and_two_issuers_are_not_mixed() {
    let (one, other) = (sandbox(LIFETIME), sandbox(LIFETIME));
    let open = |issuer: &Sandbox| client(issuer, &json!({"provider": issuer.base_url()}));
    let (of_one, of_other) = (open(&one), open(&other));
    for (client, issuer) in [(&of_one, &one), (&of_other, &other), (&of_one, &one)] {
        assert!(begin(client, BeginOptions::default()).url.starts_with(issuer.base_url()));
    }
    let lies = json!({"issuer": other.base_url(), "authorization_endpoint": "https://a.example/",
        "token_endpoint": "https://a.example/"});
    one.add_fault(Fault { times: 0, ..answer(Target::Discovery, 200, &lies.to_string()) }).unwrap();
    let error = wait(open(&one).begin("alice", BeginOptions::default())).unwrap_err();
    assert_eq!(error.code(), Code::InvalidResponse);
    assert!(error.message().contains("issuer"), "{error}");
}

#[test]
fn security_07_redirects_of_token_revocation_and_metadata_endpoints_are_not_followed() {
    let sandbox = sandbox(LIFETIME);
    let there = format!("{}/elsewhere", sandbox.base_url());
    let client = client(&sandbox, &json!({}));
    wait(consent(&client, &sandbox, "alice"));
    let by_issuer = self::client(&sandbox, &json!({"provider": sandbox.base_url()}));
    for status in [301, 302, 303, 307, 308] {
        for target in [Target::Token, Target::Revoke, Target::Discovery] {
            let headers = [("location".to_owned(), there.clone())].into();
            let redirect = Fault::new(target, FaultKind::Status);
            let times = if target == Target::Discovery { 2 } else { 1 };
            let status = Some(status);
            sandbox.add_fault(Fault { status, headers, times, ..redirect }).unwrap();
        }
        let forced = RefreshOptions { force: true, ..RefreshOptions::default() };
        assert!(wait(client.grant("alice").refresh(forced)).is_err());
        assert!(wait(client.grant("alice").revoke(RevokeOptions::default())).is_err());
        assert!(wait(by_issuer.begin("alice", BeginOptions::default())).is_err());
        wait(consent(&client, &sandbox, "alice"));
    }
    assert!(sandbox.journal().iter().all(|entry| entry.path != "/elsewhere"));
}

#[test]
fn security_07_endpoints_and_apis_are_reached_over_tls_or_on_this_machine() {
    for key in
        ["authorization_endpoint", "token_endpoint", "revocation_endpoint", "refresh_endpoint"]
    {
        let mut provider = json!({"authorization_endpoint": "https://as.example/",
            "token_endpoint": "https://as.example/"});
        provider[key] = json!("http://as.example/");
        let config = json!({"provider": provider, "client_id": "c", "store": "memory:"});
        let error = Client::open(Config::from_json(&config.to_string()).unwrap()).err().unwrap();
        assert_eq!(error.code(), Code::InsecureUrl, "{key}");
    }
    let client = client(&sandbox(LIFETIME), &json!({}));
    put(&client, &json!({"access_token": "canary"}));
    let error = get(&client, "http://api.example/".into()).unwrap_err();
    assert_eq!(error.code(), Code::InsecureUrl);
}

#[test]
fn security_07_no_key_takes_the_check_of_certificates_away() {
    let error = Config::from_json(r#"{"no_such_key": 1}"#).unwrap_err();
    let (_, keys) = error.message().split_once("expected one of ").unwrap();
    for word in ["verify", "insecure", "danger", "trust", "accept_invalid", "skip"] {
        assert!(!keys.contains(word), "{keys}");
    }
}

#[test]
fn security_07_answers_are_bounded_in_size_and_time() {
    let sandbox = sandbox(LIFETIME);
    let client = client(&sandbox, &json!({"timeouts": {"request": 0.3}}));
    let large = format!("{{\"access_token\":\"{}\"}}", "a".repeat(4 << 20));
    let slow = Fault { milliseconds: Some(60_000), ..Fault::new(Target::Token, FaultKind::Delay) };
    for fault in [answer(Target::Token, 200, &large), slow] {
        wait(consent(&client, &sandbox, "alice"));
        sandbox.add_fault(Fault { times: 0, ..fault }).unwrap();
        let begun = Instant::now();
        let forced = RefreshOptions { force: true, ..RefreshOptions::default() };
        assert!(wait(client.grant("alice").refresh(forced)).is_err());
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
        sandbox.clear_faults();
    }
}

#[test]
fn security_08_the_loopback_redirect_is_an_address_with_a_port_of_its_own_open_for_one_callback() {
    let (one, other) = (LoopbackListener::bind(0, "/cb"), LoopbackListener::bind(0, "/cb"));
    let (one, other) = (one.unwrap(), other.unwrap().redirect_uri().unwrap());
    let uri = one.redirect_uri().unwrap();
    assert!(uri.starts_with("http://127.0.0.1:") && uri.ends_with("/cb") && uri != other, "{uri}");
    let address = uri.trim_start_matches("http://").trim_end_matches("/cb").to_owned();
    let browser = std::thread::spawn({
        let address = address.clone();
        move || ask(&address, "/cb?code=c&state=s")
    });
    assert_eq!(one.wait(Duration::from_secs(10)).unwrap(), "/cb?code=c&state=s");
    browser.join().unwrap();
    assert!(TcpStream::connect(&address).is_err(), "it is closed");
}

/// What is answered to a browser.
fn ask(address: &str, target: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nhost: {address}\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}

#[test]
fn security_09_a_public_client_proves_itself_by_pkce_alone_and_no_secret_stands_in_for_it() {
    let sandbox = sandbox(LIFETIME);
    let public = json!({"client_id": PUBLIC_CLIENT_ID, "client_secret": null,
        "client_authentication": "none"});
    for (client, is_public) in
        [(client(&sandbox, &public), true), (client(&sandbox, &json!({})), false)]
    {
        wait(consent(&client, &sandbox, "alice"));
        let exchange = token_requests(&sandbox).pop().unwrap();
        assert!(exchange.form.iter().any(|(name, _)| name == "code_verifier"));
        let authenticated = exchange.client_authentication != Some(ClientAuthentication::None);
        assert_ne!(authenticated, is_public);
    }
}

#[test]
fn security_10_a_client_authenticates_in_one_way_at_a_time_and_never_in_the_url() {
    for (method, way) in [
        ("client_secret_basic", ClientAuthentication::Basic),
        ("client_secret_post", ClientAuthentication::Post),
    ] {
        let sandbox = sandbox(LIFETIME);
        let client = client(&sandbox, &json!({"client_authentication": method}));
        wait(consent(&client, &sandbox, "alice"));
        let forced = RefreshOptions { force: true, ..RefreshOptions::default() };
        wait(client.grant("alice").refresh(forced)).unwrap();
        wait(client.grant("alice").revoke(RevokeOptions::default())).unwrap();
        let sent: Vec<_> = sandbox
            .journal()
            .into_iter()
            .filter(|entry| ["/oauth2/token", "/oauth2/revoke"].contains(&entry.path.as_str()))
            .collect();
        assert_eq!(sent.len(), 3);
        for entry in sent {
            let in_body = entry.form.iter().any(|(name, _)| name == "client_secret");
            assert_eq!(entry.client_authentication, Some(way));
            assert_ne!(in_body, entry.authorization.is_some(), "{entry:?}");
            assert!(entry.query.is_empty(), "{entry:?}");
        }
    }
}

#[test]
fn security_11_a_token_goes_into_the_header_and_to_hosts_that_are_allowed() {
    let sandbox = sandbox(LIFETIME);
    let open = |hosts: Value| {
        let client = client(&sandbox, &json!({"api_hosts": hosts}));
        wait(consent(&client, &sandbox, "alice"));
        client
    };
    let url = || format!("{}/api/me", sandbox.base_url());
    let refusing = open(json!(["api.example", "*.example.org"]));
    let error = get(&refusing, url()).unwrap_err();
    assert_eq!(error.code(), Code::InsecureUrl);
    assert!(error.message().contains("127.0.0.1") && error.message().contains("api_hosts"));
    let headers = refusing.grant("alice");
    let error = wait(headers.headers("GET", &url(), HeaderOptions::default())).unwrap_err();
    assert_eq!(error.code(), Code::InsecureUrl);
    assert!(sandbox.journal().iter().all(|entry| !entry.path.starts_with("/api/")));

    for allowing in [open(json!(["127.0.0.1"])), open(json!([]))] {
        assert_eq!(get(&allowing, url()).unwrap().status, 200);
        let sent = sandbox.journal().pop().unwrap();
        assert_eq!(sent.authorization.as_deref(), Some("Bearer"));
        assert!(sent.query.is_empty() && sent.form.is_empty());
    }
    let config =
        json!({"provider": "google", "client_id": "c", "api_hosts": ["https://a.example"]});
    let error = Config::from_json(&config.to_string()).unwrap_err();
    assert!(error.message().starts_with("api_hosts:"), "{error}");
}

#[test]
fn security_12_what_is_in_an_access_token_decides_nothing() {
    let sandbox = sandbox(LIFETIME);
    let client = client(&sandbox, &json!({}));
    // A JSON Web Token that says it ended in 2001.
    let over = "eyJhbGciOiJub25lIn0.eyJleHAiOjEwMDAwMDAwMDAsInN1YiI6ImJvYiJ9.";
    put(&client, &json!({"access_token": over, "expires_in": 3600}));
    let token = wait(client.grant("alice").access_token(TokenOptions::default())).unwrap();
    assert_eq!(token.token.expose(), over);
    assert!(token_requests(&sandbox).is_empty());
}

#[test]
fn security_13_a_refresh_token_goes_to_the_token_and_the_revocation_endpoint_alone() {
    let sandbox = sandbox(LIFETIME);
    let client = client(&sandbox, &json!({}));
    wait(consent(&client, &sandbox, "alice"));
    let forced = || RefreshOptions { force: true, ..RefreshOptions::default() };
    wait(client.grant("alice").refresh(forced())).unwrap();
    get(&client, format!("{}/api/echo", sandbox.base_url())).unwrap();
    wait(client.grant("alice").refresh(forced())).unwrap();
    wait(client.grant("alice").revoke(RevokeOptions::default())).unwrap();
    let mut places = Vec::new();
    for entry in sandbox.journal() {
        if serde_json::to_string(&entry).unwrap().contains("refresh#") {
            let scope = entry.form.iter().find(|(name, _)| name == "scope");
            assert!(scope.is_none(), "what was consented to is not asked for anew: {entry:?}");
            places.push(entry.path);
        }
    }
    assert_eq!(places, ["/oauth2/token", "/oauth2/token", "/oauth2/revoke"]);
}

#[test]
fn security_17_what_was_granted_is_recorded_not_what_was_asked_for() {
    let sandbox = sandbox(LIFETIME);
    let client = client(&sandbox, &json!({"scope": ["read", "write"]}));
    let start = begin(&client, BeginOptions::default());
    assert_eq!(query(&start.url)["scope"], "read write");
    let callback = sandbox.consent(&start.url, "alice", Choice::Allow).unwrap();
    let narrower = r#"{"access_token":"a","token_type":"Bearer","scope":"read"}"#;
    sandbox.add_fault(answer(Target::Token, 200, narrower)).unwrap();
    let finished = wait(client.finish(&callback, FinishOptions::default())).unwrap();
    assert_eq!(finished.scope, ["read"]);
    assert_eq!(wait(client.grant("alice").inspect()).unwrap().scope, ["read"]);
}

#[test]
fn security_18_the_listener_of_the_callback_redirects_nowhere() {
    for target in [
        "/cb?code=c&state=s&return_to=https://evil.example",
        "//evil.example/cb?code=c",
        "/cb?error=x&error_uri=https://evil.example",
    ] {
        let listener = LoopbackListener::bind(0, "/cb").unwrap();
        let uri = Url::parse(&listener.redirect_uri().unwrap()).unwrap();
        let address = format!("127.0.0.1:{}", uri.port().unwrap());
        let asked = std::thread::spawn(move || ask(&address, target));
        let _ = listener.wait(Duration::from_secs(1));
        let page = asked.join().unwrap().to_ascii_lowercase();
        let status = &page[..12];
        assert!(["http/1.1 200", "http/1.1 404"].contains(&status), "{page}");
        assert!(!page.contains("location:") && !page.contains("evil"), "{page}");
    }
}

#[test]
fn security_19_what_a_server_says_is_one_line_and_its_error_uri_is_not_visited() {
    let sandbox = sandbox(LIFETIME);
    let client = client(&sandbox, &json!({}));
    put(&client, &json!({"refresh_token": "canary-refresh"}));
    let body = json!({"error": "invalid\r\nrequest", "error_description": "a\u{1b}[31m\u{2028}b\u{202e}",
        "error_uri": format!("{}/api/status/200", sandbox.base_url())});
    sandbox.add_fault(answer(Target::Token, 400, &body.to_string())).unwrap();
    let error = wait(client.grant("alice").refresh(RefreshOptions::default())).unwrap_err();
    let told = format!("{error} {} {error:?}", error.to_json());
    for wrong in ["\r", "\n", "\u{1b}", "\u{2028}", "\u{202e}", "\\u001b", "\\r"] {
        assert!(!told.contains(wrong), "{told:?}");
    }
    assert!(told.contains("invalid  request"), "{told}");
    assert!(sandbox.journal().iter().all(|entry| entry.path == "/oauth2/token"));
}

#[test]
fn security_21_no_secret_is_in_what_clients_grants_tokens_and_errors_say_of_themselves() {
    let sandbox = sandbox(LIFETIME);
    let client = client(&sandbox, &json!({"client_secret": "canary-client"}));
    put(
        &client,
        &json!({"access_token": "canary-access", "refresh_token": "canary-refresh",
        "expires_in": 3600}),
    );
    let token = wait(client.grant("alice").access_token(TokenOptions::default())).unwrap();
    let grants = wait(client.grant("alice").inspect()).unwrap();
    let config = oauth2(&sandbox, "memory:", &json!({"client_secret": "canary-client"}));
    let forced = RefreshOptions { force: true, ..RefreshOptions::default() };
    let error = wait(client.grant("alice").refresh(forced)).unwrap_err();
    let start = begin(&client, BeginOptions::default());
    let told = format!("{token:?} {grants:?} {config:?} {error:?} {} {start:?}", error.to_json());
    assert!(!told.contains("canary"), "{told}");
    assert_eq!(format!("{:?}", Secret::from("canary")), "[redacted]");
}

#[test]
fn security_22_a_callback_that_was_not_confirmed_or_not_verified_is_refused() {
    let sandbox = sandbox(LIFETIME);
    let client = Client::open(oauth1(&sandbox, "memory:")).unwrap();
    let unconfirmed = Fault {
        content_type: Some("application/x-www-form-urlencoded".to_owned()),
        ..answer(Target::RequestToken, 200, "oauth_token=t&oauth_token_secret=s")
    };
    sandbox.add_fault(unconfirmed).unwrap();
    let error = wait(client.begin("alice", BeginOptions::default())).unwrap_err();
    assert!(error.message().contains("oauth_callback_confirmed"), "{error}");

    let start = begin(&client, BeginOptions::default());
    let callback = sandbox.consent(&start.url, "alice", Choice::Allow).unwrap();
    let (unverified, _) = callback.split_once("&oauth_verifier").unwrap();
    let error = wait(client.finish(unverified, FinishOptions::default())).unwrap_err();
    assert!(error.message().contains("oauth_verifier"), "{error}");
    assert!(sandbox.journal().iter().all(|entry| entry.path != "/oauth1/access_token"));
}

#[test]
fn security_22_a_nonce_never_comes_twice() {
    let sandbox = sandbox(LIFETIME);
    let client = Client::open(oauth1(&sandbox, "memory:")).unwrap();
    wait(consent(&client, &sandbox, "alice"));
    let grant = client.grant("alice");
    let nonce = || {
        let signed = grant.headers("GET", "https://api.example/", HeaderOptions::default());
        let (_, value) = wait(signed).unwrap().remove(0);
        value.split_once("oauth_nonce=\"").unwrap().1.split_once('"').unwrap().0.to_owned()
    };
    let nonces: BTreeSet<String> = (0..500).map(|_| nonce()).collect();
    assert_eq!(nonces.len(), 500);
    assert!(nonces.iter().all(|nonce| nonce.len() >= 20), "{nonces:?}");
}

#[test]
fn security_23_the_refresh_token_is_revoked_first_and_a_failure_is_kept_to_try_again() {
    let sandbox = sandbox(LIFETIME);
    let client = client(&sandbox, &json!({}));
    wait(consent(&client, &sandbox, "alice"));
    sandbox.add_fault(answer(Target::Revoke, 503, "{}")).unwrap();
    let revoke =
        |force| wait(client.grant("alice").revoke(RevokeOptions { force, ..Default::default() }));
    assert!(revoke(false).is_err());
    assert_eq!(wait(client.grant("alice").inspect()).unwrap().status, "revoking");
    assert!(wait(client.grant("alice").access_token(TokenOptions::default())).is_err());
    sandbox.add_fault(answer(Target::Revoke, 503, "{}")).unwrap();
    revoke(true).unwrap();
    assert_eq!(wait(client.grant("alice").inspect()).unwrap_err().code(), Code::NoGrant);
    let sent: Vec<_> =
        sandbox.journal().into_iter().filter(|e| e.path == "/oauth2/revoke").collect();
    assert!(
        sent.len() == 2
            && sent.iter().all(|entry| entry
                .form
                .contains(&("token_type_hint".into(), "refresh_token".into())))
    );
}

#[test]
fn security_24_a_code_is_sent_once_whatever_becomes_of_it() {
    let sandbox = sandbox(LIFETIME);
    let client = client(&sandbox, &json!({}));
    for kind in
        [FaultKind::DropAfter, FaultKind::DropBefore, FaultKind::Status, FaultKind::Truncate]
    {
        sandbox.clear_journal();
        let start = begin(&client, BeginOptions::default());
        let callback = sandbox.consent(&start.url, "alice", Choice::Allow).unwrap();
        sandbox.add_fault(Fault::new(Target::Token, kind)).unwrap();
        for _ in 0..2 {
            assert!(wait(client.finish(&callback, FinishOptions::default())).is_err(), "{kind:?}");
        }
        assert_eq!(token_requests(&sandbox).len(), 1, "{kind:?}");
    }
}

#[test]
fn security_25_nothing_is_sent_but_what_was_asked_for() {
    let sandbox = sandbox(LIFETIME);
    let client = client(&sandbox, &json!({}));
    wait(consent(&client, &sandbox, "alice"));
    get(&client, format!("{}/api/me", sandbox.base_url())).unwrap();
    drop(client);
    let paths: Vec<_> = sandbox.journal().into_iter().map(|entry| entry.path).collect();
    assert_eq!(paths, ["/oauth2/authorize", "/oauth2/token", "/api/me"]);
}

// What a provider forces.

/// Entries of OAuth 2 providers that are still there, ready for a client.
fn oauth2_entries() -> impl Iterator<Item = (String, ProviderTable, Value)> {
    let is_there = |entry: &ProviderTable| {
        entry.status == ProviderStatus::Active && entry.protocol == Protocol::OAuth2
    };
    catalogue(&[]).unwrap().into_iter().filter(move |(_, entry)| is_there(entry)).map(|(name, entry)| {
        let variables: BTreeMap<_, _> = entry.variables.keys().map(|name| (name, "example")).collect();
        let config = json!({"provider": name, "provider_variables": variables, "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET, "redirect_uri": "https://client.example/cb",
            "store": "memory:", "detached": "off"});
        (name, entry, config)
    })
}

#[test]
fn security_deviations_are_those_that_an_entry_names_and_no_other() {
    let mut without_pkce = 0;
    for (name, entry, config) in oauth2_entries() {
        let client = Client::open(Config::from_json(&config.to_string()).unwrap()).unwrap();
        let asked = query(&begin(&client, BeginOptions::default()).url);
        let has_pkce = asked.get("code_challenge_method").is_some_and(|method| method == "S256");
        assert_eq!(has_pkce, entry.pkce == Pkce::S256, "{name}");
        assert_eq!(asked["response_type"], "code", "{name}");
        assert!(!asked.contains_key("client_secret"), "{name}");
        without_pkce += usize::from(!has_pkce);
    }
    assert!(without_pkce > 0);
    let default = ProviderTable::default();
    assert!(default.pkce == Pkce::S256 && default.token_in == TokenIn::Header);
}

#[test]
fn security_deviations_are_sourced() {
    let entries = catalogue(&[]).unwrap();
    let deviates =
        |entry: &&ProviderTable| entry.pkce == Pkce::Off || entry.token_in == TokenIn::Query;
    let deviating: Vec<_> = entries.values().filter(deviates).collect();
    assert!(!deviating.is_empty());
    for entry in deviating {
        assert!(entry.source.is_some() && entry.documentation.is_some(), "{:?}", entry.name);
    }
}

#[test]
fn security_deviations_leave_no_secret_in_a_url_that_is_told() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let sandbox = sandbox(LIFETIME);
    let provider = json!({"authorization_endpoint": "https://as.example/",
        "token_endpoint": "https://as.example/", "token_in": "query"});
    let client = client(&sandbox, &json!({"provider": provider}));
    put(&client, &json!({"access_token": "canary"}));
    let error = get(&client, format!("http://{closed}/api?a=b")).unwrap_err();
    let told = format!("{error:?} {error} {}", error.to_json());
    assert!(!told.contains("canary") && !told.contains("access_token="), "{told}");
    sandbox.add_fault(answer(Target::Api, 200, "{}")).unwrap();
    let response = get(&client, format!("{}/api/echo?a=b", sandbox.base_url())).unwrap();
    assert!(response.url.ends_with("/api/echo?a=b") && !format!("{response:?}").contains("canary"));
    let sent = sandbox.journal().pop().unwrap();
    assert!(sent.query.iter().any(|(name, _)| name == "access_token"));
    assert_eq!(sent.authorization, None);
}
