//! The tables of a token store, for those who set it up before an application runs.

use crate::client::store_address;
use crate::config::Config;
use crate::error::Result;
use crate::process::on_runtime;
use crate::store::Address;
use serde::Serialize;

/// The tables of the built-in store that a configuration means.
pub struct StoreTables(Address);

/// Which schema they have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct StoreSchema {
    /// The version of the schema.
    pub version: i64,
    /// The oldest version that a reader must know.
    pub min_reader: i64,
}

impl StoreTables {
    /// Reads the configuration; nothing is opened.
    pub fn of(config: &Config) -> Result<Self> {
        store_address(config).map(StoreTables)
    }

    /// The SQL that makes them.
    pub fn sql(&self) -> Result<String> {
        self.0.script()
    }

    /// Makes them where there are none, and brings old ones up to this version; what reads them now goes on reading them.
    pub async fn make(&self) -> Result<StoreSchema> {
        self.run(false).await
    }

    /// As [`make`](StoreTables::make), and locks out readers that do not know what this version writes. Nothing else does.
    pub async fn migrate(&self) -> Result<StoreSchema> {
        self.run(true).await
    }

    async fn run(&self, raise: bool) -> Result<StoreSchema> {
        let address = self.0.clone();
        let schema = on_runtime(async move { address.make_tables(raise).await }).await?;
        Ok(StoreSchema { version: schema.version, min_reader: schema.min_reader })
    }
}
