//! A store held to its promises, for whoever wrote one and for whoever runs one: every promise by its name, and of a broken one
//! what was expected and what came.
//!
//! Whatever the store does, the check ends with a report: a call that fails, panics or never settles breaks the promise that made
//! it. It writes only under a client key of its own, and no secret: every token in it is invented.

mod contract;
#[cfg(test)]
pub(super) mod example;
mod methods;
mod subject;
#[cfg(test)]
mod tests;

use super::application::ApplicationStoreAdapter;
use super::{Caller, CallingThread, Codec, Method};
use crate::client::{ApplicationStore, Client};
use crate::error::{Code, Error, Result};
use crate::process::{on_runtime, runtime, task_error};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};
use subject::{Broken, Kept, Subject};

/// How long the calls of one promise may take, and how much longer for each grant that is written.
const PATIENCE: Duration = Duration::from_secs(60);
const PATIENCE_PER_GRANT: Duration = Duration::from_millis(20);

/// How a store is checked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckOptions {
    /// How many grants are written and listed; 10,000 when absent, 100 with `quick`.
    pub grants: Option<usize>,
    /// Fewer rounds of calls at once: finds less, and takes seconds on any store.
    pub quick: bool,
}

impl CheckOptions {
    fn grants(&self) -> usize {
        self.grants.unwrap_or(if self.quick { 100 } else { 10_000 })
    }

    fn rounds(&self) -> usize {
        if self.quick { 3 } else { 20 }
    }
}

/// How a store keeps a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was kept whenever it was tried.
    Passed,
    /// It was broken.
    Failed,
    /// It could not be tried, and is not given.
    Skipped,
}

/// What was found of one promise.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The promise, named by what it says.
    pub promise: &'static str,
    /// Whether it is kept.
    pub verdict: Verdict,
    /// Of a broken one: what should have come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// Of a broken one: what came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub got: Option<String>,
    /// Of a skipped one: what is missing, and what cannot be promised without it. Of others: what was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
    /// How long it took.
    pub milliseconds: u64,
}

/// What became of a check.
#[derive(Clone, Debug, Serialize)]
pub struct CheckReport {
    /// Whether no promise was broken.
    pub ok: bool,
    /// The outcome in words: how many promises there are of each verdict, and each broken one.
    pub summary: String,
    /// Every promise, in the order in which they were tried.
    pub findings: Vec<Finding>,
    /// What has to be known beside: what the database is set up not to promise, how calls at once were made, what the check could
    /// not remove.
    pub remarks: Vec<String>,
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary)
    }
}

/// A check that is about to run. While [`run`](StoreCheck::run) runs, a store that only a waiting thread may call is served as for
/// a client: [`CallingThread::wait_serving`].
pub struct StoreCheck {
    subject: Subject,
    calling_thread: Option<Arc<CallingThread>>,
}

impl StoreCheck {
    /// A check of a store of one's own. `beside` is a second opening of the same data, as another process would have it; where it
    /// is absent, everything goes through `store` alone.
    pub fn new(
        store: ApplicationStore,
        beside: Option<ApplicationStore>,
        options: &CheckOptions,
    ) -> Result<Self> {
        let (store, calling_thread) = caller(store);
        let methods = adapter(store)?;
        let mut subject = Subject::new(Arc::<ApplicationStoreAdapter>::clone(&methods), options);
        subject.methods = Some(methods);
        if let Some(beside) = beside {
            let (beside, None) = caller(beside) else {
                let text = "a store that is called on the waiting thread is checked through one opening of it alone";
                return Err(Error::new(Code::Unsupported, text));
            };
            let beside = adapter(beside)?;
            subject.beside = Some(Arc::<ApplicationStoreAdapter>::clone(&beside));
            subject.methods_beside = Some(beside);
        }
        Ok(StoreCheck { subject, calling_thread })
    }

    /// A check of the built-in store of a client.
    pub fn of_client(client: &Client, options: &CheckOptions) -> Result<Self> {
        let mut subject = Subject::new(client.built_in_store()?, options);
        subject.beside = client.built_in_store_beside()?;
        Ok(StoreCheck { subject, calling_thread: None })
    }

    /// A check of any store under the contract, with what the library makes up for.
    #[cfg(test)]
    pub(super) fn of_store(store: Arc<dyn super::Store>, options: &CheckOptions) -> Self {
        StoreCheck { subject: Subject::new(store, options), calling_thread: None }
    }

    /// Where store calls wait to be served, for [`ApplicationStore::CallingThread`].
    #[must_use]
    pub fn calling_thread(&self) -> Option<Arc<CallingThread>> {
        self.calling_thread.clone()
    }

    /// Tries every promise, and removes what it wrote.
    pub async fn run(self) -> Result<CheckReport> {
        let in_turn = self.calling_thread.is_some();
        on_runtime(async move { Ok(report(Arc::new(self.subject), in_turn).await) }).await
    }
}

fn caller(store: ApplicationStore) -> (Caller, Option<Arc<CallingThread>>) {
    match store {
        ApplicationStore::AnyThread(store) => (Caller::AnyThread(store), None),
        ApplicationStore::CallingThread(methods) => {
            let queue = Arc::<CallingThread>::default();
            let caller =
                Caller::CallingThread { queue: Arc::clone(&queue), methods: methods.into() };
            (caller, Some(queue))
        }
    }
}

fn adapter(caller: Caller) -> Result<Arc<ApplicationStoreAdapter>> {
    Ok(Arc::new(ApplicationStoreAdapter::new(caller, Arc::<Codec>::default())?))
}

async fn report(subject: Arc<Subject>, in_turn: bool) -> CheckReport {
    let mut findings: Vec<Finding> = Vec::new();
    for promise in methods::PROMISES.iter().chain(contract::PROMISES) {
        if promise.is_asked_of(&subject) {
            findings.push(promise.finding(&subject).await);
        }
    }
    let mut remarks = subject.weaknesses().await;
    remarks.extend(subject.clean_up().await);
    if in_turn {
        let text = "calls that were made at once came to this store one after another, on the one thread that waits";
        remarks.push(text.to_owned());
    }
    let ok = findings.iter().all(|finding| finding.verdict != Verdict::Failed);
    CheckReport { ok, summary: summary(&findings), findings, remarks }
}

fn summary(findings: &[Finding]) -> String {
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let (passed, failed, skipped) =
        (count(Verdict::Passed), count(Verdict::Failed), count(Verdict::Skipped));
    let mut text = format!("{passed} promises kept, {failed} broken, {skipped} not given");
    for finding in findings {
        if let (Some(expected), Some(got)) = (&finding.expected, &finding.got) {
            let promise = finding.promise;
            let _ = write!(text, "\nbroken: {promise}\n  expected: {expected}\n  got: {got}");
        }
    }
    text
}

/// Which stores a promise is asked of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Every,
    /// Those of this library.
    BuiltIn,
    /// Those of the application's own.
    OfMethods,
    /// Those that were opened twice.
    Shared,
}

/// One promise.
struct Promise {
    name: &'static str,
    scope: Scope,
    /// The methods without which a store of the application's own does not give it.
    needs: &'static [Method],
    keep: fn(Arc<Subject>) -> BoxFuture<'static, Kept>,
}

/// The promises of a module: each is the function of its name.
macro_rules! promises {
    ($($scope:ident $name:ident [$($method:ident)*];)*) => {
        pub(super) const PROMISES: &[super::Promise] = &[$(super::Promise {
            name: stringify!($name),
            scope: super::Scope::$scope,
            needs: &[$(crate::store::Method::$method),*],
            keep: |subject| Box::pin($name(subject)),
        }),*];
    };
}
use promises;

impl Promise {
    fn is_asked_of(&self, subject: &Subject) -> bool {
        match self.scope {
            Scope::Every => true,
            Scope::BuiltIn => subject.methods.is_none(),
            Scope::OfMethods => subject.methods.is_some(),
            Scope::Shared => subject.beside.is_some(),
        }
    }

    async fn finding(&self, subject: &Arc<Subject>) -> Finding {
        let begun = Instant::now();
        let mut finding = Finding {
            promise: self.name,
            verdict: Verdict::Skipped,
            expected: None,
            got: None,
            remark: subject.reason_to_skip(self.needs),
            milliseconds: 0,
        };
        if finding.remark.is_some() {
            return finding;
        }
        finding.verdict = Verdict::Passed;
        if let Err(broken) = self.outcome(subject).await {
            finding.verdict = Verdict::Failed;
            finding.expected = Some(broken.expected);
            finding.got = Some(broken.got);
        }
        finding.remark = subject.take_remark();
        finding.milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        finding
    }

    /// What became of it, whatever the store does: on a task of its own, so that a panic ends nothing else.
    async fn outcome(&self, subject: &Arc<Subject>) -> Kept {
        let grants = u32::try_from(subject.grants).unwrap_or(u32::MAX);
        let patience = PATIENCE + PATIENCE_PER_GRANT.saturating_mul(grants);
        let mut task = runtime().spawn((self.keep)(Arc::clone(subject)));
        if let Ok(ended) = tokio::time::timeout(patience, &mut task).await {
            return ended.map_err(task_error)?;
        }
        task.abort();
        subject.give_up();
        let expected = format!("its calls to end within {} s", patience.as_secs());
        Err(Broken { expected, got: "a call that had not ended".to_owned() })
    }
}
