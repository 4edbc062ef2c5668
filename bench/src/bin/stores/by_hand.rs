//! What a store does, done by hand through its bare driver.
//!
//! One connection, prepared statements or a loaded script, the same row read and replaced where it is still the same, equally
//! durable. No codec, no lease, no decision, and nobody is told.

use crate::Outcome;
use evergrant::wait;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder, Params, Value as MysqlValue};
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, params_from_iter};
use std::error::Error;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{NoTls, Statement};

/// The subject of the grant that is read and replaced by hand.
pub(crate) const SUBJECT: &str = "by hand";

pub(crate) trait ByHand {
    /// Reads the row.
    fn read(&mut self) -> Outcome<()>;
    /// Reads the row and replaces it by its next one where it still is the same.
    fn replace(&mut self) -> Outcome<()>;
}

/// The columns of a grant behind its key, and the fields of one in Redis.
const COLUMNS: [&str; 14] = [
    "grant_id",
    "generation",
    "revision",
    "status",
    "obtained_at",
    "expires_at",
    "keepalive_at",
    "retry_at",
    "renewable",
    "updated_at",
    "record",
    "lease",
    "fencing",
    "intent",
];

/// Where in `COLUMNS` they are.
const GENERATION: usize = 1;
const REVISION: usize = 2;
const EXPIRES_AT: usize = 5;
const KEEPALIVE_AT: usize = 6;

/// Where in `COLUMNS` that is by which a row is known to be still as it was: `revision`, `fencing`, `lease`, `intent`.
const AS_IT_WAS: [usize; 4] = [REVISION, 12, 11, 13];

fn columns() -> String {
    COLUMNS.join(", ")
}

/// `parameter` gives the n-th, from 1: the columns come first.
fn assignments(parameter: impl Fn(usize) -> String) -> String {
    let one = |(n, name)| format!("{name} = {}", parameter(n + 1));
    COLUMNS.iter().enumerate().map(one).collect::<Vec<_>>().join(", ")
}

fn one_was_written(written: u64) -> Outcome<()> {
    if written == 1 { Ok(()) } else { Err("the row was another".into()) }
}

/// The next row, and the values by which the one before it is known.
fn next<T: Clone>(before: &[T], increment: impl Fn(&mut T)) -> (Vec<T>, [T; 4]) {
    let mut after = before.to_vec();
    increment(&mut after[GENERATION]);
    increment(&mut after[REVISION]);
    (after, AS_IT_WAS.map(|column| before[column].clone()))
}

/// A row in the memory of this process.
pub(crate) struct InMemory(Mutex<(u64, String)>);

impl Default for InMemory {
    fn default() -> Self {
        InMemory(Mutex::new((0, "x".repeat(1_000))))
    }
}

impl ByHand for InMemory {
    fn read(&mut self) -> Outcome<()> {
        black_box(self.0.lock().expect("no holder panics").clone());
        Ok(())
    }

    fn replace(&mut self) -> Outcome<()> {
        let (number, text) = self.0.lock().expect("no holder panics").clone();
        let mut row = self.0.lock().expect("no holder panics");
        if row.0 == number {
            *row = (number + 1, text);
        }
        Ok(())
    }
}

/// A token database, through `rusqlite`.
pub(crate) struct Sqlite {
    connection: Connection,
    client: String,
    read: String,
    replace: String,
}

impl Sqlite {
    pub(crate) fn open(path: &Path) -> Outcome<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let find = "SELECT client FROM evergrant_grants WHERE subject = ?";
        let client = connection.query_row(find, [SUBJECT], |row| row.get(0))?;
        let (columns, assignments) = (columns(), assignments(|n| format!("?{n}")));
        Ok(Sqlite {
            connection,
            client,
            read: format!(
                "SELECT {columns} FROM evergrant_grants WHERE client = ?1 AND subject = '{SUBJECT}' AND slot = ''"
            ),
            replace: format!(
                "UPDATE evergrant_grants SET {assignments} WHERE client = ?19 AND subject = '{SUBJECT}' AND slot = '' \
                 AND revision = ?15 AND fencing = ?16 AND lease IS ?17 AND intent IS ?18"
            ),
        })
    }

    fn row(&self) -> Outcome<Vec<SqlValue>> {
        let mut statement = self.connection.prepare_cached(&self.read)?;
        let values = |row: &rusqlite::Row<'_>| (0..COLUMNS.len()).map(|n| row.get(n)).collect();
        Ok(statement.query_row([&self.client], values)?)
    }
}

impl ByHand for Sqlite {
    fn read(&mut self) -> Outcome<()> {
        black_box(self.row()?);
        Ok(())
    }

    fn replace(&mut self) -> Outcome<()> {
        let (mut values, was) = next(&self.row()?, |value| {
            if let SqlValue::Integer(number) = value {
                *number += 1;
            }
        });
        values.extend(was);
        values.push(self.client.clone().into());
        let mut statement = self.connection.prepare_cached(&self.replace)?;
        one_was_written(statement.execute(params_from_iter(values))?.try_into()?)
    }
}

/// A file of a file store, replaced beside it: written and flushed under another name, renamed, its folder flushed.
pub(crate) struct Files {
    folder: PathBuf,
    path: PathBuf,
}

impl Files {
    pub(crate) fn copy_of(store: &Path) -> Outcome<Self> {
        let grant = fs::read_dir(store.join("grants"))?
            .filter_map(Result::ok)
            .find(|entry| entry.path().is_file())
            .ok_or("the store has a grant")?;
        let folder = store.with_extension("by-hand");
        fs::create_dir_all(&folder)?;
        let path = folder.join("grant");
        fs::copy(grant.path(), &path)?;
        Ok(Files { folder, path })
    }
}

impl ByHand for Files {
    fn read(&mut self) -> Outcome<()> {
        black_box(fs::read(&self.path)?);
        Ok(())
    }

    fn replace(&mut self) -> Outcome<()> {
        let bytes = fs::read(&self.path)?;
        let beside = self.folder.join("temporary");
        let mut file = File::create(&beside)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        Ok(File::open(&self.folder)?.sync_all()?)
    }
}

/// A PostgreSQL database, through `tokio-postgres`.
pub(crate) struct Postgres {
    client: tokio_postgres::Client,
    key_hash: Vec<u8>,
    read: Statement,
    replace: Statement,
}

impl Postgres {
    pub(crate) fn open(address: &str) -> Outcome<Self> {
        wait(async {
            let (client, connection) = tokio_postgres::connect(address, NoTls).await?;
            tokio::spawn(connection); // it ends with the client
            let find = "SELECT key_hash FROM evergrant_grants WHERE subject = $1";
            let key_hash = client.query_one(find, &[&SUBJECT]).await?.get(0);
            let (columns, assignments) = (columns(), assignments(|n| format!("${n}")));
            let read = client
                .prepare(&format!("SELECT {columns} FROM evergrant_grants WHERE key_hash = $1"))
                .await?;
            let replace = client
                .prepare(&format!(
                    "UPDATE evergrant_grants SET {assignments} WHERE revision = $15 AND fencing = $16 \
                     AND lease IS NOT DISTINCT FROM $17 AND intent IS NOT DISTINCT FROM $18 AND key_hash = $19"
                ))
                .await?;
            Ok(Postgres { client, key_hash, read, replace })
        })
    }

    async fn row(&self) -> Outcome<Vec<Raw>> {
        let row = self.client.query_one(&self.read, &[&self.key_hash]).await?;
        Ok((0..COLUMNS.len()).map(|n| row.try_get(n)).collect::<Result<_, _>>()?)
    }
}

impl ByHand for Postgres {
    fn read(&mut self) -> Outcome<()> {
        black_box(wait(self.row())?);
        Ok(())
    }

    fn replace(&mut self) -> Outcome<()> {
        wait(async {
            let (mut values, was) = next(&self.row().await?, Raw::increment);
            values.extend(was);
            values.push(Raw(Some(self.key_hash.clone())));
            let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(|value| value as _).collect();
            one_was_written(self.client.execute(&self.replace, &values).await?)
        })
    }
}

/// A value as PostgreSQL sends it, which it takes back in the same form.
#[derive(Clone, Debug)]
struct Raw(Option<Vec<u8>>);

impl Raw {
    /// Of a `BIGINT` that is not null.
    fn increment(&mut self) {
        let bytes = self.0.as_deref().and_then(|bytes| bytes.try_into().ok());
        let number = i64::from_be_bytes(bytes.expect("the column is a BIGINT and not null"));
        self.0 = Some((number + 1).to_be_bytes().into());
    }
}

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Raw(Some(raw.to_owned())))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Raw(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl ToSql for Raw {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let Some(bytes) = &self.0 else { return Ok(IsNull::Yes) };
        out.extend_from_slice(bytes);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// A MariaDB database, through `mysql_async`.
pub(crate) struct Mysql {
    connection: Conn,
    key_hash: Vec<u8>,
    read: String,
    replace: String,
}

impl Mysql {
    pub(crate) fn open(address: &str) -> Outcome<Self> {
        let options = OptsBuilder::from_opts(Opts::from_url(address)?).prefer_socket(false);
        wait(async {
            let mut connection = Conn::new(options).await?;
            let find = "SELECT key_hash FROM evergrant_grants WHERE subject = ?";
            let key_hash = connection.exec_first(find, (SUBJECT,)).await?;
            let (columns, assignments) = (columns(), assignments(|_| "?".to_owned()));
            Ok(Mysql {
                connection,
                key_hash: key_hash.ok_or("the store has a grant")?,
                read: format!("SELECT {columns} FROM evergrant_grants WHERE key_hash = ?"),
                replace: format!(
                    "UPDATE evergrant_grants SET {assignments} \
                     WHERE revision = ? AND fencing = ? AND lease <=> ? AND intent <=> ? AND key_hash = ?"
                ),
            })
        })
    }

    async fn row(&mut self) -> Outcome<Vec<MysqlValue>> {
        let row: Option<mysql_async::Row> =
            self.connection.exec_first(&self.read, (&self.key_hash,)).await?;
        Ok(row.ok_or("the store has a grant")?.unwrap())
    }
}

impl ByHand for Mysql {
    fn read(&mut self) -> Outcome<()> {
        black_box(wait(self.row())?);
        Ok(())
    }

    fn replace(&mut self) -> Outcome<()> {
        wait(async {
            let (mut values, was) = next(&self.row().await?, |value| {
                if let MysqlValue::Int(number) = value {
                    *number += 1;
                }
            });
            values.extend(was);
            values.push(self.key_hash.clone().into());
            self.connection.exec_drop(&self.replace, Params::Positional(values)).await?;
            one_was_written(self.connection.affected_rows())
        })
    }
}

/// A Redis server, through `redis`, with the script of the store.
pub(crate) struct Redis {
    connection: MultiplexedConnection,
    name: String,
    /// The key of the grant, and those of the indexes.
    keys: [String; 6],
    script: String,
}

impl Redis {
    pub(crate) fn open(address: &str) -> Outcome<Self> {
        let client = redis::Client::open(address)?;
        wait(async {
            // Time is not limited: a slow disk is to be measured, too.
            let config = AsyncConnectionConfig::new().set_response_timeout(None);
            let mut connection =
                client.get_multiplexed_async_connection_with_config(&config).await?;
            let script = redis::cmd("SCRIPT")
                .arg("LOAD")
                .arg(include_str!("../../../../core/src/store/redis/replace.lua"))
                .query_async(&mut connection)
                .await?;
            let key = |name: &str| format!("evergrant:{name}");
            let names: Vec<String> = redis::cmd("ZRANGE")
                .arg(key("grants"))
                .arg(0)
                .arg(-1)
                .query_async(&mut connection)
                .await?;
            for name in names {
                let grant = key(&format!("grant:{name}"));
                let mut command = redis::cmd("HGET");
                command.arg(&grant).arg("subject");
                let subject: String = command.query_async(&mut connection).await?;
                if subject == SUBJECT {
                    let [grants, tombstones, expiry, keepalive, needs_consent] =
                        ["grants", "tombstones", "expiry", "keepalive", "needs_consent"].map(key);
                    let keys = [grant, grants, tombstones, expiry, keepalive, needs_consent];
                    return Ok(Redis { connection, name, keys, script });
                }
            }
            Err("the store has a grant".into())
        })
    }

    async fn row(&mut self) -> Outcome<Vec<String>> {
        let mut command = redis::cmd("HMGET");
        command.arg(&self.keys[0]).arg(&COLUMNS);
        Ok(command.query_async(&mut self.connection).await?)
    }
}

impl ByHand for Redis {
    fn read(&mut self) -> Outcome<()> {
        black_box(wait(self.row())?);
        Ok(())
    }

    fn replace(&mut self) -> Outcome<()> {
        wait(async {
            let (values, was) = next(&self.row().await?, |value| {
                let number: u64 = value.parse().expect("the field is a number");
                *value = (number + 1).to_string();
            });
            let scores = ["0", "", &values[EXPIRES_AT], &values[KEEPALIVE_AT], ""];
            let mut command = redis::cmd("EVALSHA");
            command.arg(&self.script).arg(self.keys.len()).arg(&self.keys);
            command.arg(&self.name).arg("").arg(&was).arg(&scores);
            for field in COLUMNS.iter().zip(&values) {
                command.arg(field);
            }
            one_was_written(command.query_async(&mut self.connection).await?)
        })
    }
}
