//! Revoking and forgetting a grant, under its lease so that no flight is under way (`refresh.md`, Re-consent, revoke, forget).

use super::{Refresher, renewal};
use crate::context::Context;
use crate::error::{Code, Error, Result};
use crate::event::Kind;
use crate::http::Sent;
use crate::oauth2::{ErrorResponse, TokenRequest};
use crate::owner::OwnerId;
use crate::provider::{Endpoints, Provider};
use crate::store::{Acquired, GrantKey, Held, LeaseId, Mark, Tokens};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const LEASE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(100);

/// Revokes at the provider (RFC 7009), then deletes. With `force` it is deleted whatever the provider says; else a failure
/// leaves the grant `revoking`, unusable, and the call may be made again.
pub(crate) async fn revoke(
    refresher: &Arc<Refresher>,
    key: &GrantKey,
    force: bool,
    deadline: Instant,
) -> Result<()> {
    let context = &refresher.context;
    let provider = context.provider().await?;
    let (lease, held) = take_lease(refresher, key, deadline).await?;
    let revoked = match revocation_endpoint(&provider) {
        Ok(_) => match &held.record.tokens {
            Some(tokens) => revoke_tokens(context, &provider, tokens).await,
            None => Ok(()),
        },
        Err(error) => Err(error),
    };
    match revoked {
        Err(error) if !force => {
            let unsupported = error.code() == Code::Unsupported;
            let error = error.with_grant(&context.settings.provider_name, &key.subject);
            if unsupported {
                context.store.release(key, &lease, held.earlier.as_ref()).await?;
            } else {
                let now = context.settings.now();
                let marked = context
                    .store
                    .mark(key, &lease, &Mark::Revoking, held.earlier.as_ref(), now)
                    .await?;
                if let Some(record) = marked {
                    refresher.remember(record);
                }
            }
            Err(error)
        }
        Ok(()) | Err(_) => bury(refresher, key, &lease, &held, Kind::Revoked).await,
    }
}

/// Deletes by the application's wish; the provider is not told.
pub(crate) async fn forget(
    refresher: &Arc<Refresher>,
    key: &GrantKey,
    deadline: Instant,
) -> Result<()> {
    let (lease, held) = take_lease(refresher, key, deadline).await?;
    bury(refresher, key, &lease, &held, Kind::Forgotten).await
}

/// Takes the lease when nobody spends the refresh token.
pub(super) async fn take_lease(
    refresher: &Arc<Refresher>,
    key: &GrantKey,
    deadline: Instant,
) -> Result<(LeaseId, Held)> {
    let context = &refresher.context;
    let owner = OwnerId::of_this_process();
    loop {
        // Never stopped half-way: a lease that nobody knows of would keep everybody waiting.
        match context.store.acquire(key, &owner, LEASE, context.settings.now()).await? {
            Acquired::Held(held) => {
                let lease = LeaseId::of(owner, &held);
                if !held.record.is_tombstone() {
                    return Ok((lease, *held));
                }
                context.store.release(key, &lease, held.earlier.as_ref()).await?;
                return Err(refresher.no_grant(key));
            }
            Acquired::Absent => return Err(refresher.no_grant(key)),
            Acquired::Busy(_) if Instant::now() >= deadline => {
                return Err(Error::new(
                    Code::Timeout,
                    "a refresh of the grant did not end before the caller's deadline",
                ));
            }
            Acquired::Busy(_) => sleep(LOOK).await,
        }
    }
}

/// Leaves a tombstone where the record was; a consent that was given meanwhile stays.
async fn bury(
    refresher: &Arc<Refresher>,
    key: &GrantKey,
    lease: &LeaseId,
    held: &Held,
    kind: Kind,
) -> Result<()> {
    let context = &refresher.context;
    let mut stands = held.record.clone();
    loop {
        let tombstone = stands.tombstone(context.settings.now());
        if context.store.compare_and_set(key, Some(stands.revision), &tombstone).await? {
            break;
        }
        match context.store.load(key).await? {
            Some(record) if !record.is_tombstone() && record.grant_id == stands.grant_id => {
                stands = record;
            }
            _ => break,
        }
    }
    context.store.release(key, lease, None).await?;
    refresher.forget(key);
    context.settings.tell(kind, key, Some(&stands), "");
    Ok(())
}

fn revocation_endpoint(provider: &Provider) -> Result<&url::Url> {
    match &provider.endpoints {
        Endpoints::OAuth2 { revocation: Some(url), .. } => Ok(url),
        _ => Err(Error::new(
            Code::Unsupported,
            format!(
                "{} has no revocation endpoint; expected force, which only deletes here",
                provider.name
            ),
        )),
    }
}

/// The refresh token where there is one, which takes the access tokens with it (RFC 7009 section 2.1).
pub(super) async fn revoke_tokens(
    context: &Context,
    provider: &Provider,
    tokens: &Tokens,
) -> Result<()> {
    let refresh = tokens.refresh.as_ref().map(|token| (token, "refresh_token"));
    let access = tokens.access.first().map(|access| (&access.token, "access_token"));
    let access = access.filter(|(token, _)| !token.is_empty());
    let Some((token, hint)) = refresh.or(access) else { return Ok(()) };
    let mut request = TokenRequest::default();
    request.push("token", token.expose());
    request.push("token_type_hint", hint);
    context.settings.client_authentication(provider)?.authenticate(&mut request);
    let deadline = Duration::from_secs_f64(context.settings.timeouts.request);
    let post = renewal::form_request(revocation_endpoint(provider)?, &request, deadline);
    let response = match context.http.send_to_provider(post).await {
        Sent::Answered(response) => response,
        Sent::Unsent(error) | Sent::Ambiguous(error) => return Err(error),
    };
    if response.status / 100 == 2 {
        return Ok(());
    }
    let answer = ErrorResponse::parse(
        response.header("content-type"),
        &response.body,
        &context.settings.secrets_in(&request),
    );
    let (error, description) =
        answer.map_or((None, None), |answer| (Some(answer.error), answer.error_description));
    Err(Error::new(
        Code::ProviderError,
        format!("{} did not revoke the grant: status {}", provider.name, response.status),
    )
    .with_status(response.status)
    .with_server_error(error, description))
}
