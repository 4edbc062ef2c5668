//! `evergrant sandbox`: the provider to test against.

use crate::arguments;
use crate::output::Output;
use evergrant::{Code, Error, Result};
use evergrant_sandbox::{
    CLIENT_ID, CLIENT_SECRET, CONSUMER_KEY, CONSUMER_SECRET, Options, PUBLIC_CLIENT_ID, Sandbox,
};
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Serves until the process is ended.
pub(crate) fn serve(output: &Output, arguments: &arguments::Sandbox) -> Result<()> {
    let options = options(arguments)?;
    let sandbox = Sandbox::start(options).map_err(|error| {
        let text = format!("the sandbox cannot listen on {}: {error}", options.address);
        Error::new(Code::Transport, text)
    })?;
    let base_url = sandbox.base_url().to_owned();
    let value = json!({
        "base_url": base_url,
        "clients": [
            { "protocol": "oauth2", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET },
            { "protocol": "oauth2", "client_id": PUBLIC_CLIENT_ID },
            { "protocol": "oauth1", "client_id": CONSUMER_KEY, "client_secret": CONSUMER_SECRET },
        ],
    });
    output.result(&value, || {
        format!(
            "{base_url}\n\
             OAuth 2   {CLIENT_ID}  {CLIENT_SECRET}\n\
             OAuth 2   {PUBLIC_CLIENT_ID}  (no secret)\n\
             OAuth 1   {CONSUMER_KEY}  {CONSUMER_SECRET}"
        )
    })?;
    sandbox.wait();
    Ok(())
}

fn options(arguments: &arguments::Sandbox) -> Result<Options> {
    Ok(Options {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.port)),
        access_token_lifetime: seconds("--access-token-lifetime", arguments.access_token_lifetime)?,
        authorization_code_lifetime: seconds(
            "--authorization-code-lifetime",
            arguments.authorization_code_lifetime,
        )?,
        grace: seconds("--grace", arguments.grace)?,
        rotate: !arguments.no_rotate,
        keep_old_access_token: !arguments.end_old_access_tokens,
        ..Options::default()
    })
}

fn seconds(option: &str, value: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(value).map_err(|error| {
        Error::new(Code::InvalidArgument, format!("{option}: {value} ({error}); expected seconds"))
    })
}
