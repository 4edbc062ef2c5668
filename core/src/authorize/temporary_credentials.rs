//! The three-legged flow of OAuth 1.0a (RFC 5849 section 2).

use super::pending::Transaction;
use super::{BeginOptions, Brought, NoTokens, code};
use crate::context::Context;
use crate::credentials::CredentialsRequest;
use crate::error::{Code, Error, Result};
use crate::http::Sent;
use crate::oauth1::{TemporaryCredentials, TokenCredentials};
use crate::provider::{Endpoints, OAuth1Version, Provider};
use crate::refresh::renewal;
use crate::secret::Secret;
use std::time::Duration;
use url::Url;

/// The callback of a client that cannot receive one (section 2.1).
pub(super) const OUT_OF_BAND: &str = "oob";

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
    let response = request.granted(context).await?;
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
) -> std::result::Result<Brought, NoTokens> {
    let Endpoints::OAuth1 { token, .. } = &provider.endpoints else {
        let text = "an OAuth 1 callback came from an OAuth 2 provider";
        return Err(invalid_response(provider, text).into());
    };
    let dialect = &provider.dialect;
    if dialect.version == OAuth1Version::V1_0a && verifier.is_none() {
        let text = "the callback has no oauth_verifier; expected OAuth 1.0a (RFC 5849 section 2.2)";
        return Err(invalid_response(provider, text).into());
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
    let named = |error: Error| error.with_grant(&provider.name, &transaction.subject);
    let response = match request.send(context).await.map_err(NoTokens::Unsent)? {
        Sent::Answered(response) if response.status / 100 == 2 => response,
        Sent::Answered(response) => {
            return Err(named(request.refusal(&context.settings, &response)).into());
        }
        Sent::Unsent(error) => return Err(NoTokens::Unsent(named(error))),
        Sent::Ambiguous(error) => return Err(named(error).into()),
    };
    let credentials = TokenCredentials::parse(response.header("content-type"), &response.body)
        .map_err(|error| invalid_response(provider, &error.to_string()))?;
    let tokens = renewal::tokens(credentials.into(), &transaction.scope, context.settings.now());
    Ok(Brought { tokens, further: Vec::new() })
}

fn invalid_response(provider: &Provider, text: &str) -> Error {
    Error::new(Code::InvalidResponse, format!("{}: {text}", provider.name))
        .with_provider(&provider.name)
}
