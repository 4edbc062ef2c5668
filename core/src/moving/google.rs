//! What Google's libraries, and others that keep a token response as it came, write of a user's tokens.

use super::{Foreign, unreadable};
use crate::clock::{UnixMillis, from_iso, millis};
use crate::error::Result;
use crate::secret::Secret;
use serde_json::{Map, Value};

pub(super) fn read(mut object: Map<String, Value>, now: UnixMillis) -> Result<Foreign> {
    let text = |name: &str| object.get(name).and_then(Value::as_str);
    if object.contains_key("installed") || object.contains_key("web") {
        return Err(unreadable(
            "is a client registration (client_secrets.json), not a token; its client_id and client_secret belong into the \
             configuration",
        ));
    }
    if text("type") == Some("service_account") {
        return Err(unreadable("is the key of a service account, not a user's token"));
    }
    if let Some(Value::Array(credentials)) = object.get("data") {
        return one_of_several(credentials, now);
    }
    if text("type") == Some("authorized_user")
        || text("token").is_some() && object.contains_key("token_uri")
    {
        return Ok(google_auth(&object));
    }
    if object.contains_key("_class") && object.contains_key("token_expiry") {
        return Ok(oauth2client(object));
    }
    if object.contains_key("access_token") || object.contains_key("refresh_token") {
        let expires_at = expiry(&object, now);
        return Ok(Foreign { expires_at, ..response(&mut object) });
    }
    Err(unreadable(
        "is none of the known kinds: a document of `export`, a token file of a Google library, or a token response with \
         access_token or refresh_token",
    ))
}

/// google-auth for Python (`Credentials.to_json()`), and the application default credentials of gcloud.
fn google_auth(object: &Map<String, Value>) -> Foreign {
    Foreign {
        client_id: text(object, "client_id"),
        access: secret(object, "token"),
        refresh: secret(object, "refresh_token"),
        expires_at: object.get("expiry").and_then(Value::as_str).and_then(from_iso),
        scope: scope(object.get("scopes")),
        ..Foreign::default()
    }
}

/// oauth2client for Python, long deprecated and still about.
fn oauth2client(mut object: Map<String, Value>) -> Foreign {
    let answer = match object.remove("token_response") {
        Some(Value::Object(mut answer)) => response(&mut answer),
        _ => Foreign::default(),
    };
    Foreign {
        client_id: text(&object, "client_id"),
        access: secret(&object, "access_token"),
        refresh: secret(&object, "refresh_token"),
        expires_at: object.get("token_expiry").and_then(Value::as_str).and_then(from_iso),
        scope: scope(object.get("scopes")),
        ..answer
    }
}

/// oauth2client's file of several credentials.
fn one_of_several(credentials: &[Value], now: UnixMillis) -> Result<Foreign> {
    match credentials {
        [Value::Object(one)] => match one.get("credential") {
            Some(Value::Object(credential)) => read(credential.clone(), now),
            _ => Err(unreadable("is a file of credentials without a credential")),
        },
        several => {
            let count = several.len();
            Err(unreadable(&format!("holds {count} grants; expected a document with one")))
        }
    }
}

/// A token response as it came (RFC 6749 section 5.1).
fn response(object: &mut Map<String, Value>) -> Foreign {
    let foreign = Foreign {
        access: secret(object, "access_token"),
        secret: secret(object, "token_secret"),
        token_type: text(object, "token_type"),
        refresh: secret(object, "refresh_token"),
        scope: scope(object.get("scope")),
        ..Foreign::default()
    };
    for stored_in_its_own_place in ["access_token", "token_secret", "refresh_token"] {
        object.remove(stored_in_its_own_place);
    }
    Foreign { response: std::mem::take(object), ..foreign }
}

/// When the token of a kept response ends: told by the keeper in one of several ways, else counted from `created` or now.
fn expiry(object: &Map<String, Value>, now: UnixMillis) -> Option<UnixMillis> {
    let number = |name: &str| {
        let value = object.get(name)?;
        let number = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
        (0.0..1e13).contains(&number).then_some(number)
    };
    if let Some(milliseconds) = number("expiry_date") {
        return Some(millis(milliseconds / 1000.0));
    }
    if let Some(seconds) = number("expires_at") {
        return Some(millis(seconds));
    }
    let created = number("created").map_or(now, millis);
    number("expires_in").map(|seconds| created + millis(seconds))
}

fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    object.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn secret(object: &Map<String, Value>, name: &str) -> Option<Secret> {
    object.get(name).and_then(Value::as_str).map(Secret::from)
}

/// Scopes as a list or as one text.
fn scope(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
        Some(Value::Array(scopes)) => {
            scopes.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}
