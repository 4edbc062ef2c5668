//! DPoP (RFC 9449) of a client: keys made, proofs dated, and what servers want of them remembered.
//!
//! A proof is good for one request. One that is refused for its nonce or its date was refused before the request itself was
//! looked at: nothing is spent by it, and the request may be sent once more with another.

use crate::challenge;
use crate::clock::{UnixMillis, from_http_date};
use crate::error::{Code, Error, Result};
use crate::http::HttpResponse;
use crate::jose::dpop::{DpopKey, Proof};
use crate::oauth2::{DPOP, ErrorResponse};
use crate::process::random_id;
use crate::secret::Secret;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};
use url::Url;

/// The header that carries a proof.
const HEADER: &str = "DPoP";

/// The largest nonce that is remembered, in bytes.
const LONGEST_NONCE: usize = 1024;

/// Of so many origins it is remembered what they said.
const ORIGINS: usize = 256;

/// How far off a clock must be to be what a proof was refused for, in milliseconds.
const TOLERATED: i64 = 2_000;

/// A new key, as a record keeps it. AWS-LC notices a fork: parent and child make different ones.
pub(crate) fn new_key() -> Secret {
    let made = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
    let key = DpopKey::from_pkcs8(made.expect("the operating system gives random bytes").as_ref());
    key.expect("a key that was made is one").to_text()
}

/// The key that a record or an authorization transaction keeps.
pub(crate) fn kept_key(text: &Secret) -> Result<DpopKey> {
    DpopKey::from_text(text).map_err(|error| {
        Error::new(Code::Store, format!("the stored DPoP key {error}")).with_reason("corrupt")
    })
}

/// What the servers that were sent proofs have said, by origin; one for each process.
#[derive(Default)]
pub(crate) struct Proofs(Mutex<HashMap<String, Wishes>>);

/// What an origin wants its proofs to say.
#[derive(Clone, Default)]
struct Wishes {
    nonce: Option<String>,
    /// How far its clock is ahead of this one, in milliseconds.
    clock_offset: i64,
}

/// Why a proof was refused (RFC 9449 sections 5, 7.1, 8 and 9).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Nonce,
    Proof,
}

impl Refusal {
    fn parse(error: &str) -> Option<Self> {
        match error {
            "use_dpop_nonce" => Some(Refusal::Nonce),
            "invalid_dpop_proof" => Some(Refusal::Proof),
            _ => None,
        }
    }

    fn of(response: &HttpResponse) -> Option<Self> {
        if !matches!(response.status, 400 | 401) {
            return None;
        }
        let values = response.headers.iter().filter(|(name, _)| name == "www-authenticate");
        challenged(values.map(|(_, value)| value.as_str())).or_else(|| {
            let media_type = response.header("content-type");
            Self::parse(&ErrorResponse::parse(media_type, &response.body, &[])?.error)
        })
    }
}

fn challenged<'a>(www_authenticate: impl IntoIterator<Item = &'a str>) -> Option<Refusal> {
    let mut challenges = www_authenticate.into_iter().flat_map(challenge::parse);
    challenges.find_map(|challenge| {
        Refusal::parse(challenge.parameter("error").filter(|_| challenge.is(DPOP))?)
    })
}

/// Whether values of `WWW-Authenticate` refuse the proof and say nothing of the token.
pub(crate) fn is_of_proof<'a>(www_authenticate: impl IntoIterator<Item = &'a str>) -> bool {
    challenged(www_authenticate).is_some()
}

/// A proof that is sent with one request.
pub(crate) struct Proven {
    /// As the header holds it.
    header: String,
    /// By what was known then.
    by: Wishes,
}

impl Proven {
    /// The header of the request.
    pub(crate) fn to_header(&self) -> (String, String) {
        (HEADER.to_owned(), self.header.clone())
    }
}

impl Proofs {
    /// A proof for one request.
    pub(crate) fn prove(
        &self,
        key: &DpopKey,
        method: &str,
        url: &Url,
        access_token: Option<&str>,
        now: UnixMillis,
    ) -> Proven {
        let by = self.origins().get(&origin(url)).cloned().unwrap_or_default();
        let header = key.sign(&Proof {
            method,
            url,
            jti: &random_id(),
            issued_at: now.saturating_add(by.clock_offset) / 1000,
            nonce: by.nonce.as_deref(),
            access_token,
        });
        Proven { header, by }
    }

    /// Remembers what the answer to a request with this proof says. True where it refuses the proof, and another one would say
    /// something else.
    pub(crate) fn learn(
        &self,
        url: &Url,
        proven: &Proven,
        response: &HttpResponse,
        now: UnixMillis,
    ) -> bool {
        let nonce = response.header("dpop-nonce").filter(|nonce| self.remember_nonce(url, nonce));
        let is_other_nonce = nonce.is_some() && nonce != proven.by.nonce.as_deref();
        match Refusal::of(response) {
            None => false,
            Some(Refusal::Nonce) => {
                self.correct_clock(url, proven, response, now);
                is_other_nonce
            }
            Some(Refusal::Proof) => {
                self.correct_clock(url, proven, response, now) || is_other_nonce
            }
        }
    }

    /// Says whether it is one (RFC 9449 section 8.1).
    pub(crate) fn remember_nonce(&self, url: &Url, nonce: &str) -> bool {
        let is_of_a_nonce = |c: u8| matches!(c, b'!' | b'#'..=b'[' | b']'..=b'~');
        let is_nonce =
            (1..=LONGEST_NONCE).contains(&nonce.len()) && nonce.bytes().all(is_of_a_nonce);
        if is_nonce {
            self.change(url, |wishes| wishes.nonce = Some(nonce.to_owned()));
        }
        is_nonce
    }

    /// After a refusal proofs are dated by the server's clock; says whether this one was dated otherwise.
    fn correct_clock(
        &self,
        url: &Url,
        proven: &Proven,
        response: &HttpResponse,
        now: UnixMillis,
    ) -> bool {
        let Some(theirs) = response.header("date").and_then(from_http_date) else { return false };
        let offset = theirs.saturating_sub(now);
        let is_off = (offset - proven.by.clock_offset).abs() > TOLERATED;
        if is_off {
            self.change(url, |wishes| wishes.clock_offset = offset);
        }
        is_off
    }

    fn change(&self, url: &Url, change: impl FnOnce(&mut Wishes)) {
        let (mut origins, origin) = (self.origins(), origin(url));
        if origins.len() >= ORIGINS && !origins.contains_key(&origin) {
            origins.clear(); // they will say it again
        }
        change(origins.entry(origin).or_default());
    }

    fn origins(&self) -> MutexGuard<'_, HashMap<String, Wishes>> {
        self.0.lock().expect("no holder panics")
    }
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::Value;

    const NOW: UnixMillis = 1_000_000_000_000;
    const HERE: &str = "https://a.example/token";

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn proven(proofs: &Proofs, at: &str) -> Proven {
        proofs.prove(&kept_key(&new_key()).unwrap(), "GET", &url(at), None, NOW)
    }

    fn claims(proofs: &Proofs, at: &str) -> Value {
        let proof = proven(proofs, at).header;
        let payload = proof.split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
    }

    /// Whether an answer to a new request with a proof is answered by another proof.
    fn is_answered(proofs: &Proofs, at: &str, response: &HttpResponse) -> bool {
        proofs.learn(&url(at), &proven(proofs, at), response, NOW)
    }

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> HttpResponse {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers = headers.iter().map(owned).collect();
        HttpResponse { status, headers, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn security_14_each_proof_is_named_anew() {
        let proofs = Proofs::default();
        let [one, other] = [(); 2].map(|()| claims(&proofs, "https://a.example/"));
        assert_ne!(one["jti"], other["jti"]);
        assert_ne!(new_key().expose(), new_key().expose());
    }

    #[test]
    fn security_14_a_nonce_is_of_its_origin_alone_and_the_last_one_counts() {
        let proofs = Proofs::default();
        for nonce in ["one", "two"] {
            assert!(!is_answered(&proofs, HERE, &answer(200, &[("dpop-nonce", nonce)], "")));
        }
        assert_eq!(claims(&proofs, "https://a.example/other")["nonce"], "two");
        for other in ["http://a.example/", "https://a.example:444/", "https://b.example/"] {
            assert_eq!(claims(&proofs, other).get("nonce"), None, "{other}");
        }
    }

    #[test]
    fn a_challenge_is_one_of_a_token_endpoint_or_of_a_resource() {
        let nonce = ("dpop-nonce", "n");
        let token_endpoint = answer(400, &[nonce], r#"{"error": "use_dpop_nonce"}"#);
        let challenge =
            ("www-authenticate", r#"Bearer, DPoP error="use_dpop_nonce", algs="ES256""#);
        let resource = answer(401, &[nonce, challenge], "");
        for challenge in [token_endpoint, resource] {
            let proofs = Proofs::default();
            let sent_before = proven(&proofs, HERE);
            assert!(is_answered(&proofs, HERE, &challenge));
            assert!(!is_answered(&proofs, HERE, &challenge), "another proof would say the same");
            // Of requests that were sent at once each is answered.
            assert!(proofs.learn(&url(HERE), &sent_before, &challenge, NOW));
        }
        let proofs = Proofs::default();
        let invalid_token = ("www-authenticate", r#"DPoP error="invalid_token""#);
        for other in [
            answer(401, &[("www-authenticate", r#"DPoP error="use_dpop_nonce""#)], ""),
            answer(401, &[nonce, invalid_token], ""),
            answer(500, &[nonce], r#"{"error": "use_dpop_nonce"}"#),
            answer(400, &[("dpop-nonce", "no \"nonce\"")], r#"{"error": "use_dpop_nonce"}"#),
            answer(400, &[("dpop-nonce", &"n".repeat(2000))], r#"{"error": "use_dpop_nonce"}"#),
        ] {
            assert!(!is_answered(&proofs, HERE, &other));
        }
    }

    #[test]
    fn a_refused_date_is_corrected_by_that_of_the_answer_and_no_other_answer_moves_the_clock() {
        let proofs = Proofs::default();
        let date = ("date", "Sun, 09 Sep 2001 02:46:40 GMT"); // an hour later
        assert!(!is_answered(&proofs, HERE, &answer(200, &[date], "")));
        assert_eq!(claims(&proofs, HERE)["iat"], NOW / 1000);
        let refusal = answer(400, &[date], r#"{"error": "invalid_dpop_proof"}"#);
        assert!(is_answered(&proofs, HERE, &refusal));
        assert_eq!(claims(&proofs, HERE)["iat"], NOW / 1000 + 3600);
        assert!(!is_answered(&proofs, HERE, &refusal), "it was not refused for its date");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let proofs = Proofs::default();
        for number in 0..1000 {
            proofs.remember_nonce(&url(&format!("https://{number}.example/")), "n");
        }
        assert!(proofs.origins().len() <= ORIGINS);
        assert_eq!(claims(&proofs, "https://999.example/")["nonce"], "n");
    }
}
