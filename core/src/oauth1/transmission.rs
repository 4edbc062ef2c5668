//! Parameter transmission (RFC 5849 section 3.5).

use super::encoding::{EncodedText, Times};
use serde::{Deserialize, Serialize};

/// Where the protocol parameters go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParametersIn {
    /// The `Authorization` header (section 3.5.1).
    #[default]
    Header,
    /// The form-encoded body (section 3.5.2); the query of a request that has none.
    Body,
    /// The query (section 3.5.3).
    Query,
}

/// What stands around the names and values of a list.
struct Marks {
    between: &'static [u8],
    before_value: &'static [u8],
    after_value: &'static [u8],
}

const HEADER: Marks = Marks { between: b", ", before_value: b"=\"", after_value: b"\"" };
const FORM: Marks = Marks { between: b"&", before_value: b"=", after_value: b"" };

/// Parameters under construction, as they are sent.
pub(super) struct ParameterList {
    text: EncodedText,
    marks: &'static Marks,
    is_first: bool,
}

impl ParameterList {
    /// A header's value, with room for `length` bytes: the scheme and, where given, the realm, which is a
    /// quoted string and not encoded.
    pub(super) fn header(realm: Option<&str>, length: usize) -> Self {
        let mut list = ParameterList::new(&HEADER, length);
        list.text.push(b"OAuth ");
        if let Some(realm) = realm {
            list.push_with("realm", |out| push_quoted_string(out, realm));
        }
        list
    }

    /// What a query or a form-encoded body holds.
    pub(super) fn form(length: usize) -> Self {
        ParameterList::new(&FORM, length)
    }

    fn new(marks: &'static Marks, length: usize) -> Self {
        ParameterList { text: EncodedText::with_room_for(length), marks, is_first: true }
    }

    /// Adds a parameter.
    pub(super) fn push(&mut self, name: &str, value: &str) {
        self.push_with(name, |out| out.encode(value, Times::Once));
    }

    /// Adds a parameter whose value `write` appends, encoded.
    pub(super) fn push_with<R>(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut EncodedText) -> R,
    ) -> R {
        if !std::mem::take(&mut self.is_first) {
            self.text.push(self.marks.between);
        }
        self.text.encode(name, Times::Once);
        self.text.push(self.marks.before_value);
        let written = write(&mut self.text);
        self.text.push(self.marks.after_value);
        written
    }

    pub(super) fn finish(self) -> String {
        self.text.into_string()
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
