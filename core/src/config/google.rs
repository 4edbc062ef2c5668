//! Google's files as they are: a client registration (`client_secrets.json`), the key of a service account, and the
//! credentials of a user (gcloud's application default credentials). They are told apart by what is in them, and no error
//! quotes any of it.

use super::{Config, GrantType, SecretSource};
use crate::error::{Code, Error, Result};
use crate::secret::Secret;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::path::PathBuf;

/// Says to look where Google's own libraries look.
const DEFAULT: &str = "default";
/// Holds the path of a file.
const VARIABLE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
/// What a redirect URI was before loopback addresses; Google answers to it no more.
const OUT_OF_BAND: &str = "urn:ietf:wg:oauth:2.0:oob";
const UNIVERSE: &str = "googleapis.com";

impl Config {
    /// This configuration with what `google_credentials` holds in the keys that it belongs into.
    pub(crate) fn with_google_credentials(&self) -> Result<Cow<'_, Config>> {
        let Some(source) = &self.google_credentials else { return Ok(Cow::Borrowed(self)) };
        let text = read(source)?;
        let Ok(Value::Object(object)) = serde_json::from_str::<Value>(text.expose()) else {
            return Err(invalid("is not a JSON object; expected one of Google's files as it is"));
        };
        let mut config = Config { google_credentials: None, ..self.clone() };
        config.take(&object)?;
        Ok(Cow::Owned(config))
    }

    fn take(&mut self, object: &Map<String, Value>) -> Result<()> {
        let registration = |name: &str| object.get(name).and_then(Value::as_object);
        match (registration("web").or(registration("installed")), object.get("type")) {
            (Some(client), _) => self.take_registration(client),
            (None, Some(Value::String(kind))) if kind == "service_account" => {
                self.take_service_account(object)
            }
            (None, Some(Value::String(kind))) if kind == "authorized_user" => {
                self.take_authorized_user(object)
            }
            _ => Err(invalid(
                "is none of the known kinds; expected a client registration with `web` or `installed` \
                 (client_secrets.json), or `type` service_account or authorized_user",
            )),
        }
    }

    /// `client_secrets.json`. What the configuration says itself is kept.
    fn take_registration(&mut self, client: &Map<String, Value>) -> Result<()> {
        self.take_client_id(required(client, "client_id")?)?;
        if self.client_secret.is_none() {
            self.client_secret = optional(client, "client_secret").map(secret);
        }
        let listed = client.get("redirect_uris").and_then(Value::as_array);
        let listed: Vec<&str> = listed.into_iter().flatten().filter_map(Value::as_str).collect();
        let chosen = match self.redirect_index {
            Some(index) => Some(*listed.get(index).ok_or_else(|| {
                let text = format!(
                    "redirect_index: {index} is out of range; expected the index of one of the {} redirect URIs of \
                     google_credentials, counted from 0",
                    listed.len()
                );
                Error::new(Code::InvalidConfig, text)
            })?),
            None => listed.into_iter().find(|uri| *uri != OUT_OF_BAND),
        };
        self.redirect_uri = self.redirect_uri.take().or(chosen.map(str::to_owned));
        Ok(())
    }

    /// The key file of a service account: no user consents, and the account's name is the client's.
    fn take_service_account(&mut self, key: &Map<String, Value>) -> Result<()> {
        if !matches!(self.grant, GrantType::AuthorizationCode | GrantType::JwtBearer) {
            let text = format!(
                "grant: is {}, and google_credentials the key of a service account; expected jwt_bearer",
                self.grant.as_str()
            );
            return Err(Error::new(Code::InvalidConfig, text));
        }
        if optional(key, "universe_domain").is_some_and(|domain| domain != UNIVERSE) {
            return Err(invalid("is of another universe_domain; expected googleapis.com"));
        }
        self.take_client_id(required(key, "client_email")?)?;
        self.grant = GrantType::JwtBearer;
        // To Google a subject is a user whom the account acts for, be it the account itself.
        self.assertion.subject.get_or_insert_default();
        self.private_key = Some(secret(required(key, "private_key")?));
        self.private_key_id = optional(key, "private_key_id").map(str::to_owned);
        Ok(())
    }

    /// What `gcloud auth application-default login` writes: a client, and the refresh token of the user who consented to it.
    fn take_authorized_user(&mut self, user: &Map<String, Value>) -> Result<()> {
        if !self.grant.needs_consent() {
            let text = format!(
                "grant: is {}, and google_credentials those of a user; expected authorization_code",
                self.grant.as_str()
            );
            return Err(Error::new(Code::InvalidConfig, text));
        }
        self.take_client_id(required(user, "client_id")?)?;
        if self.client_secret.is_none() {
            self.client_secret = optional(user, "client_secret").map(secret);
        }
        self.first_refresh_token = Some(Secret::from(required(user, "refresh_token")?));
        Ok(())
    }

    /// A secret or a key is of one client.
    fn take_client_id(&mut self, client_id: &str) -> Result<()> {
        if !self.client_id.is_empty() && self.client_id != client_id {
            let text = format!(
                "client_id: is {:?}, and google_credentials are of {client_id:?}; expected one of them only",
                self.client_id
            );
            return Err(Error::new(Code::InvalidConfig, text));
        }
        client_id.clone_into(&mut self.client_id);
        Ok(())
    }
}

/// The JSON text: itself, or what is in the file whose path it is.
fn read(source: &SecretSource) -> Result<Secret> {
    let text = source.resolve(KEY)?;
    match text.expose().trim() {
        json if json.starts_with('{') => Ok(text),
        DEFAULT => SecretSource::File(default_file()?).resolve(KEY),
        path => SecretSource::File(PathBuf::from(path)).resolve(KEY),
    }
}

/// Where Google's own libraries look: the variable, then gcloud's folder.
fn default_file() -> Result<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(path) = variable(VARIABLE) {
        return Ok(path.into());
    }
    let folder = variable("CLOUDSDK_CONFIG").map(PathBuf::from).or_else(|| {
        let home = variable("HOME")?;
        Some(PathBuf::from(home).join(".config/gcloud"))
    });
    let file = folder.map(|folder| folder.join("application_default_credentials.json"));
    file.filter(|file| file.exists()).ok_or_else(|| {
        invalid(
            "there are no default credentials; expected GOOGLE_APPLICATION_CREDENTIALS to be the path of a file, or \
             those that `gcloud auth application-default login` writes",
        )
    })
}

const KEY: &str = "google_credentials";

fn required<'a>(object: &'a Map<String, Value>, name: &str) -> Result<&'a str> {
    optional(object, name)
        .ok_or_else(|| invalid(&format!("has no `{name}`; expected Google's file as it is")))
}

fn optional<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

fn secret(text: &str) -> SecretSource {
    SecretSource::Text(Secret::from(text))
}

fn invalid(text: &str) -> Error {
    Error::new(Code::InvalidConfig, format!("{KEY}: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config(credentials: &Value, more: &Value) -> Result<Config> {
        let mut config = json!({ "google_credentials": credentials.to_string() });
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        let config = Config::from_json(&config.to_string())?;
        config.with_google_credentials().map(Cow::into_owned)
    }

    fn refused(credentials: &Value, more: &Value) -> String {
        let error = config(credentials, more).unwrap_err();
        assert_eq!(error.code(), Code::InvalidConfig);
        assert!(!error.message().contains("s3cret"), "{error}");
        error.message().to_owned()
    }

    fn text(source: Option<&SecretSource>) -> String {
        source.unwrap().resolve("it").unwrap().expose().to_owned()
    }

    fn registration(kind: &str) -> Value {
        json!({ kind: {
            "client_id": "1-a.apps.googleusercontent.com", "project_id": "p", "client_secret": "s3cret",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth", "token_uri": "https://oauth2.googleapis.com/token",
            "redirect_uris": ["urn:ietf:wg:oauth:2.0:oob", "http://localhost", "https://app.example/callback"],
        }})
    }

    fn service_account() -> Value {
        json!({
            "type": "service_account", "project_id": "p", "private_key_id": "k1", "private_key": "s3cret",
            "client_email": "robot@p.iam.gserviceaccount.com", "client_id": "1", "universe_domain": "googleapis.com",
            "token_uri": "https://oauth2.googleapis.com/token",
        })
    }

    #[test]
    fn client_secrets_of_both_kinds_load_as_they_are() {
        for kind in ["web", "installed"] {
            let config = config(&registration(kind), &json!({})).unwrap();
            assert_eq!(config.client_id, "1-a.apps.googleusercontent.com");
            assert_eq!(text(config.client_secret.as_ref()), "s3cret");
            assert_eq!(config.redirect_uri.as_deref(), Some("http://localhost"));
            assert!(
                matches!(&config.provider, super::super::ProviderChoice::Name(name) if name == "google")
            );
            assert_eq!(config.grant, GrantType::AuthorizationCode);
        }
    }

    #[test]
    fn the_redirect_uri_is_chosen_by_its_index_and_what_the_configuration_says_is_kept() {
        let at = |more: Value| config(&registration("web"), &more).unwrap().redirect_uri.unwrap();
        assert_eq!(at(json!({"redirect_index": 2})), "https://app.example/callback");
        let own = json!({"redirect_uri": "http://127.0.0.1/own", "redirect_index": 2});
        assert_eq!(at(own), "http://127.0.0.1/own");
        let error = refused(&registration("web"), &json!({"redirect_index": 3}));
        assert!(error.contains("redirect_index: 3") && error.contains("of the 3"), "{error}");
    }

    #[test]
    fn the_key_of_a_service_account_signs_in_its_name_without_consent() {
        let config = config(&service_account(), &json!({"scope": "a b"})).unwrap();
        assert_eq!(config.client_id, "robot@p.iam.gserviceaccount.com");
        assert_eq!(
            (config.grant, config.private_key_id.as_deref()),
            (GrantType::JwtBearer, Some("k1"))
        );
        assert_eq!(text(config.private_key.as_ref()), "s3cret");
        assert!(config.client_secret.is_none());
    }

    #[test]
    fn the_credentials_of_a_user_bring_the_client_and_the_first_refresh_token() {
        let file = json!({"type": "authorized_user", "client_id": "c", "client_secret": "s3cret", "refresh_token": "s3cret2"});
        let config = config(&file, &json!({})).unwrap();
        assert_eq!(
            (config.client_id.as_str(), config.first_refresh_token),
            ("c", Some("s3cret2".into()))
        );
    }

    #[test]
    fn a_file_that_is_not_what_it_should_be_is_refused_by_name() {
        let none = json!({});
        assert!(
            refused(&json!({"installed": {"client_secret": "s3cret"}}), &none)
                .contains("`client_id`")
        );
        let mut key = service_account();
        key["universe_domain"] = json!("other.example");
        assert!(refused(&key, &none).contains("universe_domain"));
        let external = json!({"type": "external_account", "client_secret": "s3cret"});
        assert!(refused(&external, &none).contains("none of the known kinds"));
        let other = json!({"client_id": "other"});
        assert!(refused(&registration("web"), &other).contains("client_id: is \"other\""));
        let grant = json!({"grant": "client_credentials"});
        assert!(refused(&service_account(), &grant).contains("expected jwt_bearer"));
        let nowhere = Config::from_json(r#"{"google_credentials": "no/such/file"}"#).unwrap();
        let error = nowhere.with_google_credentials().unwrap_err();
        assert!(error.message().starts_with("google_credentials: file no/such/file"), "{error}");
    }

    #[test]
    fn a_path_is_read_wherever_it_stands() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("client_secrets.json");
        std::fs::write(&path, registration("web").to_string()).unwrap();
        for source in [json!(path), json!({"file": path})] {
            let config = json!({ "google_credentials": source }).to_string();
            let config = Config::from_json(&config).unwrap();
            let config = config.with_google_credentials().unwrap();
            assert_eq!(config.client_id, "1-a.apps.googleusercontent.com");
        }
        let camel = json!({ "googleCredentials": path, "redirectIndex": 2 }).to_string();
        let camel = Config::from_json_camel(&camel).unwrap();
        let camel = camel.with_google_credentials().unwrap();
        assert_eq!(camel.redirect_uri.as_deref(), Some("https://app.example/callback"));
    }
}
