//! A Python object that Rust holds where Python's garbage collector cannot look: its owner shows it to the collector.

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use std::sync::{Mutex, MutexGuard};

/// An object, or nothing. The lock is taken only with the GIL held, so no other thread can hold it at a `fork()`.
#[derive(Default)]
pub(crate) struct Held(Mutex<Option<Py<PyAny>>>);

impl Held {
    pub(crate) fn new(object: Option<Py<PyAny>>) -> Self {
        Held(Mutex::new(object))
    }

    pub(crate) fn get(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        self.lock().as_ref().map(|object| object.clone_ref(py))
    }

    /// Takes the place of what was held before, which is dropped after the lock: its finalizer may come back here.
    pub(crate) fn set(&self, object: Option<Py<PyAny>>) {
        let before = std::mem::replace(&mut *self.lock(), object);
        drop(before);
    }

    /// For `__traverse__` of the one owner.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&*self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Py<PyAny>>> {
        self.0.lock().expect("no holder of the lock panics")
    }
}
