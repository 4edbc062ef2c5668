//! The device authorization grant (RFC 8628): the user types a code elsewhere while the client asks again and again. Any
//! process that shares the store may ask, and those that do keep the provider's interval together.
//!
//! Asking must not lose the device code: before each poll the transaction is back in the store, with the time of the next
//! one, so that a process that is killed leaves a flow that any other goes on with.

use super::pending::{Device, Ended, Transaction};
use super::{
    Finished, Granted, PATIENCE, Patience, before_spending, code, dpop_key, keep, put_back,
    scopes_with_offline, union,
};
use crate::clock::{UnixMillis, millis};
use crate::config::Scopes;
use crate::context::Context;
use crate::error::{Code, Error, Result};
use crate::event::Kind;
use crate::http::check_url;
use crate::oauth2::device::Poll;
use crate::oauth2::{DeviceAuthorization, Grant, TokenRequest};
use crate::provider::{Endpoints, Provider};
use crate::refresh::client_request;
use crate::refresh::outcome::Outcome;
use crate::refresh::renewal::{self, Answer};
use crate::store::{Consent, Pending, Tokens};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use url::Url;

/// After so long another process that is just looking has put back what it looks at.
const LOOK: UnixMillis = 1000;

/// The longest that a user is waited for, whatever the provider says.
const LONGEST: Duration = Duration::from_secs(86_400);

/// How `begin_device` asks for consent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeviceOptions {
    /// Scopes in place of the client's.
    pub scope: Option<Scopes>,
    /// What is to be allowed in detail (RFC 9396): objects, each with its `type`.
    pub authorization_details: Vec<Value>,
    /// Further parameters of the device authorization request.
    pub parameters: BTreeMap<String, String>,
    /// The slot of the grant.
    pub slot: String,
    /// Seconds until the call gives up.
    pub timeout: Option<f64>,
}

/// What to show to the user, and what to poll with.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceStart {
    /// Names this flow in `poll_device` and `wait_device`, in any process.
    pub state: String,
    /// What the user types.
    pub user_code: String,
    /// Where the user types it: https, or http to this machine.
    pub verification_uri: String,
    /// The same address with the code in it, for a link or a QR code.
    pub verification_uri_complete: Option<String>,
    /// Seconds between polls.
    pub interval: f64,
    /// Until when the user has to be done, in Unix milliseconds.
    pub expires_at: i64,
}

/// What a poll found.
#[derive(Clone, Debug, Serialize)]
pub struct DevicePoll {
    /// The consent, once it is given.
    pub finished: Option<Finished>,
    /// Else: when to poll again, in Unix milliseconds; a poll before that asks nobody.
    pub poll_at: Option<i64>,
}

/// What a poll led to.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Polled {
    /// The user has not answered yet.
    Pending { poll_at: UnixMillis },
    /// The grant was stored.
    Granted(Box<Granted>),
    /// It was stored before, by this process or another.
    Before(Finished),
}

/// Begins: asks the provider for the codes, and keeps the transaction in the store.
pub(crate) async fn begin(
    context: &Context,
    subject: &str,
    options: DeviceOptions,
) -> Result<DeviceStart> {
    super::check_subject(subject)?;
    let provider = context.provider().await?;
    let endpoint = endpoint(&provider)?;
    let settings = &context.settings;
    let scope = options.scope.as_ref().map_or(&settings.scope, |scope| &scope.0);
    let scope = scopes_with_offline(context, &provider, scope)?;
    let mut request = TokenRequest::default();
    if !scope.is_empty() {
        request.push(&provider.scope_parameter, &scope.join(&provider.scope_separator));
    }
    for resource in &settings.resource {
        request.push("resource", resource);
    }
    if let Some(details) = code::authorization_details(&options.authorization_details)? {
        request.push("authorization_details", &details);
    }
    for (name, value) in &options.parameters {
        request.push(name, value);
    }
    let asked = client_request::ask(context, &provider, endpoint, &request).await?;
    let answer = match DeviceAuthorization::parse(asked.media_type(), &asked.response.body) {
        Ok(answer) if asked.response.status / 100 == 2 => answer,
        read => return Err(asked.error(&provider, "device authorization", read.err())),
    };
    check_url(&answer.verification_uri, "verification_uri")?;
    if let Some(url) = &answer.verification_uri_complete {
        check_url(url, "verification_uri_complete")?;
    }
    let now = settings.now();
    let mut transaction = Transaction::of(settings, subject, &options.slot, scope);
    transaction.dpop_key = dpop_key(context, &provider, subject, &options.slot).await?;
    transaction.expires_at = now + millis(answer.expires_in.min(LONGEST).as_secs_f64());
    transaction.device = Some(Device {
        code: answer.device_code,
        interval: millis(answer.interval.as_secs_f64()),
        poll_at: now + millis(answer.interval.as_secs_f64()),
    });
    let (state, expires_at) = (transaction.state.clone(), transaction.expires_at);
    context.store.put_pending(&state, &transaction.to_text(), now, expires_at).await?;
    Ok(DeviceStart {
        state,
        user_code: answer.user_code,
        verification_uri: answer.verification_uri.into(),
        verification_uri_complete: answer.verification_uri_complete.map(String::from),
        interval: answer.interval.as_secs_f64(),
        expires_at,
    })
}

fn endpoint(provider: &Provider) -> Result<&Url> {
    match &provider.endpoints {
        Endpoints::OAuth2 { device_authorization: Some(url), .. } => Ok(url),
        _ => Err(Error::new(
            Code::Unsupported,
            format!(
                "no device_authorization_endpoint of {} is known; expected a provider that has one (RFC 8628)",
                provider.name
            ),
        )),
    }
}

/// Asks once whether the user has answered, if it is time to.
pub(crate) async fn poll(context: &Context, state: &str) -> Result<Polled> {
    let provider = context.provider().await?;
    let now = context.settings.now();
    let mut transaction = match look(context, &provider, state, now).await? {
        Look::At(transaction) => transaction,
        Look::Elsewhere => return Ok(Polled::Pending { poll_at: now + LOOK }),
        Look::Ended(Ended::Granted(finished)) => return Ok(Polled::Before(finished)),
        Look::Ended(Ended::Failed(error)) => return Err(error),
    };
    let device = transaction.device.as_mut().expect("only such are looked at");
    let (due, interval) = (now >= device.poll_at, device.interval);
    if due {
        // Nobody else asks while this request may still be on its way.
        let patience = millis(PATIENCE.as_secs_f64());
        let on_its_way = patience + millis(context.settings.timeouts.request) + LOOK;
        device.poll_at = now + interval.max(on_its_way);
    }
    let poll_at = device.poll_at;
    let device_code = device.code.clone();
    put_back_patiently(context, &transaction).await?;
    if !due {
        return Ok(Polled::Pending { poll_at });
    }
    let key = context.settings.key(&transaction.subject, &transaction.slot);
    before_spending(context, &provider, &key, &transaction.scope).await?;
    let grant = Grant::DeviceCode { device_code: device_code.expose() };
    let deadline = Duration::from_secs_f64(context.settings.timeouts.request);
    let dpop_key = transaction.dpop_key.as_ref();
    let answer = renewal::send(context, &provider, &grant, dpop_key, deadline).await?;
    match next_poll(&answer) {
        Some((poll, pause)) => {
            let interval = Duration::from_millis(interval.unsigned_abs());
            let interval = millis(poll.interval_after(interval).max(pause).as_secs_f64());
            slow_down(context, &provider, state, interval).await
        }
        None => end(context, &provider, &transaction, answer).await,
    }
}

enum Look {
    At(Box<Transaction>),
    /// Another process has it in its hands this very moment.
    Elsewhere,
    Ended(Ended),
}

/// Takes the transaction; it is for the caller to put it back.
async fn look(
    context: &Context,
    provider: &Provider,
    state: &str,
    now: UnixMillis,
) -> Result<Look> {
    let mismatch = |text: &str, reason: &str| {
        Err(Error::new(Code::StateMismatch, text).with_reason(reason).with_provider(&provider.name))
    };
    match context.store.take_pending(state, now).await? {
        Pending::Absent => mismatch(
            "the device flow is unknown or expired; expected one that was begun here, not long ago",
            "unknown",
        ),
        Pending::Used(None) => Ok(Look::Elsewhere),
        Pending::Used(Some(text)) => match Ended::from_text(&text) {
            Some(ended) => Ok(Look::Ended(ended)),
            None => mismatch("the state is not of a device flow", "used"),
        },
        Pending::Taken(text) => {
            let transaction = Transaction::from_text(&text)?;
            if transaction.device.is_none() {
                put_back_patiently(context, &transaction).await?;
                return mismatch("the state is not of a device flow", "unknown");
            }
            if transaction.client != context.settings.client_key() {
                put_back_patiently(context, &transaction).await?;
                return mismatch("the device flow is of another client registration", "client");
            }
            Ok(Look::At(Box::new(transaction)))
        }
    }
}

/// A store that fails is asked again for a while: the transaction is nowhere else. Not where somebody has ended the flow since.
async fn put_back_patiently(context: &Context, transaction: &Transaction) -> Result<()> {
    let patience = Patience::begin();
    loop {
        let put = put_back(context, transaction).await;
        if !patience.lasts_after(&put).await {
            return put;
        }
        let stands = context.store.take_pending(&transaction.state, context.settings.now()).await;
        if matches!(stands, Ok(Pending::Used(Some(_)))) {
            return Ok(());
        }
    }
}

/// How to go on polling, and the pause that the provider asks for; none where its answer ends the flow.
fn next_poll(answer: &Answer) -> Option<(Poll, Duration)> {
    match answer {
        // Section 3.5 wants this of connection time-outs; whoever does not answer is asked less often.
        Answer::NotSent(_) | Answer::Judged(Outcome::Ambiguous(_)) => {
            Some((Poll::NoAnswer, Duration::ZERO))
        }
        Answer::Judged(Outcome::Throttled { pause, .. }) => {
            Some((Poll::SlowDown, pause.unwrap_or_default()))
        }
        Answer::Judged(
            Outcome::Refused(error) | Outcome::Misconfigured(error) | Outcome::ProviderError(error),
        ) => match error.server_error() {
            Some(word) => Some((Poll::of_error(word)?, Duration::ZERO)),
            // A proxy's page, or whatever else it was: nobody said that the flow is over.
            None => Some((Poll::NoAnswer, Duration::ZERO)),
        },
        Answer::Judged(Outcome::Success(_)) => None,
    }
}

/// Notes the interval from now on, if it became longer.
async fn slow_down(
    context: &Context,
    provider: &Provider,
    state: &str,
    interval: UnixMillis,
) -> Result<Polled> {
    let now = context.settings.now();
    let poll_at = now + interval;
    match look(context, provider, state, now).await? {
        Look::At(mut transaction) => {
            let device = transaction.device.as_mut().expect("only such are looked at");
            device.interval = device.interval.max(interval);
            // Not later than the codes are good for.
            let poll_at = poll_at.min(transaction.expires_at - LOOK).max(now);
            device.poll_at = poll_at;
            put_back_patiently(context, &transaction).await?;
            Ok(Polled::Pending { poll_at })
        }
        Look::Elsewhere => Ok(Polled::Pending { poll_at }),
        Look::Ended(Ended::Granted(finished)) => Ok(Polled::Before(finished)),
        Look::Ended(Ended::Failed(error)) => Err(error),
    }
}

/// The answer ends the flow: the transaction is used up, and how it ended is kept for whoever asks later.
async fn end(
    context: &Context,
    provider: &Provider,
    transaction: &Transaction,
    answer: Answer,
) -> Result<Polled> {
    let stored = match tokens(context, provider, transaction, answer).await {
        Ok(tokens) => {
            let key = context.settings.key(&transaction.subject, &transaction.slot);
            let given = Consent { tokens, dpop_key: transaction.dpop_key.clone() };
            let record = keep(context, &key, &given).await;
            record.map(|record| (key, Granted::of(record, provider, transaction)))
        }
        Err(error) => Err(error),
    };
    let ended = match &stored {
        Ok((_, granted)) => Ended::Granted(granted.finished()),
        Err(error) => Ended::Failed(error.clone()),
    };
    // What fails now costs only the answer to those who ask later.
    let settled = settle(context, &transaction.state, &ended).await;
    let (key, granted) = stored?;
    if let Err(error) = settled {
        context.settings.tell(Kind::StoreTrouble, &key, Some(&granted.record), error.message());
    }
    Ok(Polled::Granted(Box::new(granted)))
}

/// Uses the transaction up. Whoever is just looking at it is let finish: what is put back would take the result's place.
async fn settle(context: &Context, state: &str, ended: &Ended) -> Result<()> {
    for _ in 0..20 {
        match context.store.take_pending(state, context.settings.now()).await? {
            Pending::Used(None) => tokio::time::sleep(Duration::from_millis(50)).await,
            // A consent that was stored stands, whatever somebody else was told.
            Pending::Used(Some(text))
                if matches!(Ended::from_text(&text), Some(Ended::Granted(_))) =>
            {
                return Ok(());
            }
            _ => break,
        }
    }
    context.store.settle_pending(state, &ended.to_text()).await
}

async fn tokens(
    context: &Context,
    provider: &Provider,
    transaction: &Transaction,
    answer: Answer,
) -> Result<Tokens> {
    let asked = union(&transaction.scope, &transaction.granted);
    let has_key = transaction.dpop_key.is_some();
    let error = match code::tokens_of(context, provider, answer, &asked, has_key).await {
        Ok(tokens) => return Ok(tokens),
        Err(error) => error.with_grant(&provider.name, &transaction.subject),
    };
    let described = |code, text: &str, reason: &str| {
        error
            .clone()
            .recoded(code)
            .with_message(format!("{}: {text}", provider.name))
            .with_reason(reason)
    };
    Err(match error.server_error() {
        Some("access_denied") => {
            described(Code::ConsentDenied, "the user gave no consent", "access_denied")
        }
        Some("expired_token") => described(
            Code::StateMismatch,
            "the user did not answer in time; expected to begin anew",
            "expired",
        ),
        _ => error,
    })
}
