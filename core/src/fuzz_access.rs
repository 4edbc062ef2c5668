//! For this project's own fuzz targets alone (feature `fuzz-access`, which nobody else may turn on and which no promise holds for):
//! readers of what others write that the façade calls only among other things.

use crate::error::Result;
use crate::provider::{Endpoints, Provider, ProviderTable};
use std::collections::BTreeMap;
use url::Url;

/// The endpoints of the provider that an entry describes.
pub fn endpoints(entry: ProviderTable, variables: &BTreeMap<String, String>) -> Result<Vec<Url>> {
    Ok(match Provider::from_table(entry, variables)?.endpoints {
        Endpoints::OAuth2 { authorization, token, refresh, revocation } => {
            [Some(authorization), Some(token), refresh, revocation].into_iter().flatten().collect()
        }
        Endpoints::OAuth1 { temporary_credential, authorization, token } => {
            vec![temporary_credential, authorization, token]
        }
    })
}
