//! What becomes of an answer that the store does not take, or whose grant is gone: it is never dropped.

#![allow(clippy::unwrap_used, reason = "a test")]
#![cfg(unix)]

mod support;

use evergrant::{
    Client, Code, Environment, Events, Secret, TokenOptions, new_encryption_key, wait,
};
use evergrant_sandbox::{Fault, FaultKind, Sandbox, Target};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use support::{Folder, consent, oauth2, refresh_requests, sandbox};

const LIFETIME: Duration = Duration::from_secs(3600);

/// Has the database take leases and no tokens.
const REFUSE_TOKENS: &str = "CREATE TRIGGER refuse BEFORE UPDATE ON evergrant_grants WHEN new.generation <> old.generation \
     BEGIN SELECT RAISE(ABORT, 'refused'); END";

fn open(sandbox: &Sandbox, folder: &Folder, more: &Value) -> Client {
    let environment = Environment { events: Events::Queue, ..Environment::default() };
    let client = Client::open_with(oauth2(sandbox, &folder.database(), more), environment).unwrap();
    client.set_test_clock(Some(now(sandbox)));
    client
}

fn now(sandbox: &Sandbox) -> i64 {
    let now = sandbox.now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

fn later(client: &Client, sandbox: &Sandbox, by: Duration) {
    sandbox.advance_clock(by);
    client.set_test_clock(Some(now(sandbox)));
}

fn token(client: &Client) -> evergrant::Result<String> {
    let token = wait(client.grant("alice").access_token(TokenOptions::default()))?;
    Ok(token.token.expose().to_owned())
}

fn generation(client: &Client) -> u64 {
    wait(client.grant("alice").inspect()).unwrap().generation
}

fn events(client: &Client) -> Vec<String> {
    let name = |event: &evergrant::Event| {
        serde_json::to_value(event).unwrap()["event"].as_str().unwrap().to_owned()
    };
    client.take_events().iter().map(name).collect()
}

fn spills(folder: &Folder) -> Vec<PathBuf> {
    fs::read_dir(folder.file("state/spill")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn database(folder: &Folder) -> rusqlite::Connection {
    rusqlite::Connection::open(folder.file("tokens.db")).unwrap()
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

/// An answer that its sender could not commit, and never will: it keeps the database as it was before.
struct Dead {
    sandbox: Sandbox,
    folder: Folder,
    token: String,
    _sender: Client,
}

fn dead_sender() -> Dead {
    dead_sender_with(&json!({}))
}

fn dead_sender_with(more: &Value) -> Dead {
    let (sandbox, folder) = (sandbox(LIFETIME), Folder::new());
    let sender = open(&sandbox, &folder, more);
    wait(consent(&sender, &sandbox, "alice"));
    database(&folder).execute_batch(REFUSE_TOKENS).unwrap();
    later(&sender, &sandbox, LIFETIME);
    let token = token(&sender).unwrap();
    assert_eq!(spills(&folder).len(), 1);
    for name in ["tokens.db", "tokens.db-wal", "tokens.db-shm"] {
        fs::rename(folder.file(name), folder.file(&format!("old-{name}"))).unwrap();
    }
    let old = rusqlite::Connection::open(folder.file("old-tokens.db")).unwrap();
    old.execute("VACUUM INTO ?1", [folder.file("tokens.db").to_str().unwrap()]).unwrap();
    // The sender is gone: its lease is not waited for.
    let free = "DROP TRIGGER refuse; UPDATE evergrant_grants SET lease = NULL";
    database(&folder).execute_batch(free).unwrap();
    Dead { sandbox, folder, token, _sender: sender }
}

#[test]
fn security_13_an_answer_that_the_store_does_not_take_is_used_kept_sealed_and_committed_when_it_does()
 {
    let (sandbox, folder) = (sandbox(LIFETIME), Folder::new());
    let client = open(&sandbox, &folder, &json!({}));
    wait(consent(&client, &sandbox, "alice"));
    database(&folder).execute_batch(REFUSE_TOKENS).unwrap();
    later(&client, &sandbox, LIFETIME);
    let renewed = token(&client).unwrap();
    let told = events(&client);
    assert!(told.contains(&"spilled".into()) && told.contains(&"uncommitted".into()), "{told:?}");
    let [file] = &spills(&folder)[..] else { panic!("not one spill") };
    assert_eq!(fs::metadata(file).unwrap().mode() & 0o777, 0o600);
    for folder in [folder.file("state"), folder.file("state/spill")] {
        assert_eq!(fs::metadata(folder).unwrap().mode() & 0o777, 0o700);
    }
    assert_eq!(fs::metadata(folder.file("state/spill.key")).unwrap().mode() & 0o777, 0o600);
    let text = fs::read_to_string(file).unwrap();
    assert!(!text.contains(&renewed) && !text.contains("sbx."), "{text}");
    let name = file.file_name().unwrap().to_str().unwrap();
    assert!(!name.contains("alice"), "{name}");

    database(&folder).execute_batch("DROP TRIGGER refuse").unwrap();
    until(|| spills(&folder).is_empty().then_some(()));
    assert!(events(&client).contains(&"spill_committed".into()));
    assert_eq!((token(&client).unwrap(), generation(&client)), (renewed, 2));
    assert_eq!(refresh_requests(&sandbox), 1);
}

#[test]
fn an_answer_outlives_the_process_that_could_not_commit_it() {
    let Dead { sandbox, folder, token: answered, _sender } = dead_sender();
    let client = open(&sandbox, &folder, &json!({}));
    until(|| events(&client).contains(&"spill_committed".into()).then_some(()));
    until(|| spills(&folder).is_empty().then_some(()));
    assert_eq!((token(&client).unwrap(), generation(&client)), (answered, 2));
    assert_eq!(refresh_requests(&sandbox), 1);
}

#[test]
fn whoever_is_about_to_send_looks_into_the_spill_folder_first() {
    let Dead { sandbox, folder, token: answered, _sender } = dead_sender();
    let [file] = &spills(&folder)[..] else { panic!("not one spill") };
    let aside = folder.file("aside");
    fs::rename(file, &aside).unwrap();
    let client = open(&sandbox, &folder, &json!({})); // it finds nothing to offer
    assert_eq!(generation(&client), 1);
    fs::rename(&aside, file).unwrap();
    assert_eq!(token(&client).unwrap(), answered);
    assert_eq!((refresh_requests(&sandbox), spills(&folder).len()), (1, 0));
}

#[test]
fn a_sender_that_may_live_is_given_a_second_to_bring_its_answer() {
    let Dead { sandbox, folder, token: answered, _sender } = dead_sender();
    let [file] = &spills(&folder)[..] else { panic!("not one spill") };
    let aside = folder.file("aside");
    fs::rename(file, &aside).unwrap();
    let lapsed = r#"{"owner":"another-host:1:2:3:x","until":{"wall":1}}"#;
    database(&folder).execute("UPDATE evergrant_grants SET lease = ?1", [lapsed]).unwrap();
    let client = open(&sandbox, &folder, &json!({}));
    let grant = client.grant("alice");
    let taker = std::thread::spawn(move || wait(grant.access_token(TokenOptions::default())));
    let is_taken = || {
        let query = "SELECT lease FROM evergrant_grants";
        let lease: String = database(&folder).query_row(query, [], |row| row.get(0)).unwrap();
        (lease != lapsed).then_some(())
    };
    until(is_taken);
    fs::rename(&aside, file).unwrap();
    assert_eq!(taker.join().unwrap().unwrap().token.expose(), answered);
    assert_eq!(refresh_requests(&sandbox), 1);
}

#[test]
fn an_answer_is_offered_to_its_own_store_and_for_its_own_grant_only() {
    let Dead { sandbox, folder, .. } = dead_sender();
    let [file] = &spills(&folder)[..] else { panic!("not one spill") };
    let other = Folder::new();
    let state = json!({"state_dir": folder.file("state")});
    let client = open(&sandbox, &other, &state);
    wait(consent(&client, &sandbox, "alice"));
    assert!(client.take_events().iter().all(|event| event.event == evergrant::Kind::Granted));
    assert!(file.exists());

    let mut envelope: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    envelope["subject"] = json!("bob");
    fs::write(file, envelope.to_string()).unwrap();
    let client = open(&sandbox, &folder, &json!({}));
    until(|| events(&client).contains(&"store_trouble".into()).then_some(()));
    assert!(file.exists());
}

fn keys(keys: &[&Secret]) -> Value {
    json!({"encryption": {"keys": keys.iter().map(|key| key.expose()).collect::<Vec<_>>()}})
}

/// Asserts that a client with `more` does not get at the answer, and leaves it.
fn assert_sealed(dead: &Dead, more: &Value) {
    let client = open(&dead.sandbox, &dead.folder, more);
    until(|| events(&client).contains(&"store_trouble".into()).then_some(()));
    assert_eq!(spills(&dead.folder).len(), 1);
}

/// Asserts that a client with `more` commits the answer.
fn assert_committed(dead: &Dead, more: &Value) {
    let client = open(&dead.sandbox, &dead.folder, more);
    until(|| spills(&dead.folder).is_empty().then_some(()));
    assert_eq!((token(&client).unwrap(), generation(&client)), (dead.token.clone(), 2));
    assert_eq!(refresh_requests(&dead.sandbox), 1);
}

#[test]
fn an_answer_is_sealed_with_the_clients_keys_and_outlives_a_change_of_them() {
    let (old, new) = (new_encryption_key(), new_encryption_key());
    let dead = dead_sender_with(&keys(&[&old]));
    assert_sealed(&dead, &json!({})); // though the key of the state folder is there
    assert_sealed(&dead, &keys(&[&new]));
    fs::remove_file(dead.folder.file("state/spill.key")).unwrap();
    assert_committed(&dead, &keys(&[&new, &old]));
}

#[test]
fn without_keys_an_answer_is_sealed_with_the_key_of_the_state_folder_and_opens_when_there_are_keys()
{
    let dead = dead_sender();
    let (key, aside) = (dead.folder.file("state/spill.key"), dead.folder.file("aside"));
    fs::rename(&key, &aside).unwrap();
    assert_sealed(&dead, &json!({}));
    fs::rename(&aside, &key).unwrap();
    assert_committed(&dead, &keys(&[&new_encryption_key()]));
}

#[test]
fn an_answer_in_the_spill_whose_grant_was_forgotten_is_revoked_and_dropped() {
    let Dead { sandbox, folder, .. } = dead_sender();
    let [file] = &spills(&folder)[..] else { panic!("not one spill") };
    let aside = folder.file("aside");
    fs::rename(file, &aside).unwrap();
    let client = open(&sandbox, &folder, &json!({}));
    wait(client.grant("alice").forget()).unwrap();
    assert!(sandbox.grants().iter().all(|grant| grant.alive));
    fs::rename(&aside, file).unwrap();
    let client = open(&sandbox, &folder, &json!({}));
    until(|| spills(&folder).is_empty().then_some(()));
    assert!(sandbox.grants().iter().all(|grant| !grant.alive));
    assert_eq!(token(&client).unwrap_err().code(), Code::NoGrant);
}

#[test]
fn an_answer_that_no_store_takes_for_a_week_is_dropped_and_told() {
    let Dead { sandbox, folder, .. } = dead_sender();
    let [file] = &spills(&folder)[..] else { panic!("not one spill") };
    let long_ago = SystemTime::now() - Duration::from_secs(8 * 86_400);
    fs::File::options().write(true).open(file).unwrap().set_modified(long_ago).unwrap();
    let client = open(&sandbox, &folder, &json!({}));
    until(|| spills(&folder).is_empty().then_some(()));
    assert_eq!(events(&client), ["store_trouble"]);
    assert_eq!(generation(&client), 1);
}

#[test]
fn a_spill_folder_that_cannot_be_trusted_is_told_when_a_client_opens() {
    let (sandbox, folder) = (sandbox(LIFETIME), Folder::new());
    let spill = folder.file("state/spill");
    fs::create_dir_all(&spill).unwrap();
    fs::set_permissions(&spill, fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(events(&open(&sandbox, &folder, &json!({}))), ["store_trouble"]);
    fs::remove_dir(&spill).unwrap();
    fs::write(&spill, "a file").unwrap();
    let client = open(&sandbox, &folder, &json!({}));
    assert_eq!(events(&client), ["store_trouble"]);
    wait(consent(&client, &sandbox, "alice"));
    fs::remove_file(&spill).unwrap();
    assert_eq!(events(&open(&sandbox, &folder, &json!({}))), [""; 0]);
}

#[test]
fn an_answer_that_comes_when_a_new_consent_has_taken_its_grants_place_is_revoked() {
    let (sandbox, folder) = (sandbox(LIFETIME), Folder::new());
    let client = open(&sandbox, &folder, &json!({}));
    wait(consent(&client, &sandbox, "alice"));
    let slow = Fault {
        milliseconds: Some(700),
        after: true,
        ..Fault::new(Target::Token, FaultKind::Delay)
    };
    sandbox.add_fault(slow).unwrap();
    later(&client, &sandbox, LIFETIME);
    let grant = client.grant("alice");
    let waiter =
        std::thread::spawn(move || wait(grant.access_token(TokenOptions::default())).map(drop));
    until(|| (refresh_requests(&sandbox) == 1).then_some(()));
    wait(consent(&client, &sandbox, "alice"));
    assert!(waiter.join().unwrap().is_ok());
    until(|| events(&client).contains(&"revoked".into()).then_some(()));
    let alive = sandbox.grants().iter().filter(|grant| grant.alive).count();
    assert_eq!(alive, 1);
    later(&client, &sandbox, LIFETIME);
    assert!(token(&client).is_ok());
}
