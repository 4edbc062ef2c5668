use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evergrant_sandbox::{CLIENT_ID, CLIENT_SECRET, Dpop, Options};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::time::{Duration, UNIX_EPOCH};

use crate::client::{Provider, REDIRECT_URI, Response, Tokens, VERIFIER, basic};

/// The key of RFC 7515, appendix A.3, and one that is not it.
const KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff
H1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp
7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt
-----END PRIVATE KEY-----";
const OTHER_KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgfFtt6u9VQ0QloFgU
v9FvcbeuI+cT6D8MORqR8F85iH2hRANCAASoJm3SRzWkalwSrDB8KNMj24HTadrW
u0Sxs+g74gjoBZmOCeF2JY3Ym+NrC8OwSIu2z8j2GdJOgSIx/Bq5wvHv
-----END PRIVATE KEY-----";

fn signed(pem: &str, claims: &Map<String, Value>) -> String {
    let key = EncodingKey::from_ec_pem(pem.as_bytes()).unwrap();
    let mut header = Header::new(Algorithm::ES256);
    header.typ = Some("dpop+jwt".to_owned());
    header.jwk = Some(Jwk::from_encoding_key(&key, Algorithm::ES256).unwrap());
    encode(&header, claims, &key).unwrap()
}

/// The claims of a good proof for one request, named `jti`.
fn claims(provider: &Provider, jti: &str, method: &str, path: &str) -> Map<String, Value> {
    let now = provider.0.now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let url = format!("{}{path}", provider.0.base_url());
    let claims = json!({"jti": jti, "htm": method, "htu": url, "iat": now});
    claims.as_object().unwrap().clone()
}

fn token(provider: &Provider, proof: &str, form: &[(&str, &str)]) -> Response {
    let headers = [("Authorization", &*basic(CLIENT_ID, CLIENT_SECRET)), ("DPoP", proof)];
    provider.post("/oauth2/token", &headers, form)
}

fn exchange(provider: &Provider, proof: &str) -> Response {
    let code = provider.code(CLIENT_ID, "bob", "a");
    token(
        provider,
        proof,
        &[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("code_verifier", VERIFIER),
            ("redirect_uri", REDIRECT_URI),
        ],
    )
}

fn call(provider: &Provider, scheme: &str, token: &str, proof: &str) -> Response {
    let authorization = format!("{scheme} {token}");
    provider.send("GET", "/api/me", &[("Authorization", &authorization), ("DPoP", proof)], b"")
}

fn proof_of_call(provider: &Provider, pem: &str, jti: &str, token: &str) -> String {
    let mut claims = claims(provider, jti, "GET", "/api/me");
    claims.insert("ath".to_owned(), URL_SAFE_NO_PAD.encode(Sha256::digest(token)).into());
    signed(pem, &claims)
}

#[test]
fn a_bound_token_is_of_use_with_its_key_alone() {
    let provider = Provider::start();
    let proof = signed(KEY, &claims(&provider, "1", "POST", "/oauth2/token"));
    let response = exchange(&provider, &proof);
    assert_eq!(response.json()["token_type"], "DPoP");
    let Tokens { access, refresh } = Tokens::of(&response);
    let good = proof_of_call(&provider, KEY, "2", &access);
    assert_eq!(call(&provider, "DPoP", &access, &good).status, 200);
    let other = proof_of_call(&provider, OTHER_KEY, "3", &access);
    assert_eq!(call(&provider, "DPoP", &access, &other).status, 401);
    let good = proof_of_call(&provider, KEY, "4", &access);
    assert_eq!(call(&provider, "Bearer", &access, &good).status, 401);

    let refresh = [("grant_type", "refresh_token"), ("refresh_token", &*refresh)];
    let other = signed(OTHER_KEY, &claims(&provider, "5", "POST", "/oauth2/token"));
    assert_eq!(token(&provider, &other, &refresh).json()["error"], "invalid_grant");
    let good = signed(KEY, &claims(&provider, "6", "POST", "/oauth2/token"));
    assert_eq!(token(&provider, &good, &refresh).json()["token_type"], "DPoP");
}

#[test]
fn a_proof_of_another_request_or_time_and_one_that_came_before_are_refused() {
    let provider = Provider::start();
    let base = claims(&provider, "base", "POST", "/oauth2/token");
    for (name, value) in [
        ("htm", json!("GET")),
        ("htu", json!("http://127.0.0.1:1/oauth2/token")),
        ("iat", json!(1_000_000_000)),
        ("ath", json!("of no token")),
        ("jti", json!("")),
    ] {
        let mut claims = base.clone();
        claims.insert(name.to_owned(), value);
        let response = exchange(&provider, &signed(KEY, &claims));
        assert_eq!(response.json()["error"], "invalid_dpop_proof", "{name}");
    }
    let proof = signed(KEY, &base);
    assert_eq!(exchange(&provider, &proof).status, 200);
    assert_eq!(exchange(&provider, &proof).json()["error"], "invalid_dpop_proof");
    assert_eq!(exchange(&provider, "no.proof.atall").json()["error"], "invalid_dpop_proof");
}

#[test]
fn a_nonce_is_good_for_five_minutes_and_its_challenge_spends_nothing() {
    let provider = Provider::with(Options { dpop: Dpop::Nonce, ..Options::default() });
    provider.0.set_clock(UNIX_EPOCH + Duration::from_secs(300 * 6_333_334));
    let challenged = |jti: &str, nonce: Option<&str>| {
        let mut claims = claims(&provider, jti, "POST", "/oauth2/token");
        claims.extend(nonce.map(|nonce| ("nonce".to_owned(), nonce.into())));
        exchange(&provider, &signed(KEY, &claims))
    };
    let first = challenged("1", None);
    assert_eq!((first.status, &first.json()["error"]), (400, &json!("use_dpop_nonce")));
    let nonce = first.header("dpop-nonce").to_owned();
    assert_eq!(challenged("2", Some(&nonce)).status, 200);
    provider.0.advance_clock(Duration::from_secs(300));
    let later = challenged("3", Some(&nonce));
    assert_eq!(later.json()["error"], "use_dpop_nonce");
    assert_ne!(later.header("dpop-nonce"), nonce);
}
