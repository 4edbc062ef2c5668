//! Authorization server metadata (RFC 8414, OpenID Connect Discovery 1.0).
//!
//! A document speaks for the issuer it names and for no other: it is refused unless that is, character
//! for character, the issuer it was asked for (RFC 8414 section 3.3).

use super::json::{self, BodyError, Fields};
use crate::secret::shown;
use serde_json::Value;
use std::collections::BTreeMap;
use thiserror::Error;
use url::Url;

/// What a provider says about itself. Endpoints are absolute URLs; whether their scheme may be used is
/// the transport's to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// The issuer identifier, equal to the one asked for.
    pub issuer: String,
    /// `authorization_endpoint`.
    pub authorization_endpoint: Option<Url>,
    /// `token_endpoint`.
    pub token_endpoint: Option<Url>,
    /// `revocation_endpoint` (RFC 7009).
    pub revocation_endpoint: Option<Url>,
    /// `introspection_endpoint` (RFC 7662).
    pub introspection_endpoint: Option<Url>,
    /// `userinfo_endpoint` (OpenID Connect).
    pub userinfo_endpoint: Option<Url>,
    /// `device_authorization_endpoint` (RFC 8628).
    pub device_authorization_endpoint: Option<Url>,
    /// `pushed_authorization_request_endpoint` (RFC 9126).
    pub pushed_authorization_request_endpoint: Option<Url>,
    /// `require_pushed_authorization_requests` (RFC 9126).
    pub require_pushed_authorization_requests: bool,
    /// `require_signed_request_object` (RFC 9101 section 10.5).
    pub require_signed_request_object: bool,
    /// `registration_endpoint` (RFC 7591).
    pub registration_endpoint: Option<Url>,
    /// `jwks_uri`.
    pub jwks_uri: Option<Url>,
    /// `end_session_endpoint` (OpenID Connect RP-Initiated Logout).
    pub end_session_endpoint: Option<Url>,
    /// `id_token_signing_alg_values_supported` (OpenID Connect Discovery); empty where not told.
    pub id_token_signing_alg_values_supported: Vec<String>,
    /// `scopes_supported`; empty where not told.
    pub scopes_supported: Vec<String>,
    /// `grant_types_supported`; `authorization_code` and `implicit` where not told.
    pub grant_types_supported: Vec<String>,
    /// `token_endpoint_auth_methods_supported`; `client_secret_basic` where not told.
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// `code_challenge_methods_supported`; empty where not told, which means no PKCE as far as the
    /// provider says.
    pub code_challenge_methods_supported: Vec<String>,
    /// `mtls_endpoint_aliases` (RFC 8705 section 5): endpoints, by name, for clients that show a certificate.
    pub mtls_endpoint_aliases: BTreeMap<String, Url>,
    /// `dpop_signing_alg_values_supported` (RFC 9449 section 5.1); empty where not told.
    pub dpop_signing_alg_values_supported: Vec<String>,
    /// `authorization_response_iss_parameter_supported` (RFC 9207): a redirect without `iss` is refused.
    pub authorization_response_iss_parameter_supported: bool,
}

/// Why there is no metadata.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// Not an issuer identifier (RFC 8414 section 2).
    #[error("the issuer `{0}` is not an http or https URL without user, query and fragment")]
    InvalidIssuer(String),
    /// The document is not a JSON object.
    #[error("the metadata of `{issuer}` cannot be read: {cause}")]
    Body {
        /// The issuer asked for.
        issuer: String,
        /// What was wrong with the body.
        cause: BodyError,
    },
    /// The document is another's (RFC 8414 section 3.3).
    #[error(
        "the metadata names the issuer `{found}`; expected `{expected}`, character for character"
    )]
    IssuerMismatch {
        /// The issuer asked for.
        expected: String,
        /// The issuer of the document; empty where it has none.
        found: String,
    },
    /// A field has the wrong type.
    #[error("`{field}` in the metadata of `{issuer}` is {found}; expected {expected}")]
    WrongType {
        /// The issuer asked for.
        issuer: String,
        /// Its name.
        field: &'static str,
        /// Such as `a number`.
        found: &'static str,
        /// Such as `an absolute URL`.
        expected: &'static str,
    },
}

/// The places where an issuer's metadata may be, in the order to ask: RFC 8414 section 3.1, OpenID
/// Connect Discovery section 4.1, and the latter's document under RFC 8414's rule (section 5).
pub fn well_known_urls(issuer: &str) -> Result<Vec<Url>, MetadataError> {
    let url = parse_issuer(issuer)?;
    let path = url.path().trim_end_matches('/');
    let at = |path: String| {
        let mut url = url.clone();
        url.set_path(&path);
        url
    };
    let mut urls = vec![
        at(format!("/.well-known/oauth-authorization-server{path}")),
        at(format!("{path}/.well-known/openid-configuration")),
    ];
    if !path.is_empty() {
        urls.push(at(format!("/.well-known/openid-configuration{path}")));
    }
    Ok(urls)
}

fn parse_issuer(issuer: &str) -> Result<Url, MetadataError> {
    let is_issuer = |url: &Url| {
        matches!(url.scheme(), "http" | "https")
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    };
    let url = Url::parse(issuer).ok().filter(is_issuer);
    url.ok_or_else(|| MetadataError::InvalidIssuer(without_credentials(issuer)))
}

/// The text without what may be a password, fit to be shown.
fn without_credentials(issuer: &str) -> String {
    let text = match (issuer.split_once("://"), issuer.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        _ => issuer.to_owned(),
    };
    shown(&text, &[])
}

impl Metadata {
    /// Reads the document that was found for `issuer`; `media_type` is its `Content-Type`, used in error
    /// texts only.
    pub fn parse(
        issuer: &str,
        media_type: Option<&str>,
        body: &[u8],
    ) -> Result<Self, MetadataError> {
        let fields = json::parse_json(media_type, body)
            .map_err(|cause| MetadataError::Body { issuer: shown(issuer, &[]), cause })?;
        let document = Document { issuer, fields };
        document.check_issuer()?;
        let list_or = |field, default: &[&str]| {
            let default = || default.iter().map(|&text| text.to_owned()).collect();
            Ok::<_, MetadataError>(document.list(field)?.unwrap_or_else(default))
        };
        Ok(Metadata {
            issuer: issuer.to_owned(),
            authorization_endpoint: document.url("authorization_endpoint")?,
            token_endpoint: document.url("token_endpoint")?,
            revocation_endpoint: document.url("revocation_endpoint")?,
            introspection_endpoint: document.url("introspection_endpoint")?,
            userinfo_endpoint: document.url("userinfo_endpoint")?,
            device_authorization_endpoint: document.url("device_authorization_endpoint")?,
            pushed_authorization_request_endpoint: document
                .url("pushed_authorization_request_endpoint")?,
            require_pushed_authorization_requests: document
                .boolean("require_pushed_authorization_requests")?,
            require_signed_request_object: document.boolean("require_signed_request_object")?,
            registration_endpoint: document.url("registration_endpoint")?,
            jwks_uri: document.url("jwks_uri")?,
            end_session_endpoint: document.url("end_session_endpoint")?,
            id_token_signing_alg_values_supported: list_or(
                "id_token_signing_alg_values_supported",
                &[],
            )?,
            scopes_supported: list_or("scopes_supported", &[])?,
            grant_types_supported: list_or(
                "grant_types_supported",
                &["authorization_code", "implicit"],
            )?,
            token_endpoint_auth_methods_supported: list_or(
                "token_endpoint_auth_methods_supported",
                &["client_secret_basic"],
            )?,
            code_challenge_methods_supported: list_or("code_challenge_methods_supported", &[])?,
            mtls_endpoint_aliases: document.urls("mtls_endpoint_aliases")?,
            dpop_signing_alg_values_supported: list_or("dpop_signing_alg_values_supported", &[])?,
            authorization_response_iss_parameter_supported: document
                .boolean("authorization_response_iss_parameter_supported")?,
        })
    }
}

impl Metadata {
    /// The same for a client that shows a certificate: where an endpoint has an alias for such, it is that (RFC 8705 section 5).
    #[must_use]
    pub fn for_mutual_tls(mut self) -> Self {
        for (name, url) in std::mem::take(&mut self.mtls_endpoint_aliases) {
            let endpoint = match name.as_str() {
                "token_endpoint" => &mut self.token_endpoint,
                "revocation_endpoint" => &mut self.revocation_endpoint,
                "introspection_endpoint" => &mut self.introspection_endpoint,
                "userinfo_endpoint" => &mut self.userinfo_endpoint,
                "device_authorization_endpoint" => &mut self.device_authorization_endpoint,
                "pushed_authorization_request_endpoint" => {
                    &mut self.pushed_authorization_request_endpoint
                }
                _ => continue,
            };
            *endpoint = Some(url);
        }
        self
    }
}

/// A document and whose it should be.
struct Document<'a> {
    issuer: &'a str,
    fields: Fields,
}

impl Document<'_> {
    fn check_issuer(&self) -> Result<(), MetadataError> {
        let found = json::text(&self.fields, "issuer").unwrap_or_default();
        if found == self.issuer {
            return Ok(());
        }
        Err(MetadataError::IssuerMismatch {
            expected: shown(self.issuer, &[]),
            found: shown(found, &[]),
        })
    }

    fn url(&self, field: &'static str) -> Result<Option<Url>, MetadataError> {
        self.field(field, "an absolute URL", |value| Url::parse(value.as_str()?).ok())
    }

    fn urls(&self, field: &'static str) -> Result<BTreeMap<String, Url>, MetadataError> {
        let urls = self.field(field, "an object of absolute URLs", |value| {
            let url = |(name, url): (&String, &Value)| {
                Some((name.clone(), Url::parse(url.as_str()?).ok()?))
            };
            value.as_object()?.iter().map(url).collect()
        })?;
        Ok(urls.unwrap_or_default())
    }

    fn list(&self, field: &'static str) -> Result<Option<Vec<String>>, MetadataError> {
        self.field(field, "an array of strings", |value| {
            value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect()
        })
    }

    fn boolean(&self, field: &'static str) -> Result<bool, MetadataError> {
        Ok(self.field(field, "a boolean", Value::as_bool)?.unwrap_or(false))
    }

    /// A field; null counts as missing.
    fn field<T>(
        &self,
        field: &'static str,
        expected: &'static str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, MetadataError> {
        let Some(value) = self.fields.get(field).filter(|value| !value.is_null()) else {
            return Ok(None);
        };
        let wrong_type = || MetadataError::WrongType {
            issuer: shown(self.issuer, &[]),
            field,
            found: json::kind(value),
            expected,
        };
        read(value).map(Some).ok_or_else(wrong_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(issuer: &str) -> Vec<String> {
        well_known_urls(issuer).unwrap().into_iter().map(String::from).collect()
    }

    #[test]
    fn well_known_urls_are_those_of_rfc_8414_and_openid_connect() {
        let root = [
            "https://example.com/.well-known/oauth-authorization-server",
            "https://example.com/.well-known/openid-configuration",
        ];
        assert_eq!(urls("https://example.com"), root);
        assert_eq!(urls("https://example.com/"), root);
        let tenant = [
            "https://example.com/.well-known/oauth-authorization-server/issuer1",
            "https://example.com/issuer1/.well-known/openid-configuration",
            "https://example.com/.well-known/openid-configuration/issuer1",
        ];
        assert_eq!(urls("https://example.com/issuer1"), tenant);
        assert_eq!(urls("https://example.com/issuer1/"), tenant);
    }

    #[test]
    fn issuer_that_is_none_is_refused() {
        for issuer in ["google", "mailto:a@b", "https://a/?q", "https://a/#f", "https://u:pw@a/"] {
            let error = well_known_urls(issuer).unwrap_err();
            assert!(matches!(error, MetadataError::InvalidIssuer(_)), "{issuer}");
            assert!(!error.to_string().contains("pw"), "{error}");
        }
    }

    #[test]
    fn an_issuer_that_would_turn_the_line_is_shown_without_that() {
        let issuer = "https://a.example/\u{202e}x";
        for document in ["no JSON", "{}", r#"{"issuer": "https://b.example"}"#] {
            let error = Metadata::parse(issuer, None, document.as_bytes()).unwrap_err();
            assert!(!error.to_string().contains('\u{202e}'), "{error:?}");
        }
        assert!(!well_known_urls("\u{202e}").unwrap_err().to_string().contains('\u{202e}'));
    }

    #[test]
    fn document_gives_endpoints_lists_and_defaults() {
        let body = br#"{
            "issuer": "https://server.example.com",
            "authorization_endpoint": "https://server.example.com/authorize",
            "token_endpoint": "https://server.example.com/token",
            "revocation_endpoint": null,
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
            "unknown": {"x": 1}
        }"#;
        let metadata = Metadata::parse("https://server.example.com", None, body).unwrap();
        let endpoint = metadata.token_endpoint.unwrap();
        assert_eq!(endpoint.as_str(), "https://server.example.com/token");
        assert_eq!(metadata.revocation_endpoint, None);
        assert_eq!(metadata.code_challenge_methods_supported, ["S256"]);
        assert_eq!(metadata.token_endpoint_auth_methods_supported, ["client_secret_basic"]);
        assert_eq!(metadata.grant_types_supported, ["authorization_code", "implicit"]);
        assert!(metadata.authorization_response_iss_parameter_supported);
    }

    #[test]
    fn aliases_are_for_clients_with_a_certificate_as_in_rfc_8705_section_5() {
        let body = br#"{
            "issuer": "https://server.example.com",
            "token_endpoint": "https://server.example.com/token",
            "revocation_endpoint": "https://server.example.com/revoke",
            "mtls_endpoint_aliases": {
                "token_endpoint": "https://mtls.example.com/token", "other": "https://mtls.example.com/o"
            }
        }"#;
        let plain = Metadata::parse("https://server.example.com", None, body).unwrap();
        let host = |url: Option<Url>| url.unwrap().host_str().unwrap().to_owned();
        assert_eq!(host(plain.token_endpoint.clone()), "server.example.com");
        let mutual = plain.for_mutual_tls();
        assert_eq!(host(mutual.token_endpoint), "mtls.example.com");
        assert_eq!(host(mutual.revocation_endpoint), "server.example.com");
    }

    #[test]
    fn security_06_document_of_another_issuer_is_refused_even_if_only_a_slash_differs() {
        for found in ["https://a.example/", "https://A.example", "https://evil.example"] {
            let body = format!(r#"{{"issuer":"{found}"}}"#);
            let error = Metadata::parse("https://a.example", None, body.as_bytes()).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "the metadata names the issuer `{found}`; expected `https://a.example`, \
                     character for character"
                )
            );
        }
        let error = Metadata::parse("https://a.example", None, b"{}").unwrap_err();
        assert!(matches!(error, MetadataError::IssuerMismatch { found, .. } if found.is_empty()));
    }

    #[test]
    fn wrong_types_and_unreadable_documents_are_named() {
        let parse = |rest: &str| {
            let body = format!(r#"{{"issuer":"https://a"{rest}}}"#);
            Metadata::parse("https://a", None, body.as_bytes()).unwrap_err().to_string()
        };
        assert_eq!(
            parse(r#","token_endpoint":"/token""#),
            "`token_endpoint` in the metadata of `https://a` is a string; expected an absolute URL"
        );
        assert_eq!(
            parse(r#","scopes_supported":["a",1]"#),
            "`scopes_supported` in the metadata of `https://a` is an array; expected an array of \
             strings"
        );
        let error = Metadata::parse("https://a", Some("text/html"), b"<html>").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the metadata of `https://a` cannot be read: the body is a page of HTML or XML \
             (text/html, 6 bytes); expected a JSON object"
        );
    }
}
