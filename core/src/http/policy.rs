//! Where requests may go: https, or http to this very machine (RFC 8252 section 8.3 for redirects; RFC 9700).

use crate::error::{Code, Error, Result};
use crate::loopback::is_loopback;
use url::Url;

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

/// Refuses to be led from https to http, which would let a server far away reach what listens on this machine only.
pub(crate) fn check_followed(from: &Url, to: &Url, what: &str) -> Result<()> {
    check_url(to, what)?;
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(Error::new(
            Code::InsecureUrl,
            format!("{what}: leads from https to {}; expected https", to.scheme()),
        ));
    }
    Ok(())
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
        assert!(check_followed(&here, &far, "redirect").is_ok());
        assert!(check_followed(&here, &here, "redirect").is_ok());
    }
}
