//! What the provider says about a grant's token (RFC 7662), asked in the client's name. It changes nothing.

use super::{Refresher, client_request};
use crate::context::Context;
use crate::error::{Code, Error, Result};
use crate::oauth2::{ErrorResponse, TokenRequest, parse_json};
use crate::provider::{Endpoints, Provider};
use crate::secret::Secret;
use crate::store::{GrantKey, Record};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use url::Url;

/// Which of a grant's tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// The access token, as it is stored.
    #[default]
    AccessToken,
    /// The refresh token.
    RefreshToken,
}

impl TokenKind {
    /// Its `token_type_hint` (section 2.1).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            TokenKind::AccessToken => "access_token",
            TokenKind::RefreshToken => "refresh_token",
        }
    }

    fn of(self, record: &Record) -> Option<&Secret> {
        match self {
            TokenKind::AccessToken => record.access().map(|access| &access.token),
            TokenKind::RefreshToken => record.refresh_token(),
        }
    }
}

/// What a provider says about a token (section 2.2).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Introspection {
    /// Whether it can be used now.
    pub active: bool,
    /// All else, as it came: `scope`, `exp`, `sub` and so on.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

/// Asks about one of the grant's tokens; none of them is renewed for it.
pub(crate) async fn introspect(
    refresher: &Arc<Refresher>,
    key: &GrantKey,
    kind: TokenKind,
) -> Result<Introspection> {
    let context = &refresher.context;
    let provider = context.provider().await?;
    endpoint(&provider)?;
    let record = refresher.load(key).await?.ok_or_else(|| refresher.no_grant(key))?;
    let token = kind.of(&record).ok_or_else(|| {
        let text = format!("token: the grant has no {}; expected one that it has", kind.as_str());
        Error::new(Code::InvalidArgument, text)
    })?;
    ask(context, &provider, kind, token).await
}

/// Asks about this token.
pub(super) async fn ask(
    context: &Context,
    provider: &Provider,
    kind: TokenKind,
    token: &Secret,
) -> Result<Introspection> {
    let url = endpoint(provider)?;
    let mut request = TokenRequest::default();
    request.push("token", token.expose());
    request.push("token_type_hint", kind.as_str());
    let asked = client_request::ask(context, provider, url, &request).await?;
    let status = asked.response.status;
    if status != 200 {
        return Err(refusal(provider, status, asked.refusal()));
    }
    let mut fields = parse_json(asked.media_type(), &asked.response.body)
        .map_err(|error| invalid(provider, &error.to_string()))?;
    match fields.shift_remove("active") {
        Some(Value::Bool(active)) => Ok(Introspection { active, fields }),
        _ => Err(invalid(
            provider,
            "it does not say whether the token is active; expected a boolean",
        )),
    }
}

fn endpoint(provider: &Provider) -> Result<&Url> {
    if let Endpoints::OAuth2 { introspection: Some(url), .. } = &provider.endpoints {
        return Ok(url);
    }
    let name = &provider.name;
    let text = format!("{name} has no introspection endpoint that is known; expected one");
    Err(Error::new(Code::Unsupported, text))
}

/// Section 2.3: what is wrong is the client or its right to ask, never the token.
fn refusal(provider: &Provider, status: u16, answer: Option<ErrorResponse>) -> Error {
    let (error, description) =
        answer.map_or((None, None), |answer| (Some(answer.error), answer.error_description));
    let code = match (status, error.as_deref()) {
        (401, _) | (_, Some("invalid_client")) => Code::MisconfiguredClient,
        _ => Code::ProviderError,
    };
    Error::new(code, format!("{} did not introspect the token: status {status}", provider.name))
        .with_status(status)
        .with_server_error(error, description)
}

fn invalid(provider: &Provider, text: &str) -> Error {
    let name = &provider.name;
    Error::new(Code::InvalidResponse, format!("{name}: the answer of introspection: {text}"))
        .with_provider(name)
}
