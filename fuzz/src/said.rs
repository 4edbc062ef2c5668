//! What may be said of something that cannot be used, and what a secret is that must not be in it.

/// What `$` stands for: of a length and with characters that tokens have, some of which a form encodes.
pub(crate) const CANARY: &str = "Zx9+canary/secret.0~";

/// The most that an error says, in characters.
const LONGEST: usize = 2_000;

/// The input with the secret in its places.
pub(crate) fn with_canary(input: &[u8]) -> Vec<u8> {
    let pieces: Vec<&[u8]> = input.split(|&byte| byte == b'$').collect();
    pieces.join(CANARY.as_bytes())
}

/// A text that is no secret, such as a media type, without one that got in.
pub(crate) fn without_canary(text: &str) -> String {
    text.replace(CANARY, "")
}

/// One line of bounded length, and nothing in it that rules a terminal or a log.
pub(crate) fn assert_is_one_line(text: &str) {
    assert!(text.chars().count() <= LONGEST, "{} bytes are said", text.len());
    let breaks = |c: char| c.is_control() || "\u{2028}\u{2029}\u{202e}".contains(c);
    assert!(!text.contains(breaks), "{text:?}");
}

/// The same, without the secret.
pub(crate) fn assert_says_no_secret(text: &str) {
    assert_is_one_line(text);
    assert!(!text.contains(CANARY), "{text}");
}

/// Neither what people read nor what programmers read of an error has the secret.
pub(crate) fn assert_error_is_fit(error: &impl std::error::Error) {
    assert_says_no_secret(&error.to_string());
    assert!(!format!("{error:?}").contains(CANARY), "{error:?}");
}
