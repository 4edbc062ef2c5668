//! MySQL and MariaDB: single statements that commit by themselves. Whether they are durable then is a setting of the server
//! that a session cannot change, so it is looked at and told.
//!
//! The server's words about an error quote rows: of what is not known to be harmless, only what comes before a quote is shown.

use super::endpoint::{Endpoint, Kind, Place, Tls};
use super::server::{Attempt, Driver, Fault, FaultKind, Outcome, SERVER_GIVES_UP_AFTER, Session};
use super::sql::{Dialect, Names, Value};
use super::tls;
use crate::error::{Code, Error, Result};
use crate::secret::Secret;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, DriverError, Opts, OptsBuilder, Params, SslOpts};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use sha2::{Digest, Sha256};
use std::sync::OnceLock;

static KIND: Kind = Kind {
    title: "MySQL",
    expected: "mysql://USER:PASSWORD@HOST:PORT/DATABASE, maybe with ?ssl-mode=disabled, required or verify_identity, \
               ?ssl-ca=FILE, whose path is absolute, or ?socket=PATH of the socket of a server on this host",
    port: 3306,
    socket: "socket",
    tls: "ssl-mode",
    tls_modes: [
        ("disabled", Tls::Off),
        ("required", Tls::Unverified),
        ("verify_identity", Tls::Verified),
    ],
    authorities: "ssl-ca",
};

/// How long a process waits until another has made the tables, in seconds.
const MAKING_TABLES_TAKES: i64 = 4;

/// A database on a MySQL or MariaDB server.
pub(crate) struct Mysql {
    endpoint: Endpoint,
    options: OnceLock<Opts>,
}

impl Mysql {
    /// Reads the address.
    pub(super) fn parse(text: &str) -> Result<Endpoint> {
        Endpoint::parse(text, &KIND)
    }

    pub(super) fn new(endpoint: Endpoint) -> Self {
        Mysql { endpoint, options: OnceLock::new() }
    }

    fn options(&self) -> Result<Opts> {
        if let Some(options) = self.options.get() {
            return Ok(options.clone());
        }
        let options = self.build_options()?;
        Ok(self.options.get_or_init(|| options).clone())
    }

    fn build_options(&self) -> Result<Opts> {
        let endpoint = &self.endpoint;
        // Rows that were found count, also where nothing in them changed.
        let options = OptsBuilder::default()
            .user(Some(&endpoint.user))
            .pass(endpoint.password.as_ref().map(Secret::expose))
            .db_name(Some(&endpoint.database))
            .prefer_socket(false)
            .client_found_rows(true)
            .init(vec![
                "SET NAMES utf8mb4 COLLATE utf8mb4_bin".to_owned(),
                format!(
                    "SET SESSION sql_mode = 'STRICT_ALL_TABLES', time_zone = '+00:00', autocommit = 1, \
                     innodb_lock_wait_timeout = {} /*M!, max_statement_time = {} */",
                    SERVER_GIVES_UP_AFTER / 1_000,
                    f64::from(SERVER_GIVES_UP_AFTER) / 1_000.0,
                ),
            ]);
        let options = match &endpoint.place {
            Place::Host { name, port } => options.ip_or_hostname(name).tcp_port(*port),
            Place::Socket(path) => options.socket(Some(path.to_string_lossy())),
        };
        Ok(match endpoint.tls {
            Tls::Off => options.into(),
            _ => options.ssl_opts(encryption(endpoint)?).into(),
        })
    }
}

fn encryption(endpoint: &Endpoint) -> Result<SslOpts> {
    // The driver asks for the process's provider and would have one installed by guessing.
    if CryptoProvider::get_default().is_none() {
        let _ = aws_lc_rs::default_provider().install_default();
    }
    if endpoint.tls == Tls::Unverified {
        return Ok(SslOpts::default()
            .with_danger_accept_invalid_certs(true)
            .with_danger_skip_domain_validation(true));
    }
    let trusted = tls::authorities(endpoint.authorities.as_deref())?;
    Ok(SslOpts::default().with_disable_built_in_roots(true).with_root_certs(
        trusted.into_iter().map(|certificate| certificate.to_vec().into()).collect(),
    ))
}

impl Driver for Mysql {
    type Session = MysqlSession;
    const DIALECT: Dialect = Dialect::Mysql;

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    fn connect(&self) -> BoxFuture<'_, Attempt<MysqlSession>> {
        async move {
            let options =
                self.options().map_err(|error| Fault { error, kind: FaultKind::Refused })?;
            let connection =
                Conn::new(options).await.map_err(|error| fault(&self.endpoint, &error))?;
            Ok(MysqlSession { connection, endpoint: self.endpoint.clone(), lost: false })
        }
        .boxed()
    }

    fn lock_schema<'a>(
        &'a self,
        session: &'a mut MysqlSession,
        names: &'a Names,
    ) -> BoxFuture<'a, Attempt<()>> {
        async move {
            let values = [lock_name(names).into(), MAKING_TABLES_TAKES.into()];
            let outcome = session.run("SELECT GET_LOCK(?, ?)", &values).await?;
            if outcome.rows == [[Value::Integer(1)]] {
                return Ok(());
            }
            Err(refused(
                &self.endpoint,
                "locked",
                "has its tables made by another process for too long",
            ))
        }
        .boxed()
    }

    fn unlock_schema<'a>(
        &'a self,
        session: &'a mut MysqlSession,
        names: &'a Names,
    ) -> BoxFuture<'a, Attempt<()>> {
        async move {
            session.run("SELECT RELEASE_LOCK(?)", &[lock_name(names).into()]).await.map(drop)
        }
        .boxed()
    }

    fn has_table<'a>(
        &'a self,
        session: &'a mut MysqlSession,
        name: &'a str,
    ) -> BoxFuture<'a, Attempt<bool>> {
        async move {
            let (database, table) = match name.split_once('.') {
                Some((database, table)) => (Some(database), table),
                None => (None, name),
            };
            let sql = "SELECT COUNT(*) FROM information_schema.tables \
                       WHERE table_schema = COALESCE(?, DATABASE()) AND table_name = ?";
            let outcome = session.run(sql, &[database.into(), table.into()]).await?;
            Ok(outcome.rows != [[Value::Integer(0)]])
        }
        .boxed()
    }

    fn weaknesses<'a>(
        &'a self,
        session: &'a mut MysqlSession,
    ) -> BoxFuture<'a, Attempt<Vec<String>>> {
        async move {
            let sql = "SELECT CAST(@@innodb_flush_log_at_trx_commit AS SIGNED), CAST(@@log_bin AS SIGNED), \
                       CAST(@@sync_binlog AS SIGNED)";
            let outcome = session.run(sql, &[]).await?;
            let mut weaknesses = Vec::new();
            if let [flush, binary_log, sync] = outcome.rows.concat().as_slice() {
                let mut weak = |setting: &str, now: &Value| {
                    let now = if let Value::Integer(number) = now { *number } else { -1 };
                    weaknesses.push(format!(
                        "{} has {setting} = {now}: a crash of its host can take committed tokens; expected 1",
                        self.endpoint
                    ));
                };
                if *flush != Value::Integer(1) {
                    weak("innodb_flush_log_at_trx_commit", flush);
                }
                if *binary_log == Value::Integer(1) && *sync != Value::Integer(1) {
                    weak("sync_binlog", sync);
                }
            }
            Ok(weaknesses)
        }
        .boxed()
    }
}

/// Locks have short names, and belong to the whole server.
fn lock_name(names: &Names) -> String {
    let hash = Sha256::digest(format!("evergrant {}", names.schema));
    let number = u64::from_be_bytes(hash[..8].try_into().expect("eight bytes were taken"));
    format!("evergrant.{number:016x}")
}

/// One connection.
pub(crate) struct MysqlSession {
    connection: Conn,
    endpoint: Endpoint,
    lost: bool,
}

impl MysqlSession {
    async fn outcome(&mut self, sql: &str, values: &[Value]) -> mysql_async::Result<Outcome> {
        let parameters: Vec<mysql_async::Value> = values.iter().map(bound).collect();
        let parameters =
            if parameters.is_empty() { Params::Empty } else { Params::Positional(parameters) };
        let mut result = self.connection.exec_iter(sql, parameters).await?;
        let rows: Vec<mysql_async::Row> = result.collect().await?;
        let affected = result.affected_rows();
        result.drop_result().await?;
        let rows = rows.into_iter().map(|row| row.unwrap().into_iter().map(read).collect());
        Ok(Outcome { rows: rows.collect(), affected })
    }
}

impl Session for MysqlSession {
    fn is_open(&self) -> bool {
        !self.lost
    }

    fn run<'a>(&'a mut self, sql: &'a str, values: &'a [Value]) -> BoxFuture<'a, Attempt<Outcome>> {
        async move {
            let outcome = self.outcome(sql, values).await;
            outcome.map_err(|error| {
                let fault = fault(&self.endpoint, &error);
                self.lost |= fault.kind == FaultKind::Lost;
                fault
            })
        }
        .boxed()
    }
}

fn bound(value: &Value) -> mysql_async::Value {
    match value {
        Value::Null => mysql_async::Value::NULL,
        Value::Integer(number) => mysql_async::Value::Int(*number),
        Value::Text(text) => mysql_async::Value::Bytes(text.clone().into_bytes()),
        Value::Bytes(bytes) => mysql_async::Value::Bytes(bytes.clone()),
    }
}

/// A value of a kind that no column here has reads as null, and is refused as unreadable where it must not be.
fn read(value: mysql_async::Value) -> Value {
    match value {
        mysql_async::Value::Int(number) => Value::Integer(number),
        mysql_async::Value::UInt(number) => {
            i64::try_from(number).map_or(Value::Null, Value::Integer)
        }
        mysql_async::Value::Bytes(bytes) => Value::Bytes(bytes),
        _ => Value::Null,
    }
}

/// What an error of a statement means.
fn fault(endpoint: &Endpoint, error: &mysql_async::Error) -> Fault {
    let mysql_async::Error::Server(told) = error else {
        let (reason, text) = trouble(error);
        return Fault { kind: FaultKind::Lost, ..refused(endpoint, reason, &text) };
    };
    let said = format!("{} ({}): {}", told.code, told.state, told.message);
    match told.code {
        1213 => Fault {
            kind: FaultKind::Undone,
            ..refused(endpoint, "failed", "failed: 1213 (deadlock)")
        },
        1062 => Fault {
            kind: FaultKind::Duplicate,
            ..refused(endpoint, "failed", "failed: 1062 (duplicate)")
        },
        1040 | 1053 | 1077 | 1927 | 4031 => Fault {
            kind: FaultKind::Lost,
            ..refused(endpoint, "unreachable", &format!("takes no work: {said}"))
        },
        1044 | 1045 | 1049 | 1130 | 1142 | 1227 | 1698 => {
            refused(endpoint, "access_denied", &format!("refuses access: {said}"))
        }
        1146 => refused(
            endpoint,
            "no_tables",
            &format!("lacks a table: {said}; `evergrant store init` makes them"),
        ),
        1054 => refused(endpoint, "foreign", &format!("has a table of another make: {said}")),
        1290 | 1792 | 1836 => refused(endpoint, "read_only", &format!("can only be read: {said}")),
        1021 | 1114 => refused(endpoint, "full", &format!("cannot grow: {said}")),
        1205 | 1969 | 3024 => refused(endpoint, "locked", &format!("is busy for too long: {said}")),
        code => {
            let harmless = told.message.split('\'').next().unwrap_or_default().trim_end();
            refused(endpoint, "failed", &format!("failed: {code} ({}): {harmless}", told.state))
        }
    }
}

/// What an error is that is not the server's: its reason, and its words.
fn trouble(error: &mysql_async::Error) -> (&'static str, String) {
    match error {
        mysql_async::Error::Driver(DriverError::NoClientSslFlagFromServer) => {
            (tls::REASON, tls::NOT_OFFERED.to_owned())
        }
        // A driver's own words about a value could quote it.
        mysql_async::Error::Driver(_) => {
            ("unreachable", "cannot be reached: the connection is closed or broken".to_owned())
        }
        _ => tls::refusal(error).map_or_else(
            || ("unreachable", format!("cannot be reached: {error}")),
            |refusal| (tls::REASON, refusal),
        ),
    }
}

fn refused(endpoint: &Endpoint, reason: &str, what: &str) -> Fault {
    let text = format!("token store on {endpoint} {what}");
    Fault { error: Error::new(Code::Store, text).with_reason(reason), kind: FaultKind::Refused }
}
