//! A folder with one file for each grant, for hosts without a database: no grant is in the same file as another, so what
//! damages one leaves the others alone.
//!
//! A grant's file bears a hash of its key, so that names of any length and any characters will do. Time is this host's: the
//! folder is on a local disk.

mod document;
mod folder;

use self::document::{Document, Transaction, Unread};
use self::folder::{Flush, Folder, Kind, Locked, Place};
use super::contract::Rows;
use super::lease::StoreTime;
use super::row::{Listed, Query, Read, Row};
use super::{GrantKey, Pending, name};
use crate::clock::UnixMillis;
use crate::error::Result;
use crate::process::{runtime, task_error};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// How often a process looks for transactions that have expired.
const SWEPT_EVERY: UnixMillis = 60_000;

/// The rows of `store = "file:FOLDER"`.
pub(crate) struct FileRows(Arc<Files>);

struct Files {
    folder: Folder,
    /// When expired transactions were last looked for.
    swept_at: AtomicI64,
}

impl FileRows {
    /// Opens the folder; makes it where there is none.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let folder = Folder::open(path)?;
        Ok(FileRows(Arc::new(Files { folder, swept_at: AtomicI64::new(UnixMillis::MIN) })))
    }

    /// Runs `f` off the threads that drive I/O.
    fn blocking<'a, T: Send + 'static>(
        &self,
        f: impl FnOnce(&Files) -> Result<T> + Send + 'static,
    ) -> BoxFuture<'a, Result<T>> {
        let files = Arc::clone(&self.0);
        async move { runtime().spawn_blocking(move || f(&files)).await.map_err(task_error)? }
            .boxed()
    }
}

impl Files {
    /// The grant in a file, of which it is known whose it should be.
    fn document(
        &self,
        place: &Place,
        key: &GrantKey,
        bytes: Option<Vec<u8>>,
    ) -> Result<Option<Document>> {
        let document = self.parsed(place, bytes, Document::parse)?;
        match document {
            Some(document) if document.key != *key => {
                Err(self.folder.trouble_with(place, "corrupt", "is that of another grant"))
            }
            document => Ok(document),
        }
    }

    fn parsed<T>(
        &self,
        place: &Place,
        bytes: Option<Vec<u8>>,
        parse: impl FnOnce(&[u8]) -> std::result::Result<T, Unread>,
    ) -> Result<Option<T>> {
        let Some(bytes) = bytes else { return Ok(None) };
        parse(&bytes).map(Some).map_err(|unread| match unread {
            Unread::Damaged => self.folder.trouble_with(place, "corrupt", "is damaged"),
            Unread::NewerFormat { format, min_reader } => self.folder.trouble_with(
                place,
                "newer_schema",
                &format!(
                    "has format {format}, which needs a reader of format {min_reader}; this version reads format {}",
                    folder::FORMAT
                ),
            ),
        })
    }

    /// Runs `f` with the grant's document if its row still is `before`, while nobody else writes it.
    fn if_still(
        &self,
        key: &GrantKey,
        before: Option<&Row>,
        f: impl FnOnce(&Locked<'_>, Option<Document>) -> Result<()>,
    ) -> Result<bool> {
        let place = place_of(key);
        self.folder.locked(&place, |locked| {
            let document = self.document(&place, key, locked.read()?)?;
            if document.as_ref().map(|document| &document.row) != before {
                return Ok(false);
            }
            f(locked, document).map(|()| true)
        })
    }

    fn page(&self, query: &Query) -> Result<Vec<Listed>> {
        let client = query.client.as_deref().map(name::before_grants_of).unwrap_or_default();
        let after = query.after.as_ref().map(name::of_grant).unwrap_or_default();
        let is_asked_for = |name: &str| name.starts_with(&client) && *name > *after;
        let mut page = Vec::new();
        for name in self.folder.names(Kind::Grants, is_asked_for)? {
            if page.len() == query.limit {
                break;
            }
            let place = Place::new(Kind::Grants, name);
            // Nothing is spent on what a page says: it may be of a write that is not yet on the disk.
            let read = self.parsed(&place, self.folder.read_now(&place)?, Document::parse)?;
            let Some(Document { key, row, .. }) = read else { continue }; // removed meanwhile
            if name::of_grant(&key) != place.name() {
                return Err(self.folder.trouble_with(
                    &place,
                    "corrupt",
                    "is that of another grant",
                ));
            }
            if query.wanted.includes(&row.header) {
                page.push(Listed { key, header: row.header, record: row.record });
            }
        }
        Ok(page)
    }

    fn put_pending(
        &self,
        state: &str,
        document: &str,
        now: UnixMillis,
        expires_at: UnixMillis,
    ) -> Result<()> {
        self.drop_expired(now)?;
        let transaction = Transaction::new(state, document, expires_at);
        self.folder
            .locked(&pending_place(state), |locked| locked.write(&transaction.bytes(), Flush::All))
    }

    fn take_pending(&self, state: &str, now: UnixMillis) -> Result<Pending> {
        self.with_transaction(state, |locked, mut transaction| {
            if transaction.expires_at <= now {
                return Ok(Pending::Absent);
            }
            let Some(document) = transaction.document.take() else {
                return Ok(Pending::Used(transaction.result));
            };
            locked.write(&transaction.bytes(), Flush::All)?;
            Ok(Pending::Taken(document))
        })
        .map(|pending| pending.unwrap_or(Pending::Absent))
    }

    fn settle_pending(&self, state: &str, result: &str) -> Result<()> {
        self.with_transaction(state, |locked, mut transaction| {
            transaction.result = Some(result.to_owned());
            locked.write(&transaction.bytes(), Flush::All)
        })
        .map(Option::unwrap_or_default)
    }

    /// Runs `f` with a transaction, if there is one, while nobody else writes it.
    fn with_transaction<T>(
        &self,
        state: &str,
        f: impl FnOnce(&Locked<'_>, Transaction) -> Result<T>,
    ) -> Result<Option<T>> {
        let place = pending_place(state);
        self.folder.locked(&place, |locked| {
            let transaction = self.parsed(&place, locked.read()?, Transaction::parse)?;
            match transaction.filter(|transaction| transaction.state == state) {
                Some(transaction) => f(locked, transaction).map(Some),
                None => Ok(None),
            }
        })
    }

    /// Removes transactions that have expired, from time to time: each has to be opened for it.
    fn drop_expired(&self, now: UnixMillis) -> Result<()> {
        let swept_at = self.swept_at.load(Ordering::Relaxed);
        if swept_at <= now && now < swept_at.saturating_add(SWEPT_EVERY) {
            return Ok(());
        }
        self.swept_at.store(now, Ordering::Relaxed);
        for name in self.folder.names(Kind::Pending, |_| true)? {
            let place = Place::new(Kind::Pending, name);
            self.folder.locked(&place, |locked| {
                // One that cannot be read may be of a newer version.
                let read = locked.read()?.and_then(|bytes| Transaction::parse(&bytes).ok());
                match read.filter(|transaction| transaction.expires_at <= now) {
                    Some(_) => locked.remove(),
                    None => Ok(()),
                }
            })?;
        }
        Ok(())
    }
}

/// Whether `after` only prolongs the lease of `before`: after a power cut either will do.
fn is_renewal(before: Option<&Row>, after: &Row) -> bool {
    before.is_some_and(|before| {
        let both_leased = before.lease.is_some() && after.lease.is_some();
        both_leased && *before == Row { lease: before.lease.clone(), ..after.clone() }
    })
}

fn place_of(key: &GrantKey) -> Place {
    Place::new(Kind::Grants, name::of_grant(key))
}

fn pending_place(state: &str) -> Place {
    Place::new(Kind::Pending, name::of_text(&[state]))
}

impl Rows for FileRows {
    fn read<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<Read>> {
        let key = key.clone();
        self.blocking(move |files| {
            let place = place_of(&key);
            let document = files.document(&place, &key, files.folder.read(&place)?)?;
            let row = document.map(|document| document.row);
            Ok(Read { row, now: StoreTime::of_this_host() })
        })
    }

    fn replace<'a>(
        &'a self,
        key: &'a GrantKey,
        before: Option<&'a Row>,
        after: &'a Row,
    ) -> BoxFuture<'a, Result<bool>> {
        let (key, before, after) = (key.clone(), before.cloned(), after.clone());
        self.blocking(move |files| {
            let flush =
                if is_renewal(before.as_ref(), &after) { Flush::Either } else { Flush::All };
            files.if_still(&key, before.as_ref(), |locked, document| {
                let document = match document {
                    Some(document) => document.with_row(&after),
                    None => Document::new(&key, &after),
                };
                locked.write(&document.bytes(), flush)
            })
        })
    }

    fn remove<'a>(&'a self, key: &'a GrantKey, before: &'a Row) -> BoxFuture<'a, Result<bool>> {
        let (key, before) = (key.clone(), before.clone());
        self.blocking(move |files| files.if_still(&key, Some(&before), |locked, _| locked.remove()))
    }

    fn page<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Listed>>> {
        let query = query.clone();
        self.blocking(move |files| files.page(&query))
    }

    fn put_pending<'a>(
        &'a self,
        state: &'a str,
        document: &'a str,
        now: UnixMillis,
        expires_at: UnixMillis,
    ) -> BoxFuture<'a, Result<()>> {
        let (state, document) = (state.to_owned(), document.to_owned());
        self.blocking(move |files| files.put_pending(&state, &document, now, expires_at))
    }

    fn take_pending<'a>(
        &'a self,
        state: &'a str,
        now: UnixMillis,
    ) -> BoxFuture<'a, Result<Pending>> {
        let state = state.to_owned();
        self.blocking(move |files| files.take_pending(&state, now))
    }

    fn settle_pending<'a>(&'a self, state: &'a str, result: &'a str) -> BoxFuture<'a, Result<()>> {
        let (state, result) = (state.to_owned(), result.to_owned());
        self.blocking(move |files| files.settle_pending(&state, &result))
    }
}

#[cfg(test)]
mod tests;
