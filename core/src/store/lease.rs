//! The lease beside a record. Its time is the store's: on this host a clock that runs through suspension, and the wall clock
//! only across boots; a database server's own clock elsewhere.

use super::{Commit, Held, Intent, LeaseId, Record, Sent};
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

/// A moment by the clock that all users of a store share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoreTime {
    /// Which start of the host `boottime` counts from; empty where that clock cannot be used.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    boot: String,
    #[serde(default)]
    boottime: i64,
    #[serde(default)]
    wall: UnixMillis,
}

impl StoreTime {
    /// Now, on this host: for stores that no other host uses.
    pub(crate) fn of_this_host() -> Self {
        StoreTime { boot: boot_id(), boottime: boottime(), wall: Clock::default().now() }
    }

    /// A moment by the clock of a database server.
    pub(crate) fn of_server(unix_millis: UnixMillis) -> Self {
        StoreTime { boot: String::new(), boottime: 0, wall: unix_millis }
    }

    fn after(&self, time: Duration) -> Self {
        let time = i64::try_from(time.as_millis()).expect("a lease is short");
        StoreTime {
            boot: self.boot.clone(),
            boottime: self.boottime + time,
            wall: self.wall + time,
        }
    }

    /// How many milliseconds it is after `earlier`.
    pub(crate) fn since(&self, earlier: &StoreTime) -> i64 {
        if !self.boot.is_empty() && self.boot == earlier.boot {
            self.boottime - earlier.boottime
        } else {
            self.wall - earlier.wall
        }
    }
}

/// A lease that was given and not given back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Lease {
    owner: String,
    until: StoreTime,
}

impl Lease {
    fn new(owner: &OwnerId, ttl: Duration, now: &StoreTime) -> Self {
        Lease { owner: owner.to_string(), until: now.after(ttl) }
    }

    fn left(&self, now: &StoreTime) -> Option<Duration> {
        let left = self.until.since(now);
        u64::try_from(left).ok().filter(|left| *left > 0).map(Duration::from_millis)
    }

    fn owner_is_gone(&self) -> bool {
        OwnerId::parse(&self.owner).is_some_and(|owner| owner.is_gone())
    }
}

impl LeaseRow {
    /// How long whoever holds the lease may still spend.
    pub(crate) fn left(&self, now: &StoreTime) -> Option<Duration> {
        self.lease.as_ref().filter(|lease| !lease.owner_is_gone())?.left(now)
    }

    /// Takes the lease for `owner` and notes that the record's generation is about to be spent; or says how long to wait.
    pub(crate) fn acquire(
        &mut self,
        record: Record,
        owner: &OwnerId,
        ttl: Duration,
        now: &StoreTime,
    ) -> std::result::Result<Held, Duration> {
        let (mut taken_over, mut lapsed, mut again) = (false, false, false);
        if let Some(lease) = &self.lease {
            again = lease.owner == owner.to_string();
            taken_over = !again && lease.owner_is_gone();
            lapsed = !again && !taken_over;
            if let (Some(left), true) = (lease.left(now), lapsed) {
                return Err(left);
            }
        }
        let mut earlier = self.intent.take().filter(|intent| {
            intent.grant_id == record.grant_id && intent.generation == record.generation
        });
        if again {
            // The answer to the same question was lost, so nothing was sent: the note it left is its own.
            earlier = earlier.and_then(Intent::without_the_last);
        }
        let intent = Intent::after(earlier.as_ref(), &record, now);
        self.fencing += 1;
        self.lease = Some(Lease::new(owner, ttl, now));
        self.intent = Some(intent.clone());
        let sent = Sent::of(earlier.as_ref().unwrap_or(&intent), now);
        Ok(Held { fencing: self.fencing, record, intent, earlier, sent, taken_over, lapsed })
    }

    /// Whether `lease` is the one that stands, and its time is not over.
    pub(crate) fn is_held_by(&self, lease: &LeaseId, now: &StoreTime) -> bool {
        self.fencing == lease.fencing
            && self.lease.as_ref().is_some_and(|standing| {
                standing.owner == lease.owner.to_string() && standing.left(now).is_some()
            })
    }

    /// Prolongs the lease; says whether it is still held.
    pub(crate) fn renew(&mut self, lease: &LeaseId, ttl: Duration, now: &StoreTime) -> bool {
        let held = self.is_held_by(lease, now);
        if held {
            self.lease = Some(Lease::new(&lease.owner, ttl, now));
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

    /// Gives the lease back, if it is this one, and leaves the note as it stands: it is about a later generation.
    pub(crate) fn release_overtaken(&mut self, fencing: u64) {
        if self.fencing == fencing {
            self.lease = None;
        }
    }

    /// A backup brought this row back: its lease is of the past, and fencing numbers go on from the newer `record`'s.
    pub(crate) fn outlive(&mut self, record: &Record) {
        self.lease = None;
        self.fencing = self.fencing.max(record.committed_fencing) + 1;
    }

    /// What a commit settles: the lease and the note of its own sender. Where its answer was `written` although somebody took
    /// the lease since, the same token may have been sent once more, and the new one be void: a note says so.
    pub(crate) fn settle(&mut self, commit: &Commit, written: bool, now: &StoreTime) {
        let is_own = |lease: &Lease| lease.owner == commit.owner;
        if self.fencing == commit.fencing && self.lease.as_ref().is_some_and(is_own) {
            self.release(commit.fencing, None);
        } else if self.fencing > commit.fencing && written {
            let next = Intent::after_the_answer(commit, now);
            self.intent =
                self.intent.take().filter(|noted| noted.is_about_the_same(&next)).or(Some(next));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::record_for_tests::record;

    const TTL: Duration = Duration::from_secs(30);

    fn acquire(row: &mut LeaseRow, owner: &OwnerId, now: UnixMillis) -> Option<Held> {
        row.acquire(record(), owner, TTL, &StoreTime::of_server(now)).ok()
    }

    #[test]
    fn who_asks_again_because_the_answer_was_lost_has_the_lease_and_no_earlier_attempt() {
        let (owner, other) = (OwnerId::of_this_process(), OwnerId::of_this_process());
        let mut row = LeaseRow::default();
        let lost = acquire(&mut row, &owner, 1).unwrap();
        assert!(acquire(&mut row, &other, 2).is_none());
        let again = acquire(&mut row, &owner, 3).unwrap();
        assert_eq!((again.earlier, again.lapsed, again.taken_over), (None, false, false));
        assert!(again.fencing > lost.fencing);

        row.release(again.fencing, Some(&again.intent));
        acquire(&mut row, &other, 4).unwrap();
        let again = acquire(&mut row, &other, 5).unwrap();
        let noted = again.earlier.map(|earlier| (earlier.first_sent, earlier.repeats));
        assert_eq!(noted, Some((StoreTime::of_server(3), 0)));
    }

    #[test]
    fn the_grace_of_a_provider_is_counted_from_the_first_attempt() {
        let (mut row, mut at) = (LeaseRow::default(), 1);
        for _ in 0..3 {
            let owner = OwnerId::of_this_process();
            let held = acquire(&mut row, &owner, at).unwrap();
            assert_eq!(held.intent.first_sent, StoreTime::of_server(1));
            row.release(held.fencing, Some(&held.intent));
            at += 1000;
        }
    }

    #[test]
    fn how_long_ago_a_generation_was_sent_is_told_by_the_clock_of_the_store() {
        let (mut row, store) = (LeaseRow::default(), StoreTime::of_this_host());
        let at = |seconds: i64, wall: i64| StoreTime {
            boottime: store.boottime + seconds * 1000,
            wall: store.wall + wall,
            ..store.clone()
        };
        // The wall clock is set back by a year after the first sender noted the time, and ahead again before the third.
        for (seconds, wall, first, last) in [(0, 0, 0, 0), (7, -31_536_000_000, 7, 7), (9, 5, 9, 2)]
        {
            let owner = OwnerId::of_this_process();
            let held = row.acquire(record(), &owner, TTL, &at(seconds, wall)).unwrap();
            let ago = [held.sent.first, held.sent.last].map(|sent| boottime() - sent);
            for (ago, expected) in ago.into_iter().zip([first, last]) {
                assert!(
                    (expected * 1000..expected * 1000 + 900).contains(&ago),
                    "{ago} {expected}"
                );
            }
            row.release(held.fencing, Some(&held.intent));
        }
    }

    #[test]
    fn a_holder_that_may_live_is_told_from_one_that_is_gone() {
        let stopped = OwnerId::parse("another-host:1:2:3:x").unwrap();
        let gone = OwnerId::of_a_process_that_is_gone();
        for (holder, lapsed) in [(stopped, true), (gone, false)] {
            let mut row = LeaseRow::default();
            row.acquire(record(), &holder, Duration::ZERO, &StoreTime::of_server(1)).unwrap();
            let held = acquire(&mut row, &OwnerId::of_this_process(), 2).unwrap();
            assert_eq!((held.lapsed, held.taken_over), (lapsed, !lapsed));
        }
    }
}
