//! The answer to a pushed authorization request (RFC 9126 section 2.2).

use super::expiry::{Expiry, LifetimeUnit};
use super::json::{self, BodyError};
use std::time::Duration;
use thiserror::Error;

/// Where the provider keeps a request that was pushed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PushedAuthorization {
    /// `request_uri`: stands for the request in the browser's URL.
    pub request_uri: String,
    /// `expires_in`: for how long the browser may be sent there; none where it is not told.
    pub expires_in: Option<Duration>,
}

/// Why there is nothing to send the browser to.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PushedAuthorizationError {
    /// The body is not an object of fields.
    #[error("the answer to the pushed authorization request cannot be read: {0}")]
    Body(#[from] BodyError),
    /// `request_uri` is missing, or not a URI.
    #[error(
        "`request_uri` in the answer to the pushed authorization request is missing or not a URI"
    )]
    RequestUri,
}

impl PushedAuthorization {
    /// Reads the answer.
    pub fn parse(media_type: Option<&str>, body: &[u8]) -> Result<Self, PushedAuthorizationError> {
        let fields = json::parse_json(media_type, body)?;
        let is_uri =
            |text: &&str| text.contains(':') && text.bytes().all(|byte| byte.is_ascii_graphic());
        let request_uri = json::text(&fields, "request_uri").filter(is_uri);
        let expiry = fields.get("expires_in");
        let expiry = expiry.and_then(|value| Expiry::of_lifetime(value, LifetimeUnit::Seconds));
        Ok(PushedAuthorization {
            request_uri: request_uri.ok_or(PushedAuthorizationError::RequestUri)?.to_owned(),
            expires_in: match expiry {
                Some(Expiry::In(seconds)) => Some(Duration::from_secs(seconds.into())),
                _ => None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<PushedAuthorization, PushedAuthorizationError> {
        PushedAuthorization::parse(Some("application/json"), body.as_bytes())
    }

    #[test]
    fn rfc9126_section_2_2_the_answer_is_read() {
        let answer = parse(
            r#"{
                "request_uri": "urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c",
                "expires_in": 60
            }"#,
        )
        .unwrap();
        assert_eq!(
            answer.request_uri,
            "urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c"
        );
        assert_eq!(answer.expires_in, Some(Duration::from_secs(60)));
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for body in [r#"{"expires_in":60}"#, r#"{"request_uri":"a b:c"}"#, r#"{"request_uri":7}"#] {
            assert_eq!(parse(body).unwrap_err(), PushedAuthorizationError::RequestUri, "{body}");
        }
        assert!(matches!(parse("<html>"), Err(PushedAuthorizationError::Body(_))));
        assert_eq!(parse(r#"{"request_uri":"urn:x"}"#).unwrap().expires_in, None);
    }
}
