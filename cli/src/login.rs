//! `evergrant login`: the user's browser goes to the provider and comes back to a loopback port, or what it came back to is
//! pasted; or the user types a code on another device.

use crate::arguments::Login;
use crate::browser;
use crate::clients::{Clients, using};
use crate::output::{Output, say, time, to_json};
use evergrant::{
    BeginOptions, Code, Config, DeviceOptions, DeviceStart, Error, FinishOptions, Finished,
    LoopbackListener, Result, Scopes, wait,
};
use serde_json::json;
use std::time::Duration;
use url::{Host, Url};

/// Where the callback comes when nothing else is configured.
const CALLBACK_PATH: &str = "/callback";

pub(crate) fn login(clients: &Clients, output: &Output, login: &Login) -> Result<()> {
    if login.device {
        return on_another_device(clients, output, login);
    }
    let config = clients.config(&login.grant.client)?;
    let (return_path, redirect_uri) = ReturnPath::choose(&config, login.paste)?;
    let finished = using(&clients.open(&login.grant.client)?, |client| {
        let options = begin_options(login, redirect_uri);
        let start = wait(client.begin(&login.grant.subject, options))?;
        lead_to(&start.url, output, login);
        let callback = return_path.callback(output, Duration::from_secs(login.wait))?;
        let options = FinishOptions { state: Some(start.state), ..FinishOptions::default() };
        wait(client.finish(&callback, options))
    })?;
    output.result(&finished, || summary(&finished))
}

fn on_another_device(clients: &Clients, output: &Output, login: &Login) -> Result<()> {
    let finished = using(&clients.open(&login.grant.client)?, |client| {
        let options = DeviceOptions {
            scope: scopes(login),
            parameters: login.parameter.iter().cloned().collect(),
            slot: login.grant.slot.clone(),
            ..DeviceOptions::default()
        };
        let start = wait(client.begin_device(&login.grant.subject, options))?;
        tell_the_code(&start, output);
        output.note("Waiting for the user…");
        let patience = Duration::from_secs(login.wait).as_secs_f64();
        wait(client.wait_device(&start.state, Some(patience)))
    })?;
    output.result(&finished, || summary(&finished))
}

/// Says where to type which code, to standard error whoever reads it.
fn tell_the_code(start: &DeviceStart, output: &Output) {
    if output.is_json() {
        return say(&to_json(start));
    }
    let (address, code) = (&start.verification_uri, &start.user_code);
    say(&format!(
        "To consent, open on any device\n\n  {address}\n\nand type the code\n\n  {code}\n"
    ));
    if let Some(complete) = &start.verification_uri_complete {
        say(&format!("or open\n\n  {complete}\n"));
    }
}

/// How the callback reaches this program.
enum ReturnPath {
    Listener(LoopbackListener),
    Paste,
}

impl ReturnPath {
    /// The way, and the redirect URI that goes with it. A configured one is kept as it is registered; only a loopback
    /// address without a port gets one (RFC 8252 section 7.3).
    fn choose(config: &Config, paste: bool) -> Result<(Self, String)> {
        let configured = config.redirect_uri.as_deref();
        if paste {
            let uri = configured
                .map_or_else(|| format!("http://127.0.0.1{CALLBACK_PATH}"), str::to_owned);
            return Ok((ReturnPath::Paste, uri));
        }
        let Some(text) = configured else {
            let listener = LoopbackListener::bind(0, CALLBACK_PATH)?;
            let uri = listener.redirect_uri()?;
            return Ok((ReturnPath::Listener(listener), uri));
        };
        let url = Url::parse(text).ok().filter(is_loopback).ok_or_else(|| not_here(text))?;
        let listener = LoopbackListener::bind(url.port().unwrap_or(0), url.path())?;
        let uri = match url.port() {
            Some(_) => text.to_owned(),
            None => with_port_of(&listener, url)?,
        };
        Ok((ReturnPath::Listener(listener), uri))
    }

    /// Waits for the callback.
    fn callback(self, output: &Output, patience: Duration) -> Result<String> {
        match self {
            ReturnPath::Listener(listener) => {
                output.note("Waiting for the browser to come back…");
                listener.wait(patience)
            }
            ReturnPath::Paste => {
                output.note(
                    "Paste the address that the browser was sent to, or the code that it shows:",
                );
                pasted()
            }
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Ipv4(address)) => address == std::net::Ipv4Addr::LOCALHOST,
        Some(Host::Domain(name)) => name == "localhost",
        _ => false,
    };
    url.scheme() == "http" && is_here
}

fn not_here(uri: &str) -> Error {
    Error::new(
        Code::InvalidArgument,
        format!(
            "redirect_uri: {uri:?} is not an http address on 127.0.0.1, where this program could listen; use --paste"
        ),
    )
}

fn with_port_of(listener: &LoopbackListener, mut url: Url) -> Result<String> {
    let port = Url::parse(&listener.redirect_uri()?).ok().and_then(|url| url.port());
    url.set_port(port).expect("an http URL can have a port");
    Ok(url.into())
}

fn begin_options(login: &Login, redirect_uri: String) -> BeginOptions {
    BeginOptions {
        scope: scopes(login),
        redirect_uri: Some(redirect_uri),
        prompt: login.prompt.clone(),
        login_hint: login.hint.clone(),
        parameters: login.parameter.iter().cloned().collect(),
        slot: login.grant.slot.clone(),
        ..BeginOptions::default()
    }
}

fn scopes(login: &Login) -> Option<Scopes> {
    (!login.scope.is_empty()).then(|| Scopes(login.scope.clone()))
}

/// Says the address, to standard error whoever reads it, and opens it.
fn lead_to(address: &str, output: &Output, login: &Login) {
    if output.is_json() {
        say(&to_json(&json!({ "authorization_url": address })));
    } else {
        say(&format!("To consent, open in a browser:\n\n  {address}\n"));
    }
    if !login.no_browser
        && !login.paste
        && let Err(error) = browser::open(address)
    {
        output.note(&format!("No browser could be opened here ({error})."));
    }
}

fn pasted() -> Result<String> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(|error| {
        Error::new(Code::InvalidArgument, format!("standard input cannot be read: {error}"))
    })?;
    match line.trim() {
        "" => Err(Error::new(
            Code::InvalidArgument,
            "nothing was pasted; expected the address that the browser was sent to, or a code",
        )),
        address => Ok(address.to_owned()),
    }
}

fn summary(finished: &Finished) -> String {
    let scope = match finished.scope.as_slice() {
        [] => String::new(),
        scope => format!(", scope {}", scope.join(" ")),
    };
    let expiry = finished
        .expires_at
        .map_or_else(String::new, |at| format!(", access token until {}", time(at)));
    format!("{} consented{scope}{expiry}", finished.subject)
}
