//! Dynamic client registration (RFC 7591): what a client says about itself, and what the provider answers.

use super::expiry::Expiry;
use super::json::{self, BodyError};
use crate::secret::Secret;
use serde_json::{Map, Value};
use std::fmt;
use thiserror::Error;

/// What a provider registered (section 3.2.1).
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct ClientInformation {
    /// `client_id`.
    pub client_id: String,
    /// `client_secret`; none for a public client, or one with a key.
    pub client_secret: Option<Secret>,
    /// `client_secret_expires_at`, in Unix milliseconds; none where it does not expire.
    pub client_secret_expires_at: Option<i64>,
    /// `registration_access_token` (RFC 7592): changes the registration at `registration_client_uri`.
    pub registration_access_token: Option<Secret>,
    /// `registration_client_uri` (RFC 7592).
    pub registration_client_uri: Option<String>,
    /// The metadata as the provider took it, which may be other than was asked for, without secrets.
    pub metadata: Map<String, Value>,
}

impl fmt::Debug for ClientInformation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientInformation")
            .field("client_id", &self.client_id)
            .field("metadata", &self.metadata.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Why a registration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ClientInformationError {
    /// The body is not an object of fields.
    #[error("the registration response cannot be read: {0}")]
    Body(#[from] BodyError),
    /// There is no client identifier.
    #[error("the registration response has no `client_id`; expected a text")]
    ClientId,
}

const SECRETS: [&str; 2] = ["client_secret", "registration_access_token"];

impl ClientInformation {
    /// Reads the answer.
    pub fn parse(media_type: Option<&str>, body: &[u8]) -> Result<Self, ClientInformationError> {
        let mut fields = json::parse_json(media_type, body)?;
        let text = |name: &str| json::text(&fields, name).map(str::to_owned);
        let expires_at = fields.get("client_secret_expires_at").and_then(Expiry::of_time);
        let information = ClientInformation {
            client_id: text("client_id").ok_or(ClientInformationError::ClientId)?,
            client_secret: text("client_secret").map(Secret::from),
            client_secret_expires_at: expires_at.map(|expiry| expiry.at(0)),
            registration_access_token: text("registration_access_token").map(Secret::from),
            registration_client_uri: text("registration_client_uri"),
            metadata: Map::new(),
        };
        fields.retain(|name, _| !SECRETS.contains(&name.as_str()));
        Ok(ClientInformation { metadata: fields, ..information })
    }

    /// A text of the metadata.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        json::text(&self.metadata, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<ClientInformation, ClientInformationError> {
        ClientInformation::parse(Some("application/json"), body.as_bytes())
    }

    #[test]
    fn rfc7591_section_3_2_1_the_answer_is_read() {
        let information = parse(
            r#"{
                "client_id": "s6BhdRkqt3",
                "client_secret": "cf136dc3c1fc93f31185e5885805d",
                "client_id_issued_at": 2893256800,
                "client_secret_expires_at": 2893276800,
                "redirect_uris": ["https://client.example.org/callback", "https://client.example.org/callback2"],
                "grant_types": ["authorization_code", "refresh_token"],
                "client_name": "My Example Client",
                "token_endpoint_auth_method": "client_secret_basic"
            }"#,
        )
        .unwrap();
        assert_eq!(information.client_id, "s6BhdRkqt3");
        assert_eq!(
            information.client_secret.as_ref().unwrap().expose(),
            "cf136dc3c1fc93f31185e5885805d"
        );
        assert_eq!(information.client_secret_expires_at, Some(2_893_276_800_000));
        assert_eq!(information.text("token_endpoint_auth_method"), Some("client_secret_basic"));
        assert_eq!(information.metadata["redirect_uris"].as_array().unwrap().len(), 2);
        let shown = format!("{information:?} {}", Value::from(information.metadata.clone()));
        assert!(!shown.contains("cf136"), "{shown}");
    }

    #[test]
    fn a_secret_that_does_not_expire_has_no_end_and_a_public_client_has_none() {
        let information = parse(r#"{"client_id":"c","client_secret_expires_at":0}"#).unwrap();
        assert_eq!((information.client_secret, information.client_secret_expires_at), (None, None));
    }

    #[test]
    fn a_registration_without_identifier_is_refused() {
        assert_eq!(parse(r#"{"client_name":"x"}"#).unwrap_err(), ClientInformationError::ClientId);
        assert!(matches!(parse("[]"), Err(ClientInformationError::Body(_))));
    }
}
