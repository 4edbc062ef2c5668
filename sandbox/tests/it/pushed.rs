use std::time::Duration;

use evergrant_sandbox::{CLIENT_ID, CLIENT_SECRET, Choice, Options, PUBLIC_CLIENT_ID};

use crate::client::{Provider, Response, Tokens, authorization_target, basic, encoded, parameter};

fn push(provider: &Provider, changes: &[(&str, &str)]) -> Response {
    let target = authorization_target(changes);
    let (_, query) = target.split_once('?').unwrap();
    let headers = [
        ("Authorization", &*basic(CLIENT_ID, CLIENT_SECRET)),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    provider.send("POST", "/oauth2/par", &headers, query.as_bytes())
}

fn url(provider: &Provider, client: &str, pushed: &Response) -> String {
    let json = pushed.json();
    let reference = json["request_uri"].as_str().unwrap();
    let query = encoded(&[("client_id", client), ("request_uri", reference)]);
    format!("{}/oauth2/authorize?{query}", provider.0.base_url())
}

#[test]
fn a_reference_stands_for_the_request_that_was_pushed() {
    let options = Options { require_pushed_authorization_requests: true, ..Options::default() };
    let provider = Provider::with(options);
    let pushed = push(&provider, &[]);
    assert_eq!((pushed.status, &pushed.json()["expires_in"]), (201, &60.into()));
    let callback =
        provider.0.consent(&url(&provider, CLIENT_ID, &pushed), "bob", Choice::Allow).unwrap();
    assert_eq!(parameter(&callback, "state").unwrap(), "s t&te");
    Tokens::of(&provider.exchange(&parameter(&callback, "code").unwrap()));

    let not_pushed = provider.authorization_url(&[]);
    assert!(provider.0.consent(&not_pushed, "bob", Choice::Allow).is_err());
}

#[test]
fn a_reference_is_of_its_client_and_ends() {
    let provider = Provider::start();
    let pushed = push(&provider, &[]);
    let of_another = url(&provider, PUBLIC_CLIENT_ID, &pushed);
    assert!(provider.0.consent(&of_another, "bob", Choice::Allow).is_err());
    provider.0.advance_clock(Duration::from_secs(60));
    let late = url(&provider, CLIENT_ID, &pushed);
    assert!(provider.0.consent(&late, "bob", Choice::Allow).is_err());
}

#[test]
fn a_request_that_could_not_be_put_to_a_user_is_refused_when_it_is_pushed() {
    let provider = Provider::start();
    for change in [
        ("response_type", "token"),
        ("redirect_uri", "https://elsewhere.example/"),
        ("client_id", PUBLIC_CLIENT_ID),
        ("request_uri", "urn:another"),
    ] {
        assert_eq!(push(&provider, &[change]).status, 400, "{change:?}");
    }
}
