//! OAuth 1.0a (RFC 5849) without I/O, clock or randomness: nonce and time come from the caller, and the
//! same arguments always give the same bytes.
//!
//! Files carry the names of the RFC's sections. Every parameter is encoded once, straight into its
//! place in one buffer; nothing is allocated per parameter.

mod authenticated_request;
mod base_string;
mod encoding;
#[cfg(test)]
mod known_answers;
mod parameters;
mod response;
pub(crate) mod rsa;
mod signature;
mod transmission;

pub use authenticated_request::{
    Body, Carrier, Credentials, Request, SignError, Signed, Stamp, sign,
};
pub use response::{Problem, ResponseError, TemporaryCredentials, TokenCredentials};
pub use rsa::{KeyError, RsaPrivateKey};
pub use signature::SignatureMethod;
pub use transmission::ParametersIn;
