//! A record as the text that a store keeps. The text says by itself what it is, so that one store may hold both kinds.

use super::{GrantKey, Record};
use crate::error::{Code, Error, Result};
use crate::secret::Secret;

/// Makes texts of records and records of texts.
#[derive(Debug, Default)]
pub(crate) struct Codec {}

impl Codec {
    /// The text to keep of a record.
    pub(crate) fn encode(&self, record: &Record) -> Secret {
        serde_json::to_string(record).expect("a record is plain data").into()
    }

    /// The record of a text that stood under `key`.
    pub(crate) fn decode(&self, key: &GrantKey, text: &str) -> Result<Record> {
        serde_json::from_str(text).map_err(|error| {
            // The parser's own words could quote a token: only the place is told.
            Error::new(
                Code::Store,
                format!(
                    "the token store gave a record of {:?} that cannot be read (line {}, column {}); expected the text \
                     that was saved, unchanged",
                    key.subject,
                    error.line(),
                    error.column()
                ),
            )
            .with_reason("unreadable")
        })
    }

    /// The text to keep of an authorization transaction, which holds its verifier.
    pub(crate) fn encode_pending(&self, _state: &str, document: &str) -> Secret {
        document.into()
    }

    /// The authorization transaction of a text that stood under `state`.
    pub(crate) fn decode_pending(&self, _state: &str, text: &str) -> Result<String> {
        Ok(text.to_owned())
    }
}
