//! The token store: what every store promises (`refresh.md`, Store contract), and the stores themselves.

mod address;
mod aead;
mod application;
mod check;
mod codec;
mod contract;
mod endpoint;
mod entry;
mod file;
mod foreign;
mod key_ring;
mod lease;
mod memory;
#[cfg(test)]
mod model;
mod mysql;
mod name;
#[cfg(test)]
mod on_servers;
mod other_table;
#[cfg(test)]
mod over_tls;
mod postgres;
#[cfg(test)]
mod promises;
mod record;
mod redis;
mod row;
mod sealed;
mod server;
mod sql;
mod sqlite;
mod tls;

pub(crate) use address::Address;
pub(crate) use application::{ApplicationStoreAdapter, Caller};
pub use check::{CheckOptions, CheckReport, Finding, StoreCheck, Verdict};
pub(crate) use codec::Codec;
pub(crate) use entry::Entry;
pub use foreign::{CallingThread, ForeignStore, Method, StoreCall, StoreReply};
pub(crate) use key_ring::KeyRing;
pub use key_ring::new_encryption_key;
pub(crate) use lease::StoreTime;
pub(crate) use other_table::{OtherDatabase, OtherTable};
pub(crate) use record::{
    Commit, Consent, ConsentReason, GrantKey, Hold, Identity, Intent, Mark, Merged, Record, Retry,
    Status, StoredAccessToken, Tokens,
};
pub(crate) use row::{Listed, Query, Wanted};
pub(crate) use server::Tables;

#[cfg(test)]
pub(crate) use lease::LeaseRow;
#[cfg(test)]
pub(crate) use record::tests as record_for_tests;

use crate::clock::{UnixMillis, boottime};
use crate::error::Result;
use crate::owner::OwnerId;
use futures_util::future::BoxFuture;
use std::time::Duration;

/// How many rows are asked for at once.
pub(crate) const PAGE: usize = 500;

/// What became of a token commit.
#[derive(Debug)]
pub(crate) enum Committed {
    /// It is durable; this is the record now.
    Written(Record),
    /// The grant is gone, or what stands is newer: nothing was written.
    Superseded(Option<Record>),
}

/// What became of asking for the lease.
#[derive(Debug)]
pub(crate) enum Acquired {
    /// The lease is held.
    Held(Box<Held>),
    /// Somebody else holds it for at least this time.
    Busy(Duration),
    /// There is no record.
    Absent,
}

/// A lease and what stood in the store when it was taken.
#[derive(Debug)]
pub(crate) struct Held {
    /// Grows with each lease of this grant.
    pub(crate) fencing: u64,
    /// The record as it now stands.
    pub(crate) record: Record,
    /// The note written with the lease.
    pub(crate) intent: Intent,
    /// What an earlier holder noted about the same generation and never settled.
    pub(crate) earlier: Option<Intent>,
    /// When that one sent it; where there is none, now.
    pub(crate) sent: Sent,
    /// Whether the lease was taken from a holder that is gone.
    pub(crate) taken_over: bool,
    /// Whether the time of a lease was over whose holder may still live, and hold an answer.
    pub(crate) lapsed: bool,
}

/// When a generation was sent: told by the store's clock, and counted from here on by the one of this host that runs through
/// suspension, so that nobody's wall clock matters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// For the first time.
    pub(crate) first: i64,
    /// For the last time.
    pub(crate) last: i64,
}

impl Sent {
    /// What `intent` says of it, where it is `now` by the store's clock.
    pub(crate) fn of(intent: &Intent, now: &StoreTime) -> Self {
        let here = boottime();
        Sent {
            first: here - now.since(&intent.first_sent),
            last: here - now.since(&intent.last_sent),
        }
    }
}

/// A lease by which a sender may spend one generation.
#[derive(Clone, Debug)]
pub(crate) struct LeaseId {
    pub(crate) owner: OwnerId,
    pub(crate) fencing: u64,
    grant_id: String,
    generation: u64,
}

impl LeaseId {
    pub(crate) fn of(owner: OwnerId, held: &Held) -> Self {
        LeaseId {
            owner,
            fencing: held.fencing,
            grant_id: held.record.grant_id.clone(),
            generation: held.record.generation,
        }
    }

    /// Whether the record is still what the lease was taken for: commits and new consents need no lease.
    pub(crate) fn is_about(&self, record: &Record) -> bool {
        !record.is_tombstone()
            && record.grant_id == self.grant_id
            && record.generation == self.generation
    }
}

/// An authorization transaction in the store.
#[derive(Debug)]
pub(crate) enum Pending {
    /// It is the caller's now, and nobody else's.
    Taken(String),
    /// Another caller took it; its result, once there is one.
    Used(Option<String>),
    /// There is none, or it expired.
    Absent,
}

/// What became of sealing a record with the first key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resealed {
    /// It is.
    Done,
    /// It was, or there is none.
    Already,
    /// Its refresh token is being spent for at most this time. The sender may not have the first key, and must be able to
    /// read what it commits to.
    Busy(Duration),
}

/// The store contract. Every write is atomic, and durable when it returns; "busy" and "down" are different answers.
pub(crate) trait Store: Send + Sync {
    /// Whether its calls are served only while a caller waits.
    fn needs_a_waiting_caller(&self) -> bool {
        false
    }

    /// Whether what it took survives the end of its server from then on.
    fn is_durable_at_once(&self) -> bool {
        true
    }

    /// The newest committed record.
    fn load<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<Option<Record>>>;

    /// The token commit, conditional on (`grant_id`, `generation`) alone. Clears lease and intent only where they carry
    /// the commit's fencing number.
    fn commit<'a>(
        &'a self,
        key: &'a GrantKey,
        commit: &'a Commit,
    ) -> BoxFuture<'a, Result<Committed>>;

    /// Writes `record` over a row of this revision that an old backup brought back; says whether it did. Its lease is of the
    /// past too.
    fn write_back<'a>(
        &'a self,
        key: &'a GrantKey,
        expected: u64,
        record: &'a Record,
    ) -> BoxFuture<'a, Result<bool>> {
        self.compare_and_set(key, Some(expected), record)
    }

    /// Writes `record` if the row's revision is `expected` (`None`: if there is no row); says whether it did.
    fn compare_and_set<'a>(
        &'a self,
        key: &'a GrantKey,
        expected: Option<u64>,
        record: &'a Record,
    ) -> BoxFuture<'a, Result<bool>>;

    /// Takes the lease and writes the intent, where no live lease stands. The lease's time is the store's.
    fn acquire<'a>(
        &'a self,
        key: &'a GrantKey,
        owner: &'a OwnerId,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Acquired>>;

    /// Prolongs a lease; false when it is no longer held.
    fn renew<'a>(
        &'a self,
        key: &'a GrantKey,
        lease: &'a LeaseId,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool>>;

    /// Gives a lease back and leaves `intent` behind: the earlier one where nothing was sent, one's own where the answer is
    /// unknown, none where it is settled.
    fn release<'a>(
        &'a self,
        key: &'a GrantKey,
        lease: &'a LeaseId,
        intent: Option<&'a Intent>,
    ) -> BoxFuture<'a, Result<()>>;

    /// Marks the record and gives the lease back; says `None` and leaves the record alone when the lease is no longer held
    /// or the record no longer what it was taken for.
    fn mark<'a>(
        &'a self,
        key: &'a GrantKey,
        lease: &'a LeaseId,
        mark: &'a Mark,
        intent: Option<&'a Intent>,
        now: UnixMillis,
    ) -> BoxFuture<'a, Result<Option<Record>>>;

    /// A page of what is stored, chosen by clear columns; nothing is opened for it.
    fn page<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Listed>>>;

    /// Opens the record of a row of a page.
    fn open(&self, listed: &Listed) -> Result<Record>;

    /// Whether the record of a row of a page is sealed with the first key.
    fn is_current(&self, listed: &Listed) -> bool;

    /// Seals a record with the first key, unless it already is.
    fn reseal<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<Resealed>>;

    /// Removes a tombstone if it is still at this revision; says whether it did.
    fn remove_tombstone<'a>(
        &'a self,
        key: &'a GrantKey,
        revision: u64,
    ) -> BoxFuture<'a, Result<bool>>;

    /// Keeps an authorization transaction until it expires, in place of one of this state, taken or not.
    fn put_pending<'a>(
        &'a self,
        state: &'a str,
        document: &'a str,
        now: UnixMillis,
        expires_at: UnixMillis,
    ) -> BoxFuture<'a, Result<()>>;

    /// Gives an authorization transaction to one caller.
    fn take_pending<'a>(
        &'a self,
        state: &'a str,
        now: UnixMillis,
    ) -> BoxFuture<'a, Result<Pending>>;

    /// Keeps the result of a taken transaction for later callers, until it expires.
    fn settle_pending<'a>(&'a self, state: &'a str, result: &'a str) -> BoxFuture<'a, Result<()>>;

    /// Ends when the store tells that the record was written, where it can tell; it may stay silent.
    fn changed<'a>(&'a self, _key: &'a GrantKey) -> Option<BoxFuture<'a, ()>> {
        None
    }

    /// Asks the database what it is set up not to promise, one sentence each, where that depends on how it is set up.
    fn weaknesses(&self) -> Option<BoxFuture<'_, Result<Vec<String>>>> {
        None
    }
}

/// Records of a client registration, tombstones left out, by subject and slot.
pub(crate) async fn list(store: &dyn Store, client: &str) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    let mut query =
        Query { client: Some(client.to_owned()), wanted: Wanted::Grants, after: None, limit: PAGE };
    loop {
        let page = store.page(&query).await?;
        for listed in &page {
            records.push(store.open(listed)?);
        }
        match page.into_iter().nth(PAGE - 1) {
            Some(last) => query.after = Some(last.key),
            None => break,
        }
    }
    records.sort_by_key(Record::key);
    Ok(records)
}
