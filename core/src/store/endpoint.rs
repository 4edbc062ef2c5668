//! Where a database server is, from the address of a store. Nothing of an address is quoted: it may hold a password.

use crate::error::{Code, Error, Result};
use crate::secret::Secret;
use percent_encoding::percent_decode_str;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use url::Url;

/// What differs between the addresses of kinds of servers.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(super) title: &'static str,
    pub(super) expected: &'static str,
    pub(super) port: u16,
    /// The parameter with the socket of a server on this host.
    pub(super) socket: &'static str,
    /// The parameter that says how the connection is protected, and its values.
    pub(super) tls: &'static str,
    pub(super) tls_modes: [(&'static str, Tls); 3],
    /// The parameter with the file of the authorities that are trusted instead of the system's.
    pub(super) authorities: &'static str,
}

/// How a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    /// Not at all.
    Off,
    /// Nobody can listen who only listens; the server can be anybody.
    Unverified,
    /// The server's certificate is good, and for its name.
    Verified,
}

/// A database on a server.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    kind: &'static Kind,
    pub(super) place: Place,
    pub(super) user: String,
    pub(super) password: Option<Secret>,
    pub(super) database: String,
    pub(super) tls: Tls,
    pub(super) authorities: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Host { name: String, port: u16 },
    Socket(PathBuf),
}

impl Place {
    fn is_on_this_host(&self) -> bool {
        match self {
            Place::Socket(_) => true,
            Place::Host { name, .. } => {
                name.eq_ignore_ascii_case("localhost")
                    || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
            }
        }
    }
}

impl Endpoint {
    /// Reads the address of a server. It is protected and its certificate verified unless it is on this host, or the address
    /// says otherwise; a socket needs no protection.
    pub(super) fn parse(text: &str, kind: &'static Kind) -> Result<Self> {
        let invalid = |what: &str| {
            let text = format!(
                "store: {what} in the address of {}; expected {}",
                kind.title, kind.expected
            );
            Error::new(Code::InvalidConfig, text)
        };
        let url = Url::parse(text).map_err(|_| invalid("something is no URL"))?;
        let decoded = |text: &str, what: &str| {
            let decoded = percent_decode_str(text).decode_utf8().map_err(|_| invalid(what))?;
            Ok::<_, Error>(decoded.into_owned())
        };
        let (mut socket, mut mode, mut authorities) = (None, None, None);
        for (name, value) in url.query_pairs() {
            if name == kind.socket && value.starts_with('/') {
                socket = Some(PathBuf::from(&*value));
            } else if name == kind.authorities && value.starts_with('/') {
                authorities = Some(PathBuf::from(&*value));
            } else if name == kind.tls {
                let known =
                    kind.tls_modes.iter().find(|(word, _)| value.eq_ignore_ascii_case(word));
                mode = Some(
                    known
                        .ok_or_else(|| {
                            let words = kind.tls_modes.map(|(word, _)| word).join(", ");
                            invalid(&format!("`{}` is none of {words}", kind.tls))
                        })?
                        .1,
                );
            } else {
                return Err(invalid("there is a parameter that is not known"));
            }
        }
        let host = url.host_str().filter(|host| !host.is_empty());
        let place = match (socket, host) {
            (Some(path), _) => Place::Socket(path),
            (None, Some(host)) => Place::Host {
                name: host.trim_matches(['[', ']']).to_owned(),
                port: url.port().unwrap_or(kind.port),
            },
            (None, None) => return Err(invalid("the host is missing")),
        };
        let database = decoded(url.path().trim_start_matches('/'), "the database is not UTF-8")?;
        let user = decoded(url.username(), "the user is not UTF-8")?;
        if database.is_empty() || user.is_empty() {
            return Err(invalid("user or database is missing"));
        }
        let password = url.password().map(|text| decoded(text, "the password is not UTF-8"));
        let tls = match (&place, mode) {
            (Place::Socket(_), _) => Tls::Off,
            (_, Some(mode)) => mode,
            (_, None) if place.is_on_this_host() && authorities.is_none() => Tls::Off,
            (_, None) => Tls::Verified,
        };
        if authorities.is_some() && tls != Tls::Verified {
            return Err(invalid(&format!(
                "there is `{}` where nothing is verified",
                kind.authorities
            )));
        }
        Ok(Endpoint {
            kind,
            place,
            user,
            password: password.transpose()?.map(Secret::new),
            database,
            tls,
            authorities,
        })
    }

    /// What is not promised on the way there.
    pub(super) fn weakness(&self) -> Option<String> {
        let what = match self.tls {
            Tls::Off if !self.place.is_on_this_host() => {
                "is not encrypted: whoever is on the way can read the tokens"
            }
            Tls::Unverified => {
                "is encrypted, but the server's certificate is not verified: it can be anybody"
            }
            _ => return None,
        };
        Some(format!("the connection to {self} {what} ({})", self.kind.tls))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = self.kind.title;
        match &self.place {
            Place::Host { name, port } => write!(f, "{title} at {name}:{port}"),
            Place::Socket(path) => write!(f, "{title} at {}", path.display()),
        }?;
        write!(f, ", database {:?},", self.database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::postgres::Postgres;

    fn parse(rest: &str) -> Result<Endpoint> {
        Postgres::parse(&format!("postgres://user:s3cret@{rest}"))
    }

    #[test]
    fn a_way_off_this_host_is_protected_unless_the_address_says_otherwise() {
        let tls = |rest| parse(rest).unwrap().tls;
        assert_eq!(tls("db.example/d"), Tls::Verified);
        assert_eq!(tls("db.example/d?sslmode=require"), Tls::Unverified);
        assert_eq!(tls("db.example/d?sslmode=disable"), Tls::Off);
        assert_eq!(tls("localhost/d"), Tls::Off);
        assert_eq!(tls("127.0.0.1/d?sslmode=VERIFY-FULL"), Tls::Verified);
        assert_eq!(tls("127.0.0.1/d?sslrootcert=/ca.pem"), Tls::Verified);
        assert_eq!(tls("db.example/d?host=/run/postgresql&sslmode=verify-full"), Tls::Off);
    }

    #[test]
    fn what_is_not_known_or_contradicts_itself_is_refused_and_no_password_shown() {
        for rest in [
            "db.example/d?sslmode=prefer",
            "db.example/d?sslrootcert=ca.pem",
            "db.example/d?sslrootcert=/ca.pem&sslmode=require",
            "db.example/d?host=/run/postgresql&sslrootcert=/ca.pem",
            "db.example/d?sslcert=/mine.pem",
        ] {
            let error = parse(rest).unwrap_err();
            assert_eq!(error.code(), Code::InvalidConfig, "{rest}");
            assert!(!error.message().contains("s3cret"), "{error}");
        }
    }
}
