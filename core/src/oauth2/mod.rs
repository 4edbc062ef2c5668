//! OAuth 2.0 without I/O, clock or randomness: requests are built and answers are read here, nothing is
//! sent (RFC 6749, 6750, 7523, 7591, 7636, 8414, 8628, 8693, 9101, 9126, 9728).
//!
//! Texts of errors say what was wrong, where, and what was expected, and never quote an answer: a body
//! that cannot be read may still hold a token.

pub(crate) mod assertion;
pub mod authorization_url;
pub mod bearer;
pub mod callback;
pub mod client_authentication;
pub mod device;
pub mod error_response;
pub mod expiry;
mod json;
pub mod metadata;
pub mod pkce;
pub mod protected_resource;
pub mod pushed_authorization;
pub mod registration;
pub mod request_object;
pub mod token_request;
pub mod token_response;

/// The usual token type (RFC 6750).
pub(crate) const BEARER: &str = "Bearer";

/// The type of tokens that are bound to a key (RFC 9449).
pub(crate) const DPOP: &str = "DPoP";

pub use assertion::AssertionAudience;
pub use authorization_url::{AuthorizationRequest, AuthorizationUrlError};
pub use bearer::BearerChallenge;
pub use callback::{Callback, CallbackError, CallbackOutcome};
pub use client_authentication::{
    ClientAuthentication, ClientAuthenticationMethod, ClientCredential, MissingCredential,
};
pub use device::{DeviceAuthorization, DeviceAuthorizationError};
pub use error_response::ErrorResponse;
pub use expiry::{Expiry, LifetimeUnit};
pub use json::BodyError;
pub(crate) use json::parse_json;
pub use metadata::{Metadata, MetadataError};
pub use protected_resource::{ProtectedResource, ProtectedResourceError};
pub use pushed_authorization::{PushedAuthorization, PushedAuthorizationError};
pub use registration::{ClientInformation, ClientInformationError};
pub use token_request::{Grant, ReservedParameter, TokenRequest};
pub use token_response::{BodyStatus, ResponseShape, TokenResponse, TokenResponseError};
