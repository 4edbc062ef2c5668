//! When an access token ends of which the answer that brought it says nothing, and introspection (RFC 7662) does, as at Salesforce.
//!
//! The provider is asked once for each token, before it is first given out: what it says is noted under the lease, for every
//! process. Where it does not say, the token is given out all the same, and a 401 tells.

use super::introspection::{self, TokenKind};
use super::{Refresher, revocation};
use crate::clock::UnixMillis;
use crate::error::Result;
use crate::oauth2::Expiry;
use crate::process::runtime;
use crate::secret::Secret;
use crate::store::{GrantKey, Mark, Record};
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long a caller waits for it, who has a token that works.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

impl Refresher {
    /// The record with the end of its access token, where that can be had.
    pub(super) async fn with_lifetime(
        self: &Arc<Self>,
        key: &GrantKey,
        record: Arc<Record>,
        deadline: Instant,
    ) -> Arc<Record> {
        let Some(token) = self.token_to_ask_about(&record) else { return record };
        // Not stopped half-way: a lease that nobody knows of would keep everybody waiting.
        let (refresher, key) = (Arc::clone(self), key.clone());
        let task = runtime().spawn(async move { refresher.learn(&key, token, deadline).await });
        match timeout_at(deadline.min(Instant::now() + LONGEST_WAIT), task).await {
            Ok(Ok(Ok(Some(learned)))) => learned,
            _ => record,
        }
    }

    /// The grant's own access token, if nobody knows its end and it was not asked about before.
    fn token_to_ask_about(&self, record: &Record) -> Option<Secret> {
        let access = record.access().filter(|access| access.expires_at.is_none())?;
        if !self.policy().asks_for_lifetime || access.token.is_empty() {
            return None;
        }
        let this = (record.grant_id.clone(), record.generation);
        let mut asked = self.asked_lifetimes.lock().expect("no holder panics");
        let before = asked.insert(record.key(), this.clone());
        (before.as_ref() != Some(&this)).then(|| access.token.clone())
    }

    /// Asks, and notes it under the lease, if the token is still what stands.
    async fn learn(
        self: &Arc<Self>,
        key: &GrantKey,
        access_token: Secret,
        deadline: Instant,
    ) -> Result<Option<Arc<Record>>> {
        let (context, kind) = (&self.context, TokenKind::AccessToken);
        let provider = context.provider().await?;
        let said = introspection::ask(context, &provider, kind, &access_token).await?;
        let Some(expires_at) = end_of(&said.fields).filter(|_| said.active) else {
            return Ok(None);
        };
        let (lease, held) = revocation::take_lease(self, key, deadline).await?;
        let (earlier, now) = (held.earlier.as_ref(), context.settings.now());
        let mark = Mark::ValidUntil { access_token, expires_at };
        match context.store.mark(key, &lease, &mark, earlier, now).await {
            Ok(marked) => Ok(marked.map(|record| self.remember(record))),
            Err(error) => {
                let _ = context.store.release(key, &lease, earlier).await;
                Err(error)
            }
        }
    }
}

/// `exp`, in Unix milliseconds.
fn end_of(fields: &Map<String, Value>) -> Option<UnixMillis> {
    Expiry::of_time(fields.get("exp")?).map(|end| end.at(0))
}
