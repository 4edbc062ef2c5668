//! An answer that is an error, or is not: a line with its media type, body. It echoes what was sent.

use crate::said::{CANARY, assert_says_no_secret, with_canary};
use crate::split_line;
use evergrant::Secret;
use evergrant::oauth2::ErrorResponse;
use serde_json::json;
use url::form_urlencoded;

pub(crate) fn holds(input: &[u8]) {
    let (media_type, body) = split_line(input);
    let (secret, body) = (Secret::from(CANARY), with_canary(body));
    let Some(error) = ErrorResponse::parse(Some(media_type), &body, &[&secret]) else { return };
    let encoded: String = form_urlencoded::byte_serialize(CANARY.as_bytes()).collect();
    let texts = [Some(&error.error), error.error_description.as_ref(), error.error_uri.as_ref()];
    for text in texts.into_iter().flatten() {
        assert!(!text.is_empty() && text.chars().count() <= 500 && !text.contains(&encoded));
        assert_says_no_secret(text);
    }
    let written = json!({"error": error.error, "error_description": error.error_description,
        "error_uri": error.error_uri});
    let again = ErrorResponse::parse(None, written.to_string().as_bytes(), &[&secret]);
    assert_eq!(again, Some(error));
}
