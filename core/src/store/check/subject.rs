//! What is checked, and in what words a promise is called broken.

use super::CheckOptions;
use crate::error::{Error, Result};
use crate::process::{random_id, runtime};
use crate::store::application::ApplicationStoreAdapter;
use crate::store::{
    Acquired, GrantKey, Held, LeaseId, Method, OwnerId, Record, Store, StoredAccessToken, Tokens,
};
use futures_util::{StreamExt, stream};
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::fmt::Debug;
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// How many calls are made at once.
pub(super) const AT_ONCE: usize = 16;

/// For how long a lease is taken that is not to end by itself.
pub(super) const LONG: Duration = Duration::from_secs(300);

/// For how long one is taken that is.
pub(super) const SHORT: Duration = Duration::from_millis(500);

/// How much longer than its time a lease may stand: there are clocks that count whole seconds.
pub(super) const LATE: Duration = Duration::from_secs(3);

/// How much of a value is shown.
const SHOWN: usize = 160;

/// A promise that was not kept. It quotes nothing but what the check itself wrote, and what the store said.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) expected: String,
    pub(super) got: String,
}

/// Whether a promise was kept.
pub(super) type Kept = std::result::Result<(), Broken>;

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Broken {
            expected: "every call to succeed".to_owned(),
            got: format!("{}: {}", error.code(), error.message()),
        }
    }
}

/// Breaks the promise unless `kept`.
pub(super) fn ensure(kept: bool, expected: impl Into<String>, got: impl Into<String>) -> Kept {
    if kept { Ok(()) } else { Err(Broken { expected: expected.into(), got: got.into() }) }
}

/// Breaks the promise unless `got` is what was expected of `what`. For what holds no text of the store's.
pub(super) fn same<T: PartialEq + Debug>(what: &str, got: &T, expected: &T) -> Kept {
    ensure(got == expected, format!("{what}: {expected:?}"), format!("{got:?}"))
}

/// Breaks the promise unless a method's reply is what was expected.
pub(super) fn same_value(what: &str, got: &Value, expected: &Value) -> Kept {
    if got == expected {
        return Ok(());
    }
    let mut told = without_texts(got).to_string();
    if let (Some(got), Some(expected)) = (got.as_str(), expected.as_str()) {
        let pairs = got.chars().zip(expected.chars());
        let from = pairs.take_while(|(one, other)| one == other).count();
        told = format!("a text of {} characters, another from {from} on", got.chars().count());
    }
    Err(Broken { expected: format!("{what}: {}", cut(&expected.to_string())), got: told })
}

/// A store that mixes its keys up may give somebody's record: of a text only the length is told.
pub(super) fn without_texts(value: &Value) -> Value {
    match value {
        Value::String(text) => json!(format!("a text of {} characters", text.chars().count())),
        Value::Array(values) => json!(format!("a list of {}", values.len())),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), without_texts(value))).collect()
        }
        plain => plain.clone(),
    }
}

/// Breaks the promise unless this very record is there.
pub(super) fn same_record(what: &str, got: Option<&Record>, expected: &Record) -> Kept {
    let numbers = |record: &Record| {
        let Record { grant_id, generation, revision, status, .. } = record;
        format!("{grant_id}, generation {generation}, revision {revision}, {}", status.as_str())
    };
    let told = match got {
        None => "no record".to_owned(),
        Some(got) if got.key() != expected.key() => "the record of another key".to_owned(),
        Some(got) if numbers(got) == numbers(expected) => "another text of this record".to_owned(),
        Some(got) if got.grant_id.len() < SHOWN => numbers(got),
        Some(_) => "another record".to_owned(),
    };
    ensure(got == Some(expected), format!("{what}: {}", numbers(expected)), told)
}

/// The beginning of a text, and how long it is.
fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({} characters)", &text[..end], text.chars().count()),
        None => text.to_owned(),
    }
}

/// A store under check. All that is written has its client key, or one that begins with it.
pub(super) struct Subject {
    pub(super) store: Arc<dyn Store>,
    /// The same data, opened a second time.
    pub(super) beside: Option<Arc<dyn Store>>,
    /// The methods of a store of the application's own.
    pub(super) methods: Option<Arc<ApplicationStoreAdapter>>,
    pub(super) methods_beside: Option<Arc<ApplicationStoreAdapter>>,
    pub(super) client: String,
    pub(super) grants: usize,
    pub(super) rounds: usize,
    written: Mutex<HashSet<GrantKey>>,
    remark: Mutex<Option<String>>,
    gave_up: AtomicBool,
}

impl Subject {
    pub(super) fn new(store: Arc<dyn Store>, options: &CheckOptions) -> Self {
        Subject {
            store,
            beside: None,
            methods: None,
            methods_beside: None,
            client: format!("evergrant-check:{}", random_id()),
            grants: options.grants(),
            rounds: options.rounds(),
            written: Mutex::default(),
            remark: Mutex::default(),
            gave_up: AtomicBool::new(false),
        }
    }

    /// The n-th of several users of the data: the two openings take turns.
    pub(super) fn user(&self, n: usize) -> Arc<dyn Store> {
        match &self.beside {
            Some(beside) if n % 2 == 1 => Arc::clone(beside),
            _ => Arc::clone(&self.store),
        }
    }

    /// Why a promise that needs these methods is not tried.
    pub(super) fn reason_to_skip(&self, needs: &[Method]) -> Option<String> {
        if self.gave_up.load(Ordering::Relaxed) {
            return Some("not tried: an earlier call had not ended".to_owned());
        }
        let methods = self.methods.as_ref()?;
        let missing = needs.iter().find(|method| !methods.has(**method))?;
        Some(format!("no {}: {}", missing.name(), missing.without()))
    }

    /// Says that a call never ended: the promises that are left are not tried.
    pub(super) fn give_up(&self) {
        self.gave_up.store(true, Ordering::Relaxed);
    }

    /// Notes what was measured of the promise that is being tried.
    pub(super) fn remark(&self, text: String) {
        *self.remark.lock().expect("no holder panics") = Some(text);
    }

    pub(super) fn take_remark(&self) -> Option<String> {
        self.remark.lock().expect("no holder panics").take()
    }

    /// A key of this check. What is written under it is removed in the end.
    pub(super) fn key(&self, subject: &str) -> GrantKey {
        self.key_of("", subject, "")
    }

    /// As [`key`](Subject::key), of one of several clients and slots.
    pub(super) fn key_of(&self, client: &str, subject: &str, slot: &str) -> GrantKey {
        let client = format!("{}{client}", self.client);
        let key = GrantKey { client, subject: subject.to_owned(), slot: slot.to_owned() };
        self.written.lock().expect("no holder panics").insert(key.clone());
        key
    }

    /// Calls a method with a key before its other arguments.
    pub(super) async fn call(
        &self,
        method: Method,
        key: &GrantKey,
        more: &[Value],
    ) -> Result<Value> {
        let methods = self.methods.as_ref().expect("asked only of stores with methods");
        methods.call_with_key(method, key, more.to_vec()).await
    }

    /// As [`call`](Subject::call), by the n-th of several users of the data.
    pub(super) async fn call_by(
        &self,
        n: usize,
        method: Method,
        key: &GrantKey,
        more: &[Value],
    ) -> Result<Value> {
        match &self.methods_beside {
            Some(beside) if n % 2 == 1 => beside.call_with_key(method, key, more.to_vec()).await,
            _ => self.call(method, key, more).await,
        }
    }

    /// Calls a method that takes no key.
    pub(super) async fn call_without_key(
        &self,
        n: usize,
        method: Method,
        arguments: &[Value],
    ) -> Result<Value> {
        let methods = match &self.methods_beside {
            Some(beside) if n % 2 == 1 => beside,
            _ => self.methods.as_ref().expect("asked only of stores with methods"),
        };
        methods.call(method, arguments.to_vec()).await
    }

    pub(super) fn has(&self, method: Method) -> bool {
        self.methods.as_ref().is_none_or(|methods| methods.has(method))
    }

    /// Writes a record where there is none.
    pub(super) async fn put(&self, record: &Record) -> Kept {
        let written = self.store.compare_and_set(&record.key(), None, record).await?;
        ensure(written, "the first record under a key to be written", "not written")
    }

    /// A grant under a key of this name, written.
    pub(super) async fn grant(&self, name: &str) -> std::result::Result<Record, Broken> {
        let record = record(&self.key(name));
        self.put(&record).await?;
        Ok(record)
    }

    /// Takes the lease of a grant, which must be free.
    pub(super) async fn held(
        &self,
        key: &GrantKey,
        ttl: Duration,
    ) -> std::result::Result<(LeaseId, Held), Broken> {
        let owner = OwnerId::of_this_process();
        match self.store.acquire(key, &owner, ttl).await? {
            Acquired::Held(held) => Ok((LeaseId::of(owner, &held), *held)),
            other => Err(Broken {
                expected: "acquire of a free lease to give it".to_owned(),
                got: format!("{other:?}"),
            }),
        }
    }

    /// What the database is set up not to promise.
    pub(super) async fn weaknesses(&self) -> Vec<String> {
        if self.gave_up.load(Ordering::Relaxed) {
            return Vec::new();
        }
        match self.store.weaknesses() {
            Some(asked) => asked.await.unwrap_or_default(),
            None => Vec::new(),
        }
    }

    /// Removes what was written; says what it could not.
    pub(super) async fn clean_up(self: &Arc<Self>) -> Option<String> {
        let written: Vec<GrantKey> =
            self.written.lock().expect("no holder panics").drain().collect();
        if self.gave_up.load(Ordering::Relaxed) || !self.has(Method::Delete) {
            return Some(format!("what the check wrote stays, under the client {:?}", self.client));
        }
        let removing = written.into_iter().map(|key| {
            let its = Arc::clone(self);
            async move { its.remove(&key).await.is_err() }
        });
        let removed = stream::iter(removing).buffer_unordered(AT_ONCE);
        let left = removed.filter(|failed| std::future::ready(*failed)).count().await;
        (left > 0).then(|| format!("{left} records stay, under the client {:?}", self.client))
    }

    async fn remove(&self, key: &GrantKey) -> Result<()> {
        if let Some(methods) = &self.methods {
            return methods.call_with_key(Method::Delete, key, Vec::new()).await.map(drop);
        }
        let Some(record) = self.store.load(key).await? else { return Ok(()) };
        let tombstone = record.tombstone(8);
        self.store.compare_and_set(key, Some(record.revision), &tombstone).await?;
        self.store.remove_tombstone(key, tombstone.revision).await.map(drop)
    }
}

/// Makes calls at once: none begins before all have a thread or a turn.
pub(super) async fn at_once<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    call: impl Fn(usize) -> F,
) -> Vec<T> {
    let barrier = Arc::new(Barrier::new(AT_ONCE));
    // What is left of them ends with the promise that made them.
    let mut tasks = JoinSet::new();
    for n in 0..AT_ONCE {
        let (barrier, call) = (Arc::clone(&barrier), call(n));
        let waiting = async move {
            barrier.wait().await;
            call.await
        };
        tasks.spawn_on(waiting, &runtime());
    }
    // A panic of the application's is caught where its method is called.
    tasks.join_all().await
}

/// Tokens that nobody gave.
pub(super) fn tokens(access: &str, refresh: Option<&str>) -> Tokens {
    Tokens {
        access: vec![StoredAccessToken {
            token: access.into(),
            secret: None,
            token_type: "Bearer".into(),
            obtained_at: 0,
            expires_at: Some(3_600_000),
            scope: vec!["read".into()],
            resource: String::new(),
            requested_scope: Vec::new(),
            came_with: None,
            unknown: Map::new(),
        }],
        refresh: refresh.map(Into::into),
        refresh_expires_at: None,
        unexchanged: false,
        response: Map::new(),
    }
}

/// A grant's first record.
pub(super) fn record(key: &GrantKey) -> Record {
    Record::new(key, "g1".into(), tokens("a1", Some("r1")), 0)
}

/// What the methods are given for an owner.
pub(super) fn owner(name: &str) -> Value {
    json!(format!("evergrant-check-owner:{name}"))
}
