//! Encrypted keys: `EncryptedPrivateKeyInfo` (RFC 5958 section 3) with PBES2 (RFC 8018 section 6.2).

use super::KeyError;
use super::aws_lc::{Cipher, Prf, pbkdf2};
use super::der::Der;
use super::pem::Wiped;

/// What is encrypted, and how.
pub(super) struct EncryptedKey<'a> {
    pub(super) cipher: Cipher,
    pub(super) iv: &'a [u8],
    pub(super) data: &'a [u8],
    pub(super) derivation: Pbkdf2<'a>,
}

/// How a passphrase becomes a key (RFC 8018 section 5.2).
pub(super) struct Pbkdf2<'a> {
    salt: &'a [u8],
    iterations: u32,
    prf: Prf,
}

impl Pbkdf2<'_> {
    pub(super) fn key(&self, cipher: Cipher, passphrase: &str) -> Wiped {
        pbkdf2(self.prf, passphrase, self.salt, self.iterations, cipher.key_length())
    }
}

/// More than anybody makes, and a few seconds of work: a key of four thousand million iterations would never open.
const MAX_ITERATIONS: u32 = 10_000_000;

const PBES2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d";
const PBKDF2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c";

pub(super) fn parse(der: &[u8]) -> Result<EncryptedKey<'_>, KeyError> {
    let mut info = Der::new(der).sequence()?;
    let mut algorithm = info.sequence()?;
    let data = info.octet_string()?;
    known(algorithm.object_identifier()? == PBES2)?;

    let mut parameters = algorithm.sequence()?;
    let mut derivation = parameters.sequence()?;
    known(derivation.object_identifier()? == PBKDF2)?;
    let derivation = pbkdf2_parameters(derivation.sequence()?)?;

    let mut scheme = parameters.sequence()?;
    let cipher =
        Cipher::from_oid(scheme.object_identifier()?).ok_or(KeyError::UnknownEncryption)?;
    let iv = scheme.octet_string()?;
    if iv.len() != cipher.iv_length() {
        return Err(KeyError::Damaged);
    }
    Ok(EncryptedKey { cipher, iv, data, derivation })
}

fn pbkdf2_parameters(mut parameters: Der<'_>) -> Result<Pbkdf2<'_>, KeyError> {
    let salt = parameters.octet_string()?;
    let iterations = parameters.integer()?;
    if iterations > MAX_ITERATIONS {
        return Err(KeyError::TooManyIterations(iterations));
    }
    // The length of the key, which the cipher tells too.
    parameters.optional_integer();
    let prf = match parameters.optional_sequence() {
        None => Prf::HmacSha1,
        Some(mut prf) => {
            Prf::from_oid(prf.object_identifier()?).ok_or(KeyError::UnknownEncryption)?
        }
    };
    Ok(Pbkdf2 { salt, iterations, prf })
}

fn known(is_known: bool) -> Result<(), KeyError> {
    if is_known { Ok(()) } else { Err(KeyError::UnknownEncryption) }
}

#[cfg(test)]
mod tests {
    use super::super::der::{INTEGER, OCTET_STRING};
    use super::*;

    #[test]
    fn a_key_that_would_never_open_is_refused_at_once() {
        let parameters = |iterations: &[u8]| {
            let der = [&[OCTET_STRING, 1, 0, INTEGER, 4][..], iterations].concat();
            pbkdf2_parameters(Der::new(&der)).map(|derivation| derivation.iterations)
        };
        assert_eq!(parameters(&[0, 0x98, 0x96, 0x80]), Ok(10_000_000));
        assert_eq!(
            parameters(&[0, 0x98, 0x96, 0x81]),
            Err(KeyError::TooManyIterations(10_000_001))
        );
    }
}
