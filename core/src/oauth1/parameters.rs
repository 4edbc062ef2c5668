//! Request parameters (RFC 5849 section 3.4.1.3), held as the base string needs them: encoded twice.
//!
//! Sorting them so gives the order that section 3.4.1.3.2 asks for, which is that of the parameters
//! encoded once: `%` is the lowest character either way, and the `25` behind it is always the same.

use super::encoding::{EncodedText, Times};

/// The parameters of one request, in one buffer.
pub(super) struct Parameters {
    encoded: EncodedText,
    parameters: Vec<Parameter>,
}

/// Where a parameter lies: its name up to `value`, its value up to `end`.
#[derive(Clone, Copy)]
struct Parameter {
    name: usize,
    value: usize,
    end: usize,
}

impl Parameters {
    /// Room for `count` parameters of `length` bytes together, before they are encoded.
    pub(super) fn with_room_for(length: usize, count: usize) -> Self {
        Parameters {
            encoded: EncodedText::with_room_for(EncodedText::longest(length)),
            parameters: Vec::with_capacity(count),
        }
    }

    pub(super) fn push(&mut self, name: &str, value: &str) {
        self.push_with(name, value, EncodedText::encode);
    }

    /// Adds what a query holds. A piece without `=` is a name with an empty value; an empty piece is none.
    pub(super) fn push_query(&mut self, query: &str) {
        for piece in query.split('&').filter(|piece| !piece.is_empty()) {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            self.push_with(name, value, EncodedText::reencode_form);
        }
    }

    fn push_with(&mut self, name: &str, value: &str, write: fn(&mut EncodedText, &str, Times)) {
        let start = self.encoded.len();
        write(&mut self.encoded, name, Times::Twice);
        let middle = self.encoded.len();
        write(&mut self.encoded, value, Times::Twice);
        self.parameters.push(Parameter { name: start, value: middle, end: self.encoded.len() });
    }

    /// Orders them by name, then by value (section 3.4.1.3.2).
    pub(super) fn sort(&mut self) {
        let encoded = self.encoded.as_bytes();
        self.parameters.sort_unstable_by(|a, b| {
            let by_name = encoded[a.name..a.value].cmp(&encoded[b.name..b.value]);
            by_name.then_with(|| encoded[a.value..a.end].cmp(&encoded[b.value..b.end]))
        });
    }

    /// The first protocol parameter of the sorted list that may not be there: one given twice, or
    /// `oauth_signature`, which only signing may add (section 3.1).
    pub(super) fn misplaced_protocol_parameter(&self) -> Option<String> {
        let mut previous: &[u8] = b"";
        for name in self.parameters.iter().map(|parameter| self.name(parameter)) {
            if name.starts_with(b"oauth_") && (name == previous || name == b"oauth_signature") {
                return Some(String::from_utf8_lossy(name).into_owned());
            }
            previous = name;
        }
        None
    }

    /// Bytes that [`Parameters::append_to`] will write at most.
    pub(super) fn len(&self) -> usize {
        self.encoded.len() + self.parameters.len() * (EQUALS.len() + AMPERSAND.len())
    }

    /// Appends the normalized parameters, percent-encoded.
    pub(super) fn append_to(&self, out: &mut EncodedText) {
        for (index, parameter) in self.parameters.iter().enumerate() {
            if index > 0 {
                out.push(AMPERSAND);
            }
            out.push(self.name(parameter));
            out.push(EQUALS);
            out.push(&self.encoded.as_bytes()[parameter.value..parameter.end]);
        }
    }

    fn name(&self, parameter: &Parameter) -> &[u8] {
        &self.encoded.as_bytes()[parameter.name..parameter.value]
    }
}

const EQUALS: &[u8] = b"%3D";
const AMPERSAND: &[u8] = b"%26";
