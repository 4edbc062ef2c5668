//! A folder in which files are replaced whole: whoever reads sees what was written before or after, never in between, and
//! only what would be there after a power cut too.
//!
//! A writer holds the lock of the file's name (`flock`, one of 256 lock files that are never removed), writes and flushes a
//! file beside, renames it and flushes the folder. Between the last two the lock file says so by one byte. A writer killed
//! there leaves the byte behind: the next who comes flushes in its place. The kernel drops the lock of whoever ends. A fork
//! waits until locks are given back, or a child would go on holding one.

use crate::error::{Code, Error, Result};
use crate::process::Passage;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Tells a token store from any other folder.
const MARKER: &str = "evergrant-store.json";

/// What a marker says of itself.
const KIND: &str = "evergrant file store";

/// The format that this version writes, and the oldest that a reader must know to use it.
pub(super) const FORMAT: u32 = 1;
pub(super) const MIN_READER: u32 = 1;

/// What the folder of a whole disk may have in it from the start.
const HARMLESS: &str = "lost+found";

const TEMPORARY: &str = "temporary";
const LOCKS: &str = "locks";

/// How long a write waits for another's.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest pause between two looks at a lock.
const LONGEST_PAUSE: Duration = Duration::from_millis(5);

/// What a file is about; each has a folder of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Grants,
    Pending,
}

impl Kind {
    const ALL: [Kind; 2] = [Kind::Grants, Kind::Pending];

    fn folder(self) -> &'static str {
        match self {
            Kind::Grants => "grants",
            Kind::Pending => "pending",
        }
    }
}

/// Where a file stands. A name ends with two hexadecimal digits, which choose the lock, and is of one kind only.
#[derive(Clone, Debug)]
pub(super) struct Place {
    kind: Kind,
    name: String,
}

impl Place {
    pub(super) fn new(kind: Kind, name: String) -> Self {
        Place { kind, name }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn lock(&self) -> &str {
        &self.name[self.name.len() - 2..]
    }
}

/// What has to be on the disk when a write returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flush {
    /// What was written.
    All,
    /// It or what stood before.
    Either,
}

/// A folder of files that are replaced whole.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Marker {
    kind: String,
    format: u32,
    min_reader: u32,
}

impl Folder {
    /// Opens the folder; makes it where there is none.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let folder = Folder { path: path.to_owned() };
        make_private_folder(path).map_err(|error| folder.failed(&error))?;
        if !folder.has_marker()? {
            folder.refuse_if_foreign()?;
            folder.write_marker()?;
        }
        refuse_read_only(path).map_err(|error| folder.failed(&error))?;
        for name in Kind::ALL.map(Kind::folder).into_iter().chain([TEMPORARY, LOCKS]) {
            let path = folder.path.join(name);
            make_private_folder(&path).map_err(|error| folder.failed(&error))?;
            refuse_read_only(&path).map_err(|error| folder.failed(&error))?;
        }
        folder.remove_leftovers()?;
        Ok(folder)
    }

    /// The names of those files of a kind that `is_wanted` wants, in their order.
    pub(super) fn names(
        &self,
        kind: Kind,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<String>> {
        let entries =
            fs::read_dir(self.path.join(kind.folder())).map_err(|e| self.unreadable(&e))?;
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| self.unreadable(&error))?.file_name();
            // What somebody else put there has no name of ours.
            names.extend(name.into_string().ok().filter(|name| is_name(name) && is_wanted(name)));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// What stands in a file and on the disk, if there is one.
    pub(super) fn read(&self, place: &Place) -> Result<Option<Vec<u8>>> {
        let bytes = self.read_now(place)?;
        // The file first: what was renamed before it was read and is not flushed is told by the byte.
        if self.is_unflushed(place)? {
            return self.locked(place, |_| self.read_now(place));
        }
        Ok(bytes)
    }

    /// Runs `f` while no other thread or process writes the file.
    pub(super) fn locked<T>(
        &self,
        place: &Place,
        f: impl FnOnce(&Locked<'_>) -> Result<T>,
    ) -> Result<T> {
        let deadline = Instant::now() + LOCK_TIMEOUT;
        let mut pause = Duration::from_micros(50);
        loop {
            // Entered for each look, so that a fork does not wait as long as the lock does.
            let passage = Passage::enter();
            if let Some(locked) = self.try_lock(place)? {
                return f(&locked);
            }
            drop(passage);
            if Instant::now() >= deadline {
                let text = format!("is locked for more than {} s", LOCK_TIMEOUT.as_secs());
                return Err(self.trouble("locked", &text));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// What is wrong with a file, in words that name it.
    pub(super) fn trouble_with(&self, place: &Place, reason: &str, what: &str) -> Error {
        let file = self.path_of(place);
        let text = format!("file {} of the token store {what}", file.display());
        Error::new(Code::Store, text).with_reason(reason)
    }

    fn path_of(&self, place: &Place) -> PathBuf {
        self.path.join(place.kind.folder()).join(&place.name)
    }

    fn lock_path(&self, place: &Place) -> PathBuf {
        self.path.join(LOCKS).join(place.lock())
    }

    fn has_marker(&self) -> Result<bool> {
        let bytes = match fs::read(self.path.join(MARKER)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(self.unreadable(&error)),
        };
        match serde_json::from_slice::<Marker>(&bytes) {
            Ok(marker) if marker.kind == KIND && marker.min_reader > FORMAT => Err(self.trouble(
                "newer_schema",
                &format!(
                    "has format {}, which needs a reader of format {}; this version reads format {FORMAT}",
                    marker.format, marker.min_reader
                ),
            )),
            Ok(marker) if marker.kind == KIND => Ok(true),
            _ => Err(self.trouble("foreign", &format!("has a {MARKER} of something else"))),
        }
    }

    fn refuse_if_foreign(&self) -> Result<()> {
        for entry in fs::read_dir(&self.path).map_err(|error| self.unreadable(&error))? {
            let name = entry.map_err(|error| self.unreadable(&error))?.file_name();
            // Another process may be making the store at this moment.
            let is_ours = name.to_str().is_some_and(|name| name.starts_with(MARKER));
            if !is_ours && name != HARMLESS {
                return Err(self.trouble(
                    "foreign",
                    "has other files in it; expected a token store, an empty folder or none",
                ));
            }
        }
        Ok(())
    }

    fn write_marker(&self) -> Result<()> {
        let marker = Marker { kind: KIND.to_owned(), format: FORMAT, min_reader: MIN_READER };
        let text = serde_json::to_vec(&marker).expect("a marker is plain data");
        let temporary = self.path.join(format!("{MARKER}.{}", crate::process::random_id()));
        let written = write_new(&temporary, &text)
            .and_then(|()| fs::rename(&temporary, self.path.join(MARKER)))
            .and_then(|()| flush_folder(&self.path));
        written.map_err(|error| {
            let _ = fs::remove_file(&temporary);
            self.failed(&error)
        })
    }

    /// Removes what writers left that were killed.
    fn remove_leftovers(&self) -> Result<()> {
        let temporary = self.path.join(TEMPORARY);
        for entry in fs::read_dir(&temporary).map_err(|error| self.unreadable(&error))? {
            let name = entry.map_err(|error| self.unreadable(&error))?.file_name();
            let Some(name) = name.into_string().ok().filter(|name| is_name(name)) else { continue };
            let place = Place::new(Kind::Grants, name);
            let _passage = Passage::enter();
            // Whoever has the lock is about to rename it.
            if let Some(locked) = self.try_lock(&place)? {
                let _ = fs::remove_file(locked.temporary());
            }
        }
        Ok(())
    }

    /// What stands in a file, if there is one.
    pub(super) fn read_now(&self, place: &Place) -> Result<Option<Vec<u8>>> {
        match fs::read(self.path_of(place)) {
            Ok(bytes) => Ok(Some(bytes)),
            // An empty mount point is no empty store.
            Err(error) if error.kind() == ErrorKind::NotFound && self.has_marker()? => Ok(None),
            Err(error) => Err(self.unreadable(&error)),
        }
    }

    fn is_unflushed(&self, place: &Place) -> Result<bool> {
        match File::open(self.lock_path(place)) {
            Ok(mut lock) => is_marked(&mut lock).map_err(|error| self.unreadable(&error)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.unreadable(&error)),
        }
    }

    fn try_lock(&self, place: &Place) -> Result<Option<Locked<'_>>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        private(&mut options);
        let lock = options.open(self.lock_path(place)).map_err(|error| self.failed(&error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(self.failed(&error)),
        }
        let mut locked = Locked { folder: self, place: place.clone(), lock };
        if is_marked(&mut locked.lock).map_err(|error| self.unreadable(&error))? {
            locked.flush_folders().map_err(|error| self.failed(&error))?;
        }
        Ok(Some(locked))
    }

    fn unreadable(&self, error: &std::io::Error) -> Error {
        self.trouble("unreadable", &format!("cannot be read: {error}"))
    }

    fn failed(&self, error: &std::io::Error) -> Error {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                self.trouble("full", &format!("cannot grow: {error}"))
            }
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => self.trouble(
                "read_only",
                &format!("cannot be written to: {error}; expected a folder of this user"),
            ),
            ErrorKind::NotFound | ErrorKind::NotADirectory => {
                self.trouble("unreadable", &format!("is not there: {error}"))
            }
            _ => self.trouble("failed", &format!("failed: {error}")),
        }
    }

    fn trouble(&self, reason: &str, what: &str) -> Error {
        let text = format!("token store {} {what}", self.path.display());
        Error::new(Code::Store, text).with_reason(reason)
    }
}

/// The right to write one file.
#[derive(Debug)]
pub(super) struct Locked<'a> {
    folder: &'a Folder,
    place: Place,
    lock: File,
}

impl Locked<'_> {
    pub(super) fn read(&self) -> Result<Option<Vec<u8>>> {
        self.folder.read_now(&self.place)
    }

    /// Replaces the file by `bytes`.
    pub(super) fn write(&self, bytes: &[u8], flush: Flush) -> Result<()> {
        let (file, temporary) = (self.folder.path_of(&self.place), self.temporary());
        let replaced = remove_if_there(&temporary)
            .and_then(|()| write_new(&temporary, bytes))
            .and_then(|()| match flush {
                Flush::All => self.flushed(|| fs::rename(&temporary, &file)),
                Flush::Either => fs::rename(&temporary, &file),
            });
        replaced.map_err(|error| {
            let _ = fs::remove_file(&temporary);
            self.folder.failed(&error)
        })
    }

    pub(super) fn remove(&self) -> Result<()> {
        let file = self.folder.path_of(&self.place);
        self.flushed(|| remove_if_there(&file)).map_err(|error| self.folder.failed(&error))
    }

    #[cfg(test)]
    pub(super) fn copy(&self) -> File {
        self.lock.try_clone().unwrap()
    }

    /// Only who has the lock uses this name.
    fn temporary(&self) -> PathBuf {
        self.folder.path.join(TEMPORARY).join(&self.place.name)
    }

    /// Changes the folder by `change` and has that on the disk.
    fn flushed(&self, change: impl FnOnce() -> std::io::Result<()>) -> std::io::Result<()> {
        mark(&self.lock, 1)?;
        if let Err(error) = change() {
            mark(&self.lock, 0)?; // nothing to flush
            return Err(error);
        }
        flush_folder(&self.folder.path.join(self.place.kind.folder()))?;
        mark(&self.lock, 0)
    }

    /// Flushes what a writer that was killed had renamed.
    fn flush_folders(&self) -> std::io::Result<()> {
        for kind in Kind::ALL {
            flush_folder(&self.folder.path.join(kind.folder()))?;
        }
        mark(&self.lock, 0)
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // Closing would do, but for a descriptor that a `vfork` has copied.
        let _ = self.lock.unlock();
    }
}

/// Whether something was renamed and not flushed.
fn is_marked(lock: &mut File) -> std::io::Result<bool> {
    let mut byte = [0];
    lock.seek(SeekFrom::Start(0))?;
    Ok(lock.read(&mut byte)? == 1 && byte != [0])
}

fn mark(mut lock: &File, byte: u8) -> std::io::Result<()> {
    lock.seek(SeekFrom::Start(0))?;
    lock.write_all(&[byte])
}

/// Whether a file can be one of ours.
fn is_name(name: &str) -> bool {
    name.len() > 2 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
}

fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Writes a file that is not there yet, and has it on the disk.
fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    private(&mut options);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn private(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    #[cfg(not(unix))]
    let _ = options;
}

fn make_private_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Ok(()) => path.parent().map_or(Ok(()), flush_folder),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Err(std::io::Error::from(ErrorKind::NotADirectory))
        }
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn refuse_read_only(path: &Path) -> std::io::Result<()> {
    use rustix::fs::{Access, AtFlags, CWD, accessat};
    let wanted = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
    Ok(accessat(CWD, path, wanted, AtFlags::EACCESS)?)
}

#[cfg(not(unix))]
fn refuse_read_only(_path: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn flush_folder(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}

/// Elsewhere a rename is flushed with the file system's journal.
#[cfg(not(unix))]
fn flush_folder(_path: &Path) -> std::io::Result<()> {
    Ok(())
}
