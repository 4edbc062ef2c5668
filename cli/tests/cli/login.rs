//! Logging in: by a callback to a loopback port, or pasted.

use crate::support::{Scene, address_to_open, ended, visit};
use evergrant_sandbox::{Choice, Options};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

#[test]
fn a_login_stores_the_grant_of_either_protocol() {
    let scene = Scene::new();
    for client in ["two", "one"] {
        let ran = scene.log_in(client, "alice");
        assert_eq!(ran.status, 0, "{}", ran.stderr);
        assert!(ran.stdout.starts_with("alice consented"), "{}", ran.stdout);
        assert_eq!(scene.json(&["show", client, "alice"])["status"], "active");
    }
}

#[test]
fn the_browser_is_what_the_environment_says() {
    let scene = Scene::new();
    let opened = scene.path("opened");
    let mut login = scene
        .command(&["login", "two", "alice"])
        .env("EVERGRANT_BROWSER", format!("printf %s >'{}'", opened.display()))
        .spawn()
        .unwrap();
    let (address, _stderr) = address_to_open(&mut login);
    let patience = Instant::now() + Duration::from_secs(10);
    while std::fs::read_to_string(&opened).unwrap_or_default() != address {
        assert!(
            Instant::now() < patience,
            "the browser was opened at another address, or not at all"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    visit(&scene.consent(&address, "alice", Choice::Allow));
    assert!(login.wait().unwrap().success());
}

#[test]
fn a_pasted_address_does_as_well() {
    let scene = Scene::new();
    let mut login = scene
        .command(&["login", "two", "alice", "--paste", "--scope", "read", "--scope", "write"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let (address, _stderr) = address_to_open(&mut login);
    assert!(
        address.contains("scope=read+write") || address.contains("scope=read%20write"),
        "{address}"
    );
    let callback = scene.consent(&address, "alice", Choice::Allow);
    writeln!(login.stdin.take().unwrap(), "  {callback}").unwrap();
    let ran = ended(&login.wait_with_output().unwrap());
    assert_eq!(ran.status, 0);
    assert!(ran.stdout.contains("scope read write"), "{}", ran.stdout);
}

#[test]
fn a_pasted_code_alone_does_as_well_and_scopes_that_lack_are_told() {
    let scene = Scene::new();
    // By its metadata the sandbox promises to name itself in the callback, which a code alone does not.
    scene.configure(&format!(
        "[clients.two]\nclient_id = \"sandbox-public\"\nstore = {:?}\n\
         [clients.two.provider]\nauthorization_endpoint = {:?}\ntoken_endpoint = {:?}\n",
        format!("sqlite:{}", scene.path("tokens.db").display()),
        scene.url("/oauth2/authorize"),
        scene.url("/oauth2/token"),
    ));
    let mut login = scene
        .command(&["login", "two", "alice", "--paste", "--scope", "read"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let (address, _stderr) = address_to_open(&mut login);
    let callback = scene.consent(&address, "alice", Choice::Allow);
    let code = callback.split("code=").nth(1).unwrap().split('&').next().unwrap();
    writeln!(login.stdin.take().unwrap(), "{code}").unwrap();
    assert_eq!(ended(&login.wait_with_output().unwrap()).status, 0);

    let ran = scene.run(&["scopes", "missing", "two", "alice", "read", "write"]);
    assert_eq!((ran.status, &*ran.stdout), (3, "write\n"));
    assert_eq!(scene.output(&["scopes", "missing", "two", "alice", "read"]), "");
}

#[test]
fn a_code_typed_on_another_device_does_as_well() {
    let scene = Scene::new();
    let soon = Options { device_interval: Duration::from_secs(1), ..Options::default() };
    scene.sandbox.set_options(soon);
    for (choice, status) in [(Choice::Allow, 0), (Choice::Deny, 3)] {
        let arguments = ["login", "two", "alice", "--device", "--scope", "read", "--json"];
        let mut login = scene.command(&arguments).spawn().unwrap();
        let mut told = String::new();
        BufReader::new(login.stderr.as_mut().unwrap()).read_line(&mut told).unwrap();
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["verification_uri"], scene.url("/oauth2/device"));
        scene.sandbox.decide_device(told["user_code"].as_str().unwrap(), "bob", choice).unwrap();
        let ran = ended(&login.wait_with_output().unwrap());
        assert_eq!(ran.status, status, "{}", ran.stdout);
        assert_eq!(scene.json(&["show", "two", "alice"])["scope"], serde_json::json!(["read"]));
    }
}

#[test]
fn nothing_pasted_is_said() {
    let scene = Scene::new();
    let ran = scene.run(&["login", "two", "alice", "--paste"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("nothing was pasted"), "{}", ran.stderr);
}

#[test]
fn a_user_who_refuses_leaves_no_grant() {
    let scene = Scene::new();
    let mut login = scene.command(&["login", "two", "alice", "--no-browser"]).spawn().unwrap();
    let (address, mut stderr) = address_to_open(&mut login);
    visit(&scene.consent(&address, "alice", Choice::Deny));
    assert_eq!(login.wait().unwrap().code(), Some(3));
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    assert!(said.contains("consent_denied"), "{said}");
    assert_eq!(scene.run(&["show", "two", "alice"]).status, 3);
}

#[test]
fn waiting_for_the_callback_ends() {
    let scene = Scene::new();
    let ran = scene.run(&["login", "two", "alice", "--no-browser", "--wait", "0"]);
    assert_eq!(ran.status, 4, "{}", ran.stderr);
    assert!(ran.stderr.contains("timeout"), "{}", ran.stderr);
}

#[test]
fn a_registered_redirect_uri_is_kept() {
    let scene = Scene::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let registered = [
        (format!("http://localhost:{free}/back"), format!("localhost%3A{free}%2Fback")),
        ("http://localhost/back".to_owned(), "localhost%3A".to_owned()),
    ];
    for (uri, sent) in registered {
        scene.configure(&format!(
            "[clients.two]\nprovider = {:?}\nclient_id = \"sandbox-public\"\nredirect_uri = {uri:?}\nstore = {:?}\n",
            scene.sandbox.base_url(),
            format!("sqlite:{}", scene.path("tokens.db").display()),
        ));
        let mut login = scene.command(&["login", "two", "alice", "--no-browser"]).spawn().unwrap();
        let (address, _stderr) = address_to_open(&mut login);
        assert!(address.contains(&sent), "{address}");
        visit(&scene.consent(&address, "alice", Choice::Allow).replace("localhost", "127.0.0.1"));
        assert!(login.wait().unwrap().success());
    }
}

#[test]
fn a_redirect_uri_elsewhere_has_to_be_pasted() {
    let scene = Scene::new();
    scene.configure(&format!(
        "[clients.two]\nprovider = {:?}\nclient_id = \"c\"\nredirect_uri = \"https://example.org/\"\nstore = \"memory:\"\n",
        scene.sandbox.base_url(),
    ));
    let ran = scene.run(&["login", "two", "alice"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("--paste"), "{}", ran.stderr);
}

#[test]
fn offline_asks_as_the_provider_wants_it_asked() {
    let scene = Scene::new();
    let address = |more: &[&str]| {
        let words =
            [&["login", "google", "a", "--client-id", "c", "--store", "memory:", "--paste"], more];
        scene.run(&words.concat()).stderr
    };
    assert!(!address(&[]).contains("access_type=offline"));
    assert!(address(&["--offline"]).contains("access_type=offline"));
}
