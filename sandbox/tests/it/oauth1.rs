use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evergrant_sandbox::{CONSUMER_KEY, CONSUMER_SECRET, Choice};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha1::Sha1;
use sha2::Sha256;

use crate::client::{Provider, Response, encoded, parameter};

const CALLBACK: &str = "http://127.0.0.1:9/callback?kept=yes";

/// A signer as plain as can be; a test spoils one of its parts.
struct Signer<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    form: &'a str,
    token: &'a str,
    consumer_secret: &'a str,
    token_secret: &'a str,
    signature_method: &'a str,
    /// Seconds from now on the machine's clock.
    timestamp: i64,
    nonce: String,
    extra: Vec<(&'a str, &'a str)>,
    place: Place,
}

#[derive(Clone, Copy)]
enum Place {
    Header,
    Query,
    Form,
}

impl<'a> Signer<'a> {
    fn new(method: &'a str, path: &'a str) -> Self {
        thread_local!(static NONCES: Cell<u64> = const { Cell::new(0) });
        let nonce = NONCES.replace(NONCES.get() + 1).to_string();
        Self {
            method,
            path,
            query: "",
            form: "",
            token: "",
            consumer_secret: CONSUMER_SECRET,
            token_secret: "",
            signature_method: "HMAC-SHA1",
            timestamp: 0,
            nonce,
            extra: vec![],
            place: Place::Header,
        }
    }

    fn by(mut self, credentials: &'a Credentials) -> Self {
        (self.token, self.token_secret) = (&credentials.token, &credentials.secret);
        self
    }

    fn protocol_parameters(&self) -> Vec<(String, String)> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let timestamp = now.checked_add_signed(self.timestamp).unwrap().to_string();
        let mut parameters = vec![
            ("oauth_consumer_key", CONSUMER_KEY),
            ("oauth_signature_method", self.signature_method),
            ("oauth_timestamp", &timestamp),
            ("oauth_nonce", &self.nonce),
            ("oauth_version", "1.0"),
            ("oauth_token", self.token),
        ];
        parameters.retain(|(name, _)| !self.extra.iter().any(|(changed, _)| changed == name));
        parameters.extend(&self.extra);
        parameters.retain(|(_, value)| !value.is_empty());
        parameters.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn signature(&self, base_url: &str, protocol: &[(String, String)]) -> String {
        let mut pairs: Vec<_> = protocol.to_vec();
        pairs.extend(parsed(self.query).chain(parsed(self.form)));
        let mut pairs: Vec<_> = pairs.iter().map(|(k, v)| (escape(k), escape(v))).collect();
        pairs.sort();
        let joined: Vec<_> = pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let uri = format!("{base_url}{}", self.path);
        let text = format!("{}&{}&{}", self.method, escape(&uri), escape(&joined.join("&")));
        let key = format!("{}&{}", escape(self.consumer_secret), escape(self.token_secret));
        match self.signature_method {
            "PLAINTEXT" => key,
            "HMAC-SHA256" => {
                let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
                STANDARD.encode(mac.chain_update(text).finalize().into_bytes())
            }
            _ => {
                let mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).unwrap();
                STANDARD.encode(mac.chain_update(text).finalize().into_bytes())
            }
        }
    }

    fn send(&self, provider: &Provider) -> Response {
        let mut protocol = self.protocol_parameters();
        let signature = self.signature(provider.0.base_url(), &protocol);
        protocol.push(("oauth_signature".to_owned(), signature));
        let pairs: Vec<_> = protocol.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let (mut query, mut form) = (self.query.to_owned(), self.form.to_owned());
        let mut headers = vec![];
        match self.place {
            Place::Header => {
                let parts: Vec<_> =
                    pairs.iter().map(|(k, v)| format!(r#"{k}="{}""#, escape(v))).collect();
                headers.push((
                    "Authorization",
                    format!(r#"OAuth realm="a, b=c", {}"#, parts.join(", ")),
                ));
            }
            Place::Query => query = format!("{query}&{}", encoded(&pairs)),
            Place::Form => form = format!("{form}&{}", encoded(&pairs)),
        }
        if !form.is_empty() {
            let form_type = "application/x-www-form-urlencoded; charset=utf-8".to_owned();
            headers.push(("Content-Type", form_type));
        }
        let headers: Vec<_> = headers.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let target = format!("{}?{query}", self.path);
        provider.send(self.method, target.trim_end_matches('?'), &headers, form.as_bytes())
    }
}

fn parsed(form: &str) -> impl Iterator<Item = (String, String)> {
    url::form_urlencoded::parse(form.as_bytes()).into_owned()
}

fn escape(text: &str) -> String {
    encoded(&[("", text)]).split_off(1).replace('+', "%20").replace('*', "%2A").replace("%7E", "~")
}

struct Credentials {
    token: String,
    secret: String,
}

impl Credentials {
    fn of(response: &Response) -> Self {
        assert_eq!(response.status, 200, "{}", response.text());
        Self { token: response.form("oauth_token"), secret: response.form("oauth_token_secret") }
    }
}

impl Provider {
    fn temporary(&self, callback: &str) -> Credentials {
        let mut signer = Signer::new("POST", "/oauth1/request_token");
        signer.extra = vec![("oauth_callback", callback)];
        let response = signer.send(self);
        assert_eq!(response.form("oauth_callback_confirmed"), "true");
        Credentials::of(&response)
    }

    fn authorized(&self, temporary: &Credentials, choice: Choice) -> String {
        let base = self.0.base_url();
        let url = format!("{base}/oauth1/authorize?oauth_token={}", temporary.token);
        self.0.consent(&url, "carol", choice).expect("the user is sent back")
    }

    fn exchange_temporary(&self, temporary: &Credentials, verifier: &str) -> Response {
        let mut signer = Signer::new("POST", "/oauth1/access_token").by(temporary);
        signer.extra = vec![("oauth_verifier", verifier)];
        signer.send(self)
    }

    fn login_oauth1(&self) -> Credentials {
        let temporary = self.temporary(CALLBACK);
        let callback = self.authorized(&temporary, Choice::Allow);
        let verifier = parameter(&callback, "oauth_verifier").unwrap();
        Credentials::of(&self.exchange_temporary(&temporary, &verifier))
    }
}

fn assert_problem(response: &Response, problem: &str) {
    assert_eq!(response.status, 401, "{}", response.text());
    assert_eq!(response.form("oauth_problem"), problem);
    let challenge = response.header("www-authenticate");
    assert!(challenge.starts_with("OAuth realm="), "{challenge}");
    assert!(challenge.contains(&format!(r#"oauth_problem="{problem}""#)), "{challenge}");
}

#[test]
fn three_legs_lead_to_the_api() {
    let provider = Provider::start();
    let temporary = provider.temporary(CALLBACK);
    let callback = provider.authorized(&temporary, Choice::Allow);
    assert!(callback.starts_with(CALLBACK));
    assert_eq!(parameter(&callback, "oauth_token").unwrap(), temporary.token);
    let verifier = parameter(&callback, "oauth_verifier").unwrap();
    let access = Credentials::of(&provider.exchange_temporary(&temporary, &verifier));
    let me = Signer::new("GET", "/api/me").by(&access).send(&provider).json();
    let expected = json!({
        "user": "carol", "client": CONSUMER_KEY, "protocol": "oauth1", "token_number": 1,
    });
    assert_eq!(me, expected);
}

#[test]
fn every_signature_method_and_place_is_verified() {
    let provider = Provider::start();
    let access = provider.login_oauth1();
    for signature_method in ["HMAC-SHA1", "HMAC-SHA256", "PLAINTEXT"] {
        for place in [Place::Header, Place::Query, Place::Form] {
            let good = Signer {
                signature_method,
                place,
                form: "a=1",
                ..Signer::new("POST", "/api/me").by(&access)
            };
            assert_eq!(good.send(&provider).status, 200);
            let bad =
                Signer { token_secret: "wrong", nonce: format!("not {}", good.nonce), ..good };
            assert_problem(&bad.send(&provider), "signature_invalid");
        }
    }
}

#[test]
fn all_parameters_are_signed_duplicates_and_empty_ones_too() {
    let provider = Provider::start();
    let access = provider.login_oauth1();
    let signer = Signer {
        query: "b5=%3D%253D&a3=a&c%40=&a2=r%20b&a3=%C3%BC&x=~*'()!",
        form: "c2&a3=2+q&a3=2%20q",
        ..Signer::new("POST", "/api/echo/r%20v/X").by(&access)
    };
    let echo = signer.send(&provider);
    assert_eq!(echo.status, 200, "{}", echo.text());
    assert_eq!(echo.json()["form"], json!([["c2", ""], ["a3", "2 q"], ["a3", "2 q"]]));
}

#[test]
fn what_was_changed_under_way_is_refused() {
    let provider = Provider::start();
    let access = provider.login_oauth1();
    let signer = Signer { query: "a=1", ..Signer::new("GET", "/api/me").by(&access) };
    let protocol = signer.protocol_parameters();
    let signature = signer.signature(provider.0.base_url(), &protocol);
    let parts: Vec<_> = protocol.iter().map(|(k, v)| format!(r#"{k}="{}""#, escape(v))).collect();
    let authorization =
        format!(r#"OAuth {},oauth_signature="{}""#, parts.join(","), escape(&signature));
    let send = |method: &str, target: &str| {
        provider.send(method, target, &[("Authorization", &authorization)], b"")
    };
    assert_problem(&send("GET", "/api/me?a=2"), "signature_invalid");
    assert_problem(&send("GET", "/api/me"), "signature_invalid");
    assert_problem(&send("POST", "/api/me?a=1"), "signature_invalid");
    assert_problem(&send("GET", "/api/echo?a=1"), "signature_invalid");
    assert_eq!(send("GET", "/api/me?a=1").status, 200);
}

#[test]
fn a_nonce_is_spent_once_and_only_by_a_good_request() {
    let provider = Provider::start();
    let access = provider.login_oauth1();
    let signer = Signer::new("GET", "/api/me").by(&access);
    let wrong = Signer {
        consumer_secret: "wrong",
        nonce: signer.nonce.clone(),
        ..Signer::new("GET", "/api/me").by(&access)
    };
    assert_problem(&wrong.send(&provider), "signature_invalid");
    assert_eq!(signer.send(&provider).status, 200);
    assert_problem(&signer.send(&provider), "nonce_used");
    let other = provider.login_oauth1();
    let same_nonce =
        Signer { nonce: signer.nonce.clone(), ..Signer::new("GET", "/api/me").by(&other) };
    assert_eq!(same_nonce.send(&provider).status, 200);
}

#[test]
fn a_timestamp_is_near_the_sandbox_clock() {
    let provider = Provider::start();
    let access = provider.login_oauth1();
    let at = |timestamp| {
        Signer { timestamp, ..Signer::new("GET", "/api/me").by(&access) }.send(&provider)
    };
    assert_eq!(at(-290).status, 200);
    assert_eq!(at(290).status, 200);
    assert_problem(&at(-310), "timestamp_refused");
    assert_problem(&at(310), "timestamp_refused");
    provider.0.advance_clock(Duration::from_secs(1000));
    let refused = at(0);
    assert_problem(&refused, "timestamp_refused");
    let acceptable = refused.form("oauth_acceptable_timestamps");
    let (first, last) = acceptable.split_once('-').unwrap();
    assert_eq!(last.parse::<u64>().unwrap() - first.parse::<u64>().unwrap(), 600);
    assert_eq!(at(1000).status, 200);
}

#[test]
fn each_part_of_the_protocol_is_asked_for() {
    let provider = Provider::start();
    let access = provider.login_oauth1();
    let with = |extra: &[(&'static str, &'static str)]| {
        Signer { extra: extra.to_vec(), ..Signer::new("GET", "/api/me").by(&access) }
            .send(&provider)
    };
    for name in ["oauth_consumer_key", "oauth_signature_method", "oauth_token", "oauth_nonce"] {
        let response = with(&[(name, "")]);
        assert_problem(&response, "parameter_absent");
        assert_eq!(response.form("oauth_parameters_absent"), name);
    }
    assert_problem(&with(&[("oauth_timestamp", "")]), "parameter_absent");
    assert_problem(&with(&[("oauth_timestamp", "soon")]), "timestamp_refused");
    assert_problem(&with(&[("oauth_timestamp", "+1")]), "timestamp_refused");
    assert_problem(&with(&[("oauth_version", "2.0")]), "version_rejected");
    assert_problem(&with(&[("oauth_signature_method", "RSA-SHA1")]), "signature_method_rejected");
    assert_problem(&with(&[("oauth_consumer_key", "nobody")]), "consumer_key_unknown");
    assert_problem(&with(&[("oauth_token", "sbx.at.unknown")]), "token_rejected");
    assert_problem(&with(&[("oauth_token", "a"), ("oauth_token", "b")]), "parameter_rejected");
    assert_eq!(with(&[("oauth_version", "")]).status, 200);
}

#[test]
fn plaintext_needs_no_timestamp_and_no_nonce() {
    let provider = Provider::start();
    let access = provider.login_oauth1();
    let mut signer = Signer::new("GET", "/api/me").by(&access);
    signer.signature_method = "PLAINTEXT";
    signer.extra = vec![("oauth_timestamp", ""), ("oauth_nonce", "")];
    assert_eq!(signer.send(&provider).status, 200);
    assert_eq!(signer.send(&provider).status, 200);
}

#[test]
fn a_broken_header_is_refused() {
    let provider = Provider::start();
    for header in ["OAuth x", "OAuth a=b", r#"OAuth a="%""#, r#"OAuth a="b" c="d""#, "OAuth a=\"b"]
    {
        let response = provider.send("GET", "/api/me", &[("Authorization", header)], b"");
        assert_problem(&response, "parameter_rejected");
    }
}

#[test]
fn a_callback_is_required_and_loopback() {
    let provider = Provider::start();
    let with = |callback: &'static str| {
        let extra = vec![("oauth_callback", callback)];
        Signer { extra, ..Signer::new("POST", "/oauth1/request_token") }.send(&provider)
    };
    assert_problem(&with(""), "parameter_absent");
    assert_problem(&with("http://example.com/"), "parameter_rejected");
    assert_problem(&with("OOB"), "parameter_rejected");
}

#[test]
fn out_of_band_shows_the_verifier() {
    let provider = Provider::start();
    let temporary = provider.temporary("oob");
    let target = format!("/oauth1/authorize?oauth_token={}", temporary.token);
    assert!(provider.get(&target).text().contains(r#"<label for="user">"#));
    let page = provider.post(&target, &[], &[("user", "dave"), ("decision", "allow")]);
    let (_, rest) = page.text().split_once(r#"<output id="verifier">"#).unwrap();
    let (verifier, _) = rest.split_once("</output>").unwrap();
    let access = Credentials::of(&provider.exchange_temporary(&temporary, verifier));
    let me = Signer::new("GET", "/api/me").by(&access).send(&provider).json();
    assert_eq!(me["user"], "dave");
}

#[test]
fn without_consent_there_is_no_token() {
    let provider = Provider::start();
    let temporary = provider.temporary(CALLBACK);
    assert_problem(&provider.exchange_temporary(&temporary, "guess"), "permission_unknown");
    let callback = provider.authorized(&temporary, Choice::Deny);
    assert_eq!(parameter(&callback, "oauth_problem").unwrap(), "user_refused");
    assert_problem(&provider.exchange_temporary(&temporary, "guess"), "permission_unknown");
    let target = format!("/oauth1/authorize?oauth_token={}", temporary.token);
    assert_eq!(provider.get(&target).status, 400);
    assert_eq!(provider.get("/oauth1/authorize?oauth_token=unknown").status, 400);
    assert_eq!(provider.get("/oauth1/authorize").status, 400);
}

#[test]
fn temporary_credentials_serve_once_with_their_verifier() {
    let provider = Provider::start();
    let temporary = provider.temporary(CALLBACK);
    let callback = provider.authorized(&temporary, Choice::Allow);
    assert_problem(&provider.exchange_temporary(&temporary, "guess"), "verifier_invalid");
    let verifier = parameter(&callback, "oauth_verifier").unwrap();
    Credentials::of(&provider.exchange_temporary(&temporary, &verifier));
    assert_problem(&provider.exchange_temporary(&temporary, &verifier), "token_used");
}

#[test]
fn temporary_credentials_expire_on_the_sandbox_clock() {
    let provider = Provider::start();
    let temporary = provider.temporary(CALLBACK);
    let callback = provider.authorized(&temporary, Choice::Allow);
    let verifier = parameter(&callback, "oauth_verifier").unwrap();
    provider.0.advance_clock(Duration::from_secs(60));
    assert_problem(&provider.exchange_temporary(&temporary, &verifier), "token_expired");
}

#[test]
fn a_revoked_or_expired_token_says_which() {
    let provider = Provider::start();
    let access = provider.login_oauth1();
    let call = || Signer::new("GET", "/api/me").by(&access).send(&provider);
    provider.0.expire_access("carol");
    assert_problem(&call(), "token_expired");
    provider.0.revoke_user("carol");
    assert_problem(&call(), "token_revoked");
}

#[test]
fn a_bearer_token_signs_nothing_and_a_signed_token_bears_nothing() {
    let provider = Provider::start();
    let access = provider.login_oauth1();
    assert_eq!(provider.call(&access.token, "/api/me").status, 401);
    let bearer = Credentials { token: provider.login("bob").access, secret: String::new() };
    let signed = Signer::new("GET", "/api/me").by(&bearer).send(&provider);
    assert_problem(&signed, "token_rejected");
}
