use std::time::Duration;

use evergrant_sandbox::{
    CLIENT_ID, CLIENT_SECRET, Choice, Options, PUBLIC_CLIENT_ID, RESERVED_CLIENT_ID,
    RESERVED_CLIENT_SECRET,
};
use serde_json::json;

use crate::client::{
    Provider, REDIRECT_URI, Response, Tokens, VERIFIER, authorization_target, basic, parameter,
};

fn assert_error(response: &Response, status: u16, error: &str) {
    assert_eq!((response.status, response.json()["error"].as_str()), (status, Some(error)));
    assert_eq!(response.header("cache-control"), "no-store");
}

#[test]
fn a_consent_leads_to_tokens_that_open_the_api() {
    let provider = Provider::start();
    let response = provider.exchange(&provider.code(CLIENT_ID, "bob", "a b"));
    let json = response.json();
    assert_eq!(json["token_type"], "Bearer");
    assert_eq!(json["expires_in"], 3600);
    assert_eq!(json["scope"], "a b");
    assert_eq!(response.header("cache-control"), "no-store");
    let me = provider.call(&Tokens::of(&response).access, "/api/me").json();
    let expected = json!({
        "user": "bob", "client": CLIENT_ID, "protocol": "oauth2", "token_number": 1,
    });
    assert_eq!(me, expected);
}

#[test]
fn the_form_of_the_page_redirects_with_code_state_and_issuer() {
    let provider = Provider::start();
    let allow = [("user", "bob"), ("decision", "allow")];
    let response = provider.post(&authorization_target(&[]), &[], &allow);
    assert!(response.header("location").starts_with(REDIRECT_URI));
    assert_eq!(response.redirected("state").unwrap(), "s t&te");
    assert_eq!(response.redirected("iss").unwrap(), provider.0.base_url());
    Tokens::of(&provider.exchange(&response.redirected("code").unwrap()));
}

#[test]
fn a_get_never_consents() {
    let provider = Provider::start();
    let target = authorization_target(&[("decision", "allow"), ("user", "bob")]);
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let page = provider.send("GET", &target, &headers, b"decision=allow");
    assert_eq!((page.status, page.header("location")), (200, ""));
    assert_eq!(provider.send("PUT", &target, &headers, b"decision=allow").status, 405);
}

#[test]
fn a_denial_comes_back_as_access_denied() {
    let provider = Provider::start();
    let url = provider.authorization_url(&[]);
    let callback = provider.0.consent(&url, "bob", Choice::Deny).unwrap();
    assert_eq!(parameter(&callback, "error").unwrap(), "access_denied");
    assert_eq!(parameter(&callback, "state").unwrap(), "s t&te");
    assert_eq!(parameter(&callback, "code"), None);
}

#[test]
fn an_unsafe_request_is_not_redirected() {
    let provider = Provider::start();
    for change in [
        ("client_id", "nobody"),
        ("client_id", ""),
        ("redirect_uri", ""),
        ("redirect_uri", "https://127.0.0.1/callback"),
        ("redirect_uri", "http://example.com/callback"),
        ("redirect_uri", "http://127.0.0.1/callback#fragment"),
    ] {
        let response = provider.get(&authorization_target(&[change]));
        assert_eq!(response.status, 400, "{change:?}");
        assert_eq!(response.header("location"), "", "{change:?}");
    }
    let twice = format!("{}&client_id={CLIENT_ID}", authorization_target(&[]));
    assert_eq!(provider.get(&twice).status, 400);
}

#[test]
fn a_wrong_request_is_redirected_with_its_error() {
    let provider = Provider::start();
    let public = ("client_id", PUBLIC_CLIENT_ID);
    let (no_challenge, no_method) = (("code_challenge", ""), ("code_challenge_method", ""));
    for (changes, error) in [
        (&[("response_type", "token")][..], "unsupported_response_type"),
        (&[("response_type", "")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[no_method], "invalid_request"),
        (&[("code_challenge", "short")], "invalid_request"),
        (&[public, no_challenge, no_method], "invalid_request"),
    ] {
        let response = provider.get(&authorization_target(changes));
        assert_eq!(response.redirected("error").as_deref(), Some(error), "{changes:?}");
        assert_eq!(response.redirected("state").as_deref(), Some("s t&te"));
    }
}

#[test]
fn every_loopback_redirect_uri_is_registered() {
    let provider = Provider::start();
    for uri in ["http://127.0.0.1/callback", "http://[::1]:7/x?y=z", "http://localhost:8/"] {
        let response = provider.get(&authorization_target(&[("redirect_uri", uri)]));
        assert_eq!(response.status, 200, "{uri}");
    }
}

#[test]
fn each_client_authenticates_its_own_way_and_no_other() {
    let provider = Provider::start();
    let attempt = |headers: &[(&str, &str)], credentials: &[(&str, &str)]| {
        let form = [&[("grant_type", "client_credentials")], credentials].concat();
        provider.post("/oauth2/token", headers, &form)
    };
    let good = basic(CLIENT_ID, CLIENT_SECRET);
    let reserved = basic(RESERVED_CLIENT_ID, RESERVED_CLIENT_SECRET);
    let (id, secret) = (("client_id", CLIENT_ID), ("client_secret", CLIENT_SECRET));
    assert_eq!(attempt(&[("Authorization", &good)], &[]).status, 200);
    assert_eq!(attempt(&[("authorization", &good.replace("Basic", "bAsIc"))], &[]).status, 200);
    assert_eq!(attempt(&[("Authorization", &good)], &[id]).status, 200);
    assert_eq!(attempt(&[("Authorization", &reserved)], &[]).status, 200);
    assert_eq!(attempt(&[], &[id, secret]).status, 200);

    // "sandbox client+1:s:e%c r&t" as it is, not form-encoded
    let raw = "Basic c2FuZGJveCBjbGllbnQrMTpzOmUlYyByJnQ=";
    let public = ("client_id", PUBLIC_CLIENT_ID);
    for (headers, form) in [
        (&[][..], &[][..]),
        (&[], &[id]),
        (&[], &[id, ("client_secret", "wrong")]),
        (&[], &[public, secret]),
        (&[("Authorization", &*basic(CLIENT_ID, "wrong"))], &[]),
        (&[("Authorization", raw)], &[]),
        (&[("Authorization", "Basic !")], &[]),
        (&[("Authorization", "Bearer x")], &[]),
    ] {
        let response = attempt(headers, form);
        assert_error(&response, 401, "invalid_client");
        assert!(response.header("www-authenticate").starts_with("Basic "));
    }
    assert_error(&attempt(&[("Authorization", &good)], &[secret]), 400, "invalid_request");
    assert_error(&attempt(&[("Authorization", &good)], &[public]), 400, "invalid_request");
    assert_error(&attempt(&[], &[public]), 400, "unauthorized_client");
}

#[test]
fn a_token_request_is_read_as_the_rfc_has_it() {
    let provider = Provider::start();
    let client = [("grant_type", "client_credentials")];
    assert_error(&provider.token(&[("grant_type", "password")]), 400, "unsupported_grant_type");
    assert_error(&provider.token(&[]), 400, "invalid_request");
    assert_error(&provider.token(&[client[0], client[0]]), 400, "invalid_request");
    assert_error(&provider.token(&[("grant_type", "refresh_token")]), 400, "invalid_request");
    let headers = [("Authorization", &*basic(CLIENT_ID, CLIENT_SECRET))];
    let json = provider.send("POST", "/oauth2/token", &headers, b"{}");
    assert_error(&json, 400, "invalid_request");
    let get = provider.send("GET", "/oauth2/token", &headers, b"");
    assert_eq!((get.status, get.header("allow")), (405, "POST"));
}

#[test]
fn a_code_is_bound_to_client_redirect_uri_and_verifier() {
    let provider = Provider::start();
    let code = provider.code(CLIENT_ID, "bob", "");
    let attempt = |changes: &[(&str, &str)]| {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("code_verifier", VERIFIER),
            ("redirect_uri", REDIRECT_URI),
        ];
        form.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        provider.token(&[&form, changes].concat())
    };
    let other_verifier = VERIFIER.to_uppercase();
    assert_error(&attempt(&[("code_verifier", &other_verifier)]), 400, "invalid_grant");
    assert_error(&attempt(&[("code_verifier", "")]), 400, "invalid_grant");
    assert_error(&attempt(&[("redirect_uri", "http://127.0.0.1:8/")]), 400, "invalid_grant");
    assert_error(&attempt(&[("redirect_uri", "")]), 400, "invalid_request");
    assert_error(&attempt(&[("code", "sbx.code.unknown")]), 400, "invalid_grant");
    let other = [("Authorization", &*basic(RESERVED_CLIENT_ID, RESERVED_CLIENT_SECRET))];
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("code_verifier", VERIFIER),
        ("redirect_uri", REDIRECT_URI),
    ];
    assert_error(&provider.post("/oauth2/token", &other, &form), 400, "invalid_grant");
    assert_eq!(attempt(&[]).status, 200);
}

#[test]
fn a_verifier_without_a_challenge_is_refused() {
    let provider = Provider::start();
    let url = provider.authorization_url(&[("code_challenge", ""), ("code_challenge_method", "")]);
    let callback = provider.0.consent(&url, "bob", Choice::Allow).unwrap();
    let code = parameter(&callback, "code").unwrap();
    assert_error(&provider.exchange(&code), 400, "invalid_grant");
}

#[test]
fn a_code_expires_on_the_sandbox_clock() {
    let provider = Provider::start();
    let code = provider.code(CLIENT_ID, "bob", "");
    provider.0.advance_clock(Duration::from_secs(60));
    assert_error(&provider.exchange(&code), 400, "invalid_grant");
}

#[test]
fn a_code_used_twice_takes_back_what_it_brought() {
    let provider = Provider::start();
    let code = provider.code(CLIENT_ID, "bob", "");
    let tokens = Tokens::of(&provider.exchange(&code));
    assert_error(&provider.exchange(&code), 400, "invalid_grant");
    assert_eq!(provider.call(&tokens.access, "/api/me").status, 401);
    assert_error(&provider.refresh(&tokens.refresh), 400, "invalid_grant");
    assert!(!provider.0.grants()[0].alive);
}

#[test]
fn a_public_client_gets_tokens_by_its_identifier_and_pkce() {
    let provider = Provider::start();
    let code = provider.code(PUBLIC_CLIENT_ID, "bob", "");
    let form = [
        ("client_id", PUBLIC_CLIENT_ID),
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("code_verifier", VERIFIER),
        ("redirect_uri", REDIRECT_URI),
    ];
    let tokens = Tokens::of(&provider.post("/oauth2/token", &[], &form));
    let form = [
        ("client_id", PUBLIC_CLIENT_ID),
        ("grant_type", "refresh_token"),
        ("refresh_token", &tokens.refresh),
    ];
    Tokens::of(&provider.post("/oauth2/token", &[], &form));
}

#[test]
fn the_scope_no_refresh_brings_no_refresh_token() {
    let provider = Provider::start();
    let response = provider.exchange(&provider.code(CLIENT_ID, "bob", "a no-refresh"));
    assert_eq!(response.json().get("refresh_token"), None);
}

#[test]
fn each_refresh_rotates_and_old_access_tokens_live_on() {
    let provider = Provider::start();
    let first = provider.login("bob");
    let second = Tokens::of(&provider.refresh(&first.refresh));
    let third = Tokens::of(&provider.refresh(&second.refresh));
    assert_ne!(second.refresh, third.refresh);
    for access in [&first.access, &second.access, &third.access] {
        assert_eq!(provider.call(access, "/api/me").status, 200);
    }
    let grant = &provider.0.grants()[0];
    assert_eq!((grant.generation, grant.accesses_issued, grant.reuses), (3, 3, 0));
}

#[test]
fn a_rotation_can_end_the_access_tokens_before_it() {
    let provider = Provider::with(Options { keep_old_access_token: false, ..Options::default() });
    let first = provider.login("bob");
    let second = Tokens::of(&provider.refresh(&first.refresh));
    assert_eq!(provider.call(&first.access, "/api/me").status, 401);
    assert_eq!(provider.call(&second.access, "/api/me").status, 200);
}

#[test]
fn without_rotation_the_refresh_token_stays() {
    let provider = Provider::with(Options { rotate: false, ..Options::default() });
    let tokens = provider.login("bob");
    for _ in 0..2 {
        let response = provider.refresh(&tokens.refresh);
        assert_eq!(response.status, 200);
        assert_eq!(response.json().get("refresh_token"), None);
    }
    assert_eq!(provider.0.grants()[0].generation, 3);
}

#[test]
fn reuse_without_grace_kills_the_family_and_the_winner_with_it() {
    let provider = Provider::start();
    let first = provider.login("bob");
    let second = Tokens::of(&provider.refresh(&first.refresh));
    assert_error(&provider.refresh(&first.refresh), 400, "invalid_grant");
    assert_error(&provider.refresh(&second.refresh), 400, "invalid_grant");
    assert_eq!(provider.call(&second.access, "/api/me").status, 401);
    let grant = &provider.0.grants()[0];
    assert_eq!((grant.alive, grant.reuses), (false, 1));
    Tokens::of(&provider.refresh(&provider.login("bob").refresh));
}

#[test]
fn reuse_within_the_grace_brings_the_same_successor() {
    let provider = Provider::with(Options { grace: Duration::from_secs(30), ..Options::default() });
    let first = provider.login("bob");
    let second = Tokens::of(&provider.refresh(&first.refresh));
    provider.0.advance_clock(Duration::from_secs(29));
    let again = Tokens::of(&provider.refresh(&first.refresh));
    assert_eq!(again.refresh, second.refresh);
    assert_eq!(provider.call(&again.access, "/api/me").status, 200);
    let grant = provider.0.grants().remove(0);
    assert_eq!((grant.alive, grant.generation, grant.reuses), (true, 2, 1));
    provider.0.advance_clock(Duration::from_secs(1));
    assert_error(&provider.refresh(&first.refresh), 400, "invalid_grant");
    assert!(!provider.0.grants()[0].alive);
}

#[test]
fn a_token_two_generations_old_kills_the_family_even_within_the_grace() {
    let provider = Provider::with(Options { grace: Duration::from_secs(30), ..Options::default() });
    let first = provider.login("bob");
    let second = Tokens::of(&provider.refresh(&first.refresh));
    Tokens::of(&provider.refresh(&second.refresh));
    assert_error(&provider.refresh(&first.refresh), 400, "invalid_grant");
    assert!(!provider.0.grants()[0].alive);
}

#[test]
fn a_refresh_narrows_the_scope_and_never_widens_it() {
    let provider = Provider::start();
    let tokens = provider.login("bob");
    let attempt = |scope| {
        provider.token(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", &tokens.refresh),
            ("scope", scope),
        ])
    };
    assert_error(&attempt("a c"), 400, "invalid_scope");
    assert_eq!(attempt("b").json()["scope"], "b");
}

#[test]
fn a_refresh_token_of_another_client_is_refused_and_lives() {
    let provider = Provider::start();
    let tokens = provider.login("bob");
    let other = [("Authorization", &*basic(RESERVED_CLIENT_ID, RESERVED_CLIENT_SECRET))];
    let form = [("grant_type", "refresh_token"), ("refresh_token", &tokens.refresh)];
    assert_error(&provider.post("/oauth2/token", &other, &form), 400, "invalid_grant");
    Tokens::of(&provider.refresh(&tokens.refresh));
}

#[test]
fn client_credentials_bring_a_token_without_a_user() {
    let provider = Provider::start();
    let tokens = Tokens::of(&provider.token(&[("grant_type", "client_credentials")]));
    assert_eq!(tokens.refresh, "");
    assert!(provider.call(&tokens.access, "/api/me").json()["user"].is_null());
}

#[test]
fn revoking_a_refresh_token_ends_the_grant() {
    let provider = Provider::start();
    let tokens = provider.login("bob");
    let client = [("Authorization", &*basic(CLIENT_ID, CLIENT_SECRET))];
    let revoke = |token: &str| provider.post("/oauth2/revoke", &client, &[("token", token)]);
    assert_eq!(revoke("sbx.rt.unknown").status, 200);
    assert_eq!(revoke(&tokens.refresh).status, 200);
    assert_eq!(provider.call(&tokens.access, "/api/me").status, 401);
    assert_error(&provider.refresh(&tokens.refresh), 400, "invalid_grant");
    assert_eq!(provider.0.grants()[0].reuses, 0);
}

#[test]
fn revoking_an_access_token_leaves_the_grant() {
    let provider = Provider::start();
    let tokens = provider.login("bob");
    let client = [("Authorization", &*basic(CLIENT_ID, CLIENT_SECRET))];
    let response = provider.post("/oauth2/revoke", &client, &[("token", &tokens.access)]);
    assert_eq!(response.status, 200);
    assert_eq!(provider.call(&tokens.access, "/api/me").status, 401);
    Tokens::of(&provider.refresh(&tokens.refresh));
}

#[test]
fn revocation_asks_who_the_client_is() {
    let provider = Provider::start();
    let tokens = provider.login("bob");
    let form = [("token", &*tokens.refresh)];
    assert_error(&provider.post("/oauth2/revoke", &[], &form), 401, "invalid_client");
    let other = [("Authorization", &*basic(RESERVED_CLIENT_ID, RESERVED_CLIENT_SECRET))];
    assert_error(&provider.post("/oauth2/revoke", &other, &form), 400, "unauthorized_client");
    let own = [("Authorization", &*basic(CLIENT_ID, CLIENT_SECRET))];
    assert_error(&provider.post("/oauth2/revoke", &own, &[]), 400, "invalid_request");
    assert!(provider.0.grants()[0].alive);
}

#[test]
fn both_discovery_documents_name_the_endpoints() {
    let provider = Provider::start();
    let base = provider.0.base_url();
    for name in ["oauth-authorization-server", "openid-configuration"] {
        let json = provider.get(&format!("/.well-known/{name}")).json();
        assert_eq!(json["issuer"], base);
        assert_eq!(json["authorization_endpoint"], format!("{base}/oauth2/authorize"));
        assert_eq!(json["token_endpoint"], format!("{base}/oauth2/token"));
        assert_eq!(json["revocation_endpoint"], format!("{base}/oauth2/revoke"));
        assert_eq!(json["code_challenge_methods_supported"], json!(["S256"]));
    }
}
