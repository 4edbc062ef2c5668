//! What an API says with a 401: the values of `WWW-Authenticate`, a line each.

use evergrant::oauth1::Problem;
use evergrant::oauth2::BearerChallenge;

pub(crate) fn holds(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Some(found) = BearerChallenge::find(text.lines()) {
        assert!(!(found.is_invalid_token() && found.is_insufficient_scope()));
        let written = [
            ("realm", &found.realm),
            ("error", &found.error),
            ("error_description", &found.error_description),
            ("scope", &found.scope),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name}={}", quoted(value))))
        .collect::<Vec<_>>();
        let again = BearerChallenge::find([format!("Bearer {}", written.join(", ")).as_str()]);
        assert_eq!(again, Some(found));
    }
    // What it finds is looked at, not shown: `oauth1_response` holds its texts to that.
    let _ = Problem::find(text.lines(), b"");
}

fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}
