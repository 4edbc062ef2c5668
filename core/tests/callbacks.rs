//! The application's own code fails in the middle of a refresh or of a consent: no answer is lost by it.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use evergrant::{
    ApplicationStore, BeginOptions, Client, Code, DeviceOptions, Environment, Events,
    FinishOptions, ForeignStore, Method, ProviderChoice, RefreshOptions, RevokeOptions, StoreCall,
    StoreReply, TokenOptions, wait,
};
use evergrant_sandbox::Choice;
use serde_json::json;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, UNIX_EPOCH};
use support::{Folder, consent, oauth1, oauth2, refresh_requests, sandbox};

const LIFETIME: Duration = Duration::from_secs(3600);

/// A token store of one record, which panics at its next save when told to.
#[derive(Default)]
struct Panicking {
    record: Mutex<Option<String>>,
    panics: AtomicBool,
}

impl ForeignStore for Panicking {
    fn has(&self, method: Method) -> bool {
        matches!(method, Method::Load | Method::Save)
    }

    fn call(&self, call: StoreCall) -> Pin<Box<dyn Future<Output = StoreReply> + Send>> {
        if call.method == Method::Save {
            assert!(!self.panics.swap(false, Ordering::SeqCst), "as it was told");
            *self.record.lock().unwrap() = call.arguments[3].as_str().map(str::to_owned);
            return Box::pin(async { Ok(json!(null)) });
        }
        let record = self.record.lock().unwrap().clone();
        Box::pin(async move { Ok(json!(record)) })
    }
}

/// Lets the token of a grant end, and gives the next one.
fn token_after_expiry(client: &Client, sandbox: &evergrant_sandbox::Sandbox) -> String {
    sandbox.advance_clock(LIFETIME);
    let now = sandbox.now().duration_since(UNIX_EPOCH).unwrap();
    client.set_test_clock(Some(i64::try_from(now.as_millis()).unwrap()));
    let token = wait(client.grant("alice").access_token(TokenOptions::default())).unwrap();
    token.token.expose().to_owned()
}

#[test]
fn a_store_that_panics_at_the_commit_loses_no_answer() {
    let sandbox = sandbox(LIFETIME);
    let store = Arc::new(Panicking::default());
    let environment = Environment {
        store: Some(ApplicationStore::AnyThread(Arc::<Panicking>::clone(&store))),
        ..Environment::default()
    };
    let client = Client::open_with(oauth2(&sandbox, "memory:", &json!({})), environment).unwrap();
    wait(consent(&client, &sandbox, "alice"));
    store.panics.store(true, Ordering::SeqCst);
    let token = token_after_expiry(&client, &sandbox);
    wait(client.close()); // waits until what was kept in memory is committed
    assert!(store.record.lock().unwrap().as_ref().unwrap().contains(&token));
    assert_eq!(refresh_requests(&sandbox), 1);
}

/// A token store of one record that fails, once, at the next call of a method: before it does what it is to do, or after.
#[derive(Default)]
struct FailsOnce {
    record: Mutex<Option<String>>,
    pending: Mutex<Option<String>>,
    at: Mutex<Option<Method>>,
    after: AtomicBool,
    saves: AtomicI32,
}

impl ForeignStore for FailsOnce {
    fn has(&self, method: Method) -> bool {
        matches!(method, Method::Load | Method::Save | Method::PutPending | Method::TakePending)
    }

    fn call(&self, call: StoreCall) -> Pin<Box<dyn Future<Output = StoreReply> + Send>> {
        let fails = self.at.lock().unwrap().take_if(|method| *method == call.method).is_some();
        assert!(!fails || self.after.load(Ordering::SeqCst), "as it was told");
        let text = |number: usize| call.arguments[number].as_str().map(str::to_owned);
        let reply = match call.method {
            Method::Load => json!(*self.record.lock().unwrap()),
            Method::TakePending => json!(self.pending.lock().unwrap().take()),
            Method::Save => {
                self.saves.fetch_add(1, Ordering::SeqCst);
                *self.record.lock().unwrap() = text(3);
                json!(null)
            }
            _ => {
                *self.pending.lock().unwrap() = text(1);
                json!(null)
            }
        };
        assert!(!fails, "as it was told");
        Box::pin(async move { Ok(reply) })
    }
}

impl FailsOnce {
    fn client(self: &Arc<Self>, sandbox: &evergrant_sandbox::Sandbox) -> Client {
        let environment = Environment {
            store: Some(ApplicationStore::AnyThread(Arc::<FailsOnce>::clone(self))),
            ..Environment::default()
        };
        let base = sandbox.base_url();
        let provider = json!({
            "name": "sandbox",
            "authorization_endpoint": format!("{base}/oauth2/authorize"),
            "token_endpoint": format!("{base}/oauth2/token"),
            "device_authorization_endpoint": format!("{base}/oauth2/device_authorization"),
            "offline": {},
        });
        let config = oauth2(sandbox, "memory:", &json!({ "provider": provider }));
        Client::open_with(config, environment).unwrap()
    }

    fn fail_at(&self, method: Method) {
        *self.at.lock().unwrap() = Some(method);
    }
}

#[test]
fn a_consent_whose_code_is_spent_outlives_a_store_that_fails_and_is_stored_once() {
    for after in [false, true] {
        let (sandbox, store) = (sandbox(LIFETIME), Arc::new(FailsOnce::default()));
        let client = store.client(&sandbox);
        let start = wait(client.begin("alice", BeginOptions::default())).unwrap();
        let callback = sandbox.consent(&start.url, "alice", Choice::Allow).unwrap();
        store.after.store(after, Ordering::SeqCst);
        store.fail_at(Method::Save);
        let finished = wait(client.finish(&callback, FinishOptions::default())).unwrap();
        assert!(store.at.lock().unwrap().is_none(), "it failed");
        assert!(store.record.lock().unwrap().as_ref().unwrap().contains(&finished.grant_id));
        assert_eq!(store.saves.load(Ordering::SeqCst), 1);
    }
}

/// A token store of one record whose first save fails, when somebody else has forgotten or consented anew meanwhile.
#[derive(Default)]
struct Overtaken {
    record: Mutex<Option<String>>,
    meanwhile: Mutex<Option<String>>,
}

impl ForeignStore for Overtaken {
    fn has(&self, method: Method) -> bool {
        matches!(method, Method::Load | Method::Save)
    }

    fn call(&self, call: StoreCall) -> Pin<Box<dyn Future<Output = StoreReply> + Send>> {
        let mut record = self.record.lock().unwrap();
        if call.method == Method::Load {
            let reply = json!(*record);
            return Box::pin(async { Ok(reply) });
        }
        let meanwhile = self.meanwhile.lock().unwrap().take();
        let fails = meanwhile.is_some();
        *record = meanwhile.or_else(|| call.arguments[3].as_str().map(str::to_owned));
        drop(record);
        assert!(!fails, "as it was told");
        Box::pin(async { Ok(json!(null)) })
    }
}

#[test]
fn a_consent_that_could_not_be_stored_leaves_what_came_since() {
    let (sandbox, store) = (sandbox(LIFETIME), Arc::new(Overtaken::default()));
    let environment = Environment {
        store: Some(ApplicationStore::AnyThread(Arc::<Overtaken>::clone(&store))),
        ..Environment::default()
    };
    let client = Client::open_with(oauth2(&sandbox, "memory:", &json!({})), environment).unwrap();
    wait(consent(&client, &sandbox, "alice"));
    let newer = store.record.lock().unwrap().take().unwrap();
    let start = wait(client.begin("alice", BeginOptions::default())).unwrap();
    let callback = sandbox.consent(&start.url, "alice", Choice::Allow).unwrap();
    *store.meanwhile.lock().unwrap() = Some(newer.clone());
    let error = wait(client.finish(&callback, FinishOptions::default())).unwrap_err();
    assert_eq!(error.code(), Code::StoreConflict, "{error}");
    assert_eq!(*store.record.lock().unwrap(), Some(newer));
}

#[test]
fn a_device_flow_that_is_looked_at_outlives_a_store_that_fails() {
    let (sandbox, store) = (sandbox(LIFETIME), Arc::new(FailsOnce::default()));
    let client = store.client(&sandbox);
    let start = wait(client.begin_device("alice", DeviceOptions::default())).unwrap();
    store.fail_at(Method::PutPending);
    let polled = wait(client.poll_device(&start.state)).unwrap();
    assert!(store.at.lock().unwrap().is_none(), "it failed");
    assert!(polled.poll_at.is_some());
    assert!(wait(client.poll_device(&start.state)).unwrap().poll_at.is_some());
}

#[test]
fn a_callback_is_still_good_after_a_store_that_failed_before_its_code_was_sent() {
    let (sandbox, store) = (sandbox(LIFETIME), Arc::new(FailsOnce::default()));
    let client = store.client(&sandbox);
    let start = wait(client.begin("alice", BeginOptions::default())).unwrap();
    let callback = sandbox.consent(&start.url, "alice", Choice::Allow).unwrap();
    store.fail_at(Method::Load);
    let error = wait(client.finish(&callback, FinishOptions::default())).unwrap_err();
    assert_eq!(error.code(), Code::Callback);
    wait(client.finish(&callback, FinishOptions::default())).unwrap();
}

#[test]
fn a_callback_is_still_good_when_its_code_or_verifier_was_certainly_not_sent() {
    for protocol in ["oauth2", "oauth1"] {
        let (sandbox, folder) = (sandbox(LIFETIME), Folder::new());
        let store = folder.database();
        let config = match protocol {
            "oauth1" => oauth1(&sandbox, &store),
            _ => oauth2(&sandbox, &store, &json!({})),
        };
        let mut cut_off = config.clone();
        let ProviderChoice::Table(table) = &mut cut_off.provider else { panic!("it is a table") };
        table.token_endpoint = Some("http://127.0.0.1:1/".to_owned());
        let (client, cut_off) = (Client::open(config).unwrap(), Client::open(cut_off).unwrap());
        let start = wait(client.begin("alice", BeginOptions::default())).unwrap();
        let callback = sandbox.consent(&start.url, "alice", Choice::Allow).unwrap();
        let error = wait(cut_off.finish(&callback, FinishOptions::default())).unwrap_err();
        assert_eq!(error.code(), Code::Transport, "{error}");
        wait(client.finish(&callback, FinishOptions::default())).unwrap();
    }
}

/// A token store of one record that takes its time to give a lease.
#[derive(Default)]
struct SlowLease {
    record: Mutex<Option<String>>,
    leases: Arc<AtomicI32>,
}

impl ForeignStore for SlowLease {
    fn has(&self, method: Method) -> bool {
        matches!(method, Method::Load | Method::Save | Method::Acquire | Method::Release)
    }

    fn call(&self, call: StoreCall) -> Pin<Box<dyn Future<Output = StoreReply> + Send>> {
        let leases = Arc::clone(&self.leases);
        let mut record = self.record.lock().unwrap();
        if call.method == Method::Save {
            *record = call.arguments[3].as_str().map(str::to_owned);
        }
        let record = record.clone();
        Box::pin(async move {
            match call.method {
                Method::Load => return Ok(json!(record)),
                Method::Acquire => {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    leases.fetch_add(1, Ordering::SeqCst);
                    return Ok(json!({"fencing": 1, "intent": null}));
                }
                Method::Release => _ = leases.fetch_sub(1, Ordering::SeqCst),
                _ => {}
            }
            Ok(json!(null))
        })
    }
}

#[test]
fn a_caller_who_leaves_a_revocation_leaves_no_lease_behind() {
    let sandbox = sandbox(LIFETIME);
    let store = Arc::new(SlowLease::default());
    let environment = Environment {
        store: Some(ApplicationStore::AnyThread(Arc::<SlowLease>::clone(&store))),
        ..Environment::default()
    };
    let client = Client::open_with(oauth2(&sandbox, "memory:", &json!({})), environment).unwrap();
    wait(consent(&client, &sandbox, "alice"));
    let impatient = RevokeOptions { timeout: Some(0.1), ..RevokeOptions::default() };
    let error = wait(client.grant("alice").revoke(impatient)).unwrap_err();
    assert_eq!(error.code(), Code::Timeout);
    let give_up = Instant::now() + Duration::from_secs(10);
    let stands = || wait(async { client.grant("alice").inspect().await }).is_ok();
    while stands() || store.leases.load(Ordering::SeqCst) != 0 {
        assert!(Instant::now() < give_up, "the lease is still held");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_sink_of_events_that_panics_loses_no_answer() {
    let (folder, sandbox) = (Folder::new(), sandbox(LIFETIME));
    let environment = Environment {
        events: Events::Sink(Arc::new(|event| panic!("{event:?}"))),
        ..Environment::default()
    };
    let config = oauth2(&sandbox, &folder.database(), &json!({}));
    let client = Client::open_with(config, environment).unwrap();
    wait(consent(&client, &sandbox, "alice"));
    let refuse_commits = "CREATE TRIGGER refuse BEFORE UPDATE OF generation ON evergrant_grants \
         WHEN new.generation > 1 BEGIN SELECT RAISE(ABORT, 'refused'); END";
    let database = rusqlite::Connection::open(folder.file("tokens.db")).unwrap();
    database.execute_batch(refuse_commits).unwrap();
    let token = token_after_expiry(&client, &sandbox);
    database.execute_batch("DROP TRIGGER refuse").unwrap();
    wait(client.close());
    let committed: Vec<u8> =
        database.query_row("SELECT record FROM evergrant_grants", [], |row| row.get(0)).unwrap();
    assert!(String::from_utf8(committed).unwrap().contains(&token));
    assert_eq!(refresh_requests(&sandbox), 1);
}

/// A token store whose lease is always about to be free.
struct AlwaysBusy(Panicking, AtomicI32);

impl ForeignStore for AlwaysBusy {
    fn has(&self, method: Method) -> bool {
        self.0.has(method) || method == Method::Acquire
    }

    fn call(&self, call: StoreCall) -> Pin<Box<dyn Future<Output = StoreReply> + Send>> {
        if call.method == Method::Acquire {
            self.1.fetch_add(1, Ordering::SeqCst);
            return Box::pin(async { Ok(json!({"busy_ms": 0})) });
        }
        self.0.call(call)
    }
}

#[test]
fn a_lease_that_is_always_about_to_be_free_is_not_asked_for_without_a_pause() {
    let sandbox = sandbox(LIFETIME);
    let store = Arc::new(AlwaysBusy(Panicking::default(), AtomicI32::new(0)));
    let environment = Environment {
        store: Some(ApplicationStore::AnyThread(Arc::<AlwaysBusy>::clone(&store))),
        ..Environment::default()
    };
    let client = Client::open_with(oauth2(&sandbox, "memory:", &json!({})), environment).unwrap();
    wait(consent(&client, &sandbox, "alice"));
    let options = RefreshOptions { timeout: Some(0.5), ..RefreshOptions::default() };
    let error = wait(client.grant("alice").refresh(options)).unwrap_err();
    assert_eq!(error.code(), Code::Timeout);
    assert!(store.1.load(Ordering::SeqCst) <= 20);
}
