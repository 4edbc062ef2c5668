//! What a provider says about the user (OpenID Connect Core section 5.3): an API call of the grant's, whose answer is about the
//! user of the `id_token` or is not taken.

use super::{ApiRequest, Named, call_at};
use crate::error::{Code, Error, Result};
use crate::oauth2::{ErrorResponse, parse_json};
use crate::provider::Provider;
use crate::refresh::Refresher;
use crate::secret::shown;
use crate::store::{GrantKey, Identity};
use serde_json::{Map, Value};
use std::sync::Arc;
use tokio::time::Instant;

/// Largest answer that is read, in bytes; a picture may be in it.
const MAX_USERINFO_BYTES: u64 = 1 << 20;

/// Asks the userinfo endpoint.
pub(crate) async fn userinfo(
    refresher: &Arc<Refresher>,
    key: &GrantKey,
    deadline: Instant,
) -> Result<Map<String, Value>> {
    let provider = refresher.context.provider().await?;
    let url = provider.open_id.userinfo.as_ref().ok_or_else(|| {
        let text =
            format!("{} has no userinfo endpoint that is known; expected one", provider.name);
        Error::new(Code::Unsupported, text)
    })?;
    let request = ApiRequest {
        url: url.to_string(),
        headers: vec![("accept".to_owned(), "application/json".to_owned())],
        max_response_bytes: Some(MAX_USERINFO_BYTES),
        ..ApiRequest::default()
    };
    let response = call_at(refresher, key, request, deadline, Named::ByMetadata).await?;
    let media_type = response.headers.iter().find(|(name, _)| name == "content-type");
    let media_type = media_type.map(|(_, value)| value.as_str());
    if response.status != 200 {
        let stands = refresher.load(key).await.ok().flatten();
        let access = stands.iter().filter_map(|record| record.tokens.as_ref());
        let secrets: Vec<_> =
            access.flat_map(|tokens| &tokens.access).map(|access| &access.token).collect();
        let answer = ErrorResponse::parse(media_type, &response.body, &secrets);
        let (error, description) =
            answer.map_or((None, None), |answer| (Some(answer.error), answer.error_description));
        let text = format!("{}: userinfo answered status {}", provider.name, response.status);
        return Err(Error::new(Code::ProviderError, text)
            .with_status(response.status)
            .with_server_error(error, description));
    }
    let claims = parse_json(media_type, &response.body)
        .map_err(|error| invalid(&provider, &error.to_string()))?;
    let record = refresher.load(key).await?.ok_or_else(|| refresher.no_grant(key))?;
    match &record.identity {
        Some(identity) => check_subject(&provider, identity, &claims).map(|()| claims),
        None => Ok(claims),
    }
}

/// Section 5.3.2: the answer names the user of the `id_token`, or it may be about anybody.
fn check_subject(
    provider: &Provider,
    identity: &Identity,
    claims: &Map<String, Value>,
) -> Result<()> {
    let found = match claims.get("sub") {
        Some(sub) if *sub == identity.subject => return Ok(()),
        Some(sub) => format!("is about {:?}", shown(sub.as_str().unwrap_or("something else"), &[])),
        None => "has no sub".to_owned(),
    };
    let expected = &identity.subject;
    let text = format!("{found}; expected the user of the id_token, {expected:?}");
    Err(invalid(provider, &text).with_reason("another_user"))
}

fn invalid(provider: &Provider, text: &str) -> Error {
    Error::new(Code::InvalidResponse, format!("{}: the answer of userinfo: {text}", provider.name))
        .with_provider(&provider.name)
}
