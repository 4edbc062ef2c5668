//! Which built-in store a configuration means, and opening it.

use super::Store;
use super::codec::Codec;
use super::contract::Contract;
use super::endpoint::Endpoint;
use super::file::FileRows;
use super::memory::MemoryRows;
use super::mysql::Mysql;
use super::postgres::Postgres;
use super::redis::{RedisAddress, RedisRows};
use super::server::{ServerRows, Tables};
use super::sql::{self, Dialect, Names, SchemaVersion};
use super::sqlite::{self, SqliteRows};
use crate::config::StoreOptions;
use crate::error::{Code, Error, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is told where a store's address is wrong.
const EXPECTED: &str = "expected \"sqlite:PATH\", \"postgres://…\", \"mysql://…\", \"redis://…\", \"file:FOLDER\", \"memory:\" \
                        or a store of your own";

/// The address of a built-in store.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    Memory,
    Sqlite(PathBuf, Tables),
    File(PathBuf),
    Redis(RedisAddress),
    Postgres(Endpoint, Tables),
    Mysql(Endpoint, Tables),
}

impl Address {
    /// Reads the value of `store`. Nothing of it is quoted: the address of a database may hold a password.
    pub(crate) fn of(options: &StoreOptions) -> Result<Self> {
        let text = options.address.resolve("store")?;
        let text = text.expose();
        let tables = tables(options)?;
        match text.split_once(':') {
            Some(("memory" | "file" | "redis" | "rediss", _)) if tables.is_some() => {
                Err(Error::new(
                    Code::InvalidConfig,
                    "store: this store has no tables; expected its address alone",
                ))
            }
            Some(("memory", "")) => Ok(Address::Memory),
            Some(("sqlite", path)) if !path.is_empty() => {
                Ok(Address::sqlite(absolute(path)?, tables.unwrap_or_default()))
            }
            Some(("file", path)) if !path.is_empty() => absolute(path).map(Address::File),
            Some(("redis" | "rediss", _)) => RedisAddress::parse(text).map(Address::Redis),
            Some(("postgres" | "postgresql", _)) => {
                Ok(Address::Postgres(Postgres::parse(text)?, tables.unwrap_or_default()))
            }
            Some(("mysql" | "mariadb", _)) => {
                Ok(Address::Mysql(Mysql::parse(text)?, tables.unwrap_or_default()))
            }
            _ => Err(Error::new(
                Code::InvalidConfig,
                format!("store: is none that is known; {EXPECTED}"),
            )),
        }
    }

    /// A SQLite file.
    pub(crate) fn sqlite(path: PathBuf, tables: Tables) -> Self {
        Address::Sqlite(path, tables)
    }

    /// Opens the store in this process.
    pub(crate) fn open(&self, codec: Arc<Codec>) -> Result<Arc<dyn Store>> {
        Ok(match self {
            Address::Memory => Arc::new(Contract::new(MemoryRows::default(), codec)),
            Address::Sqlite(path, tables) => {
                Arc::new(Contract::new(SqliteRows::open(path, tables)?, codec))
            }
            Address::File(path) => Arc::new(Contract::new(FileRows::open(path)?, codec)),
            Address::Redis(address) => Arc::new(Contract::new(RedisRows::new(address), codec)),
            Address::Postgres(endpoint, tables) => {
                Arc::new(Contract::new(postgres(endpoint, tables), codec))
            }
            Address::Mysql(endpoint, tables) => {
                Arc::new(Contract::new(mysql(endpoint, tables), codec))
            }
        })
    }

    /// Whether no other process reaches it.
    pub(crate) fn is_of_this_process(&self) -> bool {
        matches!(self, Address::Memory)
    }

    /// What tells this store from every other, without any password; none where nothing outlives the process.
    pub(crate) fn identity(&self) -> Option<String> {
        // One file by whatever way it is named; it is there once the store is open.
        let canonical =
            |path: &PathBuf| std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        match self {
            Address::Memory => None,
            Address::Sqlite(path, tables) => {
                Some(format!("sqlite:{}{}", canonical(path).display(), tables.other_names()))
            }
            Address::File(path) => Some(format!("file:{}", canonical(path).display())),
            Address::Redis(address) => Some(address.identity()),
            Address::Postgres(endpoint, tables) | Address::Mysql(endpoint, tables) => {
                Some(format!("{endpoint}{}", tables.other_names()))
            }
        }
    }

    /// The database file, where it is SQLite.
    pub(crate) fn sqlite_path(&self) -> Option<&Path> {
        match self {
            Address::Sqlite(path, _) => Some(path),
            _ => None,
        }
    }

    /// The SQL that makes the tables, where there are tables.
    pub(crate) fn script(&self) -> Result<String> {
        let (dialect, tables) = match self {
            Address::Memory | Address::File(_) | Address::Redis(_) => return Err(no_tables()),
            Address::Sqlite(_, tables) => (Dialect::Sqlite, tables),
            Address::Postgres(_, tables) => (Dialect::Postgres, tables),
            Address::Mysql(_, tables) => (Dialect::Mysql, tables),
        };
        Ok(sql::script(dialect, &tables.names))
    }

    /// Runs one statement, whatever the tables are like.
    #[cfg(test)]
    pub(super) async fn execute_for_tests(&self, sql: &str) -> Result<Vec<Vec<sql::Value>>> {
        match self {
            Address::Postgres(endpoint, tables) => {
                postgres(endpoint, tables).execute_for_tests(sql).await
            }
            Address::Mysql(endpoint, tables) => {
                mysql(endpoint, tables).execute_for_tests(sql).await
            }
            _ => panic!("for servers"),
        }
    }

    /// Makes the tables where there are none and brings old ones up to this version, whatever `create` says.
    pub(crate) async fn make_tables(&self, raise: bool) -> Result<SchemaVersion> {
        match self {
            Address::Memory | Address::File(_) | Address::Redis(_) => Err(no_tables()),
            Address::Sqlite(path, tables) => sqlite::make_tables(path, &tables.names, raise),
            Address::Postgres(endpoint, tables) => {
                postgres(endpoint, tables).make_tables(raise).await
            }
            Address::Mysql(endpoint, tables) => mysql(endpoint, tables).make_tables(raise).await,
        }
    }
}

fn no_tables() -> Error {
    Error::new(Code::Unsupported, "this store has no tables; expected SQLite, PostgreSQL or MySQL")
}

fn postgres(endpoint: &Endpoint, tables: &Tables) -> ServerRows<Postgres> {
    ServerRows::new(Postgres::new(endpoint.clone()), tables.clone())
}

fn mysql(endpoint: &Endpoint, tables: &Tables) -> ServerRows<Mysql> {
    ServerRows::new(Mysql::new(endpoint.clone()), tables.clone())
}

/// What the options say about tables; none where they say nothing.
fn tables(options: &StoreOptions) -> Result<Option<Tables>> {
    let StoreOptions {
        grants_table, pending_table, schema_table, columns, pool_size, create, ..
    } = options;
    let says_nothing = grants_table.is_none()
        && pending_table.is_none()
        && schema_table.is_none()
        && columns.is_empty()
        && pool_size.is_none()
        && create.is_none();
    if says_nothing {
        return Ok(None);
    }
    let usual = Tables::default();
    let or_usual = |name: &Option<String>, usual: String| name.clone().unwrap_or(usual);
    let names = Names {
        grants: or_usual(grants_table, usual.names.grants),
        pending: or_usual(pending_table, usual.names.pending),
        schema: or_usual(schema_table, usual.names.schema),
        columns: columns.clone(),
    };
    let pool_size = pool_size.unwrap_or(usual.pool_size);
    if !(1..=1_000).contains(&pool_size) {
        let text = "store.pool_size: is out of range; expected a number from 1 to 1000";
        return Err(Error::new(Code::InvalidConfig, text));
    }
    Ok(Some(Tables { names: names.checked()?, pool_size, create: create.unwrap_or(usual.create) }))
}

/// Made absolute now: a file is opened again after a fork, maybe in another working folder.
fn absolute(path: &str) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| {
        let text = format!("store: {path:?} has no absolute path: {error}");
        Error::new(Code::InvalidConfig, text)
    })
}
