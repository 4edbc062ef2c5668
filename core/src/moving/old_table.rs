//! The table `oauth_session` of the PHP classes `oauth_client_class` and `database_oauth_client_class` (oauth-api of
//! phpclasses.org): read, never written.
//!
//! Its columns became more with time (`access_token_response` last, `user` and `refresh_token` before it), and some of those
//! who use it gave it further ones: columns are found by their names. Times in it are UTC.

use super::unreadable;
use crate::clock::from_iso;
use crate::error::{Code, Error, Result};
use crate::process::on_runtime;
use crate::secret::Secret;
use crate::store::{OtherDatabase, OtherTable};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// One row: what a user once allowed, or did not get around to.
#[derive(Debug)]
pub struct OldSession {
    /// The number of the row.
    pub id: String,
    /// The application's number of the user; `session:ID` for a row that names none.
    pub subject: String,
    /// The name of the provider, as the class knows it.
    pub server: String,
    /// The document to give to [`PutTokens`](crate::PutTokens), or why there is no grant in the row.
    pub document: std::result::Result<Secret, &'static str>,
}

/// Where the old table is.
#[derive(Debug)]
pub struct OldTable {
    database: Database,
    name: String,
}

#[derive(Debug)]
enum Database {
    Sqlite(PathBuf),
    Server(OtherDatabase),
}

/// The values of a row by the names of their columns, as text.
type Columns = HashMap<String, String>;

/// What has to be there; the rest came later or may be missing.
const REQUIRED: [&str; 4] = ["session", "server", "access_token", "access_token_secret"];

impl OldTable {
    /// Reads the address: `sqlite:FILE`, or that of a server as a store's (`postgres://…`, `mysql://…`).
    pub fn parse(address: &str, table: &str) -> Result<Self> {
        let invalid = |text: String| Error::new(Code::InvalidArgument, text);
        let database = match (address.strip_prefix("sqlite:"), OtherDatabase::parse(address)) {
            (Some(path), _) => Database::Sqlite(path.into()),
            (None, Ok(Some(server))) => Database::Server(server),
            (None, Err(error)) => {
                let text = error.message();
                return Err(invalid(format!(
                    "--from: {}",
                    text.strip_prefix("store: ").unwrap_or(text)
                )));
            }
            (None, Ok(None)) => {
                let text = "--from: is no address of a database that can be read; expected sqlite:FILE, postgres://… or \
                            mysql://…";
                return Err(invalid(text.to_owned()));
            }
        };
        if table.is_empty() || !table.chars().all(|c| c.is_alphanumeric() || "_.$".contains(c)) {
            return Err(invalid(format!("table: {table:?} is no name of a table")));
        }
        Ok(OldTable { database, name: table.to_owned() })
    }

    /// All rows, in the order in which the database gives them.
    pub async fn sessions(self) -> Result<Vec<OldSession>> {
        on_runtime(async move {
            let table = match &self.database {
                Database::Sqlite(path) => read_sqlite(path, &self.name)?,
                Database::Server(server) => server.read(&self.name).await?,
            };
            if let Some(missing) =
                REQUIRED.iter().find(|name| !table.columns.iter().any(|n| n == *name))
            {
                return Err(unreadable(&format!(
                    "is no table of sessions: {} of {} has no column {missing}",
                    self.name, self.database
                )));
            }
            Ok(table.rows.into_iter().map(session).collect())
        })
        .await
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Database::Sqlite(path) => path.display().fmt(f),
            Database::Server(server) => server.fmt(f),
        }
    }
}

fn read_sqlite(path: &Path, table: &str) -> Result<OtherTable> {
    // SQLite's own words name tables and columns, never values.
    let failed = |error: rusqlite::Error| {
        let text = format!("table {table} of {} cannot be read: {error}", path.display());
        Error::new(Code::InvalidArgument, text)
    };
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
    let quoted = table.split('.').map(|part| format!("\"{part}\"")).collect::<Vec<_>>();
    let mut statement =
        connection.prepare(&format!("SELECT * FROM {}", quoted.join("."))).map_err(failed)?;
    let columns: Vec<String> = statement.column_names().map(str::to_ascii_lowercase).collect();
    let rows = statement.query_map([], |row| {
        let mut values = Columns::new();
        for (index, name) in columns.iter().enumerate() {
            if let Some(text) = text(row.get_ref(index)?) {
                values.insert(name.clone(), text);
            }
        }
        Ok(values)
    });
    let rows = rows.map_err(failed)?.collect::<rusqlite::Result<_>>().map_err(failed)?;
    Ok(OtherTable { columns, rows })
}

fn text(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            Some(String::from_utf8_lossy(bytes).into_owned())
        }
    }
}

fn session(mut columns: Columns) -> OldSession {
    // What is not known is null, empty or 0, by the version of the class.
    columns.retain(|_, text| !text.is_empty());
    let document = document(&columns);
    let mut take = |name: &str| columns.remove(name).unwrap_or_default();
    let (id, session, user) = (take("id"), take("session"), take("user"));
    let subject = match user.as_str() {
        "" | "0" if id.is_empty() => format!("session:{session}"),
        "" | "0" => format!("session:{id}"),
        _ => user,
    };
    let server = take("server");
    OldSession { id, subject, server, document }
}

fn document(columns: &Columns) -> std::result::Result<Secret, &'static str> {
    let column = |name: &str| columns.get(name).map(String::as_str);
    let Some(access_token) = column("access_token") else { return Err("the user never came back") };
    let secret = column("access_token_secret");
    match column("authorized") {
        Some("N" | "n" | "0" | "f" | "false") => return Err("the user did not authorize it"),
        // Of OAuth 1.0a temporary credentials stand in the same columns.
        None if secret.is_some() => return Err("it is not said that the user authorized it"),
        _ => {}
    }
    // What the class kept of the answer; when it came is not known, so its lifetime says nothing.
    let response = column("access_token_response").and_then(|text| serde_json::from_str(text).ok());
    let mut document: Map<String, Value> = response.unwrap_or_default();
    document.remove("expires_in");
    let mut set = |name: &str, value: Option<Value>| {
        document.extend(value.map(|value| (name.to_owned(), value)));
    };
    set("access_token", Some(json!(access_token)));
    set("token_secret", secret.map(|secret| json!(secret)));
    set("token_type", column("type").filter(|_| secret.is_none()).map(|name| json!(name)));
    set("refresh_token", column("refresh_token").map(|token| json!(token)));
    // Zero dates of MySQL are none.
    let expiry = column("expiry").and_then(from_iso).filter(|at| *at > 0);
    #[expect(clippy::cast_precision_loss, reason = "a time of this age is below 2^53")]
    set("expires_at", expiry.map(|at| json!(at as f64 / 1000.0)));
    Ok(Value::Object(document).to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::wait;

    const NEWER: &str = "CREATE TABLE oauth_session (id INTEGER PRIMARY KEY, session CHAR(32), state CHAR(32), access_token TEXT, \
        access_token_secret TEXT, expiry DATETIME, authorized CHAR(1), type CHAR(12), server CHAR(12), creation DATETIME, \
        access_token_response TEXT, refresh_token TEXT, user INTEGER)";
    const OLDER: &str = "CREATE TABLE oauth_session (id INTEGER PRIMARY KEY, session CHAR(32), state CHAR(32), access_token TEXT, \
        access_token_secret TEXT, expiry DATETIME, authorized CHAR(1), type CHAR(12), server CHAR(12), creation DATETIME)";

    fn read(statements: &[&str]) -> Result<Vec<OldSession>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.db");
        let connection = Connection::open(&path).unwrap();
        for statement in statements {
            connection.execute(statement, []).unwrap();
        }
        let address = format!("sqlite:{}", path.display());
        wait(OldTable::parse(&address, "oauth_session").unwrap().sessions())
    }

    fn value(session: &OldSession) -> Value {
        serde_json::from_str(session.document.as_ref().unwrap().expose()).unwrap()
    }

    #[test]
    fn rows_of_the_newer_schema_are_documents() {
        let sessions = read(&[
            NEWER,
            "INSERT INTO oauth_session VALUES (1, 's1', 'x', 'at', '', '2023-11-14 22:13:20', 'Y', 'Bearer', 'Google', \
             '2012-01-01 00:00:00', '{\"access_token\":\"at\",\"expires_in\":3600,\"scope\":\"a b\"}', 'rt', 7)",
            "INSERT INTO oauth_session VALUES (2, 's2', 'x', 'tok', 'sec', '0000-00-00 00:00:00', 'Y', '', 'Twitter', NULL, 'null', '', 0)",
            "INSERT INTO oauth_session VALUES (3, 's3', 'x', 'tmp', 'sec', NULL, 'N', '', 'Twitter', NULL, NULL, '', 8)",
            "INSERT INTO oauth_session VALUES (4, 's4', 'x', '', '', NULL, NULL, '', 'Google', NULL, NULL, '', NULL)",
        ])
        .unwrap();
        let names: Vec<_> = sessions.iter().map(|one| (&*one.subject, &*one.server)).collect();
        assert_eq!(
            names,
            [("7", "Google"), ("session:2", "Twitter"), ("8", "Twitter"), ("session:4", "Google")]
        );
        assert_eq!(
            value(&sessions[0]),
            json!({"access_token": "at", "scope": "a b", "token_type": "Bearer", "refresh_token": "rt", "expires_at": 1_700_000_000.0})
        );
        assert_eq!(value(&sessions[1]), json!({"access_token": "tok", "token_secret": "sec"}));
        assert!(sessions[2].document.is_err() && sessions[3].document.is_err());
        assert!(!format!("{sessions:?}").contains("at\""));
    }

    #[test]
    fn rows_of_the_older_schema_belong_to_sessions() {
        let sessions = read(&[
            OLDER,
            "INSERT INTO oauth_session VALUES (5, 's', 'x', 'at', '', NULL, 'Y', 'Bearer', 'Google', NULL)",
        ])
        .unwrap();
        assert_eq!((&*sessions[0].subject, &*sessions[0].id), ("session:5", "5"));
        assert_eq!(value(&sessions[0]), json!({"access_token": "at", "token_type": "Bearer"}));
    }

    #[test]
    fn another_table_is_refused_and_so_is_an_address_that_is_none() {
        let error = read(&["CREATE TABLE oauth_session (id INTEGER, server TEXT)"]).unwrap_err();
        assert!(error.message().contains("no column session"), "{error}");
        assert!(read(&[]).unwrap_err().message().contains("no such table"));
        assert!(OldTable::parse("mssql://h/d", "t").is_err());
        let error = OldTable::parse("postgres://u:s3cret@/d", "t").unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
        assert!(!error.message().contains("s3cret"), "{error}");
        assert!(OldTable::parse("sqlite:f", "t; DROP TABLE t").is_err());
    }
}
