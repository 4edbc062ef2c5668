//! The lease beside a record, for stores on this host: its time is counted on a clock that runs through suspension, and by
//! the wall clock only across boots.

use super::{Held, Intent, LeaseId, Record};
use crate::clock::{Clock, UnixMillis, boottime};
use crate::owner::{OwnerId, boot_id};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Lease, fencing number and intent of one grant.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeaseRow {
    pub(crate) lease: Option<Lease>,
    pub(crate) fencing: u64,
    pub(crate) intent: Option<Intent>,
}

/// A lease that was given and not given back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Lease {
    owner: String,
    boot: String,
    until_boottime: i64,
    until_wall: UnixMillis,
}

impl Lease {
    fn new(owner: &OwnerId, ttl: Duration) -> Self {
        let ttl = i64::try_from(ttl.as_millis()).expect("a lease is short");
        Lease {
            owner: owner.to_string(),
            boot: boot_id(),
            until_boottime: boottime() + ttl,
            until_wall: Clock::default().now() + ttl,
        }
    }

    fn left(&self) -> Option<Duration> {
        let left = if !self.boot.is_empty() && self.boot == boot_id() {
            self.until_boottime - boottime()
        } else {
            self.until_wall - Clock::default().now()
        };
        u64::try_from(left).ok().filter(|left| *left > 0).map(Duration::from_millis)
    }

    fn owner_is_gone(&self) -> bool {
        OwnerId::parse(&self.owner).is_some_and(|owner| owner.is_gone())
    }
}

impl LeaseRow {
    /// Takes the lease for `owner` and notes that the record's generation is about to be spent; or says how long to wait.
    pub(crate) fn acquire(
        &mut self,
        record: Record,
        owner: &OwnerId,
        ttl: Duration,
        now: UnixMillis,
    ) -> std::result::Result<Held, Duration> {
        let mut taken_over = false;
        if let Some(lease) = &self.lease {
            taken_over = lease.owner_is_gone();
            if let (Some(left), false) = (lease.left(), taken_over) {
                return Err(left);
            }
        }
        let earlier = self.intent.take().filter(|intent| {
            intent.grant_id == record.grant_id && intent.generation == record.generation
        });
        let intent = Intent {
            grant_id: record.grant_id.clone(),
            generation: record.generation,
            at: now,
            repeats: earlier.as_ref().map_or(0, |earlier| earlier.repeats + 1),
        };
        self.fencing += 1;
        self.lease = Some(Lease::new(owner, ttl));
        self.intent = Some(intent.clone());
        Ok(Held { fencing: self.fencing, record, intent, earlier, taken_over })
    }

    /// Whether `lease` is the one that stands, and its time is not over.
    pub(crate) fn is_held_by(&self, lease: &LeaseId) -> bool {
        self.fencing == lease.fencing
            && self.lease.as_ref().is_some_and(|standing| {
                standing.owner == lease.owner.to_string() && standing.left().is_some()
            })
    }

    /// Prolongs the lease; says whether it is still held.
    pub(crate) fn renew(&mut self, lease: &LeaseId, ttl: Duration) -> bool {
        let held = self.is_held_by(lease);
        if held {
            self.lease = Some(Lease::new(&lease.owner, ttl));
        }
        held
    }

    /// Gives the lease back, if it is this one, and leaves `intent` behind.
    pub(crate) fn release(&mut self, fencing: u64, intent: Option<&Intent>) {
        if self.fencing == fencing && self.lease.is_some() {
            self.lease = None;
            self.intent = intent.cloned();
        }
    }
}
