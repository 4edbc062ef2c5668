//! What an application asks for and gets back when it calls an API on a user's behalf.

use crate::config::Scopes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One API request. At most one of `form`, `json` and `body` may be given.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiRequest {
    /// HTTP method; `GET` when empty.
    pub method: String,
    /// Absolute URL; https, or http to a loopback address.
    pub url: String,
    /// Parameters added to the URL's query, in order, duplicates kept.
    #[serde(deserialize_with = "pairs::deserialize")]
    pub query: Vec<(String, String)>,
    /// Body as `application/x-www-form-urlencoded`, in order, duplicates kept.
    #[serde(deserialize_with = "pairs::deserialize_some")]
    pub form: Option<Vec<(String, String)>>,
    /// Body as `application/json`.
    pub json: Option<Value>,
    /// Body as it stands; name its type in `headers`.
    #[serde(skip)]
    pub body: Option<Vec<u8>>,
    /// Further headers; `Authorization` is the library's.
    #[serde(deserialize_with = "pairs::deserialize")]
    pub headers: Vec<(String, String)>,
    /// Seconds until the call gives up; the client's `timeouts.total` when absent.
    pub timeout: Option<f64>,
    /// For which resource the access token is to be, as in [`TokenOptions`](crate::TokenOptions).
    pub resource: Option<String>,
    /// Fewer scopes than were granted, as in [`TokenOptions`](crate::TokenOptions).
    pub scope: Option<Scopes>,
    /// Largest body taken, in bytes; the client's `max_response_bytes` when absent.
    pub max_response_bytes: Option<u64>,
}

/// The API's answer, whatever its status.
#[derive(Clone, Debug, Serialize)]
pub struct ApiResponse {
    /// HTTP status.
    pub status: u16,
    /// Headers in the order received, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, decoded of any transfer coding and no more.
    #[serde(skip)]
    pub body: Vec<u8>,
    /// Where the answer came from, after redirects.
    pub url: String,
}

/// Parameters as an object of text (or lists of text), or as a list of pairs.
pub(super) mod pairs {
    use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
    use serde_json::Value;
    use std::fmt;

    type Pairs = Vec<(String, String)>;

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Pairs, D::Error> {
        deserializer.deserialize_any(PairsVisitor)
    }

    pub(in crate::call) fn deserialize_some<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Pairs>, D::Error> {
        deserializer.deserialize_any(PairsVisitor).map(Some)
    }

    struct PairsVisitor;

    impl<'de> Visitor<'de> for PairsVisitor {
        type Value = Pairs;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object of name and text, or a list of [name, text] pairs")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
            let mut pairs = Pairs::new();
            while let Some((name, value)) = map.next_entry::<String, Value>()? {
                match value {
                    Value::Array(values) => {
                        for value in values {
                            pairs.push((name.clone(), text(&name, value)?));
                        }
                    }
                    value => {
                        let value = text(&name, value)?;
                        pairs.push((name, value));
                    }
                }
            }
            Ok(pairs)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Pairs, A::Error> {
            let mut pairs = Pairs::new();
            while let Some((name, value)) = list.next_element::<(String, Value)>()? {
                let value = text(&name, value)?;
                pairs.push((name, value));
            }
            Ok(pairs)
        }
    }

    fn text<E: Error>(name: &str, value: Value) -> Result<String, E> {
        match value {
            Value::String(text) => Ok(text),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(truth) => Ok(truth.to_string()),
            _ => Err(E::custom(format!("value of {name:?}: expected text, a number or a boolean"))),
        }
    }
}
