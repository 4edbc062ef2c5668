//! A store as an application would write it, for tests; and how such stores are broken.

use crate::clock::boottime;
use crate::store::{ForeignStore, Method, StoreCall, StoreReply};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Fault {
    CompareAndSetIsNotAtomic,
    CompareAndSetWritesAlways,
    CompareAndSetOfAbsentFails,
    AcquireIsNotAtomic,
    FencingStartsAgainAfterExpiry,
    FencingStandsStill,
    LeaseNeverEnds,
    LeaseEndsAtOnce,
    RenewIsEveryones,
    RenewDoesNothing,
    ReleaseIsEveryones,
    IntentIsDropped,
    LeftIntentIsDropped,
    AcquireWritesTheRecord,
    TakesTwice,
    TakeIsNotAtomic,
    IgnoresCase,
    TrimsKeys,
    TrimsTexts,
    NormalizesKeys,
    CutsKeysAt255,
    CutsTextsAt64KiB,
    MixesPartsOfKeys,
    AbsentIsEmptyText,
    SaveKeepsTheFirst,
    DeleteDoesNothing,
    DeleteTakesAllOfTheClient,
    ListsOtherClients,
    ListStopsAt50,
    RefusesQuotes,
    FailsOnAbsent,
}

/// Keeps everything in memory.
#[derive(Clone, Default)]
pub(in crate::store) struct Example {
    /// What it keeps.
    pub(in crate::store) rows: Arc<Mutex<Rows>>,
    pub(in crate::store) fault: Option<Fault>,
    pub(in crate::store) only_load_and_save: bool,
}

type Key = [String; 3];

#[derive(Default)]
pub(in crate::store) struct Rows {
    records: HashMap<Key, (String, u64)>,
    leases: HashMap<Key, Lease>,
    pending: HashMap<String, Value>,
}

#[derive(Default)]
struct Lease {
    owner: Option<String>,
    until: i64,
    fencing: u64,
    intent: Value,
}

impl Lease {
    fn stands(&self) -> bool {
        self.owner.is_some() && self.until > boottime()
    }
}

impl ForeignStore for Example {
    fn has(&self, method: Method) -> bool {
        !self.only_load_and_save || matches!(method, Method::Load | Method::Save)
    }

    fn call(&self, call: StoreCall) -> Pin<Box<dyn Future<Output = StoreReply> + Send>> {
        let store = self.clone();
        Box::pin(async move { store.reply(call).await })
    }
}

impl Example {
    pub(in crate::store) fn with(fault: Fault) -> Self {
        Example { fault: Some(fault), ..Example::default() }
    }

    pub(in crate::store) fn is_empty(&self) -> bool {
        self.rows.lock().unwrap().records.is_empty()
    }

    fn is(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    async fn reply(&self, StoreCall { method, arguments }: StoreCall) -> StoreReply {
        let text = |n: usize| arguments[n].as_str().unwrap_or_default().to_owned();
        let number = |n: usize| arguments[n].as_u64();
        match method {
            Method::PutPending | Method::TakePending | Method::List => {
                return self.reply_without_key(method, &arguments).await;
            }
            _ => {}
        }
        let key = self.key([text(0), text(1), text(2)])?;
        let kept = |n: usize| {
            let mut text = text(n);
            if self.is(Fault::CutsTextsAt64KiB) {
                text.truncate(text.floor_char_boundary(65_535));
            }
            if self.is(Fault::TrimsTexts) { text.trim().to_owned() } else { text }
        };
        let absent = || !self.rows.lock().unwrap().records.contains_key(&key);
        if self.is(Fault::FailsOnAbsent) && method == Method::Delete && absent() {
            return Err("no such row".to_owned());
        }
        if method == Method::CompareAndSet {
            return self.compare_and_set(key, number(3), (kept(4), number(5).unwrap())).await;
        }
        if self.is(Fault::AcquireIsNotAtomic) && method == Method::Acquire {
            let free = !self.rows.lock().unwrap().leases.get(&key).is_some_and(Lease::stands);
            tokio::time::sleep(Duration::from_millis(2)).await;
            if free {
                self.rows.lock().unwrap().leases.entry(key.clone()).or_default().until = 0;
            }
        }
        let mut rows = self.rows.lock().unwrap();
        Ok(match method {
            Method::Load => {
                let absent =
                    if self.is(Fault::AbsentIsEmptyText) { json!("") } else { Value::Null };
                rows.records.get(&key).map_or(absent, |(record, _)| json!(record))
            }
            Method::Save => {
                if !(self.is(Fault::SaveKeepsTheFirst) && rows.records.contains_key(&key)) {
                    rows.records.insert(key, (kept(3), 0));
                }
                Value::Null
            }
            Method::Delete => {
                if self.is(Fault::DeleteTakesAllOfTheClient) {
                    rows.records.retain(|other, _| other[0] != key[0]);
                } else if !self.is(Fault::DeleteDoesNothing) {
                    rows.records.remove(&key);
                }
                Value::Null
            }
            Method::Acquire => self.acquire(&mut rows, key, &arguments),
            Method::Renew => {
                let Some(lease) = rows.leases.get_mut(&key) else { return Ok(json!(false)) };
                let is_holder = lease.owner == Some(text(3)) && Some(lease.fencing) == number(4);
                let held = lease.stands() && (is_holder || self.is(Fault::RenewIsEveryones));
                if held && !self.is(Fault::RenewDoesNothing) {
                    lease.until = boottime() + arguments[5].as_i64().unwrap();
                }
                json!(held)
            }
            Method::Release => {
                let Some(lease) = rows.leases.get_mut(&key) else { return Ok(Value::Null) };
                let is_holder = lease.owner == Some(text(3)) && Some(lease.fencing) == number(4);
                if is_holder || self.is(Fault::ReleaseIsEveryones) {
                    lease.owner = None;
                    if !self.is(Fault::LeftIntentIsDropped) {
                        lease.intent = arguments[5].clone();
                    }
                }
                Value::Null
            }
            _ => unreachable!("replied above"),
        })
    }

    async fn compare_and_set(
        &self,
        key: Key,
        expected: Option<u64>,
        (record, revision): (String, u64),
    ) -> StoreReply {
        let stands = |rows: &Rows| rows.records.get(&key).map(|(_, revision)| *revision);
        let mut matches = stands(&self.rows.lock().unwrap()) == expected;
        if self.is(Fault::CompareAndSetIsNotAtomic) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let mut rows = self.rows.lock().unwrap();
        if !self.is(Fault::CompareAndSetIsNotAtomic) {
            matches = stands(&rows) == expected;
        }
        matches |= self.is(Fault::CompareAndSetWritesAlways);
        if self.is(Fault::CompareAndSetOfAbsentFails)
            && expected.is_none()
            && stands(&rows).is_some()
        {
            return Err("duplicate key".to_owned());
        }
        if matches {
            rows.records.insert(key, (record, revision));
        }
        Ok(json!(matches))
    }

    fn acquire(&self, rows: &mut Rows, key: Key, arguments: &[Value]) -> Value {
        if self.is(Fault::AcquireWritesTheRecord) {
            rows.records.insert(key.clone(), (arguments[5].to_string(), 0));
        }
        let lease = rows.leases.entry(key).or_default();
        let stands = match self.fault {
            Some(Fault::LeaseNeverEnds) => lease.owner.is_some(),
            Some(Fault::LeaseEndsAtOnce) => false,
            _ => lease.stands(),
        };
        if stands {
            return json!({"busy_ms": (lease.until - boottime()).max(1)});
        }
        if self.is(Fault::FencingStartsAgainAfterExpiry) && lease.owner.is_some() {
            lease.fencing = 0;
        }
        if lease.fencing == 0 || !self.is(Fault::FencingStandsStill) {
            lease.fencing += 1;
        }
        lease.owner = arguments[3].as_str().map(str::to_owned);
        lease.until = boottime() + arguments[4].as_i64().unwrap();
        let earlier = std::mem::replace(&mut lease.intent, arguments[5].clone());
        if self.is(Fault::IntentIsDropped) {
            lease.intent = Value::Null;
        }
        json!({"fencing": lease.fencing, "intent": earlier})
    }

    async fn reply_without_key(&self, method: Method, arguments: &[Value]) -> StoreReply {
        let first = arguments[0].as_str().unwrap_or_default().to_owned();
        match method {
            Method::List => {
                let rows = self.rows.lock().unwrap();
                let is_listed = |key: &Key| {
                    key[0] == first
                        || self.is(Fault::ListsOtherClients) && key[0].starts_with(&first)
                };
                let texts = rows.records.iter().filter(|(key, _)| is_listed(key));
                let limit = if self.is(Fault::ListStopsAt50) { 50 } else { usize::MAX };
                Ok(texts.map(|(_, (text, _))| json!(text)).take(limit).collect())
            }
            Method::PutPending => {
                self.rows.lock().unwrap().pending.insert(first, arguments[1].clone());
                Ok(Value::Null)
            }
            _ => {
                let document = self.rows.lock().unwrap().pending.get(&first).cloned();
                if self.is(Fault::TakeIsNotAtomic) {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                } else if !self.is(Fault::TakesTwice) {
                    return Ok(self
                        .rows
                        .lock()
                        .unwrap()
                        .pending
                        .remove(&first)
                        .unwrap_or_default());
                }
                if self.is(Fault::TakeIsNotAtomic) {
                    self.rows.lock().unwrap().pending.remove(&first);
                }
                Ok(document.unwrap_or_default())
            }
        }
    }

    fn key(&self, parts: [String; 3]) -> Result<Key, String> {
        if self.is(Fault::RefusesQuotes) && parts.iter().any(|part| part.contains('\'')) {
            return Err("syntax error".to_owned());
        }
        if self.is(Fault::MixesPartsOfKeys) {
            return Ok([parts[0].clone(), format!("{}:{}", parts[1], parts[2]), String::new()]);
        }
        Ok(parts.map(|part| match self.fault {
            Some(Fault::IgnoresCase) => part.to_lowercase(),
            Some(Fault::TrimsKeys) => part.trim_end().to_owned(),
            Some(Fault::NormalizesKeys) => part.replace("e\u{301}", "é"),
            Some(Fault::CutsKeysAt255) => part.chars().take(255).collect(),
            _ => part,
        }))
    }
}
