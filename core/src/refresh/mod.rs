//! The refresh contract: from "an application wants to act for a user who is not there" to an access token that works.
//!
//! [`Refresher::ensure`] decides (`policy`, pure); `flight` renews, at most once at a time for a grant in a process and, by
//! the lease, over all processes; a flight that has begun to spend is never cancelled.

mod api_refusal;
mod cache;
pub(crate) mod client_request;
mod commit;
mod flight;
pub(crate) mod introspection;
pub(crate) mod judgement;
pub(crate) mod keepalive;
mod lifetime;
pub(crate) mod outcome;
mod policy;
pub(crate) mod renewal;
pub(crate) mod revocation;
#[cfg(test)]
mod schedules;
mod session;
pub(crate) mod spill;

pub(crate) use crate::clock::millis;
pub(crate) use cache::Cached;
pub(crate) use policy::{Cause, Decision, Freshness, Policy, Refusal, Want, decide};

use crate::clock::{UnixMillis, boottime};
use crate::context::Context;
use crate::detached::protocol::{Refresh, Refreshed};
use crate::dpop;
use crate::error::{Code, Error, Result};
use crate::event::Kind;
use crate::process::random_id;
use crate::store::{Entry, GrantKey, Mark, Record, Retry};
use cache::Cache;
use commit::Uncommitted;
use flight::{Flight, Flights};
use futures_util::StreamExt;
use spill::Spill;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// How long a caller refreshes by itself in the soft window, where nothing else can.
const CALLER_REFRESHES: Duration = Duration::from_secs(2);

/// Longer than any flight takes.
const LONGEST_FLIGHT: Duration = Duration::from_secs(24 * 3600);

/// How long the end of a client waits for the store to take what is in the spill folder.
const CLOSING_COMMITS: Duration = Duration::from_secs(2);

/// How long a token counts as just renewed, in milliseconds.
const JUST_RENEWED: i64 = 60_000;

/// The class of the back-off in a record that was written back to a restored store (adr/0008).
const ROLLED_BACK: &str = "store_rolled_back";

/// The class of the back-off of a grant that waits for those who may know better than a restored store.
const WAITS_FOR_NEWER: &str = "waits_for_newer";

/// How long a process has to write back what it knows better than a restored store, once it has looked (adr/0008).
const WRITTEN_BACK: UnixMillis = 2_000;

/// For how long after the others had their time, in milliseconds, nothing that is set back tells of another restore.
const ANOTHER_RESTORE: i64 = 30_000;

/// How often a record that was set back is looked at again because somebody else wrote it meanwhile.
const WRITES_BACK: u32 = 16;

/// How often, in milliseconds, all that is known is compared with a store that was restored, and how many grants at once.
const LOOKS_AT_ALL_EVERY: i64 = 5_000;
const LOOKS_AT_ONCE: usize = 8;

/// The longest back-off, in milliseconds, that a caller without a usable token waits for (adr/0008).
const SHORT_BACK_OFF: u64 = 5_000;

/// How often a caller looks again after a flight that did not give what it wanted.
const ROUNDS: u32 = 4;

/// Keeps the grants of one client alive in this process.
pub(crate) struct Refresher {
    pub(crate) context: Arc<Context>,
    cache: Cache,
    flights: Flights,
    /// Answers that could not be committed yet: they hold the only refresh token there is.
    uncommitted: Mutex<HashMap<GrantKey, Uncommitted>>,
    /// The access tokens whose lifetime was asked for, by grant and generation.
    asked_lifetimes: Mutex<HashMap<GrantKey, (String, u64)>>,
    /// The last renewal of each access token that a 401 forced.
    forced: Mutex<HashMap<(GrantKey, Entry), (String, u64)>>,
    /// Where such answers outlive this process; none for stores in memory.
    spill: Option<Spill>,
    /// Whether the last call to the store failed, and when one last did, by the clock that runs through suspension.
    store_is_away: AtomicBool,
    store_was_away_at: AtomicI64,
    /// Whether all that is known is being compared with a restored store, and when it last was, by the same clock.
    is_looking_at_all: AtomicBool,
    looked_at_all_at: AtomicI64,
    /// Until when, by the same clock, others may still write back what they know better than a restored store.
    set_back_until: AtomicI64,
}

impl Refresher {
    pub(crate) fn new(
        context: Arc<Context>,
        epoch: Arc<std::sync::atomic::AtomicU32>,
        spill: Option<Spill>,
    ) -> Arc<Self> {
        let refresher = Arc::new(Refresher {
            context,
            cache: Cache::new(epoch),
            flights: Flights::default(),
            uncommitted: Mutex::default(),
            asked_lifetimes: Mutex::default(),
            forced: Mutex::default(),
            spill,
            store_is_away: AtomicBool::new(false),
            store_was_away_at: AtomicI64::new(i64::MIN),
            is_looking_at_all: AtomicBool::new(false),
            looked_at_all_at: AtomicI64::new(-LOOKS_AT_ALL_EVERY),
            set_back_until: AtomicI64::new(-ANOTHER_RESTORE),
        });
        refresher.offer_spills();
        refresher
    }

    /// A record whose access token can be used, as `want` says; waits for a renewal until `deadline`.
    pub(crate) async fn ensure(
        self: &Arc<Self>,
        key: &GrantKey,
        want: &Want,
        deadline: Instant,
    ) -> Result<Arc<Record>> {
        let mut record = match self.cache.get(key) {
            Some(cached) if self.must_compare_first(&cached) => {
                self.cache.compared(key);
                self.load(key).await.unwrap_or(Some(cached.record))
            }
            Some(cached) => Some(cached.record),
            None => self.load(key).await?,
        };
        let mut want = want.clone();
        let mut looked_into_store = false;
        let mut rounds = 0;
        while rounds < ROUNDS {
            rounds += 1;
            let policy = self.policy();
            let now = self.context.settings.now();
            match decide(record.as_deref(), key, now, &policy, &want) {
                Decision::Use => {
                    let record = self.used(key, record)?;
                    return Ok(self.with_lifetime(key, record, deadline).await);
                }
                Decision::UseAndRefresh => {
                    let flight = self.flight(key, record.as_deref(), &want);
                    if self.context.store.needs_a_waiting_caller() && flight.renews(want.entry()) {
                        let soon = deadline.min(Instant::now() + CALLER_REFRESHES);
                        if let Ok(renewed) = flight.outcome(soon).await {
                            // It may be held, or gone.
                            let decision = decide(Some(&renewed), key, now, &policy, &want);
                            record = Some(renewed);
                            if !decision.is_to_use() {
                                continue;
                            }
                        }
                    }
                    return self.used(key, record);
                }
                Decision::Refresh => {
                    let flight = self.flight(key, record.as_deref(), &want);
                    let outcome = flight.outcome(deadline).await;
                    let is_of_another = !flight.renews(want.entry());
                    match outcome {
                        Ok(renewed) => {
                            if is_of_another || is_overtaken(record.as_deref(), &renewed, &want) {
                                rounds -= 1; // another of the grant's tokens had its turn
                            }
                            record = Some(renewed);
                        }
                        // What failed there is tried here, unless the record says that it is of no use.
                        Err(_) if is_of_another && Instant::now() < deadline => {
                            record = self.load(key).await?;
                            continue;
                        }
                        Err(error) => {
                            let error = match self.still_usable(key, &want, error) {
                                Ok(usable) => return Ok(usable),
                                Err(error) => error,
                            };
                            record = self.after_a_short_pause(key, &want, error, deadline).await?;
                            rounds -= 1; // pauses grow, and end before the deadline
                            continue;
                        }
                    }
                    if let Want::Usable { min_valid, .. } = &mut want
                        && !is_of_another
                    {
                        *min_valid = 0; // longer than the provider lets tokens live there is none
                    }
                    looked_into_store = true;
                }
                // Another process may have mended it since.
                Decision::NoGrant | Decision::Refuse(_) if !looked_into_store => {
                    record = self.load(key).await?;
                    looked_into_store = true;
                }
                Decision::Refuse(Refusal::BackOff { retry_at })
                    if self.is_worth_waiting_for(retry_at, deadline) =>
                {
                    self.wait_until(retry_at).await;
                    record = self.load(key).await?;
                }
                Decision::NoGrant => record = Some(self.begun(key).await?),
                Decision::Refuse(refusal) => return Err(self.refused(key, refusal)),
            }
        }
        let error = "the grant was written again and again and is still not as wanted";
        self.still_usable(key, &want, Error::new(Code::StoreConflict, error))
    }

    /// The record once the pause that a failed renewal asks for is over, where a caller is better served by waiting for it.
    async fn after_a_short_pause(
        self: &Arc<Self>,
        key: &GrantKey,
        want: &Want,
        error: Error,
        deadline: Instant,
    ) -> Result<Option<Arc<Record>>> {
        match error.retry_at() {
            Some(at) if want.is_for_use() && self.is_worth_waiting_for(at, deadline) => {
                self.wait_until(at).await;
                self.load(key).await
            }
            _ => Err(error),
        }
    }

    async fn wait_until(&self, time: UnixMillis) {
        let pause = u64::try_from(time - self.context.settings.now()).unwrap_or(0);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }

    /// Whether a back-off is so short that a caller is better served by waiting than by an error.
    fn is_worth_waiting_for(&self, retry_at: UnixMillis, deadline: Instant) -> bool {
        let settings = &self.context.settings;
        let pause = u64::try_from(retry_at - settings.now()).unwrap_or(0);
        let ends = Instant::now() + Duration::from_millis(pause);
        settings.clock.is_set().is_none() && pause <= SHORT_BACK_OFF && ends < deadline
    }

    /// The fresh cached token, without waiting for anything.
    pub(crate) fn cached(self: &Arc<Self>, key: &GrantKey) -> Option<Cached> {
        let cached = self.cache.get(key)?;
        let now = self.context.settings.now();
        if now >= cached.fresh_until || self.must_compare_first(&cached) {
            return None;
        }
        if cached.is_due_for_comparison() {
            self.compare_behind(key);
        }
        Some(cached)
    }

    /// Where only a waiting caller reaches the store, nothing can be compared behind the scenes.
    fn must_compare_first(&self, cached: &Cached) -> bool {
        cached.is_due_for_comparison() && self.context.store.needs_a_waiting_caller()
    }

    /// The newest committed record.
    pub(crate) async fn load(self: &Arc<Self>, key: &GrantKey) -> Result<Option<Arc<Record>>> {
        let Some(record) = self.stands(key).await?.filter(|record| !record.is_tombstone()) else {
            self.cache.forget(key);
            return Ok(None);
        };
        Ok(Some(self.remember(record)))
    }

    /// The newest committed record; where nobody has to consent and there is none, one that has yet to be renewed.
    pub(crate) async fn known(self: &Arc<Self>, key: &GrantKey) -> Result<Arc<Record>> {
        match self.load(key).await? {
            Some(record) => Ok(record),
            None => self.begun(key).await,
        }
    }

    /// Begins a grant that nobody has to consent to: the record that the first renewal commits to. Whichever process writes it
    /// first, all have the same.
    async fn begun(self: &Arc<Self>, key: &GrantKey) -> Result<Arc<Record>> {
        let (context, now) = (&self.context, self.context.settings.now());
        let tokens = context.settings.first_tokens(key).ok_or_else(|| self.no_grant(key))?;
        let mut first = Record::new(key, random_id(), tokens, now);
        let provider = context.provider().await?;
        first.dpop_key = context.settings.binds_to_key(&provider)?.then(dpop::new_key);
        let (expected, record) = match self.stands(key).await? {
            Some(tombstone) if tombstone.is_tombstone() => {
                (Some(tombstone.revision), tombstone.with_consent(first))
            }
            Some(record) => return Ok(self.remember(record)),
            None => (None, first),
        };
        self.noted(context.store.compare_and_set(key, expected, &record).await)?;
        self.load(key).await?.ok_or_else(|| self.no_grant(key))
    }

    /// What stands in the store, tombstones too; where that was set back, what this process knows better stands there then.
    async fn stands(self: &Arc<Self>, key: &GrantKey) -> Result<Option<Record>> {
        for _ in 0..WRITES_BACK {
            let Some(record) = self.noted(self.context.store.load(key).await)? else {
                return Ok(None);
            };
            if let Some(record) = self.rolled_forward(record).await? {
                return Ok(Some(record));
            }
        }
        let text = "the record was set back, and written by somebody else again and again";
        Err(Error::new(Code::StoreConflict, text))
    }

    /// A store that is behind what this process remembers of the same consent was restored from a backup: the refresh token
    /// in it was spent long ago. The newer record is written back; none where somebody else has just written. Another process
    /// may know a still newer one, and writes that back as soon as it looks: until then nobody spends this one either.
    async fn rolled_forward(self: &Arc<Self>, stands: Record) -> Result<Option<Record>> {
        let key = stands.key();
        let is_lost = |known: &Arc<Record>| {
            known.grant_id == stands.grant_id
                && known.generation > stands.generation
                && !stands.is_tombstone()
        };
        let Some(known) = self.remembered(&key).filter(is_lost) else {
            self.look_at_all_after(&stands);
            return Ok(Some(stands));
        };
        if self.uncommitted(&key).is_some() {
            return Ok(Some(stands)); // the store is not behind: it has yet to take what is known
        }
        let now = self.context.settings.now();
        let retry = Retry {
            not_before: now + written_back_within(&known),
            noted_at: now,
            failures: 1,
            class: ROLLED_BACK.to_owned(),
            fingerprint: String::new(),
        };
        let revision = known.revision.max(stands.revision) + 1;
        let record = Record { revision, retry: Some(retry), ..(*known).clone() };
        self.note_set_back(&record);
        if !self.context.store.write_back(&key, stands.revision, &record).await? {
            return Ok(None);
        }
        self.context.settings.tell(Kind::StoreRolledBack, &key, Some(&record), "");
        self.look_at_all_after(&record);
        Ok(Some((*self.remember(record)).clone()))
    }

    /// From when one record is seen to be set back, others have as long to write back what they know of the rest. What else is
    /// seen to be set back soon after belongs to the same restore.
    fn note_set_back(&self, record: &Record) {
        let now = boottime();
        if self.set_back_until.load(Ordering::Acquire) + ANOTHER_RESTORE < now {
            self.set_back_until.store(now + written_back_within(record), Ordering::Release);
        }
    }

    /// How many milliseconds a record is not to be spent though nothing here is known better: the store was set back, and who
    /// knows better has yet to look. That it was shows in what this process last saw written, of whatever grant.
    pub(super) async fn pause_after_set_back(self: &Arc<Self>, record: &Record) -> Option<i64> {
        if self.context.store.needs_a_waiting_caller() {
            return None;
        }
        if let Some(newest) = self.cache.newest().filter(|newest| *newest != record.key()) {
            let _ = self.stands(&newest).await; // a store that fails shows nothing
        }
        let left = self.set_back_until.load(Ordering::Acquire) - boottime();
        let has_paused = record
            .retry
            .as_ref()
            .is_some_and(|retry| [ROLLED_BACK, WAITS_FOR_NEWER].contains(&retry.class.as_str()));
        Some(left).filter(|left| *left > 0 && !has_paused)
    }

    /// Where one record had to be written back, every grant was set back: a process looks at once at all that it knows. It may
    /// be the only one that knows the newest of some, and have no other reason to look before others spend what is older.
    pub(super) fn look_at_all_after(self: &Arc<Self>, record: &Record) {
        let now = self.context.settings.now();
        let was_set_back = record
            .retry
            .as_ref()
            .is_some_and(|retry| retry.class == ROLLED_BACK && retry.holds_until(now).is_some());
        if !was_set_back || self.context.store.needs_a_waiting_caller() {
            return;
        }
        self.note_set_back(record);
        let since = boottime() - self.looked_at_all_at.load(Ordering::Acquire);
        if since < LOOKS_AT_ALL_EVERY || self.is_looking_at_all.swap(true, Ordering::AcqRel) {
            return;
        }
        let refresher = Arc::clone(self);
        crate::process::runtime().spawn(async move {
            let keys = futures_util::stream::iter(refresher.cache.keys());
            let look = |key| {
                let refresher = Arc::clone(&refresher);
                async move {
                    if let Err(error) = refresher.load(&key).await {
                        let text = error.message();
                        refresher.context.settings.tell(Kind::StoreTrouble, &key, None, text);
                    }
                }
            };
            keys.for_each_concurrent(LOOKS_AT_ONCE, look).await;
            refresher.looked_at_all_at.store(boottime(), Ordering::Release);
            refresher.is_looking_at_all.store(false, Ordering::Release);
        });
    }

    /// After a 401 that this record's token for `entry` met: a newer record to send the request with again, or none.
    ///
    /// Some servers kill the old access token the moment a refresh succeeds, so a 401 may only mean that the request was
    /// overtaken: where the stored token is newer, and not over, nothing is sent to the provider.
    pub(crate) async fn after_refusal(
        self: &Arc<Self>,
        key: &GrantKey,
        entry: &Entry,
        refused: &Record,
        deadline: Instant,
    ) -> Result<Option<Arc<Record>>> {
        let stands = self.load(key).await?.ok_or_else(|| self.no_grant(key))?;
        let is_newer = stands.grant_id != refused.grant_id
            || stands.generation_of(entry) > Some(refused.generation);
        if !is_newer {
            let now = self.context.settings.now();
            let policy = self.policy();
            let held_back = policy.held_back(stands.forced.as_ref(), now).is_some();
            if !policy.can_renew(&stands) || held_back {
                return Ok(None);
            }
        }
        let want = if is_newer {
            Want::Usable { entry: entry.clone(), min_valid: 0 }
        } else {
            Want::Newer {
                entry: entry.clone(),
                grant_id: refused.grant_id.clone(),
                generation: refused.generation,
                cause: Cause::ApiRefused,
            }
        };
        let record = self.ensure(key, &want, deadline).await?;
        if !is_newer {
            self.note_renewal_after_refusal(&record, entry);
        }
        Ok(Some(record))
    }

    /// Notes that the API refused a token that was renewed because it refused the one before: forced refreshes pause.
    pub(crate) async fn refused_again(&self, key: &GrantKey, refused: &Record) {
        let now = self.context.settings.now();
        let pauses = (flight::MINUTE, flight::HOUR);
        let forced =
            Retry::after(refused.forced.as_ref(), "refused_by_api", String::new(), pauses, now);
        let marked = refused.marked(&Mark::ForcedBackOff(forced), now);
        // Where somebody else wrote the record meanwhile, the note is no longer about what stands.
        match self.context.store.compare_and_set(key, Some(refused.revision), &marked).await {
            Ok(true) => {
                self.remember(marked);
            }
            Ok(false) => {}
            Err(error) => {
                self.context.settings.tell(Kind::StoreTrouble, key, Some(refused), error.message());
            }
        }
    }

    /// Notes the renewal that a 401 forced.
    fn note_renewal_after_refusal(&self, record: &Record, entry: &Entry) {
        let Some(came_with) = record.generation_of(entry) else { return };
        let renewed = (record.grant_id.clone(), came_with);
        let refused = (record.key(), entry.clone());
        self.forced.lock().expect("no holder panics").insert(refused, renewed);
    }

    /// Notes that the API took the token that a 401 renewed: if it refuses it later, that is another matter.
    pub(crate) fn note_renewal_was_of_use(&self, record: &Record, entry: &Entry) {
        self.forced.lock().expect("no holder panics").remove(&(record.key(), entry.clone()));
    }

    /// Whether this token, just renewed because the API refused the one before, is refused as well.
    pub(crate) fn was_renewed_in_vain(&self, record: &Record, entry: &Entry) -> bool {
        let forced = self.forced.lock().expect("no holder panics");
        let noted = forced.get(&(record.key(), entry.clone()));
        let is_forced = noted.is_some_and(|(grant_id, came_with)| {
            *grant_id == record.grant_id && Some(*came_with) == record.generation_of(entry)
        });
        let obtained_at = record.access_of(entry).map_or(0, |access| access.obtained_at);
        // Of a token that is dated later than now nothing is known: the clock was set back.
        let age = self.context.settings.now() - obtained_at;
        is_forced && (0..JUST_RENEWED).contains(&age)
    }

    /// What is told to who wants a renewal because of a 401 when none is made.
    pub(crate) fn renewals_pause(&self, key: &GrantKey) -> Error {
        let retry_at =
            self.remembered(key).and_then(|record| Some(record.forced.as_ref()?.not_before));
        let provider = &self.context.settings.provider_name;
        let subject = &key.subject;
        let text = format!(
            "the API refuses a token of {subject:?} at {provider} that cannot be renewed now"
        );
        Error::new(Code::TemporarilyUnavailable, text)
            .with_reason("refused_by_api")
            .with_retry_at(retry_at)
            .with_grant(provider, subject)
    }

    /// Whether a call to the store failed within the last `milliseconds`.
    fn store_was_away_within(&self, milliseconds: i64) -> bool {
        self.store_was_away_at.load(Ordering::Acquire) > boottime().saturating_sub(milliseconds)
    }

    /// Puts a record into the cache.
    pub(crate) fn remember(&self, record: Record) -> Arc<Record> {
        self.cache.put(record, &self.policy())
    }

    /// The record as this process last saw it.
    pub(crate) fn remembered(&self, key: &GrantKey) -> Option<Arc<Record>> {
        self.cache.get(key).map(|cached| cached.record)
    }

    /// Drops a record that keep-alive alone had use for, so that its memory does not grow with the number of grants. An answer
    /// that is not committed yet stays.
    fn let_go(&self, key: &GrantKey) {
        if !self.uncommitted.lock().expect("no holder panics").contains_key(key) {
            self.cache.let_go(key);
            self.asked_lifetimes.lock().expect("no holder panics").remove(key);
        }
    }

    /// Drops what is cached of a grant.
    pub(crate) fn forget(&self, key: &GrantKey) {
        self.cache.forget(key);
    }

    /// Waits until no flight is under way and every answer is committed, within `bound`; less long for what the spill folder
    /// has too.
    pub(crate) async fn settle(&self, bound: Duration) {
        let deadline = Instant::now() + bound;
        for flight in self.flights.all() {
            let _ = flight.outcome(deadline).await;
        }
        let spilled_deadline = deadline.min(Instant::now() + CLOSING_COMMITS);
        while (self.has_uncommitted(false) && Instant::now() < deadline)
            || (self.has_uncommitted(true) && Instant::now() < spilled_deadline)
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// How this client wants its grants renewed. It is known without asking the provider: a usable token is given out even
    /// when its metadata cannot be had.
    pub(crate) fn policy(&self) -> Policy {
        let settings = &self.context.settings;
        Policy {
            soft: settings.windows.soft.map(millis),
            hard: settings.windows.hard.map(millis),
            earliest_refresh: settings.rotation().earliest_refresh.map(millis),
            fingerprint: settings.fingerprint(),
            takes_refresh_token: settings.grant.needs_consent(),
            asks_for_lifetime: settings.lifetime_by_introspection(),
        }
    }

    /// The flight that is under way for this grant, whichever of its access tokens it is for; else a new one for the wanted.
    fn flight(self: &Arc<Self>, key: &GrantKey, seen: Option<&Record>, want: &Want) -> Flight {
        let seen = seen.map(|record| (record.grant_id.clone(), record.generation));
        self.flights.join_or_start(self, key, want.entry(), seen, want.cause())
    }

    /// Renews for another process of the application, which decided to.
    pub(crate) async fn fly(self: &Arc<Self>, refresh: Refresh) -> Result<Refreshed> {
        if let Some(record) = refresh.remembered {
            self.remember(record);
        }
        let Refresh { key, entry, seen, cause, .. } = refresh;
        let deadline = Instant::now() + LONGEST_FLIGHT;
        let flight = loop {
            let flight = self.flights.join_or_start(self, &key, &entry, seen.clone(), cause);
            if flight.renews(&entry) {
                break flight;
            }
            let _ = flight.outcome(deadline).await; // it is not what this caller asked for
        };
        let record = flight.outcome(deadline).await?;
        Ok(Refreshed { record: (*record).clone(), has_renewed: flight.has_renewed() })
    }

    /// A usable access token is never withheld because a refresh failed.
    fn still_usable(&self, key: &GrantKey, want: &Want, error: Error) -> Result<Arc<Record>> {
        if let (Want::Usable { entry, .. }, Some(cached)) = (want, self.cache.get(key)) {
            let policy = self.policy();
            let now = self.context.settings.now();
            let any = Want::Usable { entry: entry.clone(), min_valid: 0 };
            let decision = decide(Some(&cached.record), key, now, &policy, &any);
            if decision.is_to_use() {
                return Ok(cached.record);
            }
        }
        Err(error.with_grant(&self.context.settings.provider_name, &key.subject))
    }

    fn used(self: &Arc<Self>, key: &GrantKey, record: Option<Arc<Record>>) -> Result<Arc<Record>> {
        let is_due =
            |cached: Cached| cached.is_due_for_comparison() && !self.must_compare_first(&cached);
        if self.cache.get(key).is_some_and(is_due) {
            self.compare_behind(key);
        }
        record.ok_or_else(|| self.no_grant(key))
    }

    /// Compares a cached record with the store, so that `forget` and renewals elsewhere reach this process.
    fn compare_behind(self: &Arc<Self>, key: &GrantKey) {
        self.cache.compared(key);
        let (refresher, key) = (Arc::clone(self), key.clone());
        crate::process::runtime().spawn(async move {
            if let Err(error) = refresher.load(&key).await {
                refresher.context.settings.tell(Kind::StoreTrouble, &key, None, error.message());
            }
        });
    }

    pub(crate) fn no_grant(&self, key: &GrantKey) -> Error {
        let settings = &self.context.settings;
        Error::new(
            Code::NoGrant,
            format!(
                "nothing is stored for {:?} at {}; expected consent first",
                key.subject, settings.provider_name
            ),
        )
        .with_grant(&settings.provider_name, &key.subject)
    }

    pub(crate) fn refused(&self, key: &GrantKey, refusal: Refusal) -> Error {
        let provider = &self.context.settings.provider_name;
        let subject = &key.subject;
        let error = match refusal {
            Refusal::NeedsConsent { reason, since } => Error::new(
                Code::NeedsConsent,
                format!("{subject:?} has to consent again at {provider} ({})", reason.as_str()),
            )
            .with_reason(reason.as_str())
            .with_status_at(since),
            Refusal::Held { reason } => Error::new(
                Code::NeedsConsent,
                format!("the grant of {subject:?} at {provider} is held back: {reason}"),
            )
            .with_reason("hold"),
            Refusal::BackOff { retry_at } => Error::new(
                Code::TemporarilyUnavailable,
                format!("{provider} could not renew the grant of {subject:?}; no request is sent for now"),
            )
            .with_retry_at(Some(retry_at)),
            Refusal::Revoking => Error::new(
                Code::NoGrant,
                format!("the grant of {subject:?} at {provider} is being revoked"),
            )
            .with_reason("revoking"),
        };
        error.with_grant(provider, subject)
    }
}

/// How many milliseconds all who know more of a grant than `record` says have to write it back to a restored store.
fn written_back_within(record: &Record) -> UnixMillis {
    cache::looked_at_within(record) + WRITTEN_BACK
}

/// Whether somebody renewed another of the grant's access tokens meanwhile, and not the wanted one.
fn is_overtaken(before: Option<&Record>, renewed: &Record, want: &Want) -> bool {
    before.is_some_and(|before| {
        renewed.grant_id == before.grant_id
            && renewed.generation > before.generation
            && renewed.generation_of(want.entry()) <= Some(before.generation)
    })
}

#[cfg(test)]
mod tests {
    use crate::{
        ApplicationStore, Client, Config, Environment, Method, StoreCall, TokenOptions,
        options_from_json,
    };
    use serde_json::{Value, json};

    #[test]
    fn where_only_a_waiting_caller_reaches_the_store_no_comparison_is_left_to_pile_up() {
        let config = r#"{"provider": "sandbox", "client_id": "c", "offline": true}"#;
        let environment = Environment {
            store: Some(ApplicationStore::CallingThread(vec![Method::Load, Method::Save])),
            ..Environment::default()
        };
        let client = Client::open_with(Config::from_json(config).unwrap(), environment).unwrap();
        let thread = client.calling_thread().unwrap();
        let (mut record, mut loads) = (Value::Null, 0);
        let mut serve = |call: StoreCall| {
            if call.method == Method::Save {
                record = call.arguments[3].clone();
                return Ok(Value::Null);
            }
            loads += 1;
            Ok(record.clone())
        };
        let tokens = options_from_json(&json!({"access_token": "a"}).to_string()).unwrap();
        let putting = client.clone();
        let put = async move { putting.put("alice", tokens).await };
        thread.wait_serving(put, &mut serve).unwrap();

        let (refresher, grant) = (client.refresher().unwrap(), client.grant("alice"));
        refresher.cache.let_age(&client.settings().key("alice", ""));
        assert!(grant.cached_access_token().is_none());
        let asking = grant.clone();
        let ask = async move { asking.access_token(TokenOptions::default()).await };
        thread.wait_serving(ask, &mut serve).unwrap();
        assert!(grant.cached_access_token().is_some());
        assert_eq!(loads, 3); // two for the put, one for the comparison
    }
}
