//! The metadata of a server: a line with the issuer that it was asked for, document.

use crate::said::{assert_error_is_fit, with_canary, without_canary};
use crate::split_line;
use evergrant::oauth2::metadata::well_known_urls;
use evergrant::oauth2::{Metadata, MetadataError};
use serde_json::json;
use std::collections::BTreeMap;
use url::Url;

pub(crate) fn holds(input: &[u8]) {
    let (issuer, document) = split_line(input);
    assert_places_are_the_issuers(issuer);
    // The issuer is the configuration's; what is said of it is neither bounded nor a secret.
    let issuer = without_canary(issuer);
    let issuer = if issuer.len() > 200 { "https://as.example" } else { issuer.as_str() };
    match Metadata::parse(issuer, None, &with_canary(document)) {
        Ok(metadata) => {
            assert_eq!(metadata.issuer, issuer);
            assert_reads_the_same_again(&metadata);
        }
        // What it is told to be instead of the issuer is quoted.
        Err(MetadataError::IssuerMismatch { .. }) => {}
        Err(error) => assert_error_is_fit(&error),
    }
}

/// What is asked for an issuer's metadata is that issuer and nobody else.
fn assert_places_are_the_issuers(issuer: &str) {
    let Ok(places) = well_known_urls(issuer) else { return };
    let origin = Url::parse(issuer).expect("it is an issuer").origin();
    for place in places {
        assert!(place.origin() == origin && place.path().contains("/.well-known/"), "{place}");
        assert!(place.query().is_none() && place.fragment().is_none(), "{place}");
    }
}

fn text(url: Option<&Url>) -> Option<&str> {
    url.map(Url::as_str)
}

fn assert_reads_the_same_again(metadata: &Metadata) {
    let aliases: BTreeMap<&str, &str> =
        metadata.mtls_endpoint_aliases.iter().map(|(name, url)| (&**name, url.as_str())).collect();
    let document = json!({
        "issuer": metadata.issuer,
        "authorization_endpoint": text(metadata.authorization_endpoint.as_ref()),
        "token_endpoint": text(metadata.token_endpoint.as_ref()),
        "revocation_endpoint": text(metadata.revocation_endpoint.as_ref()),
        "introspection_endpoint": text(metadata.introspection_endpoint.as_ref()),
        "userinfo_endpoint": text(metadata.userinfo_endpoint.as_ref()),
        "device_authorization_endpoint": text(metadata.device_authorization_endpoint.as_ref()),
        "pushed_authorization_request_endpoint":
            text(metadata.pushed_authorization_request_endpoint.as_ref()),
        "require_pushed_authorization_requests": metadata.require_pushed_authorization_requests,
        "require_signed_request_object": metadata.require_signed_request_object,
        "registration_endpoint": text(metadata.registration_endpoint.as_ref()),
        "jwks_uri": text(metadata.jwks_uri.as_ref()),
        "end_session_endpoint": text(metadata.end_session_endpoint.as_ref()),
        "id_token_signing_alg_values_supported": metadata.id_token_signing_alg_values_supported,
        "scopes_supported": metadata.scopes_supported,
        "grant_types_supported": metadata.grant_types_supported,
        "token_endpoint_auth_methods_supported": metadata.token_endpoint_auth_methods_supported,
        "code_challenge_methods_supported": metadata.code_challenge_methods_supported,
        "dpop_signing_alg_values_supported": metadata.dpop_signing_alg_values_supported,
        "mtls_endpoint_aliases": aliases,
        "authorization_response_iss_parameter_supported":
            metadata.authorization_response_iss_parameter_supported,
    });
    let again = Metadata::parse(&metadata.issuer, None, document.to_string().as_bytes());
    assert_eq!(again.as_ref(), Ok(metadata));
}
