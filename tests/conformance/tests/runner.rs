//! The runner against cases and testees that are wrong: whatever is not as a case says, it has to notice.

use evergrant_conformance::{Case, CaseError, Report, Testee, TesteeCommand, differences, run};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const ANSWERS_OK: &str = r#"while read -r line; do echo '{"ok":null}'; done"#;

/// A testee made of a few lines of shell.
fn shell(script: &str) -> Testee {
    testee(&["sh", "-c", script])
}

fn rust() -> Testee {
    testee(&[env!("CARGO_BIN_EXE_evergrant-testee-rust")])
}

fn testee(words: &[&str]) -> Testee {
    Testee {
        language: "test".to_owned(),
        root: PathBuf::from(env!("CARGO_MANIFEST_DIR")),
        command: TesteeCommand {
            command: words.iter().map(|word| (*word).to_owned()).collect(),
            environment: BTreeMap::new(),
        },
    }
}

fn read(text: &str) -> Result<Case, CaseError> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("wrong.toml");
    let head = "schema = 1\ntitle = \"A case of this test.\"";
    std::fs::write(&path, format!("{head}\n{text}")).expect("a file");
    Case::read(&path)
}

fn run_text(text: &str, testee: &Testee) -> Report {
    run(&read(text).expect("a case"), testee).expect("a report")
}

/// The one failure of a report, which has to be at `place` and to say `words`.
fn assert_fails(report: &Report, place: &str, words: &str) {
    let fits =
        |f: &evergrant_conformance::Failure| f.place.contains(place) && f.message.contains(words);
    assert!(
        report.failures.iter().any(fits),
        "no failure at {place:?} says {words:?}: {:#?}",
        report.failures
    );
}

fn assert_holds(report: &Report) {
    assert!(report.failures.is_empty(), "{:#?}", report.failures);
}

const LOGIN: &str = "[[steps]]\ndo = \"open\"\n[[steps]]\ndo = \"login\"\nsubject = \"alice\"\n";

#[test]
fn a_right_case_holds() {
    assert_holds(&run_text("requests = []\n[[steps]]\ndo = \"open\"\n", &shell(ANSWERS_OK)));
    let requests =
        "requests = [{ path = \"/oauth2/token\", grant_type = \"authorization_code\" }]\n";
    assert_holds(&run_text(&format!("{requests}{LOGIN}"), &rust()));
}

#[test]
fn a_wrong_expected_result_fails_at_its_step() {
    let text = "requests = []\n[[steps]]\ndo = \"open\"\n[[steps]]\ndo = \"list\"\nexpect = [1]\n";
    assert_fails(&run_text(text, &shell(ANSWERS_OK)), "step 2 (list)", "expected  ");
    let text =
        format!("requests = [{{}}]\n{LOGIN}expect = {{ finished = {{ subject = \"bob\" }} }}\n");
    assert_fails(&run_text(&text, &rust()), "step 2 (login)", "finished.subject");
}

#[test]
fn an_error_where_success_was_expected_fails_and_so_does_the_reverse() {
    let refuses = shell(r#"while read -r line; do echo '{"error":{"code":"internal"}}'; done"#);
    let text = "requests = []\n[[steps]]\ndo = \"list\"\n";
    assert_fails(&run_text(text, &refuses), "step 1 (list)", "expected success");
    let text = format!("{text}expect_error = {{ code = \"internal\" }}\n");
    assert_holds(&run_text(&text, &refuses));
    assert_fails(&run_text(&text, &shell(ANSWERS_OK)), "step 1 (list)", "expected an error");
    assert_fails(&run_text(&text.replace("internal", "store"), &refuses), "step 1 (list)", "code");
}

#[test]
fn a_missing_request_fails() {
    let text = "requests = [{ path = \"/oauth2/token\" }]\n[[steps]]\ndo = \"open\"\n";
    assert_fails(&run_text(text, &shell(ANSWERS_OK)), "requests", "expected 1, got 0");
}

#[test]
fn a_request_too_many_fails() {
    assert_fails(
        &run_text(&format!("requests = []\n{LOGIN}"), &rust()),
        "requests",
        "expected 0, got 1",
    );
}

#[test]
fn a_request_of_another_kind_fails() {
    let text = format!(
        "requests = [{{ path = \"/oauth2/token\", grant_type = \"refresh_token\" }}]\n{LOGIN}"
    );
    assert_fails(&run_text(&text, &rust()), "requests", "grant_type");
}

#[test]
fn a_missing_store_call_fails() {
    let calls = shell(r#"while read -r line; do echo '{"ok":["load"]}'; done"#);
    let text = |call: &str| {
        format!(
            "requests = []\nstore = \"callback\"\nstore_calls = [\"{call}\"]\n[[steps]]\ndo = \"open\"\n"
        )
    };
    assert_holds(&run_text(&text("load"), &calls));
    assert_fails(&run_text(&text("save"), &calls), "store calls", "\"save\"");
}

#[test]
fn a_secret_on_standard_error_fails() {
    let leaks = shell(r#"while read -r line; do echo "$line" >&2; echo '{"ok":null}'; done"#);
    let report = run_text("requests = []\n[[steps]]\ndo = \"open\"\n", &leaks);
    assert_fails(&report, "secrets", "standard error");
    assert!(
        !report.failures[0].message.contains("sandbox-secret"),
        "the report must not repeat it"
    );
}

#[test]
fn a_secret_in_a_reply_fails_wherever_it_was_not_asked_for() {
    let replies = |reply: &str| shell(&format!("while read -r line; do echo '{reply}'; done"));
    let text = "requests = []\n[[steps]]\ndo = \"list\"\nexpect_error = {}\n";
    let in_message = replies(r#"{"error":{"message":"bad token sbx.at.0123456789"}}"#);
    assert_fails(&run_text(text, &in_message), "secrets", "the reply to list.message");
    let text = "requests = []\n[[steps]]\ndo = \"access_token\"\nsubject = \"a\"\n";
    assert_holds(&run_text(text, &replies(r#"{"ok":{"token":"sbx.at.0123456789"}}"#)));
    let elsewhere = replies(r#"{"ok":{"token_type":"sbx.at.0123456789"}}"#);
    assert_fails(&run_text(text, &elsewhere), "secrets", "token_type");
}

#[test]
fn a_hung_testee_is_killed_and_fails() {
    let started = Instant::now();
    let text = "requests = []\n[[steps]]\ndo = \"list\"\nlimit = 0.2\n";
    let report = run_text(text, &shell("exec sleep 600"));
    assert_fails(&report, "step 1 (list)", "killed");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_late_reply_fails_where_the_case_says_within() {
    let late = shell(r#"while read -r line; do sleep 0.3; echo '{"ok":null}'; done"#);
    let text = "requests = []\n[[steps]]\ndo = \"list\"\nwithin = 0.1\n";
    assert_fails(&run_text(text, &late), "step 1 (list)", "expected at most 0.1 s");
}

#[test]
fn a_testee_that_dies_fails_and_its_last_words_are_shown() {
    let report =
        run_text("requests = []\n[[steps]]\ndo = \"list\"\n", &shell("echo oh no >&2; exit 3"));
    assert_fails(&report, "step 1 (list)", "oh no");
    let after_the_steps = shell(r#"read -r line; echo '{"ok":null}'; exit 3"#);
    let report = run_text("requests = []\n[[steps]]\ndo = \"list\"\n", &after_the_steps);
    assert_fails(&report, "end of input", "exit status: 3");
}

#[test]
fn a_testee_that_cannot_be_started_fails() {
    let report = run_text("requests = []\nsteps = []\n", &testee(&["/nonexistent/testee"]));
    assert_fails(&report, "start", "does not start");
}

#[test]
fn what_is_not_a_reply_fails() {
    let text = "requests = []\n[[steps]]\ndo = \"list\"\n";
    assert_fails(
        &run_text(text, &shell("while read -r line; do echo hello; done")),
        "list",
        "not JSON",
    );
    let neither = shell(r#"while read -r line; do echo '{"result":1}'; done"#);
    assert_fails(&run_text(text, &neither), "list", "expected {\"ok\"");
}

#[test]
fn an_unknown_key_is_an_error_with_file_and_key() {
    let error = read("requests = []\nsteps = []\nrequest = []\n").unwrap_err();
    assert!(
        error.to_string().contains("wrong.toml") && error.message.contains("request"),
        "{error}"
    );
    let error = read("requests = []\n[[steps]]\ndo = \"list\"\nexpcet = 1\n").unwrap_err();
    assert!(error.message.contains("steps 1") && error.message.contains("expcet"), "{error}");
}

#[test]
fn a_case_that_cannot_be_carried_out_is_an_error_and_not_a_failure_of_the_testee() {
    let case = |text: &str| run(&read(text).unwrap(), &shell(ANSWERS_OK)).unwrap_err().message;
    assert!(
        case("requests = []\n[[steps]]\ndo = \"inspect\"\nsubject = \"{{nobody.subject}}\"\n")
            .contains("nobody")
    );
    assert!(case("requests = []\nsteps = []\n[sandbox]\nroate = false\n").contains("roate"));
    let fault =
        "requests = []\n[[steps]]\ndo = \"sandbox.fault\"\non = \"token\"\nkind = \"explode\"\n";
    assert!(case(fault).contains("step 1 (sandbox.fault)"));
}

#[test]
fn testees_that_say_the_same_in_other_random_values_do_not_differ() {
    let case = read(&format!("requests = [{{}}]\n{LOGIN}")).unwrap();
    let (one, two) = (run(&case, &rust()).unwrap(), run(&case, &rust()).unwrap());
    assert_eq!(differences(&one.transcript, &two.transcript), []);
}

#[test]
fn testees_that_say_different_things_differ() {
    let says =
        |text: &str| shell(&format!("while read -r line; do echo '{{\"ok\":\"{text}\"}}'; done"));
    let case = read("requests = []\n[[steps]]\ndo = \"list\"\n").unwrap();
    let (one, two) = (run(&case, &says("a")).unwrap(), run(&case, &says("b")).unwrap());
    assert!(!differences(&one.transcript, &two.transcript).is_empty());
}

#[test]
fn every_case_of_this_project_can_be_read_and_has_its_own_title() {
    let cases =
        evergrant_conformance::read_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cases"))
            .unwrap();
    let titles: std::collections::BTreeSet<_> = cases.iter().map(|case| &case.title).collect();
    assert_eq!(titles.len(), cases.len());
    assert!(cases.len() >= 50, "{} cases", cases.len());
}
