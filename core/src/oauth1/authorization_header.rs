//! The `Authorization` header (RFC 5849 section 3.5.1).

use super::encoding::{EncodedText, Times};

/// A header value under construction.
pub(super) struct AuthorizationHeader {
    value: EncodedText,
    separator: &'static [u8],
}

impl AuthorizationHeader {
    /// Starts with the scheme and, where given, the realm, which is a quoted string and not encoded;
    /// `length` is what to make room for.
    pub(super) fn new(realm: Option<&str>, length: usize) -> Self {
        let mut value = EncodedText::with_room_for(length);
        value.push(b"OAuth ");
        let mut header = AuthorizationHeader { value, separator: b"" };
        if let Some(realm) = realm {
            header.push_with("realm", |out| push_quoted_string(out, realm));
        }
        header
    }

    /// Adds a parameter.
    pub(super) fn push(&mut self, name: &str, value: &str) {
        self.push_with(name, |out| out.encode(value, Times::Once));
    }

    /// Adds a parameter whose value `write` appends, encoded.
    pub(super) fn push_with(&mut self, name: &str, write: impl FnOnce(&mut EncodedText)) {
        self.value.push(self.separator);
        self.value.encode(name, Times::Once);
        self.value.push(b"=\"");
        write(&mut self.value);
        self.value.push(b"\"");
        self.separator = b", ";
    }

    pub(super) fn finish(self) -> String {
        self.value.into_string()
    }
}

fn push_quoted_string(out: &mut EncodedText, text: &str) {
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b"\\");
        }
        out.push(&[byte]);
    }
}
