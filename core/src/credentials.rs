//! Requests for OAuth 1.0a credentials (RFC 5849 sections 2.1 and 2.3), signed as the provider wants it.

use crate::context::{Context, Settings};
use crate::error::{Code, Error, Result};
use crate::http::{Body, HttpRequest, HttpResponse, LEAST_TIME, Sent};
use crate::oauth1::{self, Carrier, Request, Stamp, TokenCredentials};
use crate::oauth2::{Expiry, TokenResponse};
use crate::provider::TokenRequestMethod;
use crate::rejection::Rejection;
use crate::secret::{Secret, shown};
use crate::signing::nonce;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

const MAX_CREDENTIALS_BYTES: u64 = 1 << 20;

/// A request for temporary or token credentials.
pub(crate) struct CredentialsRequest<'a> {
    pub(crate) method: TokenRequestMethod,
    pub(crate) url: &'a Url,
    pub(crate) token: Option<&'a (Secret, Secret)>,
    pub(crate) protocol_parameters: &'a [(&'a str, &'a str)],
    /// What an answer may echo.
    pub(crate) secrets: &'a [&'a Secret],
    pub(crate) deadline: Duration,
}

impl CredentialsRequest<'_> {
    /// Sends it, and takes no refusal for an answer.
    pub(crate) async fn granted(&self, context: &Context) -> Result<HttpResponse> {
        let provider = &context.settings.provider_name;
        match self.send(context).await? {
            Sent::Answered(response) if response.status / 100 == 2 => Ok(response),
            Sent::Answered(response) => Err(self.refusal(&context.settings, &response)),
            Sent::Unsent(error) | Sent::Ambiguous(error) => Err(error.with_provider(provider)),
        }
    }

    /// Sends it; once more where the clock by which it was dated was wrong.
    pub(crate) async fn send(&self, context: &Context) -> Result<Sent> {
        let settings = &context.settings;
        let (dated_by, began) = (settings.signing_offset(), Instant::now());
        let sent = context.http.send_to_provider(self.signed(settings, self.deadline)?).await;
        let left = self.deadline.saturating_sub(began.elapsed());
        match &sent {
            Sent::Answered(response)
                if rejection(response).corrects_clock(settings, dated_by) && left >= LEAST_TIME =>
            {
                Ok(context.http.send_to_provider(self.signed(settings, left)?).await)
            }
            _ => Ok(sent),
        }
    }

    /// What a refusal says.
    pub(crate) fn refusal(&self, settings: &Settings, response: &HttpResponse) -> Error {
        let secrets: Vec<_> = self.secrets.iter().copied().chain(&settings.client_secret).collect();
        problem(&settings.provider_name, response, &secrets)
    }

    fn signed(&self, settings: &Settings, timeout: Duration) -> Result<HttpRequest> {
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
            timeout,
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

/// Signs with a new nonce and the time of the client's clock, as an answer has corrected it.
pub(crate) fn sign_now<T: AsRef<str>>(
    settings: &Settings,
    request: &Request<'_, T>,
    token: Option<(&str, &str)>,
) -> Result<Carrier> {
    let now = settings.signing_now();
    let timestamp = u64::try_from(now / 1000).unwrap_or(0);
    let stamp = Stamp { nonce: &nonce(), timestamp };
    settings.signing()?.sign(request, token, &stamp).map(|signed| signed.carrier)
}

/// Token credentials as the answers of OAuth 2.0 are kept: a session handle is what renews the token.
impl From<TokenCredentials> for TokenResponse {
    fn from(credentials: TokenCredentials) -> Self {
        let mut raw = credentials.raw;
        for secret in ["oauth_token", "oauth_token_secret", "oauth_session_handle"] {
            raw.remove(secret);
        }
        TokenResponse {
            access_token: credentials.token,
            token_secret: Some(credentials.token_secret),
            token_type: Some("OAuth".to_owned()),
            expiry: credentials.expires_in.map(Expiry::In),
            refresh_token: credentials.session_handle,
            refresh_token_expiry: credentials.authorization_expires_in.map(Expiry::In),
            scope: None,
            id_token: None,
            raw,
        }
    }
}
