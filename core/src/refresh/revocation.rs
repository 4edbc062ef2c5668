//! Revoking and forgetting a grant, under its lease so that no flight is under way (`refresh.md`, Re-consent, revoke, forget).

use super::flight::{HOUR, MINUTE};
use super::{Refresher, client_request, outcome};
use crate::context::Context;
use crate::error::{Code, Error, Result};
use crate::event::Kind;
use crate::oauth2::TokenRequest;
use crate::owner::OwnerId;
use crate::provider::{Endpoints, Provider};
use crate::store::{Acquired, GrantKey, Held, LeaseId, Mark, Record, Retry, Status, Tokens};
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
    let provider = refresher.context.provider().await?;
    let (lease, held) = take_lease(refresher, key, deadline).await?;
    revoke_held(refresher, key, &provider, &lease, &held, force).await
}

/// What became of a revocation that had begun.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Again {
    Done,
    /// It failed not long ago.
    InBackOff,
    /// There is nothing to revoke any more: the user consented anew.
    Over,
}

/// Goes on with a revocation that failed, when its back-off is over.
pub(crate) async fn revoke_again(
    refresher: &Arc<Refresher>,
    key: &GrantKey,
    deadline: Instant,
) -> Result<Again> {
    let policy = refresher.policy();
    let obstacle = |record: &Record| {
        let held_back = policy.held_back(record.retry.as_ref(), refresher.context.settings.now());
        match record.status {
            Status::Revoking => held_back.map(|_| Again::InBackOff),
            _ => Some(Again::Over),
        }
    };
    let stands = refresher.load(key).await?.ok_or_else(|| refresher.no_grant(key))?;
    if let Some(again) = obstacle(&stands) {
        return Ok(again);
    }
    let provider = refresher.context.provider().await?;
    let (lease, held) = take_lease(refresher, key, deadline).await?;
    // Another may have tried meanwhile.
    if let Some(again) = obstacle(&held.record) {
        refresher.context.store.release(key, &lease, held.earlier.as_ref()).await?;
        return Ok(again);
    }
    revoke_held(refresher, key, &provider, &lease, &held, false).await.map(|()| Again::Done)
}

async fn revoke_held(
    refresher: &Arc<Refresher>,
    key: &GrantKey,
    provider: &Provider,
    lease: &LeaseId,
    held: &Held,
    force: bool,
) -> Result<()> {
    let context = &refresher.context;
    let revoked = match revocation_endpoint(provider) {
        Ok(_) => match &held.record.tokens {
            Some(tokens) => revoke_tokens(context, provider, tokens).await,
            None => Ok(()),
        },
        Err(error) => Err(error),
    };
    let error = match revoked {
        Err(error) if !force => error.with_grant(&context.settings.provider_name, &key.subject),
        Ok(()) | Err(_) => return bury(refresher, key, lease, held, Kind::Revoked).await,
    };
    if error.code() == Code::Unsupported {
        context.store.release(key, lease, held.earlier.as_ref()).await?;
        return Err(error);
    }
    let (now, fingerprint) = (context.settings.now(), context.settings.fingerprint());
    let earlier = held.record.retry.as_ref();
    let mut retry = Retry::after(earlier, "revocation", fingerprint, (MINUTE, HOUR), now);
    retry.not_before = retry.not_before.max(error.retry_at().unwrap_or(0));
    let error = error.with_retry_at(Some(retry.not_before));
    let mark = Mark::Revoking(retry);
    if let Some(record) = context.store.mark(key, lease, &mark, held.earlier.as_ref(), now).await? {
        refresher.remember(record);
    }
    Err(error)
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
        match context.store.acquire(key, &owner, LEASE).await? {
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
    let endpoint = revocation_endpoint(provider)?;
    let asked = client_request::ask(context, provider, endpoint, &request).await?;
    let status = asked.response.status;
    if status / 100 == 2 {
        return Ok(());
    }
    let now = context.settings.now();
    let pause = outcome::pause_of(&asked.response, now);
    let pause = pause.and_then(|pause| i64::try_from(pause.as_millis()).ok());
    let (error, description) = asked
        .refusal()
        .map_or((None, None), |answer| (Some(answer.error), answer.error_description));
    Err(Error::new(
        Code::ProviderError,
        format!("{} did not revoke the grant: status {status}", provider.name),
    )
    .with_status(status)
    .with_retry_at(pause.map(|pause| now + pause))
    .with_server_error(error, description))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::wait;
    use crate::{Client, Config, PutTokens};

    #[test]
    fn a_consent_that_came_after_a_failed_revocation_is_not_revoked_for_it() {
        let config = r#"{"provider": "sandbox", "client_id": "c", "store": "memory:"}"#;
        let client = Client::open(Config::from_json(config).unwrap()).unwrap();
        let tokens = PutTokens { refresh_token: Some("rt".into()), ..PutTokens::default() };
        wait(client.put("alice", tokens)).unwrap();
        let (refresher, key) = (client.refresher().unwrap(), client.settings().key("alice", ""));
        let deadline = Instant::now() + MINUTE;
        assert_eq!(wait(revoke_again(&refresher, &key, deadline)).unwrap(), Again::Over);
        assert!(wait(client.grant("alice").inspect()).unwrap().has_refresh_token);
    }
}
