//! What stands in a file: one line of JSON with all that is clear, and after it the record's text as it is.
//!
//! What a newer version adds to the line survives a rewrite, and `min_reader` says who may no longer read.

use super::folder::{FORMAT, MIN_READER};
use crate::clock::UnixMillis;
use crate::store::GrantKey;
use crate::store::row::{Header, Row};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The first line.
#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    version: Version,
    client: String,
    subject: String,
    slot: String,
    #[serde(flatten)]
    header: Header,
    lease: Option<String>,
    fencing: u64,
    intent: Option<String>,
    /// How long the record's text is; a file that was cut off has less.
    record_bytes: usize,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// The version of what stands in a file.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Version {
    format: u32,
    min_reader: u32,
}

impl Version {
    /// What this version makes of it by writing.
    fn rewritten(self) -> Self {
        Version { format: self.format.max(FORMAT), min_reader: self.min_reader.max(MIN_READER) }
    }
}

impl Default for Version {
    fn default() -> Self {
        Version { format: FORMAT, min_reader: MIN_READER }
    }
}

/// Why a file cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unread {
    Damaged,
    NewerFormat { format: u32, min_reader: u32 },
}

/// A grant as it stands in a file.
pub(super) struct Document {
    pub(super) key: GrantKey,
    pub(super) row: Row,
    version: Version,
    unknown: Map<String, Value>,
}

impl Document {
    pub(super) fn new(key: &GrantKey, row: &Row) -> Self {
        Document {
            key: key.clone(),
            row: row.clone(),
            version: Version::default(),
            unknown: Map::new(),
        }
    }

    /// The same file with another row.
    pub(super) fn with_row(self, row: &Row) -> Self {
        Document { row: row.clone(), version: self.version.rewritten(), ..self }
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Unread> {
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or(Unread::Damaged)?;
        let (line, record) = (&bytes[..end], &bytes[end + 1..]);
        let line: Line = parsed(line)?;
        let record = std::str::from_utf8(record).map_err(|_| Unread::Damaged)?;
        if record.len() != line.record_bytes {
            return Err(Unread::Damaged);
        }
        Ok(Document {
            key: GrantKey { client: line.client, subject: line.subject, slot: line.slot },
            row: Row {
                header: line.header,
                record: record.into(),
                lease: line.lease,
                fencing: line.fencing,
                intent: line.intent,
            },
            version: line.version,
            unknown: line.unknown,
        })
    }

    pub(super) fn bytes(self) -> Vec<u8> {
        let (key, row) = (self.key, self.row);
        let line = Line {
            version: self.version,
            client: key.client,
            subject: key.subject,
            slot: key.slot,
            header: row.header,
            lease: row.lease,
            fencing: row.fencing,
            intent: row.intent,
            record_bytes: row.record.expose().len(),
            unknown: self.unknown,
        };
        let mut bytes = serde_json::to_vec(&line).expect("the line is plain data");
        bytes.push(b'\n');
        bytes.extend_from_slice(row.record.expose().as_bytes());
        bytes
    }
}

/// An authorization transaction as it stands in a file.
#[derive(Serialize, Deserialize)]
pub(super) struct Transaction {
    #[serde(flatten)]
    version: Version,
    pub(super) state: String,
    /// None once it was given out.
    pub(super) document: Option<String>,
    pub(super) result: Option<String>,
    pub(super) expires_at: UnixMillis,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

impl Transaction {
    pub(super) fn new(state: &str, document: &str, expires_at: UnixMillis) -> Self {
        Transaction {
            version: Version::default(),
            state: state.to_owned(),
            document: Some(document.to_owned()),
            result: None,
            expires_at,
            unknown: Map::new(),
        }
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Unread> {
        parsed(bytes)
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a transaction is plain data")
    }
}

/// Reads JSON whose version may be one that this version does not know.
fn parsed<T: DeserializeOwned>(json: &[u8]) -> Result<T, Unread> {
    let Version { format, min_reader } =
        serde_json::from_slice(json).map_err(|_| Unread::Damaged)?;
    if min_reader > FORMAT {
        return Err(Unread::NewerFormat { format, min_reader });
    }
    serde_json::from_slice(json).map_err(|_| Unread::Damaged)
}
