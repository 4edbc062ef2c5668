//! A table on a database server that is none of this library's: read whole, its columns by their names, as text.
//!
//! The session is one that the server lets read and nothing else, so no fault here can change what another program keeps.

use super::endpoint::Endpoint;
use super::mysql::Mysql;
use super::postgres::Postgres;
use super::server::{CONNECT_WITHIN, Driver, Session};
use super::sql::{Dialect, Value};
use crate::error::{Code, Error, Result};
use std::collections::HashMap;
use std::fmt;
use tokio::time::timeout;

/// A database on a server.
#[derive(Clone, Debug)]
pub(crate) enum OtherDatabase {
    Postgres(Endpoint),
    Mysql(Endpoint),
}

/// A table as it was read.
pub(crate) struct OtherTable {
    /// The names of its columns, in lower case.
    pub(crate) columns: Vec<String>,
    /// The values of its rows by the names of their columns; what is null is left out.
    pub(crate) rows: Vec<HashMap<String, String>>,
}

impl OtherDatabase {
    /// Reads the address, which has the form of a store's; none where it is of no server.
    pub(crate) fn parse(address: &str) -> Result<Option<Self>> {
        Ok(match address.split(':').next() {
            Some("postgres" | "postgresql") => Some(Self::Postgres(Postgres::parse(address)?)),
            Some("mysql" | "mariadb") => Some(Self::Mysql(Mysql::parse(address)?)),
            _ => None,
        })
    }

    /// Reads a whole table.
    pub(crate) async fn read(&self, table: &str) -> Result<OtherTable> {
        match self {
            Self::Postgres(endpoint) => read(&Postgres::new(endpoint.clone()), table).await,
            Self::Mysql(endpoint) => read(&Mysql::new(endpoint.clone()), table).await,
        }
    }
}

impl fmt::Display for OtherDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Postgres(endpoint) | Self::Mysql(endpoint)) = self;
        endpoint.fmt(f)
    }
}

/// What a database is asked.
struct Words {
    /// Makes the session one that only reads, for as long as it takes, and gives times as UTC and in ISO form.
    settings: &'static [&'static str],
    /// Gives the names of a table's columns.
    columns: &'static str,
    /// The type that a column is read as.
    text: &'static str,
}

static POSTGRES: Words = Words {
    settings: &[
        "SET default_transaction_read_only = on",
        "SET statement_timeout = 0",
        "SET TimeZone = 'UTC'",
        "SET DateStyle = 'ISO'",
    ],
    columns: "SELECT attname::text FROM pg_attribute \
              WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
    text: "TEXT",
};

static MYSQL: Words = Words {
    settings: &[
        "SET SESSION TRANSACTION READ ONLY",
        "SET SESSION time_zone = '+00:00' /*M!, max_statement_time = 0 */",
    ],
    columns: "SELECT COLUMN_NAME FROM information_schema.COLUMNS \
              WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION",
    text: "CHAR",
};

async fn read<D: Driver>(driver: &D, table: &str) -> Result<OtherTable> {
    let dialect = D::DIALECT;
    let words = if dialect == Dialect::Mysql { &MYSQL } else { &POSTGRES };
    let mut session = timeout(CONNECT_WITHIN, driver.connect())
        .await
        .map_err(|_| unreadable(driver, "does not answer"))?
        .map_err(|fault| fault.error)?;
    for setting in words.settings {
        session.run(setting, &[]).await.map_err(|fault| fault.error)?;
    }
    let whose: &[Value] = &match (dialect, table.split_once('.')) {
        (Dialect::Mysql, Some((database, name))) => vec![Some(database).into(), name.into()],
        (Dialect::Mysql, None) => vec![None::<&str>.into(), table.into()],
        _ => vec![dialect.quoted(table).into()],
    };
    let names = session.run(words.columns, whose).await.map_err(|fault| fault.error)?;
    let names: Vec<String> = names.rows.into_iter().flatten().filter_map(text).collect();
    if names.is_empty() {
        return Err(unreadable(driver, &format!("has no table {table} that can be read")));
    }
    let columns: Vec<_> = names
        .iter()
        .map(|name| format!("CAST({} AS {})", quoted(dialect, name), words.text))
        .collect();
    let sql = format!("SELECT {} FROM {}", columns.join(", "), dialect.quoted(table));
    let outcome = session.run(&sql, &[]).await.map_err(|fault| fault.error)?;
    let columns: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
    let by_column = |row: Vec<Value>| {
        let values = columns.iter().cloned().zip(row.into_iter().map(text));
        values.filter_map(|(name, value)| Some((name, value?))).collect()
    };
    Ok(OtherTable { rows: outcome.rows.into_iter().map(by_column).collect(), columns })
}

/// A name of a column as it stands: it may hold anything.
fn quoted(dialect: Dialect, name: &str) -> String {
    let mark = if dialect == Dialect::Mysql { "`" } else { "\"" };
    format!("{mark}{}{mark}", name.replace(mark, &mark.repeat(2)))
}

fn unreadable(driver: &impl Driver, what: &str) -> Error {
    Error::new(Code::InvalidArgument, format!("{} {what}", driver.endpoint()))
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Integer(number) => Some(number.to_string()),
        Value::Text(text) => Some(text),
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
    }
}
