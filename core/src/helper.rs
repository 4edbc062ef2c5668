//! `evergrant helper`: the process that spends refresh tokens and codes for an application, and commits what comes of it
//! before it replies (`refresh.md`, One refresh).
//!
//! It must not die with the application: it is nobody's child, in a session of its own, and a signal that asks it to leave
//! waits until nothing is being spent. It ends by itself when the application is gone or has long had nothing to do.

use crate::authorize::device::{self, Polled};
use crate::authorize::{self, Concluded, FinishOptions};
use crate::client::{Client, Environment, Events};
use crate::config::Config;
use crate::detached::protocol::{self, Command, PROTOCOL, Reply, Request, Said};
use crate::error::{Code, Error, Result};
use crate::owner::call_this_process_a_helper;
use crate::process::{guard, leave_the_application, runtime, task_error};
use crate::store::{GrantKey, Record};
use serde::Serialize;
use serde_json::Value;
use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, OnceCell, mpsc};
use tokio::time::{Instant, sleep_until};

/// After so long without a command the helper ends; the application starts another when it needs one.
const IDLE: Duration = Duration::from_secs(30);

/// How long it goes on trying to commit answers when the application is gone.
const COMMITTING: Duration = Duration::from_secs(600);

/// Serves the application at the other end of the standard streams until it is gone, or there is nothing to do for long.
///
/// # Errors
/// When the operating system refuses what a process of its own needs.
///
/// # Panics
/// In a process that has threads already: this is a program's first call.
pub fn serve() -> Result<()> {
    let failed = |error: io::Error| {
        Error::new(Code::Internal, format!("the helper process cannot run: {error}"))
    };
    leave_the_application().map_err(failed)?;
    call_this_process_a_helper();
    runtime().block_on(serve_pipes()).map_err(failed)
}

async fn serve_pipes() -> io::Result<()> {
    let incoming = pipe::Receiver::from_owned_fd(io::stdin().as_fd().try_clone_to_owned()?)?;
    let outgoing = pipe::Sender::from_owned_fd(io::stdout().as_fd().try_clone_to_owned()?)?;
    let mut asked_to_leave = Leaving::new()?;
    let (say, said) = mpsc::unbounded_channel();
    let (hear, mut heard) = mpsc::unbounded_channel();
    runtime().spawn(write(outgoing, said));
    runtime().spawn(listen(incoming, hear));
    let helper = Arc::new(Helper { say, clients: Mutex::default(), work: Work::default() });
    let version = env!("CARGO_PKG_VERSION").to_owned();
    helper.say(&Said::Hello { protocol: PROTOCOL, version });
    let mut idle_since = Instant::now();
    loop {
        tokio::select! {
            request = heard.recv() => match request {
                Some(request) => {
                    helper.take(request);
                    idle_since = Instant::now();
                }
                None => break,
            },
            () = asked_to_leave.asked() => {}
            () = helper.work.ended() => idle_since = Instant::now(),
            () = sleep_until(idle_since + IDLE), if helper.work.is_none() => {}
        }
        let is_idle = helper.work.is_none();
        if is_idle && (asked_to_leave.was_asked || idle_since.elapsed() >= IDLE) {
            break;
        }
    }
    helper.finish_everything().await;
    Ok(())
}

async fn listen(mut from: pipe::Receiver, to: mpsc::UnboundedSender<Request>) {
    while let Ok(Some(request)) = protocol::read(&mut from).await {
        if to.send(request).is_err() {
            return;
        }
    }
}

async fn write(mut to: pipe::Sender, mut frames: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(frame) = frames.recv().await {
        if to.write_all(&frame).await.is_err() {
            return; // the application is gone; what is being spent is spent and committed all the same
        }
    }
}

struct Helper {
    say: mpsc::UnboundedSender<Vec<u8>>,
    clients: Mutex<HashMap<u64, Arc<Served>>>,
    work: Work,
}

/// A client of the application.
struct Served {
    config: Value,
    client: OnceCell<Client>,
}

impl Helper {
    fn say(&self, said: &Said) {
        let _ = self.say.send(protocol::frame(said));
    }

    fn take(self: &Arc<Self>, request: Request) {
        let Request { id, client, command } = request;
        match command {
            Command::Open(config) => {
                let served = Arc::new(Served { config, client: OnceCell::new() });
                self.clients().insert(client, served);
            }
            Command::Close => {
                let closed = self.clients().remove(&client);
                if let Some(client) = closed.and_then(|served| served.client.get().cloned()) {
                    self.spawn(async move { client.close().await });
                }
            }
            Command::Ping => self.say(&Said::Reply { id, reply: Reply::Ok(Value::Null) }),
            Command::Refresh(_) | Command::Finish(_) | Command::Poll(_) => {
                let helper = Arc::clone(self);
                self.spawn(async move {
                    let reply = helper.reply(client, command).await;
                    helper.say(&Said::Reply { id, reply });
                });
            }
        }
    }

    /// Work for which the process stays.
    fn spawn(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        let helper = Arc::clone(self);
        self.work.begin();
        runtime().spawn(async move {
            let _ended = Ended(&helper.work);
            work.await;
        });
    }

    async fn reply(self: &Arc<Self>, number: u64, command: Command) -> Reply {
        let client = match self.client(number).await {
            Ok(client) => client,
            Err(error) => return Reply::Failed { error, record: None },
        };
        match command {
            Command::Refresh(refresh) => {
                client.set_test_clock(refresh.clock);
                let key = refresh.key.clone();
                let refreshed = async { client.refresher()?.fly(*refresh).await };
                match refreshed.await {
                    Ok(refreshed) => ok(&refreshed),
                    Err(error) => Reply::Failed { error, record: remembered(&client, &key) },
                }
            }
            Command::Finish(finish) => {
                client.set_test_clock(finish.clock);
                let finished = finished(&client, finish.callback.expose(), finish.options);
                match finished.await {
                    Ok(concluded) => ok(&concluded),
                    Err(error) => Reply::Failed { error, record: None },
                }
            }
            Command::Poll(poll) => {
                client.set_test_clock(poll.clock);
                match polled(&client, poll.state.expose()).await {
                    Ok(polled) => ok(&polled),
                    Err(error) => Reply::Failed { error, record: None },
                }
            }
            Command::Open(_) | Command::Close | Command::Ping => Reply::Ok(Value::Null),
        }
    }

    /// The client of this number, opened at its first use.
    async fn client(self: &Arc<Self>, number: u64) -> Result<Client> {
        let served = self.clients().get(&number).cloned().ok_or_else(|| {
            Error::new(Code::Internal, "the helper was asked for a client that it was not told of")
        })?;
        let open = async {
            let (helper, config) = (Arc::clone(self), served.config.to_string());
            let sink = move |event: &crate::Event| {
                helper.say(&Said::Event { client: number, event: event.clone() });
            };
            let events = Events::Sink(Arc::new(sink));
            let opening = runtime().spawn_blocking(move || {
                let environment = Environment { events, ..Environment::default() };
                guard(|| Client::open_with(Config::from_json(&config)?, environment))
            });
            opening.await.map_err(task_error)?
        };
        served.client.get_or_try_init(|| open).await.cloned()
    }

    /// The application is gone, or has nothing to do: what is under way is ended, and what is not committed is tried for long.
    async fn finish_everything(&self) {
        self.work.all_ended().await;
        let clients: Vec<_> = self.clients().drain().map(|(_, served)| served).collect();
        for client in clients.iter().filter_map(|served| served.client.get()) {
            if let Ok(refresher) = client.refresher() {
                refresher.settle(COMMITTING).await;
            }
        }
    }

    fn clients(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Served>>> {
        self.clients.lock().expect("no holder panics")
    }
}

fn ok(value: &impl Serialize) -> Reply {
    Reply::Ok(serde_json::to_value(value).expect("a result is plain data"))
}

fn remembered(client: &Client, key: &GrantKey) -> Option<Box<Record>> {
    let record = client.refresher().ok()?.remembered(key)?;
    Some(Box::new((*record).clone()))
}

async fn finished(client: &Client, callback: &str, options: Value) -> Result<Concluded> {
    let options: FinishOptions = serde_json::from_value(options)
        .map_err(|_| Error::new(Code::Internal, "the options of finish are not understood"))?;
    let refresher = client.refresher()?;
    let concluded = authorize::finish(&refresher.context, callback, &options).await?;
    if let Concluded::Granted(consent) = &concluded {
        refresher.remember(consent.record.clone());
    }
    Ok(concluded)
}

async fn polled(client: &Client, state: &str) -> Result<Polled> {
    let refresher = client.refresher()?;
    let polled = device::poll(&refresher.context, state).await?;
    if let Polled::Granted(consent) = &polled {
        refresher.remember(consent.record.clone());
    }
    Ok(polled)
}

/// How much is under way.
#[derive(Default)]
struct Work {
    count: AtomicUsize,
    one_ended: Notify,
}

impl Work {
    fn begin(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    fn is_none(&self) -> bool {
        self.count.load(Ordering::SeqCst) == 0
    }

    async fn ended(&self) {
        self.one_ended.notified().await;
    }

    async fn all_ended(&self) {
        while !self.is_none() {
            self.ended().await;
        }
    }
}

/// Counts down when work ends, by a panic too.
struct Ended<'a>(&'a Work);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::SeqCst);
        self.0.one_ended.notify_one();
    }
}

/// The signals by which a process is asked to leave.
struct Leaving {
    signals: [Signal; 3],
    was_asked: bool,
}

impl Leaving {
    fn new() -> io::Result<Self> {
        let signals = [
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::hangup())?,
        ];
        Ok(Leaving { signals, was_asked: false })
    }

    async fn asked(&mut self) {
        let [terminate, interrupt, hangup] = &mut self.signals;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
        self.was_asked = true;
    }
}
