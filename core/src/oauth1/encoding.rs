//! Percent-encoding (RFC 5849 section 3.6): everything but the unreserved characters of RFC 3986
//! section 2.3 becomes `%XX` with upper-case digits.

/// How an encoded byte begins: `%`, or `%25` for text that is encoded a second time, as each parameter
/// is in the base string.
#[derive(Clone, Copy)]
pub(super) enum Times {
    Once,
    Twice,
}

impl Times {
    fn escape(self) -> &'static [u8] {
        match self {
            Times::Once => b"%",
            Times::Twice => b"%25",
        }
    }
}

const UNRESERVED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] =
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    table
};

/// Appends `text`, encoded.
pub(super) fn encode(out: &mut Vec<u8>, text: &[u8], times: Times) {
    let mut rest = text;
    while let Some((byte, after)) = append_unreserved(out, rest) {
        append_escaped(out, byte, times);
        rest = after;
    }
}

/// Appends `text`, which is `application/x-www-form-urlencoded`, decoded and encoded again: `+` and
/// `%20` both become an encoded space. A `%` without two hexadecimal digits stands for itself.
pub(super) fn reencode_form(out: &mut Vec<u8>, text: &[u8], times: Times) {
    let mut rest = text;
    while let Some((byte, after)) = append_unreserved(out, rest) {
        let (decoded, after) = match byte {
            b'+' => (b' ', after),
            b'%' => split_hex(after).unwrap_or((byte, after)),
            _ => (byte, after),
        };
        append_byte(out, decoded, times);
        rest = after;
    }
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

/// Copies the unreserved run at the start of `text`; gives the byte that ended it and what follows.
fn append_unreserved<'a>(out: &mut Vec<u8>, text: &'a [u8]) -> Option<(u8, &'a [u8])> {
    let run = text.iter().position(|&byte| !UNRESERVED[usize::from(byte)]);
    let (unreserved, rest) = text.split_at(run.unwrap_or(text.len()));
    out.extend_from_slice(unreserved);
    rest.split_first().map(|(&byte, after)| (byte, after))
}

fn append_byte(out: &mut Vec<u8>, byte: u8, times: Times) {
    if UNRESERVED[usize::from(byte)] {
        out.push(byte);
    } else {
        append_escaped(out, byte, times);
    }
}

fn append_escaped(out: &mut Vec<u8>, byte: u8, times: Times) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(times.escape());
    out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
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
        let mut out = Vec::new();
        encode(&mut out, text.as_bytes(), times);
        String::from_utf8(out).unwrap()
    }

    fn reencoded(text: &str) -> String {
        let mut out = Vec::new();
        reencode_form(&mut out, text.as_bytes(), Times::Once);
        String::from_utf8(out).unwrap()
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
