//! Drives one case: a provider of its own, a process of its own, step after step, and then everything that has to
//! be true at the end. A case that is written wrongly is a [`CaseError`]; whatever else goes wrong is a failure.

mod actions;
mod conversation;
mod ending;

pub(crate) use actions::{Consent, Device};

use crate::canary::Canaries;
use crate::case::{Case, CaseError, ClockKind, Step};
use crate::provider::Provider;
use crate::testee::{Denied, NoReply, Process, Testee};
use crate::transcript::Transcript;
use crate::vocabulary::Actor;
use crate::{files, matcher, template};
use serde::Serialize;
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

/// How often it looks whether it has come.
const POLL: Duration = Duration::from_millis(5);

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
            (format!("localhost:{}", self.provider.port()), "sandbox by name"),
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
        self.count_token_requests(step);
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

    fn count_token_requests(&mut self, step: &Step) {
        let Some(expected) = step.options.token_requests else { return };
        let journal = self.provider.journal();
        let got = journal.iter().filter(|entry| entry["kind"] == "token").count();
        if got != expected {
            self.fail(format!("the provider has seen {got} token requests; expected {expected}"));
        }
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

fn seconds(number: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(number).map_err(|error| format!("{number} seconds: {error}"))
}
