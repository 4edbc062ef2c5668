//! Drives one case: a provider of its own, a process of its own, step after step, and then everything that has to
//! be true at the end. A case that is written wrongly is a [`CaseError`]; whatever else goes wrong is a failure.

use crate::canary::Canaries;
use crate::case::{Case, CaseError, ClockKind, Step};
use crate::config;
use crate::files;
use crate::matcher;
use crate::provider::Provider;
use crate::template;
use crate::testee::{Denied, NoReply, Process, Testee};
use crate::transcript::Transcript;
use crate::vocabulary::{Actor, carries_secrets};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Where the clocks of a case stand when it begins: 2030-01-01T00:00:00Z in Unix milliseconds.
const BEGINNING: u64 = 1_893_456_000_000;

/// Length of `{{large}}`, a text that does not fit a small disk.
const LARGE: usize = 600 << 10;

/// How long the runner waits for something that has to come by itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// What became of one case with one testee.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The case.
    pub case: String,
    /// The testee.
    pub testee: String,
    /// What was not as the case says; the case holds when there is none.
    pub failures: Vec<Failure>,
    /// What happened, in a form that can be compared between testees.
    #[serde(skip)]
    pub transcript: Value,
    /// How long it took.
    pub seconds: f64,
}

/// Something that was not as the case says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The step, such as `step 3 (access_token)`, or what was looked at after the last one.
    pub place: String,
    /// What was expected and what came.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// Runs one case with one testee.
pub fn run(case: &Case, testee: &Testee) -> Result<Report, CaseError> {
    let started = Instant::now();
    let wrong = |message: String| CaseError { path: case.path.clone(), message };
    let mut run = match Run::start(case, testee) {
        Ok(run) => run,
        Err(Stop::Case(message)) => return Err(wrong(message)),
        Err(Stop::Failed(message)) => {
            let failures = vec![Failure { place: "start".to_owned(), message }];
            return Ok(report(case, testee, failures, Value::Null, started));
        }
    };
    run.steps().map_err(wrong)?;
    run.finish().map_err(wrong)?;
    let transcript = run.transcript.normalised(&run.places());
    Ok(report(case, testee, run.failures, transcript, started))
}

fn report(
    case: &Case,
    testee: &Testee,
    failures: Vec<Failure>,
    transcript: Value,
    started: Instant,
) -> Report {
    Report {
        case: case.name.clone(),
        testee: testee.language.clone(),
        failures,
        transcript,
        seconds: started.elapsed().as_secs_f64(),
    }
}

/// Why a step gave no reply.
enum Stop {
    /// The case cannot be carried out as it is written.
    Case(String),
    /// The testee did not do its part.
    Failed(String),
}

impl From<String> for Stop {
    fn from(message: String) -> Self {
        Stop::Case(message)
    }
}

impl From<NoReply> for Stop {
    fn from(NoReply(message): NoReply) -> Self {
        Stop::Failed(message)
    }
}

/// Something the testee said, with the places in it that may carry secrets.
struct Spoken {
    place: String,
    text: Value,
    exempt: &'static [&'static [&'static str]],
}

struct Run<'a> {
    case: &'a Case,
    testee: &'a Testee,
    provider: Provider,
    process: Process,
    denied: Denied,
    folder: TempDir,
    names: Map<String, Value>,
    clock: u64,
    clients: BTreeSet<String>,
    clients_with_own_store: BTreeSet<String>,
    subjects: BTreeSet<(String, String)>,
    lock: Option<files::Lock>,
    canaries: Canaries,
    spoken: Vec<Spoken>,
    transcript: Transcript,
    failures: Vec<Failure>,
}

impl<'a> Run<'a> {
    fn start(case: &'a Case, testee: &'a Testee) -> Result<Self, Stop> {
        let folder = tempfile::tempdir().map_err(|error| format!("temporary folder: {error}"))?;
        let provider = Provider::start(case.sandbox.clone())?;
        if case.clock == ClockKind::Set {
            provider.set_clock(BEGINNING);
        }
        let denied = denied(case, &folder)?;
        let mut run = Run {
            process: Process::start(testee, &denied)?,
            denied,
            names: Map::new(),
            clock: BEGINNING,
            clients: BTreeSet::new(),
            clients_with_own_store: BTreeSet::new(),
            subjects: BTreeSet::new(),
            lock: None,
            canaries: Canaries::default(),
            spoken: Vec::new(),
            transcript: Transcript::default(),
            failures: Vec::new(),
            case,
            testee,
            provider,
            folder,
        };
        let temp = run.folder.path().display().to_string();
        run.names.insert(
            "sandbox".to_owned(),
            json!({ "url": run.provider.url(), "port": run.provider.port() }),
        );
        run.names.insert("db".to_owned(), json!(format!("{temp}/grants.db")));
        run.names.insert("temp".to_owned(), json!(temp));
        run.names.insert("now".to_owned(), json!(BEGINNING));
        run.names.insert("large".to_owned(), json!("x".repeat(LARGE)));
        Ok(run)
    }

    /// What has another name in every run.
    fn places(&self) -> Vec<(String, &'static str)> {
        let url = self.provider.url();
        let authority = url.trim_start_matches("http://").to_owned();
        vec![
            (url.to_owned(), "sandbox"),
            (authority, "sandbox authority"),
            (self.folder.path().display().to_string(), "temp"),
        ]
    }

    /// The steps in their order, up to the first that fails.
    fn steps(&mut self) -> Result<(), String> {
        for (index, step) in self.case.steps.iter().enumerate() {
            let place = format!("step {} ({})", index + 1, step.action.name);
            match self.step(step) {
                Ok(()) if self.failures.is_empty() => {}
                Ok(()) => {
                    for failure in
                        self.failures.iter_mut().filter(|failure| failure.place.is_empty())
                    {
                        failure.place.clone_from(&place);
                    }
                    break;
                }
                Err(Stop::Failed(message)) => {
                    self.failures.push(Failure { place, message });
                    break;
                }
                Err(Stop::Case(message)) => return Err(format!("{place}: {message}")),
            }
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), Stop> {
        let arguments = template::fill(&Value::Object(step.arguments.clone()), &self.names)?;
        let Value::Object(arguments) = arguments else { unreachable!("an object stays an object") };
        let started = Instant::now();
        let reply = match step.action.actor {
            Actor::Testee => self.command(step, step.action.name, arguments)?,
            Actor::Runner => self.act(step, arguments)?,
        };
        let seconds = started.elapsed().as_secs_f64();
        if let Some(within) = step.options.within.filter(|within| seconds > *within) {
            self.fail(format!("took {seconds:.3} s; expected at most {within} s"));
        }
        self.judge(step, &reply)?;
        self.count_token_requests(step)?;
        if let (Some(name), Some(result)) = (&step.options.save, reply.get("ok")) {
            self.names.insert(name.clone(), result.clone());
        }
        Ok(())
    }

    /// A failure of the step under way, which gets its place in [`Run::steps`].
    fn fail(&mut self, message: String) {
        self.failures.push(Failure { place: String::new(), message });
    }

    fn judge(&mut self, step: &Step, reply: &Value) -> Result<(), Stop> {
        let options = &step.options;
        let (pattern, part, kind) = match (&options.expect, &options.expect_error) {
            (None, None) if reply.get("ok").is_some() => return Ok(()),
            (_, Some(pattern)) => (pattern.clone(), reply.get("error"), "an error"),
            (pattern, None) => (pattern.clone().unwrap_or(json!({})), reply.get("ok"), "success"),
        };
        let Some(part) = part else {
            self.fail(format!("expected {kind}, got {reply}"));
            return Ok(());
        };
        let pattern = template::fill(&pattern, &self.names)?;
        for mismatch in matcher::mismatches(&pattern, Some(part)) {
            self.fail(mismatch.to_string());
        }
        Ok(())
    }

    fn count_token_requests(&mut self, step: &Step) -> Result<(), Stop> {
        let Some(expected) = step.options.token_requests else { return Ok(()) };
        let journal = self.provider.journal();
        let got = journal.iter().filter(|entry| entry["kind"] == "token").count();
        if got != expected {
            self.fail(format!("the provider has seen {got} token requests; expected {expected}"));
        }
        Ok(())
    }

    /// Sends one command of a step to the testee.
    fn command(
        &mut self,
        step: &Step,
        name: &str,
        mut arguments: Map<String, Value>,
    ) -> Result<Value, Stop> {
        arguments.insert("do".to_owned(), json!(name));
        arguments.insert("client".to_owned(), json!(step.options.client));
        let limit = seconds(step.options.limit)?;
        self.send(Value::Object(arguments), limit)
    }

    /// Sends one command and keeps what the testee said.
    fn send(&mut self, command: Value, limit: Duration) -> Result<Value, Stop> {
        let mut reply = self.process.command(&command, limit)?;
        self.note(&command, &mut reply)?;
        if !matches!(command["do"].as_str(), Some("events" | "store_calls" | "debug" | "set_clock"))
        {
            self.transcript.replies.push(json!({ "do": command["do"], "reply": reply }));
        }
        Ok(reply)
    }

    /// Learns what a reply brings: subjects and challenges; decodes bodies; keeps it for the search for secrets.
    fn note(&mut self, command: &Value, reply: &mut Value) -> Result<(), Stop> {
        let name = command["do"].as_str().unwrap_or_default();
        let is_reply = reply.as_object().is_some_and(|fields| {
            fields.len() == 1 && (fields.contains_key("ok") || fields.contains_key("error"))
        });
        if !is_reply {
            return Err(Stop::Failed(format!(
                "expected {{\"ok\": …}} or {{\"error\": …}}, got {reply}"
            )));
        }
        if let (Some(commands), Some(replies)) =
            (command["commands"].as_array(), reply.get_mut("ok"))
        {
            let replies = replies.as_array_mut().filter(|replies| replies.len() == commands.len());
            let replies = replies.ok_or_else(|| {
                Stop::Failed("not one reply for each parallel command".to_owned())
            })?;
            return commands
                .iter()
                .zip(replies)
                .try_for_each(|(command, reply)| self.note(command, reply));
        }
        if let Some(subject) = command["subject"].as_str() {
            let client = command["client"].as_str().unwrap_or("main");
            self.subjects.insert((client.to_owned(), subject.to_owned()));
        }
        if let Some(url) = reply["ok"]["url"].as_str().filter(|_| name == "begin") {
            self.canaries.add_challenge_of(url);
        }
        if name == "request" {
            decode_body(&mut reply["ok"]);
        }
        for (part, exempt) in [("ok", carries_secrets(name)), ("error", &[] as &[_])] {
            if let Some(text) = reply.get(part) {
                self.spoken.push(Spoken {
                    place: format!("the reply to {name}"),
                    text: text.clone(),
                    exempt,
                });
            }
        }
        Ok(())
    }

    fn act(&mut self, step: &Step, arguments: Map<String, Value>) -> Result<Value, Stop> {
        let ok = |value: Value| Ok(json!({ "ok": value }));
        match step.action.name {
            "open" => self.open(step, arguments),
            "login" => self.login(step, arguments),
            "clock" => self.move_clocks(typed(arguments)?),
            "await_event" => self.await_event(step, &arguments),
            "await_requests" => ok(self.await_requests(typed(arguments)?)?),
            "restart" => self.restart(typed(arguments)?),
            "sandbox.consent" => ok(self.provider.consent(&typed(arguments)?)?),
            "sandbox.fault" => ok(self.provider.add_fault(arguments)?),
            "sandbox.clear_faults" => ok(self.provider.clear_faults()),
            "sandbox.options" => {
                ok(self.provider.change_options(typed::<Change>(arguments)?.change)?)
            }
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
        match self.send(command, PATIENCE)?.get("error") {
            None => Ok(()),
            Some(error) => Err(Stop::Failed(format!("the clock cannot be set: {error}"))),
        }
    }

    /// Consent from begin to end. The reply is the first that is an error, else all that came of it.
    fn login(&mut self, step: &Step, arguments: Map<String, Value>) -> Result<Value, Stop> {
        let Login { subject, options, finish, user } = typed(arguments)?;
        let user = user.unwrap_or_else(|| subject.as_str().unwrap_or_default().to_owned());
        let begin = Map::from_iter([
            ("subject".to_owned(), subject),
            ("options".to_owned(), options.into()),
        ]);
        let begun = self.command(step, "begin", begin)?;
        let Some(start) = begun.get("ok") else { return Ok(begun) };
        let url = start["url"].as_str().unwrap_or_default().to_owned();
        let consented = self.provider.consent(&Consent { url, user, deny: false })?;
        let callback = consented["callback"].clone();
        let end = Map::from_iter([
            ("callback".to_owned(), callback.clone()),
            ("options".to_owned(), finish.into()),
        ]);
        let ended = self.command(step, "finish", end)?;
        let Some(finished) = ended.get("ok") else { return Ok(ended) };
        Ok(json!({ "ok": { "start": start, "callback": callback, "finished": finished } }))
    }

    fn move_clocks(&mut self, by: MoveClocks) -> Result<Value, Stop> {
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

    /// Waits until a client told of an event; it may have done so before.
    fn await_event(&mut self, step: &Step, arguments: &Map<String, Value>) -> Result<Value, Stop> {
        let pattern = Value::Object(arguments.clone());
        let deadline = Instant::now() + PATIENCE;
        loop {
            let reply = self.command(step, "events", Map::new())?;
            let events = reply["ok"].as_array().cloned().unwrap_or_default();
            let found = events
                .into_iter()
                .find(|event| matcher::mismatches(&pattern, Some(event)).is_empty());
            if let Some(event) = found {
                return Ok(json!({ "ok": event }));
            }
            if Instant::now() >= deadline {
                return Err(Stop::Failed(format!(
                    "no event like {pattern} came; so far: {}",
                    reply["ok"]
                )));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the provider has answered (or dropped) a number of requests to one path.
    fn await_requests(&mut self, wanted: AwaitRequests) -> Result<Value, Stop> {
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
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends the testee (or kills it) and starts another process, which has no client yet.
    fn restart(&mut self, how: Restart) -> Result<Value, Stop> {
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

    /// What has to be true whatever the steps were.
    fn finish(&mut self) -> Result<(), String> {
        let steps_held = self.failures.is_empty();
        self.lock = None;
        let journal = self.provider.journal();
        self.collect_from_clients();
        self.end_process();
        if steps_held {
            self.check_requests(&journal)?;
            self.check_store_calls()?;
        }
        self.transcript.requests = journal;
        self.check_secrets();
        Ok(())
    }

    /// Takes from each client what it has to tell at the end.
    fn collect_from_clients(&mut self) {
        for client in self.clients.clone() {
            if let Err(Stop::Failed(message) | Stop::Case(message)) = self.collect_from(&client) {
                if self.failures.is_empty() {
                    self.failures
                        .push(Failure { place: "after the last step".to_owned(), message });
                }
                return;
            }
        }
    }

    fn collect_from(&mut self, client: &str) -> Result<(), Stop> {
        if self.clients_with_own_store.contains(client) {
            let calls = self.send(json!({ "do": "store_calls", "client": client }), PATIENCE)?;
            append(&mut self.transcript.store_calls, &calls["ok"]);
        }
        let events = self.send(json!({ "do": "events", "client": client }), PATIENCE)?;
        append(&mut self.transcript.events, &events["ok"]);
        for (owner, subject) in self.subjects.clone() {
            if owner == client {
                self.send(
                    json!({ "do": "inspect", "client": client, "subject": subject }),
                    PATIENCE,
                )?;
            }
        }
        self.send(json!({ "do": "list", "client": client }), PATIENCE)?;
        self.send(json!({ "do": "debug", "client": client }), PATIENCE)?;
        Ok(())
    }

    fn end_process(&mut self) {
        let (errors, result) = self.process.end(PATIENCE);
        self.heard_on_standard_error(errors);
        if let Err(NoReply(message)) = result
            && self.failures.is_empty()
        {
            self.failures.push(Failure { place: "end of input".to_owned(), message });
        }
    }

    fn heard_on_standard_error(&mut self, text: String) {
        let place = "standard error of the testee".to_owned();
        self.spoken.push(Spoken { place, text: Value::String(text), exempt: &[] });
    }

    fn check_requests(&mut self, journal: &[Value]) -> Result<(), String> {
        let expected = template::fill(&self.case.requests, &self.names)?;
        let got = Value::from(journal);
        let mut message = String::new();
        for mismatch in matcher::mismatches(&expected, Some(&got)) {
            match mismatch.at.is_empty() {
                true => {
                    message = format!("expected {}, got {}", count_of(&expected), journal.len())
                }
                false => message = format!("{message}\n    {mismatch}"),
            }
        }
        if !message.is_empty() {
            let lines: Vec<_> = journal.iter().map(one_line).collect();
            let message = format!("{message}\n    all of them:\n{}", lines.join("\n"));
            self.failures.push(Failure { place: "requests at the provider".to_owned(), message });
        }
        Ok(())
    }

    fn check_store_calls(&mut self) -> Result<(), String> {
        let Some(pattern) = &self.case.store_calls else { return Ok(()) };
        let pattern = template::fill(pattern, &self.names)?;
        for mismatch in matcher::mismatches(&pattern, Some(&self.transcript.store_calls)) {
            self.failures
                .push(Failure { place: "store calls".to_owned(), message: mismatch.to_string() });
        }
        Ok(())
    }

    fn check_secrets(&mut self) {
        let leaks: BTreeSet<String> = self
            .spoken
            .iter()
            .flat_map(|spoken| self.canaries.leaks(&spoken.text, spoken.exempt, &spoken.place))
            .collect();
        let failures =
            leaks.into_iter().map(|message| Failure { place: "secrets".to_owned(), message });
        self.failures.extend(failures);
    }
}

/// What the case has the operating system deny its testee.
fn denied(case: &Case, folder: &TempDir) -> Result<Denied, String> {
    let disk = folder.path().join("disk");
    if case.disk_kib.is_some() {
        std::fs::create_dir(&disk).map_err(|error| format!("{}: {error}", disk.display()))?;
    }
    Ok(Denied {
        override_of_file_modes: case.obeys_file_modes,
        more_disk_than: case.disk_kib.map(|kib| (disk, kib)),
    })
}

fn append(list: &mut Value, more: &Value) {
    let mut items = list.as_array().cloned().unwrap_or_default();
    items.extend(more.as_array().cloned().unwrap_or_default());
    *list = Value::Array(items);
}

/// How many a pattern wants, where it is a list.
fn count_of(pattern: &Value) -> String {
    pattern.as_array().map_or_else(|| pattern.to_string(), |items| items.len().to_string())
}

/// A request at the provider as one line for people.
fn one_line(entry: &Value) -> String {
    let word = |key: &str| entry[key].as_str().unwrap_or("-").to_owned();
    format!(
        "        {} {} grant_type={} authentication={} status={} fault={}",
        word("method"),
        word("path"),
        word("grant_type"),
        word("client_authentication"),
        entry["status"],
        word("fault")
    )
}

/// Puts `json` or text in the place of `body_base64`, where the body is that.
fn decode_body(response: &mut Value) {
    let Some(fields) = response.as_object_mut() else { return };
    let body = fields
        .get("body_base64")
        .and_then(Value::as_str)
        .and_then(|text| STANDARD.decode(text).ok());
    let Some(body) = body.and_then(|bytes| String::from_utf8(bytes).ok()) else { return };
    fields.remove("body_base64");
    match serde_json::from_str::<Value>(&body) {
        Ok(json) => fields.insert("json".to_owned(), json),
        Err(_) => fields.insert("body".to_owned(), Value::String(body)),
    };
}

fn typed<T: for<'de> Deserialize<'de>>(arguments: Map<String, Value>) -> Result<T, String> {
    serde_path_to_error::deserialize(Value::Object(arguments)).map_err(|error| error.to_string())
}

fn seconds(number: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(number).map_err(|error| format!("{number} seconds: {error}"))
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
