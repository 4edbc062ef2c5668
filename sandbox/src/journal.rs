//! What was asked of the sandbox and what it answered. No secret gets in: where a request carried one,
//! the entry has an alias that is the same in every run of the same steps.

use serde::{Deserialize, Serialize};

use crate::clock::real_now;
use crate::device::Devices;
use crate::faults::FaultKind;
use crate::grants::{Family, Grants};
use crate::http::{Pairs, Request};
use crate::oauth1::Temporaries;

/// One request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Counted from 1 in order of arrival; clearing the journal does not start again.
    pub number: u64,
    /// Arrival on the machine's clock, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What it was for.
    pub kind: Kind,
    /// The HTTP method.
    pub method: String,
    /// The path as it was sent.
    pub path: String,
    /// The query, decoded, in its order, secrets replaced by aliases.
    pub query: Vec<(String, String)>,
    /// The form body, decoded, in its order, secrets replaced by aliases.
    pub form: Vec<(String, String)>,
    /// The scheme of the `Authorization` header, as it was sent.
    pub authorization: Option<String>,
    /// How the client authenticated at an OAuth 2 endpoint.
    pub client_authentication: Option<ClientAuthentication>,
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// The `Content-Type` header.
    pub content_type: Option<String>,
    /// The `Accept` header.
    pub accept: Option<String>,
    /// The `X-Program` header: which program of several sent it.
    pub program: Option<String>,
    /// The grant type of a token request.
    pub grant_type: Option<String>,
    /// The client, once it is known who that is.
    pub client: Option<String>,
    /// The user, once it is known who that is.
    pub user: Option<String>,
    /// The grant that the request used or brought; see [`GrantSummary`](crate::GrantSummary).
    pub family: Option<u64>,
    /// The status answered; none while it is under way and when the connection was dropped.
    pub status: Option<u16>,
    /// The fault that met it.
    pub fault: Option<FaultKind>,
    /// The TCP connection that brought it, counted from 1.
    pub connection: u64,
    /// For a refresh: how old the newest access token of its family was.
    pub token_age: Option<TokenAge>,
    /// Whether it presented a refresh token that had been replaced, or a code that had been used.
    pub reuse: bool,
    /// Whether a DPoP proof came with it.
    pub dpop: bool,
}

/// The age of an access token, in seconds on the sandbox clock.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenAge {
    /// Since it was issued.
    pub age: f64,
    /// The lifetime it was issued with.
    pub lifetime: f64,
}

/// What a request was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The OAuth 2 token endpoint.
    Token,
    /// The protected API.
    Api,
    /// The OAuth 2 or OAuth 1.0a authorization endpoint, or where a user types the code of a device.
    Authorize,
    /// The OAuth 2 revocation endpoint.
    Revoke,
    /// The OAuth 2 introspection endpoint.
    Introspect,
    /// The keys that verify ID Tokens.
    Keys,
    /// The userinfo endpoint.
    Userinfo,
    /// The device authorization endpoint.
    DeviceAuthorization,
    /// A discovery document.
    Discovery,
    /// The OAuth 1.0a temporary credential request.
    RequestToken,
    /// The OAuth 1.0a token request.
    AccessToken,
    /// Anything else.
    Other,
}

/// How an OAuth 2 client authenticated (RFC 8414 calls these `client_secret_basic`,
/// `client_secret_post` and `none`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// HTTP Basic.
    Basic,
    /// `client_id` and `client_secret` in the body.
    Post,
    /// `client_id` alone.
    None,
}

impl JournalEntry {
    /// Notes whose grant the request is about, whatever comes of it.
    pub(crate) fn concerns(&mut self, family: &Family) {
        self.family = Some(family.id);
        self.user.clone_from(&family.user);
        self.client = Some(family.client.clone());
    }
}

impl Kind {
    pub(crate) fn of(path: &str) -> Self {
        match path {
            "/oauth2/token" => Self::Token,
            "/oauth2/authorize" | "/oauth2/device" | "/oauth1/authorize" => Self::Authorize,
            "/oauth2/revoke" => Self::Revoke,
            "/oauth2/introspect" => Self::Introspect,
            "/oauth2/keys" => Self::Keys,
            "/oauth2/userinfo" => Self::Userinfo,
            "/oauth2/device_authorization" => Self::DeviceAuthorization,
            "/.well-known/oauth-authorization-server" | "/.well-known/openid-configuration" => {
                Self::Discovery
            }
            "/oauth1/request_token" => Self::RequestToken,
            "/oauth1/access_token" => Self::AccessToken,
            _ if path.starts_with("/api/") => Self::Api,
            _ => Self::Other,
        }
    }
}

/// The entries so far.
#[derive(Default)]
pub(crate) struct Journal {
    entries: Vec<JournalEntry>,
    written: u64,
}

impl Journal {
    /// Enters a request that has just arrived.
    pub(crate) fn open(&mut self, request: &Request, aliases: &Aliases<'_>) -> JournalEntry {
        self.written += 1;
        let header = |name| request.header(name).map(str::to_owned);
        let entry = JournalEntry {
            number: self.written,
            at_ms: real_now(),
            kind: Kind::of(&request.path),
            method: request.method.clone(),
            path: request.path.clone(),
            query: aliases.replace_secrets(request.query_pairs()),
            form: aliases.replace_secrets(request.form_pairs()),
            authorization: request.authorization().map(|(scheme, _)| scheme.to_owned()),
            client_authentication: None,
            user_agent: header("user-agent"),
            content_type: header("content-type"),
            accept: header("accept"),
            program: header("x-program"),
            grant_type: first_value(request, "grant_type"),
            client: None,
            user: None,
            family: None,
            status: None,
            fault: None,
            connection: request.connection,
            token_age: None,
            reuse: false,
            dpop: request.header("dpop").is_some(),
        };
        self.entries.push(entry.clone());
        entry
    }

    /// Enters what has become known since, unless the journal was cleared.
    pub(crate) fn update(&mut self, entry: &JournalEntry) {
        let same = |place: &&mut JournalEntry| place.number == entry.number;
        if let Some(place) = self.entries.iter_mut().rev().find(same) {
            place.clone_from(entry);
        }
    }

    pub(crate) fn entries(&self) -> &[JournalEntry] {
        &self.entries
    }

    pub(crate) fn clear(&mut self) -> usize {
        std::mem::take(&mut self.entries).len()
    }
}

fn first_value(request: &Request, name: &str) -> Option<String> {
    request.form_pairs().into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// The names that stand for secrets in the journal.
pub(crate) struct Aliases<'a> {
    pub(crate) grants: &'a Grants,
    pub(crate) devices: &'a Devices,
    pub(crate) temporaries: &'a Temporaries,
}

impl Aliases<'_> {
    fn replace_secrets(&self, pairs: Pairs) -> Pairs {
        pairs
            .into_iter()
            .map(|(name, value)| {
                let alias = self.alias(&name, &value);
                (name, alias.unwrap_or(value))
            })
            .collect()
    }

    fn alias(&self, name: &str, value: &str) -> Option<String> {
        if value.is_empty() {
            return None;
        }
        let fixed = match name {
            "client_secret" => "[secret]",
            "client_assertion" | "assertion" => "[assertion]",
            "user_code" => "[user code]",
            "device_code" => {
                return Some(self.devices.alias(value).unwrap_or_else(|| "[unknown]".to_owned()));
            }
            "code_verifier" | "oauth_verifier" => "[verifier]",
            "code_challenge" => "[challenge]",
            "state" => "[state]",
            "oauth_signature" => "[signature]",
            "nonce" | "oauth_nonce" => "[nonce]",
            "oauth_timestamp" => "[timestamp]",
            "code" | "refresh_token" | "token" | "access_token" | "oauth_token" => {
                let known = self.grants.alias(value).or_else(|| self.temporaries.alias(value));
                return Some(known.unwrap_or_else(|| "[unknown]".to_owned()));
            }
            _ if value.contains("sbx.") => "[token]",
            _ => return None,
        };
        Some(fixed.to_owned())
    }
}
