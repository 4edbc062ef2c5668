//! One grant as a database keeps it: clear columns that hold no secret, the record's text, and lease and intent beside it.

use super::lease::{LeaseRow, StoreTime};
use super::{GrantKey, Record, Status};
use crate::clock::UnixMillis;
use crate::error::{Code, Error, Result};
use crate::secret::Secret;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What can be told of a record without opening it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) grant_id: String,
    pub(crate) generation: u64,
    pub(crate) revision: u64,
    pub(crate) status: Status,
    /// When the grant's own access token was obtained, and until when it is valid.
    pub(crate) obtained_at: Option<UnixMillis>,
    pub(crate) expires_at: Option<UnixMillis>,
    /// When disuse would let the refresh token die.
    pub(crate) keepalive_at: Option<UnixMillis>,
    /// No renewal is tried before this.
    pub(crate) retry_at: Option<UnixMillis>,
    /// Whether there is something to renew with.
    pub(crate) renewable: bool,
    pub(crate) updated_at: UnixMillis,
}

impl Header {
    pub(crate) fn of(record: &Record) -> Self {
        let access = record.access();
        Header {
            grant_id: record.grant_id.clone(),
            generation: record.generation,
            revision: record.revision,
            status: record.status,
            obtained_at: access.map(|access| access.obtained_at),
            // Without an access token one is due at once.
            expires_at: access.map_or(Some(0), |access| access.expires_at),
            keepalive_at: record.keepalive_at,
            retry_at: record.retry.as_ref().map(|retry| retry.not_before),
            renewable: record.refresh_token().is_some(),
            updated_at: record.updated_at,
        }
    }

    pub(crate) fn is_tombstone(&self) -> bool {
        self.status == Status::Tombstone
    }
}

/// One row. Lease and intent are texts as they were read: a row is compared, not understood, by the database that keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) header: Header,
    pub(crate) record: Secret,
    pub(crate) lease: Option<String>,
    pub(crate) fencing: u64,
    pub(crate) intent: Option<String>,
}

impl Row {
    /// A new grant's row: nobody has the lease.
    pub(crate) fn new(record: &Record, text: Secret) -> Self {
        Row { header: Header::of(record), record: text, lease: None, fencing: 0, intent: None }
    }

    pub(crate) fn lease_row(&self) -> Result<LeaseRow> {
        Ok(LeaseRow {
            lease: parsed(self.lease.as_deref(), "lease")?,
            fencing: self.fencing,
            intent: parsed(self.intent.as_deref(), "intent")?,
        })
    }

    pub(crate) fn with_lease_row(&self, lease: &LeaseRow) -> Self {
        Row {
            lease: lease.lease.as_ref().map(text),
            fencing: lease.fencing,
            intent: lease.intent.as_ref().map(text),
            ..self.clone()
        }
    }

    pub(crate) fn with_record(self, record: &Record, text: Secret) -> Self {
        Row { header: Header::of(record), record: text, ..self }
    }
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("a lease and an intent are plain data")
}

fn parsed<T: DeserializeOwned>(text: Option<&str>, what: &str) -> Result<Option<T>> {
    text.map(serde_json::from_str).transpose().map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        Error::new(
            Code::Store,
            format!("the token store gave a {what} that cannot be read ({place})"),
        )
        .with_reason("unreadable")
    })
}

/// What a database gave, and its time when it did.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) row: Option<Row>,
    pub(crate) now: StoreTime,
}

/// Which rows are wanted, a page at a time.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// Of this client registration; of all when absent.
    pub(crate) client: Option<String>,
    pub(crate) wanted: Wanted,
    /// Only what comes after this key in the store's own order.
    pub(crate) after: Option<GrantKey>,
    /// How many at most; fewer mean that there are no more.
    pub(crate) limit: usize,
}

/// By what rows are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Grants; tombstones are none.
    Grants,
    /// Active grants that can be renewed and whose access token ends, or whose keep-alive is due, by these times; and grants
    /// whose revocation is not done.
    Due { expires_by: UnixMillis, keepalive_by: UnixMillis },
    /// Grants whose user has to consent again.
    NeedsConsent,
    /// Tombstones last written before this time.
    Tombstones { before: UnixMillis },
}

impl Wanted {
    /// The choice where a database does not make it.
    pub(crate) fn includes(self, header: &Header) -> bool {
        let by = |time: Option<UnixMillis>, limit| time.is_some_and(|time| time <= limit);
        match self {
            Wanted::Grants => !header.is_tombstone(),
            Wanted::Due { expires_by, keepalive_by } => {
                let is_due =
                    by(header.expires_at, expires_by) || by(header.keepalive_at, keepalive_by);
                header.status == Status::Revoking
                    || header.status == Status::Active && header.renewable && is_due
            }
            Wanted::NeedsConsent => header.status == Status::NeedsConsent,
            Wanted::Tombstones { before } => header.is_tombstone() && header.updated_at < before,
        }
    }
}

/// A row of a page; its record is opened only by who needs it.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) key: GrantKey,
    pub(crate) header: Header,
    pub(crate) record: Secret,
}
