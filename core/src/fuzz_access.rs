//! For this project's own fuzz targets alone (feature `fuzz-access`, which nobody else may turn on and which no promise holds for):
//! readers of what others write that the façade calls only among other things.

use crate::error::{Code, Error, Result};
use crate::jose::JwsAlgorithm;
use crate::jose::id_token::{Expected, IdToken, IdTokenError};
use crate::jose::key_set::KeySet;
use crate::jose::signing_key::SigningKey;
use crate::provider::{Endpoints, Provider, ProviderTable};
use crate::secret::Secret;
use serde_json::Value;
use std::collections::BTreeMap;
use url::Url;

/// The endpoints of the provider that an entry describes.
pub fn endpoints(entry: ProviderTable, variables: &BTreeMap<String, String>) -> Result<Vec<Url>> {
    let Provider { endpoints, open_id, .. } = Provider::from_table(entry, variables)?;
    let mut urls = match endpoints {
        Endpoints::OAuth2 {
            authorization,
            token,
            refresh,
            revocation,
            introspection,
            device_authorization,
            pushed_authorization_request,
        } => vec![
            authorization,
            Some(token),
            refresh,
            revocation,
            introspection,
            device_authorization,
            pushed_authorization_request,
        ],
        Endpoints::OAuth1 { temporary_credential, authorization, token } => {
            vec![Some(temporary_credential), Some(authorization), Some(token)]
        }
    };
    urls.extend([open_id.jwks_uri, open_id.userinfo, open_id.end_session]);
    Ok(urls.into_iter().flatten().collect())
}

/// What an ID Token is held against; the clock is at 1,000 seconds, and none is off.
pub struct IdTokenWanted<'a> {
    /// The provider's issuer.
    pub issuer: &'a str,
    /// This client.
    pub client_id: &'a str,
    /// The secret of `HS256`.
    pub client_secret: &'a str,
    /// By what the provider may sign.
    pub algorithms: &'a [JwsAlgorithm],
}

/// The `sub` of an ID Token that stands: by the client's secret, as no key is known.
pub fn id_token_subject(text: &str, wanted: &IdTokenWanted<'_>) -> Result<String> {
    let read = || {
        let token = IdToken::parse(text)?;
        let algorithm = token.algorithm(wanted.algorithms)?;
        token.check(&Expected {
            issuers: &[wanted.issuer.to_owned()],
            client_id: wanted.client_id,
            algorithms: wanted.algorithms,
            access_token: "at",
            now: 1_000_000,
            skew: 0,
        })?;
        match algorithm {
            JwsAlgorithm::HS256 => token.verify_by_secret(&Secret::from(wanted.client_secret))?,
            public => token.verify(&KeySet::default(), public)?,
        }
        token.subject().map(str::to_owned)
    };
    read().map_err(|error: IdTokenError| Error::new(Code::InvalidResponse, error.to_string()))
}

/// Whether a JWK Set verifies a signature by this algorithm.
pub fn key_set_verifies(
    document: &[u8],
    algorithm: JwsAlgorithm,
    signing_input: &[u8],
    signature: &[u8],
) -> Result<bool> {
    let keys = KeySet::parse(None, document)
        .map_err(|error| Error::new(Code::InvalidResponse, error.to_string()))?;
    Ok(keys.verify(None, algorithm, signing_input, signature).is_ok())
}

/// A JWT with these claims, signed by a private key in PEM or JWK.
pub fn signed(key: &str, claims: &Value) -> Result<Secret> {
    let key = SigningKey::read(key, None, None)
        .map_err(|error| Error::new(Code::InvalidConfig, error.to_string()))?;
    Ok(key.sign("JWT", claims))
}
