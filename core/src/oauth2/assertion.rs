//! What a JWT says that stands for a client or for a user (RFC 7523 section 3).

use crate::clock::UnixMillis;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// How long one is valid, in seconds: it is made anew for each request.
const LIFETIME: i64 = 60;

/// To whom an assertion is addressed: always one, as a single string.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum AssertionAudience {
    /// `issuer`: the provider's issuer identifier.
    Issuer,
    /// `token_endpoint`: the URL of its token endpoint.
    TokenEndpoint,
    /// Any other URI, or the host name by which some providers call themselves.
    Named(String),
}

impl From<AssertionAudience> for String {
    fn from(audience: AssertionAudience) -> Self {
        match audience {
            AssertionAudience::Issuer => "issuer".to_owned(),
            AssertionAudience::TokenEndpoint => "token_endpoint".to_owned(),
            AssertionAudience::Named(uri) => uri,
        }
    }
}

impl TryFrom<String> for AssertionAudience {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "issuer" => Ok(AssertionAudience::Issuer),
            "token_endpoint" => Ok(AssertionAudience::TokenEndpoint),
            name if name.contains([':', '.']) => Ok(AssertionAudience::Named(text)),
            _ => Err("expected issuer, token_endpoint, or a URI or host name"),
        }
    }
}

/// The claims of an assertion.
#[derive(Serialize)]
pub(crate) struct Assertion<'a> {
    iss: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    aud: &'a str,
    jti: String,
    iat: i64,
    exp: i64,
    /// What is asked for, where the provider looks for it here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) scope: Option<&'a str>,
    /// What a provider wants besides.
    #[serde(flatten)]
    pub(crate) claims: Option<&'a Map<String, Value>>,
}

impl<'a> Assertion<'a> {
    /// One that `iss` makes about `sub` for `aud`; to authenticate a client, both are its identifier. `jti` is never used twice.
    pub(crate) fn new(
        iss: &'a str,
        sub: Option<&'a str>,
        aud: &'a str,
        jti: String,
        now: UnixMillis,
    ) -> Self {
        let iat = now.div_euclid(1000);
        Assertion { iss, sub, aud, jti, iat, exp: iat + LIFETIME, scope: None, claims: None }
    }
}

/// Claims that the library sets itself.
pub(crate) const RESERVED_CLAIMS: [&str; 7] = ["iss", "sub", "aud", "jti", "iat", "exp", "scope"];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_client_names_itself_twice_and_one_audience_as_rfc_7523_section_3_has_it() {
        let claims = Assertion::new(
            "s6BhdRkqt3",
            Some("s6BhdRkqt3"),
            "https://as.example",
            "j".into(),
            1_999,
        );
        assert_eq!(
            serde_json::to_value(&claims).unwrap(),
            json!({"iss": "s6BhdRkqt3", "sub": "s6BhdRkqt3", "aud": "https://as.example", "jti": "j", "iat": 1, "exp": 61})
        );
    }

    /// The claims of the example, but for those that every assertion has here.
    #[test]
    fn a_grant_says_what_that_of_rfc_7523_section_4_does() {
        let more = json!({"nbf": 1_300_815_780, "http://claims.example.com/member": true});
        let (iss, sub) = ("https://jwt-idp.example.com", Some("mailto:mike@example.com"));
        let claims = Assertion::new(iss, sub, "https://as.example", "j".into(), 0);
        let claims = Assertion { claims: more.as_object(), ..claims };
        let claims = serde_json::to_value(&claims).unwrap();
        assert_eq!(claims["iss"], "https://jwt-idp.example.com");
        assert_eq!(claims["sub"], "mailto:mike@example.com");
        assert_eq!(claims["nbf"], 1_300_815_780);
        assert_eq!(claims["http://claims.example.com/member"], true);
        assert!(claims.get("scope").is_none());
    }
}
