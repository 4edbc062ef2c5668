//! What an answer of the token endpoint means (`refresh.md`, What an answer means). Pure.

use crate::clock::UnixMillis;
use crate::error::{Code, Error};
use crate::http::HttpResponse;
use crate::oauth2::{ErrorResponse, TokenResponse, TokenResponseError};
use crate::provider::Provider;
use crate::secret::Secret;
use std::time::{Duration, UNIX_EPOCH};

/// The longest pause that a provider can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// The class of an answer.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Tokens.
    Success(Box<TokenResponse>),
    /// The provider refuses the code or refresh token.
    Refused(Error),
    /// The provider refuses this client's authentication.
    Misconfigured(Error),
    /// The provider asks for a pause.
    Throttled { error: Error, pause: Option<Duration> },
    /// The provider may have processed the request.
    Ambiguous(Error),
    /// Any other error.
    ProviderError(Error),
}

impl Outcome {
    /// What it means where no user consented: what is refused is the client.
    pub(super) fn without_consent(self) -> Self {
        match self {
            Outcome::Refused(error) => {
                Outcome::Misconfigured(error.recoded(Code::MisconfiguredClient))
            }
            Outcome::ProviderError(error) if error.server_error().is_some() => {
                Outcome::Misconfigured(error.recoded(Code::MisconfiguredClient))
            }
            other => other,
        }
    }
}

/// Judges an answer to a renewal or a code exchange.
pub(crate) fn judge(
    response: &HttpResponse,
    provider: &Provider,
    secrets: &[&Secret],
    now: UnixMillis,
) -> Outcome {
    let media_type = response.header("content-type");
    let told = provider.response.status.as_ref();
    let server_error = told
        .and_then(|told| {
            ErrorResponse::parse_with_status(media_type, &response.body, told, secrets)
        })
        .or_else(|| ErrorResponse::parse(media_type, &response.body, secrets));
    match response.status {
        status @ 200..=299 => match tokens(response, provider) {
            // Tokens are never dropped for what else stands beside them.
            Ok(tokens) => Outcome::Success(Box::new(tokens)),
            Err(_) if server_error.is_some() => refusal(response, status, provider, server_error),
            Err(error) => Outcome::Ambiguous(
                Error::new(Code::InvalidResponse, format!("{}: {error}", provider.name))
                    .with_status(status),
            ),
        },
        _ if asks_for_pause(response) => throttled(response, provider, server_error, now),
        status @ 500..=599 => Outcome::Ambiguous(described(
            Code::ProviderError,
            &format!("the token endpoint of {} failed with status {status}", provider.name),
            status,
            server_error,
        )),
        status => refusal(response, status, provider, server_error),
    }
}

fn tokens(
    response: &HttpResponse,
    provider: &Provider,
) -> std::result::Result<TokenResponse, TokenResponseError> {
    let media_type = response.header("content-type");
    let mut tokens = TokenResponse::parse(media_type, &response.body, &provider.response)?;
    if provider.renewal.is_some() {
        // What renews it is the access token itself.
        tokens.refresh_token.get_or_insert_with(|| tokens.access_token.clone());
    }
    Ok(tokens)
}

fn refusal(
    response: &HttpResponse,
    status: u16,
    provider: &Provider,
    server_error: Option<ErrorResponse>,
) -> Outcome {
    let word = server_error.as_ref().map_or("", |answer| answer.error.as_str()).to_owned();
    let name = &provider.name;
    if word == "invalid_grant" || provider.invalid_grant_errors.contains(&word) {
        let text = format!("{name} refused the grant ({word})");
        return Outcome::Refused(described(Code::NeedsConsent, &text, status, server_error));
    }
    let basic = response
        .header("www-authenticate")
        .is_some_and(|challenge| challenge.trim_start().to_ascii_lowercase().starts_with("basic"));
    if matches!(
        word.as_str(),
        "invalid_client" | "unauthorized_client" | "incorrect_client_credentials"
    ) || status == 401 && basic
    {
        let text = format!(
            "{name} refused this client's authentication; check client_id, client_secret and client_authentication"
        );
        return Outcome::Misconfigured(described(
            Code::MisconfiguredClient,
            &text,
            status,
            server_error,
        ));
    }
    if word.is_empty() {
        let kind = response.header("content-type").unwrap_or("no content type");
        let text = format!(
            "the token endpoint of {name} answered status {status} with {} bytes of {kind}; expected a token response \
             or an OAuth error in JSON",
            response.body.len()
        );
        return Outcome::ProviderError(described(Code::ProviderError, &text, status, None));
    }
    let text = format!("{name} refused the request ({word})");
    Outcome::ProviderError(described(Code::ProviderError, &text, status, server_error))
}

/// Whether the provider wants to be left alone for a while.
pub(super) fn asks_for_pause(response: &HttpResponse) -> bool {
    response.status == 429 || response.status == 503 && response.header("retry-after").is_some()
}

/// For how long, where it says.
pub(super) fn pause_of(response: &HttpResponse, now: UnixMillis) -> Option<Duration> {
    response.header("retry-after").and_then(|value| retry_after(value, now))
}

fn throttled(
    response: &HttpResponse,
    provider: &Provider,
    server_error: Option<ErrorResponse>,
    now: UnixMillis,
) -> Outcome {
    let text = format!("{} asked for a pause", provider.name);
    Outcome::Throttled {
        error: described(Code::TemporarilyUnavailable, &text, response.status, server_error),
        pause: pause_of(response, now),
    }
}

/// `Retry-After` (RFC 9110 section 10.2.3): seconds or a date, at most an hour.
fn retry_after(value: &str, now: UnixMillis) -> Option<Duration> {
    let pause = if let Ok(seconds) = value.trim().parse() {
        Duration::from_secs(seconds)
    } else {
        let date = httpdate::parse_http_date(value.trim()).ok()?;
        let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(now).ok()?);
        date.duration_since(now).unwrap_or_default()
    };
    Some(pause.min(LONGEST_PAUSE))
}

fn described(code: Code, text: &str, status: u16, answer: Option<ErrorResponse>) -> Error {
    let (error, description) =
        answer.map_or((None, None), |answer| (Some(answer.error), answer.error_description));
    let text =
        description.as_ref().map_or_else(|| text.to_owned(), |said| format!("{text}: {said}"));
    Error::new(code, text).with_status(status).with_server_error(error, description)
}
