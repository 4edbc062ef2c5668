//! JSON Web Keys, Signatures and Tokens (RFC 7515, 7517, 7519, 7638) without I/O or clock.

pub(crate) mod dpop;
pub(crate) mod id_token;
pub(crate) mod key_set;
pub(crate) mod signing_key;

pub use key_set::JwsAlgorithm;
