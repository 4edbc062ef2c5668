//! The request of each kind of renewal, and what its answer holds for the record: a refresh token (RFC 6749 section 6), and
//! what needs no consent (`refresh.md`, Other kinds of renewal): the client's own credentials (section 4.4), an assertion
//! (RFC 7523) and another token (RFC 8693).

use super::outcome::{self, Outcome};
use super::session;
use crate::clock::{UnixMillis, from_http_date};
use crate::config::{GrantType, TokenExchangeOptions};
use crate::context::{Context, Settings};
use crate::dpop::{self, Proven};
use crate::error::{Code, Error, Result};
use crate::http::{Body, HttpRequest, HttpResponse, LEAST_TIME, Sent};
use crate::jose::dpop::DpopKey;
use crate::oauth2::{BEARER, DPOP, Grant, TokenRequest, TokenResponse};
use crate::process::task_error;
use crate::provider::{
    AccessTokenRequest, Endpoints, Provider, TokenRequestFormat, TokenRequestMethod,
};
use crate::secret::Secret;
use crate::store::{Entry, Record, StoredAccessToken, Tokens};
use serde_json::{Map, Value};
use std::mem;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// Largest answer of a token endpoint that is read.
const MAX_TOKEN_RESPONSE_BYTES: u64 = 1 << 20;

/// What became of one token request.
pub(crate) enum Answer {
    /// The provider has certainly not seen it.
    NotSent(Error),
    /// It answered, or may have.
    Judged(Outcome),
}

/// How far off a clock must be to be corrected by the `Date` of a refusal, in milliseconds: assertions live for a minute.
const TOLERATED: i64 = 5_000;

/// Renews one of the record's access tokens; once more where the clock was wrong by which the request was signed.
pub(crate) async fn renew(
    context: &Context,
    provider: &Provider,
    record: &Record,
    entry: &Entry,
    deadline: Duration,
) -> Result<Answer> {
    let (settings, began) = (&context.settings, Instant::now());
    let dated_by = settings.signing_offset();
    let answer = renew_once(context, provider, record, entry, deadline).await?;
    let is_refused = matches!(answer, Answer::Judged(Outcome::Misconfigured(_)));
    if !is_refused || settings.signing_offset() == dated_by {
        return Ok(answer);
    }
    let left = deadline.saturating_sub(began.elapsed());
    if left < LEAST_TIME {
        return Ok(answer);
    }
    renew_once(context, provider, record, entry, left).await
}

async fn renew_once(
    context: &Context,
    provider: &Provider,
    record: &Record,
    entry: &Entry,
    deadline: Duration,
) -> Result<Answer> {
    let settings = &context.settings;
    let scope = if entry.scope.is_empty() && !settings.grant.needs_consent() {
        settings.scope.join(&provider.scope_separator)
    } else {
        entry.scope.join(&provider.scope_separator)
    };
    let scope = Some(scope.as_str()).filter(|scope| !scope.is_empty());
    let resource = Some(entry.resource.as_str()).filter(|resource| !resource.is_empty());
    let dpop_key = record.dpop_key.as_ref();
    let answer = match settings.grant {
        GrantType::AuthorizationCode => {
            let refresh_token = record.refresh_token().ok_or_else(|| {
                let text = "a renewal was begun for a record without refresh token";
                Error::new(Code::Internal, text)
            })?;
            if let Endpoints::OAuth1 { token, .. } = &provider.endpoints {
                return session::renew(context, provider, token, record, deadline).await;
            }
            let refresh_token = refresh_token.expose();
            if let Some(way) = provider.exchange.as_ref().filter(|_| record.is_unexchanged()) {
                return spend_access_token(context, provider, way, refresh_token, deadline).await;
            }
            let grant = Grant::RefreshToken { refresh_token, scope, resource };
            return send(context, provider, &grant, dpop_key, deadline).await;
        }
        GrantType::ClientCredentials => {
            send(
                context,
                provider,
                &Grant::ClientCredentials { scope, resource },
                dpop_key,
                deadline,
            )
            .await?
        }
        GrantType::JwtBearer => {
            let (inside, beside) =
                if provider.scope_in_assertion { (scope, None) } else { (None, scope) };
            let now = settings.signing_now();
            let assertion = settings.assertions.of_grant(&record.subject, inside, provider, now)?;
            let grant = Grant::JwtBearer { assertion: assertion.expose(), scope: beside, resource };
            send(context, provider, &grant, dpop_key, deadline).await?
        }
        GrantType::TokenExchange => {
            let exchanged = Exchanged::read(context).await?;
            send(context, provider, &exchanged.grant(scope, resource), dpop_key, deadline).await?
        }
    };
    Ok(without_consent(answer, entry))
}

/// What an answer means where no user consented. A refresh token is not kept: what brought this answer brings the next.
fn without_consent(answer: Answer, entry: &Entry) -> Answer {
    match answer {
        Answer::Judged(Outcome::ProviderError(error)) if is_of_the_wish(entry, &error) => {
            Answer::Judged(Outcome::ProviderError(error))
        }
        Answer::Judged(Outcome::Success(mut response)) => {
            response.refresh_token = None;
            Answer::Judged(Outcome::Success(response))
        }
        Answer::Judged(outcome) => Answer::Judged(outcome.without_consent()),
        answer @ Answer::NotSent(_) => answer,
    }
}

/// Whether the provider refuses the resource (RFC 8707 section 2) or the scope that was asked for.
pub(super) fn is_of_the_wish(entry: &Entry, error: &Error) -> bool {
    !entry.is_own() && matches!(error.server_error(), Some("invalid_target" | "invalid_scope"))
}

/// What is exchanged, as it stands now.
struct Exchanged {
    options: TokenExchangeOptions,
    subject_token: Secret,
    actor_token: Option<Secret>,
}

impl Exchanged {
    async fn read(context: &Context) -> Result<Self> {
        let options = context.settings.token_exchange.clone().ok_or_else(|| {
            Error::new(Code::Internal, "an exchange was begun without a token to exchange")
        })?;
        let reading = tokio::task::spawn_blocking(move || {
            let subject_token = options.subject_token.resolve("token_exchange.subject_token")?;
            let actor_token = options.actor_token.as_ref();
            let actor_token = actor_token
                .map(|source| source.resolve("token_exchange.actor_token"))
                .transpose()?;
            Ok(Exchanged { options, subject_token, actor_token })
        });
        reading.await.map_err(task_error)?
    }

    fn grant<'a>(&'a self, scope: Option<&'a str>, resource: Option<&'a str>) -> Grant<'a> {
        let options = &self.options;
        let actor_token = self.actor_token.as_ref().map(Secret::expose);
        Grant::TokenExchange {
            subject_token: self.subject_token.expose(),
            subject_token_type: &options.subject_token_type,
            actor_token: actor_token.map(|token| (token, options.actor_token_type.as_str())),
            requested_token_type: options.requested_token_type.as_deref(),
            audience: options.audience.as_deref(),
            scope,
            resource,
        }
    }
}

/// Sends a token request for `grant`; where it is bound to a key, with a proof (RFC 9449 section 5). A proof that is refused
/// for its nonce or its date was refused before anything was spent: the request is sent once more, with another.
pub(crate) async fn send(
    context: &Context,
    provider: &Provider,
    grant: &Grant<'_>,
    dpop_key: Option<&Secret>,
    deadline: Duration,
) -> Result<Answer> {
    if let (Grant::RefreshToken { refresh_token, .. }, Some(way)) = (grant, &provider.renewal) {
        return spend_access_token(context, provider, way, refresh_token, deadline).await;
    }
    let until = Instant::now() + deadline;
    let key = dpop_key.map(dpop::kept_key).transpose()?;
    let (answer, may_prove_again) = attempt(context, provider, grant, key.as_ref(), until).await?;
    if may_prove_again && Instant::now() + LEAST_TIME <= until {
        return Ok(attempt(context, provider, grant, key.as_ref(), until).await?.0);
    }
    Ok(answer)
}

/// Sends it once. Says beside the answer whether only the proof was refused, and another would say something else.
async fn attempt(
    context: &Context,
    provider: &Provider,
    grant: &Grant<'_>,
    key: Option<&DpopKey>,
    until: Instant,
) -> Result<(Answer, bool)> {
    let is_refresh = matches!(grant, Grant::RefreshToken { .. });
    let (authentication, extra) = if is_refresh {
        (context.settings.refresh_authentication(provider)?, &provider.refresh_parameters)
    } else {
        (context.settings.client_authentication(provider)?, &provider.token_parameters)
    };
    let mut request = TokenRequest::new(grant, &authentication, extra)
        .map_err(|error| Error::new(Code::InvalidConfig, error.to_string()))?;
    if let Some(resource) = usual_resource(context, grant) {
        request.push("resource", resource);
    }
    // Before the provider's names hide them.
    let is_signed = request.is_signed();
    let secrets: Vec<Secret> = context.settings.secrets_in(&request).into_iter().cloned().collect();
    request.rename("client_id", &provider.client_id_parameter);
    for (standard, own) in &provider.names.token {
        request.rename(standard, own);
    }
    let url = token_endpoint(provider, is_refresh)?;
    let request_of = match provider.token_request_format {
        TokenRequestFormat::Form => form_request,
        TokenRequestFormat::Json => json_request,
    };
    let (now, dated_by) = (context.settings.now(), context.settings.signing_offset());
    let proven = key.map(|key| context.proofs.prove(key, "POST", url, None, now));
    let left = until.saturating_duration_since(Instant::now());
    let mut post = request_of(url, &request, left);
    post.headers.extend(proven.as_ref().map(Proven::to_header));
    let sent = context.http.send_to_provider(post).await;
    let may_prove_again = match (&proven, &sent) {
        (Some(proven), Sent::Answered(response)) => {
            context.proofs.learn(url, proven, response, context.settings.now())
        }
        _ => false,
    };
    if let Sent::Answered(response) = &sent
        && is_signed
    {
        dated_wrongly(&context.settings, response, dated_by);
    }
    Ok((answer(context, provider, sent, &secrets), may_prove_again))
}

/// Whether a refusal shows by its `Date` that what was signed, `dated_by` this offset, was dated wrongly. The clock is right then.
pub(super) fn dated_wrongly(settings: &Settings, response: &HttpResponse, dated_by: i64) -> bool {
    let theirs = response.header("date").and_then(from_http_date);
    let is_refusal = response.status / 100 == 4;
    theirs.is_some_and(|theirs| is_refusal && settings.corrects_clock(theirs, dated_by, TOLERATED))
}

/// Spends an access token for another one, at a provider that has no refresh tokens or whose first token lives for an hour only.
pub(crate) async fn spend_access_token(
    context: &Context,
    provider: &Provider,
    way: &AccessTokenRequest,
    access_token: &str,
    deadline: Duration,
) -> Result<Answer> {
    let AccessTokenRequest { endpoint, grant } = way;
    let mut request = TokenRequest::default();
    request.push("grant_type", &grant.grant_type);
    request.push(&grant.token_parameter, access_token);
    context
        .settings
        .authentication(provider, grant.client_authentication)?
        .authenticate(&mut request);
    let mut secrets: Vec<Secret> =
        context.settings.secrets_in(&request).into_iter().cloned().collect();
    secrets.push(Secret::from(access_token));
    let http_request = match grant.method {
        TokenRequestMethod::Post => form_request(endpoint, &request, deadline),
        TokenRequestMethod::Get => query_request(endpoint, &request, deadline),
    };
    let sent = context.http.send_to_provider(http_request).await;
    Ok(answer(context, provider, sent, &secrets))
}

/// What became of it; `secrets` are those that an echo would give away.
fn answer(context: &Context, provider: &Provider, sent: Sent, secrets: &[Secret]) -> Answer {
    match sent {
        Sent::Unsent(error) => Answer::NotSent(error.with_provider(&provider.name)),
        Sent::Ambiguous(error) => {
            Answer::Judged(Outcome::Ambiguous(error.with_provider(&provider.name)))
        }
        Sent::Answered(response) => {
            let secrets: Vec<&Secret> = secrets.iter().collect();
            Answer::Judged(outcome::judge(&response, provider, &secrets, context.settings.now()))
        }
    }
}

/// The client's own resource (RFC 8707 section 2.2), for a grant that names none itself. Of several the application says which
/// it wants a token for: providers give tokens for one. A token exchange says by its own options what its token is for.
fn usual_resource<'a>(context: &'a Context, grant: &Grant<'_>) -> Option<&'a str> {
    match (grant, context.settings.resource.as_slice()) {
        (
            Grant::RefreshToken { resource: Some(_), .. }
            | Grant::ClientCredentials { resource: Some(_), .. }
            | Grant::JwtBearer { resource: Some(_), .. }
            | Grant::TokenExchange { .. },
            _,
        ) => None,
        (_, [resource]) => Some(resource),
        _ => None,
    }
}

/// A form posted to one of the provider's endpoints.
pub(crate) fn form_request(url: &Url, request: &TokenRequest, deadline: Duration) -> HttpRequest {
    post(url, request, "application/x-www-form-urlencoded", &request.body(), deadline)
}

/// The same as a JSON object.
fn json_request(url: &Url, request: &TokenRequest, deadline: Duration) -> HttpRequest {
    post(url, request, "application/json", &request.json_body(), deadline)
}

/// The same in the query: secrets in a URL, for providers that know nothing else.
fn query_request(url: &Url, request: &TokenRequest, deadline: Duration) -> HttpRequest {
    let mut with_query = url.clone();
    let parameters = request.body();
    let query = match url.query() {
        None | Some("") => parameters,
        Some(query) => Secret::new(format!("{query}&{}", parameters.expose())),
    };
    with_query.set_query(Some(query.expose()));
    let posted = post(&with_query, request, "", &Secret::default(), deadline);
    let headers = posted.headers.into_iter().filter(|(name, _)| name != "content-type").collect();
    HttpRequest { method: "GET".to_owned(), headers, body: Body::None, ..posted }
}

fn post(
    url: &Url,
    request: &TokenRequest,
    media_type: &str,
    body: &Secret,
    deadline: Duration,
) -> HttpRequest {
    let mut headers = vec![
        ("accept".to_owned(), "application/json".to_owned()),
        ("content-type".to_owned(), media_type.to_owned()),
    ];
    if let Some(authorization) = &request.authorization {
        headers.push(("authorization".to_owned(), authorization.expose().to_owned()));
    }
    HttpRequest {
        method: "POST".to_owned(),
        url: url.clone(),
        headers,
        body: Body::Bytes(body.expose().as_bytes().to_vec()),
        timeout: deadline,
        max_response_bytes: MAX_TOKEN_RESPONSE_BYTES,
    }
}

fn token_endpoint(provider: &Provider, is_refresh: bool) -> Result<&Url> {
    match &provider.endpoints {
        Endpoints::OAuth2 { refresh: Some(refresh), .. } if is_refresh => Ok(refresh),
        Endpoints::OAuth2 { token, .. } => Ok(token),
        Endpoints::OAuth1 { .. } => {
            Err(Error::new(Code::Unsupported, format!("{} speaks OAuth 1.0a", provider.name)))
        }
    }
}

/// The tokens of an answer as they are stored; `requested` are the scopes where the provider does not say.
pub(crate) fn tokens(response: TokenResponse, requested: &[String], now: UnixMillis) -> Tokens {
    let response_fields = {
        let tokens: Vec<&Secret> =
            [&response.access_token].into_iter().chain(&response.refresh_token).collect();
        further_fields(response.raw, &tokens)
    };
    Tokens {
        access: vec![StoredAccessToken {
            token: response.access_token,
            secret: response.token_secret,
            token_type: in_its_usual_case(response.token_type),
            obtained_at: now,
            expires_at: response.expiry.map(|expiry| expiry.at(now)),
            scope: response.scope.unwrap_or_else(|| requested.to_vec()),
            resource: String::new(),
            requested_scope: Vec::new(),
            came_with: None,
            unknown: Map::new(),
        }],
        refresh: response.refresh_token,
        refresh_expires_at: response.refresh_token_expiry.map(|expiry| expiry.at(now)),
        unexchanged: false,
        response: response_fields,
    }
}

/// The tokens of a renewal for one entry.
pub(crate) fn tokens_for(entry: &Entry, response: TokenResponse, now: UnixMillis) -> Tokens {
    let mut tokens = tokens(response, &entry.scope, now);
    for access in &mut tokens.access {
        access.resource.clone_from(&entry.resource);
        access.requested_scope.clone_from(&entry.scope);
    }
    tokens
}

/// Token types are compared in any case (RFC 6749 section 5.1), but some APIs want `Bearer` written so.
fn in_its_usual_case(token_type: Option<String>) -> String {
    let told = token_type.unwrap_or_else(|| BEARER.to_owned());
    let usual = [BEARER, DPOP].into_iter().find(|usual| told.eq_ignore_ascii_case(usual));
    usual.map_or(told, str::to_owned)
}

/// What the answer says beside the tokens; they are stored once, in their own place, whatever names and objects they came in.
fn further_fields(mut raw: Map<String, Value>, tokens: &[&Secret]) -> Map<String, Value> {
    let is_token = |value: &Value| tokens.iter().any(|token| value == token.expose());
    raw.retain(|name, value| {
        !matches!(name.as_str(), "access_token" | "refresh_token") && !is_token(value)
    });
    for value in raw.values_mut() {
        if let Value::Object(fields) = value {
            *fields = further_fields(mem::take(fields), tokens);
        }
    }
    raw
}
