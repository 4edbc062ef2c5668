//! A sandbox, a configuration, a store, and the built program run on them.

use evergrant_sandbox::{Choice, Options, Sandbox};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use tempfile::TempDir;
use url::Url;

pub(crate) struct Scene {
    pub(crate) sandbox: Sandbox,
    pub(crate) folder: TempDir,
}

/// What a run of the program gave.
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Scene {
    /// With the clients `two` (OAuth 2, by issuer) and `one` (OAuth 1.0a).
    pub(crate) fn new() -> Self {
        let sandbox = Sandbox::start(Options::default()).unwrap();
        let scene = Scene { sandbox, folder: TempDir::new().unwrap() };
        let base = scene.sandbox.base_url();
        let store = scene.path("tokens.db");
        scene.configure(&format!(
            r#"
            [clients.two]
            provider = "{base}"
            client_id = "sandbox-client"
            client_secret = "sandbox-secret"
            store = "sqlite:{store}"

            [clients.one]
            client_id = "sandbox-consumer"
            client_secret = "sandbox-consumer-secret"
            store = "sqlite:{store}"

            [clients.one.provider]
            protocol = "oauth1"
            temporary_credential_endpoint = "{base}/oauth1/request_token"
            authorization_endpoint = "{base}/oauth1/authorize"
            token_endpoint = "{base}/oauth1/access_token"
            "#,
            store = store.display(),
        ));
        scene
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.sandbox.base_url())
    }

    /// Writes the configuration file.
    pub(crate) fn configure(&self, text: &str) {
        std::fs::write(self.path("config.toml"), text).unwrap();
    }

    /// The program, in this scene and in no other environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_evergrant"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("EVERGRANT_CONFIG", self.path("config.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        ended(&self.command(arguments).output().unwrap())
    }

    /// Runs to success and gives standard output.
    pub(crate) fn output(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.status, 0, "{arguments:?}: {}", ran.stderr);
        ran.stdout
    }

    /// Runs with `--json` to success and gives the result.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.output(&[arguments, &["--json"]].concat());
        serde_json::from_str(&output).expect("one JSON value")
    }

    /// Logs a user in, the browser being this test.
    pub(crate) fn log_in(&self, client: &str, user: &str) -> Ran {
        let mut login = self.command(&["login", client, user, "--no-browser"]).spawn().unwrap();
        let (address, rest) = address_to_open(&mut login);
        visit(&self.consent(&address, user, Choice::Allow));
        let mut ran = ended(&login.wait_with_output().unwrap());
        BufReader::into_inner(rest).read_to_string(&mut ran.stderr).unwrap();
        ran
    }

    /// The callback that a user's decision leads to.
    pub(crate) fn consent(&self, address: &str, user: &str, choice: Choice) -> String {
        self.sandbox.consent(address, user, choice).unwrap()
    }

    /// How often the provider was asked for tokens.
    pub(crate) fn token_requests(&self) -> u64 {
        self.sandbox.report().users.iter().map(|user| user.token_requests).sum()
    }
}

pub(crate) fn ended(output: &Output) -> Ran {
    Ran {
        status: output.status.code().expect("it ended by itself"),
        stdout: String::from_utf8(output.stdout.clone()).unwrap(),
        stderr: String::from_utf8(output.stderr.clone()).unwrap(),
    }
}

/// Waits until a login says which address to open; what it says after that can still be read.
pub(crate) fn address_to_open(login: &mut Child) -> (String, BufReader<ChildStderr>) {
    let mut stderr = BufReader::new(login.stderr.take().unwrap());
    let mut line = String::new();
    while !line.trim().starts_with("http://") {
        line.clear();
        assert_ne!(stderr.read_line(&mut line).unwrap(), 0, "the login ended without an address");
    }
    (line.trim().to_owned(), stderr)
}

/// Goes to an address as a browser does, and reads the page.
pub(crate) fn visit(address: &str) -> String {
    let url = Url::parse(address).unwrap();
    let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
    let target = &url[url::Position::BeforePath..];
    let mut stream = TcpStream::connect(&host).unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap(); // in one piece: the listener reads no more than it needs
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}
