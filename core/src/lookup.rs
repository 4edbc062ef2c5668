//! What can be asked before there is a client: who gives tokens for an API (RFC 9728), and a registration (RFC 7591). Where to
//! ask comes from documents and callers alike, so nothing goes into private networks unless that is allowed.

use crate::client::run;
use crate::config::{SecretSource, Timeouts};
use crate::error::{Code, Error, Result};
use crate::http::{
    Body, HttpClient, HttpRequest, HttpResponse, Reach, Sent, check_followed, check_url,
};
use crate::oauth2::protected_resource::{resource_metadata, well_known_url};
use crate::oauth2::{ClientInformation, ErrorResponse, ProtectedResource};
use crate::provider::discovery;
use crate::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// How a client authenticates where its registration does not say (RFC 7591 section 2).
const BASIC: &str = "client_secret_basic";

/// Largest document that is read.
const MAX_BYTES: u64 = 1 << 20;

/// For what API metadata is wanted.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResourceOptions {
    /// The identifier of the API (RFC 8707), or the address of a request that it answered with 401.
    pub url: String,
    /// The values of `WWW-Authenticate` of that answer, a line each: its `resource_metadata` says where the document is. Without
    /// it the well-known place is asked.
    pub challenge: Option<String>,
    /// Whether the document may be at a private address.
    pub allow_private_addresses: bool,
    /// Seconds until the call gives up.
    pub timeout: Option<f64>,
}

/// What an API says about itself and who gives tokens for it (RFC 9728). One of its `authorization_servers` is a `provider`, and
/// its `resource` a `resource` of a configuration.
pub async fn protected_resource(options: ResourceOptions) -> Result<ProtectedResource> {
    let asking = Asking::new(options.allow_private_addresses, options.timeout)?;
    run(asking.deadline, async move {
        let invalid = |error: &dyn std::fmt::Display| Error::new(Code::InvalidArgument, format!("url: {error}"));
        let api = Url::parse(&options.url).map_err(|error| invalid(&error))?;
        check_url(&api, "url")?;
        let told = options.challenge.as_deref().and_then(|lines| resource_metadata(lines.lines()));
        let document = match told {
            Some(told) => {
                let url = Url::parse(&told).map_err(|_| {
                    let text = "resource_metadata in the challenge: is not a URL; expected an absolute one";
                    Error::new(Code::InvalidResponse, text)
                })?;
                check_followed(&api, &url, "resource_metadata")?;
                url
            }
            None => well_known_url(&options.url).map_err(|error| invalid(&error))?,
        };
        let response = asking.send("GET", &document, None, None).await?;
        let invalid = |text: String| {
            Error::new(Code::InvalidResponse, text).with_status(response.status)
        };
        if response.status != 200 {
            let (path, status) = (document.path(), response.status);
            return Err(invalid(format!(
                "no metadata for the resource: {path} answered {status}; expected 200 with a JSON document"
            )));
        }
        let media_type = response.header("content-type");
        let found = ProtectedResource::parse(&options.url, media_type, &response.body)
            .map_err(|error| invalid(error.to_string()))?;
        for server in &found.authorization_servers {
            let url = Url::parse(server).map_err(|_| {
                invalid("authorization_servers: is not a list of issuers; expected URLs".to_owned())
            })?;
            check_followed(&document, &url, "authorization_servers")?;
        }
        Ok(found)
    })
    .await
}

/// A client to be registered.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegisterOptions {
    /// The issuer, whose metadata says where; it is the `provider` of the configuration.
    pub issuer: String,
    /// What the client says about itself (RFC 7591 section 2): `redirect_uris`, `client_name`, `scope`, … `grant_types` are the
    /// code and refresh token grants where they are left out.
    pub metadata: Map<String, Value>,
    /// What somebody whom the provider trusts says about it (section 2.3): a signed JWT.
    pub software_statement: Option<String>,
    /// The token that the registration endpoint wants (section 3).
    pub initial_access_token: Option<SecretSource>,
    /// Whether the issuer and its endpoints may be at private addresses.
    pub allow_private_addresses: bool,
    /// Seconds until the call gives up.
    pub timeout: Option<f64>,
}

/// A registered client.
#[derive(Clone, Debug, Serialize)]
pub struct Registered {
    /// Keys of a configuration: `provider`, `client_id`, `client_secret`, `client_authentication`, `redirect_uri`, `scope`. It
    /// holds the secret.
    pub config: RegisteredConfig,
    /// Until when the secret is valid, in Unix milliseconds; none where it does not expire.
    pub client_secret_expires_at: Option<i64>,
    /// What changes the registration (RFC 7592), and where.
    pub registration_access_token: Option<Secret>,
    /// Where the registration is changed.
    pub registration_client_uri: Option<String>,
    /// The metadata as the provider took it, without secrets.
    pub metadata: Map<String, Value>,
}

/// The keys of a configuration that a registration gives.
#[derive(Clone, Debug, Serialize)]
pub struct RegisteredConfig {
    /// The issuer.
    pub provider: String,
    /// The client identifier.
    pub client_id: String,
    /// Its secret; none for a public client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Secret>,
    /// How it authenticates, as registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_authentication: Option<String>,
    /// The first redirect URI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// What it may ask for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<String>,
    /// Whether the provider may be at a private address.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_private_addresses: bool,
}

/// Registers a client at an issuer (RFC 7591). It is registered once for each call.
pub async fn register(options: RegisterOptions) -> Result<Registered> {
    let asking = Asking::new(options.allow_private_addresses, options.timeout)?;
    run(asking.deadline, async move {
        let named = ("issuer", Code::InvalidArgument);
        discovery::check_issuer(&options.issuer, named, options.allow_private_addresses)?;
        let (document, metadata) =
            discovery::fetch(&asking.http, &options.issuer, asking.left().as_secs_f64()).await?;
        let endpoint = metadata.registration_endpoint.ok_or_else(|| {
            let text = "the metadata has no registration_endpoint; expected a provider that registers clients (RFC 7591)";
            Error::new(Code::Unsupported, text).with_provider(&options.issuer)
        })?;
        check_followed(&document, &endpoint, "registration_endpoint")?;
        let token = options.initial_access_token.as_ref();
        let token = token.map(|token| token.resolve("initial_access_token")).transpose()?;
        let body = Value::from(requested(&options)).to_string();
        let response = asking.send("POST", &endpoint, token.as_ref(), Some(body)).await?;
        registered(&options, &response, token.as_ref())
    })
    .await
}

fn requested(options: &RegisterOptions) -> Map<String, Value> {
    let mut metadata = options.metadata.clone();
    let usual = || json!(["authorization_code", "refresh_token"]);
    metadata.entry("grant_types").or_insert_with(usual);
    if let Some(statement) = &options.software_statement {
        metadata.insert("software_statement".to_owned(), statement.clone().into());
    }
    metadata
}

fn registered(
    options: &RegisterOptions,
    response: &HttpResponse,
    token: Option<&Secret>,
) -> Result<Registered> {
    let media_type = response.header("content-type");
    let named = |error: Error| error.with_status(response.status).with_provider(&options.issuer);
    if response.status / 100 != 2 {
        let secrets: Vec<&Secret> = token.into_iter().collect();
        let answer = ErrorResponse::parse(media_type, &response.body, &secrets);
        let (error, description) =
            answer.map_or((None, None), |answer| (Some(answer.error), answer.error_description));
        let word = error.as_ref().map_or_else(String::new, |error| format!(" ({error})"));
        let said = description.as_ref().map_or_else(String::new, |said| format!(": {said}"));
        let text = format!("the client was not registered: status {}{word}{said}", response.status);
        return Err(named(
            Error::new(Code::ProviderError, text).with_server_error(error, description),
        ));
    }
    let information = ClientInformation::parse(media_type, &response.body)
        .map_err(|error| named(Error::new(Code::InvalidResponse, error.to_string())))?;
    let first_uri =
        information.metadata.get("redirect_uris").and_then(|uris| uris.get(0)?.as_str());
    let scope = information.text("scope").unwrap_or_default();
    let config = RegisteredConfig {
        provider: options.issuer.clone(),
        client_id: information.client_id.clone(),
        client_secret: information.client_secret.clone(),
        client_authentication: information
            .text("token_endpoint_auth_method")
            .or_else(|| information.client_secret.is_some().then_some(BASIC))
            .map(str::to_owned),
        redirect_uri: first_uri.map(str::to_owned),
        scope: scope.split_whitespace().map(str::to_owned).collect(),
        allow_private_addresses: options.allow_private_addresses,
    };
    Ok(Registered {
        config,
        client_secret_expires_at: information.client_secret_expires_at,
        registration_access_token: information.registration_access_token,
        registration_client_uri: information.registration_client_uri,
        metadata: information.metadata,
    })
}

/// One call's way into the network.
struct Asking {
    http: std::sync::Arc<HttpClient>,
    deadline: Instant,
}

impl Asking {
    fn new(allow_private_addresses: bool, timeout: Option<f64>) -> Result<Self> {
        let reach = if allow_private_addresses { Reach::Anywhere } else { Reach::PublicOnly };
        let timeouts = Timeouts::default();
        let seconds = timeout.unwrap_or(timeouts.total);
        if !(seconds > 0.0 && seconds <= 86_400.0) {
            let text = format!(
                "timeout: {seconds} is out of range; expected seconds above 0 and at most a day"
            );
            return Err(Error::new(Code::InvalidArgument, text));
        }
        let deadline = Instant::now() + Duration::from_secs_f64(seconds);
        Ok(Asking { http: HttpClient::shared(&timeouts, None, reach, None)?, deadline })
    }

    fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    async fn send(
        &self,
        method: &str,
        url: &Url,
        token: Option<&Secret>,
        body: Option<String>,
    ) -> Result<HttpResponse> {
        let mut headers = vec![("accept".to_owned(), "application/json".to_owned())];
        if body.is_some() {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        if let Some(token) = token {
            headers.push(("authorization".to_owned(), format!("Bearer {}", token.expose())));
        }
        let request = HttpRequest {
            method: method.to_owned(),
            url: url.clone(),
            headers,
            body: body.map_or(Body::None, |body| Body::Bytes(body.into_bytes())),
            timeout: self.left(),
            max_response_bytes: MAX_BYTES,
        };
        match self.http.send_to_provider(request).await {
            Sent::Answered(response) => Ok(response),
            Sent::Unsent(error) | Sent::Ambiguous(error) => Err(error),
        }
    }
}
