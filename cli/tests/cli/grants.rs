//! What can be done with a stored grant.

use crate::support::{Scene, ended};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;

fn logged_in() -> Scene {
    let scene = Scene::new();
    assert_eq!(scene.log_in("two", "alice").status, 0);
    scene
}

#[test]
fn token_prints_nothing_but_the_token() {
    let scene = logged_in();
    let printed = scene.output(&["token", "two", "alice"]);
    let token = printed.strip_suffix('\n').expect("one line");
    assert!(token.starts_with("sbx.") && !token.contains(char::is_whitespace), "{printed:?}");
    assert_eq!(scene.json(&["token", "two", "alice"])["access_token"], token);
}

#[test]
fn an_expired_token_is_renewed_before_it_is_printed() {
    let scene = logged_in();
    let first = scene.output(&["token", "two", "alice"]);
    let renewed = scene.output(&["token", "two", "alice", "--min-valid", "3600"]);
    assert_ne!(first, renewed);
    assert_eq!(scene.json(&["show", "two", "alice"])["generation"], 2);
}

#[test]
fn a_renewal_in_the_background_is_waited_for() {
    let scene = Scene::new();
    scene.sandbox.set_options(evergrant_sandbox::Options {
        access_token_lifetime: std::time::Duration::from_secs(4),
        ..scene.sandbox.options()
    });
    assert_eq!(scene.log_in("two", "alice").status, 0);
    let delay = json!({ "on": "token", "kind": "delay", "milliseconds": 300, "after": true });
    scene.sandbox.add_fault(serde_json::from_value(delay).unwrap()).unwrap();
    // Past four fifths of its lifetime a token is handed out and renewed behind the scenes.
    let expires_at = scene.json(&["show", "two", "alice"])["expires_at"].as_i64().unwrap();
    while unix_millis() < expires_at - 600 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    scene.output(&["token", "two", "alice"]);
    assert_eq!(scene.token_requests(), 2);
    let grant = scene.json(&["show", "two", "alice"]);
    assert_eq!((&grant["generation"], &grant["status"]), (&json!(2), &json!("active")));
}

fn unix_millis() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

#[test]
fn a_call_carries_query_headers_and_form() {
    let scene = logged_in();
    let answer: Value = serde_json::from_str(&scene.output(&[
        "call",
        "two",
        "alice",
        "POST",
        &scene.url("/api/echo"),
        "-q",
        "a=1",
        "-q",
        "a=2",
        "-H",
        "X-Own: value",
        "-F",
        "name=J=K",
        "-F",
        "name=ü",
    ]))
    .unwrap();
    assert_eq!(answer["method"], "POST");
    assert_eq!(answer["query"], json!([["a", "1"], ["a", "2"]]));
    assert_eq!(answer["form"], json!([["name", "J=K"], ["name", "ü"]]));
    assert!(answer["headers"].to_string().contains("value"));
}

#[test]
fn a_call_sends_a_body_from_an_argument_or_a_file() {
    let scene = logged_in();
    std::fs::write(scene.path("body"), "from a file").unwrap();
    let from_file = format!("@{}", scene.path("body").display());
    let echo = scene.url("/api/echo");
    let size = |arguments: &[&str]| {
        let words = [&["call", "two", "alice", "PUT", &echo], arguments].concat();
        serde_json::from_str::<Value>(&scene.output(&words)).unwrap()
    };
    assert_eq!(size(&["-d", "12345"])["size"], 5);
    assert_eq!(size(&["-d", &from_file])["size"], 11);
    assert_eq!(size(&["--json-body", r#"{"a": [1]}"#])["json"], json!({"a": [1]}));
    assert_eq!(scene.run(&["call", "two", "alice", "PUT", &echo, "--json-body", "{"]).status, 2);
    assert_eq!(
        scene.run(&["call", "two", "alice", "PUT", &echo, "-d", "x", "-F", "a=b"]).status,
        2
    );
}

#[test]
fn a_call_is_signed_where_the_protocol_wants_it() {
    let scene = Scene::new();
    assert_eq!(scene.log_in("one", "bob").status, 0);
    let answer = scene.output(&["call", "one", "bob", "GET", &scene.url("/api/me")]);
    assert!(answer.contains("\"oauth1\""), "{answer}");
}

#[test]
fn the_status_of_a_call_is_shown_when_asked_for() {
    let scene = logged_in();
    let url = scene.url("/api/status/418");
    let ran = scene.run(&["call", "two", "alice", "GET", &url, "-i"]);
    assert_eq!(ran.status, 0);
    assert!(ran.stdout.starts_with("HTTP 418\n") && ran.stdout.contains("\n\n"), "{}", ran.stdout);
    assert_eq!(scene.run(&["call", "two", "alice", "GET", &url, "--fail"]).status, 1);
    assert_eq!(scene.json(&["call", "two", "alice", "GET", &url])["status"], 418);
}

#[test]
fn no_command_but_token_shows_a_secret() {
    let scene = logged_in();
    scene.output(&["refresh", "two", "alice"]);
    for arguments in [
        &["list"][..],
        &["list", "two"],
        &["show", "two", "alice"],
        &["refresh", "two", "alice"],
        &["doctor"],
    ] {
        for json in [&[][..], &["--json"]] {
            let ran = scene.run(&[arguments, json].concat());
            let said = ran.stdout + &ran.stderr;
            assert!(
                !said.is_empty() && !said.contains("sbx.") && !said.contains("sandbox-secret"),
                "{said}"
            );
        }
    }
}

#[test]
fn list_has_a_line_for_each_grant_of_each_client() {
    let scene = logged_in();
    scene.log_in("two", "carol");
    scene.log_in("one", "bob");
    let lines = scene.output(&["list"]);
    let subjects: Vec<_> = lines.lines().map(|line| line.split('\t').nth(1).unwrap()).collect();
    assert_eq!(subjects, ["bob", "alice", "carol"]);
    assert_eq!(scene.json(&["list", "two"]).as_array().unwrap().len(), 2);
}

#[test]
fn refresh_renews_now() {
    let scene = logged_in();
    assert_eq!(scene.json(&["refresh", "two", "alice"])["generation"], 2);
    assert_eq!(scene.token_requests(), 2);
}

#[test]
fn a_grant_that_was_taken_back_is_tried_again_only_by_force() {
    let scene = logged_in();
    scene.sandbox.revoke_user("alice");
    assert_eq!(scene.run(&["refresh", "two", "alice"]).status, 3);
    let requests = scene.token_requests();
    let ran = scene.run(&["refresh", "two", "alice"]);
    assert!(ran.status == 3 && ran.stderr.contains("needs_consent (revoked)"), "{}", ran.stderr);
    assert_eq!(scene.token_requests(), requests);
    assert_eq!(scene.run(&["refresh", "two", "alice", "--force"]).status, 3);
    assert_eq!(scene.token_requests(), requests + 1);
}

#[test]
fn revoke_ends_the_grant_at_the_provider_and_forget_only_here() {
    let scene = logged_in();
    scene.log_in("two", "carol");
    scene.output(&["revoke", "two", "alice"]);
    scene.output(&["forget", "two", "carol"]);
    let alive = |user: &str| {
        let grants = scene.sandbox.grants();
        grants.iter().any(|grant| grant.user.as_deref() == Some(user) && grant.alive)
    };
    assert!(!alive("alice") && alive("carol"));
    assert_eq!(scene.output(&["list", "two"]), "");
}

#[test]
fn doctor_finds_a_file_that_others_can_read() {
    let scene = logged_in();
    assert_eq!(scene.run(&["doctor"]).status, 0);
    std::fs::set_permissions(scene.path("tokens.db"), PermissionsExt::from_mode(0o644)).unwrap();
    let ran = scene.run(&["doctor", "two"]);
    assert_eq!(ran.status, 1);
    assert!(ran.stdout.contains("FAILED\ttwo\tfile mode"), "{}", ran.stdout);
}

#[test]
fn doctor_looks_at_helper_spill_folder_and_encryption() {
    let scene = logged_in();
    let found = |environment: &[(&str, &str)]| -> Vec<Value> {
        let mut command = scene.command(&["doctor", "two", "--json"]);
        let ran = ended(&command.envs(environment.iter().copied()).output().unwrap());
        serde_json::from_str(&ran.stdout).unwrap()
    };
    let named = |checks: &[Value], name: &str| -> Value {
        checks.iter().find(|check| check["name"] == name).unwrap().clone()
    };
    let checks = found(&[]);
    for (name, detail) in [
        ("helper", env!("CARGO_BIN_EXE_evergrant")),
        ("spill", "no answer waits"),
        ("encryption", "off"),
    ] {
        let check = named(&checks, name);
        assert_eq!((&check["ok"], &check["weak"]), (&json!(true), &json!(false)), "{check}");
        assert!(check["detail"].as_str().unwrap().contains(detail), "{check}");
    }
    let helper = named(&found(&[("EVERGRANT_HELPER", "/nowhere/evergrant")]), "helper");
    assert_eq!((&helper["ok"], &helper["weak"]), (&json!(true), &json!(true)), "{helper}");
    assert!(helper["detail"].as_str().unwrap().contains("EVERGRANT_HELPER"), "{helper}");

    let folder = scene.path(".local/state/evergrant/spill");
    std::fs::write(folder.join("some.spill"), "no answer").unwrap();
    let spill = named(&found(&[]), "spill");
    assert_eq!(spill["weak"], true, "{spill}");
    assert!(spill["detail"].as_str().unwrap().contains("1 files cannot"), "{spill}");
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "no folder").unwrap();
    let ran = scene.run(&["doctor", "two"]);
    assert_eq!(ran.status, 1);
    assert!(ran.stdout.contains("FAILED\ttwo\tspill"), "{}", ran.stdout);
}

#[test]
fn doctor_finds_a_provider_that_is_away() {
    let scene = Scene::new();
    let away = "[clients.two]\nprovider = \"http://127.0.0.1:1\"\nclient_id = \"c\"\nstore = \"memory:\"\n";
    scene.configure(away);
    let ran = scene.run(&["doctor", "--json"]);
    assert_eq!(ran.status, 1);
    let checks: Value = serde_json::from_str(&ran.stdout).unwrap();
    let failed: Vec<_> =
        checks.as_array().unwrap().iter().filter(|check| check["ok"] == false).collect();
    assert!(failed.len() == 1 && failed[0]["name"] == "provider", "{checks}");
}
