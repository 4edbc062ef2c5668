//! The native half of the Python package `evergrant`. It adds no behaviour: an exported method converts, makes one call
//! into the core's façade and maps the error.
//!
//! Constraints: nothing here belongs to a process (the core keeps that, and survives `fork()`); importing starts
//! nothing; a panic never reaches Python but as `evergrant.InternalError`; the GIL is released while waiting, and is
//! never waited for on the core's own worker threads.

mod check;
mod client;
mod error;
mod events;
mod face;
mod grant;
mod held;
mod results;
mod standalone;
mod store;
#[cfg(feature = "testing")]
mod testing;
mod threads;

use pyo3::prelude::*;

#[pymodule]
mod _evergrant {
    #[pymodule_export]
    use super::check::_check_store;
    #[pymodule_export]
    use super::client::Client;
    #[pymodule_export]
    use super::grant::Grant;
    #[pymodule_export]
    use super::results::{
        AccessToken, DevicePoll, DeviceStart, Finished, GrantDocument, SignedRequest, Standing,
        Start,
    };
    #[pymodule_export]
    use super::standalone::{_protected_resource, _redirect_uri_of, _register, _sign};
    #[cfg(feature = "testing")]
    #[pymodule_export]
    use super::testing::TestingSandbox;
    #[pymodule_export]
    use super::threads::{_forget_threads, _leave_python};
    use evergrant::Code;
    use pyo3::prelude::*;
    use pyo3::types::PyTuple;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        let codes = Code::ALL.iter().map(|code| code.as_str());
        module.add("ERROR_CODES", PyTuple::new(module.py(), codes)?)
    }
}
