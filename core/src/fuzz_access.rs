//! For this project's own fuzz targets alone (feature `fuzz-access`, which nobody else may turn on and which no promise holds for):
//! readers of what others write that the façade calls only among other things.

use crate::error::Result;
use crate::provider::{Endpoints, Provider, ProviderTable};
use std::collections::BTreeMap;
use url::Url;

/// The endpoints of the provider that an entry describes.
pub fn endpoints(entry: ProviderTable, variables: &BTreeMap<String, String>) -> Result<Vec<Url>> {
    let Provider { endpoints, open_id, .. } = Provider::from_table(entry, variables)?;
    let mut urls = match endpoints {
        Endpoints::OAuth2 { authorization, token, refresh, revocation, introspection } => {
            vec![Some(authorization), Some(token), refresh, revocation, introspection]
        }
        Endpoints::OAuth1 { temporary_credential, authorization, token } => {
            vec![Some(temporary_credential), Some(authorization), Some(token)]
        }
    };
    urls.extend([open_id.jwks_uri, open_id.userinfo, open_id.end_session]);
    Ok(urls.into_iter().flatten().collect())
}
