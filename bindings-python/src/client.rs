//! `Client`: one configuration, seen through one of the two faces.

use crate::error::{border, exception};
use crate::events::Events;
use crate::face::{self, Outcome};
use crate::results::{DevicePoll, DeviceStart, Finished, NOTHING, Standing, Start, to_text};
use crate::store::PythonStore;
use evergrant::{ApplicationStore, Config, Environment, Result, options_from_json};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use std::future::Future;
use std::sync::Arc;

/// What `evergrant.Client` and `evergrant.AsyncClient` are made of. Operations take JSON text and give plain values: at
/// once where the client is blocking, as an awaitable where it is not.
#[pyclass(frozen, weakref, module = "evergrant._evergrant")]
pub(crate) struct Client {
    core: evergrant::Client,
    asynchronous: bool,
    store: Option<PythonStore>,
    events: Option<Arc<Events>>,
}

impl Client {
    /// Runs an operation through this client's face.
    pub(crate) fn run<T: Outcome>(
        &self,
        py: Python<'_>,
        operation: impl Future<Output = Result<T>> + Send + 'static,
    ) -> PyResult<Py<PyAny>> {
        border(py, || {
            if !self.asynchronous {
                return face::wait(py, self.events.clone(), operation);
            }
            let event_loop = face::running_loop(py)?;
            if let Some(store) = &self.store {
                store.use_event_loop(&event_loop);
            }
            if let Some(events) = &self.events {
                events.use_event_loop(&event_loop);
            }
            face::start(&event_loop, self.events.clone(), operation)
        })
    }

    pub(crate) fn core(&self) -> &evergrant::Client {
        &self.core
    }

    pub(crate) fn is_asynchronous(&self) -> bool {
        self.asynchronous
    }
}

#[pymethods]
impl Client {
    #[new]
    fn new(
        py: Python<'_>,
        config: &str,
        store: Option<&Bound<'_, PyAny>>,
        on_event: Option<Py<PyAny>>,
        asynchronous: bool,
    ) -> PyResult<Self> {
        let store = store.map(PythonStore::new).transpose()?;
        let (events, sink) = on_event.map(|on_event| Events::new(on_event, asynchronous)).unzip();
        let environment = Environment {
            store: store.clone().map(|store| ApplicationStore::AnyThread(Arc::new(store))),
            events: sink.map_or(evergrant::Events::None, evergrant::Events::Sink),
            ..Environment::default()
        };
        let core = border(py, || {
            py.detach(|| evergrant::Client::open_with(Config::from_json(config)?, environment))
                .map_err(|error| exception(py, &error))
        })?;
        Ok(Client { core, asynchronous, store, events })
    }

    fn begin(&self, py: Python<'_>, subject: String, options: String) -> PyResult<Py<PyAny>> {
        let client = self.core.clone();
        self.run(py, async move {
            client.begin(&subject, options_from_json(&options)?).await.map(Start::from)
        })
    }

    fn finish(&self, py: Python<'_>, callback: String, options: String) -> PyResult<Py<PyAny>> {
        let client = self.core.clone();
        self.run(py, async move {
            client.finish(&callback, options_from_json(&options)?).await.map(Finished::from)
        })
    }

    fn exchange(
        &self,
        py: Python<'_>,
        subject: String,
        code: String,
        options: String,
    ) -> PyResult<Py<PyAny>> {
        let client = self.core.clone();
        self.run(py, async move {
            let options = options_from_json(&options)?;
            client.exchange(&subject, &code, options).await.map(Finished::from)
        })
    }

    fn check(&self, py: Python<'_>, subject: String, options: String) -> PyResult<Py<PyAny>> {
        let client = self.core.clone();
        self.run(py, async move {
            client.check(&subject, options_from_json(&options)?).await.map(Standing::from)
        })
    }

    fn begin_device(
        &self,
        py: Python<'_>,
        subject: String,
        options: String,
    ) -> PyResult<Py<PyAny>> {
        let client = self.core.clone();
        self.run(py, async move {
            client.begin_device(&subject, options_from_json(&options)?).await.map(DeviceStart::from)
        })
    }

    fn poll_device(&self, py: Python<'_>, state: String) -> PyResult<Py<PyAny>> {
        let client = self.core.clone();
        self.run(py, async move { client.poll_device(&state).await.map(DevicePoll::from) })
    }

    fn wait_device(
        &self,
        py: Python<'_>,
        state: String,
        timeout: Option<f64>,
    ) -> PyResult<Py<PyAny>> {
        let client = self.core.clone();
        self.run(py, async move { client.wait_device(&state, timeout).await.map(Finished::from) })
    }

    fn logout_url(&self, py: Python<'_>, options: String) -> PyResult<Py<PyAny>> {
        let client = self.core.clone();
        self.run(py, async move {
            let logout = client.logout_url(options_from_json(&options)?).await?;
            Ok(logout.url.expose().to_owned())
        })
    }

    fn grant_by_password(
        &self,
        py: Python<'_>,
        subject: String,
        options: String,
    ) -> PyResult<Py<PyAny>> {
        let client = self.core.clone();
        self.run(py, async move {
            let options = options_from_json(&options)?;
            client.grant_by_password(&subject, options).await.map(|found| to_text(&found))
        })
    }

    fn grant_by_pin(
        &self,
        py: Python<'_>,
        subject: String,
        options: String,
    ) -> PyResult<Py<PyAny>> {
        let client = self.core.clone();
        self.run(py, async move {
            let options = options_from_json(&options)?;
            client.grant_by_pin(&subject, options).await.map(|found| to_text(&found))
        })
    }

    fn pin_url(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let client = self.core.clone();
        self.run(py, async move { client.pin_url().await })
    }

    fn put(&self, py: Python<'_>, subject: String, tokens: String) -> PyResult<Py<PyAny>> {
        let client = self.core.clone();
        self.run(py, async move {
            client.put(&subject, options_from_json(&tokens)?).await.map(|found| to_text(&found))
        })
    }

    fn list(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let client = self.core.clone();
        self.run(py, async move { client.list().await.map(|found| to_text(&found)) })
    }

    fn due(&self, py: Python<'_>, options: String) -> PyResult<Py<PyAny>> {
        let client = self.core.clone();
        self.run(py, async move {
            client.due(options_from_json(&options)?).await.map(|found| to_text(&found))
        })
    }

    fn refresh_due(&self, py: Python<'_>, options: String) -> PyResult<Py<PyAny>> {
        let client = self.core.clone();
        self.run(py, async move {
            client.refresh_due(options_from_json(&options)?).await.map(|report| to_text(&report))
        })
    }

    fn close(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let client = self.core.clone();
        self.run(py, async move {
            client.close().await;
            Ok(NOTHING)
        })
    }

    /// Closes the client on this thread, whatever its face.
    fn _close_at_exit(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let client = self.core.clone();
        border(py, || {
            face::wait(py, self.events.clone(), async move {
                client.close().await;
                Ok(NOTHING)
            })
        })
    }

    /// For tests only: what the library takes for now, in Unix milliseconds; `None` is the system's clock.
    fn _testing_set_clock(&self, unix_millis: Option<i64>) {
        self.core.set_test_clock(unix_millis);
    }

    /// For tests only: fails with the error of this code.
    #[cfg(feature = "testing")]
    fn _testing_fail(&self, py: Python<'_>, code: String) -> PyResult<Py<PyAny>> {
        self.run(py, async move {
            let code = evergrant::Code::ALL.iter().find(|known| known.as_str() == code);
            let code = *code.expect("the test names a code");
            Err::<String, _>(evergrant::Error::new(code, "failed on purpose"))
        })
    }

    /// For tests only: panics, before or inside the operation.
    #[cfg(feature = "testing")]
    fn _testing_panic(&self, py: Python<'_>, inside: bool) -> PyResult<Py<PyAny>> {
        if inside {
            return self.run(py, async { panic!("panicked on purpose") as Result<String> });
        }
        border(py, || panic!("panicked on purpose"))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> std::result::Result<(), PyTraverseError> {
        if let Some(events) = &self.events {
            events.traverse(&visit)?;
        }
        self.store.as_ref().map_or(Ok(()), |store| store.traverse(&visit))
    }

    fn __clear__(&self) {
        if let Some(events) = &self.events {
            events.clear();
        }
        if let Some(store) = &self.store {
            store.clear();
        }
    }
}
