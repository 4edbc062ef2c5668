//! The guide says what is true now.

#![allow(clippy::unwrap_used, reason = "a test")]

use evergrant::{Code, Config, Method, catalogue};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_error_code_is_in_the_guide_with_its_number() {
    let guide = include_str!("../../docs/errors.md");
    for code in Code::ALL {
        let row = format!("| `{code}` | {} |", *code as i32);
        assert!(guide.contains(&row), "docs/errors.md has no row {row}");
    }
}

#[test]
fn every_catalogue_name_is_in_the_guide() {
    let guide = include_str!("../../docs/providers.md");
    for name in catalogue(&[]).expect("the catalogue is complete").keys() {
        assert!(guide.contains(&format!("| `{name}` |")), "docs/providers.md lacks {name}");
    }
}

#[test]
fn every_configuration_key_is_in_the_guide() {
    let guide = include_str!("../../docs/configuration.md");
    let error = Config::from_json(r#"{"no_such_key": 1}"#).expect_err("the key is unknown");
    let known = error.message().split_once("expected one of ").expect("the keys are listed").1;
    let keys: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    assert!(keys.len() > 10, "{keys:?}");
    for key in keys {
        let listed =
            [format!("| `{key}` |"), format!("| `{key}.")].iter().any(|row| guide.contains(row));
        assert!(listed, "docs/configuration.md lacks {key}");
    }
}

#[test]
fn every_method_of_a_store_is_in_the_guide() {
    let guide = include_str!("../../docs/stores.md");
    for method in Method::ALL {
        assert!(
            guide.contains(&format!("`{}(", method.name())),
            "docs/stores.md lacks {}",
            method.name()
        );
    }
}

/// The text of every file below these folders of the repository.
fn sources(folders: &[&str]) -> Vec<String> {
    let top = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let mut files: Vec<PathBuf> = folders.iter().map(|folder| top.join(folder)).collect();
    let mut texts = Vec::new();
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            texts.push(fs::read_to_string(path).unwrap());
        }
    }
    texts
}

#[test]
fn every_security_test_is_in_the_guide_and_every_one_of_the_guide_is_there() {
    let guide = include_str!("../../docs/security.md");
    let told: BTreeSet<&str> =
        guide.split('`').filter(|code| code.starts_with("security_")).collect();
    let sources = sources(&["core/src", "core/tests", "cli/tests"]);
    let functions = sources.iter().flat_map(|source| source.split("fn security_").skip(1));
    let names = functions.filter_map(|rest| Some(format!("security_{}", rest.split_once('(')?.0)));
    let there: BTreeSet<String> =
        names.filter(|name| name.bytes().all(|c| c == b'_' || c.is_ascii_alphanumeric())).collect();
    assert_eq!(told, there.iter().map(String::as_str).collect());
    for line in 1..=25 {
        let prefix = format!("security_{line:02}_");
        assert!(told.iter().any(|name| name.starts_with(&prefix)), "no test keeps line {line}");
        assert!(guide.contains(&format!("\n| {line} | ")), "docs/security.md lacks line {line}");
    }
}

#[test]
fn every_reason_of_an_error_is_in_the_guide() {
    let guide = include_str!("../../docs/errors.md");
    let mut reasons = BTreeSet::new();
    for source in sources(&["core/src"]) {
        // The stores' own helpers take the reason first, or after the place.
        for opening in ["with_reason(", "trouble(", "trouble(path,", "refused(endpoint,"] {
            let after = source.split(opening).skip(1);
            let literal = after.filter_map(|rest| rest.trim_start().strip_prefix('"'));
            reasons.extend(literal.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
        }
    }
    assert!(reasons.len() > 25, "{reasons:?}");
    for reason in reasons {
        assert!(guide.contains(&format!("`{reason}`")), "docs/errors.md lacks the reason {reason}");
    }
}
