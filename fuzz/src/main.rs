//! The targets under libFuzzer, which finds inputs by the branches that they reach: `scripts/fuzz`. The environment names the
//! target, so that one program has them all.

#![no_main]

use evergrant_fuzz::{TARGETS, Target};
use libfuzzer_sys::fuzz_target;
use std::env;
use std::sync::LazyLock;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let wanted = env::var("EVERGRANT_FUZZ_TARGET").expect("EVERGRANT_FUZZ_TARGET names a target");
    let found = TARGETS.into_iter().find(|(name, _)| *name == wanted);
    found.unwrap_or_else(|| panic!("no target {wanted:?}")).1
});

fuzz_target!(|input: &[u8]| TARGET(input));
