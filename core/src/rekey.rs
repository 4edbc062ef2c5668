//! Sealing what is stored anew with the first key, while everybody goes on working: a record is written only if it is still
//! what was read, and what is sealed with the first key already is passed over, so whoever was interrupted begins again.

use crate::error::{Code, Error, Result};
use crate::store::{GrantKey, Query, Resealed, Store, Wanted};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a record is waited for whose refresh token is being spent. No lease lasts longer without being prolonged.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longest time until such a record is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How many failures are told one by one.
const TOLD: usize = 100;

/// Options of [`Client::rekey`](crate::Client::rekey).
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RekeyOptions {
    /// Every record of the store, of whichever client registration. Each of them must have the first key.
    pub all: bool,
    /// How many records are read at once (default 100).
    pub batch: usize,
}

impl Default for RekeyOptions {
    fn default() -> Self {
        RekeyOptions { all: false, batch: 100 }
    }
}

/// How far [`Client::rekey`](crate::Client::rekey) came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rekeyed {
    /// Records there were at the beginning, what is kept of deleted grants included.
    pub total: usize,
    /// Records that are now sealed with the first key.
    pub resealed: usize,
    /// Records that were.
    pub already: usize,
    /// Records that were left as they are.
    pub failed: usize,
    /// The first hundred of those.
    pub failures: Vec<RekeyFailure>,
}

/// A record that was left as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RekeyFailure {
    /// The client registration.
    pub client: String,
    /// Whose grant.
    pub subject: String,
    /// The slot of the grant.
    pub slot: String,
    /// The code of the error.
    pub code: Code,
    /// Its reason, where it has one.
    pub reason: Option<String>,
    /// What was wrong, where, and what was expected.
    pub message: String,
}

/// Seals the records of `client`, or of all where it is none; `progress` is told after each page.
pub(crate) async fn rekey(
    store: &dyn Store,
    client: Option<String>,
    batch: usize,
    progress: impl Fn(&Rekeyed) + Send,
) -> Result<Rekeyed> {
    if batch == 0 {
        return Err(Error::new(Code::InvalidArgument, "batch: is 0; expected a number of records"));
    }
    // A tombstone holds no token, but a late answer or new consent that meets it has to read it.
    let kinds = [Wanted::Grants, Wanted::Tombstones { before: i64::MAX }];
    let query =
        kinds.map(|wanted| Query { client: client.clone(), wanted, after: None, limit: batch });
    let mut done = Rekeyed::default();
    for query in query.clone() {
        let mut pages = Pages(Some(query));
        while let Some(page) = pages.next(store).await? {
            done.total += page.len();
        }
    }
    let mut busy = Vec::new();
    for query in query {
        let mut pages = Pages(Some(query));
        while let Some(page) = pages.next(store).await? {
            for (key, is_current) in page {
                if is_current {
                    done.already += 1;
                } else {
                    done.count(store.reseal(&key).await, key, &mut busy)?;
                }
            }
            progress(&done);
        }
    }
    wait_for(store, busy, &mut done).await?;
    progress(&done);
    Ok(done)
}

/// Seals the records that were being renewed.
async fn wait_for(store: &dyn Store, mut busy: Vec<Busy>, done: &mut Rekeyed) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    while let Some(left) = busy.iter().map(|(_, left)| *left).min() {
        if Instant::now() >= until {
            for (key, _) in busy {
                done.fail(key, &still_busy());
            }
            break;
        }
        sleep(left.min(LOOK_AGAIN)).await;
        for (key, _) in std::mem::take(&mut busy) {
            done.count(store.reseal(&key).await, key, &mut busy)?;
        }
    }
    Ok(())
}

type Busy = (GrantKey, Duration);

impl Rekeyed {
    fn count(
        &mut self,
        resealed: Result<Resealed>,
        key: GrantKey,
        busy: &mut Vec<Busy>,
    ) -> Result<()> {
        match resealed {
            Ok(Resealed::Done) => self.resealed += 1,
            Ok(Resealed::Already) => self.already += 1,
            Ok(Resealed::Busy(left)) => busy.push((key, left)),
            Err(error) if is_of_this_record(&error) => self.fail(key, &error),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn fail(&mut self, key: GrantKey, error: &Error) {
        self.failed += 1;
        if self.failures.len() < TOLD {
            let GrantKey { client, subject, slot } = key;
            let reason = error.reason().map(str::to_owned);
            let (code, message) = (error.code(), error.message().to_owned());
            self.failures.push(RekeyFailure { client, subject, slot, code, reason, message });
        }
    }
}

/// Whether the other records may fare better.
fn is_of_this_record(error: &Error) -> bool {
    matches!(error.code(), Code::Decryption | Code::StoreConflict)
        || matches!(error.reason(), Some("unreadable" | "corrupt"))
}

fn still_busy() -> Error {
    let text = format!("the refresh token was being spent for {} s", PATIENCE.as_secs());
    Error::new(Code::StoreConflict, text).with_reason("busy")
}

/// Page after page of a query; each row with whether it is sealed with the first key.
struct Pages(Option<Query>);

impl Pages {
    async fn next(&mut self, store: &dyn Store) -> Result<Option<Vec<(GrantKey, bool)>>> {
        let Some(query) = &mut self.0 else { return Ok(None) };
        let page = store.page(query).await?;
        match page.get(query.limit - 1) {
            Some(last) => query.after = Some(last.key.clone()),
            None => self.0 = None,
        }
        Ok(Some(
            page.into_iter()
                .map(|row| {
                    let is_current = store.is_current(&row);
                    (row.key, is_current)
                })
                .collect(),
        ))
    }
}
