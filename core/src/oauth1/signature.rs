//! Signatures over the base string (RFC 5849 sections 3.4.2 and 3.4.4).

use super::encoding::{EncodedText, Times};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// How requests are signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureMethod {
    /// `HMAC-SHA1` (RFC 5849 section 3.4.2).
    #[default]
    HmacSha1,
    /// `HMAC-SHA256`: the same with SHA-256; in wide use, in no RFC.
    HmacSha256,
    /// `PLAINTEXT` (RFC 5849 section 3.4.4): sends the secrets themselves, so it needs https.
    Plaintext,
}

impl SignatureMethod {
    /// The value of `oauth_signature_method`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            SignatureMethod::HmacSha1 => "HMAC-SHA1",
            SignatureMethod::HmacSha256 => "HMAC-SHA256",
            SignatureMethod::Plaintext => "PLAINTEXT",
        }
    }

    /// The method of that name, exactly as [`SignatureMethod::as_str`] spells it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [SignatureMethod::HmacSha1, SignatureMethod::HmacSha256, SignatureMethod::Plaintext]
            .into_iter()
            .find(|method| method.as_str() == name)
    }
}

impl fmt::Display for SignatureMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Appends the value of `oauth_signature`, percent-encoded for the header.
pub(super) fn append_signature(
    out: &mut EncodedText,
    method: SignatureMethod,
    base_string: &str,
    key: &str,
) {
    match method {
        SignatureMethod::HmacSha1 => append_hmac::<Hmac<Sha1>>(out, base_string, key),
        SignatureMethod::HmacSha256 => append_hmac::<Hmac<Sha256>>(out, base_string, key),
        SignatureMethod::Plaintext => out.encode(key, Times::Once),
    }
}

/// Both secrets, encoded and joined by `&`, which is there even when a secret is empty.
pub(super) fn key(client_secret: &str, token_secret: &str) -> Zeroizing<String> {
    // Room for the longest: a buffer that grew would leave a copy of the secrets behind.
    let longest = EncodedText::longest(client_secret.len() + token_secret.len()) + 1;
    let mut key = EncodedText::with_room_for(longest);
    key.encode(client_secret, Times::Once);
    key.push(b"&");
    key.encode(token_secret, Times::Once);
    Zeroizing::new(key.into_string())
}

fn append_hmac<M: Mac + KeyInit>(out: &mut EncodedText, base_string: &str, key: &str) {
    let mut mac = <M as KeyInit>::new_from_slice(key.as_bytes()).expect("HMAC takes any key");
    mac.update(base_string.as_bytes());
    let mut buffer = [0; 44];
    let length = STANDARD
        .encode_slice(mac.finalize().into_bytes(), &mut buffer)
        .expect("32 bytes are 44 characters");
    out.encode(str::from_utf8(&buffer[..length]).expect("base64 is ASCII"), Times::Once);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_found_by_its_own_name_only() {
        assert_eq!(SignatureMethod::from_name("HMAC-SHA256"), Some(SignatureMethod::HmacSha256));
        assert_eq!(SignatureMethod::HmacSha1.to_string(), "HMAC-SHA1");
        assert_eq!(SignatureMethod::from_name("hmac-sha1"), None);
    }

    #[test]
    fn empty_secrets_leave_the_ampersand() {
        assert_eq!(*key("", ""), "&");
        assert_eq!(*key("a&b", "c/d"), "a%26b&c%2Fd");
    }
}
