//! The authorization transaction: what `begin` must remember for `finish`, single-use and expiring, kept in the store.

use super::{BeginOptions, Finished};
use crate::clock::UnixMillis;
use crate::context::Context;
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
        Transaction {
            state: URL_SAFE_NO_PAD.encode(random_bytes::<32>()),
            client: settings.client_key(),
            subject: subject.to_owned(),
            slot: options.slot.clone(),
            scope: options
                .scope
                .as_ref()
                .map_or_else(|| settings.scope.clone(), |scope| scope.0.clone()),
            redirect_uri,
            session: session_digest(options.browser_session.as_deref()),
            code_verifier: None,
            dpop_key: None,
            nonce: None,
            temporary: None,
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
