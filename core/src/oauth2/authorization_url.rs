//! The authorization request (RFC 6749 section 4.1.1, with PKCE as of RFC 7636 section 4.3), and what stands for it in the
//! browser where it was pushed (RFC 9126).

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
    /// Binds the answer to this attempt; none where the redirect URI holds it.
    pub state: Option<&'a str>,
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

const RESERVED: [&str; 9] = [
    "request",
    "request_uri",
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
        let parameters = self.parameters()?;
        Ok(self.url_with(parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()))))
    }

    /// The URL that refers to the request once it was pushed (RFC 9126 section 4).
    pub fn url_of_pushed(&self, request_uri: &str) -> Result<Url, AuthorizationUrlError> {
        self.check()?;
        let client_id = (self.client_id_parameter, self.client_id);
        Ok(self.url_with([client_id, ("request_uri", request_uri)].into_iter()))
    }

    /// The URL that carries the request as a signed object (RFC 9101 section 5.1).
    pub fn url_of_object(&self, request_object: &str) -> Result<Url, AuthorizationUrlError> {
        self.check()?;
        let client_id = (self.client_id_parameter, self.client_id);
        Ok(self.url_with([client_id, ("request", request_object)].into_iter()))
    }

    /// All that is asked, name by name: what goes into the query, or is pushed (RFC 9126 section 2.1).
    pub fn parameters(&self) -> Result<Vec<(String, String)>, AuthorizationUrlError> {
        self.check()?;
        let own = self.own_parameters().map(|(name, value)| (name.to_owned(), value));
        Ok(own.chain(self.extra.iter().cloned()).collect())
    }

    fn url_with<'b>(&self, parameters: impl Iterator<Item = (&'b str, &'b str)>) -> Url {
        let mut query = self.kept_query();
        for (name, value) in parameters {
            append(&mut query, name, value);
        }
        let mut url = self.authorization_endpoint.clone();
        url.set_query(Some(&query));
        url
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

    fn own_parameters(&self) -> impl Iterator<Item = (&str, String)> {
        let scope = self.scope.join(self.scope_separator);
        [
            ("response_type", Some("code".to_owned())),
            (self.client_id_parameter, Some(self.client_id.to_owned())),
            ("redirect_uri", self.redirect_uri.map(str::to_owned)),
            (self.scope_parameter, Some(scope).filter(|scope| !scope.is_empty())),
            ("state", self.state.map(str::to_owned)),
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
            state: Some("xyz"),
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
            state: Some("s"),
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
            state: Some("s"),
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

    #[test]
    fn rfc9126_section_4_the_browser_carries_client_and_reference_alone() {
        let endpoint = Url::parse("https://as.example.com/authorize").unwrap();
        let request = AuthorizationRequest {
            authorization_endpoint: &endpoint,
            client_id_parameter: "client_id",
            scope_parameter: "scope",
            client_id: "s6BhdRkqt3",
            redirect_uri: Some("https://client.example.org/cb"),
            scope: &["account-information"],
            scope_separator: " ",
            state: Some("af0ifjsldkj"),
            code_challenge: Some("K2-ltc83acc4h0c9w6ESC_rEMTJ3bww-uCHaoeK1t8U"),
            extra: &[],
        };
        let reference = "urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c";
        assert_eq!(
            request.url_of_pushed(reference).unwrap().as_str(),
            "https://as.example.com/authorize?client_id=s6BhdRkqt3&request_uri=urn%3Aietf%3Aparams\
             %3Aoauth%3Arequest_uri%3A6esc_11ACC5bwc014ltc14eY22c"
        );
        assert_eq!(
            request.url_of_object("eyJ.eyJ.x").unwrap().query(), // RFC 9101 section 5.1
            Some("client_id=s6BhdRkqt3&request=eyJ.eyJ.x")
        );
        // What is pushed is what section 2.1 shows, but for the order.
        let pushed = request.parameters().unwrap();
        for (name, value) in [
            ("response_type", "code"),
            ("state", "af0ifjsldkj"),
            ("client_id", "s6BhdRkqt3"),
            ("redirect_uri", "https://client.example.org/cb"),
            ("code_challenge", "K2-ltc83acc4h0c9w6ESC_rEMTJ3bww-uCHaoeK1t8U"),
            ("code_challenge_method", "S256"),
            ("scope", "account-information"),
        ] {
            assert!(pushed.contains(&(name.to_owned(), value.to_owned())), "{name}");
        }
        assert_eq!(pushed.len(), 7);
    }

    #[test]
    fn rfc8707_section_2_1_resources_are_repeated() {
        let url = url_with(
            "https://authorization-server.example.com/as/authorization.oauth2",
            &[
                ("resource", "https://cal.example.com/"),
                ("resource", "https://contacts.example.com/"),
            ],
        );
        assert!(url.unwrap().ends_with(
            "&resource=https%3A%2F%2Fcal.example.com%2F&resource=https%3A%2F%2Fcontacts.example.com%2F"
        ));
    }

    #[test]
    fn state_is_left_out_where_the_redirect_uri_holds_it() {
        let endpoint = Url::parse("https://a.example/").unwrap();
        let request = |state| AuthorizationRequest {
            authorization_endpoint: &endpoint,
            client_id_parameter: "client_id",
            scope_parameter: "scope",
            client_id: "id",
            redirect_uri: None,
            scope: &[],
            scope_separator: " ",
            state,
            code_challenge: None,
            extra: &[],
        };
        let query = |state| request(state).url().unwrap().query().unwrap().to_owned();
        assert_eq!(query(Some("s")), "response_type=code&client_id=id&state=s");
        assert_eq!(query(None), "response_type=code&client_id=id");
    }
}
