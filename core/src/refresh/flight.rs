//! One refresh (`refresh.md`, One refresh): shared in the process, under the lease, spent, committed first, replayed by losers.
//!
//! A flight is a task of its own on the library's runtime. Callers wait for it and may leave; it goes on. Where there is a
//! helper process, the task has that one fly, and only waits.

use super::Refresher;
use super::judgement::Judge;
use super::outcome::Outcome;
use super::policy::{Cause, Refusal};
use super::renewal::{self, Answer};
use crate::clock::{UnixMillis, boottime};
use crate::detached::Done;
use crate::detached::protocol::{Refresh, Refreshed};
use crate::error::{Code, Error, Result};
use crate::event::Kind;
use crate::owner::OwnerId;
use crate::process::{random_bytes, runtime};
use crate::provider::{Provider, Rotation};
use crate::store::{
    Acquired, Commit, ConsentReason, Entry, GrantKey, Held, Intent, LeaseId, Mark, Record, Retry,
    Sent, Status,
};
use futures_util::future::select;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

/// Longest time for which a lease is taken at once.
const LEASE: Duration = Duration::from_secs(30);
const SHORTEST_LEASE: Duration = Duration::from_secs(5);
/// Longest time for which the provider's keys are waited for.
const KEYS_DEADLINE: Duration = Duration::from_secs(2);
/// Longest time for which an answer is waited for.
const SEND_DEADLINE: Duration = Duration::from_secs(10);
/// How often a request that the provider has certainly not seen is sent again.
const RESENDS: u32 = 2;
/// How often a request whose answer nobody saw is repeated in one flight.
const REPEATS: u32 = 2;
/// How often a flight begins anew from the lease on.
const ROUNDS: u32 = 3;
/// Pause before a repeat at a provider whose refresh tokens can be sent any number of times.
const REPEAT_PAUSE: Duration = Duration::from_millis(100);
/// Pause before a repeat at every other, so that a first request and its answer have time to arrive.
const STRICT_PAUSE: Duration = Duration::from_secs(2);
/// The same where the kernel says that the sender is gone, and its connection with it, and the provider has a grace window.
const GONE_PAUSE: Duration = Duration::from_millis(500);
/// Waiting for another process: the first and the longest pause between looks at the record.
const FIRST_LOOK: Duration = Duration::from_millis(25);
const LAST_LOOK: Duration = Duration::from_millis(250);
/// How much a clock may be slewed meanwhile, in milliseconds.
const CLOCK_DRIFT: i64 = 2_000;
/// How long a sender whose lease lapsed, and who may live, is given to bring an answer that it holds.
const ANSWER_PAUSE: Duration = SECOND;
/// How often, a second apart, a lease is taken back whose taking was not answered.
const TAKE_BACKS: u32 = 10;

const SECOND: Duration = Duration::from_secs(1);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
const FIVE_MINUTES: Duration = Duration::from_secs(300);
pub(super) const HOUR: Duration = Duration::from_secs(3600);

type Ended = Option<Result<Arc<Record>>>;

/// A flight that callers wait for.
#[derive(Clone)]
pub(crate) struct Flight {
    entry: Entry,
    ended: watch::Receiver<Ended>,
    has_renewed: Arc<AtomicBool>,
}

impl Flight {
    /// Whether it is for this one of the grant's access tokens.
    pub(crate) fn renews(&self, entry: &Entry) -> bool {
        self.entry == *entry
    }

    /// Whether it was this flight that renewed the grant, rather than that it found somebody else's renewal.
    pub(crate) fn has_renewed(&self) -> bool {
        self.has_renewed.load(Ordering::Acquire)
    }

    /// The renewed record, or why there is none; `timeout` when the deadline comes first, and the flight goes on.
    pub(crate) async fn outcome(&self, deadline: Instant) -> Result<Arc<Record>> {
        let mut ended = self.ended.clone();
        match timeout_at(deadline, ended.wait_for(Option::is_some)).await {
            Ok(Ok(ended)) => ended.clone().expect("waited for it"),
            Ok(Err(_)) => Err(Error::new(
                Code::Internal,
                "a fault of this library: a refresh ended without result",
            )),
            Err(_) => Err(Error::new(
                Code::Timeout,
                "the refresh did not end before the caller's deadline; it goes on",
            )),
        }
    }
}

/// The flights of this process, one at most for a grant.
#[derive(Default)]
pub(crate) struct Flights(Mutex<HashMap<GrantKey, Flight>>);

impl Flights {
    /// The flight that is under way for this grant, whichever of its access tokens it is for; else a new one for `entry`.
    pub(crate) fn join_or_start(
        &self,
        refresher: &Arc<Refresher>,
        key: &GrantKey,
        entry: &Entry,
        seen: Option<(String, u64)>,
        cause: Cause,
    ) -> Flight {
        let mut flights = self.0.lock().expect("no holder panics");
        if let Some(flight) = flights.get(key) {
            return flight.clone();
        }
        let (send, receive) = watch::channel(None);
        let has_renewed = Arc::<AtomicBool>::default();
        let flight =
            Flight { entry: entry.clone(), ended: receive, has_renewed: Arc::clone(&has_renewed) };
        flights.insert(key.clone(), flight.clone());
        let pilot = Pilot {
            refresher: Arc::clone(refresher),
            key: key.clone(),
            entry: entry.clone(),
            seen,
            cause,
            has_renewed,
        };
        runtime().spawn(async move {
            let landed = Landed { refresher: Arc::clone(&pilot.refresher), key: pilot.key.clone() };
            let ended = pilot.fly_detached().await;
            drop(landed); // first: who wants another renewal does not join the one that ended
            let _ = send.send(Some(ended));
        });
        flight
    }

    pub(crate) fn all(&self) -> Vec<Flight> {
        self.0.lock().expect("no holder panics").values().cloned().collect()
    }
}

/// Takes a flight off the list when it ends, by a panic too.
struct Landed {
    refresher: Arc<Refresher>,
    key: GrantKey,
}

impl Drop for Landed {
    fn drop(&mut self) {
        self.refresher.flights.0.lock().expect("no holder panics").remove(&self.key);
    }
}

/// What a flight knows.
struct Pilot {
    refresher: Arc<Refresher>,
    key: GrantKey,
    /// Which of the grant's access tokens is renewed.
    entry: Entry,
    /// The consent and generation on which it was decided to refresh.
    seen: Option<(String, u64)>,
    /// Why it is renewed.
    cause: Cause,
    /// Set when it was this flight that renewed the grant.
    has_renewed: Arc<AtomicBool>,
}

/// How the time of one flight follows from the provider's grace window.
struct Timing {
    lease: Duration,
    send: Duration,
}

impl Timing {
    fn of(rotation: &Rotation, request_timeout: f64) -> Self {
        let longest = SEND_DEADLINE.min(Duration::from_secs_f64(request_timeout));
        match rotation.grace.filter(|grace| *grace > 0.0).map(Duration::from_secs_f64) {
            Some(grace) => Timing {
                lease: (grace / 2).clamp(SHORTEST_LEASE, LEASE),
                send: longest.min((grace / 3).max(SECOND)),
            },
            None => Timing { lease: LEASE, send: longest },
        }
    }
}

/// What a send left to do.
enum Next {
    Ended(Result<Arc<Record>>),
    /// From the lease on: there is another answer to try, or the lease was lost before anything was sent.
    Again,
}

impl Pilot {
    /// In the helper process, where there is one.
    async fn fly_detached(&self) -> Result<Arc<Record>> {
        let Some(detached) = &self.refresher.context.detached else { return self.fly().await };
        let refresh = Refresh {
            key: self.key.clone(),
            entry: self.entry.clone(),
            seen: self.seen.clone(),
            remembered: self.refresher.remembered(&self.key).map(|record| (*record).clone()),
            cause: self.cause,
            clock: self.refresher.context.settings.clock.is_set(),
        };
        match detached.refresh(refresh).await {
            Done::Ok(Refreshed { record, has_renewed }) => {
                self.has_renewed.store(has_renewed, Ordering::Release);
                self.refresher.look_at_all_after(&record);
                Ok(self.refresher.remember(record))
            }
            Done::Failed { error, record } => {
                match record {
                    Some(record) => {
                        self.refresher.look_at_all_after(&record);
                        self.refresher.remember(*record);
                    }
                    None if error.code() == Code::NoGrant => self.refresher.forget(&self.key),
                    None => {}
                }
                Err(error)
            }
            Done::NoHelper => self.fly().await,
        }
    }

    async fn fly(&self) -> Result<Arc<Record>> {
        if let Some(record) = self.refresher.offer_uncommitted(&self.key).await? {
            return Ok(record);
        }
        let provider = self.refresher.context.provider().await?;
        self.have_keys_at_hand(&provider).await;
        let timing =
            Timing::of(self.rotation(&provider), self.refresher.context.settings.timeouts.request);
        for _ in 0..ROUNDS {
            let (lease, asked_at, held) = match self.take_lease(&timing).await? {
                Lease::Held { lease, asked_at, held } => (lease, asked_at, held),
                Lease::Replayed(record) => return Ok(record),
            };
            if held.taken_over {
                let detail = "the lease of a sender that is gone";
                self.tell(Kind::TakenOver, Some(&held.record), detail);
            }
            match self.fly_with_lease(&provider, &timing, &lease, asked_at, *held).await? {
                Next::Ended(result) => return result,
                Next::Again => {}
            }
        }
        Err(Error::new(
            Code::Store,
            "the token store takes too long to give a lease: nothing was sent that it might not cover",
        ))
    }

    /// Before anything is spent: the keys that a renewed `id_token` will be judged by, of a user who is known by one. Without
    /// them the renewal goes on all the same.
    async fn have_keys_at_hand(&self, provider: &Provider) {
        let remembered = self.refresher.remembered(&self.key);
        if remembered.is_some_and(|record| record.identity.is_some()) {
            let keys = self.refresher.context.keys(provider, KEYS_DEADLINE);
            let _ = tokio::time::timeout(KEYS_DEADLINE + KEYS_DEADLINE / 10, keys).await;
        }
    }

    /// Step 2, and step 7 while somebody else holds the lease.
    async fn take_lease(&self, timing: &Timing) -> Result<Lease> {
        let store = &self.refresher.context.store;
        let owner = OwnerId::of_this_process();
        let stands = self.refresher.stands(&self.key).await?;
        if let Some(record) = &stands
            && let Some(committed) = self.refresher.offer_spilled(record).await?
        {
            return Ok(Lease::Replayed(committed));
        }
        let before = stands.as_ref().map(|record| record.revision);
        if let Some(record) = stands.filter(|record| !self.saw(record)) {
            return Ok(self.replayed(record));
        }
        loop {
            let asked_at = boottime();
            let acquired = store.acquire(&self.key, &owner, timing.lease).await;
            if acquired.is_err() {
                self.take_back(owner.clone(), timing.lease);
            }
            match self.refresher.noted(acquired)? {
                Acquired::Held(held) => {
                    let lease = LeaseId::of(owner, &held);
                    return Ok(Lease::Held { lease, asked_at, held });
                }
                Acquired::Absent => {
                    self.refresher.forget(&self.key);
                    return Err(self.refresher.no_grant(&self.key));
                }
                Acquired::Busy(left) => {
                    if let Some(record) = self.watch(before, left).await? {
                        return Ok(self.replayed(record));
                    }
                }
            }
        }
    }

    /// A lease write that failed may have been made all the same. Nothing is sent under it; nor must it keep everybody waiting.
    fn take_back(&self, owner: OwnerId, ttl: Duration) {
        let (context, key) = (Arc::clone(&self.refresher.context), self.key.clone());
        runtime().spawn(async move {
            for _ in 0..TAKE_BACKS {
                sleep(SECOND).await;
                match context.store.acquire(&key, &owner, ttl).await {
                    Ok(Acquired::Held(held)) => {
                        let lease = LeaseId::of(owner, &held);
                        let _ = context.store.release(&key, &lease, held.earlier.as_ref()).await;
                        return; // where that failed, the lease ends by its own time
                    }
                    Ok(_) => return,
                    Err(_) => {}
                }
            }
        });
    }

    /// Somebody else wrote the record meanwhile: what it says now is used.
    fn replayed(&self, record: Record) -> Lease {
        if !self.saw(&record) {
            self.tell(Kind::Waited, Some(&record), "");
        }
        Lease::Replayed(self.refresher.remember(record))
    }

    /// Looks at the record until somebody has written it, or it is time to ask for the lease again.
    async fn watch(&self, before: Option<u64>, left: Duration) -> Result<Option<Record>> {
        let give_up = Instant::now() + left;
        let mut pause = FIRST_LOOK;
        loop {
            let look = sleep(pause.min(left.max(FIRST_LOOK)));
            match self.refresher.context.store.changed(&self.key) {
                Some(changed) => drop(select(Box::pin(look), changed).await),
                None => look.await,
            }
            match self.refresher.stands(&self.key).await? {
                Some(record) if Some(record.revision) != before => return Ok(Some(record)),
                Some(_) => {}
                None => return Ok(None),
            }
            // By asking again a holder that died is noticed before its lease is over.
            if pause >= LAST_LOOK || Instant::now() >= give_up {
                return Ok(None);
            }
            pause = (pause * 2).min(LAST_LOOK);
        }
    }

    /// Steps 3 to 5 under the lease.
    async fn fly_with_lease(
        &self,
        provider: &Arc<Provider>,
        timing: &Timing,
        lease: &LeaseId,
        asked_at: i64,
        held: Held,
    ) -> Result<Next> {
        if !self.still_wanted(&held.record) {
            self.release(lease, held.earlier.as_ref()).await;
            return Ok(Next::Ended(Ok(self.refresher.remember(held.record))));
        }
        // A sender that cannot reach the store leaves its answer here, and does so before it is taken for gone.
        if let Some(record) = self.refresher.offer_spilled(&held.record).await? {
            self.release_after_an_answer(lease, &held, false).await;
            return Ok(Next::Ended(Ok(record)));
        }
        if let Some(pause) = self.refresher.pause_after_set_back(&held.record).await {
            let not_before = self.now() + pause;
            return self.wait(lease, &held, super::WAITS_FOR_NEWER, not_before).await;
        }
        let renewing = Renewing::start(self, lease, asked_at, timing.lease);
        if held.earlier.is_some() {
            let strict = kills_on_reuse(self.rotation(provider), &held.sent);
            if strict && self.a_token_works(&held.record) {
                return self.wait_for_expiry(lease, &held).await;
            }
            let pause = self.pause_after(provider, &held);
            if let Some(next) = self.moved_on_after(pause, lease, &held, false).await? {
                return Ok(next);
            }
        }
        self.spend(provider, timing, lease, &renewing, &held).await
    }

    /// How long the attempt of another sender is left alone before the token is sent again.
    fn pause_after(&self, provider: &Provider, held: &Held) -> Duration {
        let since = u64::try_from(boottime() - held.sent.last).unwrap_or(0);
        let mut settling = settling(self.rotation(provider));
        let within_grace = self.rotation(provider).grace.is_some_and(|grace| grace > 0.0);
        if held.taken_over && within_grace {
            settling = settling.min(GONE_PAUSE);
        }
        let settling = settling.saturating_sub(Duration::from_millis(since));
        if self.another_may_hold_an_answer(held) { settling.max(ANSWER_PAUSE) } else { settling }
    }

    /// Whether the sender before may live and hold an answer that it could not commit: its lease ran out, or the store was
    /// away since.
    fn another_may_hold_an_answer(&self, held: &Held) -> bool {
        let sent_ago = boottime() - held.sent.first;
        held.earlier.is_some()
            && !held.taken_over
            && (held.lapsed || self.refresher.store_was_away_within(sent_ago))
    }

    /// Looks again after a pause: what somebody else wrote meanwhile, or left in the spill folder, is used. A commit needs no
    /// lease, and sending a generation that is over kills the grant at a strict provider.
    async fn moved_on_after(
        &self,
        pause: Duration,
        lease: &LeaseId,
        held: &Held,
        sent: bool,
    ) -> Result<Option<Next>> {
        if pause.is_zero() {
            return Ok(None);
        }
        sleep(pause).await;
        let stands = self.refresher.stands(&self.key).await?;
        let record = stands.ok_or_else(|| self.refresher.no_grant(&self.key))?;
        if !lease.is_about(&record) {
            self.release_after_an_answer(lease, held, sent).await;
            self.tell(Kind::Waited, Some(&record), "");
            return Ok(Some(Next::Ended(Ok(self.refresher.remember(record)))));
        }
        if let Some(record) = self.refresher.offer_spilled(&record).await? {
            self.release_after_an_answer(lease, held, sent).await;
            return Ok(Some(Next::Ended(Ok(record))));
        }
        // A second answer changes the token within one generation.
        if record.refresh_token() == held.record.refresh_token() {
            return Ok(None);
        }
        let note = if sent { Some(&held.intent) } else { held.earlier.as_ref() };
        self.release(lease, note).await;
        Ok(Some(Next::Again))
    }

    /// What the provider does with what a renewal spends.
    fn rotation<'a>(&self, provider: &'a Provider) -> &'a Rotation {
        self.refresher.context.settings.rotation_at(provider)
    }

    /// Whether the flight was started for this very generation.
    fn saw(&self, record: &Record) -> bool {
        self.seen.as_ref().is_none_or(|(grant_id, generation)| {
            *grant_id == record.grant_id && *generation == record.generation
        })
    }

    /// Sending again could kill the grant: not while there is a token to lose. Until it is over nobody asks for the lease.
    async fn wait_for_expiry(&self, lease: &LeaseId, held: &Held) -> Result<Next> {
        let (policy, now) = (self.refresher.policy(), self.now());
        let working = held.record.tokens.iter().flat_map(|tokens| &tokens.access);
        let hard_at = working.filter_map(|token| policy.hard_at(token, now)).max().unwrap_or(0);
        self.wait(lease, held, "outcome_unknown", hard_at).await
    }

    /// Nothing is sent, by nobody, before a time; the note that stood stays.
    async fn wait(
        &self,
        lease: &LeaseId,
        held: &Held,
        class: &str,
        not_before: UnixMillis,
    ) -> Result<Next> {
        let now = self.now();
        let retry = Retry {
            not_before,
            noted_at: now,
            failures: 1,
            class: class.to_owned(),
            fingerprint: String::new(),
        };
        let (mark, store) = (Mark::BackOff(retry), &self.refresher.context.store);
        let marked = store.mark(&self.key, lease, &mark, held.earlier.as_ref(), now).await?;
        let record = self.refresher.remember(marked.unwrap_or_else(|| held.record.clone()));
        let refusal = Refusal::BackOff { retry_at: not_before };
        Ok(Next::Ended(if self.is_forced() {
            Err(self.refresher.refused(&self.key, refusal))
        } else {
            Ok(record)
        }))
    }

    /// Step 3: whether the record as it stands under the lease still wants what the flight was started for.
    fn still_wanted(&self, record: &Record) -> bool {
        let policy = self.refresher.policy();
        if !self.saw(record) || record.is_tombstone() || !policy.can_renew(record) {
            return false;
        }
        if record.hold.is_some() && !self.is_forced() || record.status == Status::Revoking {
            return false;
        }
        let held_back = record.status == Status::NeedsConsent
            || policy.held_back(record.retry.as_ref(), self.now()).is_some();
        self.is_forced() || !held_back
    }

    /// Whether there is an access token to lose, for whatever it is. Of one whose end nobody told, the API's word is the end.
    fn a_token_works(&self, record: &Record) -> bool {
        let (policy, now) = (self.refresher.policy(), self.now());
        let refused = record.access_of(&self.entry).filter(|_| self.cause == Cause::ApiRefused);
        let mut access = record.tokens.iter().flat_map(|tokens| &tokens.access);
        access.any(|token| match token.expires_at {
            _ if token.token.is_empty() => false,
            Some(_) => policy.freshness(&self.key, token, now, 0) != super::Freshness::Hard,
            None => refused != Some(token),
        })
    }

    /// Whether a refusal or back-off is overridden.
    fn is_forced(&self) -> bool {
        self.cause == Cause::Forced
    }

    /// Step 4, and what each answer means.
    async fn spend(
        &self,
        provider: &Arc<Provider>,
        timing: &Timing,
        lease: &LeaseId,
        renewing: &Renewing,
        held: &Held,
    ) -> Result<Next> {
        let (mut resends, mut repeats) = (0, 0);
        let mut unseen = held.earlier.is_some();
        loop {
            let context = &self.refresher.context;
            if !renewing.covers(timing.send + SECOND) {
                // Stopped or suspended for long: somebody else may have the lease, and have spent the token.
                let intent = if repeats > 0 { Some(&held.intent) } else { held.earlier.as_ref() };
                self.release(lease, intent).await;
                return Ok(Next::Again);
            }
            let renewed = renewal::renew(context, provider, &held.record, &self.entry, timing.send);
            let answer = match renewed.await {
                Ok(answer) => answer,
                Err(error) => {
                    let note = if repeats > 0 { Some(&held.intent) } else { held.earlier.as_ref() };
                    self.release(lease, note).await;
                    return Err(error);
                }
            };
            let settled = if unseen { Some(&held.intent) } else { None };
            return match answer {
                Answer::NotSent(_) if resends < RESENDS => {
                    sleep(with_jitter(Duration::from_millis(250) * 2u32.pow(resends))).await;
                    resends += 1;
                    continue;
                }
                Answer::NotSent(error) => {
                    let retry = self.retry(&held.record, "not_sent", SECOND, FIVE_MINUTES, None);
                    self.give_up(lease, held, &retry, settled, error).await
                }
                Answer::Judged(Outcome::Ambiguous(error)) => {
                    unseen = true;
                    if let Some(pause) = self.pause_before_repeat(provider, held, repeats) {
                        repeats += 1;
                        if let Some(next) = self.moved_on_after(pause, lease, held, true).await? {
                            return Ok(next);
                        }
                        continue;
                    }
                    let retry = self.retry(&held.record, "ambiguous", SECOND, FIVE_MINUTES, None);
                    self.give_up(lease, held, &retry, Some(&held.intent), error).await
                }
                Answer::Judged(Outcome::Success(response)) => {
                    let now = self.now();
                    let tokens = renewal::tokens_for(&self.entry, *response, now);
                    let judge = Judge { settings: &context.settings, provider };
                    let keys = context.keys_at_hand();
                    let judged = judge.hold(&held.record, &tokens, keys.as_deref(), now);
                    let commit = Commit {
                        grant_id: held.record.grant_id.clone(),
                        generation: held.record.generation,
                        tokens,
                        fencing: lease.fencing,
                        owner: lease.owner.to_string(),
                        at: now,
                        keepalive_at: self.rotation(provider).keepalive_at(now),
                        hold: judged,
                    };
                    let record = self.refresher.commit(&self.key, commit, &held.record).await?;
                    let is_own = record.committed_fencing == lease.fencing;
                    self.has_renewed.store(is_own, Ordering::Release);
                    Ok(Next::Ended(Ok(record)))
                }
                Answer::Judged(Outcome::Refused(error)) => {
                    self.refused(lease, held, unseen, error).await
                }
                Answer::Judged(Outcome::Misconfigured(error)) => {
                    let fingerprint = context.settings.fingerprint();
                    let retry =
                        self.retry(&held.record, "misconfigured", MINUTE, HOUR, Some(fingerprint));
                    self.give_up(lease, held, &retry, settled, error).await
                }
                Answer::Judged(Outcome::Throttled { error, pause }) => {
                    let mut retry =
                        self.retry(&held.record, "throttled", SECOND, FIVE_MINUTES, None);
                    if let Some(pause) = pause {
                        retry.not_before = self.now() + millis(pause);
                    }
                    self.give_up(lease, held, &retry, settled, error).await
                }
                // About this wish, not the grant: nothing else is held back.
                Answer::Judged(Outcome::ProviderError(error))
                    if renewal::is_of_the_wish(&self.entry, &error) =>
                {
                    self.release(lease, settled).await;
                    Ok(Next::Ended(Err(error)))
                }
                Answer::Judged(Outcome::ProviderError(error)) => {
                    let retry =
                        self.retry(&held.record, "provider_error", SECOND, FIVE_MINUTES, None);
                    self.give_up(lease, held, &retry, settled, error).await
                }
            };
        }
    }

    /// An answer nobody saw: how long to wait before the token is sent again, or that it is not sent again now.
    fn pause_before_repeat(
        &self,
        provider: &Provider,
        held: &Held,
        repeats: u32,
    ) -> Option<Duration> {
        if !kills_on_reuse(self.rotation(provider), &held.sent) {
            return (repeats < REPEATS).then(|| settling(self.rotation(provider)));
        }
        // There is nothing left to lose only once the access token is over; and then one repeat says all.
        let first = repeats == 0 && held.earlier.is_none();
        (first && !self.a_token_works(&held.record)).then_some(STRICT_PAUSE)
    }

    /// The provider refused the refresh token: believed only of the newest one in the store.
    async fn refused(
        &self,
        lease: &LeaseId,
        held: &Held,
        unseen: bool,
        error: Error,
    ) -> Result<Next> {
        let store = &self.refresher.context.store;
        let refresh_token = held.record.refresh_token().cloned().unwrap_or_default();
        let mark = Mark::Refused { refresh_token, reason: self.reason(&held.record, unseen) };
        match store.mark(&self.key, lease, &mark, None, self.now()).await? {
            Some(record) if record.status != Status::NeedsConsent => {
                self.refresher.remember(record);
                Ok(Next::Again)
            }
            Some(record) => {
                self.tell(Kind::NeedsConsent, Some(&record), error.message());
                let record = self.refresher.remember(record);
                Ok(Next::Ended(if self.is_forced() {
                    Err(consent_error(&record, error))
                } else {
                    Ok(record)
                }))
            }
            None => self.overtaken(lease, error).await,
        }
    }

    /// A mark came to nothing: what is newer is used; if only the lease was lost, whoever has it judges.
    async fn overtaken(&self, lease: &LeaseId, error: Error) -> Result<Next> {
        let stands = self.refresher.stands(&self.key).await?;
        let record = stands.ok_or_else(|| self.refresher.no_grant(&self.key))?;
        Ok(Next::Ended(if lease.is_about(&record) {
            Err(error.recoded(Code::TemporarilyUnavailable))
        } else {
            Ok(self.refresher.remember(record))
        }))
    }

    fn reason(&self, record: &Record, unseen: bool) -> ConsentReason {
        let over = record.tokens.as_ref().and_then(|tokens| tokens.refresh_expires_at);
        if unseen {
            ConsentReason::OutcomeLost
        } else if over.is_some_and(|over| over <= self.now()) {
            ConsentReason::Expired
        } else {
            ConsentReason::Revoked
        }
    }

    /// Marks a back-off, gives the lease back and tells the caller why.
    async fn give_up(
        &self,
        lease: &LeaseId,
        held: &Held,
        retry: &Retry,
        intent: Option<&Intent>,
        error: Error,
    ) -> Result<Next> {
        let mark = Mark::BackOff(retry.clone());
        match self.refresher.context.store.mark(&self.key, lease, &mark, intent, self.now()).await {
            Ok(Some(record)) => {
                self.refresher.remember(record);
            }
            Ok(None) => {}
            Err(trouble) => self.tell(Kind::StoreTrouble, Some(&held.record), trouble.message()),
        }
        self.tell(Kind::RefreshFailed, Some(&held.record), error.message());
        Ok(Next::Ended(Err(error.with_retry_at(Some(retry.not_before)))))
    }

    fn retry(
        &self,
        record: &Record,
        class: &str,
        first: Duration,
        longest: Duration,
        fingerprint: Option<String>,
    ) -> Retry {
        let earlier = record.retry.as_ref();
        let fingerprint = fingerprint.unwrap_or_default();
        Retry::after(earlier, class, fingerprint, (first, longest), self.now())
    }

    /// Somebody's answer to the generation of this lease came. Where it was attempted more than once, a later attempt may have
    /// made the new token void: a note says so.
    async fn release_after_an_answer(&self, lease: &LeaseId, held: &Held, sent: bool) {
        let note = held.intent.after_an_answer(held.intent.repeats + u32::from(sent));
        self.release(lease, note.as_ref()).await;
    }

    async fn release(&self, lease: &LeaseId, intent: Option<&Intent>) {
        if let Err(error) = self.refresher.context.store.release(&self.key, lease, intent).await {
            self.tell(Kind::StoreTrouble, None, error.message()); // the lease ends by its own time
        }
    }

    fn now(&self) -> UnixMillis {
        self.refresher.context.settings.now()
    }

    fn tell(&self, kind: Kind, record: Option<&Record>, detail: &str) {
        self.refresher.context.settings.tell(kind, &self.key, record, detail);
    }
}

enum Lease {
    Held {
        lease: LeaseId,
        /// Before it was asked for, by the clock that runs through suspension.
        asked_at: i64,
        held: Box<Held>,
    },
    /// Somebody else wrote the record meanwhile.
    Replayed(Arc<Record>),
}

/// Renews a lease at each third of its time, as long as it is alive.
struct Renewing {
    task: tokio::task::JoinHandle<()>,
    /// Until when the lease surely stands: counted from before it was asked for, on a clock that runs through suspension.
    until: Arc<AtomicI64>,
}

impl Renewing {
    fn start(pilot: &Pilot, lease: &LeaseId, asked_at: i64, ttl: Duration) -> Self {
        let context = Arc::clone(&pilot.refresher.context);
        let (key, lease) = (pilot.key.clone(), lease.clone());
        let until = Arc::new(AtomicI64::new(asked_at + millis(ttl)));
        let prolonged = Arc::clone(&until);
        let task = tokio::spawn(async move {
            loop {
                sleep(ttl / 3).await;
                let asked_at = boottime();
                if !matches!(context.store.renew(&key, &lease, ttl).await, Ok(true)) {
                    return; // the running send is finished, and no other is begun
                }
                prolonged.store(asked_at + millis(ttl), Ordering::Release);
            }
        });
        Renewing { task, until }
    }

    /// Whether the lease surely stands for this much longer.
    fn covers(&self, time: Duration) -> bool {
        boottime() + millis(time) <= self.until.load(Ordering::Acquire)
    }
}

impl Drop for Renewing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How long a request whose connection ended may still be on its way to the provider. One that arrives after its repeat was
/// answered would make the answer void where the last repeat wins.
fn settling(rotation: &Rotation) -> Duration {
    match rotation.grace.filter(|grace| *grace > 0.0).map(Duration::from_secs_f64) {
        Some(grace) => STRICT_PAUSE.min(grace / 3),
        None if rotation.kills_on_reuse == Some(false) => with_jitter(REPEAT_PAUSE),
        None => STRICT_PAUSE,
    }
}

/// Whether sending a generation again could kill the grant.
fn kills_on_reuse(rotation: &Rotation, sent: &Sent) -> bool {
    rotation.kills_on_reuse == Some(true) && !within_grace(rotation, sent)
}

fn within_grace(rotation: &Rotation, sent: &Sent) -> bool {
    // The store's clock may be slewed a little; one that was set back says nothing.
    let since = boottime() - sent.first;
    rotation.grace.is_some_and(|grace| since > -CLOCK_DRIFT && since < super::millis(grace))
}

fn consent_error(record: &Record, error: Error) -> Error {
    match record.reason {
        Some(reason) => error.with_reason(reason.as_str()),
        None => error,
    }
}

fn with_jitter(pause: Duration) -> Duration {
    let [byte] = random_bytes::<1>();
    pause * (75 + u32::from(byte) * 50 / 255) / 100
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).expect("a pause is at most hours")
}
