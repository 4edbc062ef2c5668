//! Getting consent: the code flow (`code`) and the three-legged OAuth 1.0a flow (`temporary_credentials`), each begun by
//! one process and ended by any other that shares the store.

mod code;
mod id_token;
pub(crate) mod legacy;
pub(crate) mod logout;
pub(crate) mod loopback;
mod pending;
mod temporary_credentials;

use crate::config::Scopes;
use crate::context::Context;
use crate::dpop;
use crate::error::{Code, Error, Result};
use crate::event::Kind;
use crate::oauth2::{Callback, CallbackOutcome, ErrorResponse};
use crate::process::random_id;
use crate::provider::{Endpoints, Provider};
use crate::refresh::judgement;
use crate::secret::Secret;
use crate::store::{Consent, GrantKey, Pending, Record};
use pending::{Settled, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use url::Url;

/// How `begin` asks for consent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BeginOptions {
    /// Scopes in place of the client's.
    pub scope: Option<Scopes>,
    /// Redirect URI in place of the client's.
    pub redirect_uri: Option<String>,
    /// `prompt` (OpenID Connect Core section 3.1.2.1), such as `consent` or `login`.
    pub prompt: Option<String>,
    /// Whether the user is to prove once more who they are, though they are logged in.
    pub reauthenticate: bool,
    /// `login_hint`, such as an e-mail address.
    pub login_hint: Option<String>,
    /// Further parameters of the authorization request.
    pub parameters: BTreeMap<String, String>,
    /// Something that only this browser's session knows; `finish` must be given the same.
    pub browser_session: Option<String>,
    /// The slot of the grant.
    pub slot: String,
    /// Seconds until the call gives up.
    pub timeout: Option<f64>,
}

/// How `finish` takes the callback.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FinishOptions {
    /// What `begin` was given.
    pub browser_session: Option<String>,
    /// Seconds until the call gives up.
    pub timeout: Option<f64>,
}

/// Where to send the user's browser.
#[derive(Clone, Debug, Serialize)]
pub struct Start {
    /// The authorization URL.
    pub url: String,
    /// The state that the callback will carry (OAuth 1: the temporary token).
    pub state: String,
    /// Until when the callback is taken, in Unix milliseconds.
    pub expires_at: i64,
}

/// The consent that a callback brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finished {
    /// The application's name for the user, as it was given to `begin`.
    pub subject: String,
    /// The slot of the grant.
    pub slot: String,
    /// The grant's identity.
    pub grant_id: String,
    /// The number of its renewals and consents.
    pub generation: u64,
    /// What the provider granted.
    pub scope: Vec<String>,
    /// Until when the access token is valid, in Unix milliseconds, where it is known.
    pub expires_at: Option<i64>,
}

impl Finished {
    pub(crate) fn of(record: &Record) -> Self {
        Finished {
            subject: record.subject.clone(),
            slot: record.slot.clone(),
            grant_id: record.grant_id.clone(),
            generation: record.generation,
            scope: record.access().map(|access| access.scope.clone()).unwrap_or_default(),
            expires_at: record.access().and_then(|access| access.expires_at),
        }
    }
}

/// What a callback led to.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Concluded {
    /// The grant was stored.
    Granted(Box<Record>),
    /// The same browser session came with it before; nothing was sent.
    Before(Finished),
}

/// Begins: prepares the transaction, keeps it in the store, and says where the browser goes.
pub(crate) async fn begin(
    context: &Context,
    subject: &str,
    options: BeginOptions,
) -> Result<Start> {
    if subject.is_empty() {
        return Err(Error::new(
            Code::InvalidArgument,
            "subject: is empty; expected the application's name for the user",
        ));
    }
    let provider = context.provider().await?;
    let redirect_uri = redirect_uri(context, &provider, &options)?;
    let mut transaction = Transaction::new(context, subject, &options, redirect_uri);
    if context.settings.binds_to_key(&provider)? {
        transaction.dpop_key = Some(dpop_key(context, &transaction).await);
    }
    let url = match &provider.endpoints {
        Endpoints::OAuth2 { authorization, .. } => {
            code::authorization_url(context, &provider, authorization, &options, &mut transaction)?
        }
        Endpoints::OAuth1 { .. } => {
            temporary_credentials::authorization_url(context, &provider, &options, &mut transaction)
                .await?
        }
    };
    let now = context.settings.now();
    context
        .store
        .put_pending(&transaction.state, &transaction.to_text(), now, transaction.expires_at)
        .await?;
    Ok(Start {
        url: url.into(),
        state: transaction.state.clone(),
        expires_at: transaction.expires_at,
    })
}

/// The key of the grant that stands, for a consent that brings no refresh token leaves it the one it has; else a new one.
async fn dpop_key(context: &Context, transaction: &Transaction) -> Secret {
    let key = context.settings.key(&transaction.subject, &transaction.slot);
    // A store that fails says so when the transaction is put into it.
    let stands = context.store.load(&key).await.unwrap_or_default();
    stands.and_then(|record| record.dpop_key).unwrap_or_else(dpop::new_key)
}

/// Ends: finds the transaction of a callback, exchanges what it brought for tokens, and stores the grant.
pub(crate) async fn finish(
    context: &Context,
    callback: &str,
    options: &FinishOptions,
) -> Result<Concluded> {
    let provider = context.provider().await?;
    let callback = Callback::parse_named(callback, &provider.names.callback)
        .map_err(|error| Error::new(Code::InvalidArgument, error.to_string()))?;
    if matches!(callback.outcome, CallbackOutcome::Code(_)) {
        id_token::prepare(context, &provider).await?;
    }
    let transaction = match take(context, &provider, &callback, options).await? {
        Taken::Transaction(transaction) => transaction,
        Taken::Before(finished) => return Ok(Concluded::Before(finished)),
    };
    check_issuer(&provider, &callback)?;
    let key = context.settings.key(&transaction.subject, &transaction.slot);
    if matches!(callback.outcome, CallbackOutcome::Code(_) | CallbackOutcome::Verified { .. }) {
        context.store.load(&key).await?; // nothing is spent for a record that cannot be written over
    }
    let deadline = Duration::from_secs_f64(context.settings.timeouts.request);
    let told = callback_parameters(&provider, &callback);
    let mut tokens = match callback.outcome {
        CallbackOutcome::Code(code) => {
            code::exchange(context, &provider, &transaction, &code, deadline).await?
        }
        CallbackOutcome::Verified { oauth_verifier, .. } => {
            let verifier = oauth_verifier.as_ref();
            temporary_credentials::exchange(context, &provider, &transaction, verifier, deadline)
                .await?
        }
        CallbackOutcome::Error(answer) => return Err(denied(context, &transaction, &answer)),
        CallbackOutcome::Refused { problem, .. } => {
            let error = problem.unwrap_or_else(|| "access_denied".to_owned());
            let answer = ErrorResponse { error, error_description: None, error_uri: None };
            return Err(denied(context, &transaction, &answer));
        }
    };
    tokens.response.extend(told);
    let consent = Consent { tokens, dpop_key: transaction.dpop_key.clone() };
    let record = store(context, &key, consent).await?;
    let settled = Settled { session: transaction.session.clone(), finished: Finished::of(&record) };
    // The grant is stored: what fails now costs only the answer to the same callback coming twice.
    if let Err(error) = context.store.settle_pending(&transaction.state, &settled.to_text()).await {
        context.settings.tell(Kind::StoreTrouble, &key, Some(&record), error.message());
    }
    Ok(Concluded::Granted(Box::new(record)))
}

/// What the provider says in the callback alone and API calls need later, such as the `realmId` of Intuit.
fn callback_parameters(provider: &Provider, callback: &Callback) -> Vec<(String, Value)> {
    let is_kept = |(name, _): &&(String, String)| provider.callback_parameters.contains(name);
    let kept = callback.parameters.iter().filter(is_kept);
    kept.map(|(name, value)| (name.clone(), Value::from(value.clone()))).collect()
}

enum Taken {
    Transaction(Box<Transaction>),
    Before(Finished),
}

/// Takes the transaction that a callback belongs to; one caller gets it, and only from the same browser session.
async fn take(
    context: &Context,
    provider: &Provider,
    callback: &Callback,
    options: &FinishOptions,
) -> Result<Taken> {
    let mismatch =
        |text: &str| Error::new(Code::StateMismatch, text.to_owned()).with_provider(&provider.name);
    let state = state_of(callback).ok_or_else(|| {
        mismatch("the callback carries no state; expected the one of an authorization that was begun here")
    })?;
    let now = context.settings.now();
    let session = pending::session_digest(options.browser_session.as_deref());
    match context.store.take_pending(state, now).await? {
        Pending::Absent => Err(mismatch(
            "the callback's state is unknown or expired; expected an authorization that was begun here, not long ago",
        )
        .with_reason("unknown")),
        Pending::Used(result) => match result.as_deref().and_then(Settled::from_text) {
            Some(settled) if session.is_some() && settled.session == session => Ok(Taken::Before(settled.finished)),
            _ => Err(mismatch("the callback's state was used already; expected each callback once").with_reason("used")),
        },
        Pending::Taken(text) => {
            let transaction = Transaction::from_text(&text)?;
            if transaction.expires_at <= now {
                return Err(mismatch("the callback's state has expired; expected the user to answer sooner")
                    .with_reason("expired"));
            }
            if transaction.session != session {
                return Err(mismatch("the callback came from another browser session than the one that began")
                    .with_reason("browser_session"));
            }
            if transaction.client != context.settings.client_key() {
                return Err(mismatch("the callback's state is of another client registration").with_reason("client"));
            }
            Ok(Taken::Transaction(Box::new(transaction)))
        }
    }
}

fn state_of(callback: &Callback) -> Option<&str> {
    match &callback.outcome {
        CallbackOutcome::Verified { oauth_token, .. } => Some(oauth_token.expose()),
        CallbackOutcome::Refused { oauth_token, .. } => {
            oauth_token.as_ref().map(Secret::expose).or(callback.state.as_deref())
        }
        _ => callback.state.as_deref(),
    }
}

/// RFC 9207 section 2.4: simple string comparison; missing only where the provider does not promise it.
fn check_issuer(provider: &Provider, callback: &Callback) -> Result<()> {
    let Some(expected) = &provider.issuer else { return Ok(()) };
    match &callback.iss {
        Some(iss) if iss == expected => Ok(()),
        None if !provider.iss_in_callback => Ok(()),
        Some(_) => Err(Error::new(
            Code::StateMismatch,
            format!("the callback is of another issuer; expected {expected:?}"),
        )
        .with_reason("issuer")
        .with_provider(&provider.name)),
        None => Err(Error::new(
            Code::StateMismatch,
            format!("the callback names no issuer (iss); expected {expected:?}"),
        )
        .with_reason("issuer")
        .with_provider(&provider.name)),
    }
}

fn denied(context: &Context, transaction: &Transaction, answer: &ErrorResponse) -> Error {
    let code = match answer.error.as_str() {
        "server_error" | "temporarily_unavailable" => Code::ProviderError,
        _ => Code::ConsentDenied,
    };
    let provider = &context.settings.provider_name;
    let text = match &answer.error_description {
        Some(description) => {
            format!("{provider} gave no consent ({}): {description}", answer.error)
        }
        None => format!("{provider} gave no consent ({})", answer.error),
    };
    Error::new(code, text)
        .with_server_error(Some(answer.error.clone()), answer.error_description.clone())
        .with_grant(provider, &transaction.subject)
}

/// Writes a new consent over whatever stands.
pub(crate) async fn store(context: &Context, key: &GrantKey, given: Consent) -> Result<Record> {
    let now = context.settings.now();
    for _ in 0..16 {
        let stands = context.store.load(key).await?;
        let mut consent = Record::new(key, random_id(), given.tokens.clone(), now);
        consent.dpop_key.clone_from(&given.dpop_key);
        if consent.refresh_token().is_some() {
            // Of a grant that comes from elsewhere, the refresh token was last used when the access token was obtained.
            let used_at = consent.access().map_or(now, |access| access.obtained_at.min(now));
            consent.keepalive_at = context.settings.rotation().keepalive_at(used_at);
        }
        consent.identity = judgement::identity(&given.tokens);
        let (expected, record) = match &stands {
            Some(stands) => (Some(stands.revision), stands.with_consent(consent)),
            None => (None, consent),
        };
        if context.store.compare_and_set(key, expected, &record).await? {
            context.settings.tell(Kind::Granted, key, Some(&record), "");
            return Ok(record);
        }
    }
    Err(Error::new(Code::StoreConflict, "the record was written by somebody else again and again"))
}

fn redirect_uri(
    context: &Context,
    provider: &Provider,
    options: &BeginOptions,
) -> Result<Option<String>> {
    let Some(text) = options.redirect_uri.as_ref().or(context.settings.redirect_uri.as_ref())
    else {
        return Ok(None);
    };
    if text != temporary_credentials::OUT_OF_BAND && !provider.redirect_by_name {
        let url = Url::parse(text).map_err(|error| {
            Error::new(
                Code::InvalidConfig,
                format!("redirect_uri: {text:?} is not a URL ({error}); expected an absolute URL"),
            )
        })?;
        if url.fragment().is_some() {
            return Err(Error::new(
                Code::InvalidConfig,
                "redirect_uri: has a fragment; expected none (RFC 6749 section 3.1.2)",
            ));
        }
    }
    Ok(Some(text.clone()))
}
