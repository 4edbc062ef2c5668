//! Text that must never be shown: it prints as `[redacted]` and is wiped when dropped. What servers say is shown without it.

use serde::{Deserialize, Serialize};
use std::fmt;
use url::form_urlencoded;
use zeroize::Zeroize;

/// A token, client secret or verifier.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
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
        text = text.replace(&secret.0, "[redacted]").replace(&encoded, "[redacted]");
    }
    text.chars().take(SHOWN_CHARACTERS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
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
        Secret(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_server_are_shown_in_one_bounded_line_without_what_was_sent_to_it() {
        let secret = Secret::new("r+/".repeat(300));
        let encoded: String = form_urlencoded::byte_serialize(secret.0.as_bytes()).collect();
        let echo = format!("wrong token {}\n(refresh_token={encoded})", secret.0);
        assert_eq!(
            shown(&echo, &[&secret, &Secret::default()]),
            "wrong token [redacted] (refresh_token=[redacted])"
        );
        assert_eq!(shown(&"x".repeat(600), &[]).len(), SHOWN_CHARACTERS);
    }
}
