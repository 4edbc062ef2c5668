//! The refresh contract, seen from outside: what a caller gets, and what the provider sees.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use evergrant::{
    ApiRequest, ApplicationStore, Client, Code, Environment, Events, ForeignStore, Method,
    RefreshOptions, RevokeOptions, StoreCall, StoreReply, TokenOptions, wait,
};
use evergrant_sandbox::{Choice, Fault, FaultKind, Sandbox, Target};
use serde_json::json;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use support::{Folder, consent, oauth1, oauth2, refresh_requests, sandbox};

const LIFETIME: Duration = Duration::from_secs(3600);

fn fault(target: Target, kind: FaultKind) -> Fault {
    Fault::new(target, kind)
}

/// Moves the clocks of client and sandbox.
fn later(client: &Client, sandbox: &Sandbox, by: Duration) {
    sandbox.advance_clock(by);
    let now = sandbox.now().duration_since(UNIX_EPOCH).unwrap();
    client.set_test_clock(Some(i64::try_from(now.as_millis()).unwrap()));
}

fn open(sandbox: &Sandbox, store: &str) -> Client {
    let client = Client::open(oauth2(sandbox, store, &json!({}))).unwrap();
    wait(consent(&client, sandbox, "alice"));
    client
}

fn token(client: &Client) -> evergrant::Result<String> {
    let token = wait(client.grant("alice").access_token(TokenOptions::default()))?;
    Ok(token.token.expose().to_owned())
}

fn get(client: &Client, url: String) -> evergrant::ApiResponse {
    let request = ApiRequest { url, ..ApiRequest::default() };
    wait(client.grant("alice").request(request)).unwrap()
}

#[test]
fn a_fresh_token_is_given_without_any_request() {
    let sandbox = sandbox(LIFETIME);
    let client = open(&sandbox, "memory:");
    let first = token(&client).unwrap();
    assert_eq!(token(&client).unwrap(), first);
    assert!(client.grant("alice").cached_access_token().is_some());
    assert_eq!(refresh_requests(&sandbox), 0);
}

#[test]
fn in_the_soft_window_the_old_token_comes_at_once_and_one_refresh_runs_behind() {
    let sandbox = sandbox(LIFETIME);
    let client = open(&sandbox, "memory:");
    let first = token(&client).unwrap();
    later(&client, &sandbox, Duration::from_secs(3540));
    sandbox
        .add_fault(Fault { milliseconds: Some(300), ..fault(Target::Token, FaultKind::Delay) })
        .unwrap();
    assert_eq!(token(&client).unwrap(), first);
    let renewed = until(|| token(&client).ok().filter(|token| *token != first));
    assert_ne!(renewed, first);
    assert_eq!(refresh_requests(&sandbox), 1);
}

fn until<T>(mut condition: impl FnMut() -> Option<T>) -> T {
    let give_up = SystemTime::now() + Duration::from_secs(10);
    while SystemTime::now() < give_up {
        if let Some(value) = condition() {
            return value;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it did not come about within 10 s");
}

#[test]
fn a_refused_refresh_token_needs_consent_and_no_request_is_sent_until_then() {
    let sandbox = sandbox(LIFETIME);
    let client = open(&sandbox, "memory:");
    sandbox.revoke_user("alice");
    later(&client, &sandbox, LIFETIME);
    for _ in 0..3 {
        let error = token(&client).unwrap_err();
        assert_eq!(error.code(), Code::NeedsConsent);
        assert_eq!(error.reason(), Some("revoked"));
    }
    assert_eq!(refresh_requests(&sandbox), 1);
    wait(consent(&client, &sandbox, "alice"));
    assert!(token(&client).is_ok());
}

#[test]
fn a_pause_that_the_provider_asks_for_is_kept() {
    let sandbox = sandbox(LIFETIME);
    let client = open(&sandbox, "memory:");
    let pause = Fault {
        status: Some(429),
        headers: [("retry-after".to_owned(), "120".to_owned())].into(),
        ..fault(Target::Token, FaultKind::Status)
    };
    sandbox.add_fault(pause).unwrap();
    later(&client, &sandbox, LIFETIME);
    assert_eq!(token(&client).unwrap_err().code(), Code::TemporarilyUnavailable);
    later(&client, &sandbox, Duration::from_secs(100));
    assert!(token(&client).unwrap_err().retry_at().is_some());
    assert_eq!(refresh_requests(&sandbox), 1);
    later(&client, &sandbox, Duration::from_secs(21));
    assert!(token(&client).is_ok());
}

#[test]
fn an_answer_lost_before_the_provider_saw_the_request_loses_nothing() {
    let sandbox = sandbox(LIFETIME);
    let client = open(&sandbox, "memory:");
    sandbox.add_fault(fault(Target::Token, FaultKind::DropBefore)).unwrap();
    later(&client, &sandbox, LIFETIME);
    assert!(token(&client).is_ok());
    assert_eq!(refresh_requests(&sandbox), 2);
}

#[test]
fn an_answer_that_died_at_a_strict_provider_is_named_outcome_lost_after_one_further_request() {
    let sandbox = sandbox(LIFETIME);
    let client = open(&sandbox, "memory:");
    sandbox.add_fault(fault(Target::Token, FaultKind::DropAfter)).unwrap();
    later(&client, &sandbox, LIFETIME);
    let error = token(&client).unwrap_err();
    assert_eq!((error.code(), error.reason()), (Code::NeedsConsent, Some("outcome_lost")));
    assert!(token(&client).is_err());
    assert_eq!(refresh_requests(&sandbox), 2);
}

#[test]
fn within_a_grace_window_an_answer_that_died_is_repeated_and_nothing_is_lost() {
    let sandbox = sandbox(LIFETIME);
    let options =
        evergrant_sandbox::Options { grace: Duration::from_secs(30), ..sandbox.options() };
    sandbox.set_options(options);
    let mut config = oauth2(&sandbox, "memory:", &json!({}));
    if let evergrant::ProviderChoice::Table(table) = &mut config.provider {
        table.rotation.grace = Some(30.0);
    }
    let client = Client::open(config).unwrap();
    wait(consent(&client, &sandbox, "alice"));
    sandbox.add_fault(fault(Target::Token, FaultKind::DropAfter)).unwrap();
    later(&client, &sandbox, LIFETIME);
    assert!(token(&client).is_ok());
    assert_eq!(refresh_requests(&sandbox), 2);
}

#[test]
fn a_401_from_the_api_forces_one_refresh_and_one_replay() {
    let sandbox = sandbox(LIFETIME);
    let client = open(&sandbox, "memory:");
    sandbox.expire_access("alice");
    let response = get(&client, format!("{}/api/me", sandbox.base_url()));
    assert_eq!(response.status, 200);
    assert_eq!(refresh_requests(&sandbox), 1);
}

#[test]
fn a_401_that_stays_goes_to_the_caller_and_forced_refreshes_pause() {
    let sandbox = sandbox(LIFETIME);
    let client = open(&sandbox, "memory:");
    let url = format!("{}/api/status/401", sandbox.base_url());
    assert_eq!(get(&client, url.clone()).status, 401);
    assert_eq!(refresh_requests(&sandbox), 1);
    assert_eq!(get(&client, url).status, 401);
    assert_eq!(refresh_requests(&sandbox), 1);
}

#[test]
fn a_stored_token_that_the_api_refuses_too_makes_no_refresh_pause() {
    let sandbox = sandbox(LIFETIME);
    let folder = Folder::new();
    let client = open(&sandbox, &folder.database());
    token(&client).unwrap();
    // Another process renewed, and what it got is over too: by a clock that was set back both look fresh.
    let other = Client::open(oauth2(&sandbox, &folder.database(), &json!({}))).unwrap();
    wait(other.grant("alice").refresh(RefreshOptions { force: true, timeout: None })).unwrap();
    sandbox.expire_access("alice");
    let url = format!("{}/api/me", sandbox.base_url());
    assert_eq!(get(&client, url.clone()).status, 401);
    assert_eq!(refresh_requests(&sandbox), 1);
    assert_eq!(get(&client, url).status, 200);
    assert_eq!(refresh_requests(&sandbox), 2);
}

#[test]
fn after_a_401_a_stored_token_that_is_over_is_renewed_before_it_is_tried() {
    let sandbox = sandbox(LIFETIME);
    let folder = Folder::new();
    let client = open(&sandbox, &folder.database());
    token(&client).unwrap();
    // Another process, whose clock is behind, has renewed: what it got is over by the clock here.
    let other = Client::open(oauth2(&sandbox, &folder.database(), &json!({}))).unwrap();
    let behind = (sandbox.now() - 2 * LIFETIME).duration_since(UNIX_EPOCH).unwrap();
    other.set_test_clock(Some(i64::try_from(behind.as_millis()).unwrap()));
    wait(other.grant("alice").refresh(RefreshOptions { force: true, timeout: None })).unwrap();
    sandbox.expire_access("alice");
    assert_eq!(get(&client, format!("{}/api/me", sandbox.base_url())).status, 200);
    assert_eq!(refresh_requests(&sandbox), 2);
}

#[test]
fn too_little_scope_is_no_reason_to_refresh() {
    let sandbox = sandbox(LIFETIME);
    let client = open(&sandbox, "memory:");
    assert_eq!(get(&client, format!("{}/api/scope", sandbox.base_url())).status, 403);
    assert_eq!(refresh_requests(&sandbox), 0);
}

#[test]
fn security_11_a_token_does_not_follow_a_redirect_to_another_origin() {
    let (sandbox, other) = (sandbox(LIFETIME), sandbox(LIFETIME));
    let client = open(&sandbox, "memory:");
    let url = |to: &str| format!("{}/api/redirect?to={to}/api/echo", sandbox.base_url());
    assert_eq!(get(&client, url(sandbox.base_url())).status, 200);
    assert_eq!(get(&client, url(other.base_url())).status, 401);
    let journal = other.journal();
    assert!(journal.iter().all(|entry| !serde_json::to_string(entry).unwrap().contains("Bearer")));
}

/// A server that redirects to `target`.
fn redirecting(target: String) -> String {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let head = format!("HTTP/1.1 302 Found\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n");
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            assert!(stream.read(&mut [0; 4096]).unwrap() > 0);
            stream.write_all(head.as_bytes()).unwrap();
        }
    });
    url
}

#[test]
fn security_11_a_token_does_not_come_back_from_another_origin() {
    let sandbox = sandbox(LIFETIME);
    let client = open(&sandbox, "memory:");
    let chosen_by_another = redirecting(format!("{}/api/me", sandbox.base_url()));
    let url = format!("{}/api/redirect?to={chosen_by_another}", sandbox.base_url());
    assert_eq!(get(&client, url).url, format!("{}/api/me", sandbox.base_url()));
    let at_the_end = sandbox.journal().into_iter().filter(|entry| entry.path == "/api/me");
    assert!(at_the_end.map(|entry| entry.authorization).all(|token| token.is_none()));
    assert_eq!(refresh_requests(&sandbox), 0); // no token was refused
}

#[test]
fn two_subjects_never_share_a_token() {
    let sandbox = sandbox(LIFETIME);
    let client = open(&sandbox, "memory:");
    wait(consent(&client, &sandbox, "bob"));
    let bob = wait(client.grant("bob").access_token(TokenOptions::default())).unwrap();
    assert_ne!(token(&client).unwrap(), bob.token.expose());
}

#[test]
fn a_grant_that_one_process_forgot_is_gone_and_its_late_answer_is_dropped() {
    let (folder, sandbox) = (Folder::new(), sandbox(LIFETIME));
    let client = open(&sandbox, &folder.database());
    wait(client.grant("alice").forget()).unwrap();
    assert_eq!(token(&client).unwrap_err().code(), Code::NoGrant);
    assert!(wait(client.list()).unwrap().is_empty());
}

#[test]
fn revoking_tells_the_provider_and_deletes() {
    let sandbox = sandbox(LIFETIME);
    let client = open(&sandbox, "memory:");
    wait(client.grant("alice").revoke(RevokeOptions::default())).unwrap();
    assert_eq!(token(&client).unwrap_err().code(), Code::NoGrant);
    assert!(sandbox.grants().iter().all(|grant| !grant.alive));
}

#[test]
fn a_consent_given_while_the_old_one_is_revoked_stays() {
    let sandbox = sandbox(LIFETIME);
    let client = open(&sandbox, "memory:");
    let slow = Fault { milliseconds: Some(500), ..fault(Target::Revoke, FaultKind::Delay) };
    sandbox.add_fault(slow).unwrap();
    let before = wait(client.grant("alice").inspect()).unwrap().grant_id;
    std::thread::scope(|scope| {
        let revoked = scope.spawn(|| {
            let options = RevokeOptions { timeout: Some(5.0), ..RevokeOptions::default() };
            wait(client.grant("alice").revoke(options))
        });
        until(|| sandbox.journal().iter().any(|entry| entry.path.contains("revoke")).then_some(()));
        wait(consent(&client, &sandbox, "alice"));
        revoked.join().unwrap().unwrap();
    });
    assert_ne!(wait(client.grant("alice").inspect()).unwrap().grant_id, before);
    assert!(token(&client).is_ok());
}

#[test]
fn a_revocation_that_failed_leaves_the_grant_unusable_and_can_be_repeated() {
    let sandbox = sandbox(LIFETIME);
    let client = open(&sandbox, "memory:");
    sandbox
        .add_fault(Fault { status: Some(500), ..fault(Target::Revoke, FaultKind::Status) })
        .unwrap();
    let revoke = || wait(client.grant("alice").revoke(RevokeOptions::default()));
    assert!(revoke().is_err());
    assert!(token(&client).is_err());
    revoke().unwrap();
    assert!(wait(client.list()).unwrap().is_empty());
}

#[test]
fn a_forced_refresh_tries_a_refused_grant_once_more() {
    let sandbox = sandbox(LIFETIME);
    let client = open(&sandbox, "memory:");
    let refusal = Fault {
        status: Some(400),
        body: Some(r#"{"error":"invalid_grant"}"#.into()),
        content_type: Some("application/json".into()),
        ..fault(Target::Token, FaultKind::Status)
    };
    sandbox.add_fault(refusal).unwrap();
    later(&client, &sandbox, LIFETIME);
    assert_eq!(token(&client).unwrap_err().code(), Code::NeedsConsent);
    let options = RefreshOptions { force: true, timeout: None };
    let inspection = wait(client.grant("alice").refresh(options)).unwrap();
    assert_eq!(inspection.status, "active");
    assert!(token(&client).is_ok());
}

#[test]
fn an_oauth1_signature_that_is_dated_wrong_corrects_the_clock_and_is_sent_once_more() {
    let sandbox = sandbox(LIFETIME);
    let client = Client::open(oauth1(&sandbox, "memory:")).unwrap();
    wait(consent(&client, &sandbox, "alice"));
    let url = format!("{}/api/me", sandbox.base_url());
    let statuses = || -> Vec<_> {
        let journal = sandbox.journal();
        let calls = journal.iter().filter(|entry| entry.path == "/api/me");
        calls.map(|entry| entry.status.unwrap()).collect()
    };
    sandbox.advance_clock(Duration::from_secs(7200));
    assert_eq!(get(&client, url.clone()).status, 200);
    assert_eq!(get(&client, url.clone()).status, 200);
    assert_eq!(statuses(), [401, 200, 200]);

    // Where the server does not say what is wrong, its Date does.
    sandbox.advance_clock(Duration::from_secs(7200));
    sandbox.clear_journal();
    let now = httpdate::fmt_http_date(sandbox.now());
    let silent = Fault {
        status: Some(401),
        headers: [("date".to_owned(), now)].into(),
        ..fault(Target::Api, FaultKind::Status)
    };
    sandbox.add_fault(silent).unwrap();
    assert_eq!(get(&client, url).status, 200);
    assert_eq!(statuses(), [401, 200]);
}

#[test]
fn the_three_legged_oauth1_flow_ends_in_a_call() {
    let sandbox = sandbox(LIFETIME);
    let client = Client::open(oauth1(&sandbox, "memory:")).unwrap();
    wait(consent(&client, &sandbox, "alice"));
    let url = format!("{}/api/echo?a=1&a=&b=%C3%A4+%2B", sandbox.base_url());
    let form = Some(vec![("c".to_owned(), "ü ~".to_owned()), ("a".to_owned(), "0".to_owned())]);
    let request = ApiRequest { method: "POST".into(), url, form, ..ApiRequest::default() };
    let response = wait(client.grant("alice").request(request)).unwrap();
    assert_eq!(response.status, 200, "{}", String::from_utf8_lossy(&response.body));
}

#[test]
fn a_callback_that_comes_twice_from_one_browser_gives_the_same_grant_and_sends_nothing() {
    let sandbox = sandbox(LIFETIME);
    let client = Client::open(oauth2(&sandbox, "memory:", &json!({}))).unwrap();
    let session = Some("cookie".to_owned());
    let begin = evergrant::BeginOptions { browser_session: session.clone(), ..Default::default() };
    let start = wait(client.begin("alice", begin)).unwrap();
    let callback = sandbox.consent(&start.url, "alice", Choice::Allow).unwrap();
    let finish =
        |browser_session: Option<String>| {
            wait(client.finish(
                &callback,
                evergrant::FinishOptions { browser_session, ..Default::default() },
            ))
        };
    let first = finish(session.clone()).unwrap();
    assert_eq!(finish(session).unwrap(), first);
    assert_eq!(finish(None).unwrap_err().code(), Code::StateMismatch);
    let exchanges =
        sandbox.journal().into_iter().filter(|entry| entry.grant_type.is_some()).count();
    assert_eq!(exchanges, 1);
}

#[test]
fn a_caller_who_leaves_leaves_the_refresh_running() {
    let sandbox = sandbox(LIFETIME);
    let client = open(&sandbox, "memory:");
    sandbox
        .add_fault(Fault { milliseconds: Some(500), ..fault(Target::Token, FaultKind::Delay) })
        .unwrap();
    later(&client, &sandbox, LIFETIME);
    let impatient = TokenOptions { timeout: Some(0.1), ..TokenOptions::default() };
    let error = wait(client.grant("alice").access_token(impatient)).unwrap_err();
    assert_eq!(error.code(), Code::Timeout);
    assert!(token(&client).is_ok());
    assert_eq!(refresh_requests(&sandbox), 1);
}

#[test]
fn security_21_events_tell_what_happened_and_never_a_secret() {
    let sandbox = sandbox(LIFETIME);
    let events = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&events);
    let environment = Environment {
        events: Events::Sink(Arc::new(move |event| {
            sink.lock().unwrap().push(serde_json::to_string(event).unwrap());
        })),
        ..Environment::default()
    };
    let client = Client::open_with(oauth2(&sandbox, "memory:", &json!({})), environment).unwrap();
    wait(consent(&client, &sandbox, "alice"));
    later(&client, &sandbox, LIFETIME);
    token(&client).unwrap();
    let events = events.lock().unwrap().join("\n");
    assert!(events.contains("\"granted\"") && events.contains("\"refreshed\""), "{events}");
    assert!(!events.contains("sbx."));
}

/// A token store that is slow to give a lease.
#[derive(Default)]
struct Slow(Arc<Mutex<Option<String>>>);

impl ForeignStore for Slow {
    fn has(&self, method: Method) -> bool {
        matches!(method, Method::Load | Method::Save | Method::Acquire)
    }

    fn call(&self, call: StoreCall) -> Pin<Box<dyn Future<Output = StoreReply> + Send>> {
        let record = Arc::clone(&self.0);
        Box::pin(async move {
            match call.method {
                Method::Save => {
                    *record.lock().unwrap() = call.arguments[3].as_str().map(str::to_owned);
                }
                Method::Acquire => {
                    std::thread::sleep(Duration::from_secs(1));
                    return Ok(json!({"fencing": 1, "intent": null}));
                }
                _ => return Ok(json!(*record.lock().unwrap())),
            }
            Ok(json!(null))
        })
    }
}

#[test]
fn nothing_is_sent_that_the_lease_may_not_cover() {
    let sandbox = sandbox(LIFETIME);
    let mut config = oauth2(&sandbox, "memory:", &json!({}));
    if let evergrant::ProviderChoice::Table(table) = &mut config.provider {
        table.rotation.grace = Some(10.0); // a lease of 5 s for sends of up to 3.3 s
    }
    let store = ApplicationStore::AnyThread(Arc::new(Slow::default()));
    let environment = Environment { store: Some(store), ..Environment::default() };
    let client = Client::open_with(config, environment).unwrap();
    wait(consent(&client, &sandbox, "alice"));
    later(&client, &sandbox, LIFETIME);
    assert_eq!(token(&client).unwrap_err().code(), Code::Store);
    assert_eq!(refresh_requests(&sandbox), 0);
}

#[test]
fn a_closed_client_refuses_and_says_so() {
    let sandbox = sandbox(LIFETIME);
    let client = open(&sandbox, "memory:");
    wait(client.close());
    assert_eq!(token(&client).unwrap_err().code(), Code::Cancelled);
}

#[test]
fn a_wish_for_longer_validity_than_the_provider_gives_costs_one_refresh() {
    let sandbox = sandbox(LIFETIME);
    let client = open(&sandbox, "memory:");
    let min_valid = Some(2.0 * LIFETIME.as_secs_f64());
    let longer = TokenOptions { min_valid, ..TokenOptions::default() };
    assert!(wait(client.grant("alice").access_token(longer)).is_ok());
    assert_eq!(refresh_requests(&sandbox), 1);
}

#[test]
fn at_a_strict_provider_an_answer_nobody_saw_is_not_repeated_while_the_token_works() {
    let sandbox = sandbox(LIFETIME);
    let client = open(&sandbox, "memory:");
    let first = token(&client).unwrap();
    sandbox.add_fault(fault(Target::Token, FaultKind::DropBefore)).unwrap();
    later(&client, &sandbox, Duration::from_secs(3400));
    assert_eq!(token(&client).unwrap(), first);
    let failed_as = |class: &str| {
        until(|| {
            assert_eq!(token(&client).unwrap(), first);
            let inspection = wait(client.grant("alice").inspect()).unwrap();
            (inspection.last_failure.as_deref() == Some(class)).then_some(())
        });
    };
    failed_as("ambiguous");
    later(&client, &sandbox, Duration::from_secs(60));
    failed_as("outcome_unknown");
    assert_eq!(refresh_requests(&sandbox), 1);
    later(&client, &sandbox, Duration::from_secs(140));
    assert_ne!(token(&client).unwrap(), first);
    assert_eq!(refresh_requests(&sandbox), 2);
}

#[test]
fn a_fresh_token_is_given_when_the_providers_metadata_cannot_be_had() {
    let (folder, sandbox) = (Folder::new(), sandbox(LIFETIME));
    let by_issuer = json!({"provider": sandbox.base_url()});
    let open = || Client::open(oauth2(&sandbox, &folder.database(), &by_issuer)).unwrap();
    wait(consent(&open(), &sandbox, "alice"));
    sandbox.add_fault(Fault { times: 0, ..fault(Target::Discovery, FaultKind::Status) }).unwrap();
    let client = open();
    assert!(token(&client).is_ok());
    assert_eq!(get(&client, format!("{}/api/me", sandbox.base_url())).status, 200);
}

#[test]
fn after_a_restored_backup_a_process_that_knows_better_writes_its_own_back() {
    let (folder, sandbox) = (Folder::new(), sandbox(LIFETIME));
    let client = open(&sandbox, &folder.database());
    let database = rusqlite::Connection::open(folder.file("tokens.db")).unwrap();
    let backup = "CREATE TABLE backup AS SELECT * FROM evergrant_grants";
    let restore = "DELETE FROM evergrant_grants; INSERT INTO evergrant_grants SELECT * FROM backup";
    database.execute_batch(backup).unwrap();
    later(&client, &sandbox, LIFETIME);
    assert!(token(&client).is_ok());
    database.execute_batch(restore).unwrap();
    later(&client, &sandbox, LIFETIME);
    // Another process may know a still newer one: it is given the time to write that back.
    assert_eq!(token(&client).unwrap_err().code(), Code::TemporarilyUnavailable);
    let inspection = wait(client.grant("alice").inspect()).unwrap();
    assert_eq!((inspection.generation, inspection.status), (2, "active"));
    assert_eq!(refresh_requests(&sandbox), 1);
    later(&client, &sandbox, Duration::from_secs(40));
    assert!(token(&client).is_ok());
    let inspection = wait(client.grant("alice").inspect()).unwrap();
    assert_eq!((inspection.generation, inspection.status), (3, "active"));
    assert_eq!(refresh_requests(&sandbox), 2);
    assert!(sandbox.journal().iter().all(|entry| !entry.reuse));
}

#[test]
fn of_two_processes_after_a_restored_backup_the_one_that_knows_less_spends_nothing() {
    let (folder, sandbox) = (Folder::new(), sandbox(LIFETIME));
    let knows_more = open(&sandbox, &folder.database());
    let knows_less = Client::open(oauth2(&sandbox, &folder.database(), &json!({}))).unwrap();
    let database = rusqlite::Connection::open(folder.file("tokens.db")).unwrap();
    let backup = "CREATE TABLE backup AS SELECT * FROM evergrant_grants";
    let restore = "DELETE FROM evergrant_grants; INSERT INTO evergrant_grants SELECT * FROM backup";
    database.execute_batch(backup).unwrap();
    later(&knows_more, &sandbox, LIFETIME);
    later(&knows_less, &sandbox, Duration::ZERO);
    assert!(token(&knows_more).is_ok() && token(&knows_less).is_ok()); // generation 2
    later(&knows_more, &sandbox, LIFETIME);
    assert!(token(&knows_more).is_ok()); // generation 3
    database.execute_batch(restore).unwrap();
    later(&knows_less, &sandbox, Duration::ZERO);
    assert_eq!(token(&knows_less).unwrap_err().code(), Code::TemporarilyUnavailable);
    later(&knows_more, &sandbox, LIFETIME);
    let _ = token(&knows_more); // looks, and writes back generation 3
    later(&knows_more, &sandbox, Duration::from_secs(40));
    assert!(token(&knows_more).is_ok());
    assert!(sandbox.journal().iter().all(|entry| !entry.reuse));
}

#[test]
fn a_forced_refresh_that_must_wait_says_so() {
    let sandbox = sandbox(LIFETIME);
    let client = open(&sandbox, "memory:");
    sandbox.add_fault(fault(Target::Token, FaultKind::DropBefore)).unwrap();
    let refresh = || {
        let options = RefreshOptions { force: true, timeout: None };
        wait(async { client.grant("alice").refresh(options).await })
    };
    assert_eq!(refresh().unwrap_err().code(), Code::Transport);
    // At a strict provider what may have been spent is not sent again while the access token works.
    let error = refresh().unwrap_err();
    assert_eq!(error.code(), Code::TemporarilyUnavailable);
    assert!(error.retry_at().is_some());
    assert_eq!(refresh_requests(&sandbox), 1);
}

#[test]
fn security_21_an_echo_of_what_was_sent_is_in_no_error_and_no_event() {
    let sandbox = sandbox(LIFETIME);
    let environment = Environment { events: Events::Queue, ..Environment::default() };
    let client = Client::open_with(oauth2(&sandbox, "memory:", &json!({})), environment).unwrap();
    let tokens = json!({"refresh_token": "canary+r1", "access_token": "a"});
    let tokens = evergrant::options_from_json(&tokens.to_string()).unwrap();
    wait(client.put("alice", tokens)).unwrap();
    let secret = evergrant_sandbox::CLIENT_SECRET;
    let body = json!({
        "error": "invalid_request",
        "error_description": format!("canary+r1 (refresh_token=canary%2Br1) of {secret}"),
    });
    let echo = Fault {
        status: Some(400),
        body: Some(body.to_string()),
        content_type: Some("application/json".into()),
        ..fault(Target::Token, FaultKind::Status)
    };
    sandbox.add_fault(echo).unwrap();
    let error = wait(client.grant("alice").refresh(RefreshOptions::default())).unwrap_err();
    let told = format!("{error:?} {} {:?}", error.to_json(), client.take_events());
    assert!(told.contains("(refresh_token=[redacted]) of"), "{told}");
    assert!(!told.contains("canary") && !told.contains(secret), "{told}");
}

#[test]
fn tokens_are_not_dropped_for_what_else_stands_beside_them() {
    let sandbox = sandbox(LIFETIME);
    let client = open(&sandbox, "memory:");
    let body = r#"{"access_token":"a2","refresh_token":"r2","error":"none","errors":[]}"#;
    let answer = Fault {
        status: Some(200),
        body: Some(body.into()),
        content_type: Some("application/json".into()),
        ..fault(Target::Token, FaultKind::Body)
    };
    sandbox.add_fault(answer).unwrap();
    later(&client, &sandbox, LIFETIME);
    assert_eq!(token(&client).unwrap(), "a2");
}

#[test]
fn a_consent_that_is_stored_is_not_called_a_failure() {
    let (folder, sandbox) = (Folder::new(), sandbox(LIFETIME));
    let client = Client::open(oauth2(&sandbox, &folder.database(), &json!({}))).unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE UPDATE OF result ON evergrant_pending \
         BEGIN SELECT RAISE(ABORT, 'refused'); END";
    let database = rusqlite::Connection::open(folder.file("tokens.db")).unwrap();
    database.execute_batch(refuse).unwrap();
    wait(consent(&client, &sandbox, "alice"));
    assert!(token(&client).is_ok());
}

fn headers(client: &Client, refused: Option<&str>) -> evergrant::Result<String> {
    let options = evergrant::HeaderOptions {
        refused: refused.map(evergrant::Secret::from),
        ..Default::default()
    };
    let url = "https://api.example.com/";
    wait(client.grant("alice").headers("GET", url, options)).map(|headers| headers[0].1.clone())
}

#[test]
fn a_client_of_the_applications_own_that_met_a_401_gets_another_token_and_forces_one_refresh() {
    let sandbox = sandbox(LIFETIME);
    let client = open(&sandbox, "memory:");
    let first = headers(&client, None).unwrap();
    let second = headers(&client, Some(&first)).unwrap();
    assert_ne!(second, first);
    // Those who come late with the same 401 get what is stored.
    let token = first.strip_prefix("Bearer ").unwrap();
    assert_eq!(headers(&client, Some(token)).unwrap(), second);
    assert_eq!(refresh_requests(&sandbox), 1);
    // Refused at once, the new one will not be better after another refresh.
    let error = headers(&client, Some(&second)).unwrap_err();
    assert_eq!(error.code(), Code::TemporarilyUnavailable);
    assert!(error.retry_at().is_some());
    assert_eq!((headers(&client, None).unwrap(), refresh_requests(&sandbox)), (second, 1));
}

#[test]
fn when_the_clock_was_set_back_an_old_token_does_not_count_as_just_renewed() {
    let sandbox = sandbox(LIFETIME);
    let client = open(&sandbox, "memory:");
    let first = headers(&client, None).unwrap();
    later(&client, &sandbox, Duration::from_secs(600));
    let second = headers(&client, Some(&first)).unwrap();
    client.set_test_clock(None);
    sandbox.expire_access("alice");
    assert_eq!(headers(&client, None).unwrap(), second);
    assert_ne!(headers(&client, Some(&second)).unwrap(), second);
    assert_eq!(refresh_requests(&sandbox), 2);
}

/// Has the sandbox answer the next token request with `body`.
fn answer(sandbox: &Sandbox, body: &serde_json::Value) {
    let answer = Fault {
        status: Some(200),
        body: Some(body.to_string()),
        content_type: Some("application/json".into()),
        ..fault(Target::Token, FaultKind::Body)
    };
    sandbox.add_fault(answer).unwrap();
}

/// An `id_token` about this user, unsigned: its provider's keys are not known.
fn id_token(sub: &str) -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let claims = json!({"iss": "https://issuer.example", "sub": sub, "aud": evergrant_sandbox::CLIENT_ID,
                        "iat": 1_500_000_000, "exp": 4_102_444_800_i64});
    let [header, claims] =
        [json!({"alg": "ES256"}), claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    format!("{header}.{claims}.c2ln")
}

#[test]
fn a_renewal_for_another_user_is_stored_and_not_used_until_a_good_one_takes_its_place() {
    let sandbox = sandbox(LIFETIME);
    let client = Client::open(oauth2(&sandbox, "memory:", &json!({}))).unwrap();
    let tokens = |n: u32, sub: &str| {
        json!({"access_token": format!("a{n}"), "refresh_token": format!("r{n}"), "token_type": "bearer",
               "expires_in": 3600, "id_token": id_token(sub)})
    };
    answer(&sandbox, &tokens(1, "alice"));
    wait(consent(&client, &sandbox, "alice"));
    assert_eq!(token(&client).unwrap(), "a1");
    answer(&sandbox, &tokens(2, "bob"));
    later(&client, &sandbox, LIFETIME);
    for _ in 0..2 {
        let error = token(&client).unwrap_err();
        assert_eq!((error.code(), error.reason()), (Code::NeedsConsent, Some("hold")));
    }
    let inspection = wait(client.grant("alice").inspect()).unwrap();
    assert_eq!((inspection.generation, inspection.has_refresh_token), (2, true));
    assert!(inspection.hold.is_some());
    assert_eq!(refresh_requests(&sandbox), 1);
    answer(&sandbox, &tokens(3, "alice"));
    let force = RefreshOptions { force: true, timeout: None };
    assert_eq!(wait(client.grant("alice").refresh(force)).unwrap().hold, None);
    assert_eq!(token(&client).unwrap(), "a3");
}

#[test]
fn a_first_consent_with_tokens_that_cannot_be_used_stores_nothing() {
    let sandbox = sandbox(LIFETIME);
    let client = Client::open(oauth2(&sandbox, "memory:", &json!({}))).unwrap();
    answer(&sandbox, &json!({"access_token": "a", "refresh_token": "r", "token_type": "mac"}));
    let start = wait(client.begin("alice", evergrant::BeginOptions::default())).unwrap();
    let callback = sandbox.consent(&start.url, "alice", Choice::Allow).unwrap();
    let error = wait(client.finish(&callback, evergrant::FinishOptions::default())).unwrap_err();
    assert_eq!(error.code(), Code::Unsupported);
    assert_eq!(token(&client).unwrap_err().code(), Code::NoGrant);
}

#[test]
fn the_trail_says_who_did_what_and_no_secret() {
    let sandbox = sandbox(LIFETIME);
    let client = open(&sandbox, "memory:");
    later(&client, &sandbox, LIFETIME);
    token(&client).unwrap();
    sandbox.revoke_user("alice");
    later(&client, &sandbox, LIFETIME);
    token(&client).unwrap_err();
    let trail = wait(client.grant("alice").inspect()).unwrap().trail;
    let what: Vec<_> = trail.iter().map(|line| (line.what.as_str(), line.generation)).collect();
    assert_eq!(what, [("granted", 1), ("refreshed", 2), ("revoked", 2)]);
    let me = format!("{}@", std::process::id());
    assert!(trail.iter().all(|line| line.by.starts_with(&me) && line.at > 0), "{trail:?}");
    assert!(!serde_json::to_string(&trail).unwrap().contains("sbx."));
}
