//! Reading an answer's body as an object of fields, whatever its media type claims.
//!
//! The body is never quoted in an error: what cannot be read may still hold a token.

use crate::secret::shown;
use serde_json::error::Category;
use serde_json::{Map, Value};
use thiserror::Error;
use url::form_urlencoded;

/// The fields of an answer.
pub(crate) type Fields = Map<String, Value>;

/// Why a body cannot be read as fields.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BodyError {
    /// There is no body.
    #[error("the body is empty ({media_type}); expected a JSON object")]
    Empty {
        /// As the answer gave it.
        media_type: String,
    },
    /// Something in between, or a wrong endpoint, answered with a page.
    #[error(
        "the body is a page of HTML or XML ({media_type}, {length} bytes); expected a JSON object"
    )]
    Html {
        /// As the answer gave it.
        media_type: String,
        /// Bytes received.
        length: usize,
    },
    /// The connection ended early.
    #[error(
        "the JSON ends too early at line {line}, column {column} ({media_type}, {length} bytes); \
         expected a complete object"
    )]
    Truncated {
        /// As the answer gave it.
        media_type: String,
        /// Bytes received.
        length: usize,
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// It begins as JSON and breaks its grammar.
    #[error(
        "the JSON is malformed at line {line}, column {column} ({media_type}, {length} bytes); \
         expected an object"
    )]
    Malformed {
        /// As the answer gave it.
        media_type: String,
        /// Bytes received.
        length: usize,
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// JSON, but of another kind.
    #[error("the JSON is {found} ({media_type}, {length} bytes); expected an object")]
    NotAnObject {
        /// As the answer gave it.
        media_type: String,
        /// Bytes received.
        length: usize,
        /// Such as `an array`.
        found: &'static str,
    },
    /// Neither JSON nor a form.
    #[error("the body is plain text ({media_type}, {length} bytes); expected a JSON object")]
    Text {
        /// As the answer gave it.
        media_type: String,
        /// Bytes received.
        length: usize,
    },
}

/// Reads a JSON object.
pub(crate) fn parse_json(media_type: Option<&str>, body: &[u8]) -> Result<Fields, BodyError> {
    let text = trimmed(body);
    let (media_type, length) = (described(media_type), body.len());
    match text.first() {
        None => return Err(BodyError::Empty { media_type }),
        Some(b'<') => return Err(BodyError::Html { media_type, length }),
        Some(_) => {}
    }
    match serde_json::from_slice(text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(other) => Err(BodyError::NotAnObject { media_type, length, found: kind(&other) }),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            Err(match error.classify() {
                Category::Eof => BodyError::Truncated { media_type, length, line, column },
                _ => BodyError::Malformed { media_type, length, line, column },
            })
        }
    }
}

/// Reads a JSON object or, where the body cannot be JSON, `application/x-www-form-urlencoded`, which
/// some providers send under any media type.
pub(super) fn parse_json_or_form(
    media_type: Option<&str>,
    body: &[u8],
) -> Result<Fields, BodyError> {
    let text = trimmed(body);
    if !looks_like_form(text) {
        let claims_json = media_type.is_some_and(|media_type| media_type.contains("json"));
        return match parse_json(media_type, body) {
            Err(BodyError::Malformed { media_type, length, .. })
                if !claims_json && !matches!(text.first(), Some(b'{' | b'[')) =>
            {
                Err(BodyError::Text { media_type, length })
            }
            result => result,
        };
    }
    let pairs = form_urlencoded::parse(text);
    Ok(pairs.map(|(name, value)| (name.into_owned(), Value::from(value.into_owned()))).collect())
}

/// Whether the text begins with a name and `=`.
fn looks_like_form(text: &[u8]) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.~%+[]".contains(byte);
    let name = text.iter().take_while(|byte| is_name(byte)).count();
    name > 0 && text.get(name) == Some(&b'=') && text[0] != b'['
}

/// What kind of value it is, with its article.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(text) if text.is_empty() => "an empty string",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A text that is there and not empty.
pub(super) fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name)?.as_str().filter(|text| !text.is_empty())
}

fn trimmed(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii()
}

fn described(media_type: Option<&str>) -> String {
    media_type.map_or_else(|| "no media type".to_owned(), |media_type| shown(media_type, &[]))
}
