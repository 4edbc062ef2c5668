//! The headers that carry a grant: Bearer (RFC 6750 section 2.1) or an OAuth 1.0a signature (RFC 5849 section 3.5.1).

use crate::context::Settings;
use crate::error::{Code, Error, Result};
use crate::oauth1::{Credentials, Request, SignatureMethod, Stamp, sign};
use crate::process::random_bytes;
use crate::provider::{Protocol, TokenUse};
use crate::secret::Secret;
use crate::store::StoredAccessToken;
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
        Protocol::OAuth2 => {
            let scheme = match settings.token_use() {
                TokenUse::Type => &access.token_type,
                TokenUse::Scheme(scheme) => scheme,
                TokenUse::Query(name) => return Err(only_in_the_query(settings, name)),
            };
            Ok(format!("{scheme} {}", access.token.expose()))
        }
        Protocol::OAuth1 => {
            let secret = access.secret.as_ref().map_or("", Secret::expose);
            let request = Request::new(method, url).with_form(form);
            sign_now(settings, &request, Some((access.token.expose(), secret)))
        }
    }
}

/// The URL that carries a grant where the API takes its token in a query parameter only (RFC 6750 section 2.3).
pub(crate) fn url_with_token(
    settings: &Settings,
    access: &StoredAccessToken,
    url: &Url,
) -> Option<Url> {
    let TokenUse::Query(name) = settings.token_use() else { return None };
    let mut url = url.clone();
    url.query_pairs_mut().append_pair(name, access.token.expose());
    Some(url)
}

fn only_in_the_query(settings: &Settings, name: &str) -> Error {
    let provider = &settings.provider_name;
    let text = format!(
        "the API of {provider} takes its token in the query parameter {name:?} and in no header; expected a request \
         through this library, or one with the access token in its query"
    );
    Error::new(Code::Unsupported, text).with_provider(provider)
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
    let now = settings.now().saturating_add(settings.signing_offset());
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
