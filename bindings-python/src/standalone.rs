//! Operations that need no client.

use crate::error::{border, exception};
use crate::face;
use crate::results::{SignedRequest, to_text};
use evergrant::{SignOptions, options_from_json};
use pyo3::prelude::*;

/// Gives the registration as JSON text: at once, or, inside an event loop, as an awaitable.
#[pyfunction]
pub(crate) fn _register(
    py: Python<'_>,
    options: String,
    asynchronous: bool,
) -> PyResult<Py<PyAny>> {
    face::run(py, asynchronous, async move {
        evergrant::register(options_from_json(&options)?).await.map(|found| to_text(&found))
    })
}

/// Gives the metadata as JSON text: at once, or, inside an event loop, as an awaitable.
#[pyfunction]
pub(crate) fn _protected_resource(
    py: Python<'_>,
    options: String,
    asynchronous: bool,
) -> PyResult<Py<PyAny>> {
    face::run(py, asynchronous, async move {
        let options = options_from_json(&options)?;
        evergrant::protected_resource(options).await.map(|found| to_text(&found))
    })
}

#[pyfunction]
pub(crate) fn _redirect_uri_of(
    py: Python<'_>,
    request: &str,
    path: Option<&str>,
) -> PyResult<String> {
    border(py, || {
        options_from_json(request)
            .and_then(|request| evergrant::redirect_uri_of(&request, path))
            .map_err(|error| exception(py, &error))
    })
}

#[pyfunction]
pub(crate) fn _sign(
    py: Python<'_>,
    method: &str,
    url: &str,
    options: &str,
    body: Option<Vec<u8>>,
) -> PyResult<SignedRequest> {
    border(py, || {
        let signed = py.detach(|| {
            let options = SignOptions { body, ..options_from_json(options)? };
            evergrant::sign(method, url, &options)
        });
        signed.map(SignedRequest::from).map_err(|error| exception(py, &error))
    })
}
