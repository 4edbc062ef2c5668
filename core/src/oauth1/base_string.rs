//! The signature base string (RFC 5849 section 3.4.1).

use super::encoding::{EncodedText, Times};
use super::parameters::Parameters;
use url::Url;

/// Method, base string URI and sorted parameters, joined as section 3.4.1.1 says.
pub(super) fn base_string(method: &str, url: &Url, parameters: &Parameters) -> String {
    let longest_start = EncodedText::longest(method.len() + url.path().len()) + 256;
    let mut out = EncodedText::with_room_for(longest_start + parameters.len());
    if method.bytes().any(|byte| byte.is_ascii_lowercase()) {
        out.encode(&method.to_ascii_uppercase(), Times::Once);
    } else {
        out.encode(method, Times::Once);
    }
    out.push(b"&");
    append_base_string_uri(&mut out, url);
    out.push(b"&");
    parameters.append_to(&mut out);
    out.into_string()
}

/// Section 3.4.1.2. `Url` has already put scheme and host in lower case and dropped a default port; the
/// path is taken as it will be sent.
fn append_base_string_uri(out: &mut EncodedText, url: &Url) {
    out.encode(url.scheme(), Times::Once);
    out.encode("://", Times::Once);
    out.encode(url.host_str().expect("an http URL has a host"), Times::Once);
    if let Some(port) = url.port() {
        out.encode(&format!(":{port}"), Times::Once);
    }
    out.encode(url.path(), Times::Once);
}
