//! A text that is sealed: which key opens it, and that it is still about what it was about.
//!
//! What it is about is authenticated, not only noted: a text that was put in another place does not open there.

use super::aead::NONCE;
use super::key_ring::{Key, KeyRing};
use crate::error::{Code, Error, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use zeroize::Zeroizing;

/// The way of sealing that this version knows.
const VERSION: u32 = 1;

/// A sealed text, as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Sealed<'a> {
    version: u32,
    /// Name of the key that opens it.
    #[serde(borrow)]
    pub(super) key: Cow<'a, str>,
    /// Names of the keys that its writer held to be older.
    #[serde(borrow)]
    pub(super) older: Vec<Cow<'a, str>>,
    #[serde(borrow)]
    nonce: Cow<'a, str>,
    /// The text and its tag.
    #[serde(borrow)]
    data: Cow<'a, str>,
}

/// What a sealed text is about: a kind of text, and the names and numbers that say which.
pub(super) struct About<'a> {
    pub(super) kind: &'a str,
    pub(super) names: &'a [&'a str],
    pub(super) numbers: &'a [u64],
}

impl About<'_> {
    /// Every part with its length in front, so that no two lists of parts give the same bytes.
    fn additional_data(&self, older: &[Cow<'_, str>]) -> Vec<u8> {
        let mut data = Vec::with_capacity(256);
        let count = |n: usize| (n as u64).to_be_bytes();
        let mut list = |parts: &mut dyn ExactSizeIterator<Item = &str>| {
            data.extend(count(parts.len()));
            for part in parts {
                data.extend(count(part.len()));
                data.extend(part.as_bytes());
            }
        };
        list(&mut [self.kind].into_iter());
        list(&mut self.names.iter().copied());
        list(&mut older.iter().map(AsRef::as_ref));
        data.extend(self.numbers.iter().flat_map(|number| number.to_be_bytes()));
        data
    }
}

impl Sealed<'_> {
    /// Seals `text`, which is wiped.
    pub(super) fn seal(key: &Key, older: Vec<String>, about: &About<'_>, text: Vec<u8>) -> Self {
        let older: Vec<_> = older.into_iter().map(Cow::Owned).collect();
        let mut text = Zeroizing::new(text);
        let nonce = key.aead.seal(&about.additional_data(&older), &mut text);
        Sealed {
            version: VERSION,
            key: Cow::Owned(key.name().to_owned()),
            older,
            nonce: Cow::Owned(URL_SAFE_NO_PAD.encode(nonce)),
            data: Cow::Owned(URL_SAFE_NO_PAD.encode(&*text)),
        }
    }

    /// Opens it, where a key of the ring does; `what` is what an error calls it.
    pub(super) fn open(
        &self,
        ring: Option<&KeyRing>,
        about: &About<'_>,
        what: &str,
    ) -> Result<Zeroizing<Vec<u8>>> {
        if self.version != VERSION {
            let text = format!(
                "{what} was sealed by a newer version; expected version {VERSION} of sealing"
            );
            return Err(Error::new(Code::Decryption, text).with_reason("newer_version"));
        }
        let key = self.key_of(ring, what)?;
        self.opened(key, about).ok_or_else(|| {
            let text = format!(
                "{what} is not what was sealed with the key {}, or stands in another place; expected it unchanged",
                self.key
            );
            Error::new(Code::Decryption, text).with_reason("tampered")
        })
    }

    fn opened(&self, key: &Key, about: &About<'_>) -> Option<Zeroizing<Vec<u8>>> {
        let nonce = URL_SAFE_NO_PAD.decode(&*self.nonce).ok()?;
        let nonce: [u8; NONCE] = nonce.try_into().ok()?;
        let mut text = Zeroizing::new(URL_SAFE_NO_PAD.decode(&*self.data).ok()?);
        key.aead.open(nonce, &about.additional_data(&self.older), &mut text).then_some(text)
    }

    fn key_of<'ring>(&self, ring: Option<&'ring KeyRing>, what: &str) -> Result<&'ring Key> {
        let Some(ring) = ring else {
            let text = format!(
                "{what} is sealed with the key {}, and no keys are configured; expected it in encryption.keys",
                self.key
            );
            return Err(Error::new(Code::Decryption, text).with_reason("no_keys"));
        };
        ring.find(&self.key).ok_or_else(|| {
            if self.outranks(ring.first()) {
                return older_key(what, self, ring);
            }
            let text = format!(
                "{what} is sealed with the key {}; expected it in encryption.keys, where there are: {}",
                self.key,
                ring.names().join(", ")
            );
            Error::new(Code::Decryption, text).with_reason("unknown_key")
        })
    }

    /// Whether its writer held `key` to be older than the one it used.
    pub(super) fn outranks(&self, key: &Key) -> bool {
        self.older.iter().any(|name| name == key.name())
    }
}

/// The writer's first key was replaced elsewhere: what it wrote would not be opened for long.
pub(super) fn older_key(what: &str, sealed: &Sealed<'_>, ring: &KeyRing) -> Error {
    let text = format!(
        "{what} is sealed with the key {}, which replaced {}; expected the newer key first in encryption.keys, where there \
         are: {}",
        sealed.key,
        ring.first().name(),
        ring.names().join(", ")
    );
    Error::new(Code::Decryption, text).with_reason("older_key")
}
