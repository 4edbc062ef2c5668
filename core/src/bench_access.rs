//! For this project's own benchmark alone (feature `bench-access`, which nobody else may turn on and which no promise holds for):
//! the calls of the store contract that a renewal is made of, without the renewal.

use crate::client::Client;
use crate::error::{Code, Error, Result};
use crate::owner::OwnerId;
use crate::store::{Acquired, Commit, Committed, GrantKey, Record, Store};
use std::sync::Arc;
use std::time::Duration;

/// A grant in the built-in store of a client.
pub struct StoredGrant {
    store: Arc<dyn Store>,
    key: GrantKey,
    owner: OwnerId,
    record: Record,
}

impl StoredGrant {
    /// The subject's grant, which must be there.
    pub async fn of(client: &Client, subject: &str) -> Result<Self> {
        let (store, key) = (client.built_in_store()?, client.settings().key(subject, ""));
        let record = store.load(&key).await?.ok_or_else(gone)?;
        Ok(StoredGrant { store, key, owner: OwnerId::of_this_process(), record })
    }

    /// One `load`.
    pub async fn load(&self) -> Result<()> {
        self.store.load(&self.key).await?.ok_or_else(gone).map(drop)
    }

    /// One token commit, without a lease.
    pub async fn commit(&mut self) -> Result<()> {
        self.commit_under(0).await
    }

    /// What the store does for one renewal: lease with intent, commit.
    pub async fn lease_and_commit(&mut self) -> Result<()> {
        let ttl = Duration::from_secs(30);
        match self.store.acquire(&self.key, &self.owner, ttl).await? {
            Acquired::Held(held) => self.commit_under(held.fencing).await,
            _ => Err(gone()),
        }
    }

    async fn commit_under(&mut self, fencing: u64) -> Result<()> {
        let commit = Commit {
            grant_id: self.record.grant_id.clone(),
            generation: self.record.generation,
            tokens: self.record.tokens.clone().ok_or_else(gone)?,
            fencing,
            owner: self.owner.to_string(),
            at: self.record.updated_at,
            keepalive_at: None,
            hold: None,
        };
        match self.store.commit(&self.key, &commit).await? {
            Committed::Written(record) => self.record = record,
            Committed::Superseded(_) => return Err(gone()),
        }
        Ok(())
    }
}

fn gone() -> Error {
    Error::new(Code::NoGrant, "somebody else changed the grant of the benchmark")
}
