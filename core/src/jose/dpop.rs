//! Proofs of possession (RFC 9449): a JWT for one request, by which its sender shows the key that tokens are bound to. ES256,
//! which every server that knows DPoP takes.

use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;
use sha2::{Digest, Sha256};
use thiserror::Error;
use url::Url;
use zeroize::Zeroizing;

/// The algorithm of proofs, by its registered name.
pub(crate) const ALGORITHM: &str = "ES256";

/// A key that proofs are signed with.
pub(crate) struct DpopKey {
    private: EncodingKey,
    public: Jwk,
}

/// It is not such a key.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("is not a private key for ES256; expected one on P-256, unencrypted, in PKCS #8")]
pub(crate) struct NoDpopKey;

/// What a proof is about (RFC 9449 section 4.2).
pub(crate) struct Proof<'a> {
    /// `htm`.
    pub(crate) method: &'a str,
    /// `htu`, once query and fragment are left out.
    pub(crate) url: &'a Url,
    /// `jti`: names this proof and no other.
    pub(crate) jti: &'a str,
    /// `iat`, in Unix seconds.
    pub(crate) issued_at: i64,
    /// `nonce`, where the server gave one.
    pub(crate) nonce: Option<&'a str>,
    /// The access token that is sent beside the proof; `ath` is its hash.
    pub(crate) access_token: Option<&'a str>,
}

#[derive(Serialize)]
struct Claims<'a> {
    jti: &'a str,
    htm: &'a str,
    htu: String,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ath: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
}

impl DpopKey {
    /// A key in PKCS #8.
    pub(crate) fn from_pkcs8(der: &[u8]) -> Result<Self, NoDpopKey> {
        Self::new(EncodingKey::from_ec_der(der))
    }

    /// A key as a record keeps it, or in PEM.
    pub(crate) fn from_text(text: &Secret) -> Result<Self, NoDpopKey> {
        if text.expose().contains("-----BEGIN ") {
            let key = EncodingKey::from_ec_pem(text.expose().as_bytes());
            return Self::new(key.map_err(|_| NoDpopKey)?);
        }
        let der = URL_SAFE_NO_PAD.decode(text.expose()).map_err(|_| NoDpopKey)?;
        Self::from_pkcs8(&Zeroizing::new(der))
    }

    fn new(private: EncodingKey) -> Result<Self, NoDpopKey> {
        let mut public =
            Jwk::from_encoding_key(&private, Algorithm::ES256).map_err(|_| NoDpopKey)?;
        public.common.key_algorithm = None; // the header says it
        Ok(DpopKey { private, public })
    }

    /// As a record keeps it: PKCS #8 in base64url.
    pub(crate) fn to_text(&self) -> Secret {
        URL_SAFE_NO_PAD.encode(self.private.as_bytes()).into()
    }

    /// The thumbprint of its public part (RFC 7638), by which servers know it.
    pub(crate) fn thumbprint(&self) -> String {
        self.public.thumbprint(ThumbprintHash::SHA256).expect("a key on P-256 has a thumbprint")
    }

    /// The proof as the header `DPoP` holds it.
    pub(crate) fn sign(&self, proof: &Proof<'_>) -> String {
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("dpop+jwt".to_owned());
        header.jwk = Some(self.public.clone());
        let claims = Claims {
            jti: proof.jti,
            htm: proof.method,
            htu: without_query(proof.url).into(),
            iat: proof.issued_at,
            ath: proof.access_token.map(hash),
            nonce: proof.nonce,
        };
        encode(&header, &claims, &self.private).expect("a key that was read signs")
    }
}

/// `ath` of an access token (section 4.2).
fn hash(access_token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(access_token))
}

fn without_query(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{DecodingKey, Validation, decode};
    use serde_json::{Value, json};

    /// The key of RFC 7515 appendix A.3.
    const PEM: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff
H1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp
7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt
-----END PRIVATE KEY-----";

    /// Of RFC 9449: the proofs of sections 4.1 (figure 2) and 7.1 (figure 12), and the latter's access token.
    const OF_A_TOKEN_REQUEST: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
    const OF_A_CALL: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
    const ACCESS_TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";

    fn key() -> DpopKey {
        DpopKey::from_text(&PEM.into()).unwrap()
    }

    /// Claims and key of a proof, once its signature is verified.
    fn verified(proof: &str) -> (Value, Jwk) {
        let header = jsonwebtoken::decode_header(proof).unwrap();
        assert_eq!((header.typ.as_deref(), header.alg), (Some("dpop+jwt"), Algorithm::ES256));
        let jwk = header.jwk.unwrap();
        let mut validation = Validation::new(Algorithm::ES256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        let decoded = decode(proof, &DecodingKey::from_jwk(&jwk).unwrap(), &validation);
        (decoded.unwrap().claims, jwk)
    }

    fn signed(url: &str, nonce: Option<&str>, access_token: Option<&str>) -> Value {
        let (method, jti, issued_at) = ("GET", "e1j3V_bKic8-LAEB", 1_562_262_618);
        let url = &Url::parse(url).unwrap();
        let proof = Proof { method, url, jti, issued_at, nonce, access_token };
        let (claims, jwk) = verified(&key().sign(&proof));
        assert_eq!(jwk, key().public);
        claims
    }

    #[test]
    fn proof_of_a_call_says_what_that_of_rfc_9449_section_7_1_says() {
        let (expected, _) = verified(OF_A_CALL);
        let url = "https://resource.example.org/protectedresource";
        assert_eq!(signed(url, None, Some(ACCESS_TOKEN)), expected);
    }

    #[test]
    fn proof_of_a_token_request_says_what_that_of_rfc_9449_section_4_1_says() {
        let (expected, _) = verified(OF_A_TOKEN_REQUEST);
        let url = &Url::parse("https://server.example.com/token").unwrap();
        let proof = Proof {
            method: "POST",
            url,
            jti: "-BwC3ESc6acc2lTc",
            issued_at: 1_562_262_616,
            nonce: None,
            access_token: None,
        };
        assert_eq!(verified(&key().sign(&proof)).0, expected);
    }

    #[test]
    fn nonce_is_said_as_in_rfc_9449_section_8_and_query_and_fragment_are_not() {
        let claims = signed("https://a.example/p?secret=1#f", Some("eyJ7S_zG.eyJH0-Z"), None);
        assert_eq!(
            claims,
            json!({
                "jti": "e1j3V_bKic8-LAEB", "htm": "GET", "htu": "https://a.example/p", "iat": 1_562_262_618,
                "nonce": "eyJ7S_zG.eyJH0-Z",
            })
        );
    }

    #[test]
    fn thumbprint_is_that_of_rfc_9449_section_6_1() {
        let (_, jwk) = verified(OF_A_CALL);
        let thumbprint = jwk.thumbprint(ThumbprintHash::SHA256).unwrap();
        assert_eq!(thumbprint, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }

    #[test]
    fn thumbprint_is_that_of_rfc_7638_section_3_1() {
        let jwk: Jwk = serde_json::from_value(json!({
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            "e": "AQAB", "alg": "RS256", "kid": "2011-04-29",
        }))
        .unwrap();
        let thumbprint = jwk.thumbprint(ThumbprintHash::SHA256).unwrap();
        assert_eq!(thumbprint, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn key_crosses_as_text_and_what_is_none_is_refused_without_a_word_of_it() {
        let crossed = DpopKey::from_text(&key().to_text()).unwrap();
        assert_eq!(crossed.thumbprint(), key().thumbprint());
        let of_rsa = PEM.replace("MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg", "MIGH");
        for text in ["", "s3cret", "czNjcmV0", &of_rsa] {
            let error = DpopKey::from_text(&text.into()).err().unwrap();
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn proof_names_no_private_part_of_its_key() {
        let shown = serde_json::to_value(&key().public).unwrap();
        let names: Vec<_> = shown.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["kty", "crv", "x", "y"]);
    }
}
