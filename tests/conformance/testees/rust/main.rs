//! The Rust testee of the conformance cases: one JSON command a line in, one JSON reply a line out.

// A test program may die, and the runner shows how.
#![allow(clippy::unwrap_used)]

mod store;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use evergrant::{
    ApiRequest, ApplicationStore, Client, Config, Environment, Event, Events, Grant, Scopes,
};
use evergrant::{Result, options_from_json, wait};
use serde::de::DeserializeOwned;
use serde_json::{Value, json, to_value};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::{Arc, Mutex, RwLock};
use store::NotingStore;

type Opened = (Client, Arc<NotingStore>, Arc<Mutex<Vec<Event>>>);

#[derive(Default)]
struct Testee {
    clients: RwLock<BTreeMap<String, Opened>>,
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
        match text("do") {
            "open" => return self.open(text("client"), command),
            "parallel" => return Ok(self.in_parallel(command["commands"].as_array().unwrap())),
            _ => {}
        }
        let name = command["client"].as_str().unwrap_or("main");
        let (client, store, events) = self.clients.read().unwrap()[name].clone();
        let grant = self.show(client.grant_slot(text("subject"), text("slot")));
        let given = &command["options"];
        let result = match text("do") {
            "begin" => to_value(wait(client.begin(text("subject"), options(given)?))?),
            "finish" => to_value(wait(client.finish(text("callback"), options(given)?))?),
            "access_token" => {
                let token = self.show(wait(grant.access_token(options(given)?))?);
                let (kind, expires_at) = (&token.token_type, token.expires_at);
                let text = token.token.expose();
                Ok(json!({ "token": text, "token_type": kind, "expires_at": expires_at }))
            }
            "cached" => to_value(grant.cached_access_token().is_some()),
            "headers" => {
                to_value(wait(grant.headers(text("method"), text("url"), options(given)?))?)
            }
            "request" => Ok(request(&grant, command)?),
            "refresh" => to_value(wait(grant.refresh(options(given)?))?),
            "revoke" => to_value(wait(grant.revoke(options(given)?))?),
            "forget" => to_value(wait(grant.forget())?),
            "inspect" => to_value(wait(grant.inspect())?),
            "begin_device" => {
                to_value(wait(client.begin_device(text("subject"), options(given)?))?)
            }
            "poll_device" => to_value(wait(client.poll_device(text("state")))?),
            "check" => to_value(wait(client.check(text("subject"), options(given)?))?),
            "userinfo" => to_value(wait(grant.userinfo(options(given)?))?),
            "introspect" => to_value(wait(grant.introspect(options(given)?))?),
            "token_response" => to_value(wait(grant.token_response())?),
            "missing_scope" => {
                let scope = command["scope"].as_str().map(Scopes::from);
                to_value(wait(grant.missing_scope(scope))?)
            }
            "put" => to_value(wait(client.put(text("subject"), options(&command["tokens"])?))?),
            "list" => to_value(wait(client.list())?),
            "due" => to_value(wait(client.due(options(given)?))?),
            "refresh_due" => to_value(wait(client.refresh_due(options(given)?))?),
            "close" => {
                wait(client.close());
                Ok(Value::Null)
            }
            "events" => to_value(&*events.lock().unwrap()),
            "store_calls" => to_value(store.calls()),
            "set_clock" => {
                client.set_test_clock(command["unix_ms"].as_i64());
                Ok(Value::Null)
            }
            "debug" => to_value(format!("{client:?} {}", self.shown.lock().unwrap())),
            other => panic!("unknown command {other}"),
        };
        Ok(result.unwrap())
    }

    fn open(&self, name: &str, command: &Value) -> Result<Value> {
        let config = Config::from_json(&command["config"].to_string())?;
        let store = Arc::new(NotingStore::new(&command["store"]));
        let events = Arc::<Mutex<Vec<Event>>>::default();
        let (own, told) = (Arc::<NotingStore>::clone(&store), Arc::clone(&events));
        let environment = Environment {
            store: (!command["store"].is_null()).then_some(ApplicationStore::AnyThread(own)),
            events: Events::Sink(Arc::new(move |event| told.lock().unwrap().push(event.clone()))),
            ..Environment::default()
        };
        let client = Client::open_with(config, environment)?;
        self.clients.write().unwrap().insert(name.to_owned(), (client, store, events));
        Ok(Value::Null)
    }

    fn in_parallel(&self, commands: &[Value]) -> Value {
        std::thread::scope(|scope| {
            let threads: Vec<_> =
                commands.iter().map(|one| scope.spawn(|| self.reply(one))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }

    /// Keeps what a thing looks like for `debug`.
    fn show<T: std::fmt::Debug>(&self, thing: T) -> T {
        write!(self.shown.lock().unwrap(), "{thing:?} ").unwrap();
        thing
    }
}

fn options<T: DeserializeOwned + Default>(options: &Value) -> Result<T> {
    options_from_json(&if options.is_null() { "{}".to_owned() } else { options.to_string() })
}

fn request(grant: &Grant, command: &Value) -> Result<Value> {
    let mut request: ApiRequest = options(&command["request"])?;
    request.body = command["body_base64"].as_str().map(|text| STANDARD.decode(text).unwrap());
    let response = wait(grant.request(request))?;
    let body = STANDARD.encode(response.body);
    Ok(json!({ "status": response.status, "headers": response.headers, "body_base64": body }))
}

fn main() {
    let testee = Testee::default();
    for line in std::io::stdin().lines() {
        let reply = testee.reply(&line.unwrap().parse().unwrap());
        let mut output = std::io::stdout().lock();
        writeln!(output, "{reply}").unwrap();
    }
}
