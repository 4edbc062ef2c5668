use super::*;
use crate::process::wait;
use crate::store::contract::Contract;
use crate::store::record_for_tests::{key, record};
use crate::store::row::Wanted;
use crate::store::{Record, Store, list};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A place for a folder, which ends with its test.
struct Temporary {
    path: PathBuf,
    _inside: TempDir,
}

impl Temporary {
    fn new() -> Self {
        let inside = tempfile::tempdir().unwrap();
        Temporary { path: inside.path().join("store"), _inside: inside }
    }

    fn with_a_record() -> (Self, Contract<FileRows>) {
        let folder = Temporary::new();
        let store = folder.store();
        assert!(wait(store.compare_and_set(&key(), None, &record())).unwrap());
        (folder, store)
    }

    fn store(&self) -> Contract<FileRows> {
        Contract::new(FileRows::open(&self.path).unwrap(), Arc::default())
    }

    fn refused(&self) -> Option<String> {
        FileRows::open(&self.path).err().unwrap().reason().map(str::to_owned)
    }

    fn grant(&self) -> PathBuf {
        self.path.join("grants").join(name::of_grant(&key()))
    }

    fn lock(&self) -> PathBuf {
        let name = name::of_grant(&key());
        self.path.join("locks").join(&name[name.len() - 2..])
    }

    /// All that stands in it, but for locks.
    fn contents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut contents = BTreeMap::new();
        let mut folders = vec![self.path.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.ends_with("locks") {
                } else if path.is_dir() {
                    folders.push(path);
                } else {
                    contents.insert(path.clone(), fs::read(path).unwrap());
                }
            }
        }
        contents
    }
}

fn loaded(store: &dyn Store, key: &GrantKey) -> std::result::Result<Option<Record>, String> {
    wait(store.load(key)).map_err(|error| error.reason().unwrap_or("none").to_owned())
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn folders_and_files_are_private() {
    let (folder, store) = Temporary::with_a_record();
    wait(store.put_pending("state", "document", 0, 1_000)).unwrap();
    for path in ["", "grants", "pending", "locks", "temporary"] {
        assert_eq!(mode(&folder.path.join(path)), 0o700, "{path}");
    }
    assert_eq!(mode(&folder.lock()), 0o600);
    for path in folder.contents().keys() {
        assert_eq!(mode(path), 0o600, "{}", path.display());
    }
}

#[test]
fn names_may_have_any_length_and_any_characters() {
    let folder = Temporary::new();
    let store = folder.store();
    let long = "ü".repeat(100_000);
    let names = ["", ".", "../../etc/passwd", "a/b", "a\0b", "line\nline", "NUL", &long];
    let keys: Vec<GrantKey> = names
        .iter()
        .flat_map(|name| {
            let key = |subject: &str, slot: &str| GrantKey {
                client: "test:app".into(),
                subject: subject.into(),
                slot: slot.into(),
            };
            [key(name, "x"), key("x", name)]
        })
        .collect();
    let of = |key: &GrantKey| {
        Record::new(key, "g1".into(), crate::store::record_for_tests::tokens("a", None), 0)
    };
    for key in &keys {
        assert!(wait(store.compare_and_set(key, None, &of(key))).unwrap());
    }
    for key in &keys {
        assert_eq!(loaded(&store, key).unwrap(), Some(of(key)));
    }
    assert_eq!(wait(list(&store, "test:app")).unwrap().len(), keys.len());
}

#[test]
fn what_a_newer_version_added_survives_a_rewrite() {
    let (folder, store) = Temporary::with_a_record();
    let text = fs::read_to_string(folder.grant()).unwrap();
    let newer = text.replacen(r#"{"format":1,"#, r#"{"of_the_future":[1],"format":9,"#, 1);
    assert_ne!(newer, text);
    fs::write(folder.grant(), newer).unwrap();
    let mut next = record();
    next.revision = 2;
    assert!(wait(store.compare_and_set(&key(), Some(1), &next)).unwrap());
    let text = fs::read_to_string(folder.grant()).unwrap();
    let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!((&line["of_the_future"][0], &line["format"]), (&1.into(), &9.into()));
    assert_eq!(loaded(&store, &key()).unwrap(), Some(next));
}

#[test]
fn what_needs_a_newer_reader_is_refused_and_left_as_it_was() {
    let (folder, store) = Temporary::with_a_record();
    let newer = |path: &Path| {
        let text = fs::read_to_string(path).unwrap();
        fs::write(path, text.replacen(r#""min_reader":1"#, r#""min_reader":9"#, 1)).unwrap();
    };
    newer(&folder.grant());
    let before = folder.contents();
    assert_eq!(loaded(&store, &key()), Err("newer_schema".to_owned()));
    assert!(wait(store.compare_and_set(&key(), Some(1), &record())).is_err());
    assert!(wait(store.compare_and_set(&key(), None, &record())).is_err());
    assert_eq!(folder.contents(), before);
    newer(&folder.path.join("evergrant-store.json"));
    let before = folder.contents();
    assert_eq!(folder.refused().as_deref(), Some("newer_schema"));
    assert_eq!(folder.contents(), before);
}

#[test]
fn a_damaged_file_is_an_error_that_says_so_and_is_left_as_it_was() {
    let (folder, store) = Temporary::with_a_record();
    let whole = fs::read(folder.grant()).unwrap();
    let other = GrantKey { subject: "bob".into(), ..key() };
    let of_bob = Record::new(&other, "g2".into(), record_tokens(), 0);
    assert!(wait(store.compare_and_set(&other, None, &of_bob)).unwrap());
    let bobs = fs::read(folder.path.join("grants").join(name::of_grant(&other))).unwrap();
    let cut = whole.len() - 1;
    let damaged: [&[u8]; 6] = [b"", b"{", &whole[..20], &whole[..cut], &[0; 4096], &bobs];
    for bytes in damaged {
        fs::write(folder.grant(), bytes).unwrap();
        assert_eq!(loaded(&store, &key()), Err("corrupt".to_owned()));
        assert!(wait(store.compare_and_set(&key(), Some(1), &record())).is_err());
        assert!(wait(store.compare_and_set(&key(), None, &record())).is_err());
        assert_eq!(fs::read(folder.grant()).unwrap(), bytes);
        assert_eq!(loaded(&store, &other).unwrap().as_ref(), Some(&of_bob));
    }
}

fn record_tokens() -> crate::store::Tokens {
    crate::store::record_for_tests::tokens("a1", Some("r1"))
}

#[test]
fn a_folder_that_is_something_else_is_refused_and_left_as_it_was() {
    let foreign: [(&str, &str); 3] =
        [("diary.txt", "Dear diary"), ("evergrant-store.json", "{}"), (".git", "gitdir: x")];
    for (name, text) in foreign {
        let folder = Temporary::new();
        fs::create_dir(&folder.path).unwrap();
        fs::write(folder.path.join(name), text).unwrap();
        assert_eq!(folder.refused().as_deref(), Some("foreign"), "{name}");
        assert_eq!(folder.contents().len(), 1);
        assert_eq!(fs::read_dir(&folder.path).unwrap().count(), 1);
        assert_eq!(fs::read_to_string(folder.path.join(name)).unwrap(), text);
    }
    let folder = Temporary::new();
    fs::write(&folder.path, "a file").unwrap();
    assert_eq!(folder.refused().as_deref(), Some("unreadable"));
    fs::remove_file(&folder.path).unwrap();
}

#[test]
fn a_disk_that_is_not_mounted_is_down_and_not_empty() {
    let (folder, store) = Temporary::with_a_record();
    let elsewhere = Temporary::new();
    fs::rename(&folder.path, &elsewhere.path).unwrap();
    fs::create_dir(&folder.path).unwrap();
    assert_eq!(loaded(&store, &key()), Err("unreadable".to_owned()));
    assert!(wait(store.compare_and_set(&key(), None, &record())).is_err());
    assert!(wait(list(&store, "test:app")).is_err());
    fs::remove_dir(&folder.path).unwrap();
    fs::rename(&elsewhere.path, &folder.path).unwrap();
    assert_eq!(loaded(&store, &key()).unwrap(), Some(record()));
}

#[test]
fn what_a_killed_writer_left_is_removed() {
    let (folder, store) = Temporary::with_a_record();
    let leftover = folder.path.join("temporary").join(name::of_grant(&key()));
    fs::write(&leftover, "half a rec").unwrap();
    let mut next = record();
    next.revision = 2;
    assert!(wait(store.compare_and_set(&key(), Some(1), &next)).unwrap());
    assert_eq!(loaded(&store, &key()).unwrap(), Some(next));
    assert!(!leftover.exists());
    fs::write(&leftover, "half a rec").unwrap();
    folder.store();
    assert!(!leftover.exists());
}

#[test]
fn what_was_renamed_and_not_flushed_is_flushed_before_it_is_read() {
    let (folder, store) = Temporary::with_a_record();
    assert_eq!(fs::read(folder.lock()).unwrap(), [0]);
    fs::write(folder.lock(), [1]).unwrap();
    assert_eq!(loaded(&store, &key()).unwrap(), Some(record()));
    assert_eq!(fs::read(folder.lock()).unwrap(), [0]);
}

#[test]
fn a_lock_is_given_back_though_a_descriptor_of_it_was_copied() {
    let (folder, store) = Temporary::with_a_record();
    let opened = Folder::open(&folder.path).unwrap();
    let copy = opened.locked(&place_of(&key()), |locked| Ok(locked.copy())).unwrap();
    let begun = Instant::now();
    assert!(wait(store.compare_and_set(&key(), Some(1), &record())).unwrap());
    assert!(begun.elapsed() < Duration::from_secs(4));
    drop(copy);
}

#[test]
fn a_lock_that_is_not_given_back_is_an_error_that_says_so() {
    let (folder, store) = Temporary::with_a_record();
    let lock = fs::File::open(folder.lock()).unwrap();
    lock.lock().unwrap();
    let written = wait(store.compare_and_set(&key(), Some(1), &record()));
    assert_eq!(written.unwrap_err().reason(), Some("locked"));
    assert_eq!(loaded(&store, &key()).unwrap(), Some(record()));
}

#[test]
fn expired_transactions_are_removed() {
    let folder = Temporary::new();
    let store = folder.store();
    wait(store.put_pending("first", "document", 0, 1_000)).unwrap();
    wait(store.put_pending("second", "document", 0, 200_000)).unwrap();
    let pending = || fs::read_dir(folder.path.join("pending")).unwrap().count();
    assert_eq!(pending(), 2);
    wait(store.put_pending("third", "document", 100_000, 200_000)).unwrap();
    assert_eq!(pending(), 2);
    let taken = wait(store.take_pending("second", 100_000)).unwrap();
    assert!(matches!(taken, Pending::Taken(_)));
}

#[test]
fn many_grants_are_paged_and_only_those_due_are_given() {
    let folder = Temporary::new();
    let store = folder.store();
    for number in 0..2_000 {
        let client = if number % 10 == 0 { "test:other" } else { "test:app" };
        let key = GrantKey {
            client: client.into(),
            subject: format!("user {number}"),
            slot: String::new(),
        };
        let mut tokens = record_tokens();
        tokens.access[0].expires_at = Some(number);
        let record = Record::new(&key, "g1".into(), tokens, 0);
        let row = Row::new(&record, serde_json::to_string(&record).unwrap().into());
        // Without the flushes, which are not what this is about.
        fs::write(
            folder.path.join("grants").join(name::of_grant(&key)),
            Document::new(&key, &row).bytes(),
        )
        .unwrap();
    }
    let count = |client: Option<&str>, wanted| {
        let client = client.map(str::to_owned);
        let mut query = Query { client, wanted, after: None, limit: 300 };
        let mut keys = Vec::new();
        loop {
            let page = wait(store.page(&query)).unwrap();
            let ended = page.len() < query.limit;
            query.after = page.last().map(|listed| listed.key.clone());
            keys.extend(page.into_iter().map(|listed| listed.key));
            if ended {
                break;
            }
        }
        let found = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), found);
        found
    };
    assert_eq!(count(None, Wanted::Grants), 2_000);
    assert_eq!(count(Some("test:other"), Wanted::Grants), 200);
    assert_eq!(count(Some("test:app"), Wanted::Grants), 1_800);
    assert_eq!(count(None, Wanted::Due { expires_by: 99, keepalive_by: 0 }), 100);
    assert_eq!(count(None, Wanted::Tombstones { before: 1 }), 0);
}

const FOLDER: &str = "EVERGRANT_TEST_FOLDER";

/// Another process that runs one of the tests below on the folder.
fn other_process(test: &str, folder: &Temporary) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", &format!("store::file::tests::{test}")])
        .env(FOLDER, &folder.path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn folder_of_the_other() -> PathBuf {
    std::env::var_os(FOLDER).expect("another test starts this one").into()
}

/// Writes the next revision over the one that stands, with a text whose length changes.
fn write_next(store: &dyn Store) -> bool {
    let record = wait(store.load(&key())).unwrap().unwrap();
    let mut next = record.clone();
    next.revision += 1;
    let length = 4096 * usize::try_from(next.revision % 5).unwrap();
    next.unknown.insert("padding".into(), "x".repeat(length).into());
    next.unknown.insert("check".into(), next.revision.into());
    wait(store.compare_and_set(&key(), Some(record.revision), &next)).unwrap()
}

#[test]
#[ignore = "another test runs it in a process of its own"]
fn writes_without_end() {
    let store = Contract::new(FileRows::open(&folder_of_the_other()).unwrap(), Arc::default());
    loop {
        write_next(&store);
    }
}

#[test]
fn a_killed_writer_leaves_the_old_record_or_the_new_one() {
    let (folder, store) = Temporary::with_a_record();
    assert!(write_next(&store));
    let mut newest = 0;
    for round in 0..60 {
        let mut writer = other_process("writes_without_end", &folder);
        let begun = Instant::now();
        let lifetime = Duration::from_millis(20 + round * 7 % 60);
        while begun.elapsed() < lifetime {
            newest = whole_and_not_older(&store, newest);
        }
        writer.kill().unwrap();
        writer.wait().unwrap();
        newest = whole_and_not_older(&store, newest);
        assert!(write_next(&store), "round {round}"); // the lock of the dead is nobody's
    }
    assert!(newest > 100, "{newest} writes are too few to be killed in");
    let leftovers = || fs::read_dir(folder.path.join("temporary")).unwrap().count();
    assert!(leftovers() <= 1);
    folder.store();
    assert_eq!(leftovers(), 0);
}

fn whole_and_not_older(store: &dyn Store, newest: u64) -> u64 {
    let record = wait(store.load(&key())).unwrap().expect("it is never gone");
    assert_eq!(record.unknown["check"], record.revision);
    assert!(record.revision >= newest);
    record.revision
}

#[test]
#[ignore = "another test runs it in a process of its own"]
fn writes_fifty_times() {
    let store = Contract::new(FileRows::open(&folder_of_the_other()).unwrap(), Arc::default());
    let mut written = 0;
    while written < 50 {
        written += u32::from(write_next(&store));
    }
}

#[test]
fn of_eight_processes_each_write_counts_once() {
    let (folder, store) = Temporary::with_a_record();
    let writers: Vec<Child> =
        (0..8).map(|_| other_process("writes_fifty_times", &folder)).collect();
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    assert_eq!(loaded(&store, &key()).unwrap().unwrap().revision, 1 + 8 * 50);
}
