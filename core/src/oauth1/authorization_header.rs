//! The `Authorization` header (RFC 5849 section 3.5.1).

use super::encoding::{Times, encode};

/// A header value under construction.
pub(super) struct AuthorizationHeader {
    value: Vec<u8>,
    separator: &'static [u8],
}

impl AuthorizationHeader {
    /// Starts with the scheme and, where given, the realm, which is a quoted string and not encoded.
    pub(super) fn new(realm: Option<&str>, capacity: usize) -> Self {
        let mut value = Vec::with_capacity(capacity);
        value.extend_from_slice(b"OAuth ");
        let mut header = AuthorizationHeader { value, separator: b"" };
        if let Some(realm) = realm {
            header.push_with("realm", |out| append_quoted_string(out, realm));
        }
        header
    }

    /// Adds a parameter.
    pub(super) fn push(&mut self, name: &str, value: &str) {
        self.push_with(name, |out| encode(out, value.as_bytes(), Times::Once));
    }

    /// Adds a parameter whose value `write` appends, encoded.
    pub(super) fn push_with(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.value.extend_from_slice(self.separator);
        encode(&mut self.value, name.as_bytes(), Times::Once);
        self.value.extend_from_slice(b"=\"");
        write(&mut self.value);
        self.value.push(b'"');
        self.separator = b", ";
    }

    pub(super) fn finish(self) -> String {
        String::from_utf8(self.value).expect("realm and percent-encoded text are ASCII")
    }
}

fn append_quoted_string(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
}
