//! A redirect URI from the request that an application is answering. Behind a proxy the application's own server does not
//! know under which name and scheme it is reached; what says so are headers, which anybody can send who reaches it directly.

use crate::error::{Code, Error, Result};
use crate::http::check_url;
use serde::Deserialize;
use std::collections::BTreeMap;
use url::Url;

/// A request that came to the application, as its own server tells it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IncomingRequest {
    /// Its absolute URL, as far as the application's server knows it. Query and fragment are left aside.
    pub url: String,
    /// Its headers, by names in any case; only what a proxy adds is looked at.
    pub headers: BTreeMap<String, String>,
    /// Whether `Forwarded` (RFC 7239) and `X-Forwarded-Proto`, `-Host` and `-Port` are believed. Only where a proxy stands in
    /// front that sets or removes them all: else whoever sends them chooses where codes go.
    pub trust_proxy: bool,
}

/// The redirect URI at `path` of the application that was reached by this request; at the request's own path where there is
/// none. https, or http to a loopback address.
pub fn redirect_uri_of(request: &IncomingRequest, path: Option<&str>) -> Result<String> {
    let invalid = |what: &str| Error::new(Code::InvalidArgument, format!("request.{what}"));
    let mut url = Url::parse(&request.url)
        .ok()
        .filter(Url::has_host)
        .ok_or_else(|| invalid("url: expected the absolute URL of the request"))?;
    url.set_query(None);
    url.set_fragment(None);
    if let Some(path) = path {
        if !path.starts_with('/') || path.contains(['?', '#']) {
            return Err(Error::new(Code::InvalidArgument, "path: expected one that begins with /"));
        }
        url.set_path(path);
    }
    if request.trust_proxy {
        let Forwarded { proto, host, port } = Forwarded::of(&request.headers);
        let wrong = || invalid("headers: the proxy names no host or scheme that can be one");
        if let Some(proto) = proto {
            if !matches!(proto.as_str(), "http" | "https") {
                return Err(wrong());
            }
            url.set_scheme(&proto).map_err(|()| wrong())?;
            url.set_port(None).map_err(|()| wrong())?; // that of the application's own server
        }
        if let Some(host) = host {
            let named = Url::parse(&format!("{}://{host}/", url.scheme())).map_err(|_| wrong())?;
            if named.path() != "/" || named[..url::Position::BeforeHost].contains('@') {
                return Err(wrong());
            }
            url.set_host(named.host_str()).map_err(|_| wrong())?;
            url.set_port(named.port()).map_err(|()| wrong())?;
        }
        if let Some(port) = port {
            url.set_port(Some(port)).map_err(|()| wrong())?;
        }
    }
    check_url(&url, "redirect_uri")?;
    Ok(url.into())
}

/// What the proxies say; the first in each list is the one that the user reached.
struct Forwarded {
    proto: Option<String>,
    host: Option<String>,
    port: Option<u16>,
}

impl Forwarded {
    fn of(headers: &BTreeMap<String, String>) -> Self {
        let first = |wanted: &str| {
            let mut named = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
            let value = named.next()?.1.split(',').next()?.trim();
            Some(value.to_owned()).filter(|value| !value.is_empty())
        };
        let lower = |text: String| text.to_ascii_lowercase();
        if let Some(element) = first("forwarded") {
            let pairs = || element.split(';').filter_map(|pair| pair.trim().split_once('='));
            let value = |wanted: &str| {
                let (_, value) =
                    pairs().find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))?;
                Some(value.trim().trim_matches('"').to_owned())
            };
            return Forwarded { proto: value("proto").map(lower), host: value("host"), port: None };
        }
        Forwarded {
            proto: first("x-forwarded-proto").map(lower),
            host: first("x-forwarded-host"),
            port: first("x-forwarded-port").and_then(|port| port.parse().ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derived(url: &str, headers: &[(&str, &str)], trust_proxy: bool) -> Result<String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers = headers.iter().map(owned).collect();
        redirect_uri_of(
            &IncomingRequest { url: url.to_owned(), headers, trust_proxy },
            Some("/callback"),
        )
    }

    #[test]
    fn what_proxies_say_is_believed_only_where_that_is_enabled() {
        let forged = [("X-Forwarded-Host", "evil.example"), ("Forwarded", "host=evil.example")];
        let uri = derived("https://app.example/login?next=/", &forged, false).unwrap();
        assert_eq!(uri, "https://app.example/callback");
    }

    #[test]
    fn scheme_host_and_port_are_those_that_the_user_reached() {
        let inside = "http://10.0.0.5:8080/login";
        for headers in [
            &[("x-forwarded-proto", "https"), ("X-Forwarded-Host", "app.example")][..],
            &[("X-Forwarded-Proto", "https, http"), ("X-Forwarded-Host", "app.example, inner")],
            &[("Forwarded", "for=1.2.3.4;proto=HTTPS;host=\"app.example\", for=10.0.0.1")],
            &[
                ("X-Forwarded-Proto", "https"),
                ("X-Forwarded-Host", "app.example"),
                ("X-Forwarded-Port", "443"),
            ],
        ] {
            assert_eq!(
                derived(inside, headers, true).unwrap(),
                "https://app.example/callback",
                "{headers:?}"
            );
        }
        let with_port = [("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "app.example:8443")];
        assert_eq!(derived(inside, &with_port, true).unwrap(), "https://app.example:8443/callback");
        let own_name = [("X-Forwarded-Proto", "https")];
        assert_eq!(
            derived("http://app.example:80/", &own_name, true).unwrap(),
            "https://app.example/callback"
        );
    }

    #[test]
    fn what_cannot_be_a_redirect_uri_is_refused() {
        assert_eq!(
            derived("http://app.example/", &[], true).unwrap_err().code(),
            Code::InsecureUrl
        );
        assert!(derived("http://127.0.0.1:8000/", &[], true).is_ok());
        for (name, value) in [
            ("X-Forwarded-Host", "user@evil.example"),
            ("X-Forwarded-Host", "evil.example/path"),
            ("X-Forwarded-Proto", "javascript"),
        ] {
            assert!(derived("https://app.example/", &[(name, value)], true).is_err(), "{value}");
        }
        assert!(derived("/relative", &[], false).is_err());
    }
}
