//! The authorization request (RFC 6749 section 4.1.1, with PKCE as of RFC 7636 section 4.3).

use thiserror::Error;
use url::Url;
use url::form_urlencoded;

/// What the browser is sent to ask.
#[derive(Clone, Copy)]
pub struct AuthorizationRequest<'a> {
    /// The provider's authorization endpoint; query parameters it already has are kept.
    pub authorization_endpoint: &'a Url,
    /// The client registration.
    pub client_id: &'a str,
    /// Name of its parameter: `client_id` in the standard.
    pub client_id_parameter: &'a str,
    /// Where the answer goes; none where the provider knows only one.
    pub redirect_uri: Option<&'a str>,
    /// Scopes asked for; the parameter is left out when there are none.
    pub scope: &'a [&'a str],
    /// Name of their parameter: `scope` in the standard.
    pub scope_parameter: &'a str,
    /// What stands between scopes: a space in the standard, a comma at some providers.
    pub scope_separator: &'a str,
    /// Binds the answer to this attempt.
    pub state: &'a str,
    /// The S256 challenge of [`super::pkce`]; none where the provider refuses PKCE.
    pub code_challenge: Option<&'a str>,
    /// Further parameters, such as `prompt` or `login_hint`. One that the endpoint's query has replaces it.
    pub extra: &'a [(String, String)],
}

/// Why no authorization URL can be built.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AuthorizationUrlError {
    /// An extra parameter would change what the library answers for.
    #[error(
        "the extra authorization parameter `{0}` is set by the library; expected it in the \
         configuration or the call's own options"
    )]
    ReservedParameter(String),
    /// The endpoint's own query has a parameter that may be sent once only (RFC 6749 section 3.1).
    #[error(
        "the authorization endpoint's query has `{0}`, which is set by the library; expected an \
         endpoint without it"
    )]
    ReservedInEndpoint(String),
    /// RFC 6749 section 3.1 forbids a fragment.
    #[error(
        "the authorization endpoint has a fragment (`#…`); expected none (RFC 6749 section 3.1)"
    )]
    Fragment,
}

const RESERVED: [&str; 7] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
];

impl AuthorizationRequest<'_> {
    /// The URL to open in the user's browser.
    pub fn url(&self) -> Result<Url, AuthorizationUrlError> {
        self.check()?;
        let mut query = self.kept_query();
        for (name, value) in self.parameters() {
            append(&mut query, name, &value);
        }
        for (name, value) in self.extra {
            append(&mut query, name, value);
        }
        let mut url = self.authorization_endpoint.clone();
        url.set_query(Some(&query));
        Ok(url)
    }

    fn check(&self) -> Result<(), AuthorizationUrlError> {
        if self.authorization_endpoint.fragment().is_some() {
            return Err(AuthorizationUrlError::Fragment);
        }
        let own = [self.client_id_parameter, self.scope_parameter];
        let is_reserved = |name: &str| RESERVED.contains(&name) || own.contains(&name);
        if let Some((name, _)) = self.extra.iter().find(|(name, _)| is_reserved(name)) {
            return Err(AuthorizationUrlError::ReservedParameter(name.clone()));
        }
        match self.authorization_endpoint.query_pairs().find(|(name, _)| is_reserved(name)) {
            Some((name, _)) => Err(AuthorizationUrlError::ReservedInEndpoint(name.into_owned())),
            None => Ok(()),
        }
    }

    /// The endpoint's own query as it is written, without what `extra` replaces.
    fn kept_query(&self) -> String {
        let is_replaced = |piece: &&str| {
            let (name, _) = form_urlencoded::parse(piece.as_bytes()).next().unwrap_or_default();
            self.extra.iter().any(|(extra, _)| *extra == name)
        };
        let query = self.authorization_endpoint.query().unwrap_or_default();
        let pieces = query.split('&').filter(|piece| !piece.is_empty() && !is_replaced(piece));
        pieces.collect::<Vec<_>>().join("&")
    }

    fn parameters(&self) -> impl Iterator<Item = (&str, String)> {
        let scope = self.scope.join(self.scope_separator);
        [
            ("response_type", Some("code".to_owned())),
            (self.client_id_parameter, Some(self.client_id.to_owned())),
            ("redirect_uri", self.redirect_uri.map(str::to_owned)),
            (self.scope_parameter, Some(scope).filter(|scope| !scope.is_empty())),
            ("state", Some(self.state.to_owned())),
            ("code_challenge", self.code_challenge.map(str::to_owned)),
            ("code_challenge_method", self.code_challenge.map(|_| "S256".to_owned())),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }
}

fn append(query: &mut String, name: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    append_encoded(query, name);
    query.push('=');
    append_encoded(query, value);
}

/// Form encoding but for the space, as `%20`: servers that take `+` for a plus sign understand it too.
fn append_encoded(query: &mut String, text: &str) {
    for piece in form_urlencoded::byte_serialize(text.as_bytes()) {
        query.push_str(if piece == "+" { "%20" } else { piece });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url_with(endpoint: &str, extra: &[(&str, &str)]) -> Result<String, AuthorizationUrlError> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let request = AuthorizationRequest {
            authorization_endpoint: &Url::parse(endpoint).unwrap(),
            client_id_parameter: "client_id",
            scope_parameter: "scope",
            client_id: "s6BhdRkqt3",
            redirect_uri: Some("https://client.example.com/cb"),
            scope: &["files.read", "a+b"],
            scope_separator: " ",
            state: "xyz",
            code_challenge: Some("E9Me"),
            extra: &extra.iter().map(owned).collect::<Vec<_>>(),
        };
        request.url().map(String::from)
    }

    #[test]
    fn request_has_the_parameters_of_rfc_6749_section_4_1_1_and_pkce() {
        assert_eq!(
            url_with("https://server.example.com/authorize", &[("prompt", "consent")]).unwrap(),
            "https://server.example.com/authorize?response_type=code&client_id=s6BhdRkqt3\
             &redirect_uri=https%3A%2F%2Fclient.example.com%2Fcb&scope=files.read%20a%2Bb&state=xyz\
             &code_challenge=E9Me&code_challenge_method=S256&prompt=consent"
        );
    }

    #[test]
    fn parameters_without_a_value_are_left_out() {
        let endpoint = Url::parse("https://a.example/").unwrap();
        let request = AuthorizationRequest {
            authorization_endpoint: &endpoint,
            client_id_parameter: "client_id",
            scope_parameter: "scope",
            client_id: "id",
            redirect_uri: None,
            scope: &[],
            scope_separator: ",",
            state: "s",
            code_challenge: None,
            extra: &[],
        };
        let url = request.url().unwrap();
        assert_eq!(url.query(), Some("response_type=code&client_id=id&state=s"));
    }

    #[test]
    fn scopes_are_joined_by_the_providers_separator() {
        let endpoint = Url::parse("https://a.example/").unwrap();
        let request = AuthorizationRequest {
            authorization_endpoint: &endpoint,
            client_id_parameter: "client_id",
            scope_parameter: "scope",
            client_id: "id",
            redirect_uri: None,
            scope: &["a", "b"],
            scope_separator: ",",
            state: "s",
            code_challenge: None,
            extra: &[],
        };
        assert!(request.url().unwrap().query().unwrap().contains("scope=a%2Cb&"));
    }

    #[test]
    fn endpoints_own_query_is_kept_as_written_unless_an_extra_replaces_it() {
        let url = url_with("https://a.example/?tenant=a+b%2f&hd=x&flag", &[("hd", "y")]).unwrap();
        assert!(
            url.starts_with("https://a.example/?tenant=a+b%2f&flag&response_type=code&"),
            "{url}"
        );
        assert!(url.ends_with("&hd=y"), "{url}");
    }

    #[test]
    fn extra_may_repeat_a_parameter() {
        let url = url_with("https://a.example/", &[("resource", "a"), ("resource", "b")]).unwrap();
        assert!(url.ends_with("&resource=a&resource=b"), "{url}");
    }

    #[test]
    fn nothing_may_change_what_the_library_sets() {
        for name in RESERVED {
            assert_eq!(
                url_with("https://a.example/", &[(name, "x")]),
                Err(AuthorizationUrlError::ReservedParameter(name.to_owned()))
            );
        }
        assert_eq!(
            url_with("https://a.example/?st%61te=x", &[]),
            Err(AuthorizationUrlError::ReservedInEndpoint("state".to_owned()))
        );
        assert_eq!(url_with("https://a.example/#x", &[]), Err(AuthorizationUrlError::Fragment));
    }
}
