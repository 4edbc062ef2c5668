//! Pushed authorization requests (RFC 9126): the parameters go from here to the provider, and the browser carries a reference.

use crate::config::PushedRequests;
use crate::context::Context;
use crate::error::{Code, Error, Result};
use crate::oauth2::{PushedAuthorization, TokenRequest};
use crate::provider::{Endpoints, Provider};
use crate::refresh::client_request;
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
    let asked = client_request::ask(context, provider, endpoint, &request).await?;
    match PushedAuthorization::parse(asked.media_type(), &asked.response.body) {
        Ok(pushed) if asked.response.status / 100 == 2 => Ok(pushed),
        read => Err(asked.error(provider, "pushed authorization", read.err())),
    }
}
