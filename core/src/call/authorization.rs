//! What carries a grant: a Bearer header (RFC 6750 section 2.1), a token with a proof of its key (RFC 9449 section 7), or an
//! OAuth 1.0a signature (RFC 5849 section 3.5).

use crate::context::{Context, Settings};
use crate::credentials::sign_now;
use crate::dpop::{self, Proven};
use crate::error::{Code, Error, Result};
use crate::oauth1::{Body, Carrier};
use crate::oauth2::DPOP;
use crate::provider::{Protocol, TokenUse};
use crate::secret::Secret;
use crate::store::{Record, StoredAccessToken};
use url::Url;

/// What authorizes a request.
pub(crate) struct Authorization {
    pub(crate) carrier: Carrier,
    /// Beside a token that is bound to a key.
    pub(crate) proven: Option<Proven>,
}

/// What authorizes a request with one of a record's tokens; `form` is its form-encoded body, which an OAuth 1.0a signature
/// covers and may go into.
pub(crate) fn authorization(
    context: &Context,
    record: &Record,
    access: &StoredAccessToken,
    method: &str,
    url: &Url,
    form: Option<&[(String, String)]>,
) -> Result<Authorization> {
    if access.token_type == DPOP {
        return bound(context, record, access, method, url);
    }
    let carrier = unbound(&context.settings, access, method, url, form)?;
    Ok(Authorization { carrier, proven: None })
}

/// RFC 9449 section 7.1. Whatever scheme the provider has for its other tokens, this is the one for those.
fn bound(
    context: &Context,
    record: &Record,
    access: &StoredAccessToken,
    method: &str,
    url: &Url,
) -> Result<Authorization> {
    let key = record.dpop_key.as_ref().ok_or_else(|| {
        let text = "the key that the stored DPoP token is bound to is not stored with it";
        Error::new(Code::Store, text).with_reason("corrupt")
    })?;
    let (key, token) = (dpop::kept_key(key)?, access.token.expose());
    let now = context.settings.now();
    Ok(Authorization {
        carrier: Carrier::Authorization(format!("{DPOP} {token}")),
        proven: Some(context.proofs.prove(&key, method, url, Some(token), now)),
    })
}

fn unbound(
    settings: &Settings,
    access: &StoredAccessToken,
    method: &str,
    url: &Url,
    form: Option<&[(String, String)]>,
) -> Result<Carrier> {
    match settings.protocol() {
        Protocol::OAuth2 => {
            let token = access.token.expose();
            Ok(match settings.token_use() {
                TokenUse::Type => Carrier::Authorization(format!("{} {token}", access.token_type)),
                TokenUse::Scheme(scheme) => Carrier::Authorization(format!("{scheme} {token}")),
                TokenUse::Query(name) => Carrier::Url(with_parameter(url, name, token)),
            })
        }
        Protocol::OAuth1 => {
            let secret = access.secret.as_ref().map_or("", Secret::expose);
            let body = form.map_or(Body::Unsigned, Body::Form);
            let request = settings.signing()?.request(method, url).with_body(body);
            sign_now(settings, &request, Some((access.token.expose(), secret)))
        }
    }
}

/// The URL with a token in its query (RFC 6750 section 2.3).
fn with_parameter(url: &Url, name: &str, token: &str) -> Url {
    let mut url = url.clone();
    url.query_pairs_mut().append_pair(name, token);
    url
}
