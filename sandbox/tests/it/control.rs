use std::time::{Duration, SystemTime, UNIX_EPOCH};

use evergrant_sandbox::{GrantSummary, Options, Protocol, Report, Sandbox};
use serde_json::{Value, json};

use crate::client::{Provider, Tokens, parameter};

#[test]
fn the_clock_goes_where_it_is_set() {
    let provider = Provider::start();
    let clock = |change: Value| provider.control("POST", "clock", &change).json();
    let now = |reading: &Value| reading["now"].as_f64().unwrap();
    assert!((now(&clock(json!({ "set": 1_000_000 }))) - 1_000_000.0).abs() < 10.0);
    assert!((now(&clock(json!({ "advance": 3.5 }))) - 1_000_003.5).abs() < 10.0);
    assert!((now(&clock(json!({ "advance": -3 }))) - 1_000_000.0).abs() < 10.0);
    let since_epoch = provider.0.now().duration_since(UNIX_EPOCH).unwrap();
    assert!(since_epoch < Duration::from_secs(1_000_010));
    assert_eq!(clock(json!({ "real": true }))["offset"], 0.0);
    assert!(provider.0.now() <= SystemTime::now());
    for wrong in [json!({}), json!({ "real": false }), json!({ "set": -1 }), json!({ "sat": 1 })] {
        assert_eq!(provider.control("POST", "clock", &wrong).status, 400, "{wrong}");
    }
    assert_eq!(provider.control("GET", "clock", &Value::Null).json()["offset"], 0.0);
}

#[test]
fn answers_have_the_date_of_the_sandbox_clock() {
    let provider = Provider::start();
    provider.control("POST", "clock", &json!({ "set": 1_893_456_000 }));
    for (target, status) in [("/api/me", 401), ("/oauth2/token", 405)] {
        let answer = provider.send("GET", target, &[], b"");
        let date = answer.header("date");
        assert_eq!(answer.status, status);
        assert!(date.starts_with("Tue, 01 Jan 2030 00:00:"), "{date}");
    }
}

#[test]
fn options_change_while_it_runs() {
    let provider = Provider::start();
    let changed = provider.control(
        "POST",
        "options",
        &json!({ "access_token_lifetime": 1.5, "grace": 10, "rotate": false }),
    );
    let read: Options = serde_json::from_slice(&changed.body).unwrap();
    assert_eq!(read, provider.0.options());
    assert_eq!(read.access_token_lifetime, Duration::from_millis(1500));
    assert_eq!((read.grace, read.rotate), (Duration::from_secs(10), false));
    assert!(read.keep_old_access_token);
    for wrong in
        [json!({ "grcae": 1 }), json!({ "rotate": 1 }), json!({ "address": "127.0.0.1:1" })]
    {
        let refused = provider.control("POST", "options", &wrong);
        assert_eq!(refused.status, 400, "{wrong}");
        let key = wrong.as_object().unwrap().keys().next().unwrap().clone();
        let error = refused.json()["error"].as_str().unwrap().to_owned();
        assert!(key == "rotate" || error.contains(&key), "{error}");
    }
    assert_eq!(provider.0.options(), read);
    provider.0.set_options(Options::default());
    assert_eq!(provider.0.options(), Options::default());
}

#[test]
fn options_are_the_same_after_json() {
    let options = Options { grace: Duration::from_millis(250), ..Options::default() };
    let text = serde_json::to_string(&options).unwrap();
    assert!(text.contains(r#""grace":0.25"#) && text.contains(r#""access_token_lifetime":3600"#));
    assert_eq!(serde_json::from_str::<Options>(&text).unwrap(), options);
    assert_eq!(serde_json::from_str::<Options>("{}").unwrap(), Options::default());
}

#[test]
fn consent_over_http_gives_the_callback() {
    let provider = Provider::start();
    let order = json!({ "url": provider.authorization_url(&[]), "user": "bob" });
    let redirect = provider.control("POST", "consent", &order).json()["redirect"].clone();
    let code = parameter(redirect.as_str().unwrap(), "code").unwrap();
    Tokens::of(&provider.exchange(&code));
    assert_eq!(provider.0.grants()[0].user.as_deref(), Some("bob"));
    let order = json!({ "url": provider.authorization_url(&[]), "decision": "deny" });
    let redirect = provider.control("POST", "consent", &order).json()["redirect"].clone();
    assert_eq!(parameter(redirect.as_str().unwrap(), "error").unwrap(), "access_denied");
    for wrong in [
        json!({ "url": "nonsense" }),
        json!({ "url": format!("{}/api/me", provider.0.base_url()) }),
        json!({ "url": provider.authorization_url(&[("client_id", "nobody")]) }),
        json!({ "url": provider.authorization_url(&[]), "decision": "maybe" }),
    ] {
        assert_eq!(provider.control("POST", "consent", &wrong).status, 400, "{wrong}");
    }
}

#[test]
fn grants_are_told_without_their_secrets() {
    let provider = Provider::start();
    provider.login("bob");
    let response = provider.control("GET", "grants", &Value::Null);
    assert!(!response.text().contains("sbx."));
    let grants: Vec<GrantSummary> = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(grants, provider.0.grants());
    let grant = &grants[0];
    assert_eq!((grant.family, grant.generation, grant.accesses_issued), (1, 1, 1));
    assert_eq!((grant.protocol, grant.alive, &*grant.scope), (Protocol::OAuth2, true, "a b"));
}

#[test]
fn a_user_can_revoke_and_only_that_users_grants_end() {
    let provider = Provider::start();
    let (bob, carol) = (provider.login("bob"), provider.login("carol"));
    let answer = provider.control("POST", "revoke", &json!({ "user": "bob" })).json();
    assert_eq!(answer["revoked"], 1);
    assert_eq!(provider.refresh(&bob.refresh).json()["error"], "invalid_grant");
    assert_eq!(provider.call(&bob.access, "/api/me").status, 401);
    assert_eq!(provider.call(&carol.access, "/api/me").status, 200);
    assert_eq!(provider.0.grants()[0].reuses, 0);
}

#[test]
fn access_can_expire_while_the_grant_lives() {
    let provider = Provider::start();
    let bob = provider.login("bob");
    let answer = provider.control("POST", "expire_access", &json!({ "user": "bob" })).json();
    assert_eq!(answer["expired"], 1);
    assert_eq!(provider.call(&bob.access, "/api/me").status, 401);
    let renewed = Tokens::of(&provider.refresh(&bob.refresh));
    assert_eq!(provider.call(&renewed.access, "/api/me").status, 200);
}

#[test]
fn the_report_adds_up() {
    let provider = Provider::start();
    let first = provider.login("bob");
    let bearer = format!("Bearer {}", first.access);
    let call = |program: &str, target: &str| {
        let headers = [("Authorization", &*bearer), ("X-Program", program)];
        provider.send("GET", target, &headers, b"")
    };
    call("python", "/api/me");
    call("python", "/api/status/500");
    call("php", "/api/me");
    provider.0.advance_clock(Duration::from_secs(2700));
    let second = Tokens::of(&provider.refresh(&first.refresh));
    provider.0.advance_clock(Duration::from_secs(3600));
    Tokens::of(&provider.refresh(&second.refresh));
    provider.refresh("sbx.rt.unknown");
    let response = provider.control("GET", "report", &Value::Null);
    let report: Report = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(report.unattributed_token_requests, 1);
    let bob = &report.users[0];
    assert_eq!((bob.user.as_str(), bob.protocol), ("bob", Protocol::OAuth2));
    assert_eq!((bob.token_requests, bob.refresh_requests, bob.refreshes), (3, 2, 2));
    assert_eq!((bob.generations, bob.reuses, bob.grants, bob.grants_lost), (3, 0, 1, 0));
    let median = bob.median_age_at_refresh.unwrap();
    assert!((median - 0.875).abs() < 0.01, "{median}");
    assert_eq!((bob.programs["python"].ok, bob.programs["python"].other), (1, 1));
    assert_eq!(bob.programs["php"].ok, 1);
    assert_eq!(report.programs, bob.programs);
    provider.refresh(&first.refresh);
    let bob = provider.0.report().users.remove(0);
    assert_eq!((bob.reuses, bob.grants_lost), (1, 1));
}

#[test]
fn what_is_no_control_is_not_found() {
    let provider = Provider::start();
    assert_eq!(provider.control("GET", "nothing", &Value::Null).status, 404);
    assert_eq!(provider.control("PUT", "journal", &Value::Null).status, 404);
    assert!(provider.0.journal().is_empty());
}

#[test]
fn it_starts_in_any_runtime_and_stops_when_dropped() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let address = runtime.block_on(async {
        let sandbox = Sandbox::start(Options::default()).unwrap();
        sandbox.base_url().strip_prefix("http://").unwrap().to_owned()
    });
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn a_taken_address_is_an_error() {
    let provider = Provider::start();
    let address = provider.0.base_url().strip_prefix("http://").unwrap().parse().unwrap();
    assert!(Sandbox::start(Options { address, ..Options::default() }).is_err());
}
