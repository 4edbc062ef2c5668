//! Which built-in store a configuration means, and opening it.

use super::Store;
use super::codec::Codec;
use super::contract::Contract;
use super::file::FileRows;
use super::memory::MemoryRows;
use super::redis::{RedisAddress, RedisRows};
use super::sqlite::SqliteRows;
use crate::error::{Code, Error, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is told where a store's address is wrong.
const EXPECTED: &str =
    "expected \"sqlite:PATH\", \"file:FOLDER\", \"redis://…\", \"memory:\" or a store of your own";

/// The address of a built-in store.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    Memory,
    Sqlite(PathBuf),
    File(PathBuf),
    Redis(RedisAddress),
}

impl Address {
    /// Reads the value of `store`. Nothing of it is quoted: the address of a database may hold a password.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        match text.split_once(':') {
            Some(("memory", "")) => Ok(Address::Memory),
            Some(("sqlite", path)) if !path.is_empty() => absolute(path).map(Address::Sqlite),
            Some(("file", path)) if !path.is_empty() => absolute(path).map(Address::File),
            Some(("redis" | "rediss", _)) => RedisAddress::parse(text).map(Address::Redis),
            Some(("postgres" | "postgresql" | "mysql", _)) => Err(Error::new(
                Code::Unsupported,
                format!("store: this version has no such store; {EXPECTED}"),
            )),
            _ => Err(Error::new(
                Code::InvalidConfig,
                format!("store: is none that is known; {EXPECTED}"),
            )),
        }
    }

    /// Opens the store in this process.
    pub(crate) fn open(&self, codec: Arc<Codec>) -> Result<Arc<dyn Store>> {
        Ok(match self {
            Address::Memory => Arc::new(Contract::new(MemoryRows::default(), codec)),
            Address::Sqlite(path) => Arc::new(Contract::new(SqliteRows::open(path)?, codec)),
            Address::File(path) => Arc::new(Contract::new(FileRows::open(path)?, codec)),
            Address::Redis(address) => Arc::new(Contract::new(RedisRows::new(address), codec)),
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
            Address::Sqlite(path) => Some(format!("sqlite:{}", canonical(path).display())),
            Address::File(path) => Some(format!("file:{}", canonical(path).display())),
            Address::Redis(address) => Some(address.identity()),
        }
    }

    /// The database file, where it is SQLite.
    pub(crate) fn sqlite_path(&self) -> Option<&Path> {
        match self {
            Address::Sqlite(path) => Some(path),
            _ => None,
        }
    }
}

/// Made absolute now: a file is opened again after a fork, maybe in another working folder.
fn absolute(path: &str) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| {
        let text = format!("store: {path:?} has no absolute path: {error}");
        Error::new(Code::InvalidConfig, text)
    })
}
