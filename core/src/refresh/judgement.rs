//! What an answer's tokens are judged by once they are stored, or before the first are. Pure.
//!
//! Of a renewal the signature of the `id_token` is checked only by keys that are at hand: nothing is fetched between an answer
//! and its commit, and a provider whose keys cannot be had costs nobody a grant. Where the key is not at hand, the TLS of the
//! token endpoint stands for the signature (OpenID Connect Core section 3.1.3.7, item 6; adr/0010).

use crate::clock::UnixMillis;
use crate::context::Settings;
use crate::jose::id_token::{Expected, IdToken, IdTokenError};
use crate::jose::key_set::{JwsAlgorithm, KeySet};
use crate::oauth2::{BEARER, DPOP};
use crate::provider::Provider;
use crate::store::{Hold, Identity, Record, Tokens};
use serde_json::Value;

/// Holds the answers of a provider against what must be.
pub(crate) struct Judge<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) provider: &'a Provider,
}

impl Judge<'_> {
    /// The `id_token` of an answer, all checked that it says but the nonce; none where the answer has none.
    pub(crate) fn id_token<'t>(
        &self,
        tokens: &'t Tokens,
    ) -> Result<Option<IdToken<'t>>, IdTokenError> {
        let Some(text) = id_token_of(tokens) else { return Ok(None) };
        let id_token = IdToken::parse(text)?;
        id_token.check(&Expected {
            issuers: &self.provider.open_id.issuers,
            client_id: &self.settings.client_id,
            algorithms: &self.provider.open_id.algorithms,
            access_token: tokens.access.first().map_or("", |access| access.token.expose()),
            now: self.settings.now(),
            skew: self.settings.clock_skew,
        })?;
        Ok(Some(id_token))
    }

    /// Checks its signature by these keys, or with the client's secret where that is how the provider signs. Without keys TLS
    /// stands for it.
    pub(crate) fn verify(
        &self,
        id_token: &IdToken<'_>,
        keys: Option<&KeySet>,
    ) -> Result<(), IdTokenError> {
        let algorithm = id_token.algorithm(&self.provider.open_id.algorithms)?;
        match (algorithm, keys) {
            (JwsAlgorithm::HS256, _) => {
                let secret = self.settings.client_secret.as_ref();
                id_token.verify_by_secret(secret.ok_or(IdTokenError::NoSecret)?)
            }
            (_, Some(keys)) => id_token.verify(keys, algorithm),
            (_, None) => Ok(()),
        }
    }

    /// Why a renewal of `before` that brought `tokens` must not be used; none where it may.
    pub(crate) fn hold(
        &self,
        before: &Record,
        tokens: &Tokens,
        keys: Option<&KeySet>,
        now: UnixMillis,
    ) -> Option<Hold> {
        let known_type = before.access().map_or("", |access| &access.token_type);
        let reason =
            unusable_type(tokens, known_type, before.dpop_key.is_some()).or_else(|| {
                self.check_renewal(before, tokens, keys).err().map(|error| error.to_string())
            })?;
        Some(Hold { reason, at: now })
    }

    fn check_renewal(
        &self,
        before: &Record,
        tokens: &Tokens,
        keys: Option<&KeySet>,
    ) -> Result<(), IdTokenError> {
        let Some(id_token) = self.id_token(tokens)? else { return Ok(()) };
        if let Some(consented) = &before.identity {
            let last = before.tokens.as_ref().and_then(id_token_of);
            let identity = (consented.issuer.as_str(), consented.subject.as_str());
            id_token.check_renewal(identity, &self.provider.open_id.issuers, last)?;
        }
        match self.verify(&id_token, keys) {
            Err(IdTokenError::UnknownKey(_)) => Ok(()),
            Err(IdTokenError::Signature) if id_token.names_no_key() => Ok(()),
            judged => judged,
        }
    }
}

/// Why tokens of this type cannot be used (RFC 6749 section 7.1); `known_type` is that of the token before, or one that the
/// application chose itself. Tokens that are to be bound to a key are so ever after (RFC 9449 section 5).
pub(crate) fn unusable_type(tokens: &Tokens, known_type: &str, has_key: bool) -> Option<String> {
    let token_type = &tokens.access.first()?.token_type;
    let is_bound = known_type.eq_ignore_ascii_case(DPOP);
    let mut usable = vec![if is_bound { DPOP } else { BEARER }, known_type];
    if has_key {
        usable.push(DPOP);
    }
    let is_usable = usable.iter().any(|known| token_type.eq_ignore_ascii_case(known));
    (!is_usable).then(|| {
        let shown: String = token_type.chars().filter(char::is_ascii_graphic).take(20).collect();
        let expected = usable[0];
        format!("the provider gave a token of the type {shown:?}; expected {expected}")
    })
}

/// Whom an answer's `id_token` says it is about; it was checked before, or is of a document that the application vouches for.
pub(crate) fn identity(tokens: &Tokens) -> Option<Identity> {
    let id_token = IdToken::parse(id_token_of(tokens)?).ok()?;
    let (issuer, subject) = (id_token.issuer().ok()?, id_token.subject().ok()?);
    Some(Identity { issuer: issuer.to_owned(), subject: subject.to_owned() })
}

/// Whether an answer's `id_token` is about this user, in whichever of these spellings of the issuer.
pub(crate) fn is_about(tokens: &Tokens, user: &Identity, issuers: &[String]) -> bool {
    let id_token = id_token_of(tokens).and_then(|text| IdToken::parse(text).ok());
    let user = (user.issuer.as_str(), user.subject.as_str());
    id_token.is_some_and(|id_token| id_token.check_renewal(user, issuers, None).is_ok())
}

/// An answer's `id_token` as it came; none where it is missing, null or empty.
pub(crate) fn id_token_of(tokens: &Tokens) -> Option<&str> {
    tokens.response.get("id_token").and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// What of `wanted` was not granted. A scope that only asks for a refresh token is granted by one, named or not: Microsoft
/// never names `offline_access`.
pub(crate) fn missing_scope(
    record: &Record,
    wanted: &[String],
    offline_scope: &[String],
) -> Vec<String> {
    let granted = record.access().map_or(&[][..], |access| &access.scope);
    let by_a_token = record.refresh_token().is_some();
    let is_missing =
        |scope: &&String| !(granted.contains(scope) || by_a_token && offline_scope.contains(scope));
    wanted.iter().filter(is_missing).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::jose::id_token::tests::{Signer, hs256};
    use crate::provider::ProviderTable;
    use crate::store::record_for_tests::{record, tokens};
    use serde_json::json;
    use std::collections::BTreeMap;

    const NOW: i64 = 1_700_000_000_000;

    fn provider() -> Provider {
        let table: ProviderTable = serde_json::from_value(json!({
            "issuer": "https://i.example", "authorization_endpoint": "https://i.example/a",
            "token_endpoint": "https://i.example/t", "jwks_uri": "https://i.example/k",
        }))
        .unwrap();
        Provider::from_table(table, &BTreeMap::new()).unwrap()
    }

    fn settings() -> Settings {
        let config = json!({"provider": "sandbox", "client_id": "client"}).to_string();
        let settings = Settings::resolve(&Config::from_json(&config).unwrap(), None).unwrap();
        settings.clock.set(Some(NOW));
        settings
    }

    fn with(id_token: String) -> Tokens {
        let mut tokens = tokens("a2", Some("r2"));
        tokens.response.insert("id_token".into(), id_token.into());
        tokens
    }

    fn claims(sub: &str) -> Value {
        json!({"iss": "https://i.example", "sub": sub, "aud": "client", "exp": NOW / 1000 + 60, "iat": NOW / 1000})
    }

    fn of(sub: &str) -> Tokens {
        with(Signer::new("1").sign(&claims(sub)))
    }

    /// Why a renewal of a consent by alice is held.
    fn held(tokens: &Tokens, keys: Option<&KeySet>) -> Option<String> {
        let mut consented = record();
        consented.identity = identity(&of("alice"));
        let (settings, provider) = (settings(), provider());
        let judge = Judge { settings: &settings, provider: &provider };
        let hold = judge.hold(&consented, tokens, keys, 7)?;
        assert_eq!(hold.at, 7);
        Some(hold.reason)
    }

    #[test]
    fn a_renewal_for_another_user_is_held_and_one_without_a_word_is_not() {
        assert_eq!(held(&of("alice"), None), None);
        assert_eq!(held(&tokens("a2", None), None), None);
        assert!(held(&of("bob"), None).unwrap().contains("another user"));
    }

    #[test]
    fn a_renewal_is_not_held_for_a_user_that_nobody_named_at_consent() {
        let (settings, provider) = (settings(), provider());
        let judge = Judge { settings: &settings, provider: &provider };
        assert_eq!(judge.hold(&record(), &of("bob"), None, 7), None);
    }

    #[test]
    fn a_renewal_with_a_bad_id_token_is_held() {
        let signer = Signer::new("1");
        let unsigned = signer.sign_with(&json!({"alg": "none"}), &claims("alice"));
        assert!(held(&with(unsigned), None).unwrap().contains("signed by \"none\""));
        let hmac = signer.sign_with(&json!({"alg": "HS256"}), &claims("alice"));
        assert!(held(&with(hmac), None).unwrap().contains("signed by \"HS256\""));
        let mut old = claims("alice");
        old["exp"] = json!(NOW / 1000 - 7200);
        assert!(held(&with(signer.sign(&old)), None).unwrap().contains("is this clock right?"));
        assert!(held(&with("x".into()), None).unwrap().contains("cannot be read"));
    }

    #[test]
    fn the_signature_of_a_renewal_is_checked_by_keys_at_hand_and_by_tls_where_there_are_none() {
        let (signer, other) = (Signer::new("1"), Signer::new("1"));
        let renewal = with(signer.sign(&claims("alice")));
        assert_eq!(held(&renewal, Some(&signer.keys())), None);
        assert_eq!(held(&renewal, None), None);
        assert_eq!(held(&renewal, Some(&Signer::new("2").keys())), None); // the keys rotated
        assert!(held(&renewal, Some(&other.keys())).unwrap().contains("signature"));
        // Of a set with one key a token need not name it (OpenID Connect Core section 10.1): it may be a newer one.
        let nameless = with(signer.sign_with(&json!({"alg": "ES256"}), &claims("alice")));
        assert_eq!(held(&nameless, Some(&other.keys())), None);
    }

    #[test]
    fn a_consent_is_about_the_same_user_in_another_spelling_of_the_issuer() {
        let before = Identity { issuer: "i.example".into(), subject: "alice".into() };
        let spellings = ["https://i.example".to_owned(), "i.example".to_owned()];
        assert!(is_about(&of("alice"), &before, &spellings));
        assert!(!is_about(&of("alice"), &before, &[]));
        assert!(!is_about(&of("bob"), &before, &spellings));
        assert!(!is_about(&tokens("a2", None), &before, &spellings));
    }

    #[test]
    fn hs256_is_checked_with_the_clients_secret_whatever_keys_there_are() {
        let (mut settings, mut provider) = (settings(), provider());
        provider.open_id.algorithms = vec![JwsAlgorithm::HS256];
        let keys = Signer::new("1").keys();
        let judged = |settings: &Settings, secret: &str| {
            let tokens = with(hs256(secret, &claims("alice")));
            let judge = Judge { settings, provider: &provider };
            let id_token = judge.id_token(&tokens).unwrap().unwrap();
            judge.verify(&id_token, Some(&keys))
        };
        assert_eq!(judged(&settings, "secret"), Err(IdTokenError::NoSecret));
        settings.client_secret = Some("secret".into());
        assert_eq!(judged(&settings, "secret"), Ok(()));
        assert_eq!(judged(&settings, "another"), Err(IdTokenError::Signature));
    }

    #[test]
    fn an_id_token_that_cannot_be_read_says_nothing() {
        for id_token in ["", "x", "a.b.c", "a.e30.c"] {
            assert_eq!(identity(&with(id_token.into())), None, "{id_token}");
        }
    }

    #[test]
    fn a_token_of_a_type_that_cannot_be_used_is_held() {
        let of_type = |token_type: &str| {
            let mut tokens = tokens("a2", None);
            token_type.clone_into(&mut tokens.access[0].token_type);
            held(&tokens, None).is_some()
        };
        assert!(of_type("mac") && of_type("DPoP"));
        assert!(!of_type("bearer") && !of_type("BEARER"));
    }

    #[test]
    fn a_grant_with_a_key_takes_bound_tokens_and_once_it_has_one_no_other() {
        let (settings, provider) = (settings(), provider());
        let judge = Judge { settings: &settings, provider: &provider };
        let is_held = |before: &Record, token_type: &str| {
            let mut tokens = tokens("a2", None);
            token_type.clone_into(&mut tokens.access[0].token_type);
            judge.hold(before, &tokens, None, 7).is_some()
        };
        let mut consented = record();
        consented.dpop_key = Some("key".into());
        assert!(!is_held(&consented, "DPoP") && !is_held(&consented, "dpop"));
        assert!(!is_held(&consented, "Bearer")); // the provider does not bind
        consented.tokens.as_mut().unwrap().access[0].token_type = "DPoP".into();
        assert!(!is_held(&consented, "DPoP") && is_held(&consented, "Bearer"));
    }

    #[test]
    fn granted_scope_is_compared_with_what_was_asked_for() {
        let wanted: Vec<String> = ["read", "write", "offline_access"].map(str::to_owned).into();
        let offline = ["offline_access".to_owned()];
        let mut consented = record();
        consented.tokens.as_mut().unwrap().access[0].scope = vec!["read".to_owned()];
        assert_eq!(missing_scope(&consented, &wanted, &offline), ["write"]);
        consented.tokens.as_mut().unwrap().refresh = None;
        assert_eq!(missing_scope(&consented, &wanted, &offline), ["write", "offline_access"]);
    }
}
