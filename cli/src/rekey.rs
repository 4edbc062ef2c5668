//! `evergrant rekey`: seals what is stored anew with the first key. It may be ended at any time; the next run does what is left.

use crate::arguments::Rekey;
use crate::clients::{Clients, using};
use crate::output::Output;
use evergrant::{
    Client, Code, Error, RekeyFailure, RekeyOptions, Rekeyed, Result, new_encryption_key, wait,
};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::json;
use std::fmt::Write as _;
use std::process::ExitCode;

/// What became of the records of one client.
#[derive(Serialize)]
struct Done<'a> {
    client: &'a str,
    #[serde(flatten)]
    rekeyed: Rekeyed,
}

pub(crate) fn rekey(clients: &Clients, output: &Output, command: &Rekey) -> Result<ExitCode> {
    let mut done = Vec::new();
    for (client, name) in opened(clients, command)? {
        let rekeyed = using(&client, |client| sealed_anew(client, output, name, command.all))?;
        done.push(Done { client: name, rekeyed });
    }
    output.result(&done, || done.iter().map(summary).collect::<Vec<_>>().join("\n"))?;
    Ok(exit_status(done.iter().flat_map(|done| &done.rekeyed.failures)))
}

/// The client that was named, or all that have keys.
fn opened<'a>(clients: &'a Clients, command: &'a Rekey) -> Result<Vec<(Client, &'a str)>> {
    if let Some(name) = &command.client {
        return Ok(vec![(clients.open(name)?, name)]);
    }
    let opened = clients.names().map(|name| Ok((clients.open(name)?, name)));
    let mut opened = opened.collect::<Result<Vec<_>>>()?;
    opened.retain(|(client, _)| client.is_sealing());
    if opened.is_empty() {
        let text = "no client has keys; expected encryption = { keys = […] } in its configuration";
        return Err(Error::new(Code::InvalidConfig, text));
    }
    Ok(opened)
}

fn sealed_anew(client: &Client, output: &Output, name: &str, all: bool) -> Result<Rekeyed> {
    let bar = bar(output, name);
    let moved = bar.clone();
    let progress = move |done: &Rekeyed| {
        moved.set_length(done.total as u64);
        moved.set_position((done.resealed + done.already + done.failed) as u64);
    };
    let rekeyed = wait(client.rekey(RekeyOptions { all, ..RekeyOptions::default() }, progress));
    bar.finish_and_clear();
    rekeyed
}

/// A bar for a person who is watching; standard error that is no terminal gets none.
fn bar(output: &Output, client: &str) -> ProgressBar {
    if output.is_json() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{prefix}  {wide_bar}  {pos}/{len}  {eta}")
        .expect("the template is one");
    ProgressBar::new(0).with_style(style).with_prefix(client.to_owned())
}

/// A line of numbers, and one for each record that was left as it is.
fn summary(Done { client, rekeyed }: &Done<'_>) -> String {
    let mut text = format!(
        "{client}: {} records: {} sealed anew, {} were, {} left as they are",
        rekeyed.total, rekeyed.resealed, rekeyed.already, rekeyed.failed
    );
    for failure in &rekeyed.failures {
        let _ = write!(text, "\n  {}: {} ({})", failure.subject, failure.message, failure.code);
    }
    text
}

/// What needs a person goes before what may pass by itself.
fn exit_status<'a>(failures: impl Iterator<Item = &'a RekeyFailure>) -> ExitCode {
    let statuses = failures.map(|failure| if failure.code.is_retryable() { 4 } else { 1 });
    ExitCode::from(statuses.min().unwrap_or(0))
}

/// Prints a key, for a configuration.
pub(crate) fn new_key(output: &Output) -> Result<()> {
    let key = new_encryption_key();
    output.result(&json!({ "key": key.expose() }), || key.expose().to_owned())
}
