//! Keep-alive (`refresh.md`, Keep-alive): grants that nobody asks for are renewed before they die of disuse.
//!
//! Any number of machines work through the same grants at once, and there may be more of them than fit in memory. So due
//! grants are chosen by clear columns alone, a page at a time; what a grant needs is decided anew when its turn comes, by the
//! ordinary flight under the lease; and what this process did not know before it lets go again.

use super::revocation::Again;
use super::{Cause, Decision, Refresher, Refusal, Want, decide, millis, revocation};
use crate::clock::UnixMillis;
use crate::error::{Code, Error, Result};
use crate::process::{random_bytes, runtime, task_error};
use crate::store::{Entry, GrantKey, Listed, PAGE, Query, Record, Status, Wanted};
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// How many grants are renewed at once where the caller does not say.
const CONCURRENCY: usize = 8;

/// How many due grants are listed where the caller does not say.
const LISTED: usize = 1000;

/// After so many failures in a row it is the provider, the network or the store that fails, and not a grant.
const FAILURES_IN_A_ROW: u32 = 20;

/// Spilled answers expire after 7 days; a day later no tombstone is needed to recognise them.
const TOMBSTONE_DAYS: i64 = 8;

/// Which due grants are listed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DueOptions {
    /// Also grants whose access token ends within so many seconds, though it is not in its soft window yet.
    pub within: Option<f64>,
    /// How many at most; 1000 when absent. Fewer mean that there are no more.
    pub limit: Option<usize>,
    /// Only what comes after this one in the store's own order: the last of the list before.
    pub after: Option<DueAfter>,
}

/// Names the grant after which a list of due grants goes on.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DueAfter {
    /// The application's name for the user.
    pub subject: String,
    /// The slot.
    #[serde(default)]
    pub slot: String,
}

/// How due grants are renewed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RefreshDueOptions {
    /// Also grants whose access token ends within so many seconds, though it is not in its soft window yet.
    pub within: Option<f64>,
    /// How many are renewed at once; 8 when absent.
    pub concurrency: Option<usize>,
    /// How many at most; all when absent.
    pub limit: Option<usize>,
}

/// A grant whose time has come, without secrets. Times are Unix milliseconds.
#[derive(Clone, Debug, Serialize)]
pub struct DueGrant {
    /// The application's name for the user.
    pub subject: String,
    /// The slot.
    pub slot: String,
    /// Random, new with each consent that brings a refresh token.
    pub grant_id: String,
    /// + 1 with each committed renewal.
    pub generation: u64,
    /// For what.
    pub due_for: DueFor,
    /// Until when the access token is valid; 0 where there is none yet.
    pub expires_at: Option<i64>,
    /// When disuse would let the refresh token die.
    pub keepalive_at: Option<i64>,
    /// No renewal is tried before this.
    pub retry_at: Option<i64>,
}

/// For what a grant's time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DueFor {
    /// Its access token ends.
    Expiry,
    /// Its refresh token would die of disuse.
    Keepalive,
    /// Its revocation at the provider failed, and is to be tried again.
    Revocation,
}

/// What became of the due grants. Names and numbers, no secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DueReport {
    /// Renewed by this call.
    pub refreshed: u64,
    /// Renewed by somebody else between the choice and their turn.
    pub renewed_elsewhere: u64,
    /// Not to be tried now: earlier attempts failed not long ago.
    pub in_back_off: u64,
    /// Deleted, or no more to be renewed, between the choice and their turn.
    pub skipped: u64,
    /// Begun revocations that are done now.
    pub revoked: u64,
    /// Remains of deleted grants that are not needed any more.
    pub cleared: u64,
    /// Whose user has to consent again, whoever found that out and when.
    pub needs_consent: Vec<GrantRef>,
    /// What could not be renewed for now, and why.
    pub failed: Vec<FailedGrant>,
    /// Why the remaining grants were left for a later call: the provider wants a pause, refuses this client, or one failure
    /// followed another.
    pub stopped: Option<Stopped>,
}

/// Names a grant of a client.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct GrantRef {
    /// The application's name for the user.
    pub subject: String,
    /// The slot.
    pub slot: String,
}

/// A grant that could not be renewed for now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedGrant {
    /// The application's name for the user.
    pub subject: String,
    /// The slot.
    pub slot: String,
    /// The error's code.
    pub code: Code,
    /// What went wrong.
    pub message: String,
    /// No renewal is tried before this, in Unix milliseconds.
    pub retry_at: Option<i64>,
}

/// Why work on due grants ended before its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stopped {
    /// The code of the error that ended it.
    pub code: Code,
    /// What went wrong.
    pub message: String,
    /// When trying again may help, in Unix milliseconds.
    pub retry_at: Option<i64>,
}

/// How far the work is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DueProgress {
    /// Grants that had their turn.
    pub done: u64,
    /// Grants that were found due so far.
    pub found: u64,
}

/// Sees how far the work is; a break begins no more, and what is under way is finished.
pub(crate) type Watch = Arc<dyn Fn(&DueProgress) -> ControlFlow<()> + Send + Sync>;

/// Lists due grants.
pub(crate) async fn due(refresher: &Refresher, options: &DueOptions) -> Result<Vec<DueGrant>> {
    let choice = Choice::new(refresher, options.within)?;
    let after = options.after.as_ref();
    let after = after.map(|grant| refresher.context.settings.key(&grant.subject, &grant.slot));
    let limit = positive("limit", options.limit)?.unwrap_or(LISTED);
    choice
        .pages(refresher, after)
        .map_ok(|page| stream::iter(page).map(Ok))
        .try_flatten()
        .map_ok(|(row, due_for)| due_grant(row, due_for))
        .take(limit)
        .try_collect()
        .await
}

fn due_grant(row: Listed, due_for: DueFor) -> DueGrant {
    DueGrant {
        subject: row.key.subject,
        slot: row.key.slot,
        grant_id: row.header.grant_id,
        generation: row.header.generation,
        due_for,
        expires_at: row.header.expires_at,
        keepalive_at: row.header.keepalive_at,
        retry_at: row.header.retry_at,
    }
}

/// Renews due grants, tries begun revocations again, and clears what is left of grants deleted long ago.
pub(crate) async fn refresh_due(
    refresher: &Arc<Refresher>,
    options: &RefreshDueOptions,
    watch: &Watch,
) -> Result<DueReport> {
    let choice = Choice::new(refresher, options.within)?;
    let concurrency = positive("concurrency", options.concurrency)?.unwrap_or(CONCURRENCY);
    let limit = positive("limit", options.limit)?.unwrap_or(usize::MAX);
    let now = choice.now;
    let mut ledger = Ledger::default();
    let stop = Arc::new(AtomicBool::new(false));
    let found = std::sync::atomic::AtomicU64::new(0);

    let due = choice
        .pages(refresher, None)
        .inspect_ok(|page| {
            found.fetch_add(page.len() as u64, Ordering::Relaxed);
        })
        // Machines that begin at once do not go through a page side by side.
        .map_ok(|page| stream::iter(shuffled(page)).map(Ok::<_, Error>))
        .try_flatten()
        .take(limit)
        .take_while(|_| std::future::ready(!stop.load(Ordering::Relaxed)));
    let turns = due.map_ok(|(row, due_for)| async move {
        let fate = turn(refresher, &row, due_for).await;
        Ok((row.key, fate))
    });
    let mut turns = std::pin::pin!(turns.try_buffer_unordered(concurrency));
    while let Some((key, fate)) = turns.try_next().await? {
        ledger.enter(&key, fate);
        let found = found.load(Ordering::Relaxed).min(limit as u64);
        let progress = DueProgress { done: ledger.turns, found };
        if watch(&progress).is_break() || ledger.report.stopped.is_some() {
            stop.store(true, Ordering::Relaxed);
        }
    }

    clear(refresher, now, &mut ledger.report).await?;
    let consents = pages(refresher, Wanted::NeedsConsent, None);
    let mut consents = std::pin::pin!(consents);
    while let Some(page) = consents.try_next().await? {
        ledger.needs_consent.extend(page.into_iter().map(|row| grant_ref(&row.key)));
    }
    Ok(ledger.closed())
}

/// By what grants are chosen.
struct Choice {
    now: UnixMillis,
    within: i64,
    policy: super::Policy,
}

impl Choice {
    fn new(refresher: &Refresher, within: Option<f64>) -> Result<Self> {
        let within = within.unwrap_or(0.0);
        if !(0.0..1e9).contains(&within) {
            let text = format!("within: {within} is out of range; expected seconds, 0 or more");
            return Err(Error::new(Code::InvalidArgument, text));
        }
        Ok(Choice {
            now: refresher.context.settings.now(),
            within: millis(within),
            policy: refresher.policy(),
        })
    }

    /// The grants whose time has come, by pages. The store leaves out most of the others; the policy decides.
    fn pages<'a>(
        &'a self,
        refresher: &'a Refresher,
        after: Option<GrantKey>,
    ) -> impl Stream<Item = Result<Vec<(Listed, DueFor)>>> + Send + 'a {
        let expires_by = self.now + self.policy.longest_due(self.within);
        let wanted = Wanted::Due { expires_by, keepalive_by: self.now };
        pages(refresher, wanted, after).map_ok(|page| {
            let chosen =
                page.into_iter().filter_map(|row| self.due_for(&row).map(|why| (row, why)));
            chosen.collect()
        })
    }

    fn due_for(&self, row: &Listed) -> Option<DueFor> {
        let header = &row.header;
        let is_past = |time: Option<UnixMillis>| time.is_some_and(|time| time <= self.now);
        let due_at =
            self.policy.due_at(&row.key, header.obtained_at, header.expires_at, self.within);
        if header.status == Status::Revoking {
            Some(DueFor::Revocation)
        } else if is_past(due_at) {
            Some(DueFor::Expiry)
        } else {
            is_past(header.keepalive_at).then_some(DueFor::Keepalive)
        }
    }
}

/// Rows of this client registration by pages, each read when the one before is used up.
fn pages(
    refresher: &Refresher,
    wanted: Wanted,
    after: Option<GrantKey>,
) -> impl Stream<Item = Result<Vec<Listed>>> + Send + '_ {
    let client = Some(refresher.context.settings.client_key());
    let query = Query { client, wanted, after, limit: PAGE };
    stream::try_unfold(Some(query), |query| async {
        let Some(mut query) = query else { return Ok(None) };
        let page = refresher.context.store.page(&query).await?;
        let next = page.get(query.limit - 1).map(|last| last.key.clone()).map(|last| {
            query.after = Some(last);
            query
        });
        Ok(Some((page, next)))
    })
}

fn shuffled<T>(mut items: Vec<T>) -> Vec<T> {
    for last in (1..items.len()).rev() {
        let random = u64::from_ne_bytes(random_bytes()) % (last as u64 + 1);
        items.swap(last, usize::try_from(random).expect("below the number of items"));
    }
    items
}

/// What became of one grant.
enum Fate {
    Refreshed,
    RenewedElsewhere,
    InBackOff,
    Skipped,
    Revoked,
    NeedsConsent,
    Failed(Error),
}

impl Fate {
    fn of(error: Error) -> Self {
        match error.code() {
            Code::NoGrant => Fate::Skipped,
            Code::NeedsConsent => Fate::NeedsConsent,
            _ => Fate::Failed(error),
        }
    }
}

async fn turn(refresher: &Arc<Refresher>, row: &Listed, due_for: DueFor) -> Fate {
    let timeout = Duration::from_secs_f64(refresher.context.settings.timeouts.total);
    let deadline = Instant::now() + timeout;
    let was_known = refresher.remembered(&row.key).is_some();
    let fate = match due_for {
        DueFor::Revocation => revoke(refresher, &row.key, deadline).await,
        DueFor::Expiry | DueFor::Keepalive => renew(refresher, row, deadline).await,
    };
    if !was_known {
        refresher.let_go(&row.key);
    }
    fate.unwrap_or_else(Fate::of)
}

/// Renews the generation that was listed. Whoever has renewed it meanwhile, here or elsewhere, has done it.
async fn renew(refresher: &Arc<Refresher>, row: &Listed, deadline: Instant) -> Result<Fate> {
    let want = Want::Newer {
        entry: Entry::default(),
        grant_id: row.header.grant_id.clone(),
        generation: row.header.generation,
        cause: Cause::Due,
    };
    let policy = refresher.policy();
    let decision = |record: Option<&Record>| {
        decide(record, &row.key, refresher.context.settings.now(), &policy, &want)
    };
    let mut stands = refresher.load(&row.key).await?;
    let before = decision(stands.as_deref());
    if before != Decision::Refresh {
        return Ok(judged(&before, false));
    }
    let flight = loop {
        let flight = refresher.flight(&row.key, stands.as_deref(), &want);
        if flight.renews(want.entry()) {
            break flight;
        }
        // For another of the grant's access tokens; what became of it is not asked here.
        if let Err(error) = flight.outcome(deadline).await
            && error.code() == Code::Timeout
        {
            return Err(error);
        }
        stands = refresher.load(&row.key).await?;
    };
    let record = flight.outcome(deadline).await?;
    Ok(judged(&decision(Some(&record)), flight.has_renewed()))
}

fn judged(decision: &Decision, renewed_here: bool) -> Fate {
    match decision {
        Decision::Use | Decision::UseAndRefresh if renewed_here => Fate::Refreshed,
        Decision::Use | Decision::UseAndRefresh => Fate::RenewedElsewhere,
        Decision::Refuse(Refusal::BackOff { .. }) => Fate::InBackOff,
        Decision::Refuse(Refusal::NeedsConsent { .. } | Refusal::Held { .. }) => Fate::NeedsConsent,
        Decision::Refuse(Refusal::Revoking) | Decision::NoGrant => Fate::Skipped,
        Decision::Refresh => Fate::Failed(Error::new(
            Code::StoreConflict,
            "the grant was written again and again and is still not renewed",
        )),
    }
}

/// Goes on with a revocation. Not stopped half-way: a lease that nobody knows of would keep everybody waiting.
async fn revoke(refresher: &Arc<Refresher>, key: &GrantKey, deadline: Instant) -> Result<Fate> {
    let (refresher, key) = (Arc::clone(refresher), key.clone());
    let task =
        runtime().spawn(async move { revocation::revoke_again(&refresher, &key, deadline).await });
    Ok(match task.await.map_err(task_error)?? {
        Again::Done => Fate::Revoked,
        Again::InBackOff => Fate::InBackOff,
        Again::Over => Fate::Skipped,
    })
}

/// Removes tombstones that no late answer can meet any more.
async fn clear(refresher: &Refresher, now: UnixMillis, report: &mut DueReport) -> Result<()> {
    let wanted = Wanted::Tombstones { before: now - TOMBSTONE_DAYS * 86_400_000 };
    let mut tombstones = std::pin::pin!(pages(refresher, wanted, None));
    while let Some(page) = tombstones.try_next().await? {
        for row in page {
            let removed = refresher.context.store.remove_tombstone(&row.key, row.header.revision);
            report.cleared += u64::from(removed.await?);
        }
    }
    Ok(())
}

fn grant_ref(key: &GrantKey) -> GrantRef {
    GrantRef { subject: key.subject.clone(), slot: key.slot.clone() }
}

/// The report while it is written.
#[derive(Default)]
struct Ledger {
    report: DueReport,
    /// A grant may be found twice: in its turn, and among those that stand.
    needs_consent: BTreeSet<GrantRef>,
    turns: u64,
    failures_in_a_row: u32,
}

impl Ledger {
    fn enter(&mut self, key: &GrantKey, fate: Fate) {
        self.turns += 1;
        let report = &mut self.report;
        match fate {
            Fate::Failed(error) => return self.enter_failure(key, &error),
            Fate::Refreshed => report.refreshed += 1,
            Fate::RenewedElsewhere => report.renewed_elsewhere += 1,
            Fate::InBackOff => report.in_back_off += 1,
            Fate::Skipped => report.skipped += 1,
            Fate::Revoked => report.revoked += 1,
            Fate::NeedsConsent => {
                self.needs_consent.insert(grant_ref(key));
            }
        }
        self.failures_in_a_row = 0;
    }

    fn enter_failure(&mut self, key: &GrantKey, error: &Error) {
        self.failures_in_a_row += 1;
        let concerns_all = error.code() == Code::MisconfiguredClient
            || matches!(error.status(), Some(429 | 503))
            || self.failures_in_a_row >= FAILURES_IN_A_ROW;
        if concerns_all && self.report.stopped.is_none() {
            self.report.stopped = Some(Stopped {
                code: error.code(),
                message: error.message().to_owned(),
                retry_at: error.retry_at(),
            });
        }
        self.report.failed.push(FailedGrant {
            subject: key.subject.clone(),
            slot: key.slot.clone(),
            code: error.code(),
            message: error.message().to_owned(),
            retry_at: error.retry_at(),
        });
    }

    fn closed(self) -> DueReport {
        DueReport { needs_consent: self.needs_consent.into_iter().collect(), ..self.report }
    }
}

/// A number of options that has to be at least 1.
fn positive(option: &str, value: Option<usize>) -> Result<Option<usize>> {
    if value == Some(0) {
        let text = format!("{option}: 0 is out of range; expected 1 or more");
        return Err(Error::new(Code::InvalidArgument, text));
    }
    Ok(value)
}
