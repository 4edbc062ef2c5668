//! The commands on token stores.

use crate::support::Scene;
use serde_json::Value;

#[test]
fn a_built_in_store_is_checked_by_client_or_by_address() {
    let scene = Scene::new();
    let ran = scene.run(&["store", "check", "two", "--grants", "20", "--quick", "--json"]);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    let checked: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&checked[0]["client"], &checked[0]["ok"]), (&"two".into(), &true.into()));
    let findings = checked[0]["findings"].as_array().unwrap();
    assert!(findings.len() > 20 && findings.iter().all(|found| found["verdict"] == "passed"));

    let address = format!("sqlite:{}", scene.path("other.db").display());
    let ran = scene.run(&["store", "check", "--store", &address, "--grants", "20", "--quick"]);
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains("\tof many at once one gets the lease\t"), "{}", ran.stdout);
}

#[test]
fn a_store_that_cannot_be_opened_is_an_error_and_no_report() {
    let scene = Scene::new();
    std::fs::write(scene.path("tokens.db"), "no database at all, but a text of some length")
        .unwrap();
    let ran = scene.run(&["store", "check", "two"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (4, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("foreign"), "{}", ran.stderr);
}
