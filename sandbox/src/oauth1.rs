//! OAuth 1.0a (RFC 5849), the server's side: temporary credentials, consent, token credentials, and the
//! check of each signed request. Errors have the words of the OAuth Problem Reporting extension.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use url::form_urlencoded;

use crate::clock::{Millis, millis};
use crate::consent::{self, Decision};
use crate::grants::{FamilyId, Lifetime, Protocol, random_token};
use crate::http::{Answer, FORM, Pairs, Parameters, Request};
use crate::journal::JournalEntry;
use crate::signature::{self, Method};
use crate::state::State;

/// The consumer.
pub const CONSUMER_KEY: &str = "sandbox-consumer";
/// The secret of [`CONSUMER_KEY`].
pub const CONSUMER_SECRET: &str = "sandbox-consumer-secret";

/// How far a timestamp may be from the sandbox clock, in seconds.
const TIMESTAMP_TOLERANCE: u64 = 300;

/// The value of `oauth_callback` for a client that cannot be redirected to.
const OUT_OF_BAND: &str = "oob";

/// Why a request was refused.
pub(crate) enum Problem {
    ParameterAbsent(String),
    ParameterRejected(String),
    VersionRejected,
    SignatureMethodRejected,
    SignatureInvalid,
    ConsumerKeyUnknown,
    TokenRejected,
    TokenUsed,
    TokenExpired,
    TokenRevoked,
    VerifierInvalid,
    PermissionUnknown,
    TimestampRefused { now: u64 },
    NonceUsed,
}

impl fmt::Display for Problem {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::ParameterAbsent(_) => "parameter_absent",
            Self::ParameterRejected(_) => "parameter_rejected",
            Self::VersionRejected => "version_rejected",
            Self::SignatureMethodRejected => "signature_method_rejected",
            Self::SignatureInvalid => "signature_invalid",
            Self::ConsumerKeyUnknown => "consumer_key_unknown",
            Self::TokenRejected => "token_rejected",
            Self::TokenUsed => "token_used",
            Self::TokenExpired => "token_expired",
            Self::TokenRevoked => "token_revoked",
            Self::VerifierInvalid => "verifier_invalid",
            Self::PermissionUnknown => "permission_unknown",
            Self::TimestampRefused { .. } => "timestamp_refused",
            Self::NonceUsed => "nonce_used",
        })
    }
}

impl Problem {
    /// The words the extension adds for some problems.
    fn detail(&self) -> Option<(&'static str, String)> {
        match self {
            Self::ParameterAbsent(name) => Some(("oauth_parameters_absent", name.clone())),
            Self::ParameterRejected(name) => Some(("oauth_parameters_rejected", name.clone())),
            Self::VersionRejected => Some(("oauth_acceptable_versions", "1.0-1.0".to_owned())),
            Self::TimestampRefused { now } => Some((
                "oauth_acceptable_timestamps",
                format!(
                    "{}-{}",
                    now.saturating_sub(TIMESTAMP_TOLERANCE),
                    now + TIMESTAMP_TOLERANCE
                ),
            )),
            _ => None,
        }
    }

    pub(crate) fn answer(&self) -> Answer {
        let mut pairs = vec![("oauth_problem", self.to_string())];
        pairs.extend(self.detail());
        let challenge: Vec<_> = pairs
            .iter()
            .map(|(name, value)| format!(r#"{name}="{}""#, signature::encode(value)))
            .collect();
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        Answer::with_body(401, FORM, body)
            .header(
                "www-authenticate",
                format!(r#"OAuth realm="sandbox", {}"#, challenge.join(", ")),
            )
            .not_stored()
    }
}

// Temporary credentials

/// Temporary credentials and what became of them.
pub(crate) struct Temporary {
    number: u64,
    secret: String,
    callback: String,
    expires: Millis,
    consent: Consent,
}

enum Consent {
    Awaited,
    Given { user: String, verifier: String },
    Denied,
    Used,
}

/// All temporary credentials of one sandbox.
#[derive(Default)]
pub(crate) struct Temporaries(HashMap<String, Temporary>);

impl Temporaries {
    pub(crate) fn alias(&self, token: &str) -> Option<String> {
        self.0.get(token).map(|temporary| format!("temporary#{}", temporary.number))
    }

    fn live(&mut self, token: &str, now: Millis) -> Result<&mut Temporary, Problem> {
        let temporary = self.0.get_mut(token).ok_or(Problem::TokenRejected)?;
        match temporary.consent {
            Consent::Used => Err(Problem::TokenUsed),
            _ if now >= temporary.expires => Err(Problem::TokenExpired),
            _ => Ok(temporary),
        }
    }
}

/// Section 2.1.
pub(crate) fn request_token(
    state: &mut State,
    request: &Request,
    entry: &mut JournalEntry,
) -> Answer {
    answer_or_problem(issue_temporary(state, request, entry))
}

fn issue_temporary(
    state: &mut State,
    request: &Request,
    entry: &mut JournalEntry,
) -> Result<Answer, Problem> {
    let signed = SignedRequest::read(request)?;
    entry.client = Some(signed.required("oauth_consumer_key")?.to_owned());
    if signed.token().is_some() {
        return Err(Problem::ParameterRejected("oauth_token".to_owned()));
    }
    let callback = signed.required("oauth_callback")?;
    if callback != OUT_OF_BAND && consent::loopback_url(callback).is_err() {
        return Err(Problem::ParameterRejected("oauth_callback".to_owned()));
    }
    signed.check(state, "")?;
    let (token, secret) = (random_token("tt"), random_token("ts"));
    let temporary = Temporary {
        number: state.temporaries.0.len() as u64 + 1,
        secret: secret.clone(),
        callback: callback.to_owned(),
        expires: state.clock.now() + millis(state.options.authorization_code_lifetime),
        consent: Consent::Awaited,
    };
    state.temporaries.0.insert(token.clone(), temporary);
    Ok(form_answer(&[
        ("oauth_token", &token),
        ("oauth_token_secret", &secret),
        ("oauth_callback_confirmed", "true"),
    ]))
}

// Consent

/// Section 2.2: the consent page, and its form.
pub(crate) fn authorize(state: &mut State, request: &Request, entry: &mut JournalEntry) -> Answer {
    if !matches!(request.method.as_str(), "GET" | "POST") {
        return Answer::method_not_allowed("GET, POST");
    }
    let (pairs, decision) = match consent::read(request) {
        Ok(read) => read,
        Err(problem) => return consent::error_page(&problem),
    };
    let parameters = match Parameters::unique(pairs) {
        Ok(parameters) => parameters,
        Err(name) => return consent::error_page(&format!("{name} came twice.")),
    };
    let Some(token) = parameters.get("oauth_token") else {
        return consent::error_page("oauth_token is missing.");
    };
    entry.client = Some(CONSUMER_KEY.to_owned());
    let now = state.clock.now();
    match state.temporaries.live(token, now) {
        Ok(temporary) if matches!(temporary.consent, Consent::Awaited) => {
            decide(temporary, token, decision, entry)
        }
        Ok(_) => consent::error_page("This request was decided before."),
        Err(problem) => consent::error_page(&format!("This request cannot be decided: {problem}.")),
    }
}

fn decide(
    temporary: &mut Temporary,
    token: &str,
    decision: Option<Decision>,
    entry: &mut JournalEntry,
) -> Answer {
    match decision {
        None => consent::page(CONSUMER_KEY, "", &temporary.callback, None),
        Some(Decision::Deny) => {
            temporary.consent = Consent::Denied;
            send_back(&temporary.callback, token, ("oauth_problem", "user_refused"))
                .unwrap_or_else(consent::denied_page)
        }
        Some(Decision::Allow { user }) => {
            let verifier = random_token("vf");
            entry.user = Some(user.clone());
            temporary.consent = Consent::Given { user, verifier: verifier.clone() };
            send_back(&temporary.callback, token, ("oauth_verifier", &verifier))
                .unwrap_or_else(|| consent::verifier_page(&verifier))
        }
    }
}

/// The redirect to the client; none if it has to be told out of band.
fn send_back(callback: &str, token: &str, outcome: (&str, &str)) -> Option<Answer> {
    let mut callback = consent::loopback_url(callback).ok()?;
    callback.query_pairs_mut().append_pair("oauth_token", token).append_pair(outcome.0, outcome.1);
    Some(Answer::redirect(callback).not_stored())
}

// Token credentials

/// Section 2.3.
pub(crate) fn access_token(
    state: &mut State,
    request: &Request,
    entry: &mut JournalEntry,
) -> Answer {
    answer_or_problem(exchange_temporary(state, request, entry))
}

fn exchange_temporary(
    state: &mut State,
    request: &Request,
    entry: &mut JournalEntry,
) -> Result<Answer, Problem> {
    let signed = SignedRequest::read(request)?;
    entry.client = Some(signed.required("oauth_consumer_key")?.to_owned());
    let token = signed.required("oauth_token")?;
    let presented = signed.required("oauth_verifier")?;
    let now = state.clock.now();
    let secret = state.temporaries.live(token, now)?.secret.clone();
    signed.check(state, &secret)?;
    let temporary = state.temporaries.live(token, now)?;
    let user = match &temporary.consent {
        Consent::Given { user, verifier } if verifier == presented => user.clone(),
        Consent::Given { .. } => return Err(Problem::VerifierInvalid),
        Consent::Awaited | Consent::Denied | Consent::Used => {
            return Err(Problem::PermissionUnknown);
        }
    };
    temporary.consent = Consent::Used;
    let family = state.grants.open(Some(user), CONSUMER_KEY, Protocol::OAuth1, "", now);
    entry.concerns(state.grants.family(family));
    let secret = random_token("as");
    let forever = Lifetime { issued: now, length: None };
    let token = state.grants.issue_access_token(family, forever, Some(secret.clone()));
    Ok(form_answer(&[("oauth_token", &token), ("oauth_token_secret", &secret)]))
}

fn answer_or_problem(result: Result<Answer, Problem>) -> Answer {
    result.unwrap_or_else(|problem| problem.answer())
}

fn form_answer(pairs: &[(&str, &str)]) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    Answer::with_body(200, FORM, body).not_stored()
}

// Signed requests

/// Whether a request carries OAuth 1.0a protocol parameters, wherever they are (section 3.5).
pub(crate) fn is_signed(request: &Request) -> bool {
    let signs = |pairs: Pairs| pairs.iter().any(|(name, _)| name == "oauth_signature");
    request.credentials("OAuth").is_some()
        || signs(request.query_pairs())
        || signs(request.form_pairs())
}

/// The grant and the token number behind a signed API request.
pub(crate) fn authenticate(
    state: &mut State,
    request: &Request,
    entry: &mut JournalEntry,
) -> Result<(FamilyId, u64), Problem> {
    let signed = SignedRequest::read(request)?;
    let token = signed.required("oauth_token")?;
    let record = state.grants.access_token(token).ok_or(Problem::TokenRejected)?;
    let secret = record.secret.clone().ok_or(Problem::TokenRejected)?;
    let family = state.grants.family(record.family);
    entry.concerns(family);
    if !family.alive {
        return Err(Problem::TokenRevoked);
    }
    if !record.alive_at(state.clock.now()) {
        return Err(Problem::TokenExpired);
    }
    let authenticated = (family.id, record.number);
    signed.check(state, &secret)?;
    Ok(authenticated)
}

/// The parameters of a request: of the protocol and of the application alike.
struct SignedRequest<'a> {
    request: &'a Request,
    parameters: Pairs,
}

impl<'a> SignedRequest<'a> {
    /// Collects them from the three sources of section 3.4.1.3.1; of the protocol's own none may come
    /// twice (section 3.2).
    fn read(request: &'a Request) -> Result<Self, Problem> {
        let mut parameters = match request.credentials("OAuth") {
            Some(credentials) => header_parameters(credentials)
                .ok_or_else(|| Problem::ParameterRejected("Authorization".to_owned()))?,
            None => Pairs::new(),
        };
        parameters.extend(request.query_pairs());
        parameters.extend(request.form_pairs());
        let mut names = BTreeSet::new();
        for (name, _) in parameters.iter().filter(|(name, _)| name.starts_with("oauth_")) {
            if !names.insert(name.as_str()) {
                return Err(Problem::ParameterRejected(name.clone()));
            }
        }
        Ok(Self { request, parameters })
    }

    fn get(&self, name: &str) -> Option<&str> {
        let pair = self.parameters.iter().find(|(key, _)| key == name)?;
        Some(pair.1.as_str()).filter(|value| !value.is_empty())
    }

    fn required(&self, name: &str) -> Result<&str, Problem> {
        self.get(name).ok_or_else(|| Problem::ParameterAbsent(name.to_owned()))
    }

    fn token(&self) -> Option<&str> {
        self.get("oauth_token")
    }

    /// Section 3.2. The nonce is spent only by a request that is right in all else.
    fn check(&self, state: &mut State, token_secret: &str) -> Result<(), Problem> {
        if self.get("oauth_version").is_some_and(|version| version != "1.0") {
            return Err(Problem::VersionRejected);
        }
        if self.required("oauth_consumer_key")? != CONSUMER_KEY {
            return Err(Problem::ConsumerKeyUnknown);
        }
        let method = Method::named(self.required("oauth_signature_method")?)
            .ok_or(Problem::SignatureMethodRejected)?;
        let key = signature::key(CONSUMER_SECRET, token_secret);
        if !method.verifies(self.required("oauth_signature")?, &self.base_string()?, &key) {
            return Err(Problem::SignatureInvalid);
        }
        let unstamped = self.get("oauth_timestamp").is_none() && self.get("oauth_nonce").is_none();
        if method == Method::Plaintext && unstamped {
            return Ok(());
        }
        self.spend_nonce(state)
    }

    fn base_string(&self) -> Result<String, Problem> {
        let host = self
            .request
            .header("host")
            .ok_or_else(|| Problem::ParameterAbsent("Host".to_owned()))?;
        let uri = signature::base_string_uri(host, &self.request.path);
        let signed = self.parameters.iter().filter(|(name, _)| name != "oauth_signature");
        Ok(signature::base_string(&self.request.method, &uri, &signed.cloned().collect()))
    }

    /// Section 3.3.
    fn spend_nonce(&self, state: &mut State) -> Result<(), Problem> {
        let now = state.clock.now() / 1000;
        let refused = Problem::TimestampRefused { now };
        let text = self.required("oauth_timestamp")?;
        let timestamp: u64 = match text.parse() {
            Ok(timestamp)
                if !text.starts_with('+') && now.abs_diff(timestamp) <= TIMESTAMP_TOLERANCE =>
            {
                timestamp
            }
            _ => return Err(refused),
        };
        let nonce = Nonce {
            timestamp,
            consumer: self.required("oauth_consumer_key")?.to_owned(),
            token: self.token().unwrap_or_default().to_owned(),
            text: self.required("oauth_nonce")?.to_owned(),
        };
        if state.nonces.spend(nonce, now) { Ok(()) } else { Err(Problem::NonceUsed) }
    }
}

/// Section 3.5.1: `name="value"` with commas between, values percent-encoded; the realm is no
/// parameter. None for what is not of this form.
fn header_parameters(credentials: &str) -> Option<Pairs> {
    let mut parameters = Pairs::new();
    let mut rest = credentials.trim();
    while !rest.is_empty() {
        let (name, after_name) = rest.split_once('=')?;
        let (value, after_value) = after_name.strip_prefix('"')?.split_once('"')?;
        if !name.eq_ignore_ascii_case("realm") {
            parameters.push((signature::decode(name)?, signature::decode(value)?));
        }
        rest = match after_value.trim_start() {
            "" => "",
            more => more.strip_prefix(',')?.trim_start(),
        };
    }
    Some(parameters)
}

/// Ordered by time first, so that what is too old to come again can be forgotten.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Nonce {
    timestamp: u64,
    consumer: String,
    token: String,
    text: String,
}

/// The nonces that could still be repeated.
#[derive(Default)]
pub(crate) struct Nonces(BTreeSet<Nonce>);

impl Nonces {
    /// Whether this one is new.
    fn spend(&mut self, nonce: Nonce, now: u64) -> bool {
        let oldest = now.saturating_sub(TIMESTAMP_TOLERANCE);
        while self.0.first().is_some_and(|first| first.timestamp < oldest) {
            self.0.pop_first();
        }
        self.0.insert(nonce)
    }
}
