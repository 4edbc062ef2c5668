//! A token store in memory that notes its calls, lacks some methods, and fails where a case wants it.

use evergrant::{ForeignStore, Method, StoreCall, StoreReply};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Mutex;
use std::time::{Duration, Instant};

pub(crate) struct NotingStore {
    options: Value,
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    calls: Vec<&'static str>,
    records: BTreeMap<String, Value>,
    leases: BTreeMap<String, Lease>,
    pending: BTreeMap<String, Value>,
}

#[derive(Default)]
struct Lease {
    until: Option<Instant>,
    fencing: u64,
    intent: Value,
}

impl NotingStore {
    /// `options`: `without` (names of methods) and `fail` (`method`, `how`, `after` this many calls).
    pub(crate) fn new(options: &Value) -> Self {
        NotingStore { options: options.clone(), tables: Mutex::default() }
    }

    pub(crate) fn calls(&self) -> Vec<&'static str> {
        self.tables.lock().unwrap().calls.clone()
    }

    fn fails(&self, method: Method, count: usize) -> Option<StoreReply> {
        let fail = &self.options["fail"];
        let fails =
            fail["method"] == method.name() && count as u64 > fail["after"].as_u64().unwrap_or(0);
        fails.then(|| match fail["how"].as_str() {
            Some("throw") => Err("the store failed on purpose".to_owned()),
            _ => Ok(json!(42)),
        })
    }
}

impl ForeignStore for NotingStore {
    fn has(&self, method: Method) -> bool {
        let without = self.options["without"].as_array();
        !without.is_some_and(|names| names.contains(&json!(method.name())))
    }

    fn call(&self, call: StoreCall) -> Pin<Box<dyn Future<Output = StoreReply> + Send>> {
        let mut tables = self.tables.lock().unwrap();
        tables.calls.push(call.method.name());
        let count = tables.calls.iter().filter(|name| **name == call.method.name()).count();
        let reply = self.fails(call.method, count);
        let reply = reply.unwrap_or_else(|| Ok(tables.serve(call.method, &call.arguments)));
        Box::pin(std::future::ready(reply))
    }
}

impl Tables {
    fn serve(&mut self, method: Method, given: &[Value]) -> Value {
        let key = given[..given.len().min(3)].iter().map(Value::to_string).collect::<String>();
        match method {
            Method::Load => return self.records.get(&key).cloned().into(),
            Method::Save => drop(self.records.insert(key, given[3].clone())),
            Method::CompareAndSet => {
                let fits = self.revision(&key) == given[3];
                self.records.extend(fits.then(|| (key, given[4].clone())));
                return json!(fits);
            }
            Method::Delete => drop(self.records.remove(&key)),
            Method::Acquire | Method::Renew | Method::Release => {
                return self.leases.entry(key).or_default().serve(method, given);
            }
            Method::List => return self.records.values().cloned().collect(),
            Method::PutPending => drop(self.pending.insert(given[0].to_string(), given[1].clone())),
            Method::TakePending => return self.pending.remove(&given[0].to_string()).into(),
        }
        Value::Null
    }

    fn revision(&self, key: &str) -> Value {
        let text = self.records.get(key).and_then(Value::as_str).unwrap_or("{}");
        text.parse::<Value>().unwrap()["revision"].take()
    }
}

impl Lease {
    fn serve(&mut self, method: Method, given: &[Value]) -> Value {
        let now = Instant::now();
        let is_holder = given[4] == self.fencing;
        match method {
            Method::Acquire => {
                if let Some(left) = self.until.and_then(|until| until.checked_duration_since(now)) {
                    return json!({ "busy_ms": u64::try_from(left.as_millis()).unwrap() });
                }
                self.until = Some(now + milliseconds(&given[4]));
                self.fencing += 1;
                let earlier = std::mem::replace(&mut self.intent, given[5].clone());
                json!({ "fencing": self.fencing, "intent": earlier })
            }
            Method::Renew => {
                self.until =
                    self.until.filter(|_| is_holder).map(|_| now + milliseconds(&given[5]));
                json!(is_holder)
            }
            _ if is_holder => {
                (self.until, self.intent) = (None, given[5].clone());
                Value::Null
            }
            _ => Value::Null,
        }
    }
}

fn milliseconds(value: &Value) -> Duration {
    Duration::from_millis(value.as_u64().unwrap())
}
