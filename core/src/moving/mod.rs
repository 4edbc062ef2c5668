//! Grants on their way from one place to another: the document that `export` gives, and what other programs keep of theirs.
//!
//! A document is full of secrets: no error quotes any of it. It is known by its content, and what is none of the known kinds
//! is refused with the reason. A refresh token works only with the client registration it was given to, so a document that
//! names another one is refused too.

mod gdata;
mod google;
mod old_table;

pub use old_table::{OldSession, OldTable};

use crate::clock::UnixMillis;
use crate::error::{Code, Error, Result};
use crate::oauth2::BEARER;
use crate::secret::Secret;
use crate::store::{Consent, Record, StoredAccessToken, Tokens};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The newest version of the document that this library reads. It writes the oldest that has a place for all of a grant: the
/// second knows keys.
const VERSION: u32 = 2;

/// What `export` gives: all that another store needs to go on with a grant.
#[derive(Serialize, Deserialize)]
struct Exported {
    evergrant_export: u32,
    provider: String,
    client_id: String,
    /// Of a provider whose metadata is not discovered.
    token_endpoint: Option<String>,
    subject: String,
    slot: String,
    at: UnixMillis,
    tokens: Tokens,
    /// The key that they are bound to (RFC 9449), as a record keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dpop_key: Option<Secret>,
}

/// The client registration that a document is to be of.
pub(crate) struct Registration<'a> {
    pub(crate) provider: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) token_endpoint: Option<&'a str>,
}

/// The document of a grant.
pub(crate) fn export(
    registration: &Registration<'_>,
    record: &Record,
    now: UnixMillis,
) -> Option<Secret> {
    let exported = Exported {
        evergrant_export: if record.dpop_key.is_some() { VERSION } else { 1 },
        provider: registration.provider.to_owned(),
        client_id: registration.client_id.to_owned(),
        token_endpoint: registration.token_endpoint.map(str::to_owned),
        subject: record.subject.clone(),
        slot: record.slot.clone(),
        at: now,
        tokens: record.tokens.clone()?,
        dpop_key: record.dpop_key.clone(),
    };
    Some(serde_json::to_string(&exported).expect("a document is plain data").into())
}

/// The grant of a document: one of `export`, or of another program.
pub(crate) fn read(
    document: &Secret,
    registration: &Registration<'_>,
    now: UnixMillis,
) -> Result<Consent> {
    let text = document.expose().trim();
    if gdata::is_blob(text) {
        return gdata::read(text, now)?.into_consent(registration, now);
    }
    let Ok(Value::Object(object)) = serde_json::from_str::<Value>(text) else {
        return Err(unreadable(
            "is neither a JSON object nor a token blob of gdata; expected a document of `export`, or what another library \
             keeps of its tokens",
        ));
    };
    if object.contains_key("evergrant_export") {
        return read_exported(object, registration);
    }
    google::read(object, now)?.into_consent(registration, now)
}

fn read_exported(object: Map<String, Value>, registration: &Registration<'_>) -> Result<Consent> {
    let version = object["evergrant_export"].as_u64();
    if version.is_some_and(|version| version > u64::from(VERSION)) {
        return Err(unreadable(
            "was exported by a newer version of this library; expected one of this version",
        ));
    }
    // The parser's own words could quote a token.
    let exported: Exported = serde_json::from_value(Value::Object(object))
        .map_err(|_| unreadable("is no whole export: a field is missing or of a wrong type"))?;
    registration.check(&exported.client_id)?;
    // Whoever gives a provider another name does not change it.
    let (theirs, ours) = match (&exported.token_endpoint, registration.token_endpoint) {
        (Some(theirs), Some(ours)) => (theirs.as_str(), ours),
        _ => (exported.provider.as_str(), registration.provider),
    };
    if theirs != ours {
        let text = format!("is of a grant at {theirs}; this client's provider is {ours}");
        return Err(unreadable(&text));
    }
    Ok(Consent { tokens: exported.tokens, dpop_key: exported.dpop_key })
}

impl Registration<'_> {
    fn check(&self, client_id: &str) -> Result<()> {
        if client_id == self.client_id {
            return Ok(());
        }
        Err(unreadable(&format!(
            "is of client {client_id:?}; this client is {:?}, and a refresh token works only with the client it was given to",
            self.client_id
        )))
    }
}

/// The tokens of another program.
#[derive(Default)]
struct Foreign {
    /// The client registration, where the document names it.
    client_id: Option<String>,
    access: Option<Secret>,
    /// OAuth 1: the token secret.
    secret: Option<Secret>,
    token_type: Option<String>,
    refresh: Option<Secret>,
    expires_at: Option<UnixMillis>,
    scope: Vec<String>,
    /// Further fields of the token response.
    response: Map<String, Value>,
}

impl Foreign {
    fn into_consent(self, registration: &Registration<'_>, now: UnixMillis) -> Result<Consent> {
        if let Some(client_id) = &self.client_id {
            registration.check(client_id)?;
        }
        let access = self.access.filter(|token| !token.is_empty());
        let refresh = self.refresh.filter(|token| !token.is_empty());
        if access.is_none() && refresh.is_none() {
            return Err(unreadable("holds neither an access token nor a refresh token"));
        }
        let secret = self.secret.filter(|secret| !secret.is_empty());
        let usual_type = if secret.is_some() { "OAuth" } else { BEARER };
        let token_type = self.token_type.filter(|name| !name.eq_ignore_ascii_case(BEARER));
        let tokens = Tokens {
            access: vec![StoredAccessToken {
                // Without an access token one is due at once.
                expires_at: if access.is_some() { self.expires_at } else { Some(now) },
                token: access.unwrap_or_default(),
                secret,
                token_type: token_type.unwrap_or_else(|| usual_type.to_owned()),
                obtained_at: now,
                scope: self.scope,
                resource: String::new(),
                requested_scope: Vec::new(),
                came_with: None,
                unknown: Map::new(),
            }],
            refresh,
            refresh_expires_at: None,
            unexchanged: false,
            response: self.response,
        };
        Ok(tokens.into())
    }
}

/// Says what is wrong with a document; `what` quotes none of its secrets.
fn unreadable(what: &str) -> Error {
    Error::new(Code::InvalidArgument, format!("the document {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::record_for_tests::record;
    use serde_json::json;

    const NOW: UnixMillis = 1_700_000_000_000;

    fn registration() -> Registration<'static> {
        Registration {
            provider: "google",
            client_id: "app",
            token_endpoint: Some("https://oauth2.googleapis.com/token"),
        }
    }

    fn read_text(text: &str) -> Result<Tokens> {
        Ok(read(&text.into(), &registration(), NOW)?.tokens)
    }

    fn read_json(value: &Value) -> Result<Tokens> {
        read_text(&value.to_string())
    }

    fn refused(text: &str) -> String {
        let error = read_text(text).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
        assert!(!error.message().contains("s3cret"), "{error}");
        error.message().to_owned()
    }

    #[test]
    fn what_was_exported_comes_back_without_a_loss() {
        let mut record = record();
        let tokens = record.tokens.as_mut().unwrap();
        tokens.refresh_expires_at = Some(9);
        tokens.response.insert("id_token".into(), json!("e.y.J"));
        tokens.access[0].secret = Some("of OAuth 1".into());
        tokens.access[0].unknown.insert("from_the_future".into(), json!({"deep": [1]}));
        let second = StoredAccessToken {
            resource: "https://api.example/".into(),
            ..tokens.access[0].clone()
        };
        tokens.access.push(second);
        record.dpop_key = Some("key".into());
        let document = export(&registration(), &record, NOW).unwrap();
        let consent = read(&document, &registration(), NOW + 1).unwrap();
        assert_eq!((Some(consent.tokens), consent.dpop_key), (record.tokens, record.dpop_key));
    }

    #[test]
    fn an_export_of_another_client_provider_or_version_is_refused() {
        let document = export(&registration(), &record(), NOW).unwrap();
        let changed = |from: &str, to: &str| refused(&document.expose().replacen(from, to, 1));
        assert!(changed("\"app\"", "\"other\"").contains("\"other\""));
        assert!(changed("oauth2.googleapis.com", "as.example").contains("as.example"));
        assert!(changed("\"evergrant_export\":1", "\"evergrant_export\":3").contains("newer"));
        assert!(changed("\"tokens\"", "\"s3cret\"").contains("no whole export"));
    }

    #[test]
    fn a_token_file_of_google_auth_for_python_is_read() {
        let mut file = json!({
            "token": "at", "refresh_token": "rt", "token_uri": "https://oauth2.googleapis.com/token",
            "client_id": "app", "client_secret": "s3cret", "scopes": ["a", "b"], "universe_domain": "googleapis.com",
            "account": "", "expiry": "2023-11-14T22:13:20.500000Z",
        });
        let tokens = read_json(&file).unwrap();
        assert_eq!((tokens.refresh, tokens.access[0].token.expose()), (Some("rt".into()), "at"));
        assert_eq!(tokens.access[0].expires_at, Some(NOW + 500));
        assert_eq!(tokens.access[0].scope, ["a", "b"]);
        file["client_id"] = json!("other");
        assert!(refused(&file.to_string()).contains("\"other\""));
        let default_credentials = json!({"type": "authorized_user", "client_id": "app", "client_secret": "s3cret", "refresh_token": "rt"});
        let tokens = read_json(&default_credentials).unwrap();
        assert_eq!(
            (tokens.access[0].token.is_empty(), tokens.access[0].expires_at),
            (true, Some(NOW))
        );
    }

    #[test]
    fn a_storage_file_of_oauth2client_is_read() {
        let credentials = json!({
            "_module": "oauth2client.client", "_class": "OAuth2Credentials", "access_token": "at", "refresh_token": "rt",
            "client_id": "app", "client_secret": "s3cret", "token_expiry": "2023-11-14T22:13:20Z",
            "token_response": {"access_token": "at", "token_type": "Bearer", "id_token": "e.y.J", "refresh_token": "rt"},
            "scopes": ["a"], "user_agent": null, "invalid": false,
        });
        let several = |count: usize| json!({"file_version": 1, "data": vec![json!({"key": {}, "credential": credentials}); count]});
        for file in [credentials.clone(), several(1)] {
            let tokens = read_json(&file).unwrap();
            assert_eq!(
                (tokens.refresh, tokens.access[0].expires_at),
                (Some("rt".into()), Some(NOW))
            );
            assert_eq!(tokens.response["id_token"], "e.y.J");
            assert!(!tokens.response.contains_key("refresh_token"));
        }
        assert!(refused(&several(2).to_string()).contains("2 grants"));
    }

    #[test]
    fn a_token_of_googles_php_client_and_others_that_keep_a_token_response_is_read() {
        let php = json!({"access_token": "at", "token_type": "Bearer", "expires_in": 3600, "created": 1_699_996_400, "refresh_token": "rt", "id_token": "e.y.J"});
        let node = json!({"access_token": "at", "refresh_token": "rt", "scope": "a b", "token_type": "bearer", "expiry_date": NOW});
        let python = json!({"access_token": "at", "refresh_token": "rt", "scope": ["a", "b"], "expires_in": 3600, "expires_at": 1_700_000_000.0});
        for file in [php, node, python] {
            let tokens = read_json(&file).unwrap();
            let access = &tokens.access[0];
            assert_eq!(
                (access.expires_at, access.token_type.as_str()),
                (Some(NOW), "Bearer"),
                "{file}"
            );
        }
        let bare = json!({"access_token": "at", "expires_in": "3600", "scope": "a b"});
        let tokens = read_json(&bare).unwrap();
        assert_eq!(
            (tokens.access[0].expires_at, &*tokens.access[0].scope),
            (Some(NOW + 3_600_000), &["a".to_owned(), "b".to_owned()][..])
        );
    }

    #[test]
    fn what_is_no_token_is_called_by_its_name() {
        let secrets = json!({"installed": {"client_id": "app", "client_secret": "s3cret"}});
        assert!(refused(&secrets.to_string()).contains("client_secrets.json"));
        let account = json!({"type": "service_account", "private_key": "s3cret"});
        assert!(refused(&account.to_string()).contains("service account"));
        assert!(refused(r#"{"password": "s3cret"}"#).contains("none of the known kinds"));
        assert!(refused(r#"{"access_token": 1, "refresh_token": ["s3cret"]}"#).contains("neither"));
        assert!(refused("s3cret").contains("neither a JSON object"));
        assert!(refused(r#""s3cret""#).contains("neither a JSON object"));
    }

    #[test]
    fn token_blobs_of_gdata_are_read() {
        let oauth1 = read_text("1h|app|s3cret|t%2Fok|sec%2Bret|3||").unwrap();
        let access = &oauth1.access[0];
        assert_eq!(
            (access.token.expose(), access.secret.as_ref().unwrap().expose()),
            ("t/ok", "sec+ret")
        );
        assert_eq!(
            (access.token_type.as_str(), access.expires_at, oauth1.refresh),
            ("OAuth", None, None)
        );
        let rsa = read_text("1r|app|-----BEGIN+s3cret|tok||3||").unwrap();
        assert_eq!(rsa.access[0].token.expose(), "tok");
        let oauth2 =
            read_text("2o|app|s3cret|a+b|agent|https%3A%2F%2Fa%2F|https%3A%2F%2Ft%2F|at|rt\n")
                .unwrap();
        assert_eq!(
            (oauth2.refresh, &*oauth2.access[0].scope),
            (Some("rt".into()), &["a".to_owned(), "b".to_owned()][..])
        );
        // The blob does not say when its access token ends, and those of Google end after an hour.
        assert_eq!(oauth2.access[0].expires_at, Some(NOW));
    }

    #[test]
    fn token_blobs_of_gdata_without_a_grant_are_refused_by_name() {
        assert!(refused("1c|s3cret").contains("ClientLogin"));
        assert!(refused("1a|s3cret|https%3A%2F%2Fa%2F").contains("AuthSub"));
        assert!(refused("1s|s3cret|key").contains("AuthSub"));
        assert!(refused("1htl|app|s3cret|user").contains("two-legged"));
        assert!(refused("1h|app|s3cret|tok|sec|1||").contains("not yet an access token"));
        assert!(refused("1h|other|s3cret|tok|sec|3||").contains("\"other\""));
        assert!(refused("1h|app|s3cret").contains("whole"));
        assert!(refused("1h|app|s3cret|t|s|3||,1h|app|s3cret|t|s|3||").contains("2 tokens"));
    }
}
