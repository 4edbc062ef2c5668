//! Calling an API on a user's behalf: body kinds, authorization, the 401 rule, redirects.

mod authorization;
mod body;
mod request;
mod sign;
mod userinfo;

pub(crate) use authorization::authorization;
pub(crate) use request::pairs::deserialize as pairs;
pub use request::{ApiRequest, ApiResponse};
pub use sign::{SignOptions, SignedRequest, sign};
pub(crate) use userinfo::userinfo;

use crate::context::Context;
use crate::dpop::Proven;
use crate::error::{Code, Error, Result};
use crate::grant::HeaderOptions;
use crate::http::{Body, HttpRequest, HttpResponse, Sent, check_followed, same_origin};
use crate::oauth1::Carrier;
use crate::refresh::{Refresher, Want};
use crate::rejection::{Rejection, Remedy};
use crate::secret::Secret;
use crate::store::{Entry, GrantKey, Record, StoredAccessToken};
use body::Prepared;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// How many redirects are followed.
const REDIRECTS: u32 = 5;

/// Sends `request` with the grant's token; on a 401 renews once and sends it once more (`refresh.md`, A 401 from the API).
pub(crate) async fn call(
    refresher: &Arc<Refresher>,
    key: &GrantKey,
    request: ApiRequest,
    deadline: Instant,
) -> Result<ApiResponse> {
    call_at(refresher, key, request, deadline, Named::ByTheApplication).await
}

/// The same at an address that may come from afar.
async fn call_at(
    refresher: &Arc<Refresher>,
    key: &GrantKey,
    request: ApiRequest,
    deadline: Instant,
    named: Named,
) -> Result<ApiResponse> {
    let settings = &refresher.context.settings;
    let limit = request.max_response_bytes.unwrap_or(settings.max_response_bytes);
    let entry = settings.entry(request.resource.as_deref(), request.scope.as_ref())?;
    let prepared = Prepared::from_request(request)?;
    settings.check_api_host(&prepared.url)?;
    let want = Want::Usable { entry: entry.clone(), min_valid: 0 };
    let call = Call { refresher, prepared, entry, limit, deadline, named };
    let record = refresher.ensure(key, &want, deadline).await?;
    let dated_by = settings.signing_offset();
    let (mut response, mut with_token) = call.send(&record).await?;
    if with_token && rejection(&response).corrects_clock(settings, dated_by) {
        (response, with_token) = call.send(&record).await?;
    }
    let Some(remedy) = call.remedy(&response, with_token) else { return Ok(response) };
    let Some(other) = call.other_record(key, remedy, &record).await? else { return Ok(response) };
    let (replayed, with_token) = call.send(&other).await?;
    match call.remedy(&replayed, with_token) {
        // A stored token that is refused too may be an old one: it does not say that renewing is of no use.
        Some(Remedy::Renewal) if refresher.was_renewed_in_vain(&other, &call.entry) => {
            refresher.refused_again(key, &other).await;
        }
        // Whatever stands by now, this request had its replay.
        Some(Remedy::Consent) => drop(call.other_record(key, Remedy::Consent, &other).await?),
        Some(Remedy::Renewal) => {}
        None => refresher.note_renewal_was_of_use(&other, &call.entry),
    }
    Ok(replayed)
}

struct Call<'a> {
    refresher: &'a Arc<Refresher>,
    prepared: Prepared,
    entry: Entry,
    limit: u64,
    deadline: Instant,
    named: Named,
}

/// Who named the address of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    ByTheApplication,
    /// The provider's metadata, which leads nowhere into private networks.
    ByMetadata,
}

impl Call<'_> {
    /// Sends the request with this record's token and follows redirects; off the first origin without the token. Says
    /// whether what answered had seen the token.
    async fn send(&self, record: &Record) -> Result<(ApiResponse, bool)> {
        let mut url = self.prepared.url.clone();
        let mut method = self.prepared.method.clone();
        let (mut with_body, mut with_token) = (true, true);
        for _ in 0..=REDIRECTS {
            // Once away it does not come back: another origin could have chosen where to.
            with_token &= same_origin(&url, &self.prepared.url);
            let token = with_token.then_some(record);
            let response = self.send_to(token, &method, &url, with_body).await?;
            let Some(target) = redirect_target(&url, &response)? else {
                let HttpResponse { status, headers, body } = response;
                return Ok((ApiResponse { status, headers, body, url: url.into() }, with_token));
            };
            // RFC 9110 section 15.4: 303 always, and by custom 301 and 302 after POST, become GET.
            if response.status == 303 || (matches!(response.status, 301 | 302) && method == "POST")
            {
                "GET".clone_into(&mut method);
                with_body = false;
            }
            url = target;
        }
        Err(Error::new(
            Code::InvalidResponse,
            format!("the API redirected more than {REDIRECTS} times"),
        ))
    }

    /// Sends to one place; where only the proof of the token's key is refused, once more with another (RFC 9449 section 9).
    async fn send_to(
        &self,
        token: Option<&Record>,
        method: &str,
        url: &Url,
        with_body: bool,
    ) -> Result<HttpResponse> {
        match self.send_once(token, method, url, with_body).await? {
            (_, true) => Ok(self.send_once(token, method, url, with_body).await?.0),
            (response, false) => Ok(response),
        }
    }

    /// Says beside the answer whether only the proof was refused, and another would say something else.
    async fn send_once(
        &self,
        token: Option<&Record>,
        method: &str,
        url: &Url,
        with_body: bool,
    ) -> Result<(HttpResponse, bool)> {
        let Context { settings, http, proofs, .. } = &*self.refresher.context;
        let target = url;
        let (mut url, mut headers) = (url.clone(), self.prepared.headers.clone());
        let mut body = if with_body { self.prepared.body.clone() } else { Body::None };
        let mut proven = None;
        if let Some(record) = token {
            let form = self.prepared.form.as_deref().filter(|_| with_body);
            let access = access_of(record, &self.entry)?;
            let context = &self.refresher.context;
            let authorized = authorization(context, record, access, method, &url, form)?;
            headers.extend(authorized.proven.as_ref().map(Proven::to_header));
            proven = authorized.proven;
            match authorized.carrier {
                Carrier::Authorization(value) => headers.push(("authorization".to_owned(), value)),
                Carrier::Url(signed) => url = signed,
                Carrier::Form(signed) => body = Body::Bytes(signed.into_bytes()),
            }
        } else {
            headers.retain(|(name, _)| !is_for_one_origin(name));
        }
        if !with_body {
            headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        }
        let request = HttpRequest {
            method: method.to_owned(),
            url,
            headers,
            body,
            timeout: self.time_left(),
            max_response_bytes: self.limit,
        };
        let sent = match self.named {
            Named::ByTheApplication => http.send_to_api(request, token.is_some()).await,
            Named::ByMetadata => http.send_to_named_api(request, token.is_some()).await,
        };
        match sent {
            Sent::Answered(response) => {
                let now = settings.now();
                let may_prove_again =
                    proven.is_some_and(|proven| proofs.learn(target, &proven, &response, now));
                Ok((response, may_prove_again))
            }
            Sent::Unsent(error) | Sent::Ambiguous(error) => Err(error),
        }
    }

    fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// What helps against an answer, where it had seen the token.
    fn remedy(&self, response: &ApiResponse, with_token: bool) -> Option<Remedy> {
        let protocol = self.refresher.context.settings.protocol();
        rejection(response).remedy(protocol).filter(|_| with_token)
    }

    /// Another record to send the request with, after a 401 that this one's token met. Where there is none the API's own answer
    /// says more than why, unless the user is needed.
    async fn other_record(
        &self,
        key: &GrantKey,
        remedy: Remedy,
        refused: &Record,
    ) -> Result<Option<Arc<Record>>> {
        let Call { refresher, entry, deadline, .. } = self;
        let other = match remedy {
            Remedy::Renewal => refresher.after_refusal(key, entry, refused, *deadline).await,
            Remedy::Consent => {
                let token = &access_of(refused, entry)?.token;
                refresher.after_last_refusal(key, token, *deadline).await.map(Some)
            }
        };
        other
            .or_else(|error| if error.code() == Code::NeedsConsent { Err(error) } else { Ok(None) })
    }
}

fn rejection(response: &ApiResponse) -> Rejection<'_> {
    Rejection::of(response.status, &response.headers, &response.body)
}

fn access_of<'a>(record: &'a Record, entry: &Entry) -> Result<&'a StoredAccessToken> {
    record.access_of(entry).ok_or_else(|| {
        Error::new(Code::Internal, "a record without access token was called usable")
    })
}

/// Whether a header of the application's is a credential by its name.
fn is_for_one_origin(name: &str) -> bool {
    ["cookie", "proxy-authorization"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn redirect_target(url: &Url, response: &HttpResponse) -> Result<Option<Url>> {
    if !matches!(response.status, 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = response.header("location") else { return Ok(None) };
    let target = url.join(location).map_err(|_| {
        Error::new(Code::InvalidResponse, "the API redirected to something that is not a URL")
            .with_status(response.status)
    })?;
    check_followed(url, &target, "the API's redirect")?;
    Ok(Some(target))
}

/// The record to send a request with once more, after an application's own client met a 401 with `refused`: the stored one, if
/// it is another, or only the clock was wrong; else a renewed one, where that may help.
async fn after_refusal(
    refresher: &Arc<Refresher>,
    key: &GrantKey,
    entry: &Entry,
    refused: &Secret,
    rejection: Option<&Rejection<'_>>,
    deadline: Instant,
) -> Result<Arc<Record>> {
    let settings = &refresher.context.settings;
    let stands = refresher.load(key).await?.ok_or_else(|| refresher.no_grant(key))?;
    let access = stands.access_of(entry).filter(|access| carries(refused.expose(), access));
    let Some(access) = access else {
        let want = Want::Usable { entry: entry.clone(), min_valid: 0 };
        return refresher.ensure(key, &want, deadline).await;
    };
    let dated_by = settings.signing_offset();
    let needs_no_other = |rejection: &Rejection<'_>| {
        rejection.corrects_clock(settings, dated_by) || rejection.is_of_proof()
    };
    if rejection.is_some_and(needs_no_other) {
        return Ok(stands);
    }
    let untold = Some(Remedy::Renewal);
    match rejection.map_or(untold, |rejection| rejection.remedy(settings.protocol())) {
        Some(Remedy::Consent) => refresher.after_last_refusal(key, &access.token, deadline).await,
        Some(Remedy::Renewal) if refresher.was_renewed_in_vain(&stands, entry) => {
            refresher.refused_again(key, &stands).await;
            Err(refresher.renewals_pause(key))
        }
        Some(Remedy::Renewal) => {
            let renewed = refresher.after_refusal(key, entry, &stands, deadline).await?;
            renewed.ok_or_else(|| refresher.renewals_pause(key))
        }
        None => Err(refresher.renewals_pause(key)),
    }
}

/// Whether an `Authorization` value, or what was taken out of one, is of this token.
fn carries(refused: &str, access: &StoredAccessToken) -> bool {
    let token = access.token.expose();
    match access.secret {
        Some(_) => refused.contains(token),
        None => refused.split_ascii_whitespace().last() == Some(token),
    }
}

/// The headers to send with any HTTP client; after a 401, with another token than the `refused` one.
pub(crate) async fn headers(
    refresher: &Arc<Refresher>,
    key: &GrantKey,
    method: &str,
    url: &str,
    options: &HeaderOptions,
    deadline: Instant,
) -> Result<Vec<(String, String)>> {
    let settings = &refresher.context.settings;
    let entry = settings.entry(options.resource.as_deref(), options.scope.as_ref())?;
    let url = body::parse_url(url)?;
    settings.check_api_host(&url)?;
    if let Some(nonce) = &options.dpop_nonce
        && !refresher.context.proofs.remember_nonce(&url, nonce)
    {
        let text = "dpop_nonce: is no nonce of RFC 9449; expected what the header DPoP-Nonce said";
        return Err(Error::new(Code::InvalidArgument, text));
    }
    let record = if let Some(refused) = &options.refused {
        let rejection = options.challenge.as_deref().map(Rejection::told);
        after_refusal(refresher, key, &entry, refused, rejection.as_ref(), deadline).await?
    } else {
        let want = Want::Usable { entry: entry.clone(), min_valid: 0 };
        refresher.ensure(key, &want, deadline).await?
    };
    let access = access_of(&record, &entry)?;
    let form = Some(options.form.as_slice()).filter(|form| !form.is_empty());
    let authorized = authorization(&refresher.context, &record, access, method, &url, form)?;
    match authorized.carrier {
        Carrier::Authorization(value) => {
            let mut headers = vec![("Authorization".to_owned(), value)];
            headers.extend(authorized.proven.as_ref().map(Proven::to_header));
            Ok(headers)
        }
        Carrier::Url(_) | Carrier::Form(_) => Err(Error::new(
            Code::Unsupported,
            "headers: what authorizes a request to this API goes into its query or body; expected a request that the \
             library sends, or parameters_in = \"header\" (OAuth 1.0a)",
        )),
    }
}
