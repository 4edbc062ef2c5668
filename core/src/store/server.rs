//! Rows on a database server: a few connections per process, made when they are needed.
//!
//! A connection can die at any moment, and then nobody knows whether the statement on it was done. So only what reads is
//! repeated by itself; a write is sent on a connection that has just shown that it lives, and what became of one whose
//! connection died is for those who wrote it to find out. Nothing is done when a connection is dropped but closing it, and
//! a forked child never drops what it inherited (`process.rs`).

use super::contract::Rows;
use super::endpoint::Endpoint;
use super::lease::StoreTime;
use super::row::{Listed, Query, Read, Row};
use super::sql::{
    self, Arguments, Dialect, MIN_READER, Names, SCHEMA, SchemaVersion, Statement, Statements,
    Value, Values,
};
use super::{GrantKey, Pending};
use crate::clock::UnixMillis;
use crate::error::{Code, Error, Result};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, timeout};

/// How long making a connection may take.
pub(super) const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// How long a statement may take; the server is asked to give up a little earlier.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// In milliseconds, what the server is asked for.
pub(super) const SERVER_GIVES_UP_AFTER: u32 = 4_500;

/// A connection that was not used for so long is asked for a sign of life before a write.
const FRESH: Duration = Duration::from_secs(1);

/// How often a statement is tried that the server undid because of others at the same rows.
const ATTEMPTS: u32 = 8;

/// What went wrong with a statement.
pub(super) struct Fault {
    pub(super) error: Error,
    pub(super) kind: FaultKind,
}

/// What a statement gave, or what went wrong.
pub(super) type Attempt<T> = std::result::Result<T, Fault>;

/// What it means for the connection and the statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// The connection is gone; what became of the statement is not known.
    Lost,
    /// The server undid the statement because of others.
    Undone,
    /// There is such a row.
    Duplicate,
    /// The server refused.
    Refused,
}

/// What a statement gave.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) rows: Vec<Vec<Value>>,
    /// How many rows it found or wrote.
    pub(super) affected: u64,
}

/// A kind of server.
pub(super) trait Driver: Send + Sync + 'static {
    type Session: Session;
    const DIALECT: Dialect;

    fn endpoint(&self) -> &Endpoint;

    /// Connects, and sets up for the session what the store contract asks for.
    fn connect(&self) -> BoxFuture<'_, Attempt<Self::Session>>;

    /// Keeps other processes from making tables until the statement that gives the lock back, or the end of the session.
    fn lock_schema<'a>(
        &'a self,
        session: &'a mut Self::Session,
        names: &'a Names,
    ) -> BoxFuture<'a, Attempt<()>>;

    /// Keeps what was made since the lock was taken, and gives it back.
    fn unlock_schema<'a>(
        &'a self,
        session: &'a mut Self::Session,
        names: &'a Names,
    ) -> BoxFuture<'a, Attempt<()>>;

    /// Whether there is such a table.
    fn has_table<'a>(
        &'a self,
        session: &'a mut Self::Session,
        name: &'a str,
    ) -> BoxFuture<'a, Attempt<bool>>;

    /// What the server is set up not to promise.
    fn weaknesses<'a>(
        &'a self,
        session: &'a mut Self::Session,
    ) -> BoxFuture<'a, Attempt<Vec<String>>>;

    /// Ends when the server tells that the row was written.
    fn changed<'a>(&'a self, _key: &'a GrantKey) -> Option<BoxFuture<'a, ()>> {
        None
    }
}

/// One connection.
pub(super) trait Session: Send + 'static {
    /// Whether nothing is known against it.
    fn is_open(&self) -> bool;

    /// Runs one statement.
    fn run<'a>(&'a mut self, sql: &'a str, values: &'a [Value]) -> BoxFuture<'a, Attempt<Outcome>>;
}

/// How the tables of a store are called, and how it is used.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    pub(crate) names: Names,
    /// Connections of a process, at most.
    pub(crate) pool_size: usize,
    /// Whether tables are made where there are none.
    pub(crate) create: bool,
}

impl Tables {
    /// What tells tables of one database from others; empty for the usual ones.
    pub(super) fn other_names(&self) -> String {
        if self.names == Names::default() {
            return String::new();
        }
        format!(" {} {}", self.names.grants, self.names.pending)
    }
}

impl Default for Tables {
    fn default() -> Self {
        Tables { names: Names::default(), pool_size: 4, create: true }
    }
}

/// The rows of a store on a server.
pub(crate) struct ServerRows<D: Driver> {
    driver: D,
    statements: Statements,
    tables: Tables,
    /// As many as there may be connections.
    permits: Semaphore,
    idle: Mutex<Vec<Idle<D::Session>>>,
    /// Done once the schema was found to be one that can be used.
    schema: OnceCell<()>,
}

struct Idle<S> {
    session: S,
    since: Instant,
}

/// A connection for one statement, and whether it was used before.
struct Taken<S> {
    session: S,
    used_before: bool,
}

/// What a statement does, so far as it matters when its connection dies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    Reads,
    Writes,
}

impl<D: Driver> ServerRows<D> {
    /// Connects at first use, not now.
    pub(super) fn new(driver: D, tables: Tables) -> Self {
        ServerRows {
            statements: Statements::new(D::DIALECT, &tables.names),
            permits: Semaphore::new(tables.pool_size),
            driver,
            tables,
            idle: Mutex::default(),
            schema: OnceCell::new(),
        }
    }

    /// Makes the tables where there are none, whatever the configuration says, and brings old ones up to this version.
    /// `raise`: readers that do not know it are locked out from now on, where that has to be.
    pub(super) async fn make_tables(&self, raise: bool) -> Result<SchemaVersion> {
        let mut session = self.connect().await?;
        self.migrate(&mut session, raise).await
    }

    #[cfg(test)]
    pub(super) async fn execute_for_tests(&self, sql: &str) -> Result<Vec<Vec<Value>>> {
        let mut session = self.connect().await?;
        session.run(sql, &[]).await.map(|outcome| outcome.rows).map_err(|fault| fault.error)
    }

    fn trouble(&self, reason: &str, what: &str) -> Error {
        let text = format!("token store on {} {what}", self.driver.endpoint());
        Error::new(Code::Store, text).with_reason(reason)
    }

    async fn connect(&self) -> Result<D::Session> {
        match timeout(CONNECT_WITHIN, self.driver.connect()).await {
            Ok(connected) => connected.map_err(|fault| fault.error),
            Err(_) => Err(self.silent("cannot be reached", CONNECT_WITHIN)),
        }
    }

    fn silent(&self, what: &str, limit: Duration) -> Error {
        self.trouble("unreachable", &format!("{what} within {} s", limit.as_secs()))
    }

    /// A connection; before a write one that lives.
    async fn take(&self, effect: Effect) -> Result<Taken<D::Session>> {
        while let Some(mut idle) = self.pop() {
            let asked = effect == Effect::Writes && idle.since.elapsed() > FRESH;
            if idle.session.is_open() && (!asked || lives(&mut idle.session).await) {
                return Ok(Taken { session: idle.session, used_before: true });
            }
        }
        let mut session = self.connect().await?;
        self.schema.get_or_try_init(|| self.check_schema(&mut session)).await?;
        Ok(Taken { session, used_before: false })
    }

    fn pop(&self) -> Option<Idle<D::Session>> {
        self.idle.lock().expect("no holder panics").pop()
    }

    fn give_back(&self, session: D::Session) {
        let idle = Idle { session, since: Instant::now() };
        self.idle.lock().expect("no holder panics").push(idle);
    }

    /// Runs a statement. A connection whose statement has not ended is never used again: it goes with this future.
    async fn run(
        &self,
        statement: &Statement,
        arguments: &Arguments,
        effect: Effect,
    ) -> Attempt<Outcome> {
        let refused = |error| Fault { error, kind: FaultKind::Refused };
        let values = statement.values(arguments);
        let _permit = timeout(CONNECT_WITHIN, self.permits.acquire())
            .await
            .map_err(|_| refused(self.silent("has no connection free", CONNECT_WITHIN)))?
            .expect("the semaphore is never closed");
        let mut attempts = 0;
        loop {
            attempts += 1;
            let Taken { mut session, used_before } = self.take(effect).await.map_err(refused)?;
            match timeout(ANSWER_WITHIN, session.run(&statement.sql, &values)).await {
                Ok(Ok(outcome)) => {
                    self.give_back(session);
                    return Ok(outcome);
                }
                Ok(Err(fault)) => match fault.kind {
                    FaultKind::Lost if used_before && effect == Effect::Reads => {
                        // The others are of the same age, or older.
                        self.idle.lock().expect("no holder panics").clear();
                    }
                    FaultKind::Lost => return Err(fault),
                    FaultKind::Undone if attempts < ATTEMPTS => self.give_back(session),
                    _ => {
                        self.give_back(session);
                        return Err(fault);
                    }
                },
                Err(_) => return Err(refused(self.silent("did not answer", ANSWER_WITHIN))),
            }
        }
    }

    async fn query(&self, statement: &Statement, arguments: &Arguments) -> Result<Vec<Vec<Value>>> {
        let outcome = self.run(statement, arguments, Effect::Reads).await;
        outcome.map(|outcome| outcome.rows).map_err(|fault| fault.error)
    }

    async fn execute(&self, statement: &Statement, arguments: &Arguments) -> Result<u64> {
        let outcome = self.run(statement, arguments, Effect::Writes).await;
        outcome.map(|outcome| outcome.affected).map_err(|fault| fault.error)
    }

    async fn check_schema(&self, session: &mut D::Session) -> Result<()> {
        let stands = self.schema_version(session).await?;
        if stands.is_some_and(|schema| schema.version >= SCHEMA) {
            return Ok(());
        }
        if self.tables.create {
            return self.migrate(session, false).await.map(drop);
        }
        let text = "has no table of this version (`create` is false); expected that `evergrant store init` has made them";
        Err(self.trouble("no_tables", text))
    }

    /// The schema that stands; none where there is not even its table. Refuses one that this version cannot read.
    async fn schema_version(&self, session: &mut D::Session) -> Result<Option<SchemaVersion>> {
        let names = &self.tables.names;
        if !self.has_table(session, &names.schema).await? {
            return Ok(None);
        }
        let sql = SchemaVersion::statement(D::DIALECT, names);
        let outcome = session.run(&sql, &[]).await.map_err(|fault| fault.error)?;
        let Some(row) = outcome.rows.into_iter().next() else {
            return Ok(Some(SchemaVersion { version: 0, min_reader: 0 }));
        };
        let mut values = Values::new(row);
        let schema = SchemaVersion { version: values.integer()?, min_reader: values.integer()? };
        match schema.refusal() {
            Some(refusal) => Err(self.trouble("newer_schema", &refusal)),
            None => Ok(Some(schema)),
        }
    }

    async fn has_table(&self, session: &mut D::Session, name: &str) -> Result<bool> {
        self.driver.has_table(session, name).await.map_err(|fault| fault.error)
    }

    /// Of many processes that come here at once, one makes the tables.
    async fn migrate(&self, session: &mut D::Session, raise: bool) -> Result<SchemaVersion> {
        let names = &self.tables.names;
        let failed = |fault: Fault| fault.error;
        self.driver.lock_schema(session, names).await.map_err(failed)?;
        let stands = self.schema_version(session).await?;
        if stands.is_none() {
            for table in [&names.grants, &names.pending] {
                if self.has_table(session, table).await? {
                    let text = format!(
                        "has a table {table} that this library did not make: there is no table {}; expected another \
                         `store.grants_table`, or that `evergrant store init --print` was run whole",
                        names.schema
                    );
                    return Err(self.trouble("foreign", &text));
                }
            }
        }
        let done = stands.map_or(0, SchemaVersion::done);
        let migrations = sql::migrations(D::DIALECT, names);
        let mut statements: Vec<_> = migrations.into_iter().skip(done).flatten().collect();
        let min_reader = (raise || done == 0).then_some(MIN_READER);
        statements.push(sql::note_schema(D::DIALECT, names, min_reader));
        for statement in &statements {
            session.run(statement, &[]).await.map_err(failed)?;
        }
        let now = self.schema_version(session).await?;
        self.driver.unlock_schema(session, names).await.map_err(failed)?;
        now.ok_or_else(|| self.trouble("failed", "does not show the tables that were made"))
    }
}

async fn lives(session: &mut impl Session) -> bool {
    matches!(timeout(ANSWER_WITHIN, session.run("SELECT 1", &[])).await, Ok(Ok(_)))
}

impl<D: Driver> Rows for ServerRows<D> {
    fn read<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<Read>> {
        async move {
            let rows = self.query(&self.statements.read, &self.statements.key(key)).await?;
            let values = rows.into_iter().next().unwrap_or_default();
            let mut values = Values::new(values);
            let now = StoreTime::of_server(values.integer()?);
            Ok(Read { row: values.row()?, now })
        }
        .boxed()
    }

    fn replace<'a>(
        &'a self,
        key: &'a GrantKey,
        before: Option<&'a Row>,
        after: &'a Row,
    ) -> BoxFuture<'a, Result<bool>> {
        async move {
            let mut arguments = self.statements.key(key);
            arguments.extend(sql::row_arguments(after));
            let Some(before) = before else {
                let written = self.run(&self.statements.insert, &arguments, Effect::Writes).await;
                return match written {
                    Ok(outcome) => Ok(outcome.affected == 1),
                    Err(fault) if fault.kind == FaultKind::Duplicate => Ok(false),
                    Err(fault) => Err(fault.error),
                };
            };
            arguments.extend(sql::as_it_was(before));
            // Nobody waits for a lease to be taken or prolonged.
            let statement = if before.header == after.header {
                &self.statements.replace
            } else {
                &self.statements.replace_and_tell
            };
            Ok(self.execute(statement, &arguments).await? == 1)
        }
        .boxed()
    }

    fn remove<'a>(&'a self, key: &'a GrantKey, before: &'a Row) -> BoxFuture<'a, Result<bool>> {
        async move {
            let mut arguments = self.statements.key(key);
            arguments.extend(sql::as_it_was(before));
            Ok(self.execute(&self.statements.remove, &arguments).await? == 1)
        }
        .boxed()
    }

    fn page<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Listed>>> {
        async move {
            let (statement, arguments) = self.statements.page(query);
            let rows = self.query(statement, &arguments).await?;
            rows.into_iter().map(|row| self.statements.listed(row)).collect()
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
        async move {
            self.execute(&self.statements.drop_pending, &vec![("now", now.into())]).await?;
            let mut arguments = self.statements.state(state);
            arguments.push(("document", document.as_bytes().into()));
            arguments.push(("expires_at", expires_at.into()));
            self.execute(&self.statements.put_pending, &arguments).await.map(drop)
        }
        .boxed()
    }

    fn take_pending<'a>(
        &'a self,
        state: &'a str,
        now: UnixMillis,
    ) -> BoxFuture<'a, Result<Pending>> {
        async move {
            let mut arguments = self.statements.state(state);
            arguments.push(("now", now.into()));
            loop {
                let rows = self.query(&self.statements.read_pending, &arguments).await?;
                let Some(row) = rows.into_iter().next() else { return Ok(Pending::Absent) };
                let mut values = Values::new(row);
                let (document, result) = (values.optional_text()?, values.optional_text()?);
                let Some(document) = document else { return Ok(Pending::Used(result)) };
                if self.execute(&self.statements.take_pending, &arguments).await? == 1 {
                    return Ok(Pending::Taken(document));
                }
            }
        }
        .boxed()
    }

    fn settle_pending<'a>(&'a self, state: &'a str, result: &'a str) -> BoxFuture<'a, Result<()>> {
        async move {
            let mut arguments = self.statements.state(state);
            arguments.push(("result", result.into()));
            self.execute(&self.statements.settle_pending, &arguments).await.map(drop)
        }
        .boxed()
    }

    fn changed<'a>(&'a self, key: &'a GrantKey) -> Option<BoxFuture<'a, ()>> {
        self.driver.changed(key)
    }

    fn weaknesses(&self) -> Option<BoxFuture<'_, Result<Vec<String>>>> {
        Some(
            async move {
                let _permit = self.permits.acquire().await.expect("the semaphore is never closed");
                let Taken { mut session, .. } = self.take(Effect::Writes).await?;
                let asked = timeout(ANSWER_WITHIN, self.driver.weaknesses(&mut session)).await;
                let mut weaknesses = asked
                    .map_err(|_| self.silent("did not answer", ANSWER_WITHIN))?
                    .map_err(|fault| fault.error)?;
                self.give_back(session);
                weaknesses.extend(self.driver.endpoint().weakness());
                Ok(weaknesses)
            }
            .boxed(),
        )
    }
}
