//! The request of each kind of renewal, and what its answer holds for the record. One kind so far: the refresh token grant
//! (RFC 6749 section 6).

use super::outcome::{self, Outcome};
use crate::clock::UnixMillis;
use crate::context::Context;
use crate::error::{Code, Error, Result};
use crate::http::{Body, HttpRequest, Sent};
use crate::oauth2::{Grant, TokenRequest, TokenResponse};
use crate::provider::{Endpoints, Provider, TokenRequestFormat};
use crate::secret::Secret;
use crate::store::{Entry, Record, StoredAccessToken, Tokens};
use serde_json::{Map, Value};
use std::time::Duration;
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
    send(context, provider, &grant, deadline).await
}

/// Sends a token request for `grant`.
pub(crate) async fn send(
    context: &Context,
    provider: &Provider,
    grant: &Grant<'_>,
    deadline: Duration,
) -> Result<Answer> {
    let is_refresh = matches!(grant, Grant::RefreshToken { .. });
    let (authentication, extra) = if is_refresh {
        (context.settings.refresh_authentication(provider)?, &provider.refresh_parameters)
    } else {
        (context.settings.client_authentication(provider)?, &provider.token_parameters)
    };
    let mut request = TokenRequest::new(grant, &authentication, extra)
        .map_err(|error| Error::new(Code::InvalidConfig, error.to_string()))?;
    request.rename("client_id", &provider.client_id_parameter);
    let url = token_endpoint(provider, is_refresh)?;
    let request_of = match provider.token_request_format {
        TokenRequestFormat::Form => form_request,
        TokenRequestFormat::Json => json_request,
    };
    let sent = context.http.send_to_provider(request_of(url, &request, deadline)).await;
    Ok(match sent {
        Sent::Unsent(error) => Answer::NotSent(error.with_provider(&provider.name)),
        Sent::Ambiguous(error) => {
            Answer::Judged(Outcome::Ambiguous(error.with_provider(&provider.name)))
        }
        Sent::Answered(response) => {
            let secrets = context.settings.secrets_in(&request);
            Answer::Judged(outcome::judge(&response, provider, &secrets, context.settings.now()))
        }
    })
}

/// A form posted to one of the provider's endpoints.
pub(crate) fn form_request(url: &Url, request: &TokenRequest, deadline: Duration) -> HttpRequest {
    post(url, request, "application/x-www-form-urlencoded", &request.body(), deadline)
}

/// The same as a JSON object.
fn json_request(url: &Url, request: &TokenRequest, deadline: Duration) -> HttpRequest {
    post(url, request, "application/json", &request.json_body(), deadline)
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
    Tokens {
        access: vec![StoredAccessToken {
            token: response.access_token,
            secret: None,
            token_type: bearer_in_its_usual_case(response.token_type),
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
        response: further_fields(response.raw),
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
fn bearer_in_its_usual_case(token_type: Option<String>) -> String {
    match token_type {
        Some(other) if !other.eq_ignore_ascii_case("bearer") => other,
        _ => "Bearer".to_owned(),
    }
}

/// What the answer says beside the tokens; they are stored once, in their own place.
fn further_fields(mut raw: Map<String, Value>) -> Map<String, Value> {
    raw.retain(|name, _| !matches!(name.as_str(), "access_token" | "refresh_token"));
    raw
}
