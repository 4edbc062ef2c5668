//! Secrets must appear nowhere but where a caller asked for them. Every text that leaves the testee is searched, in
//! every case, for the secrets of the configuration, for whatever the sandbox issued (it starts with a known mark) and for the PKCE
//! verifier (known by its challenge).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use regex::Regex;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// The start of every token, code and token secret that the sandbox issues.
const ISSUED: &str = "sbx.";

/// What to search for.
#[derive(Default)]
pub(crate) struct Canaries {
    secrets: BTreeSet<String>,
    challenges: BTreeSet<String>,
}

impl Canaries {
    /// Searches for this secret from now on, also as it stands in an HTTP Basic header.
    pub(crate) fn add_client(&mut self, client_id: &str, secret: &str) {
        if secret.is_empty() {
            return;
        }
        self.secrets.insert(secret.to_owned());
        self.secrets.insert(STANDARD.encode(format!("{client_id}:{secret}")));
    }

    /// Searches for the keys of encryption at rest that a configuration has as text; what is no key is searched for too.
    pub(crate) fn add_keys(&mut self, encryption: &Value) {
        let listed = encryption["keys"].as_array().into_iter().flatten();
        let texts = listed.chain([&encryption["next"]]).filter_map(Value::as_str);
        self.secrets.extend(texts.map(str::to_owned));
    }

    /// Searches for the verifier of the challenge in this authorization URL.
    pub(crate) fn add_challenge_of(&mut self, authorization_url: &str) {
        let Ok(url) = url::Url::parse(authorization_url) else { return };
        let challenge = url.query_pairs().find(|(name, _)| name == "code_challenge");
        self.challenges.extend(challenge.map(|(_, value)| value.into_owned()));
    }

    /// The kind of secret that stands in `text`, if one does. The secret itself is not repeated.
    pub(crate) fn leak_in(&self, text: &str) -> Option<String> {
        if let Some(start) = text.find(ISSUED) {
            let kind: String = text[start + ISSUED.len()..]
                .chars()
                .take_while(char::is_ascii_alphabetic)
                .collect();
            return Some(format!("a secret that the provider issued ({ISSUED}{kind}…)"));
        }
        if self.secrets.iter().any(|secret| text.contains(secret)) {
            return Some("a secret of the configuration".to_owned());
        }
        self.has_verifier(text).then(|| "a PKCE code verifier".to_owned())
    }

    fn has_verifier(&self, text: &str) -> bool {
        if self.challenges.is_empty() {
            return false;
        }
        // RFC 7636 section 4.1: 43 to 128 unreserved characters.
        let verifier = Regex::new("[A-Za-z0-9._~-]{43,128}").expect("the pattern is valid");
        verifier.find_iter(text).any(|found| {
            self.challenges.contains(&URL_SAFE_NO_PAD.encode(Sha256::digest(found.as_str())))
        })
    }

    /// Every leak inside a value but below the `exempt` paths, each with its place.
    pub(crate) fn leaks(&self, value: &Value, exempt: &[&[&str]], place: &str) -> Vec<String> {
        let mut leaks = Vec::new();
        self.search(value, exempt, place, &mut leaks);
        leaks
    }

    fn search(&self, value: &Value, exempt: &[&[&str]], place: &str, leaks: &mut Vec<String>) {
        if exempt.iter().any(|path| path.is_empty()) {
            return;
        }
        match value {
            Value::String(text) => {
                leaks.extend(self.leak_in(text).map(|leak| format!("{place} shows {leak}")));
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    let index = index.to_string();
                    self.search(item, &below(exempt, &index), &joined(place, &index), leaks);
                }
            }
            Value::Object(fields) => {
                for (key, field) in fields {
                    leaks.extend(
                        self.leak_in(key).map(|leak| format!("a key of {place} shows {leak}")),
                    );
                    self.search(field, &below(exempt, key), &joined(place, key), leaks);
                }
            }
            _ => {}
        }
    }
}

fn below<'a>(exempt: &[&'a [&'a str]], key: &str) -> Vec<&'a [&'a str]> {
    let fits = |path: &&&[&str]| path.first().is_some_and(|first| *first == "*" || *first == key);
    exempt.iter().filter(fits).map(|path| &path[1..]).collect()
}

fn joined(place: &str, key: &str) -> String {
    let mut joined = place.to_owned();
    write!(joined, ".{key}").expect("writing to a String succeeds");
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn canaries() -> Canaries {
        let mut canaries = Canaries::default();
        canaries.add_client("app", "top-secret");
        canaries
    }

    #[test]
    fn a_secret_is_found_in_any_form_it_travels_in() {
        let mut canaries = canaries();
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        canaries.add_challenge_of(
            "https://h/a?code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        );
        for text in [
            "x top-secret y",
            "Basic YXBwOnRvcC1zZWNyZXQ=",
            "Bearer sbx.at.abc",
            &format!("v={verifier}&"),
        ] {
            assert!(canaries.leak_in(text).is_some(), "{text}");
        }
        assert_eq!(canaries.leak_in("[redacted]"), None);
    }

    #[test]
    fn only_the_exempt_places_may_carry_one() {
        let value = json!({"token": "sbx.at.1", "more": [["Authorization", "Bearer sbx.at.1"]]});
        assert_eq!(canaries().leaks(&value, &[], "reply").len(), 2);
        assert_eq!(canaries().leaks(&value, &[&["token"]], "reply").len(), 1);
        assert!(canaries().leaks(&value, &[&["token"], &["more", "*", "1"]], "reply").is_empty());
    }

    #[test]
    fn a_report_does_not_repeat_the_secret() {
        let leaks = canaries().leaks(&json!("top-secret sbx.at.1"), &[], "reply");
        assert!(!leaks[0].contains("top-secret") && !leaks[0].contains("sbx.at.1"), "{leaks:?}");
    }
}
