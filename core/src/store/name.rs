//! What a grant is called where a key may not hold any text of any length: in file systems and key-value servers.
//!
//! The hash of the client registration comes first, so that its grants stand together.

use super::GrantKey;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The name of a grant.
pub(super) fn of_grant(key: &GrantKey) -> String {
    let hash = of_text(&[&key.client, &key.subject, &key.slot]);
    format!("{}{hash}", before_grants_of(&key.client))
}

/// What the names of the grants of a client registration begin with.
pub(super) fn before_grants_of(client: &str) -> String {
    let mut hash = of_text(&[client]);
    hash.truncate(16);
    hash + "-"
}

/// 40 hexadecimal digits that stand for `parts`.
pub(super) fn of_text(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).expect("a length fits 64 bits").to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(20).fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes all");
        text
    })
}
