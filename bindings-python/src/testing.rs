//! The sandbox provider in the test's own process.

use evergrant_sandbox::{Options, Sandbox};
use pyo3::prelude::*;

/// For tests only: a provider on a loopback address, until this is collected. It is told what to do over HTTP.
#[pyclass(frozen, name = "_TestingSandbox")]
pub(crate) struct TestingSandbox(Sandbox);

#[pymethods]
impl TestingSandbox {
    #[new]
    fn new() -> PyResult<Self> {
        Ok(TestingSandbox(Sandbox::start(Options::default())?))
    }

    #[getter]
    fn base_url(&self) -> &str {
        self.0.base_url()
    }
}
