//! What the sandbox promises, from outside: over raw sockets, by its HTTP face and by its Rust face.

#![expect(clippy::unwrap_used, reason = "in a test and its helpers a panic is the report")]

mod api;
mod client;
mod control;
mod device;
mod dpop;
mod faults;
mod journal;
mod oauth1;
mod oauth2;
mod openid;
mod pages;
mod pushed;
