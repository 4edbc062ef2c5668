//! OpenID Connect against the sandbox: what an `id_token` must be before a first consent is stored, what of it holds a renewal
//! back, and what the provider says about user and token.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use evergrant::{
    ApplicationStore, BeginOptions, Client, Code, Environment, Error, Events, FinishOptions,
    IntrospectOptions, LogoutOptions, Method, PutTokens, RefreshOptions, StoreCall, TokenKind,
    TokenOptions, UserinfoOptions, wait,
};
use evergrant_sandbox::{
    Choice, Fault, FaultKind, IdTokenHabit, IdTokenSignature, JournalEntry, Kind, Sandbox, Target,
};
use serde_json::{Value, json};
use std::time::{Duration, UNIX_EPOCH};
use support::{oauth2, sandbox};
use url::Url;

const LIFETIME: Duration = Duration::from_secs(3600);

fn by_issuer(sandbox: &Sandbox) -> Client {
    opened(sandbox, &json!({ "provider": sandbox.base_url() }))
}

fn opened(sandbox: &Sandbox, more: &Value) -> Client {
    let mut keys = json!({ "scope": ["openid", "read"], "offline": false });
    keys.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let environment = Environment { events: Events::Queue, ..Environment::default() };
    let client = Client::open_with(oauth2(sandbox, "memory:", &keys), environment).unwrap();
    client.set_test_clock(Some(now(sandbox)));
    client
}

fn now(sandbox: &Sandbox) -> i64 {
    let now = sandbox.now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

fn later(client: &Client, sandbox: &Sandbox, by: Duration) {
    sandbox.advance_clock(by);
    client.set_test_clock(Some(now(sandbox)));
}

fn login(client: &Client, sandbox: &Sandbox) -> evergrant::Result<()> {
    let start = wait(client.begin("alice", BeginOptions::default()))?;
    let callback = sandbox.consent(&start.url, "alice", Choice::Allow).unwrap();
    wait(client.finish(&callback, FinishOptions::default())).map(drop)
}

fn token(client: &Client) -> evergrant::Result<String> {
    let token = wait(client.grant("alice").access_token(TokenOptions::default()))?;
    Ok(token.token.expose().to_owned())
}

fn hold(client: &Client) -> Option<String> {
    wait(client.grant("alice").inspect()).unwrap().hold
}

fn asked(sandbox: &Sandbox, kind: Kind) -> Vec<JournalEntry> {
    sandbox.journal().into_iter().filter(|entry| entry.kind == kind).collect()
}

fn claims(claims: Value) -> IdTokenHabit {
    let Value::Object(claims) = claims else { panic!("claims are an object") };
    IdTokenHabit { claims, ..IdTokenHabit::default() }
}

fn header(header: Value, signature: IdTokenSignature) -> IdTokenHabit {
    let Value::Object(header) = header else { panic!("a header is an object") };
    IdTokenHabit { header, signature, ..IdTokenHabit::default() }
}

/// ID Tokens that must not be taken, and a word of why.
fn bad_id_tokens(sandbox: &Sandbox) -> Vec<(IdTokenHabit, &'static str)> {
    let seconds = now(sandbox) / 1000;
    let own = IdTokenSignature::Own;
    vec![
        (header(json!({"alg": "none"}), IdTokenSignature::None), "signed by \"none\""),
        (header(json!({"alg": "HS256"}), IdTokenSignature::HmacOfPublicKey), "signed by \"HS256\""),
        (header(json!({"alg": "RS256"}), own), "signed by \"RS256\""),
        (header(json!({"crit": ["b64"]}), own), "crit"),
        (header(json!({}), IdTokenSignature::Foreign), "signature"),
        (claims(json!({"iss": "https://evil.example"})), "of the issuer"),
        (claims(json!({"aud": "another"})), "(aud)"),
        (claims(json!({"azp": "another"})), "(azp)"),
        (claims(json!({"aud": ["sandbox-client", "another"]})), "2 audiences"),
        (claims(json!({"exp": seconds - 7200})), "is this clock right?"),
        (claims(json!({"iat": seconds + 7200})), "is this clock right?"),
        (claims(json!({"exp": null})), "`exp`"),
        (claims(json!({"sub": null})), "`sub`"),
        (claims(json!({"at_hash": "AAAA"})), "at_hash"),
    ]
}

#[test]
fn a_consent_with_openid_sends_a_new_nonce_and_takes_the_id_token_that_repeats_it() {
    let sandbox = sandbox(LIFETIME);
    let client = by_issuer(&sandbox);
    let nonce = |url: &str| {
        let url = Url::parse(url).unwrap();
        url.query_pairs().find(|(name, _)| name == "nonce").map(|(_, value)| value.into_owned())
    };
    let begin = |options| wait(client.begin("alice", options)).unwrap().url;
    let (first, second) =
        (nonce(&begin(BeginOptions::default())), nonce(&begin(BeginOptions::default())));
    assert!(first.as_ref().unwrap().len() == 43 && first != second);
    let without = BeginOptions { scope: Some(scope(&["read"])), ..BeginOptions::default() };
    assert_eq!(nonce(&begin(without)), None);

    login(&client, &sandbox).unwrap();
    assert!(token(&client).is_ok());
    assert_eq!(asked(&sandbox, Kind::Keys).len(), 1);
}

fn scope(values: &[&str]) -> evergrant::Scopes {
    evergrant::Scopes(values.iter().map(|&value| value.to_owned()).collect())
}

#[test]
fn security_16_a_first_consent_with_a_bad_id_token_is_refused_with_its_own_words_and_nothing_is_stored()
 {
    let sandbox = sandbox(LIFETIME);
    let client = by_issuer(&sandbox);
    let mut bad = bad_id_tokens(&sandbox);
    bad.push((claims(json!({"nonce": "another"})), "its nonce is another"));
    bad.push((claims(json!({"nonce": null})), "its nonce is missing"));
    bad.push((claims(json!({"iss": "https://evil.example\n\u{1b}[31m"})), "of the issuer"));
    for (habit, words) in bad {
        sandbox.set_id_token_habit(habit.clone());
        let error = login(&client, &sandbox).expect_err(words);
        assert_eq!(
            (error.code(), error.reason()),
            (Code::InvalidResponse, Some("id_token")),
            "{error}"
        );
        assert!(error.message().contains(words), "{error}");
        assert!(error.message().contains("expected"), "{error}");
        assert!(!error.message().contains(char::is_control), "{error}");
        assert_eq!(token(&client).unwrap_err().code(), Code::NoGrant, "{words}");
    }
    sandbox.set_id_token_habit(IdTokenHabit::default());
    login(&client, &sandbox).unwrap();
}

#[test]
fn security_16_a_renewal_with_a_bad_id_token_is_stored_and_held_until_a_good_one_comes() {
    let sandbox = sandbox(LIFETIME);
    let client = by_issuer(&sandbox);
    login(&client, &sandbox).unwrap();
    let mut bad = bad_id_tokens(&sandbox);
    bad.push((claims(json!({"sub": "bob"})), "another user"));
    for (number, (habit, words)) in bad.into_iter().enumerate() {
        sandbox.set_id_token_habit(habit);
        let force = RefreshOptions { force: true, timeout: None };
        let _ = wait(client.grant("alice").refresh(force));
        let inspection = wait(client.grant("alice").inspect()).unwrap();
        assert!(inspection.hold.as_ref().is_some_and(|why| why.contains(words)), "{inspection:?}");
        assert_eq!(inspection.generation, number as u64 + 2, "{words}");
        let error = token(&client).unwrap_err();
        assert_eq!((error.code(), error.reason()), (Code::NeedsConsent, Some("hold")));
    }
    sandbox.set_id_token_habit(IdTokenHabit::default());
    let force = RefreshOptions { force: true, timeout: None };
    assert_eq!(wait(client.grant("alice").refresh(force)).unwrap().hold, None);
    token(&client).unwrap();
}

#[test]
fn a_caller_who_waits_for_a_renewal_behind_the_scenes_is_not_given_what_is_held() {
    let sandbox = sandbox(LIFETIME);
    let keys = json!({ "scope": ["openid"], "offline": false, "provider": sandbox.base_url() });
    let environment = Environment {
        store: Some(ApplicationStore::CallingThread(vec![Method::Load, Method::Save])),
        ..Environment::default()
    };
    let client = Client::open_with(oauth2(&sandbox, "memory:", &keys), environment).unwrap();
    client.set_test_clock(Some(now(&sandbox)));
    let thread = client.calling_thread().unwrap();
    let mut record = Value::Null;
    let mut serve = |call: StoreCall| {
        if call.method == Method::Save {
            record = call.arguments[3].clone();
            return Ok(Value::Null);
        }
        Ok(record.clone())
    };
    let consenting = client.clone();
    let begin = async move { consenting.begin("alice", BeginOptions::default()).await };
    let start = thread.wait_serving(begin, &mut serve).unwrap();
    let callback = sandbox.consent(&start.url, "alice", Choice::Allow).unwrap();
    let consenting = client.clone();
    let finish = async move { consenting.finish(&callback, FinishOptions::default()).await };
    thread.wait_serving(finish, &mut serve).unwrap();

    sandbox.set_id_token_habit(claims(json!({"sub": "mallory"})));
    later(&client, &sandbox, Duration::from_secs(3540)); // in the soft window
    let grant = client.grant("alice");
    let ask = async move { grant.access_token(TokenOptions::default()).await };
    let error = thread.wait_serving(ask, &mut serve).unwrap_err();
    assert_eq!((error.code(), error.reason()), (Code::NeedsConsent, Some("hold")));
    let grant = client.grant("alice");
    let error = thread.wait_serving(async move { grant.export().await }, &mut serve).unwrap_err();
    assert_eq!((error.code(), error.reason()), (Code::NeedsConsent, Some("hold")));
}

#[test]
fn a_refresh_without_id_token_is_as_good() {
    let sandbox = sandbox(LIFETIME);
    let client = by_issuer(&sandbox);
    login(&client, &sandbox).unwrap();
    sandbox.set_id_token_habit(IdTokenHabit { at_refresh: false, ..IdTokenHabit::default() });
    later(&client, &sandbox, LIFETIME);
    token(&client).unwrap();
    assert_eq!(hold(&client), None);
    let exported = wait(client.grant("alice").export()).unwrap();
    assert!(exported.expose().contains("id_token"), "the consent's is kept");
}

#[test]
fn security_16_a_key_that_is_not_known_is_looked_for_once_a_minute() {
    let sandbox = sandbox(LIFETIME);
    let client = by_issuer(&sandbox);
    login(&client, &sandbox).unwrap();
    sandbox.rotate_signing_key();
    login(&client, &sandbox).unwrap();
    assert_eq!(asked(&sandbox, Kind::Keys).len(), 2, "at once");

    let unknown = header(json!({"kid": "nobody's"}), IdTokenSignature::Own);
    sandbox.set_id_token_habit(unknown);
    for _ in 0..3 {
        let error = login(&client, &sandbox).unwrap_err();
        assert!(error.message().contains("the key \"nobody's\""), "{error}");
    }
    assert_eq!(asked(&sandbox, Kind::Keys).len(), 2);
    later(&client, &sandbox, Duration::from_secs(60));
    login(&client, &sandbox).unwrap_err();
    assert_eq!(asked(&sandbox, Kind::Keys).len(), 3);
}

#[test]
fn keys_that_cannot_be_had_let_no_consent_through_and_spend_no_code() {
    let sandbox = sandbox(LIFETIME);
    let huge = format!(r#"{{"keys":["{}"]}}"#, "x".repeat(300_000));
    let deep = format!(r#"{{"keys":{}"#, "[".repeat(100_000));
    let body =
        |body: String| Fault { body: Some(body), ..Fault::new(Target::Keys, FaultKind::Body) };
    let late = Fault { milliseconds: Some(60_000), ..Fault::new(Target::Keys, FaultKind::Delay) };
    for (fault, code, words) in [
        (body(huge), Code::InvalidResponse, "more than the 262144 bytes"),
        (body(deep), Code::InvalidResponse, "malformed"),
        (body("<html>".into()), Code::InvalidResponse, "a page of HTML"),
        (body("{}".into()), Code::InvalidResponse, "no `keys`"),
        (Fault::new(Target::Keys, FaultKind::Status), Code::ProviderError, "answered 503"),
        (Fault::new(Target::Keys, FaultKind::DropBefore), Code::Transport, "did not answer"),
        (late, Code::Timeout, "did not answer within"),
    ] {
        let client = opened(
            &sandbox,
            &json!({ "provider": sandbox.base_url(), "timeouts": { "request": 1 } }),
        );
        sandbox.add_fault(Fault { times: 0, ..fault }).unwrap();
        let start = wait(client.begin("alice", BeginOptions::default())).unwrap();
        let callback = sandbox.consent(&start.url, "alice", Choice::Allow).unwrap();
        let finish = || wait(client.finish(&callback, FinishOptions::default()));
        let error: Error = finish().unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.message().contains(words), "{error}");
        assert!(error.message().contains("the keys of"), "{error}");
        assert_eq!(token(&client).unwrap_err().code(), Code::NoGrant);
        assert_eq!(asked(&sandbox, Kind::Token).len(), 0);

        // The same callback is good when the keys are there again.
        sandbox.clear_faults();
        later(&client, &sandbox, Duration::from_secs(10));
        finish().unwrap();
        sandbox.clear_journal();
    }
}

#[test]
fn keys_that_cannot_be_had_hold_no_renewal_back() {
    let sandbox = sandbox(LIFETIME);
    let client = by_issuer(&sandbox);
    login(&client, &sandbox).unwrap();
    let other = by_issuer(&sandbox);
    let exported = wait(client.grant("alice").export()).unwrap();
    let tokens = PutTokens { document: Some(exported), ..PutTokens::default() };
    wait(other.put("alice", tokens)).unwrap();
    let fault = Fault { times: 0, ..Fault::new(Target::Keys, FaultKind::Status) };
    sandbox.add_fault(fault).unwrap();
    sandbox.clear_journal();
    later(&other, &sandbox, LIFETIME);
    token(&other).unwrap();
    assert_eq!(hold(&other), None);
    assert_eq!(asked(&sandbox, Kind::Keys).len(), 1);
}

#[test]
fn a_process_that_did_not_see_the_consent_checks_the_signature_of_a_renewal() {
    let sandbox = sandbox(LIFETIME);
    let client = by_issuer(&sandbox);
    login(&client, &sandbox).unwrap();
    let other = by_issuer(&sandbox);
    let exported = wait(client.grant("alice").export()).unwrap();
    let tokens = PutTokens { document: Some(exported), ..PutTokens::default() };
    wait(other.put("alice", tokens)).unwrap();
    sandbox.set_id_token_habit(header(json!({}), IdTokenSignature::Foreign));
    later(&other, &sandbox, LIFETIME);
    token(&other).unwrap_err();
    assert!(hold(&other).unwrap().contains("signature"));
}

#[test]
fn a_provider_whose_keys_nobody_names_is_believed_for_its_tls_and_all_else_is_checked() {
    let sandbox = sandbox(LIFETIME);
    let client = opened(&sandbox, &json!({}));
    sandbox.set_id_token_habit(header(json!({}), IdTokenSignature::Foreign));
    login(&client, &sandbox).unwrap();
    sandbox.set_id_token_habit(claims(json!({"aud": "another"})));
    login(&client, &sandbox).unwrap_err();
    assert_eq!(asked(&sandbox, Kind::Keys).len(), 0);
}

#[test]
fn an_entry_names_other_spellings_of_the_issuer_and_the_algorithms() {
    let sandbox = sandbox(LIFETIME);
    let base = sandbox.base_url();
    let provider = |more: Value| {
        let mut table = json!({
            "issuer": base,
            "authorization_endpoint": format!("{base}/oauth2/authorize"),
            "token_endpoint": format!("{base}/oauth2/token"),
            "jwks_uri": format!("{base}/oauth2/keys"),
        });
        table.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        opened(&sandbox, &json!({ "provider": table }))
    };
    sandbox.set_id_token_habit(claims(json!({"iss": "sandbox"})));
    login(&provider(json!({"id_token_issuers": ["sandbox"]})), &sandbox).unwrap();
    login(&provider(json!({})), &sandbox).unwrap_err();
    let rsa_only =
        provider(json!({"id_token_issuers": ["sandbox"], "id_token_algorithms": ["RS256"]}));
    let error = login(&rsa_only, &sandbox).unwrap_err();
    assert!(error.message().contains("signed by \"ES256\"; expected one of RS256"), "{error}");
}

#[test]
fn userinfo_is_of_the_user_of_the_id_token_or_not_taken() {
    let sandbox = sandbox(LIFETIME);
    let client = by_issuer(&sandbox);
    login(&client, &sandbox).unwrap();
    let userinfo = || wait(client.grant("alice").userinfo(UserinfoOptions::default()));
    assert_eq!(userinfo().unwrap()["sub"], "alice");
    sandbox.expire_access("alice");
    assert_eq!(userinfo().unwrap()["sub"], "alice", "renewed after the 401");
    let body = |text: &str| Fault {
        body: Some(text.to_owned()),
        ..Fault::new(Target::Userinfo, FaultKind::Body)
    };
    for (text, reason, words) in [
        (r#"{"sub": "bob\u0007"}"#, Some("another_user"), "about \"bob \""),
        (r#"{"name": "alice"}"#, Some("another_user"), "has no sub"),
        (r#"{"sub": 7}"#, Some("another_user"), "something else"),
        ("<html>", None, "a page of HTML"),
        ("[]", None, "an array"),
    ] {
        sandbox.add_fault(body(text)).unwrap();
        let error = userinfo().unwrap_err();
        assert_eq!((error.code(), error.reason()), (Code::InvalidResponse, reason), "{error}");
        assert!(error.message().contains(words), "{error}");
        assert_eq!(error.subject(), Some("alice"));
    }
    let huge = body(&format!(r#"{{"sub":"alice","x":"{}"}}"#, "x".repeat(2 << 20)));
    sandbox.add_fault(huge).unwrap();
    assert_eq!(userinfo().unwrap_err().code(), Code::InvalidResponse);
}

#[test]
fn introspection_asks_about_either_token_and_changes_nothing() {
    let sandbox = sandbox(LIFETIME);
    let client = by_issuer(&sandbox);
    login(&client, &sandbox).unwrap();
    let introspect =
        |token| wait(client.grant("alice").introspect(IntrospectOptions { token, timeout: None }));
    let access = introspect(TokenKind::AccessToken).unwrap();
    assert!(access.active);
    assert_eq!(access.fields["scope"], "openid read");
    assert!(introspect(TokenKind::RefreshToken).unwrap().active);
    let [first, second] = &asked(&sandbox, Kind::Introspect)[..] else { panic!("not two") };
    assert_eq!(first.form[0], ("token".into(), "access#1".into()));
    assert_eq!(second.form[1], ("token_type_hint".into(), "refresh_token".into()));
    assert!(first.client_authentication.is_some());

    sandbox.revoke_user("alice");
    assert!(!introspect(TokenKind::AccessToken).unwrap().active);
    assert_eq!(wait(client.grant("alice").inspect()).unwrap().status, "active");
    for (text, words) in
        [("{}", "whether the token is active"), (r#"{"active": "true"}"#, "a boolean")]
    {
        let fault =
            Fault { body: Some(text.into()), ..Fault::new(Target::Introspect, FaultKind::Body) };
        sandbox.add_fault(fault).unwrap();
        let error = introspect(TokenKind::AccessToken).unwrap_err();
        assert_eq!(error.code(), Code::InvalidResponse);
        assert!(error.message().contains(words), "{error}");
    }
    let stranger =
        opened(&sandbox, &json!({ "provider": sandbox.base_url(), "client_secret": "wrong" }));
    wait(stranger.put("bob", PutTokens { access_token: Some("a".into()), ..<_>::default() }))
        .unwrap();
    let error = wait(stranger.grant("bob").introspect(IntrospectOptions::default())).unwrap_err();
    assert_eq!(error.code(), Code::MisconfiguredClient);
}

#[test]
fn what_a_provider_has_no_endpoint_for_is_told_so() {
    let sandbox = sandbox(LIFETIME);
    let client = opened(&sandbox, &json!({}));
    login(&client, &sandbox).unwrap();
    let grant = client.grant("alice");
    for error in [
        wait(grant.userinfo(UserinfoOptions::default())).unwrap_err(),
        wait(grant.introspect(IntrospectOptions::default())).unwrap_err(),
        wait(client.logout_url(LogoutOptions::default())).unwrap_err(),
    ] {
        assert_eq!(error.code(), Code::Unsupported);
        assert!(error.message().contains("endpoint"), "{error}");
    }
}

#[test]
fn the_logout_address_tells_the_provider_who_logs_out_and_where_to_go_then() {
    let sandbox = sandbox(LIFETIME);
    let base = sandbox.base_url();
    let provider = json!({
        "authorization_endpoint": format!("{base}/oauth2/authorize"),
        "token_endpoint": format!("{base}/oauth2/token"),
        "end_session_endpoint": format!("{base}/logout?tenant=1"),
    });
    let client = opened(&sandbox, &json!({ "provider": provider }));
    login(&client, &sandbox).unwrap();
    let logout = |options| wait(client.logout_url(options));
    let parameters = |options| {
        let address = logout(options).unwrap();
        assert!(!format!("{address:?}").contains("http"), "it holds the id_token");
        let url = Url::parse(address.url.expose()).unwrap();
        url.query_pairs()
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect::<Vec<_>>()
    };
    let of = |subject: &str| LogoutOptions {
        subject: Some(subject.into()),
        post_logout_redirect_uri: Some("https://app.example/bye?a=b".into()),
        state: Some("s&t".into()),
        ..LogoutOptions::default()
    };
    let told = parameters(of("alice"));
    let names: Vec<_> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["tenant", "id_token_hint", "client_id", "post_logout_redirect_uri", "state"]
    );
    assert_eq!(told[1].1.split('.').count(), 3);
    assert_eq!(told[3].1, "https://app.example/bye?a=b");
    assert_eq!(told[4].1, "s&t");
    let nobody = parameters(of("nobody"));
    assert!(nobody.iter().all(|(name, _)| name != "id_token_hint"));
    let client_only = parameters(LogoutOptions::default());
    assert_eq!(client_only.len(), 2);
    let alone = LogoutOptions { state: Some("s".into()), ..LogoutOptions::default() };
    assert_eq!(logout(alone).unwrap_err().code(), Code::InvalidArgument);
}

#[test]
fn no_id_token_nonce_or_key_is_told_to_anybody() {
    let sandbox = sandbox(LIFETIME);
    let client = by_issuer(&sandbox);
    sandbox.set_id_token_habit(claims(json!({"email": "canary@example.org"})));
    login(&client, &sandbox).unwrap();
    sandbox.set_id_token_habit(claims(json!({"email": "canary@example.org", "sub": "bob"})));
    later(&client, &sandbox, LIFETIME);
    let error = token(&client).unwrap_err();
    let inspection = wait(client.grant("alice").inspect()).unwrap();
    let events: Vec<_> = client.take_events();
    let told = format!(
        "{error:?} {} {inspection:?} {events:?} {}",
        error.to_json(),
        serde_json::to_string(&inspection).unwrap()
    );
    assert!(!told.contains("canary") && !told.contains("eyJ"), "{told}");
}
