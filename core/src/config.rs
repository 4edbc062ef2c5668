//! The one configuration schema: the same keys in every language, read from JSON or TOML, refused with the name of
//! the key and what was expected. The order in which options are set never matters.

mod google;

use crate::error::{Code, Error, Result};
use crate::http::domain_of;
use crate::oauth1::{ParametersIn, SignatureMethod};
use crate::oauth2::{AssertionAudience, ClientAuthenticationMethod};
use crate::provider::ProviderTable;
use crate::secret::Secret;
use crate::store::Entry;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor, value};
use serde::{Deserialize, Serialize, Serializer, de};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use url::Host;

/// How a client is configured; the keys of `docs/configuration.md`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of its own")]
pub struct Config {
    /// A catalogue name, an issuer URL, or a table of one's own.
    pub provider: ProviderChoice,
    /// Files with provider entries of one's own, which add to the catalogue or change keys of its entries.
    #[serde(default)]
    pub provider_files: Vec<PathBuf>,
    /// What the endpoints of the provider's entry leave open, such as an account's subdomain.
    #[serde(default)]
    pub provider_variables: BTreeMap<String, String>,
    /// One of Google's files as it is, or its path: `client_secrets.json`, the key of a service account, or the credentials of a
    /// user; `default` for those that Google's own libraries use. Then `provider` and `client_id` may be absent.
    #[serde(default)]
    pub google_credentials: Option<SecretSource>,
    /// Which of the redirect URIs of a `client_secrets.json`, counted from 0; the first that is of use when absent.
    #[serde(default)]
    pub redirect_index: Option<usize>,
    /// The refresh token with which a grant begins that was never stored.
    #[serde(skip)]
    pub(crate) first_refresh_token: Option<Secret>,
    /// The client identifier (RFC 6749 section 2.2), or the consumer key (RFC 5849).
    pub client_id: String,
    /// Its secret; absent for a public client.
    #[serde(default)]
    pub client_secret: Option<SecretSource>,
    /// How the client authenticates; the provider's way when absent.
    #[serde(default)]
    pub client_authentication: Option<ClientAuthenticationMethod>,
    /// PEM or JWK with the key that signs assertions (RFC 7523); OAuth 1.0a: PEM with the RSA key that signs with one of the
    /// RSA methods.
    #[serde(default)]
    pub private_key: Option<SecretSource>,
    /// What opens an encrypted `private_key`.
    #[serde(default)]
    pub private_key_passphrase: Option<SecretSource>,
    /// The name that the provider knows the key by (`kid`); that of a JWK when absent.
    #[serde(default)]
    pub private_key_id: Option<String>,
    /// The algorithm of assertions (RFC 7518 section 3.1); what the key usually signs with when absent.
    #[serde(default)]
    pub signing_algorithm: Option<String>,
    /// What assertions say.
    #[serde(default)]
    pub assertion: AssertionOptions,
    /// How grants come about.
    #[serde(default)]
    pub grant: GrantType,
    /// With `grant = "token_exchange"`: what is exchanged.
    #[serde(default)]
    pub token_exchange: Option<TokenExchangeOptions>,
    /// Grants that the standards have given up and some servers have not: they show users' secrets to the application.
    #[serde(default)]
    pub legacy_grants: Vec<LegacyGrant>,
    /// OAuth 1.0a: how requests are signed; the provider's way when absent.
    #[serde(default)]
    pub signature_method: Option<SignatureMethod>,
    /// OAuth 1.0a: where the protocol parameters go; the provider's way when absent.
    #[serde(default)]
    pub parameters_in: Option<ParametersIn>,
    /// OAuth 1.0a: sent in the header, not signed; the provider's when absent.
    #[serde(default)]
    pub realm: Option<String>,
    /// PEM with the certificate that the client shows in mutual TLS (RFC 8705), and those that sign it; its key may be in it.
    #[serde(default)]
    pub client_certificate: Option<SecretSource>,
    /// PEM with the private key of `client_certificate`, unencrypted, where that has none in it.
    #[serde(default)]
    pub client_certificate_key: Option<SecretSource>,
    /// Whether access tokens are bound to the certificate (RFC 8705 section 3), so that APIs are shown it too.
    #[serde(default)]
    pub tls_client_certificate_bound_access_tokens: bool,
    /// Whether tokens are to be bound to a key of the grant's own (RFC 9449): `true`, `false` or `"auto"`.
    #[serde(default)]
    pub dpop: Dpop,
    /// Where the provider sends the browser after consent.
    #[serde(default)]
    pub redirect_uri: Option<String>,
    /// Scopes to ask for, as a list or as one text separated by spaces.
    #[serde(default)]
    pub scope: Scopes,
    /// Ask for whatever this provider needs to give a refresh token.
    #[serde(default)]
    pub offline: bool,
    /// Whether authorization requests are pushed to the provider before the browser is sent there (RFC 9126).
    #[serde(default)]
    pub par: PushedRequests,
    /// Whether authorization requests are signed with `private_key` (RFC 9101), also where the provider does not demand it.
    #[serde(default)]
    pub request_object: bool,
    /// What the tokens are to be for (RFC 8707), as absolute URIs: told at consent and, where it is one, whenever a token is
    /// asked for that is for no other resource.
    #[serde(default)]
    pub resource: Vec<String>,
    /// Whether a provider that is found by its issuer may be, or name endpoints, at private addresses.
    #[serde(default)]
    pub allow_private_addresses: bool,
    /// The address of the token store, or a table with it; `grants.db` in `state_dir` when absent. Ignored where the
    /// application gives a store.
    #[serde(default)]
    pub store: Option<StoreOptions>,
    /// The keys that stored records are sealed with; they are stored as they are when absent.
    #[serde(default)]
    pub encryption: Option<Encryption>,
    /// Whether refreshes run in a process of their own, which goes on when this one is killed.
    #[serde(default)]
    pub detached: Detached,
    /// Where the library keeps its own files.
    #[serde(default)]
    pub state_dir: Option<PathBuf>,
    /// When a token counts as due.
    #[serde(default)]
    pub windows: WindowOptions,
    /// How long network steps may take.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// Hosts of the API, each alone or as `*.example.org` for all below it; where some are given, tokens go to no other.
    #[serde(default)]
    pub api_hosts: Vec<String>,
    /// By how many seconds the provider's clock may differ from this one where times in ID Tokens are compared (default 300).
    #[serde(default = "default_clock_skew")]
    pub clock_skew: f64,
    /// Largest API response body taken, in bytes (default 64 MiB).
    #[serde(default = "default_max_response_bytes")]
    pub max_response_bytes: u64,
    /// Added in front of this library's own `User-Agent`.
    #[serde(default)]
    pub user_agent: Option<String>,
}

/// How grants come about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// A user consents.
    #[default]
    AuthorizationCode,
    /// The client itself is known (RFC 6749 section 4.4). No consent.
    ClientCredentials,
    /// The client signs an assertion (RFC 7523 section 2.1), as a service account does. No consent.
    JwtBearer,
    /// Another token is given for one (RFC 8693). No consent.
    TokenExchange,
}

impl GrantType {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            GrantType::AuthorizationCode => "authorization_code",
            GrantType::ClientCredentials => "client_credentials",
            GrantType::JwtBearer => "jwt_bearer",
            GrantType::TokenExchange => "token_exchange",
        }
    }

    /// Whether a user consents.
    pub(crate) fn needs_consent(self) -> bool {
        self == GrantType::AuthorizationCode
    }
}

/// A grant that shows a user's secret to the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegacyGrant {
    /// The user's own password (RFC 6749 section 4.3; RFC 9700 section 2.4 forbids it).
    Password,
    /// A PIN that the user copies, in the manner of Imgur.
    Pin,
}

impl LegacyGrant {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            LegacyGrant::Password => "password",
            LegacyGrant::Pin => "pin",
        }
    }
}

/// What assertions say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AssertionOptions {
    /// To whom they are addressed; when absent the provider's way, else its issuer, else its token endpoint.
    pub audience: Option<AssertionAudience>,
    /// With `grant = "jwt_bearer"`: who signs; `client_id` when absent.
    pub issuer: Option<String>,
    /// With `grant = "jwt_bearer"`: for whom a token is wanted, such as the user of a domain that a service account acts for.
    /// `{subject}` in it stands for the subject of the grant. The issuer when absent (RFC 7523 section 3 wants one), none when
    /// empty.
    pub subject: Option<String>,
    /// With `grant = "jwt_bearer"`: further claims that the provider wants.
    pub claims: serde_json::Map<String, Value>,
}

/// What is exchanged for a token (RFC 8693 section 2.1). Token types are URIs, or the last part of those of section 3, such as
/// `jwt`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenExchangeOptions {
    /// A token of the party on whose behalf one is wanted; a file is read anew for each request.
    pub subject_token: SecretSource,
    /// Its type; `access_token` when absent.
    #[serde(default = "access_token")]
    pub subject_token_type: String,
    /// A token of the acting party; read as the other.
    #[serde(default)]
    pub actor_token: Option<SecretSource>,
    /// Its type; `access_token` when absent.
    #[serde(default = "access_token")]
    pub actor_token_type: String,
    /// The type of token that is wanted.
    #[serde(default)]
    pub requested_token_type: Option<String>,
    /// The name of the service that the token is for.
    #[serde(default)]
    pub audience: Option<String>,
}

/// What token types begin with (RFC 8693 section 3).
const TOKEN_TYPE: &str = "urn:ietf:params:oauth:token-type:";

impl TokenExchangeOptions {
    /// The same with every type as the URI that it stands for.
    pub(crate) fn with_uris(mut self) -> Self {
        let types = [&mut self.subject_token_type, &mut self.actor_token_type];
        for name in types.into_iter().chain(&mut self.requested_token_type) {
            if !name.contains(':') {
                *name = format!("{TOKEN_TYPE}{name}");
            }
        }
        self
    }

    /// When the file with the subject token last changed.
    pub(crate) fn changed_at(&self) -> Option<SystemTime> {
        let SecretSource::File(path) = &self.subject_token else { return None };
        std::fs::metadata(path).and_then(|file| file.modified()).ok()
    }
}

fn access_token() -> String {
    "access_token".to_owned()
}

fn default_clock_skew() -> f64 {
    300.0
}

fn default_max_response_bytes() -> u64 {
    64 << 20
}

/// Which provider, and how it is told.
#[derive(Clone, Debug)]
pub enum ProviderChoice {
    /// An entry of the catalogue.
    Name(String),
    /// An issuer whose metadata is fetched (RFC 8414, OpenID Connect Discovery).
    Issuer(String),
    /// An own table with the keys of a catalogue entry.
    Table(Box<ProviderTable>),
}

impl Serialize for ProviderChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            ProviderChoice::Name(text) | ProviderChoice::Issuer(text) => text.serialize(serializer),
            ProviderChoice::Table(table) => table.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ProviderChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Choice;
        impl<'de> Visitor<'de> for Choice {
            type Value = ProviderChoice;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a catalogue name, an issuer URL, or a table of endpoints")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<ProviderChoice, E> {
                Ok(if text.contains("://") {
                    ProviderChoice::Issuer(text.to_owned())
                } else {
                    ProviderChoice::Name(text.to_owned())
                })
            }
            fn visit_map<A: MapAccess<'de>>(
                self,
                map: A,
            ) -> std::result::Result<ProviderChoice, A::Error> {
                ProviderTable::deserialize(value::MapAccessDeserializer::new(map))
                    .map(|table| ProviderChoice::Table(Box::new(table)))
            }
        }
        deserializer.deserialize_any(Choice)
    }
}

/// A secret as text, from an environment variable, or from a file.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// Name of an environment variable.
    Env(String),
    /// Path of a file; white space around the secret is dropped.
    File(PathBuf),
    /// The secret itself.
    #[serde(untagged)]
    Text(Secret),
}

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Source;
        impl<'de> Visitor<'de> for Source {
            type Value = SecretSource;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, { env = \"NAME\" } or { file = \"PATH\" }")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<SecretSource, E> {
                Ok(SecretSource::Text(Secret::new(text)))
            }
            fn visit_map<A: MapAccess<'de>>(
                self,
                map: A,
            ) -> std::result::Result<SecretSource, A::Error> {
                #[derive(Deserialize)]
                #[serde(rename_all = "snake_case")]
                enum Table {
                    Env(String),
                    File(PathBuf),
                }
                let table = Table::deserialize(value::MapAccessDeserializer::new(map))?;
                Ok(match table {
                    Table::Env(name) => SecretSource::Env(name),
                    Table::File(path) => SecretSource::File(path),
                })
            }
        }
        deserializer.deserialize_any(Source)
    }
}

impl SecretSource {
    /// Has another process of this user find the same, which goes on reading a file.
    fn make_lasting(&mut self, key: &str) -> Result<()> {
        match self {
            SecretSource::File(path) => *path = absolute(key, path)?,
            SecretSource::Env(_) => *self = SecretSource::Text(self.resolve(key)?),
            SecretSource::Text(_) => {}
        }
        Ok(())
    }

    /// Reads the secret; `key` is the configuration key that an error names.
    pub(crate) fn resolve(&self, key: &str) -> Result<Secret> {
        let invalid = |text: String| Error::new(Code::InvalidConfig, format!("{key}: {text}"));
        match self {
            SecretSource::Text(secret) => Ok(secret.clone()),
            SecretSource::Env(name) => std::env::var(name).map(Secret::new).map_err(|_| {
                invalid(format!("environment variable {name:?} is not set or is not UTF-8"))
            }),
            SecretSource::File(path) => std::fs::read_to_string(path)
                .map(|text| Secret::new(text.trim()))
                .map_err(|error| invalid(format!("file {}: {error}", path.display()))),
        }
    }
}

/// Where the token store is, and how its tables are called.
#[derive(Clone, Debug, Serialize)]
pub struct StoreOptions {
    /// `sqlite:PATH`, `memory:`, `postgres://…`, `mysql://…`; it may hold a password.
    pub address: SecretSource,
    /// The table of grants (default `evergrant_grants`).
    pub grants_table: Option<String>,
    /// The table of authorization transactions (default `evergrant_pending`).
    pub pending_table: Option<String>,
    /// The table that says which schema the others have (default `evergrant_schema`).
    pub schema_table: Option<String>,
    /// Columns of the table of grants that have other names, by their usual one.
    pub columns: BTreeMap<String, String>,
    /// Connections of a process to a server, at most (default 4).
    pub pool_size: Option<usize>,
    /// Whether tables are made where there are none (default true).
    pub create: Option<bool>,
}

impl From<SecretSource> for StoreOptions {
    fn from(address: SecretSource) -> Self {
        StoreOptions {
            address,
            grants_table: None,
            pending_table: None,
            schema_table: None,
            columns: BTreeMap::new(),
            pool_size: None,
            create: None,
        }
    }
}

impl<'de> Deserialize<'de> for StoreOptions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Options;
        impl<'de> Visitor<'de> for Options {
            type Value = StoreOptions;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the address of a store, or a table with its `address`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<StoreOptions, E> {
                Ok(SecretSource::Text(Secret::new(text)).into())
            }
            fn visit_map<A: MapAccess<'de>>(
                self,
                map: A,
            ) -> std::result::Result<StoreOptions, A::Error> {
                #[derive(Deserialize)]
                #[serde(deny_unknown_fields)]
                #[expect(clippy::struct_field_names, reason = "the keys of the configuration")]
                struct Table {
                    address: SecretSource,
                    grants_table: Option<String>,
                    pending_table: Option<String>,
                    schema_table: Option<String>,
                    #[serde(default)]
                    columns: BTreeMap<String, String>,
                    pool_size: Option<usize>,
                    create: Option<bool>,
                }
                let table = Table::deserialize(value::MapAccessDeserializer::new(map))?;
                Ok(StoreOptions {
                    address: table.address,
                    grants_table: table.grants_table,
                    pending_table: table.pending_table,
                    schema_table: table.schema_table,
                    columns: table.columns,
                    pool_size: table.pool_size,
                    create: table.create,
                })
            }
        }
        deserializer.deserialize_any(Options)
    }
}

/// Scopes as a list, or as one text separated by spaces.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Scopes(pub Vec<String>);

impl From<&str> for Scopes {
    fn from(text: &str) -> Self {
        Scopes(text.split_whitespace().map(str::to_owned).collect())
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Scopes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of scopes, or one text with spaces between")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Scopes, E> {
                Ok(text.into())
            }
            fn visit_seq<A: SeqAccess<'de>>(
                self,
                list: A,
            ) -> std::result::Result<Scopes, A::Error> {
                Vec::deserialize(value::SeqAccessDeserializer::new(list)).map(Scopes)
            }
        }
        deserializer.deserialize_any(List)
    }
}

/// Encryption at rest.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// 32 random bytes each, in base64, base64url or hex. The first seals; those behind it are older and only open.
    #[serde(default)]
    pub keys: Vec<SecretSource>,
    /// The key that will be put first: it opens what others have sealed with it already.
    #[serde(default)]
    pub next: Option<SecretSource>,
}

/// Whether authorization requests are pushed (RFC 9126).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PushedRequests {
    /// Where the provider demands it.
    #[default]
    Auto,
    /// Or not at all.
    Always,
    /// Never.
    Off,
}

/// Whether refreshes run in a process of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Detached {
    /// Where it can be had.
    #[default]
    Auto,
    /// Never.
    Off,
    /// Or not at all.
    Require,
}

/// Whether tokens are to be bound to a key (RFC 9449).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dpop {
    /// `false`.
    #[default]
    Off,
    /// `"auto"`: where the provider says that it can.
    Auto,
    /// `true`: or there is no grant.
    Require,
}

impl Serialize for Dpop {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Dpop::Auto => serializer.serialize_str("auto"),
            Dpop::Off | Dpop::Require => serializer.serialize_bool(*self == Dpop::Require),
        }
    }
}

impl<'de> Deserialize<'de> for Dpop {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Word;
        impl Visitor<'_> for Word {
            type Value = Dpop;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false or \"auto\"")
            }
            fn visit_bool<E: de::Error>(self, requires: bool) -> std::result::Result<Dpop, E> {
                Ok(if requires { Dpop::Require } else { Dpop::Off })
            }
            fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Dpop, E> {
                match text {
                    "auto" => Ok(Dpop::Auto),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(Word)
    }
}

/// Overrides of the provider's and the default windows, in seconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WindowOptions {
    /// Time before expiry in which a refresh begins behind the scenes (default 300).
    pub soft: Option<f64>,
    /// Time before expiry in which the token is no longer given out (default 10).
    pub hard: Option<f64>,
}

/// Limits of network steps, in seconds.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// To connect, TLS included.
    pub connect: f64,
    /// For one request at the provider, at most.
    pub request: f64,
    /// For one call of the application, all of it.
    pub total: f64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts { connect: 5.0, request: 10.0, total: 30.0 }
    }
}

impl Config {
    /// Reads a configuration from JSON text.
    pub fn from_json(text: &str) -> Result<Self> {
        Config::from_value(parse_json(text, CONFIGURATION)?, Naming::Snake)
    }

    /// Reads a configuration from JSON text with keys in camelCase.
    pub fn from_json_camel(text: &str) -> Result<Self> {
        Config::from_value(parse_json(text, CONFIGURATION)?, Naming::Camel)
    }

    /// Reads a configuration from TOML text.
    pub fn from_toml(text: &str) -> Result<Self> {
        let value: Value = toml::from_str(text).map_err(|error| {
            let text = format!("configuration is not TOML: {}", error.message());
            Error::new(Code::InvalidConfig, text)
        })?;
        Config::from_value(value, Naming::Snake)
    }

    fn from_value(mut value: Value, naming: Naming) -> Result<Self> {
        let (credentials, client_id) = match naming {
            Naming::Snake => ("google_credentials", "client_id"),
            Naming::Camel => ("googleCredentials", "clientId"),
        };
        if let Some(keys) = value.as_object_mut()
            && keys.contains_key(credentials)
        {
            keys.entry("provider").or_insert_with(|| "google".into());
            keys.entry(client_id).or_insert_with(|| "".into());
        }
        read::<Config>(value, CONFIGURATION, naming)?.checked()
    }

    fn checked(self) -> Result<Self> {
        let positive = [
            ("timeouts.connect", Some(self.timeouts.connect)),
            ("timeouts.request", Some(self.timeouts.request)),
            ("timeouts.total", Some(self.timeouts.total)),
            ("windows.soft", self.windows.soft),
            ("windows.hard", self.windows.hard),
        ];
        for (key, seconds) in positive {
            if seconds.is_some_and(|seconds| !(seconds > 0.0 && seconds <= 86_400.0 * 365.0)) {
                return Err(Error::new(
                    Code::InvalidConfig,
                    format!("{key}: expected a number of seconds above 0 and at most a year"),
                ));
            }
        }
        if !(0.0..=3600.0).contains(&self.clock_skew) {
            let text = "clock_skew: expected a number of seconds from 0 to 3600";
            return Err(Error::new(Code::InvalidConfig, text));
        }
        if self.client_id.is_empty() && self.google_credentials.is_none() {
            return Err(Error::new(Code::InvalidConfig, "client_id: is empty; expected text"));
        }
        let is_host = |host: &&String| Host::parse(domain_of(host).unwrap_or(host)).is_ok();
        if let Some(host) = self.api_hosts.iter().find(|host| !is_host(host)) {
            let text = format!(
                "api_hosts: {host:?} is no host; expected api.example.org or *.example.org"
            );
            return Err(Error::new(Code::InvalidConfig, text));
        }
        for resource in &self.resource {
            Entry::wanted(Some(resource), None)
                .map_err(|error| error.recoded(Code::InvalidConfig))?;
        }
        Ok(self)
    }

    /// The same configuration for another process of this user, which has neither this one's environment nor its working
    /// folder: every secret is read, every path absolute.
    pub(crate) fn resolved(&self) -> Result<Self> {
        let mut config = self.clone();
        for (key, secret) in [
            ("client_secret", &mut config.client_secret),
            ("client_certificate", &mut config.client_certificate),
            ("client_certificate_key", &mut config.client_certificate_key),
            ("private_key", &mut config.private_key),
            ("private_key_passphrase", &mut config.private_key_passphrase),
        ] {
            if let Some(secret) = secret {
                *secret = SecretSource::Text(secret.resolve(key)?);
            }
        }
        if let Some(exchange) = &mut config.token_exchange {
            exchange.subject_token.make_lasting("token_exchange.subject_token")?;
            if let Some(token) = &mut exchange.actor_token {
                token.make_lasting("token_exchange.actor_token")?;
            }
        }
        for path in &mut config.provider_files {
            *path = absolute("provider_files", path)?;
        }
        if let Some(path) = &mut config.state_dir {
            *path = absolute("state_dir", path)?;
        }
        if let Some(store) = &mut config.store {
            store.address = SecretSource::Text(resolved_address(&store.address)?);
        }
        Ok(config)
    }
}

fn resolved_address(address: &SecretSource) -> Result<Secret> {
    let address = address.resolve("store")?;
    match address.expose().split_once(':') {
        Some((scheme @ ("sqlite" | "file"), path)) => {
            let path = absolute("store", Path::new(path))?;
            Ok(format!("{scheme}:{}", path.display()).into())
        }
        _ => Ok(address),
    }
}

fn absolute(key: &str, path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| {
        let text = format!("{key}: {} has no absolute path: {error}", path.display());
        Error::new(Code::InvalidConfig, text)
    })
}

/// Reads the options of an operation from JSON text; empty text means none.
pub fn options_from_json<T: DeserializeOwned + Default>(text: &str) -> Result<T> {
    options(text, Naming::Snake)
}

/// Reads the options of an operation from JSON text with keys in camelCase; empty text means none.
pub fn options_from_json_camel<T: DeserializeOwned + Default>(text: &str) -> Result<T> {
    options(text, Naming::Camel)
}

/// A result with its keys in camelCase, for languages that have them so.
#[must_use]
pub fn camel_json(value: Value) -> Value {
    renamed(value, &camel_case)
}

fn options<T: DeserializeOwned + Default>(text: &str, naming: Naming) -> Result<T> {
    if text.trim().is_empty() {
        return Ok(T::default());
    }
    read(parse_json(text, OPTIONS)?, OPTIONS, naming)
}

/// What is read, for error texts, and the code of an error in it.
type What = (&'static str, Code);

const CONFIGURATION: What = ("configuration", Code::InvalidConfig);
const OPTIONS: What = ("options", Code::InvalidArgument);

/// How a language writes keys.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Naming {
    Snake,
    Camel,
}

/// Keys whose values are the application's own data, not keys of ours.
const OWN_DATA: [&str; 17] = [
    "authorization_details",
    "claims",
    "incremental_parameters",
    "metadata",
    "slots",
    "authorization_parameters",
    "reauthentication_parameters",
    "token_parameters",
    "refresh_parameters",
    "provider_variables",
    "variables",
    "parameters",
    "query",
    "form",
    "json",
    "headers",
    "browser_session",
];

fn parse_json(text: &str, (what, code): What) -> Result<Value> {
    // The parser's own words may quote a secret: only the place is told.
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Error::new(
            code,
            format!("{what}: not JSON at line {line}, column {column}; expected a JSON object"),
        )
    })
}

/// Reads typed options out of a JSON value; an error names the key by its path and what was expected.
fn read<T: DeserializeOwned>(value: Value, (what, code): What, naming: Naming) -> Result<T> {
    let value = if naming == Naming::Camel { renamed(value, &snake_case) } else { value };
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let mut text = without_value(&error.inner().to_string());
        let place = if path == "." { what.to_owned() } else { format!("{what}: {path}") };
        if naming == Naming::Snake {
            return Error::new(code, format!("{place}: {text}"));
        }
        if text.starts_with("unknown field") || text.starts_with("missing field") {
            text = camel_case(&text);
        }
        Error::new(code, format!("{}: {text}", camel_case(&place)))
    })
}

/// A value of the wrong type may be a secret in the wrong place: its kind is told, not what it is.
fn without_value(text: &str) -> String {
    let quotes_value = text.starts_with("invalid type: ") || text.starts_with("invalid value: ");
    match (text.find(['"', '`']), text.rfind(", expected ")) {
        (Some(value), Some(expected)) if quotes_value && value < expected => {
            text[..value].trim_end().to_owned() + &text[expected..]
        }
        _ => text.to_owned(),
    }
}

fn renamed(value: Value, rename: &impl Fn(&str) -> String) -> Value {
    match value {
        Value::Object(fields) => {
            let rename_field = |(name, value): (String, Value)| {
                let own_data = OWN_DATA.contains(&snake_case(&name).as_str());
                let value = if own_data { value } else { renamed(value, rename) };
                (rename(&name), value)
            };
            Value::Object(fields.into_iter().map(rename_field).collect())
        }
        Value::Array(values) => values.into_iter().map(|value| renamed(value, rename)).collect(),
        other => other,
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

fn camel_case(text: &str) -> String {
    let mut camel = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let within_word = camel.ends_with(|c: char| c.is_ascii_alphanumeric());
        match characters.peek() {
            Some(next) if c == '_' && within_word && next.is_ascii_lowercase() => {
                camel.push(next.to_ascii_uppercase());
                characters.next();
            }
            _ => camel.push(c),
        }
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(json: &str) -> Error {
        Config::from_json(json).unwrap_err()
    }

    #[test]
    fn an_unknown_key_is_named_with_what_was_expected() {
        let error = error(r#"{"provider": "google", "client_id": "c", "scopes": []}"#);
        assert_eq!(error.code(), Code::InvalidConfig);
        assert!(error.message().contains("`scopes`") && error.message().contains("`scope`"));
    }

    #[test]
    fn a_wrong_type_is_named_by_its_path() {
        let error =
            error(r#"{"provider": "google", "client_id": "c", "windows": {"soft": "long"}}"#);
        assert!(error.message().contains("windows.soft"), "{error}");
    }

    #[test]
    fn a_key_of_an_own_provider_table_is_named_by_its_path() {
        let error = error(r#"{"provider": {"token_endpont": "x"}, "client_id": "c"}"#);
        assert!(
            error.message().contains("provider") && error.message().contains("token_endpont"),
            "{error}"
        );
    }

    #[test]
    fn security_21_a_secret_in_broken_json_is_not_quoted() {
        let error = error(r#"{"client_secret": "s3cret"#);
        assert!(!error.message().contains("s3cret"));
    }

    #[test]
    fn a_secret_of_the_wrong_type_or_in_the_wrong_place_is_not_quoted() {
        for (json, expected) in [
            (r#"{"provider": "google", "client_id": "c", "client_secret": 5318008}"#, "integer"),
            (r#"{"provider": "google", "client_id": "c", "offline": "5318008"}"#, "string"),
            (
                r#"{"provider": "google", "client_id": "c", "timeouts": {"total": "5318008, expected"}}"#,
                "f64",
            ),
        ] {
            let error = error(json);
            assert!(!error.message().contains("5318008"), "{error}");
            assert!(error.message().contains(expected), "{error}");
        }
        let error =
            options_from_json::<crate::PutTokens>(r#"{"access_token": 5318008}"#).unwrap_err();
        assert_eq!(
            error.message(),
            "options: access_token: invalid type: integer, expected a string"
        );
        let provider = r#"{"token_endpoint": "https://u:5318008@a:b/", "authorization_endpoint": "https://a/"}"#;
        let config =
            Config::from_json(&format!(r#"{{"client_id": "c", "provider": {provider}}}"#)).unwrap();
        let error = crate::Client::open(config).unwrap_err();
        assert!(!error.message().contains("5318008"), "{error}");
    }

    #[test]
    fn what_another_process_gets_is_the_same_configuration_with_every_secret_read() {
        let text = r#"{"provider": {"authorization_endpoint": "https://a.example/", "rotation": {"grace": 2.0}},
            "client_id": "c", "client_secret": {"env": "PATH"}, "scope": "a b", "offline": true, "dpop": "auto", "windows": {"soft": 7},
            "store": "sqlite:a.db", "state_dir": "state", "user_agent": "u", "redirect_uri": "http://127.0.0.1/"}"#;
        let resolved = Config::from_json(text).unwrap().resolved().unwrap();
        let crossed = Config::from_json(&serde_json::to_string(&resolved).unwrap()).unwrap();
        let secret = crossed.client_secret.clone().unwrap().resolve("client_secret").unwrap();
        assert_eq!(secret.expose(), std::env::var("PATH").unwrap());
        assert!(crossed.state_dir.as_ref().unwrap().is_absolute());
        assert!(
            crossed
                .store
                .clone()
                .unwrap()
                .address
                .resolve("store")
                .unwrap()
                .expose()
                .starts_with("sqlite:/")
        );
        assert_eq!(
            serde_json::to_value(&crossed).unwrap(),
            serde_json::to_value(&resolved).unwrap()
        );
    }

    #[test]
    fn keys_in_camel_case_are_the_same_keys() {
        let text = r#"{"provider": "google", "clientId": "c", "redirectUri": "http://127.0.0.1/"}"#;
        let config = Config::from_json_camel(text).unwrap();
        assert_eq!(config.redirect_uri.as_deref(), Some("http://127.0.0.1/"));
        let text = r#"{"provider": "google", "clientId": "c", "redirectUrl": "x"}"#;
        let error = Config::from_json_camel(text).unwrap_err();
        assert!(
            error.message().contains("`redirectUrl`") && error.message().contains("`redirectUri`")
        );
    }

    #[test]
    fn data_of_the_application_is_not_renamed() {
        let value = serde_json::json!({"clientId": 1, "json": {"innerKey": 2}});
        assert_eq!(
            renamed(value, &snake_case),
            serde_json::json!({"client_id": 1, "json": {"innerKey": 2}})
        );
    }

    #[test]
    fn client_secret_comes_from_the_environment_or_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, " s3cret\n").unwrap();
        let file = SecretSource::File(path).resolve("client_secret").unwrap();
        assert_eq!(file.expose(), "s3cret");
        let missing =
            SecretSource::Env("EVERGRANT_NOT_SET".into()).resolve("client_secret").unwrap_err();
        assert!(missing.message().contains("EVERGRANT_NOT_SET"));
    }
}
