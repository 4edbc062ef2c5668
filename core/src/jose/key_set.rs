//! A provider's JWK Set (RFC 7517) and the signatures that it verifies (RFC 7515, 7518, 8037).
//!
//! A set is whatever a server sent: its bytes, keys and nesting are bounded, and a key of a kind that is not known here is no
//! key (RFC 7517 section 5). None is ever taken for the secret of an HMAC, so a public key cannot be made one.

use crate::oauth2::{BodyError, parse_json};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

/// Largest set that is read, in bytes; Google's has 2 keys, those with certificates have some kilobytes each.
pub(crate) const MAX_KEY_SET_BYTES: usize = 256 << 10;

/// Most keys of a set.
const MAX_KEYS: usize = 100;

/// A signature algorithm by its registered name (RFC 7518 section 3.1, RFC 8037, RFC 9864). `none` is not among them, and of those
/// with a shared secret only `HS256`, which counts nowhere but where an entry lists it: its secret is the client's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are the registry's")]
#[non_exhaustive]
pub enum JwsAlgorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    ES512,
    EdDSA,
    Ed25519,
    HS256,
}

impl JwsAlgorithm {
    /// Those that a public key verifies.
    pub const PUBLIC: &[JwsAlgorithm] = &[
        JwsAlgorithm::RS256,
        JwsAlgorithm::RS384,
        JwsAlgorithm::RS512,
        JwsAlgorithm::PS256,
        JwsAlgorithm::PS384,
        JwsAlgorithm::PS512,
        JwsAlgorithm::ES256,
        JwsAlgorithm::ES384,
        JwsAlgorithm::ES512,
        JwsAlgorithm::EdDSA,
        JwsAlgorithm::Ed25519,
    ];

    /// The registered name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            JwsAlgorithm::RS256 => "RS256",
            JwsAlgorithm::RS384 => "RS384",
            JwsAlgorithm::RS512 => "RS512",
            JwsAlgorithm::PS256 => "PS256",
            JwsAlgorithm::PS384 => "PS384",
            JwsAlgorithm::PS512 => "PS512",
            JwsAlgorithm::ES256 => "ES256",
            JwsAlgorithm::ES384 => "ES384",
            JwsAlgorithm::ES512 => "ES512",
            JwsAlgorithm::EdDSA => "EdDSA",
            JwsAlgorithm::Ed25519 => "Ed25519",
            JwsAlgorithm::HS256 => "HS256",
        }
    }

    /// The algorithm of that registered name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = Self::PUBLIC.iter().chain([&JwsAlgorithm::HS256]);
        all.find(|algorithm| algorithm.as_str() == name).copied()
    }
}

/// Why there is no key set.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum KeySetError {
    /// It is not a JSON object.
    #[error("the key set cannot be read: {0}")]
    Body(BodyError),
    /// RFC 7517 section 5.1.
    #[error("the key set has no `keys`; expected an array of keys (RFC 7517 section 5.1)")]
    NoKeys,
    /// More than anybody needs.
    #[error("the key set has {0} keys; expected at most {MAX_KEYS}")]
    TooManyKeys(usize),
    /// More than is read.
    #[error("the key set has {0} bytes; expected at most {MAX_KEY_SET_BYTES}")]
    TooLong(usize),
}

/// Why a signature does not stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unverified {
    /// The set has no key of this identifier that the algorithm can use.
    NoKey,
    /// It is not that key's signature.
    WrongSignature,
}

/// The public keys of one provider, as far as they verify signatures.
#[derive(Debug, Default)]
pub(crate) struct KeySet {
    keys: Vec<Key>,
}

#[derive(Debug)]
struct Key {
    kid: Option<String>,
    /// The one algorithm that the key is for, where it says so.
    algorithm: Option<String>,
    material: Material,
}

#[derive(Debug)]
enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// The point as SEC 1 has it, uncompressed.
    Ec {
        curve: Curve,
        point: Vec<u8>,
    },
    Ed25519(Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Curve {
    P256,
    P384,
    P521,
}

impl KeySet {
    /// Reads the document; `media_type` is its `Content-Type`, used in error texts only.
    pub(crate) fn parse(media_type: Option<&str>, body: &[u8]) -> Result<Self, KeySetError> {
        if body.len() > MAX_KEY_SET_BYTES {
            return Err(KeySetError::TooLong(body.len()));
        }
        let fields = parse_json(media_type, body).map_err(KeySetError::Body)?;
        let keys = fields.get("keys").and_then(Value::as_array).ok_or(KeySetError::NoKeys)?;
        if keys.len() > MAX_KEYS {
            return Err(KeySetError::TooManyKeys(keys.len()));
        }
        Ok(KeySet { keys: keys.iter().filter_map(|key| Key::read(key.as_object()?)).collect() })
    }

    /// Checks the signature of a JWS: by the key of `kid`, or by any that the algorithm can use where the JWS names none.
    pub(crate) fn verify(
        &self,
        kid: Option<&str>,
        algorithm: JwsAlgorithm,
        signing_input: &[u8],
        signature: &[u8],
    ) -> Result<(), Unverified> {
        let named = self.keys.iter().filter(|key| kid.is_none() || key.kid.as_deref() == kid);
        let mut why = Unverified::NoKey;
        for key in named.filter(|key| key.is_for(algorithm)) {
            match key.material.has_signed(algorithm, signing_input, signature) {
                Some(true) => return Ok(()),
                Some(false) => why = Unverified::WrongSignature,
                None => {}
            }
        }
        Err(why)
    }
}

impl Key {
    /// None for a key that is not for signatures, or of a kind that is not known here.
    fn read(fields: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let verifies = |operations: &Value| {
            let all = operations.as_array().map(Vec::as_slice).unwrap_or_default();
            operations.is_null() || all.is_empty() || all.iter().any(|one| one == "verify")
        };
        if text("use").is_some_and(|usage| usage != "sig")
            || !fields.get("key_ops").is_none_or(verifies)
        {
            return None;
        }
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
        let material = match text("kty")? {
            "RSA" => Material::Rsa { n: without_zeros(bytes("n")?), e: without_zeros(bytes("e")?) },
            "EC" => Material::on_curve(text("crv")?, &bytes("x")?, &bytes("y")?)?,
            "OKP" if text("crv") == Some("Ed25519") => Material::Ed25519(bytes("x")?),
            _ => return None,
        };
        let owned = |name| text(name).map(str::to_owned);
        Some(Key { kid: owned("kid"), algorithm: owned("alg"), material })
    }

    fn is_for(&self, algorithm: JwsAlgorithm) -> bool {
        self.algorithm.as_deref().is_none_or(|own| own == algorithm.as_str())
    }
}

impl Material {
    fn on_curve(name: &str, x: &[u8], y: &[u8]) -> Option<Self> {
        // RFC 7518 section 6.2.1.2: coordinates have their full length.
        let (curve, length) = match name {
            "P-256" => (Curve::P256, 32),
            "P-384" => (Curve::P384, 48),
            "P-521" => (Curve::P521, 66),
            _ => return None,
        };
        let is_whole = x.len() == length && y.len() == length;
        is_whole.then(|| Material::Ec { curve, point: [&[4], x, y].concat() })
    }

    /// Whether it is this key's signature; none where the algorithm is of keys of another kind.
    fn has_signed(
        &self,
        algorithm: JwsAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Option<bool> {
        use JwsAlgorithm as Is;
        let verified = match self {
            Material::Rsa { n, e } => {
                let parameters = match algorithm {
                    Is::RS256 => &RSA_PKCS1_2048_8192_SHA256,
                    Is::RS384 => &RSA_PKCS1_2048_8192_SHA384,
                    Is::RS512 => &RSA_PKCS1_2048_8192_SHA512,
                    Is::PS256 => &RSA_PSS_2048_8192_SHA256,
                    Is::PS384 => &RSA_PSS_2048_8192_SHA384,
                    Is::PS512 => &RSA_PSS_2048_8192_SHA512,
                    _ => return None,
                };
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
            Material::Ec { curve, point } => {
                let by = match (algorithm, curve) {
                    (Is::ES256, Curve::P256) => &ECDSA_P256_SHA256_FIXED,
                    (Is::ES384, Curve::P384) => &ECDSA_P384_SHA384_FIXED,
                    (Is::ES512, Curve::P521) => &ECDSA_P521_SHA512_FIXED,
                    _ => return None,
                };
                UnparsedPublicKey::new(by, point).verify(message, signature)
            }
            Material::Ed25519(point) => match algorithm {
                Is::EdDSA | Is::Ed25519 => {
                    UnparsedPublicKey::new(&ED25519, point).verify(message, signature)
                }
                _ => return None,
            },
        };
        Some(verified.is_ok())
    }
}

/// Some servers write the sign's zero octet of a DER integer, which RFC 7518 section 6.3.1.1 forbids.
fn without_zeros(mut number: Vec<u8>) -> Vec<u8> {
    let zeros = number.iter().take_while(|&&byte| byte == 0).count();
    number.drain(..zeros);
    number
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    pub(crate) fn set(keys: &Value) -> KeySet {
        KeySet::parse(None, json!({ "keys": keys }).to_string().as_bytes()).unwrap()
    }

    /// Whether a JWS in its compact form is verified by a key.
    fn verified(key: &Value, algorithm: JwsAlgorithm, jws: &str) -> Result<(), Unverified> {
        let (signing_input, signature) = jws.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        set(&json!([key])).verify(None, algorithm, signing_input.as_bytes(), &signature)
    }

    fn rfc_7515_a_2() -> (Value, &'static str) {
        let n = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgN\
                 MsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtd\
                 VMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
        let jws = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
                   cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZ\
                   cAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-e\
                   OkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
        (json!({"kty": "RSA", "n": n, "e": "AQAB"}), jws)
    }

    #[test]
    fn rfc_7515_appendix_a_2_is_verified_by_rs256_and_by_no_other_algorithm() {
        let (key, jws) = rfc_7515_a_2();
        assert_eq!(verified(&key, JwsAlgorithm::RS256, jws), Ok(()));
        for other in [JwsAlgorithm::RS384, JwsAlgorithm::PS256] {
            assert_eq!(verified(&key, other, jws), Err(Unverified::WrongSignature));
        }
        for other in [JwsAlgorithm::ES256, JwsAlgorithm::EdDSA] {
            assert_eq!(verified(&key, other, jws), Err(Unverified::NoKey));
        }
        let changed = jws.replacen("eyJpc3Mi", "eyJpc3Mj", 1);
        assert_eq!(verified(&key, JwsAlgorithm::RS256, &changed), Err(Unverified::WrongSignature));
    }

    #[test]
    fn rfc_7515_appendix_a_3_is_verified_by_es256() {
        let key = json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                         "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"});
        let jws = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
                   DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        assert_eq!(verified(&key, JwsAlgorithm::ES256, jws), Ok(()));
        assert_eq!(verified(&key, JwsAlgorithm::ES384, jws), Err(Unverified::NoKey));
    }

    #[test]
    fn rfc_7515_appendix_a_4_is_verified_by_es512() {
        let key = json!({"kty": "EC", "crv": "P-521",
            "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
            "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"});
        let jws = "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw\
                   _7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn";
        assert_eq!(verified(&key, JwsAlgorithm::ES512, jws), Ok(()));
    }

    #[test]
    fn rfc_8037_appendix_a_4_is_verified_by_eddsa_under_either_name() {
        let key = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        let jws = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iy\
                   lGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        assert_eq!(verified(&key, JwsAlgorithm::EdDSA, jws), Ok(()));
        assert_eq!(verified(&key, JwsAlgorithm::Ed25519, jws), Ok(()));
    }

    #[test]
    fn rsa_pss_is_verified_for_each_hash() {
        use aws_lc_rs::rsa::{KeyPair, KeySize};
        use aws_lc_rs::signature::{
            KeyPair as _, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
        };
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        let (n, e) = (URL_SAFE_NO_PAD.encode(public.n), URL_SAFE_NO_PAD.encode(public.e));
        let set = set(&json!([{"kty": "RSA", "n": n, "e": e}]));
        let encodings: [(JwsAlgorithm, &'static dyn RsaEncoding); 3] = [
            (JwsAlgorithm::PS256, &RSA_PSS_SHA256),
            (JwsAlgorithm::PS384, &RSA_PSS_SHA384),
            (JwsAlgorithm::PS512, &RSA_PSS_SHA512),
        ];
        for (algorithm, encoding) in encodings {
            let mut signature = vec![0; pair.public_modulus_len()];
            let random = aws_lc_rs::rand::SystemRandom::new();
            pair.sign(encoding, &random, b"message", &mut signature).unwrap();
            assert_eq!(
                set.verify(None, algorithm, b"message", &signature),
                Ok(()),
                "{algorithm:?}"
            );
            assert!(set.verify(None, algorithm, b"massage", &signature).is_err());
        }
    }

    #[test]
    fn a_key_is_chosen_by_its_identifier_use_operations_and_algorithm() {
        let (key, jws) = rfc_7515_a_2();
        let (signing_input, signature) = jws.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let with = |more: Value, kid: Option<&str>| {
            let mut key = key.clone();
            key.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let input = signing_input.as_bytes();
            set(&json!([key])).verify(kid, JwsAlgorithm::RS256, input, &signature)
        };
        assert_eq!(with(json!({"kid": "1", "use": "sig", "alg": "RS256"}), Some("1")), Ok(()));
        assert_eq!(with(json!({"kid": "1", "key_ops": ["verify"]}), None), Ok(()));
        for (more, kid) in [
            (json!({"kid": "1"}), Some("2")),
            (json!({}), Some("1")),
            (json!({"use": "enc"}), None),
            (json!({"key_ops": ["encrypt"]}), None),
            (json!({"alg": "RS512"}), None),
            (json!({"kty": "oct", "k": "c2VjcmV0"}), None),
        ] {
            assert_eq!(with(more.clone(), kid), Err(Unverified::NoKey), "{more} {kid:?}");
        }
    }

    #[test]
    fn a_key_that_cannot_be_read_is_no_key_and_takes_no_other_with_it() {
        let (good, jws) = rfc_7515_a_2();
        let (signing_input, signature) = jws.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let keys = json!([17, {"kty": "RSA", "n": "!", "e": "AQAB"}, {"kty": "RSA", "n": "", "e": "AA"},
            {"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ"}, {"kty": "EC", "crv": "secp256k1", "x": "AQ", "y": "AQ"},
            {"kty": "OKP", "crv": "Ed25519", "x": "AQ"}, {"kty": 1}, {}, good]);
        let input = signing_input.as_bytes();
        assert_eq!(set(&keys).verify(None, JwsAlgorithm::RS256, input, &signature), Ok(()));
    }

    #[test]
    fn an_rsa_key_below_2048_bits_verifies_nothing() {
        let n = URL_SAFE_NO_PAD.encode([0xff; 128]);
        let small = set(&json!([{"kty": "RSA", "n": n, "e": "AQAB"}]));
        let verified = small.verify(None, JwsAlgorithm::RS256, b"m", &[1; 128]);
        assert_eq!(verified, Err(Unverified::WrongSignature));
    }

    #[test]
    fn a_set_that_is_huge_deep_or_something_else_is_refused_with_its_own_words() {
        let error = |body: &str| KeySet::parse(None, body.as_bytes()).unwrap_err().to_string();
        let many = format!(r#"{{"keys":[{}]}}"#, vec!["{}"; 101].join(","));
        assert_eq!(error(&many), "the key set has 101 keys; expected at most 100");
        let long = format!(r#"{{"keys":"{}"}}"#, "x".repeat(MAX_KEY_SET_BYTES));
        assert_eq!(error(&long), "the key set has 262155 bytes; expected at most 262144");
        let deep = format!(r#"{{"keys":{}"#, "[".repeat(100_000));
        assert!(error(&deep).contains("malformed"), "{}", error(&deep));
        assert!(error("<html>").contains("a page of HTML"));
        for wrong in ["{}", r#"{"keys":{}}"#] {
            assert!(error(wrong).starts_with("the key set has no `keys`"));
        }
    }
}
