//! `evergrant register`: makes a client at a provider that registers clients by itself (RFC 7591), and prints its configuration.

use crate::arguments::Register;
use crate::output::{Output, say};
use evergrant::{
    Code, Error, RegisterOptions, Registered, RegisteredConfig, Result, SecretSource, register,
    wait,
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use url::Url;

/// What the listener of `login` takes on any port (RFC 8252 section 7.3).
const LOOPBACK: &str = "http://127.0.0.1/callback";

pub(crate) fn at_provider(output: &Output, arguments: &Register) -> Result<()> {
    let statement = arguments.software_statement.as_ref().map(std::fs::read_to_string).transpose();
    let statement = statement.map_err(|error| {
        Error::new(Code::InvalidArgument, format!("--software-statement cannot be read: {error}"))
    })?;
    let registered = wait(register(RegisterOptions {
        issuer: arguments.issuer.clone(),
        metadata: metadata(arguments),
        software_statement: statement.map(|text| text.trim().to_owned()),
        initial_access_token: arguments.initial_access_token_env.clone().map(SecretSource::Env),
        allow_private_addresses: arguments.allow_private_addresses,
        timeout: None,
    }))?;
    if !output.is_json() && registered.registration_access_token.is_some() {
        say("The provider gave a token that changes this registration later; --json shows it.");
    }
    let text = configuration(&registered)?;
    output.result(&registered, || text)
}

fn metadata(arguments: &Register) -> Map<String, Value> {
    let uris = match arguments.redirect_uri.as_slice() {
        [] => vec![LOOPBACK.to_owned()],
        uris => uris.to_vec(),
    };
    let is_native = uris.iter().all(|uri| uri.starts_with("http://"));
    let method = if arguments.public { "none" } else { "client_secret_basic" };
    let mut metadata: Map<String, Value> = [
        ("application_type", json!(if is_native { "native" } else { "web" })),
        ("redirect_uris", json!(uris)),
        ("response_types", json!(["code"])),
        ("token_endpoint_auth_method", json!(method)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect();
    let told = [("client_name", arguments.name.clone()), ("scope", scope(arguments))];
    metadata
        .extend(told.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?.into()))));
    let further = arguments.metadata.iter().cloned();
    metadata.extend(further.map(|(name, text)| {
        let value = text.parse().unwrap_or(Value::String(text));
        (name, value)
    }));
    metadata
}

fn scope(arguments: &Register) -> Option<String> {
    (!arguments.scope.is_empty()).then(|| arguments.scope.join(" "))
}

/// The table for the configuration file.
fn configuration(registered: &Registered) -> Result<String> {
    #[derive(Serialize)]
    struct File<'a> {
        clients: BTreeMap<&'a str, &'a RegisteredConfig>,
    }
    let url = Url::parse(&registered.config.provider).ok();
    let name = url.as_ref().and_then(Url::host_str).unwrap_or("registered");
    let file = File { clients: [(name, &registered.config)].into() };
    toml::to_string(&file).map_err(|error| {
        Error::new(Code::Internal, format!("the registration cannot be written as TOML: {error}"))
    })
}
