//! The door to AWS-LC, which rustls and the encryption at rest use already: aws-lc-rs signs with SHA-1 for nobody and with
//! keys below 2048 bits for nobody, and OAuth 1 needs both (adr/0009).
//!
//! Every pointer that is handed over is of a slice that outlives the call and comes with its length; every object that comes
//! back is owned by a type that frees it, once.

#![expect(unsafe_code, reason = "AWS-LC is called through its C interface")]

use super::KeyError;
use super::pem::Wiped;
use aws_lc_sys as lc;
use std::ffi::{c_char, c_int, c_uint};
use std::ptr::{self, NonNull};
use zeroize::Zeroizing;

/// An RSA private key.
pub(super) struct Rsa(NonNull<lc::RSA>);

// SAFETY: AWS-LC's rsa.h says of what is called here that it does not mutate the key for purposes of thread safety and may be
// used concurrently.
unsafe impl Send for Rsa {}
// SAFETY: as above.
unsafe impl Sync for Rsa {}

impl Drop for Rsa {
    fn drop(&mut self) {
        // SAFETY: the pointer is owned and was not freed before.
        unsafe { lc::RSA_free(self.0.as_ptr()) }
    }
}

/// What was hashed with.
#[derive(Clone, Copy)]
pub(in crate::oauth1) enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

impl Hash {
    fn nid(self) -> c_int {
        match self {
            Hash::Sha1 => lc::NID_sha1,
            Hash::Sha256 => lc::NID_sha256,
            Hash::Sha512 => lc::NID_sha512,
        }
    }
}

impl Rsa {
    /// Reads an `RSAPrivateKey` (RFC 8017 appendix A.1.2), and checks that its numbers fit together.
    pub(super) fn from_pkcs1(der: &[u8]) -> Result<Self, KeyError> {
        let mut rest = bytes(der);
        // SAFETY: `rest` is a valid `CBS` over `der`; a key that comes back is owned here.
        let key = unsafe { lc::RSA_parse_private_key(&raw mut rest) };
        NonNull::new(key).map(Rsa).filter(|_| rest.len == 0).ok_or_else(damaged)
    }

    /// Reads a `PrivateKeyInfo` (RFC 5958), and checks that the numbers of its key fit together.
    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self, KeyError> {
        let mut rest = bytes(der);
        // SAFETY: `rest` is a valid `CBS` over `der`. A key that comes back is owned here and freed below, after the one
        // reference to the RSA key in it was counted up.
        let (is_rsa, rsa) = unsafe {
            let key = lc::EVP_parse_private_key(&raw mut rest);
            if key.is_null() {
                return Err(damaged());
            }
            let is_rsa = lc::EVP_PKEY_id(key) == lc::EVP_PKEY_RSA;
            let rsa = if is_rsa { lc::EVP_PKEY_get1_RSA(key) } else { ptr::null_mut() };
            lc::EVP_PKEY_free(key);
            (is_rsa, rsa)
        };
        if !is_rsa {
            return Err(KeyError::NotRsa);
        }
        NonNull::new(rsa).map(Rsa).filter(|_| rest.len == 0).ok_or_else(damaged)
    }

    /// Length of the modulus.
    pub(super) fn bits(&self) -> u32 {
        // SAFETY: the key is whole.
        unsafe { lc::RSA_bits(self.0.as_ptr()) }
    }

    /// RSASSA-PKCS1-v1_5 over a digest that was made with `hash`.
    pub(super) fn sign(&self, hash: Hash, digest: &[u8]) -> Option<Vec<u8>> {
        // SAFETY: the key is whole; it writes at most as many bytes as `RSA_size` tells.
        let (signed, signature) = unsafe {
            let mut signature = vec![0; lc::RSA_size(self.0.as_ptr()) as usize];
            let mut length: c_uint = 0;
            let signed = lc::RSA_sign(
                hash.nid(),
                digest.as_ptr(),
                digest.len(),
                signature.as_mut_ptr(),
                &raw mut length,
                self.0.as_ptr(),
            );
            signature.truncate(length as usize);
            (signed, signature)
        };
        if signed == 1 { Some(signature) } else { forget_errors(None) }
    }
}

/// What keys are encrypted with.
#[derive(Clone, Copy)]
#[expect(clippy::enum_variant_names, reason = "the names of OpenSSL: block cipher and mode")]
pub(super) enum Cipher {
    Aes128Cbc,
    Aes192Cbc,
    Aes256Cbc,
    DesEde3Cbc,
}

impl Cipher {
    /// By its name in a `DEK-Info` header.
    pub(super) fn from_dek_info(name: &str) -> Option<Self> {
        Some(match name {
            "AES-128-CBC" => Cipher::Aes128Cbc,
            "AES-192-CBC" => Cipher::Aes192Cbc,
            "AES-256-CBC" => Cipher::Aes256Cbc,
            "DES-EDE3-CBC" => Cipher::DesEde3Cbc,
            _ => return None,
        })
    }

    /// By its object identifier (RFC 8018 appendix B.2).
    pub(super) fn from_oid(oid: &[u8]) -> Option<Self> {
        Some(match oid {
            b"\x60\x86\x48\x01\x65\x03\x04\x01\x02" => Cipher::Aes128Cbc,
            b"\x60\x86\x48\x01\x65\x03\x04\x01\x16" => Cipher::Aes192Cbc,
            b"\x60\x86\x48\x01\x65\x03\x04\x01\x2a" => Cipher::Aes256Cbc,
            b"\x2a\x86\x48\x86\xf7\x0d\x03\x07" => Cipher::DesEde3Cbc,
            _ => return None,
        })
    }

    pub(super) fn key_length(self) -> usize {
        match self {
            Cipher::Aes128Cbc => 16,
            Cipher::Aes192Cbc | Cipher::DesEde3Cbc => 24,
            Cipher::Aes256Cbc => 32,
        }
    }

    pub(super) fn iv_length(self) -> usize {
        match self {
            Cipher::DesEde3Cbc => 8,
            _ => 16,
        }
    }

    fn evp(self) -> *const lc::EVP_CIPHER {
        // SAFETY: these give pointers to constants.
        unsafe {
            match self {
                Cipher::Aes128Cbc => lc::EVP_aes_128_cbc(),
                Cipher::Aes192Cbc => lc::EVP_aes_192_cbc(),
                Cipher::Aes256Cbc => lc::EVP_aes_256_cbc(),
                Cipher::DesEde3Cbc => lc::EVP_des_ede3_cbc(),
            }
        }
    }

    /// Decrypts and takes the padding off; none where that is wrong.
    pub(super) fn decrypt(self, key: &[u8], iv: &[u8], data: &[u8]) -> Option<Wiped> {
        assert!(key.len() == self.key_length() && iv.len() == self.iv_length());
        let length = c_int::try_from(data.len()).ok()?;
        let mut out: Wiped = Zeroizing::new(vec![0; data.len() + 16]);
        let (mut first, mut last) = (0, 0);
        // SAFETY: key and initialization vector have the cipher's lengths; `out` has room for one block more than goes in;
        // the context is freed here, and freeing none is allowed.
        let decrypted = unsafe {
            let context = lc::EVP_CIPHER_CTX_new();
            let decrypted = !context.is_null()
                && 1 == lc::EVP_DecryptInit_ex(
                    context,
                    self.evp(),
                    ptr::null_mut(),
                    key.as_ptr(),
                    iv.as_ptr(),
                )
                && 1 == lc::EVP_DecryptUpdate(
                    context,
                    out.as_mut_ptr(),
                    &raw mut first,
                    data.as_ptr(),
                    length,
                )
                && 1 == lc::EVP_DecryptFinal_ex(
                    context,
                    out.as_mut_ptr().add(usize::try_from(first).expect("a length")),
                    &raw mut last,
                );
            lc::EVP_CIPHER_CTX_free(context);
            decrypted
        };
        if !decrypted {
            return forget_errors(None);
        }
        out.truncate(usize::try_from(first + last).ok()?);
        Some(out)
    }
}

/// What PBKDF2 is built on.
#[derive(Clone, Copy)]
pub(super) enum Prf {
    HmacSha1,
    HmacSha224,
    HmacSha256,
    HmacSha384,
    HmacSha512,
}

impl Prf {
    /// By its object identifier (RFC 8018 appendix B.1).
    pub(super) fn from_oid(oid: &[u8]) -> Option<Self> {
        Some(match oid.strip_prefix(b"\x2a\x86\x48\x86\xf7\x0d\x02")? {
            [7] => Prf::HmacSha1,
            [8] => Prf::HmacSha224,
            [9] => Prf::HmacSha256,
            [10] => Prf::HmacSha384,
            [11] => Prf::HmacSha512,
            _ => return None,
        })
    }

    fn evp(self) -> *const lc::EVP_MD {
        // SAFETY: these give pointers to constants.
        unsafe {
            match self {
                Prf::HmacSha1 => lc::EVP_sha1(),
                Prf::HmacSha224 => lc::EVP_sha224(),
                Prf::HmacSha256 => lc::EVP_sha256(),
                Prf::HmacSha384 => lc::EVP_sha384(),
                Prf::HmacSha512 => lc::EVP_sha512(),
            }
        }
    }
}

/// RFC 8018 section 5.2.
pub(super) fn pbkdf2(
    prf: Prf,
    passphrase: &str,
    salt: &[u8],
    iterations: u32,
    length: usize,
) -> Wiped {
    let mut key: Wiped = Zeroizing::new(vec![0; length]);
    // SAFETY: all slices come with their lengths.
    let derived = unsafe {
        lc::PKCS5_PBKDF2_HMAC(
            passphrase.as_ptr().cast::<c_char>(),
            passphrase.len(),
            salt.as_ptr(),
            salt.len(),
            iterations,
            prf.evp(),
            key.len(),
            key.as_mut_ptr(),
        )
    };
    // Zero iterations give a key too, which opens nothing.
    if derived == 1 { key } else { forget_errors(key) }
}

/// The key of a PEM with headers: OpenSSL's `EVP_BytesToKey` with MD5, one round, and the first half or all of the initialization
/// vector as salt.
pub(super) fn legacy_key(cipher: Cipher, passphrase: &str, iv: &[u8]) -> Wiped {
    assert!(iv.len() >= 8, "its salt has eight bytes");
    let mut key: Wiped = Zeroizing::new(vec![0; cipher.key_length()]);
    // SAFETY: the salt is eight bytes long and `key` as long as the cipher's keys; no initialization vector is asked for.
    let derived = unsafe {
        lc::EVP_BytesToKey(
            cipher.evp(),
            lc::EVP_md5(),
            iv.as_ptr(),
            passphrase.as_ptr(),
            passphrase.len(),
            1,
            key.as_mut_ptr(),
            ptr::null_mut(),
        )
    };
    if derived > 0 { key } else { forget_errors(key) }
}

fn bytes(data: &[u8]) -> lc::CBS {
    lc::cbs_st { data: data.as_ptr(), len: data.len() }
}

fn damaged() -> KeyError {
    forget_errors(KeyError::Damaged)
}

/// AWS-LC keeps what went wrong in a queue of the thread, for others to trip over.
fn forget_errors<T>(result: T) -> T {
    // SAFETY: it takes nothing.
    unsafe { lc::ERR_clear_error() };
    result
}
