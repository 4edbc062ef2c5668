//! The keys by which a provider signs (RFC 7517; OpenID Connect Core section 10.1.1), fetched when they are needed and kept for a
//! while.
//!
//! A cache belongs to one client, and that to one provider: keys of two issuers never meet. However often a token names a key
//! that is not there, the provider is asked for it once a minute.

use crate::clock::UnixMillis;
use crate::error::{Code, Error, Result};
use crate::http::{Body, HttpClient, HttpRequest, Sent};
use crate::jose::key_set::{KeySet, MAX_KEY_SET_BYTES};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use url::Url;

/// How long keys are used before they are fetched again: a key that the provider took back is good for no longer.
const LIFETIME: i64 = 3_600_000;

/// Time between two searches for a key that is not there.
const REFETCH_PAUSE: i64 = 60_000;

/// Time after a fetch that failed in which its failure is the answer.
const FAILURE_PAUSE: i64 = 10_000;

/// The keys of one provider.
#[derive(Default)]
pub(crate) struct Keys {
    known: Mutex<Known>,
    /// Held by the one who asks: the others wait for what it brings.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone, Default)]
struct Known {
    set: Option<Arc<KeySet>>,
    failure: Option<Error>,
    asked_at: UnixMillis,
    /// When the provider was last asked for a key that was not there.
    sought_at: UnixMillis,
}

/// Where the keys are, and how they are asked for.
pub(crate) struct KeySource<'a> {
    pub(crate) http: &'a HttpClient,
    pub(crate) jwks_uri: &'a Url,
    pub(crate) provider: &'a str,
    pub(crate) timeout: Duration,
    pub(crate) now: UnixMillis,
}

impl Keys {
    /// What was fetched last, however long ago.
    pub(crate) fn at_hand(&self) -> Option<Arc<KeySet>> {
        self.known().set
    }

    /// The keys, fetched where there are none or they are old.
    pub(crate) async fn get(&self, source: &KeySource<'_>) -> Result<Arc<KeySet>> {
        let _asking = self.asking.lock().await;
        match self.known().answer(source.now) {
            Some(answer) => answer,
            None => self.ask(source).await,
        }
    }

    /// The keys again, after those `seen` had none that fits: fetched anew, unless that was done less than a minute ago.
    pub(crate) async fn get_newer(
        &self,
        source: &KeySource<'_>,
        seen: &Arc<KeySet>,
    ) -> Result<Arc<KeySet>> {
        let _asking = self.asking.lock().await;
        let known = self.known();
        match known.answer(source.now) {
            Some(Err(failure)) => return Err(failure),
            Some(Ok(set)) if !Arc::ptr_eq(&set, seen) => return Ok(set),
            Some(Ok(set)) if is_within(REFETCH_PAUSE, known.sought_at, source.now) => {
                return Ok(set);
            }
            _ => {}
        }
        self.known.lock().expect("no holder panics").sought_at = source.now;
        self.ask(source).await
    }

    async fn ask(&self, source: &KeySource<'_>) -> Result<Arc<KeySet>> {
        let fetched = source.fetch().await.map(Arc::new);
        let mut known = self.known.lock().expect("no holder panics");
        known.asked_at = source.now;
        known.failure = fetched.as_ref().err().cloned();
        if let Ok(set) = &fetched {
            known.set = Some(Arc::clone(set));
        }
        fetched
    }

    fn known(&self) -> Known {
        self.known.lock().expect("no holder panics").clone()
    }
}

impl Known {
    /// What is answered without asking the provider.
    fn answer(&self, now: UnixMillis) -> Option<Result<Arc<KeySet>>> {
        match (&self.failure, &self.set) {
            (Some(failure), _) if is_within(FAILURE_PAUSE, self.asked_at, now) => {
                Some(Err(failure.clone()))
            }
            (None, Some(set)) if is_within(LIFETIME, self.asked_at, now) => {
                Some(Ok(Arc::clone(set)))
            }
            _ => None,
        }
    }
}

/// Whether `then` is less than `pause` ago; what lies ahead of a clock that was set back is not.
fn is_within(pause: i64, then: UnixMillis, now: UnixMillis) -> bool {
    (0..pause).contains(&(now - then))
}

impl KeySource<'_> {
    async fn fetch(&self) -> Result<KeySet> {
        let request = HttpRequest {
            method: "GET".to_owned(),
            url: self.jwks_uri.clone(),
            headers: vec![(
                "accept".to_owned(),
                "application/jwk-set+json, application/json".to_owned(),
            )],
            body: Body::None,
            timeout: self.timeout,
            max_response_bytes: MAX_KEY_SET_BYTES as u64,
        };
        let response = match self.http.send_to_provider(request).await {
            Sent::Answered(response) => response,
            Sent::Unsent(error) | Sent::Ambiguous(error) => {
                let text = format!("the keys of {}: {}", self.provider, error.message());
                return Err(error.with_message(text).with_provider(self.provider));
            }
        };
        let invalid = |code: Code, text: String| {
            Error::new(code, format!("the keys of {}: {text}", self.provider))
                .with_provider(self.provider)
                .with_status(response.status)
        };
        if response.status != 200 {
            let text =
                format!("jwks_uri answered {}; expected 200 with a key set", response.status);
            return Err(invalid(Code::ProviderError, text));
        }
        KeySet::parse(response.header("content-type"), &response.body)
            .map_err(|error| invalid(Code::InvalidResponse, error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(asked_at: UnixMillis, failed: bool) -> Known {
        let set = KeySet::parse(None, br#"{"keys":[]}"#).unwrap();
        let failure = failed.then(|| Error::new(Code::Transport, "x"));
        Known { set: Some(Arc::new(set)), failure, asked_at, sought_at: 0 }
    }

    #[test]
    fn keys_are_used_for_an_hour_and_a_failure_for_ten_seconds() {
        assert!(Known::default().answer(1).is_none());
        assert!(known(1000, false).answer(1000 + LIFETIME - 1).unwrap().is_ok());
        assert!(known(1000, false).answer(1000 + LIFETIME).is_none());
        assert!(known(1000, true).answer(1000 + FAILURE_PAUSE - 1).unwrap().is_err());
        assert!(known(1000, true).answer(1000 + FAILURE_PAUSE).is_none());
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_keep_old_keys_for_ever() {
        assert!(known(1000, false).answer(999).is_none());
    }
}
