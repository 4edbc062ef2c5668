//! What a 401 is about: the clock, the token, or neither (RFC 6750 section 3, the OAuth Problem Reporting extension).

use crate::clock::from_http_date;
use crate::context::Settings;
use crate::dpop;
use crate::oauth1::Problem;
use crate::oauth2::BearerChallenge;
use crate::provider::Protocol;

/// How far off a clock must be to be corrected, in milliseconds: by an answer that says so, and by the `Date` of any other.
const SECOND: i64 = 1_000;
const FIVE_MINUTES: i64 = 300_000;

/// What helps against a 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// A renewed token.
    Renewal,
    /// The user's consent: this token is not taken again, and nothing renews it.
    Consent,
}

/// An answer, as far as it says why it rejects a request.
pub(crate) struct Rejection<'a> {
    status: u16,
    /// The values of `WWW-Authenticate`.
    challenges: Vec<&'a str>,
    date: Option<&'a str>,
    /// What may be a body in form encoding.
    bodies: Vec<&'a [u8]>,
}

impl<'a> Rejection<'a> {
    /// What an answer says; names of headers are in lower case.
    pub(crate) fn of(status: u16, headers: &'a [(String, String)], body: &'a [u8]) -> Self {
        let named = |wanted: &'static str| {
            let headers = headers.iter().filter(move |(name, _)| name == wanted);
            headers.map(|(_, value)| value.as_str())
        };
        let (challenges, date) = (named("www-authenticate").collect(), named("date").next());
        Rejection { status, challenges, date, bodies: vec![body] }
    }

    /// What an application tells of a 401 that its own client met: values of `WWW-Authenticate` and the body, a line each.
    pub(crate) fn told(text: &'a str) -> Self {
        let bodies = text.lines().map(str::as_bytes).collect();
        Rejection { status: 401, challenges: text.lines().collect(), date: None, bodies }
    }

    /// The problem of OAuth 1.0a that it names.
    pub(crate) fn problem(&self) -> Option<Problem> {
        let in_bodies = || self.bodies.iter().find_map(|body| Problem::find([], body));
        Problem::find(self.challenges.iter().copied(), b"").or_else(in_bodies)
    }

    /// Whether it is the DPoP proof that is refused, and nothing is said of the token.
    pub(crate) fn is_of_proof(&self) -> bool {
        dpop::is_of_proof(self.challenges.iter().copied())
    }

    /// What helps; none where it is no 401, or says that the token is not at fault.
    pub(crate) fn remedy(&self, protocol: Protocol) -> Option<Remedy> {
        if self.status != 401 {
            return None;
        }
        match protocol {
            Protocol::OAuth2 => {
                let bearer = BearerChallenge::find(self.challenges.iter().copied());
                let is_good = bearer.is_some_and(|bearer| bearer.is_insufficient_scope());
                (!is_good && !self.is_of_proof()).then_some(Remedy::Renewal)
            }
            Protocol::OAuth1 => match self.problem()?.problem.as_str() {
                "token_expired" => Some(Remedy::Renewal),
                "token_revoked" | "token_rejected" => Some(Remedy::Consent),
                _ => None,
            },
        }
    }

    /// OAuth 1.0a: whether a 401 comes of a clock that is wrong here or there, and a new signature may help: `dated_by` was the
    /// signing offset of the rejected one. From now on signatures are dated by the server's clock. A 401 that names another
    /// problem is none of the clock's (`refresh.md`, Other kinds of renewal).
    pub(crate) fn corrects_clock(&self, settings: &Settings, dated_by: i64) -> bool {
        if self.status != 401 || settings.protocol() != Protocol::OAuth1 {
            return false;
        }
        let problem = self.problem();
        if problem.as_ref().is_some_and(|problem| problem.problem != "timestamp_refused") {
            return false;
        }
        let tolerated = if problem.is_some() { SECOND } else { FIVE_MINUTES };
        let acceptable = problem.and_then(|problem| problem.acceptable_timestamps);
        let theirs = acceptable
            .map(|(first, last)| (i64::from(first) + i64::from(last)) * 500)
            .or_else(|| self.date.and_then(from_http_date));
        let Some(theirs) = theirs else { return false };
        settings.corrects_clock(theirs, dated_by, tolerated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn only_what_is_said_of_the_token_asks_for_another() {
        let cases = [
            (Protocol::OAuth1, r#"OAuth oauth_problem="token_expired""#, Some(Remedy::Renewal)),
            (
                Protocol::OAuth1,
                r#"OAuth realm="x", oauth_problem=token_revoked"#,
                Some(Remedy::Consent),
            ),
            (
                Protocol::OAuth1,
                "OAuth Realm=\"x\"\noauth_problem=token_rejected&a=b",
                Some(Remedy::Consent),
            ),
            (Protocol::OAuth1, r#"OAuth oauth_problem="nonce_used""#, None),
            (Protocol::OAuth1, r#"Bearer error="token_revoked""#, None),
            (Protocol::OAuth2, r#"Bearer error="invalid_token""#, Some(Remedy::Renewal)),
            (Protocol::OAuth2, r#"OAuth oauth_problem="token_revoked""#, Some(Remedy::Renewal)),
            (Protocol::OAuth2, r#"Bearer error="insufficient_scope""#, None),
            (Protocol::OAuth2, r#"DPoP error="invalid_token""#, Some(Remedy::Renewal)),
            (Protocol::OAuth2, r#"DPoP error="use_dpop_nonce""#, None),
            (Protocol::OAuth2, r#"DPoP error="invalid_dpop_proof""#, None),
        ];
        for (protocol, challenge, remedy) in cases {
            assert_eq!(Rejection::told(challenge).remedy(protocol), remedy, "{challenge}");
        }
        let headers =
            [("www-authenticate".to_owned(), "OAuth oauth_problem=token_revoked".to_owned())];
        assert_eq!(Rejection::of(403, &headers, b"").remedy(Protocol::OAuth1), None);
        let body = b"oauth_problem=token_rejected";
        assert_eq!(Rejection::of(401, &[], body).remedy(Protocol::OAuth1), Some(Remedy::Consent));
    }
    #[test]
    fn of_requests_that_were_dated_wrong_at_once_each_is_signed_anew() {
        let config = r#"{"provider": "sandbox-oauth1", "client_id": "c", "store": "memory:"}"#;
        let settings = Settings::resolve(&Config::from_json(config).unwrap(), None).unwrap();
        let text = "oauth_problem=timestamp_refused&oauth_acceptable_timestamps=1000-1600";
        settings.clock.set(Some(0));
        let rejection = Rejection::told(text);
        assert!(rejection.corrects_clock(&settings, 0));
        assert_eq!(settings.signing_offset(), 1_300_000);
        assert!(rejection.corrects_clock(&settings, 0));
        assert!(!rejection.corrects_clock(&settings, 1_300_000));
        let other = Rejection {
            date: Some("Thu, 01 Jan 1970 10:00:00 GMT"),
            ..Rejection::told("oauth_problem=nonce_used")
        };
        assert!(!other.corrects_clock(&settings, 0));
    }
}
