//! Providers as data: the schema of an entry, the catalogue, and metadata discovery.

mod catalogue;
pub(crate) mod discovery;

pub(crate) use catalogue::lookup;
pub use catalogue::names as catalogue_names;

use crate::clock::UnixMillis;
use crate::error::{Code, Error, Result};
use crate::http::check_url;
use crate::oauth2::ClientAuthenticationMethod;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use url::Url;

/// A catalogue entry, or a provider that the application describes itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProviderTable {
    /// Short name; part of the key under which grants are stored. The token endpoint's host when absent.
    pub name: Option<String>,
    /// Name for people.
    pub title: Option<String>,
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
    /// RFC 7009.
    pub revocation_endpoint: Option<String>,
    /// How clients authenticate where the configuration does not say.
    pub client_authentication: Option<ClientAuthenticationMethod>,
    /// What stands between scopes; a space when absent.
    pub scope_separator: Option<String>,
    /// Proof Key for Code Exchange; off only where the provider refuses it.
    pub pkce: Pkce,
    /// Further parameters of the authorization request.
    pub authorization_parameters: BTreeMap<String, String>,
    /// What this provider needs to give a refresh token; absent where it has no way.
    pub offline: Option<Offline>,
    /// What the provider does with used refresh tokens.
    pub rotation: Rotation,
    /// Whether revoking one token ends everything that its user allowed this client, consents given later too.
    pub revoking_takes_all: bool,
    /// Words that this provider says instead of `invalid_grant`.
    pub invalid_grant_errors: Vec<String>,
    /// The provider's documentation.
    pub documentation: Option<String>,
    /// When the entry was last held against it.
    pub checked: Option<String>,
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
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rotation {
    /// Seconds in which the previous refresh token may be sent again.
    pub grace: Option<f64>,
    /// Whether sending a used refresh token (after any grace) kills the grant; not known when absent.
    pub kills_on_reuse: Option<bool>,
    /// Days of disuse after which the refresh token dies.
    pub idle_days: Option<f64>,
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
pub(crate) struct Provider {
    pub(crate) name: String,
    pub(crate) issuer: Option<String>,
    pub(crate) endpoints: Endpoints,
    pub(crate) client_authentication: ClientAuthenticationMethod,
    pub(crate) scope_separator: String,
    pub(crate) pkce: Pkce,
    pub(crate) authorization_parameters: BTreeMap<String, String>,
    pub(crate) offline: Option<Offline>,
    pub(crate) rotation: Rotation,
    pub(crate) revoking_takes_all: bool,
    pub(crate) invalid_grant_errors: Vec<String>,
    pub(crate) iss_in_callback: bool,
}

/// The addresses that a protocol needs.
#[derive(Clone, Debug)]
pub(crate) enum Endpoints {
    OAuth2 { authorization: Url, token: Url, revocation: Option<Url> },
    OAuth1 { temporary_credential: Url, authorization: Url, token: Url },
}

impl Provider {
    pub(crate) fn from_table(table: ProviderTable) -> Result<Self> {
        let token = required(&table, "token_endpoint", table.token_endpoint.as_ref())?;
        let authorization =
            required(&table, "authorization_endpoint", table.authorization_endpoint.as_ref())?;
        let endpoints = match table.protocol {
            Protocol::OAuth2 => Endpoints::OAuth2 {
                authorization,
                token,
                revocation: table
                    .revocation_endpoint
                    .as_deref()
                    .map(|text| endpoint("revocation_endpoint", text))
                    .transpose()?,
            },
            Protocol::OAuth1 => Endpoints::OAuth1 {
                temporary_credential: required(
                    &table,
                    "temporary_credential_endpoint",
                    table.temporary_credential_endpoint.as_ref(),
                )?,
                authorization,
                token,
            },
        };
        table.rotation.check()?;
        let name = table.name.unwrap_or_else(|| endpoints.host());
        Ok(Provider {
            name,
            issuer: table.issuer,
            endpoints,
            client_authentication: table.client_authentication.unwrap_or_default(),
            scope_separator: table.scope_separator.unwrap_or_else(|| " ".to_owned()),
            pkce: table.pkce,
            authorization_parameters: table.authorization_parameters,
            offline: table.offline,
            rotation: table.rotation,
            revoking_takes_all: table.revoking_takes_all,
            invalid_grant_errors: table.invalid_grant_errors,
            iss_in_callback: false,
        })
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

fn required(table: &ProviderTable, key: &str, value: Option<&String>) -> Result<Url> {
    let Some(text) = value else {
        let name = table.name.as_deref().map_or_else(String::new, |name| format!(" of {name:?}"));
        return Err(Error::new(
            Code::InvalidConfig,
            format!("provider.{key}{name}: is missing; expected the URL of an endpoint"),
        ));
    };
    endpoint(key, text)
}

fn endpoint(key: &str, text: &str) -> Result<Url> {
    let url = Url::parse(text).map_err(|error| {
        Error::new(
            Code::InvalidConfig,
            format!(
                // Not quoted: it may hold a password.
                "provider.{key}: is not a URL ({error}); expected the URL of an endpoint"
            ),
        )
    })?;
    check_url(&url, &format!("provider.{key}"))?;
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(toml: &str) -> Result<Provider> {
        Provider::from_table(toml::from_str(toml).unwrap())
    }

    #[test]
    fn a_missing_endpoint_is_named() {
        let error = table("authorization_endpoint = 'https://a.example/'").unwrap_err();
        assert_eq!(error.code(), Code::InvalidConfig);
        assert!(error.message().contains("provider.token_endpoint"));
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
