//! The spill folder: answers that the token store did not take (`refresh.md`, One refresh, step 6).
//!
//! Such an answer holds the only refresh token there is, so it is sealed, on the disk and under its last name before anything
//! else happens to it, and it is removed only when what it holds is durable elsewhere. A file is offered to its own store
//! alone: its envelope names the store by a fingerprint, and everything that says whose it is goes into the seal.

use crate::error::{Code, Error, Result};
use crate::process::{random_bytes, random_id, runtime, task_error};
use crate::secret::Secret;
use crate::store::{Codec, Commit, GrantKey, KeyRing};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use zeroize::Zeroizing;

/// The format of a file that this version writes.
const FORMAT: u32 = 1;

/// How long an answer is kept that no store took.
pub(crate) const KEPT: Duration = Duration::from_secs(7 * 86_400);

const KEY_LEN: usize = 32;
const SUFFIX: &str = ".spill";

/// The spill folder of one store.
#[derive(Clone)]
pub(crate) struct Spill {
    folder: Arc<Path>,
    store: Arc<str>,
    /// Seals with the client's keys, where it has some.
    codec: Option<Arc<Codec>>,
    /// Seals with the key of the state folder.
    own: Arc<Codec>,
}

/// An answer in the folder.
pub(crate) struct Spilled {
    pub(crate) file: SpillFile,
    pub(crate) key: GrantKey,
    pub(crate) commit: Commit,
}

/// A file of the folder.
#[derive(Clone, Debug)]
pub(crate) struct SpillFile(PathBuf);

/// What is in the folder of a store.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) folder: PathBuf,
    /// Of this store.
    pub(crate) answers: usize,
    /// Files that do not open, of whatever store.
    pub(crate) unreadable: usize,
}

/// What a file says in clear, and the sealed answer.
#[derive(Serialize, Deserialize)]
struct Envelope {
    format: u32,
    store: String,
    client: String,
    subject: String,
    slot: String,
    grant_id: String,
    generation: u64,
    sealed: String,
}

impl Spill {
    /// The folder `spill` in `state_dir`, made where it is missing, for the store that `identity` names. An error says in words
    /// why nothing can be kept there.
    pub(crate) fn open(
        state_dir: &Path,
        identity: &str,
        codec: Option<Arc<Codec>>,
    ) -> Result<Self> {
        let folder = state_dir.join("spill");
        let key = prepare(&folder)
            .and_then(|()| key_in(&state_dir.join("spill.key")))
            .map_err(|error| trouble(&folder, &error))?;
        let key = Zeroizing::new(STANDARD.encode(*key));
        let ring = KeyRing::from_texts(&[key.as_str().into()], None)?;
        let own = Arc::new(Codec::new(Some(Arc::new(ring))));
        let store = URL_SAFE_NO_PAD.encode(&Sha256::digest(identity)[..12]);
        Ok(Spill { folder: folder.into(), store: store.into(), codec, own })
    }

    /// Keeps an answer. It is on the disk when this returns.
    pub(crate) async fn keep(&self, key: &GrantKey, commit: &Commit) -> Result<SpillFile> {
        let text = self.seal(key, commit);
        let name = format!(
            "{}.{}.{}{SUFFIX}",
            self.name(key, &commit.grant_id),
            commit.generation,
            random_id()
        );
        let folder = Arc::clone(&self.folder);
        blocking(move || {
            write(&folder, &name, text.as_bytes())
                .map(|()| SpillFile(folder.join(name)))
                .map_err(|error| trouble(&folder, &error))
        })
        .await
    }

    /// The answers to one generation of one consent.
    pub(crate) async fn of(
        &self,
        key: &GrantKey,
        grant_id: &str,
        generation: u64,
    ) -> Result<Vec<Spilled>> {
        let prefix = format!("{}.{generation}.", self.name(key, grant_id));
        let spill = self.clone();
        blocking(move || {
            let files = spill.files()?.into_iter().filter(|file| file.name().starts_with(&prefix));
            Ok(files.filter_map(|file| spill.read(file).ok().flatten()).collect())
        })
        .await
    }

    /// The files of the folder.
    pub(crate) fn files(&self) -> Result<Vec<SpillFile>> {
        let entries =
            std::fs::read_dir(&self.folder).map_err(|error| trouble(&self.folder, &error))?;
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        Ok(paths.map(SpillFile).filter(|file| file.name().ends_with(SUFFIX)).collect())
    }

    /// How many answers wait for the store.
    pub(crate) async fn waiting(&self) -> Result<Waiting> {
        let spill = self.clone();
        blocking(move || {
            let mut waiting =
                Waiting { folder: spill.folder.to_path_buf(), answers: 0, unreadable: 0 };
            for file in spill.files()? {
                match spill.read(file) {
                    Ok(Some(_)) => waiting.answers += 1,
                    Ok(None) => {}
                    Err(_) => waiting.unreadable += 1,
                }
            }
            Ok(waiting)
        })
        .await
    }

    /// The answer in a file; none where it is another store's, or gone meanwhile.
    pub(crate) fn read(&self, file: SpillFile) -> Result<Option<Spilled>> {
        let text = match std::fs::read_to_string(&file.0) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(trouble(&file.0, &error)),
        };
        let envelope: Envelope = serde_json::from_str(&text).map_err(|_| {
            let text = format!("{} is no answer that was kept here", file.0.display());
            Error::new(Code::Decryption, text)
        })?;
        if envelope.store != *self.store {
            return Ok(None);
        }
        let commit = self.unseal(&envelope)?;
        let Envelope { client, subject, slot, .. } = envelope;
        Ok(Some(Spilled { file, key: GrantKey { client, subject, slot }, commit }))
    }

    /// Removes a file.
    pub(crate) async fn remove(&self, file: SpillFile) -> Result<()> {
        let folder = Arc::clone(&self.folder);
        blocking(move || match std::fs::remove_file(&file.0) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(trouble(&folder, &error)),
            _ => Ok(()),
        })
        .await
    }

    /// Tells nothing of whose answer it is.
    fn name(&self, key: &GrantKey, grant_id: &str) -> String {
        let whose = (&*self.store, &key.client, &key.subject, &key.slot, grant_id);
        let text = serde_json::to_vec(&whose).expect("texts are plain data");
        URL_SAFE_NO_PAD.encode(&Sha256::digest(text)[..12])
    }

    fn seal(&self, key: &GrantKey, commit: &Commit) -> String {
        let mut envelope = Envelope {
            format: FORMAT,
            store: self.store.to_string(),
            client: key.client.clone(),
            subject: key.subject.clone(),
            slot: key.slot.clone(),
            grant_id: commit.grant_id.clone(),
            generation: commit.generation,
            sealed: String::new(),
        };
        let text = Secret::from(serde_json::to_string(commit).expect("a commit is plain data"));
        let codec = self.codec.as_ref().unwrap_or(&self.own);
        let sealed = codec.seal_answer(&envelope.whose(), text.expose()).expect("it has keys");
        sealed.expose().clone_into(&mut envelope.sealed);
        serde_json::to_string(&envelope).expect("an envelope is plain data")
    }

    /// With the client's keys; with the folder's own what was sealed before there were such.
    fn unseal(&self, envelope: &Envelope) -> Result<Commit> {
        let open = |codec: &Codec| codec.open_answer(&envelope.whose(), &envelope.sealed);
        let answer = match self.codec.as_deref().map(open) {
            Some(Ok(answer)) => answer,
            Some(Err(error)) => open(&self.own).map_err(|_| error)?,
            None => open(&self.own)?,
        };
        serde_json::from_str(answer.expose()).map_err(|_| {
            Error::new(Code::Decryption, "an answer that no store took is of a newer version")
        })
    }
}

impl Envelope {
    /// What the seal binds: an answer moved to another grant or generation does not open.
    fn whose(&self) -> String {
        let Envelope { format, store, client, subject, slot, grant_id, generation, .. } = self;
        let whose = (format, store, client, subject, slot, grant_id, generation);
        serde_json::to_string(&whose).expect("texts and numbers are plain data")
    }
}

impl fmt::Display for SpillFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

impl SpillFile {
    fn name(&self) -> String {
        self.0.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Since when it is there.
    pub(crate) fn age(&self) -> Duration {
        let written = std::fs::metadata(&self.0).and_then(|metadata| metadata.modified());
        written
            .ok()
            .and_then(|written| SystemTime::now().duration_since(written).ok())
            .unwrap_or_default()
    }
}

fn prepare(folder: &Path) -> std::io::Result<()> {
    make_private_folder(folder)?;
    check_owner(folder)?;
    // Whether it can be written shows best by doing it, before anything is spent.
    let probe = folder.join(format!("{}.probe", random_id()));
    create(&probe)?;
    std::fs::remove_file(probe)
}

/// Makes a folder, and those above it, for this user alone.
pub(crate) fn make_private_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

/// Whoever owns the folder can take files out of it and put others in.
#[cfg(unix)]
fn check_owner(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(folder)?;
    let what = if metadata.uid() != rustix::process::geteuid().as_raw() {
        "it belongs to another user"
    } else if metadata.mode() & 0o022 != 0 {
        "others may write to it; expected mode 0700"
    } else {
        return Ok(());
    };
    Err(std::io::Error::new(ErrorKind::PermissionDenied, what))
}

#[cfg(not(unix))]
fn check_owner(_folder: &Path) -> std::io::Result<()> {
    Ok(())
}

/// The key of this user's spills, made where there is none.
fn key_in(path: &Path) -> std::io::Result<Zeroizing<[u8; KEY_LEN]>> {
    match read_key(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        key => return key,
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let key = Zeroizing::new(random_bytes::<KEY_LEN>());
    let new = folder.join(format!("spill.{}.new", random_id()));
    let mut file = create(&new)?;
    file.write_all(&*key)?;
    file.sync_all()?;
    // Unlike a rename, a link does not take the place of a key that another process made meanwhile.
    let linked = std::fs::hard_link(&new, path);
    std::fs::remove_file(&new)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => sync_folder(folder)?,
    }
    read_key(path)
}

fn read_key(path: &Path) -> std::io::Result<Zeroizing<[u8; KEY_LEN]>> {
    let mut file = File::open(path)?;
    let mut key = Zeroizing::new([0; KEY_LEN]);
    file.read_exact(&mut *key)?;
    Ok(key)
}

fn write(folder: &Path, name: &str, text: &[u8]) -> std::io::Result<()> {
    let new = folder.join(format!("{name}.new"));
    let mut file = create(&new)?;
    file.write_all(text)?;
    file.sync_all()?;
    std::fs::rename(&new, folder.join(name))?;
    sync_folder(folder)
}

fn create(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A new name is durable when its folder is.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

fn trouble(path: &Path, error: &std::io::Error) -> Error {
    let text = format!("the spill folder {} cannot be used: {error}", path.display());
    Error::new(Code::Store, text).with_reason("spill")
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    runtime().spawn_blocking(work).await.map_err(task_error)?
}
