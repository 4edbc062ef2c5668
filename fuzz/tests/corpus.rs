//! The known answers, and whatever once broke a promise, through the targets.

#![allow(clippy::unwrap_used, reason = "a test")]

use evergrant_fuzz::TARGETS;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn every_target_holds_on_its_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let folders: BTreeSet<_> = files(&corpus).into_iter().collect();
    assert_eq!(folders, TARGETS.iter().map(|(name, _)| corpus.join(name)).collect());
    for (name, target) in TARGETS {
        let seeds = files(&corpus.join(name));
        assert!(!seeds.is_empty(), "{name}");
        for seed in seeds {
            eprintln!("{}", seed.display()); // shown by a test that fails
            target(&fs::read(seed).unwrap());
        }
    }
}

#[test]
fn every_entry_of_the_catalogue_holds() {
    let (_, holds) = TARGETS.into_iter().find(|(name, _)| *name == "provider_entry").unwrap();
    let catalogue = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/src/provider/catalogue");
    let entries = files(&catalogue);
    assert!(entries.len() > 140);
    for entry in entries {
        holds(&fs::read(entry).unwrap());
    }
}
