//! One error type for every operation, in every language: a stable [`Code`], a text that says what was
//! wrong, where, and what was expected, and whether trying again helps. Never a secret.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Result of every fallible operation of this crate.
pub type Result<T> = std::result::Result<T, Error>;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        /// What kind of failure it was. The text form is the same in all languages; the numbers are the C
        /// ABI's, have gaps, and are never used twice.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(i32)]
        pub enum Code { $($(#[$doc])* $name = $number,)* }

        impl Code {
            /// Every code, in the order of its number.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            /// The stable text form, such as `needs_consent`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// A configuration key is unknown, missing, or has the wrong type or value.
    InvalidConfig = 10, "invalid_config";
    /// No catalogue entry has this name.
    UnknownProvider = 11, "unknown_provider";
    /// An argument of a call is of the wrong type or value.
    InvalidArgument = 12, "invalid_argument";
    /// Nothing is stored for this subject.
    NoGrant = 20, "no_grant";
    /// The user has to consent (again); no request is sent until then.
    NeedsConsent = 21, "needs_consent";
    /// The user, or the provider for the user, said no.
    ConsentDenied = 22, "consent_denied";
    /// The state of a callback is unknown, already used, expired, or of another browser session.
    StateMismatch = 23, "state_mismatch";
    /// The provider asked for a pause, or the last attempts failed; see [`Error::retry_at`].
    TemporarilyUnavailable = 30, "temporarily_unavailable";
    /// The provider refuses this client registration's authentication.
    MisconfiguredClient = 31, "misconfigured_client";
    /// The provider answered with an error that has no meaning of its own here.
    ProviderError = 32, "provider_error";
    /// The provider's answer cannot be read.
    InvalidResponse = 33, "invalid_response";
    /// The provider or API cannot be reached.
    Transport = 34, "transport";
    /// The caller's deadline passed.
    Timeout = 35, "timeout";
    /// The caller left, or the client is closed.
    Cancelled = 36, "cancelled";
    /// The token store failed.
    Store = 40, "store";
    /// Somebody else wrote the record at the same time, again and again.
    StoreConflict = 41, "store_conflict";
    /// A stored record cannot be opened with the keys at hand.
    Decryption = 42, "decryption";
    /// The URL is not https (http is for loopback only), or carries a password.
    InsecureUrl = 50, "insecure_url";
    /// This provider, store or version has no way to do it.
    Unsupported = 51, "unsupported";
    /// The application's own store or hook failed.
    Callback = 52, "callback";
    /// A fault of this library.
    Internal = 60, "internal";
}

impl Code {
    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(
            self,
            Code::TemporarilyUnavailable
                | Code::Transport
                | Code::Timeout
                | Code::Store
                | Code::StoreConflict
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let known = Code::ALL.iter().find(|code| code.as_str() == text);
        known.copied().ok_or_else(|| serde::de::Error::custom("no code of an error"))
    }
}

/// A failed operation. `Display` is the message; [`Error::to_json`] is all that bindings show.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Error(Box<Details>);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Details {
    code: Code,
    message: String,
    retryable: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error_description: Option<String>,
}

impl Error {
    /// An error with a message that says what was wrong, where, and what was expected.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Error(Box::new(Details {
            code,
            message: message.into(),
            retryable: code.is_retryable(),
            retry_at: None,
            status_at: None,
            reason: None,
            provider: None,
            subject: None,
            status: None,
            error: None,
            error_description: None,
        }))
    }

    /// Unix time in milliseconds before which no attempt will be made; after it, trying again may help.
    #[must_use]
    pub fn with_retry_at(mut self, unix_millis: Option<i64>) -> Self {
        self.0.retry_at = unix_millis;
        self.0.retryable |= unix_millis.is_some();
        self
    }

    /// Unix time in milliseconds since which the grant is so.
    #[must_use]
    pub fn with_status_at(mut self, unix_millis: i64) -> Self {
        self.0.status_at = Some(unix_millis);
        self
    }

    /// A stable word that says more than the code, such as `revoked` for `needs_consent`.
    #[must_use]
    pub fn with_reason(mut self, reason: impl Into<String>) -> Self {
        self.0.reason = Some(reason.into());
        self
    }

    /// Whose grant at which provider; kept as it is where it was already told.
    #[must_use]
    pub fn with_grant(mut self, provider: &str, subject: &str) -> Self {
        self.0.provider.get_or_insert_with(|| provider.to_owned());
        self.0.subject.get_or_insert_with(|| subject.to_owned());
        self
    }

    /// The provider whose answer or entry it was.
    #[must_use]
    pub fn with_provider(mut self, provider: &str) -> Self {
        self.0.provider.get_or_insert_with(|| provider.to_owned());
        self
    }

    /// HTTP status of the provider's answer.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    /// The provider's own `error` and `error_description` (RFC 6749 section 5.2).
    #[must_use]
    pub fn with_server_error(mut self, error: Option<String>, description: Option<String>) -> Self {
        self.0.error = error;
        self.0.error_description = description;
        self
    }

    /// The same failure under another code; whether trying again helps follows the new code.
    #[must_use]
    pub fn recoded(mut self, code: Code) -> Self {
        self.0.code = code;
        self.0.retryable = code.is_retryable();
        self
    }

    /// The same failure in other words.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.0.message = message.into();
        self
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// What was wrong, where, and what was expected.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// Unix time in milliseconds before which no attempt will be made, where it is known.
    #[must_use]
    pub fn retry_at(&self) -> Option<i64> {
        self.0.retry_at
    }

    /// Unix time in milliseconds since which the grant is so, where it is known.
    #[must_use]
    pub fn status_at(&self) -> Option<i64> {
        self.0.status_at
    }

    /// A stable word that says more than the code.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.0.reason.as_deref()
    }

    /// Name of the provider.
    #[must_use]
    pub fn provider(&self) -> Option<&str> {
        self.0.provider.as_deref()
    }

    /// Whose grant it was.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.0.subject.as_deref()
    }

    /// HTTP status of the provider's answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// The provider's own `error` word.
    #[must_use]
    pub fn server_error(&self) -> Option<&str> {
        self.0.error.as_deref()
    }

    /// All of it as a JSON object: `code`, `message`, `retryable` and, where known, `retry_at` and `status_at`
    /// (Unix milliseconds), `reason`, `provider`, `subject`, `status`, `error`, `error_description`.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(&self.0).expect("an error is plain data")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}
