//! A database that was set back to an older state under running processes: nobody spends what was spent long ago (adr/0008).

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use evergrant::{Client, Code, RefreshOptions, TokenOptions, wait};
use evergrant_sandbox::Sandbox;
use serde_json::json;
use std::sync::Barrier;
use std::time::{Duration, Instant, UNIX_EPOCH};
use support::{Folder, consent, oauth2, refresh_requests, sandbox};

const HOUR: Duration = Duration::from_secs(3600);

fn open(sandbox: &Sandbox, folder: &Folder) -> Client {
    Client::open(oauth2(sandbox, &folder.database(), &json!({}))).unwrap()
}

fn renew(client: &Client, subject: &str) {
    let options = RefreshOptions { force: true, ..RefreshOptions::default() };
    wait(client.grant(subject).refresh(options)).unwrap();
}

/// The generation that a client finds in the store, once it has put right what it knows better.
fn looked_at(client: &Client, subject: &str) -> u64 {
    wait(client.grant(subject).inspect()).unwrap().generation
}

fn later(clients: &[&Client], sandbox: &Sandbox, by: Duration) {
    sandbox.advance_clock(by);
    let now = sandbox.now().duration_since(UNIX_EPOCH).unwrap();
    for client in clients {
        client.set_test_clock(Some(i64::try_from(now.as_millis()).unwrap()));
    }
}

struct Backup {
    database: rusqlite::Connection,
}

impl Backup {
    fn of(folder: &Folder) -> Self {
        let database = rusqlite::Connection::open(folder.file("tokens.db")).unwrap();
        database.execute_batch("CREATE TABLE backup AS SELECT * FROM evergrant_grants").unwrap();
        Backup { database }
    }

    fn restore(&self) {
        let rows = "BEGIN IMMEDIATE; DELETE FROM evergrant_grants; \
                    INSERT INTO evergrant_grants SELECT * FROM backup; COMMIT";
        self.database.execute_batch(rows).unwrap();
    }

    fn generation(&self, subject: &str) -> u64 {
        let query = "SELECT generation FROM evergrant_grants WHERE subject = ?";
        self.database.query_row(query, [subject], |row| row.get(0)).unwrap()
    }
}

#[test]
fn a_process_that_meets_one_grant_set_back_writes_back_all_that_it_knows() {
    let (sandbox, folder) = (sandbox(HOUR), Folder::new());
    let (knows_most, knows_less) = (open(&sandbox, &folder), open(&sandbox, &folder));
    for subject in ["alice", "bob"] {
        wait(consent(&knows_most, &sandbox, subject));
    }
    let backup = Backup::of(&folder);
    renew(&knows_most, "alice");
    assert_eq!(looked_at(&knows_less, "alice"), 2);
    renew(&knows_most, "alice");
    renew(&knows_most, "bob");

    backup.restore();
    assert_eq!(looked_at(&knows_less, "alice"), 2);
    assert_eq!(looked_at(&knows_most, "bob"), 2);
    let give_up = Instant::now() + Duration::from_secs(10);
    while backup.generation("alice") < 3 {
        assert!(
            Instant::now() < give_up,
            "who knows the newest of alice did not look at her grant"
        );
        std::thread::sleep(Duration::from_millis(10));
    }

    let sent = refresh_requests(&sandbox);
    later(&[&knows_most, &knows_less], &sandbox, HOUR);
    for subject in ["alice", "bob"] {
        wait(knows_less.grant(subject).access_token(TokenOptions::default())).unwrap();
    }
    assert_eq!(refresh_requests(&sandbox), sent + 2);
}

#[test]
fn of_many_who_write_back_at_once_the_one_that_knows_most_has_the_last_word() {
    let (sandbox, folder) = (sandbox(HOUR), Folder::new());
    let clients: Vec<Client> = (0..6).map(|_| open(&sandbox, &folder)).collect();
    let subjects: Vec<String> = (0..8).map(|number| format!("user {number}")).collect();
    for subject in &subjects {
        wait(consent(&clients[0], &sandbox, subject));
    }
    let backup = Backup::of(&folder);
    for client in &clients {
        for subject in &subjects {
            renew(client, subject);
        }
    }

    backup.restore();
    let start = Barrier::new(clients.len());
    std::thread::scope(|scope| {
        for client in &clients {
            scope.spawn(|| {
                start.wait();
                for subject in &subjects {
                    looked_at(client, subject);
                }
            });
        }
    });
    for subject in &subjects {
        assert_eq!(backup.generation(subject), 7, "{subject}");
    }
}

#[test]
fn who_knows_nothing_newer_of_a_grant_spends_nothing_where_another_grant_shows_that_the_store_was_set_back()
 {
    const LIFETIME: Duration = Duration::from_secs(5);
    let (sandbox, folder) = (sandbox(LIFETIME), Folder::new());
    let (knows_most, knows_less) = (open(&sandbox, &folder), open(&sandbox, &folder));
    for subject in ["alice", "bob", "carol"] {
        wait(consent(&knows_most, &sandbox, subject));
    }
    assert_eq!(looked_at(&knows_less, "alice"), 1);
    let backup = Backup::of(&folder);
    renew(&knows_most, "alice");
    renew(&knows_less, "bob");

    backup.restore();
    let sent = refresh_requests(&sandbox);
    let now = sandbox.now() + LIFETIME;
    let now = i64::try_from(now.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    knows_less.set_test_clock(Some(now));
    let error = wait(knows_less.grant("alice").access_token(TokenOptions::default())).unwrap_err();
    assert_eq!(error.code(), Code::TemporarilyUnavailable, "{error}");
    let pause = error.retry_at().unwrap() - now;
    assert!((1..=7_000).contains(&pause), "{pause}"); // the lifetime, and two seconds
    assert_eq!(refresh_requests(&sandbox), sent);

    // One that waits is no sign to those who come later: pauses would never end.
    let late = open(&sandbox, &folder);
    late.set_test_clock(Some(now));
    assert_eq!(looked_at(&late, "alice"), 1);
    renew(&late, "carol");
    assert_eq!(refresh_requests(&sandbox), sent + 1);

    assert_eq!(looked_at(&knows_most, "alice"), 2);
    knows_less.set_test_clock(Some(now + 60_000));
    wait(knows_less.grant("alice").access_token(TokenOptions::default())).unwrap();
    assert_eq!(refresh_requests(&sandbox), sent + 2);
}

#[test]
fn a_lease_that_a_backup_brings_back_keeps_nobody_waiting() {
    let (sandbox, folder) = (sandbox(HOUR), Folder::new());
    let client = open(&sandbox, &folder);
    wait(consent(&client, &sandbox, "alice"));
    let backup = Backup::of(&folder);
    // As if the backup had been made while another process, which lives on, was renewing.
    let held = json!({"owner": "another-host:1:2:3:x", "until": {"wall": i64::MAX / 2}});
    backup
        .database
        .execute("UPDATE backup SET lease = ?, fencing = 7", [held.to_string()])
        .unwrap();
    renew(&client, "alice");

    backup.restore();
    assert_eq!(looked_at(&client, "alice"), 2);
    let asked = Instant::now();
    renew(&client, "alice");
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert_eq!(backup.generation("alice"), 3);
}
