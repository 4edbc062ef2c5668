//! The textual encoding of keys (RFC 7468), and the older one with headers (RFC 1421).

use super::KeyError;
use super::aws_lc::{Cipher, Rsa, legacy_key};
use super::encrypted::{self, EncryptedKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Bytes that are wiped.
pub(super) type Wiped = Zeroizing<Vec<u8>>;

/// How much of a label is told.
const LONGEST_LABEL: usize = 60;

/// A private key as its block holds it.
pub(super) enum PrivateKey {
    Pkcs1(Wiped),
    Pkcs8(Wiped),
    EncryptedPkcs1 { cipher: Cipher, iv: Vec<u8>, data: Wiped },
    EncryptedPkcs8(Wiped),
}

/// The first private key of a text.
pub(super) fn private_key(text: &str) -> Result<PrivateKey, KeyError> {
    // As environment variables and JSON that went through too many hands hold it.
    let text = Zeroizing::new(text.replace("\\n", "\n"));
    let blocks: Vec<_> = Blocks(&text).collect();
    let is_key = |block: &&Block<'_>| block.label.ends_with("PRIVATE KEY");
    let block = blocks.iter().find(is_key).or(blocks.first()).ok_or(KeyError::NotPem)?;
    match block.label {
        "RSA PRIVATE KEY" => block.pkcs1(),
        "PRIVATE KEY" => Ok(PrivateKey::Pkcs8(decode(block.body)?)),
        "ENCRYPTED PRIVATE KEY" => Ok(PrivateKey::EncryptedPkcs8(decode(block.body)?)),
        label => Err(KeyError::WrongKind(label.chars().take(LONGEST_LABEL).collect())),
    }
}

impl PrivateKey {
    pub(super) fn open(self, passphrase: Option<&str>) -> Result<Rsa, KeyError> {
        let passphrase = || passphrase.ok_or(KeyError::NoPassphrase);
        match self {
            PrivateKey::Pkcs1(der) => Rsa::from_pkcs1(&der),
            PrivateKey::Pkcs8(der) => Rsa::from_pkcs8(&der),
            PrivateKey::EncryptedPkcs1 { cipher, iv, data } => {
                let key = legacy_key(cipher, passphrase()?, &iv);
                opened(cipher.decrypt(&key, &iv, &data), Rsa::from_pkcs1)
            }
            PrivateKey::EncryptedPkcs8(der) => {
                let EncryptedKey { cipher, iv, data, derivation } = encrypted::parse(&der)?;
                let key = derivation.key(cipher, passphrase()?);
                opened(cipher.decrypt(&key, iv, data), Rsa::from_pkcs8)
            }
        }
    }
}

/// A wrong passphrase shows in the padding and, one time in 256, only in what is behind it.
fn opened(
    decrypted: Option<Wiped>,
    read: impl FnOnce(&[u8]) -> Result<Rsa, KeyError>,
) -> Result<Rsa, KeyError> {
    let decrypted = decrypted.ok_or(KeyError::WrongPassphrase)?;
    read(&decrypted).map_err(|error| match error {
        KeyError::Damaged => KeyError::WrongPassphrase,
        other => other,
    })
}

/// What stands between `-----BEGIN label-----` and `-----END label-----`.
struct Block<'a> {
    label: &'a str,
    body: &'a str,
}

impl Block<'_> {
    fn pkcs1(&self) -> Result<PrivateKey, KeyError> {
        let Some((_, after)) = self.body.split_once("DEK-Info:") else {
            return Ok(PrivateKey::Pkcs1(decode(self.body)?));
        };
        let (info, data) = after.split_once('\n').ok_or(KeyError::Damaged)?;
        let (name, iv) = info.trim().split_once(',').ok_or(KeyError::Damaged)?;
        let cipher = Cipher::from_dek_info(name).ok_or(KeyError::UnknownEncryption)?;
        let iv = hex(iv).filter(|iv| iv.len() == cipher.iv_length()).ok_or(KeyError::Damaged)?;
        Ok(PrivateKey::EncryptedPkcs1 { cipher, iv, data: decode(data)? })
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
