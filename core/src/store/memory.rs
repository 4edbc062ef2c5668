//! Tokens in this process's memory: for tests and for programs that end with their grants.

use super::lease::LeaseRow;
use super::record::Merged;
use super::{Acquired, Commit, Committed, GrantKey, Intent, LeaseId, Mark, Pending, Record, Store};
use crate::clock::UnixMillis;
use crate::error::Result;
use crate::owner::OwnerId;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

/// The store of `store = "memory:"`. It belongs to its process: a forked child begins with an empty one.
#[derive(Default)]
pub(crate) struct MemoryStore {
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    grants: BTreeMap<GrantKey, Row>,
    pending: PendingTable,
}

struct Row {
    record: Record,
    lease: LeaseRow,
}

impl MemoryStore {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().expect("no holder of the tables panics")
    }
}

fn done<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, Result<T>> {
    ready(Ok(value)).boxed()
}

impl Store for MemoryStore {
    fn load<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<Option<Record>>> {
        done(self.tables().grants.get(key).map(|row| row.record.clone()))
    }

    fn commit<'a>(
        &'a self,
        key: &'a GrantKey,
        commit: &'a Commit,
    ) -> BoxFuture<'a, Result<Committed>> {
        let mut tables = self.tables();
        let Some(row) = tables.grants.get_mut(key) else {
            return done(Committed::Superseded(None));
        };
        row.lease.release(commit.fencing, None);
        done(match row.record.merge(commit) {
            Merged::Write(next) => {
                row.record = *next;
                Committed::Written(row.record.clone())
            }
            Merged::Superseded => Committed::Superseded(Some(row.record.clone())),
        })
    }

    fn compare_and_set<'a>(
        &'a self,
        key: &'a GrantKey,
        expected: Option<u64>,
        record: &'a Record,
    ) -> BoxFuture<'a, Result<bool>> {
        let mut tables = self.tables();
        let stands = tables.grants.get(key).map(|row| row.record.revision);
        if stands != expected {
            return done(false);
        }
        let new = || Row { record: record.clone(), lease: LeaseRow::default() };
        tables.grants.entry(key.clone()).or_insert_with(new).record = record.clone();
        done(true)
    }

    fn acquire<'a>(
        &'a self,
        key: &'a GrantKey,
        owner: &'a OwnerId,
        ttl: Duration,
        now: UnixMillis,
    ) -> BoxFuture<'a, Result<Acquired>> {
        let mut tables = self.tables();
        let Some(row) = tables.grants.get_mut(key) else { return done(Acquired::Absent) };
        done(match row.lease.acquire(row.record.clone(), owner, ttl, now) {
            Ok(held) => Acquired::Held(Box::new(held)),
            Err(left) => Acquired::Busy(left),
        })
    }

    fn renew<'a>(
        &'a self,
        key: &'a GrantKey,
        lease: &'a LeaseId,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool>> {
        let mut tables = self.tables();
        done(tables.grants.get_mut(key).is_some_and(|row| row.lease.renew(lease, ttl)))
    }

    fn release<'a>(
        &'a self,
        key: &'a GrantKey,
        lease: &'a LeaseId,
        intent: Option<&'a Intent>,
    ) -> BoxFuture<'a, Result<()>> {
        if let Some(row) = self.tables().grants.get_mut(key) {
            row.lease.release(lease.fencing, intent);
        }
        done(())
    }

    fn mark<'a>(
        &'a self,
        key: &'a GrantKey,
        lease: &'a LeaseId,
        mark: &'a Mark,
        intent: Option<&'a Intent>,
        now: UnixMillis,
    ) -> BoxFuture<'a, Result<Option<Record>>> {
        let mut tables = self.tables();
        let row = tables.grants.get_mut(key).filter(|row| row.lease.is_held_by(lease));
        done(row.and_then(|row| {
            row.lease.release(lease.fencing, intent);
            lease.is_about(&row.record).then(|| {
                row.record = row.record.marked(mark, now);
                row.record.clone()
            })
        }))
    }

    fn list<'a>(&'a self, client: &'a str) -> BoxFuture<'a, Result<Vec<Record>>> {
        let tables = self.tables();
        let records = tables.grants.values().map(|row| &row.record);
        done(
            records
                .filter(|record| record.client == client && !record.is_tombstone())
                .cloned()
                .collect(),
        )
    }

    fn put_pending<'a>(
        &'a self,
        state: &'a str,
        document: &'a str,
        now: UnixMillis,
        expires_at: UnixMillis,
    ) -> BoxFuture<'a, Result<()>> {
        self.tables().pending.put(state, document, now, expires_at);
        done(())
    }

    fn take_pending<'a>(
        &'a self,
        state: &'a str,
        now: UnixMillis,
    ) -> BoxFuture<'a, Result<Pending>> {
        done(self.tables().pending.take(state, now))
    }

    fn settle_pending<'a>(&'a self, state: &'a str, result: &'a str) -> BoxFuture<'a, Result<()>> {
        self.tables().pending.settle(state, result);
        done(())
    }
}

/// How long the result of a transaction is kept that another table gave out.
const TAKEN_KEPT: UnixMillis = 600_000;

/// Authorization transactions in memory.
#[derive(Default)]
pub(super) struct PendingTable(HashMap<String, PendingRow>);

struct PendingRow {
    document: Option<String>,
    result: Option<String>,
    expires_at: UnixMillis,
}

impl PendingTable {
    pub(super) fn put(
        &mut self,
        state: &str,
        document: &str,
        now: UnixMillis,
        expires_at: UnixMillis,
    ) {
        self.0.retain(|_, row| row.expires_at > now);
        let row = PendingRow { document: Some(document.to_owned()), result: None, expires_at };
        self.0.insert(state.to_owned(), row);
    }

    pub(super) fn take(&mut self, state: &str, now: UnixMillis) -> Pending {
        match self.0.get_mut(state).filter(|row| row.expires_at > now) {
            None => Pending::Absent,
            Some(row) => match row.document.take() {
                Some(document) => Pending::Taken(document),
                None => Pending::Used(row.result.clone()),
            },
        }
    }

    /// Notes that another table gave the transaction out.
    pub(super) fn taken(&mut self, state: &str, now: UnixMillis) {
        self.put(state, "", now, now + TAKEN_KEPT);
        self.take(state, now);
    }

    pub(super) fn settle(&mut self, state: &str, result: &str) {
        if let Some(row) = self.0.get_mut(state) {
            row.result = Some(result.to_owned());
        }
    }
}
