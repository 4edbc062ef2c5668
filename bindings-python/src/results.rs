//! What operations give back. Times are Unix seconds here, as everywhere in Python; none of these shows a secret in its
//! `repr`.

use pyo3::prelude::*;

/// Unix seconds, as `time.time()` has them.
#[expect(clippy::cast_precision_loss, reason = "milliseconds stay exact for 285,000 years")]
pub(crate) fn seconds(unix_millis: i64) -> f64 {
    unix_millis as f64 / 1000.0
}

/// Where to send the user's browser.
#[pyclass(frozen, get_all, module = "evergrant")]
#[derive(Clone)]
pub(crate) struct Start {
    /// The authorization URL.
    url: String,
    /// The `state` in it; OAuth 1: the temporary token.
    state: String,
    /// When the transaction expires, in Unix seconds.
    expires_at: f64,
    /// When the browser has to be there, in Unix seconds, if the provider said so.
    open_by: Option<f64>,
}

impl From<evergrant::Start> for Start {
    fn from(start: evergrant::Start) -> Self {
        Start {
            url: start.url,
            state: start.state,
            expires_at: seconds(start.expires_at),
            open_by: start.open_by.map(seconds),
        }
    }
}

/// Consent that was stored.
#[pyclass(frozen, get_all, module = "evergrant")]
#[derive(Clone)]
pub(crate) struct Finished {
    /// Whose grant.
    subject: String,
    /// Which of this subject's grants.
    slot: String,
    /// The grant's identity; new consent has a new one.
    grant_id: String,
    /// The number of the renewal.
    generation: u64,
    /// What was granted.
    scope: Vec<String>,
    /// When the access token expires, in Unix seconds, if the provider said so.
    expires_at: Option<f64>,
    /// What was asked for and not granted.
    missing_scope: Vec<String>,
}

impl From<evergrant::Finished> for Finished {
    fn from(finished: evergrant::Finished) -> Self {
        Finished {
            subject: finished.subject,
            slot: finished.slot,
            grant_id: finished.grant_id,
            generation: finished.generation,
            scope: finished.scope,
            expires_at: finished.expires_at.map(seconds),
            missing_scope: finished.missing_scope,
        }
    }
}

#[pymethods]
impl Finished {
    fn __repr__(&self) -> String {
        format!(
            "Finished(subject={:?}, slot={:?}, grant_id={:?}, generation={})",
            self.subject, self.slot, self.grant_id, self.generation
        )
    }
}

/// What to show to a user who consents on another device, and what to poll with.
#[pyclass(frozen, get_all, module = "evergrant")]
pub(crate) struct DeviceStart {
    /// Names this flow in `poll_device` and `wait_device`, in any process.
    state: String,
    /// What the user types.
    user_code: String,
    /// Where the user types it.
    verification_uri: String,
    /// The same address with the code in it, for a link or a QR code, if the provider gave one.
    verification_uri_complete: Option<String>,
    /// Seconds between polls.
    interval: f64,
    /// When the user has to be done, in Unix seconds.
    expires_at: f64,
}

impl From<evergrant::DeviceStart> for DeviceStart {
    fn from(start: evergrant::DeviceStart) -> Self {
        DeviceStart {
            state: start.state,
            user_code: start.user_code,
            verification_uri: start.verification_uri,
            verification_uri_complete: start.verification_uri_complete,
            interval: start.interval,
            expires_at: seconds(start.expires_at),
        }
    }
}

/// What a poll found.
#[pyclass(frozen, get_all, module = "evergrant")]
pub(crate) struct DevicePoll {
    /// The consent, once it is given.
    finished: Option<Finished>,
    /// Else: when to poll again, in Unix seconds; a poll before that asks nobody.
    poll_at: Option<f64>,
}

impl From<evergrant::DevicePoll> for DevicePoll {
    fn from(poll: evergrant::DevicePoll) -> Self {
        DevicePoll {
            finished: poll.finished.map(Finished::from),
            poll_at: poll.poll_at.map(seconds),
        }
    }
}

/// How a grant stands.
#[pyclass(frozen, get_all, module = "evergrant")]
pub(crate) struct Standing {
    /// `valid`, `refreshable` or `need_user`.
    status: String,
    /// Why the user is needed: `no_grant`, `missing_scope`, `hold`, `revoking`, or a reason of `needs_consent`.
    reason: Option<String>,
    /// What was wanted and is not granted.
    missing_scope: Vec<String>,
    /// Where to send the user who is needed.
    start: Option<Start>,
}

impl From<evergrant::Standing> for Standing {
    fn from(standing: evergrant::Standing) -> Self {
        Standing {
            status: to_text(&standing.status).trim_matches('"').to_owned(),
            reason: standing.reason,
            missing_scope: standing.missing_scope,
            start: standing.start.map(Start::from),
        }
    }
}

/// A signed OAuth 1.0a request: what to send.
#[pyclass(frozen, get_all, module = "evergrant")]
pub(crate) struct SignedRequest {
    /// Value of the `Authorization` header, where that carries the protocol parameters.
    authorization: Option<String>,
    /// Where to send it, with its whole query.
    url: String,
    /// The whole form-encoded body, where that carries the protocol parameters.
    body: Option<String>,
    /// What was signed (RFC 5849 section 3.4.1), to compare where a server refuses the signature.
    base_string: String,
}

impl From<evergrant::SignedRequest> for SignedRequest {
    fn from(signed: evergrant::SignedRequest) -> Self {
        SignedRequest {
            authorization: signed.authorization,
            url: signed.url,
            body: signed.body,
            base_string: signed.base_string,
        }
    }
}

/// A usable access token. Its text is in `token` only.
#[pyclass(frozen, module = "evergrant")]
pub(crate) struct AccessToken(evergrant::AccessToken);

impl From<evergrant::AccessToken> for AccessToken {
    fn from(token: evergrant::AccessToken) -> Self {
        AccessToken(token)
    }
}

#[pymethods]
impl AccessToken {
    /// The token's text: a secret.
    #[getter]
    fn token(&self) -> &str {
        self.0.token.expose()
    }

    /// How it is sent, such as `Bearer`.
    #[getter]
    fn token_type(&self) -> &str {
        &self.0.token_type
    }

    /// When it expires, in Unix seconds, if the provider said so.
    #[getter]
    fn expires_at(&self) -> Option<f64> {
        self.0.expires_at.map(seconds)
    }

    fn __repr__(&self) -> String {
        format!("AccessToken(token='[redacted]', token_type={:?})", self.0.token_type)
    }
}

/// A grant as a document, to go on with elsewhere: `put(subject, document=exported.text)`. Its text is in `text` only.
#[pyclass(frozen, module = "evergrant")]
pub(crate) struct GrantDocument(evergrant::Secret);

impl From<evergrant::Secret> for GrantDocument {
    fn from(document: evergrant::Secret) -> Self {
        GrantDocument(document)
    }
}

#[pymethods]
impl GrantDocument {
    /// The document itself, as secret as the tokens in it.
    #[getter]
    fn text(&self) -> &str {
        self.0.expose()
    }

    #[expect(clippy::unused_self, reason = "Python calls it on an object")]
    fn __repr__(&self) -> &'static str {
        "GrantDocument(text='[redacted]')"
    }
}

/// Python's `None`, as the outcome of an operation that gives nothing.
pub(crate) const NOTHING: Option<bool> = None;

/// The JSON text of plain data.
pub(crate) fn to_text(data: &impl serde::Serialize) -> String {
    serde_json::to_string(data).expect("results are plain data")
}
