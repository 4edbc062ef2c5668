//! The guide says what is true now.

use evergrant::{Code, Config, Method, catalogue};

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

#[test]
fn every_reason_of_an_error_is_in_the_guide() {
    let guide = include_str!("../../docs/errors.md");
    let mut files = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))];
    let mut reasons = std::collections::BTreeSet::new();
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let source = std::fs::read_to_string(path).unwrap();
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
