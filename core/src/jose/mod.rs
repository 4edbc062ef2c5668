//! JSON Web Keys, Signatures and Tokens (RFC 7515, 7517, 7519, 7638) without I/O, clock or randomness.

pub(crate) mod dpop;
pub(crate) mod id_token;
pub(crate) mod key_set;

pub use key_set::JwsAlgorithm;
