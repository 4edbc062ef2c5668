//! OAuth 1.0a (RFC 5849) without I/O, clock or randomness: nonce and time come from the caller, and the
//! same arguments always give the same bytes.
//!
//! Files carry the names of the RFC's sections. Every parameter is encoded once, straight into its
//! place in one buffer; nothing is allocated per parameter.

mod authenticated_request;
mod authorization_header;
mod base_string;
mod encoding;
mod parameters;
mod response;
mod signature;

pub use authenticated_request::{Credentials, Request, SignError, Signed, Stamp, sign};
pub use response::{Problem, ResponseError, TemporaryCredentials, TokenCredentials};
pub use signature::SignatureMethod;
