//! The two ways to wait for an operation: on the calling thread, or as an awaitable of the running event loop.
//!
//! `pyo3_async_runtimes` is not used: its runtime hangs in a forked child, and its awaitables cost 36 µs where one that
//! is already done can cost a quarter of one.

use crate::error::{border, exception};
use crate::events::{Delivery, Events};
use crate::threads::spawn_in_python;
use evergrant::{Result, guard};
use futures_util::FutureExt;
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::AbortHandle;

/// How often a waiting thread looks whether Ctrl-C was pressed.
const SIGNAL_TICK: Duration = Duration::from_millis(50);

/// What an operation gives, on its way to Python.
pub(crate) trait Outcome: for<'py> IntoPyObject<'py> + Send + 'static {}

impl<T: for<'py> IntoPyObject<'py> + Send + 'static> Outcome for T {}

/// Runs an operation that needs no client, through the face that the caller has.
pub(crate) fn run<T: Outcome>(
    py: Python<'_>,
    asynchronous: bool,
    operation: impl Future<Output = Result<T>> + Send + 'static,
) -> PyResult<Py<PyAny>> {
    border(py, || {
        if asynchronous {
            return start(&running_loop(py)?, None, operation);
        }
        wait(py, None, operation)
    })
}

/// Waits on this thread, with the GIL released; the events so far are delivered before the result.
pub(crate) fn wait<T: Outcome>(
    py: Python<'_>,
    events: Option<Arc<Events>>,
    operation: impl Future<Output = Result<T>> + Send,
) -> PyResult<Py<PyAny>> {
    let outcome = py.detach(|| evergrant::wait_ticking(operation, SIGNAL_TICK, check_signals))?;
    if let Some(events) = events {
        events.deliver(py)?;
    }
    to_python(py, outcome)
}

#[expect(clippy::redundant_closure_for_method_calls, reason = "the method is of one lifetime only")]
fn check_signals() -> PyResult<()> {
    Python::attach(|py| py.check_signals())
}

/// Starts the operation and gives a future of `event_loop`. Cancelling that future is the caller leaving.
pub(crate) fn start<T: Outcome>(
    event_loop: &Bound<'_, PyAny>,
    events: Option<Arc<Events>>,
    operation: impl Future<Output = Result<T>> + Send + 'static,
) -> PyResult<Py<PyAny>> {
    let future = event_loop.call_method0("create_future")?;
    let waiter =
        Waiter { event_loop: event_loop.clone().unbind(), future: future.clone().unbind(), events };
    let task = evergrant::runtime().spawn(async move {
        let outcome = AssertUnwindSafe(operation)
            .catch_unwind()
            .await
            .unwrap_or_else(|panic| guard(|| resume_unwind(panic)));
        spawn_in_python(move |py| waiter.settle(py, outcome));
    });
    future.call_method1("add_done_callback", (Leave(task.abort_handle()),))?;
    Ok(future.unbind())
}

/// The event loop that runs on this thread; `RuntimeError` when there is none.
pub(crate) fn running_loop(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static GET_RUNNING_LOOP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    GET_RUNNING_LOOP.import(py, "asyncio", "get_running_loop")?.call0()
}

fn to_python<T: Outcome>(py: Python<'_>, outcome: Result<T>) -> PyResult<Py<PyAny>> {
    outcome.map_err(|error| exception(py, &error))?.into_py_any(py)
}

/// Who waits for an operation in an event loop.
struct Waiter {
    event_loop: Py<PyAny>,
    future: Py<PyAny>,
    events: Option<Arc<Events>>,
}

impl Waiter {
    fn settle<T: Outcome>(self, py: Python<'_>, outcome: Result<T>) {
        static SETTLE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let (value, error) = match to_python(py, outcome) {
            Ok(value) => (Some(value), None),
            Err(error) => (None, Some(error)),
        };
        let settled = SETTLE.import(py, "evergrant._bridge", "settle").and_then(|settle| {
            settle.call1((self.event_loop, self.future, value, error, self.events.map(Delivery)))
        });
        if let Err(error) = settled {
            error.write_unraisable(py, None);
        }
    }
}

/// Called by asyncio when its future is done: an operation that still runs then was cancelled. A renewal it began goes
/// on in the core.
#[pyclass(frozen)]
struct Leave(AbortHandle);

#[pymethods]
impl Leave {
    fn __call__(&self, _future: &Bound<'_, PyAny>) {
        self.0.abort();
    }
}

/// An awaitable that is done before it is awaited.
#[pyclass(frozen)]
pub(crate) struct Ready(pub(crate) Py<PyAny>);

#[pymethods]
impl Ready {
    fn __await__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Err(PyStopIteration::new_err((self.0.clone_ref(py),)))
    }
}
