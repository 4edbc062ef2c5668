//! Tokens that are bound to a key (RFC 9449), at the sandbox, which checks proofs to the letter.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use evergrant::{
    ApiRequest, BeginOptions, Client, Code, FinishOptions, PutTokens, RefreshOptions, TokenOptions,
    wait,
};
use evergrant_sandbox::{Choice, Dpop, Options, Sandbox};
use serde_json::json;
use std::time::{Duration, UNIX_EPOCH};
use support::{Folder, consent, oauth2, refresh_requests, sandbox};

const LIFETIME: Duration = Duration::from_secs(3600);

fn bound(sandbox: &Sandbox, store: &str) -> Client {
    Client::open(oauth2(sandbox, store, &json!({"dpop": true}))).unwrap()
}

async fn status(client: &Client, sandbox: &Sandbox) -> u16 {
    let url = format!("{}/api/me", sandbox.base_url());
    let request = ApiRequest { url, ..ApiRequest::default() };
    client.grant("alice").request(request).await.unwrap().status
}

#[test]
fn an_exported_grant_takes_its_key_along() {
    let (sandbox, folder) = (sandbox(LIFETIME), Folder::new());
    let one = bound(&sandbox, &folder.database());
    wait(consent(&one, &sandbox, "alice"));
    let document = wait(one.grant("alice").export()).unwrap();
    let other = bound(&sandbox, "memory:");
    let tokens = PutTokens { document: Some(document), ..PutTokens::default() };
    wait(other.put("alice", tokens)).unwrap();
    assert_eq!(wait(status(&other, &sandbox)), 200);
    wait(other.grant("alice").refresh(RefreshOptions::default())).unwrap();
    assert_eq!(wait(status(&other, &sandbox)), 200);
}

#[test]
fn a_bound_token_without_its_key_is_not_stored() {
    let sandbox = sandbox(LIFETIME);
    let client = bound(&sandbox, "memory:");
    let tokens = PutTokens {
        access_token: Some("at".into()),
        token_type: Some("dpop".to_owned()),
        ..PutTokens::default()
    };
    let error = wait(client.put("alice", tokens.clone())).unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(error.message().contains("dpop_key"), "{error}");
    let tokens = PutTokens { dpop_key: Some("s3cret".into()), ..tokens };
    let error = wait(client.put("alice", tokens)).unwrap_err();
    assert!(error.message().contains("PKCS #8") && !error.message().contains("s3cret"), "{error}");
}

#[test]
fn a_client_whose_clock_is_off_dates_its_proofs_by_the_servers() {
    let sandbox = sandbox(LIFETIME);
    let client = bound(&sandbox, "memory:");
    let now = sandbox.now().duration_since(UNIX_EPOCH).unwrap();
    client.set_test_clock(Some(i64::try_from(now.as_millis()).unwrap() - 7_200_000));
    wait(consent(&client, &sandbox, "alice"));
    assert_eq!(wait(status(&client, &sandbox)), 200);
    let refused = |status: u16| {
        let journal = sandbox.journal();
        journal.iter().filter(|entry| entry.status == Some(status)).count()
    };
    assert_eq!((refused(400), refused(401)), (1, 0));
}

#[test]
fn security_14_a_grant_keeps_its_key_when_the_user_consents_again_and_another_user_has_another() {
    let sandbox = sandbox(LIFETIME);
    let client = bound(&sandbox, "memory:");
    let thumbprint = |subject: &str| {
        let start = wait(client.begin(subject, BeginOptions::default())).unwrap();
        let url = url::Url::parse(&start.url).unwrap();
        let (_, key) = url.query_pairs().find(|(name, _)| name == "dpop_jkt").unwrap();
        let callback = sandbox.consent(&start.url, subject, Choice::Allow).unwrap();
        wait(client.finish(&callback, FinishOptions::default())).unwrap();
        key.into_owned()
    };
    assert_eq!(thumbprint("alice"), thumbprint("alice"));
    assert_ne!(thumbprint("alice"), thumbprint("bob"));
    wait(client.grant("alice").forget()).unwrap();
    let before = thumbprint("bob");
    assert_ne!(thumbprint("alice"), before);
}

#[test]
fn security_14_a_refused_proof_is_no_attempt_to_spend_the_refresh_token_of_a_strict_provider() {
    let options = Options {
        access_token_lifetime: LIFETIME,
        dpop: Dpop::Nonce,
        grace: Duration::ZERO,
        ..Options::default()
    };
    let sandbox = Sandbox::start(options).unwrap();
    let client = bound(&sandbox, "memory:");
    let set_clocks = |seconds: u64| {
        sandbox.set_clock(UNIX_EPOCH + Duration::from_secs(seconds));
        client.set_test_clock(Some(i64::try_from(seconds).unwrap() * 1000));
    };
    let begun = 300 * 6_333_334;
    set_clocks(begun);
    wait(consent(&client, &sandbox, "alice"));
    for generation in 2..5 {
        set_clocks(begun + 300 * generation); // the nonce is another
        let inspection = wait(client.grant("alice").refresh(RefreshOptions::default())).unwrap();
        assert_eq!((inspection.generation, inspection.last_failure), (generation, None));
    }
    assert_eq!(refresh_requests(&sandbox), 6);
    assert!(sandbox.journal().iter().all(|entry| !entry.reuse));
    let token = wait(client.grant("alice").access_token(TokenOptions::default())).unwrap();
    assert_eq!(token.token_type, "DPoP");
}
