//! The device flow (RFC 8628): any process goes on with it, together they keep the provider's interval, and the code is spent
//! once.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use evergrant::{
    BeginOptions, Client, Code, DeviceOptions, DeviceStart, FinishOptions, Finished, wait,
};
use evergrant_sandbox::{Choice, Fault, FaultKind, JournalEntry, Options, Sandbox, Target};
use serde_json::{Value, json};
use std::cell::Cell;
use std::time::{Duration, Instant, UNIX_EPOCH};
use support::{Folder, oauth2};

const INTERVAL: Duration = Duration::from_secs(5);
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

struct Scene {
    sandbox: Sandbox,
    client: Client,
    folder: Folder,
    /// The time by the clients' clocks, which stand.
    clock: Cell<i64>,
}

fn scene() -> Scene {
    let (sandbox, folder) = (support::sandbox(Duration::from_secs(3600)), Folder::new());
    let clock = Cell::new(now(&sandbox));
    let client = open(&sandbox, &folder, &json!({}));
    client.set_test_clock(Some(clock.get()));
    Scene { sandbox, client, folder, clock }
}

fn open(sandbox: &Sandbox, folder: &Folder, more: &Value) -> Client {
    let base = sandbox.base_url();
    let provider = json!({
        "name": "sandbox",
        "authorization_endpoint": format!("{base}/oauth2/authorize"),
        "token_endpoint": format!("{base}/oauth2/token"),
        "device_authorization_endpoint": format!("{base}/oauth2/device_authorization"),
        "offline": {"scope": ["offline_access"]},
    });
    let mut config = json!({ "provider": provider });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let client = Client::open(oauth2(sandbox, &folder.database(), &config)).unwrap();
    client.set_test_clock(Some(now(sandbox)));
    client
}

fn now(sandbox: &Sandbox) -> i64 {
    let now = sandbox.now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

impl Scene {
    /// Another process's client.
    fn elsewhere(&self) -> Client {
        let client = open(&self.sandbox, &self.folder, &json!({}));
        client.set_test_clock(Some(self.clock.get()));
        client
    }

    fn begin(&self) -> DeviceStart {
        wait(self.client.begin_device("alice", DeviceOptions::default())).unwrap()
    }

    fn later(&self, by: Duration) {
        self.sandbox.advance_clock(by);
        self.set_clock(now(&self.sandbox));
    }

    fn set_clock(&self, to: i64) {
        self.clock.set(to);
        self.client.set_test_clock(Some(to));
    }

    /// Seconds until the next poll, or the consent.
    fn poll(&self, start: &DeviceStart) -> evergrant::Result<Result<Finished, i64>> {
        let polled = wait(self.client.poll_device(&start.state))?;
        let left = |at: i64| (at - self.clock.get()) / 1000;
        Ok(polled.finished.ok_or_else(|| left(polled.poll_at.unwrap())))
    }

    fn polls(&self) -> Vec<JournalEntry> {
        let is_poll = |entry: &JournalEntry| entry.grant_type.as_deref() == Some(GRANT_TYPE);
        self.sandbox.journal().into_iter().filter(is_poll).collect()
    }
}

#[test]
fn a_code_typed_elsewhere_brings_a_grant_that_is_stored() {
    let scene = scene();
    let start = scene.begin();
    assert!(start.verification_uri.ends_with("/oauth2/device"));
    assert!(start.verification_uri_complete.as_ref().unwrap().contains(&start.user_code));
    assert_eq!(start.expires_at, scene.clock.get() + 600_000);
    assert_eq!(Duration::from_secs_f64(start.interval), INTERVAL);
    scene.later(INTERVAL);
    assert_eq!(scene.poll(&start).unwrap().unwrap_err(), 5);

    scene.sandbox.decide_device(&start.user_code, "alice", Choice::Allow).unwrap();
    scene.later(INTERVAL);
    let finished = scene.poll(&start).unwrap().unwrap();
    assert_eq!(
        (&*finished.subject, finished.scope),
        ("alice", vec!["read".to_owned(), "write".into()])
    );
    let inspected = wait(scene.client.grant("alice").inspect()).unwrap();
    assert_eq!(inspected.grant_id, finished.grant_id);
    assert!(inspected.has_refresh_token);

    // Whoever asks later is told the same, and nothing is sent.
    assert_eq!(scene.poll(&start).unwrap().unwrap().grant_id, finished.grant_id);
    assert_eq!(scene.polls().len(), 2);
    assert!(scene.polls().iter().all(|poll| !poll.reuse));
}

#[test]
fn offline_asks_for_the_scope_that_the_provider_wants_for_it() {
    let scene = scene();
    let client = open(&scene.sandbox, &scene.folder, &json!({"offline": true}));
    let options = DeviceOptions {
        parameters: [("audience".to_owned(), "api".to_owned())].into(),
        ..DeviceOptions::default()
    };
    wait(client.begin_device("alice", options)).unwrap();
    let sent = scene.sandbox.journal().pop().unwrap().form;
    assert!(
        sent.contains(&("scope".to_owned(), "read write offline_access".to_owned())),
        "{sent:?}"
    );
    assert!(sent.contains(&("audience".to_owned(), "api".to_owned())), "{sent:?}");
}

#[test]
fn a_poll_too_soon_asks_nobody_whichever_process_was_the_last_to_ask() {
    let scene = scene();
    let start = scene.begin();
    assert_eq!(scene.poll(&start).unwrap().unwrap_err(), 5);
    scene.later(INTERVAL);
    let elsewhere = scene.elsewhere();
    assert!(wait(elsewhere.poll_device(&start.state)).unwrap().poll_at.is_some());
    assert_eq!(scene.poll(&start).unwrap().unwrap_err(), 5);
    assert_eq!(scene.polls().len(), 1);
}

#[test]
fn another_process_ends_what_one_began() {
    let scene = scene();
    let start = scene.begin();
    scene.sandbox.decide_device(&start.user_code, "alice", Choice::Allow).unwrap();
    scene.later(INTERVAL);
    let elsewhere = scene.elsewhere();
    assert!(wait(elsewhere.poll_device(&start.state)).unwrap().finished.is_some());
    assert!(scene.poll(&start).unwrap().is_ok());
}

#[test]
fn rfc8628_section_3_5_slow_down_makes_every_later_interval_five_seconds_longer() {
    let scene = scene();
    let start = scene.begin();
    scene.later(INTERVAL);
    let slow_down = Fault {
        status: Some(400),
        body: Some(r#"{"error":"slow_down"}"#.to_owned()),
        ..Fault::new(Target::Token, FaultKind::Status)
    };
    scene.sandbox.add_fault(slow_down.clone()).unwrap();
    assert_eq!(scene.poll(&start).unwrap().unwrap_err(), 10);
    scene.later(2 * INTERVAL);
    assert_eq!(scene.poll(&start).unwrap().unwrap_err(), 10);
    scene.later(2 * INTERVAL);
    scene.sandbox.add_fault(slow_down).unwrap();
    assert_eq!(scene.poll(&start).unwrap().unwrap_err(), 15);
}

#[test]
fn rfc8628_section_3_5_no_answer_makes_the_interval_twice_as_long_each_time() {
    let scene = scene();
    let start = scene.begin();
    let dropped = Fault { times: 2, ..Fault::new(Target::Token, FaultKind::DropBefore) };
    scene.sandbox.add_fault(dropped).unwrap();
    for expected in [10, 20, 20] {
        scene.later(Duration::from_secs(60));
        assert_eq!(scene.poll(&start).unwrap().unwrap_err(), expected);
    }
    scene.sandbox.decide_device(&start.user_code, "alice", Choice::Allow).unwrap();
    scene.later(Duration::from_secs(60));
    assert!(scene.poll(&start).unwrap().is_ok());
}

#[test]
fn a_provider_that_asks_for_a_pause_gets_it() {
    let scene = scene();
    let start = scene.begin();
    scene.later(INTERVAL);
    let throttled = Fault {
        status: Some(429),
        headers: [("Retry-After".to_owned(), "77".to_owned())].into(),
        ..Fault::new(Target::Token, FaultKind::Status)
    };
    scene.sandbox.add_fault(throttled).unwrap();
    assert_eq!(scene.poll(&start).unwrap().unwrap_err(), 77);
}

#[test]
fn a_denial_ends_the_flow_and_is_told_to_all_who_ask() {
    let scene = scene();
    let start = scene.begin();
    scene.sandbox.decide_device(&start.user_code, "alice", Choice::Deny).unwrap();
    scene.later(INTERVAL);
    for _ in 0..2 {
        let error = scene.poll(&start).unwrap_err();
        assert_eq!(error.code(), Code::ConsentDenied);
        assert_eq!((error.reason(), error.subject()), (Some("access_denied"), Some("alice")));
        scene.later(INTERVAL);
    }
    assert_eq!(scene.polls().len(), 1);
    assert_eq!(wait(scene.client.grant("alice").inspect()).unwrap_err().code(), Code::NoGrant);
}

#[test]
fn codes_that_expired_are_told() {
    let scene = scene();
    let start = scene.begin();
    // By the provider's clock it is later than by this one.
    scene.sandbox.advance_clock(Duration::from_secs(601));
    scene.set_clock(now(&scene.sandbox) - 100_000);
    let error = scene.poll(&start).unwrap_err();
    assert_eq!((error.code(), error.reason()), (Code::StateMismatch, Some("expired")));

    let start = scene.begin();
    scene.later(Duration::from_secs(601));
    let error = scene.poll(&start).unwrap_err();
    assert_eq!((error.code(), error.reason()), (Code::StateMismatch, Some("unknown")));
}

#[test]
fn a_device_code_that_the_provider_calls_used_is_not_sent_again() {
    let scene = scene();
    let start = scene.begin();
    scene.sandbox.decide_device(&start.user_code, "alice", Choice::Allow).unwrap();
    scene.sandbox.add_fault(Fault::new(Target::Token, FaultKind::DropAfter)).unwrap();
    scene.later(INTERVAL);
    assert!(scene.poll(&start).unwrap().is_err(), "nobody saw the answer");
    for _ in 0..2 {
        scene.later(Duration::from_secs(60));
        let error = scene.poll(&start).unwrap_err();
        assert_eq!(
            (error.code(), error.server_error()),
            (Code::ProviderError, Some("invalid_grant"))
        );
    }
    assert_eq!(scene.polls().len(), 2);
}

#[test]
fn a_device_flow_has_no_callback_and_an_authorization_no_polls() {
    let scene = scene();
    let start = scene.begin();
    let callback = format!("?code=stolen&state={}", start.state);
    let error = wait(scene.client.finish(&callback, FinishOptions::default())).unwrap_err();
    assert_eq!(error.code(), Code::StateMismatch);
    let begun = wait(scene.client.begin("alice", BeginOptions::default())).unwrap();
    let error = wait(scene.client.poll_device(&begun.state)).unwrap_err();
    assert_eq!(error.code(), Code::StateMismatch);
    // That one can still be ended.
    let callback = scene.sandbox.consent(&begun.url, "alice", Choice::Allow).unwrap();
    wait(scene.client.finish(&callback, FinishOptions::default())).unwrap();
}

#[test]
fn a_flow_is_of_the_client_registration_that_began_it() {
    let scene = scene();
    let start = scene.begin();
    scene.sandbox.decide_device(&start.user_code, "alice", Choice::Allow).unwrap();
    let public = json!({"client_id": "sandbox-public", "client_secret": null});
    let other = open(&scene.sandbox, &scene.folder, &public);
    let error = wait(other.poll_device(&start.state)).unwrap_err();
    assert_eq!((error.code(), error.reason()), (Code::StateMismatch, Some("client")));
    scene.later(INTERVAL);
    assert!(scene.poll(&start).unwrap().is_ok());
}

#[test]
fn what_a_provider_answers_to_begin_with_is_judged() {
    let scene = scene();
    let answered = |status, body: &str| {
        scene.sandbox.clear_faults();
        let fault = Fault {
            status: Some(status),
            body: Some(body.to_owned()),
            content_type: Some("application/json".to_owned()),
            ..Fault::new(Target::DeviceAuthorization, FaultKind::Status)
        };
        scene.sandbox.add_fault(fault).unwrap();
        wait(scene.client.begin_device("alice", DeviceOptions::default())).unwrap_err()
    };
    let refused = answered(401, r#"{"error":"invalid_client"}"#);
    assert_eq!(refused.code(), Code::MisconfiguredClient);
    assert_eq!(answered(200, "{}").code(), Code::InvalidResponse);
    assert_eq!(answered(503, "<html>").code(), Code::ProviderError);
    let elsewhere = r#"{"device_code":"d","user_code":"u","expires_in":9,"verification_uri":"javascript:alert(1)"}"#;
    assert_eq!(answered(200, elsewhere).code(), Code::InsecureUrl);
}

#[test]
fn a_provider_without_device_flow_is_told() {
    let (sandbox, folder) = (support::sandbox(Duration::from_secs(3600)), Folder::new());
    let client = Client::open(oauth2(&sandbox, &folder.database(), &json!({}))).unwrap();
    let error = wait(client.begin_device("alice", DeviceOptions::default())).unwrap_err();
    assert_eq!(error.code(), Code::Unsupported);
    assert!(error.message().contains("device_authorization_endpoint"), "{error}");
}

#[test]
fn waiting_polls_until_the_user_has_answered_or_the_caller_has_no_time() {
    let options = Options { device_interval: Duration::from_secs(1), ..Options::default() };
    let (sandbox, folder) = (Sandbox::start(options).unwrap(), Folder::new());
    let client = open(&sandbox, &folder, &json!({}));
    client.set_test_clock(None);
    let start = wait(client.begin_device("alice", DeviceOptions::default())).unwrap();
    let begun = Instant::now();
    let error = wait(client.wait_device(&start.state, Some(0.2))).unwrap_err();
    assert_eq!(error.code(), Code::Timeout);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| wait(client.wait_device(&start.state, None)));
        sandbox.decide_device(&start.user_code, "alice", Choice::Allow).unwrap();
        assert_eq!(waiting.join().unwrap().unwrap().subject, "alice");
    });
}
