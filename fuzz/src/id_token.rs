//! The ID Token of a provider: a line with its header, claims; or an empty line, and a token as it comes.
//!
//! Each is signed here with the client's secret by `HS256`, whatever its header says.

use crate::said::{CANARY, assert_says_no_secret, without_canary};
use crate::split_line;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evergrant::JwsAlgorithm;
use evergrant::fuzz_access::{IdTokenWanted, id_token_subject};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

const ISSUER: &str = "https://as.example";
const CLIENT: &str = "client";

pub(crate) fn holds(input: &[u8]) {
    let (header, claims) = split_line(input);
    // What a provider says of the user is no secret of ours; the client's secret is.
    if without_canary(&String::from_utf8_lossy(input)).len() != input.len() {
        return;
    }
    if header.is_empty() {
        let token = String::from_utf8_lossy(claims);
        assert_refused(&token, &[JwsAlgorithm::HS256]);
        return assert_refused(&token, JwsAlgorithm::PUBLIC);
    }
    let signed = [header.as_bytes(), claims].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature(&signed)));
    match said_of(&token, &[JwsAlgorithm::HS256]) {
        Ok(subject) => assert_stands(header, claims, &subject),
        Err(error) => assert_says_no_secret(&error),
    }
    assert_refused(&token, JwsAlgorithm::PUBLIC);
    // One bit of it less.
    let forged = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature(&signed[1..])));
    assert_refused(&forged, &[JwsAlgorithm::HS256]);
}

fn signature(signed: &str) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(CANARY.as_bytes()).expect("a key of any length");
    mac.chain_update(signed).finalize().into_bytes().to_vec()
}

fn said_of(token: &str, algorithms: &[JwsAlgorithm]) -> Result<String, String> {
    let wanted =
        IdTokenWanted { issuer: ISSUER, client_id: CLIENT, client_secret: CANARY, algorithms };
    id_token_subject(token, &wanted).map_err(|error| error.to_string())
}

/// Nobody but the provider's key or the client's secret makes one that is taken.
fn assert_refused(token: &str, algorithms: &[JwsAlgorithm]) {
    assert_says_no_secret(&said_of(token, algorithms).expect_err("nobody signed it"));
}

/// OpenID Connect Core section 3.1.3.7, a second time: what is taken says all that it must.
fn assert_stands(header: &str, claims: &[u8], subject: &str) {
    let header: Value = serde_json::from_str(header).expect("it was read");
    let claims: Value = serde_json::from_slice(claims).expect("it was read");
    assert_eq!((&header["alg"], header.get("crit")), (&Value::from("HS256"), None));
    assert_eq!((&claims["iss"], &claims["sub"]), (&ISSUER.into(), &subject.into()));
    let is_for_us = claims["aud"] == CLIENT
        || claims["aud"].as_array().is_some_and(|all| all.iter().any(|one| one == CLIENT));
    assert!(is_for_us && claims.get("azp").is_none_or(|azp| azp == CLIENT), "{claims}");
    assert!(claims["exp"].as_f64().is_some_and(|exp| exp > 1_000.0), "{claims}");
    for begun in [claims.get("iat"), claims.get("nbf").or(claims.get("iat"))] {
        assert!(begun.and_then(Value::as_f64).is_some_and(|at| at < 1_001.0), "{claims}");
    }
    assert!(!subject.is_empty() && subject.len() <= 255);
}
