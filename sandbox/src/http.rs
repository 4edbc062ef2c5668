//! A request as it came over the wire, and an answer before it goes out. Everything here is whole in
//! memory and synchronous; only `server` knows sockets.

use std::borrow::Cow;
use std::time::{Duration, UNIX_EPOCH};

use hyper::HeaderMap;
use hyper::body::Bytes;
use serde::Serialize;
use url::form_urlencoded;

use crate::clock::Millis;

pub(crate) type Pairs = Vec<(String, String)>;

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// One request, its target and body still encoded as the client sent them.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Which TCP connection brought it, counted from 1.
    pub(crate) connection: u64,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn content_type_is(&self, expected: &str) -> bool {
        self.header("content-type").is_some_and(|value| {
            let essence = value.split(';').next().unwrap_or_default();
            essence.trim().eq_ignore_ascii_case(expected)
        })
    }

    pub(crate) fn query_pairs(&self) -> Pairs {
        parse_pairs(self.query.as_deref().unwrap_or_default().as_bytes())
    }

    /// The pairs of a form body; none when the body is of another type.
    pub(crate) fn form_pairs(&self) -> Pairs {
        if self.content_type_is(FORM) { parse_pairs(&self.body) } else { Pairs::new() }
    }

    /// Scheme and credentials of the `Authorization` header.
    pub(crate) fn authorization(&self) -> Option<(&str, &str)> {
        let value = self.header("authorization")?.trim();
        Some(value.split_once(' ').unwrap_or((value, "")))
    }

    /// The credentials after this authentication scheme, which is case-insensitive.
    pub(crate) fn credentials(&self, scheme: &str) -> Option<&str> {
        let (sent, credentials) = self.authorization()?;
        sent.eq_ignore_ascii_case(scheme).then(|| credentials.trim())
    }
}

pub(crate) fn parse_pairs(encoded: &[u8]) -> Pairs {
    form_urlencoded::parse(encoded).map(|(k, v)| (k.into_owned(), v.into_owned())).collect()
}

/// Parameters of which none may come twice (RFC 6749, section 3.1: "MUST NOT be included more than
/// once"); one without a value counts as omitted.
pub(crate) struct Parameters(Pairs);

impl Parameters {
    /// # Errors
    /// The name of the parameter that came twice.
    pub(crate) fn unique(mut pairs: Pairs) -> Result<Self, String> {
        pairs.retain(|(_, value)| !value.is_empty());
        for (index, (name, _)) in pairs.iter().enumerate() {
            if pairs[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(name.clone());
            }
        }
        Ok(Self(pairs))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What the sandbox is going to say.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(Cow<'static, str>, String)>,
    pub(crate) body: Bytes,
    /// How long to wait before saying it.
    pub(crate) delay: Duration,
}

impl Answer {
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new(), delay: Duration::ZERO }
    }

    pub(crate) fn with_body(
        status: u16,
        content_type: impl Into<String>,
        body: impl Into<Bytes>,
    ) -> Self {
        Self { body: body.into(), ..Self::empty(status) }.header("content-type", content_type)
    }

    pub(crate) fn json(status: u16, value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).expect("answers have string keys");
        Self::with_body(status, "application/json", body)
    }

    pub(crate) fn redirect(location: impl Into<String>) -> Self {
        Self::empty(302).header("location", location)
    }

    pub(crate) fn method_not_allowed(allow: &'static str) -> Self {
        Self::empty(405).header("allow", allow)
    }

    #[must_use]
    pub(crate) fn header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<String>,
    ) -> Self {
        let name = name.into();
        self.headers.retain(|(earlier, _)| !earlier.eq_ignore_ascii_case(&name));
        self.headers.push((name, value.into()));
        self
    }

    /// With the time at which it is said, unless it has one.
    #[must_use]
    pub(crate) fn dated(self, now: Millis) -> Self {
        if self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("date")) {
            return self;
        }
        let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(now));
        self.header("date", date)
    }

    /// Credentials go no further than the client (RFC 6749, section 5.1).
    #[must_use]
    pub(crate) fn not_stored(self) -> Self {
        self.header("cache-control", "no-store").header("pragma", "no-cache")
    }
}
