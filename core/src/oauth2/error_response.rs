//! Error answers (RFC 6749 section 5.2), at any status, and the shapes some providers give them.

use super::json::{self, Fields};
use super::token_response::BodyStatus;
use crate::secret::{Secret, shown};
use serde_json::Value;

/// What a provider said was wrong. Text for people and logs: without control characters and cut to 500
/// characters; `error_uri` is never fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorResponse {
    /// `error`, such as `invalid_grant`.
    pub error: String,
    /// `error_description`.
    pub error_description: Option<String>,
    /// `error_uri`.
    pub error_uri: Option<String>,
}

impl ErrorResponse {
    /// Looks for an error in a body of JSON or form encoding; none where there is none. Some providers
    /// send one with status 200. `secrets` are those of the request: should the answer echo one, it is left out.
    #[must_use]
    pub fn parse(media_type: Option<&str>, body: &[u8], secrets: &[&Secret]) -> Option<Self> {
        let fields = json::parse_json_or_form(media_type, body).ok()?;
        standard(&fields, secrets)
            .or_else(|| nested(fields.get("error")?, secrets))
            .or_else(|| nested(fields.get("errors")?.as_array()?.first()?, secrets))
    }

    /// The same of a provider whose answers say by themselves whether they are one: its error is what they say.
    #[must_use]
    pub fn parse_with_status(
        media_type: Option<&str>,
        body: &[u8],
        status: &BodyStatus,
        secrets: &[&Secret],
    ) -> Option<Self> {
        let fields = json::parse_json_or_form(media_type, body).ok()?;
        let told = match fields.get(&status.field)? {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.clone(),
            _ => return None,
        };
        let names = ["error_description", "error", "message"];
        let description = names.iter().find_map(|name| json::text(&fields, name));
        (told != status.success.to_string()).then(|| ErrorResponse {
            error: shown(&told, secrets),
            error_description: description.map(|text| shown(text, secrets)),
            error_uri: None,
        })
    }

    /// The error of parameters, as a redirect has them.
    pub(super) fn from_parameters<'a>(
        parameter: impl Fn(&str) -> Option<&'a str>,
        secrets: &[&Secret],
    ) -> Option<Self> {
        let text = |name: &str| parameter(name).map(|text| shown(text, secrets));
        Some(ErrorResponse {
            error: text("error")?,
            error_description: text("error_description"),
            error_uri: text("error_uri"),
        })
    }
}

fn standard(fields: &Fields, secrets: &[&Secret]) -> Option<ErrorResponse> {
    ErrorResponse::from_parameters(|name| json::text(fields, name), secrets)
}

/// An error that is an object, as Google's APIs, Facebook and Fitbit send it.
fn nested(value: &Value, secrets: &[&Secret]) -> Option<ErrorResponse> {
    let fields = value.as_object()?;
    let first = |names: &[&str]| {
        let text = names.iter().find_map(|name| json::text(fields, name))?;
        Some(shown(text, secrets))
    };
    Some(ErrorResponse {
        error: first(&["error", "errorType", "type", "status", "code"])?,
        error_description: first(&["error_description", "message"]),
        error_uri: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Option<(String, Option<String>)> {
        let response = ErrorResponse::parse(None, body.as_bytes(), &[])?;
        Some((response.error, response.error_description))
    }

    fn error(error: &str, description: Option<&str>) -> (String, Option<String>) {
        (error.to_owned(), description.map(str::to_owned))
    }

    #[test]
    fn error_is_read_from_json_and_form() {
        let body =
            br#"{"error":"invalid_request","error_description":"d","error_uri":"https://e"}"#;
        let response = ErrorResponse::parse(Some("application/json"), body, &[]).unwrap();
        assert_eq!(response.error, "invalid_request");
        assert_eq!(response.error_description.as_deref(), Some("d"));
        assert_eq!(response.error_uri.as_deref(), Some("https://e"));
        assert_eq!(
            parse("error=bad_verification_code&error_description=The+code+is+wrong."),
            Some(error("bad_verification_code", Some("The code is wrong.")))
        );
    }

    #[test]
    fn error_is_read_where_providers_put_it_otherwise() {
        assert_eq!(
            parse(r#"{"ok":false,"error":"token_revoked"}"#),
            Some(error("token_revoked", None))
        );
        assert_eq!(
            parse(r#"{"errors":[{"errorType":"invalid_grant","message":"m"}],"success":false}"#),
            Some(error("invalid_grant", Some("m")))
        );
        assert_eq!(
            parse(r#"{"error":{"code":401,"message":"m","status":"UNAUTHENTICATED"}}"#),
            Some(error("UNAUTHENTICATED", Some("m")))
        );
    }

    #[test]
    fn answer_without_an_error_has_none() {
        for body in [
            r#"{"access_token":"a","error":null}"#,
            r#"{"access_token":"a","error":""}"#,
            r#"{"errors":[]}"#,
            "<html>error=x",
            "",
            "[]",
        ] {
            assert_eq!(parse(body), None, "{body}");
        }
    }

    #[test]
    fn text_of_a_provider_is_one_bounded_line() {
        let body = format!(r#"{{"error":"a\r\nb","error_description":"{}"}}"#, "x".repeat(600));
        let (error, description) = parse(&body).unwrap();
        assert_eq!(error, "a  b");
        assert_eq!(description.unwrap().len(), 500);
    }
}
