//! SQLite, the embedded default: WAL, every write synchronous, file mode 0600.
//!
//! One connection per process. It is never open across a `fork()`: the child would inherit SQLite's bookkeeping but not its
//! file locks, and the parent's last close could take the write-ahead log from under it. So it is closed before a fork and
//! opened again at the next use (`process.rs`).

use super::contract::Rows;
use super::lease::StoreTime;
use super::row::{Header, Listed, Query, Read, Row, Wanted};
use super::sql::{Dialect, Names, Statements};
use super::{GrantKey, Pending, Status};
use crate::clock::UnixMillis;
use crate::error::{Code, Error, Result};
use crate::process::{ForkSensitive, Passage, register_fork_sensitive, runtime, task_error};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rusqlite::types::{ToSql, Type, Value};
use rusqlite::{
    Connection, OptionalExtension, Transaction, TransactionBehavior, params, params_from_iter,
};
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
    obtained_at  INTEGER,
    expires_at   INTEGER,
    keepalive_at INTEGER,
    retry_at     INTEGER,
    renewable    INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
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

/// The rows of `store = "sqlite:PATH"`.
pub(crate) struct SqliteRows(Arc<Database>);

struct Database {
    path: PathBuf,
    statements: Statements,
    connection: Mutex<Option<Connection>>,
}

impl SqliteRows {
    /// Opens the database; makes it where there is none.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let database = Arc::new(Database {
            path: path.to_owned(),
            statements: Statements::new(Dialect::Sqlite, &Names::default()),
            connection: Mutex::new(None),
        });
        let sensitive: Arc<dyn ForkSensitive> = Arc::<Database>::clone(&database);
        register_fork_sensitive(Arc::downgrade(&sensitive));
        database.with_connection(|_| Ok(()))?;
        Ok(SqliteRows(database))
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
    // What was replaced or deleted is overwritten: a record that was plain before it was sealed can be read nowhere.
    connection.query_row("PRAGMA secure_delete = ON", [], |_| Ok(())).map_err(failed)?;
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

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        header: read_header(row, 0)?,
        record: text(row, 10)?.into(),
        lease: row.get(11)?,
        fencing: row.get(12)?,
        intent: row.get(13)?,
    })
}

fn read_listed(row: &rusqlite::Row<'_>) -> rusqlite::Result<Listed> {
    Ok(Listed {
        key: GrantKey { client: row.get(0)?, subject: row.get(1)?, slot: row.get(2)? },
        header: read_header(row, 3)?,
        record: text(row, 13)?.into(),
    })
}

/// The clear columns, from column `first` on.
fn read_header(row: &rusqlite::Row<'_>, first: usize) -> rusqlite::Result<Header> {
    let status: String = row.get(first + 3)?;
    Ok(Header {
        grant_id: row.get(first)?,
        generation: row.get(first + 1)?,
        revision: row.get(first + 2)?,
        status: Status::parse(&status)
            .ok_or_else(|| unreadable(first + 3, "the status is none that is known"))?,
        obtained_at: row.get(first + 4)?,
        expires_at: row.get(first + 5)?,
        keepalive_at: row.get(first + 6)?,
        retry_at: row.get(first + 7)?,
        renewable: row.get(first + 8)?,
        updated_at: row.get(first + 9)?,
    })
}

/// A text that is kept as bytes.
fn text(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<String> {
    let bytes = row.get_ref(column)?.as_bytes()?;
    let text = std::str::from_utf8(bytes).map_err(|_| unreadable(column, "is not UTF-8"))?;
    Ok(text.to_owned())
}

fn unreadable(column: usize, what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, what.into())
}

/// The values of `Statements::insert`, in its order.
fn values(key: &GrantKey, row: &Row) -> Vec<Value> {
    let header = &row.header;
    let mut values = key_values(key);
    values.extend([
        header.grant_id.clone().into(),
        number(header.generation),
        number(header.revision),
        header.status.as_str().to_owned().into(),
        header.obtained_at.into(),
        header.expires_at.into(),
        header.keepalive_at.into(),
        header.retry_at.into(),
        header.renewable.into(),
        header.updated_at.into(),
        row.record.expose().as_bytes().to_vec().into(),
        row.lease.clone().into(),
        number(row.fencing),
        row.intent.clone().into(),
    ]);
    values
}

fn key_values(key: &GrantKey) -> Vec<Value> {
    vec![key.client.clone().into(), key.subject.clone().into(), key.slot.clone().into()]
}

/// By what a row is known to be still as it was.
fn as_it_was(row: &Row) -> [Value; 4] {
    [
        number(row.header.revision),
        number(row.fencing),
        row.lease.clone().into(),
        row.intent.clone().into(),
    ]
}

fn number(value: u64) -> Value {
    Value::Integer(i64::try_from(value).expect("numbers count from 0 by one"))
}

impl Rows for SqliteRows {
    fn read<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<Read>> {
        let (database, key) = (Arc::clone(&self.0), key.clone());
        self.blocking(move |connection| {
            let mut statement = connection.prepare_cached(&database.statements.read)?;
            let key = params![key.client, key.subject, key.slot];
            let row = statement.query_row(key, read_row).optional()?;
            Ok(Read { row, now: StoreTime::of_this_host() })
        })
    }

    fn replace<'a>(
        &'a self,
        key: &'a GrantKey,
        before: Option<&'a Row>,
        after: &'a Row,
    ) -> BoxFuture<'a, Result<bool>> {
        let database = Arc::clone(&self.0);
        let mut values = values(key, after);
        values.extend(before.iter().flat_map(|row| as_it_was(row)));
        let is_new = before.is_none();
        self.blocking(move |connection| {
            let statements = &database.statements;
            let sql = if is_new { &statements.insert } else { &statements.replace };
            Ok(connection.prepare_cached(sql)?.execute(params_from_iter(values))? == 1)
        })
    }

    fn remove<'a>(&'a self, key: &'a GrantKey, before: &'a Row) -> BoxFuture<'a, Result<bool>> {
        let database = Arc::clone(&self.0);
        let mut values = key_values(key);
        values.extend(as_it_was(before));
        self.blocking(move |connection| {
            let sql = &database.statements.remove;
            Ok(connection.prepare_cached(sql)?.execute(params_from_iter(values))? == 1)
        })
    }

    fn page<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Listed>>> {
        let (database, query) = (Arc::clone(&self.0), query.clone());
        self.blocking(move |connection| {
            let (client, subject, slot) = match &query.after {
                Some(key) => (key.client.as_str(), key.subject.as_str(), key.slot.as_str()),
                None => ("", "", ""),
            };
            let mut values: Vec<&dyn ToSql> =
                vec![&query.client, &client, &subject, &slot, &query.limit];
            let statements = &database.statements;
            let sql = match &query.wanted {
                Wanted::Grants => &statements.page_of_grants,
                Wanted::NeedsConsent => &statements.page_of_consents,
                Wanted::Due { expires_by, keepalive_by } => {
                    values.extend([expires_by as &dyn ToSql, keepalive_by]);
                    &statements.page_of_due
                }
                Wanted::Tombstones { before } => {
                    values.push(before);
                    &statements.page_of_tombstones
                }
            };
            let mut statement = connection.prepare_cached(sql)?;
            statement.query_map(values.as_slice(), read_listed)?.collect()
        })
    }

    fn put_pending<'a>(
        &'a self,
        state: &'a str,
        document: &'a str,
        now: UnixMillis,
        expires_at: UnixMillis,
    ) -> BoxFuture<'a, Result<()>> {
        let (database, state, document) =
            (Arc::clone(&self.0), state.to_owned(), document.to_owned());
        self.write(move |transaction| {
            transaction.execute(&database.statements.drop_pending, [now])?;
            let values = params![state, document.into_bytes(), expires_at];
            transaction.execute(&database.statements.put_pending, values)?;
            Ok(())
        })
    }

    fn take_pending<'a>(
        &'a self,
        state: &'a str,
        now: UnixMillis,
    ) -> BoxFuture<'a, Result<Pending>> {
        let (database, state) = (Arc::clone(&self.0), state.to_owned());
        self.write(move |transaction| {
            let statements = &database.statements;
            let read = |row: &rusqlite::Row<'_>| {
                let document = row.get_ref(0)?.as_bytes_or_null()?.map(|_| text(row, 0));
                Ok((document.transpose()?, row.get(1)?))
            };
            let row: Option<(Option<String>, Option<String>)> = transaction
                .query_row(&statements.read_pending, params![state, now], read)
                .optional()?;
            Ok(match row {
                None => Pending::Absent,
                Some((None, result)) => Pending::Used(result),
                Some((Some(document), _)) => {
                    transaction.execute(&statements.take_pending, [&state])?;
                    Pending::Taken(document)
                }
            })
        })
    }

    fn settle_pending<'a>(&'a self, state: &'a str, result: &'a str) -> BoxFuture<'a, Result<()>> {
        let (database, state, result) = (Arc::clone(&self.0), state.to_owned(), result.to_owned());
        self.write(move |transaction| {
            transaction.execute(&database.statements.settle_pending, [result, state])?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{random_id, wait};
    use crate::store::Store;
    use crate::store::contract::Contract;
    use crate::store::record_for_tests::{key, record};

    fn file() -> PathBuf {
        std::env::temp_dir().join(format!("evergrant-{}.db", random_id()))
    }

    fn opened(path: &Path) -> Contract<SqliteRows> {
        Contract::new(SqliteRows::open(path).unwrap(), Arc::default())
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
        SqliteRows::open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let connection = Connection::open(&path).unwrap();
        assert_eq!(schema_version(&connection, &path).unwrap(), MIGRATIONS.len());
        remove(&path);
    }

    #[test]
    fn a_file_of_a_newer_schema_that_needs_no_newer_reader_goes_on_working() {
        let path = file();
        wait(opened(&path).compare_and_set(&key(), None, &record())).unwrap();
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(
                "ALTER TABLE evergrant_grants ADD COLUMN of_the_future TEXT; UPDATE evergrant_schema SET version = 99",
            )
            .unwrap();
        let store = opened(&path);
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
        SqliteRows::open(&path).unwrap();
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch("UPDATE evergrant_schema SET version = 99, min_reader = 99")
            .unwrap();
        let error = SqliteRows::open(&path).err().unwrap();
        assert_eq!(error.reason(), Some("newer_schema"));
        remove(&path);
    }

    #[test]
    fn a_file_that_is_no_database_is_refused_and_left_as_it_was() {
        let path = file();
        for text in ["xy".to_owned(), "Dear diary".to_owned(), "long ".repeat(1000)] {
            std::fs::write(&path, &text).unwrap();
            let error = SqliteRows::open(&path).err().unwrap();
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
