//! Signatures of RFC 5849, section 3.4, from the verifier's side. Written from the RFC and sharing no
//! code with the signer it tests.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;

use crate::http::Pairs;

/// How the request says it is signed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    HmacSha1,
    HmacSha256,
    Plaintext,
}

impl Method {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "HMAC-SHA1" => Some(Self::HmacSha1),
            "HMAC-SHA256" => Some(Self::HmacSha256),
            "PLAINTEXT" => Some(Self::Plaintext),
            _ => None,
        }
    }

    /// Whether `signature` is the one for this text under this key.
    pub(crate) fn verifies(self, signature: &str, base_string: &str, key: &str) -> bool {
        match self {
            Self::HmacSha1 => tag_fits::<Hmac<Sha1>>(signature, base_string, key),
            Self::HmacSha256 => tag_fits::<Hmac<Sha256>>(signature, base_string, key),
            Self::Plaintext => signature == key,
        }
    }
}

fn tag_fits<M: Mac + KeyInit>(signature: &str, base_string: &str, key: &str) -> bool {
    let mut mac =
        <M as KeyInit>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(base_string.as_bytes());
    STANDARD.decode(signature).is_ok_and(|tag| mac.verify_slice(&tag).is_ok())
}

/// Section 3.4.2: both secrets, joined by `&` even where one is empty.
pub(crate) fn key(client_secret: &str, token_secret: &str) -> String {
    format!("{}&{}", encode(client_secret), encode(token_secret))
}

/// Section 3.4.1.1.
pub(crate) fn base_string(method: &str, uri: &str, parameters: &Pairs) -> String {
    let method = method.to_ascii_uppercase();
    let parameters = normalized(parameters);
    format!("{}&{}&{}", encode(&method), encode(uri), encode(&parameters))
}

/// Section 3.4.1.2, for a request that came over plain http.
pub(crate) fn base_string_uri(host: &str, path: &str) -> String {
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix(":80").unwrap_or(&host);
    format!("http://{host}{path}")
}

/// Section 3.4.1.3.2: sorted by encoded name, then by encoded value, as bytes.
fn normalized(parameters: &Pairs) -> String {
    let mut encoded: Vec<_> = parameters.iter().map(|(k, v)| (encode(k), encode(v))).collect();
    encoded.sort();
    let joined: Vec<_> = encoded.into_iter().map(|(k, v)| format!("{k}={v}")).collect();
    joined.join("&")
}

/// Section 3.6.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => write!(encoded, "%{byte:02X}").expect("a string takes all text"),
        }
    }
    encoded
}

/// The way back from [`encode`]; none for a broken escape or what is not UTF-8.
pub(crate) fn decode(encoded: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            _ => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::parse_pairs;

    /// The request of section 3.4.1.1.
    #[test]
    fn base_string_is_that_of_rfc_5849() {
        let mut parameters = parse_pairs(b"b5=%3D%253D&a3=a&c%40=&a2=r%20b");
        parameters.extend(parse_pairs(b"c2&a3=2+q"));
        for (name, value) in [
            ("oauth_consumer_key", "9djdj82h48djs9d2"),
            ("oauth_token", "kkk9d7dh3k39sjv7"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131201"),
            ("oauth_nonce", "7d8f3e4a"),
        ] {
            parameters.push((name.to_owned(), value.to_owned()));
        }
        let uri = base_string_uri("EXAMPLE.com:80", "/request");
        assert_eq!(
            base_string("post", &uri, &parameters),
            "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%25\
             3D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7\
             d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_toke\
             n%3Dkkk9d7dh3k39sjv7"
        );
    }

    /// The last request of section 1.2.
    #[test]
    fn hmac_sha1_is_that_of_rfc_5849() {
        let mut parameters = parse_pairs(b"file=vacation.jpg&size=original");
        for (name, value) in [
            ("oauth_consumer_key", "dpf43f3p2l4k3l03"),
            ("oauth_token", "nnch734d00sl2jdk"),
            ("oauth_signature_method", "HMAC-SHA1"),
            ("oauth_timestamp", "137131202"),
            ("oauth_nonce", "chapoH"),
        ] {
            parameters.push((name.to_owned(), value.to_owned()));
        }
        let uri = base_string_uri("photos.example.net", "/photos");
        let text = base_string("GET", &uri, &parameters);
        let key = key("kd94hf93k423kf44", "pfkkdhi9sl3r4s00");
        assert!(Method::HmacSha1.verifies("MdpQcU8iPSUjWoN/UDMsK2sui9I=", &text, &key));
        assert!(!Method::HmacSha256.verifies("MdpQcU8iPSUjWoN/UDMsK2sui9I=", &text, &key));
    }

    #[test]
    fn percent_encoding_comes_back() {
        for text in ["", "a b+c%d&e=f", "Ünïcødé ☃", "-._~"] {
            assert_eq!(decode(&encode(text)).as_deref(), Some(text));
        }
        assert_eq!(encode("☃ +"), "%E2%98%83%20%2B");
        assert_eq!(decode("%2"), None);
        assert_eq!(decode("%+1"), None);
        assert_eq!(decode("%FF"), None);
    }
}
