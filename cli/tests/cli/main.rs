//! The built program, run against a sandbox.

#![allow(clippy::unwrap_used, reason = "a test")]

mod command_line;
mod grants;
mod helper;
mod identity;
mod keepalive;
mod login;
mod moving;
mod rekey;
mod sign;
mod stores;
mod support;
