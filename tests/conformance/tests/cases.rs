//! One test per case, with the Rust testee.

use evergrant_conformance::{Case, Testee, TesteeCommand, home, read_all, run};
use libtest_mimic::{Arguments, Failed, Trial};
use std::collections::BTreeMap;

fn main() {
    let arguments = Arguments::from_args();
    let cases = read_all(&home().join("cases")).expect("every case can be read");
    let trials = cases.into_iter().map(trial).collect();
    libtest_mimic::run(&arguments, trials).exit();
}

fn trial(case: Case) -> Trial {
    Trial::test(case.name.replace('-', "_"), move || held(&case))
}

fn held(case: &Case) -> Result<(), Failed> {
    let report = run(case, &rust())?;
    if report.failures.is_empty() {
        return Ok(());
    }
    let failures: Vec<_> = report.failures.iter().map(ToString::to_string).collect();
    Err(format!("{}\n{}\n{}", case.path.display(), case.title, failures.join("\n")).into())
}

fn rust() -> Testee {
    Testee {
        language: "rust".to_owned(),
        root: home(),
        command: TesteeCommand {
            command: vec![env!("CARGO_BIN_EXE_evergrant-testee-rust").to_owned()],
            environment: BTreeMap::new(),
        },
    }
}
