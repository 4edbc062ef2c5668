//! Signing for use with any HTTP client, without a store.

use super::request::pairs;
use crate::clock::Clock;
use crate::config::{Config, ProviderChoice, SecretSource};
use crate::error::{Code, Error, Result};
use crate::oauth1::{Body, Carrier, ParametersIn, SignatureMethod, Stamp};
use crate::provider::{Protocol, Provider, lookup};
use crate::secret::Secret;
use crate::signing::{Signing, SigningOptions, nonce};
use serde::{Deserialize, Serialize};
use std::fmt;
use url::Url;

/// Who signs, and what of the request besides method and URL. At most one of `form` and `body` may be given.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignOptions {
    /// The consumer key.
    pub client_id: String,
    /// Its secret; none or empty where a private key signs.
    pub client_secret: Option<SecretSource>,
    /// PEM with the RSA key, for the RSA methods.
    pub private_key: Option<SecretSource>,
    /// What opens an encrypted `private_key`.
    pub private_key_passphrase: Option<SecretSource>,
    /// `HMAC-SHA1` when absent.
    pub signature_method: Option<SignatureMethod>,
    /// Where the protocol parameters go; into the header when absent.
    pub parameters_in: Option<ParametersIn>,
    /// Sent in the header, not signed.
    pub realm: Option<String>,
    /// Token or temporary credentials; none for a two-legged request, or empty where the server wants it so.
    pub token: Option<Secret>,
    /// The secret of `token`.
    pub token_secret: Option<Secret>,
    /// Parameters added to the URL's query, in order, duplicates kept.
    #[serde(deserialize_with = "pairs::deserialize")]
    pub query: Vec<(String, String)>,
    /// Parameters of a form-encoded body, in order, duplicates kept.
    #[serde(deserialize_with = "pairs::deserialize_some")]
    pub form: Option<Vec<(String, String)>>,
    /// A body of another type, which `oauth_body_hash` is to cover.
    #[serde(skip)]
    pub body: Option<Vec<u8>>,
    /// Further protocol parameters: `oauth_callback`, `oauth_verifier`, `xoauth_requestor_id`.
    #[serde(deserialize_with = "pairs::deserialize")]
    pub parameters: Vec<(String, String)>,
    /// A random one when absent.
    pub nonce: Option<String>,
    /// Unix time in seconds; now when absent.
    pub timestamp: Option<u64>,
    /// Leaves `oauth_version` out, which is optional.
    pub without_version: bool,
}

impl SignOptions {
    /// Who signs for a client as it is configured; its store is not opened.
    pub fn of_client(config: &Config) -> Result<Self> {
        let table = match &config.provider {
            ProviderChoice::Name(name) => Some(lookup(name, &config.provider_files)?),
            ProviderChoice::Table(table) => Some((**table).clone()),
            ProviderChoice::Issuer(_) => None,
        };
        let Some(table) = table.filter(|table| table.protocol == Protocol::OAuth1) else {
            let text = "sign: the provider speaks OAuth 2.0; expected a client of one that speaks OAuth 1.0a";
            return Err(Error::new(Code::InvalidArgument, text));
        };
        let provider = Provider::from_table(table, &config.provider_variables)?;
        let options = SigningOptions::of_client(config, &provider.dialect);
        Ok(SignOptions {
            client_id: options.client_id.to_owned(),
            client_secret: options.client_secret.cloned(),
            private_key: options.private_key.cloned(),
            private_key_passphrase: options.private_key_passphrase.cloned(),
            signature_method: Some(options.signature_method),
            parameters_in: Some(options.parameters_in),
            realm: options.realm.map(str::to_owned),
            ..SignOptions::default()
        })
    }

    fn signing(&self) -> SigningOptions<'_> {
        SigningOptions {
            client_id: &self.client_id,
            client_secret: self.client_secret.as_ref(),
            private_key: self.private_key.as_ref(),
            private_key_passphrase: self.private_key_passphrase.as_ref(),
            signature_method: self.signature_method.unwrap_or_default(),
            parameters_in: self.parameters_in.unwrap_or_default(),
            realm: self.realm.as_deref(),
        }
    }

    fn body(&self) -> Result<Body<'_, String>> {
        match (&self.form, &self.body) {
            (None, None) => Ok(Body::Unsigned),
            (Some(form), None) => Ok(Body::Form(form)),
            (None, Some(body)) => Ok(Body::Hashed(body)),
            (Some(_), Some(_)) => Err(invalid("form and body: expected at most one of them")),
        }
    }
}

impl fmt::Debug for SignOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignOptions")
            .field("client_id", &self.client_id)
            .field("signature_method", &self.signature_method)
            .finish_non_exhaustive()
    }
}

/// A signed request: what to send.
#[derive(Clone, Serialize)]
pub struct SignedRequest {
    /// Value of the `Authorization` header, where that carries the protocol parameters.
    pub authorization: Option<String>,
    /// Where to send it, with its whole query.
    pub url: String,
    /// The whole form-encoded body, where that carries the protocol parameters.
    pub body: Option<String>,
    /// What was signed (RFC 5849 section 3.4.1), to compare where a server refuses the signature.
    pub base_string: String,
}

impl fmt::Debug for SignedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignedRequest([redacted])")
    }
}

/// Signs one OAuth 1.0a request (RFC 5849 section 3.1) for use with any HTTP client; nothing is stored or sent.
///
/// ```
/// # fn main() -> evergrant::Result<()> {
/// let options = evergrant::SignOptions {
///     client_id: "key".into(),
///     client_secret: Some(evergrant::SecretSource::Text("secret".into())),
///     ..Default::default()
/// };
/// let signed = evergrant::sign("GET", "https://api.example/photos?size=original", &options)?;
/// assert!(signed.authorization.unwrap().starts_with("OAuth oauth_consumer_key=\"key\", "));
/// # Ok(()) }
/// ```
pub fn sign(method: &str, url: &str, options: &SignOptions) -> Result<SignedRequest> {
    if options.client_id.is_empty() {
        return Err(invalid("client_id: is empty; expected the consumer key"));
    }
    let mut url = Url::parse(url)
        .map_err(|error| invalid(format!("url: {error}; expected an absolute URL")))?;
    if !options.query.is_empty() {
        url.query_pairs_mut().extend_pairs(&options.query);
    }
    url.set_fragment(None);
    let signing = Signing::resolve(&options.signing())?;
    let parameters: Vec<_> =
        options.parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut request = signing.request(method, &url);
    request.protocol_parameters = &parameters;
    request.version = !options.without_version;

    let secret = options.token_secret.as_ref().map_or("", Secret::expose);
    let token = options.token.as_ref().map(|token| (token.expose(), secret));
    let nonce = options.nonce.clone().unwrap_or_else(nonce);
    let now = || u64::try_from(Clock::default().now() / 1000).unwrap_or(0);
    let stamp = Stamp { nonce: &nonce, timestamp: options.timestamp.unwrap_or_else(now) };
    let signed = signing.sign(&request.with_body(options.body()?), token, &stamp)?;

    let mut result = SignedRequest {
        authorization: None,
        url: url.to_string(),
        body: None,
        base_string: signed.base_string,
    };
    match signed.carrier {
        Carrier::Authorization(value) => result.authorization = Some(value),
        Carrier::Url(url) => result.url = url.into(),
        Carrier::Form(text) => result.body = Some(text),
    }
    Ok(result)
}

fn invalid(text: impl Into<String>) -> Error {
    Error::new(Code::InvalidArgument, text)
}
