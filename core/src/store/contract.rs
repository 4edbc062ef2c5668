//! The store contract, written once over what every database can do by itself: read a row with the database's own time, and
//! replace it if it is still the same. So lease, commit and marks mean the same on each of them.

use super::codec::Codec;
use super::record::Merged;
use super::row::{Listed, Query, Read, Row};
use super::{
    Acquired, Commit, Committed, GrantKey, Intent, LeaseId, Mark, Pending, Record, Resealed, Store,
};
use crate::clock::UnixMillis;
use crate::error::{Code, Error, Result};
use crate::owner::OwnerId;
use crate::process::random_bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;

/// How often a write is tried again when somebody else wrote in between.
const ATTEMPTS: u32 = 64;

/// Rows in a database. Every write is durable when it returns.
pub(crate) trait Rows: Send + Sync {
    /// The row under a key, and the time by the clock that all users of this database share.
    fn read<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<Read>>;

    /// Writes `after` if the row still is `before` (`None`: if there is none), atomically; says whether it did.
    fn replace<'a>(
        &'a self,
        key: &'a GrantKey,
        before: Option<&'a Row>,
        after: &'a Row,
    ) -> BoxFuture<'a, Result<bool>>;

    /// Removes the row if it still is `before`; says whether it did.
    fn remove<'a>(&'a self, key: &'a GrantKey, before: &'a Row) -> BoxFuture<'a, Result<bool>>;

    /// A page of rows.
    fn page<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Listed>>>;

    /// Keeps an authorization transaction until it expires, and drops those that have.
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

    /// Keeps the result of a taken transaction until it expires.
    fn settle_pending<'a>(&'a self, state: &'a str, result: &'a str) -> BoxFuture<'a, Result<()>>;

    /// Ends when the database tells that the row was written, where it can tell; it may stay silent.
    fn changed<'a>(&'a self, _key: &'a GrantKey) -> Option<BoxFuture<'a, ()>> {
        None
    }

    /// Asks the database what it is set up not to promise, one sentence each, where that depends on how it is set up.
    fn weaknesses(&self) -> Option<BoxFuture<'_, Result<Vec<String>>>> {
        None
    }

    /// Whether a write is on the disk when it returns; otherwise it is there a few seconds later.
    fn is_durable_at_once(&self) -> bool {
        true
    }
}

/// A store over the rows of a database.
pub(crate) struct Contract<R> {
    rows: R,
    codec: Arc<Codec>,
}

impl<R: Rows> Contract<R> {
    pub(crate) fn new(rows: R, codec: Arc<Codec>) -> Self {
        Contract { rows, codec }
    }

    #[cfg(test)]
    pub(crate) fn rows(&self) -> &R {
        &self.rows
    }

    fn decode(&self, key: &GrantKey, row: &Row) -> Result<Record> {
        self.codec.decode(key, Some(&row.header), row.record.expose())
    }

    fn with_record(&self, row: Row, record: &Record) -> Row {
        let text = self.codec.encode(record);
        row.with_record(record, text)
    }

    /// Writes `record` over what `change` makes of a row of this revision; says whether it did.
    async fn write_over(
        &self,
        key: &GrantKey,
        expected: u64,
        record: &Record,
        change: impl Fn(&Row) -> Result<Row> + Send + Sync,
    ) -> Result<bool> {
        let written = self.update(key, |row, _| {
            if row.header.revision != expected {
                return Ok((None, false));
            }
            Ok((Some(self.with_record(change(row)?, record)), true))
        });
        Ok(written.await?.unwrap_or(false))
    }

    /// Reads, changes and writes until nobody else wrote in between; none where there is no row. `change` gives the row to
    /// write, if any, and what to return.
    async fn update<T>(
        &self,
        key: &GrantKey,
        change: impl Fn(&Row, &Read) -> Result<(Option<Row>, T)> + Send + Sync,
    ) -> Result<Option<T>> {
        for attempt in 0..ATTEMPTS {
            let read = self.rows.read(key).await?;
            let Some(row) = &read.row else { return Ok(None) };
            let (next, value) = change(row, &read)?;
            let Some(next) = next else { return Ok(Some(value)) };
            if self.rows.replace(key, Some(row), &next).await? {
                return Ok(Some(value));
            }
            give_way(attempt).await;
        }
        Err(conflict())
    }
}

/// Those who write one row at once get out of step.
async fn give_way(attempt: u32) {
    let [byte] = random_bytes::<1>();
    let longest = u64::from(attempt.min(8)) * 1_000;
    tokio::time::sleep(Duration::from_micros(longest * u64::from(byte) / 255)).await;
}

fn conflict() -> Error {
    let text = format!("the record was written by somebody else {ATTEMPTS} times in a row");
    Error::new(Code::StoreConflict, text)
}

impl<R: Rows> Store for Contract<R> {
    fn load<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<Option<Record>>> {
        async move {
            let read = self.rows.read(key).await?;
            read.row.map(|row| self.decode(key, &row)).transpose()
        }
        .boxed()
    }

    fn commit<'a>(
        &'a self,
        key: &'a GrantKey,
        commit: &'a Commit,
    ) -> BoxFuture<'a, Result<Committed>> {
        async move {
            let committed = self.update(key, |row, read| {
                let (record, mut lease) = (self.decode(key, row)?, row.lease_row()?);
                let merged = record.merge(commit);
                lease.settle(commit, matches!(merged, Merged::Write(_)), &read.now);
                let next = row.with_lease_row(&lease);
                Ok(match merged {
                    Merged::Write(merged) => {
                        (Some(self.with_record(next, &merged)), Committed::Written(*merged))
                    }
                    Merged::Superseded => {
                        (Some(next).filter(|next| next != row), Committed::Superseded(Some(record)))
                    }
                })
            });
            Ok(committed.await?.unwrap_or(Committed::Superseded(None)))
        }
        .boxed()
    }

    fn compare_and_set<'a>(
        &'a self,
        key: &'a GrantKey,
        expected: Option<u64>,
        record: &'a Record,
    ) -> BoxFuture<'a, Result<bool>> {
        async move {
            let Some(expected) = expected else {
                let row = Row::new(record, self.codec.encode(record));
                return self.rows.replace(key, None, &row).await;
            };
            self.write_over(key, expected, record, |row| Ok(row.clone())).await
        }
        .boxed()
    }

    fn write_back<'a>(
        &'a self,
        key: &'a GrantKey,
        expected: u64,
        record: &'a Record,
    ) -> BoxFuture<'a, Result<bool>> {
        let without_lease = |row: &Row| {
            let mut lease = row.lease_row()?;
            lease.outlive(record);
            Ok(row.with_lease_row(&lease))
        };
        self.write_over(key, expected, record, without_lease).boxed()
    }

    fn acquire<'a>(
        &'a self,
        key: &'a GrantKey,
        owner: &'a OwnerId,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Acquired>> {
        async move {
            let acquired = self.update(key, |row, read| {
                let mut lease = row.lease_row()?;
                let record = self.decode(key, row)?;
                self.codec.check_order(key, row.record.expose())?; // opening it may tell that the next key is in use
                Ok(match lease.acquire(record, owner, ttl, &read.now) {
                    Ok(held) => (Some(row.with_lease_row(&lease)), Acquired::Held(Box::new(held))),
                    Err(left) => (None, Acquired::Busy(left)),
                })
            });
            Ok(acquired.await?.unwrap_or(Acquired::Absent))
        }
        .boxed()
    }

    fn renew<'a>(
        &'a self,
        key: &'a GrantKey,
        lease: &'a LeaseId,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool>> {
        async move {
            let renewed = self.update(key, |row, read| {
                let mut standing = row.lease_row()?;
                let held = standing.renew(lease, ttl, &read.now);
                Ok((held.then(|| row.with_lease_row(&standing)), held))
            });
            Ok(renewed.await?.unwrap_or(false))
        }
        .boxed()
    }

    fn release<'a>(
        &'a self,
        key: &'a GrantKey,
        lease: &'a LeaseId,
        intent: Option<&'a Intent>,
    ) -> BoxFuture<'a, Result<()>> {
        async move {
            let released = self.update(key, |row, _| {
                let mut standing = row.lease_row()?;
                standing.release(lease.fencing, intent);
                Ok((Some(row.with_lease_row(&standing)).filter(|next| next != row), ()))
            });
            released.await.map(Option::unwrap_or_default)
        }
        .boxed()
    }

    fn mark<'a>(
        &'a self,
        key: &'a GrantKey,
        lease: &'a LeaseId,
        mark: &'a Mark,
        intent: Option<&'a Intent>,
        now: UnixMillis,
    ) -> BoxFuture<'a, Result<Option<Record>>> {
        async move {
            let marked = self.update(key, |row, read| {
                let mut standing = row.lease_row()?;
                if !standing.is_held_by(lease, &read.now) {
                    return Ok((None, None));
                }
                let record = self.decode(key, row)?;
                if !lease.is_about(&record) {
                    standing.release_overtaken(lease.fencing);
                    return Ok((Some(row.with_lease_row(&standing)), None));
                }
                standing.release(lease.fencing, intent);
                let next = row.with_lease_row(&standing);
                let marked = record.marked(mark, now);
                Ok((Some(self.with_record(next, &marked)), Some(marked)))
            });
            Ok(marked.await?.flatten())
        }
        .boxed()
    }

    fn page<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Listed>>> {
        self.rows.page(query)
    }

    fn open(&self, listed: &Listed) -> Result<Record> {
        self.codec.decode(&listed.key, Some(&listed.header), listed.record.expose())
    }

    fn is_current(&self, listed: &Listed) -> bool {
        self.codec.is_current(listed.record.expose())
    }

    fn reseal<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<Resealed>> {
        async move {
            let resealed = self.update(key, |row, read| {
                if self.codec.is_current(row.record.expose()) {
                    return Ok((None, Resealed::Already));
                }
                if let Some(left) = row.lease_row()?.left(&read.now) {
                    return Ok((None, Resealed::Busy(left)));
                }
                let record = self.decode(key, row)?.written_again();
                Ok((Some(self.with_record(row.clone(), &record)), Resealed::Done))
            });
            Ok(resealed.await?.unwrap_or(Resealed::Already))
        }
        .boxed()
    }

    fn remove_tombstone<'a>(
        &'a self,
        key: &'a GrantKey,
        revision: u64,
    ) -> BoxFuture<'a, Result<bool>> {
        async move {
            match self.rows.read(key).await?.row {
                Some(row) if row.header.revision == revision && row.header.is_tombstone() => {
                    self.rows.remove(key, &row).await
                }
                _ => Ok(false),
            }
        }
        .boxed()
    }

    fn put_pending<'a>(
        &'a self,
        state: &'a str,
        document: &'a str,
        now: UnixMillis,
        expires_at: UnixMillis,
    ) -> BoxFuture<'a, Result<()>> {
        let document = self.codec.encode_pending(state, document);
        async move { self.rows.put_pending(state, document.expose(), now, expires_at).await }
            .boxed()
    }

    fn take_pending<'a>(
        &'a self,
        state: &'a str,
        now: UnixMillis,
    ) -> BoxFuture<'a, Result<Pending>> {
        async move {
            Ok(match self.rows.take_pending(state, now).await? {
                Pending::Taken(text) => Pending::Taken(self.codec.decode_pending(state, &text)?),
                other => other,
            })
        }
        .boxed()
    }

    fn settle_pending<'a>(&'a self, state: &'a str, result: &'a str) -> BoxFuture<'a, Result<()>> {
        self.rows.settle_pending(state, result)
    }

    fn changed<'a>(&'a self, key: &'a GrantKey) -> Option<BoxFuture<'a, ()>> {
        self.rows.changed(key)
    }

    fn weaknesses(&self) -> Option<BoxFuture<'_, Result<Vec<String>>>> {
        self.rows.weaknesses()
    }

    fn is_durable_at_once(&self) -> bool {
        self.rows.is_durable_at_once()
    }
}
