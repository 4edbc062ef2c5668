//! Grants that go to another store, and come from another program.

use crate::support::{Ran, Scene, ended};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::io::Write;
use std::process::Stdio;

fn piped(scene: &Scene, arguments: &[&str], input: &str) -> Ran {
    let mut child = scene.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    ended(&child.wait_with_output().unwrap())
}

fn user_of(scene: &Scene, client: &str, subject: &str) -> String {
    let me = scene.output(&["call", client, subject, "GET", &scene.url("/api/me")]);
    serde_json::from_str::<Value>(&me).unwrap()["user"].as_str().unwrap().to_owned()
}

fn tokens(document: &str) -> Value {
    serde_json::from_str::<Value>(document).unwrap()["tokens"].clone()
}

#[test]
fn a_grant_that_was_exported_goes_on_elsewhere_without_a_loss() {
    let scene = Scene::new();
    scene.log_in("two", "alice");
    let document = scene.output(&["export", "two", "alice"]);
    let elsewhere = format!("--store=sqlite:{}", scene.path("elsewhere.db").display());
    let ran = piped(&scene, &["import", "two", "alice", &elsewhere], &document);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(!ran.stdout.contains("sbx."), "{}", ran.stdout);
    let again = scene.output(&["export", "two", "alice", &elsewhere]);
    assert_eq!(tokens(&again), tokens(&document));
    scene.output(&["forget", "two", "alice"]);
    let renewed = scene.json(&["refresh", "two", "alice", &elsewhere]);
    assert_eq!(renewed["generation"], 2);
    assert!(scene.sandbox.grants()[0].alive);
}

#[test]
fn tokens_of_a_playground_work_in_one_step() {
    let scene = Scene::new();
    let issued = &scene.sandbox.issue_grants(1, "user", "read")[0];
    std::fs::write(scene.path("access"), format!("{}\n", issued.access_token)).unwrap();
    let access = format!("--access=@{}", scene.path("access").display());
    let import =
        ["import", "two", "alice", &access, "--refresh=-", "--expires-in=1h", "--scope=read"];
    let ran = piped(&scene, &import, &issued.refresh_token);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert_eq!(user_of(&scene, "two", "alice"), "user1");
    let grant = scene.json(&["refresh", "two", "alice"]);
    assert_eq!((&grant["generation"], &grant["scope"]), (&json!(2), &json!(["read"])));

    scene.log_in("one", "bob");
    let access = &tokens(&scene.output(&["export", "one", "bob"]))["access"][0];
    let (token, secret) = (access["token"].as_str().unwrap(), access["secret"].as_str().unwrap());
    scene.output(&["import", "one", "carol", "--access", token, "--secret", secret]);
    assert_eq!(user_of(&scene, "one", "carol"), "bob");
}

#[test]
fn a_grant_that_is_there_is_replaced_only_on_demand() {
    let scene = Scene::new();
    scene.log_in("two", "alice");
    let ran = scene.run(&["import", "two", "alice", "--access", "other"]);
    assert!(ran.status == 2 && ran.stderr.contains("--replace"), "{}", ran.stderr);
    scene.output(&["import", "two", "alice", "--access", "other", "--replace"]);
    assert_eq!(scene.output(&["token", "two", "alice"]), "other\n");
}

#[test]
fn a_token_file_of_another_library_is_known_by_its_content() {
    let scene = Scene::new();
    let issued = &scene.sandbox.issue_grants(1, "user", "read")[0];
    let mut file = json!({
        "token": issued.access_token, "refresh_token": issued.refresh_token, "token_uri": scene.url("/oauth2/token"),
        "client_id": "sandbox-client", "client_secret": "sandbox-secret", "scopes": ["read"], "expiry": "2020-01-01T00:00:00Z",
    });
    let path = scene.path("token.json");
    std::fs::write(&path, file.to_string()).unwrap();
    scene.output(&["import", "two", "alice", path.to_str().unwrap()]);
    assert_eq!((user_of(&scene, "two", "alice"), scene.token_requests()), ("user1".to_owned(), 1));

    file["client_id"] = json!("another");
    for (text, expected) in [
        (file.to_string(), "is of client \"another\""),
        (json!({"web": {"client_secret": "sbx.secret"}}).to_string(), "client_secrets.json"),
        ("1c|sbx.secret".to_owned(), "ClientLogin"),
        ("sbx.secret".to_owned(), "neither a JSON object"),
    ] {
        let ran = piped(&scene, &["import", "two", "bob"], &text);
        assert!(ran.status == 2 && ran.stderr.contains(expected), "{}", ran.stderr);
        assert!(!ran.stderr.contains("sbx."), "{}", ran.stderr);
    }
}

#[test]
fn what_the_php_class_kept_is_taken_over_once_and_its_table_left_alone() {
    let scene = Scene::new();
    let issued = scene.sandbox.issue_grants(2, "user", "read");
    let old = scene.path("old.db");
    let table = Connection::open(&old).unwrap();
    table
        .execute_batch(
            "CREATE TABLE oauth_session (id INTEGER PRIMARY KEY, session TEXT, state TEXT, access_token TEXT, access_token_secret TEXT, \
             expiry DATETIME, authorized CHAR(1), type TEXT, server TEXT, creation DATETIME, access_token_response TEXT, \
             refresh_token TEXT, user INTEGER)",
        )
        .unwrap();
    let insert = "INSERT INTO oauth_session VALUES (?, 's', 'x', ?, '', '2020-01-01 00:00:00', ?, 'Bearer', ?, NULL, NULL, ?, ?)";
    let (first, second) = (&issued[0], &issued[1]);
    for row in [
        (1, &first.access_token, "Y", "Google", &first.refresh_token, 7),
        (2, &second.access_token, "Y", "Google", &second.refresh_token, 0),
        (3, &second.access_token, "N", "Google", &second.refresh_token, 8),
        (4, &second.access_token, "Y", "Unknown", &second.refresh_token, 9),
    ] {
        table.execute(insert, row).unwrap();
    }
    drop(table);
    let before = std::fs::read(&old).unwrap();
    let from = format!("sqlite:{}", old.display());
    let outcomes = |more: &[&str]| -> Vec<(String, String)> {
        let arguments = [&["import-php", "--from", &from, "--map", "google=two"], more].concat();
        let moved = scene.json(&arguments);
        let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
        let rows = moved.as_array().unwrap().iter();
        rows.map(|row| (text(row, "subject"), text(row, "outcome"))).collect()
    };
    let expected = |words: [&str; 4]| -> Vec<(String, String)> {
        let subjects = ["7", "session:2", "8", "9"];
        subjects.iter().zip(words).map(|(one, other)| (one.to_string(), other.to_owned())).collect()
    };
    assert_eq!(outcomes(&["--dry-run"]), expected(["taken", "taken", "skipped", "skipped"]));
    assert_eq!(scene.output(&["list", "two"]), "");
    assert_eq!(outcomes(&[]), expected(["taken", "taken", "skipped", "skipped"]));
    assert_eq!(user_of(&scene, "two", "7"), "user1");
    assert_eq!(user_of(&scene, "two", "session:2"), "user2");
    assert_eq!(outcomes(&[]), expected(["skipped"; 4]));
    assert_eq!(scene.json(&["show", "two", "7"])["generation"], 2);
    let lines = scene.output(&["import-php", "--from", &from, "--map", "google=two"]);
    assert!(
        lines.contains("did not authorize") && lines.contains("--map Unknown=CLIENT"),
        "{lines}"
    );
    assert!(!lines.contains("sbx."), "{lines}");
    assert_eq!(std::fs::read(&old).unwrap(), before);
}
