//! Keep-alive, seen from outside: what is due, what is done about it, and that nothing is done twice.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use evergrant::{
    Client, Code, Config, DueAfter, DueFor, DueOptions, DueReport, PutTokens, RefreshDueOptions,
    RefreshOptions, RevokeOptions, TokenOptions, wait,
};
use evergrant_sandbox::{Fault, FaultKind, Sandbox, Target};
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};
use support::{Folder, consent, oauth2, refresh_requests, sandbox};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

fn client(sandbox: &Sandbox, store: &str, more: &Value) -> Client {
    Client::open(oauth2(sandbox, store, more)).unwrap()
}

/// The base provider with `rotation` in place of its own.
fn rotating(sandbox: &Sandbox, store: &str, rotation: &Value) -> Client {
    let base = sandbox.base_url();
    let provider = json!({
        "name": "sandbox",
        "authorization_endpoint": format!("{base}/oauth2/authorize"),
        "token_endpoint": format!("{base}/oauth2/token"),
        "rotation": rotation,
    });
    client(sandbox, store, &json!({ "provider": provider }))
}

/// Stores so many grants whose access tokens are over.
fn put_due(client: &Client, sandbox: &Sandbox, count: usize) {
    for grant in sandbox.issue_grants(count, "user", "read") {
        let tokens = PutTokens {
            access_token: Some(grant.access_token.into()),
            refresh_token: Some(grant.refresh_token.into()),
            expires_in: Some(0.0),
            ..PutTokens::default()
        };
        wait(client.put(&grant.user, tokens)).unwrap();
    }
}

/// Moves the clocks of clients and sandbox.
fn later(clients: &[&Client], sandbox: &Sandbox, by: Duration) {
    sandbox.advance_clock(by);
    let now = sandbox.now().duration_since(UNIX_EPOCH).unwrap();
    for client in clients {
        client.set_test_clock(Some(i64::try_from(now.as_millis()).unwrap()));
    }
}

fn keep_alive(client: &Client) -> DueReport {
    wait(client.refresh_due(RefreshDueOptions::default())).unwrap()
}

fn due(client: &Client, within: f64) -> Vec<(String, DueFor)> {
    let options = DueOptions { within: Some(within), ..DueOptions::default() };
    let due = wait(client.due(options)).unwrap();
    due.into_iter().map(|grant| (grant.subject, grant.due_for)).collect()
}

#[test]
fn however_many_keep_alive_at_once_each_due_grant_is_renewed_once() {
    let (sandbox, folder) = (sandbox(HOUR), Folder::new());
    let count = 150;
    let first = client(&sandbox, &folder.database(), &json!({}));
    put_due(&first, &sandbox, count);
    let second = client(&sandbox, &folder.database(), &json!({}));
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| keep_alive(&first));
        let other = scope.spawn(|| keep_alive(&second));
        (one.join().unwrap(), other.join().unwrap())
    });
    assert_eq!(refresh_requests(&sandbox), count);
    assert!(sandbox.grants().iter().all(|grant| (grant.generation, grant.reuses) == (2, 0)));
    assert_eq!(one.refreshed + other.refreshed, count as u64, "{one:?} {other:?}");
    for report in [&one, &other] {
        assert!(report.failed.is_empty() && report.needs_consent.is_empty(), "{report:?}");
    }
    assert_eq!(keep_alive(&second), DueReport::default());
}

#[test]
fn more_grants_than_a_page_have_their_turn_and_none_stays_in_memory() {
    let (sandbox, folder) = (sandbox(HOUR), Folder::new());
    let count = 1_100;
    put_due(&client(&sandbox, &folder.database(), &json!({})), &sandbox, count);
    let keeper = client(&sandbox, &folder.database(), &json!({}));
    let known = keeper.grant("user7");
    wait(known.access_token(TokenOptions::default())).unwrap();
    let found = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&found);
    let watch = move |progress: &evergrant::DueProgress| {
        assert!(progress.done <= progress.found);
        seen.store(usize::try_from(progress.found).unwrap(), Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    let report = wait(keeper.refresh_due_watched(RefreshDueOptions::default(), watch)).unwrap();
    assert_eq!((report.refreshed, found.load(Ordering::Relaxed)), (count as u64 - 1, count - 1));
    assert!(sandbox.grants().iter().all(|grant| grant.generation == 2));
    assert!(known.cached_access_token().is_some());
    let in_memory = (1..=count)
        .filter(|number| keeper.grant(&format!("user{number}")).cached_access_token().is_some());
    assert_eq!(in_memory.count(), 1);
}

#[test]
fn a_grant_is_due_in_its_soft_window_or_as_near_to_its_end_as_was_asked_for() {
    let (sandbox, folder) = (sandbox(HOUR), Folder::new());
    let client = client(&sandbox, &folder.database(), &json!({}));
    wait(consent(&client, &sandbox, "alice"));
    let alice = [("alice".to_owned(), DueFor::Expiry)];
    assert_eq!(due(&client, 0.0), []);
    // Not in the first half of its life, however much is asked for: a renewal would be due again at once.
    assert_eq!(due(&client, 86_400.0), []);
    later(&[&client], &sandbox, Duration::from_secs(1_790));
    assert_eq!(due(&client, 86_400.0), []);
    later(&[&client], &sandbox, Duration::from_secs(20));
    assert_eq!((due(&client, 86_400.0), due(&client, 600.0)), (alice.to_vec(), Vec::new()));
    later(&[&client], &sandbox, Duration::from_secs(1_240));
    assert_eq!((due(&client, 600.0), due(&client, 0.0)), (alice.to_vec(), Vec::new()));
    later(&[&client], &sandbox, Duration::from_secs(290));
    assert_eq!(due(&client, 0.0), alice);
    assert_eq!(keep_alive(&client).refreshed, 1);
    assert_eq!(due(&client, 600.0), []);
}

#[test]
fn a_provider_that_refuses_early_refreshes_is_not_asked_early() {
    let sandbox = sandbox(HOUR);
    let client = rotating(&sandbox, "memory:", &json!({ "earliest_refresh": 30 }));
    wait(consent(&client, &sandbox, "alice"));
    later(&[&client], &sandbox, Duration::from_secs(3600 - 40));
    assert_eq!(due(&client, 600.0), []);
    later(&[&client], &sandbox, Duration::from_secs(15));
    assert_eq!(due(&client, 600.0).len(), 1);
}

#[test]
fn a_refresh_token_that_would_die_of_disuse_is_used_in_time() {
    let sandbox = sandbox(HOUR);
    let client = rotating(&sandbox, "memory:", &json!({ "idle_days": 60 }));
    let put = |subject: &str, refresh_token: Option<&str>| {
        let tokens = PutTokens {
            access_token: Some("at".into()),
            refresh_token: refresh_token.map(Into::into),
            ..PutTokens::default() // which never ends
        };
        wait(client.put(subject, tokens)).unwrap()
    };
    let issued = sandbox.issue_grants(1, "user", "");
    let stored = put("idle", Some(&issued[0].refresh_token));
    assert_eq!(stored.keepalive_at, Some(stored.created_at + 30 * 86_400_000));
    assert_eq!(put("without", None).keepalive_at, None);
    wait(consent(&client, &sandbox, "alice"));
    assert!(wait(client.grant("alice").inspect()).unwrap().keepalive_at.is_some());

    later(&[&client], &sandbox, DAY * 29);
    assert_eq!(due(&client, 0.0), [("alice".to_owned(), DueFor::Expiry)]);
    // Consent that brings no refresh token used none.
    let again = put("idle", None);
    assert_eq!((again.keepalive_at, again.has_refresh_token), (stored.keepalive_at, true));
    later(&[&client], &sandbox, DAY * 2);
    assert_eq!(due(&client, 0.0)[1], ("idle".to_owned(), DueFor::Keepalive));
    assert_eq!(keep_alive(&client).refreshed, 2);
    let renewed = wait(client.grant("idle").inspect()).unwrap();
    assert_eq!(renewed.keepalive_at, Some(renewed.updated_at + 30 * 86_400_000));
    assert_eq!(due(&client, 0.0), []);
}

#[test]
fn of_a_provider_given_by_its_issuer_the_catalogue_tells_when_disuse_would_end_a_grant() {
    let idle = |issuer: &str| {
        let config = json!({ "provider": issuer, "client_id": "c", "store": "memory:" });
        let client = Client::open(Config::from_json(&config.to_string()).unwrap()).unwrap();
        let refresh_token = Some("rt".into());
        let tokens = PutTokens { refresh_token, ..PutTokens::default() };
        let stored = wait(client.put("alice", tokens)).unwrap();
        stored.keepalive_at.map(|due| due - stored.created_at)
    };
    assert_eq!(idle("https://accounts.google.com"), Some(90 * 86_400_000));
    assert_eq!(idle("https://as.example"), None);
}

#[test]
fn who_has_to_consent_is_named_whoever_found_it_out() {
    let (sandbox, folder) = (sandbox(HOUR), Folder::new());
    let client = client(&sandbox, &folder.database(), &json!({}));
    for subject in ["alice", "bob", "carol"] {
        wait(consent(&client, &sandbox, subject));
    }
    sandbox.revoke_user("bob");
    wait(client.grant("bob").refresh(RefreshOptions::default())).unwrap_err();
    sandbox.revoke_user("carol");
    later(&[&client], &sandbox, HOUR);
    for refreshed in [1, 0] {
        let report = keep_alive(&client);
        let named: Vec<_> =
            report.needs_consent.iter().map(|grant| grant.subject.as_str()).collect();
        assert_eq!((named, report.refreshed), (vec!["bob", "carol"], refreshed));
        assert!(report.failed.is_empty() && report.stopped.is_none(), "{report:?}");
    }
}

#[test]
fn a_provider_that_wants_a_pause_gets_it_for_all_grants() {
    let (sandbox, folder) = (sandbox(HOUR), Folder::new());
    let client = client(&sandbox, &folder.database(), &json!({}));
    put_due(&client, &sandbox, 30);
    let throttled = Fault {
        status: Some(429),
        times: 0,
        headers: [("retry-after".to_owned(), "7".to_owned())].into(),
        ..Fault::new(Target::Token, FaultKind::Status)
    };
    sandbox.add_fault(throttled).unwrap();
    let options = RefreshDueOptions { concurrency: Some(3), ..RefreshDueOptions::default() };
    let report = wait(client.refresh_due(options)).unwrap();
    let stopped = report.stopped.unwrap();
    assert_eq!(stopped.code, Code::TemporarilyUnavailable);
    assert!(stopped.retry_at.is_some());
    assert!(report.failed.len() <= 3, "{:?}", report.failed);
    sandbox.clear_faults();
    let held_back = report.failed.len() as u64;
    let report = keep_alive(&client);
    assert_eq!((report.refreshed, report.in_back_off), (30 - held_back, held_back));
}

#[test]
fn a_client_that_is_refused_asks_no_more() {
    let (sandbox, folder) = (sandbox(HOUR), Folder::new());
    put_due(&client(&sandbox, &folder.database(), &json!({})), &sandbox, 20);
    let wrong = client(&sandbox, &folder.database(), &json!({ "client_secret": "wrong" }));
    let options = RefreshDueOptions { concurrency: Some(1), ..RefreshDueOptions::default() };
    let report = wait(wrong.refresh_due(options)).unwrap();
    assert_eq!(report.stopped.unwrap().code, Code::MisconfiguredClient);
    assert_eq!(report.failed.len(), 1);
    let mended = client(&sandbox, &folder.database(), &json!({}));
    assert_eq!(keep_alive(&mended).refreshed, 20);
}

#[test]
fn a_dead_provider_is_not_asked_for_every_grant() {
    let (sandbox, folder) = (sandbox(HOUR), Folder::new());
    let client = client(&sandbox, &folder.database(), &json!({}));
    put_due(&client, &sandbox, 60);
    let broken = Fault { times: 0, ..Fault::new(Target::Token, FaultKind::Status) };
    sandbox.add_fault(Fault { status: Some(500), ..broken }).unwrap();
    let report = keep_alive(&client);
    assert!((20..=28).contains(&report.failed.len()), "{}", report.failed.len());
    assert!(report.stopped.is_some());
}

#[test]
fn a_begun_revocation_is_tried_again() {
    let (sandbox, folder) = (sandbox(HOUR), Folder::new());
    let client = client(&sandbox, &folder.database(), &json!({}));
    wait(consent(&client, &sandbox, "alice"));
    let broken = Fault { status: Some(500), ..Fault::new(Target::Revoke, FaultKind::Status) };
    sandbox.add_fault(Fault { times: 2, ..broken }).unwrap();
    wait(client.grant("alice").revoke(RevokeOptions::default())).unwrap_err();
    assert_eq!(due(&client, 0.0), [("alice".to_owned(), DueFor::Revocation)]);
    let requests =
        || sandbox.journal().iter().filter(|entry| entry.path == "/oauth2/revoke").count();
    // A minute after the first failure, two after the second.
    for (pause, failed) in [(60, 1), (120, 0)] {
        let before = requests();
        for _ in 0..3 {
            assert_eq!(keep_alive(&client).in_back_off, 1);
        }
        assert_eq!(requests(), before);
        later(&[&client], &sandbox, Duration::from_secs(pause));
        let report = keep_alive(&client);
        assert_eq!((report.failed.len(), report.revoked), (failed, 1 - failed as u64));
    }
    assert!(!sandbox.grants()[0].alive);
    assert_eq!(due(&client, 0.0), []);
}

#[test]
fn who_revokes_a_grant_again_does_not_wait_for_the_back_off_and_a_pause_that_the_provider_wants_is_kept()
 {
    let (sandbox, folder) = (sandbox(HOUR), Folder::new());
    let client = client(&sandbox, &folder.database(), &json!({}));
    wait(consent(&client, &sandbox, "alice"));
    let throttled = Fault {
        status: Some(429),
        headers: [("retry-after".to_owned(), "600".to_owned())].into(),
        ..Fault::new(Target::Revoke, FaultKind::Status)
    };
    sandbox.add_fault(throttled).unwrap();
    let error = wait(client.grant("alice").revoke(RevokeOptions::default())).unwrap_err();
    let inspected = wait(client.grant("alice").inspect()).unwrap();
    assert_eq!((error.status(), error.retry_at()), (Some(429), inspected.retry_at));
    let pause = inspected.retry_at.unwrap() - inspected.updated_at;
    assert!((590_000..=600_000).contains(&pause), "{pause}"); // from the answer on, which came before it was noted
    wait(client.grant("alice").revoke(RevokeOptions::default())).unwrap();
    assert!(!sandbox.grants()[0].alive);
}

#[test]
fn what_is_left_of_a_deleted_grant_is_cleared_when_no_late_answer_can_come() {
    let (sandbox, folder) = (sandbox(HOUR), Folder::new());
    let client = client(&sandbox, &folder.database(), &json!({}));
    wait(consent(&client, &sandbox, "alice"));
    wait(client.grant("alice").forget()).unwrap();
    later(&[&client], &sandbox, DAY * 7);
    assert_eq!(keep_alive(&client).cleared, 0);
    later(&[&client], &sandbox, DAY * 2);
    assert_eq!(keep_alive(&client).cleared, 1);
    assert_eq!(keep_alive(&client).cleared, 0);
}

#[test]
fn who_stops_in_between_gets_what_was_begun_finished() {
    let (sandbox, folder) = (sandbox(HOUR), Folder::new());
    let client = client(&sandbox, &folder.database(), &json!({}));
    put_due(&client, &sandbox, 40);
    let options = RefreshDueOptions { concurrency: Some(4), ..RefreshDueOptions::default() };
    let report = wait(client.refresh_due_watched(options, |_| ControlFlow::Break(()))).unwrap();
    assert!((1..=5).contains(&report.refreshed), "{report:?}");
    assert_eq!(report.refreshed, refresh_requests(&sandbox) as u64);
}

#[test]
fn due_grants_are_listed_by_pages_without_secrets() {
    let (sandbox, folder) = (sandbox(HOUR), Folder::new());
    let client = client(&sandbox, &folder.database(), &json!({}));
    put_due(&client, &sandbox, 7);
    let page = |after: Option<&str>| {
        let after = after.map(|subject| DueAfter { subject: subject.into(), ..<_>::default() });
        let options = DueOptions { limit: Some(4), after, ..DueOptions::default() };
        wait(client.due(options)).unwrap()
    };
    let first = page(None);
    let second = page(Some(&first.last().unwrap().subject));
    let subjects: Vec<_> = first.iter().chain(&second).map(|grant| &grant.subject).collect();
    assert_eq!(subjects, ["user1", "user2", "user3", "user4", "user5", "user6", "user7"]);
    assert!(!serde_json::to_string(&first).unwrap().contains("sbx."));
}

#[test]
fn options_that_make_no_sense_are_refused_by_name() {
    let sandbox = sandbox(HOUR);
    let client = client(&sandbox, "memory:", &json!({}));
    let refused = |options: RefreshDueOptions| wait(client.refresh_due(options)).unwrap_err();
    let error = refused(RefreshDueOptions { concurrency: Some(0), ..<_>::default() });
    assert!(error.code() == Code::InvalidArgument && error.message().contains("concurrency"));
    let error = refused(RefreshDueOptions { within: Some(-1.0), ..<_>::default() });
    assert!(error.message().contains("within"));
}
