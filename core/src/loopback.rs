//! Which addresses are this very machine (RFC 8252 section 8.3).

use url::{Host, Url};

/// Whether the host is this machine: 127.0.0.0/8, `::1`, or `localhost`.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}
