//! Sending requests: no redirects followed, no retries, a limit on every body, and of each failure whether the request
//! may have reached the server.

use super::client_certificate::ClientCertificate;
use super::policy::{check_public, is_public, private_address};
use crate::config::Timeouts;
use crate::error::{Code, Error, Result};
use crate::loopback::is_loopback;
use crate::process::ProcessCell;
use futures_util::StreamExt;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use thiserror::Error as ErrorText;
use url::Url;

/// A request for which less time is left is not begun once more.
pub(crate) const LEAST_TIME: Duration = Duration::from_secs(1);

/// How a client shows who it is in TLS (RFC 8705).
pub(crate) struct MutualTls {
    pub(crate) certificate: ClientCertificate,
    /// Whether APIs are shown the certificate too.
    pub(crate) at_apis: bool,
}

/// The connection pools of a client.
pub(crate) struct HttpClient {
    /// For API calls: connections are kept and used again.
    api: ApiPool,
    /// The same, not into private networks; none where that is the same.
    public_api: Option<ApiPool>,
    /// For the provider: each request has a connection of its own, so that one that went stale never makes an answer
    /// ambiguous. With the client's certificate, where it has one.
    provider: reqwest::Client,
    reach: Reach,
}

/// Connections to APIs.
struct ApiPool {
    plain: reqwest::Client,
    /// With the client's certificate, where tokens are bound to it.
    with_certificate: Option<reqwest::Client>,
}

impl ApiPool {
    fn client(&self, with_token: bool) -> &reqwest::Client {
        self.with_certificate.as_ref().filter(|_| with_token).unwrap_or(&self.plain)
    }
}

/// Where requests to the provider may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reach {
    /// Wherever the configuration says.
    Anywhere,
    /// Not into private networks: it was a document that said where.
    PublicOnly,
}

/// One request.
pub(crate) struct HttpRequest {
    pub(crate) method: String,
    pub(crate) url: Url,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
    pub(crate) timeout: Duration,
    pub(crate) max_response_bytes: u64,
}

/// A request body.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    None,
    Bytes(Vec<u8>),
}

/// An answer, whatever its status.
pub(crate) struct HttpResponse {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl HttpResponse {
    /// The first header of this name (lower case).
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// How a request went.
pub(crate) enum Sent {
    /// There is an answer, whole.
    Answered(HttpResponse),
    /// The server has certainly not seen it.
    Unsent(Error),
    /// The server may have seen and processed it.
    Ambiguous(Error),
}

impl HttpClient {
    /// The pools of this process for these settings: reading the trusted certificates takes longer than all else that
    /// opening a client does.
    pub(crate) fn shared(
        timeouts: &Timeouts,
        user_agent: Option<&str>,
        reach: Reach,
        mutual_tls: Option<&MutualTls>,
    ) -> Result<Arc<Self>> {
        type Settings = (u64, Option<String>, Reach, Option<(String, bool)>);
        static POOLS: ProcessCell<Mutex<HashMap<Settings, Arc<HttpClient>>>> = ProcessCell::new();
        let identity = mutual_tls.map(|tls| (tls.certificate.digest(), tls.at_apis));
        let settings = (timeouts.connect.to_bits(), user_agent.map(str::to_owned), reach, identity);
        let pools = POOLS.get_or_try(|| Ok(Mutex::default()))?;
        let mut pools = pools.lock().expect("no holder panics");
        if let Some(client) = pools.get(&settings) {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(HttpClient::new(timeouts, user_agent, reach, mutual_tls)?);
        pools.insert(settings, Arc::clone(&client));
        Ok(client)
    }

    fn new(
        timeouts: &Timeouts,
        user_agent: Option<&str>,
        reach: Reach,
        mutual_tls: Option<&MutualTls>,
    ) -> Result<Self> {
        let own = concat!("evergrant/", env!("CARGO_PKG_VERSION"));
        let user_agent =
            user_agent.map_or_else(|| own.to_owned(), |agent| format!("{agent} {own}"));
        let builder = || {
            with_proxy(reqwest::Client::builder())
                .user_agent(&user_agent)
                .connect_timeout(Duration::from_secs_f64(timeouts.connect))
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .referer(false)
        };
        let build = |builder: reqwest::ClientBuilder| builder.build().map_err(not_set_up);
        let with_certificate = |builder: reqwest::ClientBuilder, tls: &MutualTls| {
            let identity = tls.certificate.to_identity().map_err(not_set_up)?;
            build(builder.identity(identity))
        };
        let for_provider = match reach {
            Reach::Anywhere => builder(),
            Reach::PublicOnly => builder().dns_resolver(Arc::new(PublicAddresses)),
        }
        .pool_max_idle_per_host(0);
        let for_apis = |builder: &dyn Fn() -> reqwest::ClientBuilder| {
            let tls = mutual_tls.filter(|tls| tls.at_apis);
            let with_certificate = tls.map(|tls| with_certificate(builder(), tls)).transpose()?;
            Ok::<_, Error>(ApiPool { plain: build(builder())?, with_certificate })
        };
        let in_public = || builder().dns_resolver(Arc::new(PublicAddresses));
        Ok(HttpClient {
            api: for_apis(&builder)?,
            public_api: match reach {
                Reach::Anywhere => None,
                Reach::PublicOnly => Some(for_apis(&in_public)?),
            },
            provider: match mutual_tls {
                Some(tls) => with_certificate(for_provider, tls)?,
                None => build(for_provider)?,
            },
            reach,
        })
    }

    /// Sends a request to the provider.
    pub(crate) async fn send_to_provider(&self, request: HttpRequest) -> Sent {
        if self.reach == Reach::PublicOnly
            && let Err(error) = check_public(&request.url, &place(&request.url))
        {
            return Sent::Unsent(error);
        }
        send(&self.provider, request).await
    }

    /// Sends a request to an API; `with_token` where a token is on it, which may be bound to the certificate.
    pub(crate) async fn send_to_api(&self, request: HttpRequest, with_token: bool) -> Sent {
        send(self.api.client(with_token), request).await
    }

    /// The same to an address that a document from afar named.
    pub(crate) async fn send_to_named_api(&self, request: HttpRequest, with_token: bool) -> Sent {
        let Some(pool) = &self.public_api else {
            return self.send_to_api(request, with_token).await;
        };
        match check_public(&request.url, &place(&request.url)) {
            Ok(()) => send(pool.client(with_token), request).await,
            Err(error) => Sent::Unsent(error),
        }
    }
}

fn not_set_up(error: reqwest::Error) -> Error {
    let text = error.without_url().to_string();
    Error::new(Code::Transport, format!("cannot set up HTTP and TLS: {text}"))
}

/// Finds the public addresses of a name, and no other: what is checked here is what is connected to.
struct PublicAddresses;

impl Resolve for PublicAddresses {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let name = name.as_str();
            let found = tokio::net::lookup_host((name, 0)).await?;
            let is_exempt = name == "localhost" || proxy_host().is_some_and(|proxy| proxy == name);
            let allowed = found.filter(|address| is_exempt || is_public(address.ip()));
            let allowed: Vec<SocketAddr> = allowed.collect();
            if allowed.is_empty() {
                return Err(Box::from(PrivateAddress));
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// A name has none but private addresses.
#[derive(Debug, ErrorText)]
#[error("its name stands for private addresses alone")]
struct PrivateAddress;

/// Proxies of the environment are for https alone: http is allowed to this machine only, and a proxy would see the tokens.
fn with_proxy(builder: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    match proxy_address().and_then(|address| reqwest::Proxy::https(address).ok()) {
        Some(proxy) => builder.proxy(proxy.no_proxy(reqwest::NoProxy::from_env())),
        None => builder.no_proxy(),
    }
}

fn proxy_address() -> Option<String> {
    ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|address| !address.is_empty()))
}

/// The proxy resolves the names of providers itself, and is where the environment says it is.
fn proxy_host() -> Option<String> {
    let address = proxy_address()?;
    let url = Url::parse(&address).or_else(|_| Url::parse(&format!("http://{address}"))).ok()?;
    url.host_str().map(str::to_owned)
}

async fn send(client: &reqwest::Client, request: HttpRequest) -> Sent {
    let place = place(&request.url);
    let limit = request.max_response_bytes;
    let timeout = request.timeout;
    let built = match build(client, request) {
        Ok(built) => built,
        Err(error) => return Sent::Unsent(error),
    };
    let answer = async {
        let response = match client.execute(built).await {
            Ok(response) => response,
            Err(error) if is_private_address(&error) => {
                return Sent::Unsent(private_address(&place));
            }
            Err(error) if error.is_connect() || error.is_builder() => {
                return Sent::Unsent(transport(&place, "cannot be reached", error));
            }
            Err(error) => return Sent::Ambiguous(transport(&place, "did not answer", error)),
        };
        match read(response, limit, &place).await {
            Ok(response) => Sent::Answered(response),
            Err(error) => Sent::Ambiguous(error),
        }
    };
    tokio::time::timeout(timeout, answer).await.unwrap_or_else(|_| {
        let seconds = timeout.as_secs_f64();
        Sent::Ambiguous(Error::new(
            Code::Timeout,
            format!("{place} did not answer within {seconds:.1} s"),
        ))
    })
}

fn build(client: &reqwest::Client, request: HttpRequest) -> Result<reqwest::Request> {
    let method = reqwest::Method::from_bytes(request.method.as_bytes()).map_err(|_| {
        Error::new(
            Code::InvalidArgument,
            format!("method {:?} is not an HTTP method", request.method),
        )
    })?;
    let mut headers = HeaderMap::with_capacity(request.headers.len());
    for (name, value) in &request.headers {
        let invalid = |what: &str| {
            Error::new(
                Code::InvalidArgument,
                format!("header {name:?}: {what} is not allowed in HTTP"),
            )
        };
        let value =
            HeaderValue::from_str(value).map_err(|_| invalid("a character of its value"))?;
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid("its name"))?;
        headers.append(name, value);
    }
    let mut builder = client.request(method, request.url).headers(headers);
    if let Body::Bytes(bytes) = request.body {
        builder = builder.body(bytes);
    }
    builder.build().map_err(|error| {
        Error::new(Code::InvalidArgument, format!("not a request: {}", error.without_url()))
    })
}

async fn read(response: reqwest::Response, limit: u64, place: &str) -> Result<HttpResponse> {
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let mut body = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| transport(place, "broke off its answer", error))?;
        if body.len() as u64 + chunk.len() as u64 > limit {
            return Err(Error::new(
                Code::InvalidResponse,
                format!(
                    "{place} sent more than the {limit} bytes that are taken (max_response_bytes)"
                ),
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(HttpResponse { status, headers, body })
}

fn is_private_address(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.is::<PrivateAddress>() {
            return true;
        }
        source = cause.source();
    }
    false
}

fn transport(place: &str, what: &str, error: reqwest::Error) -> Error {
    let code = if error.is_timeout() { Code::Timeout } else { Code::Transport };
    let mut text = format!("{place} {what}");
    // reqwest says the cause only in its chain of sources.
    let error = error.without_url();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    Error::new(code, text)
}

/// Scheme, host and port: paths and queries may hold secrets.
fn place(url: &Url) -> String {
    let origin = url.origin().ascii_serialization();
    if is_loopback(url) { format!("{origin} (this machine)") } else { origin }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::wait;

    fn resolved(
        name: &str,
    ) -> std::result::Result<usize, Box<dyn std::error::Error + Send + Sync>> {
        let name: Name = name.parse().unwrap();
        wait(async { PublicAddresses.resolve(name).await.map(Iterator::count) })
    }

    #[test]
    fn a_name_is_resolved_to_public_addresses_alone() {
        // The resolver reads numbers as it reads names, and asks nobody for them.
        assert!(resolved("10.0.0.1").unwrap_err().is::<PrivateAddress>());
        assert!(resolved("127.0.0.1").unwrap_err().is::<PrivateAddress>());
        assert_eq!(resolved("8.8.8.8").unwrap(), 1);
        assert!(resolved("localhost").unwrap() > 0);
    }

    #[test]
    fn a_request_into_a_private_network_is_not_sent() {
        let timeouts = Timeouts::default();
        let client = HttpClient::new(&timeouts, None, Reach::PublicOnly, None).unwrap();
        let request = HttpRequest {
            method: "GET".to_owned(),
            url: Url::parse("https://192.168.0.1/").unwrap(),
            headers: Vec::new(),
            body: Body::None,
            timeout: Duration::from_secs(1),
            max_response_bytes: 1,
        };
        let Sent::Unsent(error) = wait(async { client.send_to_provider(request).await }) else {
            panic!("it was sent");
        };
        assert_eq!(error.code(), Code::InsecureUrl);
        assert!(error.message().contains("allow_private_addresses"), "{error}");
    }
}
