//! The authorization transaction: what `begin` must remember for `finish`, single-use and expiring, kept in the store.

use super::{BeginOptions, Finished};
use crate::clock::UnixMillis;
use crate::context::{Context, Settings};
use crate::error::{Code, Error, Result};
use crate::process::random_bytes;
use crate::secret::Secret;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How long the user has to answer.
const LIFETIME: UnixMillis = 600_000;

/// An authorization under way.
#[derive(Serialize, Deserialize)]
pub(super) struct Transaction {
    pub(super) state: String,
    pub(super) client: String,
    pub(super) subject: String,
    pub(super) slot: String,
    pub(super) scope: Vec<String>,
    pub(super) redirect_uri: Option<String>,
    /// The issuer of the provider that the user was sent to (RFC 9207).
    #[serde(default)]
    pub(super) issuer: Option<String>,
    /// What was granted before and is asked for along with the scopes.
    #[serde(default)]
    pub(super) granted: Vec<String>,
    /// Digest of the browser-session key.
    pub(super) session: Option<String>,
    /// The PKCE verifier (RFC 7636).
    pub(super) code_verifier: Option<Secret>,
    /// The key that the grant's tokens are to be bound to (RFC 9449), as a record keeps it.
    #[serde(default)]
    pub(super) dpop_key: Option<Secret>,
    /// What the `id_token` must repeat (OpenID Connect Core section 3.1.2.1).
    #[serde(default)]
    pub(super) nonce: Option<String>,
    /// OAuth 1: the temporary credentials (RFC 5849 section 2.1).
    pub(super) temporary: Option<(Secret, Secret)>,
    /// The device flow that this is of (RFC 8628); none where a callback ends it.
    #[serde(default)]
    pub(super) device: Option<Device>,
    pub(super) expires_at: UnixMillis,
}

impl Transaction {
    pub(super) fn new(
        context: &Context,
        subject: &str,
        options: &BeginOptions,
        redirect_uri: Option<String>,
    ) -> Self {
        let settings = &context.settings;
        let scope = options.scope.as_ref().map_or(&settings.scope, |scope| &scope.0);
        Transaction {
            redirect_uri,
            session: session_digest(options.browser_session.as_deref()),
            ..Transaction::of(settings, subject, &options.slot, scope.clone())
        }
    }

    /// One that binds no more than client, subject and slot.
    pub(super) fn of(settings: &Settings, subject: &str, slot: &str, scope: Vec<String>) -> Self {
        Transaction {
            state: URL_SAFE_NO_PAD.encode(random_bytes::<32>()),
            client: settings.client_key(),
            subject: subject.to_owned(),
            slot: slot.to_owned(),
            scope,
            redirect_uri: None,
            issuer: None,
            granted: Vec::new(),
            session: None,
            code_verifier: None,
            dpop_key: None,
            nonce: None,
            temporary: None,
            device: None,
            expires_at: settings.now() + LIFETIME,
        }
    }

    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a transaction is plain data")
    }

    pub(super) fn from_text(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| {
            Error::new(
                Code::Store,
                format!(
                    "the store gave an authorization transaction that cannot be read (line {}, column {}); expected \
                     the text that was kept, unchanged",
                    error.line(),
                    error.column()
                ),
            )
        })
    }
}

/// What a device flow has to remember between polls.
#[derive(Serialize, Deserialize)]
pub(super) struct Device {
    pub(super) code: Secret,
    /// Between polls, in milliseconds.
    pub(super) interval: UnixMillis,
    /// When to poll next.
    pub(super) poll_at: UnixMillis,
}

/// How a device flow ended, for those who ask later.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ended {
    Granted(Finished),
    Failed(Error),
}

impl Ended {
    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a result is plain data")
    }

    pub(super) fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// What is left of a transaction that ended, for a callback that arrives twice.
#[derive(Serialize, Deserialize)]
pub(super) struct Settled {
    pub(super) session: Option<String>,
    pub(super) finished: Finished,
}

impl Settled {
    pub(super) fn to_text(&self) -> String {
        serde_json::to_string(self).expect("a result is plain data")
    }

    pub(super) fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// The browser-session key itself is not stored.
pub(super) fn session_digest(key: Option<&str>) -> Option<String> {
    key.map(|key| URL_SAFE_NO_PAD.encode(Sha256::digest(key.as_bytes())))
}
