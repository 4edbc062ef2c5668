//! Signatures over the base string (RFC 5849 section 3.4).

use super::authenticated_request::{Credentials, SignError};
use super::encoding::{EncodedText, Times};
use super::rsa::Hash;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use std::fmt;
use zeroize::Zeroizing;

/// How requests are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SignatureMethod {
    /// `HMAC-SHA1` (RFC 5849 section 3.4.2).
    #[default]
    #[serde(rename = "HMAC-SHA1")]
    HmacSha1,
    /// `HMAC-SHA256`: the same with SHA-256; in wide use, in no RFC.
    #[serde(rename = "HMAC-SHA256")]
    HmacSha256,
    /// `HMAC-SHA512`: the same with SHA-512.
    #[serde(rename = "HMAC-SHA512")]
    HmacSha512,
    /// `RSA-SHA1` (RFC 5849 section 3.4.3): by a private key, without the shared secrets.
    #[serde(rename = "RSA-SHA1")]
    RsaSha1,
    /// `RSA-SHA256`: the same with SHA-256; in use, in no RFC.
    #[serde(rename = "RSA-SHA256")]
    RsaSha256,
    /// `RSA-SHA512`: the same with SHA-512.
    #[serde(rename = "RSA-SHA512")]
    RsaSha512,
    /// `PLAINTEXT` (RFC 5849 section 3.4.4): sends the secrets themselves, so it needs https.
    #[serde(rename = "PLAINTEXT")]
    Plaintext,
}

impl SignatureMethod {
    /// Every method.
    pub const ALL: [SignatureMethod; 7] = [
        SignatureMethod::HmacSha1,
        SignatureMethod::HmacSha256,
        SignatureMethod::HmacSha512,
        SignatureMethod::RsaSha1,
        SignatureMethod::RsaSha256,
        SignatureMethod::RsaSha512,
        SignatureMethod::Plaintext,
    ];

    /// The value of `oauth_signature_method`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SignatureMethod::HmacSha1 => "HMAC-SHA1",
            SignatureMethod::HmacSha256 => "HMAC-SHA256",
            SignatureMethod::HmacSha512 => "HMAC-SHA512",
            SignatureMethod::RsaSha1 => "RSA-SHA1",
            SignatureMethod::RsaSha256 => "RSA-SHA256",
            SignatureMethod::RsaSha512 => "RSA-SHA512",
            SignatureMethod::Plaintext => "PLAINTEXT",
        }
    }

    /// The method of that name, exactly as [`SignatureMethod::as_str`] spells it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        SignatureMethod::ALL.into_iter().find(|method| method.as_str() == name)
    }

    /// Whether a private key signs.
    #[must_use]
    pub fn needs_private_key(self) -> bool {
        matches!(
            self,
            SignatureMethod::RsaSha1 | SignatureMethod::RsaSha256 | SignatureMethod::RsaSha512
        )
    }
}

impl fmt::Display for SignatureMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Appends the value of `oauth_signature`, percent-encoded.
pub(super) fn append_signature(
    out: &mut EncodedText,
    method: SignatureMethod,
    base_string: &str,
    credentials: &Credentials<'_>,
) -> Result<(), SignError> {
    let (_, token_secret) = credentials.token.unwrap_or_default();
    let key = || key(credentials.client_secret, token_secret);
    let text = base_string.as_bytes();
    match method {
        SignatureMethod::HmacSha1 => append_hmac::<Hmac<Sha1>>(out, text, &key()),
        SignatureMethod::HmacSha256 => append_hmac::<Hmac<Sha256>>(out, text, &key()),
        SignatureMethod::HmacSha512 => append_hmac::<Hmac<Sha512>>(out, text, &key()),
        SignatureMethod::Plaintext => out.encode(&key(), Times::Once),
        SignatureMethod::RsaSha1 => {
            return append_rsa(out, method, credentials, Hash::Sha1, &Sha1::digest(text));
        }
        SignatureMethod::RsaSha256 => {
            return append_rsa(out, method, credentials, Hash::Sha256, &Sha256::digest(text));
        }
        SignatureMethod::RsaSha512 => {
            return append_rsa(out, method, credentials, Hash::Sha512, &Sha512::digest(text));
        }
    }
    Ok(())
}

/// `oauth_body_hash` of the extension "OAuth Request Body Hash": by the hash of the method. PLAINTEXT signs
/// nothing, so none goes with it (its section 4.1.1).
pub(super) fn body_hash(method: SignatureMethod, body: &[u8]) -> Option<String> {
    Some(match method {
        SignatureMethod::HmacSha1 | SignatureMethod::RsaSha1 => STANDARD.encode(Sha1::digest(body)),
        SignatureMethod::HmacSha256 | SignatureMethod::RsaSha256 => {
            STANDARD.encode(Sha256::digest(body))
        }
        SignatureMethod::HmacSha512 | SignatureMethod::RsaSha512 => {
            STANDARD.encode(Sha512::digest(body))
        }
        SignatureMethod::Plaintext => return None,
    })
}

/// Both secrets, encoded and joined by `&`, which is there even when a secret is empty.
fn key(client_secret: &str, token_secret: &str) -> Zeroizing<String> {
    // Room for the longest: a buffer that grew would leave a copy of the secrets behind.
    let longest = EncodedText::longest(client_secret.len() + token_secret.len()) + 1;
    let mut key = EncodedText::with_room_for(longest);
    key.encode(client_secret, Times::Once);
    key.push(b"&");
    key.encode(token_secret, Times::Once);
    Zeroizing::new(key.into_string())
}

fn append_hmac<M: Mac + KeyInit>(out: &mut EncodedText, text: &[u8], key: &str) {
    let mut mac = <M as KeyInit>::new_from_slice(key.as_bytes()).expect("HMAC takes any key");
    mac.update(text);
    let mut buffer = [0; 88];
    let length = STANDARD
        .encode_slice(mac.finalize().into_bytes(), &mut buffer)
        .expect("64 bytes are 88 characters");
    out.encode(str::from_utf8(&buffer[..length]).expect("base64 is ASCII"), Times::Once);
}

fn append_rsa(
    out: &mut EncodedText,
    method: SignatureMethod,
    credentials: &Credentials<'_>,
    hash: Hash,
    digest: &[u8],
) -> Result<(), SignError> {
    let key = credentials.private_key.ok_or(SignError::NoPrivateKey(method))?;
    let signature = key.sign(hash, digest).ok_or(SignError::PrivateKey(method))?;
    out.encode(&STANDARD.encode(signature), Times::Once);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_found_by_its_own_name_only() {
        for method in SignatureMethod::ALL {
            assert_eq!(SignatureMethod::from_name(method.as_str()), Some(method));
            assert_eq!(serde_json::to_value(method).unwrap(), method.to_string());
        }
        assert_eq!(SignatureMethod::from_name("hmac-sha1"), None);
    }

    #[test]
    fn empty_secrets_leave_the_ampersand() {
        assert_eq!(*key("", ""), "&");
        assert_eq!(*key("a&b", "c/d"), "a%26b&c%2Fd");
    }
}
