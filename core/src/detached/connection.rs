//! One helper of this process: started when it is first needed, given up when it is gone or does not answer.
//!
//! A helper that is given up is left alone: it may hold an answer with the only refresh token there is.

use super::Listener;
use super::protocol::{self, Command, PROTOCOL, Reply, Request, Said};
use crate::error::{Code, Error, Result};
use crate::process::{runtime, task_error};
use std::collections::{HashMap, HashSet};
use std::io::Result as IoResult;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, interval_at, timeout};

/// How long a helper has to say that it runs.
const START: Duration = Duration::from_secs(5);

/// While an answer is awaited: how often the helper is asked whether it runs, and how long it may say nothing at all. One
/// that was stopped would keep every caller waiting.
const PING: Duration = Duration::from_secs(1);
const SILENCE: Duration = Duration::from_secs(5);

/// What a helper gets of the environment; the rest may hold secrets.
const ENVIRONMENT: [&str; 17] = [
    "HOME",
    "PATH",
    "LANG",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "XDG_STATE_HOME",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "RUST_BACKTRACE",
    "ASAN_OPTIONS",
];

/// A helper that runs, as far as is known.
pub(super) struct Connection {
    outgoing: mpsc::UnboundedSender<Vec<u8>>,
    next: AtomicU64,
    state: Mutex<State>,
    lost: AtomicBool,
    /// Whose process it is: an application may have changed its user since.
    pub(super) user: u32,
}

#[derive(Default)]
struct State {
    waiting: HashMap<u64, oneshot::Sender<Reply>>,
    listeners: HashMap<u64, Arc<dyn Listener>>,
    opened: HashSet<u64>,
    heard_at: Option<Instant>,
}

impl Connection {
    /// Starts the helper and waits until it says that it runs.
    pub(super) async fn start(executable: &Path) -> Result<Arc<Self>> {
        let path = executable.to_owned();
        let spawned = runtime().spawn_blocking(move || spawn(path)).await.map_err(task_error)?;
        let (mut incoming, outgoing) = spawned.map_err(|error| {
            failed(&format!("{} cannot be started: {error}", executable.display()))
        })?;
        let hello = timeout(START, protocol::read::<Said>(&mut incoming)).await;
        match hello {
            Ok(Ok(Some(Said::Hello { protocol: PROTOCOL, .. }))) => {}
            Ok(Ok(Some(Said::Hello { version, .. }))) => {
                return Err(failed(&format!(
                    "{} is of version {version}, which this one cannot speak with",
                    executable.display()
                )));
            }
            _ => return Err(failed(&format!("{} does not answer", executable.display()))),
        }
        let (send, receive) = mpsc::unbounded_channel();
        let connection = Arc::new(Connection {
            outgoing: send,
            next: AtomicU64::new(1),
            state: Mutex::default(),
            lost: AtomicBool::new(false),
            user: crate::process::user(),
        });
        runtime().spawn(write(outgoing, receive));
        runtime().spawn(listen(Arc::clone(&connection), incoming));
        Ok(connection)
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// Has the helper do something for a client; none when the helper was lost before it answered. The client's
    /// configuration goes before its first command.
    pub(super) async fn ask(
        &self,
        client: u64,
        config: &serde_json::Value,
        listener: &Arc<dyn Listener>,
        command: Command,
    ) -> Option<Reply> {
        let mut receive = {
            let mut state = self.state();
            if self.is_lost() {
                return None;
            }
            if state.opened.insert(client) {
                state.listeners.insert(client, Arc::clone(listener));
                self.say(client, Command::Open(config.clone()));
            }
            let id = self.next.fetch_add(1, Ordering::Relaxed);
            let (send, receive) = oneshot::channel();
            state.waiting.insert(id, send);
            state.heard_at = Some(Instant::now());
            self.send(&Request { id, client, command });
            receive
        };
        let mut pings = interval_at(Instant::now() + PING, PING);
        loop {
            tokio::select! {
                reply = &mut receive => return reply.ok(),
                _ = pings.tick() => {
                    if self.is_silent() {
                        self.lose();
                    } else {
                        self.say(client, Command::Ping);
                    }
                }
            }
        }
    }

    /// Tells the helper that a client is closed, if it knows it.
    pub(super) fn close(&self, client: u64) {
        let mut state = self.state();
        if state.opened.remove(&client) {
            state.listeners.remove(&client);
            self.say(client, Command::Close);
        }
    }

    fn is_silent(&self) -> bool {
        self.state().heard_at.is_some_and(|heard_at| heard_at.elapsed() > SILENCE)
    }

    /// Something that is not answered, or whose answer nobody waits for.
    fn say(&self, client: u64, command: Command) {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.send(&Request { id, client, command });
    }

    fn send(&self, request: &Request) {
        // When the writer is gone the reader soon is: whoever waits is told then.
        let _ = self.outgoing.send(protocol::frame(request));
    }

    fn heard(&self, said: Said) {
        let mut state = self.state();
        state.heard_at = Some(Instant::now());
        match said {
            Said::Hello { .. } => {}
            Said::Reply { id, reply } => {
                if let Some(waiting) = state.waiting.remove(&id) {
                    let _ = waiting.send(reply);
                }
            }
            Said::Event { client, event } => {
                let listener = state.listeners.get(&client).cloned();
                drop(state);
                if let Some(listener) = listener {
                    listener.event(&event);
                }
            }
        }
    }

    /// Nobody waits for this helper any more.
    fn lose(&self) {
        let mut state = self.state();
        self.lost.store(true, Ordering::Release);
        state.waiting.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }
}

fn failed(text: &str) -> Error {
    Error::new(Code::Unsupported, format!("the helper process {text}")).with_reason("no_helper")
}

/// Starts the executable. It leaves at once and the helper goes on as nobody's child, so that an application that waits for
/// children of its own never meets it.
fn spawn(executable: PathBuf) -> IoResult<(pipe::Receiver, pipe::Sender)> {
    let _reactor = runtime().enter();
    let environment = std::env::vars_os()
        .filter(|(name, _)| name.to_str().is_some_and(|name| ENVIRONMENT.contains(&name)));
    let mut child = Process::new(executable)
        .args(["helper", "--of", &std::process::id().to_string()])
        .env_clear()
        .envs(environment)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let stdin = OwnedFd::from(child.stdin.take().expect("it is piped"));
    let stdout = OwnedFd::from(child.stdout.take().expect("it is piped"));
    // An application that reaps every child may have reaped this one.
    let _ = child.wait();
    Ok((pipe::Receiver::from_owned_fd(stdout)?, pipe::Sender::from_owned_fd(stdin)?))
}

async fn write(mut to: pipe::Sender, mut frames: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(frame) = frames.recv().await {
        if to.write_all(&frame).await.is_err() {
            return;
        }
    }
}

async fn listen(connection: Arc<Connection>, mut from: pipe::Receiver) {
    while let Ok(Some(said)) = protocol::read(&mut from).await {
        connection.heard(said);
    }
    connection.lose();
}
