//! JSON Web Keys: the set of a provider (RFC 7517 section 5), or the private key of a client.

use crate::said::{assert_error_is_fit, with_canary};
use evergrant::JwsAlgorithm;
use evergrant::fuzz_access::{key_set_verifies, signed};
use serde_json::{Value, json};

/// RFC 7515 appendix A.3, and its key.
const SIGNED: &[u8] = b"eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const SIGNATURE: [u8; 64] = [
    14, 209, 33, 83, 121, 99, 108, 72, 60, 47, 127, 21, 88, 7, 212, 2, 163, 178, 40, 3, 58, 249,
    124, 126, 23, 129, 154, 195, 22, 158, 166, 101, 197, 10, 7, 211, 140, 60, 112, 229, 216, 241,
    45, 175, 8, 74, 84, 128, 166, 101, 144, 197, 242, 147, 80, 154, 143, 63, 127, 138, 131, 163,
    84, 213,
];
const POINT: [&str; 2] =
    ["f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"];

pub(crate) fn holds(input: &[u8]) {
    let document = with_canary(input);
    assert_set_verifies_what_its_keys_signed(&document);
    let text = String::from_utf8_lossy(&document);
    match signed(&text, &json!({"iss": "c"})) {
        Ok(jwt) => {
            assert_eq!(jwt.expose().split('.').count(), 3);
            assert_eq!(format!("{jwt:?}"), "[redacted]");
        }
        Err(error) => assert_error_is_fit(&error),
    }
}

fn assert_set_verifies_what_its_keys_signed(document: &[u8]) {
    let asked = |document: &[u8], algorithm, signed: &[u8]| {
        key_set_verifies(document, algorithm, signed, &SIGNATURE)
    };
    match asked(document, JwsAlgorithm::ES256, SIGNED) {
        Ok(verified) => assert_is_of_its_keys(document, verified),
        Err(error) => assert_error_is_fit(&error),
    }
    // A public key is never the secret of an HMAC, and what was not signed is not verified.
    for (algorithm, signed) in [(JwsAlgorithm::HS256, SIGNED), (JwsAlgorithm::ES256, &SIGNED[1..])]
    {
        assert!(!asked(document, algorithm, signed).unwrap_or(false));
    }
}

/// The verdict is that of the one key, whichever others stand beside it.
fn assert_is_of_its_keys(document: &[u8], verified: bool) {
    let text = document.strip_prefix("\u{feff}".as_bytes()).unwrap_or(document).trim_ascii();
    let mut set: Value = serde_json::from_slice(text).expect("it was read");
    let keys = set["keys"].as_array_mut().expect("it was read");
    let is_there = keys.iter().any(|key| key["x"] == POINT[0] && key["y"] == POINT[1]);
    assert!(is_there || !verified, "{keys:?}");
    keys.reverse();
    if keys.len() < 100 {
        keys.push(json!({"kty": "unknown"}));
    }
    let other = set.to_string();
    let again = key_set_verifies(other.as_bytes(), JwsAlgorithm::ES256, SIGNED, &SIGNATURE);
    assert_eq!(again.ok(), Some(verified));
}
