//! How the library's own threads get into Python, and that none is inside when the interpreter ends: a thread that holds
//! a lock of Python's then, such as that of `sys.stdout`, would make the process abort.

use pyo3::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long the end of the interpreter waits for a store's method or `on_event` to return.
const PATIENCE: Duration = Duration::from_secs(5);

static INSIDE: AtomicUsize = AtomicUsize::new(0);
static ENDED: AtomicBool = AtomicBool::new(false);

/// Runs `work` in Python, on a thread of the library that may block. Nothing happens when the interpreter ends.
pub(crate) fn spawn_in_python(work: impl FnOnce(Python<'_>) + Send + 'static) {
    evergrant::runtime().spawn_blocking(move || {
        let _inside = Inside::enter();
        if !ENDED.load(Ordering::SeqCst) {
            Python::try_attach(work);
        }
    });
}

struct Inside;

impl Inside {
    fn enter() -> Self {
        INSIDE.fetch_add(1, Ordering::SeqCst);
        Inside
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Called when the interpreter ends: waits until no thread of the library is in Python, and lets none in any more.
#[pyfunction]
pub(crate) fn _leave_python(py: Python<'_>) {
    ENDED.store(true, Ordering::SeqCst);
    py.detach(|| {
        let started = Instant::now();
        while INSIDE.load(Ordering::SeqCst) > 0 && started.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}

/// Called in a forked child, which has none of the parent's threads.
#[pyfunction]
pub(crate) fn _forget_threads() {
    INSIDE.store(0, Ordering::SeqCst);
}
