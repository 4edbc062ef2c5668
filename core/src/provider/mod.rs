//! Providers as data: the schema of an entry, the catalogue, and metadata discovery.

mod catalogue;
pub(crate) mod discovery;
pub(crate) mod keys;

pub use catalogue::{catalogue, expected_name, names as catalogue_names};
pub(crate) use catalogue::{lookup, of_issuer};

use crate::clock::UnixMillis;
use crate::error::{Code, Error, Result};
use crate::http::check_url;
use crate::jose::JwsAlgorithm;
use crate::oauth1::{ParametersIn, SignatureMethod};
use crate::oauth2::{AssertionAudience, ClientAuthenticationMethod, ResponseShape};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use url::Url;

/// A catalogue entry, or a provider that the application describes itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact that is so or not")]
pub struct ProviderTable {
    /// Short name; part of the key under which grants are stored. The token endpoint's host when absent.
    pub name: Option<String>,
    /// Name for people.
    pub title: Option<String>,
    /// Whether it is still there.
    pub status: ProviderStatus,
    /// What came in the place of a retired one: the name of another entry, or a sentence.
    pub replaced_by: Option<String>,
    /// Which protocol it speaks.
    pub protocol: Protocol,
    /// The issuer identifier (RFC 8414), compared with `iss` of a callback (RFC 9207).
    pub issuer: Option<String>,
    /// Where the browser is sent.
    pub authorization_endpoint: Option<String>,
    /// Where codes, refresh tokens (OAuth 2) or temporary credentials (OAuth 1) become tokens.
    pub token_endpoint: Option<String>,
    /// OAuth 1: where temporary credentials come from (RFC 5849 section 2.1).
    pub temporary_credential_endpoint: Option<String>,
    /// OAuth 1: which version; 1.0a when absent.
    pub version: Option<OAuth1Version>,
    /// OAuth 1: the method of the requests for temporary and token credentials; POST when absent.
    pub token_request_method: Option<TokenRequestMethod>,
    /// OAuth 1: how requests are signed where the configuration does not say; `HMAC-SHA1` when absent.
    pub signature_method: Option<SignatureMethod>,
    /// OAuth 1: where the protocol parameters go where the configuration does not say; into the header when absent.
    pub parameters_in: Option<ParametersIn>,
    /// OAuth 1: sent in the header where the configuration does not say.
    pub realm: Option<String>,
    /// Where refresh tokens become tokens, where that is not the token endpoint.
    pub refresh_endpoint: Option<String>,
    /// RFC 7009.
    pub revocation_endpoint: Option<String>,
    /// RFC 7662.
    pub introspection_endpoint: Option<String>,
    /// OpenID Connect Core section 5.3.
    pub userinfo_endpoint: Option<String>,
    /// Other spellings of the issuer in its ID Tokens; `{claim}` in one stands for what that claim says.
    pub id_token_issuers: Vec<String>,
    /// By what it may sign ID Tokens; by any algorithm that a public key verifies when empty.
    pub id_token_algorithms: Vec<JwsAlgorithm>,
    /// Where its keys are (RFC 7517), by which ID Tokens are verified.
    pub jwks_uri: Option<String>,
    /// OpenID Connect RP-Initiated Logout 1.0.
    pub end_session_endpoint: Option<String>,
    /// RFC 8628.
    pub device_authorization_endpoint: Option<String>,
    /// RFC 9126.
    pub pushed_authorization_request_endpoint: Option<String>,
    /// Whether it takes no authorization requests but pushed ones (RFC 9126 section 5).
    pub require_pushed_authorization_requests: bool,
    /// Whether it takes no authorization requests but signed ones (RFC 9101 section 10.5).
    pub require_signed_request_object: bool,
    /// Whether every callback names the issuer (RFC 9207 section 3): one that does not is refused.
    pub authorization_response_iss_parameter_supported: bool,
    /// What stands in endpoints as `{name}`, each with a sentence that says what it is; the configuration's
    /// `provider_variables` give the values.
    pub variables: BTreeMap<String, String>,
    /// How the access token that a code brings becomes one that lives longer, where it does.
    pub exchange: Option<AccessTokenGrant>,
    /// How an access token is renewed by itself, where the provider has no refresh tokens.
    pub renewal: Option<AccessTokenGrant>,
    /// Tokens that the answer to a code brings besides: by the slot that they are kept in, the name of the object with them.
    pub slots: BTreeMap<String, String>,
    /// How clients authenticate where the configuration does not say.
    pub client_authentication: Option<ClientAuthenticationMethod>,
    /// How they authenticate at a refresh, where that differs.
    pub refresh_authentication: Option<ClientAuthenticationMethod>,
    /// To whom assertions (RFC 7523) are addressed; to the issuer, where it is known, else to the token endpoint when absent.
    pub assertion_audience: Option<AssertionAudience>,
    /// Whether it looks for scopes in the assertion of a service account, rather than beside it.
    pub scope_in_assertion: bool,
    /// How the body of a token request is written.
    pub token_request_format: TokenRequestFormat,
    /// Name of the parameter `client_id`, where it has another.
    pub client_id_parameter: Option<String>,
    /// Name of the authorization request's parameter `scope`, where it has another.
    pub scope_parameter: Option<String>,
    /// Where the state goes.
    pub state_in: StateIn,
    /// What stands between scopes; a space when absent.
    pub scope_separator: Option<String>,
    /// Names of other parameters, where it has others than the standards.
    pub names: ParameterNames,
    /// Whether it takes names in the place of redirect URIs: such as it gave to them, or one that says how a code comes.
    pub redirect_by_name: bool,
    /// Proof Key for Code Exchange; off only where the provider refuses it.
    pub pkce: Pkce,
    /// Algorithms of the DPoP proofs that it takes (RFC 9449 section 5.1); none where it knows no DPoP, or nobody says.
    pub dpop_signing_alg_values_supported: Vec<String>,
    /// Further parameters of the authorization request.
    pub authorization_parameters: BTreeMap<String, String>,
    /// Parameters by which it asks the user to prove once more who they are; `prompt=login` (OpenID Connect Core section
    /// 3.1.2.1) where there are none.
    pub reauthentication_parameters: BTreeMap<String, String>,
    /// Parameters by which a consent covers what was granted before too; the scopes are asked for again where there are none.
    pub incremental_parameters: BTreeMap<String, String>,
    /// Further parameters of the code exchange.
    pub token_parameters: BTreeMap<String, String>,
    /// Further parameters of a refresh.
    pub refresh_parameters: BTreeMap<String, String>,
    /// Parameters of the callback that API calls need later; they are kept with the grant.
    pub callback_parameters: Vec<String>,
    /// The scheme of the API's `Authorization` header, where it is not the token's type.
    pub authorization_scheme: Option<String>,
    /// Where the API wants the token.
    pub token_in: TokenIn,
    /// Name of the query parameter with the token; `access_token` when absent (RFC 6750 section 2.3).
    pub token_parameter: Option<String>,
    /// What this provider needs to give a refresh token; absent where it has no way.
    pub offline: Option<Offline>,
    /// What the provider does with used refresh tokens.
    pub rotation: Rotation,
    /// Whether revoking one token ends everything that its user allowed this client, consents given later too.
    pub revoking_takes_all: bool,
    /// Words that this provider says instead of `invalid_grant`.
    pub invalid_grant_errors: Vec<String>,
    /// Where the token endpoint's answers have what; the standard's places where absent.
    pub response: ResponseShape,
    /// The provider's documentation.
    pub documentation: Option<String>,
    /// When the entry was last held against it.
    pub checked: Option<String>,
    /// Where the facts of the entry are from.
    pub source: Option<String>,
}

/// Whether a provider is still there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderStatus {
    /// It is.
    #[default]
    Active,
    /// It is gone, or speaks another protocol now.
    Retired,
}

/// How the body of a token request is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenRequestFormat {
    /// `application/x-www-form-urlencoded` (RFC 6749).
    #[default]
    Form,
    /// `application/json`.
    Json,
}

/// Where the state of an authorization goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateIn {
    /// A parameter of the authorization request (RFC 6749 section 4.1.1).
    #[default]
    Parameter,
    /// The query of the redirect URI, at a provider that gives no parameter back.
    RedirectUri,
}

/// Where an API wants the token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenIn {
    /// The `Authorization` header (RFC 6750 section 2.1).
    #[default]
    Header,
    /// A query parameter (section 2.3), which ends in logs; only where there is no other way.
    Query,
}

/// What a provider calls parameters, by what the standards call them. An empty name leaves the parameter out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ParameterNames {
    /// In the authorization request.
    pub authorization: BTreeMap<String, String>,
    /// In the callback.
    pub callback: BTreeMap<String, String>,
    /// In token requests.
    pub token: BTreeMap<String, String>,
}

impl ParameterNames {
    fn check(&self) -> Result<()> {
        let is_plain = |name: &str| {
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        };
        for (key, names) in [
            ("authorization", &self.authorization),
            ("callback", &self.callback),
            ("token", &self.token),
        ] {
            if let Some((standard, _)) = names.iter().find(|(_, own)| !is_plain(own)) {
                let text = format!(
                    "provider.names.{key}.{standard}: expected letters, digits, `-`, `.` and `_` only"
                );
                return Err(Error::new(Code::InvalidConfig, text));
            }
        }
        Ok(())
    }
}

/// A token request in which an access token is spent for another one, at providers without refresh tokens.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessTokenGrant {
    /// Where it is sent; the token endpoint when absent.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// GET puts token and client secret into the query, which ends in logs; only where there is no other way.
    #[serde(default)]
    pub method: TokenRequestMethod,
    /// Its `grant_type`.
    pub grant_type: String,
    /// Name of the parameter with the access token.
    pub token_parameter: String,
    /// How clients authenticate, where otherwise than in the code exchange.
    #[serde(default)]
    pub client_authentication: Option<ClientAuthenticationMethod>,
}

/// The protocol of a provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// RFC 6749.
    #[default]
    OAuth2,
    /// RFC 5849.
    OAuth1,
}

/// The version of OAuth 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OAuth1Version {
    /// RFC 5849, and OAuth Core 1.0 Revision A.
    #[default]
    #[serde(rename = "1.0a")]
    V1_0a,
    /// OAuth Core 1.0, with neither verifier nor `oauth_callback_confirmed`: whoever makes a user follow a link of their own
    /// gets that user's grant. For servers that know nothing else.
    #[serde(rename = "1.0")]
    V1_0,
}

/// The method of requests for credentials (RFC 5849 sections 2.1 and 2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TokenRequestMethod {
    /// What the RFC says.
    #[default]
    Post,
    /// What some servers want.
    Get,
}

impl TokenRequestMethod {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            TokenRequestMethod::Post => "POST",
            TokenRequestMethod::Get => "GET",
        }
    }
}

/// RFC 7636.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pkce {
    /// `code_challenge_method=S256`.
    #[default]
    S256,
    /// The provider refuses the parameters.
    #[serde(rename = "off")]
    Off,
}

/// What a provider needs to give a refresh token.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Offline {
    /// Parameters of the authorization request.
    pub parameters: BTreeMap<String, String>,
    /// Scopes.
    pub scope: Vec<String>,
}

/// What a provider does with a used refresh token.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rotation {
    /// Whether a refresh brings a new refresh token; not known when absent.
    pub rotates: Option<bool>,
    /// Seconds in which the previous refresh token may be sent again.
    pub grace: Option<f64>,
    /// Whether sending a used refresh token (after any grace) kills the grant; not known when absent.
    pub kills_on_reuse: Option<bool>,
    /// Days of disuse after which the refresh token dies.
    pub idle_days: Option<f64>,
    /// Days after which it dies however often it is used.
    pub lifetime_days: Option<f64>,
    /// What the answer to a refresh leaves out.
    pub leaves_out: Vec<String>,
    /// Earliest refresh, in seconds before the access token's expiry.
    pub earliest_refresh: Option<f64>,
}

impl Rotation {
    /// The longest time that makes sense of any of them, in days.
    const LONGEST_DAYS: f64 = 36_525.0;

    /// When to renew a refresh token that is used now, though nobody asks for it: half of its time leaves as long again for
    /// attempts that fail.
    pub(crate) fn keepalive_at(&self, now: UnixMillis) -> Option<UnixMillis> {
        self.idle_days.map(|days| now + crate::clock::millis(days * 86_400.0 / 2.0))
    }

    fn check(&self) -> Result<()> {
        let day = 86_400.0;
        let times = [
            ("grace", self.grace, Self::LONGEST_DAYS * day),
            ("idle_days", self.idle_days, Self::LONGEST_DAYS),
            ("lifetime_days", self.lifetime_days, Self::LONGEST_DAYS),
            ("earliest_refresh", self.earliest_refresh, Self::LONGEST_DAYS * day),
        ];
        let is_wrong =
            |time: Option<f64>, longest| time.is_some_and(|time| !(0.0..=longest).contains(&time));
        match times.into_iter().find(|(_, time, longest)| is_wrong(*time, *longest)) {
            None => Ok(()),
            Some((key, ..)) => Err(Error::new(
                Code::InvalidConfig,
                format!("provider.rotation.{key}: expected a number from 0 to a hundred years"),
            )),
        }
    }
}

/// A provider ready for use: every address checked, every default in place.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a habit of its own")]
pub(crate) struct Provider {
    pub(crate) name: String,
    pub(crate) issuer: Option<String>,
    pub(crate) endpoints: Endpoints,
    pub(crate) open_id: OpenId,
    pub(crate) client_authentication: ClientAuthenticationMethod,
    pub(crate) refresh_authentication: Option<ClientAuthenticationMethod>,
    pub(crate) assertion_audience: Option<AssertionAudience>,
    pub(crate) scope_in_assertion: bool,
    pub(crate) token_request_format: TokenRequestFormat,
    pub(crate) client_id_parameter: String,
    pub(crate) scope_parameter: String,
    pub(crate) state_in: StateIn,
    pub(crate) scope_separator: String,
    pub(crate) names: ParameterNames,
    pub(crate) redirect_by_name: bool,
    pub(crate) exchange: Option<AccessTokenRequest>,
    pub(crate) renewal: Option<AccessTokenRequest>,
    pub(crate) slots: BTreeMap<String, String>,
    pub(crate) pkce: Pkce,
    pub(crate) dpop_algorithms: Vec<String>,
    pub(crate) authorization_parameters: BTreeMap<String, String>,
    pub(crate) reauthentication_parameters: BTreeMap<String, String>,
    pub(crate) incremental_parameters: BTreeMap<String, String>,
    pub(crate) token_parameters: BTreeMap<String, String>,
    pub(crate) refresh_parameters: BTreeMap<String, String>,
    pub(crate) callback_parameters: Vec<String>,
    pub(crate) api: TokenUse,
    pub(crate) offline: Option<Offline>,
    pub(crate) rotation: Rotation,
    pub(crate) revoking_takes_all: bool,
    pub(crate) invalid_grant_errors: Vec<String>,
    pub(crate) response: ResponseShape,
    pub(crate) iss_in_callback: bool,
    pub(crate) require_pushed_authorization_requests: bool,
    pub(crate) require_signed_request_object: bool,
    pub(crate) dialect: Dialect,
}

/// An [`AccessTokenGrant`], ready for use.
#[derive(Clone, Debug)]
pub(crate) struct AccessTokenRequest {
    pub(crate) endpoint: Url,
    pub(crate) grant: AccessTokenGrant,
}

/// How a provider speaks OAuth 1.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dialect {
    pub(crate) version: OAuth1Version,
    pub(crate) token_request_method: TokenRequestMethod,
    pub(crate) signature_method: SignatureMethod,
    pub(crate) parameters_in: ParametersIn,
    pub(crate) realm: Option<String>,
}

impl Dialect {
    fn from_table(table: &ProviderTable) -> Result<Self> {
        let keys = [
            ("version", table.version.is_some()),
            ("token_request_method", table.token_request_method.is_some()),
            ("signature_method", table.signature_method.is_some()),
            ("parameters_in", table.parameters_in.is_some()),
            ("realm", table.realm.is_some()),
        ];
        let given = keys.into_iter().find(|(_, is_given)| *is_given);
        match (table.protocol, given) {
            (Protocol::OAuth2, Some((key, _))) => Err(Error::new(
                Code::InvalidConfig,
                format!("provider.{key}: is of OAuth 1; expected protocol = \"oauth1\" with it"),
            )),
            _ => Ok(Dialect {
                version: table.version.unwrap_or_default(),
                token_request_method: table.token_request_method.unwrap_or_default(),
                signature_method: table.signature_method.unwrap_or_default(),
                parameters_in: table.parameters_in.unwrap_or_default(),
                realm: table.realm.clone(),
            }),
        }
    }
}

/// How an API wants an OAuth 2 token.
#[derive(Clone, Debug, Default)]
pub(crate) enum TokenUse {
    /// In the `Authorization` header, after its own type.
    #[default]
    Type,
    /// In the `Authorization` header, after this scheme.
    Scheme(String),
    /// In this query parameter.
    Query(String),
}

/// What OpenID Connect adds to a provider.
#[derive(Clone, Debug)]
pub(crate) struct OpenId {
    /// The issuer in each of its spellings; empty where it is not known.
    pub(crate) issuers: Vec<String>,
    /// By what it may sign ID Tokens.
    pub(crate) algorithms: Vec<JwsAlgorithm>,
    pub(crate) jwks_uri: Option<Url>,
    pub(crate) userinfo: Option<Url>,
    pub(crate) end_session: Option<Url>,
}

/// The addresses that a protocol needs.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a client has one")]
pub(crate) enum Endpoints {
    OAuth2 {
        /// None where nobody consents in a browser.
        authorization: Option<Url>,
        token: Url,
        refresh: Option<Url>,
        revocation: Option<Url>,
        introspection: Option<Url>,
        device_authorization: Option<Url>,
        pushed_authorization_request: Option<Url>,
    },
    OAuth1 {
        temporary_credential: Url,
        authorization: Url,
        token: Url,
    },
}

impl Provider {
    /// Where users consent, in a browser or on another device.
    pub(crate) fn check_consent(&self) -> Result<()> {
        match &self.endpoints {
            Endpoints::OAuth2 { authorization: None, device_authorization: None, .. } => {
                Err(missing_endpoint("authorization_endpoint", &self.name))
            }
            _ => Ok(()),
        }
    }

    /// The provider of a table; `variables` are what its endpoints leave open.
    pub(crate) fn from_table(
        mut table: ProviderTable,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self> {
        table.check_that_it_is_there()?;
        for issuer in table.issuer.iter_mut().chain(&mut table.id_token_issuers) {
            *issuer = filled(issuer, variables);
        }
        let reader = EndpointReader { table: &table, variables };
        reader.check_variables()?;
        let (endpoints, open_id) = (reader.read()?, reader.open_id()?);
        let exchange = reader.access_token_request("exchange", table.exchange.as_ref())?;
        let renewal = reader.access_token_request("renewal", table.renewal.as_ref())?;
        Ok(Provider { exchange, renewal, ..Self::at(endpoints, open_id, table)? })
    }

    /// The provider at these endpoints; all else is the table's.
    fn at(endpoints: Endpoints, open_id: OpenId, table: ProviderTable) -> Result<Self> {
        table.rotation.check()?;
        table.names.check()?;
        let dialect = Dialect::from_table(&table)?;
        let api = table.token_use()?;
        let scope_separator = table.scope_separator.unwrap_or_else(|| " ".to_owned());
        let mut response = table.response;
        response.scope_separator.get_or_insert_with(|| scope_separator.clone());
        let mut reauthentication_parameters = table.reauthentication_parameters;
        if reauthentication_parameters.is_empty() && table.protocol == Protocol::OAuth2 {
            reauthentication_parameters.insert("prompt".to_owned(), "login".to_owned());
        }
        Ok(Provider {
            name: table.name.unwrap_or_else(|| endpoints.host()),
            issuer: table.issuer,
            endpoints,
            open_id,
            client_authentication: table.client_authentication.unwrap_or_default(),
            refresh_authentication: table.refresh_authentication,
            assertion_audience: table.assertion_audience,
            scope_in_assertion: table.scope_in_assertion,
            token_request_format: table.token_request_format,
            client_id_parameter: table
                .client_id_parameter
                .unwrap_or_else(|| "client_id".to_owned()),
            state_in: table.state_in,
            scope_parameter: table.scope_parameter.unwrap_or_else(|| "scope".to_owned()),
            scope_separator,
            names: table.names,
            redirect_by_name: table.redirect_by_name,
            exchange: None,
            renewal: None,
            slots: table.slots,
            pkce: table.pkce,
            dpop_algorithms: table.dpop_signing_alg_values_supported,
            authorization_parameters: table.authorization_parameters,
            reauthentication_parameters,
            incremental_parameters: table.incremental_parameters,
            token_parameters: table.token_parameters,
            refresh_parameters: table.refresh_parameters,
            callback_parameters: table.callback_parameters,
            api,
            offline: table.offline,
            rotation: table.rotation,
            revoking_takes_all: table.revoking_takes_all,
            invalid_grant_errors: table.invalid_grant_errors,
            response,
            iss_in_callback: table.authorization_response_iss_parameter_supported,
            require_pushed_authorization_requests: table.require_pushed_authorization_requests,
            require_signed_request_object: table.require_signed_request_object,
            dialect,
        })
    }
}

impl ProviderTable {
    fn check_that_it_is_there(&self) -> Result<()> {
        if self.status == ProviderStatus::Active {
            return Ok(());
        }
        let name = self.name.as_deref().unwrap_or("this provider");
        let instead = self.replaced_by.as_deref().unwrap_or("nothing");
        let text = format!("provider: {name:?} is retired; what came in its place: {instead}");
        Err(Error::new(Code::UnknownProvider, text))
    }

    /// The issuer in each spelling of its ID Tokens.
    fn issuers(&self) -> Vec<String> {
        self.issuer.iter().chain(&self.id_token_issuers).cloned().collect()
    }

    /// By what ID Tokens may be signed: `supported` where the entry does not say.
    fn algorithms(&self, supported: &[JwsAlgorithm]) -> Vec<JwsAlgorithm> {
        match &self.id_token_algorithms[..] {
            [] => supported.to_vec(),
            own => own.to_vec(),
        }
    }

    fn token_use(&self) -> Result<TokenUse> {
        let only_of_a_query = "provider.token_parameter: is of use only with token_in = \"query\"";
        let only_of_a_header =
            "provider.authorization_scheme: is of use only without token_in = \"query\"";
        let wrong = |text: &str| Err(Error::new(Code::InvalidConfig, text));
        match (self.token_in, &self.authorization_scheme, &self.token_parameter) {
            (TokenIn::Header, _, Some(_)) => wrong(only_of_a_query),
            (TokenIn::Query, Some(_), _) => wrong(only_of_a_header),
            (TokenIn::Header, None, None) => Ok(TokenUse::Type),
            (TokenIn::Header, Some(scheme), None) => Ok(TokenUse::Scheme(scheme.clone())),
            (TokenIn::Query, None, name) => {
                Ok(TokenUse::Query(name.clone().unwrap_or_else(|| "access_token".to_owned())))
            }
        }
    }
}

impl Endpoints {
    pub(crate) fn protocol(&self) -> Protocol {
        match self {
            Endpoints::OAuth2 { .. } => Protocol::OAuth2,
            Endpoints::OAuth1 { .. } => Protocol::OAuth1,
        }
    }

    /// Host of the token endpoint.
    pub(crate) fn host(&self) -> String {
        let (Endpoints::OAuth2 { token, .. } | Endpoints::OAuth1 { token, .. }) = self;
        let host = token.host_str().unwrap_or_default();
        token.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}

fn missing_endpoint(key: &str, name: &str) -> Error {
    let of = if name.is_empty() { String::new() } else { format!(" of {name:?}") };
    let text = format!("provider.{key}{of}: is missing; expected the URL of an endpoint");
    Error::new(Code::InvalidConfig, text)
}

/// Reads the endpoints of a table.
struct EndpointReader<'a> {
    table: &'a ProviderTable,
    variables: &'a BTreeMap<String, String>,
}

impl EndpointReader<'_> {
    fn read(&self) -> Result<Endpoints> {
        let table = self.table;
        let authorization = ("authorization_endpoint", table.authorization_endpoint.as_ref());
        let token = self.required("token_endpoint", table.token_endpoint.as_ref())?;
        Ok(match table.protocol {
            Protocol::OAuth2 => Endpoints::OAuth2 {
                authorization: self.optional(authorization.0, authorization.1)?,
                token,
                refresh: self.optional("refresh_endpoint", table.refresh_endpoint.as_ref())?,
                revocation: self
                    .optional("revocation_endpoint", table.revocation_endpoint.as_ref())?,
                introspection: self
                    .optional("introspection_endpoint", table.introspection_endpoint.as_ref())?,
                device_authorization: self.optional(
                    "device_authorization_endpoint",
                    table.device_authorization_endpoint.as_ref(),
                )?,
                pushed_authorization_request: self.optional(
                    "pushed_authorization_request_endpoint",
                    table.pushed_authorization_request_endpoint.as_ref(),
                )?,
            },
            Protocol::OAuth1 => Endpoints::OAuth1 {
                temporary_credential: self.required(
                    "temporary_credential_endpoint",
                    table.temporary_credential_endpoint.as_ref(),
                )?,
                authorization: self.required(authorization.0, authorization.1)?,
                token,
            },
        })
    }

    fn access_token_request(
        &self,
        key: &str,
        grant: Option<&AccessTokenGrant>,
    ) -> Result<Option<AccessTokenRequest>> {
        let Some(grant) = grant else { return Ok(None) };
        let endpoint = grant.endpoint.as_ref().or(self.table.token_endpoint.as_ref());
        let endpoint = self.required(&format!("{key}.endpoint"), endpoint)?;
        Ok(Some(AccessTokenRequest { endpoint, grant: grant.clone() }))
    }

    fn open_id(&self) -> Result<OpenId> {
        let table = self.table;
        Ok(OpenId {
            issuers: table.issuers(),
            algorithms: table.algorithms(JwsAlgorithm::PUBLIC),
            jwks_uri: self.optional("jwks_uri", table.jwks_uri.as_ref())?,
            userinfo: self.optional("userinfo_endpoint", table.userinfo_endpoint.as_ref())?,
            end_session: self
                .optional("end_session_endpoint", table.end_session_endpoint.as_ref())?,
        })
    }

    /// Every variable of the entry has a value, and there is no other.
    fn check_variables(&self) -> Result<()> {
        let known = &self.table.variables;
        if let Some((name, what)) =
            known.iter().find(|(name, _)| !self.variables.contains_key(*name))
        {
            let text = format!("provider_variables.{name}: is missing; expected {what}");
            return Err(Error::new(Code::InvalidConfig, text));
        }
        if let Some(name) = self.variables.keys().find(|name| !known.contains_key(*name)) {
            let expected = match known.keys().map(String::as_str).collect::<Vec<_>>()[..] {
                [] => "none".to_owned(),
                ref names => names.join(", "),
            };
            let text =
                format!("provider_variables.{name}: is not of this provider; expected {expected}");
            return Err(Error::new(Code::InvalidConfig, text));
        }
        let is_plain = |value: &str| {
            let is_of_a_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            !value.is_empty() && value.bytes().all(is_of_a_host)
        };
        match self.variables.iter().find(|(_, value)| !is_plain(value)) {
            None => Ok(()),
            Some((name, _)) => Err(Error::new(
                Code::InvalidConfig,
                format!(
                    "provider_variables.{name}: expected letters, digits, `-`, `.` and `_` only"
                ),
            )),
        }
    }

    fn required(&self, key: &str, value: Option<&String>) -> Result<Url> {
        let name = self.table.name.as_deref().unwrap_or_default();
        self.optional(key, value)?.ok_or_else(|| missing_endpoint(key, name))
    }

    fn optional(&self, key: &str, value: Option<&String>) -> Result<Option<Url>> {
        let Some(value) = value else { return Ok(None) };
        let text = filled(value, self.variables);
        let wrong = |why: String| {
            // Not quoted: it may hold a password.
            let text = format!("provider.{key}: {why}; expected the URL of an endpoint");
            Error::new(Code::InvalidConfig, text)
        };
        if let Some((_, rest)) = text.split_once('{') {
            let name = rest.split('}').next().unwrap_or_default();
            return Err(wrong(format!("has the unknown placeholder {{{name}}}")));
        }
        let url = Url::parse(&text).map_err(|error| wrong(format!("is not a URL ({error})")))?;
        check_url(&url, &format!("provider.{key}"))?;
        Ok(Some(url))
    }
}

/// A text of an entry with the values of its variables.
fn filled(text: &str, variables: &BTreeMap<String, String>) -> String {
    variables
        .iter()
        .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(toml: &str) -> Result<Provider> {
        Provider::from_table(toml::from_str(toml).unwrap(), &BTreeMap::new())
    }

    #[test]
    fn a_missing_endpoint_is_named() {
        let error = table("authorization_endpoint = 'https://a.example/'").unwrap_err();
        assert_eq!(error.code(), Code::InvalidConfig);
        assert!(error.message().contains("provider.token_endpoint"));
    }

    #[test]
    fn what_an_endpoint_leaves_open_is_filled_in_the_issuer_too() {
        let keycloak = catalogue(&[]).unwrap().remove("keycloak").unwrap();
        let variables = [("host", "id.example"), ("realm", "r")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let provider = Provider::from_table(keycloak, &variables.into()).unwrap();
        assert_eq!(provider.issuer.as_deref(), Some("https://id.example/realms/r"));
        assert_eq!(provider.open_id.issuers, ["https://id.example/realms/r"]);
    }

    #[test]
    fn times_that_no_clock_can_count_are_refused() {
        for wrong in ["grace = inf", "idle_days = 1e300", "earliest_refresh = -1", "grace = nan"] {
            let endpoints = "authorization_endpoint = 'https://a.example/'
                token_endpoint = 'https://a.example/'";
            let error = table(&format!("{endpoints}\n[rotation]\n{wrong}")).unwrap_err();
            assert_eq!(error.code(), Code::InvalidConfig);
            assert!(error.message().contains(&wrong[..5]), "{error}");
        }
    }

    #[test]
    fn what_is_of_oauth_1_alone_is_refused_at_an_oauth_2_provider() {
        for key in ["version = '1.0'", "token_request_method = 'GET'", "realm = 'r'"] {
            let endpoints = "authorization_endpoint = 'https://a.example/'
                token_endpoint = 'https://a.example/'";
            let error = table(&format!("{key}\n{endpoints}")).unwrap_err();
            assert_eq!(error.code(), Code::InvalidConfig);
            let name = key.split_once(' ').unwrap().0;
            assert!(error.message().starts_with(&format!("provider.{name}:")), "{error}");
        }
    }

    #[test]
    fn an_endpoint_without_tls_is_refused_off_loopback() {
        let entry = |host: &str| {
            table(&format!(
                "authorization_endpoint = 'http://{host}/a'\ntoken_endpoint = 'http://{host}/t'"
            ))
        };
        assert_eq!(entry("as.example").unwrap_err().code(), Code::InsecureUrl);
        assert_eq!(entry("localhost.example").unwrap_err().code(), Code::InsecureUrl);
        assert!(entry("127.0.0.1:8000").is_ok());
        assert!(entry("[::1]:8000").is_ok());
        assert!(entry("localhost").is_ok());
    }
}
