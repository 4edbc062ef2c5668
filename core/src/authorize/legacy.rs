//! Grants that show a user's secret to the application: the user's own password (RFC 6749 section 4.3), and a PIN that the
//! user copies, in the manner of Imgur. RFC 9700 section 2.4 forbids the first; neither is to be had without
//! `legacy_grants` in the configuration, and each use is told by an event. What the user gave is sent once and kept nowhere.

use super::{at_consent, before_spending, code, dpop_key, keep};
use crate::config::LegacyGrant;
use crate::context::Context;
use crate::error::{Code, Error, Result};
use crate::event::Kind;
use crate::oauth2::Grant;
use crate::provider::{Endpoints, Provider};
use crate::refresh::renewal;
use crate::secret::Secret;
use crate::store::{Consent, GrantKey, Record};
use serde::Deserialize;
use std::time::Duration;
use url::Url;

/// A user's name and password.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PasswordOptions {
    /// The user's name at the provider.
    pub username: String,
    /// The user's password at the provider.
    pub password: Secret,
    /// The slot of the grant.
    pub slot: String,
    /// Seconds until the call gives up.
    pub timeout: Option<f64>,
}

/// What the provider showed the user.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PinOptions {
    /// The PIN.
    pub pin: Secret,
    /// The slot of the grant.
    pub slot: String,
    /// Seconds until the call gives up.
    pub timeout: Option<f64>,
}

/// Stores the grant that a user's password brings.
pub(crate) async fn by_password(
    context: &Context,
    key: &GrantKey,
    options: &PasswordOptions,
) -> Result<Record> {
    check_given("username", &options.username)?;
    check_given("password", options.password.expose())?;
    let provider = switched_on(context, key, LegacyGrant::Password).await?;
    let scope = context.settings.scope.join(&provider.scope_separator);
    let grant = Grant::Password {
        username: &options.username,
        password: options.password.expose(),
        scope: Some(scope.as_str()).filter(|scope| !scope.is_empty()),
    };
    granted(context, key, &provider, &grant).await
}

/// Stores the grant that a PIN brings.
pub(crate) async fn by_pin(
    context: &Context,
    key: &GrantKey,
    options: &PinOptions,
) -> Result<Record> {
    check_given("pin", options.pin.expose())?;
    let provider = switched_on(context, key, LegacyGrant::Pin).await?;
    granted(context, key, &provider, &Grant::Pin { pin: options.pin.expose() }).await
}

/// Where the provider shows a user the PIN.
pub(crate) async fn pin_url(context: &Context) -> Result<Url> {
    check_switched_on(context, LegacyGrant::Pin)?;
    let provider = context.provider().await?;
    let Endpoints::OAuth2 { authorization, .. } = &provider.endpoints else {
        return Err(Error::new(Code::Unsupported, format!("{} speaks OAuth 1.0a", provider.name)));
    };
    let mut url = at_consent(&provider, authorization.as_ref())?.clone();
    url.query_pairs_mut()
        .append_pair("response_type", "pin")
        .append_pair(&provider.client_id_parameter, &context.settings.client_id);
    Ok(url)
}

fn check_given(name: &str, text: &str) -> Result<()> {
    if text.is_empty() {
        let text = format!("options: {name}: is missing; expected what the user typed");
        return Err(Error::new(Code::InvalidArgument, text));
    }
    Ok(())
}

/// The provider, where the configuration allows this; each use is told.
async fn switched_on(
    context: &Context,
    key: &GrantKey,
    grant: LegacyGrant,
) -> Result<std::sync::Arc<Provider>> {
    check_switched_on(context, grant)?;
    context.settings.tell(Kind::LegacyGrant, key, None, grant.as_str());
    context.provider().await
}

fn check_switched_on(context: &Context, grant: LegacyGrant) -> Result<()> {
    let (settings, name) = (&context.settings, grant.as_str());
    if !settings.legacy_grants.contains(&grant) {
        let text = format!(
            "legacy_grants: does not list {name:?}, which shows a user's secret to the application; expected the \
             authorization code flow, or legacy_grants = [{name:?}] for a server that knows nothing else"
        );
        return Err(Error::new(Code::Unsupported, text).with_provider(&settings.provider_name));
    }
    Ok(())
}

async fn granted(
    context: &Context,
    key: &GrantKey,
    provider: &Provider,
    grant: &Grant<'_>,
) -> Result<Record> {
    let deadline = Duration::from_secs_f64(context.settings.timeouts.request);
    let requested = &context.settings.scope;
    let dpop_key = dpop_key(context, provider, &key.subject, &key.slot).await?;
    before_spending(context, provider, key, requested).await?;
    let answer = renewal::send(context, provider, grant, dpop_key.as_ref(), deadline).await?;
    let has_key = dpop_key.is_some();
    let tokens = code::tokens_of(context, provider, answer, requested, has_key).await;
    let tokens = tokens.map_err(|error| error.with_grant(&provider.name, &key.subject))?;
    keep(context, key, &Consent { tokens, dpop_key }).await
}
