//! OpenID Connect: the ID Tokens of grants with the scope value `openid`, the keys that verify them, userinfo, and introspection
//! (RFC 7662). What a test wants odd about an ID Token is data: [`IdTokenHabit`].

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::grants::FamilyId;
use crate::http::{Answer, Request};
use crate::journal::JournalEntry;
use crate::oauth2;
use crate::state::State;

/// The scope value that asks for an ID Token.
pub(crate) const OPENID: &str = "openid";

/// Seconds for which an ID Token is valid.
const LIFETIME: u64 = 3600;

/// What is odd about the ID Tokens of a sandbox; nothing by default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdTokenHabit {
    /// Header parameters in place of the usual ones; null takes one away.
    pub header: Map<String, Value>,
    /// Claims in place of the usual ones; null takes one away.
    pub claims: Map<String, Value>,
    /// What stands for the signature.
    pub signature: IdTokenSignature,
    /// Whether a refresh brings one too.
    pub at_refresh: bool,
}

impl Default for IdTokenHabit {
    fn default() -> Self {
        let (header, claims) = (Map::new(), Map::new());
        Self { header, claims, signature: IdTokenSignature::default(), at_refresh: true }
    }
}

/// What stands for the signature of an ID Token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdTokenSignature {
    /// The signature, by the key that is published.
    #[default]
    Own,
    /// One by a key that is not published, under the name of the one that is.
    Foreign,
    /// Nothing.
    None,
    /// An HMAC whose secret is the public key.
    HmacOfPublicKey,
}

/// The signing key, and what a test has changed.
pub(crate) struct OpenId {
    key: Key,
    generation: u32,
    pub(crate) habit: IdTokenHabit,
}

struct Key(EcdsaKeyPair);

impl Key {
    fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        Self(pair.expect("the operating system gives randomness"))
    }

    fn jwk(&self, kid: &str) -> Value {
        let point = self.0.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..]].map(|half| URL_SAFE_NO_PAD.encode(half));
        json!({ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid, "x": x, "y": y })
    }

    fn sign(&self, input: &str) -> Vec<u8> {
        let signature = self.0.sign(&SystemRandom::new(), input.as_bytes());
        signature.expect("the operating system gives randomness").as_ref().to_vec()
    }
}

impl Default for OpenId {
    fn default() -> Self {
        Self { key: Key::new(), generation: 1, habit: IdTokenHabit::default() }
    }
}

impl OpenId {
    /// Puts another key in the place of the one that signed so far.
    pub(crate) fn rotate_key(&mut self) {
        self.key = Key::new();
        self.generation += 1;
    }

    fn kid(&self) -> String {
        format!("sandbox-{}", self.generation)
    }

    fn jwk(&self) -> Value {
        self.key.jwk(&self.kid())
    }

    fn id_token(&self, claims: Value) -> String {
        let header = json!({ "alg": "ES256", "typ": "JWT", "kid": self.kid() });
        let header = changed(header, &self.habit.header);
        let claims = changed(claims, &self.habit.claims);
        let [header, claims] =
            [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let input = format!("{header}.{claims}");
        let signature = match self.habit.signature {
            IdTokenSignature::Own => self.key.sign(&input),
            IdTokenSignature::Foreign => Key::new().sign(&input),
            IdTokenSignature::None => Vec::new(),
            IdTokenSignature::HmacOfPublicKey => {
                let secret = self.jwk().to_string();
                let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
                    .expect("an HMAC takes a key of any length");
                mac.update(input.as_bytes());
                mac.finalize().into_bytes().to_vec()
            }
        };
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// An object with these members in place of its own.
fn changed(object: Value, by: &Map<String, Value>) -> Value {
    let Value::Object(mut members) = object else { return object };
    members.extend(by.clone());
    members.retain(|_, value| !value.is_null());
    Value::Object(members)
}

/// Puts an ID Token into a token response, where the scope asks for one.
pub(crate) fn add_id_token(
    state: &State,
    response: &mut Value,
    family: FamilyId,
    nonce: Option<&str>,
) {
    let family = state.grants.family(family);
    if !family.scope.split(' ').any(|value| value == OPENID) {
        return;
    }
    let now = state.clock.now() / 1000;
    let access_token = response["access_token"].as_str().unwrap_or_default();
    let mut claims = json!({
        "iss": state.issuer,
        "sub": family.user,
        "aud": family.client,
        "exp": now + LIFETIME,
        "iat": now,
        "at_hash": URL_SAFE_NO_PAD.encode(&Sha256::digest(access_token)[..16]),
    });
    if let Some(nonce) = nonce {
        claims["nonce"] = nonce.into();
    }
    response["id_token"] = state.openid.id_token(claims).into();
}

/// The key set (RFC 7517, section 5).
pub(crate) fn keys(state: &State) -> Answer {
    Answer::json(200, &json!({ "keys": [state.openid.jwk()] }))
}

/// The userinfo endpoint (OpenID Connect Core, section 5.3).
pub(crate) fn userinfo(state: &State, request: &Request, entry: &mut JournalEntry) -> Answer {
    let token = request.credentials("Bearer").unwrap_or_default();
    match oauth2::authenticate_bearer(state, token, entry) {
        Ok((family, _)) => Answer::json(200, &json!({ "sub": state.grants.family(family).user })),
        Err(refusal) => refusal,
    }
}
