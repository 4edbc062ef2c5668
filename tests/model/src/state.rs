//! One state of the world: processes, network, store, provider, and the faults that may still happen.

use crate::provider::{Answer, Family};
use crate::row::{Commit, Lease, Owner, Row, Token};
use std::fmt;

/// The most senders, hosts, requests under way and consents of a scenario.
pub const SENDERS: usize = 3;
pub(crate) const HOSTS: usize = 2;
pub(crate) const REQUESTS: usize = 4;
pub(crate) const SPILLS: usize = 3;
pub(crate) const FAMILIES: usize = 2;

/// A promise of the contract that was broken, by its number there or its name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Broken {
    /// V1: two token requests of one grant in flight while leases hold.
    V1,
    /// V2: something newer was replaced by something older.
    V2,
    /// V4: nobody can go on.
    V4,
    /// V5: `needs_consent` on another answer than one to the newest token under the live lease.
    V5,
    /// V13: an answer that reached a living process was dropped.
    V13,
    /// A grant was lost although its answer was in reach of who spent it again, or the server would have repeated it.
    Lost,
    /// A repeat killed an access token that still worked.
    KilledWorking,
    /// A loss that a lost answer caused is not called `outcome_lost`.
    Unnamed,
    /// A token was spent by a process that remembered a newer one.
    SpentOlder,
}

/// What a sender knows while it is at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Flight {
    /// Its lease's number.
    pub fencing: u8,
    /// The consent it renews.
    pub grant: u8,
    /// The generation it spends.
    pub generation: u8,
    /// The refresh token it spends.
    pub token: Token,
    /// How many earlier senders left an intent for this generation.
    pub earlier: u8,
    /// Whether it sent this generation itself and saw no answer.
    pub repeat: bool,
    /// Whether it was stopped for so long that its lease was over.
    pub overslept: bool,
}

/// What a process is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// Nothing: a token that can be used may be cached.
    Idle,
    /// It decided, on what it read, to renew this.
    Wants {
        /// The consent.
        grant: u8,
        /// The generation.
        generation: u8,
        /// Its refresh token.
        token: Token,
        /// Whether it asked for the lease and got no reply.
        asked: bool,
    },
    /// It has the lease and has not sent.
    Holds(Flight),
    /// It looked at the lease and is about to write the request.
    Ready(Flight),
    /// Its request is under way.
    Waits(Flight),
    /// No answer came.
    Unseen(Flight),
    /// It has the answer.
    Answered(Flight, Answer),
    /// The store did not take the answer; and whether it was stopped for so long that its lease was over.
    Uncommitted(Commit, bool),
    /// It has an answer whose grant is gone.
    Revokes {
        /// The consent at the provider.
        family: u8,
    },
    /// It was killed.
    Down,
}

/// A process that can spend: a helper, or where there is none the application itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sender {
    /// What it is about.
    pub phase: Phase,
    /// Whether it is stopped (`SIGSTOP`).
    pub stopped: bool,
    /// The newest record that it saw: consent, generation, token.
    pub remembers: Option<(u8, u8, Token)>,
}

/// A token request on its way, or its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Request {
    /// Who sent it, and waits or is gone. A request that nobody waits for any more is an orphan: `None`.
    pub sender: Option<u8>,
    /// What is spent.
    pub token: Token,
    /// The answer, once the provider served it.
    pub answer: Option<Answer>,
    /// Whether a copy of the successor was in reach of the sender when it spent.
    pub avoidable: bool,
}

/// How many faults of each kind may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Faults {
    /// A process that can spend is killed, helper or not.
    pub kills: u8,
    /// The application is killed, not its helper.
    pub application_kills: u8,
    /// A process is stopped, for as long as it pleases.
    pub stops: u8,
    /// A request or answer is lost, or comes after the deadline.
    pub losses: u8,
    /// The store goes away; it comes back.
    pub outages: u8,
    /// The store does what it was told, and its reply is lost.
    pub lost_replies: u8,
    /// Nobody does anything until the grace window is over.
    pub late: u8,
    /// The user consents again.
    pub consents: u8,
    /// The application forgets the grant.
    pub forgets: u8,
    /// The user withdraws consent at the provider.
    pub withdrawals: u8,
    /// The store is restored to the first record.
    pub restores: u8,
    /// The clock of a host runs ahead.
    pub drifts: u8,
}

impl Faults {
    /// Nothing happens.
    pub const NONE: Self = Faults {
        kills: 0,
        application_kills: 0,
        stops: 0,
        losses: 0,
        outages: 0,
        lost_replies: 0,
        late: 0,
        consents: 0,
        forgets: 0,
        withdrawals: 0,
        restores: 0,
        drifts: 0,
    };
}

/// One state of the world.
#[expect(clippy::struct_excessive_bools, reason = "each says one thing, and any of them can be")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The provider's side of each consent.
    pub families: [Option<Family>; FAMILIES],
    /// The store's row.
    pub row: Row,
    /// Whether the store answers.
    pub up: bool,
    /// The processes.
    pub senders: [Sender; SENDERS],
    /// Requests and answers under way.
    pub network: [Option<Request>; REQUESTS],
    /// What lies in the spill folders: host and answer.
    pub spills: [Option<(u8, Commit)>; SPILLS],
    /// Hosts whose clock runs ahead.
    pub drifted: [bool; HOSTS],
    /// What may still happen.
    pub faults: Faults,
    /// Whether the store was restored to what it held before.
    pub restored: bool,
    /// Whether the grant, as the provider sees it, was ended by the user.
    pub withdrawn: bool,
    /// Whether an answer was committed while a repeat of its request was under way.
    pub crossed: bool,
    /// The promise that the last step broke.
    pub broken: Option<Broken>,
}

impl State {
    pub(crate) fn family(&self, token: Token) -> Family {
        self.families[usize::from(token.family)].expect("a token has a family")
    }

    pub(crate) fn family_mut(&mut self, family: u8) -> &mut Family {
        self.families[usize::from(family)].as_mut().expect("a token has a family")
    }

    pub(crate) fn requests(&self) -> impl Iterator<Item = Request> + '_ {
        self.network.iter().flatten().copied()
    }

    /// Whether there is room for one more request.
    pub(crate) fn has_room(&self) -> bool {
        self.network.iter().any(Option::is_none)
    }

    pub(crate) fn put_on_the_way(&mut self, request: Request) {
        let free = self.network.iter_mut().find(|place| place.is_none());
        *free.expect("there is room") = Some(request);
    }

    /// States that differ in nothing that matters become one: fencing numbers count by their order alone, and so does the
    /// place of a request on its way.
    #[must_use]
    pub(crate) fn canonical(mut self) -> Self {
        self.network.sort_unstable_by(|one, other| other.cmp(one));
        self.spills.sort_unstable_by(|one, other| other.cmp(one));
        let mut numbers = [0u8; 16];
        let mut count = 0;
        self.each_fencing(|number| {
            if *number != 0 && !numbers[..count].contains(number) {
                numbers[count] = *number;
                count += 1;
            }
        });
        let numbers = &mut numbers[..count];
        numbers.sort_unstable();
        self.each_fencing(|number| {
            if let Ok(rank) = numbers.binary_search(number) {
                *number = u8::try_from(rank + 1).expect("few numbers");
            }
        });
        self
    }

    fn each_fencing(&mut self, mut visit: impl FnMut(&mut u8)) {
        visit(&mut self.row.fencing);
        visit(&mut self.row.record.committed_fencing);
        if let Some(Lease { fencing, .. }) = &mut self.row.lease {
            visit(fencing);
        }
        for sender in &mut self.senders {
            match &mut sender.phase {
                Phase::Holds(flight)
                | Phase::Ready(flight)
                | Phase::Waits(flight)
                | Phase::Unseen(flight)
                | Phase::Answered(flight, _) => visit(&mut flight.fencing),
                Phase::Uncommitted(commit, _) => visit(&mut commit.fencing),
                Phase::Idle | Phase::Wants { .. } | Phase::Revokes { .. } | Phase::Down => {}
            }
        }
        for (_, commit) in self.spills.iter_mut().flatten() {
            visit(&mut commit.fencing);
        }
    }
}

impl Phase {
    /// What it knows of the grant while it is at it.
    #[must_use]
    pub fn flight(&self) -> Option<Flight> {
        match self {
            Phase::Holds(flight)
            | Phase::Ready(flight)
            | Phase::Waits(flight)
            | Phase::Unseen(flight)
            | Phase::Answered(flight, _) => Some(*flight),
            _ => None,
        }
    }

    pub(crate) fn oversleep(&mut self) {
        match self {
            Phase::Holds(flight)
            | Phase::Ready(flight)
            | Phase::Waits(flight)
            | Phase::Unseen(flight)
            | Phase::Answered(flight, _) => flight.overslept = true,
            Phase::Uncommitted(_, overslept) => *overslept = true,
            Phase::Idle | Phase::Wants { .. } | Phase::Revokes { .. } | Phase::Down => {}
        }
    }
}

/// The letter of a sender.
#[must_use]
pub fn letter(sender: u8) -> char {
    char::from(b'A' + sender)
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}.{}", self.family, self.depth)?;
        if self.sibling > 0 { write!(f, "'{}", self.sibling) } else { Ok(()) }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owner::Sender(sender) => write!(f, "{}", letter(*sender)),
            Owner::Gone(host) => write!(f, "a dead process of host {host}"),
        }
    }
}

/// What stands where, in one line.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.row.record;
        write!(f, "store: g{} generation {} {}", record.grant, record.generation, record.token)?;
        if let Some(alternate) = record.alternate {
            write!(f, " or {alternate}")?;
        }
        write!(f, " {:?}", record.status)?;
        if !record.works {
            write!(f, ", access token over")?;
        }
        if let Some(lease) = self.row.lease {
            write!(f, ", lease {} of {}", lease.fencing, lease.owner)?;
        }
        if let Some(intent) = self.row.intent {
            write!(f, ", intent g{} generation {}", intent.grant, intent.generation)?;
        }
        if !self.up {
            write!(f, ", down")?;
        }
        for (host, commit) in self.spills.iter().flatten() {
            write!(f, "; spill of host {host}: {}", commit.token)?;
        }
        for family in self.families.iter().flatten() {
            let life = if family.alive { "" } else { " (dead)" };
            write!(f, "; provider: {}{life}", family.newest)?;
        }
        Ok(())
    }
}
