//! Encryption at rest, seen from outside: what is in the file, who can open it, and a change of keys while everybody works.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use evergrant::{
    BeginOptions, Client, Code, Config, Environment, PutTokens, RefreshOptions, RekeyOptions,
    Rekeyed, Secret, TokenOptions, new_encryption_key, wait,
};
use evergrant_sandbox::Sandbox;
use futures_util::future::{Either, select};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, UNIX_EPOCH};
use support::{Folder, consent, oauth2, refresh_requests, sandbox};

const LIFETIME: Duration = Duration::from_secs(3600);

/// What stands for a token in a file that is searched.
const CANARY: &str = "canary-that-sings";

fn keys(keys: &[&Secret]) -> Value {
    json!({"encryption": {"keys": keys.iter().map(|key| key.expose()).collect::<Vec<_>>()}})
}

fn config(sandbox: &Sandbox, folder: &Folder, more: &Value) -> Config {
    oauth2(sandbox, &folder.database(), more)
}

fn open(sandbox: &Sandbox, folder: &Folder, more: &Value) -> Client {
    Client::open(config(sandbox, folder, more)).unwrap()
}

fn database(folder: &Folder) -> Connection {
    Connection::open(folder.file("tokens.db")).unwrap()
}

fn rows(folder: &Folder) -> Vec<String> {
    let database = database(folder);
    let mut statement = database
        .prepare("SELECT CAST(record AS TEXT) FROM evergrant_grants ORDER BY subject")
        .unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.map(Result::unwrap).collect()
}

/// The names of the keys that the rows are sealed with; none for a plain one.
fn sealed_with(folder: &Folder) -> BTreeSet<Option<String>> {
    let key = |text: &String| {
        let record: Value = serde_json::from_str(text).unwrap();
        record["sealed"]["key"].as_str().map(str::to_owned)
    };
    rows(folder).iter().map(key).collect()
}

/// How often the canary can be read in the files of a database.
fn canaries(folder: &Folder) -> usize {
    let read = |suffix| std::fs::read(folder.file(&format!("tokens.db{suffix}")));
    let files = ["", "-wal", "-shm"].map(|suffix| read(suffix).unwrap_or_default());
    let count = |bytes: &Vec<u8>| {
        bytes.windows(CANARY.len()).filter(|window| *window == CANARY.as_bytes()).count()
    };
    assert!(!files[0].is_empty());
    files.iter().map(count).sum()
}

/// Stores a grant whose tokens are canaries, and an authorization transaction with another as its redirect URI.
fn sing(client: &Client) {
    let tokens = PutTokens {
        access_token: Some(format!("{CANARY}-access").as_str().into()),
        refresh_token: Some(format!("{CANARY}-refresh").as_str().into()),
        ..PutTokens::default()
    };
    wait(client.put("alice", tokens)).unwrap();
    let options = BeginOptions {
        redirect_uri: Some(format!("http://127.0.0.1/{CANARY}")),
        ..BeginOptions::default()
    };
    wait(client.begin("alice", options)).unwrap();
}

fn rekey(client: &Client) -> Rekeyed {
    wait(client.rekey(RekeyOptions::default(), |_| ())).unwrap()
}

fn token(client: &Client) -> evergrant::Result<String> {
    let token = wait(client.grant("alice").access_token(TokenOptions::default()))?;
    Ok(token.token.expose().to_owned())
}

fn force() -> RefreshOptions {
    RefreshOptions { force: true, ..RefreshOptions::default() }
}

#[test]
fn no_secret_can_be_read_in_the_files_of_a_store_with_keys() {
    let sandbox = sandbox(LIFETIME);
    for (more, is_sealed) in [(json!({}), false), (keys(&[&new_encryption_key()]), true)] {
        let folder = Folder::new();
        let client = open(&sandbox, &folder, &more);
        sing(&client);
        assert_eq!(canaries(&folder) == 0, is_sealed);
        wait(client.close());
        drop(client);
        assert_eq!(canaries(&folder) == 0, is_sealed);
    }
}

#[test]
fn after_a_rekey_of_plain_records_no_secret_is_left_in_the_file() {
    let (folder, sandbox) = (Folder::new(), sandbox(LIFETIME));
    let plain = open(&sandbox, &folder, &json!({}));
    let tokens = PutTokens {
        access_token: Some(format!("{CANARY}-access").as_str().into()),
        refresh_token: Some(format!("{CANARY}-refresh").as_str().into()),
        ..PutTokens::default()
    };
    wait(plain.put("alice", tokens)).unwrap();
    wait(plain.close());
    drop(plain);
    assert!(canaries(&folder) > 0);
    let client = open(&sandbox, &folder, &keys(&[&new_encryption_key()]));
    assert_eq!(rekey(&client), Rekeyed { total: 1, resealed: 1, ..Rekeyed::default() });
    wait(client.close());
    drop(client);
    assert_eq!(canaries(&folder), 0);
}

#[test]
fn with_the_wrong_key_nothing_opens_and_nothing_changes() {
    let (folder, sandbox) = (Folder::new(), sandbox(LIFETIME));
    let client = open(&sandbox, &folder, &keys(&[&new_encryption_key()]));
    wait(consent(&client, &sandbox, "alice"));
    let before = rows(&folder);
    for (more, reason) in [(keys(&[&new_encryption_key()]), "unknown_key"), (json!({}), "no_keys")]
    {
        let wrong = open(&sandbox, &folder, &more);
        let grant = wrong.grant("alice");
        let errors = [
            token(&wrong).unwrap_err(),
            wait(grant.refresh(force())).unwrap_err(),
            wait(grant.revoke(evergrant::RevokeOptions::default())).unwrap_err(),
            wait(grant.forget()).unwrap_err(),
            wait(wrong.list()).unwrap_err(),
            wait(consent_fails(&wrong, &sandbox)),
        ];
        for error in errors {
            let found = (error.code(), error.reason());
            assert_eq!(found, (Code::Decryption, Some(reason)), "{error}");
        }
        assert_eq!(rows(&folder), before);
    }
    let journal = sandbox.journal();
    let spent = journal.iter().filter(|entry| entry.grant_type.is_some()).count();
    assert_eq!(spent, 1, "the consent at the beginning");
    token(&client).unwrap();
}

async fn consent_fails(client: &Client, sandbox: &Sandbox) -> evergrant::Error {
    let start = client.begin("alice", BeginOptions::default()).await.unwrap();
    let callback = sandbox.consent(&start.url, "alice", evergrant_sandbox::Choice::Allow).unwrap();
    client.finish(&callback, evergrant::FinishOptions::default()).await.unwrap_err()
}

#[test]
fn a_row_in_another_place_does_not_open() {
    let (folder, sandbox) = (Folder::new(), sandbox(LIFETIME));
    let more = keys(&[&new_encryption_key()]);
    let client = open(&sandbox, &folder, &more);
    wait(consent(&client, &sandbox, "alice"));
    let old = rows(&folder).remove(0);
    wait(client.grant("alice").refresh(force())).unwrap();
    let database = database(&folder);
    let tampered = |change: &str| {
        database.execute_batch("SAVEPOINT before").unwrap();
        database
            .execute(change, rusqlite::params_from_iter(change.contains('?').then_some(&old)))
            .unwrap();
        database.execute_batch("RELEASE before").unwrap();
        let subject = if change.contains("bob") { "bob" } else { "alice" };
        let other = open(&sandbox, &folder, &more);
        let error = wait(other.grant(subject).access_token(TokenOptions::default())).unwrap_err();
        assert_eq!(
            (error.code(), error.reason()),
            (Code::Decryption, Some("tampered")),
            "{change}"
        );
    };
    tampered("UPDATE evergrant_grants SET subject = 'bob'");
    database.execute_batch("UPDATE evergrant_grants SET subject = 'alice'").unwrap();
    token(&open(&sandbox, &folder, &more)).unwrap();
    tampered("UPDATE evergrant_grants SET record = CAST(? AS BLOB)");
}

#[test]
fn a_writer_whose_first_key_was_replaced_gives_out_a_usable_token_and_spends_nothing() {
    let (folder, sandbox) = (Folder::new(), sandbox(LIFETIME));
    let (old, new) = (new_encryption_key(), new_encryption_key());
    let ahead = open(&sandbox, &folder, &keys(&[&new, &old]));
    wait(consent(&ahead, &sandbox, "alice"));
    let before = rows(&folder);
    let behind = open(&sandbox, &folder, &keys(&[&old, &new]));
    assert_eq!(token(&behind).unwrap(), token(&ahead).unwrap());
    let error = wait(behind.grant("alice").refresh(force())).unwrap_err();
    assert_eq!((error.code(), error.reason()), (Code::Decryption, Some("older_key")), "{error}");
    // What is still good is given out, whatever became of the refresh behind it.
    sandbox.advance_clock(Duration::from_secs(3540));
    let now = sandbox.now().duration_since(UNIX_EPOCH).unwrap();
    behind.set_test_clock(Some(i64::try_from(now.as_millis()).unwrap()));
    token(&behind).unwrap();
    assert_eq!((rows(&folder), refresh_requests(&sandbox)), (before, 0));
    wait(ahead.grant("alice").refresh(force())).unwrap();
}

#[test]
fn a_change_of_keys_under_load_loses_nothing() {
    let (folder, sandbox) = (Folder::new(), sandbox(LIFETIME));
    let (old, new) = (new_encryption_key(), new_encryption_key());
    let subjects: Vec<String> = (0..24).map(|n| format!("user {n}")).collect();
    let before = open(&sandbox, &folder, &keys(&[&old]));
    for subject in &subjects {
        wait(consent(&before, &sandbox, subject));
    }
    wait(before.grant("user 0").forget()).unwrap();
    drop(before);
    let old_names = sealed_with(&folder);
    assert_eq!(old_names.len(), 1);

    // Of those that go on working one has the new key as its first, the other knows that it is to come.
    let mut waiting = keys(&[&old]);
    waiting["encryption"]["next"] = json!(new.expose());
    let moved = keys(&[&new, &old]);
    let workers = [open(&sandbox, &folder, &waiting), open(&sandbox, &folder, &moved)];
    let (stop, refreshes) = (AtomicBool::new(false), AtomicUsize::new(0));
    let rekeyed = std::thread::scope(|scope| {
        for (n, client) in workers.iter().cycle().take(4).enumerate() {
            let (stop, refreshes, subjects) = (&stop, &refreshes, &subjects[1..]);
            scope.spawn(move || {
                for subject in subjects.iter().cycle().skip(n * 5) {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    wait(client.grant(subject).refresh(force())).unwrap();
                    refreshes.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while refreshes.load(Ordering::Relaxed) < 8 {
            std::thread::yield_now();
        }
        let client = open(&sandbox, &folder, &moved);
        let options = RekeyOptions { batch: 5, ..RekeyOptions::default() };
        let rekeyed = wait(client.rekey(options, |_| ())).unwrap();
        let so_far = refreshes.load(Ordering::Relaxed);
        while refreshes.load(Ordering::Relaxed) < so_far + 8 {
            std::thread::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
        rekeyed
    });
    assert_eq!((rekeyed.total, rekeyed.failed), (24, 0), "{rekeyed:?}");
    assert_eq!(rekeyed.resealed + rekeyed.already, 24);
    assert!(rekeyed.resealed > 0);

    let names = sealed_with(&folder);
    assert!(names.len() == 1 && names.is_disjoint(&old_names), "{names:?}");
    let after = open(&sandbox, &folder, &keys(&[&new]));
    for subject in &subjects[1..] {
        wait(after.grant(subject).refresh(force())).unwrap();
    }
    assert_eq!(wait(after.list()).unwrap().len(), 23);
    // Who was deleted may come again.
    wait(consent(&after, &sandbox, "user 0"));
}

#[test]
fn an_interrupted_rekey_goes_on_where_it_stopped() {
    let (folder, sandbox) = (Folder::new(), sandbox(LIFETIME));
    let (old, new) = (new_encryption_key(), new_encryption_key());
    let before = open(&sandbox, &folder, &keys(&[&old]));
    for n in 0..6 {
        wait(before.put(&format!("user {n}"), tokens())).unwrap();
    }
    let client = open(&sandbox, &folder, &keys(&[&new, &old]));
    let (page_is_done, pages) = mpsc::channel();
    let (go_on, gate) = mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let options = RekeyOptions { batch: 2, ..RekeyOptions::default() };
    let progress = move |_: &Rekeyed| {
        page_is_done.send(()).unwrap();
        let _ = gate.lock().unwrap().recv();
    };
    {
        let rekey = pin!(client.rekey(options, progress));
        let first_page = std::thread::spawn(move || pages.recv().unwrap());
        let ended = pin!(async {
            while !first_page.is_finished() {
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let Either::Right(_) = wait(select(rekey, ended)) else { panic!("not interrupted") };
    }
    drop(go_on);
    assert_eq!(sealed_with(&folder).len(), 2);
    let rest = rekey(&open(&sandbox, &folder, &keys(&[&new, &old])));
    assert_eq!((rest.total, rest.resealed, rest.already), (6, 4, 2));
    assert_eq!(sealed_with(&folder).len(), 1);
}

fn tokens() -> PutTokens {
    PutTokens { access_token: Some("a".into()), ..PutTokens::default() }
}

#[test]
fn what_cannot_be_sealed_anew_is_told_and_left_as_it_is() {
    let (folder, sandbox) = (Folder::new(), sandbox(LIFETIME));
    let (lost, key) = (new_encryption_key(), new_encryption_key());
    wait(open(&sandbox, &folder, &keys(&[&lost])).put("bob", tokens())).unwrap();
    let mut other = config(&sandbox, &folder, &json!({}));
    other.client_id = "another client".to_owned();
    wait(Client::open(other).unwrap().put("carol", tokens())).unwrap();
    wait(open(&sandbox, &folder, &json!({})).put("alice", tokens())).unwrap();

    let client = open(&sandbox, &folder, &keys(&[&key]));
    let rekeyed = rekey(&client);
    assert_eq!((rekeyed.total, rekeyed.resealed, rekeyed.failed), (2, 1, 1));
    let failure = &rekeyed.failures[0];
    assert_eq!((failure.subject.as_str(), failure.code), ("bob", Code::Decryption));
    assert_eq!(failure.reason.as_deref(), Some("unknown_key"));

    // A ring is a client's own: others share it only by its wish.
    let options = RekeyOptions { all: true, ..RekeyOptions::default() };
    let rekeyed = wait(client.rekey(options, |_| ())).unwrap();
    assert_eq!((rekeyed.total, rekeyed.resealed, rekeyed.already, rekeyed.failed), (3, 1, 1, 1));

    let error = wait(open(&sandbox, &folder, &json!({})).rekey(RekeyOptions::default(), |_| ()));
    assert_eq!(error.unwrap_err().code(), Code::InvalidConfig);
}

#[test]
fn keys_come_from_a_function_asked_once_or_from_the_configuration() {
    let (folder, sandbox) = (Folder::new(), sandbox(LIFETIME));
    let key = new_encryption_key();
    let asked = Arc::new(AtomicUsize::new(0));
    let with = |given: Result<Vec<Secret>, String>, more: &Value| {
        let asked = Arc::clone(&asked);
        let function = move || {
            asked.fetch_add(1, Ordering::Relaxed);
            given.clone()
        };
        let environment = Environment { keys: Some(Arc::new(function)), ..Environment::default() };
        Client::open_with(config(&sandbox, &folder, more), environment)
    };
    let client = with(Ok(vec![key.clone()]), &json!({})).unwrap();
    wait(client.put("alice", tokens())).unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    token(&open(&sandbox, &folder, &keys(&[&key]))).unwrap();

    let code = |opened: evergrant::Result<Client>| opened.unwrap_err().code();
    assert_eq!(code(with(Err("no vault".to_owned()), &json!({}))), Code::Callback);
    assert_eq!(code(with(Ok(Vec::new()), &json!({}))), Code::InvalidConfig);
    assert_eq!(code(with(Ok(vec![key.clone()]), &keys(&[&key]))), Code::InvalidConfig);
}
