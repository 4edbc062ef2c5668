//! The steps that the runner carries out itself: at the provider, in files, or by several commands to the testee.

use super::{PATIENCE, POLL, Run, Stop, seconds};
use crate::case::{ClockKind, Step};
use crate::testee::Process;
use crate::{config, files, matcher, template};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::time::Instant;

impl Run<'_> {
    pub(super) fn act(
        &mut self,
        step: &Step,
        arguments: Map<String, Value>,
    ) -> Result<Value, Stop> {
        let ok = |value: Value| Ok(json!({ "ok": value }));
        match step.action.name {
            "open" => self.open(step, arguments),
            "login" => self.login(step, arguments),
            "clock" => self.move_clocks(&typed(arguments)?),
            "await_event" => self.await_event(step, &arguments),
            "await_requests" => ok(self.await_requests(&typed(arguments)?)?),
            "restart" => self.restart(&typed(arguments)?),
            "sandbox.consent" => ok(self.provider.consent(&typed(arguments)?)?),
            "sandbox.device" => ok(self.provider.decide_device(&typed(arguments)?)?),
            "sandbox.fault" => ok(self.provider.add_fault(arguments)?),
            "sandbox.clear_faults" => ok(self.provider.clear_faults()),
            "sandbox.options" => {
                ok(self.provider.change_options(typed::<Change>(arguments)?.change)?)
            }
            "sandbox.id_token" => ok(self.provider.set_id_token_habit(arguments)?),
            "sandbox.rotate_signing_key" => ok(self.provider.rotate_signing_key()),
            "sandbox.revoke" => ok(self.provider.revoke(&typed::<OfUser>(arguments)?.user)),
            "sandbox.expire_access" => {
                ok(self.provider.expire_access(&typed::<OfUser>(arguments)?.user))
            }
            "file.write" => ok(files::write(&typed(arguments)?)?),
            "file.mode" => ok(files::mode(&typed(arguments)?)?),
            "file.hash" => ok(files::hash(typed::<OfPath>(arguments)?.path.as_ref())?),
            "sqlite.execute" => ok(files::execute(&typed(arguments)?)?),
            "sqlite.query" => ok(files::query(&typed(arguments)?)?),
            "sqlite.lock" => {
                self.lock = Some(files::Lock::take(typed::<OfPath>(arguments)?.path.as_ref())?);
                ok(Value::Null)
            }
            "sqlite.unlock" => {
                self.lock = None;
                ok(Value::Null)
            }
            name => unreachable!("{name} is an action of the runner"),
        }
    }

    /// Opens a client with the base configuration, what the case changes in it, and what the step changes.
    fn open(&mut self, step: &Step, arguments: Map<String, Value>) -> Result<Value, Stop> {
        let Open { config, without, store } = typed(arguments)?;
        let layers = [Value::Object(self.case.config.clone()), Value::Object(config)];
        let config =
            template::fill(&config::merged(self.case.protocol, layers, &without)?, &self.names)?;
        if let (Some(id), Some(secret)) =
            (config["client_id"].as_str(), config["client_secret"].as_str())
        {
            self.canaries.add_client(id, secret);
        }
        self.canaries.add_keys(&config["encryption"]);
        let store = match store.or_else(|| self.case.store.clone()) {
            Some(store) => template::fill(&store, &self.names)?,
            None => Value::Null,
        };
        let has_own_store = !store.is_null();
        let command = Map::from_iter([("config".to_owned(), config), ("store".to_owned(), store)]);
        let reply = self.command(step, "open", command)?;
        if reply.get("ok").is_some() {
            let client = step.options.client.clone();
            if has_own_store {
                self.clients_with_own_store.insert(client.clone());
            }
            self.clients.insert(client.clone());
            self.set_client_clock(&client)?;
        }
        Ok(reply)
    }

    fn set_client_clock(&mut self, client: &str) -> Result<(), Stop> {
        if self.case.clock == ClockKind::System {
            return Ok(());
        }
        let command = json!({ "do": "set_clock", "client": client, "unix_ms": self.clock });
        match self.send(&command, PATIENCE)?.get("error") {
            None => Ok(()),
            Some(error) => Err(Stop::Failed(format!("the clock cannot be set: {error}"))),
        }
    }

    /// Consent from begin to end. The reply is the first that is an error, else all that came of it.
    fn login(&mut self, step: &Step, arguments: Map<String, Value>) -> Result<Value, Stop> {
        let Login { subject, options, finish, user } = typed(arguments)?;
        let user = user.unwrap_or_else(|| subject.as_str().unwrap_or_default().to_owned());
        let beginning = Map::from_iter([
            ("subject".to_owned(), subject),
            ("options".to_owned(), options.into()),
        ]);
        let begun = self.command(step, "begin", beginning)?;
        let Some(start) = begun.get("ok") else { return Ok(begun) };
        let url = start["url"].as_str().unwrap_or_default().to_owned();
        let consented = self.provider.consent(&Consent { url, user, deny: false })?;
        let callback = consented["callback"].clone();
        let ending = Map::from_iter([
            ("callback".to_owned(), callback.clone()),
            ("options".to_owned(), finish.into()),
        ]);
        let ended = self.command(step, "finish", ending)?;
        let Some(finished) = ended.get("ok") else { return Ok(ended) };
        Ok(json!({ "ok": { "start": start, "callback": callback, "finished": finished } }))
    }

    fn move_clocks(&mut self, by: &MoveClocks) -> Result<Value, Stop> {
        if self.case.clock == ClockKind::System {
            return Err(Stop::Case(
                "clock: a case that moves the clock cannot run on the system's".to_owned(),
            ));
        }
        let provider = seconds(by.advance + by.advance_provider)?;
        let client = seconds(by.advance + by.advance_client)?;
        self.provider.advance_clock(provider);
        self.clock += u64::try_from(client.as_millis()).map_err(|error| error.to_string())?;
        self.names.insert("now".to_owned(), json!(self.clock));
        for client in self.clients.clone() {
            self.set_client_clock(&client)?;
        }
        Ok(json!({ "ok": self.clock }))
    }

    /// Waits until a client told of an event; it may have done so before. Some languages tell of events when they are
    /// called next, so a call is made now and then.
    fn await_event(&mut self, step: &Step, arguments: &Map<String, Value>) -> Result<Value, Stop> {
        let pattern = Value::Object(arguments.clone());
        let deadline = Instant::now() + PATIENCE;
        for round in 1_u32.. {
            let reply = self.command(step, "events", Map::new())?;
            let events = reply["ok"].as_array().map(Vec::as_slice).unwrap_or_default();
            let fits = |event: &&Value| matcher::mismatches(&pattern, Some(event)).is_empty();
            if let Some(event) = events.iter().find(fits) {
                return Ok(json!({ "ok": event }));
            }
            if Instant::now() >= deadline {
                break;
            }
            std::thread::sleep(POLL);
            if round.is_multiple_of(20) {
                self.nudge(&step.options.client)?;
            }
        }
        Err(Stop::Failed(format!("no event like {pattern} came")))
    }

    /// Waits until the provider has answered (or dropped) a number of requests to one path.
    fn await_requests(&mut self, wanted: &AwaitRequests) -> Result<Value, Stop> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let journal = self.provider.journal();
            let done = |entry: &&Value| {
                entry["path"] == wanted.path
                    && (entry["status"].is_u64() || entry["fault"].is_string())
            };
            let count = journal.iter().filter(done).count();
            if count >= wanted.count {
                return Ok(json!(count));
            }
            if Instant::now() >= deadline {
                return Err(Stop::Failed(format!(
                    "the provider has seen {count} requests to {}",
                    wanted.path
                )));
            }
            std::thread::sleep(POLL);
        }
    }

    /// Ends the testee (or kills it) and starts another process, which has no client yet.
    fn restart(&mut self, how: &Restart) -> Result<Value, Stop> {
        if how.kill {
            let errors = self.process.kill();
            self.heard_on_standard_error(errors);
        } else {
            self.collect_from_clients();
            self.end_process();
        }
        self.clients.clear();
        self.clients_with_own_store.clear();
        self.process = Process::start(self.testee, &self.denied)?;
        Ok(json!({ "ok": null }))
    }
}

fn typed<T: for<'de> Deserialize<'de>>(arguments: Map<String, Value>) -> Result<T, String> {
    serde_path_to_error::deserialize(Value::Object(arguments)).map_err(|error| error.to_string())
}

#[derive(Deserialize)]
struct Open {
    #[serde(default)]
    config: Map<String, Value>,
    #[serde(default)]
    without: Vec<String>,
    store: Option<Value>,
}

#[derive(Deserialize)]
struct Login {
    subject: Value,
    #[serde(default)]
    options: Map<String, Value>,
    #[serde(default)]
    finish: Map<String, Value>,
    user: Option<String>,
}

/// Arguments of `sandbox.consent`.
#[derive(Deserialize)]
pub(crate) struct Consent {
    pub(crate) url: String,
    #[serde(default = "alice")]
    pub(crate) user: String,
    #[serde(default)]
    pub(crate) deny: bool,
}

/// Arguments of `sandbox.device`.
#[derive(Deserialize)]
pub(crate) struct Device {
    pub(crate) user_code: String,
    #[serde(default = "alice")]
    pub(crate) user: String,
    #[serde(default)]
    pub(crate) deny: bool,
}

fn alice() -> String {
    "alice".to_owned()
}

/// Seconds.
#[derive(Deserialize)]
struct MoveClocks {
    #[serde(default)]
    advance: f64,
    #[serde(default)]
    advance_client: f64,
    #[serde(default)]
    advance_provider: f64,
}

#[derive(Deserialize)]
struct AwaitRequests {
    path: String,
    count: usize,
}

#[derive(Deserialize)]
struct Restart {
    #[serde(default)]
    kill: bool,
}

#[derive(Deserialize)]
struct Change {
    change: Map<String, Value>,
}

#[derive(Deserialize)]
struct OfUser {
    user: String,
}

#[derive(Deserialize)]
struct OfPath {
    path: String,
}
