//! What the SQL stores say alike: names of tables and columns, the statements over them, and how a row is written and read.
//!
//! A row is replaced only where it is still as it was read: `revision`, `fencing`, `lease` and `intent` change with every
//! write, so comparing them compares the row.

use super::row::{Header, Listed, Query, Row, Wanted};
use super::{GrantKey, Status};
use crate::clock::UnixMillis;
use crate::error::{Code, Error, Result};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// The schema that this version makes and writes.
pub(super) const SCHEMA: i64 = 1;

/// The oldest schema version that a reader must know to use what this version writes.
pub(super) const MIN_READER: i64 = 1;

/// How a database writes what the standard leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
    Mysql,
}

impl Dialect {
    /// The n-th parameter, from 1.
    fn parameter(self, n: usize) -> String {
        match self {
            Dialect::Sqlite => format!("?{n}"),
            Dialect::Postgres => format!("${n}"),
            Dialect::Mysql => "?".to_owned(),
        }
    }

    /// A comparison in which null equals null.
    fn same(self, column: &str, parameter: &str) -> String {
        match self {
            Dialect::Sqlite => format!("{column} IS {parameter}"),
            Dialect::Postgres => format!("{column} IS NOT DISTINCT FROM {parameter}"),
            Dialect::Mysql => format!("{column} <=> {parameter}"),
        }
    }

    /// A text by its bytes: MySQL ignores spaces at the end of texts that it compares.
    fn bytes_of(self, column: &str) -> String {
        match self {
            Dialect::Sqlite | Dialect::Postgres => column.to_owned(),
            Dialect::Mysql => format!("CAST({column} AS BINARY)"),
        }
    }

    /// A name as the database reads it; of a table, maybe with its schema before a dot.
    pub(super) fn quoted(self, name: &str) -> String {
        let quote = if self == Dialect::Mysql { '`' } else { '"' };
        let parts: Vec<_> = name.split('.').map(|part| format!("{quote}{part}{quote}")).collect();
        parts.join(".")
    }

    /// What lets a transaction be put where one stands.
    fn or_replace_pending(self, state: &str) -> String {
        let assignments = |new: fn(&str) -> String| {
            let [document, expires_at] = ["document", "expires_at"].map(new);
            format!("document = {document}, expires_at = {expires_at}, result = NULL")
        };
        match self {
            Dialect::Sqlite | Dialect::Postgres => format!(
                " ON CONFLICT ({state}) DO UPDATE SET {}",
                assignments(|column| format!("excluded.{column}"))
            ),
            Dialect::Mysql => format!(
                " ON DUPLICATE KEY UPDATE {}",
                assignments(|column| format!("VALUES({column})"))
            ),
        }
    }

    /// Whether a row is found by a hash of its key: indexes of servers hold no names of any length.
    fn has_key_hash(self) -> bool {
        self != Dialect::Sqlite
    }

    fn column_type(self, kind: Kind) -> &'static str {
        match (kind, self) {
            (Kind::Name | Kind::Word | Kind::Note, Dialect::Sqlite) => "TEXT",
            (Kind::Name | Kind::Word | Kind::Note, Dialect::Postgres) => "TEXT COLLATE \"C\"",
            (Kind::Word, Dialect::Mysql) => {
                "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
            }
            (Kind::Name | Kind::Note, Dialect::Mysql) => {
                "MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
            }
            (Kind::Number | Kind::Flag, Dialect::Sqlite) => "INTEGER",
            (Kind::Number, _) => "BIGINT",
            (Kind::Flag, _) => "BOOLEAN",
            (Kind::Document, Dialect::Sqlite) => "BLOB",
            (Kind::Document | Kind::Hash, Dialect::Postgres) => "BYTEA",
            (Kind::Document, Dialect::Mysql) => "LONGBLOB",
            (Kind::Hash, Dialect::Sqlite | Dialect::Mysql) => "BINARY(32)",
        }
    }

    /// A text that the database can hold. PostgreSQL has no NUL in its texts: there it is written with U+FFFF, which is in no
    /// text, and U+FFFF likewise.
    fn to_text(self, text: &str) -> String {
        if self == Dialect::Postgres && text.contains(['\0', '\u{FFFF}']) {
            return text.replace('\u{FFFF}', "\u{FFFF}1").replace('\0', "\u{FFFF}0");
        }
        text.to_owned()
    }

    fn of_text(self, text: String) -> String {
        if self == Dialect::Postgres && text.contains('\u{FFFF}') {
            return text.replace("\u{FFFF}0", "\0").replace("\u{FFFF}1", "\u{FFFF}");
        }
        text
    }
}

/// What a column holds.
#[derive(Clone, Copy)]
enum Kind {
    Hash,
    Name,
    Word,
    Number,
    Flag,
    Document,
    Note,
}

/// The columns of a grant, with what they hold and whether they may be null: key, header, and the four others.
const COLUMNS: [(&str, Kind, bool); 17] = [
    ("client", Kind::Name, false),
    ("subject", Kind::Name, false),
    ("slot", Kind::Name, false),
    ("grant_id", Kind::Word, false),
    ("generation", Kind::Number, false),
    ("revision", Kind::Number, false),
    ("status", Kind::Word, false),
    ("obtained_at", Kind::Number, true),
    ("expires_at", Kind::Number, true),
    ("keepalive_at", Kind::Number, true),
    ("retry_at", Kind::Number, true),
    ("renewable", Kind::Flag, false),
    ("updated_at", Kind::Number, false),
    ("record", Kind::Document, false),
    ("lease", Kind::Note, true),
    ("fencing", Kind::Number, false),
    ("intent", Kind::Note, true),
];

const NAMES_OF_KEY: usize = 3;

/// The column by which servers find a row.
const KEY_HASH: &str = "key_hash";

/// Names of tables, and of columns of the table of grants where they are not the usual ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    pub(super) grants: String,
    pub(super) pending: String,
    pub(super) schema: String,
    pub(super) columns: BTreeMap<String, String>,
}

impl Default for Names {
    fn default() -> Self {
        Names {
            grants: "evergrant_grants".to_owned(),
            pending: "evergrant_pending".to_owned(),
            schema: "evergrant_schema".to_owned(),
            columns: BTreeMap::new(),
        }
    }
}

impl Names {
    /// Refuses what is no name, or no column. `key` is the configuration key that the error names.
    pub(super) fn checked(self) -> Result<Self> {
        let tables = [
            ("grants_table", &self.grants),
            ("pending_table", &self.pending),
            ("schema_table", &self.schema),
        ];
        for (key, name) in tables {
            if name.split('.').count() > 2 || !name.split('.').all(is_identifier) {
                return Err(no_name(&format!("store.{key}")));
            }
        }
        for (column, name) in &self.columns {
            if column != KEY_HASH && !COLUMNS.iter().any(|(known, ..)| known == column) {
                let known: Vec<_> = COLUMNS.iter().map(|(known, ..)| *known).collect();
                let text = format!(
                    "store.columns: there is no column {column:?}; expected {KEY_HASH}, {}",
                    known.join(", ")
                );
                return Err(Error::new(Code::InvalidConfig, text));
            }
            if !is_identifier(name) {
                return Err(no_name(&format!("store.columns.{column}")));
            }
        }
        Ok(self)
    }

    fn column<'a>(&'a self, name: &'a str) -> &'a str {
        self.columns.get(name).map_or(name, String::as_str)
    }
}

/// A name that every database takes, with room for the endings of index names.
fn is_identifier(name: &str) -> bool {
    let first = name.chars().next();
    name.len() <= 50
        && first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$')
}

fn no_name(key: &str) -> Error {
    let text = format!(
        "{key}: is no name that every database takes; expected at most 50 letters (A to Z), digits, _ and $, the first a \
         letter or _"
    );
    Error::new(Code::InvalidConfig, text)
}

/// What is bound to a parameter or read from a column. A flag is a number.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// Drivers write what they bind into their debug logs.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Value::Null => "null",
            Value::Integer(_) => "[number]",
            Value::Text(_) | Value::Bytes(_) => "[redacted]",
        })
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Integer(number)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Value::Integer(i64::try_from(number).expect("numbers count from 0 by one"))
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Value::Integer(flag.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Value::Bytes(bytes.to_owned())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// Values by the name of the parameter they are for.
pub(super) type Arguments = Vec<(&'static str, Value)>;

/// One statement of one database.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) sql: String,
    parameters: Vec<String>,
}

impl Statement {
    /// Reads a template, in which `:name` stands for a parameter.
    fn new(dialect: Dialect, template: &str) -> Self {
        let mut parts = template.split(':');
        let mut sql = parts.next().expect("a split gives at least one part").to_owned();
        let mut parameters: Vec<String> = Vec::new();
        for part in parts {
            let end = part.find(|c: char| !(c.is_ascii_lowercase() || c == '_'));
            let (name, rest) = part.split_at(end.unwrap_or(part.len()));
            let known = parameters.iter().position(|known| known == name);
            let at = known.filter(|_| dialect != Dialect::Mysql).unwrap_or_else(|| {
                parameters.push(name.to_owned());
                parameters.len() - 1
            });
            sql.push_str(&dialect.parameter(at + 1));
            sql.push_str(rest);
        }
        Statement { sql, parameters }
    }

    /// The values of the parameters, in their order.
    pub(super) fn values(&self, arguments: &Arguments) -> Vec<Value> {
        let value = |parameter: &String| {
            let argument = arguments.iter().find(|(name, _)| name == parameter);
            argument.expect("every parameter has an argument").1.clone()
        };
        self.parameters.iter().map(value).collect()
    }
}

/// The statements of one database.
#[derive(Clone, Debug)]
pub(super) struct Statements {
    dialect: Dialect,
    /// The key in; where there is a server its time, then header, record, lease, fencing and intent out.
    pub(super) read: Statement,
    /// Key and row.
    pub(super) insert: Statement,
    /// Key and row, and the row as it was.
    pub(super) replace: Statement,
    /// As `replace`, and tells those who wait for it.
    pub(super) replace_and_tell: Statement,
    /// Key, and the row as it was.
    pub(super) remove: Statement,
    page_of_grants: Statement,
    page_of_due: Statement,
    page_of_consents: Statement,
    page_of_tombstones: Statement,
    pub(super) drop_pending: Statement,
    pub(super) put_pending: Statement,
    /// State and now; document (none: it was taken) and result out.
    pub(super) read_pending: Statement,
    pub(super) take_pending: Statement,
    pub(super) settle_pending: Statement,
}

impl Statements {
    pub(super) fn new(dialect: Dialect, names: &Names) -> Self {
        let statement = |template: &str| Statement::new(dialect, template);
        let table = dialect.quoted(&names.grants);
        let pending = dialect.quoted(&names.pending);
        let column = |name: &str| dialect.quoted(names.column(name));
        let list = |columns: &[(&str, Kind, bool)]| {
            let names: Vec<_> = columns.iter().map(|(name, ..)| column(name)).collect();
            names.join(", ")
        };
        let row = &COLUMNS[NAMES_OF_KEY..];
        let (header, row_list) = (list(&row[..10]), list(row));
        let key = if dialect.has_key_hash() {
            format!("{} = :key", column(KEY_HASH))
        } else {
            "client = :client AND subject = :subject AND slot = :slot"
                .split(" AND ")
                .map(|part| part.split_once(' ').expect("each part compares"))
                .map(|(name, rest)| format!("{} {rest}", column(name)))
                .collect::<Vec<_>>()
                .join(" AND ")
        };
        let assignments: Vec<_> =
            row.iter().map(|(name, ..)| format!("{} = :{name}", column(name))).collect();
        let as_it_was = format!(
            "{} = :was_revision AND {} = :was_fencing AND {} AND {}",
            column("revision"),
            column("fencing"),
            dialect.same(&column("lease"), ":was_lease"),
            dialect.same(&column("intent"), ":was_intent"),
        );
        let replace =
            format!("UPDATE {table} SET {} WHERE {key} AND {as_it_was}", assignments.join(", "));
        let (order, after) = if dialect.has_key_hash() {
            (column(KEY_HASH), ":after".to_owned())
        } else {
            (
                list(&COLUMNS[..NAMES_OF_KEY]),
                ":after_client, :after_subject, :after_slot".to_owned(),
            )
        };
        let page = |chosen: &str| {
            let client = dialect.bytes_of(&column("client"));
            statement(&format!(
                "SELECT {}, {header}, {} FROM {table} WHERE {client} = COALESCE(:of_client, {client}) \
                 AND ({order}) > ({after}) AND {chosen} ORDER BY {order} LIMIT :limit",
                list(&COLUMNS[..NAMES_OF_KEY]),
                column("record"),
            ))
        };
        let (status, state) = (
            column("status"),
            dialect.quoted(if dialect.has_key_hash() { "state_hash" } else { "state" }),
        );
        Statements {
            dialect,
            read: statement(&match dialect.now() {
                None => format!("SELECT {row_list} FROM {table} WHERE {key}"),
                // The time comes where there is no row, too.
                Some(now) => format!(
                    "SELECT evergrant_clock.evergrant_now, {row_list} FROM (SELECT {now} AS evergrant_now) AS \
                     evergrant_clock LEFT JOIN {table} ON {key}"
                ),
            }),
            insert: statement(&insert(dialect, &table, &column)),
            replace_and_tell: statement(&if dialect == Dialect::Postgres {
                format!(
                    "WITH written AS ({replace} RETURNING 1) SELECT pg_notify('{CHANNEL}', :told) FROM written"
                )
            } else {
                replace.clone()
            }),
            replace: statement(&replace),
            remove: statement(&format!("DELETE FROM {table} WHERE {key} AND {as_it_was}")),
            page_of_grants: page(&format!("{status} <> 'tombstone'")),
            page_of_due: page(&format!(
                "({status} = 'revoking' OR {status} = 'active' AND {} AND ({} <= :expires_by OR {} <= :keepalive_by))",
                column("renewable"),
                column("expires_at"),
                column("keepalive_at"),
            )),
            page_of_consents: page(&format!("{status} = 'needs_consent'")),
            page_of_tombstones: page(&format!(
                "{status} = 'tombstone' AND {} < :before",
                column("updated_at")
            )),
            drop_pending: statement(&format!("DELETE FROM {pending} WHERE expires_at <= :now")),
            put_pending: statement(&format!(
                "INSERT INTO {pending} ({state}, document, expires_at) VALUES (:state, :document, :expires_at){}",
                dialect.or_replace_pending(&state)
            )),
            read_pending: statement(&format!(
                "SELECT document, result FROM {pending} WHERE {state} = :state AND expires_at > :now"
            )),
            take_pending: statement(&format!(
                "UPDATE {pending} SET document = NULL WHERE {state} = :state AND document IS NOT NULL"
            )),
            settle_pending: statement(&format!(
                "UPDATE {pending} SET result = :result WHERE {state} = :state"
            )),
        }
    }

    /// The statement that gives a page, and its arguments.
    pub(super) fn page(&self, query: &Query) -> (&Statement, Arguments) {
        let mut arguments = vec![
            (
                "of_client",
                query.client.as_deref().map(|client| self.dialect.to_text(client)).into(),
            ),
            ("limit", i64::try_from(query.limit).unwrap_or(i64::MAX).into()),
        ];
        if self.dialect.has_key_hash() {
            let after = query.after.as_ref().map(|key| key_hash(key).to_vec());
            arguments.push(("after", Value::Bytes(after.unwrap_or_default())));
        } else {
            let (client, subject, slot) = match &query.after {
                Some(key) => (key.client.as_str(), key.subject.as_str(), key.slot.as_str()),
                None => ("", "", ""),
            };
            arguments.extend([
                ("after_client", client.into()),
                ("after_subject", subject.into()),
                ("after_slot", slot.into()),
            ]);
        }
        let statement = match query.wanted {
            Wanted::Grants => &self.page_of_grants,
            Wanted::Due { expires_by, keepalive_by } => {
                arguments.push(("expires_by", expires_by.into()));
                arguments.push(("keepalive_by", keepalive_by.into()));
                &self.page_of_due
            }
            Wanted::NeedsConsent => &self.page_of_consents,
            Wanted::Tombstones { before } => {
                arguments.push(("before", before.into()));
                &self.page_of_tombstones
            }
        };
        (statement, arguments)
    }

    pub(super) fn key(&self, key: &GrantKey) -> Arguments {
        let text = |name: &str| self.dialect.to_text(name).into();
        let mut arguments = vec![
            ("client", text(&key.client)),
            ("subject", text(&key.subject)),
            ("slot", text(&key.slot)),
        ];
        if self.dialect.has_key_hash() {
            let hash = key_hash(key);
            arguments.push(("key", hash[..].into()));
            arguments.push(("told", told(key).into()));
        }
        arguments
    }

    /// The key of a transaction.
    pub(super) fn state(&self, state: &str) -> Arguments {
        let value = if self.dialect.has_key_hash() {
            Sha256::digest(state)[..].into()
        } else {
            state.into()
        };
        vec![("state", value)]
    }

    pub(super) fn listed(&self, values: Vec<Value>) -> Result<Listed> {
        let mut values = Values::new(values);
        let mut name = || values.text().map(|text| self.dialect.of_text(text));
        let key = GrantKey { client: name()?, subject: name()?, slot: name()? };
        Ok(Listed { key, header: values.header()?, record: values.text()?.into() })
    }
}

fn insert(dialect: Dialect, table: &str, column: &impl Fn(&str) -> String) -> String {
    let mut columns: Vec<_> = COLUMNS.iter().map(|(name, ..)| column(name)).collect();
    let mut values: Vec<_> = COLUMNS.iter().map(|(name, ..)| format!(":{name}")).collect();
    if dialect.has_key_hash() {
        columns.push(column(KEY_HASH));
        values.push(":key".to_owned());
    }
    // MySQL's `INSERT IGNORE` ignores more than a row that stands: there it is an error that is understood.
    let unless_there = if dialect == Dialect::Mysql { "" } else { " ON CONFLICT DO NOTHING" };
    let (columns, values) = (columns.join(", "), values.join(", "));
    format!("INSERT INTO {table} ({columns}) VALUES ({values}){unless_there}")
}

impl Dialect {
    /// The server's time in Unix milliseconds.
    fn now(self) -> Option<&'static str> {
        match self {
            Dialect::Sqlite => None,
            Dialect::Postgres => {
                Some("CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)")
            }
            Dialect::Mysql => Some("CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)"),
        }
    }
}

/// The channel on which PostgreSQL tells that a row was written.
pub(super) const CHANNEL: &str = "evergrant";

/// What it tells: which row it was.
pub(super) fn told(key: &GrantKey) -> String {
    key_hash(key)[..16].iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes all that is written to it");
        text
    })
}

/// Stands for a key in an index, whatever its length.
fn key_hash(key: &GrantKey) -> [u8; 32] {
    let mut hash = Sha256::new();
    for name in [&key.client, &key.subject, &key.slot] {
        hash.update((name.len() as u64).to_be_bytes());
        hash.update(name);
    }
    hash.finalize().into()
}

pub(super) fn row_arguments(row: &Row) -> Arguments {
    let header = &row.header;
    vec![
        ("grant_id", header.grant_id.as_str().into()),
        ("generation", header.generation.into()),
        ("revision", header.revision.into()),
        ("status", header.status.as_str().into()),
        ("obtained_at", header.obtained_at.into()),
        ("expires_at", header.expires_at.into()),
        ("keepalive_at", header.keepalive_at.into()),
        ("retry_at", header.retry_at.into()),
        ("renewable", header.renewable.into()),
        ("updated_at", header.updated_at.into()),
        ("record", row.record.expose().as_bytes().into()),
        ("lease", row.lease.as_deref().into()),
        ("fencing", row.fencing.into()),
        ("intent", row.intent.as_deref().into()),
    ]
}

/// By what a row is known to be still as it was.
pub(super) fn as_it_was(row: &Row) -> Arguments {
    vec![
        ("was_revision", row.header.revision.into()),
        ("was_fencing", row.fencing.into()),
        ("was_lease", row.lease.as_deref().into()),
        ("was_intent", row.intent.as_deref().into()),
    ]
}

/// The values of one row, taken from the left.
pub(super) struct Values(std::vec::IntoIter<Value>);

impl Values {
    pub(super) fn new(values: Vec<Value>) -> Self {
        Values(values.into_iter())
    }

    /// Header, record, lease, fencing and intent; none where all of them are null.
    pub(super) fn row(mut self) -> Result<Option<Row>> {
        if self.0.as_slice().first() == Some(&Value::Null) {
            return Ok(None);
        }
        Ok(Some(Row {
            header: self.header()?,
            record: self.text()?.into(),
            lease: self.optional_text()?,
            fencing: self.number()?,
            intent: self.optional_text()?,
        }))
    }

    fn header(&mut self) -> Result<Header> {
        Ok(Header {
            grant_id: self.text()?,
            generation: self.number()?,
            revision: self.number()?,
            status: Status::parse(&self.text()?).ok_or_else(|| unreadable("a status"))?,
            obtained_at: self.time()?,
            expires_at: self.time()?,
            keepalive_at: self.time()?,
            retry_at: self.time()?,
            renewable: self.integer()? != 0,
            updated_at: self.integer()?,
        })
    }

    pub(super) fn text(&mut self) -> Result<String> {
        self.optional_text()?.ok_or_else(|| unreadable("a text"))
    }

    /// A text, also where it is kept as bytes.
    pub(super) fn optional_text(&mut self) -> Result<Option<String>> {
        match self.0.next() {
            Some(Value::Null) => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Bytes(bytes)) => {
                String::from_utf8(bytes).map(Some).map_err(|_| unreadable("a text"))
            }
            _ => Err(unreadable("a text")),
        }
    }

    pub(super) fn integer(&mut self) -> Result<i64> {
        self.time()?.ok_or_else(|| unreadable("a number"))
    }

    fn number(&mut self) -> Result<u64> {
        u64::try_from(self.integer()?).map_err(|_| unreadable("a number"))
    }

    fn time(&mut self) -> Result<Option<UnixMillis>> {
        match self.0.next() {
            Some(Value::Null) => Ok(None),
            Some(Value::Integer(number)) => Ok(Some(number)),
            _ => Err(unreadable("a number")),
        }
    }
}

fn unreadable(what: &str) -> Error {
    let text = format!("the token store gave a row in which {what} cannot be read");
    Error::new(Code::Store, text).with_reason("unreadable")
}

/// The SQL that makes schema 1, 2, … of the one before: additive within a major version, so that older readers go on working.
/// The first begins with the table that says which schema it is.
pub(super) fn migrations(dialect: Dialect, names: &Names) -> Vec<Vec<String>> {
    vec![first_schema(dialect, names)]
}

fn first_schema(dialect: Dialect, names: &Names) -> Vec<String> {
    let number = dialect.column_type(Kind::Number);
    let [schema, grants, pending] =
        [&names.schema, &names.grants, &names.pending].map(|name| dialect.quoted(name));
    let column = |name: &str| dialect.quoted(names.column(name));
    // Only MySQL keeps half of what was interrupted, and goes on from there.
    let create =
        if dialect == Dialect::Mysql { "CREATE TABLE IF NOT EXISTS" } else { "CREATE TABLE" };
    let mut lines = Vec::new();
    if dialect.has_key_hash() {
        let hash = dialect.column_type(Kind::Hash);
        lines.push(format!("{} {hash} NOT NULL PRIMARY KEY", column(KEY_HASH)));
    }
    for (name, kind, may_be_null) in COLUMNS {
        let not_null = if may_be_null { "" } else { " NOT NULL" };
        let default = if name == "fencing" { " DEFAULT 0" } else { "" };
        lines.push(format!("{} {}{not_null}{default}", column(name), dialect.column_type(kind)));
    }
    let base = names.grants.rsplit('.').next().expect("a split gives at least one part");
    let indexes = [("expiry", "expires_at"), ("keepalive", "keepalive_at")]
        .map(|(name, key)| (dialect.quoted(&format!("{base}_{name}")), column(key)));
    let (state, state_type, document, note) = (
        if dialect.has_key_hash() { "state_hash" } else { "state" },
        dialect.column_type(if dialect.has_key_hash() { Kind::Hash } else { Kind::Name }),
        dialect.column_type(Kind::Document),
        dialect.column_type(Kind::Note),
    );
    let options = match dialect {
        Dialect::Sqlite => {
            let key = ["client", "subject", "slot"].map(column).join(", ");
            lines.push(format!("PRIMARY KEY ({key})"));
            " WITHOUT ROWID"
        }
        Dialect::Postgres => "",
        Dialect::Mysql => {
            lines.extend(indexes.iter().map(|(name, key)| format!("KEY {name} ({key})")));
            " ENGINE=InnoDB"
        }
    };
    let lines = lines.join(",\n    ");
    let mut statements = vec![
        format!("{create} {schema} (version {number} NOT NULL, min_reader {number} NOT NULL)"),
        format!(
            "INSERT INTO {schema} (version, min_reader) SELECT 0, 0 WHERE NOT EXISTS (SELECT * FROM {schema})"
        ),
        format!("{create} {grants} (\n    {lines}\n){options}"),
        format!(
            "{create} {pending} (\n    {state} {state_type} NOT NULL PRIMARY KEY,\n    document {document},\n    \
             result {note},\n    expires_at {number} NOT NULL\n){options}"
        ),
    ];
    if dialect != Dialect::Mysql {
        let index = |(name, key)| format!("CREATE INDEX {name} ON {grants} ({key})");
        statements.extend(indexes.into_iter().map(index));
    }
    if dialect == Dialect::Mysql {
        statements[1] = statements[1].replace("SELECT 0, 0 WHERE", "SELECT 0, 0 FROM DUAL WHERE");
    }
    statements
}

/// Notes which schema there is now. `min_reader` rises only where somebody said that it may.
pub(super) fn note_schema(dialect: Dialect, names: &Names, min_reader: Option<i64>) -> String {
    let schema = dialect.quoted(&names.schema);
    let min_reader = min_reader.map_or(Cow::Borrowed(""), |min_reader| {
        format!(", min_reader = CASE WHEN min_reader < {min_reader} THEN {min_reader} ELSE min_reader END").into()
    });
    format!("UPDATE {schema} SET version = {SCHEMA}{min_reader} WHERE version <= {SCHEMA}")
}

/// All SQL that makes the tables, for people who make them by their own means.
pub(super) fn script(dialect: Dialect, names: &Names) -> String {
    let mut script = String::new();
    let last = note_schema(dialect, names, Some(MIN_READER));
    for statement in migrations(dialect, names).iter().flatten().chain([&last]) {
        script.push_str(statement);
        script.push_str(";\n");
    }
    script
}

/// The schema that a database says it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SchemaVersion {
    pub(crate) version: i64,
    pub(crate) min_reader: i64,
}

impl SchemaVersion {
    pub(super) fn statement(dialect: Dialect, names: &Names) -> String {
        format!("SELECT version, min_reader FROM {}", dialect.quoted(&names.schema))
    }

    /// What is wrong where this version cannot read it.
    pub(super) fn refusal(self) -> Option<String> {
        let SchemaVersion { version, min_reader } = self;
        (min_reader > SCHEMA).then(|| {
            format!(
                "has schema {version}, which needs a reader of schema {min_reader}; this version reads schema {SCHEMA}"
            )
        })
    }

    /// How many of the migrations are done.
    pub(super) fn done(self) -> usize {
        usize::try_from(self.version).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_that_is_said_twice_is_one_where_parameters_have_numbers() {
        let values = |dialect| {
            let statement = Statement::new(dialect, "SELECT :a, :b_c, :a");
            (
                statement.sql.clone(),
                statement.values(&vec![("b_c", 2_i64.into()), ("a", 1_i64.into())]).len(),
            )
        };
        assert_eq!(values(Dialect::Postgres), ("SELECT $1, $2, $1".to_owned(), 2));
        assert_eq!(values(Dialect::Mysql), ("SELECT ?, ?, ?".to_owned(), 3));
    }

    #[test]
    fn a_name_with_nul_survives_a_database_that_has_none_in_texts() {
        for name in ["", "a\0b", "\u{FFFF}0", "\u{FFFF}\0\u{FFFF}1", "DOMAIN\\user\\0"] {
            let kept = Dialect::Postgres.to_text(name);
            assert!(!kept.contains('\0'));
            assert_eq!(Dialect::Postgres.of_text(kept), name);
        }
    }

    #[test]
    fn a_table_name_that_could_be_more_than_a_name_is_refused() {
        for name in ["", "x; DROP TABLE y", "a.b.c", "a\"b", "é", "1a", &"x".repeat(51)] {
            let names = Names { grants: name.to_owned(), ..Names::default() };
            assert_eq!(names.checked().unwrap_err().code(), Code::InvalidConfig, "{name}");
        }
        let columns = BTreeMap::from([("sbject".to_owned(), "user".to_owned())]);
        let error = Names { columns, ..Names::default() }.checked().unwrap_err();
        assert!(error.message().contains("subject"), "{error}");
    }
}
