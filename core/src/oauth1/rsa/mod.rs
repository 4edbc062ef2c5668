//! RSA private keys (RFC 5849 section 3.4.3; PKCS #1 of RFC 8017): read once, from PEM, encrypted or not.
//!
//! No text of a key or a passphrase is in an error, and every buffer that held some is wiped.

mod aws_lc;
mod der;
mod encrypted;
mod pem;

pub(crate) use der::Der;
pub(crate) use pem::{Form, Wiped, private_key};

pub(super) use aws_lc::Hash;

use aws_lc::Rsa;
use std::fmt;
use thiserror::Error;

/// Shorter keys are refused. Not 2048, as new keys should be: what providers told their users to make for
/// OAuth 1 had 1024.
const MIN_BITS: u32 = 1024;

/// The key that signs with one of the RSA methods. Prints as `[redacted]`.
pub struct RsaPrivateKey(Rsa);

impl RsaPrivateKey {
    /// Reads the first private key of a PEM text: `PRIVATE KEY` (PKCS #8), `ENCRYPTED PRIVATE KEY` (the
    /// same with PBES2 of RFC 8018: PBKDF2, and AES or triple DES in CBC mode), or `RSA PRIVATE KEY`
    /// (PKCS #1), which may be encrypted in the manner of RFC 1421. Line breaks may be written as `\n`.
    pub fn from_pem(pem: &str, passphrase: Option<&str>) -> Result<Self, KeyError> {
        let key = private_key(pem)?;
        let read: fn(&[u8]) -> Result<Rsa, KeyError> = match key.form {
            Form::Pkcs1 => Rsa::from_pkcs1,
            Form::Pkcs8 => Rsa::from_pkcs8,
            Form::Sec1 => return Err(KeyError::WrongKind("EC PRIVATE KEY".to_owned())),
        };
        let rsa = key.open(passphrase, read)?;
        match rsa.bits() {
            bits if bits < MIN_BITS => Err(KeyError::TooShort(bits)),
            _ => Ok(RsaPrivateKey(rsa)),
        }
    }

    /// RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2) over a digest.
    pub(super) fn sign(&self, hash: Hash, digest: &[u8]) -> Option<Vec<u8>> {
        self.0.sign(hash, digest)
    }
}

impl fmt::Debug for RsaPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Why a text is no key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no whole PEM block in it.
    #[error("is no PEM; expected -----BEGIN PRIVATE KEY----- or -----BEGIN RSA PRIVATE KEY-----")]
    NotPem,
    /// It is of another kind, by its label.
    #[error("is a PEM of {0}; expected one of PRIVATE KEY or RSA PRIVATE KEY")]
    WrongKind(String),
    /// It is a key for another algorithm.
    #[error("is a key for another algorithm; expected an RSA key")]
    NotRsa,
    /// What it holds is not what its label says.
    #[error("is damaged; expected a whole private key as it was written")]
    Damaged,
    /// It is too short to be safe.
    #[error("is an RSA key of {0} bits; expected at least {MIN_BITS}")]
    TooShort(u32),
    /// It is encrypted in a way that is not known here.
    #[error(
        "is encrypted in a way that is not known here; expected PBES2 with PBKDF2, or a DEK-Info, \
         and AES or triple DES in CBC mode"
    )]
    UnknownEncryption,
    /// Opening it would take for ever.
    #[error("is encrypted with {0} iterations of PBKDF2; expected at most 10,000,000")]
    TooManyIterations(u32),
    /// It is encrypted.
    #[error("is missing, and the private key is encrypted; expected its passphrase")]
    NoPassphrase,
    /// It does not open with the passphrase.
    #[error("does not open the private key; expected its passphrase")]
    WrongPassphrase,
}

impl KeyError {
    /// Whether it is the passphrase that is wrong, rather than the key.
    #[must_use]
    pub fn is_of_passphrase(&self) -> bool {
        matches!(self, KeyError::NoPassphrase | KeyError::WrongPassphrase)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use sha1::{Digest, Sha1};

    const KEYS: &str = include_str!("test_keys.txt");
    const PASSPHRASE: &str = "correct-horse";

    /// The key of the OAuth wiki's test cases.
    pub(in crate::oauth1) fn wiki_key() -> RsaPrivateKey {
        RsaPrivateKey::from_pem(pem("pkcs8"), None).unwrap()
    }

    fn pem(name: &str) -> &'static str {
        let (_, after) = KEYS.split_once(&format!("# {name}\n")).unwrap();
        after.split("# ").next().unwrap()
    }

    fn refusal(pem: &str, passphrase: Option<&str>) -> KeyError {
        RsaPrivateKey::from_pem(pem, passphrase).unwrap_err()
    }

    #[test]
    fn one_key_signs_the_same_however_it_is_written() {
        let digest = Sha1::digest(b"text");
        let sign = |key: &RsaPrivateKey| key.sign(Hash::Sha1, &digest).unwrap();
        let expected = sign(&wiki_key());
        let names = KEYS.lines().filter_map(|line| line.strip_prefix("# "));
        let written: Vec<_> = names.filter(|name| name.starts_with("pkcs")).collect();
        assert_eq!(written.len(), 12);
        for name in written {
            let key = RsaPrivateKey::from_pem(pem(name), Some(PASSPHRASE)).expect(name);
            assert!(sign(&key) == expected, "{name}");
        }
        for text in [
            pem("pkcs1").replace('\n', "\\n"),
            pem("pkcs1").replace('\n', "\r\n"),
            pem("pkcs1").replace('\n', " "),
            format!(
                "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n{}",
                pem("pkcs8")
            ),
        ] {
            assert!(sign(&RsaPrivateKey::from_pem(&text, None).expect(&text)) == expected);
        }
    }

    #[test]
    fn encrypted_key_opens_with_its_passphrase_only() {
        // Enough of them to meet a padding that is right by chance; PBKDF2 takes its time for each.
        for (name, times) in
            [("pkcs1-aes-256-cbc", 600), ("pkcs1-des-ede3-cbc", 600), ("pkcs8-aes-256-cbc", 3)]
        {
            assert_eq!(refusal(pem(name), None), KeyError::NoPassphrase);
            for n in 0..times {
                assert_eq!(refusal(pem(name), Some(&n.to_string())), KeyError::WrongPassphrase);
            }
        }
    }

    #[test]
    fn what_is_no_usable_rsa_key_is_named() {
        let labelled = |label: &str| {
            format!("-----BEGIN {label}-----\nMIICdgIBADANBg==\n-----END {label}-----\n")
        };
        for label in ["CERTIFICATE", "PUBLIC KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY"] {
            assert_eq!(refusal(&labelled(label), None), KeyError::WrongKind(label.to_owned()));
        }
        let long = "A".repeat(1000);
        let KeyError::WrongKind(told) = refusal(&labelled(&long), None) else { panic!("a kind") };
        assert!(told.len() < 100, "{told}");
        for text in ["", "s3cret", "-----BEGIN PRIVATE KEY-----\nMIIC", "-----BEGIN a-----"] {
            assert_eq!(refusal(text, None), KeyError::NotPem);
        }
        for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
            assert_eq!(refusal(&labelled(label), Some(PASSPHRASE)), KeyError::Damaged);
        }
        assert_eq!(refusal(pem("elliptic"), None), KeyError::NotRsa);
        assert_eq!(refusal(pem("short"), None), KeyError::TooShort(512));
        assert_eq!(refusal(pem("unknown-scrypt"), Some("x")), KeyError::UnknownEncryption);
        let renamed = pem("pkcs1-aes-256-cbc").replace("AES-256-CBC", "RC2-CBC");
        assert_eq!(refusal(&renamed, Some("x")), KeyError::UnknownEncryption);
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", wiki_key()), "[redacted]");
    }
}
