//! What becomes of an answer (`refresh.md`, One refresh, steps 5 and 6): it is committed, kept in memory and in the spill folder
//! until it is, or, when its grant is gone, revoked at the provider. It is never dropped: it holds the only refresh token
//! there is.

use super::Refresher;
use super::revocation::revoke_tokens;
use super::spill::{self, Spill, SpillFile, Spilled};
use crate::clock::boottime;
use crate::error::{Code, Error, Result};
use crate::event::Kind;
use crate::process::runtime;
use crate::store::{Commit, Committed, GrantKey, Merged, Record, Tokens};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long the first attempt to commit may take before the answer is kept elsewhere too.
const FIRST_COMMIT: Duration = Duration::from_secs(2);
/// How long each later one may take.
const LATER_COMMIT: Duration = Duration::from_secs(10);
/// Pause between attempts to commit an answer that is kept in memory.
const COMMIT_AGAIN: Duration = Duration::from_millis(500);
/// How long an answer stays in the spill after a commit that its store may still lose.
const KEPT_BESIDE: Duration = Duration::from_secs(5);
/// Pauses before attempts to revoke an answer whose grant is gone.
const REVOKE_AGAIN: [Duration; 3] =
    [Duration::ZERO, Duration::from_secs(1), Duration::from_secs(5)];

/// An answer that could not be committed yet.
#[derive(Clone)]
pub(super) struct Uncommitted {
    commit: Commit,
    spilled: Option<SpillFile>,
}

impl Refresher {
    /// Step 5: committed first, before anything of it is judged or seen. An answer that the store does not take stays in memory,
    /// usable, and is offered again and again; `before` is what it renews.
    pub(super) async fn commit(
        self: &Arc<Self>,
        key: &GrantKey,
        commit: Commit,
        before: &Record,
    ) -> Result<Arc<Record>> {
        let store = &self.context.store;
        // Where only a waiting caller reaches the store, it may never come to a commit.
        let spilled = if store.needs_a_waiting_caller() || !store.is_durable_at_once() {
            self.spill(key, &commit).await
        } else {
            None
        };
        match self.commit_within(FIRST_COMMIT, key, &commit).await {
            Ok(committed) => {
                self.remove_spilled(key, spilled).await;
                self.committed(key, &commit, committed)
            }
            Err(error) => self.keep_uncommitted(key, commit, spilled, before, &error).await,
        }
    }

    async fn commit_within(
        self: &Arc<Self>,
        bound: Duration,
        key: &GrantKey,
        commit: &Commit,
    ) -> Result<Committed> {
        let committed = timeout(bound, self.context.store.commit(key, commit)).await;
        self.noted(committed.unwrap_or_else(|_| {
            let text = format!("the token store did not take the tokens within {bound:?}");
            Err(Error::new(Code::Store, text))
        }))
    }

    /// What the caller gets after a commit, whatever it came to.
    fn committed(
        self: &Arc<Self>,
        key: &GrantKey,
        commit: &Commit,
        committed: Committed,
    ) -> Result<Arc<Record>> {
        match committed {
            Committed::Written(record) => {
                self.tell(Kind::Refreshed, key, Some(&record), "");
                if let Some(hold) = &record.hold {
                    self.tell(Kind::RefreshFailed, key, Some(&record), &hold.reason);
                }
                Ok(self.remember(record))
            }
            Committed::Superseded(stands) => {
                if is_orphan(commit, stands.as_ref()) {
                    let (refresher, key) = (Arc::clone(self), key.clone());
                    let (commit, stands) = (commit.clone(), stands.clone());
                    runtime().spawn(async move {
                        refresher.end_orphan(&key, &commit, stands.as_ref()).await;
                    });
                }
                let Some(record) = stands.filter(|record| !record.is_tombstone()) else {
                    self.forget(key);
                    return Err(self.no_grant(key));
                };
                Ok(self.remember(record))
            }
        }
    }

    /// Step 6.
    async fn keep_uncommitted(
        self: &Arc<Self>,
        key: &GrantKey,
        commit: Commit,
        spilled: Option<SpillFile>,
        before: &Record,
        error: &Error,
    ) -> Result<Arc<Record>> {
        let spilled = match spilled {
            None => self.spill(key, &commit).await,
            spilled => spilled,
        };
        let provisional = match before.merge(&commit) {
            Merged::Write(record) => *record,
            Merged::Superseded => return Err(error.clone()),
        };
        if spilled.is_some() {
            self.tell(Kind::Spilled, key, Some(&provisional), error.message());
        }
        let uncommitted = Uncommitted { commit, spilled };
        self.uncommitted.lock().expect("no holder panics").insert(key.clone(), uncommitted);
        let record = self.remember(provisional);
        self.tell(Kind::Uncommitted, key, Some(&record), error.message());
        let (refresher, key) = (Arc::clone(self), key.clone());
        runtime().spawn(async move {
            loop {
                sleep(COMMIT_AGAIN).await;
                match refresher.offer_uncommitted(&key).await {
                    Err(_) if refresher.uncommitted(&key).is_some() => {}
                    _ => return,
                }
            }
        });
        Ok(record)
    }

    /// Commits what an earlier flight of this process could not.
    pub(super) async fn offer_uncommitted(
        self: &Arc<Self>,
        key: &GrantKey,
    ) -> Result<Option<Arc<Record>>> {
        let Some(Uncommitted { commit, spilled }) = self.uncommitted(key) else { return Ok(None) };
        let committed = self.commit_within(LATER_COMMIT, key, &commit).await?;
        {
            let mut uncommitted = self.uncommitted.lock().expect("no holder panics");
            // Not one that came since.
            uncommitted
                .extract_if(|known, kept| {
                    known == key && kept.commit.is_of_the_same_renewal(&commit)
                })
                .for_each(drop);
        }
        self.told_of_spilled(key, spilled.as_ref(), &committed);
        self.remove_spilled(key, spilled).await;
        self.committed(key, &commit, committed).map(Some)
    }

    pub(super) fn uncommitted(&self, key: &GrantKey) -> Option<Uncommitted> {
        self.uncommitted.lock().expect("no holder panics").get(key).cloned()
    }

    /// Whether there are answers that are not committed, and in the spill folder or not.
    pub(super) fn has_uncommitted(&self, spilled: bool) -> bool {
        let uncommitted = self.uncommitted.lock().expect("no holder panics");
        uncommitted.values().any(|kept| kept.spilled.is_some() == spilled)
    }

    /// Commits what the spill folder has of this record's generation: it is used in place of a request.
    pub(super) async fn offer_spilled(
        self: &Arc<Self>,
        record: &Record,
    ) -> Result<Option<Arc<Record>>> {
        let Some(spill) = &self.spill else { return Ok(None) };
        let key = record.key();
        let found = match spill.of(&key, &record.grant_id, record.generation).await {
            Ok(found) => found,
            Err(error) => {
                self.tell(Kind::StoreTrouble, &key, Some(record), error.message());
                return Ok(None);
            }
        };
        let mut newest = None;
        for spilled in found {
            newest = Some(self.offer(spill, spilled).await?);
        }
        newest.transpose()
    }

    /// Offers everything in the spill folder to the store, behind the scenes: when a client opens and when its store is back.
    pub(crate) fn offer_spills(self: &Arc<Self>) {
        let Some(spill) = self.spill.clone() else { return };
        let files = match spill.files() {
            Ok(files) if files.is_empty() => return,
            Ok(files) => files,
            Err(error) => {
                return self.tell(Kind::StoreTrouble, &GrantKey::nobody(), None, error.message());
            }
        };
        let refresher = Arc::clone(self);
        runtime().spawn(async move {
            for file in files {
                if let Err(error) = refresher.offer_file(&spill, file).await {
                    refresher.tell(Kind::StoreTrouble, &GrantKey::nobody(), None, error.message());
                    if error.code() != Code::Decryption {
                        return; // the store is still away
                    }
                }
            }
        });
    }

    async fn offer_file(self: &Arc<Self>, spill: &Spill, file: SpillFile) -> Result<()> {
        if file.age() > spill::KEPT {
            let text = format!("an answer that no store took for 7 days was dropped: {file}");
            self.tell(Kind::StoreTrouble, &GrantKey::nobody(), None, &text);
            return spill.remove(file).await;
        }
        match spill.read(file)? {
            Some(spilled) if spilled.key.client == self.context.settings.client_key() => {
                self.offer(spill, spilled).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Offers one answer; the outer error is the store's, the inner one what it means to a caller.
    async fn offer(
        self: &Arc<Self>,
        spill: &Spill,
        spilled: Spilled,
    ) -> Result<Result<Arc<Record>>> {
        let Spilled { file, key, commit } = spilled;
        let committed = self.commit_within(LATER_COMMIT, &key, &commit).await?;
        self.told_of_spilled(&key, Some(&file), &committed);
        match &committed {
            Committed::Superseded(stands) if is_orphan(&commit, stands.as_ref()) => {
                let Some(stands) = stands else { return Ok(Err(self.no_grant(&key))) };
                if self.revoke_orphan(&key, &commit, stands).await {
                    self.remove_now(&key, spill, file).await;
                }
                Ok(if stands.is_tombstone() {
                    Err(self.no_grant(&key))
                } else {
                    Ok(self.remember(stands.clone()))
                })
            }
            _ => {
                self.remove_spilled(&key, Some(file)).await;
                Ok(self.committed(&key, &commit, committed))
            }
        }
    }

    fn told_of_spilled(&self, key: &GrantKey, file: Option<&SpillFile>, committed: &Committed) {
        if let (Some(_), Committed::Written(record)) = (file, committed) {
            self.tell(Kind::SpillCommitted, key, Some(record), "");
        }
    }

    async fn spill(&self, key: &GrantKey, commit: &Commit) -> Option<SpillFile> {
        match self.spill.as_ref()?.keep(key, commit).await {
            Ok(file) => Some(file),
            Err(error) => {
                self.tell(Kind::StoreTrouble, key, None, error.message());
                None
            }
        }
    }

    /// Removes what a commit made durable; later where the store may still lose it.
    async fn remove_spilled(self: &Arc<Self>, key: &GrantKey, file: Option<SpillFile>) {
        let (Some(spill), Some(file)) = (self.spill.clone(), file) else { return };
        if self.context.store.is_durable_at_once() {
            return self.remove_now(key, &spill, file).await;
        }
        let (refresher, key) = (Arc::clone(self), key.clone());
        runtime().spawn(async move {
            sleep(KEPT_BESIDE).await;
            refresher.remove_now(&key, &spill, file).await;
        });
    }

    async fn remove_now(&self, key: &GrantKey, spill: &Spill, file: SpillFile) {
        if let Err(error) = spill.remove(file).await {
            self.tell(Kind::StoreTrouble, key, None, error.message());
        }
    }

    /// Revokes an answer whose grant is gone; until it is, it waits in the spill folder.
    async fn end_orphan(&self, key: &GrantKey, commit: &Commit, stands: Option<&Record>) {
        let file = self.spill(key, commit).await;
        let Some(stands) = stands else {
            return; // of a grant that nobody ever knew nothing is known: its row may come back
        };
        for pause in REVOKE_AGAIN {
            sleep(pause).await;
            if self.revoke_orphan(key, commit, stands).await {
                if let (Some(spill), Some(file)) = (&self.spill, file) {
                    self.remove_now(key, spill, file).await;
                }
                return;
            }
        }
    }

    /// Says whether there is nothing left to do about an answer whose grant is gone.
    async fn revoke_orphan(&self, key: &GrantKey, commit: &Commit, stands: &Record) -> bool {
        if stands.tokens.as_ref().is_some_and(|tokens| shares_a_token(tokens, &commit.tokens)) {
            return true;
        }
        let revoked = match self.context.provider().await {
            Ok(provider) if provider.revoking_takes_all => return true,
            Ok(provider) => revoke_tokens(&self.context, &provider, &commit.tokens).await,
            Err(error) => Err(error),
        };
        match revoked {
            Ok(()) => {
                let detail = "an answer that came when its grant was gone";
                self.tell(Kind::Revoked, key, None, detail);
                true
            }
            Err(error) => {
                self.tell(Kind::StoreTrouble, key, None, error.message());
                error.code() == Code::Unsupported
            }
        }
    }

    /// Notices that the store was away and is back: then it is offered what it missed.
    pub(super) fn noted<T>(self: &Arc<Self>, result: Result<T>) -> Result<T> {
        match &result {
            Ok(_) if self.store_is_away.swap(false, Ordering::AcqRel) => self.offer_spills(),
            Err(error) if matches!(error.code(), Code::Store | Code::Callback) => {
                self.store_was_away_at.store(boottime(), Ordering::Release);
                self.store_is_away.store(true, Ordering::Release);
            }
            _ => {}
        }
        result
    }

    fn tell(&self, kind: Kind, key: &GrantKey, record: Option<&Record>, detail: &str) {
        self.context.settings.tell(kind, key, record, detail);
    }
}

/// Whether an answer belongs to a consent that is gone, or to one that the store never had.
fn is_orphan(commit: &Commit, stands: Option<&Record>) -> bool {
    stands.is_none_or(|record| record.is_tombstone() || record.grant_id != commit.grant_id)
}

/// Where a provider gives the same token to two consents, revoking it for one takes it from the other.
fn shares_a_token(one: &Tokens, other: &Tokens) -> bool {
    one.refresh.is_some() && one.refresh == other.refresh
        || one.access.iter().any(|access| {
            !access.token.is_empty() && other.access.iter().any(|known| known.token == access.token)
        })
}
