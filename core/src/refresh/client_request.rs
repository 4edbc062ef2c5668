//! What the client asks of the provider in its own name at an endpoint that gives no tokens: pushed authorization (RFC 9126),
//! device authorization (RFC 8628), introspection (RFC 7662), revocation (RFC 7009). It authenticates as at the token endpoint.

use super::renewal::{dated_wrongly, form_request};
use crate::context::Context;
use crate::error::{Code, Error, Result};
use crate::http::{HttpResponse, LEAST_TIME, Sent};
use crate::oauth2::{ErrorResponse, TokenRequest};
use crate::provider::Provider;
use crate::secret::Secret;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// An answer, and what an echo in it would give away.
pub(crate) struct Asked {
    pub(crate) response: HttpResponse,
    secrets: Vec<Secret>,
}

/// Posts a form, and how the client authenticates; once more where the clock was wrong by which it was signed.
pub(crate) async fn ask(
    context: &Context,
    provider: &Provider,
    endpoint: &Url,
    form: &TokenRequest,
) -> Result<Asked> {
    let deadline = Duration::from_secs_f64(context.settings.timeouts.request);
    let began = Instant::now();
    let (asked, is_worth_another) = ask_once(context, provider, endpoint, form, deadline).await?;
    let left = deadline.saturating_sub(began.elapsed());
    if is_worth_another && left >= LEAST_TIME {
        return Ok(ask_once(context, provider, endpoint, form, left).await?.0);
    }
    Ok(asked)
}

/// Posts it once. Says beside the answer whether another would be signed by a better clock.
async fn ask_once(
    context: &Context,
    provider: &Provider,
    endpoint: &Url,
    form: &TokenRequest,
    deadline: Duration,
) -> Result<(Asked, bool)> {
    let settings = &context.settings;
    let dated_by = settings.signing_offset();
    let mut request = form.clone();
    settings.client_authentication(provider)?.authenticate(&mut request);
    // Before the provider's name hides it.
    let is_signed = request.is_signed();
    let secrets = settings.secrets_in(&request).into_iter().cloned().collect();
    name_the_client_once(&mut request, &provider.client_id_parameter);
    let post = form_request(endpoint, &request, deadline);
    match context.http.send_to_provider(post).await {
        Sent::Answered(response) => {
            let is_worth_another = is_signed && dated_wrongly(settings, &response, dated_by);
            Ok((Asked { response, secrets }, is_worth_another))
        }
        Sent::Unsent(error) | Sent::Ambiguous(error) => Err(error.with_provider(&provider.name)),
    }
}

/// The client names itself as a parameter of the request, and as some ways to authenticate have it.
fn name_the_client_once(request: &mut TokenRequest, client_id_parameter: &str) {
    request.rename("client_id", client_id_parameter);
    let mut named = false;
    request
        .form
        .retain(|(name, _)| name != client_id_parameter || !std::mem::replace(&mut named, true));
}

impl Asked {
    pub(crate) fn media_type(&self) -> Option<&str> {
        self.response.header("content-type")
    }

    /// The error that it says (RFC 6749 section 5.2), if it says one.
    pub(crate) fn refusal(&self) -> Option<ErrorResponse> {
        let secrets: Vec<&Secret> = self.secrets.iter().collect();
        ErrorResponse::parse(self.media_type(), &self.response.body, &secrets)
    }

    /// What is wrong with an answer that is not what was asked for, the `what` request; `unread` says why it is not.
    pub(crate) fn error(
        &self,
        provider: &Provider,
        what: &str,
        unread: Option<impl std::fmt::Display>,
    ) -> Error {
        let (name, status) = (&provider.name, self.response.status);
        let error = match (self.refusal(), unread) {
            (Some(ErrorResponse { error, error_description, .. }), _) => {
                let code = match error.as_str() {
                    "invalid_client" | "unauthorized_client" => Code::MisconfiguredClient,
                    _ => Code::ProviderError,
                };
                let said =
                    error_description.as_ref().map_or_else(String::new, |said| format!(": {said}"));
                Error::new(code, format!("{name} refused the {what} request ({error}){said}"))
                    .with_server_error(Some(error), error_description)
            }
            (None, Some(unread)) if status / 100 == 2 => {
                Error::new(Code::InvalidResponse, format!("{name}: {unread}"))
            }
            (None, _) => Error::new(
                Code::ProviderError,
                format!(
                    "{name} answered the {what} request with status {status}; expected success"
                ),
            ),
        };
        error.with_status(status).with_provider(name)
    }
}
