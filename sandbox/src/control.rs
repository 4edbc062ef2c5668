//! The control: what a test sets and asks under `/sandbox/`, without authentication. The methods of
//! [`Sandbox`](crate::Sandbox) and the HTTP requests end in the same functions of [`State`].

use std::time::Duration;

use hyper::HeaderMap;
use hyper::body::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::{Url, form_urlencoded};

use crate::clock::millis;
use crate::consent::Choice;
use crate::device;
use crate::faults::Fault;
use crate::grants::{GrantSummary, Lifetime, Protocol};
use crate::http::{Answer, FORM, Request};
use crate::journal::Kind;
use crate::openid::IdTokenHabit;
use crate::report::Report;
use crate::state::State;

pub(crate) fn is_control(request: &Request) -> bool {
    request.path.starts_with("/sandbox/")
}

pub(crate) fn answer(state: &mut State, request: &Request) -> Answer {
    let handled = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/sandbox/journal") => Ok(Answer::json(200, &state.journal.entries())),
        ("DELETE", "/sandbox/journal") => Ok(cleared(state.journal.clear())),
        ("GET", "/sandbox/faults") => Ok(Answer::json(200, &state.faults.standing())),
        ("POST", "/sandbox/faults") => post_fault(state, request),
        ("DELETE", "/sandbox/faults") => Ok(cleared(state.faults.clear())),
        ("GET", "/sandbox/clock") => Ok(clock(state)),
        ("POST", "/sandbox/clock") => post_clock(state, request),
        ("GET", "/sandbox/options") => Ok(Answer::json(200, &state.options)),
        ("POST", "/sandbox/options") => post_options(state, request),
        ("POST", "/sandbox/id_token") => post_id_token(state, request),
        ("POST", "/sandbox/rotate_signing_key") => Ok(rotate_signing_key(state)),
        ("POST", "/sandbox/consent") => post_consent(state, request),
        ("POST", "/sandbox/device") => post_device(state, request),
        ("GET", "/sandbox/grants") => Ok(Answer::json(200, &state.grant_summaries())),
        ("POST", "/sandbox/grants") => post_grants(state, request),
        ("POST", "/sandbox/revoke") => post_revoke(state, request),
        ("POST", "/sandbox/expire_access") => post_expire_access(state, request),
        ("GET", "/sandbox/report") => Ok(Answer::json(200, &Report::of(state))),
        _ => Ok(Answer::json(404, &json!({ "error": "there is no such control" }))),
    };
    handled.unwrap_or_else(|error| Answer::json(400, &json!({ "error": error })))
}

fn cleared(count: usize) -> Answer {
    Answer::json(200, &json!({ "cleared": count }))
}

fn body<T: DeserializeOwned>(request: &Request) -> Result<T, String> {
    serde_json::from_slice(&request.body).map_err(|error| error.to_string())
}

fn post_fault(state: &mut State, request: &Request) -> Result<Answer, String> {
    state.add_fault(body(request)?)?;
    Ok(Answer::json(200, &state.faults.standing()))
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ClockChange {
    /// Seconds, negative for back.
    Advance(f64),
    /// Unix seconds.
    Set(f64),
    Real(bool),
}

fn post_clock(state: &mut State, request: &Request) -> Result<Answer, String> {
    match body(request)? {
        ClockChange::Advance(by) if by < 0.0 => {
            state.clock.advance(-millis(duration(-by)?).cast_signed());
        }
        ClockChange::Advance(by) => state.clock.advance(millis(duration(by)?).cast_signed()),
        ClockChange::Set(to) => state.clock.set(millis(duration(to)?)),
        ClockChange::Real(true) => state.clock.reset(),
        ClockChange::Real(false) => return Err("real: expected true".to_owned()),
    }
    Ok(clock(state))
}

fn duration(seconds: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[derive(Serialize)]
struct ClockReading {
    /// Unix seconds.
    now: f64,
    /// Seconds ahead of the real clock.
    offset: f64,
}

#[expect(clippy::cast_precision_loss, reason = "times of this age are far below 2^52 milliseconds")]
fn clock(state: &State) -> Answer {
    let reading = ClockReading {
        now: state.clock.now() as f64 / 1000.0,
        offset: state.clock.offset() as f64 / 1000.0,
    };
    Answer::json(200, &reading)
}

fn post_options(state: &mut State, request: &Request) -> Result<Answer, String> {
    let keys: Map<String, Value> = body(request)?;
    state.options = state.options.changed_by(keys)?;
    Ok(Answer::json(200, &state.options))
}

fn post_id_token(state: &mut State, request: &Request) -> Result<Answer, String> {
    state.openid.habit = body::<IdTokenHabit>(request)?;
    Ok(Answer::json(200, &state.openid.habit))
}

fn rotate_signing_key(state: &mut State) -> Answer {
    state.openid.rotate_key();
    Answer::empty(204)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsentOrder {
    url: String,
    user: Option<String>,
    #[serde(default)]
    decision: Choice,
}

fn post_consent(state: &mut State, request: &Request) -> Result<Answer, String> {
    let order: ConsentOrder = body(request)?;
    let user = order.user.as_deref().unwrap_or("alice");
    let redirect = state.consent(&order.url, user, order.decision)?;
    Ok(Answer::json(200, &json!({ "redirect": redirect })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceOrder {
    user_code: String,
    user: Option<String>,
    #[serde(default)]
    decision: Choice,
}

fn post_device(state: &mut State, request: &Request) -> Result<Answer, String> {
    let order: DeviceOrder = body(request)?;
    let user = order.user.as_deref().unwrap_or("alice");
    device::decide(state, &order.user_code, user, order.decision)?;
    Ok(Answer::json(200, &json!({ "decision": order.decision })))
}

/// Grants to be made at once, past consent: the user of each is `user` and its number.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IssueOrder {
    pub(crate) count: usize,
    #[serde(default = "IssueOrder::user")]
    pub(crate) user: String,
    #[serde(default)]
    pub(crate) scope: String,
}

impl IssueOrder {
    fn user() -> String {
        "user".to_owned()
    }
}

/// The tokens of a grant that was made past consent.
#[derive(Clone, Debug, Serialize)]
pub struct IssuedGrant {
    /// Whose it is.
    pub user: String,
    /// Its access token.
    pub access_token: String,
    /// Its refresh token.
    pub refresh_token: String,
    /// Seconds for which the access token is valid.
    pub expires_in: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserOrder {
    user: String,
}

fn post_grants(state: &mut State, request: &Request) -> Result<Answer, String> {
    let order: IssueOrder = body(request)?;
    Ok(Answer::json(200, &state.issue_grants(&order)))
}

fn post_revoke(state: &mut State, request: &Request) -> Result<Answer, String> {
    let order: UserOrder = body(request)?;
    Ok(Answer::json(200, &json!({ "revoked": state.revoke_user(&order.user) })))
}

fn post_expire_access(state: &mut State, request: &Request) -> Result<Answer, String> {
    let order: UserOrder = body(request)?;
    Ok(Answer::json(200, &json!({ "expired": state.expire_access(&order.user) })))
}

impl State {
    pub(crate) fn add_fault(&mut self, fault: Fault) -> Result<(), String> {
        fault.check()?;
        self.faults.add(fault);
        Ok(())
    }

    pub(crate) fn grant_summaries(&self) -> Vec<GrantSummary> {
        self.grants.families().iter().map(GrantSummary::from).collect()
    }

    /// Makes grants of the confidential client by the dozen; the journal has none of it.
    pub(crate) fn issue_grants(&mut self, order: &IssueOrder) -> Vec<IssuedGrant> {
        let now = self.clock.now();
        let lifetime = self.options.access_token_lifetime;
        let issue = |number| {
            let user = format!("{}{number}", order.user);
            let (client, protocol) = (crate::oauth2::CLIENT_ID, Protocol::OAuth2);
            let family = self.grants.open(Some(user.clone()), client, protocol, &order.scope, now);
            let refresh_token = self.grants.issue_refresh_token(family, now);
            let length = Lifetime { issued: now, length: Some(millis(lifetime)) };
            let access_token = self.grants.issue_access_token(family, length, None);
            IssuedGrant { user, access_token, refresh_token, expires_in: lifetime.as_secs() }
        };
        (1..=order.count).map(issue).collect()
    }

    /// Ends a user's grants and returns how many.
    pub(crate) fn revoke_user(&mut self, user: &str) -> usize {
        let families = self.grants.of_user(user);
        for &family in &families {
            self.grants.kill(family);
        }
        families.len()
    }

    /// Ends a user's access tokens and returns of how many grants.
    pub(crate) fn expire_access(&mut self, user: &str) -> usize {
        let families = self.grants.of_user(user);
        for &family in &families {
            self.grants.expire_access_tokens(family);
        }
        families.len()
    }

    /// Posts the consent form in the user's place, past the faults, and returns where the browser would
    /// go next.
    pub(crate) fn consent(
        &mut self,
        url: &str,
        user: &str,
        choice: Choice,
    ) -> Result<String, String> {
        let request = consent_request(url, user, choice)?;
        let mut entry = self.enter(&request);
        let answer = self.process(&mut entry, &request);
        entry.status = Some(answer.status);
        self.journal.update(&entry);
        let location = answer.headers.into_iter().find(|(name, _)| name == "location");
        location.map(|(_, location)| location).ok_or_else(|| {
            format!("the authorization endpoint answered {} and no redirect", answer.status)
        })
    }
}

fn consent_request(url: &str, user: &str, choice: Choice) -> Result<Request, String> {
    let url = Url::parse(url).map_err(|error| format!("url: {error}"))?;
    if Kind::of(url.path()) != Kind::Authorize {
        return Err("url: expected one of an authorization endpoint".to_owned());
    }
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("user", user)
        .append_pair("decision", choice.as_str())
        .finish();
    let mut headers = HeaderMap::new();
    headers.insert("content-type", FORM.parse().expect("a content type is a header value"));
    Ok(Request {
        method: "POST".to_owned(),
        path: url.path().to_owned(),
        query: url.query().map(str::to_owned),
        headers,
        body: Bytes::from(form),
        connection: 0,
    })
}
