//! PostgreSQL: single statements that commit by themselves, durable when they return, and `NOTIFY` for those who wait.
//!
//! The server's words about an error can quote a row in their detail: only severity, code and message are shown.

use super::endpoint::{Endpoint, Kind, Place, Tls};
use super::server::{Attempt, Driver, Fault, FaultKind, Outcome, SERVER_GIVES_UP_AFTER, Session};
use super::sql::{self, CHANNEL, Dialect, Names, Value};
use super::{GrantKey, tls};
use crate::error::{Code, Error, Result};
use crate::process::runtime;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryStreamExt};
use rustls::ClientConfig;
use rustls::pki_types::{InvalidDnsNameError, ServerName};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect};
use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{AsyncMessage, Client, Config, Socket, Statement};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

static KIND: Kind = Kind {
    title: "PostgreSQL",
    expected: "postgres://USER:PASSWORD@HOST:PORT/DATABASE, maybe with ?sslmode=disable, require or verify-full, \
               ?sslrootcert=FILE, whose path is absolute, or ?host=FOLDER of the socket of a server on this host",
    port: 5432,
    socket: "host",
    tls: "sslmode",
    tls_modes: [
        ("disable", Tls::Off),
        ("require", Tls::Unverified),
        ("verify-full", Tls::Verified),
    ],
    authorities: "sslrootcert",
};

/// How long the listener waits before it connects again.
const LISTEN_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A database on a PostgreSQL server.
pub(crate) struct Postgres {
    connector: Connector,
    listener: Listener,
}

impl Postgres {
    /// Reads the address.
    pub(super) fn parse(text: &str) -> Result<Endpoint> {
        Endpoint::parse(text, &KIND)
    }

    pub(super) fn new(endpoint: Endpoint) -> Self {
        let connector = Connector(Arc::new((endpoint, OnceLock::new())));
        Postgres { connector, listener: Listener::default() }
    }
}

/// Makes connections.
#[derive(Clone)]
struct Connector(Arc<(Endpoint, OnceLock<Arc<ClientConfig>>)>);

type Connection = tokio_postgres::Connection<Socket, Encrypted<Socket>>;

impl Connector {
    fn endpoint(&self) -> &Endpoint {
        &self.0.0
    }

    async fn connect(&self) -> Attempt<(Client, Connection)> {
        let endpoint = self.endpoint();
        let mut config = Config::new();
        config.user(&endpoint.user).dbname(&endpoint.database).application_name("evergrant");
        config.ssl_mode(if endpoint.tls == Tls::Off { SslMode::Disable } else { SslMode::Require });
        if let Some(password) = &endpoint.password {
            config.password(password.expose());
        }
        match &endpoint.place {
            Place::Host { name, port } => config.host(name).port(*port),
            Place::Socket(folder) => config.host_path(folder).port(KIND.port),
        };
        let encrypt = Encrypt(match endpoint.tls {
            Tls::Off => None,
            _ => Some(
                self.client_config().map_err(|error| Fault { error, kind: FaultKind::Refused })?,
            ),
        });
        config.connect(encrypt).await.map_err(|error| match error.as_db_error() {
            Some(_) => fault(endpoint, &error),
            None => lost(endpoint, &error),
        })
    }

    fn client_config(&self) -> Result<Arc<ClientConfig>> {
        let (endpoint, known) = &*self.0;
        if let Some(config) = known.get() {
            return Ok(Arc::clone(config));
        }
        let config = tls::client_config(endpoint.tls, endpoint.authorities.as_deref())?;
        Ok(Arc::clone(known.get_or_init(|| config)))
    }
}

impl Driver for Postgres {
    type Session = PostgresSession;
    const DIALECT: Dialect = Dialect::Postgres;

    fn endpoint(&self) -> &Endpoint {
        self.connector.endpoint()
    }

    fn connect(&self) -> BoxFuture<'_, Attempt<PostgresSession>> {
        async move {
            let (client, connection) = self.connector.connect().await?;
            // It ends when the client is dropped, or the server closes it: whoever uses the client is told then.
            runtime().spawn(connection.map(drop));
            // A setting that promises more than `on` is left as it is.
            let settings = format!(
                "SET statement_timeout = {SERVER_GIVES_UP_AFTER}; SET client_min_messages = warning; \
                 SET default_transaction_isolation = 'read committed'; \
                 SELECT set_config('synchronous_commit', 'on', false) \
                 WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')"
            );
            let endpoint = self.endpoint();
            client.batch_execute(&settings).await.map_err(|error| fault(endpoint, &error))?;
            Ok(PostgresSession { client, endpoint: endpoint.clone(), prepared: HashMap::new() })
        }
        .boxed()
    }

    fn lock_schema<'a>(
        &'a self,
        session: &'a mut PostgresSession,
        names: &'a Names,
    ) -> BoxFuture<'a, Attempt<()>> {
        async move {
            // The transaction begins after the wait: it is what makes the tables of others seen.
            let lock = [lock_number(names).into()];
            session.run("SELECT 1 FROM pg_advisory_lock($1)", &lock).await?;
            session.run("BEGIN", &[]).await.map(drop)
        }
        .boxed()
    }

    fn unlock_schema<'a>(
        &'a self,
        session: &'a mut PostgresSession,
        names: &'a Names,
    ) -> BoxFuture<'a, Attempt<()>> {
        async move {
            session.run("COMMIT", &[]).await?;
            let lock = [lock_number(names).into()];
            session.run("SELECT 1 FROM pg_advisory_unlock($1)", &lock).await.map(drop)
        }
        .boxed()
    }

    fn has_table<'a>(
        &'a self,
        session: &'a mut PostgresSession,
        name: &'a str,
    ) -> BoxFuture<'a, Attempt<bool>> {
        async move {
            let name = Dialect::Postgres.quoted(name);
            let sql = "SELECT to_regclass($1) IS NOT NULL";
            let outcome = session.run(sql, &[name.into()]).await?;
            Ok(outcome.rows == [[Value::Integer(1)]])
        }
        .boxed()
    }

    fn weaknesses<'a>(
        &'a self,
        session: &'a mut PostgresSession,
    ) -> BoxFuture<'a, Attempt<Vec<String>>> {
        async move {
            let sql = "SELECT name FROM pg_settings WHERE setting = 'off' AND name IN ('fsync', 'full_page_writes') \
                       OR setting IN ('off', 'local', 'remote_write') AND name = 'synchronous_commit' ORDER BY name";
            let outcome = session.run(sql, &[]).await?;
            let names = outcome.rows.into_iter().flatten();
            Ok(names
                .filter_map(|name| if let Value::Text(name) = name { Some(name) } else { None })
                .map(|name| {
                    format!(
                        "{} has {name} off: a crash of its host can take committed tokens",
                        self.endpoint()
                    )
                })
                .collect())
        }
        .boxed()
    }

    fn changed<'a>(&'a self, key: &'a GrantKey) -> Option<BoxFuture<'a, ()>> {
        Some(self.listener.changed(&self.connector, key))
    }
}

fn lock_number(names: &Names) -> i64 {
    let hash = Sha256::digest(format!("evergrant {}", names.schema));
    i64::from_be_bytes(hash[..8].try_into().expect("eight bytes were taken"))
}

/// One connection, with the statements that it knows.
pub(crate) struct PostgresSession {
    client: Client,
    endpoint: Endpoint,
    prepared: HashMap<String, Statement>,
}

impl PostgresSession {
    async fn outcome(
        &mut self,
        sql: &str,
        values: &[Value],
    ) -> std::result::Result<Outcome, tokio_postgres::Error> {
        let statement = if let Some(statement) = self.prepared.get(sql) {
            statement.clone()
        } else {
            let statement = self.client.prepare(sql).await?;
            self.prepared.insert(sql.to_owned(), statement.clone());
            statement
        };
        let mut stream = Box::pin(self.client.query_raw(&statement, values).await?);
        let mut rows = Vec::new();
        while let Some(row) = stream.try_next().await? {
            let columns = 0..row.len();
            rows.push(
                columns.map(|column| row.try_get(column)).collect::<std::result::Result<_, _>>()?,
            );
        }
        Ok(Outcome { rows, affected: stream.rows_affected().unwrap_or(0) })
    }
}

impl Session for PostgresSession {
    fn is_open(&self) -> bool {
        !self.client.is_closed()
    }

    fn run<'a>(&'a mut self, sql: &'a str, values: &'a [Value]) -> BoxFuture<'a, Attempt<Outcome>> {
        async move {
            let outcome = self.outcome(sql, values).await;
            outcome.map_err(|error| fault(&self.endpoint, &error))
        }
        .boxed()
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Text(text) => text.as_bytes().to_sql(&Type::BYTEA, out),
            Value::Bytes(bytes) => bytes.to_sql(&Type::BYTEA, out),
            Value::Integer(number) if *ty == Type::BOOL => (*number != 0).to_sql(ty, out),
            Value::Integer(number) if *ty == Type::INT4 => i32::try_from(*number)?.to_sql(ty, out),
            Value::Integer(number) => number.to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Value {
    fn from_sql(
        ty: &Type,
        raw: &'a [u8],
    ) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(match *ty {
            Type::BOOL => bool::from_sql(ty, raw)?.into(),
            Type::INT8 => i64::from_sql(ty, raw)?.into(),
            Type::INT4 => i64::from(i32::from_sql(ty, raw)?).into(),
            Type::INT2 => i64::from(i16::from_sql(ty, raw)?).into(),
            Type::BYTEA => raw.into(),
            _ => std::str::from_utf8(raw)?.into(),
        })
    }

    fn from_sql_null(
        _: &Type,
    ) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Value::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// What an error of a statement means.
fn fault(endpoint: &Endpoint, error: &tokio_postgres::Error) -> Fault {
    let Some(told) = error.as_db_error() else {
        let is_io =
            std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<io::Error>);
        return if error.is_closed() || is_io {
            lost(endpoint, error)
        } else {
            refused(endpoint, "failed", &format!("failed: {error}"))
        };
    };
    let code = told.code().code();
    let said = format!("{} {code}: {}", told.severity(), told.message());
    match code {
        "40001" | "40P01" => Fault {
            kind: FaultKind::Undone,
            ..refused(endpoint, "failed", &format!("failed: {said}"))
        },
        "23505" => Fault {
            kind: FaultKind::Duplicate,
            ..refused(endpoint, "failed", &format!("failed: {said}"))
        },
        "57P01" | "57P02" | "57P03" | "53300" => Fault {
            kind: FaultKind::Lost,
            ..refused(endpoint, "unreachable", &format!("takes no work: {said}"))
        },
        "28000" | "28P01" | "3D000" | "42501" => {
            refused(endpoint, "access_denied", &format!("refuses access: {said}"))
        }
        "42P01" | "3F000" => refused(
            endpoint,
            "no_tables",
            &format!("lacks a table: {said}; `evergrant store init` makes them"),
        ),
        "42703" => refused(endpoint, "foreign", &format!("has a table of another make: {said}")),
        "25006" => refused(endpoint, "read_only", &format!("can only be read: {said}")),
        "53100" => refused(endpoint, "full", &format!("cannot grow: {said}")),
        "55P03" | "57014" => refused(endpoint, "locked", &format!("is busy for too long: {said}")),
        _ => refused(endpoint, "failed", &format!("failed: {said}")),
    }
}

fn refused(endpoint: &Endpoint, reason: &str, what: &str) -> Fault {
    let text = format!("token store on {endpoint} {what}");
    Fault { error: Error::new(Code::Store, text).with_reason(reason), kind: FaultKind::Refused }
}

fn lost(endpoint: &Endpoint, error: &tokio_postgres::Error) -> Fault {
    let (reason, text) = trouble(error);
    Fault { kind: FaultKind::Lost, ..refused(endpoint, reason, &text) }
}

/// What an error is that is not the server's: its reason, and its words.
fn trouble(error: &tokio_postgres::Error) -> (&'static str, String) {
    let mut source = std::error::Error::source(error);
    // The driver has no other sign of it.
    if source.is_some_and(|source| source.to_string() == "server does not support TLS") {
        return (tls::REASON, tls::NOT_OFFERED.to_owned());
    }
    if let Some(refusal) = tls::refusal(error) {
        return (tls::REASON, refusal);
    }
    let mut text = format!("cannot be reached: {error}");
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    ("unreachable", text)
}

/// Who waits for which row, and the one connection that hears of them.
#[derive(Default)]
struct Listener {
    waiting: Arc<Waiting>,
    task: OnceLock<Task>,
}

type Waiting = Mutex<HashMap<String, Weak<Notify>>>;

/// Ends with the store.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Listener {
    fn changed<'a>(&self, connector: &Connector, key: &GrantKey) -> BoxFuture<'a, ()> {
        self.task.get_or_init(|| {
            Task(runtime().spawn(listen(connector.clone(), Arc::clone(&self.waiting))))
        });
        let told = sql::told(key);
        let mut waiting = self.waiting.lock().expect("no holder panics");
        let known = waiting.get(&told).and_then(Weak::upgrade);
        let notify = known.unwrap_or_else(|| {
            let notify = Arc::<Notify>::default();
            waiting.retain(|_, known| known.strong_count() > 0);
            waiting.insert(told, Arc::downgrade(&notify));
            notify
        });
        notify.notified_owned().boxed()
    }
}

/// Listens as long as it is let. What is missed while it does not is found by those who wait and look.
async fn listen(connector: Connector, waiting: Arc<Waiting>) {
    loop {
        if let Ok((client, mut connection)) = connector.connect().await {
            let listening = runtime().spawn(async move {
                let listens = client.batch_execute(&format!("LISTEN {CHANNEL}")).await;
                listens.map(|()| client) // the connection lives as long as its client
            });
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await
            {
                if let AsyncMessage::Notification(notification) = message {
                    let waiting = waiting.lock().expect("no holder panics");
                    if let Some(notify) =
                        waiting.get(notification.payload()).and_then(Weak::upgrade)
                    {
                        notify.notify_waiters();
                    }
                }
            }
            drop(listening);
        }
        tokio::time::sleep(LISTEN_AGAIN_AFTER).await;
    }
}

/// TLS for the driver, where the address wants it.
#[derive(Clone)]
struct Encrypt(Option<Arc<ClientConfig>>);

impl MakeTlsConnect<Socket> for Encrypt {
    type Stream = Encrypted<Socket>;
    type TlsConnect = EncryptFor;
    type Error = InvalidDnsNameError;

    fn make_tls_connect(
        &mut self,
        host: &str,
    ) -> std::result::Result<EncryptFor, InvalidDnsNameError> {
        let Some(config) = &self.0 else { return Ok(EncryptFor(None)) };
        let name = ServerName::try_from(host.to_owned())?;
        Ok(EncryptFor(Some((TlsConnector::from(Arc::clone(config)), name))))
    }
}

struct EncryptFor(Option<(TlsConnector, ServerName<'static>)>);

impl TlsConnect<Socket> for EncryptFor {
    type Stream = Encrypted<Socket>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Encrypted<Socket>>>;

    fn connect(self, stream: Socket) -> Self::Future {
        async move {
            let (connector, name) = self.0.expect("TLS is not asked for where it is off");
            connector.connect(name, stream).await.map(Box::new).map(Encrypted)
        }
        .boxed()
    }
}

/// A connection under TLS.
struct Encrypted<S>(Box<TlsStream<S>>);

impl<S: AsyncRead + AsyncWrite + Unpin> tokio_postgres::tls::TlsStream for Encrypted<S> {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
