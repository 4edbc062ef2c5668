//! The signature base string (RFC 5849 section 3.4.1).

use super::encoding::{Times, encode};
use super::parameters::Parameters;
use url::Url;

/// Method, base string URI and sorted parameters, joined as section 3.4.1.1 says.
pub(super) fn base_string(method: &str, url: &Url, parameters: &Parameters) -> String {
    let longest = method.len() + 3 * url.as_str().len() + parameters.len() + 2;
    let mut out = Vec::with_capacity(longest);
    encode(&mut out, method.as_bytes(), Times::Once);
    out.make_ascii_uppercase();
    out.push(b'&');
    append_base_string_uri(&mut out, url);
    out.push(b'&');
    parameters.append_to(&mut out);
    String::from_utf8(out).expect("percent-encoded text is ASCII")
}

/// Section 3.4.1.2. `Url` has already put scheme and host in lower case and dropped a default port; the
/// path is taken as it will be sent.
fn append_base_string_uri(out: &mut Vec<u8>, url: &Url) {
    let mut append = |text: &str| encode(out, text.as_bytes(), Times::Once);
    append(url.scheme());
    append("://");
    append(url.host_str().expect("an http URL has a host"));
    if let Some(port) = url.port() {
        append(":");
        append(&port.to_string());
    }
    append(url.path());
}
