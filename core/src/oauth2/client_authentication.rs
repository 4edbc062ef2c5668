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
    /// `tls_client_auth`: by a certificate that an authority has signed (RFC 8705 section 2.1).
    TlsClientAuth,
    /// `self_signed_tls_client_auth`: by a certificate that was registered (RFC 8705 section 2.2).
    SelfSignedTlsClientAuth,
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
            ClientAuthenticationMethod::TlsClientAuth => "tls_client_auth",
            ClientAuthenticationMethod::SelfSignedTlsClientAuth => "self_signed_tls_client_auth",
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
            ClientAuthenticationMethod::TlsClientAuth,
            ClientAuthenticationMethod::SelfSignedTlsClientAuth,
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

/// The method needs a client secret and there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("client authentication `{method}` needs `client_secret`, which is missing")]
pub struct MissingClientSecret {
    method: ClientAuthenticationMethod,
}

/// A client's way to authenticate, with what it takes.
#[derive(Clone, Copy)]
pub struct ClientAuthentication<'a> {
    client_id: &'a str,
    kind: Kind<'a>,
}

#[derive(Clone, Copy)]
enum Kind<'a> {
    Basic {
        client_secret: &'a str,
    },
    Post {
        client_secret: &'a str,
    },
    /// Nothing in the request itself authenticates.
    Named(ClientAuthenticationMethod),
}

impl<'a> ClientAuthentication<'a> {
    /// Fails where the method needs a secret and there is none; an empty one is one. `none` sends no
    /// secret even if there is one.
    pub fn new(
        method: ClientAuthenticationMethod,
        client_id: &'a str,
        client_secret: Option<&'a str>,
    ) -> Result<Self, MissingClientSecret> {
        let client_secret = || client_secret.ok_or(MissingClientSecret { method });
        let kind = match method {
            ClientAuthenticationMethod::ClientSecretBasic => {
                Kind::Basic { client_secret: client_secret()? }
            }
            ClientAuthenticationMethod::ClientSecretPost => {
                Kind::Post { client_secret: client_secret()? }
            }
            ClientAuthenticationMethod::TlsClientAuth
            | ClientAuthenticationMethod::SelfSignedTlsClientAuth
            | ClientAuthenticationMethod::None => Kind::Named(method),
        };
        Ok(ClientAuthentication { client_id, kind })
    }

    /// Puts the authentication on a request to the token, revocation or introspection endpoint.
    pub fn authenticate(&self, request: &mut TokenRequest) {
        match self.kind {
            Kind::Basic { client_secret } => {
                request.authorization = Some(basic(self.client_id, client_secret));
            }
            Kind::Post { client_secret } => {
                request.push("client_id", self.client_id);
                request.push("client_secret", client_secret);
            }
            Kind::Named(_) => request.push("client_id", self.client_id),
        }
    }
}

impl fmt::Debug for ClientAuthentication<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = match self.kind {
            Kind::Basic { .. } => ClientAuthenticationMethod::ClientSecretBasic,
            Kind::Post { .. } => ClientAuthenticationMethod::ClientSecretPost,
            Kind::Named(method) => method,
        };
        f.debug_struct("ClientAuthentication")
            .field("method", &method)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// Value of the `Authorization` header; id and secret are form-encoded first, as section 2.3.1 and
/// appendix B demand and as many clients forget.
fn basic(client_id: &str, client_secret: &str) -> Secret {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let client_secret = Zeroizing::new(encode(client_secret));
    let pair = Zeroizing::new(format!("{}:{}", encode(client_id), *client_secret));
    Secret::from(format!("Basic {}", *Zeroizing::new(STANDARD.encode(&*pair))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth2::token_request::Grant;
    use std::collections::BTreeMap;

    const GRANT: Grant<'_> = Grant::ClientCredentials { scope: None };

    fn request(method: &str, secret: Option<&str>) -> TokenRequest {
        let method = ClientAuthenticationMethod::from_name(method).unwrap();
        let authentication = ClientAuthentication::new(method, "s6BhdRkqt3", secret).unwrap();
        TokenRequest::new(&GRANT, &authentication, &BTreeMap::new()).unwrap()
    }

    #[test]
    fn basic_is_that_of_rfc_6749_section_2_3_1() {
        let request = request("client_secret_basic", Some("7Fjfp0ZBr1KtDRbnfVdmIw"));
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
    fn post_and_none_use_the_body_alone_and_a_certificate_needs_the_name_beside_it() {
        let post = request("client_secret_post", Some("a&b"));
        assert_eq!(post.authorization, None);
        assert_eq!(
            post.body().expose(),
            "grant_type=client_credentials&client_id=s6BhdRkqt3&client_secret=a%26b"
        );
        for method in ["none", "tls_client_auth", "self_signed_tls_client_auth"] {
            let named = request(method, Some("unused"));
            assert_eq!(named.authorization, None);
            assert_eq!(named.body().expose(), "grant_type=client_credentials&client_id=s6BhdRkqt3");
        }
    }

    #[test]
    fn missing_secret_is_found_before_anything_is_sent() {
        let method = ClientAuthenticationMethod::ClientSecretBasic;
        let error = ClientAuthentication::new(method, "id", None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "client authentication `client_secret_basic` needs `client_secret`, which is missing"
        );
        assert!(ClientAuthentication::new(method, "id", Some("")).is_ok());
    }

    #[test]
    fn debug_shows_no_secret() {
        let method = ClientAuthenticationMethod::ClientSecretPost;
        let shown = format!("{:?}", ClientAuthentication::new(method, "id", Some("canary")));
        assert!(shown.contains("id") && !shown.contains("canary"), "{shown}");
    }
}
