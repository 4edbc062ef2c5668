//! `evergrant providers …`: the catalogue, for people and programs.

use crate::arguments::ProvidersCommand;
use crate::output::{Output, fields, write};
use evergrant::{Code, Error, Protocol, ProviderStatus, ProviderTable, Result, catalogue};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

type Entries = BTreeMap<String, ProviderTable>;

pub(crate) fn providers(output: &Output, command: &ProvidersCommand) -> Result<()> {
    match command {
        ProvidersCommand::List { files, markdown: true } => {
            write(markdown(&catalogue(files)?).as_bytes())
        }
        ProvidersCommand::List { files, markdown: false } => list(output, &catalogue(files)?),
        ProvidersCommand::Show { name, files } => show(output, name, &catalogue(files)?),
        ProvidersCommand::Check { files } => check(output, files),
    }
}

fn list(output: &Output, entries: &Entries) -> Result<()> {
    let values: Vec<_> = entries.values().map(told).collect();
    let rows: Vec<_> = entries
        .iter()
        .map(|(name, entry)| {
            vec![name.clone(), title(entry), protocol(entry).to_owned(), status(entry)]
        })
        .collect();
    output.table(&values, &["NAME", "TITLE", "PROTOCOL", "STATUS"], &rows)
}

fn show(output: &Output, name: &str, entries: &Entries) -> Result<()> {
    let entry = entries.get(name).ok_or_else(|| {
        let text = format!("no provider {name:?}; `evergrant providers list` has their names");
        Error::new(Code::UnknownProvider, text)
    })?;
    let value = told(entry);
    output.result(&value, || fields(&without_tables(&value)))
}

/// What an entry says otherwise than one that says nothing; what stands in tables by dotted names.
fn without_tables(entry: &Value) -> Map<String, Value> {
    let silent = serde_json::to_value(ProviderTable::default()).expect("an entry is plain data");
    let mut flat = Map::new();
    for (key, value) in entry.as_object().into_iter().flatten() {
        match value {
            Value::Object(_) => flatten(key, value, Some(&silent[key]), &mut flat),
            _ => _ = flat.insert(key.clone(), value.clone()),
        }
    }
    flat
}

fn flatten(path: &str, value: &Value, usual: Option<&Value>, flat: &mut Map<String, Value>) {
    match value {
        _ if usual == Some(value) => {}
        Value::Object(table) => {
            for (name, value) in table {
                let usual = usual.and_then(|usual| usual.get(name));
                flatten(&format!("{path}.{name}"), value, usual, flat);
            }
        }
        _ => _ = flat.insert(path.to_owned(), value.clone()),
    }
}

/// Reading them is the check: it fails with file, provider and key.
fn check(output: &Output, files: &[PathBuf]) -> Result<()> {
    let entries = catalogue(files)?.len();
    output.result(&json!({ "ok": true, "entries": entries }), || {
        format!("{entries} entries, each complete")
    })
}

/// An entry without what it does not say.
fn told(entry: &ProviderTable) -> Value {
    let said = |value: &Value| match value {
        Value::Null => false,
        Value::Bool(said) => *said,
        Value::Array(values) => !values.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    };
    let mut value = serde_json::to_value(entry).expect("an entry is plain data");
    let keys = value.as_object_mut().expect("an entry is a table");
    keys.retain(|_, value| said(value));
    value
}

fn title(entry: &ProviderTable) -> String {
    entry.title.clone().unwrap_or_default()
}

fn protocol(entry: &ProviderTable) -> &'static str {
    match entry.protocol {
        Protocol::OAuth2 => "OAuth 2",
        Protocol::OAuth1 => "OAuth 1.0a",
    }
}

fn status(entry: &ProviderTable) -> String {
    match (&entry.status, &entry.replaced_by) {
        (ProviderStatus::Active, _) => String::new(),
        (ProviderStatus::Retired, Some(instead)) => format!("retired: {instead}"),
        (ProviderStatus::Retired, None) => "retired".to_owned(),
    }
}

/// The table of `docs/providers.md`.
fn markdown(entries: &Entries) -> String {
    let mut text = String::from(
        "# Providers\n\nThe built-in catalogue; this page is written by `make generate`. `evergrant providers show NAME` tells all of an \
         entry.\n\n| name | | protocol | offline | what is known of its refresh tokens | checked |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for (name, entry) in entries {
        let documentation = entry.documentation.as_deref().unwrap_or_default();
        let checked = entry.checked.as_deref().unwrap_or_default();
        let (offline, rotation) = match entry.status {
            ProviderStatus::Active => (offline(entry), rotation(entry)),
            ProviderStatus::Retired => (String::new(), status(entry)),
        };
        let _ = writeln!(
            text,
            "| `{name}` | [{}]({documentation}) | {} | {offline} | {rotation} | {checked} |",
            title(entry),
            protocol(entry),
        );
    }
    text
}

fn offline(entry: &ProviderTable) -> String {
    let Some(offline) = &entry.offline else { return "no way is known".to_owned() };
    let parameters = offline.parameters.iter().map(|(name, value)| format!("`{name}={value}`"));
    let scopes = offline.scope.iter().map(|scope| format!("scope `{scope}`"));
    let ways: Vec<_> = parameters.chain(scopes).collect();
    if ways.is_empty() { "always".to_owned() } else { ways.join(", ") }
}

fn rotation(entry: &ProviderTable) -> String {
    let rotation = &entry.rotation;
    let number = |value: f64, what: &str| format!("{value} {what}");
    let facts = [
        rotation.rotates.map(|rotates| if rotates { "rotate" } else { "do not rotate" }.to_owned()),
        rotation.grace.map(|grace| number(grace, "s of grace")),
        rotation.kills_on_reuse.map(|kills| {
            if kills { "reuse ends the grant" } else { "used ones live on" }.to_owned()
        }),
        rotation.idle_days.map(|days| number(days, "days without use")),
        rotation.lifetime_days.map(|days| number(days, "days in all")),
        rotation.earliest_refresh.map(|time| number(time, "s before expiry at the earliest")),
    ];
    facts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
