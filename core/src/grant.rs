//! A grant: what one subject allowed one client registration, and everything that can be done with it.

use crate::call::{self, ApiRequest, ApiResponse};
use crate::client::{Client, run, run_to_its_end};
use crate::clock::UnixMillis;
use crate::config::Scopes;
use crate::context::Settings;
use crate::error::{Code, Error, Result};
use crate::jose::dpop::DpopKey;
use crate::moving::{self, Registration};
use crate::oauth2::{BEARER, DPOP};
use crate::refresh::introspection::{self, Introspection, TokenKind};
use crate::refresh::judgement::missing_scope;
use crate::refresh::{Cause, Refresher, Refusal, Want, revocation};
use crate::secret::Secret;
use crate::store::{Consent, Entry, GrantKey, Record, StoredAccessToken, Tokens};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;

/// How long what is under way at a call's deadline has to say so by itself.
const AT_THE_DEADLINE: Duration = Duration::from_millis(50);

/// How long a token may be handed out blindly before it is compared with the store.
const BLIND: i64 = 30_000;

/// A handle on a grant; making one does no I/O.
#[derive(Clone)]
pub struct Grant {
    client: Client,
    key: GrantKey,
}

/// An access token to send.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// The token.
    pub token: Secret,
    /// `Bearer`, `DPoP` (of use only with the proofs of [`Grant::headers`]), `OAuth` (OAuth 1.0a), or what the provider said.
    pub token_type: String,
    /// Until when it is valid, in Unix milliseconds; `None` where it does not expire or nobody knows.
    pub expires_at: Option<i64>,
    /// Until when it may be handed out again without asking, in Unix milliseconds, while the epoch word stands still.
    pub valid_until: i64,
}

/// What token a caller wants.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenOptions {
    /// Seconds for which the token should still be valid, where the provider gives such.
    pub min_valid: Option<f64>,
    /// For which resource the token is to be (RFC 8707): an absolute URI. Such a token is renewed by itself.
    pub resource: Option<String>,
    /// Fewer scopes than were granted (RFC 6749 section 6); a token of its own too.
    pub scope: Option<Scopes>,
    /// Seconds until the call gives up.
    pub timeout: Option<f64>,
}

/// For which request headers are wanted.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeaderOptions {
    /// Parameters of a form-encoded body; an OAuth 1.0a signature covers them.
    #[serde(deserialize_with = "call::pairs")]
    pub form: Vec<(String, String)>,
    /// The `Authorization` value, or the token, that met a 401: headers for sending the request once more.
    pub refused: Option<Secret>,
    /// What came with that 401, a line each: values of `WWW-Authenticate`, and the body. It says whether another token may
    /// help; with OAuth 1.0a, whether only the clock was wrong, or the user has to consent again.
    pub challenge: Option<String>,
    /// What the header `DPoP-Nonce` of the API's last answer said (RFC 9449 section 8.2). With a `challenge` that asks for it,
    /// the headers are for the same token, with a new proof.
    pub dpop_nonce: Option<String>,
    /// For which resource the token is to be, as in [`TokenOptions`].
    pub resource: Option<String>,
    /// Fewer scopes than were granted, as in [`TokenOptions`].
    pub scope: Option<Scopes>,
    /// Seconds until the call gives up.
    pub timeout: Option<f64>,
}

/// How to refresh.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RefreshOptions {
    /// Try even a grant that needs consent or is in back-off.
    pub force: bool,
    /// Seconds until the call gives up.
    pub timeout: Option<f64>,
}

/// How to revoke.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RevokeOptions {
    /// Delete the grant here whatever the provider says.
    pub force: bool,
    /// Seconds until the call gives up.
    pub timeout: Option<f64>,
}

/// How to ask the provider about the user.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UserinfoOptions {
    /// Seconds until the call gives up.
    pub timeout: Option<f64>,
}

/// How to ask the provider about a token.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IntrospectOptions {
    /// About which: `access_token` (default) or `refresh_token`.
    pub token: TokenKind,
    /// Seconds until the call gives up.
    pub timeout: Option<f64>,
}

/// Tokens that were got elsewhere.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PutTokens {
    /// A document in place of all that follows but the slot: of [`Grant::export`], or of another program (docs/moving.md).
    pub document: Option<Secret>,
    /// The access token; may be missing where there is a refresh token.
    pub access_token: Option<Secret>,
    /// OAuth 1.0a: its secret.
    pub token_secret: Option<Secret>,
    /// `Bearer` when absent.
    pub token_type: Option<String>,
    /// The refresh token.
    pub refresh_token: Option<Secret>,
    /// The key that they are bound to (RFC 9449), where their type is `DPoP`: a private key on P-256 in PEM (PKCS #8).
    pub dpop_key: Option<Secret>,
    /// Seconds for which the access token is still valid.
    pub expires_in: Option<f64>,
    /// Until when it is valid, in Unix seconds.
    pub expires_at: Option<f64>,
    /// What it may be used for.
    pub scope: Option<Scopes>,
    /// The slot of the grant.
    pub slot: String,
}

/// All that is known of a grant but its secrets. Times are Unix milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    /// Name of the provider.
    pub provider: String,
    /// The client identifier.
    pub client_id: String,
    /// The application's name for the user.
    pub subject: String,
    /// The slot.
    pub slot: String,
    /// Random, new with each consent that brings a refresh token.
    pub grant_id: String,
    /// + 1 with each committed renewal.
    pub generation: u64,
    /// + 1 with each write of the record.
    pub revision: u64,
    /// `active`, `needs_consent` or `revoking`.
    pub status: &'static str,
    /// Why the user has to consent again.
    pub reason: Option<&'static str>,
    /// Since when the status stands.
    pub status_at: i64,
    /// What was granted.
    pub scope: Vec<String>,
    /// The access token's type.
    pub token_type: Option<String>,
    /// When the access token was obtained.
    pub obtained_at: Option<i64>,
    /// Until when it is valid.
    pub expires_at: Option<i64>,
    /// Whether it can be renewed.
    pub has_refresh_token: bool,
    /// Until when the refresh token is valid, where the provider told.
    pub refresh_expires_at: Option<i64>,
    /// No renewal is tried before this.
    pub retry_at: Option<i64>,
    /// The class of the last failure.
    pub last_failure: Option<String>,
    /// Why the stored tokens must not be used.
    pub hold: Option<String>,
    /// When disuse would let the refresh token die.
    pub keepalive_at: Option<i64>,
    /// When consent was given.
    pub created_at: i64,
    /// When the record was last written.
    pub updated_at: i64,
    /// The last things that happened: when, which generation, what.
    pub trail: Vec<TrailLine>,
}

/// One line of a grant's trail.
#[derive(Clone, Debug, Serialize)]
pub struct TrailLine {
    /// When, in Unix milliseconds.
    pub at: i64,
    /// The generation that was spent or committed.
    pub generation: u64,
    /// The class of the answer, or what was done.
    pub what: String,
    /// Which process: its number and host, and whether it is a helper.
    pub by: String,
}

impl Grant {
    pub(crate) fn new(client: Client, key: GrantKey) -> Self {
        Grant { client, key }
    }

    /// The application's name for the user.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.key.subject
    }

    /// The slot.
    #[must_use]
    pub fn slot(&self) -> &str {
        &self.key.slot
    }

    /// The cached access token while it is fresh; never waits for anything.
    #[must_use]
    pub fn cached_access_token(&self) -> Option<AccessToken> {
        let cached = self.client.refresher().ok()?.cached(&self.key)?;
        let now = self.client.settings().now();
        AccessToken::of(&cached.record, &Entry::default(), cached.fresh_until.min(now + BLIND))
    }

    /// An access token that works; renewed first where it must be.
    pub async fn access_token(&self, options: TokenOptions) -> Result<AccessToken> {
        let settings = self.client.settings();
        let entry = settings.entry(options.resource.as_deref(), options.scope.as_ref())?;
        if options.min_valid.is_none()
            && entry.is_own()
            && let Some(token) = self.cached_access_token()
        {
            return Ok(token);
        }
        let min_valid =
            crate::refresh::millis(seconds("min_valid", options.min_valid.unwrap_or(0.0))?);
        let want = Want::Usable { entry: entry.clone(), min_valid };
        let now = settings.now();
        // Taken before the wait: closing waits for flights, and what they bring is given out.
        let refresher = self.client.refresher()?;
        let record = self.ensure(want, options.timeout).await?;
        let valid_until = if entry.is_own() {
            let cached = refresher.cached(&self.key);
            cached.map_or(now, |cached| cached.fresh_until).min(now + BLIND)
        } else {
            0 // only the grant's own token is handed out blindly
        };
        AccessToken::of(&record, &entry, valid_until).ok_or_else(|| {
            Error::new(Code::Internal, "a record without access token was called usable")
        })
    }

    /// The headers to send with any HTTP client. An OAuth 1.0a signature and a DPoP proof are good for one request.
    pub async fn headers(
        &self,
        method: &str,
        url: &str,
        options: HeaderOptions,
    ) -> Result<Vec<(String, String)>> {
        let refresher = self.client.refresher()?;
        let (key, method, url) = (self.key.clone(), method.to_owned(), url.to_owned());
        let deadline = self.client.deadline(options.timeout)?;
        let work =
            async move { call::headers(&refresher, &key, &method, &url, &options, deadline).await };
        run(deadline, work).await.map_err(|error| self.named(error))
    }

    /// Calls an API; on a 401 the token is renewed once and the request sent once more.
    pub async fn request(&self, request: ApiRequest) -> Result<ApiResponse> {
        let refresher = self.client.refresher()?;
        let key = self.key.clone();
        let deadline = self.client.deadline(request.timeout)?;
        let work = async move { call::call(&refresher, &key, request, deadline).await };
        // A moment later: the work's own word at the deadline says what it waited for.
        run(deadline + AT_THE_DEADLINE, work).await.map_err(|error| self.named(error))
    }

    /// Renews now, whatever the token's age. Processes that ask at once share one renewal.
    pub async fn refresh(&self, options: RefreshOptions) -> Result<Inspection> {
        let refresher = self.client.refresher()?;
        let key = self.key.clone();
        let deadline = self.client.deadline(options.timeout)?;
        let work = async move {
            let stands = refresher.known(&key).await?;
            let want = Want::Newer {
                entry: Entry::default(),
                grant_id: stands.grant_id.clone(),
                generation: stands.generation,
                cause: if options.force { Cause::Forced } else { Cause::Due },
            };
            let record = refresher.ensure(&key, &want, deadline).await?;
            Ok(Inspection::of(&refresher.context.settings, &record))
        };
        run(deadline, work).await.map_err(|error| self.named(error))
    }

    /// What the provider says about the user (OpenID Connect Core section 5.3): the claims as they came. Where the consent
    /// brought an `id_token`, they are about its user, else `invalid_response` with the reason `another_user`.
    pub async fn userinfo(&self, options: UserinfoOptions) -> Result<Map<String, Value>> {
        let (refresher, key) = (self.client.refresher()?, self.key.clone());
        let deadline = self.client.deadline(options.timeout)?;
        let work = async move { call::userinfo(&refresher, &key, deadline).await };
        run(deadline + AT_THE_DEADLINE, work).await.map_err(|error| self.named(error))
    }

    /// What the provider says about one of the grant's tokens (RFC 7662). Nothing is renewed for it, and nothing changed by it.
    pub async fn introspect(&self, options: IntrospectOptions) -> Result<Introspection> {
        let (refresher, key) = (self.client.refresher()?, self.key.clone());
        let deadline = self.client.deadline(options.timeout)?;
        let work = async move { introspection::introspect(&refresher, &key, options.token).await };
        run(deadline, work).await.map_err(|error| self.named(error))
    }

    /// Revokes the grant at the provider (RFC 7009) and deletes it.
    pub async fn revoke(&self, options: RevokeOptions) -> Result<()> {
        let (refresher, key) = (self.client.refresher()?, self.key.clone());
        let deadline = self.client.deadline(options.timeout)?;
        let work =
            async move { revocation::revoke(&refresher, &key, options.force, deadline).await };
        run_to_its_end(deadline, work).await.map_err(|error| self.named(error))
    }

    /// Deletes the grant here; the provider is not told.
    pub async fn forget(&self) -> Result<()> {
        let (refresher, key) = (self.client.refresher()?, self.key.clone());
        let deadline = self.client.deadline(None)?;
        let work = async move { revocation::forget(&refresher, &key, deadline).await };
        run_to_its_end(deadline, work).await.map_err(|error| self.named(error))
    }

    /// All that is known of the grant but its secrets, from the store.
    pub async fn inspect(&self) -> Result<Inspection> {
        self.looked_at(|settings, record| Ok(Inspection::of(settings, record))).await
    }

    /// What the provider said beside the tokens, as it came, from the store: Salesforce's `instance_url`, the `realmId` of Intuit's
    /// callback, the `id_token`. It has what is personal, and no token that works at an API.
    pub async fn token_response(&self) -> Result<Map<String, Value>> {
        self.looked_at(|_, record| {
            Ok(record.tokens.as_ref().map(|tokens| tokens.response.clone()).unwrap_or_default())
        })
        .await
    }

    /// Which of these scopes were not granted; of the client's own where none are named. From the store: the provider is not
    /// asked.
    pub async fn missing_scope(&self, wanted: Option<Scopes>) -> Result<Vec<String>> {
        self.looked_at(move |settings, record| {
            let wanted = wanted.as_ref().map_or(&settings.scope, |scope| &scope.0);
            Ok(missing_scope(record, wanted, settings.offline_scope()))
        })
        .await
    }

    /// The grant as a document, to go on with elsewhere: tokens, lifetimes, scopes, and what the provider said beside them. It
    /// is as secret as they are. Two stores cannot share a grant: forget it here once it is there. One that is held back is
    /// refused: `needs_consent` with the reason `hold`.
    pub async fn export(&self) -> Result<Secret> {
        let (refresher, key) = (self.client.refresher()?, self.key.clone());
        let deadline = self.client.deadline(None)?;
        let work = async move {
            let record = refresher.load(&key).await?.ok_or_else(|| refresher.no_grant(&key))?;
            if let Some(hold) = &record.hold {
                return Err(refresher.refused(&key, Refusal::Held { reason: hold.reason.clone() }));
            }
            let settings = &refresher.context.settings;
            let document = moving::export(&settings.registration(), &record, settings.now());
            document.ok_or_else(|| refresher.no_grant(&key))
        };
        run(deadline, work).await.map_err(|error| self.named(error))
    }

    /// What is to be seen in the stored record.
    async fn looked_at<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Settings, &Record) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (refresher, key) = (self.client.refresher()?, self.key.clone());
        let deadline = self.client.deadline(None)?;
        let work = async move {
            let record = refresher.load(&key).await?.ok_or_else(|| refresher.no_grant(&key))?;
            look(&refresher.context.settings, &record)
        };
        run(deadline, work).await.map_err(|error| self.named(error))
    }

    async fn ensure(&self, want: Want, timeout: Option<f64>) -> Result<Arc<Record>> {
        let refresher: Arc<Refresher> = self.client.refresher()?;
        let key = self.key.clone();
        let deadline = self.client.deadline(timeout)?;
        let work = async move { refresher.ensure(&key, &want, deadline).await };
        run(deadline, work).await.map_err(|error| self.named(error))
    }

    fn named(&self, error: Error) -> Error {
        error.with_grant(&self.client.settings().provider_name, &self.key.subject)
    }
}

impl std::fmt::Debug for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grant")
            .field("subject", &self.key.subject)
            .field("slot", &self.key.slot)
            .finish_non_exhaustive()
    }
}

impl AccessToken {
    fn of(record: &Record, entry: &Entry, valid_until: UnixMillis) -> Option<Self> {
        let access = record.access_of(entry)?;
        Some(AccessToken {
            token: access.token.clone(),
            token_type: access.token_type.clone(),
            expires_at: access.expires_at,
            valid_until,
        })
    }
}

impl PutTokens {
    /// Whether anything is said beside document and slot.
    fn names_tokens(&self) -> bool {
        self.access_token.is_some()
            || self.token_secret.is_some()
            || self.token_type.is_some()
            || self.refresh_token.is_some()
            || self.dpop_key.is_some()
            || self.expires_in.is_some()
            || self.expires_at.is_some()
            || self.scope.is_some()
    }

    /// The grant of the document, if there is one, else the tokens that are named.
    pub(crate) fn into_consent(
        self,
        registration: &Registration<'_>,
        now: UnixMillis,
    ) -> Result<Consent> {
        match &self.document {
            Some(_) if self.names_tokens() => Err(Error::new(
                Code::InvalidArgument,
                "tokens: expected a document or tokens by name, not both",
            )),
            Some(document) => moving::read(document, registration, now),
            None => {
                let dpop_key = self.canonical_dpop_key()?;
                Ok(Consent { tokens: self.into_named_tokens(now)?, dpop_key })
            }
        }
    }

    /// The key as a record keeps it.
    fn canonical_dpop_key(&self) -> Result<Option<Secret>> {
        let invalid = |text: String| Error::new(Code::InvalidArgument, format!("tokens: {text}"));
        let token_type = self.token_type.as_deref().unwrap_or_default();
        match &self.dpop_key {
            None if token_type.eq_ignore_ascii_case(DPOP) => Err(invalid(
                "dpop_key: is missing; expected the private key that tokens of the type DPoP are bound to"
                    .to_owned(),
            )),
            None => Ok(None),
            Some(text) => DpopKey::from_text(text)
                .map(|key| Some(key.to_text()))
                .map_err(|error| invalid(format!("dpop_key: {error}"))),
        }
    }

    fn into_named_tokens(self, now: UnixMillis) -> Result<Tokens> {
        let has_access = self.access_token.as_ref().is_some_and(|token| !token.is_empty());
        let refresh = self.refresh_token.filter(|token| !token.is_empty());
        if !has_access && refresh.is_none() {
            return Err(Error::new(
                Code::InvalidArgument,
                "tokens: neither access_token nor refresh_token; expected at least one",
            ));
        }
        let expires_at = match (self.expires_at, self.expires_in) {
            (Some(_), Some(_)) => {
                return Err(Error::new(
                    Code::InvalidArgument,
                    "tokens: expected expires_at or expires_in, not both",
                ));
            }
            (Some(at), None) => Some(crate::refresh::millis(seconds("expires_at", at)?)),
            (None, Some(left)) => Some(now + crate::refresh::millis(seconds("expires_in", left)?)),
            // A refresh token alone: there is no access token yet.
            (None, None) => (!has_access).then_some(now),
        };
        let token_type = match (&self.token_secret, &self.dpop_key) {
            (Some(_), _) => "OAuth",
            (None, Some(_)) => DPOP,
            (None, None) => BEARER,
        };
        Ok(Tokens {
            access: vec![StoredAccessToken {
                token: self.access_token.unwrap_or_default(),
                secret: self.token_secret,
                token_type: self.token_type.unwrap_or_else(|| token_type.to_owned()),
                obtained_at: now,
                expires_at,
                scope: self.scope.unwrap_or_default().0,
                resource: String::new(),
                requested_scope: Vec::new(),
                came_with: None,
                unknown: Map::new(),
            }],
            refresh,
            refresh_expires_at: None,
            unexchanged: false,
            response: Map::new(),
        })
    }
}

fn seconds(key: &str, value: f64) -> Result<f64> {
    if (0.0..1e11).contains(&value) {
        return Ok(value);
    }
    Err(Error::new(
        Code::InvalidArgument,
        format!("{key}: {value} is out of range; expected seconds, 0 or more"),
    ))
}

impl Inspection {
    pub(crate) fn of(settings: &Settings, record: &Record) -> Self {
        let access = record.access();
        Inspection {
            provider: settings.provider_name.clone(),
            client_id: settings.client_id.clone(),
            subject: record.subject.clone(),
            slot: record.slot.clone(),
            grant_id: record.grant_id.clone(),
            generation: record.generation,
            revision: record.revision,
            status: record.status.as_str(),
            reason: record.reason.map(crate::store::ConsentReason::as_str),
            status_at: record.status_at,
            scope: access.map(|access| access.scope.clone()).unwrap_or_default(),
            token_type: access.map(|access| access.token_type.clone()),
            obtained_at: access.map(|access| access.obtained_at),
            expires_at: access.and_then(|access| access.expires_at),
            has_refresh_token: record.refresh_token().is_some(),
            refresh_expires_at: record.tokens.as_ref().and_then(|tokens| tokens.refresh_expires_at),
            retry_at: record.retry.as_ref().map(|retry| retry.not_before),
            last_failure: record.retry.as_ref().map(|retry| retry.class.clone()),
            hold: record.hold.as_ref().map(|hold| hold.reason.clone()),
            keepalive_at: record.keepalive_at,
            created_at: record.created_at,
            updated_at: record.updated_at,
            trail: record
                .trail
                .iter()
                .map(|entry| TrailLine {
                    at: entry.at,
                    generation: entry.generation,
                    what: entry.what.clone(),
                    by: entry.by.clone(),
                })
                .collect(),
        }
    }
}
