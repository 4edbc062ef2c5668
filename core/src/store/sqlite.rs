//! SQLite, the embedded default: WAL, every write synchronous, file mode 0600.
//!
//! One connection per process. It is never open across a `fork()`: the child would inherit SQLite's bookkeeping but not its
//! file locks, and the parent's last close could take the write-ahead log from under it. So it is closed before a fork and
//! opened again at the next use (`process.rs`).

use super::contract::Rows;
use super::lease::StoreTime;
use super::row::{Listed, Query, Read, Row};
use super::server::Tables;
use super::sql::{
    self, Arguments, Dialect, MIN_READER, Names, SCHEMA, SchemaVersion, Statement, Statements,
    Value, Values,
};
use super::{GrantKey, Pending};
use crate::clock::UnixMillis;
use crate::error::{Code, Error, Result};
use crate::process::{ForkSensitive, Passage, register_fork_sensitive, runtime, task_error};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, Transaction, TransactionBehavior, params_from_iter};
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// `EvGr`: tells a token database from any other SQLite file.
const APPLICATION_ID: i64 = 0x4576_4772;

/// How long a statement waits for another process's write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The rows of `store = "sqlite:PATH"`.
pub(crate) struct SqliteRows(Arc<Database>);

struct Database {
    path: PathBuf,
    tables: Tables,
    statements: Statements,
    connection: Mutex<Option<Connection>>,
}

impl SqliteRows {
    /// Opens the database; makes it where there is none.
    pub(crate) fn open(path: &Path, tables: &Tables) -> Result<Self> {
        let database = Arc::new(Database {
            path: path.to_owned(),
            tables: tables.clone(),
            statements: Statements::new(Dialect::Sqlite, &tables.names),
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
            None => slot.insert(open(&self.path, &self.tables)?),
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

fn open(path: &Path, tables: &Tables) -> Result<Connection> {
    make_private_file(path)?;
    let failed = |error: rusqlite::Error| store_error(path, &error);
    let mut connection = Connection::open(path).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    connection.pragma_update(None, "foreign_keys", true).map_err(failed)?;
    let stands = schema_version(&connection, path, &tables.names)?;
    if stands.is_none_or(|schema| schema.version < SCHEMA) {
        if !tables.create {
            return Err(trouble(
                path,
                "no_tables",
                "has no table of this version (`create` is false); expected that `evergrant store init` has made them",
            ));
        }
        migrate(&mut connection, path, &tables.names, false)?;
    }
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

/// Makes the tables where there are none, and brings old ones up to this version. `raise`: readers that do not know it are
/// locked out from now on, where that has to be.
pub(super) fn make_tables(path: &Path, names: &Names, raise: bool) -> Result<SchemaVersion> {
    make_private_file(path)?;
    let failed = |error: rusqlite::Error| store_error(path, &error);
    let mut connection = Connection::open(path).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    migrate(&mut connection, path, names, raise)
}

fn migrate(
    connection: &mut Connection,
    path: &Path,
    names: &Names,
    raise: bool,
) -> Result<SchemaVersion> {
    let failed = |error: rusqlite::Error| store_error(path, &error);
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    // Another process may have done it since.
    let done = schema_version(&transaction, path, names)?.map_or(0, SchemaVersion::done);
    for statement in sql::migrations(Dialect::Sqlite, names).iter().skip(done).flatten() {
        transaction.execute_batch(statement).map_err(failed)?;
    }
    let min_reader = (raise || done == 0).then_some(MIN_READER);
    transaction
        .execute_batch(&sql::note_schema(Dialect::Sqlite, names, min_reader))
        .map_err(failed)?;
    if *names == Names::default() {
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    }
    let now = schema_version(&transaction, path, names)?;
    transaction.commit().map_err(failed)?;
    now.ok_or_else(|| trouble(path, "failed", "does not show the tables that were made"))
}

/// The schema of the file; none where there is none yet. With tables of other names the file may be another program's too.
fn schema_version(
    connection: &Connection,
    path: &Path,
    names: &Names,
) -> Result<Option<SchemaVersion>> {
    let failed = |error: rusqlite::Error| store_error(path, &error);
    let application_id: i64 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(failed)?;
    let mut statement = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .map_err(failed)?;
    let tables: Vec<String> =
        statement.query_map([], |row| row.get(0)).and_then(Iterator::collect).map_err(failed)?;
    let stands = |name: &str| tables.iter().any(|table| name.ends_with(table.as_str()));
    let ours = application_id == APPLICATION_ID;
    if *names == Names::default() && !tables.is_empty() && !ours {
        return Err(trouble(
            path,
            "foreign",
            "is a SQLite database of another program; expected a token database, no file, or tables of other names",
        ));
    }
    if !stands(&names.schema) {
        return match [&names.grants, &names.pending].into_iter().find(|name| stands(name)) {
            Some(table) => {
                let text = format!("has a table {table} that this library did not make");
                Err(trouble(path, "foreign", &text))
            }
            None => Ok(None),
        };
    }
    let sql = SchemaVersion::statement(Dialect::Sqlite, names);
    let schema = connection
        .query_row(&sql, [], |row| {
            Ok(SchemaVersion { version: row.get(0)?, min_reader: row.get(1)? })
        })
        .map_err(failed)?;
    match schema.refusal() {
        Some(refusal) => Err(trouble(path, "newer_schema", &refusal)),
        None => Ok(Some(schema)),
    }
}

fn refuse_read_only(connection: &Connection, path: &Path) -> Result<()> {
    let is_read_only =
        connection.is_readonly(rusqlite::MAIN_DB).map_err(|error| store_error(path, &error))?;
    if is_read_only {
        return Err(read_only(path));
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
        Some(ErrorCode::ReadOnly) => read_only(path),
        Some(ErrorCode::DiskFull) => full(path),
        // Where the files beside the database cannot be made or grow, SQLite tells less.
        Some(ErrorCode::SystemIoFailure) if disk(path).is_some_and(|disk| disk.is_full) => {
            full(path)
        }
        Some(ErrorCode::CannotOpen) if disk(path).is_some_and(|disk| disk.is_read_only) => {
            read_only(path)
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

fn read_only(path: &Path) -> Error {
    trouble(path, "read_only", "can only be read; expected to be able to write to it")
}

fn full(path: &Path) -> Error {
    trouble(path, "full", "cannot grow: the disk or the file's limit is full")
}

/// What the system says of the disk that a database is on.
struct Disk {
    is_full: bool,
    is_read_only: bool,
}

#[cfg(unix)]
fn disk(path: &Path) -> Option<Disk> {
    let disk = rustix::fs::statvfs(path).ok()?;
    Some(Disk {
        // One block is less than any write needs.
        is_full: disk.f_bavail <= 1,
        is_read_only: disk.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY),
    })
}

#[cfg(not(unix))]
fn disk(_path: &Path) -> Option<Disk> {
    None
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// A value of a kind that no column here has reads as null, and is refused as unreadable where it must not be.
fn read(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.into(),
        ValueRef::Null | ValueRef::Real(_) => Value::Null,
    }
}

fn query(
    connection: &Connection,
    statement: &Statement,
    arguments: &Arguments,
) -> rusqlite::Result<Vec<Vec<Value>>> {
    let mut prepared = connection.prepare_cached(&statement.sql)?;
    let columns = prepared.column_count();
    let row = |row: &rusqlite::Row<'_>| {
        (0..columns).map(|column| row.get_ref(column).map(read)).collect::<rusqlite::Result<_>>()
    };
    prepared.query_map(params_from_iter(statement.values(arguments)), row)?.collect()
}

fn execute(
    connection: &Connection,
    statement: &Statement,
    arguments: &Arguments,
) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(&statement.sql)?
        .execute(params_from_iter(statement.values(arguments)))
}

impl Rows for SqliteRows {
    fn read<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<Read>> {
        let (database, arguments) = (Arc::clone(&self.0), self.0.statements.key(key));
        let read = self.blocking(move |connection| {
            let rows = query(connection, &database.statements.read, &arguments)?;
            Ok((rows, StoreTime::of_this_host()))
        });
        async move {
            let (rows, now) = read.await?;
            let row = rows.into_iter().next().map(|row| Values::new(row).row()).transpose()?;
            Ok(Read { row: row.flatten(), now })
        }
        .boxed()
    }

    fn replace<'a>(
        &'a self,
        key: &'a GrantKey,
        before: Option<&'a Row>,
        after: &'a Row,
    ) -> BoxFuture<'a, Result<bool>> {
        let database = Arc::clone(&self.0);
        let mut arguments = database.statements.key(key);
        arguments.extend(sql::row_arguments(after));
        arguments.extend(before.into_iter().flat_map(sql::as_it_was));
        let is_new = before.is_none();
        self.blocking(move |connection| {
            let statements = &database.statements;
            let statement = if is_new { &statements.insert } else { &statements.replace };
            Ok(execute(connection, statement, &arguments)? == 1)
        })
    }

    fn remove<'a>(&'a self, key: &'a GrantKey, before: &'a Row) -> BoxFuture<'a, Result<bool>> {
        let database = Arc::clone(&self.0);
        let mut arguments = database.statements.key(key);
        arguments.extend(sql::as_it_was(before));
        self.blocking(move |connection| {
            Ok(execute(connection, &database.statements.remove, &arguments)? == 1)
        })
    }

    fn page<'a>(&'a self, wanted: &'a Query) -> BoxFuture<'a, Result<Vec<Listed>>> {
        let (database, wanted) = (Arc::clone(&self.0), wanted.clone());
        let rows = self.blocking(move |connection| {
            let (statement, arguments) = database.statements.page(&wanted);
            query(connection, statement, &arguments)
        });
        async move {
            let rows = rows.await?.into_iter();
            rows.map(|row| self.0.statements.listed(row)).collect()
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
        let database = Arc::clone(&self.0);
        let mut arguments = database.statements.state(state);
        arguments.push(("document", document.as_bytes().into()));
        arguments.push(("expires_at", expires_at.into()));
        arguments.push(("now", now.into()));
        self.write(move |transaction| {
            execute(transaction, &database.statements.drop_pending, &arguments)?;
            execute(transaction, &database.statements.put_pending, &arguments)?;
            Ok(())
        })
    }

    fn take_pending<'a>(
        &'a self,
        state: &'a str,
        now: UnixMillis,
    ) -> BoxFuture<'a, Result<Pending>> {
        let database = Arc::clone(&self.0);
        let mut arguments = database.statements.state(state);
        arguments.push(("now", now.into()));
        let taken = self.write(move |transaction| {
            let rows = query(transaction, &database.statements.read_pending, &arguments)?;
            if !rows.is_empty() {
                execute(transaction, &database.statements.take_pending, &arguments)?;
            }
            Ok(rows)
        });
        async move {
            let Some(row) = taken.await?.into_iter().next() else { return Ok(Pending::Absent) };
            let mut values = Values::new(row);
            let (document, result) = (values.optional_text()?, values.optional_text()?);
            Ok(document.map_or(Pending::Used(result), Pending::Taken))
        }
        .boxed()
    }

    fn settle_pending<'a>(&'a self, state: &'a str, result: &'a str) -> BoxFuture<'a, Result<()>> {
        let database = Arc::clone(&self.0);
        let mut arguments = database.statements.state(state);
        arguments.push(("result", result.into()));
        self.blocking(move |connection| {
            execute(connection, &database.statements.settle_pending, &arguments).map(drop)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::wait;
    use crate::store::Store;
    use crate::store::contract::Contract;
    use crate::store::record_for_tests::{key, record};
    use tempfile::TempDir;

    /// A name for a file, and the folder, which ends with its test.
    fn file() -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grants.db");
        (folder, path)
    }

    fn opened(path: &Path) -> Contract<SqliteRows> {
        Contract::new(SqliteRows::open(path, &Tables::default()).unwrap(), Arc::default())
    }

    #[test]
    fn a_new_file_is_private_and_of_this_schema() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, path) = file();
        SqliteRows::open(&path, &Tables::default()).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let connection = Connection::open(&path).unwrap();
        assert_eq!(
            schema_version(&connection, &path, &Names::default()).unwrap().unwrap().version,
            SCHEMA
        );
    }

    #[test]
    fn a_file_of_a_newer_schema_that_needs_no_newer_reader_goes_on_working() {
        let (_folder, path) = file();
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
    }

    #[test]
    fn a_file_that_needs_a_newer_reader_is_refused_and_left_as_it_was() {
        let (_folder, path) = file();
        SqliteRows::open(&path, &Tables::default()).unwrap();
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch("UPDATE evergrant_schema SET version = 99, min_reader = 99")
            .unwrap();
        let error = SqliteRows::open(&path, &Tables::default()).err().unwrap();
        assert_eq!(error.reason(), Some("newer_schema"));
    }

    #[test]
    fn a_file_that_is_no_database_is_refused_and_left_as_it_was() {
        let (_folder, path) = file();
        for text in ["xy".to_owned(), "Dear diary".to_owned(), "long ".repeat(1000)] {
            std::fs::write(&path, &text).unwrap();
            let error = SqliteRows::open(&path, &Tables::default()).err().unwrap();
            assert_eq!(error.reason(), Some("foreign"), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn a_commit_is_synchronous_in_a_write_ahead_log() {
        let (_folder, path) = file();
        let connection = open(&path, &Tables::default()).unwrap();
        let synchronous: i64 =
            connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
        let journal: String =
            connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        assert_eq!((synchronous, journal.as_str()), (2, "wal"));
    }
}
