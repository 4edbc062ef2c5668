//! The exhaustive model of the protocol (`tests/model`) has the rules of this floor once more, with small numbers. Here every
//! small row is walked through and the two are compared, so that what the model proves is proved of this code.

use super::lease::{LeaseRow, StoreTime};
use super::record_for_tests::{commit, key, tokens};
use super::{ConsentReason, Intent, Mark, Merged, Record, Status, Tokens};
use crate::owner::OwnerId;
use evergrant_model::mechanism::Mechanisms;
use evergrant_model::row as model;
use std::time::Duration;

const GRANTS: [&str; 2] = ["g0", "g1"];

fn text(token: model::Token) -> String {
    format!("{}-{}-{}", token.family, token.depth, token.sibling)
}

fn tokens_of(token: model::Token) -> Tokens {
    tokens(&text(token), Some(&text(token)))
}

fn status_of(status: model::Status) -> (Status, Option<ConsentReason>) {
    match status {
        model::Status::Active => (Status::Active, None),
        model::Status::Tombstone => (Status::Tombstone, None),
        model::Status::NeedsConsent(reason) => (Status::NeedsConsent, Some(reason_of(reason))),
    }
}

fn reason_of(reason: model::Reason) -> ConsentReason {
    match reason {
        model::Reason::Revoked => ConsentReason::Revoked,
        model::Reason::OutcomeLost => ConsentReason::OutcomeLost,
    }
}

/// This floor's record for one of the model's.
fn record_of(small: model::Record) -> Record {
    let grant = GRANTS[usize::from(small.grant)].to_owned();
    let mut record = Record::new(&key(), grant, tokens_of(small.token), 0);
    record.generation = small.generation.into();
    (record.status, record.reason) = status_of(small.status);
    record.alternate = small.alternate.map(tokens_of);
    record.committed_fencing = small.committed_fencing.into();
    record
}

/// What the model knows of a record.
fn essence(record: &Record) -> impl PartialEq + std::fmt::Debug + use<> {
    let text = |tokens: &Option<Tokens>| {
        tokens.as_ref().map(|tokens| tokens.access[0].token.expose().to_owned())
    };
    let tokens = (!record.is_tombstone()).then(|| text(&record.tokens));
    let alternate = text(&record.alternate);
    let numbers = (record.generation, record.committed_fencing);
    (record.grant_id.clone(), numbers, record.status, record.reason, tokens, alternate)
}

fn small_tokens() -> impl Iterator<Item = model::Token> + Clone {
    let token = |depth, sibling| model::Token { family: 0, depth, sibling };
    (0..3).flat_map(move |depth| (0..2).map(move |sibling| token(depth, sibling)))
}

fn small_records() -> Vec<model::Record> {
    let statuses = [
        model::Status::Active,
        model::Status::NeedsConsent(model::Reason::Revoked),
        model::Status::NeedsConsent(model::Reason::OutcomeLost),
        model::Status::Tombstone,
    ];
    let mut records = Vec::new();
    for token in small_tokens() {
        for alternate in std::iter::once(None).chain(small_tokens().map(Some)) {
            for status in statuses {
                for committed_fencing in 0..3 {
                    let generation = token.depth + 1;
                    let forgotten = status == model::Status::Tombstone;
                    let alternate = alternate.filter(|_| !forgotten);
                    records.push(model::Record {
                        generation,
                        status,
                        alternate,
                        committed_fencing,
                        ..model::Record::new(0, token)
                    });
                }
            }
        }
    }
    records
}

#[test]
fn a_commit_does_what_it_does_in_the_model() {
    for small in small_records() {
        let record = record_of(small);
        for token in small_tokens() {
            for (grant, generation, fencing) in
                (0..2).flat_map(|g| (1..4).flat_map(move |n| (0..4).map(move |f| (g, n, f))))
            {
                let answer = model::Commit { grant, generation, token, fencing };
                let mut commit = commit(generation.into(), fencing.into(), tokens_of(token));
                GRANTS[usize::from(grant)].clone_into(&mut commit.grant_id);
                let merged = match record.merge(&commit) {
                    Merged::Write(next) => Some(essence(&next)),
                    Merged::Superseded => None,
                };
                let expected = match small.merge(answer, Mechanisms::ALL) {
                    model::Merged::Write(next) => Some(essence(&record_of(next))),
                    model::Merged::Superseded => None,
                };
                assert_eq!(merged, expected, "{small:?} {answer:?}");
            }
        }
    }
}

#[test]
fn a_refusal_does_what_it_does_in_the_model() {
    for small in small_records() {
        for token in small_tokens() {
            for reason in [model::Reason::Revoked, model::Reason::OutcomeLost] {
                let refresh_token = text(token).as_str().into();
                let mark = Mark::Refused { refresh_token, reason: reason_of(reason) };
                if small.status == model::Status::Tombstone {
                    continue; // a mark is about a generation, and a tombstone has none
                }
                let marked = record_of(small).marked(&mark, 7);
                let expected = record_of(small.refused(token, reason));
                assert_eq!(essence(&marked), essence(&expected), "{small:?} {token:?}");
            }
        }
    }
}

#[test]
fn consent_and_forgetting_do_what_they_do_in_the_model() {
    let newest = model::Token { family: 1, depth: 0, sibling: 0 };
    for small in small_records() {
        let record = record_of(small);
        let consent = Record::new(&key(), GRANTS[1].to_owned(), tokens_of(newest), 5);
        let expected = record_of(small.with_consent(newest, Mechanisms::ALL));
        assert_eq!(essence(&record.with_consent(consent)), essence(&expected), "{small:?}");
        let expected = record_of(small.tombstone());
        assert_eq!(essence(&record.tombstone(5)), essence(&expected), "{small:?}");
    }
}

#[test]
fn lease_and_intent_do_what_they_do_in_the_model() {
    let small = model::Record::new(0, model::Token::default());
    let intents = [None, Some((0, 1, 0)), Some((0, 1, 1)), Some((0, 2, 0)), Some((1, 1, 1))];
    for (intent, gives_back, leaves) in intents
        .into_iter()
        .flat_map(|intent| (0..5).flat_map(move |n| [true, false].map(|l| (intent, n, l))))
    {
        let mut row = model::Row {
            record: small,
            lease: None,
            fencing: 1,
            intent: intent.map(|(grant, generation, repeats)| model::Intent {
                grant,
                generation,
                repeats,
            }),
        };
        let note = |(grant, generation, repeats): (u8, u8, u8)| Intent {
            grant_id: GRANTS[usize::from(grant)].to_owned(),
            generation: generation.into(),
            first_sent: StoreTime::of_server(0),
            last_sent: StoreTime::of_server(0),
            repeats: repeats.into(),
        };
        let mut lease = LeaseRow { lease: None, fencing: 1, intent: intent.map(note) };
        let owner = OwnerId::parse(":0:1:1:a").unwrap();
        let (ttl, now) = (Duration::from_secs(5), StoreTime::of_server(0));
        for _ in 0..2 {
            // The second time it asks because it got no reply.
            let expected = row.acquire(model::Owner::Sender(0), Mechanisms::ALL);
            let held = lease.acquire(record_of(small), &owner, ttl, &now).unwrap();
            assert_eq!(held.fencing, u64::from(expected.fencing));
            let earlier = held.earlier.map_or(0, |earlier| earlier.repeats + 1);
            assert_eq!(earlier, u32::from(expected.earlier), "{intent:?}");
        }
        let other = OwnerId::parse(":0:1:1:b").unwrap();
        assert!(lease.acquire(record_of(small), &other, ttl, &now).is_err());
        let left = model::Intent { grant: 0, generation: 1, repeats: 0 };
        row.release(gives_back, leaves.then_some(left));
        lease.release(gives_back.into(), leaves.then(|| note((0, 1, 0))).as_ref());
        assert_eq!(lease.lease.is_some(), row.lease.is_some());
        let noted = lease.intent.map(|intent| (intent.grant_id, intent.generation, intent.repeats));
        let expected = row.intent.map(|intent| {
            let grant_id = GRANTS[usize::from(intent.grant)].to_owned();
            (grant_id, u64::from(intent.generation), u32::from(intent.repeats))
        });
        assert_eq!(noted, expected);
    }
}
