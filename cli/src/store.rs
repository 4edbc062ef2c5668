//! `evergrant store …`: commands on token stores rather than on grants.

use crate::arguments::{General, StoreCheckArguments, StoreCommand};
use crate::clients::{Clients, using};
use crate::output::{Output, write};
use evergrant::{
    CheckOptions, CheckReport, Client, Config, Finding, Result, StoreCheck, StoreSchema,
    StoreTables, Verdict, wait,
};
use serde::Serialize;
use serde_json::json;
use std::process::ExitCode;

pub(crate) fn store(
    general: &General,
    output: &Output,
    command: &StoreCommand,
) -> Result<ExitCode> {
    match command {
        StoreCommand::Check(arguments) => check(general, output, arguments),
        StoreCommand::Init { client, print: true } => print(general, client.as_deref()),
        StoreCommand::Init { client, print: false } => {
            make(general, output, client.as_deref(), |tables| wait(tables.make()))
        }
        StoreCommand::Migrate { client } => {
            make(general, output, client.as_deref(), |tables| wait(tables.migrate()))
        }
    }
}

/// The report on the store of one client.
#[derive(Serialize)]
struct Checked {
    client: Option<String>,
    #[serde(flatten)]
    report: CheckReport,
}

fn print(general: &General, client: Option<&str>) -> Result<ExitCode> {
    let clients = Clients::load(general)?;
    for (_, config) in meant(&clients, general, client)? {
        write(StoreTables::of(&config)?.sql()?.as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What became of the tables of one client's store.
#[derive(Serialize)]
struct Made {
    client: Option<String>,
    #[serde(flatten)]
    schema: StoreSchema,
}

fn make(
    general: &General,
    output: &Output,
    client: Option<&str>,
    make: impl Fn(&StoreTables) -> Result<StoreSchema>,
) -> Result<ExitCode> {
    let clients = Clients::load(general)?;
    let mut stores = Vec::new();
    for (client, config) in meant(&clients, general, client)? {
        stores.push(Made { client, schema: make(&StoreTables::of(&config)?)? });
    }
    let row = |made: &Made| {
        let StoreSchema { version, min_reader } = made.schema;
        vec![made.client.clone().unwrap_or_default(), version.to_string(), min_reader.to_string()]
    };
    let rows: Vec<_> = stores.iter().map(row).collect();
    output.table(&stores, &["CLIENT", "SCHEMA", "OLDEST READER"], &rows)?;
    Ok(ExitCode::SUCCESS)
}

/// Holds stores to their promises; fails when one is broken.
fn check(general: &General, output: &Output, arguments: &StoreCheckArguments) -> Result<ExitCode> {
    let clients = Clients::load(general)?;
    let options = CheckOptions { grants: arguments.grants, quick: arguments.quick };
    let mut checked = Vec::new();
    for (name, client) in opened(&clients, general, arguments.client.as_deref())? {
        output.note("this takes seconds, on some databases minutes");
        let report = using(&client, |client| wait(StoreCheck::of_client(client, &options)?.run()))?;
        checked.push(Checked { client: name, report });
    }
    let rows: Vec<_> = checked.iter().flat_map(rows).collect();
    output.table(&checked, &["", "CLIENT", "PROMISE", "FOUND"], &rows)?;
    for remark in checked.iter().flat_map(|checked| &checked.report.remarks) {
        output.note(remark);
    }
    let kept = checked.iter().all(|checked| checked.report.ok);
    Ok(if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The clients whose stores are meant, open.
fn opened(
    clients: &Clients,
    general: &General,
    name: Option<&str>,
) -> Result<Vec<(Option<String>, Client)>> {
    let meant = meant(clients, general, name)?.into_iter();
    meant.map(|(name, config)| Ok((name, Client::open(config)?))).collect()
}

/// The clients whose stores are meant: the one that is named, else a nameless one of the store that is, else all.
fn meant(
    clients: &Clients,
    general: &General,
    name: Option<&str>,
) -> Result<Vec<(Option<String>, Config)>> {
    let names: Vec<&str> = match name {
        Some(name) => vec![name],
        None if general.store.is_some() => Vec::new(),
        None => clients.names().collect(),
    };
    if names.is_empty() {
        return Ok(vec![(None, of_nobody(general)?)]);
    }
    names.into_iter().map(|name| Ok((Some(name.to_owned()), clients.config(name)?))).collect()
}

/// The configuration of a client that has the store and asks no provider.
fn of_nobody(general: &General) -> Result<Config> {
    let mut table = json!({ "provider": "google", "client_id": "evergrant store" });
    if let Some(store) = &general.store {
        table["store"] = json!(store);
    }
    Config::from_json(&table.to_string())
}

fn rows(checked: &Checked) -> Vec<Vec<String>> {
    let client = checked.client.as_deref().unwrap_or_default();
    let row = |finding: &Finding| {
        vec![
            verdict(finding.verdict).to_owned(),
            client.to_owned(),
            finding.promise.replace('_', " "),
            found(finding),
        ]
    };
    checked.report.findings.iter().map(row).collect()
}

fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "ok",
        Verdict::Failed => "BROKEN",
        Verdict::Skipped => "not given",
    }
}

fn found(finding: &Finding) -> String {
    match (&finding.expected, &finding.got) {
        (Some(expected), Some(got)) => format!("expected {expected}; got {got}"),
        _ => finding.remark.clone().unwrap_or_default(),
    }
}
