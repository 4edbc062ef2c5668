//! Where requests may go: https, or http to this very machine (RFC 8252 section 8.3 for redirects; RFC 9700).

use crate::error::{Code, Error, Result};
use url::{Host, Url};

/// Refuses a URL that is not https, or http to a loopback address; `what` names it in the error.
pub(crate) fn check_url(url: &Url, what: &str) -> Result<()> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::new(
            Code::InsecureUrl,
            format!("{what}: carries a user name or password; expected a URL without"),
        ));
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        scheme => Err(Error::new(
            Code::InsecureUrl,
            format!(
                "{what}: {scheme}://{} is not safe for tokens; expected https, or http to a loopback address",
                url.host_str().unwrap_or_default()
            ),
        )),
    }
}

/// Whether the host is this machine: 127.0.0.0/8, `::1`, or `localhost`.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Whether two URLs have the same scheme, host and port (RFC 6454).
pub(crate) fn same_origin(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin()
}
