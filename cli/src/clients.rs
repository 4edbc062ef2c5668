//! Which clients there are: tables of a file, or made from the command line.

use crate::arguments::General;
use evergrant::{Client, Code, Config, Error, Result, catalogue_names, expected_name, wait};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const CLIENT_ID: &str = "EVERGRANT_CLIENT_ID";
const CLIENT_SECRET: &str = "EVERGRANT_CLIENT_SECRET";

/// The configured clients, and what the command line says in their place.
pub(crate) struct Clients<'a> {
    tables: BTreeMap<String, Value>,
    general: &'a General,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// By name; the keys of each are the library's to judge.
    #[serde(default)]
    clients: BTreeMap<String, Value>,
}

impl<'a> Clients<'a> {
    /// Reads the file. It must be there where it was asked for by name.
    pub(crate) fn load(general: &'a General) -> Result<Self> {
        let file = match path(general) {
            Some(Location { path, optional: true }) if !path.exists() => File::default(),
            Some(Location { path, .. }) => read(&path)?,
            None => File::default(),
        };
        Ok(Clients { tables: file.clients, general })
    }

    /// The names of the configured clients.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    /// The configuration of a client.
    pub(crate) fn config(&self, name: &str) -> Result<Config> {
        let mut table = match self.tables.get(name) {
            Some(table) => table.clone(),
            None => self.unconfigured(name)?,
        };
        if let Value::Object(keys) = &mut table {
            let general = self.general;
            keys.extend(general.store.iter().map(|store| ("store".to_owned(), json!(store))));
            keys.extend(general.client_id.iter().map(|id| ("client_id".to_owned(), json!(id))));
            keys.extend(general.offline.then(|| ("offline".to_owned(), json!(true))));
            let secret = general.client_secret_env.iter();
            keys.extend(secret.map(|name| ("client_secret".to_owned(), json!({ "env": name }))));
        }
        Config::from_json(&table.to_string()).map_err(|error| of_client(name, &error))
    }

    /// Opens a client.
    pub(crate) fn open(&self, name: &str) -> Result<Client> {
        Client::open(self.config(name)?).map_err(|error| of_client(name, &error))
    }

    /// A client that stands in no file, at a provider that needs no description.
    fn unconfigured(&self, name: &str) -> Result<Value> {
        if !name.contains("://") && !catalogue_names().any(|known| known == name) {
            return Err(self.unknown(name));
        }
        let variable = |name: &str| std::env::var(name).ok();
        let Some(id) = self.general.client_id.clone().or_else(|| variable(CLIENT_ID)) else {
            let text = format!(
                "no client {name:?} is configured, and no client identifier was given; expected a table \
                 [clients.{name}] in the configuration file, --client-id, or {CLIENT_ID}"
            );
            return Err(Error::new(Code::InvalidConfig, text));
        };
        let mut table = json!({ "provider": name, "client_id": id });
        if variable(CLIENT_SECRET).is_some() {
            table["client_secret"] = json!({ "env": CLIENT_SECRET });
        }
        Ok(table)
    }

    fn unknown(&self, name: &str) -> Error {
        let configured: Vec<_> = self.names().collect();
        let configured =
            if configured.is_empty() { "none".to_owned() } else { configured.join(", ") };
        let text = format!(
            "no client {name:?}; expected a configured one ({configured}), {}, or an issuer URL",
            expected_name(name)
        );
        Error::new(Code::UnknownProvider, text)
    }
}

/// Lets `work` use a client, and closes it: what the work left running is waited for.
pub(crate) fn using<T>(client: &Client, work: impl FnOnce(&Client) -> Result<T>) -> Result<T> {
    let result = work(client);
    wait(client.close());
    result
}

/// Where the file is, and whether it may be missing.
struct Location {
    path: PathBuf,
    optional: bool,
}

fn path(general: &General) -> Option<Location> {
    let variable =
        |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(path) = general.config.clone().or_else(|| variable("EVERGRANT_CONFIG")) {
        return Some(Location { path, optional: false });
    }
    let folder = variable("XDG_CONFIG_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| variable("HOME").map(|home| home.join(".config")))?;
    Some(Location { path: folder.join("evergrant/config.toml"), optional: true })
}

fn read(path: &Path) -> Result<File> {
    let failed = |text: String| {
        Error::new(Code::InvalidConfig, format!("configuration file {}: {text}", path.display()))
    };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    // The parser's full report quotes the line, which may hold a secret: only the place and the reason are told.
    toml::from_str(&text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        failed(format!("line {}: {}", before.matches('\n').count() + 1, error.message()))
    })
}

fn of_client(name: &str, error: &Error) -> Error {
    let text = format!("client {name:?}: {}", error.message());
    let mut named = Error::new(error.code(), text);
    if let Some(reason) = error.reason() {
        named = named.with_reason(reason);
    }
    named
}
