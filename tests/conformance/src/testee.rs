//! The program under test as a process: one JSON line in, one JSON line out, and never waited for without a limit.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How the testee of each language is started: the content of `testees.toml`.
#[derive(Clone, Debug)]
pub struct Testees {
    /// Relative commands and arguments are relative to this folder.
    pub root: PathBuf,
    /// Command lines by language.
    pub commands: BTreeMap<String, TesteeCommand>,
}

/// One testee's command line.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TesteeCommand {
    /// Program and arguments, from the top of the source tree.
    pub command: Vec<String>,
    /// Further environment variables.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
}

impl Testees {
    /// Reads a `testees.toml` whose commands are relative to `root`.
    pub fn read(path: &Path, root: PathBuf) -> Result<Self, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let commands =
            toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Testees { root, commands })
    }

    /// The testee of this language.
    pub fn get(&self, language: &str) -> Result<Testee, String> {
        let known = || self.commands.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let command = self
            .commands
            .get(language)
            .ok_or_else(|| format!("no testee {language:?}; expected one of {}", known()))?;
        if command.command.is_empty() {
            return Err(format!("testee {language:?} has an empty command"));
        }
        Ok(Testee {
            language: language.to_owned(),
            root: self.root.clone(),
            command: command.clone(),
        })
    }
}

/// A testee that can be started, once for each case.
#[derive(Clone, Debug)]
pub struct Testee {
    /// The language's name.
    pub language: String,
    /// Where it is started.
    pub root: PathBuf,
    /// Its command line.
    pub command: TesteeCommand,
}

/// What the operating system denies a testee, so that a case can show what happens then.
#[derive(Clone, Debug, Default)]
pub(crate) struct Denied {
    /// Even root obeys file modes.
    pub(crate) override_of_file_modes: bool,
    /// This folder is a disk of this many KiB, which only the testee sees.
    pub(crate) more_disk_than: Option<(PathBuf, u64)>,
}

/// Why there was no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoReply(pub(crate) String);

/// A running testee. Dropping it kills the process that is left.
pub(crate) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    replies: Receiver<String>,
    errors: Option<JoinHandle<Vec<u8>>>,
}

impl Process {
    pub(crate) fn start(testee: &Testee, denied: &Denied) -> Result<Self, NoReply> {
        let mut child = command_line(testee, denied)
            .current_dir(&testee.root)
            .envs(&testee.command.environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                NoReply(format!("testee {} does not start: {error}", testee.language))
            })?;
        let output = child.stdout.take().expect("standard output is piped");
        let mut error_output = child.stderr.take().expect("standard error is piped");
        let (send, replies) = channel();
        std::thread::spawn(move || {
            let lines = BufReader::new(output).lines().map_while(Result::ok);
            lines.map(|line| send.send(line)).take_while(Result::is_ok).for_each(drop);
        });
        let errors = std::thread::spawn(move || {
            let mut text = Vec::new();
            // What was read before a failure is still searched.
            let _ = error_output.read_to_end(&mut text);
            text
        });
        Ok(Process { input: child.stdin.take(), child, replies, errors: Some(errors) })
    }

    /// Sends one command and waits for its reply; a silent testee is killed.
    pub(crate) fn command(&mut self, command: &Value, limit: Duration) -> Result<Value, NoReply> {
        let input =
            self.input.as_mut().ok_or_else(|| NoReply("the testee has ended".to_owned()))?;
        if writeln!(input, "{command}").and_then(|()| input.flush()).is_err() {
            return Err(self.died());
        }
        match self.replies.recv_timeout(limit) {
            Ok(line) => serde_json::from_str(&line)
                .map_err(|error| NoReply(format!("the reply is not JSON ({error}): {line}"))),
            Err(RecvTimeoutError::Timeout) => {
                self.kill();
                Err(NoReply(format!(
                    "no reply within {} s; the testee was killed",
                    limit.as_secs_f64()
                )))
            }
            Err(RecvTimeoutError::Disconnected) => Err(self.died()),
        }
    }

    /// Kills the process at once, as `kill -9` does, and gives what it wrote to standard error.
    pub(crate) fn kill(&mut self) -> String {
        self.input = None;
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.error_text()
    }

    /// Ends the input and waits until the testee exits by itself; gives what it wrote to standard error.
    pub(crate) fn end(&mut self, limit: Duration) -> (String, Result<(), NoReply>) {
        self.input = None;
        let deadline = Instant::now() + limit;
        while self.replies.recv_timeout(deadline.saturating_duration_since(Instant::now())).is_ok()
        {
        }
        let result = match self.exit_by(deadline) {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(NoReply(format!("the testee ended with {status}"))),
            None => {
                Err(NoReply("the testee did not end when its input did; it was killed".to_owned()))
            }
        };
        (self.kill(), result)
    }

    /// Standard output is closed a moment before the process is gone.
    fn exit_by(&mut self, deadline: Instant) -> Option<std::process::ExitStatus> {
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn died(&mut self) -> NoReply {
        let status = self.exit_by(Instant::now() + Duration::from_secs(2));
        let how = status
            .map_or_else(|| "closed its output".to_owned(), |status| format!("died: {status}"));
        let errors = self.kill();
        NoReply(format!("the testee {how}; its last words: {}", tail(&errors)))
    }

    fn error_text(&mut self) -> String {
        let bytes = self.errors.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn command_line(testee: &Testee, denied: &Denied) -> Command {
    let mut words = Vec::new();
    if denied.override_of_file_modes {
        words.extend(
            ["setpriv", "--bounding-set=-dac_override,-dac_read_search"].map(str::to_owned),
        );
    }
    if let Some((folder, kib)) = &denied.more_disk_than {
        // A mount of its own, in a namespace that ends with the testee; a plain user is root there.
        words.extend(["unshare", "--map-root-user", "--mount", "sh", "-c"].map(str::to_owned));
        words.push(format!("mount -t tmpfs -o size={kib}k tmpfs \"$1\" && shift && exec \"$@\""));
        words.extend(["sh".to_owned(), folder.display().to_string()]);
    }
    words.extend(testee.command.command.iter().cloned());
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

fn tail(text: &str) -> String {
    let text = text.trim();
    let skip = text.chars().count().saturating_sub(2000);
    if text.is_empty() { "(none)".to_owned() } else { text.chars().skip(skip).collect() }
}
