//! An access token that the API says it will not take again, and that nothing renews: of OAuth 1.0a (`refresh.md`, Other kinds
//! of renewal).
//!
//! It counts only for the token that is stored, and is noted by the holder of the lease alone: a late answer about an old
//! token must not end a new consent.

use super::{Refresher, Want, revocation};
use crate::error::{Code, Error, Result};
use crate::event::Kind;
use crate::process::{runtime, task_error};
use crate::secret::Secret;
use crate::store::{Entry, GrantKey, Mark, Record};
use std::sync::Arc;
use tokio::time::Instant;

impl Refresher {
    /// After the API has refused this token for good: the stored record, if it is by another token; else the user has to
    /// consent again, and no request is sent with this one.
    pub(crate) async fn after_last_refusal(
        self: &Arc<Self>,
        key: &GrantKey,
        refused: &Secret,
        deadline: Instant,
    ) -> Result<Arc<Record>> {
        let stands = self.load(key).await?.ok_or_else(|| self.no_grant(key))?;
        if self.gives_out(&stands, refused) {
            // Not stopped half-way: a lease that nobody knows of would keep everybody waiting.
            let (refresher, key, refused) = (Arc::clone(self), key.clone(), refused.clone());
            let task =
                runtime().spawn(async move { refresher.end(&key, &refused, deadline).await });
            task.await.map_err(task_error)??;
        }
        let want = Want::Usable { entry: Entry::default(), min_valid: 0 };
        let record = self.ensure(key, &want, deadline).await?;
        if self.gives_out(&record, refused) {
            let text =
                "the API refused the token for good; who has the grant's lease is to note it";
            return Err(Error::new(Code::TemporarilyUnavailable, text));
        }
        Ok(record)
    }

    /// Notes under the lease that this token is over, if it still is what stands.
    async fn end(
        self: &Arc<Self>,
        key: &GrantKey,
        refused: &Secret,
        deadline: Instant,
    ) -> Result<()> {
        let (lease, held) = revocation::take_lease(self, key, deadline).await?;
        let (store, earlier) = (&self.context.store, held.earlier.as_ref());
        if !self.gives_out(&held.record, refused) {
            store.release(key, &lease, earlier).await?;
            self.remember(held.record);
            return Ok(());
        }
        let (mark, now) = (Mark::AccessRefused(refused.clone()), self.context.settings.now());
        let Some(record) = store.mark(key, &lease, &mark, earlier, now).await? else {
            return self.load(key).await.map(drop);
        };
        let detail = "the API refused the token for good";
        self.context.settings.tell(Kind::NeedsConsent, key, Some(&record), detail);
        self.remember(record);
        Ok(())
    }

    fn gives_out(&self, record: &Record, token: &Secret) -> bool {
        record.lives_by(token, self.context.settings.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::owner::OwnerId;
    use crate::process::wait;
    use crate::store::{Acquired, LeaseId, Status};
    use crate::{Client, Config, PutTokens};
    use futures_util::future::{Either, select};
    use std::pin::pin;
    use std::time::Duration;

    const LEASE: Duration = Duration::from_secs(30);

    async fn put(client: &Client, token: &str) {
        let tokens = PutTokens {
            access_token: Some(token.into()),
            token_secret: Some("secret".into()),
            ..PutTokens::default()
        };
        client.put("alice", tokens).await.unwrap();
    }

    /// A client with a grant of which another sender has the lease.
    async fn busy() -> (Client, Arc<Refresher>, GrantKey, LeaseId) {
        let config = r#"{"provider": "sandbox-oauth1", "client_id": "c", "store": "memory:"}"#;
        let client = Client::open(Config::from_json(config).unwrap()).unwrap();
        put(&client, "old").await;
        let (refresher, key) = (client.refresher().unwrap(), client.settings().key("alice", ""));
        let owner = OwnerId::of_this_process();
        let store = &refresher.context.store;
        let Acquired::Held(held) = store.acquire(&key, &owner, LEASE).await.unwrap() else {
            panic!("the lease is free");
        };
        let lease = LeaseId::of(owner, &held);
        (client, refresher, key, lease)
    }

    #[test]
    fn who_does_not_get_the_lease_marks_nothing() {
        wait(async {
            let (_client, refresher, key, lease) = busy().await;
            let token = Secret::from("old");
            let soon = Instant::now() + Duration::from_millis(200);
            let error = refresher.after_last_refusal(&key, &token, soon).await.unwrap_err();
            assert_eq!(error.code(), Code::Timeout);
            let stands = refresher.load(&key).await.unwrap().unwrap();
            assert_eq!((stands.status, stands.revision), (Status::Active, 1));

            refresher.context.store.release(&key, &lease, None).await.unwrap();
            let later = Instant::now() + LEASE;
            let error = refresher.after_last_refusal(&key, &token, later).await.unwrap_err();
            assert_eq!((error.code(), error.reason()), (Code::NeedsConsent, Some("revoked")));
        });
    }

    #[test]
    fn a_consent_that_came_while_the_lease_was_waited_for_is_used_and_not_marked() {
        wait(async {
            let (client, refresher, key, lease) = busy().await;
            let (token, later) = (Secret::from("old"), Instant::now() + LEASE);
            let waiting = pin!(refresher.after_last_refusal(&key, &token, later));
            let consent = pin!(put(&client, "new"));
            let Either::Right(((), waiting)) = select(waiting, consent).await else {
                panic!("there is a lease to wait for");
            };
            refresher.context.store.release(&key, &lease, None).await.unwrap();
            let record = waiting.await.unwrap();
            assert_eq!(record.access().unwrap().token, "new".into());
            assert_eq!(record.status, Status::Active);
        });
    }
}
