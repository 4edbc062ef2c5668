//! Without any one of its mechanisms the contract breaks a promise: each is needed, and the search can see it.

#![allow(clippy::print_stdout, reason = "how many states there are is to be seen")]

use Mechanism::{
    Alternate, CheckBeforeSend, CommitOverridesStatus, ConditionalCommit, DeadlineInsideLease,
    Detached, DurableIntent, KernelsWord, Lease, LeaseEnds, LeaseInsideGrace, LookAgain,
    MarkNeedsLease, NeverParallel, NewGrantId, NoteLateCommit, OwnLeaseOnly, PauseBeforeRepeat,
    ProvenWritable, RereadBeforeMark, RereadBeforeRepeat, RevokeLateAnswers, RollForward, Spill,
    SpillFirst, StoresClock, WaitAfterStoreWasAway, WaitWhileTokenWorks,
};
use evergrant_model::mechanism::{Mechanism, Mechanisms};
use evergrant_model::provider::Server;
use evergrant_model::scenario::Scenario;
use evergrant_model::search::search;
use evergrant_model::state::{Broken, Faults};

const NONE: Faults = Faults::NONE;

const STRICT: Scenario = Scenario {
    name: "",
    server: Server::Strict,
    hosts: &[0, 1],
    generations: 3,
    faults: NONE,
    mechanisms: Mechanisms::ALL,
    gap: false,
};
const ONE_HOST: Scenario = Scenario { hosts: &[0, 0], ..STRICT };
const GRACE: Scenario = Scenario { server: Server::Grace, ..STRICT };
const LAST_WINS: Scenario = Scenario { server: Server::GraceLastWins, ..STRICT };

/// Where it shows that a mechanism is needed: what may happen, and which promise falls.
#[expect(clippy::match_same_arms, reason = "a line for each, in the order of the contract")]
fn shown_by(mechanism: Mechanism) -> (Scenario, Broken) {
    let with = |scenario: Scenario, faults| Scenario { faults, ..scenario };
    let calm = with(STRICT, NONE);
    let kill = with(STRICT, Faults { kills: 1, ..NONE });
    let stop = with(STRICT, Faults { stops: 1, ..NONE });
    let loss = with(STRICT, Faults { losses: 1, ..NONE });
    let outage = with(STRICT, Faults { outages: 1, ..NONE });
    let outage_and_kill = with(ONE_HOST, Faults { outages: 1, kills: 1, ..NONE });
    let consent_and_stop = with(STRICT, Faults { consents: 1, stops: 1, ..NONE });
    match mechanism {
        Lease => (calm, Broken::V1),
        LeaseEnds => (stop, Broken::V4),
        StoresClock => (with(STRICT, Faults { drifts: 1, ..NONE }), Broken::V1),
        KernelsWord => (calm, Broken::V1),
        DurableIntent => (kill, Broken::KilledWorking),
        LookAgain => (calm, Broken::Lost),
        ProvenWritable => (outage, Broken::V1),
        CheckBeforeSend => (stop, Broken::V1),
        DeadlineInsideLease => (calm, Broken::V1),
        LeaseInsideGrace => {
            let faults = Faults { late: 1, stops: 1, losses: 1, ..NONE };
            (with(GRACE, faults), Broken::KilledWorking)
        }
        NeverParallel => (calm, Broken::V1),
        PauseBeforeRepeat => (loss, Broken::Lost),
        RereadBeforeRepeat => (stop, Broken::Lost),
        WaitWhileTokenWorks => (kill, Broken::KilledWorking),
        ConditionalCommit => (consent_and_stop, Broken::V2),
        CommitOverridesStatus => (stop, Broken::V13),
        OwnLeaseOnly => (stop, Broken::V1),
        NoteLateCommit => (stop, Broken::Unnamed),
        Alternate => (with(LAST_WINS, Faults { stops: 2, ..NONE }), Broken::V13),
        Spill => (outage_and_kill, Broken::V13),
        SpillFirst => (outage_and_kill, Broken::Lost),
        WaitAfterStoreWasAway => (outage, Broken::Lost),
        MarkNeedsLease => (with(STRICT, Faults { withdrawals: 1, stops: 1, ..NONE }), Broken::V5),
        RereadBeforeMark => (stop, Broken::V5),
        NewGrantId => (consent_and_stop, Broken::V2),
        RevokeLateAnswers => (consent_and_stop, Broken::V13),
        RollForward => (with(STRICT, Faults { restores: 1, stops: 1, ..NONE }), Broken::SpentOlder),
        Detached => (with(STRICT, Faults { application_kills: 1, ..NONE }), Broken::Lost),
    }
}

#[test]
fn each_mechanism_is_needed_and_all_together_are_enough() {
    for mechanism in Mechanism::EACH {
        let (scenario, broken) = shown_by(mechanism);
        let enough = search(&scenario);
        assert!(enough.counterexample.is_none(), "with {mechanism:?}: {enough}");
        breaks(scenario, mechanism, broken);
    }
}

/// Where the last repeat wins, a repeat that overtakes the request before it is as bad as a parallel one.
#[test]
fn a_pause_before_a_repeat_is_needed_inside_a_grace_window_too() {
    let kill = Faults { kills: 1, ..NONE };
    breaks(Scenario { hosts: &[0, 0], faults: kill, ..LAST_WINS }, PauseBeforeRepeat, Broken::Lost);
    let loss = Faults { losses: 1, ..NONE };
    breaks(Scenario { faults: loss, ..LAST_WINS }, PauseBeforeRepeat, Broken::Lost);
}

fn breaks(scenario: Scenario, mechanism: Mechanism, broken: Broken) {
    let mechanisms = Mechanisms::ALL.without(mechanism);
    let report = search(&Scenario { mechanisms, ..scenario });
    println!("without {mechanism:?}{report}");
    let found = report.counterexample.expect("a promise is broken");
    assert_eq!(found.broken, broken, "without {mechanism:?}");
}

#[test]
fn no_mechanism_is_left_out() {
    let last = Mechanism::EACH.last().expect("there are some");
    assert_eq!(Mechanism::EACH.len(), *last as usize + 1);
}
