//! What the gdata library for Python writes of a token (`gdata.gauth.token_to_blob`): a kind and its members with `|` between,
//! each form-encoded.

use super::{Foreign, unreadable};
use crate::clock::UnixMillis;
use crate::error::Result;
use std::borrow::Cow;

const KINDS: [&str; 8] = ["1c", "1a", "1s", "1r", "1h", "1rtl", "1htl", "2o"];

/// The state of a token that was exchanged for an access token.
const ACCESS_TOKEN: &str = "3";

pub(super) fn is_blob(text: &str) -> bool {
    text.split_once('|').is_some_and(|(kind, _)| KINDS.contains(&kind))
}

pub(super) fn read(blob: &str, now: UnixMillis) -> Result<Foreign> {
    let count = blob.split(',').count();
    if count > 1 {
        let text =
            format!("holds {count} tokens of gdata; expected one: they stand with commas between");
        return Err(unreadable(&text));
    }
    let parts: Vec<String> = blob.split('|').map(decoded).collect();
    let part = |index: usize| {
        parts
            .get(index)
            .map(String::as_str)
            .ok_or_else(|| unreadable("is no whole token blob of gdata"))
    };
    match parts[0].as_str() {
        "1c" => Err(unreadable(
            "is a ClientLogin token, which no longer works anywhere; log the user in",
        )),
        "1a" | "1s" => {
            Err(unreadable("is an AuthSub token, which no longer works anywhere; log the user in"))
        }
        "1rtl" | "1htl" => Err(unreadable(
            "is of two-legged OAuth 1.0a, which has no token of a user: there is nothing to import",
        )),
        "2o" => Ok(Foreign {
            client_id: Some(part(1)?.to_owned()),
            scope: part(3)?.split_whitespace().map(str::to_owned).collect(),
            access: Some(part(7)?.into()),
            refresh: Some(part(8)?.into()),
            // It is not told when the token ends.
            expires_at: Some(now),
            ..Foreign::default()
        }),
        _ if part(5)? != ACCESS_TOKEN => Err(unreadable(
            "is a token that was not yet an access token when it was kept; log the user in",
        )),
        _ => Ok(Foreign {
            client_id: Some(part(1)?.to_owned()),
            access: Some(part(3)?.into()),
            secret: Some(part(4)?.into()),
            token_type: Some("OAuth".to_owned()),
            ..Foreign::default()
        }),
    }
}

fn decoded(part: &str) -> String {
    // A name alone: what stands in a form before the equals sign.
    let name = url::form_urlencoded::parse(part.as_bytes()).next().map(|(name, _)| name);
    name.map(Cow::into_owned).unwrap_or_default()
}
