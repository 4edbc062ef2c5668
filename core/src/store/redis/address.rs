//! Where a Redis server is, from the address of a store. Nothing of an address is quoted: it may hold a password.

use crate::error::{Code, Error, Result};
use crate::secret::Secret;
use percent_encoding::percent_decode_str;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use url::Url;

const EXPECTED: &str = "expected redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE][?prefix=TEXT], or rediss:// for TLS, \
                        maybe with ?cacert=FILE, whose path is absolute";

/// Before every key of this library.
const PREFIX: &str = "evergrant:";

const PORT: u16 = 6379;

/// The value of `store`, where it is Redis.
#[derive(Clone, Debug)]
pub(crate) struct RedisAddress {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) is_encrypted: bool,
    /// The file of the authorities that are trusted instead of the system's.
    pub(super) authorities: Option<PathBuf>,
    pub(super) user: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) database: u32,
    pub(super) prefix: String,
}

impl RedisAddress {
    /// Reads `redis://…` and `rediss://…`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let url = Url::parse(text).map_err(|_| invalid("is no URL"))?;
        let is_encrypted = match url.scheme() {
            "redis" => false,
            "rediss" => true,
            _ => return Err(invalid("has another scheme")),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(invalid("has no host"))?;
        let database = match url.path().trim_matches('/') {
            "" => 0,
            path => path.parse().map_err(|_| invalid("has a database that is no number"))?,
        };
        let (mut prefix, mut authorities) = (PREFIX.to_owned(), None);
        for (name, value) in url.query_pairs() {
            match &*name {
                "prefix" if !value.is_empty() => prefix = value.into_owned(),
                "cacert" if value.starts_with('/') && is_encrypted => {
                    authorities = Some(PathBuf::from(&*value));
                }
                _ => {
                    return Err(invalid(
                        "has a parameter that is not known, empty or out of place",
                    ));
                }
            }
        }
        if url.fragment().is_some() {
            return Err(invalid("has a fragment; a `#` in a password is written `%23`"));
        }
        let user = Some(url.username()).filter(|user| !user.is_empty());
        Ok(RedisAddress {
            host: host.trim_matches(['[', ']']).to_owned(),
            port: url.port().unwrap_or(PORT),
            is_encrypted,
            authorities,
            user: user.map(decoded).transpose()?,
            password: url.password().map(decoded).transpose()?.map(Secret::new),
            database,
            prefix,
        })
    }

    /// What tells the store from every other, without the password.
    pub(crate) fn identity(&self) -> String {
        let RedisAddress { host, port, database, prefix, .. } = self;
        format!("redis:{host}:{port}/{database}?prefix={prefix}")
    }

    /// Whether what is sent can be read on the way.
    pub(super) fn is_exposed(&self) -> bool {
        let host = &self.host;
        let is_here = host.eq_ignore_ascii_case("localhost")
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        !self.is_encrypted && !is_here
    }
}

fn decoded(text: &str) -> Result<String> {
    let text = percent_decode_str(text).decode_utf8();
    Ok(text.map_err(|_| invalid("has a user or password that is not UTF-8"))?.into_owned())
}

fn invalid(what: &str) -> Error {
    Error::new(Code::InvalidConfig, format!("store: the address of Redis {what}; {EXPECTED}"))
}

impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RedisAddress { host, port, database, .. } = self;
        write!(f, "Redis at {host}:{port}, database {database},")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_whole() {
        let address = "rediss://us%65r:p%23%40ss@[::1]:7000/3?prefix=a%20b:&cacert=/etc/ca.pem";
        let address = RedisAddress::parse(address).unwrap();
        assert_eq!((address.host.as_str(), address.port, address.database), ("::1", 7000, 3));
        assert_eq!(address.user.as_deref(), Some("user"));
        assert_eq!(address.password.as_ref().map(Secret::expose), Some("p#@ss"));
        assert_eq!((address.is_encrypted, address.prefix.as_str()), (true, "a b:"));
        assert_eq!(address.authorities, Some("/etc/ca.pem".into()));
        let address = RedisAddress::parse("redis://:secret@db.example").unwrap();
        assert_eq!((address.port, address.database), (6379, 0));
        assert_eq!((address.user, address.prefix.as_str()), (None, "evergrant:"));
    }

    #[test]
    fn an_address_that_is_wrong_is_refused_and_a_password_never_shown() {
        let wrong = [
            "redis://",
            "redis://:s3cret@host/many",
            "redis://:s3cret@host?prefix=",
            "redis://:s3cret@host?tls=off",
            "redis://:s3cret@host?cacert=/ca.pem",
            "rediss://:s3cret@host?cacert=ca.pem",
            "redis://:s3cret@host/0#insecure",
            "redis://:s3cret@host:port",
        ];
        for address in wrong {
            let error = RedisAddress::parse(address).unwrap_err();
            assert_eq!(error.code(), Code::InvalidConfig, "{address}");
            assert!(!error.message().contains("s3cret"), "{error}");
        }
        let address = RedisAddress::parse("redis://user:s3cret@host").unwrap();
        assert!(!format!("{address:?} {address}").contains("s3cret"));
    }

    #[test]
    fn what_can_be_read_on_the_way_is_known() {
        let is_exposed = |text| RedisAddress::parse(text).unwrap().is_exposed();
        assert!(is_exposed("redis://db.example") && is_exposed("redis://10.0.0.1"));
        assert!(!is_exposed("rediss://db.example") && !is_exposed("redis://127.0.0.1"));
        assert!(!is_exposed("redis://[::1]") && !is_exposed("redis://localhost"));
    }
}
