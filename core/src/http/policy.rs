//! Where requests may go: https, or http to this very machine (RFC 8252 section 8.3 for redirects; RFC 9700).

use crate::error::{Code, Error, Result};
use crate::loopback::is_loopback;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
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

/// Refuses to be led from https to http, or from elsewhere to this machine: a server far away could reach what listens here
/// only.
pub(crate) fn check_followed(from: &Url, to: &Url, what: &str) -> Result<()> {
    check_url(to, what)?;
    if is_loopback(to) && !is_loopback(from) {
        let text = format!(
            "{what}: leads from elsewhere to this machine; expected an address that is not"
        );
        return Err(Error::new(Code::InsecureUrl, text));
    }
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(Error::new(
            Code::InsecureUrl,
            format!("{what}: leads from https to {}; expected https", to.scheme()),
        ));
    }
    Ok(())
}

/// Refuses an address of a private network that a URL names by number; names are for the resolver to judge. Loopback is not
/// meant: see [`check_followed`].
pub(crate) fn check_public(url: &Url, what: &str) -> Result<()> {
    let address: IpAddr = match url.host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        _ => return Ok(()),
    };
    if is_public(address) || is_loopback(url) { Ok(()) } else { Err(private_address(what)) }
}

pub(crate) fn private_address(what: &str) -> Error {
    let text = format!(
        "{what}: is in a private network; expected a public address, or allow_private_addresses = true in the configuration"
    );
    Error::new(Code::InsecureUrl, text)
}

/// Whether an address is neither of this machine nor of a private network nor of use to nobody (IANA's registries of special
/// purpose addresses, RFC 6890), however it is wrapped.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => {
            embedded_v4(address).map_or_else(|| is_public_v6(address), is_public_v4)
        }
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let is_special = matches!(
        address.octets(),
        [0 | 10 | 127 | 224..=255, ..]
            | [100, 64..=127, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 0, 0, _]
            | [192, 168, ..]
            | [198, 18 | 19, ..]
    );
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // All that is routed in the Internet is in 2000::/3; of it, 2001::/32 (Teredo, RFC 4380) leads to hosts behind NAT.
    let [first, second, ..] = address.segments();
    first & 0xe000 == 0x2000 && (first, second) != (0x2001, 0)
}

/// The address of the older protocol that one of the newer stands for: mapped, translated (RFC 6052) or by 6to4 (RFC 3056).
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => of(high, low),
        _ => None,
    }
}

/// Whether two URLs have the same scheme, host and port (RFC 6454).
pub(crate) fn same_origin(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin()
}

/// Whether a host is one of these, or below one that is written as `*.example.org`.
pub(crate) fn is_among(host: &str, hosts: &[String]) -> bool {
    hosts.iter().any(|known| match domain_of(known) {
        None => host.eq_ignore_ascii_case(known),
        Some(domain) => host
            .len()
            .checked_sub(domain.len() + 1)
            .and_then(|below| host.split_at_checked(below)?.1.strip_prefix('.'))
            .is_some_and(|end| end.eq_ignore_ascii_case(domain)),
    })
}

/// What stands behind `*.`.
pub(crate) fn domain_of(hosts: &str) -> Option<&str> {
    hosts.strip_prefix("*.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn security_07_http_is_for_loopback_addresses_however_they_are_written_and_for_nothing_that_looks_like_one()
     {
        for text in ["http://127.0.0.1/", "http://127.1:80/", "http://[::1]/", "http://LOCALHOST/"]
        {
            assert!(check_url(&url(text), "url").is_ok(), "{text}");
        }
        for text in [
            "http://localhost./",
            "http://[::ffff:127.0.0.1]/",
            "http://0.0.0.0/",
            "http://[::]/",
            "http://127.0.0.1.example/",
            "https://user@example.org/",
            "https://:pw@example.org/",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
        ] {
            assert_eq!(
                check_url(&url(text), "url").unwrap_err().code(),
                Code::InsecureUrl,
                "{text}"
            );
        }
    }

    #[test]
    fn security_11_a_host_is_below_a_domain_only_behind_a_dot() {
        let hosts = ["api.example".to_owned(), "*.example.org".to_owned()];
        for host in ["api.example", "API.example", "a.example.org", "a.b.Example.org"] {
            assert!(is_among(host, &hosts), "{host}");
        }
        for host in ["example.org", "notexample.org", "a.example.org.evil", "evilapi.example", ""] {
            assert!(!is_among(host, &hosts), "{host}");
        }
    }

    #[test]
    fn security_11_nobody_far_away_leads_to_what_listens_on_this_machine_only() {
        let (far, here) = (url("https://api.example/"), url("http://127.0.0.1:8500/v1/kv"));
        assert!(check_followed(&far, &here, "redirect").is_err());
        assert!(check_followed(&far, &url("https://[::1]/"), "redirect").is_err());
        assert!(check_followed(&here, &far, "redirect").is_ok());
        assert!(check_followed(&here, &here, "redirect").is_ok());
    }

    #[test]
    fn private_addresses_are_known_however_they_are_written() {
        for text in [
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "127.0.0.1",
            "0.0.0.0",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "::10.0.0.1",
            "2001:0:1::",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in [
            "9.255.255.255",
            "11.0.0.0",
            "172.15.0.1",
            "172.32.0.1",
            "192.167.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "223.1.1.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn a_private_address_in_a_url_is_refused_and_loopback_is_another_rules_matter() {
        for text in
            ["https://10.0.0.1/", "https://167772161/", "https://0xa.1/", "https://[fd00::1]/"]
        {
            assert_eq!(
                check_public(&url(text), "provider").unwrap_err().code(),
                Code::InsecureUrl,
                "{text}"
            );
        }
        for text in
            ["https://8.8.8.8/", "https://as.example/", "http://127.0.0.1:8000/", "http://[::1]/"]
        {
            assert!(check_public(&url(text), "provider").is_ok(), "{text}");
        }
    }
}
