//! What the sandbox does by its own will: lifetimes, rotation, grace.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The behaviour of one sandbox. Durations are seconds in JSON and TOML, whole or with a fraction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Where to listen; port 0 takes a free one. Cannot change while the sandbox runs.
    pub address: SocketAddr,
    /// Lifetime of an OAuth 2 access token; `expires_in` gives its whole seconds.
    #[serde(with = "seconds")]
    pub access_token_lifetime: Duration,
    /// Lifetime of an authorization code and of OAuth 1.0a temporary credentials.
    #[serde(with = "seconds")]
    pub authorization_code_lifetime: Duration,
    /// Whether authorization requests have to be pushed (RFC 9126).
    pub require_pushed_authorization_requests: bool,
    /// Lifetime of device and user codes (RFC 8628).
    #[serde(with = "seconds")]
    pub device_code_lifetime: Duration,
    /// How long a device has to wait between polls; `interval` gives its whole seconds.
    #[serde(with = "seconds")]
    pub device_interval: Duration,
    /// Whether each refresh replaces the refresh token. Without it a refresh brings none.
    pub rotate: bool,
    /// How long the refresh token before the current one still works, answered with the same
    /// successor. Zero is strict: its reuse kills the family (RFC 9700, section 4.14.2).
    #[serde(with = "seconds")]
    pub grace: Duration,
    /// Whether the access tokens issued before a refresh stay alive after it.
    pub keep_old_access_token: bool,
    /// Whether tokens are bound to the key of a DPoP proof (RFC 9449).
    pub dpop: Dpop,
}

/// Whether DPoP (RFC 9449) is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dpop {
    /// Proofs are not looked at, and bind nothing.
    Off,
    /// A code that is exchanged with a proof brings tokens that are bound to its key.
    #[default]
    On,
    /// And each proof has to carry the nonce of the time, which changes every five minutes of the sandbox clock.
    Nonce,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            access_token_lifetime: Duration::from_secs(3600),
            authorization_code_lifetime: Duration::from_secs(60),
            require_pushed_authorization_requests: false,
            device_code_lifetime: Duration::from_secs(600),
            device_interval: Duration::from_secs(5),
            rotate: true,
            grace: Duration::ZERO,
            keep_old_access_token: true,
            dpop: Dpop::On,
        }
    }
}

impl Options {
    /// These options with the given keys replaced; names the key that is unknown or mistyped.
    pub(crate) fn changed_by(&self, keys: Map<String, Value>) -> Result<Self, String> {
        let mut merged = serde_json::to_value(self).expect("options are plain data");
        merged.as_object_mut().expect("options are an object").extend(keys);
        let changed: Self = serde_json::from_value(merged).map_err(|error| error.to_string())?;
        if changed.address == self.address {
            Ok(changed)
        } else {
            Err("address: cannot change while the sandbox runs".to_owned())
        }
    }
}

mod seconds {
    use std::time::Duration;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        if value.subsec_nanos() == 0 {
            to.serialize_u64(value.as_secs())
        } else {
            to.serialize_f64(value.as_secs_f64())
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        Duration::try_from_secs_f64(f64::deserialize(from)?).map_err(D::Error::custom)
    }
}
