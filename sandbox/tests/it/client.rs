//! An HTTP client that hides nothing: it shows a missing answer, half a body and a reused connection.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use evergrant_sandbox::{CLIENT_ID, CLIENT_SECRET, Choice, Options, Sandbox};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;
use url::form_urlencoded::Serializer;

pub(crate) const REDIRECT_URI: &str = "http://127.0.0.1:9/callback";
pub(crate) const VERIFIER: &str = "a-verifier-of-the-least-length-43-characters";

pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// Whether the body is as long as was announced.
    pub(crate) complete: bool,
    headers: Vec<(String, String)>,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).expect("a text body")
    }

    pub(crate) fn form(&self, name: &str) -> String {
        let mut pairs = url::form_urlencoded::parse(&self.body);
        pairs.find(|(key, _)| key == name).expect("the form has it").1.into_owned()
    }

    /// A parameter of the redirect.
    pub(crate) fn redirected(&self, name: &str) -> Option<String> {
        assert_eq!(self.status, 302, "{}", self.text());
        parameter(self.header("location"), name)
    }
}

pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    let url = Url::parse(url).expect("a URL");
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

pub(crate) struct Connection(TcpStream);

impl Connection {
    pub(crate) fn open(sandbox: &Sandbox) -> Self {
        let address = sandbox.base_url().strip_prefix("http://").expect("plain http");
        let stream = TcpStream::connect(address).expect("the sandbox listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out can be set");
        Self(stream)
    }

    /// Fails when the sandbox closes the connection without a word.
    pub(crate) fn send(
        &mut self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Response> {
        let host = self.0.peer_addr()?;
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n");
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n").expect("a string takes all text");
        }
        write!(head, "Content-Length: {}\r\n\r\n", body.len()).expect("a string takes all text");
        self.0.write_all(&[head.as_bytes(), body].concat())?;
        self.receive(method == "HEAD")
    }

    fn receive(&mut self, without_body: bool) -> io::Result<Response> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte)?;
            head.extend(byte);
        }
        let head = String::from_utf8(head).expect("a text head");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut response =
            Response { status: status.parse().unwrap(), body: vec![], complete: true, headers };
        let length: u64 = response.header("content-length").parse().unwrap_or(0);
        if !without_body {
            let mut limited = (&mut self.0).take(length);
            // A reset in mid-body is as good as an end.
            let _ = limited.read_to_end(&mut response.body);
            response.complete = response.body.len() as u64 == length;
        }
        Ok(response)
    }
}

/// One sandbox and what tests do with it all the time.
pub(crate) struct Provider(pub(crate) Sandbox);

impl Provider {
    pub(crate) fn start() -> Self {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Self {
        Self(Sandbox::start(options).expect("the sandbox starts"))
    }

    pub(crate) fn try_send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Response> {
        Connection::open(&self.0).send(method, target, headers, body)
    }

    pub(crate) fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Response {
        self.try_send(method, target, headers, body).expect("an answer")
    }

    pub(crate) fn get(&self, target: &str) -> Response {
        self.send("GET", target, &[], b"")
    }

    pub(crate) fn call(&self, token: &str, target: &str) -> Response {
        self.send("GET", target, &[("Authorization", &format!("Bearer {token}"))], b"")
    }

    pub(crate) fn post(
        &self,
        target: &str,
        headers: &[(&str, &str)],
        form: &[(&str, &str)],
    ) -> Response {
        let body = encoded(form);
        let form_type = ("Content-Type", "application/x-www-form-urlencoded");
        self.send("POST", target, &[headers, &[form_type]].concat(), body.as_bytes())
    }

    pub(crate) fn control(&self, method: &str, what: &str, body: &Value) -> Response {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, &format!("/sandbox/{what}"), &[], body.as_bytes())
    }

    /// A token request of the confidential client.
    pub(crate) fn token(&self, form: &[(&str, &str)]) -> Response {
        self.post("/oauth2/token", &[("Authorization", &basic(CLIENT_ID, CLIENT_SECRET))], form)
    }

    pub(crate) fn refresh(&self, refresh_token: &str) -> Response {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", refresh_token)])
    }

    pub(crate) fn exchange(&self, code: &str) -> Response {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("code_verifier", VERIFIER),
            ("redirect_uri", REDIRECT_URI),
        ])
    }

    pub(crate) fn code(&self, client: &str, user: &str, scope: &str) -> String {
        let url = self.authorization_url(&[("client_id", client), ("scope", scope)]);
        let callback = self.0.consent(&url, user, Choice::Allow).expect("consent");
        parameter(&callback, "code").expect("a code")
    }

    pub(crate) fn login(&self, user: &str) -> Tokens {
        Tokens::of(&self.exchange(&self.code(CLIENT_ID, user, "a b")))
    }

    /// A whole authorization request with these parameters in place of its own; empty takes one out.
    pub(crate) fn authorization_url(&self, changes: &[(&str, &str)]) -> String {
        format!("{}{}", self.0.base_url(), authorization_target(changes))
    }
}

pub(crate) fn authorization_target(changes: &[(&str, &str)]) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let mut parameters = vec![
        ("response_type", "code"),
        ("client_id", CLIENT_ID),
        ("redirect_uri", REDIRECT_URI),
        ("state", "s t&te"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    parameters.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    parameters.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
    format!("/oauth2/authorize?{}", encoded(&parameters))
}

pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Tokens {
    pub(crate) fn of(response: &Response) -> Self {
        assert_eq!(response.status, 200, "{}", response.text());
        let json = response.json();
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token") }
    }
}

pub(crate) fn encoded(pairs: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// HTTP Basic with both parts form-encoded first (RFC 6749, section 2.3.1).
pub(crate) fn basic(id: &str, secret: &str) -> String {
    let part = |text: &str| encoded(&[("", text)]).split_off(1);
    format!("Basic {}", STANDARD.encode(format!("{}:{}", part(id), part(secret))))
}
