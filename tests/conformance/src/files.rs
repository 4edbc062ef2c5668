//! What a case does to files behind the testee's back: junk where a database should be, modes, other schemas, locks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::{Metadata, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Arguments of `file.write`: text, or bytes as Base64.
#[derive(Deserialize)]
pub(crate) struct WriteFile {
    path: PathBuf,
    #[serde(default)]
    text: String,
    base64: Option<String>,
}

pub(crate) fn write(arguments: &WriteFile) -> Result<Value, String> {
    let bytes = match &arguments.base64 {
        Some(encoded) => STANDARD.decode(encoded).map_err(|error| format!("base64: {error}"))?,
        None => arguments.text.clone().into_bytes(),
    };
    std::fs::write(&arguments.path, bytes).map_err(|error| failed(&arguments.path, &error))?;
    Ok(Value::Null)
}

/// Arguments of `file.mode`: the new mode as octal text, or none to look.
#[derive(Deserialize)]
pub(crate) struct Mode {
    path: PathBuf,
    set: Option<String>,
}

/// Sets or looks at a file's mode; gives it as octal text, such as `600`.
pub(crate) fn mode(arguments: &Mode) -> Result<Value, String> {
    if let Some(octal) = &arguments.set {
        let mode =
            u32::from_str_radix(octal, 8).map_err(|error| format!("set = {octal:?}: {error}"))?;
        std::fs::set_permissions(&arguments.path, Permissions::from_mode(mode))
            .map_err(|error| failed(&arguments.path, &error))?;
    }
    let metadata: Metadata =
        std::fs::metadata(&arguments.path).map_err(|error| failed(&arguments.path, &error))?;
    Ok(json!(format!("{:o}", metadata.permissions().mode() & 0o777)))
}

/// The SHA-256 of a file, to show that nobody wrote it.
pub(crate) fn hash(path: &Path) -> Result<Value, String> {
    let bytes = std::fs::read(path).map_err(|error| failed(path, &error))?;
    let mut hex = String::new();
    for byte in Sha256::digest(bytes) {
        write!(hex, "{byte:02x}").expect("writing to a String succeeds");
    }
    Ok(Value::String(hex))
}

fn failed(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// Arguments of `sqlite.execute` and `sqlite.query`.
#[derive(Deserialize)]
pub(crate) struct Sql {
    path: PathBuf,
    sql: String,
}

pub(crate) fn execute(arguments: &Sql) -> Result<Value, String> {
    let run = || Connection::open(&arguments.path)?.execute_batch(&arguments.sql);
    run().map_err(|error| error.to_string())?;
    Ok(Value::Null)
}

/// The rows of a query, each as a list.
pub(crate) fn query(arguments: &Sql) -> Result<Value, String> {
    let run = || -> rusqlite::Result<Vec<Value>> {
        let connection = Connection::open(&arguments.path)?;
        let mut statement = connection.prepare(&arguments.sql)?;
        let columns = statement.column_count();
        statement.query_map([], |row| row_values(row, columns))?.collect()
    };
    run().map(Value::Array).map_err(|error| error.to_string())
}

fn row_values(row: &Row<'_>, columns: usize) -> rusqlite::Result<Value> {
    (0..columns)
        .map(|column| {
            Ok(match row.get_ref(column)? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => json!(number),
                ValueRef::Real(number) => json!(number),
                ValueRef::Text(text) => json!(String::from_utf8_lossy(text)),
                ValueRef::Blob(bytes) => json!(STANDARD.encode(bytes)),
            })
        })
        .collect()
}

/// Holds the database's write lock until it is dropped, as another program in the middle of a long transaction does.
pub(crate) struct Lock {
    _connection: Connection,
}

impl Lock {
    pub(crate) fn take(path: &Path) -> Result<Self, String> {
        let run = || {
            let connection = Connection::open(path)?;
            connection.execute_batch("BEGIN IMMEDIATE")?;
            Ok(Lock { _connection: connection })
        };
        run().map_err(|error: rusqlite::Error| error.to_string())
    }
}
