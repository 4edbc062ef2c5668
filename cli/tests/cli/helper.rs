//! The helper process: what an application had begun goes on when the application is killed.

use crate::support::{Scene, address_to_open, visit};
use evergrant_sandbox::Choice;
use serde_json::{Value, json};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

fn logged_in() -> Scene {
    let scene = Scene::new();
    assert_eq!(scene.log_in("two", "alice").status, 0);
    scene
}

/// The provider answers token requests late, when they have had their effect.
fn answer_late(scene: &Scene, milliseconds: u64) {
    let delay =
        json!({ "on": "token", "kind": "delay", "milliseconds": milliseconds, "after": true });
    scene.sandbox.add_fault(serde_json::from_value(delay).unwrap()).unwrap();
}

/// An application that renews alice's token, in a process group of its own.
fn renewing(scene: &Scene) -> Child {
    let mut command = scene.command(&["token", "two", "alice", "--min-valid", "3600"]);
    command.env("SECRET_OF_THE_APPLICATION", "canary").process_group(0).spawn().unwrap()
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn wait_for_token_requests(scene: &Scene, count: u64) {
    wait_for("token requests", || (scene.token_requests() >= count).then_some(()));
}

fn wait_for_generation(scene: &Scene, generation: u64) -> Value {
    wait_for("a renewal to be committed", || {
        let grant = scene.json(&["show", "two", "alice"]);
        (grant["generation"] == generation).then_some(grant)
    })
}

/// The helper of an application, by its command line.
fn helper_of(application: u32) -> Option<PathBuf> {
    let expected = ["helper", "--of", &application.to_string()].join("\0") + "\0";
    let processes =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| Some(entry.ok()?.path()));
    processes.filter(|process| process.join("fd").exists()).find(|process| {
        let line = std::fs::read(process.join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).ends_with(&expected)
    })
}

fn signal(name: &str, target: &str) {
    let sent = Command::new("kill").args(["-s", name, "--", target]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn an_application_that_is_killed_takes_no_answer_with_it() {
    let scene = logged_in();
    answer_late(&scene, 1_000);
    let mut application = renewing(&scene);
    wait_for_token_requests(&scene, 2);
    application.kill().unwrap();
    application.wait().unwrap();
    let grant = wait_for_generation(&scene, 2);
    assert_eq!(grant["status"], "active");
    assert_eq!(scene.token_requests(), 2);
}

#[test]
fn what_ends_a_whole_process_group_ends_no_refresh() {
    for name in ["INT", "TERM", "KILL"] {
        let scene = logged_in();
        answer_late(&scene, 1_000);
        let mut application = renewing(&scene);
        wait_for_token_requests(&scene, 2);
        signal(name, &format!("-{}", application.id()));
        application.wait().unwrap();
        assert_eq!(wait_for_generation(&scene, 2)["status"], "active", "{name}");
    }
}

#[test]
fn a_helper_that_is_asked_to_leave_does_so_when_nothing_is_being_spent() {
    let scene = logged_in();
    answer_late(&scene, 1_000);
    let mut application = renewing(&scene);
    wait_for_token_requests(&scene, 2);
    let helper = helper_of(application.id()).expect("it spends the token");
    signal("TERM", helper.file_name().unwrap().to_str().unwrap());
    assert!(application.wait().unwrap().success());
    assert_eq!(wait_for_generation(&scene, 2)["status"], "active");
    wait_for("the helper to end", || (!helper.join("fd").exists()).then_some(()));
}

#[test]
fn a_helper_ends_with_its_application() {
    let scene = logged_in();
    let mut application = renewing(&scene);
    let id = application.id();
    assert!(application.wait().unwrap().success());
    wait_for("the helper to end", || helper_of(id).is_none().then_some(()));
}

#[test]
fn a_helper_shows_no_secret_to_the_system_and_keeps_nothing_of_the_application_open() {
    let scene = logged_in();
    answer_late(&scene, 1_500);
    let mut application = renewing(&scene);
    wait_for_token_requests(&scene, 2);
    let helper = helper_of(application.id()).unwrap();
    for file in ["cmdline", "environ"] {
        let text = String::from_utf8_lossy(&std::fs::read(helper.join(file)).unwrap()).into_owned();
        assert!(!text.contains("canary") && !text.contains("sandbox-secret"), "{file}: {text}");
    }
    let session = |process: &str| {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        stat[stat.rfind(')').unwrap()..].split_whitespace().nth(4).unwrap().to_owned()
    };
    let (own, its) = (session("self"), session(helper.file_name().unwrap().to_str().unwrap()));
    assert_ne!(own, its);
    assert!(application.wait().unwrap().success());
}

#[test]
fn a_code_that_was_spent_for_a_killed_application_is_a_grant() {
    let scene = Scene::new();
    let mut login = scene.command(&["login", "two", "alice", "--no-browser"]).spawn().unwrap();
    let (address, _rest) = address_to_open(&mut login);
    answer_late(&scene, 1_000);
    let callback = scene.consent(&address, "alice", Choice::Allow);
    let browser = std::thread::spawn(move || {
        let _ = std::panic::catch_unwind(|| visit(&callback)); // the listener dies with the program
    });
    wait_for_token_requests(&scene, 1);
    login.kill().unwrap();
    login.wait().unwrap();
    browser.join().unwrap();
    wait_for("the grant", || (scene.run(&["show", "two", "alice"]).status == 0).then_some(()));
    assert_eq!(scene.json(&["show", "two", "alice"])["generation"], 1);
}

#[test]
fn where_the_helper_cannot_run_the_application_renews_by_itself_unless_it_requires_one() {
    let scene = logged_in();
    let without = |config: &str| {
        let base = scene.sandbox.base_url();
        let store = scene.path("tokens.db").display().to_string();
        scene.configure(&format!(
            "[clients.two]\nprovider = \"{base}\"\nclient_id = \"sandbox-client\"\nclient_secret = \
             \"sandbox-secret\"\nstore = \"sqlite:{store}\"\n{config}"
        ));
        let mut command =
            scene.command(&["token", "two", "alice", "--min-valid", "3600", "--json"]);
        command.env("EVERGRANT_HELPER", "/nowhere/evergrant").stdin(Stdio::null());
        command.output().unwrap()
    };
    assert!(without("").status.success());
    assert!(without("detached = \"off\"").status.success());
    let refused = without("detached = \"require\"");
    let error: Value = serde_json::from_slice(&refused.stderr).unwrap();
    assert_eq!(error["code"], "unsupported");
    assert_eq!(error["reason"], "no_helper");
}

#[test]
fn an_executable_that_is_no_helper_is_left_alone() {
    let scene = logged_in();
    let mut command = scene.command(&["token", "two", "alice", "--min-valid", "3600"]);
    command.env("EVERGRANT_HELPER", "/bin/true");
    assert!(command.output().unwrap().status.success());
    assert_eq!(wait_for_generation(&scene, 2)["status"], "active");
}
