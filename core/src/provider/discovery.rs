//! A provider by its issuer: its metadata is fetched and must name that very issuer (RFC 8414, OpenID Connect Discovery).
//!
//! Metadata says where the endpoints are, and nothing of a provider's habits: those are the catalogue's, where it has an entry
//! of this issuer.

use super::{Endpoints, Offline, OpenId, Provider, ProviderTable, of_issuer};
use crate::clock::boottime;
use crate::error::{Code, Error, Result};
use crate::http::{Body, HttpClient, HttpRequest, Sent, check_followed, check_public, check_url};
use crate::jose::JwsAlgorithm;
use crate::oauth2::metadata::{MetadataError, well_known_urls};
use crate::oauth2::{ClientAuthenticationMethod, Metadata};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::timeout;
use url::Url;

const MAX_METADATA_BYTES: u64 = 1 << 20;

/// How long metadata is used before it is read again, in milliseconds: a process may run for months, and a provider change its
/// endpoints and algorithms.
const LIFETIME: i64 = 24 * 3_600_000;

/// How long what was read before is used when that failed.
const READ_AGAIN: i64 = 3_600_000;

/// How long newer metadata is waited for, at most.
const RENEWED_WITHIN: Duration = Duration::from_secs(2);

/// The provider of an issuer, once its metadata was read.
#[derive(Default)]
pub(crate) struct Discovered {
    /// And until when it is used, by the clock that nobody sets.
    known: Mutex<Option<(Arc<Provider>, i64)>>,
    /// Held by the one who reads: the others wait for what it brings.
    reading: tokio::sync::Mutex<()>,
}

impl Discovered {
    /// The provider; `read` is asked where there is none or it is old.
    pub(crate) async fn provider<F>(&self, read: impl Fn() -> F) -> Result<Arc<Provider>>
    where
        F: Future<Output = Result<Provider>>,
    {
        if let (Some(known), true) = self.known() {
            return Ok(known);
        }
        let _reading = self.reading.lock().await;
        match self.known() {
            (Some(known), true) => Ok(known),
            (Some(before), false) => {
                // The others use it meanwhile, and so does everybody where this comes to nothing.
                self.keep(&before, READ_AGAIN);
                match timeout(RENEWED_WITHIN, read()).await {
                    Ok(Ok(provider)) => Ok(self.keep(&Arc::new(provider), LIFETIME)),
                    _ => Ok(before),
                }
            }
            (None, _) => Ok(self.keep(&Arc::new(read().await?), LIFETIME)),
        }
    }

    /// What was read last, and whether it is used without asking.
    fn known(&self) -> (Option<Arc<Provider>>, bool) {
        match &*self.known.lock().expect("no holder panics") {
            Some((provider, until)) => (Some(Arc::clone(provider)), boottime() < *until),
            None => (None, false),
        }
    }

    fn keep(&self, provider: &Arc<Provider>, lifetime: i64) -> Arc<Provider> {
        let until = boottime() + lifetime;
        *self.known.lock().expect("no holder panics") = Some((Arc::clone(provider), until));
        Arc::clone(provider)
    }
}

/// Refuses an issuer whose metadata must not be fetched; key and code are of what is no issuer at all.
pub(crate) fn check_issuer(
    issuer: &str,
    (key, code): (&str, Code),
    allow_private_addresses: bool,
) -> Result<()> {
    let urls =
        well_known_urls(issuer).map_err(|error| Error::new(code, format!("{key}: {error}")))?;
    for url in &urls {
        check_url(url, key)?;
        if !allow_private_addresses {
            check_public(url, key)?;
        }
    }
    Ok(())
}

/// The provider that the issuer's metadata describes; `with_certificate` where the client shows one.
pub(crate) async fn discover(
    http: &HttpClient,
    issuer: &str,
    timeout: f64,
    with_certificate: bool,
) -> Result<Provider> {
    let (document, metadata) = fetch(http, issuer, timeout).await?;
    let metadata = if with_certificate { metadata.for_mutual_tls() } else { metadata };
    provider(&document, issuer, metadata)
}

/// Asks the well-known places in turn; gives the metadata and where it was.
pub(crate) async fn fetch(
    http: &HttpClient,
    issuer: &str,
    timeout: f64,
) -> Result<(Url, Metadata)> {
    let invalid = |text: String| Error::new(Code::InvalidResponse, text).with_provider(issuer);
    let (mut last, mut unreadable) = (None, None);
    for url in well_known_urls(issuer).map_err(|error| invalid(error.to_string()))? {
        let request = HttpRequest {
            method: "GET".to_owned(),
            url: url.clone(),
            headers: vec![("accept".to_owned(), "application/json".to_owned())],
            body: Body::None,
            timeout: Duration::from_secs_f64(timeout),
            max_response_bytes: MAX_METADATA_BYTES,
        };
        let response = match http.send_to_provider(request).await {
            Sent::Answered(response) => response,
            Sent::Unsent(error) | Sent::Ambiguous(error) => {
                return Err(error.with_provider(issuer));
            }
        };
        if response.status == 200 {
            // Some hosts answer 200 with a page of theirs for whatever they do not have.
            match Metadata::parse(issuer, response.header("content-type"), &response.body) {
                Ok(metadata) => return Ok((url, metadata)),
                Err(page @ MetadataError::Body { .. }) => {
                    unreadable.get_or_insert_with(|| invalid(page.to_string()));
                }
                Err(error) => return Err(invalid(error.to_string())),
            }
        }
        last = Some((url, response.status));
    }
    if let Some(error) = unreadable {
        return Err(error);
    }
    let (url, status) = last.expect("there is at least one well-known place");
    Err(invalid(format!(
        "no metadata for the issuer {issuer:?}: {} answered {status}; expected 200 with a JSON document",
        url.path()
    ))
    .with_status(status))
}

fn provider(document: &Url, issuer: &str, metadata: Metadata) -> Result<Provider> {
    let endpoint = |name: &str, url: Option<Url>| {
        let url = url.ok_or_else(|| {
            let text = format!(
                "the metadata of {issuer:?} has no {name}; expected the URL of an endpoint"
            );
            Error::new(Code::InvalidResponse, text).with_provider(issuer)
        })?;
        check_followed(document, &url, &format!("metadata of {issuer:?}: {name}"))?;
        Ok::<_, Error>(url)
    };
    let optional =
        |name: &str, url: Option<Url>| url.map(|url| endpoint(name, Some(url))).transpose();
    let endpoints = Endpoints::OAuth2 {
        authorization: optional("authorization_endpoint", metadata.authorization_endpoint)?,
        token: endpoint("token_endpoint", metadata.token_endpoint)?,
        refresh: None,
        revocation: optional("revocation_endpoint", metadata.revocation_endpoint)?,
        introspection: optional("introspection_endpoint", metadata.introspection_endpoint)?,
        device_authorization: optional(
            "device_authorization_endpoint",
            metadata.device_authorization_endpoint,
        )?,
        pushed_authorization_request: optional(
            "pushed_authorization_request_endpoint",
            metadata.pushed_authorization_request_endpoint,
        )?,
    };
    let supported = &metadata.token_endpoint_auth_methods_supported;
    let supports_offline_access =
        metadata.scopes_supported.iter().any(|scope| scope == "offline_access");
    let known = of_issuer(issuer).unwrap_or_default();
    let table = ProviderTable {
        name: Some(issuer.to_owned()),
        issuer: Some(issuer.to_owned()),
        client_authentication: known.client_authentication.or_else(|| with_a_secret(supported)),
        dpop_signing_alg_values_supported: metadata.dpop_signing_alg_values_supported,
        offline: known.offline.clone().or_else(|| supports_offline_access.then(offline_access)),
        authorization_response_iss_parameter_supported: known
            .authorization_response_iss_parameter_supported
            || metadata.authorization_response_iss_parameter_supported,
        require_pushed_authorization_requests: known.require_pushed_authorization_requests
            || metadata.require_pushed_authorization_requests,
        require_signed_request_object: known.require_signed_request_object
            || metadata.require_signed_request_object,
        ..known
    };
    let supported = algorithms(&metadata.id_token_signing_alg_values_supported);
    let open_id = OpenId {
        issuers: table.issuers(),
        algorithms: table.algorithms(&supported),
        jwks_uri: optional("jwks_uri", metadata.jwks_uri)?,
        userinfo: optional("userinfo_endpoint", metadata.userinfo_endpoint)?,
        end_session: optional("end_session_endpoint", metadata.end_session_endpoint)?,
    };
    Provider::at(endpoints, open_id, table)
}

/// The algorithms of these names, as far as a public key verifies them: a provider cannot bring in `none` or one with a shared secret. All of
/// them where it names none.
fn algorithms(names: &[String]) -> Vec<JwsAlgorithm> {
    let is_named = |known: &&JwsAlgorithm| names.iter().any(|name| known.as_str() == name);
    let known = JwsAlgorithm::PUBLIC.iter();
    known.filter(|known| names.is_empty() || is_named(known)).copied().collect()
}

/// How a client with a secret authenticates: as the server says first, and by an assertion only where it takes nothing else.
fn with_a_secret(supported: &[String]) -> Option<ClientAuthenticationMethod> {
    use ClientAuthenticationMethod as Method;
    let methods = || supported.iter().filter_map(|name| Method::from_name(name));
    let sends_it =
        |method: &Method| matches!(method, Method::ClientSecretBasic | Method::ClientSecretPost);
    methods().find(sends_it).or_else(|| methods().find(|method| *method == Method::ClientSecretJwt))
}

/// What brings a refresh token by OpenID Connect Core section 11, which lets a server ignore the scope without prompt=consent.
pub(crate) fn offline_access() -> Offline {
    Offline {
        parameters: [("prompt".to_owned(), "consent".to_owned())].into(),
        scope: vec!["offline_access".to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::wait;
    use std::cell::Cell;

    /// The provider that metadata with these endpoints makes of an issuer.
    fn discovered(issuer: &str, token: &str) -> Result<Provider> {
        let body = format!(
            r#"{{"issuer":"{issuer}","authorization_endpoint":"{issuer}/a","token_endpoint":"{token}",
                "token_endpoint_auth_methods_supported":["none","tls_client_auth","client_secret_basic"],"scopes_supported":["offline_access"]}}"#
        );
        let metadata = Metadata::parse(issuer, None, body.as_bytes()).unwrap();
        provider(&well_known_urls(issuer).unwrap()[0], issuer, metadata)
    }

    #[test]
    fn metadata_is_read_again_when_it_is_old_and_kept_where_that_fails() {
        let (found, reads) = (Discovered::default(), Cell::new(0));
        let provider = |answer: Result<Provider>| {
            let read = || {
                reads.set(reads.get() + 1);
                std::future::ready(answer.clone())
            };
            wait(found.provider(read))
        };
        let later = || found.known.lock().unwrap().as_mut().unwrap().1 = boottime();
        let one = |token: &str| discovered("https://as.example", token);
        let is_at = |provider: &Provider, place: &str| {
            matches!(&provider.endpoints,
            Endpoints::OAuth2 { token, .. } if token.as_str() == place)
        };
        let away = || Err(Error::new(Code::Transport, "away"));

        assert_eq!(provider(away()).unwrap_err().code(), Code::Transport);
        assert!(provider(one("https://as.example/1")).is_ok());
        let same = provider(one("https://as.example/2")).unwrap();
        assert!(is_at(&same, "https://as.example/1") && reads.get() == 2);
        later();
        for _ in 0..2 {
            assert!(is_at(&provider(away()).unwrap(), "https://as.example/1"));
            assert_eq!(reads.get(), 3);
        }
        later();
        assert!(is_at(&provider(one("https://as.example/2")).unwrap(), "https://as.example/2"));
    }

    #[test]
    fn security_06_metadata_from_afar_names_no_endpoint_on_this_machine() {
        let named = |token| discovered("https://as.example", token);
        assert!(named("https://as.example/t").is_ok());
        assert_eq!(named("http://127.0.0.1/t").unwrap_err().code(), Code::InsecureUrl);
    }

    #[test]
    fn metadata_brings_in_neither_none_nor_an_algorithm_with_a_shared_secret() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let told = algorithms(&names(&["none", "HS256", "ES256", "RS256"]));
        assert_eq!(told, [JwsAlgorithm::RS256, JwsAlgorithm::ES256]);
        assert!(algorithms(&names(&["none", "HS256"])).is_empty());
        assert_eq!(algorithms(&[]), JwsAlgorithm::PUBLIC);
    }

    #[test]
    fn a_secret_is_sent_where_the_server_takes_it_and_signs_where_it_takes_nothing_else() {
        use ClientAuthenticationMethod as Method;
        let of = |names: &[&str]| {
            with_a_secret(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
        };
        let all = ["none", "client_secret_jwt", "private_key_jwt", "client_secret_post"];
        assert_eq!(of(&all), Some(Method::ClientSecretPost));
        assert_eq!(of(&all[..3]), Some(Method::ClientSecretJwt));
        assert_eq!(of(&["none", "private_key_jwt"]), None);
    }

    #[test]
    fn a_provider_by_issuer_has_the_habits_that_the_catalogue_knows_of_it_and_the_endpoints_of_its_metadata()
     {
        let google = discovered("https://accounts.google.com", "https://as.example/t").unwrap();
        assert_eq!(google.name, "https://accounts.google.com"); // the key of grants that are stored
        assert_eq!(google.endpoints.host(), "as.example");
        assert!(google.revoking_takes_all);
        let issuers = ["https://accounts.google.com", "accounts.google.com"];
        assert_eq!(google.open_id.issuers, issuers);
        assert_eq!(google.rotation.kills_on_reuse, Some(false));
        assert_eq!(google.client_authentication, ClientAuthenticationMethod::ClientSecretPost);
        assert_eq!(google.offline.unwrap().parameters["access_type"], "offline");

        let other = discovered("https://accounts.google.com/", "https://as.example/t").unwrap();
        assert!(!other.revoking_takes_all);
        assert_eq!(other.client_authentication, ClientAuthenticationMethod::ClientSecretBasic);
        assert_eq!(other.offline.unwrap().scope, ["offline_access"]);
    }
}
