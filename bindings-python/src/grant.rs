//! `Grant`: a handle on one subject's grant.

use crate::client::Client;
use crate::error::border;
use crate::face::Ready;
use crate::results::{AccessToken, GrantDocument, NOTHING, to_text};
use evergrant::{ApiRequest, Scopes, options_from_json};
use pyo3::IntoPyObjectExt;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

/// What `evergrant.Grant` and `evergrant.AsyncGrant` inherit.
#[pyclass(frozen, subclass, module = "evergrant._evergrant")]
pub(crate) struct Grant {
    core: evergrant::Grant,
    client: Py<Client>,
}

#[pymethods]
impl Grant {
    #[new]
    fn new(client: Py<Client>, subject: &str, slot: &str) -> Self {
        Grant { core: client.get().core().grant_slot(subject, slot), client }
    }

    /// Whose grant.
    #[getter]
    fn subject(&self) -> &str {
        self.core.subject()
    }

    /// Which of this subject's grants.
    #[getter]
    fn slot(&self) -> &str {
        self.core.slot()
    }

    /// The token in memory if it is fresh; at once, and without asking the store or the provider.
    fn cached_access_token(&self, py: Python<'_>) -> PyResult<Option<AccessToken>> {
        border(py, || Ok(self.core.cached_access_token().map(AccessToken::from)))
    }

    #[pyo3(signature = (**options))]
    fn access_token(
        &self,
        py: Python<'_>,
        options: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        static OPTIONS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let client = self.client.get();
        let options: String = match options {
            Some(options) => OPTIONS
                .import(py, "evergrant._arguments", "options")?
                .call1((options,))?
                .extract()?,
            None => match self.cached_access_token(py)? {
                Some(token) if client.is_asynchronous() => {
                    return Ready(token.into_py_any(py)?).into_py_any(py);
                }
                Some(token) => return token.into_py_any(py),
                None => "{}".to_owned(),
            },
        };
        let grant = self.core.clone();
        client.run(py, async move {
            grant.access_token(options_from_json(&options)?).await.map(AccessToken::from)
        })
    }

    fn _headers(
        &self,
        py: Python<'_>,
        method: String,
        url: String,
        options: String,
    ) -> PyResult<Py<PyAny>> {
        let grant = self.core.clone();
        self.client.get().run(py, async move {
            grant.headers(&method, &url, options_from_json(&options)?).await
        })
    }

    fn _request(
        &self,
        py: Python<'_>,
        request: String,
        body: Option<Vec<u8>>,
    ) -> PyResult<Py<PyAny>> {
        let grant = self.core.clone();
        self.client.get().run(py, async move {
            let request = ApiRequest { body, ..options_from_json(&request)? };
            let response = grant.request(request).await?;
            Ok((response.status, response.headers, response.body, response.url))
        })
    }

    fn _refresh(&self, py: Python<'_>, options: String) -> PyResult<Py<PyAny>> {
        let grant = self.core.clone();
        self.client.get().run(py, async move {
            grant.refresh(options_from_json(&options)?).await.map(|found| to_text(&found))
        })
    }

    fn _userinfo(&self, py: Python<'_>, options: String) -> PyResult<Py<PyAny>> {
        let grant = self.core.clone();
        self.client.get().run(py, async move {
            grant.userinfo(options_from_json(&options)?).await.map(|claims| to_text(&claims))
        })
    }

    fn _introspect(&self, py: Python<'_>, options: String) -> PyResult<Py<PyAny>> {
        let grant = self.core.clone();
        self.client.get().run(py, async move {
            grant.introspect(options_from_json(&options)?).await.map(|found| to_text(&found))
        })
    }

    fn _token_response(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let grant = self.core.clone();
        self.client
            .get()
            .run(py, async move { grant.token_response().await.map(|found| to_text(&found)) })
    }

    fn _missing_scope(&self, py: Python<'_>, wanted: String) -> PyResult<Py<PyAny>> {
        let grant = self.core.clone();
        self.client.get().run(py, async move {
            grant.missing_scope(options_from_json::<Option<Scopes>>(&wanted)?).await
        })
    }

    fn _revoke(&self, py: Python<'_>, options: String) -> PyResult<Py<PyAny>> {
        let grant = self.core.clone();
        self.client.get().run(py, async move {
            grant.revoke(options_from_json(&options)?).await.map(|()| NOTHING)
        })
    }

    fn _forget(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let grant = self.core.clone();
        self.client.get().run(py, async move { grant.forget().await.map(|()| NOTHING) })
    }

    fn _inspect(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let grant = self.core.clone();
        self.client.get().run(py, async move { grant.inspect().await.map(|found| to_text(&found)) })
    }

    fn _export(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let grant = self.core.clone();
        self.client.get().run(py, async move { grant.export().await.map(GrantDocument::from) })
    }

    fn __repr__(&self) -> String {
        format!("Grant(subject={:?}, slot={:?})", self.core.subject(), self.core.slot())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.client)
    }
}
