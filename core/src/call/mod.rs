//! Calling an API on a user's behalf: body kinds, authorization, the 401 rule, redirects.

mod authorization;
mod body;
mod request;

pub(crate) use authorization::{authorization, sign_now, url_with_token};
pub(crate) use request::pairs::deserialize as pairs;
pub use request::{ApiRequest, ApiResponse};

use crate::clock::UnixMillis;
use crate::error::{Code, Error, Result};
use crate::grant::HeaderOptions;
use crate::http::{Body, HttpRequest, HttpResponse, Sent, check_followed, same_origin};
use crate::oauth1;
use crate::oauth2::BearerChallenge;
use crate::provider::Protocol;
use crate::refresh::{Refresher, Want};
use crate::secret::Secret;
use crate::store::{Entry, GrantKey, Record, StoredAccessToken};
use body::Prepared;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};
use tokio::time::Instant;
use url::Url;

/// How many redirects are followed.
const REDIRECTS: u32 = 5;

/// How far off a clock must be to be corrected, in milliseconds: by an answer that says so, and by the `Date` of any other.
const SECOND: i64 = 1_000;
const FIVE_MINUTES: i64 = 300_000;

/// Sends `request` with the grant's token; on a 401 renews once and sends it once more (`refresh.md`, A 401 from the API).
pub(crate) async fn call(
    refresher: &Arc<Refresher>,
    key: &GrantKey,
    request: ApiRequest,
    deadline: Instant,
) -> Result<ApiResponse> {
    let limit = request.max_response_bytes.unwrap_or(refresher.context.settings.max_response_bytes);
    let entry =
        refresher.context.settings.entry(request.resource.as_deref(), request.scope.as_ref())?;
    let prepared = Prepared::from_request(request)?;
    let want = Want::Usable { entry: entry.clone(), min_valid: 0 };
    let call = Call { refresher, prepared, entry, limit, deadline };
    let record = refresher.ensure(key, &want, deadline).await?;
    let (mut response, mut with_token) = call.send(&record).await?;
    if with_token && call.corrects_clock(&response) {
        (response, with_token) = call.send(&record).await?;
    }
    if !(with_token && call.is_token_refusal(&response)) {
        return Ok(response);
    }
    let renewed = match refresher.after_refusal(key, &call.entry, &record, deadline).await {
        Ok(Some(renewed)) => renewed,
        // The API's own answer says more than that the refresh it forced failed too, unless the user is needed.
        Err(error) if error.code() == Code::NeedsConsent => return Err(error),
        Ok(None) | Err(_) => return Ok(response),
    };
    let (replayed, with_token) = call.send(&renewed).await?;
    if with_token && call.is_token_refusal(&replayed) {
        refresher.refused_again(key, &renewed).await;
    }
    Ok(replayed)
}

struct Call<'a> {
    refresher: &'a Arc<Refresher>,
    prepared: Prepared,
    entry: Entry,
    limit: u64,
    deadline: Instant,
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

    async fn send_to(
        &self,
        token: Option<&Record>,
        method: &str,
        url: &Url,
        with_body: bool,
    ) -> Result<HttpResponse> {
        let mut headers = self.prepared.headers.clone();
        let mut with_token = None;
        if let Some(record) = token {
            let form = if with_body { self.prepared.form.as_slice() } else { &[] };
            let access = access_of(record, &self.entry)?;
            let settings = &self.refresher.context.settings;
            with_token = url_with_token(settings, access, url);
            if with_token.is_none() {
                let value = authorization(settings, access, method, url, form)?;
                headers.push(("authorization".to_owned(), value));
            }
        } else {
            headers.retain(|(name, _)| !is_for_one_origin(name));
        }
        if !with_body {
            headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        }
        let request = HttpRequest {
            method: method.to_owned(),
            url: with_token.unwrap_or_else(|| url.clone()),
            headers,
            body: if with_body { self.prepared.body.clone() } else { Body::None },
            timeout: self.time_left(),
            max_response_bytes: self.limit,
        };
        match self.refresher.context.http.send_to_api(request).await {
            Sent::Answered(response) => Ok(response),
            Sent::Unsent(error) | Sent::Ambiguous(error) => Err(error),
        }
    }

    fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// OAuth 1.0a: whether a 401 comes of a clock that is wrong here or there, by which signatures are dated from now on
    /// (`refresh.md`, Other kinds of renewal).
    fn corrects_clock(&self, response: &ApiResponse) -> bool {
        let settings = &self.refresher.context.settings;
        if response.status != 401 || settings.protocol() != Protocol::OAuth1 {
            return false;
        }
        let named = |wanted: &str| {
            let headers = response.headers.iter().filter(move |(name, _)| name == wanted);
            headers.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
        };
        let problem = oauth1::Problem::find(named("www-authenticate"), &response.body);
        let refused = problem.filter(|problem| problem.problem == "timestamp_refused");
        let is_refused = refused.is_some();
        let acceptable = refused.and_then(|problem| problem.acceptable_timestamps);
        let theirs = acceptable
            .map(|(first, last)| (i64::from(first) + i64::from(last)) * 500)
            .or_else(|| named("date").first().and_then(|date| from_http_date(date)));
        let Some(theirs) = theirs else { return false };
        let offset = theirs.saturating_sub(settings.now());
        let before = settings.signing_offset.load(Ordering::Relaxed);
        let wrong_by = (offset - before).abs();
        let is_wrong = wrong_by > if is_refused { SECOND } else { FIVE_MINUTES };
        if is_wrong {
            settings.signing_offset.store(offset, Ordering::Relaxed);
        }
        is_wrong
    }

    /// Whether a new token may help: a 401 that does not say that the token is good and allows too little.
    fn is_token_refusal(&self, response: &ApiResponse) -> bool {
        if response.status != 401 {
            return false;
        }
        let challenges = || {
            let named = response.headers.iter().filter(|(name, _)| name == "www-authenticate");
            named.map(|(_, value)| value.as_str())
        };
        match self.refresher.context.settings.protocol() {
            Protocol::OAuth2 => !BearerChallenge::find(challenges())
                .is_some_and(|found| found.is_insufficient_scope()),
            // Without a session handle there is nothing to renew; what the API says of the token is the caller's.
            Protocol::OAuth1 => oauth1::Problem::find(challenges(), &response.body)
                .is_some_and(|problem| problem.problem == "token_expired"),
        }
    }
}

fn access_of<'a>(record: &'a Record, entry: &Entry) -> Result<&'a StoredAccessToken> {
    record.access_of(entry).ok_or_else(|| {
        Error::new(Code::Internal, "a record without access token was called usable")
    })
}

fn from_http_date(text: &str) -> Option<UnixMillis> {
    let since_epoch = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since_epoch.as_millis()).ok()
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
/// it is another; else a renewed one.
async fn after_refusal(
    refresher: &Arc<Refresher>,
    key: &GrantKey,
    entry: &Entry,
    refused: &Secret,
    deadline: Instant,
) -> Result<Arc<Record>> {
    let stands = refresher.load(key).await?.ok_or_else(|| refresher.no_grant(key))?;
    if !stands.access_of(entry).is_some_and(|access| carries(refused.expose(), access)) {
        let want = Want::Usable { entry: entry.clone(), min_valid: 0 };
        return refresher.ensure(key, &want, deadline).await;
    }
    if refresher.was_renewed_in_vain(&stands, entry) {
        refresher.refused_again(key, &stands).await;
    } else if let Some(renewed) = refresher.after_refusal(key, entry, &stands, deadline).await? {
        refresher.note_renewal_after_refusal(&renewed, entry);
        return Ok(renewed);
    }
    Err(refresher.renewals_pause(key))
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
    let record = if let Some(refused) = &options.refused {
        after_refusal(refresher, key, &entry, refused, deadline).await?
    } else {
        let want = Want::Usable { entry: entry.clone(), min_valid: 0 };
        refresher.ensure(key, &want, deadline).await?
    };
    let access = access_of(&record, &entry)?;
    let value = authorization(settings, access, method, &url, &options.form)?;
    Ok(vec![("Authorization".to_owned(), value)])
}
