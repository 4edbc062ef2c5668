//! The headers that carry a grant: Bearer (RFC 6750 section 2.1) or an OAuth 1.0a signature (RFC 5849 section 3.5.1).

use crate::context::Settings;
use crate::error::{Code, Error, Result};
use crate::oauth1::{Credentials, Request, SignatureMethod, Stamp, sign};
use crate::process::random_bytes;
use crate::provider::Protocol;
use crate::secret::Secret;
use crate::store::StoredAccessToken;
use std::sync::atomic::Ordering;
use url::Url;

/// The `Authorization` header for a request; `form` is its form-encoded body, which an OAuth 1.0a signature covers.
pub(crate) fn authorization(
    settings: &Settings,
    access: &StoredAccessToken,
    method: &str,
    url: &Url,
    form: &[(String, String)],
) -> Result<String> {
    match settings.protocol() {
        Protocol::OAuth2 => Ok(format!("{} {}", access.token_type, access.token.expose())),
        Protocol::OAuth1 => {
            let secret = access.secret.as_ref().map_or("", Secret::expose);
            let request = Request::new(method, url).with_form(form);
            sign_now(settings, &request, Some((access.token.expose(), secret)))
        }
    }
}

/// Signs with a new nonce and the time of the client's clock, as an answer has corrected it.
pub(crate) fn sign_now<T: AsRef<str>>(
    settings: &Settings,
    request: &Request<'_, T>,
    token: Option<(&str, &str)>,
) -> Result<String> {
    let credentials = Credentials {
        client_key: &settings.client_id,
        client_secret: settings.client_secret.as_ref().map_or("", Secret::expose),
        token,
    };
    let nonce = nonce();
    let now = settings.now().saturating_add(settings.signing_offset.load(Ordering::Relaxed));
    let timestamp = u64::try_from(now / 1000).unwrap_or(0);
    let stamp = Stamp { nonce: &nonce, timestamp };
    sign(request, &credentials, &stamp, SignatureMethod::HmacSha1)
        .map(|signed| signed.authorization)
        .map_err(|error| Error::new(Code::InvalidArgument, error.to_string()))
}

/// 120 random bits; some servers take only 20 to 30 letters and digits.
fn nonce() -> String {
    format!("{:030x}", u128::from_be_bytes(random_bytes()) >> 8)
}
