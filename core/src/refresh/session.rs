//! A renewal of OAuth 1.0a: by a session handle, which some servers give with an access token that ends (OAuth Session Extension 1.0,
//! draft 1). The expired token signs, and the answer has another token, and perhaps another handle.

use super::outcome::{self, Outcome};
use super::renewal::Answer;
use crate::context::Context;
use crate::credentials::CredentialsRequest;
use crate::error::{Code, Error, Result};
use crate::http::{HttpResponse, Sent};
use crate::oauth1::TokenCredentials;
use crate::provider::Provider;
use crate::store::Record;
use std::time::Duration;
use url::Url;

/// Sends the request.
pub(super) async fn renew(
    context: &Context,
    provider: &Provider,
    endpoint: &Url,
    record: &Record,
    deadline: Duration,
) -> Result<Answer> {
    let (Some(access), Some(handle)) = (record.access(), record.refresh_token()) else {
        let text = "a renewal was begun for a record without access token or session handle";
        return Err(Error::new(Code::Internal, text));
    };
    let token = (access.token.clone(), access.secret.clone().unwrap_or_default());
    let request = CredentialsRequest {
        method: provider.dialect.token_request_method,
        url: endpoint,
        token: Some(&token),
        protocol_parameters: &[("oauth_session_handle", handle.expose())],
        secrets: &[&token.0, &token.1, handle],
        deadline,
    };
    Ok(match request.send(context).await? {
        Sent::Unsent(error) => Answer::NotSent(error.with_provider(&provider.name)),
        Sent::Ambiguous(error) => {
            Answer::Judged(Outcome::Ambiguous(error.with_provider(&provider.name)))
        }
        Sent::Answered(response) => {
            let error = || request.refusal(&context.settings, &response);
            Answer::Judged(judge(&response, provider, error, context.settings.now()))
        }
    })
}

/// What an answer means. Only what is said of the token or its handle ends the grant.
fn judge(
    response: &HttpResponse,
    provider: &Provider,
    refusal: impl FnOnce() -> Error,
    now: i64,
) -> Outcome {
    match response.status {
        status @ 200..=299 => {
            match TokenCredentials::parse(response.header("content-type"), &response.body) {
                Ok(credentials) => Outcome::Success(Box::new(credentials.into())),
                Err(error) => Outcome::Ambiguous(
                    Error::new(Code::InvalidResponse, format!("{}: {error}", provider.name))
                        .with_status(status),
                ),
            }
        }
        _ if outcome::asks_for_pause(response) => Outcome::Throttled {
            error: refusal().recoded(Code::TemporarilyUnavailable),
            pause: outcome::pause_of(response, now),
        },
        500..=599 => Outcome::Ambiguous(refusal()),
        _ => {
            let error = refusal();
            match error.server_error() {
                Some("token_rejected" | "token_revoked" | "permission_denied") => {
                    Outcome::Refused(error.recoded(Code::NeedsConsent))
                }
                _ if error.code() == Code::MisconfiguredClient => Outcome::Misconfigured(error),
                _ => Outcome::ProviderError(error),
            }
        }
    }
}
