//! Getting consent: the code flow (`code`), the device flow (`device`) and the three-legged OAuth 1.0a flow
//! (`temporary_credentials`), each begun by one process and ended by any other that shares the store.

mod code;
pub(crate) mod device;
mod id_token;
pub(crate) mod incoming;
pub(crate) mod legacy;
pub(crate) mod logout;
pub(crate) mod loopback;
mod pending;
mod pushed;
mod signed;
mod temporary_credentials;

use crate::config::Scopes;
use crate::context::{Context, no_offline_way};
use crate::dpop;
use crate::error::{Code, Error, Result};
use crate::event::Kind;
use crate::http::check_url;
use crate::oauth2::{Callback, CallbackError, CallbackOutcome, ErrorResponse};
use crate::process::random_id;
use crate::provider::{Endpoints, Protocol, Provider};
use crate::refresh::judgement::{self, missing_scope};
use crate::secret::Secret;
use crate::store::{Consent, GrantKey, Identity, Pending, Record, Tokens};
use pending::{Settled, Transaction};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use url::Url;

/// How long a store that fails is asked again to take what is nowhere else, and how often.
const PATIENCE: Duration = Duration::from_secs(10);
const STORE_AGAIN: Duration = Duration::from_millis(500);

/// How `begin` asks for consent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BeginOptions {
    /// Scopes in place of the client's.
    pub scope: Option<Scopes>,
    /// Keep what was granted before: the consent is asked for both, by the provider's own way where it has one.
    pub incremental: bool,
    /// What tokens are to be had for beside the client's own `resource` (RFC 8707), as absolute URIs; `access_token` gets those
    /// of each.
    pub resource: Vec<String>,
    /// What is to be allowed in detail (RFC 9396): objects, each with its `type`.
    pub authorization_details: Vec<Value>,
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
    /// The state that `begin` gave, where the application knows which callback it waits for. With it a bare code (OAuth 1: a
    /// verifier) does for a callback, as users paste it.
    pub state: Option<String>,
    /// Seconds until the call gives up.
    pub timeout: Option<f64>,
}

/// How a code is exchanged that came another way than by a callback.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExchangeOptions {
    /// The redirect URI of the request that brought the code; none where it had none, as the codes that Google gives to
    /// applications on other devices.
    pub redirect_uri: Option<String>,
    /// The verifier of its challenge (RFC 7636), if it had one.
    pub code_verifier: Option<Secret>,
    /// What was asked for; the client's scopes when absent.
    pub scope: Option<Scopes>,
    /// The slot of the grant.
    pub slot: String,
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
    /// Until when the browser has to be there, in Unix milliseconds, where the provider says (RFC 9126 section 2.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_by: Option<i64>,
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
    /// What was asked for and not granted. The grant is stored all the same: it is for the application to judge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_scope: Vec<String>,
}

/// A consent that was stored.
#[derive(Serialize, Deserialize)]
pub(crate) struct Granted {
    pub(crate) record: Record,
    /// What was asked for and not granted.
    pub(crate) missing_scope: Vec<String>,
}

impl Granted {
    fn of(record: Record, provider: &Provider, transaction: &Transaction) -> Self {
        let offline_scope = provider.offline.as_ref().map_or(&[][..], |offline| &offline.scope);
        let missing_scope = missing_scope(&record, &transaction.scope, offline_scope);
        Granted { record, missing_scope }
    }

    pub(crate) fn finished(&self) -> Finished {
        let Granted { record, missing_scope } = self;
        Finished {
            subject: record.subject.clone(),
            slot: record.slot.clone(),
            grant_id: record.grant_id.clone(),
            generation: record.generation,
            scope: record.access().map(|access| access.scope.clone()).unwrap_or_default(),
            expires_at: record.access().and_then(|access| access.expires_at),
            missing_scope: missing_scope.clone(),
        }
    }
}

/// What a callback led to.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Concluded {
    /// The grant was stored.
    Granted(Box<Granted>),
    /// The same browser session came with it before; nothing was sent.
    Before(Finished),
}

/// What a code or verifier brought.
struct Brought {
    tokens: Tokens,
    /// And what for other slots.
    further: Vec<(String, Tokens)>,
}

/// Why a callback brought no tokens.
enum NoTokens {
    /// The provider has certainly not taken its code or verifier, which is still good.
    Unsent(Error),
    /// It has, or may have.
    Spent(Error),
}

impl From<Error> for NoTokens {
    fn from(error: Error) -> Self {
        NoTokens::Spent(error)
    }
}

impl From<NoTokens> for Error {
    fn from(none: NoTokens) -> Self {
        let (NoTokens::Unsent(error) | NoTokens::Spent(error)) = none;
        error
    }
}

/// Begins: prepares the transaction, keeps it in the store, and says where the browser goes.
pub(crate) async fn begin(
    context: &Context,
    subject: &str,
    options: BeginOptions,
) -> Result<Start> {
    check_subject(subject)?;
    let provider = context.provider().await?;
    let redirect_uri = redirect_uri(context, &provider, &options)?;
    let mut transaction = Transaction::new(context, subject, &options, redirect_uri);
    transaction.dpop_key = dpop_key(context, &provider, subject, &options.slot).await?;
    transaction.issuer.clone_from(&provider.issuer);
    let mut open_by = None;
    let url = match &provider.endpoints {
        Endpoints::OAuth2 { authorization, .. } => {
            let authorization = at_consent(&provider, authorization.as_ref())?;
            if options.incremental {
                let key = context.settings.key(subject, &options.slot);
                transaction.granted = granted(context, &key).await?;
            }
            let asked =
                code::ask(context, &provider, authorization, &options, &mut transaction).await?;
            open_by = asked.open_by;
            asked.url
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
        open_by,
    })
}

/// What the tokens of a consent are to be bound to, where they are: the key of the grant that stands, for a consent that brings no
/// refresh token leaves it the one it has; else a new one.
async fn dpop_key(
    context: &Context,
    provider: &Provider,
    subject: &str,
    slot: &str,
) -> Result<Option<Secret>> {
    if !context.settings.binds_to_key(provider)? {
        return Ok(None);
    }
    // A store that fails says so before anything is spent.
    let stands = context.store.load(&context.settings.key(subject, slot)).await.unwrap_or_default();
    Ok(Some(stands.and_then(|record| record.dpop_key).unwrap_or_else(dpop::new_key)))
}

/// What must be at hand before a code or whatever else brings a grant is spent: a record that can be written over, and the keys
/// that an `id_token` is judged by.
async fn before_spending(
    context: &Context,
    provider: &Provider,
    key: &GrantKey,
    scope: &[String],
) -> Result<()> {
    context.store.load(key).await?;
    id_token::prepare(context, provider, scope).await
}

pub(crate) fn check_subject(subject: &str) -> Result<()> {
    if subject.is_empty() {
        let text = "subject: is empty; expected the application's name for the user";
        return Err(Error::new(Code::InvalidArgument, text));
    }
    Ok(())
}

/// The authorization endpoint, where the provider has one.
fn at_consent<'a>(provider: &Provider, authorization: Option<&'a Url>) -> Result<&'a Url> {
    authorization.ok_or_else(|| {
        let name = &provider.name;
        let text = format!("{name} has no authorization endpoint that is known; expected one");
        Error::new(Code::Unsupported, text)
    })
}

/// Ends: finds the transaction of a callback, exchanges what it brought for tokens, and stores the grant.
pub(crate) async fn finish(
    context: &Context,
    callback: &str,
    options: &FinishOptions,
) -> Result<Concluded> {
    let provider = context.provider().await?;
    let read = Callback::parse_named(callback, &provider.names.callback);
    let callback = match (read, &options.state) {
        (Ok(callback), _) => callback,
        (Err(CallbackError::NothingFound { .. }), Some(state)) if is_bare(callback) => {
            pasted(&provider, callback.trim(), state)?
        }
        (Err(error), _) => return Err(unreadable(&error)),
    };
    if matches!(callback.outcome, CallbackOutcome::Code(_)) {
        id_token::prepare(context, &provider, &context.settings.scope).await?;
    }
    let transaction = match take(context, &provider, &callback, options).await? {
        Taken::Transaction(transaction) => transaction,
        Taken::Before(finished) => return Ok(Concluded::Before(finished)),
    };
    check_issuer(&provider, &transaction, &callback)?;
    let key = context.settings.key(&transaction.subject, &transaction.slot);
    if matches!(callback.outcome, CallbackOutcome::Code(_) | CallbackOutcome::Verified { .. })
        && let Err(error) = before_spending(context, &provider, &key, &transaction.scope).await
    {
        return Err(unspent(context, &transaction, error).await);
    }
    let deadline = Duration::from_secs_f64(context.settings.timeouts.request);
    let told = callback_parameters(&provider, &callback);
    let exchanged = match callback.outcome {
        CallbackOutcome::Code(code) => {
            code::exchange(context, &provider, &transaction, &code, deadline).await
        }
        CallbackOutcome::Verified { oauth_verifier, .. } => {
            let verifier = oauth_verifier.as_ref();
            temporary_credentials::exchange(context, &provider, &transaction, verifier, deadline)
                .await
        }
        CallbackOutcome::Error(answer) => return Err(denied(context, &transaction, &answer)),
        CallbackOutcome::Refused { problem, .. } => {
            let error = problem.unwrap_or_else(|| "access_denied".to_owned());
            let answer = ErrorResponse { error, error_description: None, error_uri: None };
            return Err(denied(context, &transaction, &answer));
        }
    };
    let Brought { mut tokens, further } = match exchanged {
        Ok(brought) => brought,
        Err(NoTokens::Spent(error)) => return Err(error),
        Err(NoTokens::Unsent(error)) => {
            return Err(unspent(context, &transaction, error).await);
        }
    };
    tokens.response.extend(told);
    let given = Consent { tokens, dpop_key: transaction.dpop_key.clone() };
    let record = keep(context, &key, &given).await?;
    let granted = Granted::of(record, &provider, &transaction);
    let settled = Settled { session: transaction.session.clone(), finished: granted.finished() };
    // The grant is stored: what fails now costs only the answer to the same callback coming twice.
    if let Err(error) = context.store.settle_pending(&transaction.state, &settled.to_text()).await {
        context.settings.tell(Kind::StoreTrouble, &key, Some(&granted.record), error.message());
    }
    code::keep_further(context, &transaction, further).await;
    Ok(Concluded::Granted(Box::new(granted)))
}

/// What the provider says in the callback alone and API calls need later, such as the `realmId` of Intuit.
fn callback_parameters(provider: &Provider, callback: &Callback) -> Vec<(String, Value)> {
    let is_kept = |(name, _): &&(String, String)| provider.callback_parameters.contains(name);
    let kept = callback.parameters.iter().filter(is_kept);
    kept.map(|(name, value)| (name.clone(), Value::from(value.clone()))).collect()
}

/// Exchanges a code that came to the application another way, and stores the grant. There is no state: that the code is this
/// subject's is for the application to know.
pub(crate) async fn exchange(
    context: &Context,
    subject: &str,
    code: &str,
    options: ExchangeOptions,
) -> Result<Granted> {
    check_subject(subject)?;
    let provider = context.provider().await?;
    if provider.endpoints.protocol() == Protocol::OAuth1 {
        let text = "exchange: is of OAuth 2.0, and the provider speaks OAuth 1.0a";
        return Err(Error::new(Code::Unsupported, text));
    }
    let scope = options.scope.map_or_else(|| context.settings.scope.clone(), |scope| scope.0);
    let transaction = Transaction {
        redirect_uri: options.redirect_uri,
        code_verifier: options.code_verifier,
        dpop_key: dpop_key(context, &provider, subject, &options.slot).await?,
        ..Transaction::of(&context.settings, subject, &options.slot, scope)
    };
    let key = context.settings.key(subject, &options.slot);
    before_spending(context, &provider, &key, &transaction.scope).await?;
    let deadline = Duration::from_secs_f64(context.settings.timeouts.request);
    let code = Secret::from(code.trim());
    let Brought { tokens, further } =
        code::exchange(context, &provider, &transaction, &code, deadline).await?;
    let given = Consent { tokens, dpop_key: transaction.dpop_key.clone() };
    let record = keep(context, &key, &given).await?;
    code::keep_further(context, &transaction, further).await;
    Ok(Granted::of(record, &provider, &transaction))
}

fn unreadable(error: &CallbackError) -> Error {
    Error::new(Code::InvalidArgument, error.to_string())
}

/// Whether a text may be a code or verifier by itself.
fn is_bare(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty()
        && !text.starts_with(['/', '?'])
        && !text.contains("://")
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The callback of an authorization whose code or verifier was pasted.
fn pasted(provider: &Provider, text: &str, state: &str) -> Result<Callback> {
    let names = match provider.endpoints.protocol() {
        Protocol::OAuth2 => ["code", "state"],
        Protocol::OAuth1 => ["oauth_verifier", "oauth_token"],
    };
    let parameters = names.map(str::to_owned).into_iter().zip([text.to_owned(), state.to_owned()]);
    Callback::from_parameters(parameters.collect()).map_err(|error| unreadable(&error))
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
    if options.state.as_ref().is_some_and(|expected| expected != state) {
        return Err(mismatch(
            "the callback is of another authorization than the one that is waited for",
        )
        .with_reason("other"));
    }
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
            let error = if transaction.device.is_some() {
                mismatch("the callback's state is of a device flow, which has no callback").with_reason("unknown")
            } else if transaction.client != context.settings.client_key() {
                mismatch("the callback's state is of another client registration").with_reason("client")
            } else {
                return Ok(Taken::Transaction(Box::new(transaction)));
            };
            context.store.put_pending(&transaction.state, &text, now, transaction.expires_at).await?;
            Err(error)
        }
    }
}

/// What the user granted before, as far as it is known.
async fn granted(context: &Context, key: &GrantKey) -> Result<Vec<String>> {
    let record = context.store.load(key).await?.filter(|record| !record.is_tombstone());
    let access = record.as_ref().and_then(Record::access);
    Ok(access.map(|access| access.scope.clone()).unwrap_or_default())
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
///
/// The issuer is that of `begin`: a code goes to no other provider than the one that the user was sent to.
fn check_issuer(provider: &Provider, transaction: &Transaction, callback: &Callback) -> Result<()> {
    let refused = |text: String| {
        let error = Error::new(Code::StateMismatch, text).with_reason("issuer");
        Err(error.with_provider(&provider.name))
    };
    let Some(expected) = transaction.issuer.as_ref().or(provider.issuer.as_ref()) else {
        return Ok(());
    };
    if provider.issuer.as_ref() != Some(expected) {
        return refused(format!(
            "the authorization was begun at the issuer {expected:?}; the provider is another now"
        ));
    }
    match &callback.iss {
        Some(iss) if iss == expected => Ok(()),
        None if !provider.iss_in_callback => Ok(()),
        Some(_) => refused(format!("the callback is of another issuer; expected {expected:?}")),
        None => refused(format!("the callback names no issuer (iss); expected {expected:?}")),
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

/// After an error before anything was spent: the same callback is good once more. It is put back once, as soon as the store
/// answers: had another put been made all the same, somebody might be at it.
async fn unspent(context: &Context, transaction: &Transaction, error: Error) -> Error {
    let key = context.settings.key(&transaction.subject, &transaction.slot);
    let patience = Patience::begin();
    while patience.lasts_after(&context.store.load(&key).await).await {}
    if let Err(trouble) = put_back(context, transaction).await {
        context.settings.tell(Kind::StoreTrouble, &key, None, trouble.message());
    }
    error
}

/// Puts a transaction that was taken back in its place.
async fn put_back(context: &Context, transaction: &Transaction) -> Result<()> {
    let (state, text) = (&transaction.state, transaction.to_text());
    let now = context.settings.now();
    context.store.put_pending(state, &text, now, transaction.expires_at).await
}

/// With a store that fails to take what is nowhere else.
struct Patience {
    until: Instant,
}

impl Patience {
    fn begin() -> Self {
        Patience { until: Instant::now() + PATIENCE }
    }

    /// Whether to ask again, after a pause: the store may take in a moment what it did not take now.
    async fn lasts_after<T>(&self, asked: &Result<T>) -> bool {
        let is_trouble = |error: &Error| matches!(error.code(), Code::Store | Code::Callback);
        let lasts = asked.as_ref().is_err_and(is_trouble) && Instant::now() < self.until;
        if lasts {
            sleep(STORE_AGAIN).await;
        }
        lasts
    }
}

/// Stores a consent that took what is given once, such as a code: a store that fails is asked again for a while.
async fn keep(context: &Context, key: &GrantKey, given: &Consent) -> Result<Record> {
    let (patience, grant_id, mut over) = (Patience::begin(), random_id(), None);
    loop {
        let stored = store_as(context, key, given, &grant_id, &mut over).await;
        if !patience.lasts_after(&stored).await {
            return stored;
        }
    }
}

/// Writes a new consent over whatever stands.
pub(crate) async fn store(context: &Context, key: &GrantKey, given: &Consent) -> Result<Record> {
    store_as(context, key, given, &random_id(), &mut None).await
}

/// A grant, and whether it was forgotten; none where there was none.
type Stood = Option<(String, bool)>;

/// Writes it under this id. `over` is what an attempt before, which failed, would have been written over: where it was written
/// all the same, it is there, and what somebody else has stored since stays.
async fn store_as(
    context: &Context,
    key: &GrantKey,
    given: &Consent,
    grant_id: &str,
    over: &mut Option<Stood>,
) -> Result<Record> {
    let now = context.settings.now();
    for round in 0..16 {
        let stands = context.store.load(key).await?;
        let stood = stands.as_ref().map(|record| (record.grant_id.clone(), record.is_tombstone()));
        if let Some(record) = &stands
            && stood == Some((grant_id.to_owned(), false))
        {
            context.settings.tell(Kind::Granted, key, Some(record), "");
            return Ok(record.clone());
        }
        if round == 0 && over.as_ref().is_some_and(|over| *over != stood) {
            break;
        }
        *over = Some(stood);
        let mut consent = Record::new(key, grant_id.to_owned(), given.tokens.clone(), now);
        consent.dpop_key.clone_from(&given.dpop_key);
        if consent.refresh_token().is_some() {
            // Of a grant that comes from elsewhere, the refresh token was last used when the access token was obtained.
            let used_at = consent.access().map_or(now, |access| access.obtained_at.min(now));
            consent.keepalive_at = context.settings.rotation().keepalive_at(used_at);
        }
        consent.identity = judgement::identity(&given.tokens);
        if let Some(before) = stands.as_ref().and_then(|stands| stands.identity.as_ref())
            && is_about(context, &given.tokens, before).await
        {
            consent.identity = Some(before.clone()); // in whichever spelling of the issuer
        }
        let (expected, record) = match &stands {
            Some(stands) => (Some(stands.revision), stands.with_consent(consent)),
            None => (None, consent),
        };
        if context.store.compare_and_set(key, expected, &record).await? {
            context.settings.tell(Kind::Granted, key, Some(&record), "");
            return Ok(record);
        }
    }
    Err(Error::new(Code::StoreConflict, "the record was written by somebody else meanwhile"))
}

/// Whether the `id_token` of these tokens is about this user.
async fn is_about(context: &Context, tokens: &Tokens, user: &Identity) -> bool {
    let provider = context.provider().await;
    provider.is_ok_and(|provider| judgement::is_about(tokens, user, &provider.open_id.issuers))
}

/// The scopes to ask for, each once, with those that bring a refresh token where one is wanted.
fn scopes_with_offline(
    context: &Context,
    provider: &Provider,
    scope: &[String],
) -> Result<Vec<String>> {
    let offline = match &provider.offline {
        Some(offline) if context.settings.offline => offline.scope.as_slice(),
        None if context.settings.offline => return Err(no_offline_way(&provider.name)),
        _ => &[],
    };
    Ok(union(scope, offline))
}

/// The scopes of both, each once, in their order.
fn union(scope: &[String], more: &[String]) -> Vec<String> {
    let mut union: Vec<String> = Vec::with_capacity(scope.len());
    for scope in scope.iter().chain(more) {
        if !union.contains(scope) {
            union.push(scope.clone());
        }
    }
    union
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
    // A name in its place, such as Google's `postmessage` for a code that came to a page by its script.
    let is_a_name = provider.redirect_by_name && !text.contains("://");
    if text != temporary_credentials::OUT_OF_BAND && !is_a_name {
        let url = Url::parse(text).map_err(|error| {
            Error::new(
                Code::InvalidConfig,
                format!("redirect_uri: {text:?} is not a URL ({error}); expected an absolute URL"),
            )
        })?;
        if url.scheme() == "http" {
            check_url(&url, "redirect_uri")?;
        }
        if url.fragment().is_some() {
            return Err(Error::new(
                Code::InvalidConfig,
                "redirect_uri: has a fragment; expected none (RFC 6749 section 3.1.2)",
            ));
        }
    }
    Ok(Some(text.clone()))
}
