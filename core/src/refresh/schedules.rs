//! Random schedules of several senders over the real decision, record and lease, with an injected clock for each sender and
//! one for the store, and a simulated provider.
//!
//! The constraint: what protects is core's (`decide`, `Record::merge`, `marked`, `with_consent`, `tombstone`, `LeaseRow`); only
//! the order of its calls is written here once more, and a promise is asked of what stands before and after each event, never
//! of the call that was made.
//!
//! `EVERGRANT_SCHEDULES` says how many schedules each server gets, `EVERGRANT_SEED` repeats a run.

use super::{Decision, Freshness, Policy, Want, decide};
use crate::clock::UnixMillis;
use crate::owner::OwnerId;
use crate::process::random_bytes;
use crate::store::record_for_tests::tokens;
use crate::store::{
    Commit, ConsentReason, Entry, GrantKey, Held, LeaseId, LeaseRow, Mark, Merged, Record, Retry,
    Status, StoreTime, Tokens,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::rc::Rc;
use std::time::Duration;

/// Schedules for each of the three servers.
const SCHEDULES: u32 = 34_000;
const SENDERS: usize = 3;
const SUBJECTS: [&str; 2] = ["alice", "bob"];

const LIFETIME: i64 = 60_000;
const HARD: i64 = LIFETIME / 10;
const GRACE: i64 = 10_000;
const LEASE: i64 = GRACE / 2;
const SEND: i64 = GRACE / 3;
const SECOND: i64 = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Server {
    Strict,
    Grace,
    NonRotating,
}

/// What can happen.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// One of the senders that are at something takes its next step.
    Step(usize),
    /// A caller asks a sender for a token.
    Ask { sender: usize, subject: usize, min_valid: i64 },
    /// Time passes.
    Pass(i64),
    /// The provider serves the oldest request that is on its way.
    Serve,
    /// A connection breaks; a request or its answer is lost.
    Lose(usize),
    /// The store does not take the next commit of one that is at something.
    StoreFails(usize),
    /// One that is at something is killed, and started again with an empty memory.
    Kill(usize),
    /// The user consents again; whether that brings a refresh token.
    Consent { subject: usize, with_refresh: bool },
    /// The application forgets a grant.
    Forget(usize),
    /// The user withdraws consent at the provider.
    Withdraw(usize),
}

impl From<u32> for Event {
    fn from(number: u32) -> Self {
        let (kind, rest) = (number % 64, (number / 64) as usize);
        let (sender, subject) = (rest % SENDERS, usize::from(rest / SENDERS % 4 == 3));
        let amount = i64::from(number / 1024);
        match kind {
            0..=27 => Event::Step(sender),
            28..=40 => {
                let min_valid = if rest % 5 == 0 { LIFETIME / 2 } else { 0 };
                Event::Ask { sender, subject, min_valid }
            }
            41..=50 => Event::Serve,
            51..=56 => Event::Pass(amount % (2 * SECOND)),
            57 => Event::Pass(amount % LIFETIME),
            58..=59 => Event::Pass(LIFETIME - HARD),
            60 => Event::Lose(sender),
            61 => Event::StoreFails(sender),
            62 => Event::Kill(sender),
            _ => match rest / 16 % 8 {
                0..=1 => Event::Forget(subject),
                2 => Event::Withdraw(subject),
                kind => Event::Consent { subject, with_refresh: kind != 7 },
            },
        }
    }
}

/// A refresh token: whose, of which consent, after how many rotations. Its text says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Token {
    subject: usize,
    family: usize,
    depth: u32,
}

impl Token {
    fn text(self) -> String {
        format!("{}-{}-{}", SUBJECTS[self.subject], self.family, self.depth)
    }

    fn read(text: &str) -> Self {
        let parts: Vec<&str> = text.split('-').collect();
        let subject = SUBJECTS.iter().position(|name| *name == parts[0]).unwrap();
        Token { subject, family: parts[1].parse().unwrap(), depth: parts[2].parse().unwrap() }
    }

    fn tokens(self, refresh: bool, now: UnixMillis) -> Tokens {
        let text = self.text();
        let mut tokens = tokens(&format!("{text}-access"), refresh.then_some(text.as_str()));
        tokens.access[0].obtained_at = now;
        tokens.access[0].expires_at = Some(now + LIFETIME);
        tokens
    }
}

/// What one consent made at the provider.
#[derive(Debug)]
struct Family {
    newest: u32,
    alive: bool,
    rotated_at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Tokens(Token),
    Refused,
}

#[derive(Debug)]
struct Request {
    sender: usize,
    incarnation: u32,
    token: Token,
    answer: Option<Answer>,
}

/// What stands in the store for one subject.
struct Row {
    record: Rc<Record>,
    lease: LeaseRow,
}

struct Flight {
    subject: usize,
    lease: LeaseId,
    record: Rc<Record>,
    earlier: Option<StoreTime>,
    noted: StoreTime,
    /// Until when the lease surely stands.
    until: i64,
    renewed_at: i64,
    sent_at: i64,
    repeats: u32,
}

enum Phase {
    Idle,
    Wants { subject: usize, seen: (String, u64) },
    Holds(Box<Flight>),
    Waits(Box<Flight>),
    Uncommitted { subject: usize, commit: Box<Commit> },
}

struct Sender {
    incarnation: u32,
    /// By how much its clock is ahead of the store's.
    skew: i64,
    phase: Phase,
    cache: [Option<Rc<Record>>; SUBJECTS.len()],
    store_fails: bool,
}

/// Who holds a lease, as the check keeps it, beside what the rows say.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Holder {
    sender: usize,
    fencing: u64,
    until: i64,
}

struct World {
    server: Server,
    now: i64,
    rows: [Option<Row>; SUBJECTS.len()],
    families: [Vec<Family>; SUBJECTS.len()],
    senders: [Sender; SENDERS],
    requests: Vec<Request>,
    holders: [Option<Holder>; SUBJECTS.len()],
    spills: Vec<(usize, Commit)>,
    withdrawn: [bool; SUBJECTS.len()],
    /// Which subject was marked `needs_consent` by the event under way.
    marked: Option<usize>,
    log: Option<String>,
}

type Checked = Result<(), String>;

fn key(subject: usize) -> GrantKey {
    let subject = SUBJECTS[subject].to_owned();
    GrantKey { client: "test:app".into(), subject, slot: String::new() }
}

fn policy() -> Policy {
    Policy {
        soft: None,
        hard: None,
        earliest_refresh: None,
        fingerprint: "f".into(),
        takes_refresh_token: true,
        asks_for_lifetime: false,
    }
}

impl World {
    fn new(server: Server) -> Self {
        let family = || vec![Family { newest: 0, alive: true, rotated_at: 0 }];
        let row = |subject| {
            let token = Token { subject, family: 0, depth: 0 };
            let tokens = token.tokens(true, 0);
            let mut record = Record::new(&key(subject), "consent-0".into(), tokens, 0);
            record.unknown.insert("from_the_future".into(), serde_json::json!([1, 2]));
            Some(Row { record: Rc::new(record), lease: LeaseRow::default() })
        };
        let sender = |skew| Sender {
            incarnation: 0,
            skew,
            phase: Phase::Idle,
            cache: [None, None],
            store_fails: false,
        };
        World {
            server,
            now: LIFETIME - HARD, // the first to ask renews
            rows: [row(0), row(1)],
            families: [family(), family()],
            senders: [sender(0), sender(700), sender(-40_000)],
            requests: Vec::new(),
            holders: [None, None],
            spills: Vec::new(),
            withdrawn: [false, false],
            marked: None,
            log: None,
        }
    }

    fn say(&mut self, what: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            writeln!(log, "           {}", what()).unwrap();
        }
    }

    fn time_of(&self, sender: usize) -> UnixMillis {
        self.now + self.senders[sender].skew
    }

    fn store_time(&self) -> StoreTime {
        StoreTime::of_server(self.now)
    }

    fn row(&mut self, subject: usize) -> &mut Row {
        self.rows[subject].as_mut().expect("rows are never deleted")
    }

    fn record(&self, subject: usize) -> &Rc<Record> {
        &self.rows[subject].as_ref().expect("rows are never deleted").record
    }

    // ---- events

    fn run(&mut self, event: Event) -> Checked {
        if let Some(log) = &mut self.log {
            writeln!(log, "{:>7} ms {event:?}", self.now).unwrap();
        }
        let before = [self.record(0).clone(), self.record(1).clone()];
        self.marked = None;
        match event {
            Event::Step(choice) => self.busy(choice).map_or(Ok(()), |sender| self.step(sender))?,
            Event::Ask { sender, subject, min_valid } => self.ask(sender, subject, min_valid)?,
            Event::Pass(time) => self.now += time,
            Event::Serve => self.serve(),
            Event::Lose(choice) => {
                if let Some(index) = choice.checked_rem(self.requests.len()) {
                    self.requests.remove(index);
                }
            }
            Event::StoreFails(choice) => {
                if let Some(sender) = self.busy(choice) {
                    self.senders[sender].store_fails = true;
                }
            }
            Event::Kill(choice) => {
                if let Some(sender) = self.busy(choice) {
                    self.kill(sender);
                }
            }
            Event::Consent { subject, with_refresh } => self.consent(subject, with_refresh),
            Event::Forget(subject) => self.forget(subject),
            Event::Withdraw(subject) => {
                self.withdrawn[subject] = true;
                self.families[subject].iter_mut().for_each(|family| family.alive = false);
            }
        }
        for (subject, before) in before.iter().enumerate() {
            self.check(subject, before)?;
        }
        Ok(())
    }

    fn busy(&self, choice: usize) -> Option<usize> {
        let is_busy = |sender: &usize| !matches!(self.senders[*sender].phase, Phase::Idle);
        let busy: Vec<usize> = (0..SENDERS).filter(is_busy).collect();
        choice.checked_rem(busy.len()).map(|index| busy[index])
    }

    /// `Refresher::ensure`, up to where it would wait.
    fn ask(&mut self, sender: usize, subject: usize, min_valid: i64) -> Checked {
        if !matches!(self.senders[sender].phase, Phase::Idle) {
            return Ok(());
        }
        let now = self.time_of(sender);
        let want = Want::Usable { entry: Entry::default(), min_valid };
        let cached = self.senders[sender].cache[subject].clone();
        let mut record = cached.unwrap_or_else(|| self.record(subject).clone());
        let mut decision = decide(Some(&record), &key(subject), now, &policy(), &want);
        if matches!(decision, Decision::Refuse(_) | Decision::NoGrant) {
            record = self.record(subject).clone();
            decision = decide(Some(&record), &key(subject), now, &policy(), &want);
        }
        self.say(|| format!("decides {decision:?}"));
        never_withheld(&record, now, min_valid, &decision)?;
        if matches!(decision, Decision::Refresh | Decision::UseAndRefresh) {
            let seen = (record.grant_id.clone(), record.generation);
            self.senders[sender].phase = Phase::Wants { subject, seen };
        }
        self.senders[sender].cache[subject] = Some(record);
        Ok(())
    }

    fn kill(&mut self, sender: usize) {
        let killed = &mut self.senders[sender];
        if let Phase::Uncommitted { subject, commit } = &killed.phase {
            self.spills.push((*subject, (**commit).clone()));
        }
        killed.incarnation += 1;
        killed.phase = Phase::Idle;
        killed.cache = [None, None];
        killed.store_fails = false;
    }

    fn consent(&mut self, subject: usize, with_refresh: bool) {
        let now = self.now;
        let family = self.families[subject].len();
        let stands = self.record(subject).clone();
        let newest = Token { subject, family, depth: 0 };
        let consent = Record::new(
            &key(subject),
            format!("consent-{family}"),
            newest.tokens(with_refresh, now),
            now,
        );
        self.families[subject].push(Family { newest: 0, alive: true, rotated_at: 0 });
        if with_refresh {
            self.withdrawn[subject] = false;
        }
        self.row(subject).record = Rc::new(stands.with_consent(consent));
    }

    fn forget(&mut self, subject: usize) {
        let (now, store_now) = (self.now, self.store_time());
        let row = self.row(subject);
        if row.record.is_tombstone() {
            return;
        }
        let owner = OwnerId::parse(":0:1:1:application").unwrap();
        let ttl = Duration::from_secs(5);
        if let Ok(held) = row.lease.acquire((*row.record).clone(), &owner, ttl, &store_now) {
            row.record = Rc::new(row.record.tombstone(now));
            row.lease.release(held.fencing, None);
            self.holders[subject] = None;
        }
    }

    fn serve(&mut self) {
        let Some(index) = self.requests.iter().position(|request| request.answer.is_none()) else {
            return;
        };
        let (server, now, token) = (self.server, self.now, self.requests[index].token);
        let family = &mut self.families[token.subject][token.family];
        let answer = match family.newest.checked_sub(token.depth) {
            _ if !family.alive => Answer::Refused,
            _ if server == Server::NonRotating => Answer::Tokens(token),
            Some(0) => {
                family.newest += 1;
                family.rotated_at = now;
                Answer::Tokens(Token { depth: family.newest, ..token })
            }
            Some(1) if server == Server::Grace && now - family.rotated_at < GRACE => {
                Answer::Tokens(Token { depth: family.newest, ..token })
            }
            _ => {
                family.alive = false;
                Answer::Refused
            }
        };
        self.requests[index].answer = Some(answer);
        self.say(|| format!("the provider answers {answer:?} to {}", token.text()));
    }

    // ---- one refresh

    fn step(&mut self, sender: usize) -> Checked {
        match std::mem::replace(&mut self.senders[sender].phase, Phase::Idle) {
            Phase::Idle => Ok(()),
            Phase::Wants { subject, seen } => {
                self.acquire(sender, subject, seen);
                Ok(())
            }
            Phase::Holds(flight) => self.spend(sender, *flight),
            Phase::Waits(flight) => self.wait(sender, *flight),
            Phase::Uncommitted { subject, commit } => self.commit(sender, subject, *commit),
        }
    }

    fn land(&mut self, sender: usize, subject: usize) {
        let record = self.record(subject).clone();
        self.senders[sender].cache[subject] = Some(record);
        self.senders[sender].phase = Phase::Idle;
    }

    fn acquire(&mut self, sender: usize, subject: usize, seen: (String, u64)) {
        let (now, asked_at) = (self.time_of(sender), self.now);
        let Sender { incarnation, .. } = self.senders[sender];
        let owner = OwnerId::parse(&format!(":0:1:1:{sender}.{incarnation}")).unwrap();
        let ttl = Duration::from_millis(LEASE.unsigned_abs());
        let store_now = self.store_time();
        let row = self.row(subject);
        let Ok(held) = row.lease.acquire((*row.record).clone(), &owner, ttl, &store_now) else {
            self.senders[sender].phase = Phase::Wants { subject, seen };
            return;
        };
        let until = asked_at + LEASE;
        self.holders[subject] = Some(Holder { sender, fencing: held.fencing, until });
        let lease = LeaseId::of(owner, &held);
        let Held { record, earlier, intent, .. } = held;
        let is_as_seen = (record.grant_id.as_str(), record.generation) == (seen.0.as_str(), seen.1);
        let wanted = is_as_seen
            && record.status == Status::Active
            && record.refresh_token().is_some()
            && policy().held_back(record.retry.as_ref(), now).is_none();
        if !wanted {
            self.release(subject, &lease, earlier.as_ref());
            return self.land(sender, subject);
        }
        let flight = Flight {
            subject,
            lease,
            record: Rc::new(record),
            earlier: earlier.map(|earlier| earlier.first_sent),
            noted: intent.first_sent,
            until,
            renewed_at: asked_at,
            sent_at: 0,
            repeats: 0,
        };
        self.senders[sender].phase = Phase::Holds(Box::new(flight));
    }

    fn release(&mut self, subject: usize, lease: &LeaseId, intent: Option<&crate::store::Intent>) {
        self.row(subject).lease.release(lease.fencing, intent);
        if self.holders[subject].is_some_and(|holder| holder.fencing == lease.fencing) {
            self.holders[subject] = None;
        }
    }

    /// A flight's own intent, to be left behind.
    fn intent(flight: &Flight, sent: &StoreTime) -> crate::store::Intent {
        crate::store::Intent {
            grant_id: flight.record.grant_id.clone(),
            generation: flight.record.generation,
            first_sent: sent.clone(),
            last_sent: sent.clone(),
            repeats: flight.repeats,
        }
    }

    /// Whether what was sent first at this time kills the grant when it is sent again.
    fn kills_on_reuse(&self, sent: &StoreTime) -> bool {
        match self.server {
            Server::Strict => true,
            Server::Grace => self.store_time().since(sent) >= GRACE,
            Server::NonRotating => false,
        }
    }

    fn spend(&mut self, sender: usize, mut flight: Flight) -> Checked {
        let (now, subject) = (self.time_of(sender), flight.subject);
        let spilled = self.spills.iter().position(|(whose, commit)| {
            *whose == subject
                && commit.grant_id == flight.record.grant_id
                && commit.generation == flight.record.generation
        });
        if let Some(index) = spilled {
            let (_, commit) = self.spills.remove(index);
            self.release(subject, &flight.lease, None);
            return self.commit(sender, subject, commit);
        }
        let works = flight.record.access().is_some_and(|access| {
            policy().freshness(&key(subject), access, now, 0) != Freshness::Hard
        });
        if let Some(sent) = &flight.earlier
            && self.kills_on_reuse(sent)
            && works
            && flight.repeats == 0
        {
            let hard_at = flight.record.access().and_then(|access| policy().hard_at(access, now));
            let class = "outcome_unknown".to_owned();
            let not_before = hard_at.unwrap_or(0);
            let retry = Retry { not_before, failures: 1, class, ..Retry::default() };
            let intent = Self::intent(&flight, sent);
            self.mark(sender, &flight, &Mark::BackOff(retry), Some(&intent))?;
            self.land(sender, subject);
            return Ok(());
        }
        // Before a repeat: what is newer is used.
        let is_repeat = flight.earlier.is_some() || flight.repeats > 0;
        if is_repeat && !flight.lease.is_about(self.record(subject)) {
            self.release(subject, &flight.lease, None);
            self.land(sender, subject);
            return Ok(());
        }
        if flight.until < self.now + SEND + SECOND {
            let left = flight.earlier.as_ref().map(|sent| Self::intent(&flight, sent));
            self.release(subject, &flight.lease, left.as_ref());
            let seen = (flight.record.grant_id.clone(), flight.record.generation);
            self.senders[sender].phase = Phase::Wants { subject, seen };
            return Ok(());
        }
        let live = |other: usize| {
            self.holders[subject]
                .is_some_and(|holder| holder.sender == other && self.now < holder.until)
        };
        if self.requests.iter().any(|request| {
            let is_waited_for = request.incarnation == self.senders[request.sender].incarnation;
            is_waited_for && request.token.subject == subject && live(request.sender)
        }) {
            return Err("two token requests in flight while a lease holds (V1)".into());
        }
        let token = Token::read(flight.record.refresh_token().unwrap().expose());
        if token.subject != subject {
            return Err("a token of another subject is sent".into());
        }
        let incarnation = self.senders[sender].incarnation;
        self.requests.push(Request { sender, incarnation, token, answer: None });
        self.say(|| format!("sends {}", token.text()));
        flight.sent_at = self.now;
        self.senders[sender].phase = Phase::Waits(Box::new(flight));
        Ok(())
    }

    fn wait(&mut self, sender: usize, mut flight: Flight) -> Checked {
        let incarnation = self.senders[sender].incarnation;
        let mine =
            |request: &Request| (request.sender, request.incarnation) == (sender, incarnation);
        let index = self.requests.iter().position(mine);
        let answer = index.and_then(|index| self.requests[index].answer);
        match answer {
            Some(answer) => {
                self.requests.retain(|request| !mine(request));
                self.answered(sender, &flight, answer)
            }
            None if index.is_none() || self.now >= flight.sent_at + SEND => {
                // A request that nobody waits for any more may still arrive: it counts as another process's.
                self.requests.retain(|request| !mine(request));
                self.unseen(sender, flight)
            }
            None => {
                let (ttl, store_now) =
                    (Duration::from_millis(LEASE.unsigned_abs()), self.store_time());
                let (now, subject) = (self.now, flight.subject);
                if now >= flight.renewed_at + LEASE / 3
                    && self.row(subject).lease.renew(&flight.lease, ttl, &store_now)
                {
                    flight.until = now + LEASE;
                    flight.renewed_at = now;
                    let fencing = flight.lease.fencing;
                    self.holders[subject] = Some(Holder { sender, fencing, until: now + LEASE });
                }
                self.senders[sender].phase = Phase::Waits(Box::new(flight));
                Ok(())
            }
        }
    }

    fn answered(&mut self, sender: usize, flight: &Flight, answer: Answer) -> Checked {
        let (now, subject) = (self.time_of(sender), flight.subject);
        match answer {
            Answer::Tokens(token) => {
                let commit = Commit {
                    grant_id: flight.record.grant_id.clone(),
                    generation: flight.record.generation,
                    tokens: token.tokens(self.server != Server::NonRotating, now),
                    fencing: flight.lease.fencing,
                    owner: flight.lease.owner.to_string(),
                    at: now,
                    keepalive_at: None,
                    hold: None,
                };
                self.commit(sender, subject, commit)
            }
            Answer::Refused => {
                let unseen = flight.earlier.is_some() || flight.repeats > 0;
                let reason =
                    if unseen { ConsentReason::OutcomeLost } else { ConsentReason::Revoked };
                let refresh_token = flight.record.refresh_token().unwrap().clone();
                self.mark(sender, flight, &Mark::Refused { refresh_token, reason }, None)?;
                self.land(sender, subject);
                Ok(())
            }
        }
    }

    fn unseen(&mut self, sender: usize, flight: Flight) -> Checked {
        let (now, subject) = (self.time_of(sender), flight.subject);
        if flight.repeats == 0 && !self.kills_on_reuse(&flight.noted) {
            let repeats = flight.repeats + 1;
            self.senders[sender].phase = Phase::Holds(Box::new(Flight { repeats, ..flight }));
            return Ok(());
        }
        let class = "ambiguous".to_owned();
        let not_before = now + SECOND;
        let retry = Retry { not_before, failures: 1, class, ..Retry::default() };
        let intent = Self::intent(&flight, &flight.noted);
        self.mark(sender, &flight, &Mark::BackOff(retry), Some(&intent))?;
        self.land(sender, subject);
        Ok(())
    }

    /// `Store::commit`: lease and merge in one step, as every store makes it.
    fn commit(&mut self, sender: usize, subject: usize, commit: Commit) -> Checked {
        if std::mem::take(&mut self.senders[sender].store_fails) {
            self.senders[sender].phase = Phase::Uncommitted { subject, commit: Box::new(commit) };
            return Ok(());
        }
        if self.holders[subject].is_some_and(|holder| holder.fencing == commit.fencing) {
            self.holders[subject] = None;
        }
        let store_now = self.store_time();
        let row = self.row(subject);
        let stands = &row.record;
        let merged = stands.merge(&commit);
        row.lease.settle(&commit, matches!(merged, Merged::Write(_)), &store_now);
        match merged {
            Merged::Write(next) => {
                let is_second = next.generation == stands.generation;
                if is_second && next.tokens != stands.tokens && next.alternate != stands.tokens {
                    return Err("one of two answers was dropped (V13)".into());
                }
                row.record = Rc::from(next);
            }
            Merged::Superseded => {
                let is_gone = stands.is_tombstone() || stands.grant_id != commit.grant_id;
                let is_newer = stands.generation > commit.generation + 1;
                let access = &commit.tokens.access[0].token;
                let is_kept = [&stands.tokens, &stands.alternate]
                    .into_iter()
                    .flatten()
                    .any(|kept| kept.access[0].token == *access);
                if !is_gone && !is_newer && !is_kept {
                    return Err("an answer that arrived was dropped (V13)".into());
                }
            }
        }
        self.land(sender, subject);
        Ok(())
    }

    /// `Store::mark`: by the holder of the live lease, about the record that it was taken for.
    fn mark(
        &mut self,
        sender: usize,
        flight: &Flight,
        mark: &Mark,
        intent: Option<&crate::store::Intent>,
    ) -> Checked {
        let (now, store_now, subject) = (self.time_of(sender), self.store_time(), flight.subject);
        let row = self.row(subject);
        if !row.lease.is_held_by(&flight.lease, &store_now) {
            return Ok(());
        }
        if flight.lease.is_about(&row.record) {
            row.lease.release(flight.lease.fencing, intent);
            let before = row.record.clone();
            row.record = Rc::new(before.marked(mark, now));
            let was_marked =
                row.record.status == Status::NeedsConsent && before.status != Status::NeedsConsent;
            if was_marked {
                self.marked = Some(subject);
                self.may_be_marked(sender, flight, &before)?;
            }
        } else {
            row.lease.release_overtaken(flight.lease.fencing);
        }
        if self.holders[subject].is_some_and(|holder| holder.fencing == flight.lease.fencing) {
            self.holders[subject] = None;
        }
        Ok(())
    }

    // ---- promises

    /// V5.
    fn may_be_marked(&self, sender: usize, flight: &Flight, before: &Record) -> Checked {
        let is_holder = self.holders[flight.subject].is_some_and(|holder| {
            holder.sender == sender
                && holder.fencing == flight.lease.fencing
                && self.now < holder.until
        });
        if !is_holder {
            return Err("somebody marked who did not hold the live lease (V5)".into());
        }
        if before.refresh_token() != flight.record.refresh_token()
            || before.generation != flight.record.generation
        {
            return Err("marked on an answer to another token than the newest (V5)".into());
        }
        if self.server == Server::NonRotating && !self.withdrawn[flight.subject] {
            return Err("a server that does not rotate cost a grant".into());
        }
        Ok(())
    }

    fn check(&self, subject: usize, before: &Rc<Record>) -> Checked {
        let after = self.record(subject);
        if Rc::ptr_eq(before, after) {
            return Ok(());
        }
        if after.revision <= before.revision {
            return Err("a write that the revision does not show".into());
        }
        if after.unknown != before.unknown {
            return Err("a field of a newer version is gone".into());
        }
        if after.grant_id == before.grant_id && after.generation < before.generation {
            return Err("a generation is replaced by an older one (V2)".into());
        }
        if before.is_tombstone() && after.grant_id == before.grant_id && !after.is_tombstone() {
            return Err("a forgotten grant came back".into());
        }
        if after.status == Status::NeedsConsent
            && before.status != Status::NeedsConsent
            && self.marked != Some(subject)
        {
            return Err("needs_consent without an answer (V5)".into());
        }
        for tokens in [&after.tokens, &after.alternate].into_iter().flatten() {
            let refresh = tokens.refresh.as_ref().map(|token| Token::read(token.expose()));
            let access = Token::read(tokens.access[0].token.expose());
            if [refresh, Some(access)].iter().flatten().any(|token| token.subject != subject) {
                return Err("two subjects were mixed (V11)".into());
            }
            if refresh.is_none() && before.refresh_token().is_some() && !before.is_tombstone() {
                return Err("a refresh token is gone that the answer left out".into());
            }
        }
        let newest = |record: &Record| Some(Token::read(record.refresh_token()?.expose()));
        if let (Some(before), Some(after)) = (newest(before), newest(after))
            && after < before
        {
            return Err("a refresh token is replaced by an older one (V2)".into());
        }
        Ok(())
    }
}

/// V7, told anew: what is left of the token, against the hard window and what was asked for.
fn never_withheld(record: &Record, now: i64, min_valid: i64, decision: &Decision) -> Checked {
    let is_barred =
        record.hold.is_some() || matches!(record.status, Status::Revoking | Status::Tombstone);
    let Some(access) = record.access().filter(|_| !is_barred) else { return Ok(()) };
    let usable = access.expires_at.is_none_or(|expires_at| {
        expires_at - now > HARD.min((expires_at - access.obtained_at).max(0) / 10)
    });
    let enough = access.expires_at.is_none_or(|expires_at| expires_at - now > min_valid);
    let is_given = matches!(decision, Decision::Use | Decision::UseAndRefresh);
    let may_wait = !enough && *decision == Decision::Refresh;
    if usable && !is_given && !may_wait {
        return Err(format!("a usable token is withheld: {decision:?} (V7)"));
    }
    if !usable && is_given {
        return Err(format!("a token is given out that is over: {decision:?}"));
    }
    Ok(())
}

fn play(world: &mut World, schedule: &[Event]) -> Checked {
    schedule.iter().try_for_each(|event| world.run(*event))
}

/// How often what happened, as the trails of the records tell: a schedule in which nothing happens checks nothing.
type Tally = BTreeMap<String, u64>;

fn count(tally: &mut Tally, world: &World) {
    for entry in (0..SUBJECTS.len()).flat_map(|subject| &world.record(subject).trail) {
        *tally.entry(entry.what.clone()).or_default() += 1;
    }
}

fn from_environment<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok().map(|text| text.parse().ok().expect("a number"))
}

fn keeps_its_promises(server: Server) {
    let seed = from_environment("EVERGRANT_SEED")
        .unwrap_or_else(|| u64::from_le_bytes(random_bytes::<8>()));
    let schedules = from_environment("EVERGRANT_SCHEDULES").unwrap_or(SCHEDULES);
    println!("{schedules} schedules at a {server:?} server, EVERGRANT_SEED={seed}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config { cases: schedules, failure_persistence: None, ..Config::default() };
    let schedule = vec(any::<u32>().prop_map(Event::from), 1..140);
    let tally = RefCell::new(Tally::new());
    let ended = TestRunner::new_with_rng(config, rng).run(&schedule, |schedule| {
        let mut world = World::new(server);
        let checked = play(&mut world, &schedule);
        count(&mut tally.borrow_mut(), &world);
        checked.map_err(TestCaseError::fail)
    });
    match ended {
        Ok(()) => println!("what happened: {:?}", tally.borrow()),
        Err(TestError::Fail(reason, schedule)) => {
            let mut world = World { log: Some(String::new()), ..World::new(server) };
            let _ = play(&mut world, &schedule);
            let log = world.log.unwrap_or_default();
            panic!("{server:?}, EVERGRANT_SEED={seed}: {reason}\n{log}");
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

#[test]
fn schedules_at_a_server_that_kills_on_reuse() {
    keeps_its_promises(Server::Strict);
}

#[test]
fn schedules_at_a_server_with_a_grace_window() {
    keeps_its_promises(Server::Grace);
}

#[test]
fn schedules_at_a_server_that_does_not_rotate() {
    keeps_its_promises(Server::NonRotating);
}
