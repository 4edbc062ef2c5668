//! Client authentication at the token endpoint (RFC 6749 section 2.3): exactly one method per request.

use super::token_request::TokenRequest;
use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use thiserror::Error;
use url::form_urlencoded;
use zeroize::Zeroizing;

/// A method by its registered name (RFC 7591 section 2).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClientAuthenticationMethod {
    /// `client_secret_basic`: HTTP Basic.
    #[default]
    ClientSecretBasic,
    /// `client_secret_post`: in the body.
    ClientSecretPost,
    /// `client_secret_as_user`: HTTP Basic with the secret as the user and no password, as Stripe has it; in no registry.
    ClientSecretAsUser,
    /// `tls_client_auth`: by a certificate that an authority has signed (RFC 8705 section 2.1).
    TlsClientAuth,
    /// `self_signed_tls_client_auth`: by a certificate that was registered (RFC 8705 section 2.2).
    SelfSignedTlsClientAuth,
    /// `client_secret_jwt`: an assertion that the client secret signs (RFC 7523 section 2.2).
    ClientSecretJwt,
    /// `private_key_jwt`: an assertion that a private key signs (RFC 7523 section 2.2).
    PrivateKeyJwt,
    /// `none`: a public client, which only names itself.
    None,
}

impl ClientAuthenticationMethod {
    /// The registered name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ClientAuthenticationMethod::ClientSecretBasic => "client_secret_basic",
            ClientAuthenticationMethod::ClientSecretPost => "client_secret_post",
            ClientAuthenticationMethod::ClientSecretAsUser => "client_secret_as_user",
            ClientAuthenticationMethod::TlsClientAuth => "tls_client_auth",
            ClientAuthenticationMethod::SelfSignedTlsClientAuth => "self_signed_tls_client_auth",
            ClientAuthenticationMethod::ClientSecretJwt => "client_secret_jwt",
            ClientAuthenticationMethod::PrivateKeyJwt => "private_key_jwt",
            ClientAuthenticationMethod::None => "none",
        }
    }

    /// Whether the certificate of the connection authenticates, and the request only names the client (RFC 8705 section 2).
    #[must_use]
    pub fn is_by_certificate(self) -> bool {
        matches!(
            self,
            ClientAuthenticationMethod::TlsClientAuth
                | ClientAuthenticationMethod::SelfSignedTlsClientAuth
        )
    }

    /// The method of that registered name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [
            ClientAuthenticationMethod::ClientSecretBasic,
            ClientAuthenticationMethod::ClientSecretPost,
            ClientAuthenticationMethod::ClientSecretAsUser,
            ClientAuthenticationMethod::TlsClientAuth,
            ClientAuthenticationMethod::SelfSignedTlsClientAuth,
            ClientAuthenticationMethod::ClientSecretJwt,
            ClientAuthenticationMethod::PrivateKeyJwt,
            ClientAuthenticationMethod::None,
        ]
        .into_iter()
        .find(|method| method.as_str() == name)
    }
}

impl fmt::Display for ClientAuthenticationMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `client_assertion_type` of a JWT (RFC 7523 section 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The method needs a credential that there is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("client authentication `{method}` needs `{}`, which is missing", self.key())]
pub struct MissingCredential {
    method: ClientAuthenticationMethod,
}

impl MissingCredential {
    /// The configuration key that would hold it.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self.method {
            ClientAuthenticationMethod::PrivateKeyJwt => "private_key",
            _ => "client_secret",
        }
    }
}

/// What a client has to authenticate with.
#[derive(Clone)]
pub enum ClientCredential<'a> {
    /// Nothing.
    None,
    /// Its client secret.
    Secret(&'a str),
    /// A signed assertion (RFC 7523 section 3), good for one request.
    Assertion(Secret),
}

/// A client's way to authenticate, with what it takes.
#[derive(Clone)]
pub struct ClientAuthentication<'a> {
    method: ClientAuthenticationMethod,
    client_id: Option<&'a str>,
    credential: ClientCredential<'a>,
}

impl<'a> ClientAuthentication<'a> {
    /// None at all, not even the client's name: what is offered for the token says it (RFC 7521 section 4.1).
    #[must_use]
    pub fn by_the_grant() -> Self {
        let method = ClientAuthenticationMethod::None;
        ClientAuthentication { method, client_id: None, credential: ClientCredential::None }
    }

    /// Fails where the method needs another credential than there is; an empty secret is one. `none` sends no secret even if
    /// there is one.
    pub fn new(
        method: ClientAuthenticationMethod,
        client_id: &'a str,
        credential: ClientCredential<'a>,
    ) -> Result<Self, MissingCredential> {
        use ClientAuthenticationMethod as Method;
        let credential = match (method, credential) {
            // The certificate of the connection authenticates, or nothing does.
            (Method::TlsClientAuth | Method::SelfSignedTlsClientAuth | Method::None, _) => {
                ClientCredential::None
            }
            (
                Method::ClientSecretBasic | Method::ClientSecretPost | Method::ClientSecretAsUser,
                secret @ ClientCredential::Secret(_),
            ) => secret,
            (
                Method::ClientSecretJwt | Method::PrivateKeyJwt,
                assertion @ ClientCredential::Assertion(_),
            ) => assertion,
            _ => return Err(MissingCredential { method }),
        };
        Ok(ClientAuthentication { method, client_id: Some(client_id), credential })
    }

    /// Puts the authentication on a request to the token, revocation or introspection endpoint: by one method, never two
    /// (section 2.3).
    pub fn authenticate(&self, request: &mut TokenRequest) {
        let Some(client_id) = self.client_id else { return };
        if let ClientCredential::Secret(client_secret) = self.credential {
            request.authorization = match self.method {
                ClientAuthenticationMethod::ClientSecretBasic => {
                    Some(basic(client_id, client_secret))
                }
                ClientAuthenticationMethod::ClientSecretAsUser => Some(basic(client_secret, "")),
                _ => None,
            };
            if request.authorization.is_some() {
                return;
            }
        }
        request.push("client_id", client_id);
        match &self.credential {
            ClientCredential::Secret(client_secret) => request.push("client_secret", client_secret),
            ClientCredential::Assertion(assertion) => {
                request.push("client_assertion_type", JWT_BEARER);
                request.push("client_assertion", assertion.expose());
            }
            ClientCredential::None => {}
        }
    }
}

impl fmt::Debug for ClientAuthentication<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientAuthentication")
            .field("method", &self.method)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// Value of the `Authorization` header; user and password (id and secret) are form-encoded first, as section 2.3.1 and
/// appendix B demand and as many clients forget.
fn basic(user: &str, password: &str) -> Secret {
    let encode = |text: &str| {
        Zeroizing::new(form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>())
    };
    let pair = Zeroizing::new(format!("{}:{}", *encode(user), *encode(password)));
    Secret::from(format!("Basic {}", *Zeroizing::new(STANDARD.encode(&*pair))))
}

#[cfg(test)]
mod tests {
    use super::ClientCredential::{Assertion, Secret};
    use super::*;
    use crate::oauth2::token_request::Grant;
    use std::collections::BTreeMap;

    const GRANT: Grant<'_> = Grant::ClientCredentials { scope: None, resource: None };

    fn request(method: &str, credential: ClientCredential<'_>) -> TokenRequest {
        let method = ClientAuthenticationMethod::from_name(method).unwrap();
        let authentication = ClientAuthentication::new(method, "s6BhdRkqt3", credential).unwrap();
        TokenRequest::new(&GRANT, &authentication, &BTreeMap::new()).unwrap()
    }

    #[test]
    fn basic_is_that_of_rfc_6749_section_2_3_1() {
        let request = request("client_secret_basic", Secret("7Fjfp0ZBr1KtDRbnfVdmIw"));
        assert_eq!(
            request.authorization.as_ref().unwrap().expose(),
            "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3"
        );
        assert_eq!(request.body().expose(), "grant_type=client_credentials");
    }

    #[test]
    fn security_10_id_and_secret_are_form_encoded_before_basic() {
        let value = basic("https://client.example/ü", "a:b c&d%~");
        let encoded = value.expose().strip_prefix("Basic ").unwrap();
        assert_eq!(
            STANDARD.decode(encoded).unwrap(),
            b"https%3A%2F%2Fclient.example%2F%C3%BC:a%3Ab+c%26d%25%7E"
        );
    }

    #[test]
    fn a_secret_can_be_the_user_of_basic() {
        let request = request("client_secret_as_user", Secret("sk_test_1"));
        assert_eq!(request.authorization.as_ref().unwrap().expose(), "Basic c2tfdGVzdF8xOg==");
        assert_eq!(request.body().expose(), "grant_type=client_credentials");
    }

    #[test]
    fn post_and_none_use_the_body_alone_and_a_certificate_needs_the_name_beside_it() {
        let post = request("client_secret_post", Secret("a&b"));
        assert_eq!(post.authorization, None);
        assert_eq!(
            post.body().expose(),
            "grant_type=client_credentials&client_id=s6BhdRkqt3&client_secret=a%26b"
        );
        for method in ["none", "tls_client_auth", "self_signed_tls_client_auth"] {
            let named = request(method, Secret("unused"));
            assert_eq!(named.authorization, None);
            assert_eq!(named.body().expose(), "grant_type=client_credentials&client_id=s6BhdRkqt3");
        }
    }

    #[test]
    fn an_assertion_is_sent_as_rfc_7523_section_2_2_has_it_and_nothing_beside_it() {
        for method in ["private_key_jwt", "client_secret_jwt"] {
            let request =
                request(method, Assertion("eyJhbGciOiJSUzI1NiIsImtpZCI6IjIyIn0.e30.x".into()));
            assert_eq!(request.authorization, None);
            assert_eq!(
                request.body().expose(),
                "grant_type=client_credentials&client_id=s6BhdRkqt3\
                 &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer\
                 &client_assertion=eyJhbGciOiJSUzI1NiIsImtpZCI6IjIyIn0.e30.x"
            );
            assert_eq!(request.secrets().len(), 1);
        }
    }

    #[test]
    fn a_missing_credential_is_found_before_anything_is_sent() {
        for (name, key) in [
            ("client_secret_basic", "client_secret"),
            ("client_secret_jwt", "client_secret"),
            ("private_key_jwt", "private_key"),
        ] {
            let method = ClientAuthenticationMethod::from_name(name).unwrap();
            let error =
                ClientAuthentication::new(method, "id", ClientCredential::None).unwrap_err();
            let text = format!("client authentication `{name}` needs `{key}`, which is missing");
            assert_eq!((error.to_string(), error.key()), (text, key));
        }
        let method = ClientAuthenticationMethod::ClientSecretBasic;
        assert!(ClientAuthentication::new(method, "id", Secret("")).is_ok());
    }

    #[test]
    fn debug_shows_no_secret() {
        let method = ClientAuthenticationMethod::ClientSecretPost;
        let shown = format!("{:?}", ClientAuthentication::new(method, "id", Secret("canary")));
        assert!(shown.contains("id") && !shown.contains("canary"), "{shown}");
    }
}
