//! Configuration, errors and exit statuses, and the sandbox command.

use crate::support::{Scene, visit};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};

fn error(stderr: &str) -> Value {
    serde_json::from_str(stderr).expect("one JSON value")
}

#[test]
fn a_subject_without_grant_needs_the_user() {
    let scene = Scene::new();
    let ran = scene.run(&["token", "two", "nobody"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (3, ""));
    assert!(
        ran.stderr.contains("no_grant") && ran.stderr.contains("evergrant login"),
        "{}",
        ran.stderr
    );
    let ran = scene.run(&["token", "two", "nobody", "--json"]);
    assert_eq!(error(&ran.stderr)["code"], "no_grant");
}

#[test]
fn a_provider_that_is_away_is_worth_another_try() {
    let scene = Scene::new();
    scene.log_in("two", "alice");
    let fault =
        json!({ "on": "token", "kind": "status", "status": 429, "headers": {"Retry-After": "60"} });
    scene.sandbox.add_fault(serde_json::from_value(fault).unwrap()).unwrap();
    let ran = scene.run(&["refresh", "two", "alice"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (4, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("try again after 2"), "{}", ran.stderr);
}

#[test]
fn a_command_line_that_is_wrong_is_status_2() {
    let scene = Scene::new();
    for arguments in
        [&["show"][..], &["no-such-command"], &["call", "two", "a", "GET", "u", "-H", "x"]]
    {
        let ran = scene.run(arguments);
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""));
        let ran = scene.run(&[arguments, &["--json"]].concat());
        assert_eq!(error(&ran.stderr)["code"], "invalid_argument");
    }
}

#[test]
fn a_configuration_that_is_wrong_names_the_place_and_no_secret() {
    let scene = Scene::new();
    let wrong = [
        (
            "[clients.two]\nprovider = \"google\"\nclient_id = \"c\"\nclient_secert = \"s3cret\"\n",
            "client_secert",
        ),
        ("[clients.two]\nclient_secret = \"s3cret\n", "line 2"),
        ("[client.two]\nclient_secret = \"s3cret\"\n", "clients"),
        (
            "[clients.two]\nprovider = \"gogle\"\nclient_id = \"c\"\nclient_secret = \"s3cret\"\n",
            "google",
        ),
    ];
    for (text, named) in wrong {
        scene.configure(text);
        let ran = scene.run(&["list", "two"]);
        assert_eq!(ran.status, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(named) && !ran.stderr.contains("s3cret"), "{}", ran.stderr);
    }
}

#[test]
fn a_file_asked_for_must_be_there_and_the_usual_one_may_be_missing() {
    let scene = Scene::new();
    let missing = scene.path("missing.toml");
    assert_eq!(scene.run(&["list", "--config", missing.to_str().unwrap()]).status, 2);
    let listed = scene.command(&["list"]).env_remove("EVERGRANT_CONFIG").output().unwrap();
    assert!(listed.status.success() && listed.stdout.is_empty());
}

#[test]
fn the_usual_file_is_found() {
    let scene = Scene::new();
    let folder = scene.path(".config/evergrant");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::rename(scene.path("config.toml"), folder.join("config.toml")).unwrap();
    let shown =
        scene.command(&["show", "two", "nobody"]).env_remove("EVERGRANT_CONFIG").output().unwrap();
    assert_eq!(shown.status.code(), Some(3));
}

#[test]
fn a_client_needs_no_file() {
    let scene = Scene::new();
    let issuer = scene.sandbox.base_url();
    let store = format!("sqlite:{}", scene.path("own.db").display());
    let mut command = scene.command(&["doctor", issuer, "--store", &store]);
    let without_client = command.env_remove("EVERGRANT_CONFIG").output().unwrap();
    assert_eq!(without_client.status.code(), Some(1));
    let by_variables = command
        .env("EVERGRANT_CLIENT_ID", "sandbox-client")
        .env("EVERGRANT_CLIENT_SECRET", "sandbox-secret")
        .output()
        .unwrap();
    assert!(by_variables.status.success());
    let mut command = scene.command(&[
        "doctor",
        "google",
        "--store",
        &store,
        "--client-id",
        "c",
        "--client-secret-env",
        "NOT_SET",
    ]);
    let secret_is_missing = command.output().unwrap();
    assert!(String::from_utf8(secret_is_missing.stdout).unwrap().contains("NOT_SET"));
}

#[test]
fn an_unknown_client_is_told_what_there_is() {
    let scene = Scene::new();
    let ran = scene.run(&["show", "gogle", "alice"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("one, two") && ran.stderr.contains("google"), "{}", ran.stderr);
}

#[test]
fn a_database_that_is_none_is_a_store_error() {
    let scene = Scene::new();
    std::fs::write(scene.path("tokens.db"), "this is no database").unwrap();
    let ran = scene.run(&["list", "two", "--json"]);
    assert_eq!(
        (&error(&ran.stderr)["code"], &error(&ran.stderr)["reason"]),
        (&json!("store"), &json!("foreign"))
    );
}

#[test]
fn the_sandbox_says_where_it_is_and_who_may_use_it() {
    let scene = Scene::new();
    let mut sandbox = scene
        .command(&["sandbox", "--port", "0", "--access-token-lifetime", "2.5", "--json"])
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(sandbox.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    let options = visit(&format!("{}/sandbox/options", told["base_url"].as_str().unwrap()));
    sandbox.kill().unwrap();
    sandbox.wait().unwrap();
    assert!(options.contains("2.5"), "{options}");
    assert_eq!(told["clients"][0]["client_id"], "sandbox-client");
}

#[test]
fn a_sandbox_whose_port_is_taken_says_so() {
    let scene = Scene::new();
    let taken = scene.sandbox.base_url().rsplit(':').next().unwrap().to_owned();
    let ran = scene.run(&["sandbox", "--port", &taken]);
    assert_eq!(ran.status, 4);
    assert!(ran.stderr.contains(&taken), "{}", ran.stderr);
}

#[test]
fn providers_show_names_what_stands_in_tables() {
    let scene = Scene::new();
    let told = scene.run(&["providers", "show", "trello"]).stdout;
    assert!(told.contains("offline.parameters.expiration  never"), "{told}");
    assert!(!told.contains("response"), "{told}");
}

#[test]
fn security_deviations_are_shown_by_providers_show() {
    let scene = Scene::new();
    for (name, key, value) in [("slack", "pkce", "off"), ("foursquare", "token_in", "query")] {
        let told = scene.run(&["providers", "show", name, "--json"]);
        assert_eq!(error(&told.stdout)[key], value, "{name}");
        let told = scene.run(&["providers", "show", name]).stdout;
        let shown = |line: &str| line.contains(key) && line.contains(value);
        assert!(told.lines().any(shown), "{told}");
    }
}
