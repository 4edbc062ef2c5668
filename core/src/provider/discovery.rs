//! A provider by its issuer: its metadata is fetched and must name that very issuer (RFC 8414, OpenID Connect Discovery).

use super::{Endpoints, Offline, Provider, ProviderTable};
use crate::error::{Code, Error, Result};
use crate::http::{Body, HttpClient, HttpRequest, Sent, check_followed, check_url};
use crate::oauth2::metadata::well_known_urls;
use crate::oauth2::{ClientAuthenticationMethod, Metadata};
use std::time::Duration;
use url::Url;

const MAX_METADATA_BYTES: u64 = 1 << 20;

/// Refuses an issuer whose metadata must not be fetched.
pub(crate) fn check_issuer(issuer: &str) -> Result<()> {
    let invalid = |error: &dyn std::fmt::Display| {
        Error::new(Code::InvalidConfig, format!("provider: {error}"))
    };
    let urls = well_known_urls(issuer).map_err(|error| invalid(&error))?;
    urls.iter().try_for_each(|url| check_url(url, "provider"))
}

/// Asks the well-known places in turn.
pub(crate) async fn discover(http: &HttpClient, issuer: &str, timeout: f64) -> Result<Provider> {
    let invalid = |text: String| Error::new(Code::InvalidResponse, text).with_provider(issuer);
    let mut last = None;
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
            let metadata = Metadata::parse(issuer, response.header("content-type"), &response.body)
                .map_err(|error| invalid(error.to_string()))?;
            return provider(&url, issuer, metadata);
        }
        last = Some((url, response.status));
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
    let endpoints = Endpoints::OAuth2 {
        authorization: endpoint("authorization_endpoint", metadata.authorization_endpoint)?,
        token: endpoint("token_endpoint", metadata.token_endpoint)?,
        refresh: None,
        revocation: metadata
            .revocation_endpoint
            .map(|url| endpoint("revocation_endpoint", Some(url)))
            .transpose()?,
    };
    let known = metadata.token_endpoint_auth_methods_supported.iter();
    let mut methods = known.filter_map(|name| ClientAuthenticationMethod::from_name(name));
    let supports_offline_access =
        metadata.scopes_supported.iter().any(|scope| scope == "offline_access");
    let table = ProviderTable {
        name: Some(issuer.to_owned()),
        issuer: Some(issuer.to_owned()),
        client_authentication: methods.find(|method| *method != ClientAuthenticationMethod::None),
        offline: supports_offline_access.then(|| Offline {
            // OpenID Connect Core section 11 lets a server ignore the scope without prompt=consent.
            parameters: [("prompt".to_owned(), "consent".to_owned())].into(),
            scope: vec!["offline_access".to_owned()],
        }),
        ..ProviderTable::default()
    };
    let iss_in_callback = metadata.authorization_response_iss_parameter_supported;
    Ok(Provider { iss_in_callback, ..Provider::at(endpoints, table)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_from_afar_names_no_endpoint_on_this_machine() {
        let named = |token: &str| {
            let issuer = "https://as.example";
            let body = format!(
                r#"{{"issuer":"{issuer}","authorization_endpoint":"{issuer}/a","token_endpoint":"{token}"}}"#
            );
            let metadata = Metadata::parse(issuer, None, body.as_bytes()).unwrap();
            provider(&well_known_urls(issuer).unwrap()[0], issuer, metadata)
        };
        assert!(named("https://as.example/t").is_ok());
        assert_eq!(named("http://127.0.0.1/t").unwrap_err().code(), Code::InsecureUrl);
    }
}
