//! A case as its file has it. Whatever is unknown or mistyped is an error that names the file and the key, before
//! anything runs.

use crate::matcher;
use crate::vocabulary::{self, Action, COMMON};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::fmt;
use std::path::{Path, PathBuf};

/// Version of the case format that this runner reads.
pub const SCHEMA: u32 = 1;

/// A case file that cannot be used, or a step that cannot be carried out as written: the case is wrong, not the
/// testee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseError {
    /// The file.
    pub path: PathBuf,
    /// The key or step, and what was expected.
    pub message: String,
}

impl fmt::Display for CaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.message)
    }
}

impl std::error::Error for CaseError {}

/// One case: what is done, and everything that has to follow from it.
#[derive(Debug)]
pub struct Case {
    /// The file's name without its ending.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// The promise that the case holds, as one sentence.
    pub title: String,
    /// The standard and section, or the words of the refresh contract, behind it.
    pub why: Option<String>,
    pub(crate) protocol: Protocol,
    pub(crate) clock: ClockKind,
    pub(crate) sandbox: Map<String, Value>,
    pub(crate) config: Map<String, Value>,
    pub(crate) store: Option<Value>,
    /// Even root obeys file modes.
    pub(crate) obeys_file_modes: bool,
    /// The testee's `{{temp}}/disk` is a disk of this size.
    pub(crate) disk_kib: Option<u64>,
    pub(crate) steps: Vec<Step>,
    pub(crate) requests: Value,
    pub(crate) store_calls: Option<Value>,
}

/// Which of the two base configurations a case starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Protocol {
    #[default]
    OAuth2,
    OAuth1,
}

/// How the testee's clients tell the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClockKind {
    /// Stopped at a fixed instant that only `clock` steps move.
    #[default]
    Set,
    /// The machine's.
    System,
}

/// One step of a case.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) action: &'static Action,
    pub(crate) arguments: Map<String, Value>,
    pub(crate) options: StepOptions,
}

/// The keys that any step may have.
#[derive(Debug, Deserialize)]
pub(crate) struct StepOptions {
    #[serde(rename = "do")]
    pub(crate) name: String,
    #[serde(default = "main_client")]
    pub(crate) client: String,
    pub(crate) save: Option<String>,
    pub(crate) expect: Option<Value>,
    pub(crate) expect_error: Option<Value>,
    /// Seconds within which the testee has to reply for the case to hold.
    pub(crate) within: Option<f64>,
    /// Seconds after which a silent testee is killed.
    #[serde(default = "default_limit")]
    pub(crate) limit: f64,
    /// How many token requests the provider has seen once the step is over.
    pub(crate) token_requests: Option<usize>,
}

fn main_client() -> String {
    "main".to_owned()
}

fn default_limit() -> f64 {
    30.0
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: u32,
    title: String,
    why: Option<String>,
    #[serde(default)]
    protocol: Protocol,
    #[serde(default)]
    clock: ClockKind,
    #[serde(default)]
    sandbox: Map<String, Value>,
    #[serde(default)]
    config: Map<String, Value>,
    store: Option<Value>,
    #[serde(default)]
    obeys_file_modes: bool,
    disk_kib: Option<u64>,
    steps: Vec<Map<String, Value>>,
    requests: Value,
    store_calls: Option<Value>,
}

impl Case {
    /// Reads and checks one case file.
    pub fn read(path: &Path) -> Result<Case, CaseError> {
        let wrong = |message: String| CaseError { path: path.to_owned(), message };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Case::parse(name, path.to_owned(), &text).map_err(wrong)
    }

    fn parse(name: String, path: PathBuf, text: &str) -> Result<Case, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        if file.schema != SCHEMA {
            return Err(format!("schema: {}; this runner reads {SCHEMA}", file.schema));
        }
        let steps = numbered("steps", file.steps, Step::read)?;
        matcher::check(&file.requests).map_err(|error| format!("requests: {error}"))?;
        if let Some(pattern) = &file.store_calls {
            matcher::check(pattern).map_err(|error| format!("store_calls: {error}"))?;
        }
        Ok(Case {
            name,
            path,
            title: file.title,
            why: file.why,
            protocol: file.protocol,
            clock: file.clock,
            sandbox: file.sandbox,
            config: file.config,
            store: file.store,
            obeys_file_modes: file.obeys_file_modes,
            disk_kib: file.disk_kib,
            steps,
            requests: file.requests,
            store_calls: file.store_calls,
        })
    }
}

fn numbered<T, U>(
    what: &str,
    items: Vec<T>,
    read: impl Fn(T) -> Result<U, String>,
) -> Result<Vec<U>, String> {
    let read_one =
        |(index, item)| read(item).map_err(|error| format!("{what} {}: {error}", index + 1));
    items.into_iter().enumerate().map(read_one).collect()
}

impl Step {
    fn read(mut table: Map<String, Value>) -> Result<Step, String> {
        let common: Map<String, Value> =
            COMMON.iter().filter_map(|key| table.remove_entry(*key)).collect();
        let options: StepOptions = serde_path_to_error::deserialize(Value::Object(common))
            .map_err(|error| error.to_string())?;
        let action = vocabulary::action(&options.name)?;
        check_arguments(action, &table)?;
        if options.expect.is_some() && options.expect_error.is_some() {
            return Err("expect and expect_error: a step either succeeds or fails".to_owned());
        }
        for pattern in [&options.expect, &options.expect_error].into_iter().flatten() {
            matcher::check(pattern)?;
        }
        Ok(Step { action, arguments: table, options })
    }
}

fn check_arguments(action: &Action, table: &Map<String, Value>) -> Result<(), String> {
    if let Some(key) = table.keys().find(|key| !action.takes(key)) {
        return Err(format!("unknown key {key:?} of {}; expected {}", action.name, action.keys()));
    }
    match action.required.iter().find(|key| !table.contains_key(**key)) {
        Some(key) => Err(format!("{} needs the key {key:?}", action.name)),
        None => Ok(()),
    }
}

/// Every case in a folder, by name.
pub fn read_all(folder: &Path) -> Result<Vec<Case>, CaseError> {
    let wrong =
        |error: std::io::Error| CaseError { path: folder.to_owned(), message: error.to_string() };
    let mut paths = std::fs::read_dir(folder)
        .map_err(wrong)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(wrong)?;
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    paths.sort();
    paths.iter().map(|path| Case::read(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(text: &str) -> String {
        Case::parse("x".to_owned(), PathBuf::from("x.toml"), text).expect_err("the case is wrong")
    }

    const HEAD: &str = "schema = 1\ntitle = \"t\"\nrequests = []\n";

    #[test]
    fn an_unknown_key_is_named_wherever_it_stands() {
        assert!(error_of(&format!("{HEAD}steps = []\nstep = 1\n")).contains("step"));
        let text = format!(
            "{HEAD}[[steps]]\ndo = \"list\"\n[[steps]]\ndo = \"begin\"\nsubject = \"a\"\noptoins = {{}}\n"
        );
        let error = error_of(&text);
        assert!(error.contains("steps 2") && error.contains("\"optoins\""), "{error}");
    }

    #[test]
    fn a_missing_argument_and_an_unknown_action_are_named() {
        assert!(error_of(&format!("{HEAD}[[steps]]\ndo = \"begin\"\n")).contains("\"subject\""));
        assert!(error_of(&format!("{HEAD}[[steps]]\ndo = \"beginn\"\n")).contains("\"beginn\""));
    }

    #[test]
    fn a_case_has_to_say_which_requests_it_expects() {
        assert!(error_of("schema = 1\ntitle = \"t\"\nsteps = []\n").contains("requests"));
    }

    #[test]
    fn a_newer_schema_is_refused() {
        assert!(
            error_of("schema = 2\ntitle = \"t\"\nsteps = []\nrequests = []\n").contains("schema")
        );
    }

    #[test]
    fn a_misspelt_matcher_is_found_before_the_case_runs() {
        let text = format!("{HEAD}[[steps]]\ndo = \"list\"\nexpect = {{ \"$reegx\" = \"a\" }}\n");
        assert!(error_of(&text).contains("$reegx"));
    }
}
