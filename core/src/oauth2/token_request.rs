//! Requests to the token endpoint (RFC 6749 sections 4.1.3, 4.3.2, 4.4.2 and 6, RFC 7523 section 2.1, RFC 8693 section 2.1).

use super::client_authentication::ClientAuthentication;
use super::device::DEVICE_CODE;
use crate::secret::Secret;
use std::collections::BTreeMap;
use std::fmt;
use thiserror::Error;
use url::form_urlencoded;

/// What is offered for a token.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Grant<'a> {
    /// A code from the authorization endpoint (section 4.1.3).
    AuthorizationCode {
        /// Spent by being sent once.
        code: &'a str,
        /// The one of the authorization request, where that had one.
        redirect_uri: Option<&'a str>,
        /// The verifier of its challenge (RFC 7636 section 4.5).
        code_verifier: Option<&'a str>,
    },
    /// A refresh token (section 6).
    RefreshToken {
        /// Spent by being sent once where the provider rotates.
        refresh_token: &'a str,
        /// None for the scope that was granted.
        scope: Option<&'a str>,
        /// For which resource the access token is to be (RFC 8707 section 2.2); none where the provider knows.
        resource: Option<&'a str>,
    },
    /// A device code (RFC 8628 section 3.4).
    DeviceCode {
        /// Spent by the poll that is answered with tokens.
        device_code: &'a str,
    },
    /// The client itself (section 4.4.2).
    ClientCredentials {
        /// None for the provider's default.
        scope: Option<&'a str>,
        /// As with a refresh token.
        resource: Option<&'a str>,
    },
    /// A JWT that the client, or whom it trusts, signed (RFC 7523 section 2.1).
    JwtBearer {
        /// The JWT, good for one request.
        assertion: &'a str,
        /// None where the assertion says it, or for the provider's default.
        scope: Option<&'a str>,
        /// As with a refresh token.
        resource: Option<&'a str>,
    },
    /// A token for another one (RFC 8693 section 2.1).
    TokenExchange {
        /// Of the party on whose behalf the request is made.
        subject_token: &'a str,
        /// What kind of token that is.
        subject_token_type: &'a str,
        /// Of the acting party, and its kind.
        actor_token: Option<(&'a str, &'a str)>,
        /// The kind of token that is wanted; the provider's choice when absent.
        requested_token_type: Option<&'a str>,
        /// The name of the service that the token is for.
        audience: Option<&'a str>,
        /// None for the provider's default.
        scope: Option<&'a str>,
        /// As with a refresh token.
        resource: Option<&'a str>,
    },
    /// The user's own name and password (section 4.3.2): for servers that know nothing else.
    Password {
        /// The user's name.
        username: &'a str,
        /// The user's password.
        password: &'a str,
        /// None for the provider's default.
        scope: Option<&'a str>,
    },
    /// A PIN that the provider showed the user, in the manner of Imgur.
    Pin {
        /// Spent by being sent once.
        pin: &'a str,
    },
}

impl<'a> Grant<'a> {
    /// `grant_type`.
    fn grant_type(&self) -> &'static str {
        match self {
            Grant::AuthorizationCode { .. } => "authorization_code",
            Grant::RefreshToken { .. } => "refresh_token",
            Grant::DeviceCode { .. } => DEVICE_CODE,
            Grant::ClientCredentials { .. } => "client_credentials",
            Grant::JwtBearer { .. } => "urn:ietf:params:oauth:grant-type:jwt-bearer",
            Grant::TokenExchange { .. } => "urn:ietf:params:oauth:grant-type:token-exchange",
            Grant::Password { .. } => "password",
            Grant::Pin { .. } => "pin",
        }
    }

    fn parameters(&self) -> Vec<(&'static str, Option<&'a str>)> {
        match *self {
            Grant::AuthorizationCode { code, redirect_uri, code_verifier } => vec![
                ("code", Some(code)),
                ("redirect_uri", redirect_uri),
                ("code_verifier", code_verifier),
            ],
            Grant::RefreshToken { refresh_token, scope, resource } => {
                vec![
                    ("refresh_token", Some(refresh_token)),
                    ("scope", scope),
                    ("resource", resource),
                ]
            }
            Grant::DeviceCode { device_code } => vec![("device_code", Some(device_code))],
            Grant::ClientCredentials { scope, resource } => {
                vec![("scope", scope), ("resource", resource)]
            }
            Grant::JwtBearer { assertion, scope, resource } => {
                vec![("assertion", Some(assertion)), ("scope", scope), ("resource", resource)]
            }
            Grant::TokenExchange {
                subject_token,
                subject_token_type,
                actor_token,
                requested_token_type,
                audience,
                scope,
                resource,
            } => vec![
                ("resource", resource),
                ("audience", audience),
                ("scope", scope),
                ("requested_token_type", requested_token_type),
                ("subject_token", Some(subject_token)),
                ("subject_token_type", Some(subject_token_type)),
                ("actor_token", actor_token.map(|(token, _)| token)),
                ("actor_token_type", actor_token.map(|(_, kind)| kind)),
            ],
            Grant::Password { username, password, scope } => {
                vec![("username", Some(username)), ("password", Some(password)), ("scope", scope)]
            }
            Grant::Pin { pin } => vec![("pin", Some(pin))],
        }
    }
}

/// An extra parameter would change what the library answers for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "the extra token request parameter `{0}` is set by the library; expected it in the configuration or the call's own options"
)]
pub struct ReservedParameter(String);

const RESERVED: [&str; 21] = [
    "grant_type",
    "device_code",
    "code",
    "redirect_uri",
    "code_verifier",
    "refresh_token",
    "scope",
    "resource",
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
    "assertion",
    "subject_token",
    "subject_token_type",
    "actor_token",
    "actor_token_type",
    "requested_token_type",
    "username",
    "password",
    "pin",
];

const SECRET: [&str; 12] = [
    "device_code",
    "code",
    "code_verifier",
    "refresh_token",
    "client_secret",
    "client_assertion",
    "assertion",
    "subject_token",
    "actor_token",
    "password",
    "pin",
    "token",
];

/// A form to post and, with Basic, the header to post it with.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TokenRequest {
    /// Names and values, not encoded.
    pub form: Vec<(String, Secret)>,
    /// Value of the `Authorization` header.
    pub authorization: Option<Secret>,
}

impl TokenRequest {
    /// The request for a grant; `extra` adds what a provider wants besides.
    pub fn new(
        grant: &Grant<'_>,
        client_authentication: &ClientAuthentication<'_>,
        extra: &BTreeMap<String, String>,
    ) -> Result<Self, ReservedParameter> {
        if let Some(name) = extra.keys().find(|name| RESERVED.contains(&name.as_str())) {
            return Err(ReservedParameter(name.clone()));
        }
        let mut request = TokenRequest::default();
        request.push("grant_type", grant.grant_type());
        for (name, value) in grant.parameters() {
            if let Some(value) = value {
                request.push(name, value);
            }
        }
        for (name, value) in extra {
            request.push(name, value);
        }
        client_authentication.authenticate(&mut request);
        Ok(request)
    }

    /// Adds a parameter.
    pub fn push(&mut self, name: &str, value: &str) {
        self.form.push((name.to_owned(), Secret::from(value)));
    }

    /// Gives a parameter the name that a provider has for it; an empty one leaves it out.
    pub fn rename(&mut self, standard: &str, own: &str) {
        if own.is_empty() {
            self.form.retain(|(name, _)| name != standard);
        }
        for (name, _) in &mut self.form {
            if name == standard {
                own.clone_into(name);
            }
        }
    }

    /// The values that an echo of the request would give away.
    #[must_use]
    pub fn secrets(&self) -> Vec<&Secret> {
        let secret = |(name, _): &&(String, Secret)| SECRET.contains(&name.as_str());
        self.form.iter().filter(secret).map(|(_, value)| value).collect()
    }

    /// Whether a signature in it is dated.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.form.iter().any(|(name, _)| matches!(name.as_str(), "client_assertion" | "assertion"))
    }

    /// The form as `application/x-www-form-urlencoded`.
    #[must_use]
    pub fn body(&self) -> Secret {
        let lengths = self.form.iter().map(|(name, value)| name.len() + value.expose().len());
        // Room for the longest: a buffer that grew would leave a copy of the secrets behind.
        let longest = 3 * lengths.sum::<usize>() + 2 * self.form.len();
        let mut body = form_urlencoded::Serializer::new(String::with_capacity(longest));
        for (name, value) in &self.form {
            body.append_pair(name, value.expose());
        }
        Secret::from(body.finish())
    }

    /// The form as a JSON object, for the providers that want one.
    #[must_use]
    pub fn json_body(&self) -> Secret {
        let mut object = serde_json::Map::new();
        for (name, value) in &self.form {
            object.insert(name.clone(), value.expose().into());
        }
        Secret::from(serde_json::Value::from(object).to_string())
    }
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.form.iter().map(|(name, _)| name).collect();
        f.debug_struct("TokenRequest")
            .field("form", &names)
            .field("authorization", &self.authorization)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth2::client_authentication::{ClientAuthenticationMethod, ClientCredential};

    fn request(
        grant: Grant<'_>,
        extra: &[(&str, &str)],
    ) -> Result<TokenRequest, ReservedParameter> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let public = ClientAuthentication::new(
            ClientAuthenticationMethod::None,
            "id",
            ClientCredential::None,
        )
        .unwrap();
        TokenRequest::new(&grant, &public, &extra.iter().map(owned).collect())
    }

    fn refresh_token(text: &str) -> Grant<'_> {
        Grant::RefreshToken { refresh_token: text, scope: None, resource: None }
    }

    #[test]
    fn code_is_sent_with_redirect_uri_and_verifier() {
        let grant = Grant::AuthorizationCode {
            code: "SplxlOBeZQQYbYS6WxSbIA",
            redirect_uri: Some("https://client.example.com/cb"),
            code_verifier: Some("dBjf"),
        };
        assert_eq!(
            request(grant, &[]).unwrap().body().expose(),
            "grant_type=authorization_code&code=SplxlOBeZQQYbYS6WxSbIA\
             &redirect_uri=https%3A%2F%2Fclient.example.com%2Fcb&code_verifier=dBjf&client_id=id"
        );
    }

    #[test]
    fn refresh_and_client_credentials_are_those_of_sections_6_and_4_4_2() {
        let refresh = Grant::RefreshToken {
            refresh_token: "tGzv3JOkF0XG5Qx2TlKWIA",
            scope: None,
            resource: None,
        };
        assert_eq!(
            request(refresh, &[]).unwrap().body().expose(),
            "grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA&client_id=id"
        );
        let for_a_resource = Grant::RefreshToken {
            refresh_token: "r",
            scope: Some("a"),
            resource: Some("urn:mail"),
        };
        assert_eq!(
            request(for_a_resource, &[]).unwrap().body().expose(),
            "grant_type=refresh_token&refresh_token=r&scope=a&resource=urn%3Amail&client_id=id"
        );
        let client_credentials = Grant::ClientCredentials { scope: Some("a b"), resource: None };
        assert_eq!(
            request(client_credentials, &[("audience", "x")]).unwrap().body().expose(),
            "grant_type=client_credentials&scope=a+b&audience=x&client_id=id"
        );
    }

    #[test]
    fn jwt_bearer_is_that_of_rfc_7523_section_4() {
        let grant = Grant::JwtBearer {
            assertion: "eyJhbGciOiJFUzI1NiIsImtpZCI6IjE2In0.eyJpc3Mi.J9l-ZhwP",
            scope: None,
            resource: None,
        };
        assert_eq!(
            request(grant, &[]).unwrap().body().expose(),
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer\
             &assertion=eyJhbGciOiJFUzI1NiIsImtpZCI6IjE2In0.eyJpc3Mi.J9l-ZhwP&client_id=id"
        );
    }

    #[test]
    fn rfc8628_section_3_4_a_poll_names_grant_device_code_and_client() {
        let grant = Grant::DeviceCode { device_code: "GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS" };
        assert_eq!(
            request(grant, &[]).unwrap().body().expose(),
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code\
             &device_code=GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS&client_id=id"
        );
    }

    #[test]
    fn token_exchange_is_that_of_rfc_8693_section_2_3() {
        let method = ClientAuthenticationMethod::ClientSecretBasic;
        let secret = ClientCredential::Secret("long-secure-random-secret");
        let client = ClientAuthentication::new(method, "rs08", secret).unwrap();
        let grant = Grant::TokenExchange {
            subject_token: "accVkjcJyb4BWCxGsndESCJQbdFMogUC5PbRDqceLTC",
            subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
            actor_token: None,
            requested_token_type: None,
            audience: None,
            scope: None,
            resource: Some("https://backend.example.com/api"),
        };
        let request = TokenRequest::new(&grant, &client, &BTreeMap::new()).unwrap();
        assert_eq!(
            request.authorization.as_ref().unwrap().expose(),
            "Basic cnMwODpsb25nLXNlY3VyZS1yYW5kb20tc2VjcmV0"
        );
        assert_eq!(
            request.body().expose(),
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
             &resource=https%3A%2F%2Fbackend.example.com%2Fapi\
             &subject_token=accVkjcJyb4BWCxGsndESCJQbdFMogUC5PbRDqceLTC\
             &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token"
        );
        assert_eq!(request.secrets().len(), 1);
    }

    #[test]
    fn password_is_that_of_rfc_6749_section_4_3_2_and_a_secret() {
        let grant = Grant::Password { username: "johndoe", password: "A3ddj3w", scope: None };
        let request = request(grant, &[]).unwrap();
        assert_eq!(
            request.body().expose(),
            "grant_type=password&username=johndoe&password=A3ddj3w&client_id=id"
        );
        assert_eq!(request.secrets(), [&"A3ddj3w".into()]);
    }

    #[test]
    fn json_body_holds_the_same_parameters() {
        let refresh = refresh_token("a\"b");
        assert_eq!(
            request(refresh, &[]).unwrap().json_body().expose(),
            r#"{"grant_type":"refresh_token","refresh_token":"a\"b","client_id":"id"}"#
        );
    }

    #[test]
    fn nothing_may_change_what_the_library_sets() {
        for name in RESERVED {
            let grant = Grant::ClientCredentials { scope: None, resource: None };
            let error = request(grant, &[(name, "x")]).unwrap_err();
            assert_eq!(error, ReservedParameter(name.to_owned()));
        }
    }

    #[test]
    fn debug_shows_names_only() {
        let refresh = refresh_token("canary");
        let shown = format!("{:?}", request(refresh, &[]).unwrap());
        assert!(shown.contains("refresh_token") && !shown.contains("canary"), "{shown}");
    }
}
