//! The connection of one process to a Redis server, made at first use and again when it was lost.
//!
//! A write whose answer was lost may have been done: it is never sent again from here. Only what reads is. What a server
//! says may quote what it was sent, so of its words only the code is told.

use super::address::RedisAddress;
use super::schema;
use super::server::Server;
use crate::error::{Code, Error, Result};
use crate::process::runtime;
use crate::secret::Secret;
use crate::store::endpoint::Tls;
use crate::store::tls;
use redis::aio::{MultiplexedConnection, PubSub};
use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, FromRedisValue, Pipeline, RedisConnectionInfo,
    RedisError, RedisResult,
};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use sha1::{Digest, Sha1};
use std::fmt::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

/// How long making a connection may take.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A server's error codes that are told in words, and under which reason.
const CODES: [(&str, &str, &str); 17] = [
    ("OOM", "full", "has no memory left (`maxmemory`)"),
    ("MISCONF", "full", "cannot write to its disk"),
    (
        "READONLY",
        "read_only",
        "is a replica or can only be read; expected the one that is written to",
    ),
    ("LOADING", "loading", "is still loading its data"),
    ("BUSY", "locked", "is kept busy by somebody's script"),
    ("TRYAGAIN", "locked", "asks to be asked again"),
    (
        "NOREPLICAS",
        "not_durable",
        "has fewer replicas than it wants for a write (`min-replicas-to-write`)",
    ),
    ("MASTERDOWN", "unreachable", "is a replica that has lost its master"),
    ("NOAUTH", "access_denied", "wants a password"),
    ("WRONGPASS", "access_denied", "refuses user or password"),
    (
        "NOPERM",
        "access_denied",
        "does not allow this user the commands, keys or channels that are needed",
    ),
    ("WRONGTYPE", "foreign", "has a key of another make; expected another `prefix` in the address"),
    ("MOVED", "cluster", "is part of a cluster, which is not supported"),
    ("ASK", "cluster", "is part of a cluster, which is not supported"),
    ("CROSSSLOT", "cluster", "is part of a cluster, which is not supported"),
    ("CLUSTERDOWN", "cluster", "is part of a cluster, which is not supported"),
    ("NOSCRIPT", "failed", "does not keep scripts"),
];

/// A script by the name that the server gives it.
pub(super) struct Script {
    text: &'static str,
    sha1: String,
}

impl Script {
    pub(super) fn new(text: &'static str) -> Self {
        let sha1 = Sha1::digest(text).iter().fold(String::new(), |mut name, byte| {
            write!(name, "{byte:02x}").expect("a text takes all");
            name
        });
        Script { text, sha1 }
    }
}

fn evaluation(name: &str, script: &str, keys: &[&str], arguments: &[&[u8]]) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(script).arg(keys.len()).arg(keys).arg(arguments);
    command
}

/// A connection that is made when it is needed.
pub(super) struct Connection {
    address: RedisAddress,
    /// The key of the note of the schema.
    schema_key: String,
    tls: OnceLock<Arc<ClientConfig>>,
    state: Mutex<State>,
    /// Whether the server has a write on the disk when it answers, as far as it told.
    is_durable_at_once: AtomicBool,
}

#[derive(Default)]
struct State {
    live: Option<Arc<Live>>,
    /// When making one failed, and how.
    failure: Option<(Instant, Error)>,
}

struct Live {
    connection: MultiplexedConnection,
    server: Server,
    driver: JoinHandle<()>,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Connection {
    pub(super) fn new(address: RedisAddress, schema_key: String) -> Self {
        Connection {
            address,
            schema_key,
            tls: OnceLock::new(),
            state: Mutex::default(),
            is_durable_at_once: AtomicBool::new(false),
        }
    }

    pub(super) fn is_durable_at_once(&self) -> bool {
        self.is_durable_at_once.load(Ordering::Relaxed)
    }

    /// What the server told of itself when it was asked; asks again.
    pub(super) async fn server(&self) -> Result<Server> {
        let live = self.live().await?;
        let mut connection = live.connection.clone();
        let server = Server::ask(&mut connection);
        self.answered(&live, server).await?.map_err(|error| self.error(&error))
    }

    /// Sends commands that only read, at once, and gives their results.
    pub(super) async fn read<T: FromRedisValue>(&self, commands: &Pipeline) -> Result<T> {
        let mut read = self.tried(&self.live().await?, commands).await?;
        if read.as_ref().is_err_and(is_lost) {
            read = self.tried(&self.live().await?, commands).await?;
        }
        read.map_err(|error| self.error(&error))
    }

    /// Runs a script.
    pub(super) async fn evaluate<T: FromRedisValue>(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
    ) -> Result<T> {
        let live = self.live().await?;
        let known = evaluation("EVALSHA", &script.sha1, keys, arguments);
        let ran = match self.tried_one(&live, &known).await? {
            // It was not run: the server was started since, or never saw it.
            Err(error) if code(&error) == Some("NOSCRIPT") => {
                let whole = evaluation("EVAL", script.text, keys, arguments);
                self.tried_one(&live, &whole).await?
            }
            ran => ran,
        };
        ran.map_err(|error| self.error(&error))
    }

    /// A further connection, on which the server tells what was published.
    pub(super) async fn subscription(&self) -> Result<PubSub> {
        let connected = timeout(CONNECT_WITHIN, async {
            let stream = self.stream().await?;
            PubSub::new(&self.settings(), stream).await.map_err(|error| self.error(&error))
        });
        connected.await.unwrap_or_else(|_| Err(self.unreached()))
    }

    pub(super) fn trouble(&self, reason: &str, what: &str) -> Error {
        let text = format!("token store in {} {what}", self.address);
        Error::new(Code::Store, text).with_reason(reason)
    }

    async fn tried<T: FromRedisValue>(
        &self,
        live: &Arc<Live>,
        commands: &Pipeline,
    ) -> Result<RedisResult<T>> {
        let mut connection = live.connection.clone();
        self.answered(live, commands.query_async(&mut connection)).await
    }

    async fn tried_one<T: FromRedisValue>(
        &self,
        live: &Arc<Live>,
        command: &Cmd,
    ) -> Result<RedisResult<T>> {
        let mut connection = live.connection.clone();
        self.answered(live, command.query_async(&mut connection)).await
    }

    /// Waits for an answer. A connection that is lost, silent or to a server that may not be written to is not used again.
    async fn answered<T>(
        &self,
        live: &Arc<Live>,
        answer: impl Future<Output = RedisResult<T>>,
    ) -> Result<RedisResult<T>> {
        let answer = timeout(ANSWER_WITHIN, answer).await;
        let is_useless = match &answer {
            Ok(Ok(_)) => false,
            Ok(Err(error)) => is_lost(error) || code(error) == Some("READONLY"),
            Err(_) => true,
        };
        if is_useless {
            let mut state = self.state.lock().await;
            state.live.take_if(|standing| Arc::ptr_eq(standing, live));
        }
        answer.map_err(|_| self.silent("did not answer", ANSWER_WITHIN))
    }

    /// The connection; made where there is none. Those who wait while it is tried share what becomes of it.
    async fn live(&self) -> Result<Arc<Live>> {
        let asked_at = Instant::now();
        let mut state = self.state.lock().await;
        // What was closed while nobody used it is noticed before something is sent.
        if let Some(live) = state.live.as_ref().filter(|live| !live.driver.is_finished()) {
            return Ok(Arc::clone(live));
        }
        if let Some((_, failure)) = state.failure.as_ref().filter(|(at, _)| *at > asked_at) {
            return Err(failure.clone());
        }
        let connected = timeout(CONNECT_WITHIN, self.connect()).await;
        match connected.unwrap_or_else(|_| Err(self.unreached())) {
            Ok(live) => {
                let live = Arc::new(live);
                self.is_durable_at_once.store(live.server.is_durable_at_once(), Ordering::Relaxed);
                state.live = Some(Arc::clone(&live));
                Ok(live)
            }
            Err(failure) => {
                state.failure = Some((Instant::now(), failure.clone()));
                Err(failure)
            }
        }
    }

    async fn connect(&self) -> Result<Live> {
        let stream = self.stream().await?;
        // Time is limited here alone.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let (connection, driver) =
            MultiplexedConnection::new_with_config(&self.settings(), stream, config)
                .await
                .map_err(|error| self.error(&error))?;
        let driver = runtime().spawn(driver);
        let mut live = Live { connection, server: Server::default(), driver };
        let failed = |error| self.error(&error);
        live.server = Server::ask(&mut live.connection).await.map_err(failed)?;
        if let Some(refusal) = live.server.refusal() {
            return Err(self.trouble("unsupported", &refusal));
        }
        let refusal = schema::refusal(&mut live.connection, &self.schema_key).await;
        match refusal.map_err(failed)? {
            Some((reason, words)) => Err(self.trouble(reason, &words)),
            None => Ok(live),
        }
    }

    async fn stream(&self) -> Result<Box<dyn Stream>> {
        let unreachable = |error: std::io::Error| {
            self.trouble("unreachable", &format!("cannot be reached: {error}"))
        };
        let RedisAddress { host, port, .. } = &self.address;
        let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        if !self.address.is_encrypted {
            return Ok(Box::new(stream));
        }
        let name = ServerName::try_from(host.clone())
            .map_err(|_| self.trouble("unreachable", "has a name that no certificate can have"))?;
        let connector = TlsConnector::from(self.client_config()?);
        match connector.connect(name, stream).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(tls::refusal(&error)
                .map_or_else(|| unreachable(error), |refusal| self.trouble(tls::REASON, &refusal))),
        }
    }

    fn client_config(&self) -> Result<Arc<ClientConfig>> {
        if let Some(config) = self.tls.get() {
            return Ok(Arc::clone(config));
        }
        let config = tls::client_config(Tls::Verified, self.address.authorities.as_deref())?;
        Ok(Arc::clone(self.tls.get_or_init(|| config)))
    }

    fn settings(&self) -> RedisConnectionInfo {
        let RedisAddress { user, password, database, .. } = &self.address;
        let mut settings = RedisConnectionInfo::default().set_db(i64::from(*database));
        if let Some(user) = user {
            settings = settings.set_username(user);
        }
        if let Some(password) = password.as_ref().map(Secret::expose) {
            settings = settings.set_password(password);
        }
        settings
    }

    /// A server that does not speak TLS at this port may wait for more.
    fn unreached(&self) -> Error {
        let over = if self.address.is_encrypted { " over TLS" } else { "" };
        self.silent(&format!("cannot be reached{over}"), CONNECT_WITHIN)
    }

    fn silent(&self, what: &str, limit: Duration) -> Error {
        self.trouble("unreachable", &format!("{what} within {} s", limit.as_secs()))
    }

    fn error(&self, error: &RedisError) -> Error {
        if is_lost(error) {
            return self.trouble("unreachable", &format!("cannot be reached: {error}"));
        }
        if error.kind() == ErrorKind::AuthenticationFailed {
            return self.trouble("access_denied", "refuses user or password");
        }
        let Some(code) = code(error) else {
            return self.trouble("unreadable", "gave an answer that cannot be read");
        };
        match CODES.iter().find(|(known, ..)| *known == code) {
            Some((_, reason, words)) => self.trouble(reason, &format!("{words} ({code})")),
            None => self.trouble("failed", &format!("failed with {code}")),
        }
    }
}

fn is_lost(error: &RedisError) -> bool {
    error.is_io_error()
}

/// The code of what a server said. Redis 6 puts that of a command in a script into the words of its own.
fn code(error: &RedisError) -> Option<&'static str> {
    let errors = error.clone().into_server_errors();
    let (code, words) = match errors.as_ref().and_then(|errors| errors.first()) {
        Some((_, error)) => (error.code(), error.details()),
        None => (error.code()?, error.detail()),
    };
    let is = |known: &str| {
        code == known || words.is_some_and(|words| words.contains(&format!("-{known} ")))
    };
    Some(CODES.iter().map(|(known, ..)| *known).find(|known| is(known)).unwrap_or("ERR"))
}
