//! Signed request objects (RFC 9101): the parameters of an authorization request as the claims of a JWT. What signs it is
//! elsewhere.

use serde_json::{Map, Value};

/// The type of such a JWT (section 10.8).
pub const TYPE: &str = "oauth-authz-req+jwt";

/// When, by whom and for whom a request object is.
#[derive(Clone, Copy, Debug)]
pub struct RequestObject<'a> {
    /// The client identifier, which is the issuer of the object.
    pub client_id: &'a str,
    /// The provider's issuer identifier, for whom it is.
    pub audience: &'a str,
    /// Tells it from every other.
    pub jti: &'a str,
    /// Now, in Unix seconds.
    pub issued_at: i64,
    /// Until when it is good, in Unix seconds.
    pub expires_at: i64,
}

impl RequestObject<'_> {
    /// The claims (section 4): the parameters, and what bounds the object. A parameter that comes several times is a list;
    /// `authorization_details` (RFC 9396 section 4), `claims` and `max_age` are JSON already.
    #[must_use]
    pub fn claims(&self, parameters: &[(String, String)]) -> Map<String, Value> {
        let mut claims = Map::new();
        for (name, value) in parameters {
            let value = match name.as_str() {
                "authorization_details" | "claims" | "max_age" => {
                    value.parse().unwrap_or_else(|_| value.clone().into())
                }
                _ => Value::from(value.clone()),
            };
            match claims.get_mut(name) {
                None => drop(claims.insert(name.clone(), value)),
                Some(Value::Array(values)) if name != "authorization_details" => values.push(value),
                Some(first) => *first = Value::from(vec![first.take(), value]),
            }
        }
        claims.insert("iss".to_owned(), self.client_id.into());
        claims.insert("aud".to_owned(), self.audience.into());
        claims.insert("jti".to_owned(), self.jti.into());
        claims.insert("iat".to_owned(), self.issued_at.into());
        claims.insert("nbf".to_owned(), self.issued_at.into());
        claims.insert("exp".to_owned(), self.expires_at.into());
        claims
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rfc9101_section_4_the_parameters_are_claims_beside_issuer_and_audience() {
        let object = RequestObject {
            client_id: "s6BhdRkqt3",
            audience: "https://server.example.com",
            jti: "j",
            issued_at: 1_000,
            expires_at: 1_060,
        };
        let parameters = [
            ("response_type", "code"),
            ("client_id", "s6BhdRkqt3"),
            ("redirect_uri", "https://client.example.org/cb"),
            ("scope", "openid"),
            ("state", "af0ifjsldkj"),
            ("resource", "https://a.example/"),
            ("resource", "https://b.example/"),
            ("resource", "https://c.example/"),
            ("authorization_details", r#"[{"type":"x"}]"#),
        ];
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let claims = object.claims(&parameters.map(owned));
        assert_eq!(
            Value::from(claims),
            json!({
                "iss": "s6BhdRkqt3",
                "aud": "https://server.example.com",
                "jti": "j",
                "iat": 1_000,
                "nbf": 1_000,
                "exp": 1_060,
                "response_type": "code",
                "client_id": "s6BhdRkqt3",
                "redirect_uri": "https://client.example.org/cb",
                "scope": "openid",
                "state": "af0ifjsldkj",
                "resource": ["https://a.example/", "https://b.example/", "https://c.example/"],
                "authorization_details": [{"type": "x"}],
            })
        );
    }
}
