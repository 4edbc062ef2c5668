//! The whole contract keeps its promises, whatever happens within the bounds of each scenario and in whatever order.

#![allow(clippy::print_stdout, reason = "how many states there are is to be seen")]

use evergrant_model::mechanism::Mechanisms;
use evergrant_model::provider::Server;
use evergrant_model::scenario::Scenario;
use evergrant_model::search::search;
use evergrant_model::state::{Broken, Faults};

const NONE: Faults = Faults::NONE;

/// One of each that can befall a sender, the network and the store.
const ROUGH: Faults = Faults { kills: 1, stops: 1, losses: 1, outages: 1, lost_replies: 1, ..NONE };
/// One of each that can befall a sender and the network.
const ROUGH_BUT_FOR_THE_STORE: Faults = Faults { kills: 1, stops: 1, losses: 1, ..NONE };

const TWO_HOSTS: Scenario = Scenario {
    name: "",
    server: Server::Strict,
    hosts: &[0, 1],
    generations: 3,
    faults: NONE,
    mechanisms: Mechanisms::ALL,
    gap: false,
};
const THREE_SENDERS: Scenario = Scenario { hosts: &[0, 0, 1], ..TWO_HOSTS };

fn keeps_its_promises(scenarios: &[Scenario]) {
    for scenario in scenarios {
        let report = search(scenario);
        println!("{report}");
        assert!(report.counterexample.is_none(), "see above");
    }
}

#[test]
fn no_grant_is_lost_at_a_strict_server_but_with_its_answer() {
    keeps_its_promises(&[
        Scenario { name: "strict, two hosts", faults: ROUGH, ..TWO_HOSTS },
        Scenario { name: "strict, one host", hosts: &[0, 0], faults: ROUGH, ..TWO_HOSTS },
        Scenario {
            name: "strict, three senders",
            faults: ROUGH_BUT_FOR_THE_STORE,
            ..THREE_SENDERS
        },
        Scenario {
            name: "strict, two of each",
            faults: Faults { kills: 2, stops: 2, losses: 2, ..NONE },
            ..TWO_HOSTS
        },
        Scenario {
            name: "strict, four generations",
            generations: 4,
            faults: Faults { lost_replies: 0, ..ROUGH },
            ..TWO_HOSTS
        },
    ]);
}

#[test]
fn no_grant_is_lost_at_a_server_with_a_grace_window() {
    let grace = Scenario { server: Server::Grace, ..TWO_HOSTS };
    keeps_its_promises(&[
        Scenario { name: "grace, two hosts", faults: ROUGH, ..grace },
        Scenario {
            name: "grace, three senders",
            server: Server::Grace,
            faults: ROUGH_BUT_FOR_THE_STORE,
            ..THREE_SENDERS
        },
        Scenario {
            name: "grace, and everybody sleeps until it is over",
            faults: Faults { late: 1, ..ROUGH_BUT_FOR_THE_STORE },
            ..grace
        },
    ]);
}

#[test]
fn no_grant_is_lost_at_a_server_where_the_last_repeat_wins() {
    let last = Scenario { server: Server::GraceLastWins, ..TWO_HOSTS };
    keeps_its_promises(&[
        Scenario {
            name: "last repeat wins, two hosts",
            faults: Faults { lost_replies: 0, ..ROUGH },
            ..last
        },
        Scenario {
            name: "last repeat wins, three senders",
            server: Server::GraceLastWins,
            faults: ROUGH_BUT_FOR_THE_STORE,
            ..THREE_SENDERS
        },
    ]);
}

#[test]
fn consent_given_again_and_a_grant_forgotten_in_mid_flight_leave_no_token_behind() {
    let faults = Faults { consents: 1, forgets: 1, ..NONE };
    keeps_its_promises(&[
        Scenario {
            name: "consent and forget, kill and stop",
            faults: Faults { kills: 1, stops: 1, ..faults },
            ..TWO_HOSTS
        },
        Scenario {
            name: "consent and forget, outage and lost reply",
            faults: Faults { outages: 1, lost_replies: 1, ..faults },
            ..TWO_HOSTS
        },
        Scenario {
            name: "consent withdrawn and given again",
            faults: Faults { consents: 1, withdrawals: 1, ..ROUGH_BUT_FOR_THE_STORE },
            ..TWO_HOSTS
        },
    ]);
}

#[test]
fn a_store_restored_under_running_processes_gets_the_newer_record_back() {
    keeps_its_promises(&[
        Scenario {
            name: "restore, strict",
            faults: Faults { restores: 1, ..ROUGH_BUT_FOR_THE_STORE },
            ..TWO_HOSTS
        },
        Scenario {
            name: "restore, grace, outage",
            server: Server::Grace,
            faults: Faults { restores: 1, stops: 1, outages: 1, ..NONE },
            ..TWO_HOSTS
        },
    ]);
}

#[test]
fn who_kills_applications_and_turns_clocks_takes_no_grant() {
    keeps_its_promises(&[
        Scenario {
            name: "applications killed",
            faults: Faults { application_kills: 3, ..NONE },
            ..TWO_HOSTS
        },
        Scenario {
            name: "clocks that run ahead",
            faults: Faults { drifts: 1, ..ROUGH_BUT_FOR_THE_STORE },
            ..TWO_HOSTS
        },
    ]);
}

/// Assumption 3 is needed: no look at the lease helps a process that is stopped between the look and the write.
#[test]
fn a_stop_between_the_look_at_the_lease_and_the_write_of_the_request_is_beyond_any_client() {
    let scenario =
        Scenario { name: "gap", gap: true, faults: Faults { stops: 1, ..NONE }, ..TWO_HOSTS };
    let report = search(&scenario);
    println!("{report}");
    assert_eq!(report.counterexample.expect("the gap is found").broken, Broken::V1);
}
