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

/// What a byte becomes, padded to one store of the machine; how long that is stands in the last place.
/// Copying all of it is faster than asking each byte what it is.
type Entry = [u8; ENTRY];
type Table = [Entry; 256];

const ENTRY: usize = 8;
/// `%25XX`.
const LONGEST: usize = 5;
/// Bytes that are looked at together.
const CHUNK: usize = 16;
/// What encoding a chunk may touch.
const SPARE: usize = LONGEST * CHUNK + ENTRY;

static ONCE: Table = table(b"%");
static TWICE: Table = table(b"%25");

const fn table(escape: &[u8]) -> Table {
    let mut table = [[0; ENTRY]; 256];
    let mut byte = 0;
    loop {
        table[byte as usize] =
            if is_unreserved(byte) { unreserved(byte) } else { escaped(byte, escape) };
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

const fn unreserved(byte: u8) -> Entry {
    let mut entry = [0; ENTRY];
    entry[0] = byte;
    entry[ENTRY - 1] = 1;
    entry
}

const fn escaped(byte: u8, escape: &[u8]) -> Entry {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut entry = [0; ENTRY];
    let mut length = 0;
    while (length as usize) < escape.len() {
        entry[length as usize] = escape[length as usize];
        length += 1;
    }
    entry[length as usize] = DIGITS[(byte >> 4) as usize];
    entry[length as usize + 1] = DIGITS[(byte & 15) as usize];
    entry[ENTRY - 1] = length + 2;
    entry
}

#[expect(clippy::needless_bitwise_bool, reason = "without branches, many bytes are asked at once")]
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() | (byte == b'-') | (byte == b'.') | (byte == b'_') | (byte == b'~')
}

/// Text under construction, in room that is made before it is written to: nothing is asked per byte.
pub(super) struct EncodedText {
    room: Vec<u8>,
    end: usize,
}

impl EncodedText {
    /// Room for `length` bytes of output and to encode the last of them.
    pub(super) fn with_room_for(length: usize) -> Self {
        EncodedText { room: vec![0; length + SPARE], end: 0 }
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
    #[inline]
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
        let (chunks, rest) = text.as_bytes().as_chunks();
        let mut end = 0;
        for chunk in chunks {
            end += encode_chunk(&mut room[end..], chunk, table);
        }
        for &byte in rest {
            end += write(&mut room[end..], byte, table);
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
            end += write(&mut room[end..], decoded, table);
            rest = after;
        }
        self.end += end;
    }

    /// What was written.
    pub(super) fn into_string(mut self) -> String {
        self.room.truncate(self.end);
        String::from_utf8(self.room).expect("encoded text and what is pushed between is ASCII")
    }

    /// At least `length` bytes behind the text, and [`SPARE`] more.
    fn room_for(&mut self, length: usize) -> &mut [u8] {
        let wanted = self.end + length + SPARE;
        if wanted > self.room.len() {
            self.room.resize(wanted.max(2 * self.room.len()), 0);
        }
        &mut self.room[self.end..]
    }
}

/// Writes a chunk, encoded; gives how long that is. One check of the room is enough for all of it.
fn encode_chunk(room: &mut [u8], chunk: &[u8; CHUNK], table: &Table) -> usize {
    if chunk.iter().fold(true, |all, &byte| all & is_unreserved(byte)) {
        room[..CHUNK].copy_from_slice(chunk);
        return CHUNK;
    }
    let room = room.first_chunk_mut::<SPARE>().expect("room was made for the longest");
    let mut end = 0;
    for &byte in chunk {
        end += write(&mut room[end..], byte, table);
    }
    end
}

/// Writes all of a byte's entry; gives how much of it counts.
fn write(room: &mut [u8], byte: u8, table: &Table) -> usize {
    let entry = &table[usize::from(byte)];
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
        let unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
        assert_eq!(encoded(unreserved, Times::Once), unreserved);
        assert_eq!(encoded(unreserved, Times::Twice), unreserved);
        let others: String =
            (0..128).map(char::from).filter(|c| !unreserved.contains(*c)).collect();
        let expected: Vec<_> = others.bytes().map(|byte| format!("%{byte:02X}")).collect();
        assert_eq!(encoded(&others, Times::Once), expected.concat());
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
