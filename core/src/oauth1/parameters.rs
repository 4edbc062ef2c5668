//! Request parameters (RFC 5849 section 3.4.1.3), held as the base string needs them: encoded twice.
//!
//! Sorting them so gives the order that section 3.4.1.3.2 asks for, which is that of the parameters
//! encoded once: `%` is the lowest character either way, and the `25` behind it is always the same.

use super::encoding::{Times, encode, reencode_form};

/// The parameters of one request, in one buffer.
pub(super) struct Parameters {
    encoded: Vec<u8>,
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
    /// `bytes` and `count` are guesses that spare growing.
    pub(super) fn with_capacity(bytes: usize, count: usize) -> Self {
        Parameters { encoded: Vec::with_capacity(bytes), parameters: Vec::with_capacity(count) }
    }

    pub(super) fn push(&mut self, name: &str, value: &str) {
        self.push_with(
            |out| encode(out, name.as_bytes(), Times::Twice),
            |out| {
                encode(out, value.as_bytes(), Times::Twice);
            },
        );
    }

    /// Adds what a query holds. A piece without `=` is a name with an empty value; an empty piece is none.
    pub(super) fn push_query(&mut self, query: &str) {
        for piece in query.split('&').filter(|piece| !piece.is_empty()) {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            self.push_with(
                |out| reencode_form(out, name.as_bytes(), Times::Twice),
                |out| {
                    reencode_form(out, value.as_bytes(), Times::Twice);
                },
            );
        }
    }

    fn push_with(&mut self, write_name: impl Fn(&mut Vec<u8>), write_value: impl Fn(&mut Vec<u8>)) {
        let name = self.encoded.len();
        write_name(&mut self.encoded);
        let value = self.encoded.len();
        write_value(&mut self.encoded);
        self.parameters.push(Parameter { name, value, end: self.encoded.len() });
    }

    /// Orders them by name, then by value (section 3.4.1.3.2).
    pub(super) fn sort(&mut self) {
        let encoded = &self.encoded;
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
    pub(super) fn append_to(&self, out: &mut Vec<u8>) {
        for (index, parameter) in self.parameters.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(AMPERSAND);
            }
            out.extend_from_slice(self.name(parameter));
            out.extend_from_slice(EQUALS);
            out.extend_from_slice(&self.encoded[parameter.value..parameter.end]);
        }
    }

    fn name(&self, parameter: &Parameter) -> &[u8] {
        &self.encoded[parameter.name..parameter.value]
    }
}

const EQUALS: &[u8] = b"%3D";
const AMPERSAND: &[u8] = b"%26";
