//! The request of each kind of renewal, and what its answer holds for the record. One kind so far: the refresh token grant
//! (RFC 6749 section 6).

use super::outcome::{self, Outcome};
use crate::clock::UnixMillis;
use crate::context::Context;
use crate::dpop::{self, Proven};
use crate::error::{Code, Error, Result};
use crate::http::{Body, HttpRequest, Sent};
use crate::jose::dpop::DpopKey;
use crate::oauth2::{BEARER, DPOP, Grant, TokenRequest, TokenResponse};
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

/// A request for which less time is left is not begun.
const LEAST_TIME: Duration = Duration::from_secs(1);

/// What became of one token request.
pub(crate) enum Answer {
    /// The provider has certainly not seen it.
    NotSent(Error),
    /// It answered, or may have.
    Judged(Outcome),
}

/// Spends the record's refresh token for one of its access tokens.
pub(crate) async fn renew(
    context: &Context,
    provider: &Provider,
    record: &Record,
    entry: &Entry,
    deadline: Duration,
) -> Result<Answer> {
    let refresh_token = record.refresh_token().ok_or_else(|| {
        Error::new(Code::Internal, "a renewal was begun for a record without refresh token")
    })?;
    let scope = entry.scope.join(&provider.scope_separator);
    let grant = Grant::RefreshToken {
        refresh_token: refresh_token.expose(),
        scope: Some(scope.as_str()).filter(|scope| !scope.is_empty()),
        resource: Some(entry.resource.as_str()).filter(|resource| !resource.is_empty()),
    };
    send(context, provider, &grant, record.dpop_key.as_ref(), deadline).await
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
    // Before the provider's names hide them.
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
    let proven =
        key.map(|key| context.proofs.prove(key, "POST", url, None, context.settings.now()));
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
    Ok((answer(context, provider, sent, &secrets), may_prove_again))
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
            secret: None,
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
