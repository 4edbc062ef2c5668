//! A token store written in Python, plain or `async def`.
//!
//! Its methods are called on threads that may block, never on the core's workers. A coroutine runs on the event loop of
//! the `AsyncClient`'s last caller, or on a loop of the package's own under the blocking client: `evergrant._bridge`.

use crate::held::Held;
use crate::threads::spawn_in_python;
use evergrant::{ForeignStore, Method, StoreCall, StoreReply};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use serde_json::Value;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

/// The application's store, and the event loop that its coroutines run on.
#[derive(Clone)]
pub(crate) struct PythonStore {
    store: Arc<Held>,
    event_loop: Arc<Held>,
    methods: Arc<[Method]>,
}

impl PythonStore {
    pub(crate) fn new(store: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut methods = Vec::new();
        for method in Method::ALL {
            if store.hasattr(method.name())? {
                methods.push(*method);
            }
        }
        Ok(PythonStore {
            store: Arc::new(Held::new(Some(store.clone().unbind()))),
            event_loop: Arc::default(),
            methods: methods.into(),
        })
    }

    /// Where coroutines of the store run from now on.
    pub(crate) fn use_event_loop(&self, event_loop: &Bound<'_, PyAny>) {
        self.event_loop.set(Some(event_loop.clone().unbind()));
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.store.traverse(visit)?;
        self.event_loop.traverse(visit)
    }

    pub(crate) fn clear(&self) {
        self.store.set(None);
        self.event_loop.set(None);
    }

    /// Calls a method; what it replied, now or when its coroutine ends, goes to `reply`.
    fn invoke(&self, py: Python<'_>, call: &StoreCall, reply: Reply) -> PyResult<()> {
        static INVOKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let arguments = Value::from(call.arguments.clone()).to_string();
        INVOKE.import(py, "evergrant._bridge", "invoke")?.call1((
            self.store.get(py),
            call.method.name(),
            arguments,
            self.event_loop.get(py),
            reply,
        ))?;
        Ok(())
    }
}

impl ForeignStore for PythonStore {
    fn has(&self, method: Method) -> bool {
        self.methods.contains(&method)
    }

    fn call(&self, call: StoreCall) -> Pin<Box<dyn Future<Output = StoreReply> + Send>> {
        let store = self.clone();
        Box::pin(async move {
            let (send, receive) = oneshot::channel();
            let reply = Reply(Mutex::new(Some(send)));
            spawn_in_python(move |py| {
                if let Err(error) = store.invoke(py, &call, reply) {
                    error.write_unraisable(py, None);
                }
            });
            let text = receive.await.map_err(|_| "the store was gone before it replied")??;
            serde_json::from_str(&text).map_err(|error| error.to_string())
        })
    }
}

/// Takes what one call of a store's method replied.
#[pyclass(frozen)]
struct Reply(Mutex<Option<oneshot::Sender<Result<String, String>>>>);

#[pymethods]
impl Reply {
    /// What the method returned, as JSON text.
    fn returned(&self, text: String) {
        self.send(Ok(text));
    }

    /// What the method raised, in words.
    fn raised(&self, text: String) {
        self.send(Err(text));
    }
}

impl Reply {
    fn send(&self, reply: Result<String, String>) {
        if let Some(sender) = self.0.lock().expect("no holder of the lock panics").take() {
            // The flight that asked may have ended at its deadline.
            let _ = sender.send(reply);
        }
    }
}
