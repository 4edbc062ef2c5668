//! ID Tokens, the keys that verify them, userinfo and introspection.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evergrant_sandbox::CLIENT_ID;
use serde_json::{Value, json};

use crate::client::{Provider, Response};

fn decoded(part: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(part).unwrap()
}

/// Header and claims of the ID Token in a token response.
fn id_token(response: &Response) -> (Value, Value) {
    let json = response.json();
    let parts: Vec<_> = json["id_token"].as_str().expect("an ID Token").split('.').collect();
    let [header, claims] = [parts[0], parts[1]].map(decoded);
    (serde_json::from_slice(&header).unwrap(), serde_json::from_slice(&claims).unwrap())
}

/// Whether the published key verifies it.
fn is_signed(provider: &Provider, response: &Response) -> bool {
    let key = provider.get("/oauth2/keys").json()["keys"][0].clone();
    let point = [vec![4], decoded(key["x"].as_str().unwrap()), decoded(key["y"].as_str().unwrap())];
    let json = response.json();
    let (input, signature) = json["id_token"].as_str().unwrap().rsplit_once('.').unwrap();
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point.concat());
    key.verify(input.as_bytes(), &decoded(signature)).is_ok()
}

fn login(provider: &Provider) -> Response {
    provider.exchange(&provider.code(CLIENT_ID, "alice", "openid a"))
}

#[test]
fn openid_brings_an_id_token_that_the_published_key_verifies_and_other_scopes_bring_none() {
    let provider = Provider::start();
    let response = login(&provider);
    let (header, claims) = id_token(&response);
    assert_eq!(header, json!({ "alg": "ES256", "typ": "JWT", "kid": "sandbox-1" }));
    assert_eq!((&claims["sub"], &claims["aud"]), (&json!("alice"), &json!(CLIENT_ID)));
    assert_eq!(claims["iss"], provider.0.base_url());
    assert!(is_signed(&provider, &response));
    let other = provider.exchange(&provider.code(CLIENT_ID, "alice", "a"));
    assert_eq!(other.json()["id_token"], Value::Null);
}

#[test]
fn a_refresh_brings_one_unless_told_otherwise() {
    let provider = Provider::start();
    let refreshed =
        |response: &Response| provider.refresh(response.json()["refresh_token"].as_str().unwrap());
    let renewed = refreshed(&login(&provider));
    assert_eq!(id_token(&renewed).1["sub"], "alice");
    provider.control("POST", "id_token", &json!({ "at_refresh": false }));
    assert_eq!(refreshed(&renewed).json()["id_token"], Value::Null);
}

#[test]
fn what_is_odd_about_an_id_token_is_data() {
    let provider = Provider::start();
    let odd = json!({
        "header": { "alg": "none", "kid": null },
        "claims": { "sub": "bob", "exp": null },
        "signature": "none",
    });
    assert_eq!(provider.control("POST", "id_token", &odd).status, 200);
    let (header, claims) = id_token(&login(&provider));
    assert_eq!(header, json!({ "alg": "none", "typ": "JWT" }));
    assert_eq!((&claims["sub"], claims.get("exp")), (&json!("bob"), None));
    for signature in ["none", "foreign", "hmac_of_public_key"] {
        provider.control("POST", "id_token", &json!({ "signature": signature }));
        assert!(!is_signed(&provider, &login(&provider)), "{signature}");
    }
    let refused = provider.control("POST", "id_token", &json!({ "claim": {} }));
    assert_eq!(refused.status, 400);
}

#[test]
fn another_key_signs_after_a_rotation() {
    let provider = Provider::start();
    let before = login(&provider);
    assert_eq!(provider.control("POST", "rotate_signing_key", &Value::Null).status, 204);
    assert!(!is_signed(&provider, &before));
    let after = login(&provider);
    assert_eq!(id_token(&after).0["kid"], "sandbox-2");
    assert!(is_signed(&provider, &after));
}

#[test]
fn userinfo_and_introspection_tell_of_a_token_that_lives() {
    let provider = Provider::start();
    let tokens = login(&provider).json();
    let (access, refresh) = (tokens["access_token"].as_str(), tokens["refresh_token"].as_str());
    let (access, refresh) = (access.unwrap(), refresh.unwrap());
    assert_eq!(provider.call(access, "/oauth2/userinfo").json(), json!({ "sub": "alice" }));
    let active = |token: &str| {
        let basic = crate::client::basic(CLIENT_ID, evergrant_sandbox::CLIENT_SECRET);
        let headers = [("Authorization", basic.as_str())];
        provider.post("/oauth2/introspect", &headers, &[("token", token)]).json()["active"].clone()
    };
    assert_eq!([active(access), active(refresh)], [json!(true), json!(true)]);
    assert_eq!(active("another"), json!(false));
    provider.0.revoke_user("alice");
    assert_eq!([active(access), active(refresh)], [json!(false), json!(false)]);
    assert_eq!(provider.call(access, "/oauth2/userinfo").status, 401);
}
