//! The authorization code flow with PKCE (RFC 6749 section 4.1, RFC 7636).

use super::BeginOptions;
use super::pending::Transaction;
use crate::config::Dpop;
use crate::context::{Context, no_offline_way};
use crate::dpop;
use crate::error::{Code, Error, Result};
use crate::oauth2::{AuthorizationRequest, DPOP, Grant, pkce};
use crate::process::random_bytes;
use crate::provider::{Pkce, Provider};
use crate::refresh::judgement;
use crate::refresh::outcome::Outcome;
use crate::refresh::renewal::{self, Answer};
use crate::secret::Secret;
use crate::store::Tokens;
use std::collections::BTreeMap;
use std::time::Duration;
use url::Url;

/// Where the browser is sent; notes scopes and verifier in the transaction.
pub(super) fn authorization_url(
    context: &Context,
    provider: &Provider,
    endpoint: &Url,
    options: &BeginOptions,
    transaction: &mut Transaction,
) -> Result<Url> {
    let mut extra = provider.authorization_parameters.clone();
    if context.settings.offline {
        let offline = provider.offline.as_ref().ok_or_else(|| no_offline_way(&provider.name))?;
        extra.extend(offline.parameters.clone());
        for scope in &offline.scope {
            if !transaction.scope.contains(scope) {
                transaction.scope.push(scope.clone());
            }
        }
    }
    if options.reauthenticate {
        extra.extend(provider.reauthentication_parameters.clone());
    }
    extend_by_options(&mut extra, options);
    if let Some(key) = &transaction.dpop_key {
        extra.insert("dpop_jkt".to_owned(), dpop::kept_key(key)?.thumbprint()); // RFC 9449 section 10
    }
    let challenge = match provider.pkce {
        Pkce::S256 => {
            let verifier = pkce::code_verifier(&random_bytes());
            let challenge = pkce::code_challenge(verifier.expose());
            transaction.code_verifier = Some(verifier);
            Some(challenge)
        }
        Pkce::Off => None,
    };
    let scope: Vec<&str> = transaction.scope.iter().map(String::as_str).collect();
    let extra: Vec<(String, String)> = extra.into_iter().collect();
    let request = AuthorizationRequest {
        authorization_endpoint: endpoint,
        client_id: &context.settings.client_id,
        client_id_parameter: &provider.client_id_parameter,
        redirect_uri: transaction.redirect_uri.as_deref(),
        scope: &scope,
        scope_parameter: &provider.scope_parameter,
        scope_separator: &provider.scope_separator,
        state: &transaction.state,
        code_challenge: challenge.as_deref(),
        extra: &extra,
    };
    request.url().map_err(|error| Error::new(Code::InvalidArgument, format!("parameters: {error}")))
}

fn extend_by_options(extra: &mut BTreeMap<String, String>, options: &BeginOptions) {
    for (name, value) in [("prompt", &options.prompt), ("login_hint", &options.login_hint)] {
        if let Some(value) = value {
            extra.insert(name.to_owned(), value.clone());
        }
    }
    extra.extend(options.parameters.clone());
}

/// Exchanges the code for tokens (section 4.1.3). A code is sent once and never again, but where a proof was refused before
/// the code was looked at (RFC 9449 section 8).
pub(super) async fn exchange(
    context: &Context,
    provider: &Provider,
    transaction: &Transaction,
    code: &Secret,
    deadline: Duration,
) -> Result<Tokens> {
    let grant = Grant::AuthorizationCode {
        code: code.expose(),
        redirect_uri: transaction.redirect_uri.as_deref(),
        code_verifier: transaction.code_verifier.as_ref().map(Secret::expose),
    };
    let dpop_key = transaction.dpop_key.as_ref();
    let error = match renewal::send(context, provider, &grant, dpop_key, deadline).await? {
        Answer::Judged(Outcome::Success(response)) => {
            let tokens = renewal::tokens(*response, &transaction.scope, context.settings.now());
            let wanted = if context.settings.dpop == Dpop::Require { DPOP } else { "" };
            match judgement::unusable_type(&tokens, wanted, dpop_key.is_some()) {
                None => return Ok(tokens),
                Some(reason) => {
                    Error::new(Code::Unsupported, format!("{}: {reason}", provider.name))
                }
            }
        }
        Answer::NotSent(error) => error,
        Answer::Judged(outcome) => refusal(outcome, context, provider),
    };
    Err(error.with_grant(&provider.name, &transaction.subject))
}

fn refusal(outcome: Outcome, context: &Context, provider: &Provider) -> Error {
    match outcome {
        // FreeAgent and others say so of a code that was used before.
        Outcome::Misconfigured(error) if error.status() == Some(401) => {
            let text = format!("{}: code already used or wrong client credentials", provider.name);
            error.recoded(Code::ProviderError).with_message(text)
        }
        Outcome::Refused(error) => error.recoded(Code::ProviderError),
        Outcome::Throttled { error, pause } => {
            let pause = pause.and_then(|pause| i64::try_from(pause.as_millis()).ok());
            error.with_retry_at(pause.map(|pause| context.settings.now() + pause))
        }
        Outcome::Misconfigured(error)
        | Outcome::Ambiguous(error)
        | Outcome::ProviderError(error) => error,
        Outcome::Success(_) => Error::new(Code::Internal, "a success was taken for a refusal"),
    }
}
