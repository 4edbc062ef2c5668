//! The device authorization grant (RFC 8628): what the provider says when a device begins, and what its answers to polling
//! mean for when to ask again.

use super::expiry::{Expiry, LifetimeUnit};
use super::json::{self, BodyError, Fields};
use crate::secret::{Secret, shown};
use serde_json::Value;
use std::time::Duration;
use thiserror::Error;
use url::Url;

/// The grant type (section 3.4).
pub const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Seconds between polls where the provider does not say (section 3.2).
const INTERVAL: u32 = 5;

/// By how much `slow_down` makes the time between polls longer, then and from then on (section 3.5).
const SLOWER: Duration = Duration::from_secs(5);

/// The longest time between polls that a provider can ask for: one who asks for more would never be asked again.
const LONGEST_INTERVAL: Duration = Duration::from_secs(300);

/// The answer of the device authorization endpoint (section 3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceAuthorization {
    /// `device_code`: what the client polls with.
    pub device_code: Secret,
    /// `user_code`: what the user types at the verification URI. One line, at most 500 characters.
    pub user_code: String,
    /// `verification_uri`; whether its scheme may be opened is the transport's to decide.
    pub verification_uri: Url,
    /// `verification_uri_complete`: the same with the user code in it.
    pub verification_uri_complete: Option<Url>,
    /// `expires_in`: for how long both codes are valid.
    pub expires_in: Duration,
    /// `interval`: how long to wait between polls at least; 5 s where not told.
    pub interval: Duration,
}

/// Why there is nothing to show to the user.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DeviceAuthorizationError {
    /// The body is not an object of fields.
    #[error("the device authorization response cannot be read: {0}")]
    Body(#[from] BodyError),
    /// A field is missing or of another type.
    #[error("`{field}` in the device authorization response is missing or not {expected}")]
    Field {
        /// Its name.
        field: &'static str,
        /// Such as `an absolute URL`.
        expected: &'static str,
    },
}

impl DeviceAuthorization {
    /// Reads the answer; `verification_url` is an older name that some providers still have.
    pub fn parse(media_type: Option<&str>, body: &[u8]) -> Result<Self, DeviceAuthorizationError> {
        let fields = json::parse_json_or_form(media_type, body)?;
        let text = |field| {
            let missing = || DeviceAuthorizationError::Field { field, expected: "text" };
            json::text(&fields, field).ok_or_else(missing)
        };
        let verification_uri = url(&fields, "verification_uri")
            .or_else(|| url(&fields, "verification_url"))
            .ok_or(DeviceAuthorizationError::Field {
                field: "verification_uri",
                expected: "an absolute URL",
            })?;
        let expires_in = seconds(&fields, "expires_in").ok_or(DeviceAuthorizationError::Field {
            field: "expires_in",
            expected: "a number of seconds above 0",
        })?;
        let interval = seconds(&fields, "interval").unwrap_or(INTERVAL);
        Ok(DeviceAuthorization {
            device_code: Secret::from(text("device_code")?),
            user_code: shown(text("user_code")?, &[]),
            verification_uri,
            verification_uri_complete: url(&fields, "verification_uri_complete")
                .or_else(|| url(&fields, "verification_url_complete")),
            expires_in: Duration::from_secs(expires_in.into()),
            interval: Duration::from_secs(interval.into()).min(LONGEST_INTERVAL),
        })
    }
}

fn url(fields: &Fields, name: &str) -> Option<Url> {
    Url::parse(json::text(fields, name)?).ok()
}

fn seconds(fields: &Fields, name: &str) -> Option<u32> {
    let value: &Value = fields.get(name)?;
    match Expiry::of_lifetime(value, LifetimeUnit::Seconds)? {
        Expiry::In(seconds) => Some(seconds),
        Expiry::At(_) => None,
    }
}

/// What a poll without tokens means for the next one (section 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Poll {
    /// `authorization_pending`: ask again after the interval.
    Pending,
    /// `slow_down`: ask again after an interval that is 5 s longer.
    SlowDown,
    /// No answer came: ask again after twice the interval.
    NoAnswer,
}

impl Poll {
    /// What the word of an error answer means; none where it ends the polling.
    #[must_use]
    pub fn of_error(error: &str) -> Option<Self> {
        match error {
            "authorization_pending" => Some(Poll::Pending),
            "slow_down" => Some(Poll::SlowDown),
            _ => None,
        }
    }

    /// The interval from now on.
    #[must_use]
    pub fn interval_after(self, interval: Duration) -> Duration {
        let longer = match self {
            Poll::Pending => interval,
            Poll::SlowDown => interval + SLOWER,
            Poll::NoAnswer => interval * 2,
        };
        longer.min(LONGEST_INTERVAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn parse(body: &str) -> Result<DeviceAuthorization, DeviceAuthorizationError> {
        DeviceAuthorization::parse(Some("application/json"), body.as_bytes())
    }

    #[test]
    fn rfc8628_section_3_2_the_answer_is_read() {
        let answer = parse(
            r#"{
                "device_code": "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS",
                "user_code": "WDJB-MJHT",
                "verification_uri": "https://example.com/device",
                "verification_uri_complete": "https://example.com/device?user_code=WDJB-MJHT",
                "expires_in": 1800,
                "interval": 5
            }"#,
        )
        .unwrap();
        assert_eq!(answer.device_code.expose(), "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS");
        assert_eq!(answer.user_code, "WDJB-MJHT");
        assert_eq!(answer.verification_uri.as_str(), "https://example.com/device");
        assert_eq!(
            answer.verification_uri_complete.unwrap().as_str(),
            "https://example.com/device?user_code=WDJB-MJHT"
        );
        assert_eq!((answer.expires_in, answer.interval), (1800 * SECOND, 5 * SECOND));
    }

    #[test]
    fn an_older_name_numbers_as_text_and_a_missing_interval_are_understood() {
        let answer = parse(
            r#"{"device_code":"d","user_code":"u","verification_url":"https://g.example/","expires_in":"900"}"#,
        )
        .unwrap();
        assert_eq!(answer.verification_uri.as_str(), "https://g.example/");
        assert_eq!((answer.expires_in, answer.interval), (900 * SECOND, 5 * SECOND));
    }

    #[test]
    fn what_is_missing_is_named() {
        let whole =
            r#"{"device_code":"d","user_code":"u","verification_uri":"https://a/","expires_in":9}"#;
        assert!(parse(whole).is_ok());
        for field in ["device_code", "user_code", "verification_uri", "expires_in"] {
            let error = parse(&whole.replace(field, "other")).unwrap_err();
            assert!(
                matches!(error, DeviceAuthorizationError::Field { field: named, .. } if named == field),
                "{error}"
            );
        }
        assert!(parse("<html>").is_err());
    }

    #[test]
    fn what_a_user_is_shown_is_one_line_and_an_interval_has_an_end() {
        let answer = parse(
            r#"{"device_code":"d","user_code":"A\u001b[2J\nB","verification_uri":"https://a/","expires_in":9,"interval":1e9}"#,
        )
        .unwrap();
        assert!(!answer.user_code.chars().any(char::is_control), "{:?}", answer.user_code);
        assert_eq!(answer.interval, LONGEST_INTERVAL);
    }

    #[test]
    fn rfc8628_section_3_5_slow_down_adds_five_seconds_and_a_time_out_doubles() {
        assert_eq!(Poll::of_error("authorization_pending"), Some(Poll::Pending));
        assert_eq!(Poll::of_error("slow_down"), Some(Poll::SlowDown));
        for end in ["access_denied", "expired_token", "invalid_grant", ""] {
            assert_eq!(Poll::of_error(end), None);
        }
        assert_eq!(Poll::Pending.interval_after(5 * SECOND), 5 * SECOND);
        assert_eq!(Poll::SlowDown.interval_after(5 * SECOND), 10 * SECOND);
        assert_eq!(Poll::NoAnswer.interval_after(5 * SECOND), 10 * SECOND);
        assert_eq!(Poll::NoAnswer.interval_after(LONGEST_INTERVAL), LONGEST_INTERVAL);
    }

    #[test]
    fn debug_shows_no_device_code() {
        let answer = parse(
            r#"{"device_code":"canary","user_code":"u","verification_uri":"https://a/","expires_in":9}"#,
        );
        assert!(!format!("{answer:?}").contains("canary"));
    }
}
