//! The C ABI of evergrant. Every function here converts its arguments, makes one call into the crate `evergrant`, and
//! converts the result or the error; nothing is decided here.
//!
//! No panic may leave a function of this crate: what can fail runs inside [`border::call`].

mod border;
mod check;
mod client;
mod consent;
mod environment;
mod error;
mod grant;
mod lookup;
mod results;
mod sign;
mod status;
mod store;
#[cfg(feature = "testing")]
mod testing;
