//! Request parameters (RFC 5849 section 3.4.1.3), held as the base string needs them: encoded twice.
//!
//! Sorting them so gives the order that section 3.4.1.3.2 asks for, which is that of the parameters
//! encoded once: `%` is the lowest character either way, and the `25` behind it is always the same.

use super::encoding::{EncodedText, Times};

/// The parameters of one request, each as `name%3Dvalue%26` in one buffer.
pub(super) struct Parameters {
    encoded: EncodedText,
    parameters: Vec<Parameter>,
}

/// Where the parts of a parameter lie.
#[derive(Clone, Copy)]
struct Parameter {
    /// The first bytes of the name as a number, with zeros behind a shorter one: compares as the names do, and nearly always
    /// says which comes first.
    order: u128,
    name: usize,
    equals: usize,
    ampersand: usize,
}

impl Parameter {
    fn name<'a>(&self, encoded: &'a [u8]) -> &'a [u8] {
        &encoded[self.name..self.equals]
    }

    fn value<'a>(&self, encoded: &'a [u8]) -> &'a [u8] {
        &encoded[self.equals + EQUALS.len()..self.ampersand]
    }

    fn whole<'a>(&self, encoded: &'a [u8]) -> &'a [u8] {
        &encoded[self.name..self.ampersand + AMPERSAND.len()]
    }
}

const EQUALS: &[u8] = b"%3D";
const AMPERSAND: &[u8] = b"%26";

impl Parameters {
    /// Room for `count` parameters of `length` bytes together, before they are encoded: as much as text usually grows, since
    /// room costs too; there is more where it is needed.
    pub(super) fn with_room_for(length: usize, count: usize) -> Self {
        Parameters {
            encoded: EncodedText::with_room_for(
                3 * length + count * (EQUALS.len() + AMPERSAND.len()),
            ),
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
        let equals = self.encoded.len();
        self.encoded.push(EQUALS);
        write(&mut self.encoded, value, Times::Twice);
        let ampersand = self.encoded.len();
        self.encoded.push(AMPERSAND);
        let order = order(&self.encoded.as_bytes()[start..equals]);
        self.parameters.push(Parameter { order, name: start, equals, ampersand });
    }

    /// Orders them by name, then by value (section 3.4.1.3.2).
    pub(super) fn sort(&mut self) {
        let encoded = self.encoded.as_bytes();
        self.parameters.sort_unstable_by(|a, b| {
            let by_order = a.order.cmp(&b.order);
            let by_name = || a.name(encoded).cmp(b.name(encoded));
            by_order.then_with(by_name).then_with(|| a.value(encoded).cmp(b.value(encoded)))
        });
    }

    /// The first protocol parameter of the sorted list that may not be there: one given twice, or
    /// `oauth_signature`, which only signing may add (section 3.1).
    pub(super) fn misplaced_protocol_parameter(&self) -> Option<String> {
        let encoded = self.encoded.as_bytes();
        let mut previous: &[u8] = b"";
        for name in self.parameters.iter().map(|parameter| parameter.name(encoded)) {
            if name.starts_with(b"oauth_") && (name == previous || name == b"oauth_signature") {
                return Some(String::from_utf8_lossy(name).into_owned());
            }
            previous = name;
        }
        None
    }

    /// Bytes that [`Parameters::append_to`] writes, and a separator.
    pub(super) fn len(&self) -> usize {
        self.encoded.len()
    }

    /// Appends the normalized parameters, percent-encoded.
    pub(super) fn append_to(&self, out: &mut EncodedText) {
        for parameter in &self.parameters {
            out.push(parameter.whole(self.encoded.as_bytes()));
        }
        if !self.parameters.is_empty() {
            out.shorten(AMPERSAND.len());
        }
    }
}

fn order(name: &[u8]) -> u128 {
    let mut first = [0; size_of::<u128>()];
    let length = name.len().min(first.len());
    first[..length].copy_from_slice(&name[..length]);
    u128::from_be_bytes(first)
}
