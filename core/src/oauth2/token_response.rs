//! The token endpoint's answer (RFC 6749 section 5.1), read as providers send it: JSON or form-encoded
//! under any media type, numbers as text, fields missing, null or empty.
//!
//! The parser's leniency ends at the access token: without one there is no answer.

use super::expiry::{Expiry, LifetimeUnit};
use super::json::{self, BodyError, Fields};
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use thiserror::Error;

/// Where a provider puts what; the default is the standard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ResponseShape {
    /// Name of the JSON object that holds the fields, where it is not the answer itself.
    pub within: Option<String>,
    /// Name of the access token's field.
    pub access_token: String,
    /// Name of the refresh token's field.
    pub refresh_token: String,
    /// Name of the access token's lifetime's field.
    pub expires_in: String,
    /// Name of the field with the time at which the access token ends.
    pub expires_at: String,
    /// The unit of the access token's lifetime.
    pub expires_in_unit: LifetimeUnit,
    /// Seconds for which an access token is valid where the answer says nothing about it.
    pub default_expires_in: Option<u32>,
    /// Whether introspection (RFC 7662) tells when an access token ends of which the answer says nothing.
    pub lifetime_by_introspection: bool,
    /// Name of the refresh token's lifetime's field.
    pub refresh_token_expires_in: String,
    /// The unit of the refresh token's lifetime.
    pub refresh_token_expires_in_unit: LifetimeUnit,
    /// Name of the scopes' field.
    pub scope: String,
    /// What stands between the scopes of a text, where that is not what stands between those that are asked for; a space also
    /// stands for any other white space.
    pub scope_separator: Option<String>,
    /// The type of the access token, where the answer's own is left out or says something else.
    pub token_type: Option<String>,
    /// Where the answer itself says whether it is one, whatever the status of HTTP.
    pub status: Option<BodyStatus>,
}

/// A number in an answer that says whether it is a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BodyStatus {
    /// Name of its field.
    pub field: String,
    /// What it is in a success; whatever else is the name of an error.
    pub success: i64,
}

impl Default for ResponseShape {
    fn default() -> Self {
        ResponseShape {
            within: None,
            access_token: "access_token".to_owned(),
            refresh_token: "refresh_token".to_owned(),
            expires_in: "expires_in".to_owned(),
            expires_at: "expires_at".to_owned(),
            expires_in_unit: LifetimeUnit::Seconds,
            default_expires_in: None,
            lifetime_by_introspection: false,
            refresh_token_expires_in: "refresh_token_expires_in".to_owned(),
            refresh_token_expires_in_unit: LifetimeUnit::Seconds,
            scope: "scope".to_owned(),
            scope_separator: None,
            token_type: None,
            status: None,
        }
    }
}

/// A successful answer.
#[derive(Clone, PartialEq)]
pub struct TokenResponse {
    /// `access_token`; never empty.
    pub access_token: Secret,
    /// The secret of the token, of OAuth 1.0a alone.
    pub token_secret: Option<Secret>,
    /// `token_type` in the provider's own case; compare it in any case.
    pub token_type: Option<String>,
    /// When the access token ends; none where the provider told none, null, 0 or nothing readable.
    pub expiry: Option<Expiry>,
    /// `refresh_token`; none where it is missing, null or empty, which means: keep the old one.
    pub refresh_token: Option<Secret>,
    /// When the refresh token ends; not in the standard.
    pub refresh_token_expiry: Option<Expiry>,
    /// Granted scopes; none where the provider told none, which means: as before, or as asked.
    pub scope: Option<Vec<String>>,
    /// `id_token` (OpenID Connect Core section 3.1.3.3), not verified.
    pub id_token: Option<Secret>,
    /// Every field of the answer, the ones above included.
    pub raw: Map<String, Value>,
}

impl fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenResponse")
            .field("token_type", &self.token_type)
            .field("expiry", &self.expiry)
            .field("refresh_token", &self.refresh_token)
            .field("refresh_token_expiry", &self.refresh_token_expiry)
            .field("scope", &self.scope)
            .field("id_token", &self.id_token)
            .field("raw", &self.raw.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Why a successful status brought no tokens. What the provider did is then unknown.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenResponseError {
    /// The body is not an object of fields.
    #[error("the token response cannot be read: {0}")]
    Body(#[from] BodyError),
    /// There is no access token.
    #[error("the token response has no `{field}` among its {count} fields; expected a string")]
    Missing {
        /// Where it was looked for.
        field: String,
        /// How many fields there were instead.
        count: usize,
    },
    /// A field has the wrong type.
    #[error("`{field}` of the token response is {found}; expected {expected}")]
    WrongType {
        /// Its name.
        field: String,
        /// Such as `a number`.
        found: &'static str,
        /// Such as `a string`.
        expected: &'static str,
    },
}

impl TokenResponse {
    /// Reads the body of a successful answer; `media_type` is its `Content-Type`.
    pub fn parse(
        media_type: Option<&str>,
        body: &[u8],
        shape: &ResponseShape,
    ) -> Result<Self, TokenResponseError> {
        Self::from_fields(json::parse_json_or_form(media_type, body)?, shape)
    }

    /// Reads the fields of one.
    pub fn from_fields(
        raw: Map<String, Value>,
        shape: &ResponseShape,
    ) -> Result<Self, TokenResponseError> {
        let fields = fields_within(&raw, shape)?;
        let text = |name: &str| json::text(fields, name);
        let separator = shape.scope_separator.as_deref().unwrap_or(" ");
        Ok(TokenResponse {
            access_token: access_token(fields, &shape.access_token)?,
            token_secret: None,
            token_type: shape.token_type.clone().or_else(|| text("token_type").map(str::to_owned)),
            expiry: expiry(fields, shape),
            refresh_token: text(&shape.refresh_token).map(Secret::from),
            refresh_token_expiry: fields
                .get(&shape.refresh_token_expires_in)
                .and_then(|value| Expiry::of_lifetime(value, shape.refresh_token_expires_in_unit)),
            scope: fields.get(&shape.scope).and_then(|value| scopes(value, separator)),
            id_token: text("id_token").map(Secret::from),
            raw,
        })
    }
}

/// What the answer says of the access token's end, under the names of the entry or under `expires`, which some use.
fn expiry(fields: &Fields, shape: &ResponseShape) -> Option<Expiry> {
    let told = [&shape.expires_in, &shape.expires_at].map(|name| fields.get(name));
    let other = fields.get("expires");
    if told.iter().all(Option::is_none) && other.is_none() {
        return shape.default_expires_in.map(Expiry::In);
    }
    let [lifetime, time] = told;
    lifetime
        .and_then(|value| Expiry::of_lifetime(value, shape.expires_in_unit))
        .or_else(|| time.and_then(Expiry::of_time))
        .or_else(|| other.and_then(Expiry::of_either))
}

fn fields_within<'a>(
    raw: &'a Fields,
    shape: &ResponseShape,
) -> Result<&'a Fields, TokenResponseError> {
    let Some(within) = &shape.within else {
        return Ok(raw);
    };
    match raw.get(within) {
        Some(Value::Object(fields)) => Ok(fields),
        Some(other) => Err(TokenResponseError::WrongType {
            field: within.clone(),
            found: json::kind(other),
            expected: "an object",
        }),
        None => Err(TokenResponseError::Missing { field: within.clone(), count: raw.len() }),
    }
}

fn access_token(fields: &Fields, name: &str) -> Result<Secret, TokenResponseError> {
    match fields.get(name) {
        Some(Value::String(token)) if !token.is_empty() => Ok(Secret::new(token)),
        Some(other) => Err(TokenResponseError::WrongType {
            field: name.to_owned(),
            found: json::kind(other),
            expected: "a string",
        }),
        None => Err(TokenResponseError::Missing { field: name.to_owned(), count: fields.len() }),
    }
}

fn scopes(value: &Value, separator: &str) -> Option<Vec<String>> {
    let scopes: Vec<String> = match value {
        Value::String(text) if separator == " " => {
            text.split_whitespace().map(str::to_owned).collect()
        }
        Value::String(text) => text.split(separator).map(|scope| scope.trim().to_owned()).collect(),
        Value::Array(values) => {
            values.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => return None,
    };
    let scopes: Vec<String> = scopes.into_iter().filter(|scope| !scope.is_empty()).collect();
    (!scopes.is_empty()).then_some(scopes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: Option<&str> = Some("application/json");

    fn parse(body: &str) -> TokenResponse {
        TokenResponse::parse(JSON, body.as_bytes(), &ResponseShape::default()).unwrap()
    }

    fn parse_error(media_type: Option<&str>, body: &str) -> TokenResponseError {
        TokenResponse::parse(media_type, body.as_bytes(), &ResponseShape::default()).unwrap_err()
    }

    fn with_field(field: &str) -> TokenResponse {
        parse(&format!(r#"{{"access_token":"a",{field}}}"#))
    }

    #[test]
    fn answer_is_that_of_rfc_6749_section_5_1() {
        let response = parse(
            r#"{
                "access_token":"2YotnFZFEjr1zCsicMWpAA",
                "token_type":"example",
                "expires_in":3600,
                "refresh_token":"tGzv3JOkF0XG5Qx2TlKWIA",
                "example_parameter":"example_value"
            }"#,
        );
        assert_eq!(response.access_token.expose(), "2YotnFZFEjr1zCsicMWpAA");
        assert_eq!(response.token_type.as_deref(), Some("example"));
        assert_eq!(response.expiry, Some(Expiry::In(3600)));
        assert_eq!(response.refresh_token, Some(Secret::from("tGzv3JOkF0XG5Qx2TlKWIA")));
        assert_eq!(response.scope, None);
        assert_eq!(response.raw["example_parameter"], "example_value");
        assert_eq!(response.raw.len(), 5);
    }

    #[test]
    fn form_is_read_under_any_media_type() {
        let body = b"access_token=a%2Fb&scope=repo%2Cgist&token_type=bearer&expires_in=28800&x=\n";
        for media_type in [JSON, None, Some("text/html"), Some("application/x-www-form-urlencoded")]
        {
            let response =
                TokenResponse::parse(media_type, body, &ResponseShape::default()).unwrap();
            assert_eq!(response.access_token.expose(), "a/b");
            assert_eq!(response.expiry, Some(Expiry::In(28800)));
            assert_eq!(response.raw["x"], "");
        }
    }

    #[test]
    fn json_is_read_under_any_media_type_and_after_a_byte_order_mark() {
        let body = "\u{feff} {\"access_token\":\"a\"}\r\n".as_bytes();
        let response = TokenResponse::parse(Some("text/html"), body, &ResponseShape::default());
        assert_eq!(response.unwrap().access_token.expose(), "a");
    }

    #[test]
    fn the_end_of_an_access_token_is_read_under_each_of_its_names_and_never_costs_the_tokens() {
        let told = [
            (r#""expires_in":"3600""#, Some(Expiry::In(3600))),
            (r#""expires":5183999"#, Some(Expiry::In(5_183_999))),
            (r#""expires_at":1767225600"#, Some(Expiry::At(1_767_225_600_000))),
            (r#""expires_at":"2026-01-01T00:00:00Z""#, Some(Expiry::At(1_767_225_600_000))),
            (r#""expires_in":null,"expires_at":1767225600"#, Some(Expiry::At(1_767_225_600_000))),
            (r#""expires_in":3600,"expires_at":1767225600"#, Some(Expiry::In(3600))),
            (r#""expires_in":0"#, None),
            (r#""expires_in":[3600]"#, None),
            (r#""x":1"#, None),
        ];
        for (fields, expected) in told {
            assert_eq!(with_field(fields).expiry, expected, "{fields}");
        }
    }

    #[test]
    fn a_lifetime_that_an_entry_knows_stands_where_the_answer_says_nothing() {
        let shape = ResponseShape { default_expires_in: Some(3600), ..ResponseShape::default() };
        let expiry =
            |body: &str| TokenResponse::parse(JSON, body.as_bytes(), &shape).unwrap().expiry;
        assert_eq!(expiry(r#"{"access_token":"a"}"#), Some(Expiry::In(3600)));
        assert_eq!(expiry(r#"{"access_token":"a","expires_in":60}"#), Some(Expiry::In(60)));
        assert_eq!(expiry(r#"{"access_token":"a","expires_in":0}"#), None, "0 is for ever");
    }

    #[test]
    fn scope_is_a_text_or_an_array() {
        let scope = |field: &str| with_field(field).scope;
        let expected = Some(vec!["a".to_owned(), "b".to_owned()]);
        assert_eq!(scope(r#""scope":" a  b ""#), expected);
        assert_eq!(scope(r#""scope":["a","b"]"#), expected);
        for none in [r#""scope":"""#, r#""scope":null"#, r#""scope":[]"#, r#""x":1"#] {
            assert_eq!(scope(none), None, "{none}");
        }
    }

    #[test]
    fn refresh_token_missing_null_or_empty_is_none() {
        for none in [r#""refresh_token":null"#, r#""refresh_token":"""#, r#""x":1"#] {
            assert_eq!(with_field(none).refresh_token, None, "{none}");
        }
    }

    #[test]
    fn shape_says_where_a_provider_puts_what() {
        let shape = ResponseShape {
            within: Some("data".to_owned()),
            access_token: "token".to_owned(),
            refresh_token: "refreshToken".to_owned(),
            expires_in_unit: LifetimeUnit::Milliseconds,
            refresh_token_expires_in_unit: LifetimeUnit::Hours,
            scope_separator: Some(",".to_owned()),
            token_type: Some("Bearer".to_owned()),
            ..ResponseShape::default()
        };
        let body = br#"{"ok":true,"data":{"token":"a","refreshToken":"r","expires_in":3600999,
            "refresh_token_expires_in":"2","token_type":"User Access Token","scope":"a, b"}}"#;
        let response = TokenResponse::parse(JSON, body, &shape).unwrap();
        assert_eq!(response.access_token.expose(), "a");
        assert_eq!(response.refresh_token, Some(Secret::from("r")));
        assert_eq!(response.expiry, Some(Expiry::In(3600)));
        assert_eq!(response.refresh_token_expiry, Some(Expiry::In(7200)));
        assert_eq!(response.scope, Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(response.token_type.as_deref(), Some("Bearer"));
        assert_eq!(response.raw["ok"], true);

        let missing = TokenResponse::parse(JSON, b"{}", &shape).unwrap_err();
        assert_eq!(missing, TokenResponseError::Missing { field: "data".to_owned(), count: 0 });
        let text = TokenResponse::parse(JSON, br#"{"data":"x"}"#, &shape).unwrap_err();
        assert_eq!(
            text.to_string(),
            "`data` of the token response is a string; expected an object"
        );
    }

    #[test]
    fn shape_is_read_from_data_and_refuses_unknown_keys() {
        let shape: ResponseShape =
            serde_json::from_str(r#"{"expires_in_unit":"milliseconds"}"#).unwrap();
        assert_eq!(shape.expires_in_unit, LifetimeUnit::Milliseconds);
        assert_eq!(shape.access_token, "access_token");
        assert!(serde_json::from_str::<ResponseShape>(r#"{"expiresIn":"x"}"#).is_err());
    }

    #[test]
    fn every_unreadable_answer_is_told_apart_without_quoting_it() {
        let html = Some("text/html; charset=utf-8");
        let expected = [
            (JSON, "", "the body is empty (application/json); expected a JSON object"),
            (None, " \n", "the body is empty (no media type); expected a JSON object"),
            (
                html,
                "<!doctype html><p>canary",
                "the body is a page of HTML or XML (text/html; charset=utf-8, 24 bytes); expected a \
                 JSON object",
            ),
            (
                JSON,
                "{\"access_token\":\n\"canary",
                "the JSON ends too early at line 2, column 7 (application/json, 24 bytes); expected a \
                 complete object",
            ),
            (
                JSON,
                r#"{"access_token":canary}"#,
                "the JSON is malformed at line 1, column 17 (application/json, 23 bytes); expected an \
                 object",
            ),
            (
                JSON,
                r#"["canary=x"]"#,
                "the JSON is an array (application/json, 12 bytes); expected an object",
            ),
            (
                JSON,
                r#""canary""#,
                "the JSON is a string (application/json, 8 bytes); expected an object",
            ),
            (
                Some("text/plain"),
                "canary canary",
                "the body is plain text (text/plain, 13 bytes); expected a JSON object",
            ),
        ];
        for (media_type, body, text) in expected {
            let error = parse_error(media_type, body);
            assert_eq!(error.to_string(), format!("the token response cannot be read: {text}"));
            assert!(!format!("{error:?}").contains("canary"));
        }
    }

    #[test]
    fn answer_without_a_usable_access_token_is_refused() {
        let expected = [
            (
                "{}",
                "the token response has no `access_token` among its 0 fields; expected a string",
            ),
            (
                r#"{"token":"canary","x":1}"#,
                "the token response has no `access_token` among its 2 fields; expected a string",
            ),
            (
                r#"{"access_token":17}"#,
                "`access_token` of the token response is a number; expected a string",
            ),
            (
                r#"{"access_token":{"token":"canary"}}"#,
                "`access_token` of the token response is an object; expected a string",
            ),
            (
                r#"{"access_token":""}"#,
                "`access_token` of the token response is an empty string; expected a string",
            ),
            (
                r#"{"access_token":null}"#,
                "`access_token` of the token response is null; expected a string",
            ),
        ];
        for (body, text) in expected {
            assert_eq!(parse_error(JSON, body).to_string(), text);
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let response = parse(
            r#"{"access_token":"canary1","refresh_token":"canary2","id_token":"canary3","x":"canary4"}"#,
        );
        let shown = format!("{response:?}");
        assert!(shown.contains("id_token") && !shown.contains("canary"), "{shown}");
    }
}
