use evergrant_sandbox::{CLIENT_ID, CLIENT_SECRET, ClientAuthentication, JournalEntry, Kind};
use serde_json::Value;

use crate::client::{Connection, Provider, REDIRECT_URI, VERIFIER, authorization_target};

fn value<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

#[test]
fn secrets_are_in_the_journal_by_their_aliases() {
    let provider = Provider::start();
    let tokens = provider.login("bob");
    provider.refresh(&tokens.refresh);
    provider.refresh(&tokens.refresh);
    provider.refresh("sbx.rt.unknown");
    provider.call(&tokens.access, &format!("/api/me?access_token={}", tokens.access));
    provider.call(&tokens.access, &format!("/api/me?x={}", tokens.access));
    provider.post(
        "/oauth2/token",
        &[],
        &[("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET)],
    );
    let journal = provider.0.journal();
    assert_eq!(value(&journal[0].query, "code_challenge"), "[challenge]");
    assert_eq!(value(&journal[0].query, "state"), "[state]");
    assert_eq!(value(&journal[0].query, "redirect_uri"), REDIRECT_URI);
    assert_eq!(value(&journal[1].form, "code"), "code#1");
    assert_eq!(value(&journal[1].form, "code_verifier"), "[verifier]");
    assert_eq!(value(&journal[2].form, "refresh_token"), "refresh#1");
    assert_eq!(value(&journal[4].form, "refresh_token"), "[unknown]");
    assert_eq!(value(&journal[5].query, "access_token"), "access#1");
    assert_eq!(value(&journal[6].query, "x"), "[token]");
    assert_eq!(value(&journal[7].form, "client_secret"), "[secret]");
    let text = provider.control("GET", "journal", &Value::Null).text().to_owned();
    for secret in ["sbx.", VERIFIER, CLIENT_SECRET, "s t&te"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[test]
fn an_entry_tells_what_was_asked_and_answered() {
    let provider = Provider::start();
    let tokens = provider.login("bob");
    provider.0.advance_clock(std::time::Duration::from_secs(1800));
    provider.refresh(&tokens.refresh);
    let entry = provider.0.journal().pop().unwrap();
    assert_eq!((entry.number, entry.kind, entry.status), (3, Kind::Token, Some(200)));
    assert_eq!((entry.method.as_str(), entry.path.as_str()), ("POST", "/oauth2/token"));
    assert_eq!(entry.authorization.as_deref(), Some("Basic"));
    assert_eq!(entry.client_authentication, Some(ClientAuthentication::Basic));
    assert_eq!(entry.grant_type.as_deref(), Some("refresh_token"));
    assert_eq!(entry.client.as_deref(), Some(CLIENT_ID));
    assert_eq!((entry.user.as_deref(), entry.family), (Some("bob"), Some(1)));
    assert_eq!(entry.content_type.as_deref(), Some("application/x-www-form-urlencoded"));
    let age = entry.token_age.unwrap();
    assert!((1800.0..1810.0).contains(&age.age), "{age:?}");
    assert!((age.lifetime - 3600.0).abs() < f64::EPSILON);
    assert!(!entry.reuse);
    provider.refresh(&tokens.refresh);
    let entry = provider.0.journal().pop().unwrap();
    assert_eq!((entry.status, entry.reuse), (Some(400), true));
}

#[test]
fn a_refused_call_is_still_its_users() {
    let provider = Provider::start();
    let tokens = provider.login("bob");
    provider.0.expire_access("bob");
    let headers = [
        ("Authorization", &*format!("Bearer {}", tokens.access)),
        ("X-Program", "python"),
        ("User-Agent", "agent/1"),
        ("Accept", "text/plain"),
    ];
    provider.send("GET", "/api/me", &headers, b"");
    let entry = provider.0.journal().pop().unwrap();
    assert_eq!((entry.kind, entry.status), (Kind::Api, Some(401)));
    assert_eq!(entry.user.as_deref(), Some("bob"));
    assert_eq!(entry.program.as_deref(), Some("python"));
    assert_eq!(entry.user_agent.as_deref(), Some("agent/1"));
    assert_eq!(entry.accept.as_deref(), Some("text/plain"));
}

#[test]
fn a_reused_connection_keeps_its_number() {
    let provider = Provider::start();
    let mut connection = Connection::open(&provider.0);
    connection.send("GET", "/", &[], b"").unwrap();
    connection.send("GET", "/", &[], b"").unwrap();
    provider.get("/");
    let numbers: Vec<_> = provider.0.journal().iter().map(|entry| entry.connection).collect();
    assert_eq!(numbers[0], numbers[1]);
    assert_ne!(numbers[1], numbers[2]);
}

#[test]
fn every_endpoint_has_its_kind() {
    let provider = Provider::start();
    for (target, kind) in [
        (&*authorization_target(&[]), Kind::Authorize),
        ("/oauth1/authorize", Kind::Authorize),
        ("/oauth2/token", Kind::Token),
        ("/oauth2/revoke", Kind::Revoke),
        ("/oauth2/introspect", Kind::Introspect),
        ("/oauth2/keys", Kind::Keys),
        ("/oauth2/userinfo", Kind::Userinfo),
        ("/oauth2/device_authorization", Kind::DeviceAuthorization),
        ("/oauth2/device", Kind::Authorize),
        ("/oauth1/request_token", Kind::RequestToken),
        ("/oauth1/access_token", Kind::AccessToken),
        ("/.well-known/openid-configuration", Kind::Discovery),
        ("/api/me", Kind::Api),
        ("/", Kind::Other),
    ] {
        provider.get(target);
        assert_eq!(provider.0.journal().pop().unwrap().kind, kind, "{target}");
    }
}

#[test]
fn the_journal_over_http_is_the_journal() {
    let provider = Provider::start();
    provider.login("bob");
    let read = provider.control("GET", "journal", &Value::Null);
    let entries: Vec<JournalEntry> = serde_json::from_slice(&read.body).unwrap();
    assert_eq!(entries, provider.0.journal());
    assert_eq!(provider.control("DELETE", "journal", &Value::Null).json()["cleared"], 2);
    assert!(provider.0.journal().is_empty());
    provider.get("/");
    assert_eq!(provider.0.journal()[0].number, 3);
}
