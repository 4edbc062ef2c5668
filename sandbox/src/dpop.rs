//! Proofs of possession (RFC 9449), checked to the letter.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::ThumbprintHash;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::http::Request;
use crate::oauth2::Error;
use crate::options::Dpop;
use crate::state::State;

/// How far a proof's date may be from the sandbox clock, in seconds.
const TOLERATED: u64 = 60;

/// How long a nonce is good, in milliseconds.
const NONCE_LIFETIME: u64 = 300_000;

/// The identifiers of the proofs so far: none may come twice, whatever became of its request.
#[derive(Default)]
pub(crate) struct Proofs(HashSet<String>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    jti: String,
    htm: String,
    htu: String,
    iat: u64,
    ath: Option<String>,
    nonce: Option<String>,
}

/// The thumbprint of the key that a request proves to have; none where it proves nothing. `token` is the access token that the
/// proof has to be about.
pub(crate) fn key_of(
    state: &mut State,
    request: &Request,
    token: Option<&str>,
) -> Result<Option<String>, Error> {
    if state.options.dpop == Dpop::Off || request.header("dpop").is_none() {
        return Ok(None);
    }
    let invalid = |description| Error::new("invalid_dpop_proof", description);
    let (claims, key) = verified(request).map_err(invalid)?;
    check(state, request, token, &claims).map_err(invalid)?;
    let nonce = format!("nonce-{}", state.clock.now() / NONCE_LIFETIME);
    if state.options.dpop == Dpop::Nonce && claims.nonce.as_deref() != Some(&nonce) {
        let error = Error::new("use_dpop_nonce", "the proof has to carry the nonce given here");
        return Err(Error { dpop_nonce: Some(nonce), ..error });
    }
    Ok(Some(key))
}

/// Claims and thumbprint of a proof that its own key has signed.
fn verified(request: &Request) -> Result<(Claims, String), &'static str> {
    if request.headers.get_all("dpop").iter().count() > 1 {
        return Err("there is more than one proof");
    }
    let proof = request.header("dpop").ok_or("the proof is no text")?;
    let header = decode_header(proof).map_err(|_| "the proof is no JWT")?;
    if header.typ.as_deref() != Some("dpop+jwt") || header.alg != Algorithm::ES256 {
        return Err("typ has to be dpop+jwt, and alg ES256");
    }
    if names_private_key(proof) {
        return Err("jwk holds a private key");
    }
    let jwk = header.jwk.ok_or("jwk is missing")?;
    let key = DecodingKey::from_jwk(&jwk).map_err(|_| "jwk is no key")?;
    let mut validation = Validation::new(Algorithm::ES256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    let decoded = decode::<Claims>(proof, &key, &validation);
    let claims = decoded.map_err(|_| "claims or signature are wrong")?.claims;
    let thumbprint = jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_| "jwk is no key")?;
    Ok((claims, thumbprint))
}

fn names_private_key(proof: &str) -> bool {
    let header = proof.split('.').next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let header: Option<Value> = header.and_then(|header| serde_json::from_slice(&header).ok());
    header.is_none_or(|header| header["jwk"].get("d").is_some())
}

/// RFC 9449, section 4.3.
fn check(
    state: &mut State,
    request: &Request,
    token: Option<&str>,
    claims: &Claims,
) -> Result<(), &'static str> {
    let hash = token.map(|token| URL_SAFE_NO_PAD.encode(Sha256::digest(token)));
    if claims.htm != request.method {
        return Err("htm is another method");
    }
    if claims.htu != format!("{}{}", state.issuer, request.path) {
        return Err("htu is another address");
    }
    if claims.iat.abs_diff(state.clock.now() / 1000) > TOLERATED {
        return Err("iat is not now");
    }
    if claims.ath != hash {
        return Err("ath is not of the access token");
    }
    if claims.jti.is_empty() || !state.proofs.0.insert(claims.jti.clone()) {
        return Err("jti came before");
    }
    Ok(())
}
