//! The `id_token` of a first consent: asked for with a nonce, and held against all that OpenID Connect says of it before anything
//! is stored (Core 1.0 sections 3.1.2.1 and 3.1.3.7).

use crate::context::Context;
use crate::error::{Code, Error, Result};
use crate::jose::id_token::{IdToken, IdTokenError};
use crate::process::random_bytes;
use crate::provider::Provider;
use crate::refresh::judgement::Judge;
use crate::store::Tokens;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::Duration;

/// The scope value by which an `id_token` is asked for.
pub(super) const OPENID: &str = "openid";

/// A new nonce.
pub(super) fn nonce() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes::<32>())
}

/// Fetches the provider's keys while nothing is spent yet, so that the same callback may come again where they cannot be had.
pub(super) async fn prepare(
    context: &Context,
    provider: &Provider,
    scope: &[String],
) -> Result<()> {
    if scope.iter().any(|scope| scope == OPENID) {
        context.keys(provider, deadline(context)).await?;
    }
    Ok(())
}

/// Checks the `id_token` of an answer, if it has one. Where nobody says where the provider's keys are, the TLS of the token
/// endpoint stands for the signature (section 3.1.3.7, item 6).
pub(super) async fn check(
    context: &Context,
    provider: &Provider,
    tokens: &Tokens,
    nonce: Option<&str>,
) -> Result<()> {
    let judge = Judge { settings: &context.settings, provider };
    let told = |error: IdTokenError| invalid(provider, &error);
    let Some(id_token) = judge.id_token(tokens).map_err(told)? else { return Ok(()) };
    if let Some(nonce) = nonce {
        id_token.check_nonce(nonce).map_err(told)?;
    }
    verify(context, &judge, &id_token).await
}

/// Checks the signature; keys that have none that fits may be old ones.
async fn verify(context: &Context, judge: &Judge<'_>, id_token: &IdToken<'_>) -> Result<()> {
    let (provider, deadline) = (judge.provider, deadline(context));
    let keys = context.keys(provider, deadline).await?;
    let judged = match (judge.verify(id_token, keys.as_deref()), &keys) {
        (Err(_), Some(keys)) => {
            let newer = context.newer_keys(provider, deadline, keys).await?;
            judge.verify(id_token, Some(&*newer))
        }
        (judged, _) => judged,
    };
    judged.map_err(|error| invalid(provider, &error))
}

fn invalid(provider: &Provider, error: &IdTokenError) -> Error {
    Error::new(Code::InvalidResponse, format!("{}: {error}", provider.name))
        .with_reason("id_token")
        .with_provider(&provider.name)
}

fn deadline(context: &Context) -> Duration {
    Duration::from_secs_f64(context.settings.timeouts.request)
}
