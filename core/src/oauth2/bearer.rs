//! What an API says with a 401 or 403 (RFC 6750 section 3, RFC 9449 section 7.1).

use crate::challenge::{self, Challenge};

/// A challenge of scheme `Bearer` or `DPoP`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BearerChallenge {
    /// `error`; none where the request carried no token or the API does not say.
    pub error: Option<String>,
    /// `error_description`, text for people.
    pub error_description: Option<String>,
    /// `scope` that the request would need.
    pub scope: Option<String>,
    /// `realm`.
    pub realm: Option<String>,
}

impl BearerChallenge {
    /// The first such challenge among the values of `WWW-Authenticate`; one that names an error goes first.
    #[must_use]
    pub fn find<'a>(www_authenticate: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut challenges: Vec<BearerChallenge> = www_authenticate
            .into_iter()
            .flat_map(challenge::parse)
            .filter(|challenge| challenge.is("Bearer") || challenge.is("DPoP"))
            .map(|challenge| BearerChallenge::new(&challenge))
            .collect();
        challenges.sort_by_key(|challenge| challenge.error.is_none());
        challenges.into_iter().next()
    }

    fn new(challenge: &Challenge) -> Self {
        let owned = |name: &str| challenge.parameter(name).map(str::to_owned);
        BearerChallenge {
            error: owned("error"),
            error_description: owned("error_description"),
            scope: owned("scope"),
            realm: owned("realm"),
        }
    }

    /// Whether the token is expired, revoked or malformed: another one may help.
    #[must_use]
    pub fn is_invalid_token(&self) -> bool {
        self.error.as_deref() == Some("invalid_token")
    }

    /// Whether the token is good and allows too little: a refreshed one would be refused as well.
    #[must_use]
    pub fn is_insufficient_scope(&self) -> bool {
        self.error.as_deref() == Some("insufficient_scope")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenge_is_that_of_rfc_6750_section_3() {
        let header = r#"Bearer realm="example", error="invalid_token", error_description="The access token expired""#;
        let challenge = BearerChallenge::find([header]).unwrap();
        assert!(challenge.is_invalid_token() && !challenge.is_insufficient_scope());
        assert_eq!(challenge.error_description.as_deref(), Some("The access token expired"));
        assert_eq!(challenge.realm.as_deref(), Some("example"));
    }

    #[test]
    fn insufficient_scope_names_the_scope() {
        let header = r#"bearer error=insufficient_scope, scope="a b""#;
        let challenge = BearerChallenge::find(["Basic realm=x", header]).unwrap();
        assert!(challenge.is_insufficient_scope() && !challenge.is_invalid_token());
        assert_eq!(challenge.scope.as_deref(), Some("a b"));
    }

    #[test]
    fn challenge_with_an_error_goes_first_and_another_scheme_is_none() {
        let challenge = BearerChallenge::find(["Bearer", r#"DPoP error="invalid_token""#]).unwrap();
        assert!(challenge.is_invalid_token());
        assert_eq!(BearerChallenge::find(["Basic realm=x"]), None);
        assert_eq!(BearerChallenge::find([]), None);
    }
}
