//! What the library tells an application while it works. An event never carries a secret.

use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Something that happened to a grant or a store.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// What happened.
    pub event: Kind,
    /// Name of the provider.
    pub provider: String,
    /// Whose grant; empty where it concerns no single grant.
    pub subject: String,
    /// The slot of the grant.
    pub slot: String,
    /// The grant's identity, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_id: Option<String>,
    /// The number of the renewal, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// More, in words for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// The kinds of [`Event`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// New consent was stored.
    Granted,
    /// A renewal was committed.
    Refreshed,
    /// A renewal made by another process was used.
    Waited,
    /// The lease of a sender that died was taken over.
    TakenOver,
    /// A renewal failed; `detail` says how.
    RefreshFailed,
    /// The user has to consent again.
    NeedsConsent,
    /// The store failed, or cannot keep a promise of the store contract.
    StoreTrouble,
    /// There is no helper process: refreshes run in this process, and end with it.
    HelperUnavailable,
    /// Tokens could not be committed; they are kept in memory and the commit is tried again.
    Uncommitted,
    /// An answer that the store did not take is sealed in the spill folder.
    Spilled,
    /// An answer from the spill folder was committed.
    SpillCommitted,
    /// The store was behind what this process remembers, as after a restored backup; the newer record was written back.
    StoreRolledBack,
    /// A grant was revoked at the provider.
    Revoked,
    /// A grant was deleted by the application's wish.
    Forgotten,
    /// A user's secret was shown to the application, as `legacy_grants` allows; `detail` says which.
    LegacyGrant,
}

/// Receives events, on any thread. It must not block for long; a panic inside is left aside.
pub type EventSink = Arc<dyn Fn(&Event) + Send + Sync>;
