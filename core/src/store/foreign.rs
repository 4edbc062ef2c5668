//! A token store that the application wrote, in whatever language: its methods are called by name with
//! JSON values, and what they reply is checked here, so that a binding only carries values across.

use crate::error::{Code, Error, Result};
use serde_json::Value;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use tokio::sync::oneshot;

/// The methods that a foreign store may have. `load` and `save` must be there; what is missing is said once
/// in an event, with the promise that cannot be kept without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Method {
    /// `load(client, subject, slot) -> record text or null`
    Load = 0,
    /// `save(client, subject, slot, record) -> null`: writes without a condition.
    Save = 1,
    /// `compare_and_set(client, subject, slot, expected_revision or null for absent, record, revision) -> bool`
    CompareAndSet = 2,
    /// `delete(client, subject, slot) -> null`
    Delete = 3,
    /// `acquire(client, subject, slot, owner, ttl_ms, intent) -> {"fencing": n, "intent": earlier or null}`
    /// or `{"busy_ms": left}`
    Acquire = 4,
    /// `renew(client, subject, slot, owner, fencing, ttl_ms) -> bool`
    Renew = 5,
    /// `release(client, subject, slot, owner, fencing, intent or null) -> null`: the intent to leave behind
    Release = 6,
    /// `list(client) -> [record text, …]`
    List = 7,
    /// `put_pending(state, document, expires_at_ms) -> null`
    PutPending = 8,
    /// `take_pending(state) -> document or null`, to one caller only
    TakePending = 9,
}

impl Method {
    /// Every method, in the order of its number.
    pub const ALL: &[Method] = &[
        Method::Load,
        Method::Save,
        Method::CompareAndSet,
        Method::Delete,
        Method::Acquire,
        Method::Renew,
        Method::Release,
        Method::List,
        Method::PutPending,
        Method::TakePending,
    ];

    /// The name in `snake_case`, as Python, PHP and C have it; Node has it in camelCase.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Method::Load => "load",
            Method::Save => "save",
            Method::CompareAndSet => "compare_and_set",
            Method::Delete => "delete",
            Method::Acquire => "acquire",
            Method::Renew => "renew",
            Method::Release => "release",
            Method::List => "list",
            Method::PutPending => "put_pending",
            Method::TakePending => "take_pending",
        }
    }

    /// What is not promised of a store that does not have it, in words for people.
    pub(crate) fn without(self) -> &'static str {
        match self {
            Method::Load | Method::Save => "it must be there",
            Method::CompareAndSet => "writes of two processes at once can overwrite each other",
            Method::Delete => "what is deleted leaves a small record behind",
            Method::Acquire => "two processes may spend one refresh token at once",
            Method::Renew => "leases are not prolonged",
            Method::Release => "leases end by their time",
            Method::List => "grants cannot be listed",
            Method::PutPending | Method::TakePending => {
                "consent must end in the process in which it began"
            }
        }
    }
}

/// One call of a method of a foreign store.
#[derive(Clone)]
pub struct StoreCall {
    /// Which method.
    pub method: Method,
    /// Its arguments, in order: strings, integers, booleans and null only.
    pub arguments: Vec<Value>,
}

/// What a method replied, or the text of what it threw.
pub type StoreReply = std::result::Result<Value, String>;

/// A store whose methods can be called from the library's own threads.
pub trait ForeignStore: Send + Sync {
    /// Whether the application's store has this method.
    fn has(&self, method: Method) -> bool;

    /// Calls a method and gives what it replied, or the text of what it threw.
    fn call(&self, call: StoreCall) -> Pin<Box<dyn Future<Output = StoreReply> + Send>>;
}

/// A store whose methods may be called only on a thread of the application that waits for the library (C, PHP):
/// calls are jobs, and whoever waits serves them.
#[derive(Default)]
pub struct CallingThread {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
}

struct Job {
    call: StoreCall,
    reply: oneshot::Sender<StoreReply>,
}

impl CallingThread {
    /// Hands a call to whoever waits.
    pub(crate) fn submit(&self, call: StoreCall) -> oneshot::Receiver<StoreReply> {
        let (reply, receiver) = oneshot::channel();
        self.lock().jobs.push_back(Job { call, reply });
        self.changed.notify_all();
        receiver
    }

    /// Waits on this thread for `future`, which runs on the library's runtime, and serves store calls meanwhile.
    pub fn wait_serving<T: Send + 'static>(
        self: &Arc<Self>,
        future: impl Future<Output = Result<T>> + Send + 'static,
        serve: &mut dyn FnMut(StoreCall) -> StoreReply,
    ) -> Result<T> {
        let (send, mut receive) = oneshot::channel();
        let waker = Arc::clone(self);
        crate::process::runtime().spawn(async move {
            // Dropped in reverse: the result (or its absence, after a panic) is there before the waiter wakes.
            let (_wake, send) = (Wake(waker), send);
            let _ = send.send(future.await);
        });
        loop {
            let mut queue = self.lock();
            let job = loop {
                match receive.try_recv() {
                    Ok(result) => return result,
                    Err(oneshot::error::TryRecvError::Closed) => {
                        return Err(Error::new(Code::Internal, "a fault of this library (panic)"));
                    }
                    Err(oneshot::error::TryRecvError::Empty) => {}
                }
                if let Some(job) = queue.jobs.pop_front() {
                    break job;
                }
                queue = self.changed.wait(queue).expect("no holder of the queue panics");
            };
            drop(queue);
            let _ = job.reply.send(serve(job.call));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("no holder of the queue panics")
    }
}

/// Wakes every waiter when the future of one has ended, by a panic too.
struct Wake(Arc<CallingThread>);

impl Drop for Wake {
    fn drop(&mut self) {
        // Taking the lock once makes sure that the waiter is asleep or has yet to look.
        drop(self.0.lock());
        self.0.changed.notify_all();
    }
}

pub(crate) fn wrong_reply(method: Method, expected: &str, got: &Value) -> Error {
    let kind = match got {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    Error::new(
        Code::Callback,
        format!("the token store's {} replied {kind}; expected {expected}", method.name()),
    )
}
