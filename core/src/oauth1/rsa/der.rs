//! What is read of a value in DER (X.690): lengths up to 65,535, which keys stay below.

use super::KeyError;

pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// What is left to read.
pub(crate) struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Der(bytes)
    }

    pub(crate) fn sequence(&mut self) -> Result<Der<'a>, KeyError> {
        self.expect(SEQUENCE).map(Der)
    }

    pub(crate) fn octet_string(&mut self) -> Result<&'a [u8], KeyError> {
        self.expect(OCTET_STRING)
    }

    pub(crate) fn object_identifier(&mut self) -> Result<&'a [u8], KeyError> {
        self.expect(OBJECT_IDENTIFIER)
    }

    /// The significant bytes of a number that is not negative, the most significant first.
    pub(crate) fn number(&mut self) -> Result<&'a [u8], KeyError> {
        let digits = self.expect(INTEGER)?;
        Ok(digits.iter().position(|&byte| byte != 0).map_or(&[][..], |n| &digits[n..]))
    }

    pub(super) fn integer(&mut self) -> Result<u32, KeyError> {
        let digits = self.number()?;
        if digits.len() > 4 {
            return Err(KeyError::Damaged);
        }
        Ok(digits.iter().fold(0, |number, &byte| number << 8 | u32::from(byte)))
    }

    pub(super) fn optional_integer(&mut self) {
        self.optional(INTEGER);
    }

    pub(super) fn optional_sequence(&mut self) -> Option<Der<'a>> {
        self.optional(SEQUENCE).map(Der)
    }

    fn expect(&mut self, tag: u8) -> Result<&'a [u8], KeyError> {
        self.optional(tag).ok_or(KeyError::Damaged)
    }

    /// The contents of the next value, if it has this tag; else nothing is read.
    fn optional(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (&[next, short], after) = self.0.split_first_chunk()?;
        if next != tag {
            return None;
        }
        let (length, after) = match short {
            0..=0x7f => (usize::from(short), after),
            0x81 => after.split_first().map(|(&byte, after)| (usize::from(byte), after))?,
            0x82 => after
                .split_first_chunk()
                .map(|(&bytes, after)| (usize::from(u16::from_be_bytes(bytes)), after))?,
            _ => return None,
        };
        let (contents, rest) = after.split_at_checked(length)?;
        self.0 = rest;
        Some(contents)
    }
}
