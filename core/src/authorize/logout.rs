//! Where a user's browser is sent to end the session at the provider (OpenID Connect RP-Initiated Logout 1.0). The grant lives on:
//! revoking it is another thing.

use crate::error::{Code, Error, Result};
use crate::refresh::{Refresher, judgement};
use crate::secret::Secret;
use crate::store::Record;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// How to log out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogoutOptions {
    /// Whose session; the `id_token` of their grant tells the provider, where there is one.
    pub subject: Option<String>,
    /// The slot of the grant.
    pub slot: String,
    /// Where the provider sends the browser afterwards; it must be registered there.
    pub post_logout_redirect_uri: Option<String>,
    /// What comes back with that.
    pub state: Option<String>,
    /// Seconds until the call gives up.
    pub timeout: Option<f64>,
}

/// Where to send the user's browser to log out.
#[derive(Clone, Debug, Serialize)]
pub struct Logout {
    /// The address; it may hold the user's `id_token`, so it belongs into no log.
    pub url: Secret,
}

/// Builds the address (section 2).
pub(crate) async fn logout(refresher: &Arc<Refresher>, options: LogoutOptions) -> Result<Logout> {
    let settings = &refresher.context.settings;
    let provider = refresher.context.provider().await?;
    let mut url = provider.open_id.end_session.clone().ok_or_else(|| {
        let text =
            format!("{} has no end session endpoint that is known; expected one", provider.name);
        Error::new(Code::Unsupported, text)
    })?;
    if options.state.is_some() && options.post_logout_redirect_uri.is_none() {
        let text = "state: comes back with a post_logout_redirect_uri only; expected both";
        return Err(Error::new(Code::InvalidArgument, text));
    }
    let record = match &options.subject {
        Some(subject) => refresher.load(&settings.key(subject, &options.slot)).await?,
        None => None,
    };
    let parameters = [
        ("id_token_hint", record.as_deref().and_then(id_token_hint).map(str::to_owned)),
        ("client_id", Some(settings.client_id.clone())),
        ("post_logout_redirect_uri", options.post_logout_redirect_uri),
        ("state", options.state),
    ];
    let given = parameters.into_iter().filter_map(|(name, value)| Some((name, value?)));
    url.query_pairs_mut().extend_pairs(given);
    Ok(Logout { url: Secret::new(url) })
}

/// The last `id_token` of a grant; none that is held back, which may be another user's.
fn id_token_hint(record: &Record) -> Option<&str> {
    let tokens = record.tokens.as_ref().filter(|_| record.hold.is_none())?;
    judgement::id_token_of(tokens)
}
