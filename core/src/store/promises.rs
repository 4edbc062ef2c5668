//! The promises of the store contract, held against every store.

use super::record_for_tests::{commit, key, record, tokens};
use super::*;
use crate::process::{random_id, wait};
use futures_util::FutureExt;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

const TTL: Duration = Duration::from_secs(30);

/// A store as an application would write it.
#[derive(Default)]
struct Application {
    rows: Arc<Mutex<Rows>>,
    only_load_and_save: bool,
}

#[derive(Default)]
struct Rows {
    records: HashMap<String, (String, u64)>,
    leases: HashMap<String, (u64, Option<String>, Value)>,
    pending: HashMap<String, Value>,
}

impl ForeignStore for Application {
    fn has(&self, method: Method) -> bool {
        !self.only_load_and_save || matches!(method, Method::Load | Method::Save)
    }

    fn call(&self, call: StoreCall) -> Pin<Box<dyn Future<Output = StoreReply> + Send>> {
        let reply = self.rows.lock().unwrap().reply(call.method, &call.arguments);
        async move { Ok(reply) }.boxed()
    }
}

impl Rows {
    fn reply(&mut self, method: Method, arguments: &[Value]) -> Value {
        let text = |index: usize| arguments[index].as_str().unwrap_or_default().to_owned();
        let key = if arguments.len() > 2 { text(0) + &text(1) + &text(2) } else { text(0) };
        match method {
            Method::Load => json!(self.records.get(&key).map(|(record, _)| record)),
            Method::Save => {
                self.records.insert(key, (text(3), 0));
                Value::Null
            }
            Method::CompareAndSet => {
                let stands = self.records.get(&key).map(|(_, revision)| *revision);
                let matches = stands == arguments[3].as_u64();
                if matches {
                    self.records.insert(key, (text(4), arguments[5].as_u64().unwrap()));
                }
                json!(matches)
            }
            Method::Acquire => {
                let lease = self.leases.entry(key).or_default();
                if lease.1.is_some() {
                    return json!({"busy_ms": 1000});
                }
                lease.0 += 1;
                lease.1 = Some(text(3));
                let earlier = std::mem::replace(&mut lease.2, arguments[5].clone());
                json!({"fencing": lease.0, "intent": earlier})
            }
            Method::Renew => {
                let lease = self.leases.entry(key).or_default();
                json!(Some(lease.0) == arguments[4].as_u64() && lease.1.is_some())
            }
            Method::Release => {
                let lease = self.leases.entry(key).or_default();
                if Some(lease.0) == arguments[4].as_u64() {
                    (lease.1, lease.2) = (None, arguments[5].clone());
                }
                Value::Null
            }
            Method::List => {
                json!(self.records.values().map(|(record, _)| record).collect::<Vec<_>>())
            }
            Method::PutPending => {
                self.pending.insert(text(0), arguments[1].clone());
                Value::Null
            }
            Method::TakePending => self.pending.remove(&key).unwrap_or_default(),
            Method::Delete => Value::Null,
        }
    }
}

/// Every store, by name, with plain and with sealed records.
fn stores() -> Vec<(&'static str, Arc<dyn Store>)> {
    let path = |suffix| std::env::temp_dir().join(format!("evergrant-{}{suffix}", random_id()));
    let ring = KeyRing::from_texts(&[new_encryption_key(), new_encryption_key()], None).unwrap();
    let sealing = Arc::new(Codec::new(Some(Arc::new(ring))));
    let built_in = |text: &str, codec: &Arc<Codec>| {
        Address::parse(text).unwrap().open(Arc::clone(codec)).unwrap()
    };
    let sqlite = |codec| built_in(&format!("sqlite:{}", path(".db").display()), codec);
    let application = |only_load_and_save, codec: &Arc<Codec>| -> Arc<dyn Store> {
        let store = Application { only_load_and_save, ..Application::default() };
        let caller = Caller::AnyThread(Arc::new(store));
        Arc::new(ApplicationStoreAdapter::new(caller, Arc::clone(codec)).unwrap())
    };
    let plain = Arc::<Codec>::default();
    vec![
        ("memory", built_in("memory:", &plain)),
        ("sqlite", sqlite(&plain)),
        ("sqlite, sealed", sqlite(&sealing)),
        ("file", built_in(&format!("file:{}", path("").display()), &plain)),
        ("application", application(false, &plain)),
        ("application, sealed", application(false, &sealing)),
        ("application with load and save only", application(true, &plain)),
    ]
}

fn each_store_with_a_record(promise: impl Fn(&str, &dyn Store)) {
    for (name, store) in stores() {
        assert!(wait(store.compare_and_set(&key(), None, &record())).unwrap(), "{name}");
        promise(name, &*store);
    }
}

fn held(store: &dyn Store) -> (LeaseId, Held) {
    let owner = OwnerId::of_this_process();
    match wait(store.acquire(&key(), &owner, TTL, 7)).unwrap() {
        Acquired::Held(held) => (LeaseId::of(owner, &held), *held),
        other => panic!("not held: {other:?}"),
    }
}

fn refused() -> Mark {
    Mark::Refused { refresh_token: "r1".into(), reason: ConsentReason::Revoked }
}

#[test]
fn compare_and_set_writes_only_over_what_was_read() {
    each_store_with_a_record(|name, store| {
        let mut next = record();
        next.revision = 2;
        assert!(!wait(store.compare_and_set(&key(), None, &next)).unwrap(), "{name}");
        assert!(!wait(store.compare_and_set(&key(), Some(9), &next)).unwrap(), "{name}");
        assert_eq!(wait(store.load(&key())).unwrap(), Some(record()), "{name}");
        assert!(wait(store.compare_and_set(&key(), Some(1), &next)).unwrap(), "{name}");
        assert_eq!(wait(store.load(&key())).unwrap(), Some(next), "{name}");
    });
}

#[test]
fn one_lease_stands_at_a_time_and_fencing_numbers_grow() {
    each_store_with_a_record(|name, store| {
        let (first, _) = held(store);
        let other = OwnerId::of_this_process();
        let busy = wait(store.acquire(&key(), &other, TTL, 7)).unwrap();
        assert!(matches!(busy, Acquired::Busy(left) if left > Duration::ZERO), "{name}");
        assert!(wait(store.renew(&key(), &first, TTL)).unwrap(), "{name}");
        wait(store.release(&key(), &first, None)).unwrap();
        assert!(!wait(store.renew(&key(), &first, TTL)).unwrap(), "{name}");
        let (second, _) = held(store);
        assert!(second.fencing > first.fencing, "{name}");
    });
}

#[test]
fn an_intent_that_was_left_is_found_by_the_next_holder() {
    each_store_with_a_record(|name, store| {
        let (lease, first) = held(store);
        assert_eq!((first.earlier, first.intent.generation), (None, 1), "{name}");
        wait(store.release(&key(), &lease, Some(&first.intent))).unwrap();
        let (lease, second) = held(store);
        assert_eq!(second.earlier.as_ref(), Some(&first.intent), "{name}");
        wait(store.release(&key(), &lease, None)).unwrap();
        assert_eq!(held(store).1.earlier, None, "{name}");
    });
}

#[test]
fn a_commit_clears_the_lease_of_its_own_fencing_number() {
    each_store_with_a_record(|name, store| {
        let (lease, _) = held(store);
        let answer = commit(1, lease.fencing, tokens("a2", Some("r2")));
        let committed = wait(store.commit(&key(), &answer)).unwrap();
        assert!(
            matches!(committed, Committed::Written(record) if record.generation == 2),
            "{name}"
        );
        assert_eq!(held(store).1.earlier, None, "{name}");
        let again = wait(store.commit(&key(), &answer)).unwrap();
        assert!(matches!(again, Committed::Superseded(Some(_))), "{name}");
    });
}

#[test]
fn a_commit_overrides_a_mark_made_meanwhile() {
    each_store_with_a_record(|name, store| {
        let (lease, _) = held(store);
        let refused = refused();
        let marked = wait(store.mark(&key(), &lease, &refused, None, 8)).unwrap().unwrap();
        assert_eq!(marked.status, Status::NeedsConsent, "{name}");
        let answer = commit(1, 0, tokens("a2", Some("r2")));
        wait(store.commit(&key(), &answer)).unwrap();
        let stands = wait(store.load(&key())).unwrap().unwrap();
        assert_eq!((stands.status, stands.generation), (Status::Active, 2), "{name}");
    });
}

#[test]
fn a_holder_that_lost_its_lease_marks_nothing() {
    each_store_with_a_record(|name, store| {
        let (lease, _) = held(store);
        wait(store.release(&key(), &lease, None)).unwrap();
        held(store);
        let refused = refused();
        assert!(wait(store.mark(&key(), &lease, &refused, None, 8)).unwrap().is_none(), "{name}");
        assert_eq!(wait(store.load(&key())).unwrap(), Some(record()), "{name}");
    });
}

#[test]
fn a_loser_never_marks_what_was_renewed_or_consented_to_meanwhile() {
    each_store_with_a_record(|name, store| {
        let (lease, _) = held(store);
        wait(store.commit(&key(), &commit(1, 0, tokens("a2", Some("r2"))))).unwrap();
        let renewed = wait(store.load(&key())).unwrap();
        assert!(wait(store.mark(&key(), &lease, &refused(), None, 8)).unwrap().is_none(), "{name}");
        assert_eq!(wait(store.load(&key())).unwrap(), renewed, "{name}");

        let (lease, _) = held(store);
        let renewed = renewed.unwrap();
        let consent = Record::new(&key(), "g2".into(), tokens("b1", Some("s1")), 9);
        let consented = renewed.with_consent(consent);
        assert!(wait(store.compare_and_set(&key(), Some(renewed.revision), &consented)).unwrap());
        assert!(wait(store.mark(&key(), &lease, &refused(), None, 9)).unwrap().is_none(), "{name}");
        assert_eq!(wait(store.load(&key())).unwrap(), Some(consented), "{name}");
        held(store); // the mark that came to nothing gave its lease back
    });
}

#[test]
fn an_authorization_transaction_is_taken_once_and_its_result_is_kept() {
    for (name, store) in stores() {
        wait(store.put_pending("state", "document", 0, 1_000)).unwrap();
        let taken = wait(store.take_pending("state", 10)).unwrap();
        assert!(matches!(taken, Pending::Taken(document) if document == "document"), "{name}");
        let used = wait(store.take_pending("state", 10)).unwrap();
        assert!(matches!(used, Pending::Used(None)), "{name}: {used:?}");
        wait(store.settle_pending("state", "result")).unwrap();
        let used = wait(store.take_pending("state", 10)).unwrap();
        assert!(matches!(used, Pending::Used(Some(result)) if result == "result"), "{name}");
        assert!(
            matches!(wait(store.take_pending("other", 10)).unwrap(), Pending::Absent),
            "{name}"
        );
    }
}

#[test]
fn tombstones_are_not_listed() {
    each_store_with_a_record(|name, store| {
        let Ok(listed) = wait(list(store, "test:app")) else {
            assert_eq!(name, "application with load and save only");
            return;
        };
        assert_eq!(listed, vec![record()], "{name}");
        assert!(wait(store.compare_and_set(&key(), Some(1), &record().tombstone(9))).unwrap());
        assert!(wait(list(store, "test:app")).unwrap().is_empty(), "{name}");
    });
}

#[test]
fn of_many_at_once_one_gets_the_lease_and_every_write_counts() {
    for (name, store) in stores() {
        if name == "application with load and save only" {
            continue; // what it cannot promise is said in an event
        }
        assert!(wait(store.compare_and_set(&key(), None, &record())).unwrap());
        let leases: usize = std::thread::scope(|scope| {
            let take = || {
                let owner = OwnerId::of_this_process();
                matches!(wait(store.acquire(&key(), &owner, TTL, 7)).unwrap(), Acquired::Held(_))
            };
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(take)).collect();
            threads.into_iter().filter_map(|thread| thread.join().unwrap().then_some(())).count()
        });
        assert_eq!(leases, 1, "{name}");
    }
}

#[test]
fn a_record_is_sealed_anew_once_and_not_while_it_is_spent() {
    for (name, first, second) in stores_under_two_rings() {
        assert!(wait(first.compare_and_set(&key(), None, &record())).unwrap(), "{name}");
        let (lease, _) = held(&*first);
        if name != "application" {
            let resealed = wait(second.reseal(&key())).unwrap();
            assert!(matches!(resealed, Resealed::Busy(left) if left <= TTL), "{name}");
        }
        wait(first.release(&key(), &lease, None)).unwrap();
        assert_eq!(wait(second.reseal(&key())).unwrap(), Resealed::Done, "{name}");
        assert_eq!(wait(second.reseal(&key())).unwrap(), Resealed::Already, "{name}");
        let stands = wait(second.load(&key())).unwrap().unwrap();
        assert_eq!(stands, Record { revision: 2, ..record() }, "{name}");
        let error = wait(first.load(&key())).unwrap_err();
        assert_eq!(error.reason(), Some("older_key"), "{name}");
    }
}

/// Stores that are shared by one with an old key and one with the key that replaced it.
fn stores_under_two_rings() -> Vec<(&'static str, Arc<dyn Store>, Arc<dyn Store>)> {
    let keys = [new_encryption_key(), new_encryption_key()];
    let ring = |keys: &[_]| Some(Arc::new(KeyRing::from_texts(keys, None).unwrap()));
    let codecs = [ring(&keys[1..]), ring(&keys)].map(|ring| Arc::new(Codec::new(ring)));
    let path = std::env::temp_dir().join(format!("evergrant-{}.db", random_id()));
    let sqlite = Address::parse(&format!("sqlite:{}", path.display())).unwrap();
    let rows = Arc::<Mutex<Rows>>::default();
    let application = |codec: &Arc<Codec>| -> Arc<dyn Store> {
        let store = Application { rows: Arc::clone(&rows), only_load_and_save: false };
        let caller = Caller::AnyThread(Arc::new(store));
        Arc::new(ApplicationStoreAdapter::new(caller, Arc::clone(codec)).unwrap())
    };
    let [old, new] = &codecs;
    let opened = |codec: &Arc<Codec>| sqlite.open(Arc::clone(codec)).unwrap();
    vec![("sqlite", opened(old), opened(new)), ("application", application(old), application(new))]
}
