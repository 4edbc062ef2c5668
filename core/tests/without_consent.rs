//! Grants that no user consents to, and clients that sign to authenticate (RFC 7523, RFC 8693, RFC 6749 section 4.4).

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;
#[path = "support/token_endpoint.rs"]
mod token_endpoint;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evergrant::{
    BeginOptions, Client, Code, Config, DeviceOptions, Environment, Events, PasswordOptions,
    PinOptions, PutTokens, RefreshOptions, RevokeOptions, TokenOptions, wait,
};
use evergrant_sandbox::Sandbox;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use support::{Folder, oauth2, sandbox};
use token_endpoint::{Answer, Asked, TokenEndpoint};

/// The key of RFC 8037 appendix A.1, and its public part.
const ED25519: &str = r#"{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
const ED25519_PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
/// A token's lifetime.
const HOUR: Duration = Duration::from_secs(3600);

/// Gives a new token each time.
fn tokens(number: usize, _: &Asked) -> Answer {
    let token = format!("at{number}");
    (200, json!({"access_token": token, "token_type": "Bearer", "expires_in": 3600}))
}

fn refusal(word: &str) -> Answer {
    (400, json!({ "error": word }))
}

fn config(server: &TokenEndpoint, store: &str, more: &Value) -> Config {
    let base = server.base_url();
    let mut config = json!({
        "provider": {
            "name": "it",
            "authorization_endpoint": format!("{base}/authorize"),
            "token_endpoint": format!("{base}/token"),
            "revocation_endpoint": format!("{base}/revoke"),
        },
        "client_id": "c",
        "store": store,
        "detached": "off",
        "state_dir": std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("state"),
    });
    for (key, value) in more.as_object().unwrap() {
        config[key] = value.clone();
    }
    Config::from_json(&config.to_string()).unwrap()
}

fn client(server: &TokenEndpoint, more: &Value) -> Client {
    Client::open(config(server, "memory:", more)).unwrap()
}

fn token(client: &Client, subject: &str) -> evergrant::Result<String> {
    let token = wait(client.grant(subject).access_token(TokenOptions::default()))?;
    Ok(token.token.expose().to_owned())
}

fn renewed(client: &Client, subject: &str) {
    wait(client.grant(subject).refresh(RefreshOptions::default())).unwrap();
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

/// Header and claims of a JWT that `key` signed.
fn verified(jwt: &str, key: &DecodingKey, algorithm: Algorithm) -> (Value, Value) {
    let (input, signature) = jwt.rsplit_once('.').unwrap();
    assert!(crypto::verify(signature, input.as_bytes(), key, algorithm).unwrap());
    let (header, claims) = input.split_once('.').unwrap();
    let part = |text| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap();
    (part(header), part(claims))
}

fn signed_by_ed25519(jwt: &str) -> (Value, Value) {
    let key = DecodingKey::from_ed_components(ED25519_PUBLIC).unwrap();
    verified(jwt, &key, Algorithm::EdDSA)
}

#[test]
fn security_15_an_assertion_is_minted_anew_for_each_send_and_nothing_else_authenticates() {
    let server = TokenEndpoint::start(tokens);
    let more = json!({"grant": "client_credentials", "private_key": ED25519});
    let client = client(&server, &more);
    token(&client, "app").unwrap();
    renewed(&client, "app");
    wait(client.grant("app").revoke(RevokeOptions::default())).unwrap();

    let asked = server.asked();
    let paths: Vec<_> = asked.iter().map(|asked| asked.path.as_str()).collect();
    assert_eq!(paths, ["/token", "/token", "/revoke"]);
    let mut seen = std::collections::BTreeSet::new();
    for asked in &asked {
        assert_eq!(asked.authorization, None);
        assert_eq!(
            (asked.form["client_id"].as_str(), asked.form.get("client_secret")),
            ("c", None)
        );
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        assert_eq!(asked.form["client_assertion_type"], kind);
        let (header, claims) = signed_by_ed25519(&asked.form["client_assertion"]);
        assert_eq!(header, json!({"typ": "JWT", "alg": "EdDSA", "kid": "k1"}));
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!("c"), &json!("c")));
        assert_eq!(claims["aud"], format!("{}/token", server.base_url()));
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
        assert!((claims["iat"].as_i64().unwrap() * 1000 - now()).abs() < 30_000);
        assert!(seen.insert(claims["jti"].as_str().unwrap().to_owned()));
    }
}

#[test]
fn security_15_an_assertion_is_for_the_issuer_where_it_is_known_and_for_whom_the_configuration_says()
 {
    let server = TokenEndpoint::start(tokens);
    let base = server.base_url();
    let provider = json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"),
    });
    for (more, expected) in [
        (json!({}), base.to_owned()),
        (json!({"audience": "token_endpoint"}), format!("{base}/token")),
        (json!({"audience": "https://as.example/"}), "https://as.example/".to_owned()),
    ] {
        let more = json!({
            "provider": provider, "grant": "client_credentials", "private_key": ED25519, "assertion": more,
        });
        token(&client(&server, &more), "app").unwrap();
        let asked = server.asked();
        let (_, claims) = signed_by_ed25519(&asked.last().unwrap().form["client_assertion"]);
        assert_eq!(claims["aud"], expected);
    }
}

#[test]
fn client_secret_jwt_signs_with_the_secret_and_does_not_send_it() {
    let server = TokenEndpoint::start(tokens);
    let more = json!({
        "grant": "client_credentials", "client_secret": "s3cret", "client_authentication": "client_secret_jwt",
        "signing_algorithm": "HS384",
    });
    token(&client(&server, &more), "app").unwrap();
    let asked = &server.asked()[0];
    let key = DecodingKey::from_secret(b"s3cret").unwrap();
    let (header, _) = verified(&asked.form["client_assertion"], &key, Algorithm::HS384);
    assert_eq!(header["alg"], "HS384");
    assert!(!format!("{asked:?}").contains("s3cret"));
}

#[test]
fn a_configuration_that_cannot_authenticate_is_refused_before_anything_is_sent() {
    let server = TokenEndpoint::start(tokens);
    for (more, key) in [
        (json!({"client_authentication": "private_key_jwt"}), "private_key"),
        (json!({"client_authentication": "client_secret_jwt"}), "client_secret"),
        (json!({"private_key": ED25519, "signing_algorithm": "RS256"}), "signing_algorithm"),
        (json!({"private_key": ED25519, "signing_algorithm": "none"}), "signing_algorithm"),
        (json!({"private_key": ED25519, "client_secret": "s"}), "client_authentication"),
        (
            json!({"private_key": "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----"}),
            "private_key",
        ),
        (json!({"grant": "jwt_bearer"}), "private_key"),
        (json!({"grant": "token_exchange"}), "token_exchange"),
        (json!({"grant": "client_credentials"}), "client_secret"),
        (
            json!({"grant": "jwt_bearer", "private_key": ED25519, "assertion": {"claims": {"aud": "x"}}}),
            "assertion.claims.aud",
        ),
    ] {
        let error = Client::open(config(&server, "memory:", &more)).unwrap_err();
        assert_eq!(error.code(), Code::InvalidConfig, "{more}");
        assert!(error.message().starts_with(&format!("{key}:")), "{more}: {error}");
    }
    assert!(server.asked().is_empty());
}

#[test]
fn client_credentials_need_no_consent_and_every_process_has_the_same_token() {
    let (sandbox, folder) = (sandbox(HOUR), Folder::new());
    let more = json!({"grant": "client_credentials"});
    let open = || Client::open(oauth2(&sandbox, &folder.database(), &more)).unwrap();
    let (first, second) = (open(), open());
    let granted = token(&first, "app").unwrap();
    assert_eq!(token(&second, "app").unwrap(), granted);
    assert_eq!(client_credentials_requests(&sandbox), 1);

    let seen = wait(first.grant("app").inspect()).unwrap();
    assert_eq!((seen.status, seen.generation, seen.has_refresh_token), ("active", 2, false));
    assert_eq!(seen.scope, ["read", "write"]);
    first.set_test_clock(Some(now() + 3_600_000));
    second.set_test_clock(Some(now() + 3_600_000));
    sandbox.advance_clock(HOUR);
    let renewed = token(&first, "app").unwrap();
    assert_ne!(renewed, granted);
    assert_eq!(token(&second, "app").unwrap(), renewed);
    assert_eq!(client_credentials_requests(&sandbox), 2);

    wait(first.grant("app").forget()).unwrap();
    assert_ne!(token(&first, "app").unwrap(), renewed); // nobody is asked
}

fn client_credentials_requests(sandbox: &Sandbox) -> usize {
    let journal = sandbox.journal();
    journal.iter().filter(|entry| entry.grant_type.as_deref() == Some("client_credentials")).count()
}

#[test]
fn a_refusal_without_consent_is_of_this_configuration_and_asks_for_nobodys_consent() {
    for word in ["invalid_grant", "invalid_scope", "unauthorized_client", "invalid_client"] {
        let right = |asked: &Asked| asked.form.get("client_secret").is_some_and(|s| s == "right");
        let server =
            TokenEndpoint::start(
                move |number, asked| {
                    if right(asked) { tokens(number, asked) } else { refusal(word) }
                },
            );
        let folder = Folder::new();
        let open = |secret: &str| {
            let more = json!({
                "grant": "client_credentials", "client_secret": secret, "client_authentication": "client_secret_post",
            });
            Client::open(config(&server, &folder.database(), &more)).unwrap()
        };
        let wrong = open("wrong");
        let error = token(&wrong, "app").unwrap_err();
        assert_eq!((error.code(), error.server_error()), (Code::MisconfiguredClient, Some(word)));
        let seen = wait(wrong.grant("app").inspect()).unwrap();
        assert_eq!((seen.status, seen.last_failure.as_deref()), ("active", Some("misconfigured")));
        let pause = seen.retry_at.unwrap() - now();
        assert!((50_000..=60_000).contains(&pause), "{pause}");
        assert_eq!(token(&wrong, "app").unwrap_err().code(), Code::TemporarilyUnavailable);
        assert_eq!(server.asked().len(), 1);
        token(&open("right"), "app").unwrap();
    }
}

#[test]
fn a_clock_that_is_hours_off_is_corrected_once_by_the_date_of_the_refusal() {
    let server = TokenEndpoint::start(|number, asked| {
        let (_, claims) = signed_by_ed25519(&asked.form["client_assertion"]);
        let is_dated = (claims["iat"].as_i64().unwrap() * 1000 - now()).abs() < 30_000;
        if is_dated { tokens(number, asked) } else { refusal("invalid_client") }
    });
    let more = json!({"grant": "client_credentials", "private_key": ED25519});
    let client = client(&server, &more);
    client.set_test_clock(Some(now() - 7_200_000));
    token(&client, "app").unwrap();
    renewed(&client, "app");
    assert_eq!(server.asked().len(), 3); // the offset is known from then on

    let stubborn = TokenEndpoint::start(|_, _| refusal("invalid_client"));
    let client = Client::open(config(&stubborn, "memory:", &more)).unwrap();
    client.set_test_clock(Some(now() - 7_200_000));
    assert_eq!(token(&client, "app").unwrap_err().code(), Code::MisconfiguredClient);
    assert_eq!(stubborn.asked().len(), 2);
}

#[test]
fn a_clock_that_is_hours_off_keeps_no_consent_from_beginning() {
    let server = TokenEndpoint::start(|_, asked| {
        let (_, claims) = signed_by_ed25519(&asked.form["client_assertion"]);
        let is_dated = (claims["iat"].as_i64().unwrap() * 1000 - now()).abs() < 30_000;
        match asked.path.as_str() {
            _ if !is_dated => refusal("invalid_client"),
            "/par" => (201, json!({"request_uri": "urn:x", "expires_in": 60})),
            _ => (
                200,
                json!({"device_code": "d", "user_code": "u", "verification_uri": "https://as.example/", "expires_in": 60}),
            ),
        }
    });
    let base = server.base_url();
    let provider = json!({
        "name": "it",
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"),
        "pushed_authorization_request_endpoint": format!("{base}/par"),
        "device_authorization_endpoint": format!("{base}/device"),
        "offline": {},
    });
    let more = json!({"provider": provider, "private_key": ED25519, "par": "always", "redirect_uri": "http://127.0.0.1/"});
    let open = || {
        let client = client(&server, &more);
        client.set_test_clock(Some(now() - 7_200_000));
        client
    };
    let client = open();
    assert!(wait(client.begin("alice", BeginOptions::default())).unwrap().url.contains("urn%3Ax"));
    assert!(wait(client.begin_device("alice", DeviceOptions::default())).is_ok());
    assert_eq!(server.asked().len(), 3); // the offset is known from then on
    assert!(wait(open().begin_device("alice", DeviceOptions::default())).is_ok());
    assert_eq!(server.asked().len(), 5);
}

#[test]
fn a_service_account_has_a_token_for_each_account_scopes_and_user() {
    let (server, folder) = (TokenEndpoint::start(tokens), Folder::new());
    let base = server.base_url();
    let pem = ed25519_pem();
    let open = |scope: &str, user: Option<&str>| {
        let key = json!({
            "type": "service_account", "private_key_id": "k2", "private_key": pem,
            "client_email": "robot@p.iam.gserviceaccount.com", "token_uri": "https://oauth2.googleapis.com/token",
        });
        let mut config = json!({
            "google_credentials": key.to_string(), "scope": scope, "store": folder.database(), "detached": "off",
            "provider": {
                "name": "google", "authorization_endpoint": base, "token_endpoint": format!("{base}/token"),
                "scope_in_assertion": true, "assertion_audience": "token_endpoint",
            },
        });
        if let Some(user) = user {
            config["assertion"] = json!({ "subject": user });
        }
        Client::open(Config::from_json(&config.to_string()).unwrap()).unwrap()
    };
    let of_account = token(&open("a b", None), "").unwrap();
    assert_eq!(token(&open("b a", None), "").unwrap(), of_account);
    let others = [
        token(&open("a", None), "").unwrap(),
        token(&open("a b", Some("alice@example.org")), "").unwrap(),
        token(&open("a b", Some("{subject}")), "alice@example.org").unwrap(),
        token(&open("a b", Some("{subject}")), "bob@example.org").unwrap(),
    ];
    let asked = server.asked();
    assert_eq!(asked.len(), 1 + others.len());
    let claims = |number: usize| {
        let asked: &Asked = &asked[number];
        let names: Vec<_> = asked.form.keys().map(String::as_str).collect();
        assert_eq!(names, ["assertion", "grant_type"]); // the assertion says all
        assert_eq!(asked.form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
        let (header, claims) = signed_by_ed25519(&asked.form["assertion"]);
        assert_eq!(header["kid"], "k2");
        assert_eq!(claims["iss"], "robot@p.iam.gserviceaccount.com");
        assert_eq!(claims["aud"], format!("{base}/token"));
        (claims["scope"].clone(), claims.get("sub").cloned())
    };
    assert_eq!(claims(0), (json!("a b"), None));
    assert_eq!(claims(1), (json!("a"), None));
    assert_eq!(claims(2), (json!("a b"), Some(json!("alice@example.org"))));
    assert_eq!(claims(4), (json!("a b"), Some(json!("bob@example.org"))));
}

/// The same key as Google would write it.
fn ed25519_pem() -> String {
    let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    let der =
        [&b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"[..], &seed].concat();
    let base64 = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n")
}

#[test]
fn an_assertion_says_by_whom_for_whom_and_what_the_provider_wants_besides() {
    let server = TokenEndpoint::start(tokens);
    let base = json!({"grant": "jwt_bearer", "private_key": ED25519, "scope": "read"});
    let claims = |assertion: Value| {
        let mut more = base.clone();
        more["assertion"] = assertion;
        token(&client(&server, &more), "alice").unwrap();
        let asked = server.asked().pop().unwrap();
        assert_eq!((asked.form["scope"].as_str(), asked.form.get("client_id")), ("read", None));
        let (_, claims) = signed_by_ed25519(&asked.form["assertion"]);
        (claims["iss"].clone(), claims["sub"].clone(), claims["box_sub_type"].clone())
    };
    assert_eq!(claims(json!({})), (json!("c"), json!("c"), Value::Null));
    let all = json!({"issuer": "i", "subject": "{subject}@example.org", "claims": {"box_sub_type": "user"}});
    assert_eq!(claims(all), (json!("i"), json!("alice@example.org"), json!("user")));
    assert_eq!(claims(json!({"subject": ""})), (json!("c"), Value::Null, Value::Null));
}

#[test]
fn a_token_is_exchanged_anew_with_what_its_file_holds_then() {
    let (server, folder) = (TokenEndpoint::start(tokens), Folder::new());
    let file = folder.file("token");
    std::fs::write(&file, "first").unwrap();
    let more = json!({
        "grant": "token_exchange", "client_secret": "s", "scope": "read",
        "token_exchange": {
            "subject_token": {"file": file}, "subject_token_type": "jwt", "audience": "service",
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token", "actor_token": "actor",
        },
    });
    let client = client(&server, &more);
    token(&client, "app").unwrap();
    std::fs::write(&file, "second").unwrap();
    renewed(&client, "app");
    let asked = server.asked();
    let form = |name: &str| asked[0].form[name].as_str();
    assert_eq!(form("grant_type"), "urn:ietf:params:oauth:grant-type:token-exchange");
    assert_eq!(form("subject_token_type"), "urn:ietf:params:oauth:token-type:jwt");
    assert_eq!(form("requested_token_type"), "urn:ietf:params:oauth:token-type:access_token");
    assert_eq!(form("actor_token_type"), "urn:ietf:params:oauth:token-type:access_token");
    assert_eq!(
        (form("audience"), form("scope"), form("actor_token")),
        ("service", "read", "actor")
    );
    assert_eq!(
        (form("subject_token"), asked[1].form["subject_token"].as_str()),
        ("first", "second")
    );
}

#[test]
fn an_expired_token_that_its_file_replaces_is_tried_at_once() {
    let folder = Folder::new();
    let file = folder.file("token");
    std::fs::write(&file, "old").unwrap();
    let server = TokenEndpoint::start(|number, asked| match asked.form["subject_token"].as_str() {
        "old" => refusal("invalid_request"),
        _ => tokens(number, asked),
    });
    let exchange = json!({"subject_token": {"file": file}});
    let client = client(&server, &json!({"grant": "token_exchange", "token_exchange": exchange}));
    assert_eq!(token(&client, "app").unwrap_err().code(), Code::MisconfiguredClient);
    assert_eq!(token(&client, "app").unwrap_err().code(), Code::TemporarilyUnavailable);
    std::fs::write(&file, "new").unwrap();
    let later = SystemTime::now() + Duration::from_secs(2);
    std::fs::File::open(&file).unwrap().set_modified(later).unwrap();
    token(&client, "app").unwrap();
}

#[test]
fn a_user_of_googles_default_credentials_is_the_grant_without_a_name() {
    let server = TokenEndpoint::start(tokens);
    let base = server.base_url();
    let file = json!({"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "rt"});
    let config = json!({
        "google_credentials": file.to_string(), "store": "memory:",
        "provider": {"authorization_endpoint": base, "token_endpoint": format!("{base}/token")},
    });
    let client = Client::open(Config::from_json(&config.to_string()).unwrap()).unwrap();
    assert_eq!(token(&client, "alice").unwrap_err().code(), Code::NoGrant);
    token(&client, "").unwrap();
    assert_eq!(server.asked()[0].form["refresh_token"], "rt");
}

#[test]
fn security_01_password_and_pin_are_off_until_they_are_switched_on_and_then_told() {
    let server = TokenEndpoint::start(|number, asked| {
        let (status, mut body) = tokens(number, asked);
        body["refresh_token"] = json!("rt");
        (status, body)
    });
    let open = |legacy: Value| {
        let environment = Environment { events: Events::Queue, ..Environment::default() };
        let config = config(&server, "memory:", &json!({ "legacy_grants": legacy }));
        Client::open_with(config, environment).unwrap()
    };
    let password = || PasswordOptions {
        username: "johndoe".into(),
        password: "A3ddj3w".into(),
        ..PasswordOptions::default()
    };
    let pin = || PinOptions { pin: "1234".into(), ..PinOptions::default() };
    for client in [open(json!([])), open(json!(["pin"]))] {
        let error = wait(client.grant_by_password("alice", password())).unwrap_err();
        assert_eq!(error.code(), Code::Unsupported);
        assert!(error.message().contains("legacy_grants") && !error.message().contains("A3ddj3w"));
    }
    assert_eq!(wait(open(json!(["password"])).pin_url()).unwrap_err().code(), Code::Unsupported);
    let client = open(json!(["password", "pin"]));
    let nothing = wait(client.grant_by_password("alice", PasswordOptions::default())).unwrap_err();
    assert_eq!(nothing.message(), "options: username: is missing; expected what the user typed");
    let nothing = wait(client.grant_by_pin("alice", PinOptions::default())).unwrap_err();
    assert_eq!(nothing.code(), Code::InvalidArgument);
    assert!(server.asked().is_empty());

    let granted = wait(client.grant_by_password("alice", password())).unwrap();
    assert!(granted.has_refresh_token);
    wait(client.grant_by_pin("bob", pin())).unwrap();
    let asked = server.asked();
    assert_eq!(
        (asked[0].form["username"].as_str(), asked[0].form["password"].as_str()),
        ("johndoe", "A3ddj3w")
    );
    assert_eq!(
        (asked[1].form["grant_type"].as_str(), asked[1].form["pin"].as_str()),
        ("pin", "1234")
    );
    let told: Vec<_> =
        client.take_events().iter().map(|event| serde_json::to_value(event).unwrap()).collect();
    let names: Vec<_> = told.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["legacy_grant", "granted", "legacy_grant", "granted"]);
    assert!(!format!("{told:?}").contains("A3ddj3w"));
    assert!(wait(client.pin_url()).unwrap().contains("response_type=pin&client_id=c"));
}

#[test]
fn a_refresh_token_is_spent_with_an_assertion_too() {
    let server = TokenEndpoint::start(tokens);
    let client = client(&server, &json!({ "private_key": ED25519 }));
    let put = PutTokens { refresh_token: Some("rt".into()), ..PutTokens::default() };
    wait(client.put("alice", put)).unwrap();
    token(&client, "alice").unwrap();
    let asked = &server.asked()[0];
    assert_eq!(asked.form["refresh_token"], "rt");
    signed_by_ed25519(&asked.form["client_assertion"]);
}
