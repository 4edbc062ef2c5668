//! Percent-encoding (RFC 5849 section 3.6): everything but the unreserved characters of RFC 3986
//! section 2.3 becomes `%XX` with upper-case digits.

/// Whether text is encoded once, or once more, as each parameter is in the base string.
#[derive(Clone, Copy)]
pub(super) enum Times {
    Once,
    Twice,
}

impl Times {
    fn table(self) -> &'static Table {
        match self {
            Times::Once => &ONCE,
            Times::Twice => &TWICE,
        }
    }
}

/// What each byte becomes, padded to one store of the machine; how long that is stands in the last
/// place. Copying all of it is faster than asking each byte what it is.
type Table = [[u8; ENTRY]; 256];

const ENTRY: usize = 8;
/// `%25XX`.
const LONGEST: usize = 5;

static ONCE: Table = table(b"%");
static TWICE: Table = table(b"%25");

const fn table(escape: &[u8]) -> Table {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut table = [[0; ENTRY]; 256];
    let mut byte = 0;
    while byte < 256 {
        let entry = &mut table[byte];
        if is_unreserved(byte) {
            entry[0] = byte as u8;
            entry[ENTRY - 1] = 1;
        } else {
            let mut length = 0;
            while length < escape.len() {
                entry[length] = escape[length];
                length += 1;
            }
            entry[length] = DIGITS[byte >> 4];
            entry[length + 1] = DIGITS[byte & 15];
            entry[ENTRY - 1] = length as u8 + 2;
        }
        byte += 1;
    }
    table
}

const fn is_unreserved(byte: usize) -> bool {
    let byte = byte as u8;
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Text under construction, in room that is made before it is written to: nothing is asked per byte.
pub(super) struct EncodedText {
    room: Vec<u8>,
    end: usize,
}

impl EncodedText {
    /// Room for `length` bytes of output and to encode the last of them.
    pub(super) fn with_room_for(length: usize) -> Self {
        EncodedText { room: vec![0; length + ENTRY], end: 0 }
    }

    /// Room that the encoding of `length` bytes needs, though it will seldom fill it.
    pub(super) const fn longest(length: usize) -> usize {
        LONGEST * length
    }

    /// Bytes written.
    pub(super) fn len(&self) -> usize {
        self.end
    }

    /// What was written.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.room[..self.end]
    }

    /// Appends `text`, which is ASCII, as it is.
    pub(super) fn push(&mut self, text: &[u8]) {
        self.room_for(text.len())[..text.len()].copy_from_slice(text);
        self.end += text.len();
    }

    /// Takes the last `length` bytes back.
    pub(super) fn shorten(&mut self, length: usize) {
        self.end -= length;
    }

    /// Appends `text`, encoded.
    pub(super) fn encode(&mut self, text: &str, times: Times) {
        let room = self.room_for(Self::longest(text.len()));
        let table = times.table();
        let mut end = 0;
        for byte in text.bytes() {
            end += write_entry(&mut room[end..], &table[usize::from(byte)]);
        }
        self.end += end;
    }

    /// Appends `text`, which is `application/x-www-form-urlencoded`, decoded and encoded again: `+` and
    /// `%20` both become an encoded space. A `%` without two hexadecimal digits stands for itself.
    pub(super) fn reencode_form(&mut self, text: &str, times: Times) {
        let room = self.room_for(Self::longest(text.len()));
        let table = times.table();
        let mut end = 0;
        let mut rest = text.as_bytes();
        while let Some((&byte, after)) = rest.split_first() {
            let (decoded, after) = match byte {
                b'+' => (b' ', after),
                b'%' => split_hex(after).unwrap_or((byte, after)),
                _ => (byte, after),
            };
            end += write_entry(&mut room[end..], &table[usize::from(decoded)]);
            rest = after;
        }
        self.end += end;
    }

    /// What was written.
    pub(super) fn into_string(mut self) -> String {
        self.room.truncate(self.end);
        String::from_utf8(self.room).expect("encoded text and what is pushed between is ASCII")
    }

    /// At least `length` bytes behind the text, and one entry more.
    fn room_for(&mut self, length: usize) -> &mut [u8] {
        let wanted = self.end + length + ENTRY;
        if wanted > self.room.len() {
            self.room.resize(wanted.max(2 * self.room.len()), 0);
        }
        &mut self.room[self.end..]
    }
}

/// Writes all of an entry; gives how much of it counts.
fn write_entry(room: &mut [u8], entry: &[u8; ENTRY]) -> usize {
    room[..ENTRY].copy_from_slice(entry);
    usize::from(entry[ENTRY - 1])
}

/// Decodes `%XX`; `+` stands for itself.
pub(super) fn decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = if byte == b'%' { split_hex(after) } else { None };
        let (byte, after) = escaped.unwrap_or((byte, after));
        decoded.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// The byte that two leading hexadecimal digits stand for, and what follows them.
fn split_hex(text: &[u8]) -> Option<(u8, &[u8])> {
    let (&[high, low], after) = text.split_first_chunk()?;
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let byte = u8::try_from(digit(high)? << 4 | digit(low)?).expect("two digits are one byte");
    Some((byte, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str, times: Times) -> String {
        let mut out = EncodedText::with_room_for(0);
        out.encode(text, times);
        out.into_string()
    }

    fn reencoded(text: &str) -> String {
        let mut out = EncodedText::with_room_for(0);
        out.reencode_form(text, Times::Once);
        out.into_string()
    }

    #[test]
    fn only_unreserved_characters_stand_for_themselves() {
        let unreserved = "ABCXYZabcxyz0189-._~";
        assert_eq!(encoded(unreserved, Times::Once), unreserved);
        assert_eq!(encoded(" !*'()+/=&%", Times::Once), "%20%21%2A%27%28%29%2B%2F%3D%26%25");
        assert_eq!(encoded("☃", Times::Once), "%E2%98%83");
    }

    #[test]
    fn encoding_twice_is_encoding_what_was_encoded() {
        let text = "Ladies + Gentlemen ☃ 100%";
        assert_eq!(encoded(text, Times::Twice), encoded(&encoded(text, Times::Once), Times::Once));
    }

    #[test]
    fn form_encoded_text_is_decoded_before_it_is_encoded() {
        assert_eq!(reencoded("a+b%20c%2bd%7E"), "a%20b%20c%2Bd~");
        assert_eq!(reencoded("100%"), "100%25");
        assert_eq!(reencoded("%zz%4"), "%25zz%254");
        assert_eq!(reencoded("%ff"), "%FF");
    }

    #[test]
    fn decoding_leaves_plus_and_stray_percent_alone() {
        assert_eq!(decode("token%5Frejected+%"), "token_rejected+%");
    }
}
