//! What an answer's tokens are judged by once they are stored, or before the first are. Pure.

use crate::clock::UnixMillis;
use crate::oauth2::{BEARER, DPOP};
use crate::store::{Hold, Identity, Record, Tokens};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// Why a renewal of `before` that brought `tokens` must not be used; none where it may.
pub(crate) fn hold(before: &Record, tokens: &Tokens, now: UnixMillis) -> Option<Hold> {
    let known_type = before.access().map_or("", |access| &access.token_type);
    let reason = unusable_type(tokens, known_type, before.dpop_key.is_some()).or_else(|| {
        let consented = before.identity.as_ref()?;
        let renewed = identity(tokens)?;
        (renewed != *consented).then(|| {
            "the renewal brought an id_token of another user or issuer than the consent's"
                .to_owned()
        })
    })?;
    Some(Hold { reason, at: now })
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

/// Whom an answer's `id_token` is about. Its signature is not checked: it came from the token endpoint itself, over TLS (OpenID
/// Connect Core section 3.1.3.7, item 6).
pub(crate) fn identity(tokens: &Tokens) -> Option<Identity> {
    let payload = tokens.response.get("id_token")?.as_str()?.split('.').nth(1)?;
    let claims: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?)
            .ok()?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Identity { issuer: text("iss")?, subject: text("sub")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::record_for_tests::{record, tokens};
    use serde_json::json;

    fn of(sub: &str) -> Tokens {
        let payload = URL_SAFE_NO_PAD.encode(json!({"iss": "https://i", "sub": sub}).to_string());
        let mut tokens = tokens("a2", Some("r2"));
        tokens.response.insert("id_token".into(), format!("e30.{payload}.x").into());
        tokens
    }

    #[test]
    fn a_renewal_for_another_user_is_held_and_one_without_a_word_is_not() {
        let mut consented = record();
        assert_eq!(hold(&consented, &of("bob"), 7), None); // nobody said who consented
        consented.identity = identity(&of("alice"));
        assert_eq!(hold(&consented, &of("alice"), 7), None);
        assert_eq!(hold(&consented, &tokens("a2", None), 7), None);
        assert_eq!(hold(&consented, &of("bob"), 7).unwrap().at, 7);
    }

    #[test]
    fn an_id_token_that_cannot_be_read_says_nothing() {
        for id_token in ["", "x", "a.b.c", "a.e30.c"] {
            let mut tokens = tokens("a", None);
            tokens.response.insert("id_token".into(), id_token.into());
            assert_eq!(identity(&tokens), None, "{id_token}");
        }
    }

    #[test]
    fn a_token_of_a_type_that_cannot_be_used_is_held() {
        let of_type = |token_type: &str| {
            let mut tokens = tokens("a2", None);
            token_type.clone_into(&mut tokens.access[0].token_type);
            hold(&record(), &tokens, 7).is_some()
        };
        assert!(of_type("mac") && of_type("DPoP"));
        assert!(!of_type("bearer") && !of_type("BEARER"));
    }

    #[test]
    fn a_grant_with_a_key_takes_bound_tokens_and_once_it_has_one_no_other() {
        let is_held = |before: &Record, token_type: &str| {
            let mut tokens = tokens("a2", None);
            token_type.clone_into(&mut tokens.access[0].token_type);
            hold(before, &tokens, 7).is_some()
        };
        let mut consented = record();
        consented.dpop_key = Some("key".into());
        assert!(!is_held(&consented, "DPoP") && !is_held(&consented, "dpop"));
        assert!(!is_held(&consented, "Bearer")); // the provider does not bind
        consented.tokens.as_mut().unwrap().access[0].token_type = "DPoP".into();
        assert!(!is_held(&consented, "DPoP") && is_held(&consented, "Bearer"));
    }
}
