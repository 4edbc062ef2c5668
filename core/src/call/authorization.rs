//! What carries a grant: a Bearer header (RFC 6750 section 2.1) or an OAuth 1.0a signature (RFC 5849 section 3.5).

use crate::context::Settings;
use crate::error::Result;
use crate::oauth1::{Body, Carrier, Request, Stamp};
use crate::provider::{Protocol, TokenUse};
use crate::secret::Secret;
use crate::signing::nonce;
use crate::store::StoredAccessToken;
use url::Url;

/// What authorizes a request; `form` is its form-encoded body, which an OAuth 1.0a signature covers and may go into.
pub(crate) fn authorization(
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

/// Signs with a new nonce and the time of the client's clock, as an answer has corrected it.
pub(crate) fn sign_now<T: AsRef<str>>(
    settings: &Settings,
    request: &Request<'_, T>,
    token: Option<(&str, &str)>,
) -> Result<Carrier> {
    let now = settings.now().saturating_add(settings.signing_offset());
    let timestamp = u64::try_from(now / 1000).unwrap_or(0);
    let stamp = Stamp { nonce: &nonce(), timestamp };
    settings.signing()?.sign(request, token, &stamp).map(|signed| signed.carrier)
}
