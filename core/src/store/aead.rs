//! XAES-256-GCM (C2SP): each text is sealed by AES-256-GCM under a key of its own, made of the key and half of a random
//! 192-bit nonce. So nobody has to count how often a key was used, as AES-GCM alone would want after 2^32 texts.

use crate::process::random_bytes;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_256, EncryptingKey, UnboundCipherKey};
use zeroize::Zeroizing;

/// Length of a key in bytes.
pub(super) const KEY: usize = 32;

/// Length of a nonce in bytes.
pub(super) const NONCE: usize = 24;

const BLOCK: usize = 16;

/// A key, ready for use.
pub(super) struct Aead {
    cipher: EncryptingKey,
    /// `K1` of CMAC (NIST SP 800-38B section 6.1).
    subkey: Zeroizing<[u8; BLOCK]>,
}

impl Aead {
    pub(super) fn new(key: &[u8; KEY]) -> Self {
        let unbound = UnboundCipherKey::new(&AES_256, key).expect("the key has 32 bytes");
        let cipher = EncryptingKey::ecb(unbound).expect("AES has this mode");
        let mut block = Zeroizing::new([0; BLOCK]);
        encrypt_blocks(&cipher, &mut *block);
        let doubled = u128::from_be_bytes(*block) << 1;
        let reduction = if block[0] & 0x80 == 0 { 0 } else { 0x87 };
        Aead { cipher, subkey: Zeroizing::new((doubled ^ reduction).to_be_bytes()) }
    }

    /// Seals a text in place, and gives the nonce that it takes to open it.
    pub(super) fn seal(&self, additional: &[u8], text: &mut Vec<u8>) -> [u8; NONCE] {
        let nonce = random_bytes();
        self.seal_with(nonce, additional, text);
        nonce
    }

    fn seal_with(&self, nonce: [u8; NONCE], additional: &[u8], text: &mut Vec<u8>) {
        let (key, nonce) = self.derived(nonce);
        key.seal_in_place_append_tag(nonce, Aad::from(additional), text)
            .expect("a record is far shorter than 64 GiB");
    }

    /// Opens a text in place; false where key, nonce, additional data and text are not what belongs together.
    pub(super) fn open(&self, nonce: [u8; NONCE], additional: &[u8], text: &mut Vec<u8>) -> bool {
        let (key, nonce) = self.derived(nonce);
        let length = key.open_in_place(nonce, Aad::from(additional), text).map(|text| text.len());
        text.truncate(length.unwrap_or_default());
        length.is_ok()
    }

    /// The key and the nonce of one text.
    fn derived(&self, nonce: [u8; NONCE]) -> (LessSafeKey, Nonce) {
        let (first, last) = nonce.split_at(NONCE - NONCE_LEN);
        let mut key = Zeroizing::new([0; 2 * BLOCK]);
        for (counter, block) in (1..).zip(key.chunks_exact_mut(BLOCK)) {
            block[..4].copy_from_slice(&[0, counter, b'X', 0]);
            block[4..].copy_from_slice(first);
            block.iter_mut().zip(*self.subkey).for_each(|(byte, subkey)| *byte ^= subkey);
        }
        encrypt_blocks(&self.cipher, &mut *key);
        let unbound = UnboundKey::new(&AES_256_GCM, &*key).expect("the key has 32 bytes");
        let nonce = Nonce::try_assume_unique_for_key(last).expect("what is left has 12 bytes");
        (LessSafeKey::new(unbound), nonce)
    }
}

fn encrypt_blocks(cipher: &EncryptingKey, blocks: &mut [u8]) {
    cipher.encrypt(blocks).expect("they are whole blocks");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test vectors of the specification, which take both ways through the making of the subkey.
    #[test]
    fn the_vectors_of_the_specification_hold() {
        let vectors: [(u8, &[u8], [u8; 28]); 2] = [
            (1, b"", *b"\xce\x54\x6e\xf6\x3c\x9c\xc6\x07\x65\x92\x36\x09\xb3\x3a\x9a\x19\x74\xe9\x6e\x52\xda\xf2\xfc\xf7\x07\x5e\x22\x71"),
            (3, b"c2sp.org/XAES-256-GCM", *b"\x98\x6e\xc1\x83\x25\x93\xdf\x54\x43\xa1\x79\x43\x7f\xd0\x83\xbf\x3f\xdb\x41\xab\xd7\x40\xa2\x1f\x71\xeb\x76\x9d"),
        ];
        for (byte, additional, expected) in vectors {
            let (aead, nonce) = (Aead::new(&[byte; KEY]), *b"ABCDEFGHIJKLMNOPQRSTUVWX");
            let mut text = b"XAES-256-GCM".to_vec();
            aead.seal_with(nonce, additional, &mut text);
            assert_eq!(text, expected);
            assert!(aead.open(nonce, additional, &mut text));
            assert_eq!(text, b"XAES-256-GCM");
        }
    }

    #[test]
    fn nothing_opens_with_anything_changed() {
        let aead = Aead::new(&[7; KEY]);
        let mut sealed = b"text".to_vec();
        let nonce = aead.seal(b"about", &mut sealed);
        let opens = |aead: &Aead, nonce, about: &[u8], sealed: &[u8]| {
            aead.open(nonce, about, &mut sealed.to_vec())
        };
        assert!(opens(&aead, nonce, b"about", &sealed));
        assert!(!opens(&Aead::new(&[8; KEY]), nonce, b"about", &sealed));
        assert!(!opens(&aead, nonce, b"other", &sealed));
        assert!(!opens(&aead, nonce, b"about", &sealed[1..]));
        assert!(!opens(&aead, nonce, b"about", b""));
        for place in 0..NONCE {
            let mut other = nonce;
            other[place] ^= 1;
            assert!(!opens(&aead, other, b"about", &sealed), "{place}");
        }
    }
}
