//! Keys that sign JSON Web Tokens (RFC 7515): private keys from PEM or JWK (RFC 7517), and client secrets.
//!
//! No text of a key or a passphrase is in an error, and every buffer that held some is wiped. A key is checked when it is
//! read: whatever was read signs.

use crate::oauth1::KeyError;
use crate::oauth1::rsa::{self, Der, Form, Wiped};
use crate::secret::Secret;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, AlgorithmFamily, EncodingKey, Header, encode};
use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;
use zeroize::Zeroizing;

/// Shorter RSA keys must not be used (RFC 7518 section 3.3).
const MIN_RSA_BITS: usize = 2048;

/// A key with the algorithm that it signs with. Prints without the key.
pub(crate) struct SigningKey {
    key: EncodingKey,
    algorithm: Algorithm,
    key_id: Option<String>,
}

impl SigningKey {
    /// Reads a private key: PEM (`PRIVATE KEY`, `ENCRYPTED PRIVATE KEY`, `RSA PRIVATE KEY`, `EC PRIVATE KEY`) or the text of a
    /// JWK. The algorithm is `wanted`, else the JWK's `alg`, else what such keys usually sign with: RS256, ES256, ES384 or `EdDSA`.
    pub(crate) fn read(
        text: &str,
        passphrase: Option<&str>,
        wanted: Option<Algorithm>,
    ) -> Result<Self, SigningKeyError> {
        if text.trim_start().starts_with('{') {
            return PrivateJwk::parse(text)?.signing_key(wanted);
        }
        let pem = rsa::private_key(text)?;
        let (key, usual) = pem.open(passphrase, |der| match pem.form {
            Form::Pkcs1 => of_rsa(der),
            Form::Sec1 => of_elliptic_curve(der),
            Form::Pkcs8 => of_pkcs8(der),
        })?;
        let algorithm = chosen(wanted, usual)?;
        Ok(SigningKey { key, algorithm, key_id: None })
    }

    /// The key that a client secret is (OpenID Connect Core section 10.1), for HS256 where nothing else is `wanted`.
    pub(crate) fn of_secret(
        secret: &Secret,
        wanted: Option<Algorithm>,
    ) -> Result<Self, SigningKeyError> {
        let key = EncodingKey::from_secret(secret.expose().as_bytes())
            .map_err(|_| SigningKeyError::Empty)?;
        let algorithm = chosen(wanted, Algorithm::HS256)?;
        Ok(SigningKey { key, algorithm, key_id: None })
    }

    /// The same under this name; without one under the JWK's own.
    pub(crate) fn named(self, key_id: Option<&str>) -> Self {
        SigningKey { key_id: key_id.map(str::to_owned).or(self.key_id), ..self }
    }

    /// A JWT with these claims, in compact serialization. `kind` is its `typ` (RFC 8725 section 3.11).
    pub(crate) fn sign(&self, kind: &str, claims: &impl Serialize) -> Secret {
        let mut header = Header::new(self.algorithm);
        header.typ = Some(kind.to_owned());
        header.kid.clone_from(&self.key_id);
        encode(&header, claims, &self.key).expect("a key that was read signs").into()
    }

    /// What tells this key, its algorithm and its name from others; as secret as the key.
    pub(crate) fn identity(&self) -> Zeroizing<Vec<u8>> {
        let key_id = self.key_id.as_deref().unwrap_or_default();
        let algorithm = name(self.algorithm);
        let parts = [self.key.as_bytes(), algorithm.as_bytes(), key_id.as_bytes()];
        Zeroizing::new(parts.join(&[0][..]))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("algorithm", &self.algorithm)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

/// The algorithm of that name (RFC 7518 section 3.1), as far as keys here sign with it.
pub(crate) fn algorithm(name: &str) -> Result<Algorithm, SigningKeyError> {
    name.parse().map_err(|_| SigningKeyError::UnknownAlgorithm(name.to_owned()))
}

fn name(algorithm: Algorithm) -> String {
    format!("{algorithm:?}") // the variants are called as the algorithms are
}

/// `wanted`, if a key that usually signs with `usual` can; a curve has but one.
fn chosen(wanted: Option<Algorithm>, usual: Algorithm) -> Result<Algorithm, SigningKeyError> {
    let family = usual.family();
    let fits = |algorithm: &Algorithm| {
        *algorithm == usual || family != AlgorithmFamily::Ec && algorithm.family() == family
    };
    match wanted {
        None => Ok(usual),
        Some(wanted) if fits(&wanted) => Ok(wanted),
        Some(wanted) => {
            let expected = family.algorithms().iter().filter(|algorithm| fits(algorithm));
            let expected: Vec<_> = expected.map(|algorithm| name(*algorithm)).collect();
            let expected = expected.join(", ");
            Err(SigningKeyError::OtherAlgorithm { wanted: name(wanted), expected })
        }
    }
}

type Read = Result<(EncodingKey, Algorithm), SigningKeyError>;

const RSA_ENCRYPTION: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const EC_PUBLIC_KEY: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
const ED25519: &[u8] = b"\x2b\x65\x70";

/// `PrivateKeyInfo` (RFC 5958 section 2).
fn of_pkcs8(der: &[u8]) -> Read {
    let mut info = Der::new(der).sequence()?;
    info.number()?; // the version
    let kind = info.sequence()?.object_identifier()?;
    match kind {
        RSA_ENCRYPTION => of_rsa(info.octet_string()?),
        EC_PUBLIC_KEY => of_elliptic_curve(der),
        ED25519 => {
            let pair = Ed25519KeyPair::from_pkcs8(der).map_err(|_| KeyError::Damaged)?;
            of_edwards_curve(&pair)
        }
        _ => Err(SigningKeyError::OtherKind),
    }
}

/// `RSAPrivateKey` (RFC 8017 appendix A.1.2).
fn of_rsa(pkcs1: &[u8]) -> Read {
    let mut numbers = Der::new(pkcs1).sequence()?;
    numbers.number()?; // the version
    let modulus = numbers.number()?;
    let unused = modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
    let bits = modulus.len() * 8 - unused;
    if bits < MIN_RSA_BITS {
        return Err(SigningKeyError::TooShort(bits));
    }
    RsaKeyPair::from_der(pkcs1).map_err(|_| KeyError::Damaged)?;
    Ok((EncodingKey::from_rsa_der(pkcs1), Algorithm::RS256))
}

const CURVES: [(&str, &EcdsaSigningAlgorithm, Algorithm); 2] = [
    ("P-256", &ECDSA_P256_SHA256_FIXED_SIGNING, Algorithm::ES256),
    ("P-384", &ECDSA_P384_SHA384_FIXED_SIGNING, Algorithm::ES384),
];

/// `ECPrivateKey` (RFC 5915), bare or in a `PrivateKeyInfo`.
fn of_elliptic_curve(der: &[u8]) -> Read {
    let read = |(_, curve, algorithm): &(&str, &'static EcdsaSigningAlgorithm, Algorithm)| {
        EcdsaKeyPair::from_private_key_der(curve, der).ok().map(|pair| (pair, *algorithm))
    };
    let (pair, algorithm) = CURVES.iter().find_map(read).ok_or(SigningKeyError::OtherCurve)?;
    of_pair(&pair, algorithm)
}

fn of_pair(pair: &EcdsaKeyPair, algorithm: Algorithm) -> Read {
    let der = pair.to_pkcs8v1().map_err(|_| KeyError::Damaged)?;
    Ok((EncodingKey::from_ec_der(der.as_ref()), algorithm))
}

fn of_edwards_curve(pair: &Ed25519KeyPair) -> Read {
    let der = pair.to_pkcs8v1().map_err(|_| KeyError::Damaged)?;
    Ok((EncodingKey::from_ed_der(der.as_ref()), Algorithm::EdDSA))
}

/// A private key as RFC 7517 and RFC 7518 section 6 have it.
#[derive(Deserialize)]
struct PrivateJwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<Secret>,
    e: Option<Secret>,
    x: Option<Secret>,
    y: Option<Secret>,
    d: Option<Secret>,
    p: Option<Secret>,
    q: Option<Secret>,
    dp: Option<Secret>,
    dq: Option<Secret>,
    qi: Option<Secret>,
}

impl PrivateJwk {
    fn parse(text: &str) -> Result<Self, SigningKeyError> {
        // The parser's own words could quote the key.
        serde_json::from_str(text).map_err(|_| SigningKeyError::NoJwk)
    }

    fn signing_key(self, wanted: Option<Algorithm>) -> Result<SigningKey, SigningKeyError> {
        if self.d.is_none() && matches!(self.kty.as_str(), "RSA" | "EC" | "OKP") {
            return Err(SigningKeyError::PublicJwk);
        }
        let (key, usual) = match self.kty.as_str() {
            "RSA" => self.rsa()?,
            "EC" => self.elliptic_curve()?,
            "OKP" => self.edwards_curve()?,
            "oct" => return Err(SigningKeyError::SharedSecret),
            _ => return Err(SigningKeyError::OtherKind),
        };
        let own = self.alg.as_deref().map(algorithm).transpose()?;
        let algorithm = chosen(wanted.or(own), usual)?;
        Ok(SigningKey { key, algorithm, key_id: self.kid })
    }

    /// RFC 7518 section 6.3.
    fn rsa(&self) -> Read {
        let members = [
            ("n", &self.n),
            ("e", &self.e),
            ("d", &self.d),
            ("p", &self.p),
            ("q", &self.q),
            ("dp", &self.dp),
            ("dq", &self.dq),
            ("qi", &self.qi),
        ];
        let mut contents = Zeroizing::new(Vec::with_capacity(8192)); // one that grew would leave a copy behind
        der_integer(&mut contents, &[0]); // the version
        for (name, value) in members {
            der_integer(&mut contents, &bytes(name, value.as_ref())?);
        }
        let mut pkcs1: Wiped = Zeroizing::new(Vec::with_capacity(contents.len() + 4));
        der_value(&mut pkcs1, 0x30, &contents);
        of_rsa(&pkcs1)
    }

    /// RFC 7518 section 6.2.
    fn elliptic_curve(&self) -> Read {
        let curve = CURVES.iter().find(|(name, ..)| self.crv.as_deref() == Some(name));
        let (_, curve, algorithm) = curve.ok_or(SigningKeyError::OtherCurve)?;
        let point =
            [vec![4], bytes("x", self.x.as_ref())?.to_vec(), bytes("y", self.y.as_ref())?.to_vec()]
                .concat();
        let private = bytes("d", self.d.as_ref())?;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(curve, &private, &point)
            .map_err(|_| KeyError::Damaged)?;
        of_pair(&pair, *algorithm)
    }

    /// RFC 8037 section 2.
    fn edwards_curve(&self) -> Read {
        if self.crv.as_deref() != Some("Ed25519") {
            return Err(SigningKeyError::OtherCurve);
        }
        let (seed, public) = (bytes("d", self.d.as_ref())?, bytes("x", self.x.as_ref())?);
        let pair = Ed25519KeyPair::from_seed_and_public_key(&seed, &public)
            .map_err(|_| KeyError::Damaged)?;
        of_edwards_curve(&pair)
    }
}

fn bytes(name: &'static str, value: Option<&Secret>) -> Result<Wiped, SigningKeyError> {
    let value = value.ok_or(SigningKeyError::Member(name))?;
    let decoded = URL_SAFE_NO_PAD.decode(value.expose());
    decoded.map(Zeroizing::new).map_err(|_| SigningKeyError::Member(name))
}

/// A number that is not negative, in DER (X.690 section 8.3).
fn der_integer(out: &mut Vec<u8>, digits: &[u8]) {
    let first = digits.iter().position(|&byte| byte != 0).unwrap_or(digits.len());
    let mut value = Zeroizing::new(vec![0; usize::from(needs_zero(&digits[first..]))]);
    value.extend_from_slice(&digits[first..]);
    der_value(out, 0x02, &value);
}

/// Whether a number without leading zeros would be read as negative, or is none at all.
fn needs_zero(digits: &[u8]) -> bool {
    digits.first().is_none_or(|&byte| byte >= 0x80)
}

fn der_value(out: &mut Vec<u8>, tag: u8, contents: &[u8]) {
    out.push(tag);
    let length = u16::try_from(contents.len()).unwrap_or(u16::MAX); // longer ones are no keys
    match length {
        0..=0x7f => out.push(length.to_be_bytes()[1]),
        0x80..=0xff => out.extend_from_slice(&[0x81, length.to_be_bytes()[1]]),
        _ => {
            out.push(0x82);
            out.extend_from_slice(&length.to_be_bytes());
        }
    }
    out.extend_from_slice(contents);
}

/// Why a text is no key to sign with.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum SigningKeyError {
    #[error("is neither a PEM nor a JWK; expected {EXPECTED}, or a JSON Web Key")]
    NotPem,
    #[error("is a PEM of {0}; expected one of {EXPECTED}")]
    WrongKind(String),
    #[error("is JSON, but no JSON Web Key; expected an object with `kty` (RFC 7517)")]
    NoJwk,
    #[error("is a public JSON Web Key; expected one with its private part `d`")]
    PublicJwk,
    #[error("is a JSON Web Key that is a shared secret; expected a private key of RSA, EC or OKP")]
    SharedSecret,
    #[error("is a JSON Web Key whose `{0}` is missing or damaged; expected base64url")]
    Member(&'static str),
    #[error("is a key for another algorithm; expected one of RSA, P-256, P-384 or Ed25519")]
    OtherKind,
    #[error("is of another elliptic curve, or damaged; expected P-256, P-384 or Ed25519")]
    OtherCurve,
    #[error("is an RSA key of {0} bits; expected at least {MIN_RSA_BITS}")]
    TooShort(usize),
    #[error("is empty; expected a secret to sign with")]
    Empty,
    #[error(
        "{0:?} is no algorithm that is known here; expected one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA, HS256, HS384, HS512"
    )]
    UnknownAlgorithm(String),
    #[error("{wanted} does not go with this key; expected one of {expected}")]
    OtherAlgorithm { wanted: String, expected: String },
    #[error(transparent)]
    Pem(KeyError),
}

const EXPECTED: &str = "PRIVATE KEY, ENCRYPTED PRIVATE KEY, RSA PRIVATE KEY, EC PRIVATE KEY";

impl SigningKeyError {
    /// The configuration key that holds what is wrong.
    pub(crate) fn configuration_key(&self) -> &'static str {
        match self {
            SigningKeyError::Pem(error) if error.is_of_passphrase() => "private_key_passphrase",
            SigningKeyError::UnknownAlgorithm(_) | SigningKeyError::OtherAlgorithm { .. } => {
                "signing_algorithm"
            }
            SigningKeyError::Empty => "client_secret",
            _ => "private_key",
        }
    }
}

impl From<KeyError> for SigningKeyError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::NotPem => SigningKeyError::NotPem,
            KeyError::WrongKind(label) => SigningKeyError::WrongKind(label),
            other => SigningKeyError::Pem(other),
        }
    }
}

#[cfg(test)]
#[path = "signing_key_tests.rs"]
mod tests;
