//! Keeping all grants alive, from cron and as a service.

use crate::support::{Ran, Scene, ended};
use evergrant::{Client, Config, PutTokens, wait};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::process::Child;
use std::time::{Duration, Instant};

/// Stores so many grants of client `two` whose access tokens are over.
fn put_due(scene: &Scene, count: usize) {
    let config = json!({
        "provider": scene.sandbox.base_url(),
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "store": format!("sqlite:{}", scene.path("tokens.db").display()),
    });
    let client = Client::open(Config::from_json(&config.to_string()).unwrap()).unwrap();
    for grant in scene.sandbox.issue_grants(count, "user", "read") {
        let tokens = PutTokens {
            access_token: Some(grant.access_token.into()),
            refresh_token: Some(grant.refresh_token.into()),
            expires_in: Some(0.0),
            ..PutTokens::default()
        };
        wait(client.put(&grant.user, tokens)).unwrap();
    }
}

fn report(ran: &Ran) -> Value {
    let round: Value = serde_json::from_str(&ran.stdout).expect("one JSON value");
    let of_two = round.as_array().unwrap().iter().find(|kept| kept["client"] == "two");
    of_two.expect("a report on the client").clone()
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn a_thousand_grants_due_at_once_and_two_processes_refresh_each_once() {
    let scene = Scene::new();
    let count = 1000;
    put_due(&scene, count);
    let keep = || scene.command(&["keepalive", "two", "--once", "--json"]).spawn().unwrap();
    let both = [keep(), keep()].map(|child| ended(&child.wait_with_output().unwrap()));
    let refreshed: Vec<_> = both
        .iter()
        .map(|ran| {
            assert_eq!(ran.status, 0, "{} {}", ran.stdout, ran.stderr);
            report(ran)["report"]["refreshed"].as_u64().unwrap()
        })
        .collect();
    assert_eq!(refreshed.iter().sum::<u64>(), count as u64, "{refreshed:?}");
    assert_eq!(scene.token_requests(), count as u64);
    assert!(scene.sandbox.grants().iter().all(|grant| grant.generation == 2 && grant.reuses == 0));
}

#[test]
fn the_exit_status_says_whether_somebody_is_needed() {
    let scene = Scene::new();
    let keep = || scene.run(&["keepalive", "--once", "--json"]);
    assert_eq!(keep().status, 0);
    put_due(&scene, 3);
    let broken = json!({ "on": "token", "kind": "status", "status": 500, "times": 0 });
    scene.sandbox.add_fault(serde_json::from_value(broken).unwrap()).unwrap();
    let ran = keep();
    assert_eq!((ran.status, report(&ran)["report"]["failed"].as_array().unwrap().len()), (4, 3));
    scene.sandbox.clear_faults();
    scene.log_in("two", "alice");
    scene.sandbox.revoke_user("alice");
    assert_eq!(scene.run(&["refresh", "two", "alice"]).status, 3);
    let ran = keep();
    assert_eq!(ran.status, 3);
    let alice = json!([{ "subject": "alice", "slot": "" }]);
    assert_eq!(report(&ran)["report"]["needs_consent"], alice);
    let ran = scene.run(&["keepalive", "two"]);
    assert!(ran.stdout.contains("alice: has to consent") && !ran.stdout.contains("sbx."));
    assert_eq!(scene.run(&["keepalive", "nobody"]).status, 2);
}

#[test]
fn a_client_that_cannot_be_opened_does_not_keep_the_others_waiting() {
    let scene = Scene::new();
    put_due(&scene, 1);
    let ran = scene.run(&["keepalive", "nobody", "two", "--json"]);
    assert_eq!((ran.status, report(&ran)["report"]["refreshed"].clone()), (2, json!(1)));
    assert!(ran.stdout.contains("unknown_provider"), "{}", ran.stdout);
}

#[test]
fn refresh_all_is_the_same_by_its_older_name() {
    let scene = Scene::new();
    put_due(&scene, 2);
    scene.log_in("two", "alice");
    let refreshed = |arguments: &[&str]| {
        report(&scene.run(&[&["refresh", "--all", "--json"], arguments].concat()))["report"]["refreshed"].clone()
    };
    assert_eq!(refreshed(&[]), 2);
    assert_eq!(refreshed(&["--due", "10m", "two"]), 0);
    assert_eq!(scene.run(&["refresh", "two"]).status, 2);
    assert_eq!(scene.run(&["refresh", "two", "alice", "--due", "10m"]).status, 2);
    assert_eq!(scene.run(&["refresh", "two", "alice", "--all"]).status, 2);
}

#[test]
fn a_service_that_is_told_to_end_finishes_what_it_began() {
    let scene = Scene::new();
    put_due(&scene, 1);
    let slow = json!({ "on": "token", "kind": "delay", "milliseconds": 700, "after": true });
    scene.sandbox.add_fault(serde_json::from_value(slow).unwrap()).unwrap();
    let service = scene.command(&["keepalive", "--loop", "--interval", "1h"]).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while scene.token_requests() == 0 {
        assert!(Instant::now() < deadline, "nothing was sent");
        std::thread::sleep(Duration::from_millis(10));
    }
    signal(&service, Signal::TERM);
    let ran = ended(&service.wait_with_output().unwrap());
    assert_eq!((ran.status, scene.token_requests()), (0, 1), "{}", ran.stderr);
    assert_eq!(scene.json(&["show", "two", "user1"])["generation"], 2);
}

#[test]
fn a_service_looks_again_and_ends_at_once_between_two_rounds() {
    let scene = Scene::new();
    let service =
        scene.command(&["keepalive", "two", "--loop", "--interval", "0.1"]).spawn().unwrap();
    put_due(&scene, 1);
    let deadline = Instant::now() + Duration::from_secs(20);
    while scene.sandbox.grants()[0].generation < 2 {
        assert!(Instant::now() < deadline, "the grant was not renewed");
        std::thread::sleep(Duration::from_millis(10));
    }
    signal(&service, Signal::INT);
    let ran = ended(&service.wait_with_output().unwrap());
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("two: 1 refreshed"), "{}", ran.stdout);
}
