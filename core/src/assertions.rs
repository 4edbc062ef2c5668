//! What a client signs to authenticate, or to be given a token (RFC 7523): its key, read once, and what its provider wants to
//! read. Each assertion is made for one request and never sent twice.

use crate::clock::UnixMillis;
use crate::config::{AssertionOptions, Config};
use crate::error::{Code, Error, Result};
use crate::jose::signing_key::{SigningKey, SigningKeyError, algorithm};
use crate::oauth2::assertion::{Assertion, RESERVED_CLAIMS};
use crate::oauth2::{AssertionAudience, ClientAuthenticationMethod};
use crate::process::random_id;
use crate::provider::{Endpoints, Provider};
use crate::secret::Secret;
use jsonwebtoken::Algorithm;
use std::borrow::Cow;
use zeroize::Zeroizing;

/// The `typ` of assertions.
const JWT: &str = "JWT";

/// Signs assertions.
#[derive(Default)]
pub(crate) struct Assertions {
    client_id: String,
    private_key: Option<SigningKey>,
    /// The algorithm with which the client secret signs.
    secrets_algorithm: Option<Algorithm>,
    options: AssertionOptions,
}

impl Assertions {
    /// Reads the key.
    pub(crate) fn resolve(config: &Config) -> Result<Self> {
        let options = config.assertion.clone();
        if let Some(name) =
            options.claims.keys().find(|name| RESERVED_CLAIMS.contains(&name.as_str()))
        {
            let text =
                format!("assertion.claims.{name}: is set by the library; expected other claims");
            return Err(Error::new(Code::InvalidConfig, text));
        }
        let wanted = config.signing_algorithm.as_deref().map(algorithm).transpose();
        let wanted = wanted.map_err(|error| invalid(&error))?;
        // One key for both: a client with a private key that signs with its secret has no choice for the private one.
        let is_for_secret = config.private_key.is_none()
            || config.client_authentication == Some(ClientAuthenticationMethod::ClientSecretJwt);
        let (secrets_algorithm, private_keys) =
            if is_for_secret { (wanted, None) } else { (None, wanted) };
        Ok(Assertions {
            client_id: config.client_id.clone(),
            private_key: private_key(config, private_keys)?,
            secrets_algorithm,
            options,
        })
    }

    /// The private key of this client.
    pub(crate) fn private_key(&self) -> Option<&SigningKey> {
        self.private_key.as_ref()
    }

    /// What authenticates the client for one request (RFC 7523 section 2.2); none where there is nothing to sign with.
    pub(crate) fn of_client(
        &self,
        method: ClientAuthenticationMethod,
        client_secret: Option<&Secret>,
        provider: &Provider,
        now: UnixMillis,
    ) -> Result<Option<Secret>> {
        let of_secret = match (method, client_secret) {
            (ClientAuthenticationMethod::ClientSecretJwt, Some(secret)) => {
                let key = SigningKey::of_secret(secret, self.secrets_algorithm);
                Some(key.map_err(|error| invalid(&error))?)
            }
            _ => None,
        };
        let key = match method {
            ClientAuthenticationMethod::ClientSecretJwt => of_secret.as_ref(),
            ClientAuthenticationMethod::PrivateKeyJwt => self.private_key(),
            _ => None,
        };
        let Some(key) = key else { return Ok(None) };
        let audience = self.audience(provider)?;
        let claims =
            Assertion::new(&self.client_id, Some(&self.client_id), &audience, random_id(), now);
        Ok(Some(key.sign(JWT, &claims)))
    }

    /// What brings a token for `subject` (RFC 7523 section 2.1); `scope` where the provider looks for it here.
    pub(crate) fn of_grant(
        &self,
        subject: &str,
        scope: Option<&str>,
        provider: &Provider,
        now: UnixMillis,
    ) -> Result<Secret> {
        let key = self.private_key().ok_or_else(|| {
            let text =
                "private_key: is missing; expected the key that signs for grant = \"jwt_bearer\"";
            Error::new(Code::InvalidConfig, text)
        })?;
        let audience = self.audience(provider)?;
        let issuer = self.options.issuer.as_deref().unwrap_or(&self.client_id);
        let sub = match self.options.subject.as_deref() {
            None => Some(issuer.to_owned()),
            Some("") => None,
            Some(text) => Some(text.replace("{subject}", subject)),
        };
        let mut claims = Assertion::new(issuer, sub.as_deref(), &audience, random_id(), now);
        claims.scope = scope;
        claims.claims = Some(&self.options.claims);
        Ok(key.sign(JWT, &claims))
    }

    /// To whom assertions are addressed. The issuer, where it is known, is what no other server can claim for itself.
    fn audience<'a>(&'a self, provider: &'a Provider) -> Result<Cow<'a, str>> {
        let wanted = self.options.audience.as_ref().or(provider.assertion_audience.as_ref());
        let issuer = || provider.issuer.as_deref().map(Cow::Borrowed);
        let token_endpoint = || match &provider.endpoints {
            Endpoints::OAuth2 { token, .. } | Endpoints::OAuth1 { token, .. } => {
                Cow::Borrowed(token.as_str())
            }
        };
        match wanted {
            Some(AssertionAudience::Named(name)) => Ok(Cow::Borrowed(name)),
            Some(AssertionAudience::TokenEndpoint) => Ok(token_endpoint()),
            Some(AssertionAudience::Issuer) => issuer().ok_or_else(|| {
                let text = format!(
                    "assertion.audience: the issuer of {} is not known; expected provider.issuer, or another audience",
                    provider.name
                );
                Error::new(Code::InvalidConfig, text)
            }),
            None => Ok(issuer().unwrap_or_else(token_endpoint)),
        }
    }

    /// What tells the assertions of this client from those of another configuration; as secret as the key.
    pub(crate) fn identity(&self) -> Zeroizing<Vec<u8>> {
        let key = self.private_key.as_ref().map(SigningKey::identity).unwrap_or_default();
        let options = format!("{:?}\0{:?}\0", self.options, self.secrets_algorithm);
        Zeroizing::new([options.as_bytes(), &key].concat())
    }
}

fn private_key(config: &Config, wanted: Option<Algorithm>) -> Result<Option<SigningKey>> {
    let Some(source) = &config.private_key else { return Ok(None) };
    let text = source.resolve("private_key")?;
    let passphrase = config.private_key_passphrase.as_ref();
    let passphrase =
        passphrase.map(|source| source.resolve("private_key_passphrase")).transpose()?;
    let key = SigningKey::read(text.expose(), passphrase.as_ref().map(Secret::expose), wanted);
    key.map(|key| Some(key.named(config.private_key_id.as_deref())))
        .map_err(|error| invalid(&error))
}

fn invalid(error: &SigningKeyError) -> Error {
    Error::new(Code::InvalidConfig, format!("{}: {error}", error.configuration_key()))
}
