//! Text that must never be shown: it prints as `[redacted]` and is wiped when dropped. What servers say is shown without it.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use url::form_urlencoded;
use zeroize::Zeroizing;

/// A token, client secret or verifier.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps the text.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(Zeroizing::new(text.into()))
    }

    /// The text itself, for the one place that has to send or store it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is no text.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// How much of a server's words is shown.
const SHOWN_CHARACTERS: usize = 500;

/// A server's words made fit to be shown: one line, bounded, without `secrets`, which some servers echo as they came or
/// form-encoded.
pub(crate) fn shown(text: &str, secrets: &[&Secret]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        let encoded: String = form_urlencoded::byte_serialize(secret.0.as_bytes()).collect();
        text = text.replace(secret.expose(), "[redacted]").replace(&encoded, "[redacted]");
    }
    text.chars().take(SHOWN_CHARACTERS).map(|c| if rules_the_line(c) { ' ' } else { c }).collect()
}

/// Whether a character may break a line or turn its direction: a control character, or one of Unicode's that does the same.
fn rules_the_line(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Secret::from)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Secret::new(text)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Secret::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn security_25_a_secret_is_wiped_when_it_is_dropped() {
        fn is_wiped(_: &impl zeroize::ZeroizeOnDrop) {}
        is_wiped(&Secret::from("text").0); // or this does not compile
    }

    #[test]
    fn security_19_words_of_a_server_are_shown_in_one_bounded_line_without_what_was_sent_to_it() {
        let secret = Secret::new("r+/".repeat(300));
        let encoded: String = form_urlencoded::byte_serialize(secret.0.as_bytes()).collect();
        let echo = format!("wrong token {}\n(refresh_token={encoded})", secret.expose());
        assert_eq!(
            shown(&echo, &[&secret, &Secret::default()]),
            "wrong token [redacted] (refresh_token=[redacted])"
        );
        assert_eq!(shown(&"x".repeat(600), &[]).len(), SHOWN_CHARACTERS);
        assert_eq!(shown("a\u{1b}[31m\u{2028}b\u{202e}c\u{85}", &[]), "a [31m b c ");
    }
}
