//! The native part of the npm package `evergrant`: every export converts, makes one call into the core, and maps the
//! error. No thread of JavaScript ever waits: an operation runs on the library's own runtime and settles a promise.
//!
//! `lib/` is the public face over it. Options and results cross as JSON text with camelCase keys; tokens and bodies
//! cross as values.

// JavaScript's text arrives as a `String` of its own.
#![allow(clippy::needless_pass_by_value)]

pub mod border;
pub mod check;
pub mod client;
mod epoch;
pub mod grant;
pub mod lookup;
pub mod sign;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
