use super::*;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{DecodingKey, crypto};
use serde_json::{Value, json};

const KEYS: &str = include_str!("test_keys.txt");
const PASSPHRASE: &str = "correct-horse";

/// The payload of RFC 7515 appendices A.1 to A.3.
const PAYLOAD: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";

fn text(name: &str) -> &'static str {
    let (_, after) = KEYS.split_once(&format!("# {name}\n")).expect(name);
    after.split("# ").next().unwrap()
}

fn key(name: &str) -> SigningKey {
    SigningKey::read(text(name), Some(PASSPHRASE), None).expect(name)
}

fn refusal(text: &str, passphrase: Option<&str>) -> SigningKeyError {
    SigningKey::read(text, passphrase, None).unwrap_err()
}

fn names(prefix: &str) -> Vec<&'static str> {
    let names = KEYS.lines().filter_map(|line| line.strip_prefix("# "));
    names.filter(|name| name.starts_with(prefix)).collect()
}

/// The signature over a text that the RFC gives, which a library that writes its own headers never sees.
fn signature(key: &SigningKey, signing_input: &str) -> String {
    crypto::sign(signing_input.as_bytes(), &key.key, key.algorithm).unwrap()
}

fn verifies(key: &SigningKey, signing_input: &str, signature: &str) -> bool {
    let jwk = Jwk::from_encoding_key(&key.key, key.algorithm).unwrap();
    let public = DecodingKey::from_jwk(&jwk).unwrap();
    crypto::verify(signature, signing_input.as_bytes(), &public, key.algorithm).unwrap()
}

#[test]
fn hs256_signature_is_that_of_rfc_7515_appendix_a_1() {
    let secret =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let key = SigningKey {
        key: EncodingKey::from_secret(&URL_SAFE_NO_PAD.decode(secret).unwrap()).unwrap(),
        algorithm: Algorithm::HS256,
        key_id: None,
    };
    let input = format!("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{PAYLOAD}");
    assert_eq!(signature(&key, &input), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
}

#[test]
fn rs256_signature_is_that_of_rfc_7515_appendix_a_2_however_the_key_is_written() {
    let input = format!("eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}");
    let expected = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5\
        jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_\
        eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWk\
        WywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    let written = names("rsa-");
    assert_eq!(written.len(), 5);
    for name in written {
        assert_eq!(signature(&key(name), &input), expected, "{name}");
    }
}

#[test]
fn es256_signature_of_rfc_7515_appendix_a_3_is_that_of_this_key_however_it_is_written() {
    let input = format!("eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}");
    let theirs =
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let written = names("p256-");
    assert_eq!(written.len(), 5);
    for name in written {
        let key = key(name);
        assert!(verifies(&key, &input, theirs), "{name}");
        let ours = signature(&key, &input);
        assert!(verifies(&key, &input, &ours) && !verifies(&key, PAYLOAD, &ours), "{name}");
    }
}

#[test]
fn ed25519_signature_is_that_of_rfc_8037_appendix_a_4() {
    let input = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    for name in names("ed25519-") {
        let expected = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        assert_eq!(signature(&key(name), input), expected, "{name}");
    }
}

#[test]
fn algorithms_that_rfc_7515_appendices_a_4_and_a_5_sign_with_are_refused_by_name() {
    for name in ["ES512", "none", "RS1", "rs256"] {
        let error = algorithm(name).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
        assert_eq!(error.configuration_key(), "signing_algorithm");
    }
}

#[test]
fn thumbprint_is_that_of_rfc_7638_section_3_1() {
    let jwk: Jwk = serde_json::from_value(json!({
        "kty": "RSA", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n\
              3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgd\
              AZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur\
              -kEgU8awapJzKnqDKgw",
    }))
    .unwrap();
    let thumbprint = jwk.thumbprint(ThumbprintHash::SHA256).unwrap();
    assert_eq!(thumbprint, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn the_algorithm_is_the_wanted_one_else_that_of_the_key() {
    for (name, usual) in [
        ("rsa-pkcs1", "RS256"),
        ("p256-sec1", "ES256"),
        ("p384-sec1", "ES384"),
        ("p384-pkcs8", "ES384"),
    ] {
        assert_eq!(super::name(key(name).algorithm), usual);
    }
    let read = |name, wanted| SigningKey::read(text(name), None, Some(wanted));
    for wanted in [Algorithm::RS512, Algorithm::PS256, Algorithm::PS384, Algorithm::PS512] {
        let key = read("rsa-pkcs8", wanted).unwrap();
        assert!(verifies(&key, "text", &signature(&key, "text")), "{wanted:?}");
    }
    let error = read("p256-pkcs8", Algorithm::ES384).unwrap_err();
    assert_eq!(error.to_string(), "ES384 does not go with this key; expected one of ES256");
    for wanted in [Algorithm::HS256, Algorithm::ES256] {
        let error = read("rsa-jwk", wanted).unwrap_err();
        assert_eq!(error.configuration_key(), "signing_algorithm");
        assert!(error.to_string().contains("expected one of RS256, RS384"), "{error}");
    }
    let mut jwk: Value = text("rsa-jwk").parse().unwrap();
    jwk["alg"] = json!("PS256");
    let of_jwk = SigningKey::read(&jwk.to_string(), None, None).unwrap();
    assert_eq!(of_jwk.algorithm, Algorithm::PS256);
}

#[test]
fn a_jwt_names_its_kind_algorithm_and_key() {
    let header = |key: &SigningKey| {
        let jwt = key.sign("JWT", &json!({"iss": "joe"}));
        let [header, claims, _] = jwt.expose().split('.').collect::<Vec<_>>()[..] else {
            panic!("not a compact serialization");
        };
        assert_eq!(claims, URL_SAFE_NO_PAD.encode(r#"{"iss":"joe"}"#));
        serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap()
    };
    assert_eq!(header(&key("p256-sec1")), json!({"typ": "JWT", "alg": "ES256"}));
    let mut jwk: Value = text("ed25519-jwk").parse().unwrap();
    jwk["kid"] = json!("its own");
    let key = SigningKey::read(&jwk.to_string(), None, None).unwrap().named(None);
    assert_eq!(header(&key), json!({"typ": "JWT", "alg": "EdDSA", "kid": "its own"}));
    let key = key.named(Some("another"));
    assert_eq!(header(&key)["kid"], "another");
}

#[test]
fn an_encrypted_key_opens_with_its_passphrase_only() {
    for name in KEYS.lines().filter_map(|line| line.strip_prefix("# ")) {
        if !name.ends_with("-encrypted") {
            continue;
        }
        let none = refusal(text(name), None);
        assert_eq!(none, SigningKeyError::Pem(KeyError::NoPassphrase), "{name}");
        assert_eq!(none.configuration_key(), "private_key_passphrase");
    }
    // Enough of them to meet a padding that is right by chance.
    for n in 0..600 {
        let wrong = refusal(text("p256-sec1-encrypted"), Some(&n.to_string()));
        let expected =
            [SigningKeyError::Pem(KeyError::WrongPassphrase), SigningKeyError::OtherCurve];
        assert!(expected.contains(&wrong), "{wrong:?}");
    }
}

#[test]
fn an_error_says_which_kind_of_key_was_found_and_which_was_expected() {
    let public = refusal(text("other-public"), None).to_string();
    assert!(public.starts_with("is a PEM of PUBLIC KEY; expected one of PRIVATE KEY"), "{public}");
    let certificate = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----";
    assert!(refusal(certificate, None).to_string().contains("CERTIFICATE"));
    assert_eq!(refusal(text("other-short"), None), SigningKeyError::TooShort(1024));
    assert_eq!(refusal(text("other-p521"), None), SigningKeyError::OtherCurve);
    assert_eq!(refusal(text("other-x25519"), None), SigningKeyError::OtherKind);
    for nothing in ["", "s3cret", "-----BEGIN PRIVATE KEY-----\nMIIC"] {
        assert_eq!(refusal(nothing, None), SigningKeyError::NotPem);
    }
    let empty = "-----BEGIN PRIVATE KEY-----\nMIICdgIBADANBg==\n-----END PRIVATE KEY-----\n";
    assert_eq!(refusal(empty, None), SigningKeyError::Pem(KeyError::Damaged));
}

#[test]
fn a_jwk_that_is_no_private_key_is_told_from_one_that_is_damaged() {
    let of = |name: &str, member: &str, value: Option<&str>| {
        let mut jwk: Value = text(name).parse().unwrap();
        match value {
            Some(value) => jwk[member] = json!(value),
            None => drop(jwk.as_object_mut().unwrap().remove(member)),
        }
        refusal(&jwk.to_string(), None)
    };
    for name in ["rsa-jwk", "p256-jwk", "ed25519-jwk"] {
        assert_eq!(of(name, "d", None), SigningKeyError::PublicJwk, "{name}");
    }
    assert_eq!(of("rsa-jwk", "qi", None), SigningKeyError::Member("qi"));
    assert_eq!(of("rsa-jwk", "dp", Some("s3cret=")), SigningKeyError::Member("dp"));
    assert_eq!(of("rsa-jwk", "d", Some("AQAB")), SigningKeyError::Pem(KeyError::Damaged));
    assert_eq!(of("p256-jwk", "d", Some("AQAB")), SigningKeyError::Pem(KeyError::Damaged));
    assert_eq!(of("p256-jwk", "crv", Some("secp256k1")), SigningKeyError::OtherCurve);
    let public_of_another = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    let error = of("ed25519-jwk", "x", Some(public_of_another));
    assert_eq!(error, SigningKeyError::Pem(KeyError::Damaged));
    assert_eq!(refusal(r#"{"kty": "oct", "k": "AQAB"}"#, None), SigningKeyError::SharedSecret);
    assert_eq!(refusal(r#"{"keys": []}"#, None), SigningKeyError::NoJwk);
}

#[test]
fn debug_and_errors_show_no_key() {
    let key = key("ed25519-jwk").named(Some("its name"));
    let shown = format!("{key:?}");
    assert!(shown.contains("its name") && !shown.contains("content"), "{shown}");
    let error = refusal(r#"{"kty": "RSA", "d": "s3cret", "n": 1}"#, None);
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}
