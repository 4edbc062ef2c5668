//! The promises of the store contract, held against every store by the check that users have (`check/contract.rs`).

use super::check::example::Example as Application;
use super::check::{CheckOptions, StoreCheck, Verdict};
use super::record_for_tests::{key, record};
use super::*;
use crate::client::Client;
use crate::config::{Config, SecretSource};
use crate::process::{random_id, wait};
use std::path::Path;
use std::sync::Arc;

const TTL: Duration = Duration::from_secs(30);

type Named = (&'static str, Arc<dyn Store>);

fn built_in(address: &str, codec: &Arc<Codec>) -> Arc<dyn Store> {
    let options = SecretSource::Text(address.into()).into();
    Address::of(&options).unwrap().open(Arc::clone(codec)).unwrap()
}

fn sealing() -> Arc<Codec> {
    let ring = KeyRing::from_texts(&[new_encryption_key(), new_encryption_key()], None).unwrap();
    Arc::new(Codec::new(Some(Arc::new(ring))))
}

/// Every store of this host, by name, with plain and with sealed records.
fn stores(folder: &Path) -> Vec<Named> {
    let at =
        |kind, name, codec| built_in(&format!("{kind}:{}", folder.join(name).display()), codec);
    let application = |only_load_and_save, codec: &Arc<Codec>| -> Arc<dyn Store> {
        let store = Application { only_load_and_save, ..Application::default() };
        let caller = Caller::AnyThread(Arc::new(store));
        Arc::new(ApplicationStoreAdapter::new(caller, Arc::clone(codec)).unwrap())
    };
    let (plain, sealing) = (Arc::<Codec>::default(), sealing());
    vec![
        ("memory", built_in("memory:", &plain)),
        ("sqlite", at("sqlite", "plain.db", &plain)),
        ("sqlite, sealed", at("sqlite", "sealed.db", &sealing)),
        ("file", at("file", "plain", &plain)),
        ("file, sealed", at("file", "sealed", &sealing)),
        ("application", application(false, &plain)),
        ("application, sealed", application(false, &sealing)),
        ("application with load and save only", application(true, &plain)),
    ]
}

/// Redis, where the tests are told of one. Stores in memory never give way, and what waits for a server would starve beside them.
fn stores_on_a_server() -> Vec<Named> {
    let Ok(address) = std::env::var("EVERGRANT_TEST_REDIS") else { return Vec::new() };
    let redis = |codec| built_in(&format!("{address}?prefix=test-{}:", random_id()), codec);
    vec![("redis", redis(&Arc::default())), ("redis, sealed", redis(&sealing()))]
}

fn options() -> CheckOptions {
    CheckOptions { grants: Some(PAGE + 1), quick: true }
}

/// What a store of the application's own does not give, whatever its methods; and what it does not with two methods only.
const NOT_OF_AN_APPLICATION: &[&str] = &[
    "an_authorization_transaction_ends_by_its_time",
    "a_late_answer_leaves_a_note_where_the_token_may_have_been_sent_again",
];
const NOT_WITH_LOAD_AND_SAVE_ONLY: &[&str] = &[
    "writes_at_once_lose_none",
    "tombstones_are_not_listed",
    "a_tombstone_is_removed_only_as_it_was_read",
    "list_holds_the_grants_of_its_client_alone",
    "what_is_due_is_told_from_what_is_not",
    "every_one_of_many_grants_is_listed_once",
];

#[test]
fn every_store_keeps_every_promise_that_it_gives() {
    let folder = tempfile::tempdir().unwrap();
    keep_every_promise(stores(folder.path()));
}

#[test]
fn every_store_on_a_server_keeps_every_promise() {
    keep_every_promise(stores_on_a_server());
}

fn keep_every_promise(stores: Vec<Named>) {
    std::thread::scope(|scope| {
        for (name, store) in stores {
            scope.spawn(move || {
                let report = wait(StoreCheck::of_store(store, &options()).run()).unwrap();
                let is_given = |promise: &str| {
                    !(name.starts_with("application") && NOT_OF_AN_APPLICATION.contains(&promise)
                        || name.contains("only") && NOT_WITH_LOAD_AND_SAVE_ONLY.contains(&promise))
                };
                let broken = report.findings.iter().filter(|finding| {
                    finding.verdict != Verdict::Passed && is_given(finding.promise)
                });
                assert_eq!(broken.count(), 0, "{name}: {report}");
            });
        }
    });
}

#[test]
fn two_openings_of_a_database_are_one_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grants.db");
    let config =
        format!("provider = \"google\"\nclient_id = \"c\"\nstore = \"sqlite:{}\"", path.display());
    let client = Client::open(Config::from_toml(&config).unwrap()).unwrap();
    let report = wait(StoreCheck::of_client(&client, &options()).unwrap().run()).unwrap();
    assert!(report.ok, "{report}");
    let skipped = report.findings.iter().filter(|finding| finding.verdict == Verdict::Skipped);
    assert_eq!(skipped.count(), 0, "{report:?}");
    assert!(report.findings.iter().any(|f| f.promise == "what_one_process_writes_another_sees"));
    assert!(report.remarks.is_empty(), "what was written is removed: {:?}", report.remarks);
}

#[test]
fn a_record_is_sealed_anew_once_and_not_while_it_is_spent() {
    let folder = tempfile::tempdir().unwrap();
    for (name, first, second) in stores_under_two_rings(folder.path()) {
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

fn held(store: &dyn Store) -> (LeaseId, Held) {
    let owner = OwnerId::of_this_process();
    match wait(store.acquire(&key(), &owner, TTL)).unwrap() {
        Acquired::Held(held) => (LeaseId::of(owner, &held), *held),
        other => panic!("not held: {other:?}"),
    }
}

/// A store's name, and how each of two opened it.
type Shared = (&'static str, Arc<dyn Store>, Arc<dyn Store>);

/// Stores that are shared by one with an old key and one with the key that replaced it.
fn stores_under_two_rings(folder: &Path) -> Vec<Shared> {
    let keys = [new_encryption_key(), new_encryption_key()];
    let ring = |keys: &[_]| Some(Arc::new(KeyRing::from_texts(keys, None).unwrap()));
    let codecs = [ring(&keys[1..]), ring(&keys)].map(|ring| Arc::new(Codec::new(ring)));
    let sqlite = Address::sqlite(folder.join("grants.db"), Tables::default());
    let rows = Application::default().rows;
    let application = |codec: &Arc<Codec>| -> Arc<dyn Store> {
        let store = Application { rows: Arc::clone(&rows), ..Application::default() };
        let caller = Caller::AnyThread(Arc::new(store));
        Arc::new(ApplicationStoreAdapter::new(caller, Arc::clone(codec)).unwrap())
    };
    let [old, new] = &codecs;
    let opened = |codec: &Arc<Codec>| sqlite.open(Arc::clone(codec)).unwrap();
    vec![("sqlite", opened(old), opened(new)), ("application", application(old), application(new))]
}

#[test]
fn who_waits_for_the_next_key_spends_what_another_sealed_with_it_without_having_seen_it() {
    let keys = [new_encryption_key(), new_encryption_key()];
    let rings = [KeyRing::from_texts(&keys[1..], Some(&keys[0])), KeyRing::from_texts(&keys, None)];
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Address::sqlite(folder.path().join("grants.db"), Tables::default());
    let [waiting, moved] =
        rings.map(|ring| sqlite.open(Arc::new(Codec::new(Some(Arc::new(ring.unwrap()))))).unwrap());
    assert!(wait(moved.compare_and_set(&key(), None, &record())).unwrap());
    let acquired = wait(waiting.acquire(&key(), &OwnerId::of_this_process(), TTL)).unwrap();
    assert!(matches!(acquired, Acquired::Held(_)), "{acquired:?}");
}
