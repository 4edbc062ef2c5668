//! The three-legged flow of OAuth 1.0a (RFC 5849 section 2).

use super::pending::Transaction;
use super::{BeginOptions, code};
use crate::call::{Rejection, sign_now};
use crate::context::{Context, Settings};
use crate::error::{Code, Error, Result};
use crate::http::{Body, HttpRequest, HttpResponse, Sent};
use crate::oauth1::{self, Carrier, TemporaryCredentials, TokenCredentials};
use crate::provider::{Endpoints, OAuth1Version, Provider, TokenRequestMethod};
use crate::secret::{Secret, shown};
use crate::store::{StoredAccessToken, Tokens};
use serde_json::Map;
use std::time::Duration;
use url::Url;

/// The callback of a client that cannot receive one (section 2.1).
pub(super) const OUT_OF_BAND: &str = "oob";

const MAX_CREDENTIALS_BYTES: u64 = 1 << 20;

/// Fetches temporary credentials and says where the browser is sent with them.
pub(super) async fn authorization_url(
    context: &Context,
    provider: &Provider,
    options: &BeginOptions,
    transaction: &mut Transaction,
) -> Result<Url> {
    let Endpoints::OAuth1 { temporary_credential, authorization, .. } = &provider.endpoints else {
        return Err(Error::new(Code::Internal, "an OAuth 1 flow was begun at an OAuth 2 provider"));
    };
    let mut parameters = code::further_parameters(context, provider, options, transaction)?;
    if !transaction.scope.is_empty() {
        let scope = transaction.scope.join(&provider.scope_separator);
        parameters.entry(provider.scope_parameter.clone()).or_insert(scope);
    }
    let callback = transaction.redirect_uri.as_deref().unwrap_or(OUT_OF_BAND);
    let callback = [("oauth_callback", callback)];
    // OAuth Core 1.0 has the callback in the authorization URL, where there is one.
    let (with_request, with_browser) = match provider.dialect.version {
        OAuth1Version::V1_0a => (&callback[..], &[][..]),
        OAuth1Version::V1_0 if transaction.redirect_uri.is_none() => (&[][..], &[][..]),
        OAuth1Version::V1_0 => (&[][..], &callback[..]),
    };
    let deadline = Duration::from_secs_f64(context.settings.timeouts.request);
    let dialect = &provider.dialect;
    let request = CredentialsRequest {
        method: dialect.token_request_method,
        url: temporary_credential,
        token: None,
        protocol_parameters: with_request,
        secrets: &[],
        deadline,
    };
    let response = request.send(context).await?;
    let credentials = TemporaryCredentials::parse(response.header("content-type"), &response.body)
        .map_err(|error| invalid_response(provider, &error.to_string()))?;
    if dialect.version == OAuth1Version::V1_0a && !credentials.callback_confirmed {
        return Err(invalid_response(
            provider,
            "oauth_callback_confirmed is missing; expected OAuth 1.0a (RFC 5849 section 2.1)",
        ));
    }
    let mut url = authorization.clone();
    url.query_pairs_mut().append_pair("oauth_token", credentials.token.expose());
    url.query_pairs_mut().extend_pairs(with_browser).extend_pairs(&parameters);
    credentials.token.expose().clone_into(&mut transaction.state);
    transaction.temporary = Some((credentials.token, credentials.token_secret));
    Ok(url)
}

/// Exchanges temporary for token credentials (section 2.3).
pub(super) async fn exchange(
    context: &Context,
    provider: &Provider,
    transaction: &Transaction,
    verifier: Option<&Secret>,
    deadline: Duration,
) -> Result<Tokens> {
    let Endpoints::OAuth1 { token, .. } = &provider.endpoints else {
        return Err(invalid_response(
            provider,
            "an OAuth 1 callback came from an OAuth 2 provider",
        ));
    };
    let dialect = &provider.dialect;
    if dialect.version == OAuth1Version::V1_0a && verifier.is_none() {
        return Err(invalid_response(
            provider,
            "the callback has no oauth_verifier; expected OAuth 1.0a (RFC 5849 section 2.2)",
        ));
    }
    let temporary = transaction.temporary.as_ref().ok_or_else(|| {
        Error::new(Code::StateMismatch, "the transaction has no temporary credentials")
    })?;
    let protocol_parameters: Vec<_> =
        verifier.iter().map(|verifier| ("oauth_verifier", verifier.expose())).collect();
    let secrets: Vec<_> = [&temporary.0, &temporary.1].into_iter().chain(verifier).collect();
    let request = CredentialsRequest {
        method: dialect.token_request_method,
        url: token,
        token: Some(temporary),
        protocol_parameters: &protocol_parameters,
        secrets: &secrets,
        deadline,
    };
    let response = request
        .send(context)
        .await
        .map_err(|error| error.with_grant(&provider.name, &transaction.subject))?;
    let credentials = TokenCredentials::parse(response.header("content-type"), &response.body)
        .map_err(|error| invalid_response(provider, &error.to_string()))?;
    let now = context.settings.now();
    let mut response = credentials.raw;
    response.retain(|name, _| {
        !matches!(name.as_str(), "oauth_token" | "oauth_token_secret" | "oauth_session_handle")
    });
    Ok(Tokens {
        access: vec![StoredAccessToken {
            token: credentials.token,
            secret: Some(credentials.token_secret),
            token_type: "OAuth".to_owned(),
            obtained_at: now,
            expires_at: credentials.expires_in.map(|seconds| now + i64::from(seconds) * 1000),
            scope: transaction.scope.clone(),
            resource: String::new(),
            requested_scope: Vec::new(),
            came_with: None,
            unknown: Map::new(),
        }],
        refresh: credentials.session_handle,
        unexchanged: false,
        refresh_expires_at: credentials
            .authorization_expires_in
            .map(|seconds| now + i64::from(seconds) * 1000),
        response,
    })
}

/// A request for temporary or token credentials.
struct CredentialsRequest<'a> {
    method: TokenRequestMethod,
    url: &'a Url,
    token: Option<&'a (Secret, Secret)>,
    protocol_parameters: &'a [(&'a str, &'a str)],
    /// What an answer may echo.
    secrets: &'a [&'a Secret],
    deadline: Duration,
}

impl CredentialsRequest<'_> {
    /// Sends it; once more where the clock by which it was dated was wrong.
    async fn send(&self, context: &Context) -> Result<HttpResponse> {
        let settings = &context.settings;
        let dated_by = settings.signing_offset();
        let mut response = self.send_signed(context).await?;
        if rejection(&response).corrects_clock(settings, dated_by) {
            response = self.send_signed(context).await?;
        }
        if response.status / 100 == 2 {
            return Ok(response);
        }
        let secrets: Vec<_> = self.secrets.iter().copied().chain(&settings.client_secret).collect();
        Err(problem(&settings.provider_name, &response, &secrets))
    }

    async fn send_signed(&self, context: &Context) -> Result<HttpResponse> {
        let settings = &context.settings;
        match context.http.send_to_provider(self.signed(settings)?).await {
            Sent::Answered(response) => Ok(response),
            Sent::Unsent(error) | Sent::Ambiguous(error) => {
                Err(error.with_provider(&settings.provider_name))
            }
        }
    }

    fn signed(&self, settings: &Settings) -> Result<HttpRequest> {
        let mut request = settings.signing()?.request(self.method.as_str(), self.url);
        request.protocol_parameters = self.protocol_parameters;
        if self.method == TokenRequestMethod::Post {
            request.body = oauth1::Body::Form(&[]);
        }
        let token = self.token.map(|(token, secret)| (token.expose(), secret.expose()));
        let (mut url, mut headers, mut body) = (self.url.clone(), Vec::new(), Body::None);
        match sign_now(settings, &request, token)? {
            Carrier::Authorization(value) => headers.push(("authorization".to_owned(), value)),
            Carrier::Url(signed) => url = signed,
            Carrier::Form(signed) => {
                let media_type = "application/x-www-form-urlencoded";
                headers.push(("content-type".to_owned(), media_type.to_owned()));
                body = Body::Bytes(signed.into_bytes());
            }
        }
        if self.method == TokenRequestMethod::Post && matches!(body, Body::None) {
            headers.push(("content-length".to_owned(), "0".to_owned()));
        }
        Ok(HttpRequest {
            method: self.method.as_str().to_owned(),
            url,
            headers,
            body,
            timeout: self.deadline,
            max_response_bytes: MAX_CREDENTIALS_BYTES,
        })
    }
}

fn rejection(response: &HttpResponse) -> Rejection<'_> {
    Rejection::of(response.status, &response.headers, &response.body)
}

fn problem(provider: &str, response: &HttpResponse, secrets: &[&Secret]) -> Error {
    let shown = |text: String| shown(&text, secrets);
    let (word, advice) = rejection(response)
        .problem()
        .map_or((None, None), |problem| (Some(shown(problem.problem)), problem.advice.map(shown)));
    let refused = word
        .as_deref()
        .is_some_and(|word| word.starts_with("consumer_key") || word == "signature_invalid");
    let code = if refused { Code::MisconfiguredClient } else { Code::ProviderError };
    let said = word.as_deref().unwrap_or("without an oauth_problem");
    Error::new(
        code,
        format!(
            "{provider} refused the OAuth 1.0a request with status {} ({said})",
            response.status
        ),
    )
    .with_status(response.status)
    .with_server_error(word, advice)
    .with_provider(provider)
}

fn invalid_response(provider: &Provider, text: &str) -> Error {
    Error::new(Code::InvalidResponse, format!("{}: {text}", provider.name))
        .with_provider(&provider.name)
}
