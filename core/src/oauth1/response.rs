//! What a server answers: temporary credentials (RFC 5849 section 2.1), token credentials (section 2.3),
//! or a problem (the OAuth Problem Reporting extension).
//!
//! A body that is not what was expected is never quoted: it may hold what was meant to be secret.

use super::encoding::decode;
use crate::challenge;
use crate::secret::{Secret, shown};
use serde_json::{Map, Value};
use std::fmt;
use thiserror::Error;
use url::form_urlencoded;

/// What identifies one authorization while the user decides.
#[derive(Clone, PartialEq, Eq)]
pub struct TemporaryCredentials {
    /// `oauth_token`.
    pub token: Secret,
    /// `oauth_token_secret`.
    pub token_secret: Secret,
    /// Whether `oauth_callback_confirmed` is `true`, as RFC 5849 demands, in any case of letters: servers on Authlib say
    /// `True`. Servers of the first, unsafe OAuth 1.0 leave it out.
    pub callback_confirmed: bool,
}

impl TemporaryCredentials {
    /// Reads a successful answer; `media_type` is its `Content-Type`, used in error texts only.
    pub fn parse(media_type: Option<&str>, body: &[u8]) -> Result<Self, ResponseError> {
        let mut fields = Fields::parse("temporary credentials", media_type, body);
        Ok(TemporaryCredentials {
            token: fields.required("oauth_token")?,
            token_secret: fields.required("oauth_token_secret")?,
            callback_confirmed: fields
                .text("oauth_callback_confirmed")
                .is_some_and(|said| said.eq_ignore_ascii_case("true")),
        })
    }
}

impl fmt::Debug for TemporaryCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TemporaryCredentials")
            .field("callback_confirmed", &self.callback_confirmed)
            .finish_non_exhaustive()
    }
}

/// What signs API requests for the user.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenCredentials {
    /// `oauth_token`.
    pub token: Secret,
    /// `oauth_token_secret`.
    pub token_secret: Secret,
    /// `oauth_session_handle`, with which some servers renew an expired token.
    pub session_handle: Option<Secret>,
    /// `oauth_expires_in`, seconds; none where the server told none or 0.
    pub expires_in: Option<u32>,
    /// `oauth_authorization_expires_in`, seconds: how long the session handle works.
    pub authorization_expires_in: Option<u32>,
    /// Every parameter of the answer, the ones above included.
    pub raw: Map<String, Value>,
}

impl TokenCredentials {
    /// Reads a successful answer; `media_type` is its `Content-Type`, used in error texts only.
    pub fn parse(media_type: Option<&str>, body: &[u8]) -> Result<Self, ResponseError> {
        let mut fields = Fields::parse("token credentials", media_type, body);
        Ok(TokenCredentials {
            token: fields.required("oauth_token")?,
            token_secret: fields.required("oauth_token_secret")?,
            session_handle: fields.text("oauth_session_handle").map(Secret::from),
            expires_in: fields.seconds("oauth_expires_in"),
            authorization_expires_in: fields.seconds("oauth_authorization_expires_in"),
            raw: fields.values,
        })
    }
}

impl fmt::Debug for TokenCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCredentials")
            .field("session_handle", &self.session_handle)
            .field("expires_in", &self.expires_in)
            .field("authorization_expires_in", &self.authorization_expires_in)
            .finish_non_exhaustive()
    }
}

/// Why an answer holds no credentials.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "the {what} response has no `{parameter}`: expected application/x-www-form-urlencoded with \
     `oauth_token` and `oauth_token_secret`, got {found}"
)]
pub struct ResponseError {
    what: &'static str,
    parameter: &'static str,
    found: String,
}

/// What a server reports with `oauth_problem`: text for people and logs, in one line of at most 500 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Such as `token_rejected`, `token_revoked`, `timestamp_refused`, `nonce_used`, `user_refused`.
    pub problem: String,
    /// `oauth_problem_advice`, text for people.
    pub advice: Option<String>,
    /// `oauth_acceptable_timestamps`: the first and the last that the server takes.
    pub acceptable_timestamps: Option<(u32, u32)>,
}

impl Problem {
    /// Looks for `oauth_problem` in the values of `WWW-Authenticate`, then in a form-encoded body.
    #[must_use]
    pub fn find<'a>(
        www_authenticate: impl IntoIterator<Item = &'a str>,
        body: &[u8],
    ) -> Option<Self> {
        www_authenticate.into_iter().find_map(Problem::in_header).or_else(|| Problem::in_body(body))
    }

    fn in_header(www_authenticate: &str) -> Option<Self> {
        challenge::parse(www_authenticate)
            .iter()
            .filter(|challenge| challenge.is("OAuth"))
            .find_map(|challenge| Problem::new(|name| challenge.parameter(name).map(decode)))
    }

    fn in_body(body: &[u8]) -> Option<Self> {
        let fields = Fields::parse("", None, body);
        Problem::new(|name| fields.text(name).map(str::to_owned))
    }

    fn new(parameter: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let text = |name: &str| parameter(name).map(|text| shown(&text, &[]));
        let problem = text("oauth_problem")?;
        let acceptable_timestamps = parameter("oauth_acceptable_timestamps").and_then(|range| {
            let (first, last) = range.split_once('-')?;
            Some((first.parse().ok()?, last.parse().ok()?))
        });
        Some(Problem { problem, advice: text("oauth_problem_advice"), acceptable_timestamps })
    }
}

/// The parameters of a body, and what to say when one is missing.
struct Fields<'a> {
    what: &'static str,
    media_type: Option<&'a str>,
    body: &'a [u8],
    values: Map<String, Value>,
}

impl<'a> Fields<'a> {
    fn parse(what: &'static str, media_type: Option<&'a str>, body: &'a [u8]) -> Self {
        let values = form_urlencoded::parse(body.trim_ascii())
            .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
            .collect();
        Fields { what, media_type, body, values }
    }

    /// A value that is there and not empty.
    fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    fn seconds(&self, name: &str) -> Option<u32> {
        self.text(name)?.parse().ok().filter(|&seconds| seconds > 0)
    }

    fn required(&mut self, parameter: &'static str) -> Result<Secret, ResponseError> {
        let missing = || ResponseError { what: self.what, parameter, found: self.describe_body() };
        self.text(parameter).map(Secret::from).ok_or_else(missing)
    }

    fn describe_body(&self) -> String {
        let kind = match self.body.trim_ascii_start().first() {
            None => "an empty body",
            Some(b'<') => "what looks like a page of HTML or XML",
            Some(b'{' | b'[') => "what looks like JSON",
            Some(_) => "another text",
        };
        let media_type = shown(self.media_type.unwrap_or("no media type"), &[]);
        format!("{kind} ({media_type}, {} bytes)", self.body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Option<&str> = Some("application/x-www-form-urlencoded");

    #[test]
    fn temporary_credentials_are_those_of_rfc_5849_section_2_1() {
        let body = b"oauth_token=hdk48Djdsa&oauth_token_secret=xyz4992k83j47x0b&oauth_callback_confirmed=true";
        let credentials = TemporaryCredentials::parse(FORM, body).unwrap();
        assert_eq!(credentials.token.expose(), "hdk48Djdsa");
        assert_eq!(credentials.token_secret.expose(), "xyz4992k83j47x0b");
        assert!(credentials.callback_confirmed);
    }

    #[test]
    fn callback_is_confirmed_as_authlib_writes_it() {
        let body = b"oauth_token=a&oauth_token_secret=b&oauth_callback_confirmed=True";
        assert!(TemporaryCredentials::parse(FORM, body).unwrap().callback_confirmed);
    }

    #[test]
    fn callback_is_confirmed_by_true_only() {
        for confirmed in ["", "&oauth_callback_confirmed=false", "&oauth_callback_confirmed="] {
            let body = format!("oauth_token=a&oauth_token_secret=b{confirmed}");
            let credentials = TemporaryCredentials::parse(FORM, body.as_bytes()).unwrap();
            assert!(!credentials.callback_confirmed, "{body}");
        }
    }

    #[test]
    fn token_credentials_keep_every_parameter() {
        let body = b"oauth_token=a%2Fb&oauth_token_secret=c+d&oauth_session_handle=h\
            &oauth_expires_in=3600&oauth_authorization_expires_in=0&screen_name=alice\n";
        let credentials = TokenCredentials::parse(None, body).unwrap();
        assert_eq!(credentials.token.expose(), "a/b");
        assert_eq!(credentials.token_secret.expose(), "c d");
        assert_eq!(credentials.session_handle, Some(Secret::from("h")));
        assert_eq!(credentials.expires_in, Some(3600));
        assert_eq!(credentials.authorization_expires_in, None);
        assert_eq!(credentials.raw["screen_name"], "alice");
        assert_eq!(credentials.raw.len(), 6);
    }

    #[test]
    fn missing_parameter_is_named_and_the_body_is_not_quoted() {
        let body = br#"{"oauth_token": "canary""#;
        let error = TokenCredentials::parse(Some("application/json"), body).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the token credentials response has no `oauth_token`: expected \
             application/x-www-form-urlencoded with `oauth_token` and `oauth_token_secret`, got what \
             looks like JSON (application/json, 24 bytes)"
        );
        let error = TemporaryCredentials::parse(FORM, b"oauth_token=canary&oauth_token_secret=");
        let shown = format!("{error:?} {}", error.as_ref().unwrap_err());
        assert!(shown.contains("`oauth_token_secret`") && !shown.contains("canary"), "{shown}");
    }

    #[test]
    fn problem_is_read_from_header_and_body() {
        let header =
            r#"OAuth realm="x", oauth_problem="token%5Frejected", oauth_problem_advice="a%20b""#;
        let problem = Problem::find([r#"Basic realm="y""#, header], b"").unwrap();
        assert_eq!(problem.problem, "token_rejected");
        assert_eq!(problem.advice.as_deref(), Some("a b"));

        let body = b"oauth_problem=timestamp_refused&oauth_acceptable_timestamps=1000-1600";
        let problem = Problem::find([], body).unwrap();
        assert_eq!((problem.problem.as_str(), problem.advice), ("timestamp_refused", None));
        assert_eq!(problem.acceptable_timestamps, Some((1000, 1600)));
        let body = format!("oauth_problem=a%0D%0Ab&oauth_problem_advice={}", "x".repeat(600));
        let problem = Problem::find([], body.as_bytes()).unwrap();
        assert_eq!((problem.problem.as_str(), problem.advice.unwrap().len()), ("a  b", 500));
        assert_eq!(Problem::find([r#"OAuth realm="x""#], b"<html>"), None);
    }

    #[test]
    fn debug_shows_no_secret() {
        let body = b"oauth_token=canary1&oauth_token_secret=canary2&oauth_session_handle=canary3";
        let shown = format!(
            "{:?} {:?}",
            TokenCredentials::parse(None, body).unwrap(),
            TemporaryCredentials::parse(None, body).unwrap()
        );
        assert!(!shown.contains("canary"), "{shown}");
    }
}
