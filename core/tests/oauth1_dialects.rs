//! The ways in which providers speak OAuth 1, from consent to a call.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use evergrant::oauth1::{ParametersIn, SignatureMethod};
use evergrant::{
    ApiRequest, BeginOptions, Client, Code, Config, FinishOptions, HeaderOptions, OAuth1Version,
    ProviderChoice, ProviderTable, SecretSource, TokenRequestMethod, wait,
};
use evergrant_sandbox::Sandbox;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;
use support::{consent, oauth1, sandbox};

/// A client of the sandbox, whose provider `change` describes otherwise.
fn config(sandbox: &Sandbox, change: impl FnOnce(&mut ProviderTable)) -> Config {
    let mut config = oauth1(sandbox, "memory:");
    let ProviderChoice::Table(table) = &mut config.provider else { unreachable!() };
    change(table);
    config
}

#[test]
fn every_way_to_sign_and_to_send_parameters_leads_from_consent_to_a_call() {
    let sandbox = sandbox(Duration::from_secs(3600));
    for signature_method in
        [SignatureMethod::HmacSha1, SignatureMethod::HmacSha256, SignatureMethod::Plaintext]
    {
        for parameters_in in [ParametersIn::Header, ParametersIn::Query, ParametersIn::Body] {
            for method in [TokenRequestMethod::Post, TokenRequestMethod::Get] {
                let client = Client::open(config(&sandbox, |table| {
                    table.signature_method = Some(signature_method);
                    table.parameters_in = Some(parameters_in);
                    table.token_request_method = Some(method);
                }))
                .unwrap();
                wait(consent(&client, &sandbox, "alice"));
                let url = format!("{}/api/echo?a=b%20c", sandbox.base_url());
                let form = vec![("d".to_owned(), "e f".to_owned())];
                for request in [
                    ApiRequest { url: url.clone(), ..ApiRequest::default() },
                    ApiRequest {
                        method: "POST".into(),
                        url: url.clone(),
                        form: Some(form),
                        ..ApiRequest::default()
                    },
                ] {
                    let response = wait(client.grant("alice").request(request)).unwrap();
                    let way = format!("{signature_method} {parameters_in:?} {method:?}");
                    assert_eq!(response.status, 200, "{way}");
                    assert_eq!(response.url, url, "{way}: the signature is no part of it");
                }
            }
        }
    }
    let asked: Vec<_> =
        sandbox.journal().into_iter().filter(|e| e.path == "/oauth1/access_token").collect();
    assert_eq!(asked.iter().filter(|entry| entry.method == "GET").count(), 9);
}

#[test]
fn headers_are_refused_where_they_cannot_carry_the_parameters() {
    let sandbox = sandbox(Duration::from_secs(3600));
    let client = Client::open(config(&sandbox, |table| {
        table.parameters_in = Some(ParametersIn::Query);
    }))
    .unwrap();
    wait(consent(&client, &sandbox, "alice"));
    let grant = client.grant("alice");
    let error = wait(grant.headers("GET", "https://api.example/", HeaderOptions::default()));
    assert_eq!(error.unwrap_err().code(), Code::Unsupported);
}

/// A provider of OAuth Core 1.0: no verifier, no confirmed callback. Gives the request lines it met.
fn first_version() -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let met = thread::spawn(move || {
        let answers = ["oauth_token=t&oauth_token_secret=s", "oauth_token=a&oauth_token_secret=b"];
        let answered = answers.map(|body| {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(&stream).lines().map(Result::unwrap);
            let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
            let length = body.len();
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
            head.join("\n")
        });
        answered.into()
    });
    (base, met)
}

#[test]
fn the_first_version_has_the_callback_in_the_browser_and_no_verifier() {
    let (base, met) = first_version();
    let config = |version| {
        let table = ProviderTable {
            protocol: evergrant::Protocol::OAuth1,
            version,
            temporary_credential_endpoint: Some(format!("{base}/request")),
            authorization_endpoint: Some(format!("{base}/authorize")),
            token_endpoint: Some(format!("{base}/access")),
            ..ProviderTable::default()
        };
        let mut config = Config::from_json(
            r#"{"provider": "x-oauth1", "client_id": "c", "client_secret": "s", "store": "memory:",
                "redirect_uri": "https://app.example/back"}"#,
        )
        .unwrap();
        config.provider = ProviderChoice::Table(Box::new(table));
        config
    };
    let client = Client::open(config(Some(OAuth1Version::V1_0))).unwrap();
    let start = wait(client.begin("alice", BeginOptions::default())).unwrap();
    assert!(start.url.ends_with("?oauth_token=t&oauth_callback=https%3A%2F%2Fapp.example%2Fback"));
    let back = "https://app.example/back?oauth_token=t";
    wait(client.finish(back, FinishOptions::default())).unwrap();
    let heads = met.join().unwrap();
    assert!(!heads.iter().any(|head| head.contains("oauth_callback") || head.contains("verifier")));
}

#[test]
fn what_cannot_sign_is_refused_with_the_key_that_is_wrong_and_no_secret() {
    type Change<'a> = &'a dyn Fn(&mut Config);
    const PEM: &str = include_str!("../src/oauth1/rsa/test_keys.txt");
    let sandbox = sandbox(Duration::from_secs(3600));
    let key = |name: &str| {
        let (_, after) = PEM.split_once(&format!("# {name}\n")).unwrap();
        SecretSource::Text(after.split("# ").next().unwrap().into())
    };
    let text = |text: &str| SecretSource::Text(text.into());
    let cases: [(&str, Change<'_>); 10] = [
        ("private_key: is missing", &|_| {}),
        ("private_key: is no PEM", &|config| config.private_key = Some(text("s3cret"))),
        ("private_key: is an RSA key of 512 bits", &|config| {
            config.private_key = Some(key("short"));
        }),
        ("private_key: is a key for another", &|config| config.private_key = Some(key("elliptic"))),
        ("private_key: is encrypted in a way", &|config| {
            config.private_key = Some(key("unknown-scrypt"));
            config.private_key_passphrase = Some(text("s3cret"));
        }),
        ("private_key_passphrase: is missing", &|config| {
            config.private_key = Some(key("pkcs8-aes-256-cbc"));
        }),
        ("private_key_passphrase: does not open", &|config| {
            config.private_key = Some(key("pkcs8-aes-256-cbc"));
            config.private_key_passphrase = Some(text("s3cret"));
        }),
        ("private_key_passphrase: there is no private_key", &|config| {
            config.private_key_passphrase = Some(text("s3cret"));
        }),
        ("private_key: HMAC-SHA1 signs with secrets", &|config| {
            config.signature_method = Some(SignatureMethod::HmacSha1);
            config.private_key = Some(key("pkcs8"));
        }),
        ("realm: only a header", &|config| {
            config.realm = Some("s3cret".into());
            config.parameters_in = Some(ParametersIn::Query);
        }),
    ];
    for (expected, change) in cases {
        let mut config = config(&sandbox, |_| {});
        config.signature_method = Some(SignatureMethod::RsaSha1);
        change(&mut config);
        let error = Client::open(config).map(drop).unwrap_err();
        assert_eq!(error.code(), Code::InvalidConfig, "{error}");
        assert!(error.message().starts_with(expected), "{error}");
        assert!(error.message().contains("expected"), "{error}");
        assert!(!error.message().contains("s3cret"), "{error}");
    }
}

#[test]
fn what_is_of_oauth_1_alone_is_refused_by_a_client_of_oauth_2() {
    let text = r#"{"provider": "google", "client_id": "c", "store": "memory:", "signature_method": "RSA-SHA1"}"#;
    let error = Client::open(Config::from_json(text).unwrap()).map(drop).unwrap_err();
    assert_eq!(error.code(), Code::InvalidConfig);
    assert!(error.message().starts_with("signature_method: "), "{error}");
}
