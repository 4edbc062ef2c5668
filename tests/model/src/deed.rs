//! What the steps do to a state, and the promises that are asked of each.

use crate::mechanism::Mechanism;
use crate::provider::{Answer, Server};
use crate::row::{Commit, Lease, Merged, Owner, Reason, Record, Status, Token};
use crate::scenario::Scenario;
use crate::state::{Broken, Flight, Phase, Request, Sender, State};

impl Flight {
    pub(crate) fn commit(self, token: Token) -> Commit {
        let Flight { grant, generation, fencing, .. } = self;
        Commit { grant, generation, token, fencing }
    }

    /// Whether the generation may have been sent before, and nobody saw the answer.
    pub(crate) fn is_repeat(self) -> bool {
        self.earlier > 0 || self.repeat
    }

    pub(crate) fn is_about(self, commit: Commit) -> bool {
        self.grant == commit.grant && self.generation == commit.generation
    }
}

impl Scenario {
    /// Whether `who` finds no live lease. "Gone" is what its own kernel says of a process of its own host.
    pub(crate) fn can_take_lease(&self, state: &State, who: u8) -> bool {
        let host = self.host(who);
        let Some(Lease { owner, .. }) =
            state.row.lease.filter(|_| self.mechanisms.has(Mechanism::Lease))
        else {
            return true;
        };
        let owners_host = match owner {
            Owner::Gone(where_it_was) if where_it_was == host => return true,
            Owner::Gone(where_it_was) => where_it_was,
            Owner::Sender(sender) => self.host(sender),
        };
        let is_far = owners_host != host;
        let by_own_clock = !self.mechanisms.has(Mechanism::StoresClock);
        is_far && !self.mechanisms.has(Mechanism::KernelsWord)
            || is_far && by_own_clock && state.drifted[usize::from(host)]
    }

    /// Whether the time of the lease that stands can come to its end now. A holder that runs renews it while it waits.
    ///
    /// Assumed: a request is at the provider or nowhere before its sender's lease is over.
    pub(crate) fn lease_can_end(&self, state: &State) -> bool {
        let Some(Lease { owner, fencing }) = state.row.lease else { return false };
        if !self.mechanisms.has(Mechanism::LeaseEnds) {
            return false;
        }
        let Owner::Sender(who) = owner else { return !state.has_orphan() };
        let sender = state.sender(who);
        let flight = sender.phase.flight().filter(|flight| flight.fencing == fencing);
        let waits = matches!(sender.phase, Phase::Waits(_)) && flight.is_some();
        if waits && !sender.stopped {
            return !self.mechanisms.has(Mechanism::DeadlineInsideLease);
        }
        let is_on_the_way =
            state.requests().any(|request| request.sender == Some(who) && request.answer.is_none());
        !is_on_the_way && (sender.stopped || !state.up || flight.is_none())
    }

    /// Whether this flight sends again what may have been sent before, or begins after the store was away: what it read with
    /// its lease may not be the last word.
    pub(crate) fn is_careful(&self, state: &State, flight: Flight) -> bool {
        let was_away = state.faults.outages < self.faults.outages && flight.earlier > 0;
        was_away && self.mechanisms.has(Mechanism::WaitAfterStoreWasAway)
            || flight.is_repeat() && self.mechanisms.has(Mechanism::RereadBeforeRepeat)
    }

    /// Whether a sender has to let time pass before it sends.
    pub(crate) fn must_pause(&self, state: &State, who: u8, flight: Flight) -> bool {
        // Until a request that nobody waits for any more is at the provider or nowhere.
        let others_request = flight.is_repeat()
            && state.has_orphan()
            && self.mechanisms.has(Mechanism::PauseBeforeRepeat);
        // A sender that could not commit tries again every half second; a taker waits a second.
        let others_answer = state.others(who).any(|other| other.answer_in_hand().is_some());
        let others_answer = others_answer && flight.is_repeat();
        others_request || others_answer && self.mechanisms.has(Mechanism::WaitAfterStoreWasAway)
    }

    /// Step 4.
    pub(crate) fn send(&self, state: &mut State, who: u8, flight: Flight) {
        state.ask_before_send(who, flight);
        let avoidable = self.successor_is_in_reach(state, who, flight.token);
        let sender = Some(who);
        state.put_on_the_way(Request { sender, token: flight.token, answer: None, avoidable });
        state.sender_mut(who).phase = Phase::Waits(flight);
    }

    /// Whether a token was spent already, and whoever sends it again could know, or needs only wait to know.
    fn successor_is_in_reach(&self, state: &State, who: u8, token: Token) -> bool {
        let newest = state.family(token).newest;
        let unserved = |request: Request| request.token == token && request.answer.is_none();
        if token == newest {
            return state.requests().any(unserved);
        }
        let record = &state.row.record;
        let is_it = |commit: Commit| commit.token == newest;
        record.token == newest
            || record.alternate == Some(newest)
            || state.spills_of(self.host(who)).any(is_it)
            || state.others(who).any(|other| other.answer_in_hand() == Some(newest))
            || state.requests().any(|request| {
                request.answer == Some(Answer::Tokens(newest))
                    && request.sender.is_some_and(|other| state.sender(other).is_at_it())
            })
    }

    /// The provider serves the request of this place.
    pub(crate) fn serve(&self, state: &mut State, place: usize) {
        let mut request = state.network[place].expect("a request is there");
        let family = state.family_mut(request.token.family);
        let was_alive = family.alive;
        let answer = family.serve(self.server, request.token);
        let killed = was_alive && !family.alive;
        request.answer = Some(answer);
        state.network[place] = Some(request).filter(|request| request.sender.is_some());
        if killed && state.row.record.token.family == request.token.family {
            self.ask_of_loss(state, request.avoidable);
        }
    }

    /// A grant may be lost only at a strict server, or after the grace window, and only where an answer died.
    fn ask_of_loss(&self, state: &mut State, avoidable: bool) {
        let (may, still_may) = (&self.faults, &state.faults);
        let answer_died = may.kills > still_may.kills
            || may.losses > still_may.losses
            || may.stops > still_may.stops;
        let void = self.server == Server::GraceLastWins && state.crossed;
        let excused = answer_died && !avoidable && (self.kills_on_reuse(state) || void);
        if !excused && !state.restored {
            state.breaks(Broken::Lost);
        }
    }

    /// Commits an answer, and takes the sender to what is left to do.
    pub(crate) fn commit(&self, state: &mut State, who: u8, commit: Commit) {
        let before = state.row.record;
        let merged = before.merge(commit, self.mechanisms);
        state.row.settle(commit, matches!(merged, Merged::Write(_)), self.mechanisms);
        let mut phase = Phase::Idle;
        match merged {
            Merged::Write(record) => {
                state.crossed |= state.row.fencing > commit.fencing;
                state.write(record);
            }
            Merged::Superseded
                if before.status == Status::Tombstone || before.grant != commit.grant =>
            {
                if self.mechanisms.has(Mechanism::RevokeLateAnswers) {
                    phase = Phase::Revokes { family: commit.token.family };
                } else if state.family(commit.token).alive {
                    state.breaks(Broken::V13);
                }
            }
            Merged::Superseded => {
                let is_kept =
                    before.token == commit.token || before.alternate == Some(commit.token);
                if before.generation <= commit.generation + 1 && !is_kept {
                    state.breaks(Broken::V13);
                }
            }
        }
        state.sender_mut(who).phase = phase;
        self.remember(state, who);
    }

    /// Step 6.
    pub(crate) fn keep(&self, state: &mut State, who: u8, commit: Commit, overslept: bool) {
        if self.mechanisms.has(Mechanism::Spill) {
            state.spill(self.host(who), commit);
        }
        state.sender_mut(who).phase = Phase::Uncommitted(commit, overslept);
    }

    /// The provider refused: believed only of the newest token, by the holder of the live lease.
    pub(crate) fn mark_refused(&self, state: &mut State, flight: Flight) {
        let before = state.row.record;
        let is_live = flight.fencing > 0 && state.row.is_held(flight.fencing);
        let is_newest = before.is(flight.grant, flight.generation);
        let trusts = |mechanism, holds| holds || !self.mechanisms.has(mechanism);
        if !trusts(Mechanism::MarkNeedsLease, is_live) {
            return;
        }
        if !trusts(Mechanism::RereadBeforeMark, is_newest) {
            state.row.release_overtaken(flight.fencing);
            return;
        }
        state.row.release(flight.fencing, None);
        let reason = if flight.is_repeat() { Reason::OutcomeLost } else { Reason::Revoked };
        let refused = if self.mechanisms.has(Mechanism::RereadBeforeMark) {
            flight.token
        } else {
            before.token
        };
        let record = before.refused(refused, reason);
        state.write(record);
        if !matches!(record.status, Status::NeedsConsent(_)) || record.status == before.status {
            return;
        }
        if !is_live || !is_newest || before.token != flight.token {
            state.breaks(Broken::V5);
        }
        let family = state.family(before.token);
        if family.alive {
            self.ask_of_loss(state, false);
        } else if reason == Reason::Revoked && !state.withdrawn && !state.restored {
            state.breaks(Broken::Unnamed);
        }
    }

    /// `kill -9`: what it had in memory is gone; what its kernel had taken may still arrive.
    pub(crate) fn kill(&self, state: &mut State, who: u8) {
        let host = self.host(who);
        if let Phase::Uncommitted(commit, _) = state.sender(who).phase
            && !state.spills_of(host).any(|spilled| spilled == commit)
            && state.row.record.lacks(commit)
        {
            state.breaks(Broken::V13);
        }
        state.orphan(who);
        if let Some(lease) = &mut state.row.lease
            && lease.owner == Owner::Sender(who)
        {
            lease.owner = Owner::Gone(host);
        }
        *state.sender_mut(who) = Sender { phase: Phase::Down, stopped: false, remembers: None };
    }

    /// A process remembers the newest record that it saw; it matters only where the store can forget.
    pub(crate) fn remember(&self, state: &mut State, who: u8) {
        let Record { grant, generation, token, status, .. } = state.row.record;
        if self.faults.restores == 0 || status == Status::Tombstone {
            return;
        }
        let sender = state.sender_mut(who);
        if !sender.remembers.is_some_and(|(known, latest, _)| known == grant && latest > generation)
        {
            sender.remembers = Some((grant, generation, token));
        }
    }
}

impl State {
    pub(crate) fn breaks(&mut self, promise: Broken) {
        self.broken = self.broken.or(Some(promise));
    }

    /// Writes the record; nothing newer may stand there.
    pub(crate) fn write(&mut self, record: Record) {
        let before = &self.row.record;
        let is_older = (record.grant, record.generation) < (before.grant, before.generation)
            || (record.token.family, record.token.depth)
                < (before.token.family, before.token.depth)
            || before.status == Status::Tombstone && record.grant == before.grant;
        if is_older {
            self.breaks(Broken::V2);
        }
        self.row.record = record;
    }

    /// What is asked of every send.
    fn ask_before_send(&mut self, who: u8, flight: Flight) {
        let holds =
            |other: u8| self.row.lease.is_some_and(|lease| lease.owner == Owner::Sender(other));
        let counts = |other: u8| other == who || self.sender(other).is_at_it() || holds(other);
        if !self.restored && self.requests().filter_map(|request| request.sender).any(counts) {
            self.breaks(Broken::V1);
        }
        let remembers = self.sender(who).remembers;
        if remembers.is_some_and(|(grant, generation, _)| {
            grant == flight.grant && generation > flight.generation
        }) {
            self.breaks(Broken::SpentOlder);
        }
        let family = self.family(flight.token);
        let is_reuse = family.alive && flight.token != family.newest && !family.grace;
        if is_reuse
            && !self.restored
            && self.row.record.is(flight.grant, flight.generation)
            && self.row.record.works
        {
            self.breaks(Broken::KilledWorking);
        }
    }

    pub(crate) fn sender(&self, who: u8) -> &Sender {
        &self.senders[usize::from(who)]
    }

    pub(crate) fn sender_mut(&mut self, who: u8) -> &mut Sender {
        &mut self.senders[usize::from(who)]
    }

    pub(crate) fn others(&self, who: u8) -> impl Iterator<Item = &Sender> {
        (0u8..).zip(&self.senders).filter(move |(other, _)| *other != who).map(|(_, other)| other)
    }

    /// Whether an earlier request is under way that nobody waits for.
    pub(crate) fn has_orphan(&self) -> bool {
        self.requests().any(|request| request.sender.is_none())
    }

    /// Assumed: a request is at the provider or nowhere before the next generation is renewed.
    pub(crate) fn has_older_orphan(&self, token: Token) -> bool {
        self.requests().any(|request| request.sender.is_none() && request.token != token)
    }

    /// Nobody waits for the requests of `who` any more: an answer is dropped, a request may still arrive.
    pub(crate) fn orphan(&mut self, who: u8) {
        for place in &mut self.network {
            if let Some(request) = place
                && request.sender == Some(who)
            {
                request.sender = None;
                *place = place.filter(|request| request.answer.is_none());
            }
        }
    }

    pub(crate) fn hand_over(&mut self, who: u8, answer: Option<Answer>) {
        let sender = self.sender_mut(who);
        let Phase::Waits(flight) = sender.phase else { return };
        sender.phase = match answer {
            Some(answer) => Phase::Answered(flight, answer),
            None => Phase::Unseen(flight),
        };
    }

    pub(crate) fn end_lease(&mut self) {
        let lease = self.row.lease.take().expect("a lease stands");
        if let Owner::Sender(who) = lease.owner {
            let sender = self.sender_mut(who);
            if sender.stopped {
                sender.phase.oversleep();
            }
        }
    }

    pub(crate) fn nobody_is_at_it(&self) -> bool {
        let busy = |sender: &Sender| {
            sender.is_at_it()
                && (sender.phase.flight().is_some()
                    || matches!(sender.phase, Phase::Uncommitted(..)))
        };
        !self.senders.iter().any(busy) && !self.has_orphan()
    }

    pub(crate) fn spills_of(&self, host: u8) -> impl Iterator<Item = Commit> + '_ {
        self.spills
            .iter()
            .flatten()
            .filter(move |(there, _)| *there == host)
            .map(|(_, commit)| *commit)
    }

    pub(crate) fn spill(&mut self, host: u8, commit: Commit) {
        let free = self.spills.iter_mut().find(|place| place.is_none());
        *free.expect("there is room for an answer of each sender") = Some((host, commit));
    }

    pub(crate) fn unspill(&mut self, host: u8, commit: Commit) {
        for place in &mut self.spills {
            if *place == Some((host, commit)) {
                *place = None;
            }
        }
    }
}

impl Sender {
    /// Whether it runs, and did so for as long as its lease stood.
    pub(crate) fn is_at_it(&self) -> bool {
        let overslept = match self.phase {
            Phase::Uncommitted(_, overslept) => overslept,
            phase => phase.flight().is_some_and(|flight| flight.overslept),
        };
        !self.stopped && !overslept && self.phase != Phase::Down
    }

    /// The answer that it is about to commit.
    pub(crate) fn answer_in_hand(&self) -> Option<Token> {
        match self.phase {
            Phase::Answered(_, Answer::Tokens(token)) if self.is_at_it() => Some(token),
            Phase::Uncommitted(commit, _) if self.is_at_it() => Some(commit.token),
            _ => None,
        }
    }
}

impl Record {
    /// Whether this answer is still wanted.
    fn lacks(&self, answer: Commit) -> bool {
        self.status != Status::Tombstone
            && self.grant == answer.grant
            && self.generation <= answer.generation
    }
}
