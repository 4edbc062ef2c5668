//! What signs the OAuth 1.0a requests of a client: its secrets and its key, read once, and how its provider wants it done.

use crate::config::{Config, SecretSource};
use crate::error::{Code, Error, Result};
use crate::oauth1::{
    Credentials, KeyError, ParametersIn, Request, RsaPrivateKey, SignError, SignatureMethod,
    Signed, Stamp, sign,
};
use crate::process::random_bytes;
use crate::provider::Dialect;
use crate::secret::Secret;
use url::Url;

/// What it is made of.
pub(crate) struct SigningOptions<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) client_secret: Option<&'a SecretSource>,
    pub(crate) private_key: Option<&'a SecretSource>,
    pub(crate) private_key_passphrase: Option<&'a SecretSource>,
    pub(crate) signature_method: SignatureMethod,
    pub(crate) parameters_in: ParametersIn,
    pub(crate) realm: Option<&'a str>,
}

impl<'a> SigningOptions<'a> {
    /// Of a client: what its configuration leaves open is the provider's way.
    pub(crate) fn of_client(config: &'a Config, dialect: &'a Dialect) -> Self {
        let parameters_in = config.parameters_in.unwrap_or(dialect.parameters_in);
        let providers_realm =
            dialect.realm.as_deref().filter(|_| parameters_in == ParametersIn::Header);
        SigningOptions {
            client_id: &config.client_id,
            client_secret: config.client_secret.as_ref(),
            private_key: config.private_key.as_ref(),
            private_key_passphrase: config.private_key_passphrase.as_ref(),
            signature_method: config.signature_method.unwrap_or(dialect.signature_method),
            parameters_in,
            realm: config.realm.as_deref().or(providers_realm),
        }
    }
}

/// Signs requests.
pub(crate) struct Signing {
    client_id: String,
    client_secret: Option<Secret>,
    private_key: Option<RsaPrivateKey>,
    signature_method: SignatureMethod,
    parameters_in: ParametersIn,
    realm: Option<String>,
}

impl Signing {
    /// Reads secrets and key.
    pub(crate) fn resolve(options: &SigningOptions<'_>) -> Result<Self> {
        let SigningOptions { signature_method, parameters_in, realm, .. } = *options;
        if realm.is_some() && parameters_in != ParametersIn::Header {
            let text = "realm: only a header has a place for it; expected none, or parameters_in = \"header\"";
            return Err(invalid(text));
        }
        let secret = options.client_secret.map(|source| source.resolve("client_secret"));
        Ok(Signing {
            client_id: options.client_id.to_owned(),
            client_secret: secret.transpose()?,
            private_key: private_key(options)?,
            signature_method,
            parameters_in,
            realm: realm.map(str::to_owned),
        })
    }

    /// A request that will be signed as the provider wants it.
    pub(crate) fn request<'a>(&'a self, method: &'a str, url: &'a Url) -> Request<'a> {
        Request {
            parameters_in: self.parameters_in,
            realm: self.realm.as_deref(),
            ..Request::new(method, url)
        }
    }

    /// Signs; `token` is the token and its secret.
    pub(crate) fn sign<T: AsRef<str>>(
        &self,
        request: &Request<'_, T>,
        token: Option<(&str, &str)>,
        stamp: &Stamp<'_>,
    ) -> Result<Signed> {
        let credentials = Credentials {
            client_key: &self.client_id,
            client_secret: self.client_secret.as_ref().map_or("", Secret::expose),
            private_key: self.private_key.as_ref(),
            token,
        };
        sign(request, &credentials, stamp, self.signature_method).map_err(|error| {
            let code = match error {
                SignError::PlaintextWithoutTls => Code::InsecureUrl,
                _ => Code::InvalidArgument,
            };
            Error::new(code, error.to_string())
        })
    }
}

fn private_key(options: &SigningOptions<'_>) -> Result<Option<RsaPrivateKey>> {
    let method = options.signature_method;
    let Some(source) = options.private_key else {
        return if options.private_key_passphrase.is_some() {
            Err(invalid(
                "private_key_passphrase: there is no private_key; expected both or neither",
            ))
        } else if method.needs_private_key() {
            let text =
                format!("private_key: is missing; expected the RSA key that {method} signs with");
            Err(invalid(text))
        } else {
            Ok(None)
        };
    };
    if !method.needs_private_key() {
        let text = format!(
            "private_key: {method} signs with secrets; expected no private key, or one of RSA-SHA1, RSA-SHA256 and \
             RSA-SHA512 as signature_method"
        );
        return Err(invalid(text));
    }
    let pem = source.resolve("private_key")?;
    let passphrase =
        options.private_key_passphrase.map(|source| source.resolve("private_key_passphrase"));
    let passphrase = passphrase.transpose()?;
    let key = RsaPrivateKey::from_pem(pem.expose(), passphrase.as_ref().map(Secret::expose));
    key.map(Some).map_err(|error| invalid(format!("{}: {error}", wrong_key(&error))))
}

/// The configuration key that holds what is wrong.
fn wrong_key(error: &KeyError) -> &'static str {
    if error.is_of_passphrase() { "private_key_passphrase" } else { "private_key" }
}

fn invalid(text: impl Into<String>) -> Error {
    Error::new(Code::InvalidConfig, text)
}

/// 120 random bits; some servers take only 20 to 30 letters and digits.
pub(crate) fn nonce() -> String {
    format!("{:030x}", u128::from_be_bytes(random_bytes()) >> 8)
}
