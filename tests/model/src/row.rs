//! What a store holds of one grant, and what each call of the store contract makes of it (`refresh.md`, Store contract).
//!
//! The same rules as core's `store/record.rs` and `store/lease.rs`, with small numbers in the place of tokens and times. A test
//! of core walks through all small rows and holds the two together.

use crate::mechanism::{Mechanism, Mechanisms};

/// A refresh token, as the provider knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token {
    /// The consent that it descends from.
    pub family: u8,
    /// The number of rotations since that consent.
    pub depth: u8,
    /// Which of several answers to the same renewal.
    pub sibling: u8,
}

/// Whether a grant can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// It can.
    Active,
    /// Not before the user consents again.
    NeedsConsent(Reason),
    /// It was forgotten.
    Tombstone,
}

/// Why the user has to consent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The provider refused a token that was sent once.
    Revoked,
    /// It refused a token that was sent before, and nobody saw the answer.
    OutcomeLost,
}

/// The record, but for its lease and intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// `grant_id`: which consent.
    pub grant: u8,
    /// + 1 with each committed renewal.
    pub generation: u8,
    /// Whether it can be used.
    pub status: Status,
    /// The refresh token.
    pub token: Token,
    /// A second answer to the same renewal.
    pub alternate: Option<Token>,
    /// The fencing number of the lease under which the token was committed.
    pub committed_fencing: u8,
    /// Whether the access token can still be used.
    pub works: bool,
    /// Whether a back-off lasts until the access token is over.
    pub waits: bool,
}

/// The right of one sender to spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// Who.
    pub owner: Owner,
    /// Its number.
    pub fencing: u8,
}

/// Who holds a lease, or sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Owner {
    /// A process that exists, running or stopped.
    Sender(u8),
    /// A process that was killed, on this host.
    Gone(u8),
}

/// The durable note that a generation is about to be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Intent {
    /// Whose.
    pub grant: u8,
    /// The generation.
    pub generation: u8,
    /// How many earlier notes of it were never settled.
    pub repeats: u8,
}

/// An answer on its way to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Commit {
    /// The consent that was renewed.
    pub grant: u8,
    /// The generation that was spent.
    pub generation: u8,
    /// What the provider answered.
    pub token: Token,
    /// The fencing number of the sender's lease.
    pub fencing: u8,
}

/// What a commit makes of the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merged {
    /// This is to be written.
    Write(Record),
    /// The answer is of a consent that is gone, or older than what stands.
    Superseded,
}

/// The row of one grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    /// The record.
    pub record: Record,
    /// The lease, until its time is over.
    pub lease: Option<Lease>,
    /// The number of the last lease.
    pub fencing: u8,
    /// The note of the last sender, until it is settled.
    pub intent: Option<Intent>,
}

/// What a taker of the lease learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The number of its lease.
    pub fencing: u8,
    /// The record as it stands.
    pub record: Record,
    /// How many earlier senders noted this generation and never settled it.
    pub earlier: u8,
}

impl Record {
    /// The first record of a consent.
    #[must_use]
    pub fn new(grant: u8, token: Token) -> Self {
        Record {
            grant,
            generation: 1,
            status: Status::Active,
            token,
            alternate: None,
            committed_fencing: 0,
            works: true,
            waits: false,
        }
    }

    /// What `commit` makes of this record: conditional on `grant_id` and generation, and on nothing else.
    #[must_use]
    pub fn merge(&self, commit: Commit, mechanisms: Mechanisms) -> Merged {
        let is_final = matches!(self.status, Status::NeedsConsent(_))
            && !mechanisms.has(Mechanism::CommitOverridesStatus);
        let is_gone = self.status == Status::Tombstone || self.grant != commit.grant;
        if !mechanisms.has(Mechanism::ConditionalCommit) {
            return Merged::Write(Record::renewed_by(commit));
        }
        if is_gone || is_final {
            return Merged::Superseded;
        }
        // A record that is behind was restored from a backup.
        let is_behind =
            self.generation < commit.generation && mechanisms.has(Mechanism::RollForward);
        if self.generation == commit.generation || is_behind {
            return Merged::Write(Record::renewed_by(commit));
        }
        if self.generation == commit.generation + 1 && mechanisms.has(Mechanism::Alternate) {
            return self.with_second_answer(commit);
        }
        Merged::Superseded
    }

    /// What a commit of the generation that stands leaves.
    fn renewed_by(commit: Commit) -> Record {
        Record {
            generation: commit.generation + 1,
            committed_fencing: commit.fencing,
            ..Record::new(commit.grant, commit.token)
        }
    }

    /// Two answers to one generation: the higher fencing number is primary, the other is kept.
    fn with_second_answer(&self, commit: Commit) -> Merged {
        let is_kept = self.token == commit.token || self.alternate == Some(commit.token);
        if is_kept && commit.fencing == self.committed_fencing {
            return Merged::Superseded;
        }
        let mut next = *self;
        if commit.fencing > self.committed_fencing {
            next.alternate = Some(self.token);
            next.token = commit.token;
            next.committed_fencing = commit.fencing;
        } else {
            next.alternate = Some(commit.token);
        }
        Merged::Write(next)
    }

    /// The provider refused `token`.
    #[must_use]
    pub fn refused(&self, token: Token, reason: Reason) -> Record {
        let mut next = *self;
        next.alternate = next.alternate.filter(|alternate| *alternate != token);
        if next.token != token {
            return next; // the other answer arrived meanwhile, and is primary
        }
        match next.alternate.take() {
            Some(alternate) => {
                next.token = alternate;
                next.status = Status::Active;
            }
            None => next.status = Status::NeedsConsent(reason),
        }
        next
    }

    /// New consent that brings a refresh token, in the place of this record.
    #[must_use]
    pub fn with_consent(&self, token: Token, mechanisms: Mechanisms) -> Record {
        if mechanisms.has(Mechanism::NewGrantId) {
            return Record::new(self.grant + 1, token);
        }
        Record { generation: self.generation, ..Record::new(self.grant, token) }
    }

    /// What is left after it was forgotten.
    #[must_use]
    pub fn tombstone(&self) -> Record {
        Record { status: Status::Tombstone, alternate: None, waits: false, ..*self }
    }

    /// Whether it is of this consent and generation, and not forgotten.
    #[must_use]
    pub fn is(&self, grant: u8, generation: u8) -> bool {
        self.status != Status::Tombstone && self.grant == grant && self.generation == generation
    }
}

impl Row {
    /// Gives a lease and notes the intent. Whether the one that stands is over is the caller's to say; its own owner may ask
    /// once more, for the answer to its question was lost.
    pub fn acquire(&mut self, owner: Owner, mechanisms: Mechanisms) -> Held {
        let Row { record, intent, .. } = *self;
        let again = self.lease.is_some_and(|lease| lease.owner == owner);
        let about = intent.filter(|intent| {
            (intent.grant, intent.generation) == (record.grant, record.generation)
        });
        let earlier = about.map_or(0, |intent| intent.repeats + u8::from(!again));
        self.fencing += 1;
        self.lease = Some(Lease { owner, fencing: self.fencing });
        let Record { grant, generation, .. } = record;
        let note = Intent { grant, generation, repeats: earlier };
        self.intent = mechanisms.has(Mechanism::DurableIntent).then_some(note);
        Held { fencing: self.fencing, record, earlier }
    }

    /// Whether this lease stands.
    #[must_use]
    pub fn is_held(&self, fencing: u8) -> bool {
        self.lease.is_some_and(|lease| lease.fencing == fencing)
    }

    /// Gives a lease back, if it is this one, and leaves `intent` behind.
    pub fn release(&mut self, fencing: u8, intent: Option<Intent>) {
        if self.is_held(fencing) {
            self.lease = None;
            self.intent = intent;
        }
    }

    /// Gives a lease back, if it is this one, and leaves the note as it stands: it is about a later generation.
    pub fn release_overtaken(&mut self, fencing: u8) {
        self.release(fencing, self.intent);
    }

    /// What a commit settles: its own sender's lease and note. Where its answer was `written` although somebody took the lease
    /// since, a note is left about the new token.
    pub fn settle(&mut self, commit: Commit, written: bool, mechanisms: Mechanisms) {
        let standing = self.lease.filter(|_| !mechanisms.has(Mechanism::OwnLeaseOnly));
        self.release(standing.map_or(commit.fencing, |lease| lease.fencing), None);
        if self.fencing > commit.fencing && written && mechanisms.has(Mechanism::NoteLateCommit) {
            let next =
                Intent { generation: commit.generation + 1, grant: commit.grant, repeats: 0 };
            let is_next =
                |noted: &Intent| (noted.grant, noted.generation) == (next.grant, next.generation);
            self.intent = self.intent.filter(is_next).or(Some(next));
        }
    }
}
