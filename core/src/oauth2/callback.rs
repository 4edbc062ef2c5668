//! The redirect back from the provider: RFC 6749 section 4.1.2 with `iss` (RFC 9207), and RFC 5849
//! section 2.2 for OAuth 1.0.
//!
//! It comes from the user's browser, that is from anybody. Nothing in it is trusted before its state has
//! been found among the pending authorizations.

use super::error_response::ErrorResponse;
use crate::secret::{Secret, shown};
use std::collections::BTreeMap;
use std::fmt;
use thiserror::Error;
use url::form_urlencoded;

/// A redirect, read.
#[derive(Clone, PartialEq, Eq)]
pub struct Callback {
    /// `state`, which finds the pending authorization. OAuth 1.0 has none of its own: there
    /// [`CallbackOutcome::Verified`] and [`CallbackOutcome::Refused`] carry the token that does.
    pub state: Option<String>,
    /// `iss`, the provider's issuer identifier, to be compared as a string (RFC 9207 section 2.4).
    pub iss: Option<String>,
    /// What the user, or the provider for the user, answered.
    pub outcome: CallbackOutcome,
    /// Every parameter, decoded, the ones above included; some providers add an account here.
    pub parameters: Vec<(String, String)>,
}

/// What a redirect says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallbackOutcome {
    /// OAuth 2.0: consent was given.
    Code(Secret),
    /// OAuth 2.0: an error, such as `access_denied`.
    Error(ErrorResponse),
    /// OAuth 1.0: consent was given.
    Verified {
        /// Token of the temporary credentials.
        oauth_token: Secret,
        /// Missing only in the first, unsafe OAuth 1.0.
        oauth_verifier: Option<Secret>,
    },
    /// OAuth 1.0: consent was refused (`denied`, or `oauth_problem`).
    Refused {
        /// Token of the temporary credentials, where it was told.
        oauth_token: Option<Secret>,
        /// `oauth_problem`, such as `user_refused`.
        problem: Option<String>,
    },
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback")
            .field("iss", &self.iss)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

/// Why a redirect cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CallbackError {
    /// Neither of OAuth 2.0 nor of OAuth 1.0.
    #[error(
        "the callback has none of `code`, `error`, `oauth_token`, `denied` and `oauth_problem` among \
         its {count} parameters; expected the redirect's URL or query as it came"
    )]
    NothingFound {
        /// How many parameters there were.
        count: usize,
    },
    /// A parameter that may come once came twice (RFC 6749 section 3.1).
    #[error("the callback has `{0}` more than once; expected it once (RFC 6749 section 3.1)")]
    Repeated(&'static str),
    /// It says yes and no.
    #[error("the callback has both `{0}` and `{1}`; expected one of them")]
    Contradictory(&'static str, &'static str),
}

const ONCE_ONLY: [&str; 9] = [
    "code",
    "state",
    "iss",
    "error",
    "error_description",
    "oauth_token",
    "oauth_verifier",
    "oauth_problem",
    "denied",
];

impl Callback {
    /// Reads a full URL, a path with its query, a query with or without `?`, or the body of a
    /// `form_post` answer. A fragment is left aside; a parameter without a value counts as missing.
    pub fn parse(redirect: &str) -> Result<Self, CallbackError> {
        Callback::from_parameters(parameters_of(redirect).collect())
    }

    /// Reads the redirect of a provider that has other names for some parameters: its own by those of the standard. A
    /// parameter under such a name of the standard is none.
    pub fn parse_named(
        redirect: &str,
        own: &BTreeMap<String, String>,
    ) -> Result<Self, CallbackError> {
        let standard =
            |(name, value): (String, String)| match own.iter().find(|(_, own)| **own == name) {
                Some((standard, _)) => Some((standard.clone(), value)),
                None if own.contains_key(&name) => None,
                None => Some((name, value)),
            };
        Callback::from_parameters(parameters_of(redirect).filter_map(standard).collect())
    }

    /// Reads parameters that a web framework has already decoded.
    pub fn from_parameters(parameters: Vec<(String, String)>) -> Result<Self, CallbackError> {
        let count = |name: &str| parameters.iter().filter(|pair| has_value(pair, name)).count();
        if let Some(name) = ONCE_ONLY.into_iter().find(|name| count(name) > 1) {
            return Err(CallbackError::Repeated(name));
        }
        let parameter = |name: &str| {
            let pair = parameters.iter().find(|pair| has_value(pair, name));
            pair.map(|(_, value)| value.as_str())
        };
        let outcome = outcome(parameter, parameters.len())?;
        let owned = |name: &str| parameter(name).map(str::to_owned);
        Ok(Callback { state: owned("state"), iss: owned("iss"), outcome, parameters })
    }
}

fn parameters_of(redirect: &str) -> impl Iterator<Item = (String, String)> {
    form_urlencoded::parse(query_of(redirect).as_bytes())
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
}

fn has_value((name, value): &(String, String), wanted: &str) -> bool {
    name == wanted && !value.is_empty()
}

fn outcome<'a>(
    parameter: impl Fn(&str) -> Option<&'a str>,
    count: usize,
) -> Result<CallbackOutcome, CallbackError> {
    let secret = |name: &str| parameter(name).map(Secret::from);
    match (secret("code"), ErrorResponse::from_parameters(&parameter, &[])) {
        (Some(_), Some(_)) => return Err(CallbackError::Contradictory("code", "error")),
        (Some(code), None) => return Ok(CallbackOutcome::Code(code)),
        (None, Some(error)) => return Ok(CallbackOutcome::Error(error)),
        (None, None) => {}
    }
    let (oauth_token, oauth_verifier) = (secret("oauth_token"), secret("oauth_verifier"));
    let problem = parameter("oauth_problem").map(|text| shown(text, &[]));
    let denied = secret("denied");
    if denied.is_some() || problem.is_some() {
        return match oauth_verifier {
            Some(_) => Err(CallbackError::Contradictory("oauth_verifier", "a refusal")),
            None => Ok(CallbackOutcome::Refused { oauth_token: oauth_token.or(denied), problem }),
        };
    }
    match oauth_token {
        Some(oauth_token) => Ok(CallbackOutcome::Verified { oauth_token, oauth_verifier }),
        None => Err(CallbackError::NothingFound { count }),
    }
}

/// The query of a URL, of a path with a query, or of what is a query already.
fn query_of(redirect: &str) -> &str {
    let redirect = redirect.trim();
    let redirect = redirect.split_once('#').map_or(redirect, |(before, _fragment)| before);
    match redirect.split_once('?') {
        Some((before, query)) if is_location(before) => query,
        _ if is_location(redirect) => "",
        _ => redirect,
    }
}

/// Whether the text is a path or begins with a URL's scheme; a query begins with a name and `=`.
fn is_location(text: &str) -> bool {
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    text.is_empty() || text.starts_with('/') || {
        let after_scheme = text.trim_start_matches(is_scheme);
        after_scheme.len() < text.len() && after_scheme.starts_with(':')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(redirect: &str) -> Result<CallbackOutcome, CallbackError> {
        Callback::parse(redirect).map(|callback| callback.outcome)
    }

    #[test]
    fn redirect_is_read_in_every_form_it_comes_in() {
        let query = "code=a%2Fb+c&state=x&iss=https%3A%2F%2Fas.example&realmId=9";
        for redirect in [
            format!("https://app.example/cb?{query}"),
            format!("http://127.0.0.1:1234/?{query}#_=_"),
            format!("com.example.app:/cb?{query}"),
            format!("/cb?{query}"),
            format!("?{query}"),
            format!(" {query}\n"),
        ] {
            let callback = Callback::parse(&redirect).unwrap();
            assert_eq!(
                callback.outcome,
                CallbackOutcome::Code(Secret::from("a/b c")),
                "{redirect}"
            );
            assert_eq!(callback.state.as_deref(), Some("x"));
            assert_eq!(callback.iss.as_deref(), Some("https://as.example"));
            assert!(callback.parameters.contains(&("realmId".to_owned(), "9".to_owned())));
        }
    }

    #[test]
    fn bare_query_may_hold_an_unencoded_url() {
        let callback = Callback::parse("code=a?b&state=x&iss=https://as.example/?t=1").unwrap();
        assert_eq!(callback.outcome, CallbackOutcome::Code(Secret::from("a?b")));
        assert_eq!(callback.iss.as_deref(), Some("https://as.example/?t=1"));
    }

    #[test]
    fn parameters_that_are_already_decoded_are_read_the_same() {
        let decoded =
            vec![("code".to_owned(), "a%2Fb".to_owned()), ("state".to_owned(), String::new())];
        let callback = Callback::from_parameters(decoded).unwrap();
        assert_eq!(callback.outcome, CallbackOutcome::Code(Secret::from("a%2Fb")));
        assert_eq!(callback.state, None);
    }

    #[test]
    fn error_is_told_with_its_state() {
        let callback =
            Callback::parse("/cb?error=access_denied&error_description=No+thanks&state=x").unwrap();
        let CallbackOutcome::Error(error) = callback.outcome else { panic!("no error") };
        assert_eq!(error.error, "access_denied");
        assert_eq!(error.error_description.as_deref(), Some("No thanks"));
        assert_eq!(callback.state.as_deref(), Some("x"));
    }

    #[test]
    fn oauth_1_verifier_and_refusals_are_told_apart() {
        let token = || Secret::from("t");
        assert_eq!(
            outcome("?oauth_token=t&oauth_verifier=v"),
            Ok(CallbackOutcome::Verified {
                oauth_token: token(),
                oauth_verifier: Some(Secret::from("v"))
            })
        );
        assert_eq!(
            outcome("?oauth_token=t"),
            Ok(CallbackOutcome::Verified { oauth_token: token(), oauth_verifier: None })
        );
        assert_eq!(
            outcome("?denied=t"),
            Ok(CallbackOutcome::Refused { oauth_token: Some(token()), problem: None })
        );
        assert_eq!(
            outcome("?oauth_token=t&oauth_problem=user_refused"),
            Ok(CallbackOutcome::Refused {
                oauth_token: Some(token()),
                problem: Some("user_refused".to_owned())
            })
        );
    }

    #[test]
    fn repeated_and_contradictory_parameters_are_refused() {
        for name in ONCE_ONLY {
            let redirect = format!("?code=a&{name}=x&{name}=y");
            let repeated = outcome(&redirect).unwrap_err();
            assert_eq!(repeated, CallbackError::Repeated(name), "{redirect}");
        }
        assert_eq!(outcome("?code=a&error=b"), Err(CallbackError::Contradictory("code", "error")));
        assert_eq!(
            outcome("?oauth_token=a&oauth_verifier=b&oauth_problem=c"),
            Err(CallbackError::Contradictory("oauth_verifier", "a refusal"))
        );
    }

    #[test]
    fn rfc9207_section_2_the_issuer_is_read_with_code_and_with_error() {
        let callback = Callback::parse(
            "https://client.example/cb?code=x1848ZT64p4IirMPT0R-X3141MFPTuBX-VFL_cvaplMH58\
             &state=ZWVlNDBlYzA1NjdkMDNhYjg3ZjUxZjAyNGQzMTM2NzI&iss=https%3A%2F%2Fhonest.as.example",
        )
        .unwrap();
        assert_eq!(callback.iss.as_deref(), Some("https://honest.as.example"));
        assert_eq!(
            callback.outcome,
            CallbackOutcome::Code(Secret::from("x1848ZT64p4IirMPT0R-X3141MFPTuBX-VFL_cvaplMH58"))
        );
        let callback = Callback::parse(
            "https://client.example/cb?error=access_denied&state=N2JjNGJhY2JiZjRhYzA3MGJkMzNmMDE5OWJhZmJhZjA\
             &iss=https%3A%2F%2Fhonest.as.example",
        )
        .unwrap();
        assert_eq!(callback.iss.as_deref(), Some("https://honest.as.example"));
        assert!(
            matches!(callback.outcome, CallbackOutcome::Error(error) if error.error == "access_denied")
        );
    }

    #[test]
    fn redirect_without_an_answer_is_refused() {
        for (redirect, count) in [
            ("", 0),
            ("/cb", 0),
            ("https://a.example/code=x", 0),
            ("?state=x&code=", 1),
            ("canary", 0),
        ] {
            let error = outcome(redirect).unwrap_err();
            assert_eq!(error, CallbackError::NothingFound { count }, "{redirect}");
        }
    }

    #[test]
    fn debug_shows_no_code_verifier_token_or_state() {
        for redirect in [
            "?code=canary1&state=canary2",
            "?oauth_token=canary1&oauth_verifier=canary2",
            "?denied=canary1",
        ] {
            let shown = format!("{:?}", Callback::parse(redirect).unwrap());
            assert!(!shown.contains("canary"), "{shown}");
        }
    }

    #[test]
    fn own_names_of_a_provider_are_read_as_those_of_the_standard_and_these_as_none() {
        let own = [("code", "auth_code"), ("state", "customField")];
        let own = own.map(|(standard, own)| (standard.to_owned(), own.to_owned())).into();
        let callback =
            Callback::parse_named("/cb?auth_code=c&customField=s&state=x", &own).unwrap();
        assert_eq!(callback.outcome, CallbackOutcome::Code(Secret::from("c")));
        assert_eq!(callback.state.as_deref(), Some("s"));
        assert!(Callback::parse_named("/cb?code=c&state=s", &own).is_err());
    }
}
