//! One behaviour in five languages: cases as data, one runner, a testee for each language.
//!
//! A case (`cases/NAME.toml`) says what is done and everything that has to follow from it: results, errors, requests
//! at the provider, calls of the application's store. The runner gives each case a sandbox provider and a process of
//! its own, and searches whatever the testee says for secrets. `README.md` documents the case format.

mod canary;
mod case;
mod config;
mod differential;
mod files;
mod matcher;
mod provider;
mod runner;
mod template;
mod testee;
mod transcript;
mod vocabulary;

pub use case::{Case, CaseError, SCHEMA, read_all};
pub use differential::{Comparison, compare};
pub use runner::{Failure, Report, run};
pub use testee::{Testee, TesteeCommand, Testees};
pub use transcript::{Difference, differences};

use std::path::PathBuf;
use std::sync::Mutex;

/// This crate's own folder, with `cases/` and `testees.toml`.
#[must_use]
pub fn home() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Does `work` on every item, on `jobs` threads, and gives the results in the order of the items.
pub fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    jobs: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let next = Mutex::new(items.iter().enumerate());
    let done = Mutex::new(Vec::with_capacity(items.len()));
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let Some((index, item)) = next.lock().expect("no holder panics").next() else {
                        return;
                    };
                    let result = work(item);
                    done.lock().expect("no holder panics").push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no holder panics");
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
