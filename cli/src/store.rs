//! `evergrant store …`: commands on token stores rather than on grants.

use crate::arguments::{General, StoreCheckArguments, StoreCommand};
use crate::clients::{Clients, using};
use crate::output::Output;
use evergrant::{
    CheckOptions, CheckReport, Client, Config, Finding, Result, StoreCheck, Verdict, wait,
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
    }
}

/// The report on the store of one client.
#[derive(Serialize)]
struct Checked {
    client: Option<String>,
    #[serde(flatten)]
    report: CheckReport,
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

/// The clients whose stores are meant: the one that is named, else a nameless one of the store that is, else all.
fn opened(
    clients: &Clients,
    general: &General,
    name: Option<&str>,
) -> Result<Vec<(Option<String>, Client)>> {
    let names: Vec<&str> = match name {
        Some(name) => vec![name],
        None if general.store.is_some() => Vec::new(),
        None => clients.names().collect(),
    };
    if names.is_empty() {
        return Ok(vec![(None, Client::open(of_nobody(general)?)?)]);
    }
    let open = |name: &str| Ok((Some(name.to_owned()), clients.open(name)?));
    names.into_iter().map(open).collect()
}

/// The configuration of a client that has the store and asks no provider.
fn of_nobody(general: &General) -> Result<Config> {
    let mut table = json!({ "provider": "google", "client_id": "evergrant store check" });
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
