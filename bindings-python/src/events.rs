//! What the library tells while it works, on its way to `on_event`.
//!
//! Events come on the core's own threads, which must not wait for the GIL: they are queued, and delivered in order by
//! whoever comes first — a thread for the purpose, or the call that is about to return. Under an `AsyncClient` they are
//! delivered on the event loop of the last caller.

use crate::held::Held;
use crate::results::to_text;
use crate::threads::spawn_in_python;
use evergrant::{Event, EventSink};
use pyo3::exceptions::PyException;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

/// The events of one client, and who hears them.
pub(crate) struct Events {
    on_event: Held,
    /// Of an `AsyncClient`, once it was called.
    event_loop: Held,
    /// Locked only with the GIL held, so by no other thread at a `fork()`.
    queue: Mutex<Receiver<Event>>,
    /// The process whose thread delivers events now; a forked child has no such thread.
    delivering: AtomicU32,
    asynchronous: bool,
}

impl Events {
    /// The events of a client, and the sink that the core is to put them into.
    pub(crate) fn new(on_event: Py<PyAny>, asynchronous: bool) -> (Arc<Self>, EventSink) {
        let (sender, queue) = channel();
        let events = Arc::new(Events {
            on_event: Held::new(Some(on_event)),
            event_loop: Held::default(),
            queue: Mutex::new(queue),
            delivering: AtomicU32::new(0),
            asynchronous,
        });
        let told = Arc::clone(&events);
        let sink = move |event: &Event| {
            // There is a receiver as long as there is this sink.
            let _ = sender.send(event.clone());
            let told = Arc::clone(&told);
            spawn_in_python(move |py| {
                told.announce(py).unwrap_or_else(|error| error.write_unraisable(py, None));
            });
        };
        (events, Arc::new(sink))
    }

    /// Where events of an `AsyncClient` are delivered from now on.
    pub(crate) fn use_event_loop(&self, event_loop: &Bound<'_, PyAny>) {
        self.event_loop.set(Some(event_loop.clone().unbind()));
    }

    /// Has the events delivered where they belong.
    fn announce(self: Arc<Self>, py: Python<'_>) -> PyResult<()> {
        if !self.asynchronous {
            return self.deliver(py);
        }
        if let Some(event_loop) = self.event_loop.get(py) {
            // A loop that is closed raises: the next caller's loop delivers.
            let _ = event_loop.call_method1(py, "call_soon_threadsafe", (Delivery(self),));
        }
        Ok(())
    }

    /// Calls the application with each event so far. An exception that it raises is reported as for a finalizer;
    /// `KeyboardInterrupt` and its like go on to the caller.
    pub(crate) fn deliver(&self, py: Python<'_>) -> PyResult<()> {
        let this_process = process::id();
        if self.delivering.swap(this_process, Ordering::AcqRel) == this_process {
            return Ok(()); // Whoever is at it goes on until none is left.
        }
        let mut delivered = Ok(());
        while delivered.is_ok()
            && let Some(event) = self.next()
        {
            delivered = self.tell(py, &event);
        }
        self.delivering.store(0, Ordering::Release);
        delivered
    }

    fn tell(&self, py: Python<'_>, event: &Event) -> PyResult<()> {
        let Some(on_event) = self.on_event.get(py) else { return Ok(()) };
        match to_python(py, event).and_then(|event| on_event.call1(py, (event,))) {
            Err(error) if error.is_instance_of::<PyException>(py) => {
                error.write_unraisable(py, Some(on_event.bind(py)));
                Ok(())
            }
            told => told.map(drop),
        }
    }

    fn next(&self) -> Option<Event> {
        self.queue.lock().expect("no holder of the lock panics").try_recv().ok()
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.on_event.traverse(visit)?;
        self.event_loop.traverse(visit)
    }

    pub(crate) fn clear(&self) {
        self.on_event.set(None);
        self.event_loop.set(None);
    }
}

fn to_python<'py>(py: Python<'py>, event: &Event) -> PyResult<Bound<'py, PyAny>> {
    static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    LOADS.import(py, "json", "loads")?.call1((to_text(event),))
}

/// Delivers events when an event loop calls it.
#[pyclass(frozen)]
pub(crate) struct Delivery(pub(crate) Arc<Events>);

#[pymethods]
impl Delivery {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        self.0.deliver(py)
    }
}
