//! The answer of a token endpoint: a line with the name of the catalogue entry whose shape it has, one with its media type, body.

use crate::said::{assert_error_is_fit, with_canary, without_canary};
use crate::split_line;
use evergrant::Secret;
use evergrant::oauth2::{Expiry, ResponseShape, TokenResponse};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

static SHAPES: LazyLock<BTreeMap<String, ResponseShape>> = LazyLock::new(|| {
    let catalogue = evergrant::catalogue(&[]).expect("the catalogue is sound");
    catalogue.into_iter().map(|(name, entry)| (name, entry.response)).collect()
});

/// The beginning of 2030 and the end of 9999, in Unix milliseconds.
const NOW: i64 = 1_893_456_000_000;
const END_OF_TIME: i64 = 253_402_300_799_999;

pub(crate) fn holds(input: &[u8]) {
    let (entry, rest) = split_line(input);
    let (media_type, body) = split_line(rest);
    let media_type = without_canary(media_type);
    let shape = SHAPES.get(entry).cloned().unwrap_or_default();
    match TokenResponse::parse(Some(&media_type), &with_canary(body), &shape) {
        Ok(response) => {
            assert_is_usable(&response);
            assert_debug_has_no_token(&response);
            assert_reads_the_same_again(&response, &shape);
        }
        Err(error) => assert_error_is_fit(&error),
    }
}

fn assert_is_usable(response: &TokenResponse) {
    assert!(!response.access_token.is_empty());
    assert!(response.refresh_token.as_ref().is_none_or(|token| !token.is_empty()));
    let scope = response.scope.as_deref();
    assert!(scope.is_none_or(|scope| !scope.is_empty() && scope.iter().all(|s| !s.is_empty())));
    for expiry in [response.expiry, response.refresh_token_expiry].into_iter().flatten() {
        assert!(expiry != Expiry::In(0));
        assert!((1..=END_OF_TIME).contains(&expiry.at(NOW)), "{expiry:?}");
    }
}

/// It is the same whatever the tokens are.
fn assert_debug_has_no_token(response: &TokenResponse) {
    let mut other = response.clone();
    other.access_token = Secret::from("another");
    other.refresh_token = other.refresh_token.map(|_| Secret::from("another"));
    other.id_token = other.id_token.map(|_| Secret::from("another"));
    other.raw.values_mut().for_each(|value| *value = Value::Null);
    assert_eq!(format!("{response:?}"), format!("{other:?}"));
}

/// Every field is kept: read again, what was kept says the same.
fn assert_reads_the_same_again(response: &TokenResponse, shape: &ResponseShape) {
    let kept = serde_json::to_vec(&response.raw).expect("it was JSON or a form");
    let again = TokenResponse::parse(None, &kept, shape).expect("it was read before");
    // The last digit of a fraction may be another one.
    if !response.raw.values().any(has_fraction) {
        assert!(again == *response, "{again:?}, not {response:?}");
    }
}

fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(values) => values.iter().any(has_fraction),
        Value::Object(fields) => fields.values().any(has_fraction),
        _ => false,
    }
}
