//! The store contract over a store that the application wrote.
//!
//! What the application left out is made up for inside this process as far as it goes: the lease and the authorization
//! transactions are kept in memory, and each such gap is told in one event.

use super::codec::Codec;
use super::foreign::{CallingThread, ForeignStore, Method, StoreCall, StoreReply, wrong_reply};
use super::lease::{LeaseRow, StoreTime};
use super::memory::PendingTable;
use super::record::Merged;
use super::row::{Header, Listed, Query};
use super::{
    Acquired, Commit, Committed, GrantKey, Held, Intent, LeaseId, Mark, Pending, Record, Resealed,
    Sent, Store,
};
use crate::clock::UnixMillis;
use crate::error::{Code, Error, Result};
use crate::owner::OwnerId;
use crate::secret::{Secret, shown};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often a write is tried again when somebody else wrote in between.
const ATTEMPTS: u32 = 16;

/// Length of a text from which on it may be more than a name.
const LONG: usize = 64;

/// Where the methods of the application's store are called.
#[derive(Clone)]
pub(crate) enum Caller {
    AnyThread(Arc<dyn ForeignStore>),
    CallingThread { queue: Arc<CallingThread>, methods: Arc<[Method]> },
}

/// A store of the application under the store contract.
pub(crate) struct ApplicationStoreAdapter {
    caller: Caller,
    codec: Arc<Codec>,
    here: Mutex<Here>,
}

/// What stands in for missing methods, inside this process.
#[derive(Default)]
struct Here {
    leases: HashMap<GrantKey, LeaseRow>,
    /// Leases of the application's own store that a flight of this process holds.
    held: HashMap<GrantKey, (OwnerId, u64)>,
    pending: PendingTable,
}

impl ApplicationStoreAdapter {
    /// Checks that the methods that must be there are there.
    pub(crate) fn new(caller: Caller, codec: Arc<Codec>) -> Result<Self> {
        let store = ApplicationStoreAdapter { caller, codec, here: Mutex::default() };
        for method in [Method::Load, Method::Save] {
            if !store.has(method) {
                return Err(Error::new(
                    Code::InvalidConfig,
                    format!(
                        "store: the token store has no {}; expected at least load and save",
                        method.name()
                    ),
                ));
            }
        }
        Ok(store)
    }

    /// What the library cannot promise because of the methods that are missing, in words for people.
    pub(crate) fn gaps(&self) -> Vec<String> {
        [Method::CompareAndSet, Method::Acquire, Method::TakePending]
            .into_iter()
            .filter(|method| !self.has(*method))
            .map(|method| format!("no {}: {}", method.name(), method.without()))
            .collect()
    }

    pub(super) fn has(&self, method: Method) -> bool {
        match &self.caller {
            Caller::AnyThread(store) => store.has(method),
            Caller::CallingThread { methods, .. } => methods.contains(&method),
        }
    }

    fn here(&self) -> std::sync::MutexGuard<'_, Here> {
        self.here.lock().expect("no holder panics")
    }

    pub(super) async fn call(&self, method: Method, arguments: Vec<Value>) -> Result<Value> {
        let call = StoreCall { method, arguments };
        let texts = long_texts(&call);
        let reply: StoreReply = match &self.caller {
            // A panic of the application's must not unwind through a flight, which may hold the only refresh token.
            Caller::AnyThread(store) => AssertUnwindSafe(async { store.call(call).await })
                .catch_unwind()
                .await
                .unwrap_or_else(|_| Err("it panicked".to_owned())),
            Caller::CallingThread { queue, .. } => queue
                .submit(call)
                .await
                .unwrap_or_else(|_| Err("the thread that served it ended".to_owned())),
        };
        reply.map_err(|thrown| {
            Error::new(
                Code::Callback,
                format!(
                    "the token store's {} failed: {}",
                    method.name(),
                    fit_to_be_shown(&thrown, &texts)
                ),
            )
        })
    }

    pub(super) async fn call_with_key(
        &self,
        method: Method,
        key: &GrantKey,
        more: Vec<Value>,
    ) -> Result<Value> {
        let mut arguments = vec![json!(key.client), json!(key.subject), json!(key.slot)];
        arguments.extend(more);
        self.call(method, arguments).await
    }

    async fn write(&self, key: &GrantKey, expected: Option<u64>, record: &Record) -> Result<bool> {
        let text = self.codec.encode(record);
        if !self.has(Method::CompareAndSet) {
            if self.read(key).await?.map(|record| record.revision) != expected {
                return Ok(false);
            }
            self.call_with_key(Method::Save, key, vec![json!(text.expose())]).await?;
            return Ok(true);
        }
        let arguments = vec![json!(expected), json!(text.expose()), json!(record.revision)];
        match self.call_with_key(Method::CompareAndSet, key, arguments).await? {
            Value::Bool(written) => Ok(written),
            other => Err(wrong_reply(Method::CompareAndSet, "a boolean: whether it wrote", &other)),
        }
    }

    async fn read(&self, key: &GrantKey) -> Result<Option<Record>> {
        let text = self.read_text(key).await?;
        text.map(|text| self.codec.decode(key, None, text.expose())).transpose()
    }

    /// As [`read`](Self::read), where the refresh token is to be spent.
    async fn read_to_spend(&self, key: &GrantKey) -> Result<Option<Record>> {
        let Some(text) = self.read_text(key).await? else { return Ok(None) };
        let record = self.codec.decode(key, None, text.expose())?;
        self.codec.check_order(key, text.expose())?;
        Ok(Some(record))
    }

    async fn read_text(&self, key: &GrantKey) -> Result<Option<Secret>> {
        match self.call_with_key(Method::Load, key, Vec::new()).await? {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.into())),
            other => Err(wrong_reply(Method::Load, "the record's text, or null", &other)),
        }
    }

    /// Every row of a client registration.
    async fn list(&self, client: &str) -> Result<Vec<Listed>> {
        if !self.has(Method::List) {
            return Err(Error::new(Code::Unsupported, "the token store has no list"));
        }
        let reply = self.call(Method::List, vec![json!(client)]).await?;
        let Value::Array(texts) = &reply else {
            return Err(wrong_reply(Method::List, "a list of the records' texts", &reply));
        };
        let mut listed = Vec::with_capacity(texts.len());
        for text in texts {
            let Value::String(text) = text else {
                return Err(wrong_reply(Method::List, "a list of the records' texts", text));
            };
            let row = self.listed(text)?;
            if row.key.client == client {
                listed.push(row);
            }
        }
        Ok(listed)
    }

    /// The row of a text: the application's store has no clear columns.
    fn listed(&self, text: &str) -> Result<Listed> {
        let key = match serde_json::from_str::<Whose>(text) {
            Ok(Whose { client, subject, slot }) => GrantKey { client, subject, slot },
            Err(_) => GrantKey::nobody(),
        };
        let record = self.codec.decode(&key, None, text)?;
        Ok(Listed { key, header: Header::of(&record), record: text.into() })
    }

    /// Reads, changes and writes until nobody else wrote in between.
    async fn update(
        &self,
        key: &GrantKey,
        change: impl Fn(&Record) -> Option<Record> + Send + Sync,
    ) -> Result<Updated> {
        for _ in 0..ATTEMPTS {
            let Some(stands) = self.read(key).await? else { return Ok(Updated::Kept(None)) };
            let Some(next) = change(&stands) else { return Ok(Updated::Kept(Some(stands))) };
            if self.write(key, Some(stands.revision), &next).await? {
                return Ok(Updated::Written(next));
            }
        }
        Err(conflict())
    }

    async fn acquire_foreign(
        &self,
        key: &GrantKey,
        owner: &OwnerId,
        ttl: Duration,
    ) -> Result<Acquired> {
        let Some(seen) = self.read_to_spend(key).await? else { return Ok(Acquired::Absent) };
        // The application's store tells no time: between hosts, their wall clocks count.
        let now = StoreTime::of_this_host();
        let intent = Intent::after(None, &seen, &now);
        let text = serde_json::to_string(&intent).expect("an intent is plain data");
        let arguments = vec![json!(owner.to_string()), json!(millis(ttl)), json!(text)];
        let reply = self.call_with_key(Method::Acquire, key, arguments).await?;
        if let Some(left) = reply.get("busy_ms").and_then(Value::as_u64) {
            return Ok(Acquired::Busy(Duration::from_millis(left)));
        }
        let Some(fencing) = reply.get("fencing").and_then(Value::as_u64) else {
            let expected =
                "{\"fencing\": number, \"intent\": earlier or null} or {\"busy_ms\": number}";
            return Err(wrong_reply(Method::Acquire, expected, &reply));
        };
        self.here().held.insert(key.clone(), (owner.clone(), fencing));
        let earlier = match reply.get("intent") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => serde_json::from_str::<Intent>(text).ok(),
            Some(other) => {
                return Err(wrong_reply(Method::Acquire, "an intent's text or null", other));
            }
        };
        let Some(record) = self.read(key).await? else { return Ok(Acquired::Absent) };
        let earlier = earlier.filter(|intent| {
            intent.grant_id == record.grant_id && intent.generation == record.generation
        });
        let intent = Intent::after(earlier.as_ref(), &record, &now);
        let sent = Sent::of(earlier.as_ref().unwrap_or(&intent), &now);
        Ok(Acquired::Held(Box::new(Held {
            fencing,
            record,
            intent,
            earlier,
            sent,
            taken_over: false,
            lapsed: false,
        })))
    }

    async fn acquire_here(
        &self,
        key: &GrantKey,
        owner: &OwnerId,
        ttl: Duration,
    ) -> Result<Acquired> {
        let Some(record) = self.read_to_spend(key).await? else { return Ok(Acquired::Absent) };
        let mut here = self.here();
        let lease = here.leases.entry(key.clone()).or_default();
        // Fencing numbers go on where an earlier process left off.
        lease.fencing = lease.fencing.max(record.committed_fencing);
        Ok(match lease.acquire(record, owner, ttl, &StoreTime::of_this_host()) {
            Ok(held) => Acquired::Held(Box::new(held)),
            Err(left) => Acquired::Busy(left),
        })
    }

    async fn give_back(
        &self,
        key: &GrantKey,
        owner: &OwnerId,
        fencing: u64,
        intent: Option<&Intent>,
    ) -> Result<()> {
        if !self.has(Method::Acquire) {
            if let Some(row) = self.here().leases.get_mut(key) {
                row.release(fencing, intent);
            }
            return Ok(());
        }
        self.here().held.remove(key);
        if !self.has(Method::Release) {
            return Ok(()); // the lease ends by its own time
        }
        let intent =
            intent.map(|intent| serde_json::to_string(intent).expect("an intent is plain data"));
        let arguments = vec![json!(owner.to_string()), json!(fencing), json!(intent)];
        self.call_with_key(Method::Release, key, arguments).await.map(drop)
    }

    /// After a commit: gives back the lease under which it was made, and settles its intent.
    async fn end_lease(&self, key: &GrantKey, commit: &Commit, written: bool) -> Result<()> {
        let held = {
            let mut here = self.here();
            if let Some(row) = here.leases.get_mut(key) {
                row.settle(commit, written, &StoreTime::of_this_host());
            }
            here.held.get(key).filter(|(_, held)| *held == commit.fencing).cloned()
        };
        match held {
            Some((owner, fencing)) => self.give_back(key, &owner, fencing, None).await,
            None => Ok(()),
        }
    }

    async fn prolong(&self, key: &GrantKey, lease: &LeaseId, ttl: Duration) -> Result<bool> {
        if !self.has(Method::Acquire) {
            return Ok(self
                .here()
                .leases
                .get_mut(key)
                .is_some_and(|row| row.renew(lease, ttl, &StoreTime::of_this_host())));
        }
        if !self.has(Method::Renew) {
            return Ok(false); // it ends by its own time
        }
        let arguments =
            vec![json!(lease.owner.to_string()), json!(lease.fencing), json!(millis(ttl))];
        match self.call_with_key(Method::Renew, key, arguments).await? {
            Value::Bool(held) => Ok(held),
            other => Err(wrong_reply(Method::Renew, "a boolean: whether it is still held", &other)),
        }
    }
}

fn conflict() -> Error {
    let text = format!("the token store refused compare_and_set {ATTEMPTS} times in a row");
    Error::new(Code::StoreConflict, text)
}

/// Arguments that may hold tokens: records and documents, which are longer than keys and numbers are.
fn long_texts(call: &StoreCall) -> Vec<Secret> {
    let texts = call.arguments.iter().filter_map(Value::as_str);
    texts.filter(|text| text.len() > LONG).map(Secret::from).collect()
}

/// The first line of what was thrown: database drivers add the values of the statement in further lines.
fn fit_to_be_shown(thrown: &str, texts: &[Secret]) -> String {
    let texts: Vec<&Secret> = texts.iter().collect();
    shown(thrown.trim_start().lines().next().unwrap_or_default(), &texts)
}

enum Updated {
    Written(Record),
    Kept(Option<Record>),
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("a lease is short")
}

/// Whose record a text is, before it is opened.
#[derive(Deserialize)]
struct Whose {
    client: String,
    subject: String,
    #[serde(default)]
    slot: String,
}

impl Store for ApplicationStoreAdapter {
    fn needs_a_waiting_caller(&self) -> bool {
        matches!(self.caller, Caller::CallingThread { .. })
    }

    fn load<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<Option<Record>>> {
        self.read(key).boxed()
    }

    fn commit<'a>(
        &'a self,
        key: &'a GrantKey,
        commit: &'a Commit,
    ) -> BoxFuture<'a, Result<Committed>> {
        async move {
            let updated = self
                .update(key, |record| match record.merge(commit) {
                    Merged::Write(next) => Some(*next),
                    Merged::Superseded => None,
                })
                .await?;
            self.end_lease(key, commit, matches!(updated, Updated::Written(_))).await?;
            Ok(match updated {
                Updated::Written(record) => Committed::Written(record),
                Updated::Kept(record) => Committed::Superseded(record),
            })
        }
        .boxed()
    }

    fn compare_and_set<'a>(
        &'a self,
        key: &'a GrantKey,
        expected: Option<u64>,
        record: &'a Record,
    ) -> BoxFuture<'a, Result<bool>> {
        self.write(key, expected, record).boxed()
    }

    fn acquire<'a>(
        &'a self,
        key: &'a GrantKey,
        owner: &'a OwnerId,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<Acquired>> {
        if self.has(Method::Acquire) {
            self.acquire_foreign(key, owner, ttl).boxed()
        } else {
            self.acquire_here(key, owner, ttl).boxed()
        }
    }

    fn renew<'a>(
        &'a self,
        key: &'a GrantKey,
        lease: &'a LeaseId,
        ttl: Duration,
    ) -> BoxFuture<'a, Result<bool>> {
        self.prolong(key, lease, ttl).boxed()
    }

    fn release<'a>(
        &'a self,
        key: &'a GrantKey,
        lease: &'a LeaseId,
        intent: Option<&'a Intent>,
    ) -> BoxFuture<'a, Result<()>> {
        self.give_back(key, &lease.owner, lease.fencing, intent).boxed()
    }

    fn mark<'a>(
        &'a self,
        key: &'a GrantKey,
        lease: &'a LeaseId,
        mark: &'a Mark,
        intent: Option<&'a Intent>,
        now: UnixMillis,
    ) -> BoxFuture<'a, Result<Option<Record>>> {
        async move {
            // Where a lease cannot be prolonged nobody can say whether it is held.
            let can_tell = self.has(Method::Renew) || !self.has(Method::Acquire);
            if can_tell && !self.prolong(key, lease, Duration::from_secs(5)).await? {
                return Ok(None);
            }
            let updated = self
                .update(key, |record| lease.is_about(record).then(|| record.marked(mark, now)))
                .await?;
            self.give_back(key, &lease.owner, lease.fencing, intent).await?;
            Ok(match updated {
                Updated::Written(record) => Some(record),
                Updated::Kept(_) => None,
            })
        }
        .boxed()
    }

    fn page<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Listed>>> {
        async move {
            let mut listed = self.list(query.client.as_deref().unwrap_or_default()).await?;
            listed.retain(|row| {
                query.wanted.includes(&row.header)
                    && query.after.as_ref().is_none_or(|after| row.key > *after)
            });
            listed.sort_by(|one, other| one.key.cmp(&other.key));
            listed.truncate(query.limit);
            Ok(listed)
        }
        .boxed()
    }

    fn open(&self, listed: &Listed) -> Result<Record> {
        self.codec.decode(&listed.key, None, listed.record.expose())
    }

    fn is_current(&self, listed: &Listed) -> bool {
        self.codec.is_current(listed.record.expose())
    }

    fn reseal<'a>(&'a self, key: &'a GrantKey) -> BoxFuture<'a, Result<Resealed>> {
        async move {
            for _ in 0..ATTEMPTS {
                let Some(text) = self.read_text(key).await? else { return Ok(Resealed::Already) };
                if self.codec.is_current(text.expose()) {
                    return Ok(Resealed::Already);
                }
                let stands = self.codec.decode(key, None, text.expose())?;
                if self.write(key, Some(stands.revision), &stands.written_again()).await? {
                    return Ok(Resealed::Done);
                }
            }
            Err(conflict())
        }
        .boxed()
    }

    fn remove_tombstone<'a>(
        &'a self,
        key: &'a GrantKey,
        revision: u64,
    ) -> BoxFuture<'a, Result<bool>> {
        async move {
            if !self.has(Method::Delete) {
                return Ok(false);
            }
            match self.read(key).await? {
                Some(record) if record.revision == revision && record.is_tombstone() => {
                    self.call_with_key(Method::Delete, key, Vec::new()).await.map(|_| true)
                }
                _ => Ok(false),
            }
        }
        .boxed()
    }

    fn put_pending<'a>(
        &'a self,
        state: &'a str,
        document: &'a str,
        now: UnixMillis,
        expires_at: UnixMillis,
    ) -> BoxFuture<'a, Result<()>> {
        async move {
            if self.has(Method::PutPending) && self.has(Method::TakePending) {
                let document = self.codec.encode_pending(state, document);
                let arguments = vec![json!(state), json!(document.expose()), json!(expires_at)];
                self.call(Method::PutPending, arguments).await?;
            } else {
                self.here().pending.put(state, document, now, expires_at);
            }
            Ok(())
        }
        .boxed()
    }

    fn take_pending<'a>(
        &'a self,
        state: &'a str,
        now: UnixMillis,
    ) -> BoxFuture<'a, Result<Pending>> {
        async move {
            if !(self.has(Method::PutPending) && self.has(Method::TakePending)) {
                return Ok(self.here().pending.take(state, now));
            }
            match self.call(Method::TakePending, vec![json!(state)]).await? {
                // The results of transactions that this process took are kept here.
                Value::Null => Ok(self.here().pending.take(state, now)),
                Value::String(text) => {
                    let document = self.codec.decode_pending(state, &text)?;
                    self.here().pending.taken(state, now);
                    Ok(Pending::Taken(document))
                }
                other => {
                    Err(wrong_reply(Method::TakePending, "the document's text, or null", &other))
                }
            }
        }
        .boxed()
    }

    fn settle_pending<'a>(&'a self, state: &'a str, result: &'a str) -> BoxFuture<'a, Result<()>> {
        self.here().pending.settle(state, result);
        async { Ok(()) }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::wait;
    use crate::store::record_for_tests::{key, record};
    use std::future::{Future, ready};
    use std::pin::Pin;

    /// A store that gives leases and cannot prolong them.
    struct WithoutRenew;

    impl ForeignStore for WithoutRenew {
        fn has(&self, method: Method) -> bool {
            matches!(method, Method::Load | Method::Save | Method::Acquire)
        }

        fn call(&self, call: StoreCall) -> Pin<Box<dyn Future<Output = StoreReply> + Send>> {
            Box::pin(ready(Ok(match call.method {
                Method::Load => json!(serde_json::to_string(&record()).unwrap()),
                _ => json!({"fencing": 1}),
            })))
        }
    }

    #[test]
    fn what_a_store_throws_is_told_without_the_record() {
        let record = serde_json::to_string(&record()).unwrap();
        let call = StoreCall { method: Method::Save, arguments: vec![json!("c"), json!(record)] };
        let thrown = format!("cannot save {record} to c\nparameters: {record}");
        assert_eq!(fit_to_be_shown(&thrown, &long_texts(&call)), "cannot save [redacted] to c");
        assert_eq!(fit_to_be_shown("", &[]), "");
    }

    #[test]
    fn a_lease_that_the_store_cannot_prolong_is_not_called_prolonged() {
        let caller = Caller::AnyThread(Arc::new(WithoutRenew));
        let store = ApplicationStoreAdapter::new(caller, Arc::default()).unwrap();
        let (owner, ttl) = (OwnerId::of_this_process(), Duration::from_secs(30));
        let Acquired::Held(held) = wait(store.acquire(&key(), &owner, ttl)).unwrap() else {
            panic!("not held");
        };
        assert!(!wait(store.renew(&key(), &LeaseId::of(owner, &held), ttl)).unwrap());
    }
}
