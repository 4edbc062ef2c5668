//! What this process last saw of each grant. A fresh token is given out from here without touching the store.

use super::policy::Policy;
use crate::clock::{UnixMillis, millis};
use crate::store::{GrantKey, Record, StoredAccessToken};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

/// Age from which an entry is compared with the store behind the scenes.
const COMPARED_AFTER: Duration = Duration::from_secs(30);

/// A record as this process last saw it.
#[derive(Clone)]
pub(crate) struct Cached {
    pub(crate) record: Arc<Record>,
    /// When the access token leaves the fresh state; `i64::MAX` where it does not expire, 0 where it must not be given out
    /// without a decision.
    pub(crate) fresh_until: UnixMillis,
    pub(crate) seen_at: Instant,
}

impl Cached {
    pub(crate) fn is_due_for_comparison(&self) -> bool {
        self.seen_at.elapsed() >= COMPARED_AFTER
    }
}

pub(crate) struct Cache {
    entries: RwLock<HashMap<GrantKey, Cached>>,
    /// The grant that was last seen to be renewed, by whomever.
    newest: Mutex<Option<GrantKey>>,
    /// Moves whenever a token that was handed out may no longer be used blindly.
    epoch: Arc<AtomicU32>,
}

impl Cache {
    pub(crate) fn new(epoch: Arc<AtomicU32>) -> Self {
        Cache { entries: RwLock::default(), newest: Mutex::default(), epoch }
    }

    pub(crate) fn get(&self, key: &GrantKey) -> Option<Cached> {
        self.entries.read().expect("no holder panics").get(key).cloned()
    }

    /// The grants that are known.
    pub(crate) fn keys(&self) -> Vec<GrantKey> {
        self.entries.read().expect("no holder panics").keys().cloned().collect()
    }

    /// The grant that was last seen to be renewed: where its record is behind in the store, the store was set back.
    pub(crate) fn newest(&self) -> Option<GrantKey> {
        self.newest.lock().expect("no holder panics").clone()
    }

    /// Keeps a record, unless a newer one is there; gives the one that is kept.
    pub(crate) fn put(&self, record: Record, policy: &Policy) -> Arc<Record> {
        let key = record.key();
        let mut entries = self.entries.write().expect("no holder panics");
        if let Some(known) = entries.get_mut(&key) {
            if !record.is_newer_than(&known.record) {
                known.seen_at = Instant::now();
                return Arc::clone(&known.record);
            }
            if record.generation > known.record.generation {
                *self.newest.lock().expect("no holder panics") = Some(key.clone());
            }
            self.move_epoch();
        }
        let record = Arc::new(record);
        let entry = Cached {
            fresh_until: fresh_until(&key, &record, policy),
            record: Arc::clone(&record),
            seen_at: Instant::now(),
        };
        entries.insert(key, entry);
        record
    }

    /// Notes that an entry is being compared with the store, so that this is not begun twice.
    pub(crate) fn compared(&self, key: &GrantKey) {
        if let Some(entry) = self.entries.write().expect("no holder panics").get_mut(key) {
            entry.seen_at = Instant::now();
        }
    }

    #[cfg(test)]
    pub(crate) fn let_age(&self, key: &GrantKey) {
        let mut entries = self.entries.write().expect("no holder panics");
        let entry = entries.get_mut(key).expect("the test put it there");
        entry.seen_at = entry.seen_at.checked_sub(COMPARED_AFTER).expect("the host runs longer");
    }

    pub(crate) fn forget(&self, key: &GrantKey) {
        if self.entries.write().expect("no holder panics").remove(key).is_some() {
            self.move_epoch();
        }
    }

    /// Drops an entry whose token stays good.
    pub(crate) fn let_go(&self, key: &GrantKey) {
        self.entries.write().expect("no holder panics").remove(key);
    }

    fn move_epoch(&self) {
        self.epoch.fetch_add(1, Ordering::Release);
    }
}

/// Within how many milliseconds every process that uses a grant looks at its record in the store: when its token is due, or
/// when the cached record is compared.
pub(crate) fn looked_at_within(record: &Record) -> UnixMillis {
    let compared = millis(COMPARED_AFTER.as_secs_f64());
    let lifetime = |access: &StoredAccessToken| Some(access.expires_at? - access.obtained_at);
    record.access().and_then(lifetime).map_or(compared, |lifetime| lifetime.clamp(0, compared))
}

fn fresh_until(key: &GrantKey, record: &Record, policy: &Policy) -> UnixMillis {
    let is_held = record.hold.is_some() || record.status == crate::store::Status::Revoking;
    if is_held || record.is_unexchanged() {
        return 0;
    }
    let without_end = if policy.asks_for_lifetime { 0 } else { UnixMillis::MAX };
    record.access().map_or(0, |token| policy.soft_at(key, token).unwrap_or(without_end))
}
