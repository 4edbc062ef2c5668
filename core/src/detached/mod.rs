//! A refresh that outlives its process (`refresh.md`, One refresh): what spends a refresh token or a code is done by a helper
//! process, `evergrant helper`, so that an application that is killed takes no answer with it.
//!
//! This is the application's side; `helper.rs` is the other. One helper serves all clients of a process, and a forked child
//! starts its own.

#[cfg(unix)]
mod connection;
mod locate;
pub(crate) mod protocol;

use crate::config::Detached as Mode;
use crate::error::{Code, Error, Result};
use crate::event::Event;
use crate::process::{ProcessCell, user};
use crate::store::Record;
use connection::Connection;
use protocol::{Command, Finish, Poll, Refresh, Refreshed, Reply};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// After a helper could not be started: how long none is tried.
const START_AGAIN: Duration = Duration::from_secs(60);

/// How often a command is given to a new helper when one is lost.
const HELPERS: u32 = 3;

/// The helper of this process.
#[derive(Default)]
struct Running {
    connection: Option<Arc<Connection>>,
    failed: Option<(Instant, Error)>,
}

/// Who is told what a helper says by itself, and that there is none.
pub(crate) trait Listener: Send + Sync {
    fn event(&self, event: &Event);
    fn no_helper(&self, error: &Error);
}

/// A client's way to the helper.
pub(crate) struct Detached {
    number: u64,
    config: Value,
    mode: Mode,
    listener: Arc<dyn Listener>,
    told: AtomicBool,
}

/// What a helper's work led to.
pub(crate) enum Done<T> {
    Ok(T),
    Failed {
        error: Error,
        record: Option<Box<Record>>,
    },
    /// There is no helper: the work is to be done here.
    NoHelper,
}

impl Detached {
    /// `config` is the client's configuration with every secret resolved.
    pub(crate) fn new(config: Value, mode: Mode, listener: Arc<dyn Listener>) -> Self {
        static CLIENTS: AtomicU64 = AtomicU64::new(1);
        Detached {
            number: CLIENTS.fetch_add(1, Ordering::Relaxed),
            config,
            mode,
            listener,
            told: AtomicBool::new(false),
        }
    }

    /// That a helper which must be there can be found.
    pub(crate) fn check(mode: Mode) -> Result<()> {
        if mode == Mode::Require {
            Detached::find()?;
        }
        Ok(())
    }

    /// The executable that would be started.
    pub(crate) fn find() -> Result<PathBuf> {
        locate::executable().ok_or_else(not_found)
    }

    /// Has the helper renew a grant.
    pub(crate) async fn refresh(&self, refresh: Refresh) -> Done<Refreshed> {
        self.ask(Command::Refresh(Box::new(refresh))).await
    }

    /// Has the helper end an authorization.
    pub(crate) async fn finish<T: DeserializeOwned>(&self, finish: Finish) -> Done<T> {
        self.ask(Command::Finish(finish)).await
    }

    /// Has the helper ask once for the tokens of a device flow.
    pub(crate) async fn poll<T: DeserializeOwned>(&self, poll: Poll) -> Done<T> {
        self.ask(Command::Poll(poll)).await
    }

    /// Tells the helper that the client is closed.
    pub(crate) async fn close(&self) {
        let Some(running) = helper().get() else { return };
        if let Some(connection) = &running.lock().await.connection {
            connection.close(self.number);
        }
    }

    async fn ask<T: DeserializeOwned>(&self, command: Command) -> Done<T> {
        for _ in 0..HELPERS {
            let connection = match connection().await {
                Ok(connection) => connection,
                Err(error) => return self.without_helper(error),
            };
            let command = command.clone();
            // One that is lost may have done it or not. Both are safe to ask for again: whoever takes the lease next finds
            // the intent, and whoever takes the transaction next finds it taken.
            let reply = connection.ask(self.number, &self.config, &self.listener, command).await;
            match reply {
                Some(Reply::Ok(value)) => return understood(value),
                Some(Reply::Failed { error, record }) => return Done::Failed { error, record },
                None => {}
            }
        }
        self.without_helper(Error::new(Code::Unsupported, "helper processes end again and again"))
    }

    fn without_helper<T>(&self, error: Error) -> Done<T> {
        if self.mode == Mode::Require {
            return Done::Failed { error, record: None };
        }
        if !self.told.swap(true, Ordering::Relaxed) {
            self.listener.no_helper(&error);
        }
        Done::NoHelper
    }
}

fn understood<T: DeserializeOwned>(value: Value) -> Done<T> {
    match serde_json::from_value(value) {
        Ok(value) => Done::Ok(value),
        Err(_) => Done::Failed {
            error: Error::new(Code::Internal, "the helper's answer is not understood"),
            record: None,
        },
    }
}

fn helper() -> &'static ProcessCell<Mutex<Running>> {
    static HELPER: ProcessCell<Mutex<Running>> = ProcessCell::new();
    &HELPER
}

/// The helper that runs, or a new one.
async fn connection() -> Result<Arc<Connection>> {
    let running = helper().get_or_try(|| Ok(Mutex::default()))?;
    let mut running = running.lock().await;
    if let Some(connection) = &running.connection
        && !connection.is_lost()
        && connection.user == user()
    {
        return Ok(Arc::clone(connection));
    }
    if let Some((at, error)) = &running.failed
        && at.elapsed() < START_AGAIN
    {
        return Err(error.clone());
    }
    let started = match Detached::find() {
        Ok(executable) => Connection::start(&executable).await,
        Err(error) => Err(error),
    };
    match started {
        Ok(connection) => {
            *running = Running { connection: Some(Arc::clone(&connection)), failed: None };
            Ok(connection)
        }
        Err(error) => {
            *running = Running { connection: None, failed: Some((Instant::now(), error.clone())) };
            Err(error)
        }
    }
}

fn not_found() -> Error {
    let what = if locate::is_named() {
        "EVERGRANT_HELPER names no executable file; expected its absolute path"
    } else {
        "no executable `evergrant` was found; expected it beside the library, in PATH, or named by EVERGRANT_HELPER"
    };
    let text = format!("the helper process cannot be started: {what}");
    Error::new(Code::Unsupported, text).with_reason("no_helper")
}
