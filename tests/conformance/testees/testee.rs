//! The Rust testee of the conformance cases: one JSON command a line in, one reply a line out, until the input ends.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use evergrant::{
    ApiRequest, ApplicationStore, Client, Config, Environment, Event, Events, Grant, Result, wait,
};
use evergrant::{ForeignStore, Method, StoreCall, StoreReply, options_from_json};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Testee {
    clients: Mutex<HashMap<String, Client>>,
    stores: Mutex<HashMap<String, Arc<Store>>>,
    events: Mutex<HashMap<String, Arc<Mutex<Vec<Event>>>>>,
    shown: Mutex<String>,
}

impl Testee {
    fn reply(&self, command: &Value) -> Value {
        match self.carry_out(command) {
            Ok(result) => json!({ "ok": result }),
            Err(error) => json!({ "error": self.show(error).to_json() }),
        }
    }

    fn carry_out(&self, command: &Value) -> Result<Value> {
        let text = |key: &str| command[key].as_str().unwrap_or_default();
        let name = command["client"].as_str().unwrap_or("main");
        let client = || self.clients.lock().unwrap()[name].clone();
        let grant = || self.show(client().grant_slot(text("subject"), text("slot")));
        match text("do") {
            "open" => self.open(name, command),
            "begin" => plain(wait(client().begin(text("subject"), options(&command["options"])?))),
            "finish" => plain(wait(client().finish(text("callback"), options(&command["options"])?))),
            "access_token" => wait(grant().access_token(options(&command["options"])?)).map(|token| {
                let token = self.show(token);
                json!({ "token": token.token.expose(), "token_type": token.token_type, "expires_at": token.expires_at })
            }),
            "cached" => Ok(json!(grant().cached_access_token().is_some())),
            "headers" => plain(wait(grant().headers(text("method"), text("url"), options(&command["options"])?))),
            "request" => request(&grant(), command),
            "refresh" => plain(wait(grant().refresh(options(&command["options"])?))),
            "revoke" => plain(wait(grant().revoke(options(&command["options"])?))),
            "forget" => plain(wait(grant().forget())),
            "inspect" => plain(wait(grant().inspect())),
            "put" => plain(wait(client().put(text("subject"), options(&command["tokens"])?))),
            "list" => plain(wait(client().list())),
            "close" => plain(Ok(wait(client().close()))),
            "events" => plain(Ok(&*self.events.lock().unwrap()[name].lock().unwrap())),
            "store_calls" => plain(Ok(&*self.stores.lock().unwrap()[name].calls.lock().unwrap())),
            "set_clock" => plain(Ok(client().set_test_clock(command["unix_ms"].as_i64()))),
            "parallel" => Ok(self.in_parallel(command["commands"].as_array().expect("a list"))),
            "debug" => Ok(json!(format!("{:?} {}", self.clients.lock().unwrap(), self.shown.lock().unwrap()))),
            other => panic!("unknown command {other}"),
        }
    }

    fn open(&self, name: &str, command: &Value) -> Result<Value> {
        let events = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&events);
        let store = (!command["store"].is_null()).then(|| Arc::new(Store::new(&command["store"])));
        self.stores.lock().unwrap().extend(store.clone().map(|store| (name.to_owned(), store)));
        let environment = Environment {
            store: store.map(|store| ApplicationStore::AnyThread(store)),
            events: Events::Sink(Arc::new(move |event| told.lock().unwrap().push(event.clone()))),
        };
        let client =
            Client::open_with(Config::from_json(&command["config"].to_string())?, environment)?;
        self.events.lock().unwrap().insert(name.to_owned(), events);
        self.clients.lock().unwrap().insert(name.to_owned(), client);
        Ok(Value::Null)
    }

    fn in_parallel(&self, commands: &[Value]) -> Value {
        std::thread::scope(|scope| {
            let threads: Vec<_> =
                commands.iter().map(|one| scope.spawn(|| self.reply(one))).collect();
            threads.into_iter().map(|thread| thread.join().expect("a reply")).collect()
        })
    }

    /// Keeps what the thing looks like for `debug`.
    fn show<T: std::fmt::Debug>(&self, thing: T) -> T {
        *self.shown.lock().unwrap() += &format!("{thing:?} ");
        thing
    }
}

fn options<T: DeserializeOwned + Default>(options: &Value) -> Result<T> {
    options_from_json(&if options.is_null() { String::new() } else { options.to_string() })
}

fn plain<T: Serialize>(result: Result<T>) -> Result<Value> {
    result.map(|value| json!(value))
}

fn request(grant: &Grant, command: &Value) -> Result<Value> {
    let mut request: ApiRequest = options(&command["request"])?;
    request.body =
        command["body_base64"].as_str().map(|text| STANDARD.decode(text).expect("Base64"));
    let response = wait(grant.request(request))?;
    Ok(
        json!({ "status": response.status, "headers": response.headers, "body_base64": STANDARD.encode(response.body) }),
    )
}

/// A token store in memory that notes its calls, lacks some methods, and fails where a case wants it.
#[derive(Default)]
struct Store {
    options: Value,
    calls: Mutex<Vec<&'static str>>,
    rows: Mutex<HashMap<String, (String, u64)>>,
    leases: Mutex<HashMap<String, (Option<Instant>, u64, Value)>>,
    pending: Mutex<HashMap<String, Value>>,
}

impl Store {
    fn new(options: &Value) -> Self {
        Store { options: options.clone(), ..Store::default() }
    }

    fn serve(&self, call: &StoreCall) -> StoreReply {
        let name = call.method.name();
        let fail = &self.options["fail"];
        self.calls.lock().unwrap().push(name);
        let count =
            self.calls.lock().unwrap().iter().filter(|called| **called == name).count() as u64;
        match fail["how"]
            .as_str()
            .filter(|_| fail["method"] == name && count > fail["after"].as_u64().unwrap_or(0))
        {
            Some("throw") => Err("the store failed on purpose".to_owned()),
            Some(_) => Ok(json!(42)),
            None => Ok(self.carry_out(call.method, &call.arguments)),
        }
    }

    fn carry_out(&self, method: Method, arguments: &[Value]) -> Value {
        let text = |index: usize| arguments[index].as_str().unwrap_or_default().to_owned();
        let number = |index: usize| arguments[index].as_u64().unwrap_or_default();
        let key = json!(arguments.iter().take(3).collect::<Vec<_>>()).to_string();
        let (mut rows, mut leases) = (self.rows.lock().unwrap(), self.leases.lock().unwrap());
        let (until, fencing, left) = leases.entry(key.clone()).or_insert((None, 0, Value::Null));
        let ends = |ttl| Some(Instant::now() + Duration::from_millis(ttl));
        match method {
            Method::Load => json!(rows.get(&key).map(|row| &row.0)),
            Method::Save => {
                rows.insert(key, (text(3), 0));
                Value::Null
            }
            Method::CompareAndSet if json!(rows.get(&key).map(|row| row.1)) != arguments[3] => {
                json!(false)
            }
            Method::CompareAndSet => {
                rows.insert(key, (text(4), number(5)));
                json!(true)
            }
            Method::Delete => {
                rows.remove(&key);
                Value::Null
            }
            Method::Acquire => {
                match until.and_then(|until| until.checked_duration_since(Instant::now())) {
                    Some(busy) => json!({ "busy_ms": u64::try_from(busy.as_millis()).unwrap() }),
                    None => {
                        (*until, *fencing) = (ends(number(4)), *fencing + 1);
                        json!({ "fencing": *fencing, "intent": std::mem::replace(left, arguments[5].clone()) })
                    }
                }
            }
            Method::Renew => {
                *until = ends(number(5));
                json!(*fencing == number(4))
            }
            Method::Release if *fencing == number(4) => {
                (*until, *left) = (None, arguments[5].clone());
                Value::Null
            }
            Method::Release => Value::Null,
            Method::List => rows
                .iter()
                .filter(|(key, _)| key.contains(&text(0)))
                .map(|(_, row)| json!(row.0))
                .collect(),
            Method::PutPending => {
                self.pending.lock().unwrap().insert(text(0), arguments[1].clone());
                Value::Null
            }
            Method::TakePending => json!(self.pending.lock().unwrap().remove(&text(0))),
        }
    }
}

impl ForeignStore for Store {
    fn has(&self, method: Method) -> bool {
        !self.options["without"]
            .as_array()
            .is_some_and(|without| without.contains(&json!(method.name())))
    }

    fn call(&self, call: StoreCall) -> Pin<Box<dyn Future<Output = StoreReply> + Send>> {
        Box::pin(std::future::ready(self.serve(&call)))
    }
}

fn main() {
    let testee = Testee::default();
    for line in std::io::stdin().lock().lines() {
        let command: Value = serde_json::from_str(&line.expect("a line")).expect("a command");
        let mut output = std::io::stdout().lock();
        writeln!(output, "{}", testee.reply(&command))
            .and_then(|()| output.flush())
            .expect("a reader");
    }
}
