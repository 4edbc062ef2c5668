//! The bounds of one search.

use crate::mechanism::Mechanisms;
use crate::provider::{Family, Server};
use crate::row::{Record, Row, Status, Token};
use crate::state::{Faults, Phase, SENDERS, Sender, State};

/// What there is, and what may happen.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// A name for the report.
    pub name: &'static str,
    /// The provider.
    pub server: Server,
    /// The host of each sender; as many senders as hosts are named.
    pub hosts: &'static [u8],
    /// The last generation: nobody renews it.
    pub generations: u8,
    /// What may happen, and how often.
    pub faults: Faults,
    /// What protects.
    pub mechanisms: Mechanisms,
    /// Whether a process may be stopped between its look at the lease and the write of the request. The contract assumes that
    /// it is not: no client can close that gap.
    pub gap: bool,
}

impl Scenario {
    /// The first state: consent was given, and every sender is there.
    #[must_use]
    pub fn beginning(&self) -> State {
        let sender = |phase| Sender { phase, stopped: false, remembers: None };
        let mut senders = [sender(Phase::Down); SENDERS];
        senders[..self.hosts.len()].fill(sender(Phase::Idle));
        State {
            families: [Some(Family::new(0)), None],
            row: Self::first_row(),
            up: true,
            senders,
            network: Default::default(),
            spills: Default::default(),
            drifted: Default::default(),
            faults: self.faults,
            restored: false,
            withdrawn: false,
            crossed: false,
            broken: None,
        }
    }

    /// The row as consent left it.
    #[must_use]
    pub fn first_row() -> Row {
        let token = Token { family: 0, depth: 0, sibling: 0 };
        Row { record: Record::new(0, token), lease: None, fencing: 0, intent: None }
    }

    /// Whether nothing is left to do, or nobody to do it.
    #[must_use]
    pub fn is_settled(&self, state: &State) -> bool {
        let there = || state.senders[..self.hosts.len()].iter().filter(|sender| !sender.stopped);
        let is_open = |sender: &Sender| {
            matches!(
                sender.phase,
                Phase::Answered(..) | Phase::Uncommitted(..) | Phase::Revokes { .. }
            )
        };
        let record = &state.row.record;
        let is_over = record.status != Status::Active || record.generation >= self.generations;
        there().next().is_none() || is_over && !there().any(is_open)
    }
}
