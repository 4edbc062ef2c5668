//! A request as it will be sent: checked once, so that it can be sent again after a 401.

use super::request::ApiRequest;
use crate::error::{Code, Error, Result};
use crate::http::{Body, check_url};
use url::{Url, form_urlencoded};

/// A request that can be sent any number of times.
pub(super) struct Prepared {
    pub(super) method: String,
    pub(super) url: Url,
    pub(super) headers: Vec<(String, String)>,
    /// The parameters of a form body, however it was given: an OAuth 1.0a signature covers them (RFC 5849 section 3.4.1.3.1).
    pub(super) form: Option<Vec<(String, String)>>,
    pub(super) body: Body,
}

impl Prepared {
    pub(super) fn from_request(request: ApiRequest) -> Result<Self> {
        let mut url = parse_url(&request.url)?;
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        url.set_fragment(None);
        for own in ["Authorization", "DPoP"] {
            if request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(own)) {
                return Err(invalid(&format!(
                    "headers: {own} is set by the library; expected none"
                )));
            }
        }
        let mut headers = request.headers;
        let has_type = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let (body, media_type) = match (&request.form, &request.json, request.body) {
            (None, None, None) => (Body::None, None),
            (None, None, Some(bytes)) => (Body::Bytes(bytes), None),
            (Some(form), None, None) => {
                let text =
                    form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
                (Body::Bytes(text.into_bytes()), Some("application/x-www-form-urlencoded"))
            }
            (None, Some(json), None) => {
                (Body::Bytes(json.to_string().into_bytes()), Some("application/json"))
            }
            _ => return Err(invalid("form, json and body: expected at most one of them")),
        };
        if let (Some(media_type), false) = (media_type, has_type) {
            headers.push(("content-type".to_owned(), media_type.to_owned()));
        }
        let method = if request.method.is_empty() { "GET".to_owned() } else { request.method };
        let form = request.form.or_else(|| form_of(&headers, &body));
        Ok(Prepared { method, url, headers, form, body })
    }
}

/// The parameters in a body that was given as bytes, where its media type says that there are some.
fn form_of(headers: &[(String, String)], body: &Body) -> Option<Vec<(String, String)>> {
    let is_form = |(name, value): &(String, String)| {
        let media_type = value.split(';').next().unwrap_or_default().trim();
        name.eq_ignore_ascii_case("content-type")
            && media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    };
    match body {
        Body::Bytes(bytes) if headers.iter().any(is_form) => {
            Some(form_urlencoded::parse(bytes).into_owned().collect())
        }
        _ => None,
    }
}

/// An absolute URL to which a token may be sent.
pub(super) fn parse_url(text: &str) -> Result<Url> {
    let url = Url::parse(text)
        .map_err(|error| invalid(&format!("url: {error}; expected an absolute URL")))?;
    check_url(&url, "url")?;
    Ok(url)
}

fn invalid(text: &str) -> Error {
    Error::new(Code::InvalidArgument, text.to_owned())
}
