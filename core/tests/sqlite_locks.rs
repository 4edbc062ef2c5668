//! Several clients of one process on one file: SQLite's locks belong to the process, and closing any other descriptor of
//! the file drops them all.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use evergrant::{Client, wait};
use serde_json::json;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;
use support::{Folder, consent, oauth2, sandbox};

/// The kernel's list of locks on a file (`proc_locks(5)`).
fn is_locked(file: &Path) -> bool {
    let inode = format!(":{} ", std::fs::metadata(file).unwrap().ino());
    std::fs::read_to_string("/proc/locks").unwrap().lines().any(|lock| lock.contains(&inode))
}

#[test]
fn another_client_on_the_file_leaves_the_locks_of_the_first_in_place() {
    let (folder, sandbox) = (Folder::new(), sandbox(Duration::from_secs(3600)));
    let open = || Client::open(oauth2(&sandbox, &folder.database(), &json!({}))).unwrap();
    let first = open();
    wait(consent(&first, &sandbox, "alice"));
    assert!(is_locked(&folder.file("tokens.db")));
    let _second = open();
    assert!(is_locked(&folder.file("tokens.db")));
}
