//! A change of keys.

use crate::support::Scene;
use serde_json::json;

/// Configures a client with these keys, each in a file that is made where it is missing, and one without.
fn configure(scene: &Scene, keys: &[&str]) {
    let mut sources = Vec::new();
    for key in keys {
        let file = scene.path(key);
        if !file.exists() {
            std::fs::write(&file, scene.output(&["new-key"])).unwrap();
        }
        sources.push(format!("{{ file = \"{}\" }}", file.display()));
    }
    scene.configure(&format!(
        r#"
        [clients.two]
        provider = "{base}"
        client_id = "sandbox-client"
        client_secret = "sandbox-secret"
        store = "sqlite:{store}"
        encryption = {{ keys = [{keys}] }}

        [clients.plain]
        provider = "{base}"
        client_id = "another-client"
        store = "sqlite:{store}"
        "#,
        base = scene.sandbox.base_url(),
        store = scene.path("tokens.db").display(),
        keys = sources.join(", "),
    ));
}

#[test]
fn after_a_rekey_the_old_key_is_not_needed() {
    let scene = Scene::new();
    configure(&scene, &["old.key"]);
    assert_eq!(scene.log_in("two", "alice").status, 0);
    configure(&scene, &["new.key", "old.key"]);
    let done = scene.json(&["rekey"]);
    let counted = json!({"client": "two", "total": 1, "resealed": 1, "already": 0, "failed": 0, "failures": []});
    assert_eq!(done, json!([counted]));
    let again = scene.output(&["rekey", "two"]);
    assert_eq!(again, "two: 1 records: 0 sealed anew, 1 were, 0 left as they are\n");
    configure(&scene, &["new.key"]);
    assert_eq!(scene.json(&["refresh", "two", "alice", "--force"])["generation"], 2);
}

#[test]
fn what_cannot_be_opened_is_told_by_the_exit_status() {
    let scene = Scene::new();
    configure(&scene, &["lost.key"]);
    assert_eq!(scene.log_in("two", "alice").status, 0);
    configure(&scene, &["new.key"]);
    let ran = scene.run(&["rekey"]);
    assert_eq!(ran.status, 1);
    assert!(ran.stdout.contains("1 left as they are\n  alice: "), "{}", ran.stdout);
    let refused = scene.run(&["rekey", "plain"]);
    assert_eq!(refused.status, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("encryption.keys"), "{}", refused.stderr);
}

#[test]
fn a_new_key_is_another_each_time() {
    let scene = Scene::new();
    let keys = [scene.output(&["new-key"]), scene.output(&["new-key"])];
    assert_ne!(keys[0], keys[1]);
    assert_eq!(keys[0].trim_end().len(), 44);
    assert_eq!(scene.json(&["new-key"])["key"].as_str().unwrap().len(), 44);
}
