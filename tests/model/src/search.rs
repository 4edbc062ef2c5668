//! The search: breadth first, so that the first counterexample is a shortest one; every state once.
//!
//! A state is remembered by a hash of 64 bits alone (among ten million, two are the same with a chance of 3 in a million) and by the one
//! before it; a counterexample is walked again from the beginning.

use crate::scenario::Scenario;
use crate::state::{Broken, State};
use crate::step::Step;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// What a search found.
#[derive(Debug)]
pub struct Report {
    /// The scenario.
    pub name: &'static str,
    /// How many states there are; how many were seen, if a promise was broken.
    pub states: usize,
    /// How many steps lead from one to another.
    pub steps: usize,
    /// The longest way from the beginning.
    pub depth: usize,
    /// The shortest way to a broken promise.
    pub counterexample: Option<Counterexample>,
}

/// A way from the beginning to a broken promise.
#[derive(Debug)]
pub struct Counterexample {
    /// Which.
    pub broken: Broken,
    /// Each step, and what stood after it.
    pub trace: Vec<(Step, State)>,
}

/// Mixes each small field into 64 bits: states are hashed more than anything else is done.
#[derive(Default)]
struct Fingerprint(u64);

impl Fingerprint {
    fn of(state: &State) -> u64 {
        let mut fingerprint = Fingerprint::default();
        state.hash(&mut fingerprint);
        fingerprint.finish()
    }

    fn fold(&mut self, value: u64) {
        let mixed = (self.0 ^ value).wrapping_add(0xa076_1d64_78bd_642f);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 32);
    }
}

impl Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.fold(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.fold(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.fold(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.fold(value as u64);
    }
}

/// Fingerprints are their own hash.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("a fingerprint is written as a number");
    }

    fn write_u64(&mut self, fingerprint: u64) {
        self.0 = fingerprint;
    }
}

/// What is remembered of the states seen.
#[derive(Default)]
struct Seen {
    numbers: HashMap<u64, u32, BuildHasherDefault<Identity>>,
    fingerprints: Vec<u64>,
    before: Vec<u32>,
}

impl Seen {
    /// The number of a state, and whether it is new.
    fn number(&mut self, state: &State, before: u32) -> (u32, bool) {
        let fingerprint = Fingerprint::of(state);
        let next = u32::try_from(self.before.len()).expect("fewer states than that");
        match self.numbers.entry(fingerprint) {
            Entry::Occupied(known) => (*known.get(), false),
            Entry::Vacant(place) => {
                place.insert(next);
                self.fingerprints.push(fingerprint);
                self.before.push(before);
                (next, true)
            }
        }
    }

    fn way_to(&self, scenario: &Scenario, last: u32) -> Vec<(Step, State)> {
        let mut way = vec![last];
        while let Some(&number) = way.last().filter(|number| **number != 0) {
            way.push(self.before[number as usize]);
        }
        let mut state = scenario.beginning();
        let mut trace = Vec::new();
        for number in way.into_iter().rev().skip(1) {
            let wanted = self.fingerprints[number as usize];
            let step = scenario
                .successors(&state)
                .into_iter()
                .find(|(_, next)| Fingerprint::of(next) == wanted)
                .expect("it was found by a step from here");
            state = step.1;
            trace.push(step);
        }
        trace
    }
}

/// Walks through every state of `scenario`, up to the first that breaks a promise.
#[must_use]
pub fn search(scenario: &Scenario) -> Report {
    let mut seen = Seen::default();
    let mut steps = 0;
    let mut depth = 0;
    let mut settled = Vec::new();
    // Who goes to whom by a step that will come: no fault, and nothing that may never be.
    let mut certain: Vec<(u32, u32)> = Vec::new();
    let beginning = scenario.beginning();
    seen.number(&beginning, 0);
    settled.push(scenario.is_settled(&beginning));
    let mut layer = vec![(0, beginning)];
    while !layer.is_empty() {
        let mut next_layer = Vec::new();
        for (number, state) in layer {
            for (step, next) in scenario.successors(&state) {
                steps += 1;
                let (to, is_new) = seen.number(&next, number);
                if !step.is_fault {
                    certain.push((to, number));
                }
                if !is_new {
                    continue;
                }
                if let Some(broken) = next.broken {
                    let trace = seen.way_to(scenario, to);
                    return Report {
                        name: scenario.name,
                        states: seen.before.len(),
                        steps,
                        depth,
                        counterexample: Some(Counterexample { broken, trace }),
                    };
                }
                settled.push(scenario.is_settled(&next));
                next_layer.push((to, next));
            }
        }
        layer = next_layer;
        depth += 1;
    }
    let counterexample = first_stuck(settled, certain)
        .map(|number| Counterexample { broken: Broken::V4, trace: seen.way_to(scenario, number) });
    Report { name: scenario.name, states: seen.before.len(), steps, depth, counterexample }
}

/// The first state from which no way leads to a settled one, however long one waits.
fn first_stuck(mut reaches: Vec<bool>, mut edges: Vec<(u32, u32)>) -> Option<u32> {
    edges.sort_unstable();
    let mut open: Vec<u32> =
        (0u32..).zip(&reaches).filter(|(_, ends)| **ends).map(|(n, _)| n).collect();
    while let Some(number) = open.pop() {
        let first = edges.partition_point(|(to, _)| *to < number);
        for (_, from) in edges[first..].iter().take_while(|(to, _)| *to == number) {
            if !std::mem::replace(&mut reaches[*from as usize], true) {
                open.push(*from);
            }
        }
    }
    (0u32..).zip(reaches).find(|(_, ends)| !ends).map(|(number, _)| number)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { name, states, steps, depth, .. } = self;
        write!(f, "{name}: {states} states, {steps} steps, {depth} deep")?;
        match &self.counterexample {
            None => write!(f, ", no promise broken"),
            Some(counterexample) => write!(f, ", {counterexample}"),
        }
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?} is broken:", self.broken)?;
        for (number, (step, state)) in (1..).zip(&self.trace) {
            writeln!(f, "{number:>4}. {step:<70} | {state}")?;
        }
        Ok(())
    }
}
