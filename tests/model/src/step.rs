//! Every step that can be taken from a state, in the words of the contract.
//!
//! What one call of the store does is one step, for that is its promise; whatever a process does between two calls can be
//! interleaved with everything else.

use crate::mechanism::Mechanism;
use crate::provider::{Answer, Family, Server};
use crate::row::{Commit, Intent, Owner, Record, Status};
use crate::scenario::Scenario;
use crate::state::{Flight, Phase, Sender, State, letter};
use std::fmt;

/// One step.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Which process, if it is one's.
    pub sender: Option<u8>,
    /// What happens.
    pub what: &'static str,
    /// Whether it may as well never happen.
    pub is_fault: bool,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.sender {
            Some(sender) => format!("{} {}", letter(sender), self.what),
            None => self.what.to_owned(),
        };
        f.pad(&text)
    }
}

impl Scenario {
    /// What can happen next.
    #[must_use]
    pub fn successors(&self, state: &State) -> Vec<(Step, State)> {
        let mut steps = Steps { scenario: self, from: state, next: Vec::with_capacity(16) };
        for who in (0u8..).take(self.hosts.len()) {
            steps.of_sender(who);
            steps.kills_and_stops(who);
        }
        steps.of_network();
        steps.of_time();
        steps.of_store();
        steps.of_people();
        steps.next
    }
}

struct Steps<'a> {
    scenario: &'a Scenario,
    from: &'a State,
    next: Vec<(Step, State)>,
}

impl Steps<'_> {
    fn has(&self, mechanism: Mechanism) -> bool {
        self.scenario.mechanisms.has(mechanism)
    }

    fn add(&mut self, step: Step, change: impl FnOnce(&mut State)) {
        let mut state = *self.from;
        change(&mut state);
        self.next.push((step, state.canonical()));
    }

    fn does(&mut self, who: u8, what: &'static str, change: impl FnOnce(&mut State)) {
        self.add(Step { sender: Some(who), what, is_fault: false }, change);
    }

    fn suffers(&mut self, who: u8, what: &'static str, change: impl FnOnce(&mut State)) {
        self.add(Step { sender: Some(who), what, is_fault: true }, change);
    }

    fn passes(&mut self, what: &'static str, change: impl FnOnce(&mut State)) {
        self.add(Step { sender: None, what, is_fault: false }, change);
    }

    fn befalls(&mut self, what: &'static str, change: impl FnOnce(&mut State)) {
        self.add(Step { sender: None, what, is_fault: true }, change);
    }

    // One refresh.

    fn of_sender(&mut self, who: u8) {
        let sender = *self.from.sender(who);
        if sender.stopped {
            self.suffers(who, "is continued", |state| state.sender_mut(who).stopped = false);
            return;
        }
        match sender.phase {
            Phase::Idle => self.idle(who, sender),
            Phase::Wants { grant, generation, token, asked } => {
                let flight = Flight { grant, generation, token, ..Flight::default() };
                self.wants(who, flight, asked);
            }
            Phase::Holds(flight) => self.holds(who, flight),
            Phase::Ready(flight) => self.spends(who, flight),
            Phase::Waits(flight) => self.waits(who, flight),
            Phase::Unseen(flight) => self.unseen(who, flight),
            Phase::Answered(flight, Answer::Tokens(token)) => {
                self.commits(who, flight.commit(token), flight.overslept);
            }
            Phase::Answered(flight, Answer::Refused) => self.refused(who, flight),
            Phase::Uncommitted(commit, _) => self.offers_again(who, commit),
            Phase::Revokes { family } => {
                self.does(who, "revokes the late answer at the provider", |state| {
                    state.family_mut(family).alive = false;
                    state.sender_mut(who).phase = Phase::Idle;
                });
            }
            Phase::Down => self.does(who, "is started again", |state| {
                state.sender_mut(who).phase = Phase::Idle;
            }),
        }
    }

    /// Decides to renew, or puts right what it finds.
    fn idle(&mut self, who: u8, sender: Sender) {
        if !self.from.up {
            return;
        }
        let scenario = self.scenario;
        let record = self.from.row.record;
        let lost = sender.remembers.filter(|(grant, generation, _)| {
            record.status != Status::Tombstone
                && *grant == record.grant
                && *generation > record.generation
        });
        if let (Some((grant, generation, token)), true) = (lost, self.has(Mechanism::RollForward)) {
            self.does(who, "finds the store rolled back and writes its own record", |state| {
                state.write(Record { generation, ..Record::new(grant, token) });
            });
        } else if record.status == Status::Active
            && record.generation < scenario.generations
            && !record.waits
        {
            let Record { grant, generation, token, .. } = record;
            self.does(who, "reads the record and decides to renew it", |state| {
                state.sender_mut(who).phase =
                    Phase::Wants { grant, generation, token, asked: false };
                scenario.remember(state, who);
            });
        }
        let host = scenario.host(who);
        if let Some(commit) = self.from.spills_of(host).next() {
            self.does(who, "offers what lies in the spill folder to the store", |state| {
                scenario.commit(state, who, commit);
                state.unspill(host, commit);
            });
        }
    }

    /// Step 2: the lease. Losers replay (step 7).
    fn wants(&mut self, who: u8, wanted: Flight, asked: bool) {
        let scenario = self.scenario;
        if !self.from.up {
            if !self.has(Mechanism::ProvenWritable) {
                self.does(who, "cannot write the lease and goes on nevertheless", |state| {
                    scenario.send(state, who, wanted);
                });
            }
            return;
        }
        let record = &self.from.row.record;
        let is_as_decided = record.is(wanted.grant, wanted.generation)
            && record.status == Status::Active
            && !record.waits;
        if !is_as_decided && self.has(Mechanism::LookAgain) {
            self.does(who, "sees that the record was written, and uses that", |state| {
                state.sender_mut(who).phase = Phase::Idle;
                scenario.remember(state, who);
            });
            return;
        }
        let holds_unknowingly =
            asked && self.from.row.lease.is_some_and(|lease| lease.owner == Owner::Sender(who));
        if !holds_unknowingly && !scenario.can_take_lease(self.from, who) {
            return;
        }
        self.does(who, "takes the lease and notes its intent", |state| {
            let held = state.row.acquire(Owner::Sender(who), scenario.mechanisms);
            let Flight { grant, generation, token, .. } = wanted;
            let (fencing, earlier) = (held.fencing, held.earlier);
            let flight = Flight { fencing, grant, generation, token, earlier, ..Flight::default() };
            state.sender_mut(who).phase = Phase::Holds(flight);
        });
        if asked {
            self.suffers(who, "gives up asking for the lease", |state| {
                state.sender_mut(who).phase = Phase::Idle;
            });
        }
        if self.from.faults.lost_replies > 0 {
            self.suffers(who, "takes the lease, and the store's reply is lost", |state| {
                state.faults.lost_replies -= 1;
                state.row.acquire(Owner::Sender(who), scenario.mechanisms);
                let Flight { grant, generation, token, .. } = wanted;
                let asked = Phase::Wants { grant, generation, token, asked: true };
                state.sender_mut(who).phase = asked;
            });
        }
    }

    /// Steps 2 to 4 under the lease: what an earlier sender left, the wait at a strict server, the last looks.
    fn holds(&mut self, who: u8, flight: Flight) {
        let scenario = self.scenario;
        let host = scenario.host(who);
        let takes_over = flight.earlier > 0 && !flight.repeat;
        let found = self.from.spills_of(host).find(|commit| flight.is_about(*commit));
        if let (Some(commit), true) = (found, takes_over && self.has(Mechanism::SpillFirst)) {
            if self.from.up {
                self.does(who, "finds the answer in the spill folder and commits it", |state| {
                    scenario.commit(state, who, commit);
                    state.unspill(host, commit);
                    state.row.release(flight.fencing, scenario.doubt(flight));
                });
            }
            return;
        }
        let row = &self.from.row;
        let stands = row.record.is(flight.grant, flight.generation);
        if takes_over
            && stands
            && row.record.works
            && scenario.kills_on_reuse(self.from)
            && self.has(Mechanism::WaitWhileTokenWorks)
        {
            self.does(who, "waits: the access token works still", |state| {
                if state.up && state.row.is_held(flight.fencing) {
                    state.row.record.waits = true;
                    state.row.release(flight.fencing, scenario.intent(flight));
                }
                state.sender_mut(who).phase = Phase::Idle;
            });
            return;
        }
        let is_last_word = stands && row.record.token == flight.token;
        if !is_last_word && scenario.is_careful(self.from, flight) {
            if self.from.up {
                self.does(who, "reads once more and finds a newer record", |state| {
                    state.row.release(flight.fencing, scenario.doubt(flight));
                    state.sender_mut(who).phase = Phase::Idle;
                });
            }
            return;
        }
        if self.has(Mechanism::CheckBeforeSend) && !row.is_held(flight.fencing) {
            self.does(who, "finds its lease over and sends nothing", |state| {
                state.sender_mut(who).phase = Phase::Idle;
            });
            return;
        }
        if scenario.must_pause(self.from, who, flight) || !self.from.has_room() {
            return;
        }
        if scenario.gap {
            self.does(who, "finds its lease standing", |state| {
                state.sender_mut(who).phase = Phase::Ready(flight);
            });
        } else {
            self.spends(who, flight);
        }
    }

    /// Step 4: the request goes out.
    fn spends(&mut self, who: u8, flight: Flight) {
        let scenario = self.scenario;
        if self.from.has_room() && !self.from.has_older_orphan(flight.token) {
            self.does(who, "sends the refresh token", |state| scenario.send(state, who, flight));
        }
    }

    fn waits(&mut self, who: u8, flight: Flight) {
        let scenario = self.scenario;
        if !self.has(Mechanism::NeverParallel) && !flight.repeat && self.from.has_room() {
            self.does(who, "does not wait for the answer and sends once more", |state| {
                scenario.send(state, who, Flight { repeat: true, ..flight });
            });
        }
        if self.from.faults.losses > 0 {
            self.suffers(who, "waits until the send deadline and closes the connection", |state| {
                state.faults.losses -= 1;
                state.orphan(who);
                state.sender_mut(who).phase = Phase::Unseen(flight);
            });
        }
    }

    /// An answer nobody saw.
    fn unseen(&mut self, who: u8, flight: Flight) {
        let scenario = self.scenario;
        let record = &self.from.row.record;
        let nothing_to_lose = flight.earlier == 0 && !record.works;
        if !flight.repeat && (nothing_to_lose || !scenario.kills_on_reuse(self.from)) {
            self.does(who, "saw no answer and is going to send once more", |state| {
                state.sender_mut(who).phase = Phase::Holds(Flight { repeat: true, ..flight });
            });
        } else {
            self.does(who, "saw no answer; the intent stays", |state| {
                if state.up && state.row.record.is(flight.grant, flight.generation) {
                    state.row.release(flight.fencing, scenario.intent(flight));
                } else if state.up {
                    state.row.release_overtaken(flight.fencing);
                }
                state.sender_mut(who).phase = Phase::Idle;
            });
        }
    }

    /// Step 5: committed first; step 6 if that fails.
    fn commits(&mut self, who: u8, commit: Commit, overslept: bool) {
        let scenario = self.scenario;
        if self.from.up {
            self.does(who, "commits the answer", |state| scenario.commit(state, who, commit));
            if self.from.faults.lost_replies > 0 {
                self.suffers(who, "commits the answer, and the store's reply is lost", |state| {
                    state.faults.lost_replies -= 1;
                    scenario.commit(state, who, commit);
                    scenario.keep(state, who, commit, overslept);
                });
            }
        } else {
            self.does(
                who,
                "cannot commit the answer and seals it into the spill folder",
                |state| {
                    scenario.keep(state, who, commit, overslept);
                },
            );
        }
    }

    fn offers_again(&mut self, who: u8, commit: Commit) {
        let scenario = self.scenario;
        if self.from.up {
            self.does(who, "offers the answer to the store again", |state| {
                scenario.commit(state, who, commit);
                state.unspill(scenario.host(who), commit);
            });
        }
    }

    fn refused(&mut self, who: u8, flight: Flight) {
        let scenario = self.scenario;
        self.does(who, "is refused", |state| {
            if state.up {
                scenario.mark_refused(state, flight);
            }
            state.sender_mut(who).phase = Phase::Idle;
        });
    }

    // What else happens.

    fn kills_and_stops(&mut self, who: u8) {
        let scenario = self.scenario;
        let sender = *self.from.sender(who);
        if sender.phase == Phase::Down {
            return;
        }
        let faults = self.from.faults;
        if faults.kills > 0 {
            self.suffers(who, "is killed", |state| {
                state.faults.kills -= 1;
                scenario.kill(state, who);
            });
        }
        if faults.application_kills > 0 && !self.has(Mechanism::Detached) {
            self.suffers(who, "is killed with its application", |state| {
                state.faults.application_kills -= 1;
                scenario.kill(state, who);
            });
        }
        if faults.stops > 0 && !sender.stopped && sender.phase != Phase::Idle {
            self.suffers(who, "is stopped", |state| {
                state.faults.stops -= 1;
                state.sender_mut(who).stopped = true;
            });
        }
    }

    fn of_network(&mut self) {
        let scenario = self.scenario;
        for (place, request) in self.from.network.iter().enumerate() {
            let Some(request) = *request else { continue };
            if request.answer.is_none() {
                self.passes("the provider serves a request", |state| scenario.serve(state, place));
            }
            match (request.sender, request.answer) {
                // The kernel of a dead or impatient sender may have sent nothing at all.
                (None, _) => self.befalls("a request that nobody waits for is lost", |state| {
                    state.network[place] = None;
                }),
                (Some(who), Some(answer)) if !self.from.sender(who).stopped => {
                    self.does(who, "gets the answer", |state| {
                        state.network[place] = None;
                        state.hand_over(who, Some(answer));
                    });
                }
                (Some(_), _) => {}
            }
            if let (Some(who), true) = (request.sender, self.from.faults.losses > 0) {
                let what = match request.answer {
                    None => "its connection breaks before the request is there",
                    Some(_) => "its connection breaks before the answer is there",
                };
                self.suffers(who, what, |state| {
                    state.faults.losses -= 1;
                    state.network[place] = None;
                    state.hand_over(who, None);
                });
            }
        }
    }

    fn of_time(&mut self) {
        let scenario = self.scenario;
        if scenario.lease_can_end(self.from) {
            self.passes("the lease's time is over", State::end_lease);
        }
        let record = &self.from.row.record;
        if record.works && record.status == Status::Active {
            self.passes("the access token is over", |state| {
                state.row.record.works = false;
                state.row.record.waits = false;
            });
        }
        let lease_is_over = self.from.row.lease.is_none() || !self.has(Mechanism::LeaseInsideGrace);
        if self.from.faults.late > 0 && lease_is_over && self.from.nobody_is_at_it() {
            self.befalls("nobody does anything until the grace window is over", |state| {
                state.faults.late -= 1;
                for family in state.families.iter_mut().flatten() {
                    family.grace = false;
                }
            });
        }
        for host in 0..2 {
            if self.from.faults.drifts > 0 && scenario.hosts.contains(&host) {
                self.befalls("the clock of a host runs ahead", |state| {
                    state.faults.drifts -= 1;
                    state.drifted[usize::from(host)] = true;
                });
            }
        }
    }

    fn of_store(&mut self) {
        if !self.from.up {
            self.passes("the store comes back", |state| state.up = true);
        } else if self.from.faults.outages > 0 {
            self.befalls("the store goes away", |state| {
                state.faults.outages -= 1;
                state.up = false;
            });
        }
        if self.from.up && self.from.faults.restores > 0 && self.from.row.record.generation > 1 {
            self.befalls("the store is restored from a backup", |state| {
                state.faults.restores -= 1;
                state.restored = true;
                state.row = Scenario::first_row();
            });
        }
    }

    fn of_people(&mut self) {
        let scenario = self.scenario;
        let State { faults, row, up, families, .. } = self.from;
        if *up && faults.consents > 0 && families[1].is_none() {
            self.befalls("the user consents again", |state| {
                state.faults.consents -= 1;
                let family = Family::new(1);
                state.families[1] = Some(family);
                state.withdrawn = false;
                state.write(row.record.with_consent(family.newest, scenario.mechanisms));
            });
        }
        if *up
            && faults.forgets > 0
            && row.lease.is_none()
            && row.record.status != Status::Tombstone
        {
            self.befalls("the application forgets the grant", |state| {
                state.faults.forgets -= 1;
                state.row.fencing += 1;
                state.row.intent = None;
                state.write(row.record.tombstone());
            });
        }
        if faults.withdrawals > 0 && self.from.family(row.record.token).alive {
            self.befalls("the user withdraws consent at the provider", |state| {
                state.faults.withdrawals -= 1;
                state.withdrawn = true;
                state.family_mut(row.record.token.family).alive = false;
            });
        }
    }
}

impl Scenario {
    pub(crate) fn host(&self, who: u8) -> u8 {
        self.hosts[usize::from(who)]
    }

    /// Whether sending a spent token once more could kill the grant, as far as its sender's clock says.
    pub(crate) fn kills_on_reuse(&self, state: &State) -> bool {
        self.server == Server::Strict || state.faults.late < self.faults.late
    }

    /// Somebody's answer came: where there was another attempt after it, its token may be void.
    fn doubt(&self, flight: Flight) -> Option<Intent> {
        let several = flight.earlier + u8::from(flight.repeat) > 1;
        let note = self
            .intent(flight)
            .filter(|_| several && self.mechanisms.has(Mechanism::NoteLateCommit));
        note.map(|note| Intent { generation: note.generation + 1, repeats: 0, ..note })
    }

    fn intent(&self, flight: Flight) -> Option<Intent> {
        let Flight { grant, generation, earlier, .. } = flight;
        let note = Intent { grant, generation, repeats: earlier };
        self.mechanisms.has(Mechanism::DurableIntent).then_some(note)
    }
}
