//! What must hold of every input that others write, however odd it is. A target takes bytes and panics where a promise is
//! broken: libFuzzer looks for such bytes (`src/main.rs`), and `tests/corpus.rs` feeds the known ones.
//!
//! An input is text as far as it can be, so that the files of `corpus/` can be read: lines that say how to read, then what is
//! read. A `$` in it stands for a secret that may not be seen in what is said about it.

mod callback;
mod challenge;
mod error_response;
mod id_token;
mod jwk;
mod metadata;
mod oauth1_request;
mod oauth1_response;
mod pem_key;
mod provider_entry;
mod said;
mod token_response;

/// Panics where the input breaks a promise.
pub type Target = fn(&[u8]);

/// Every target, by the name of its folder in `corpus/`.
pub const TARGETS: [(&str, Target); 11] = [
    ("callback", callback::holds),
    ("challenge", challenge::holds),
    ("error_response", error_response::holds),
    ("id_token", id_token::holds),
    ("jwk", jwk::holds),
    ("metadata", metadata::holds),
    ("oauth1_request", oauth1_request::holds),
    ("oauth1_response", oauth1_response::holds),
    ("pem_key", pem_key::holds),
    ("provider_entry", provider_entry::holds),
    ("token_response", token_response::holds),
];

/// The first line, empty where it is no text, and what is behind it.
fn split_line(input: &[u8]) -> (&str, &[u8]) {
    let end = input.iter().position(|&byte| byte == b'\n').unwrap_or(input.len());
    let rest = input.get(end + 1..).unwrap_or_default();
    (str::from_utf8(&input[..end]).unwrap_or_default(), rest)
}
