//! What protects a grant, each as a switch: a test takes one away and sees the promise behind it broken.

/// One protecting mechanism of the refresh contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// One refresh, step 2: who spends holds the lease.
    Lease,
    /// The lease has an end: a sender that nobody can ask about does not hold it for ever.
    LeaseEnds,
    /// The lease is counted by the store's clock, not by a taker's.
    StoresClock,
    /// A sender that dies: "gone" only where the kernel says so.
    KernelsWord,
    /// The intent is written with the lease.
    DurableIntent,
    /// Step 3: what was decided on an older record is looked at again under the lease.
    LookAgain,
    /// Step 2: no send after a lease write that failed.
    ProvenWritable,
    /// Step 4: no send when the lease is over.
    CheckBeforeSend,
    /// Step 4: an answer is waited for only as long as the lease stands.
    DeadlineInsideLease,
    /// Step 4: the lease's time is half the provider's grace window.
    LeaseInsideGrace,
    /// An answer nobody saw: repeats are never parallel.
    NeverParallel,
    /// An answer nobody saw: no repeat before the first connection is closed and a pause has passed.
    PauseBeforeRepeat,
    /// A repeat looks at the record once more after its pause.
    RereadBeforeRepeat,
    /// An answer nobody saw: no repeat at a server that kills on reuse while the access token works.
    WaitWhileTokenWorks,
    /// Step 5: a commit is conditional on `grant_id` and generation.
    ConditionalCommit,
    /// Step 5: a commit overrides any status.
    CommitOverridesStatus,
    /// Step 5: a commit clears lease and intent only if they carry its own fencing number.
    OwnLeaseOnly,
    /// Step 5: an answer written although another took the lease since leaves a note: its token may be void.
    NoteLateCommit,
    /// Step 5: of two answers to one generation the second is kept.
    Alternate,
    /// Step 6: an answer that could not be committed goes into the spill folder.
    Spill,
    /// Step 2: whoever finds an intent looks in the spill folder first.
    SpillFirst,
    /// Step 6: after a store was away, a taker waits and reads again before it sends.
    WaitAfterStoreWasAway,
    /// Marks need the live lease.
    MarkNeedsLease,
    /// `needs_consent` only after a re-read: of the newest refresh token.
    RereadBeforeMark,
    /// Re-consent: a new `grant_id`.
    NewGrantId,
    /// Re-consent, forget: an answer whose grant is gone is revoked at the provider.
    RevokeLateAnswers,
    /// Step 3: a process that remembers a higher generation than the store writes it back.
    RollForward,
    /// The sender is a process of its own: who kills the application kills no answer.
    Detached,
}

impl Mechanism {
    /// Every one.
    pub const EACH: [Self; 28] = [
        Mechanism::Lease,
        Mechanism::LeaseEnds,
        Mechanism::StoresClock,
        Mechanism::KernelsWord,
        Mechanism::DurableIntent,
        Mechanism::LookAgain,
        Mechanism::ProvenWritable,
        Mechanism::CheckBeforeSend,
        Mechanism::DeadlineInsideLease,
        Mechanism::LeaseInsideGrace,
        Mechanism::NeverParallel,
        Mechanism::PauseBeforeRepeat,
        Mechanism::RereadBeforeRepeat,
        Mechanism::WaitWhileTokenWorks,
        Mechanism::ConditionalCommit,
        Mechanism::CommitOverridesStatus,
        Mechanism::OwnLeaseOnly,
        Mechanism::NoteLateCommit,
        Mechanism::Alternate,
        Mechanism::Spill,
        Mechanism::SpillFirst,
        Mechanism::WaitAfterStoreWasAway,
        Mechanism::MarkNeedsLease,
        Mechanism::RereadBeforeMark,
        Mechanism::NewGrantId,
        Mechanism::RevokeLateAnswers,
        Mechanism::RollForward,
        Mechanism::Detached,
    ];
}

/// A set of mechanisms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mechanisms(u32);

impl Mechanisms {
    /// The whole contract.
    pub const ALL: Self = Mechanisms(u32::MAX);

    /// All of these but one.
    #[must_use]
    pub fn without(self, mechanism: Mechanism) -> Self {
        Mechanisms(self.0 & !(1 << mechanism as u32))
    }

    /// Whether it is among them.
    #[must_use]
    pub fn has(self, mechanism: Mechanism) -> bool {
        self.0 & (1 << mechanism as u32) != 0
    }
}
