//! What an authorization request says, how it gets to the provider, and what its callback has to say: pushed requests, issuers,
//! resources, details, scopes, state.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evergrant::{
    BeginOptions, Client, Code, FinishOptions, Finished, StandingStatus, Start, options_from_json,
    wait,
};
use evergrant_sandbox::{Choice, Fault, FaultKind, Options, Sandbox, Target};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;
use support::{oauth2, sandbox};
use url::Url;

const LIFETIME: Duration = Duration::from_secs(3600);

/// The sandbox as a provider, with `more` keys.
fn provider(sandbox: &Sandbox, more: &Value) -> Value {
    let base = sandbox.base_url();
    let mut provider = json!({
        "name": "sandbox",
        "authorization_endpoint": format!("{base}/oauth2/authorize"),
        "token_endpoint": format!("{base}/oauth2/token"),
        "offline": {},
    });
    provider.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    provider
}

fn client(sandbox: &Sandbox, provider_keys: &Value, config_keys: &Value) -> Client {
    let mut keys = json!({ "provider": provider(sandbox, provider_keys) });
    keys.as_object_mut().unwrap().extend(config_keys.as_object().unwrap().clone());
    Client::open(oauth2(sandbox, "memory:", &keys)).unwrap()
}

fn begin(client: &Client, options: &Value) -> evergrant::Result<Start> {
    let options: BeginOptions = options_from_json(&options.to_string())?;
    wait(client.begin("alice", options))
}

fn finish(client: &Client, callback: &str) -> evergrant::Result<Finished> {
    wait(client.finish(callback, FinishOptions::default()))
}

fn query(url: &str) -> Vec<(String, String)> {
    Url::parse(url).unwrap().query_pairs().into_owned().collect()
}

fn parameter(url: &str, name: &str) -> Option<String> {
    query(url).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

fn consented(client: &Client, sandbox: &Sandbox, options: &Value) -> Finished {
    let start = begin(client, options).unwrap();
    let callback = sandbox.consent(&start.url, "alice", Choice::Allow).unwrap();
    finish(client, &callback).unwrap()
}

/// What a token request sent under a name.
fn sent(sandbox: &Sandbox, grant_type: &str, name: &str) -> Vec<String> {
    let journal = sandbox.journal();
    let is_it =
        |entry: &&evergrant_sandbox::JournalEntry| entry.grant_type.as_deref() == Some(grant_type);
    let request = journal.iter().rfind(is_it).unwrap();
    request.form.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
}

// Pushed authorization requests (RFC 9126)

#[test]
fn a_request_that_has_to_be_pushed_is_and_the_browser_carries_a_reference() {
    let options = Options { require_pushed_authorization_requests: true, ..Options::default() };
    let sandbox = Sandbox::start(options).unwrap();
    let config = json!({
        "provider": sandbox.base_url(), // its metadata demands it
    });
    let client = Client::open(oauth2(&sandbox, "memory:", &config)).unwrap();
    let start = begin(&client, &json!({"parameters": {"audience": "x"}})).unwrap();
    let names: Vec<_> = query(&start.url).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["client_id", "request_uri"]);
    assert!(start.open_by.unwrap() < start.expires_at);
    let pushed = sandbox.journal().pop().unwrap();
    assert_eq!((&*pushed.path, pushed.authorization.as_deref()), ("/oauth2/par", Some("Basic")));
    for name in [
        "response_type",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "code_challenge",
        "audience",
    ] {
        assert_eq!(pushed.form.iter().filter(|(key, _)| key == name).count(), 1, "{name}");
    }
    let callback = sandbox.consent(&start.url, "alice", Choice::Allow).unwrap();
    assert_eq!(finish(&client, &callback).unwrap().subject, "alice");
}

#[test]
fn par_is_where_the_provider_demands_it_or_always_or_never() {
    let sandbox = sandbox(LIFETIME);
    let endpoint = json!({"pushed_authorization_request_endpoint": format!("{}/oauth2/par", sandbox.base_url())});
    let mut demanded = endpoint.clone();
    demanded["require_pushed_authorization_requests"] = json!(true);
    for (keys, par, is_pushed) in [
        (&endpoint, "auto", false),
        (&endpoint, "always", true),
        (&demanded, "auto", true),
        (&demanded, "off", false),
    ] {
        // The client names itself once, also where it authenticates in the body.
        for method in ["client_secret_basic", "client_secret_post"] {
            let config = json!({"par": par, "client_authentication": method});
            let start = begin(&client(&sandbox, keys, &config), &json!({})).unwrap();
            assert_eq!(parameter(&start.url, "request_uri").is_some(), is_pushed, "{par}");
        }
    }
    let error =
        begin(&client(&sandbox, &json!({}), &json!({"par": "always"})), &json!({})).unwrap_err();
    assert_eq!(error.code(), Code::Unsupported);
}

#[test]
fn a_pushed_request_that_is_refused_is_told_and_shows_no_secret() {
    let sandbox = sandbox(LIFETIME);
    let keys = json!({"pushed_authorization_request_endpoint": format!("{}/oauth2/par", sandbox.base_url())});
    let answered = |status, body: &str| {
        let client = client(&sandbox, &keys, &json!({"par": "always"}));
        let fault = Fault {
            status: Some(status),
            body: Some(body.to_owned()),
            content_type: Some("application/json".to_owned()),
            ..Fault::new(Target::Any, FaultKind::Status)
        };
        sandbox.add_fault(fault).unwrap();
        begin(&client, &json!({})).unwrap_err()
    };
    let refused =
        answered(400, r#"{"error":"invalid_request","error_description":"not sandbox-secret"}"#);
    assert_eq!(
        (refused.code(), refused.server_error()),
        (Code::ProviderError, Some("invalid_request"))
    );
    assert!(!refused.to_json().to_string().contains("sandbox-secret"), "{refused}");
    assert_eq!(answered(401, r#"{"error":"invalid_client"}"#).code(), Code::MisconfiguredClient);
    assert_eq!(answered(201, "{}").code(), Code::InvalidResponse);
    assert_eq!(answered(500, "").code(), Code::ProviderError);
}

// The issuer (RFC 9207)

#[test]
fn security_05_a_callback_names_the_issuer_that_the_user_was_sent_to() {
    let sandbox = sandbox(LIFETIME);
    let issuer = sandbox.base_url();
    let keys = |promised: bool| json!({"issuer": issuer, "authorization_response_iss_parameter_supported": promised});
    let callback = |client: &Client, iss: Option<&str>| {
        let start = begin(client, &json!({})).unwrap();
        let mut url =
            Url::parse(&sandbox.consent(&start.url, "alice", Choice::Allow).unwrap()).unwrap();
        let kept: Vec<_> =
            query(url.as_str()).into_iter().filter(|(name, _)| name != "iss").collect();
        url.query_pairs_mut().clear().extend_pairs(kept);
        if let Some(iss) = iss {
            url.query_pairs_mut().append_pair("iss", iss);
        }
        finish(client, url.as_str())
    };
    let (promised, silent) =
        (client(&sandbox, &keys(true), &json!({})), client(&sandbox, &keys(false), &json!({})));
    assert!(callback(&promised, Some(issuer)).is_ok());
    assert!(callback(&silent, Some(issuer)).is_ok());
    assert!(callback(&silent, None).is_ok());
    let almost = format!("{issuer}/");
    for (client, iss) in [
        (&promised, None),
        (&promised, Some("https://evil.example")),
        (&silent, Some(almost.as_str())),
    ] {
        let before = sandbox.journal().iter().filter(|entry| entry.grant_type.is_some()).count();
        let error = callback(client, iss).unwrap_err();
        assert_eq!((error.code(), error.reason()), (Code::StateMismatch, Some("issuer")));
        let after = sandbox.journal().iter().filter(|entry| entry.grant_type.is_some()).count();
        assert_eq!(after, before, "the code was sent somewhere");
    }
}

#[test]
fn security_05_a_code_goes_to_no_other_issuer_than_the_one_that_was_asked() {
    let sandbox = sandbox(LIFETIME);
    let folder = support::Folder::new();
    let of = |issuer: &str| {
        let keys = json!({"provider": provider(&sandbox, &json!({"issuer": issuer}))});
        Client::open(oauth2(&sandbox, &folder.database(), &keys)).unwrap()
    };
    let start = begin(&of("https://one.example"), &json!({})).unwrap();
    let callback = format!("?code=c&state={}", start.state);
    let error = finish(&of("https://two.example"), &callback).unwrap_err();
    assert_eq!((error.code(), error.reason()), (Code::StateMismatch, Some("issuer")));
}

// Resources (RFC 8707) and details (RFC 9396)

#[test]
fn the_clients_resource_is_named_at_consent_and_with_every_token_request() {
    let sandbox = sandbox(LIFETIME);
    let client = client(&sandbox, &json!({}), &json!({"resource": ["https://one.example/"]}));
    let start = begin(&client, &json!({})).unwrap();
    assert_eq!(parameter(&start.url, "resource").as_deref(), Some("https://one.example/"));
    consented(&client, &sandbox, &json!({}));
    assert_eq!(sent(&sandbox, "authorization_code", "resource"), ["https://one.example/"]);
    wait(client.grant("alice").refresh(evergrant::RefreshOptions::default())).unwrap();
    assert_eq!(sent(&sandbox, "refresh_token", "resource"), ["https://one.example/"]);
    let other = evergrant::TokenOptions {
        resource: Some("https://two.example/".to_owned()),
        ..evergrant::TokenOptions::default()
    };
    wait(client.grant("alice").access_token(other)).unwrap();
    assert_eq!(sent(&sandbox, "refresh_token", "resource"), ["https://two.example/"]);
}

#[test]
fn consent_is_asked_for_further_resources_and_details() {
    let sandbox = sandbox(LIFETIME);
    let client = client(&sandbox, &json!({}), &json!({}));
    let details = json!([{"type": "account_information", "actions": ["list_accounts"], "locations": ["https://example.com/accounts"]}]);
    let options = json!({
        "resource": ["https://cal.example.com/", "https://contacts.example.com/", "https://cal.example.com/"],
        "authorization_details": details,
    });
    let url = begin(&client, &options).unwrap().url;
    let resources: Vec<_> =
        query(&url).into_iter().filter(|(name, _)| name == "resource").collect();
    assert_eq!(resources.len(), 2);
    // RFC 9396 section 3.
    let told: Value = parameter(&url, "authorization_details").unwrap().parse().unwrap();
    assert_eq!(told, details);
    for wrong in [
        json!({"resource": ["relative"]}),
        json!({"resource": ["https://a.example/#fragment"]}),
        json!({"authorization_details": [{"actions": []}]}),
        json!({"authorization_details": ["text"]}),
        json!({"parameters": {"request_uri": "urn:x"}}),
    ] {
        assert_eq!(begin(&client, &wrong).unwrap_err().code(), Code::InvalidArgument, "{wrong}");
    }
}

// Scopes

#[test]
fn security_17_what_was_granted_is_recorded_and_compared_and_judged_by_nobody_but_the_application()
{
    let sandbox = sandbox(LIFETIME);
    let client = client(&sandbox, &json!({}), &json!({"scope": ["read", "write", "read"]}));
    let start = begin(&client, &json!({})).unwrap();
    assert_eq!(parameter(&start.url, "scope").as_deref(), Some("read write"));
    let fault = Fault {
        status: Some(200),
        body: Some(r#"{"access_token":"a","refresh_token":"r","scope":"read other"}"#.to_owned()),
        content_type: Some("application/json".to_owned()),
        ..Fault::new(Target::Token, FaultKind::Status)
    };
    sandbox.add_fault(fault).unwrap();
    let callback = sandbox.consent(&start.url, "alice", Choice::Allow).unwrap();
    let finished = finish(&client, &callback).unwrap();
    assert_eq!(finished.scope, ["read", "other"]);
    assert_eq!(finished.missing_scope, ["write"]);
    let grant = client.grant("alice");
    assert_eq!(wait(grant.missing_scope(None)).unwrap(), ["write"]);
    let wanted = evergrant::Scopes(vec!["other".to_owned(), "third".to_owned()]);
    assert_eq!(wait(grant.missing_scope(Some(wanted))).unwrap(), ["third"]);
}

#[test]
fn more_scopes_are_asked_for_beside_those_that_were_granted() {
    let sandbox = sandbox(LIFETIME);
    let by_union = client(&sandbox, &json!({}), &json!({"scope": ["read"]}));
    consented(&by_union, &sandbox, &json!({}));
    let finished = consented(&by_union, &sandbox, &json!({"scope": "write", "incremental": true}));
    assert_eq!(finished.scope, ["write", "read"]);

    let own_way = json!({"incremental_parameters": {"include_granted_scopes": "true"}});
    let by_parameter = client(&sandbox, &own_way, &json!({"scope": ["read"]}));
    consented(&by_parameter, &sandbox, &json!({}));
    let start = begin(&by_parameter, &json!({"scope": "write", "incremental": true})).unwrap();
    assert_eq!(parameter(&start.url, "scope").as_deref(), Some("write"));
    assert_eq!(parameter(&start.url, "include_granted_scopes").as_deref(), Some("true"));
    // An answer that names no scope granted all that was asked for, and what stood.
    let fault = Fault {
        status: Some(200),
        body: Some(r#"{"access_token":"a","refresh_token":"r"}"#.to_owned()),
        content_type: Some("application/json".to_owned()),
        ..Fault::new(Target::Token, FaultKind::Status)
    };
    sandbox.add_fault(fault).unwrap();
    let callback = sandbox.consent(&start.url, "alice", Choice::Allow).unwrap();
    assert_eq!(finish(&by_parameter, &callback).unwrap().scope, ["write", "read"]);
    // Without the option nothing of it is said.
    let start = begin(&by_parameter, &json!({"scope": "write"})).unwrap();
    assert_eq!(parameter(&start.url, "include_granted_scopes"), None);
}

#[test]
fn prompt_beats_approval_prompt() {
    let sandbox = sandbox(LIFETIME);
    let keys = json!({"authorization_parameters": {"approval_prompt": "force"}});
    let client = client(&sandbox, &keys, &json!({}));
    let with = begin(&client, &json!({"prompt": "consent"})).unwrap().url;
    assert_eq!(parameter(&with, "approval_prompt"), None);
    let without = begin(&client, &json!({})).unwrap().url;
    assert_eq!(parameter(&without, "approval_prompt").as_deref(), Some("force"));
}

#[test]
fn a_check_says_valid_refreshable_or_where_to_send_the_user_and_asks_nobody() {
    let sandbox = sandbox(LIFETIME);
    let client = client(&sandbox, &json!({}), &json!({}));
    let check = |options: Value| {
        let options: BeginOptions = options_from_json(&options.to_string()).unwrap();
        wait(client.check("alice", options)).unwrap()
    };
    let standing = check(json!({}));
    assert_eq!(
        (standing.status, standing.reason.as_deref()),
        (StandingStatus::NeedUser, Some("no_grant"))
    );
    let callback = sandbox.consent(&standing.start.unwrap().url, "alice", Choice::Allow).unwrap();
    finish(&client, &callback).unwrap();
    let requests = sandbox.journal().len();
    let standing = check(json!({"scope": "read"}));
    assert_eq!(standing.status, StandingStatus::Valid);
    assert!(standing.start.is_none());
    let standing = check(json!({"scope": "read admin", "incremental": true}));
    assert_eq!(standing.reason.as_deref(), Some("missing_scope"));
    assert_eq!(standing.missing_scope, ["admin"]);
    let url = standing.start.unwrap().url;
    assert_eq!(parameter(&url, "scope").as_deref(), Some("read admin write"));

    let now =
        i64::try_from(sandbox.now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis())
            .unwrap();
    client.set_test_clock(Some(now + 3_600_000));
    assert_eq!(check(json!({})).status, StandingStatus::Refreshable);
    assert_eq!(sandbox.journal().len(), requests);
}

// Signed requests

/// The claims of a JWT that the key of RFC 8037 appendix A.1 signed.
fn claims_signed_by_ed25519(jwt: &str) -> Value {
    let (input, signature) = jwt.rsplit_once('.').unwrap();
    let key = DecodingKey::from_ed_components("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    assert!(crypto::verify(signature, input.as_bytes(), &key.unwrap(), Algorithm::EdDSA).unwrap());
    let part = |text| URL_SAFE_NO_PAD.decode(text).unwrap();
    let (header, claims) = input.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&part(header)).unwrap();
    assert_eq!(header, json!({"typ": "oauth-authz-req+jwt", "alg": "EdDSA"}));
    serde_json::from_slice(&part(claims)).unwrap()
}

#[test]
fn rfc9101_a_signed_request_says_all_in_one_object_for_the_issuer() {
    let sandbox = sandbox(LIFETIME);
    let key = r#"{"kty": "OKP", "crv": "Ed25519", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let issuer = json!({"issuer": "https://as.example"});
    let wanted = json!({"private_key": key, "request_object": true, "client_authentication": "client_secret_basic"});
    let start = begin(&client(&sandbox, &issuer, &wanted), &json!({})).unwrap();
    let names: Vec<_> = query(&start.url).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["client_id", "request"]);
    let claims = claims_signed_by_ed25519(&parameter(&start.url, "request").unwrap());
    assert_eq!(
        (&claims["iss"], &claims["aud"]),
        (&claims["client_id"], &json!("https://as.example"))
    );
    assert_eq!((&claims["state"], &claims["response_type"]), (&json!(start.state), &json!("code")));
    assert_eq!(
        (&claims["code_challenge_method"], &claims["scope"]),
        (&json!("S256"), &json!("read write"))
    );
    assert_eq!(claims["exp"], start.expires_at / 1000);

    let unsigned = json!({"request_object": true});
    let error = begin(&client(&sandbox, &issuer, &unsigned), &json!({})).unwrap_err();
    assert!(error.message().starts_with("private_key:"), "{error}");
    let error = begin(&client(&sandbox, &json!({}), &wanted), &json!({})).unwrap_err();
    assert!(error.message().starts_with("provider.issuer:"), "{error}");
    let demanded = json!({"issuer": "https://as.example", "require_signed_request_object": true});
    let error = begin(&client(&sandbox, &demanded, &json!({})), &json!({})).unwrap_err();
    assert_eq!(error.code(), Code::InvalidConfig);
}

// State and redirect URI

#[test]
fn state_goes_by_another_name_or_in_the_redirect_uri_where_a_provider_wants_it() {
    let sandbox = sandbox(LIFETIME);
    // The sandbox gives back `state` alone: what another provider would give is written by hand.
    let renamed = client(
        &sandbox,
        &json!({"names": {"authorization": {"state": "opaque"}, "callback": {"state": "opaque"}}}),
        &json!({}),
    );
    let start = begin(&renamed, &json!({})).unwrap();
    assert_eq!(parameter(&start.url, "opaque").as_deref(), Some(&*start.state));
    assert_eq!(parameter(&start.url, "state"), None);
    let callback = sandbox.consent(&start.url, "alice", Choice::Allow).unwrap();
    assert_eq!(finish(&renamed, &callback).unwrap_err().code(), Code::StateMismatch);
    finish(&renamed, &format!("{callback}&opaque={}", start.state)).unwrap();

    let keys = json!({"state_in": "redirect_uri", "names": {"callback": {"state": "s"}}});
    let inside = client(&sandbox, &keys, &json!({"redirect_uri": "http://127.0.0.1/callback?x=1"}));
    let start = begin(&inside, &json!({})).unwrap();
    let redirect_uri = parameter(&start.url, "redirect_uri").unwrap();
    assert_eq!(redirect_uri, format!("http://127.0.0.1/callback?x=1&s={}", start.state));
    let callback = sandbox.consent(&start.url, "alice", Choice::Allow).unwrap();
    finish(&inside, &callback).unwrap();
    assert_eq!(sent(&sandbox, "authorization_code", "redirect_uri"), [redirect_uri]);
}

#[test]
fn a_pasted_code_does_for_a_callback_where_the_application_knows_the_state() {
    let sandbox = sandbox(LIFETIME);
    let client = client(&sandbox, &json!({}), &json!({}));
    let pasted = |text: &str, state: Option<&str>| {
        let state = state.map(str::to_owned);
        wait(client.finish(text, FinishOptions { state, ..FinishOptions::default() }))
    };
    for form in ["code", "url"] {
        let start = begin(&client, &json!({})).unwrap();
        let callback = sandbox.consent(&start.url, "alice", Choice::Allow).unwrap();
        let code = parameter(&callback, "code").unwrap();
        let text = if form == "code" { format!(" {code}\n") } else { callback };
        assert_eq!(pasted(&text, None).is_ok(), form == "url", "a code alone is nobody's");
        if form == "code" {
            pasted(&text, Some(&start.state)).unwrap();
        }
    }
    let (one, other) = (begin(&client, &json!({})).unwrap(), begin(&client, &json!({})).unwrap());
    let callback = sandbox.consent(&one.url, "alice", Choice::Allow).unwrap();
    let error = pasted(&callback, Some(&other.state)).unwrap_err();
    assert_eq!((error.code(), error.reason()), (Code::StateMismatch, Some("other")));
    pasted(&callback, Some(&one.state)).unwrap(); // it was not used up
    for text in ["", " ", "/callback", "two words"] {
        assert_eq!(pasted(text, Some("x")).unwrap_err().code(), Code::InvalidArgument, "{text:?}");
    }
}

#[test]
fn a_code_that_came_another_way_is_exchanged_as_it_was_asked_for() {
    let sandbox = sandbox(LIFETIME);
    let client = client(&sandbox, &json!({}), &json!({}));
    let url = format!(
        "{}/oauth2/authorize?response_type=code&client_id=sandbox-client&scope=read\
         &redirect_uri=http%3A%2F%2F127.0.0.1%2Fother",
        sandbox.base_url()
    );
    let code = parameter(&sandbox.consent(&url, "alice", Choice::Allow).unwrap(), "code").unwrap();
    let options = json!({"redirect_uri": "http://127.0.0.1/other", "scope": "read"});
    let exchange = |options: &Value| {
        wait(client.exchange("alice", &code, options_from_json(&options.to_string()).unwrap()))
    };
    assert_eq!(exchange(&options).unwrap().scope, ["read"]);
    assert!(wait(client.grant("alice").inspect()).unwrap().has_refresh_token);
    assert_eq!(exchange(&json!({})).unwrap_err().code(), Code::ProviderError);
    let last = sandbox.journal().pop().unwrap();
    let names: Vec<_> = last.form.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["grant_type", "code"]); // the sandbox wants a redirect URI; others do not
}

#[test]
fn a_redirect_uri_may_be_a_word_only_where_the_provider_says_so() {
    let sandbox = sandbox(LIFETIME);
    let word = json!({"redirect_uri": "postmessage"});
    let error = begin(&client(&sandbox, &json!({}), &word), &json!({})).unwrap_err();
    assert_eq!(error.code(), Code::InvalidConfig);
    let taken = client(&sandbox, &json!({"redirect_by_name": true}), &word);
    let url = begin(&taken, &json!({})).unwrap().url;
    assert_eq!(parameter(&url, "redirect_uri").as_deref(), Some("postmessage"));
    let none = client(&sandbox, &json!({}), &json!({"redirect_uri": null}));
    assert_eq!(parameter(&begin(&none, &json!({})).unwrap().url, "redirect_uri"), None);
}

#[test]
fn security_07_a_redirect_uri_is_https_or_on_this_machine_or_of_an_application() {
    let sandbox = sandbox(LIFETIME);
    for (uri, is_taken) in [
        ("https://app.example/cb", true),
        ("http://127.0.0.1:7/cb", true),
        ("com.example.app:/cb", true),
        ("http://app.example/cb", false),
    ] {
        let client = client(&sandbox, &json!({}), &json!({"redirect_uri": uri}));
        assert_eq!(begin(&client, &json!({})).is_ok(), is_taken, "{uri}");
    }
}

#[test]
fn security_20_an_issuer_in_a_private_network_is_refused_unless_it_is_allowed() {
    let sandbox = sandbox(LIFETIME);
    for issuer in [
        "https://10.0.0.1",
        "https://192.168.1.1:8443/realm",
        "https://[fd00::1]",
        "https://169.254.169.254",
    ] {
        let open = |allow: bool| {
            let keys = json!({"provider": issuer, "allow_private_addresses": allow});
            Client::open(oauth2(&sandbox, "memory:", &keys))
        };
        let error = open(false).unwrap_err();
        assert_eq!(error.code(), Code::InsecureUrl, "{issuer}");
        assert!(error.message().contains("allow_private_addresses"), "{error}");
        assert!(open(true).is_ok(), "{issuer}");
    }
    // Its metadata may name no endpoint there either; this machine is for tests.
    let document = json!({
        "issuer": sandbox.base_url(),
        "authorization_endpoint": format!("{}/oauth2/authorize", sandbox.base_url()),
        "token_endpoint": "https://10.0.0.1/token",
    });
    let fault = Fault {
        status: Some(200),
        body: Some(document.to_string()),
        content_type: Some("application/json".to_owned()),
        times: 0,
        ..Fault::new(Target::Discovery, FaultKind::Status)
    };
    sandbox.add_fault(fault).unwrap();
    let client =
        Client::open(oauth2(&sandbox, "memory:", &json!({"provider": sandbox.base_url()})))
            .unwrap();
    let start = begin(&client, &json!({})).unwrap();
    let error = finish(&client, &format!("?code=c&state={}", start.state)).unwrap_err();
    assert_eq!(error.code(), Code::InsecureUrl);
}

#[test]
fn security_05_parameters_of_applications_change_nothing_that_binds_an_authorization() {
    let sandbox = sandbox(LIFETIME);
    let client = client(
        &sandbox,
        &json!({"names": {"authorization": {"state": "opaque"}, "callback": {"state": "opaque"}}}),
        &json!({}),
    );
    let reserved = ["state", "opaque", "redirect_uri", "request", "request_uri", "code_challenge"];
    for name in reserved {
        let parameters: BTreeMap<_, _> = [(name.to_owned(), "x".to_owned())].into();
        let options = BeginOptions { parameters, ..BeginOptions::default() };
        let error = wait(client.begin("alice", options)).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{name}");
    }
}
