//! Tokens in this process's memory: for tests and for programs that end with their grants.

use super::contract::Rows;
use super::lease::StoreTime;
use super::row::{Listed, Query, Read, Row};
use super::{GrantKey, Pending};
use crate::clock::UnixMillis;
use crate::error::Result;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard};

/// The rows of `store = "memory:"`. They belong to their process: a forked child begins with none.
#[derive(Default)]
pub(crate) struct MemoryRows {
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    grants: BTreeMap<GrantKey, Row>,
    pending: PendingTable,
}

impl MemoryRows {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().expect("no holder of the tables panics")
    }
}

fn done<'a, T: Send + 'a>(value: T) -> BoxFuture<'a, Result<T>> {
    ready(Ok(value)).boxed()
}

impl Rows for MemoryRows {
    fn read<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<Read>> {
        let row = self.tables().grants.get(key).cloned();
        done(Read { row, now: StoreTime::of_this_host() })
    }

    fn replace<'a>(
        &'a self,
        key: &'a GrantKey,
        before: Option<&'a Row>,
        after: &'a Row,
    ) -> BoxFuture<'a, Result<bool>> {
        let mut tables = self.tables();
        let is_the_same = tables.grants.get(key) == before;
        if is_the_same {
            tables.grants.insert(key.clone(), after.clone());
        }
        done(is_the_same)
    }

    fn remove<'a>(&'a self, key: &'a GrantKey, before: &'a Row) -> BoxFuture<'a, Result<bool>> {
        let mut tables = self.tables();
        let is_the_same = tables.grants.get(key) == Some(before);
        if is_the_same {
            tables.grants.remove(key);
        }
        done(is_the_same)
    }

    fn page<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Listed>>> {
        let tables = self.tables();
        let from = query.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let rows = tables.grants.range::<GrantKey, _>((from, Bound::Unbounded));
        let chosen = rows.filter(|(key, row)| {
            query.client.as_ref().is_none_or(|client| *client == key.client)
                && query.wanted.includes(&row.header)
        });
        let listed = chosen.take(query.limit).map(|(key, row)| Listed {
            key: key.clone(),
            header: row.header.clone(),
            record: row.record.clone(),
        });
        done(listed.collect())
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
