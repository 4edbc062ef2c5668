//! SQLite, the embedded default: WAL, every write synchronous, file mode 0600.
//!
//! One connection per process. It is never open across a `fork()`: the child would inherit SQLite's bookkeeping but not its
//! file locks, and the parent's last close could take the write-ahead log from under it. So it is closed before a fork and
//! opened again at the next use (`process.rs`).

use super::lease::LeaseRow;
use super::record::Merged;
use super::{Acquired, Commit, Committed, GrantKey, Intent, LeaseId, Mark, Pending, Record, Store};
use crate::clock::UnixMillis;
use crate::error::{Code, Error, Result};
use crate::owner::OwnerId;
use crate::process::{ForkSensitive, Passage, register_fork_sensitive, runtime, task_error};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// `EvGr`: tells a token database from any other SQLite file.
const APPLICATION_ID: i64 = 0x4576_4772;

/// The oldest schema version that a reader must know to use what this version writes.
const MIN_READER: i64 = 1;

/// How long a statement waits for another process's write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What makes schema 1, 2, … of the one before: additive within a major version, so that older readers go on working.
const MIGRATIONS: &[&str] = &["
CREATE TABLE evergrant_schema (version INTEGER NOT NULL, min_reader INTEGER NOT NULL);
INSERT INTO evergrant_schema VALUES (0, 0);
CREATE TABLE evergrant_grants (
    client       TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    slot         TEXT    NOT NULL,
    grant_id     TEXT    NOT NULL,
    generation   INTEGER NOT NULL,
    revision     INTEGER NOT NULL,
    status       TEXT    NOT NULL,
    expires_at   INTEGER,
    keepalive_at INTEGER,
    record       BLOB    NOT NULL,
    lease        TEXT,
    fencing      INTEGER NOT NULL DEFAULT 0,
    intent       TEXT,
    PRIMARY KEY (client, subject, slot)
) WITHOUT ROWID;
CREATE INDEX evergrant_grants_expiry ON evergrant_grants (expires_at);
CREATE INDEX evergrant_grants_keepalive ON evergrant_grants (keepalive_at);
CREATE TABLE evergrant_pending (
    state      TEXT PRIMARY KEY,
    document   BLOB,
    result     TEXT,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
"];

/// The store of `store = "sqlite:PATH"`.
pub(crate) struct SqliteStore(Arc<Database>);

struct Database {
    path: PathBuf,
    connection: Mutex<Option<Connection>>,
}

impl SqliteStore {
    /// Opens the database; makes it where there is none.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let database = Arc::new(Database { path: path.to_owned(), connection: Mutex::new(None) });
        let sensitive: Arc<dyn ForkSensitive> = Arc::<Database>::clone(&database);
        register_fork_sensitive(Arc::downgrade(&sensitive));
        database.with_connection(|_| Ok(()))?;
        Ok(SqliteStore(database))
    }

    /// Runs `f` in one immediate transaction, off the threads that drive I/O.
    fn write<'a, T: Send + 'static>(
        &self,
        f: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> BoxFuture<'a, Result<T>> {
        self.blocking(move |connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = f(&transaction)?;
            transaction.commit()?;
            Ok(value)
        })
    }

    fn blocking<'a, T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> BoxFuture<'a, Result<T>> {
        let database = Arc::clone(&self.0);
        async move {
            let task = runtime().spawn_blocking(move || database.with_connection(f));
            task.await.map_err(task_error)?
        }
        .boxed()
    }
}

impl Database {
    fn with_connection<T>(
        &self,
        f: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let _passage = Passage::enter();
        let mut slot = self.slot();
        let connection = match &mut *slot {
            Some(connection) => connection,
            None => slot.insert(open(&self.path)?),
        };
        f(connection).map_err(|error| self.error(&error))
    }

    fn slot(&self) -> MutexGuard<'_, Option<Connection>> {
        // A panic inside a statement leaves a connection whose transaction was rolled back by its own drop.
        self.connection.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn error(&self, error: &rusqlite::Error) -> Error {
        store_error(&self.path, error)
    }
}

impl ForkSensitive for Database {
    fn close_for_fork(&self) {
        self.slot().take();
    }
}

fn open(path: &Path) -> Result<Connection> {
    make_private_file(path)?;
    let failed = |error: rusqlite::Error| store_error(path, &error);
    let mut connection = Connection::open(path).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(failed)?;
    migrate(&mut connection, path)?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).map_err(failed)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    refuse_read_only(&connection, path)?;
    Ok(connection)
}

/// Makes the file where there is none. An existing one is opened by SQLite alone: its locks belong to the process, and
/// closing any other descriptor of the file would drop them.
fn make_private_file(path: &Path) -> Result<()> {
    static MAKING: Mutex<()> = Mutex::new(());
    let _closed_before_sqlite_opens_it = MAKING.lock().expect("no holder panics");
    if path.exists() {
        return Ok(());
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(trouble(
            path,
            "unreadable",
            &format!("cannot be made: {error}; expected a folder that exists and can be written"),
        )),
    }
}

/// Brings the schema up to this version's, and refuses a file that is foreign or needs a newer reader.
fn migrate(connection: &mut Connection, path: &Path) -> Result<()> {
    let failed = |error: rusqlite::Error| store_error(path, &error);
    if schema_version(connection, path)? >= MIGRATIONS.len() {
        return Ok(());
    }
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    // Another process may have done it since.
    let version = schema_version(&transaction, path)?;
    for migration in MIGRATIONS.iter().skip(version) {
        transaction.execute_batch(migration).map_err(failed)?;
    }
    if version < MIGRATIONS.len() {
        transaction
            .execute(
                "UPDATE evergrant_schema SET version = ?1, min_reader = max(min_reader, ?2)",
                params![MIGRATIONS.len(), MIN_READER],
            )
            .map_err(failed)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}

/// The schema version of the file; 0 where there is none yet.
fn schema_version(connection: &Connection, path: &Path) -> Result<usize> {
    let failed = |error: rusqlite::Error| store_error(path, &error);
    let application_id: i64 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(failed)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    if tables == 0 {
        return Ok(0);
    }
    if application_id != APPLICATION_ID {
        return Err(trouble(
            path,
            "foreign",
            "is a SQLite database of another program; expected a token database or no file",
        ));
    }
    let (version, min_reader): (usize, usize) = connection
        .query_row("SELECT version, min_reader FROM evergrant_schema", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .map_err(failed)?;
    if min_reader > MIGRATIONS.len() {
        return Err(trouble(
            path,
            "newer_schema",
            &format!(
                "has schema {version}, which needs a reader of schema {min_reader}; this version reads schema {}",
                MIGRATIONS.len()
            ),
        ));
    }
    Ok(version)
}

fn refuse_read_only(connection: &Connection, path: &Path) -> Result<()> {
    let read_only =
        connection.is_readonly(rusqlite::MAIN_DB).map_err(|error| store_error(path, &error))?;
    if read_only {
        return Err(trouble(
            path,
            "read_only",
            "can only be read; expected to be able to write to it",
        ));
    }
    Ok(())
}

fn trouble(path: &Path, reason: &str, what: &str) -> Error {
    Error::new(Code::Store, format!("token database {} {what}", path.display())).with_reason(reason)
}

fn store_error(path: &Path, error: &rusqlite::Error) -> Error {
    use rusqlite::ErrorCode;
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => trouble(
            path,
            "locked",
            &format!("is locked by another program for more than {} s", BUSY_TIMEOUT.as_secs()),
        ),
        Some(ErrorCode::ReadOnly) => {
            trouble(path, "read_only", "can only be read; expected to be able to write to it")
        }
        Some(ErrorCode::DiskFull) => {
            trouble(path, "full", "cannot grow: the disk or the file's limit is full")
        }
        Some(ErrorCode::NotADatabase) => trouble(
            path,
            "foreign",
            "is not a SQLite database; expected a token database or no file",
        ),
        Some(ErrorCode::DatabaseCorrupt) => trouble(path, "corrupt", "is damaged"),
        Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => trouble(
            path,
            "unreadable",
            "cannot be opened; expected a file that can be read and written",
        ),
        // SQLite's own words name tables and columns, never values.
        _ => trouble(path, "failed", &format!("failed: {error}")),
    }
}

/// A row as the statements below read it.
struct Stored {
    record: Record,
    lease: LeaseRow,
}

const SELECT_ROW: &str = "SELECT record, lease, fencing, intent FROM evergrant_grants \
     WHERE client = ? AND subject = ? AND slot = ?";

fn read(connection: &Connection, key: &GrantKey) -> rusqlite::Result<Option<Stored>> {
    connection
        .prepare_cached(SELECT_ROW)?
        .query_row(params![key.client, key.subject, key.slot], |row| {
            let record = json_column(row, 0)?.expect("the column is NOT NULL");
            let lease = LeaseRow {
                lease: json_column(row, 1)?,
                fencing: row.get(2)?,
                intent: json_column(row, 3)?,
            };
            Ok(Stored { record, lease })
        })
        .optional()
}

fn json_column<T: serde::de::DeserializeOwned>(
    row: &Row<'_>,
    index: usize,
) -> rusqlite::Result<Option<T>> {
    let value = row.get_ref(index)?;
    let Some(bytes) = value.as_bytes_or_null()? else { return Ok(None) };
    serde_json::from_slice(bytes).map(Some).map_err(|error| {
        // The parser's own words could quote a token: only the place is told.
        let place = format!(
            "column {index} cannot be read at line {}, byte {}",
            error.line(),
            error.column()
        );
        rusqlite::Error::FromSqlConversionFailure(index, value.data_type(), place.into())
    })
}

const UPSERT_RECORD: &str = "INSERT INTO evergrant_grants \
     (client, subject, slot, grant_id, generation, revision, status, expires_at, keepalive_at, record) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) \
     ON CONFLICT (client, subject, slot) DO UPDATE SET grant_id = ?4, generation = ?5, revision = ?6, \
     status = ?7, expires_at = ?8, keepalive_at = ?9, record = ?10";

fn write_record(connection: &Connection, record: &Record) -> rusqlite::Result<()> {
    let text = serde_json::to_vec(record).expect("a record is plain data");
    connection.prepare_cached(UPSERT_RECORD)?.execute(params![
        record.client,
        record.subject,
        record.slot,
        record.grant_id,
        record.generation,
        record.revision,
        record.status.as_str(),
        record.access().and_then(|access| access.expires_at),
        record.keepalive_at,
        text,
    ])?;
    Ok(())
}

fn json_text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("a lease and an intent are plain data")
}

const UPDATE_LEASE: &str = "UPDATE evergrant_grants SET lease = ?4, fencing = ?5, intent = ?6 \
     WHERE client = ?1 AND subject = ?2 AND slot = ?3";

fn write_lease(connection: &Connection, key: &GrantKey, row: &LeaseRow) -> rusqlite::Result<()> {
    connection.prepare_cached(UPDATE_LEASE)?.execute(params![
        key.client,
        key.subject,
        key.slot,
        row.lease.as_ref().map(json_text),
        row.fencing,
        row.intent.as_ref().map(json_text),
    ])?;
    Ok(())
}

impl Store for SqliteStore {
    fn load<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<Option<Record>>> {
        let key = key.clone();
        self.blocking(move |connection| Ok(read(connection, &key)?.map(|row| row.record)))
    }

    fn commit<'a>(
        &'a self,
        key: &'a GrantKey,
        commit: &'a Commit,
    ) -> BoxFuture<'a, Result<Committed>> {
        let (key, commit) = (key.clone(), commit.clone());
        self.write(move |transaction| {
            let Some(mut row) = read(transaction, &key)? else {
                return Ok(Committed::Superseded(None));
            };
            row.lease.release(commit.fencing, None);
            write_lease(transaction, &key, &row.lease)?;
            match row.record.merge(&commit) {
                Merged::Write(next) => {
                    write_record(transaction, &next)?;
                    Ok(Committed::Written(*next))
                }
                Merged::Superseded => Ok(Committed::Superseded(Some(row.record))),
            }
        })
    }

    fn compare_and_set<'a>(
        &'a self,
        key: &'a GrantKey,
        expected: Option<u64>,
        record: &'a Record,
    ) -> BoxFuture<'a, Result<bool>> {
        let (key, record) = (key.clone(), record.clone());
        self.write(move |transaction| {
            let stands = read(transaction, &key)?.map(|row| row.record.revision);
            if stands == expected {
                write_record(transaction, &record)?;
            }
            Ok(stands == expected)
        })
    }

    fn acquire<'a>(
        &'a self,
        key: &'a GrantKey,
        owner: &'a OwnerId,
        ttl: Duration,
        now: UnixMillis,
    ) -> BoxFuture<'a, Result<Acquired>> {
        let (key, owner) = (key.clone(), owner.clone());
        self.write(move |transaction| {
            let Some(mut row) = read(transaction, &key)? else { return Ok(Acquired::Absent) };
            match row.lease.acquire(row.record, &owner, ttl, now) {
                Ok(held) => {
                    write_lease(transaction, &key, &row.lease)?;
                    Ok(Acquired::Held(Box::new(held)))
                }
                Err(left) => Ok(Acquired::Busy(left)),
            }
        })
    }

    fn renew<'a>(
        &'a self,
        key: &'a GrantKey,
        lease: &'a LeaseId,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool>> {
        let (key, lease) = (key.clone(), lease.clone());
        self.write(move |transaction| {
            let Some(mut row) = read(transaction, &key)? else { return Ok(false) };
            let held = row.lease.renew(&lease, ttl);
            if held {
                write_lease(transaction, &key, &row.lease)?;
            }
            Ok(held)
        })
    }

    fn release<'a>(
        &'a self,
        key: &'a GrantKey,
        lease: &'a LeaseId,
        intent: Option<&'a Intent>,
    ) -> BoxFuture<'a, Result<()>> {
        let (key, fencing, intent) = (key.clone(), lease.fencing, intent.cloned());
        self.write(move |transaction| {
            if let Some(mut row) = read(transaction, &key)? {
                row.lease.release(fencing, intent.as_ref());
                write_lease(transaction, &key, &row.lease)?;
            }
            Ok(())
        })
    }

    fn mark<'a>(
        &'a self,
        key: &'a GrantKey,
        lease: &'a LeaseId,
        mark: &'a Mark,
        intent: Option<&'a Intent>,
        now: UnixMillis,
    ) -> BoxFuture<'a, Result<Option<Record>>> {
        let (key, lease, mark, intent) =
            (key.clone(), lease.clone(), mark.clone(), intent.cloned());
        self.write(move |transaction| {
            let Some(mut row) = read(transaction, &key)?.filter(|row| row.lease.is_held_by(&lease))
            else {
                return Ok(None);
            };
            row.lease.release(lease.fencing, intent.as_ref());
            write_lease(transaction, &key, &row.lease)?;
            if !lease.is_about(&row.record) {
                return Ok(None);
            }
            let next = row.record.marked(&mark, now);
            write_record(transaction, &next)?;
            Ok(Some(next))
        })
    }

    fn list<'a>(&'a self, client: &'a str) -> BoxFuture<'a, Result<Vec<Record>>> {
        let client = client.to_owned();
        self.blocking(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT record FROM evergrant_grants WHERE client = ? AND status <> 'tombstone' \
                 ORDER BY subject, slot",
            )?;
            let rows = statement.query_map([client], |row| {
                Ok(json_column(row, 0)?.expect("the column is NOT NULL"))
            })?;
            rows.collect()
        })
    }

    fn put_pending<'a>(
        &'a self,
        state: &'a str,
        document: &'a str,
        now: UnixMillis,
        expires_at: UnixMillis,
    ) -> BoxFuture<'a, Result<()>> {
        let (state, document) = (state.to_owned(), document.to_owned());
        self.write(move |transaction| {
            transaction.execute("DELETE FROM evergrant_pending WHERE expires_at <= ?", [now])?;
            transaction.execute(
                "INSERT INTO evergrant_pending (state, document, expires_at) VALUES (?, ?, ?)",
                params![state, document.into_bytes(), expires_at],
            )?;
            Ok(())
        })
    }

    fn take_pending<'a>(
        &'a self,
        state: &'a str,
        now: UnixMillis,
    ) -> BoxFuture<'a, Result<Pending>> {
        let state = state.to_owned();
        self.write(move |transaction| {
            let row: Option<(Option<Vec<u8>>, Option<String>)> = transaction
                .query_row(
                    "SELECT document, result FROM evergrant_pending WHERE state = ? AND expires_at > ?",
                    params![state, now],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()?;
            match row {
                None => Ok(Pending::Absent),
                Some((None, result)) => Ok(Pending::Used(result)),
                Some((Some(document), _)) => {
                    transaction
                        .execute("UPDATE evergrant_pending SET document = NULL WHERE state = ?", [&state])?;
                    let document = String::from_utf8(document).map_err(|error| {
                        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, error.into())
                    })?;
                    Ok(Pending::Taken(document))
                }
            }
        })
    }

    fn settle_pending<'a>(&'a self, state: &'a str, result: &'a str) -> BoxFuture<'a, Result<()>> {
        let (state, result) = (state.to_owned(), result.to_owned());
        self.write(move |transaction| {
            transaction.execute(
                "UPDATE evergrant_pending SET result = ? WHERE state = ?",
                [result, state],
            )?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{random_id, wait};
    use crate::store::record_for_tests::{key, record};

    fn file() -> PathBuf {
        std::env::temp_dir().join(format!("evergrant-{}.db", random_id()))
    }

    fn remove(path: &Path) {
        for suffix in ["", "-wal", "-shm"] {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            let _ = std::fs::remove_file(name);
        }
    }

    #[test]
    fn a_new_file_is_private_and_of_this_schema() {
        use std::os::unix::fs::PermissionsExt;
        let path = file();
        SqliteStore::open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let connection = Connection::open(&path).unwrap();
        assert_eq!(schema_version(&connection, &path).unwrap(), MIGRATIONS.len());
        remove(&path);
    }

    #[test]
    fn a_file_of_a_newer_schema_that_needs_no_newer_reader_goes_on_working() {
        let path = file();
        wait(SqliteStore::open(&path).unwrap().compare_and_set(&key(), None, &record())).unwrap();
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(
                "ALTER TABLE evergrant_grants ADD COLUMN of_the_future TEXT; UPDATE evergrant_schema SET version = 99",
            )
            .unwrap();
        let store = SqliteStore::open(&path).unwrap();
        assert_eq!(wait(store.load(&key())).unwrap(), Some(record()));
        let version: i64 = connection
            .query_row("SELECT version FROM evergrant_schema", [], |row| row.get(0))
            .unwrap();
        assert_eq!(version, 99);
        remove(&path);
    }

    #[test]
    fn a_file_that_needs_a_newer_reader_is_refused_and_left_as_it_was() {
        let path = file();
        SqliteStore::open(&path).unwrap();
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch("UPDATE evergrant_schema SET version = 99, min_reader = 99")
            .unwrap();
        let error = SqliteStore::open(&path).err().unwrap();
        assert_eq!(error.reason(), Some("newer_schema"));
        remove(&path);
    }

    #[test]
    fn a_file_that_is_no_database_is_refused_and_left_as_it_was() {
        let path = file();
        for text in ["xy".to_owned(), "Dear diary".to_owned(), "long ".repeat(1000)] {
            std::fs::write(&path, &text).unwrap();
            let error = SqliteStore::open(&path).err().unwrap();
            assert_eq!(error.reason(), Some("foreign"), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        remove(&path);
    }

    #[test]
    fn a_commit_is_synchronous_in_a_write_ahead_log() {
        let path = file();
        let connection = open(&path).unwrap();
        let synchronous: i64 =
            connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
        let journal: String =
            connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        assert_eq!((synchronous, journal.as_str()), (2, "wal"));
        remove(&path);
    }
}
