//! What a client stands on, looked at before it matters: the helper process, the spill folder, what the store's database is
//! set up to promise, and encryption. The provider is not asked, and no grant is touched.

use crate::client::Client;
use crate::config::Detached as DetachedMode;
use crate::detached::Detached;
use crate::error::{Error, Result};
use crate::refresh::spill::{Spill, Waiting};
use crate::store::Store;
use serde::Serialize;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// `helper`, `spill`, `store` or `encryption`.
    pub name: &'static str,
    /// How it is.
    pub health: Health,
    /// That in words.
    pub detail: String,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// As it should be, or as the configuration wants it.
    Good,
    /// It works, and a promise does not hold in full.
    Weak,
    /// It does not work.
    Failed,
}

impl Checked {
    fn new(name: &'static str, health: Health, detail: impl Into<String>) -> Self {
        Checked { name, health, detail: detail.into() }
    }

    fn failed(name: &'static str, error: &Error) -> Self {
        Checked::new(name, Health::Failed, error.message())
    }
}

pub(crate) fn helper(mode: DetachedMode) -> Checked {
    if mode == DetachedMode::Off {
        return Checked::new(
            "helper",
            Health::Good,
            "off: refreshes are in the application's process",
        );
    }
    match Detached::find() {
        Ok(path) => Checked::new("helper", Health::Good, path.display().to_string()),
        Err(error) => {
            let text = format!("{}; refreshes are in the application's process", error.message());
            Checked::new("helper", Health::Weak, text)
        }
    }
}

/// `spill`: none where nothing outlives the process anyway.
pub(crate) async fn spill(spill: Option<Result<Spill>>) -> Checked {
    let waiting = match spill {
        None => {
            return Checked::new("spill", Health::Good, "none: the store ends with the process");
        }
        Some(Ok(spill)) => spill.waiting().await,
        Some(Err(error)) => Err(error),
    };
    match waiting {
        Err(error) => Checked::failed("spill", &error),
        Ok(Waiting { folder, answers: 0, unreadable: 0 }) => {
            let text = format!("{} can be written; no answer waits in it", folder.display());
            Checked::new("spill", Health::Good, text)
        }
        Ok(Waiting { folder, answers, unreadable }) => {
            let text = format!(
                "{} can be written; {answers} answers wait in it until the store takes them, and {unreadable} files cannot \
                 be read",
                folder.display()
            );
            Checked::new("spill", Health::Weak, text)
        }
    }
}

/// One line for each weakness; none where the database is not asked.
pub(crate) async fn store(store: &dyn Store) -> Vec<Checked> {
    let Some(asked) = store.weaknesses() else { return Vec::new() };
    match asked.await {
        Err(error) => vec![Checked::failed("store", &error)],
        Ok(weaknesses) if weaknesses.is_empty() => {
            vec![Checked::new(
                "store",
                Health::Good,
                "its server is set up to keep what it commits",
            )]
        }
        Ok(weaknesses) => weaknesses
            .into_iter()
            .map(|weakness| Checked::new("store", Health::Weak, weakness))
            .collect(),
    }
}

pub(crate) fn encryption(client: &Client) -> Checked {
    let text = if client.is_sealing() {
        "on: what is stored is sealed"
    } else {
        "off: whoever can read the store can use the grants"
    };
    Checked::new("encryption", Health::Good, text)
}
