//! Pushed authorization requests (RFC 9126): the parameters go from here to the provider, and the browser carries a reference.

use crate::config::PushedRequests;
use crate::context::Context;
use crate::error::{Code, Error, Result};
use crate::http::Sent;
use crate::oauth2::{ErrorResponse, PushedAuthorization, TokenRequest};
use crate::provider::{Endpoints, Provider};
use crate::refresh::renewal;
use std::time::Duration;
use url::Url;

/// Where to push; none where the browser carries the request itself.
pub(super) fn endpoint<'a>(context: &Context, provider: &'a Provider) -> Result<Option<&'a Url>> {
    let known = match &provider.endpoints {
        Endpoints::OAuth2 { pushed_authorization_request, .. } => {
            pushed_authorization_request.as_ref()
        }
        Endpoints::OAuth1 { .. } => None,
    };
    let wanted = match context.settings.par {
        PushedRequests::Off => false,
        PushedRequests::Auto => provider.require_pushed_authorization_requests,
        PushedRequests::Always => true,
    };
    match known {
        _ if !wanted => Ok(None),
        Some(endpoint) => Ok(Some(endpoint)),
        None => Err(Error::new(
            Code::Unsupported,
            format!(
                "par: no pushed_authorization_request_endpoint of {} is known; expected a provider that has one (RFC \
                 9126)",
                provider.name
            ),
        )),
    }
}

/// Pushes the parameters of an authorization request (section 2.1).
pub(super) async fn push(
    context: &Context,
    provider: &Provider,
    endpoint: &Url,
    parameters: &[(String, String)],
) -> Result<PushedAuthorization> {
    let mut request = TokenRequest::default();
    for (name, value) in parameters {
        request.push(name, value);
    }
    context.settings.client_authentication(provider)?.authenticate(&mut request);
    name_the_client_once(&mut request, &provider.client_id_parameter);
    let deadline = Duration::from_secs_f64(context.settings.timeouts.request);
    let post = renewal::form_request(endpoint, &request, deadline);
    let response = match context.http.send_to_provider(post).await {
        Sent::Answered(response) => response,
        Sent::Unsent(error) | Sent::Ambiguous(error) => {
            return Err(error.with_provider(&provider.name));
        }
    };
    let media_type = response.header("content-type");
    match PushedAuthorization::parse(media_type, &response.body) {
        Ok(pushed) if response.status / 100 == 2 => Ok(pushed),
        read => {
            let secrets = context.settings.secrets_in(&request);
            let refusal = ErrorResponse::parse(media_type, &response.body, &secrets);
            let what = "pushed authorization";
            Err(renewal::refused_request(provider, what, &response, refusal, read.err()))
        }
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
