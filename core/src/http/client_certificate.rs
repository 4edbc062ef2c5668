//! The certificate that a client shows in mutual TLS (RFC 8705), with its private key; both are PEM (RFC 7468).

use crate::error::{Code, Error, Result};
use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::InconsistentKeys;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use std::fmt;

const CERTIFICATE: &str = "CERTIFICATE";
const PRIVATE_KEYS: [&str; 3] = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"];

/// A certificate, those that sign it, and its private key.
pub(crate) struct ClientCertificate {
    pem: Secret,
}

impl ClientCertificate {
    /// `chain` holds the client's certificate first, then those that sign it; the key too, where `key` is absent. Errors name
    /// the configuration's keys, what they hold, and what was expected.
    pub(crate) fn from_pem(chain: &Secret, key: Option<&Secret>) -> Result<Self> {
        let chain_text = with_lines(chain);
        let certificates: Vec<Block<'_>> =
            Blocks(chain_text.expose()).filter(|block| block.label == CERTIFICATE).collect();
        if certificates.is_empty() {
            let found = described(chain_text.expose());
            return Err(invalid(&format!(
                "client_certificate: holds {found}; expected a block {CERTIFICATE:?} in PEM"
            )));
        }
        let key_text = key.map(with_lines);
        let key = private_key(key_text.as_ref().unwrap_or(&chain_text), key.is_some())?;
        check(&certificates, &key)?;
        let blocks = certificates.iter().chain([&key]).map(|block| block.text);
        Ok(ClientCertificate { pem: blocks.collect::<Vec<_>>().join("\n").into() })
    }

    /// As the TLS library takes it.
    pub(super) fn to_identity(&self) -> reqwest::Result<reqwest::Identity> {
        reqwest::Identity::from_pem(self.pem.expose().as_bytes())
    }

    /// Stands for certificate and key.
    pub(crate) fn digest(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.pem.expose()))
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCertificate([redacted])")
    }
}

fn private_key(text: &Secret, is_separate: bool) -> Result<Block<'_>> {
    let text = text.expose();
    let key = Blocks(text).find(|block| PRIVATE_KEYS.contains(&block.label));
    if let Some(key) = key.as_ref().filter(|key| !key.text.contains("ENCRYPTED")) {
        return Ok(*key);
    }
    let is_encrypted = key.is_some() || text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----");
    let name = if is_separate { "client_certificate_key" } else { "client_certificate" };
    Err(invalid(&if is_encrypted {
        format!("{name}: the private key is encrypted; expected one without passphrase")
    } else if is_separate {
        format!("{name}: holds {}; expected a block {} in PEM", described(text), kinds())
    } else {
        format!(
            "client_certificate_key: is missing, and client_certificate holds {}; expected a block {} in PEM in one of them",
            described(text),
            kinds()
        )
    }))
}

/// Whether they can be read, and belong to each other.
fn check(certificates: &[Block<'_>], key: &Block<'_>) -> Result<()> {
    let chain = certificates
        .iter()
        .map(|block| CertificateDer::from_pem_slice(block.text.as_bytes()))
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|_| invalid("client_certificate: is damaged; expected X.509 in base64"))?;
    let damaged = || {
        let text = format!(
            "client_certificate_key: the block {:?} is damaged, or of a kind that TLS does not take; expected RSA, P-256, \
             P-384, P-521 or Ed25519",
            key.label
        );
        invalid(&text)
    };
    let key = PrivateKeyDer::from_pem_slice(key.text.as_bytes()).map_err(|_| damaged())?;
    match CertifiedKey::from_der(chain, key, &default_provider()) {
        Ok(_) => Ok(()),
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err(invalid("client_certificate_key: is another key than that of client_certificate"))
        }
        Err(rustls::Error::InvalidCertificate(_)) => {
            Err(invalid("client_certificate: is damaged; expected an X.509 certificate"))
        }
        Err(_) => Err(damaged()),
    }
}

fn invalid(text: &str) -> Error {
    Error::new(Code::InvalidConfig, text)
}

fn kinds() -> String {
    PRIVATE_KEYS.map(|label| format!("{label:?}")).join(", ")
}

/// What a text holds, without a word of it but the labels of its blocks.
fn described(text: &str) -> String {
    let labels: Vec<_> = Blocks(text).map(|block| format!("{:?}", block.label)).collect();
    if labels.is_empty() { "no PEM".to_owned() } else { labels.join(", ") }
}

/// As environment variables and JSON that went through too many hands hold it.
fn with_lines(text: &Secret) -> Secret {
    text.expose().replace("\\n", "\n").into()
}

/// What stands from `-----BEGIN label-----` to `-----END label-----`.
#[derive(Clone, Copy)]
struct Block<'a> {
    label: &'a str,
    text: &'a str,
}

struct Blocks<'a>(&'a str);

impl<'a> Iterator for Blocks<'a> {
    type Item = Block<'a>;

    fn next(&mut self) -> Option<Block<'a>> {
        let from = &self.0[self.0.find("-----BEGIN ")?..];
        let (label, _) = from.strip_prefix("-----BEGIN ")?.split_once("-----")?;
        let end = format!("-----END {label}-----");
        let is_label = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == ' ';
        let at = from.find(&end).filter(|_| label.chars().all(is_label))? + end.len();
        self.0 = &from[at..];
        Some(Block { label, text: &from[..at] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE_PEM: &str = include_str!("test_keys/client.pem");
    const KEY: &str = include_str!("test_keys/client.key");
    const OTHER_KEY: &str = include_str!("test_keys/other.key");
    const ENCRYPTED_KEY: &str = include_str!("test_keys/encrypted.key");

    fn refused(chain: &str, key: Option<&str>) -> String {
        let key = key.map(Secret::from);
        let error = ClientCertificate::from_pem(&chain.into(), key.as_ref()).unwrap_err();
        assert_eq!(error.code(), Code::InvalidConfig);
        assert!(!error.message().contains("s3cret"), "{error}");
        error.message().to_owned()
    }

    #[test]
    fn certificate_and_key_stand_in_one_text_or_in_two_and_with_escaped_lines_too() {
        let both = format!("{KEY}{CERTIFICATE_PEM}");
        let one = ClientCertificate::from_pem(&both.as_str().into(), None).unwrap();
        let two = ClientCertificate::from_pem(&CERTIFICATE_PEM.into(), Some(&KEY.into())).unwrap();
        let escaped = both.replace('\n', "\\n").as_str().into();
        let escaped = ClientCertificate::from_pem(&escaped, None).unwrap();
        assert_eq!([one.digest(), escaped.digest()], [two.digest(), two.digest()]);
        assert!(one.to_identity().is_ok());
        assert!(!format!("{one:?}").contains("BEGIN"));
    }

    #[test]
    fn pem_of_the_wrong_kind_says_what_was_found_and_what_was_expected() {
        let chain = CERTIFICATE_PEM;
        for (chain, key, expected) in [
            (
                "s3cret",
                None,
                "client_certificate: holds no PEM; expected a block \"CERTIFICATE\" in PEM",
            ),
            (
                KEY,
                None,
                "client_certificate: holds \"PRIVATE KEY\"; expected a block \"CERTIFICATE\" in PEM",
            ),
            (
                chain,
                None,
                "client_certificate_key: is missing, and client_certificate holds \"CERTIFICATE\"; expected a block \
                 \"PRIVATE KEY\", \"RSA PRIVATE KEY\", \"EC PRIVATE KEY\" in PEM in one of them",
            ),
            (
                chain,
                Some(chain),
                "client_certificate_key: holds \"CERTIFICATE\"; expected a block \"PRIVATE KEY\", \"RSA PRIVATE KEY\", \
                 \"EC PRIVATE KEY\" in PEM",
            ),
            (
                chain,
                Some(ENCRYPTED_KEY),
                "client_certificate_key: the private key is encrypted; expected one without passphrase",
            ),
            (
                chain,
                Some(OTHER_KEY),
                "client_certificate_key: is another key than that of client_certificate",
            ),
        ] {
            assert_eq!(refused(chain, key), expected);
        }
    }

    #[test]
    fn damaged_pem_is_told_from_pem_of_the_wrong_kind() {
        let damaged =
            |label: &str| format!("-----BEGIN {label}-----\nczNjcmV0\n-----END {label}-----\n");
        let told = refused(&damaged("CERTIFICATE"), Some(KEY));
        assert_eq!(told, "client_certificate: is damaged; expected an X.509 certificate");
        let told = refused(CERTIFICATE_PEM, Some(&damaged("EC PRIVATE KEY")));
        assert!(
            told.starts_with("client_certificate_key: the block \"EC PRIVATE KEY\" is damaged")
        );
    }
}
