//! Protected resource metadata (RFC 9728): what an API says about itself, and who gives tokens for it.
//!
//! A document speaks for the resource it names and for no other: what is at hand must be that resource, or below it.

use super::json::{self, BodyError, Fields};
use crate::challenge;
use crate::secret::shown;
use serde::Serialize;
use serde_json::Value;
use thiserror::Error;
use url::Url;

/// What an API says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ProtectedResource {
    /// `resource`: the identifier, which is also what tokens are asked for (RFC 8707).
    pub resource: String,
    /// `authorization_servers`: issuers whose tokens it takes; empty where not told.
    pub authorization_servers: Vec<String>,
    /// `scopes_supported`.
    pub scopes_supported: Vec<String>,
    /// `bearer_methods_supported`: `header`, `body`, `query`.
    pub bearer_methods_supported: Vec<String>,
    /// `authorization_details_types_supported` (RFC 9396).
    pub authorization_details_types_supported: Vec<String>,
    /// `dpop_bound_access_tokens_required` (RFC 9449).
    pub dpop_bound_access_tokens_required: bool,
    /// `tls_client_certificate_bound_access_tokens` (RFC 8705).
    pub tls_client_certificate_bound_access_tokens: bool,
    /// `resource_name`, for people.
    pub resource_name: Option<String>,
    /// `resource_documentation`, for people.
    pub resource_documentation: Option<String>,
}

/// Why there is no metadata.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProtectedResourceError {
    /// Not a resource identifier (section 1.2).
    #[error("the resource `{0}` is not an absolute URL without fragment")]
    InvalidResource(String),
    /// The document is not a JSON object.
    #[error("the metadata of the resource cannot be read: {0}")]
    Body(#[from] BodyError),
    /// The document is another's (section 3.3).
    #[error(
        "the metadata names the resource `{found}`; expected `{expected}`, or what that is below"
    )]
    ResourceMismatch {
        /// What was asked for.
        expected: String,
        /// The resource of the document; empty where it has none.
        found: String,
    },
    /// A field has the wrong type.
    #[error("`{field}` in the metadata of the resource is not {expected}")]
    WrongType {
        /// Its name.
        field: &'static str,
        /// Such as `a list of texts`.
        expected: &'static str,
    },
}

/// Where a resource's metadata is (section 3.1): the well-known part goes between host and path.
pub fn well_known_url(resource: &str) -> Result<Url, ProtectedResourceError> {
    let mut url = parse_resource(resource)?;
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("/.well-known/oauth-protected-resource{path}"));
    Ok(url)
}

/// The `resource_metadata` of the challenges in values of `WWW-Authenticate` (section 5.1).
#[must_use]
pub fn resource_metadata<'a>(
    www_authenticate: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let mut challenges = www_authenticate.into_iter().flat_map(challenge::parse);
    challenges.find_map(|challenge| challenge.parameter("resource_metadata").map(str::to_owned))
}

fn parse_resource(resource: &str) -> Result<Url, ProtectedResourceError> {
    let is_identifier = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    };
    let invalid = || ProtectedResourceError::InvalidResource(shown(resource, &[]));
    Url::parse(resource).ok().filter(is_identifier).ok_or_else(invalid)
}

impl ProtectedResource {
    /// Reads the document that was found for `url`: a resource identifier, or the address of a request to the API.
    pub fn parse(
        url: &str,
        media_type: Option<&str>,
        body: &[u8],
    ) -> Result<Self, ProtectedResourceError> {
        let fields = json::parse_json(media_type, body)?;
        let resource = json::text(&fields, "resource").unwrap_or_default();
        if !covers(resource, url) {
            // The query of a request may hold a token.
            let asked = url.split(['?', '#']).next().unwrap_or_default();
            let (expected, found) = (shown(asked, &[]), shown(resource, &[]));
            return Err(ProtectedResourceError::ResourceMismatch { expected, found });
        }
        let text = |name: &str| json::text(&fields, name).map(|text| shown(text, &[]));
        Ok(ProtectedResource {
            resource: resource.to_owned(),
            authorization_servers: list(&fields, "authorization_servers")?,
            scopes_supported: list(&fields, "scopes_supported")?,
            bearer_methods_supported: list(&fields, "bearer_methods_supported")?,
            authorization_details_types_supported: list(
                &fields,
                "authorization_details_types_supported",
            )?,
            dpop_bound_access_tokens_required: boolean(
                &fields,
                "dpop_bound_access_tokens_required",
            )?,
            tls_client_certificate_bound_access_tokens: boolean(
                &fields,
                "tls_client_certificate_bound_access_tokens",
            )?,
            resource_name: text("resource_name"),
            resource_documentation: text("resource_documentation"),
        })
    }
}

/// Whether `url` is the resource or, as the RFC's own example of section 5 has it, below it: of the same origin, and its path
/// goes on where that of the resource ends.
fn covers(resource: &str, url: &str) -> bool {
    if resource == url {
        return true;
    }
    let (Ok(resource), Ok(url)) = (parse_resource(resource), Url::parse(url)) else { return false };
    let base = resource.path().trim_end_matches('/');
    let below = url.path().strip_prefix(base);
    resource.origin() == url.origin()
        && resource.query().is_none()
        && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn list(fields: &Fields, field: &'static str) -> Result<Vec<String>, ProtectedResourceError> {
    let texts = |value: &Value| {
        let texts = value.as_array()?.iter();
        texts.map(|text| text.as_str().map(str::to_owned)).collect::<Option<_>>()
    };
    optional(fields, field, "a list of texts", texts)
}

fn boolean(fields: &Fields, field: &'static str) -> Result<bool, ProtectedResourceError> {
    optional(fields, field, "true or false", Value::as_bool)
}

/// A field; null counts as missing.
fn optional<T: Default>(
    fields: &Fields,
    field: &'static str,
    expected: &'static str,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<T, ProtectedResourceError> {
    match fields.get(field).filter(|value| !value.is_null()) {
        None => Ok(T::default()),
        Some(value) => read(value).ok_or(ProtectedResourceError::WrongType { field, expected }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = r#"{
        "resource": "https://resource.example.com",
        "authorization_servers": ["https://as1.example.com", "https://as2.example.net"],
        "bearer_methods_supported": ["header", "body"],
        "scopes_supported": ["profile", "email", "phone"],
        "resource_documentation": "https://resource.example.com/resource_documentation.html"
    }"#;

    fn parse(url: &str, body: &str) -> Result<ProtectedResource, ProtectedResourceError> {
        ProtectedResource::parse(url, Some("application/json"), body.as_bytes())
    }

    #[test]
    fn rfc9728_section_3_1_the_well_known_part_stands_between_host_and_path() {
        for (resource, expected) in [
            (
                "https://resource.example.com",
                "https://resource.example.com/.well-known/oauth-protected-resource",
            ),
            (
                "https://resource.example.com/resource1",
                "https://resource.example.com/.well-known/oauth-protected-resource/resource1",
            ),
            (
                "https://a.example/x/?tenant=1",
                "https://a.example/.well-known/oauth-protected-resource/x?tenant=1",
            ),
        ] {
            assert_eq!(well_known_url(resource).unwrap().as_str(), expected);
        }
        for wrong in ["resource", "https://a.example/#x", "https://u:pw@a.example/", "urn:api"] {
            assert!(well_known_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn rfc9728_section_3_2_the_document_is_read() {
        let read = parse("https://resource.example.com", EXAMPLE).unwrap();
        assert_eq!(
            read.authorization_servers,
            ["https://as1.example.com", "https://as2.example.net"]
        );
        assert_eq!(read.bearer_methods_supported, ["header", "body"]);
        assert_eq!(read.scopes_supported, ["profile", "email", "phone"]);
        assert!(!read.dpop_bound_access_tokens_required);
    }

    #[test]
    fn rfc9728_section_5_1_the_challenge_says_where() {
        let header = r#"Bearer resource_metadata="https://resource.example.com/.well-known/oauth-protected-resource""#;
        assert_eq!(
            resource_metadata(["Basic realm=x", header]).as_deref(),
            Some("https://resource.example.com/.well-known/oauth-protected-resource")
        );
        assert_eq!(resource_metadata(["Bearer"]), None);
        // The request of the example of section 5 is below the resource.
        assert!(parse("https://resource.example.com/resource", EXAMPLE).is_ok());
    }

    #[test]
    fn the_document_of_another_resource_is_refused() {
        for url in [
            "https://evil.example",
            "http://resource.example.com",
            "https://resource.example.com:8443/",
            "https://resource.example.com.evil.example/",
        ] {
            assert!(
                matches!(parse(url, EXAMPLE), Err(ProtectedResourceError::ResourceMismatch { .. })),
                "{url}"
            );
        }
        let of_a_path = r#"{"resource":"https://a.example/one"}"#;
        assert!(parse("https://a.example/one/two", of_a_path).is_ok());
        assert!(parse("https://a.example/onetwo", of_a_path).is_err());
        assert!(parse("https://a.example/", of_a_path).is_err());
        assert!(parse("https://a.example/", "{}").is_err());
    }

    #[test]
    fn wrong_types_are_named() {
        let body = r#"{"resource":"https://a.example","authorization_servers":"https://as"}"#;
        let error = parse("https://a.example", body).unwrap_err();
        assert!(error.to_string().contains("`authorization_servers`"), "{error}");
    }
}
