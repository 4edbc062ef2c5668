//! The keys that records are sealed with. They have an order: the first seals, those behind it are older and only open, and
//! `next` stands ready to become the first. No key is ever shown: what is told of one is its name, a hash.

use super::aead::{Aead, KEY};
use crate::config::Encryption;
use crate::error::{Code, Error, Result};
use crate::secret::{Secret, shown};
use base64::Engine;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// Base64 as people paste it, with padding or without.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What stands in front of a key when its name is made.
const NAME_LABEL: &[u8] = b"evergrant key name 1\0";

const NEXT: &str = "encryption.next";

/// Gives keys, or says in words why it cannot.
type KeyFunction = dyn Fn() -> std::result::Result<Vec<Secret>, String> + Send + Sync;

/// One key.
pub(super) struct Key {
    name: String,
    bytes: Zeroizing<[u8; KEY]>,
    pub(super) aead: Aead,
}

impl Key {
    fn new(bytes: Zeroizing<[u8; KEY]>) -> Self {
        let mut hash = Sha256::new();
        hash.update(NAME_LABEL);
        hash.update(*bytes);
        let name = URL_SAFE_NO_PAD.encode(&hash.finalize()[..8]);
        Key { name, aead: Aead::new(&bytes), bytes }
    }

    /// What the key is called beside what it sealed.
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

/// The keys of a client.
pub(crate) struct KeyRing {
    /// The newest first.
    keys: Vec<Key>,
    next: Option<Key>,
}

impl KeyRing {
    /// The keys of a configuration, or those that a function of the application gives in place of `encryption.keys`.
    pub(crate) fn resolve(
        encryption: Option<&Encryption>,
        function: Option<&KeyFunction>,
    ) -> Result<Option<Self>> {
        if encryption.is_none() && function.is_none() {
            return Ok(None);
        }
        let configured = encryption.map_or(&[][..], |encryption| &encryption.keys);
        let keys = match function {
            Some(_) if !configured.is_empty() => {
                let text = "encryption.keys: a function gives keys too; expected one of both";
                return Err(invalid(text));
            }
            Some(function) => function().map_err(|said| {
                let text =
                    format!("the function that gives the keys failed: {}", shown(&said, &[]));
                Error::new(Code::Callback, text)
            })?,
            None => {
                let sources = configured.iter().enumerate();
                sources.map(|(n, source)| source.resolve(&place(n))).collect::<Result<_>>()?
            }
        };
        let next = encryption.and_then(|encryption| encryption.next.as_ref());
        let next = next.map(|source| source.resolve(NEXT)).transpose()?;
        KeyRing::from_texts(&keys, next.as_ref()).map(Some)
    }

    /// Reads keys, the newest first, and the one that is to come; `texts` never appear in an error.
    pub(crate) fn from_texts(keys: &[Secret], next: Option<&Secret>) -> Result<Self> {
        let read = keys.iter().enumerate().map(|(n, text)| key(&place(n), text));
        let ring = KeyRing {
            keys: read.collect::<Result<_>>()?,
            next: next.map(|text| key(NEXT, text)).transpose()?,
        };
        if ring.keys.is_empty() {
            return Err(invalid("encryption.keys: is empty; expected at least one key"));
        }
        let mut names = ring.names();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(invalid(format!("encryption: the key {} is there twice", pair[0]))),
            None => Ok(ring),
        }
    }

    /// What [`from_texts`](Self::from_texts) reads: for a process of this library that works for this one.
    pub(crate) fn to_texts(&self) -> (Vec<Secret>, Option<Secret>) {
        let text = |key: &Key| STANDARD.encode(*key.bytes).into();
        (self.keys.iter().map(text).collect(), self.next.as_ref().map(text))
    }

    /// The key that seals.
    pub(super) fn first(&self) -> &Key {
        self.keys.first().expect("a ring has a key")
    }

    /// Names of the keys that are older than the first.
    pub(super) fn older(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().skip(1).map(Key::name)
    }

    pub(super) fn find(&self, name: &str) -> Option<&Key> {
        self.keys.iter().chain(&self.next).find(|key| key.name == name)
    }

    pub(super) fn is_next(&self, name: &str) -> bool {
        self.next.as_ref().is_some_and(|key| key.name == name)
    }

    /// The names of all keys.
    pub(super) fn names(&self) -> Vec<&str> {
        self.keys.iter().chain(&self.next).map(Key::name).collect()
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing").field("names", &self.names()).finish_non_exhaustive()
    }
}

/// Makes a key, as text for a configuration.
#[must_use]
pub fn new_encryption_key() -> Secret {
    STANDARD.encode(*Zeroizing::new(crate::process::random_bytes::<KEY>())).into()
}

fn place(n: usize) -> String {
    format!("encryption.keys[{n}]")
}

fn key(place: &str, text: &Secret) -> Result<Key> {
    let bytes = decoded(text.expose().trim()).ok_or_else(|| {
        invalid(format!(
            "{place}: is no key; expected 32 random bytes in base64, base64url or hex, as `openssl rand -base64 32` or \
             `evergrant new-key` makes them (a passphrase is no key)"
        ))
    })?;
    Ok(Key::new(bytes))
}

fn decoded(text: &str) -> Option<Zeroizing<[u8; KEY]>> {
    let bytes = Zeroizing::new(if text.len() == 2 * KEY {
        hex(text)?
    } else {
        let standard = Zeroizing::new(text.replace('-', "+").replace('_', "/"));
        LENIENT.decode(standard.as_bytes()).ok()?
    });
    Some(Zeroizing::new(bytes.as_slice().try_into().ok()?))
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.bytes().map(|byte| char::from(byte).to_digit(16));
    let digits: Zeroizing<Vec<u32>> = Zeroizing::new(digits.collect::<Option<_>>()?);
    digits.chunks_exact(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).ok()).collect()
}

fn invalid(text: impl Into<String>) -> Error {
    Error::new(Code::InvalidConfig, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(texts: &[&str]) -> Result<Vec<String>> {
        let texts: Vec<Secret> = texts.iter().map(|text| Secret::from(*text)).collect();
        let ring = KeyRing::from_texts(&texts, None)?;
        Ok(ring.names().into_iter().map(str::to_owned).collect())
    }

    #[test]
    fn a_key_is_the_same_however_it_is_written() {
        let bytes = [0xfb; KEY];
        let standard = STANDARD.encode(bytes);
        let expected = names(&[&standard]).unwrap();
        for text in [
            standard.trim_end_matches('='),
            &URL_SAFE_NO_PAD.encode(bytes),
            &format!(" {}\n", URL_SAFE_NO_PAD.encode(bytes)),
            &"fb".repeat(KEY),
            &"FB".repeat(KEY),
        ] {
            assert_eq!(names(&[text]).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_passphrase_is_refused_without_being_shown() {
        for text in
            ["correct horse battery staple", "hunter2", "", "é", &"g".repeat(64), &"A".repeat(42)]
        {
            let error = names(&[new_encryption_key().expose(), text]).unwrap_err();
            assert_eq!(error.code(), Code::InvalidConfig);
            assert!(error.message().starts_with("encryption.keys[1]: is no key"), "{error}");
            assert!(text.len() < 2 || !error.message().contains(text), "{error}");
        }
    }

    #[test]
    fn a_ring_has_a_key_and_none_twice() {
        assert!(names(&[]).unwrap_err().message().contains("at least one key"));
        let key = "ab".repeat(KEY);
        let error = KeyRing::from_texts(&[key.as_str().into()], Some(&key.as_str().into()));
        assert!(error.unwrap_err().message().contains("twice"));
    }

    #[test]
    fn a_ring_goes_to_another_process_of_this_library_as_it_is_and_is_not_shown() {
        let key = new_encryption_key;
        let ring = KeyRing::from_texts(&[key(), key()], Some(&key())).unwrap();
        let (keys, next) = ring.to_texts();
        let other = KeyRing::from_texts(&keys, next.as_ref()).unwrap();
        assert_eq!(ring.names(), other.names());
        let shown = format!("{ring:?}");
        assert!(keys.iter().chain(&next).all(|key| !shown.contains(key.expose())), "{shown}");
    }
}
