//! The ID Token of OpenID Connect (Core 1.0 sections 2, 3.1.3.7, 3.1.3.8 and 12.2): read, and held against what must be.
//!
//! Every word of it is the sender's until its signature stands or the connection it came by vouches for it: texts are shown
//! escaped, numbers may be anything, and its own `alg` is only ever looked up in a list that somebody else wrote.

use super::key_set::{JwsAlgorithm, KeySet, Unverified};
use crate::clock::UnixMillis;
use crate::secret::{Secret, shown};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256, Sha384, Sha512};
use thiserror::Error;

/// Longest token that is read, in bytes.
const MAX_ID_TOKEN_BYTES: usize = 64 << 10;

/// Why an ID Token is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum IdTokenError {
    /// It has not the form of one.
    #[error("the id_token cannot be read: {0}")]
    Malformed(&'static str),
    /// Its algorithm is not among those of the provider.
    #[error("the id_token is signed by {found:?}; expected one of {expected}")]
    Algorithm { found: String, expected: String },
    /// RFC 7515 section 4.1.11.
    #[error(
        "the id_token has critical header parameters (crit), of which none is known here; expected none"
    )]
    Critical,
    /// No key of the provider's is named so, or of a kind that fits.
    #[error(
        "the id_token is signed by the key {0}, which is not among the provider's keys; expected one of them"
    )]
    UnknownKey(String),
    /// `HS256` needs one.
    #[error(
        "the id_token is signed by HS256 with the client_secret, which is missing; expected one"
    )]
    NoSecret,
    /// It is not that key's signature.
    #[error("the signature of the id_token is wrong; expected one by the provider's key")]
    Signature,
    /// A claim is missing or of another kind.
    #[error("the id_token has no `{claim}` that can be read; expected {expected}")]
    Claim { claim: &'static str, expected: &'static str },
    /// It is another issuer's.
    #[error("the id_token is of the issuer {found:?}; expected {expected}")]
    Issuer { found: String, expected: String },
    /// It is for another client.
    #[error("the id_token is for {found}; expected {expected:?} among its audience (aud)")]
    Audience { found: String, expected: String },
    /// It was given to another client.
    #[error("the id_token was given to {found:?} (azp); expected {expected:?}")]
    AuthorizedParty { found: String, expected: String },
    /// It is for others too, and does not say to whom it was given.
    #[error(
        "the id_token has {0} audiences and no authorized party; expected `azp` beside more than one"
    )]
    NoAuthorizedParty(usize),
    /// It is over.
    #[error(
        "the id_token expired {ago} s ago (exp {exp}); expected one that is valid now, {skew} s of clock skew allowed: is this clock right?"
    )]
    Expired { exp: i64, ago: i64, skew: i64 },
    /// It is dated after now.
    #[error(
        "the id_token was issued {ahead} s from now ({claim} {at}); expected the past, {skew} s of clock skew allowed: is this clock right?"
    )]
    FromTheFuture { claim: &'static str, at: i64, ahead: i64, skew: i64 },
    /// It answers another request.
    #[error(
        "the id_token answers another request (its nonce is {0}); expected the nonce of this one"
    )]
    Nonce(&'static str),
    /// It came with another access token.
    #[error(
        "the id_token is of another access token (at_hash); expected the hash of the one it came with"
    )]
    AccessTokenHash,
    /// A renewal is about somebody else (section 12.2).
    #[error(
        "the renewal brought an id_token of another user or issuer than the consent's; expected the same iss and sub"
    )]
    AnotherSubject,
}

/// What an ID Token must say.
pub(crate) struct Expected<'a> {
    /// The issuer in each of its spellings, `{claim}` in them standing for what that claim says; empty where it is not known.
    pub(crate) issuers: &'a [String],
    pub(crate) client_id: &'a str,
    pub(crate) algorithms: &'a [JwsAlgorithm],
    /// The access token that it came with.
    pub(crate) access_token: &'a str,
    pub(crate) now: UnixMillis,
    /// By how much the two clocks may differ, in milliseconds.
    pub(crate) skew: i64,
}

/// An ID Token as it came.
pub(crate) struct IdToken<'a> {
    algorithm: String,
    kid: Option<String>,
    is_critical: bool,
    claims: Map<String, Value>,
    signing_input: &'a str,
    signature: Vec<u8>,
}

impl<'a> IdToken<'a> {
    /// Reads the compact form (RFC 7515 section 7.1). Nothing is checked.
    pub(crate) fn parse(text: &'a str) -> Result<Self, IdTokenError> {
        let wrong = IdTokenError::Malformed;
        if text.len() > MAX_ID_TOKEN_BYTES {
            return Err(wrong("it is longer than 64 KiB"));
        }
        let parts: Vec<&str> = text.split('.').collect();
        let [header, payload, signature] = parts[..] else {
            return Err(wrong(match parts.len() {
                5 => "it is encrypted; expected one that is signed only",
                _ => "expected three parts with dots between",
            }));
        };
        let header = object(header).ok_or(wrong("its header is no JSON object in base64url"))?;
        let mut claims =
            object(payload).ok_or(wrong("its payload is no JSON object in base64url"))?;
        claims.retain(|_, value| !value.is_null()); // as some write what they do not say
        let signature = URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| wrong("its signature is no base64url"))?;
        let text_of = |name: &str| header.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(IdToken {
            algorithm: text_of("alg").ok_or(wrong("its header names no algorithm (alg)"))?,
            kid: text_of("kid"),
            is_critical: header.contains_key("crit"),
            claims,
            signing_input: &text[..header_and_payload(text)],
            signature,
        })
    }

    /// Checks all that it says (section 3.1.3.7, items 2 to 5, 7, 9 and 10, and section 3.1.3.8).
    pub(crate) fn check(&self, expected: &Expected<'_>) -> Result<(), IdTokenError> {
        let algorithm = self.algorithm(expected.algorithms)?;
        self.check_issuer(expected.issuers)?;
        self.check_audience(expected.client_id)?;
        self.check_times(expected.now, expected.skew)?;
        self.subject()?;
        self.check_access_token(algorithm, expected.access_token)
    }

    /// Checks that it answers the request with this nonce (item 11).
    pub(crate) fn check_nonce(&self, nonce: &str) -> Result<(), IdTokenError> {
        match self.claims.get("nonce") {
            Some(own) if own == nonce => Ok(()),
            Some(_) => Err(IdTokenError::Nonce("another")),
            None => Err(IdTokenError::Nonce("missing")),
        }
    }

    /// Checks that it may stand in the place of the consent's (section 12.2): of the same issuer and about the same user, and
    /// with no other nonce than `before`, the last that was taken.
    pub(crate) fn check_renewal(
        &self,
        (issuer, subject): (&str, &str),
        issuers: &[String],
        before: Option<&str>,
    ) -> Result<(), IdTokenError> {
        let own = self.issuer()?;
        let is_the_same = own == issuer || self.names(issuers, own) && self.names(issuers, issuer);
        if !is_the_same || self.subject()? != subject {
            return Err(IdTokenError::AnotherSubject);
        }
        let before = before.and_then(|text| IdToken::parse(text).ok());
        let nonces = (before.as_ref().and_then(|before| before.text("nonce")), self.text("nonce"));
        match nonces {
            (Some(before), Some(now)) if before != now => Err(IdTokenError::Nonce("another")),
            _ => Ok(()),
        }
    }

    /// Whether it does not say which of the provider's keys signed it: those at hand may be old ones.
    pub(crate) fn names_no_key(&self) -> bool {
        self.kid.is_none() && !self.algorithm.starts_with("HS")
    }

    /// By which of these algorithms it is signed.
    pub(crate) fn algorithm(&self, allowed: &[JwsAlgorithm]) -> Result<JwsAlgorithm, IdTokenError> {
        if self.is_critical {
            return Err(IdTokenError::Critical);
        }
        let own = JwsAlgorithm::from_name(&self.algorithm);
        own.filter(|own| allowed.contains(own)).ok_or_else(|| {
            let names: Vec<_> = allowed.iter().map(|allowed| allowed.as_str()).collect();
            let found = shown(&self.algorithm, &[]);
            IdTokenError::Algorithm { found, expected: names.join(", ") }
        })
    }

    /// Checks the signature by the provider's keys (item 6).
    pub(crate) fn verify(
        &self,
        keys: &KeySet,
        algorithm: JwsAlgorithm,
    ) -> Result<(), IdTokenError> {
        let (kid, input) = (self.kid.as_deref(), self.signing_input.as_bytes());
        keys.verify(kid, algorithm, input, &self.signature).map_err(|why| match (why, kid) {
            (Unverified::NoKey, Some(kid)) => {
                IdTokenError::UnknownKey(format!("{:?}", shown(kid, &[])))
            }
            (Unverified::NoKey, None) => {
                IdTokenError::UnknownKey(format!("for {}", algorithm.as_str()))
            }
            (Unverified::WrongSignature, _) => IdTokenError::Signature,
        })
    }

    /// Checks the HMAC of `HS256`, whose secret is the client's (item 8).
    pub(crate) fn verify_by_secret(&self, client_secret: &Secret) -> Result<(), IdTokenError> {
        let mut mac = Hmac::<Sha256>::new_from_slice(client_secret.expose().as_bytes())
            .expect("an HMAC takes a key of any length");
        mac.update(self.signing_input.as_bytes());
        mac.verify_slice(&self.signature).map_err(|_| IdTokenError::Signature)
    }

    /// `iss`.
    pub(crate) fn issuer(&self) -> Result<&str, IdTokenError> {
        self.text("iss").ok_or(IdTokenError::Claim { claim: "iss", expected: "the issuer's URL" })
    }

    /// `sub`: at most 255 ASCII characters (section 2).
    pub(crate) fn subject(&self) -> Result<&str, IdTokenError> {
        let is_one = |sub: &&str| !sub.is_empty() && sub.len() <= 255 && sub.is_ascii();
        let expected = "the user's identifier, at most 255 ASCII characters";
        self.text("sub").filter(is_one).ok_or(IdTokenError::Claim { claim: "sub", expected })
    }

    fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str()
    }

    fn check_issuer(&self, issuers: &[String]) -> Result<(), IdTokenError> {
        let own = self.issuer()?;
        if issuers.is_empty() || self.names(issuers, own) {
            return Ok(());
        }
        let expected = issuers.iter().map(|issuer| format!("{issuer:?}")).collect::<Vec<_>>();
        Err(IdTokenError::Issuer { found: shown(own, &[]), expected: expected.join(" or ") })
    }

    /// Whether `issuer` is one of the spellings, character for character.
    fn names(&self, issuers: &[String], issuer: &str) -> bool {
        issuers.iter().any(|template| self.filled(template).as_deref() == Some(issuer))
    }

    /// A spelling of the issuer with `{claim}` replaced, as Microsoft has the tenant in it; none where the claim is no plain
    /// word.
    fn filled(&self, template: &str) -> Option<String> {
        let Some((before, rest)) = template.split_once('{') else {
            return Some(template.to_owned());
        };
        let (claim, after) = rest.split_once('}')?;
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let word = self.text(claim).filter(|word| word.bytes().all(is_plain))?;
        Some(format!("{before}{word}{after}"))
    }

    fn check_audience(&self, client_id: &str) -> Result<(), IdTokenError> {
        let expected = || client_id.to_owned();
        let audience = match self.claims.get("aud") {
            Some(Value::Array(all)) => all.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        if !audience.iter().any(|one| one == client_id) {
            let names = audience.iter().map(|one| one.as_str().unwrap_or("something else"));
            let found = match names.collect::<Vec<_>>() {
                names if names.is_empty() => "nobody".to_owned(),
                names => format!("{:?}", shown(&names.join(", "), &[])),
            };
            return Err(IdTokenError::Audience { found, expected: expected() });
        }
        match self.claims.get("azp") {
            Some(azp) if azp == client_id => Ok(()),
            Some(azp) => Err(IdTokenError::AuthorizedParty {
                found: shown(azp.as_str().unwrap_or("something else"), &[]),
                expected: expected(),
            }),
            None if audience.len() > 1 => Err(IdTokenError::NoAuthorizedParty(audience.len())),
            None => Ok(()),
        }
    }

    fn check_times(&self, now: UnixMillis, skew: i64) -> Result<(), IdTokenError> {
        let (now, skew) = (now.div_euclid(1000), skew / 1000);
        let exp = self.time("exp")?;
        if exp.saturating_add(skew) <= now {
            return Err(IdTokenError::Expired { exp, ago: now.saturating_sub(exp), skew });
        }
        let issued_at = ("iat", self.time("iat")?);
        let not_before = self.claims.contains_key("nbf").then(|| self.time("nbf")).transpose()?;
        for (claim, at) in [Some(issued_at), not_before.map(|at| ("nbf", at))].into_iter().flatten()
        {
            if at.saturating_sub(skew) > now {
                let ahead = at.saturating_sub(now);
                return Err(IdTokenError::FromTheFuture { claim, at, ahead, skew });
            }
        }
        Ok(())
    }

    /// A time in whole Unix seconds.
    #[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates")]
    fn time(&self, claim: &'static str) -> Result<i64, IdTokenError> {
        let time = self.claims.get(claim).and_then(Value::as_f64).map(|time| time as i64);
        time.ok_or(IdTokenError::Claim { claim, expected: "a number of Unix seconds" })
    }

    /// The left half of the access token's hash, by the hash of the signature (section 3.1.3.6). Ed25519 has SHA-512 in it.
    fn check_access_token(
        &self,
        algorithm: JwsAlgorithm,
        access_token: &str,
    ) -> Result<(), IdTokenError> {
        use JwsAlgorithm as Is;
        let Some(own) = self.claims.get("at_hash") else { return Ok(()) };
        let hash = match algorithm {
            Is::RS256 | Is::PS256 | Is::ES256 | Is::HS256 => Sha256::digest(access_token).to_vec(),
            Is::RS384 | Is::PS384 | Is::ES384 => Sha384::digest(access_token).to_vec(),
            Is::RS512 | Is::PS512 | Is::ES512 | Is::EdDSA | Is::Ed25519 => {
                Sha512::digest(access_token).to_vec()
            }
        };
        if *own == URL_SAFE_NO_PAD.encode(&hash[..hash.len() / 2]) {
            return Ok(());
        }
        Err(IdTokenError::AccessTokenHash)
    }
}

/// A part as a JSON object; `serde_json` bounds its nesting.
fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// How long header and payload are, the dot between included.
fn header_and_payload(text: &str) -> usize {
    text.rfind('.').expect("it has three parts")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
    use serde_json::json;

    const NOW: i64 = 1_700_000_000;

    /// Signs ID Tokens by ES256.
    pub(crate) struct Signer {
        pair: EcdsaKeyPair,
        kid: &'static str,
    }

    impl Signer {
        pub(crate) fn new(kid: &'static str) -> Self {
            Signer { pair: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(), kid }
        }

        pub(crate) fn keys(&self) -> KeySet {
            let point = self.pair.public_key().as_ref();
            let [x, y] = [&point[1..33], &point[33..]].map(|half| URL_SAFE_NO_PAD.encode(half));
            super::super::key_set::tests::set(
                &json!([{"kty": "EC", "crv": "P-256", "kid": self.kid, "x": x, "y": y}]),
            )
        }

        pub(crate) fn sign(&self, claims: &Value) -> String {
            self.sign_with(&json!({"alg": "ES256", "kid": self.kid}), claims)
        }

        pub(crate) fn sign_with(&self, header: &Value, claims: &Value) -> String {
            let [header, claims] =
                [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
            let input = format!("{header}.{claims}");
            let signature = self.pair.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
            format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
        }
    }

    /// An ID Token under an HMAC.
    pub(crate) fn hs256(secret: &str, claims: &Value) -> String {
        let header = json!({"alg": "HS256"});
        let [header, claims] =
            [&header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{header}.{claims}").as_bytes());
        format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    fn claims() -> Value {
        json!({"iss": "https://i.example", "sub": "alice", "aud": "client", "exp": NOW + 60, "iat": NOW})
    }

    /// What is said of a token with these claims over the usual ones; null takes one away.
    fn said(more: &Value) -> Result<(), String> {
        said_at(NOW, more)
    }

    fn said_at(now: i64, more: &Value) -> Result<(), String> {
        let mut all = claims();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let text = Signer::new("1").sign(&all);
        let issuers = [
            "https://i.example".to_owned(),
            "i.example".to_owned(),
            "https://t/{tid}/2".to_owned(),
        ];
        let expected = Expected {
            issuers: &issuers,
            client_id: "client",
            algorithms: JwsAlgorithm::PUBLIC,
            access_token: "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y",
            now: now * 1000,
            skew: 30_000,
        };
        let token = IdToken::parse(&text).map_err(|error| error.to_string())?;
        token.check(&expected).map_err(|error| error.to_string())
    }

    fn refused(more: &Value, words: &str) {
        let error = said(more).expect_err(&more.to_string());
        assert!(error.contains(words) && error.contains("expected"), "{more}: {error}");
    }

    #[test]
    fn security_16_issuer_is_compared_character_for_character_with_each_of_its_spellings() {
        for iss in ["https://i.example", "i.example"] {
            assert_eq!(said(&json!({"iss": iss})), Ok(()), "{iss}");
        }
        assert_eq!(said(&json!({"iss": "https://t/a-1/2", "tid": "a-1"})), Ok(()));
        for iss in [
            "https://i.example/",
            "https://I.example",
            "https://evil.example",
            "",
            "https://t/{tid}/2",
        ] {
            refused(&json!({"iss": iss}), "of the issuer");
        }
        for tid in [json!("b"), json!("a/1"), json!(1), Value::Null] {
            refused(&json!({"iss": "https://t/a/1/2", "tid": tid}), "of the issuer");
        }
        refused(&json!({"iss": Value::Null}), "no `iss`");
    }

    #[test]
    fn security_16_audience_holds_this_client_and_who_is_one_of_several_is_the_authorized_party() {
        assert_eq!(said(&json!({"aud": ["client"]})), Ok(()));
        assert_eq!(said(&json!({"aud": ["other", "client"], "azp": "client"})), Ok(()));
        assert_eq!(said(&json!({"azp": "client"})), Ok(()));
        for aud in [
            json!("other"),
            json!([]),
            json!(["other"]),
            json!(7),
            json!({"client": 1}),
            Value::Null,
        ] {
            refused(&json!({"aud": aud}), "(aud)");
        }
        refused(&json!({"azp": "other"}), "given to \"other\"");
        refused(&json!({"azp": 7}), "(azp)");
        refused(&json!({"aud": ["other", "client"]}), "2 audiences");
    }

    #[test]
    fn security_16_times_are_held_against_this_clock_with_the_skew_and_no_more() {
        assert_eq!(said_at(NOW + 60 + 29, &json!({})), Ok(()));
        assert!(said_at(NOW + 60 + 30, &json!({})).unwrap_err().contains("expired 30 s ago"));
        assert_eq!(said_at(NOW - 30, &json!({})), Ok(()));
        assert!(said_at(NOW - 31, &json!({})).unwrap_err().contains("issued 31 s from now (iat"));
        assert_eq!(said(&json!({"exp": 1_700_000_060.5})), Ok(()));
        refused(&json!({"nbf": NOW + 31}), "(nbf");
        for wrong in [json!("1700000060"), json!([]), Value::Null] {
            refused(&json!({"exp": wrong}), "no `exp`");
            refused(&json!({"iat": wrong}), "no `iat`");
        }
        assert_eq!(said(&json!({"exp": 1e300})), Ok(()));
        refused(&json!({"exp": -1e300}), "expired");
        refused(&json!({"iat": 1e300}), "from now");
    }

    #[test]
    fn clocks_that_are_hours_apart_are_told_as_such() {
        let error = said_at(NOW + 7200, &json!({})).unwrap_err();
        assert!(error.contains("is this clock right?"), "{error}");
        let error = said_at(NOW - 7200, &json!({})).unwrap_err();
        assert!(error.contains("is this clock right?"), "{error}");
    }

    #[test]
    fn access_token_hash_is_that_of_openid_connect_core_appendix_a_3() {
        assert_eq!(said(&json!({"at_hash": "77QmUPtjPfzWtF2AnpK9RQ"})), Ok(()));
        for wrong in [json!("77QmUPtjPfzWtF2AnpK9RR"), json!(""), json!(7)] {
            refused(&json!({"at_hash": wrong}), "at_hash");
        }
    }

    #[test]
    fn subject_is_a_short_text() {
        for wrong in [json!(""), json!(7), json!("é"), json!("x".repeat(256)), Value::Null] {
            refused(&json!({"sub": wrong}), "no `sub`");
        }
    }

    #[test]
    fn security_16_algorithm_is_one_of_the_list_and_never_none_or_an_hmac() {
        let signer = Signer::new("1");
        let allowed = [JwsAlgorithm::RS256, JwsAlgorithm::ES256];
        let said = |header: Value| {
            let text = signer.sign_with(&header, &claims());
            let token = IdToken::parse(&text).map_err(|error| error.to_string())?;
            let algorithm = token.algorithm(&allowed).map_err(|error| error.to_string())?;
            token.verify(&signer.keys(), algorithm).map_err(|error| error.to_string())
        };
        assert_eq!(said(json!({"alg": "ES256", "kid": "1"})), Ok(()));
        assert_eq!(said(json!({"alg": "ES256"})), Ok(()));
        for name in ["none", "None", "HS256", "HS512", "ES384", "es256", "x\n\u{1b}[31m"] {
            let error = said(json!({"alg": name, "kid": "1"})).unwrap_err();
            assert!(error.ends_with("expected one of RS256, ES256"), "{error}");
            assert!(!error.contains(char::is_control), "{error}");
        }
        assert!(said(json!({"alg": "RS256", "kid": "1"})).unwrap_err().contains("not among"));
        assert!(said(json!({"alg": "ES256", "kid": "2"})).unwrap_err().contains("the key \"2\""));
        assert!(
            said(json!({"alg": "ES256", "crit": ["b64"], "b64": false}))
                .unwrap_err()
                .contains("crit")
        );
        let other = Signer::new("1").sign(&claims());
        let other = IdToken::parse(&other).unwrap();
        let error = other.verify(&signer.keys(), JwsAlgorithm::ES256);
        assert_eq!(error, Err(IdTokenError::Signature));
    }

    #[test]
    fn security_16_hs256_counts_only_where_it_is_listed_and_only_with_the_clients_secret() {
        let (good, forged) = (hs256("secret", &claims()), hs256("a public key", &claims()));
        let (good, forged) = (IdToken::parse(&good).unwrap(), IdToken::parse(&forged).unwrap());
        assert!(good.algorithm(JwsAlgorithm::PUBLIC).is_err());
        assert_eq!(good.algorithm(&[JwsAlgorithm::HS256]), Ok(JwsAlgorithm::HS256));
        assert_eq!(good.verify_by_secret(&"secret".into()), Ok(()));
        assert_eq!(forged.verify_by_secret(&"secret".into()), Err(IdTokenError::Signature));
        let keys = Signer::new("1").keys();
        assert!(forged.verify(&keys, JwsAlgorithm::HS256).is_err());
    }

    #[test]
    fn signature_covers_the_claims() {
        let signer = Signer::new("1");
        let (good, other) = (signer.sign(&claims()), signer.sign(&json!({"sub": "bob"})));
        let [header, _, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!() };
        let forged = format!("{header}.{}.{signature}", other.split('.').nth(1).unwrap());
        let forged = IdToken::parse(&forged).unwrap();
        let verified = forged.verify(&signer.keys(), JwsAlgorithm::ES256);
        assert_eq!(verified, Err(IdTokenError::Signature));
    }

    #[test]
    fn security_16_nonce_is_that_of_the_request() {
        let text = Signer::new("1").sign(&json!({"nonce": "n"}));
        let token = IdToken::parse(&text).unwrap();
        assert_eq!(token.check_nonce("n"), Ok(()));
        assert_eq!(token.check_nonce("m"), Err(IdTokenError::Nonce("another")));
        let without = Signer::new("1").sign(&json!({}));
        let without = IdToken::parse(&without).unwrap();
        assert_eq!(without.check_nonce("n"), Err(IdTokenError::Nonce("missing")));
    }

    #[test]
    fn security_16_renewal_is_of_the_same_user_issuer_in_any_spelling_and_nonce() {
        let issuers = ["https://i.example".to_owned(), "i.example".to_owned()];
        let signer = Signer::new("1");
        let before = signer.sign(&json!({"nonce": "n"}));
        let said = |claims: Value| {
            let text = signer.sign(&claims);
            let consented = ("https://i.example", "alice");
            IdToken::parse(&text).unwrap().check_renewal(consented, &issuers, Some(&before))
        };
        for iss in ["https://i.example", "i.example"] {
            assert_eq!(said(json!({"iss": iss, "sub": "alice"})), Ok(()));
        }
        assert_eq!(said(json!({"iss": "i.example", "sub": "alice", "nonce": "n"})), Ok(()));
        for (iss, sub) in [("i.example", "bob"), ("https://other.example", "alice")] {
            let error = said(json!({"iss": iss, "sub": sub})).unwrap_err();
            assert_eq!(error, IdTokenError::AnotherSubject);
        }
        let error = said(json!({"iss": "i.example", "sub": "alice", "nonce": "m"})).unwrap_err();
        assert_eq!(error, IdTokenError::Nonce("another"));
    }

    #[test]
    fn what_is_no_id_token_is_told_apart_and_never_quoted() {
        let error = |text: &str| {
            IdToken::parse(text).map(drop).expect_err(&text[..text.len().min(40)]).to_string()
        };
        let payload = URL_SAFE_NO_PAD.encode(r#"{"sub":"canary"}"#);
        assert!(error("").contains("three parts"));
        assert!(error("a.b").contains("three parts"));
        assert!(error("a.b.c.d.e").contains("encrypted"));
        assert!(error(&format!("e30.{payload}.c2ln")).contains("names no algorithm"));
        assert!(error(&format!("W10.{payload}.c2ln")).contains("its header"));
        assert!(error("eyJhbGciOiJub25lIn0.W10.c2ln").contains("its payload"));
        assert!(error(&format!("e30.{payload}.!")).contains("its signature"));
        let deep = URL_SAFE_NO_PAD.encode("[".repeat(30_000));
        assert!(error(&format!("e30.{deep}.c2ln")).contains("its payload"));
        let deep = URL_SAFE_NO_PAD.encode(format!(r#"{{"a":{}"#, "[".repeat(30_000)));
        assert!(error(&format!("e30.{deep}.c2ln")).contains("its payload"));
        assert!(error(&"x".repeat(70_000)).contains("64 KiB"));
        for text in [format!("W10.{payload}.c2ln"), format!("e30.{payload}.!"), payload.clone()] {
            assert!(!error(&text).contains("canary") && !error(&text).contains(&payload));
        }
    }
}
