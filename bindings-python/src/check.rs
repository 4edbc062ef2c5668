//! A store written in Python, held to its promises: `evergrant.testing`.

use crate::error::{border, exception};
use crate::face;
use crate::results::to_text;
use crate::store::PythonStore;
use evergrant::{ApplicationStore, StoreCheck, options_from_json};
use pyo3::prelude::*;
use std::sync::Arc;

/// Gives the report as JSON text: at once, or, inside an event loop, as an awaitable.
#[pyfunction]
pub(crate) fn _check_store(
    py: Python<'_>,
    store: &Bound<'_, PyAny>,
    beside: Option<&Bound<'_, PyAny>>,
    options: &str,
    asynchronous: bool,
) -> PyResult<Py<PyAny>> {
    border(py, || {
        let event_loop = asynchronous.then(|| face::running_loop(py)).transpose()?;
        let crossed = |store: &Bound<'_, PyAny>| {
            let store = PythonStore::new(store)?;
            if let Some(event_loop) = &event_loop {
                store.use_event_loop(event_loop);
            }
            PyResult::Ok(ApplicationStore::AnyThread(Arc::new(store)))
        };
        let (store, beside) = (crossed(store)?, beside.map(crossed).transpose()?);
        let check = options_from_json(options)
            .and_then(|options| StoreCheck::new(store, beside, &options))
            .map_err(|error| exception(py, &error))?;
        let report = async { check.run().await.map(|report| to_text(&report)) };
        match &event_loop {
            None => face::wait(py, None, report),
            Some(event_loop) => face::start(event_loop, None, report),
        }
    })
}
