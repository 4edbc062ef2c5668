//! The core's error as an exception of `evergrant.Error`'s family, and the guard that every exported method runs in.

use evergrant::guard;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// The exception for an error: `evergrant._errors` knows the class of each code.
pub(crate) fn exception(py: Python<'_>, error: &evergrant::Error) -> PyErr {
    static FROM_JSON: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    FROM_JSON
        .import(py, "evergrant._errors", "from_json")
        .and_then(|from_json| from_json.call1((error.to_json().to_string(),)))
        .map_or_else(|failure| failure, PyErr::from_value)
}

/// Runs what a method does; a panic inside becomes `evergrant.InternalError`, not `PanicException`, which no
/// `except Exception` catches.
pub(crate) fn border<T>(py: Python<'_>, method: impl FnOnce() -> PyResult<T>) -> PyResult<T> {
    guard(|| Ok(method())).unwrap_or_else(|error| Err(exception(py, &error)))
}
