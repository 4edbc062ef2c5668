//! Several access tokens under one grant share its one refresh token.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use evergrant::{ApiRequest, Client, Code, HeaderOptions, TokenOptions, options_from_json, wait};
use evergrant_sandbox::{Fault, FaultKind, JournalEntry, Sandbox, Target};
use serde_json::{Value, json};
use std::sync::Barrier;
use std::time::{Duration, UNIX_EPOCH};
use support::{Folder, consent, oauth2, refresh_requests};

const LIFETIME: Duration = Duration::from_secs(3600);
const MAIL: &str = "https://mail.example/";
const FILES: &str = "https://files.example/";

struct Scene {
    sandbox: Sandbox,
    client: Client,
    folder: Folder,
}

fn scene() -> Scene {
    let (sandbox, folder) = (support::sandbox(LIFETIME), Folder::new());
    let client = open(&sandbox, &folder);
    wait(consent(&client, &sandbox, "alice"));
    Scene { sandbox, client, folder }
}

fn open(sandbox: &Sandbox, folder: &Folder) -> Client {
    let client = Client::open(oauth2(sandbox, &folder.database(), &json!({}))).unwrap();
    client.set_test_clock(Some(now(sandbox)));
    client
}

fn now(sandbox: &Sandbox) -> i64 {
    let now = sandbox.now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

fn later(scene: &Scene, by: Duration) {
    scene.sandbox.advance_clock(by);
    scene.client.set_test_clock(Some(now(&scene.sandbox)));
}

fn token(client: &Client, options: &Value) -> evergrant::Result<String> {
    let options: TokenOptions = options_from_json(&options.to_string())?;
    Ok(wait(client.grant("alice").access_token(options))?.token.expose().to_owned())
}

fn of(client: &Client, resource: &str) -> String {
    token(client, &json!({"resource": resource})).unwrap()
}

fn own(client: &Client) -> String {
    token(client, &json!({})).unwrap()
}

fn generation(client: &Client) -> u64 {
    wait(client.grant("alice").inspect()).unwrap().generation
}

fn renewals(sandbox: &Sandbox) -> Vec<JournalEntry> {
    let is_renewal = |entry: &JournalEntry| entry.grant_type.as_deref() == Some("refresh_token");
    sandbox.journal().into_iter().filter(is_renewal).collect()
}

fn sent(entry: &JournalEntry, name: &str) -> Option<String> {
    entry.form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
}

#[test]
fn the_tokens_of_two_resources_share_one_refresh_token_and_are_renewed_each_on_its_own() {
    let scene = scene();
    let Scene { sandbox, client, .. } = &scene;
    let first = own(client);
    later(&scene, LIFETIME / 2);
    let mail = of(client, MAIL);
    let files = of(client, FILES);
    assert!(first != mail && mail != files && first != files);
    assert_eq!((of(client, MAIL), of(client, FILES), own(client)), (mail.clone(), files, first));
    let asked: Vec<_> = renewals(sandbox).iter().map(|entry| sent(entry, "resource")).collect();
    assert_eq!(asked, [Some(MAIL.to_owned()), Some(FILES.to_owned())]);

    // The grant's own token ends first: it alone is renewed.
    later(&scene, LIFETIME / 2);
    let renewed = own(client);
    assert_eq!((of(client, MAIL), own(client)), (mail, renewed));
    let last = renewals(sandbox).pop().unwrap();
    assert_eq!((sent(&last, "resource"), sent(&last, "scope")), (None, None));
    assert_eq!((refresh_requests(sandbox), generation(client)), (3, 4));
    assert!(renewals(sandbox).iter().all(|entry| entry.status == Some(200) && !entry.reuse));
}

#[test]
fn tokens_of_several_resources_are_stored() {
    let scene = scene();
    let mail = of(&scene.client, MAIL);
    let first = own(&scene.client);
    let elsewhere = open(&scene.sandbox, &scene.folder);
    assert_eq!((of(&elsewhere, MAIL), own(&elsewhere)), (mail, first));
    assert_eq!(refresh_requests(&scene.sandbox), 1);
}

#[test]
fn wishes_for_two_resources_at_once_send_two_requests_one_after_the_other() {
    let scene = scene();
    let first = own(&scene.client);
    let slow =
        Fault { milliseconds: Some(300), times: 0, ..Fault::new(Target::Token, FaultKind::Delay) };
    scene.sandbox.add_fault(slow).unwrap();
    let elsewhere = open(&scene.sandbox, &scene.folder);
    let barrier = Barrier::new(20);
    let tokens: Vec<(usize, String)> = std::thread::scope(|scope| {
        let ask = |number: usize| {
            let client = if number < 10 { &scene.client } else { &elsewhere };
            barrier.wait();
            (number % 2, of(client, [MAIL, FILES][number % 2]))
        };
        let threads: Vec<_> = (0..20).map(|number| scope.spawn(move || ask(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let of_mail = &tokens[0].1;
    let of_files = &tokens[1].1;
    assert_ne!(of_mail, of_files);
    assert!(tokens.iter().all(|(which, token)| token == [of_mail, of_files][*which]), "{tokens:?}");
    let renewals = renewals(&scene.sandbox);
    assert_eq!(renewals.len(), 2);
    // Each was answered after 0.3 s, before which the other was not there.
    assert!(renewals[1].at_ms - renewals[0].at_ms >= 300, "{renewals:?}");
    assert!(renewals.iter().all(|entry| entry.status == Some(200) && !entry.reuse));
    assert_eq!((own(&scene.client), generation(&scene.client)), (first, 3));
}

#[test]
fn a_narrower_scope_is_asked_for_at_the_renewal_and_is_a_token_of_its_own() {
    let scene = scene();
    let first = own(&scene.client);
    let narrow = token(&scene.client, &json!({"scope": "read"})).unwrap();
    assert_eq!(token(&scene.client, &json!({"scope": ["read"]})).unwrap(), narrow);
    assert_ne!(narrow, first);
    assert_eq!(sent(&renewals(&scene.sandbox)[0], "scope").as_deref(), Some("read"));
    assert_eq!((own(&scene.client), refresh_requests(&scene.sandbox)), (first, 1));
    let granted = wait(scene.client.grant("alice").inspect()).unwrap().scope;
    assert_eq!(granted, ["read", "write"]);
}

#[test]
fn a_wish_that_the_provider_refuses_holds_nothing_else_back() {
    let scene = scene();
    let error = token(&scene.client, &json!({"scope": "everything"})).unwrap_err();
    assert_eq!((error.code(), error.server_error()), (Code::ProviderError, Some("invalid_scope")));
    later(&scene, LIFETIME);
    own(&scene.client);
    of(&scene.client, MAIL);
    assert_eq!((refresh_requests(&scene.sandbox), generation(&scene.client)), (3, 3));
}

#[test]
fn a_wish_that_the_standards_do_not_allow_is_an_invalid_argument() {
    let scene = scene();
    for options in [json!({"resource": "mail"}), json!({"scope": "a\"b"})] {
        let error = token(&scene.client, &options).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
    }
    assert_eq!(refresh_requests(&scene.sandbox), 0);
}

#[test]
fn a_401_renews_the_token_that_met_it_and_no_other() {
    let Scene { sandbox, client, folder: _folder } = scene();
    let first = own(&client);
    let mail = of(&client, MAIL);
    of(&client, FILES); // the generation moves on, the token for mail stays

    let refusing = Fault { status: Some(401), ..Fault::new(Target::Api, FaultKind::Status) };
    sandbox.add_fault(refusing).unwrap();
    let request = ApiRequest {
        url: format!("{}/api/me", sandbox.base_url()),
        resource: Some(MAIL.to_owned()),
        ..ApiRequest::default()
    };
    assert_eq!(wait(client.grant("alice").request(request)).unwrap().status, 200);
    let asked: Vec<_> = renewals(&sandbox).iter().map(|entry| sent(entry, "resource")).collect();
    assert_eq!(asked.last().unwrap().as_deref(), Some(MAIL));
    let renewed = of(&client, MAIL);
    assert_ne!(renewed, mail);
    assert_eq!((own(&client), refresh_requests(&sandbox)), (first.clone(), 3));

    let options = HeaderOptions {
        refused: Some(renewed.as_str().into()),
        resource: Some(MAIL.to_owned()),
        ..HeaderOptions::default()
    };
    let url = format!("{}/api/me", sandbox.base_url());
    let headers = wait(client.grant("alice").headers("GET", &url, options)).unwrap();
    assert!(!headers[0].1.contains(&renewed), "the token that was refused");
    assert_eq!((own(&client), refresh_requests(&sandbox)), (first, 4));
}
