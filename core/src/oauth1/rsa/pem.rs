//! The textual encoding of keys (RFC 7468), and the older one with headers (RFC 1421).

use super::KeyError;
use super::aws_lc::{Cipher, legacy_key};
use super::encrypted::{self, EncryptedKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Bytes that are wiped.
pub(crate) type Wiped = Zeroizing<Vec<u8>>;

/// How a private key is written in DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// `RSAPrivateKey` (RFC 8017 appendix A.1.2).
    Pkcs1,
    /// `ECPrivateKey` (RFC 5915).
    Sec1,
    /// `PrivateKeyInfo` (RFC 5958).
    Pkcs8,
}

/// How much of a label is told.
const LONGEST_LABEL: usize = 60;

/// A private key as its block holds it.
pub(crate) struct PrivateKey {
    pub(crate) form: Form,
    data: Wiped,
    encryption: Option<Encryption>,
}

enum Encryption {
    /// By headers (RFC 1421).
    Headers { cipher: Cipher, iv: Vec<u8> },
    /// By PBES2 (RFC 8018 section 6.2).
    Pbes2,
}

/// The first private key of a text.
pub(crate) fn private_key(text: &str) -> Result<PrivateKey, KeyError> {
    // As environment variables and JSON that went through too many hands hold it.
    let text = Zeroizing::new(text.replace("\\n", "\n"));
    let blocks: Vec<_> = Blocks(&text).collect();
    let is_key = |block: &&Block<'_>| block.label.ends_with("PRIVATE KEY");
    let block = blocks.iter().find(is_key).or(blocks.first()).ok_or(KeyError::NotPem)?;
    match block.label {
        "RSA PRIVATE KEY" => block.with_headers(Form::Pkcs1),
        "EC PRIVATE KEY" => block.with_headers(Form::Sec1),
        "PRIVATE KEY" => block.pkcs8(None),
        "ENCRYPTED PRIVATE KEY" => block.pkcs8(Some(Encryption::Pbes2)),
        label => Err(KeyError::WrongKind(label.chars().take(LONGEST_LABEL).collect())),
    }
}

impl PrivateKey {
    /// What `read` makes of the key in DER.
    ///
    /// A wrong passphrase shows in the padding and, one time in 256, only in what is behind it.
    pub(crate) fn open<T, E: From<KeyError> + PartialEq>(
        &self,
        passphrase: Option<&str>,
        read: impl FnOnce(&[u8]) -> Result<T, E>,
    ) -> Result<T, E> {
        let Some(encryption) = &self.encryption else { return read(&self.data) };
        let decrypted = self.decrypted(encryption, passphrase)?;
        read(&decrypted).map_err(|error| {
            if error == E::from(KeyError::Damaged) {
                KeyError::WrongPassphrase.into()
            } else {
                error
            }
        })
    }

    fn decrypted(
        &self,
        encryption: &Encryption,
        passphrase: Option<&str>,
    ) -> Result<Wiped, KeyError> {
        let passphrase = || passphrase.ok_or(KeyError::NoPassphrase);
        let decrypted = match encryption {
            Encryption::Headers { cipher, iv } => {
                cipher.decrypt(&legacy_key(*cipher, passphrase()?, iv), iv, &self.data)
            }
            Encryption::Pbes2 => {
                let EncryptedKey { cipher, iv, data, derivation } = encrypted::parse(&self.data)?;
                cipher.decrypt(&derivation.key(cipher, passphrase()?), iv, data)
            }
        };
        decrypted.ok_or(KeyError::WrongPassphrase)
    }
}

/// What stands between `-----BEGIN label-----` and `-----END label-----`.
struct Block<'a> {
    label: &'a str,
    body: &'a str,
}

impl Block<'_> {
    fn pkcs8(&self, encryption: Option<Encryption>) -> Result<PrivateKey, KeyError> {
        Ok(PrivateKey { form: Form::Pkcs8, data: decode(self.body)?, encryption })
    }

    fn with_headers(&self, form: Form) -> Result<PrivateKey, KeyError> {
        let Some((_, after)) = self.body.split_once("DEK-Info:") else {
            return Ok(PrivateKey { form, data: decode(self.body)?, encryption: None });
        };
        let (info, data) = after.split_once('\n').ok_or(KeyError::Damaged)?;
        let (name, iv) = info.trim().split_once(',').ok_or(KeyError::Damaged)?;
        let cipher = Cipher::from_dek_info(name).ok_or(KeyError::UnknownEncryption)?;
        let iv = hex(iv).filter(|iv| iv.len() == cipher.iv_length()).ok_or(KeyError::Damaged)?;
        let encryption = Some(Encryption::Headers { cipher, iv });
        Ok(PrivateKey { form, data: decode(data)?, encryption })
    }
}

struct Blocks<'a>(&'a str);

impl<'a> Iterator for Blocks<'a> {
    type Item = Block<'a>;

    fn next(&mut self) -> Option<Block<'a>> {
        let (_, after) = self.0.split_once("-----BEGIN ")?;
        let (label, after) = after.split_once("-----")?;
        let is_label = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == ' ';
        let end = format!("-----END {label}-----");
        let (body, rest) = after.split_once(&end).filter(|_| label.chars().all(is_label))?;
        self.0 = rest;
        Some(Block { label, body })
    }
}

fn decode(base64: &str) -> Result<Wiped, KeyError> {
    let text: Wiped = Zeroizing::new(base64.bytes().filter(|c| !c.is_ascii_whitespace()).collect());
    STANDARD.decode(&*text).map(Zeroizing::new).map_err(|_| KeyError::Damaged)
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = text.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| u8::try_from(high << 4 | low).ok()).collect()
}
