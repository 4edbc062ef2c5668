//! Each built-in store beside the same work done by hand through its bare driver, in interleaved rounds of one run: loads and
//! token commits per second, what one renewal asks of the store (lease with intent, then commit), and a whole renewal at a provider in
//! this process.
//!
//! By hand means: one connection, prepared statements, the same row read and replaced where it is still the same, equally
//! durable; no codec, no lease, no decision. Trust the ratios, not the figures.

use evergrant::bench_access::StoredGrant;
use evergrant::{
    BeginOptions, Client, Config, FinishOptions, RefreshOptions, new_encryption_key, wait,
};
use evergrant_sandbox::{CLIENT_ID, CLIENT_SECRET, Choice, Options, Sandbox};
use rusqlite::types::Value as SqlValue;
use rusqlite::{Connection, params_from_iter};
use serde_json::json;
use std::error::Error;
use std::fs::{self, File};
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

type Outcome<T> = Result<T, Box<dyn Error>>;

const ROUNDS: usize = 15;
const LOADS: u32 = 200;
const WRITES: u32 = 20;
const RENEWALS: u32 = 5;

/// The same work by hand.
trait ByHand {
    /// Reads the row.
    fn read(&mut self) -> Outcome<()>;
    /// Reads the row and replaces it by its next one where it still is the same.
    fn replace(&mut self) -> Outcome<()>;
}

fn main() -> Outcome<()> {
    let sandbox = Sandbox::start(Options::default())?;
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let key = new_encryption_key();
    let sealed = json!({ "encryption": { "keys": [key.expose()] } });
    let sqlite = |name: &str| format!("sqlite:{}", path(name).display());
    let file = |name: &str| format!("file:{}", path(name).display());

    writeln!(
        stdout(),
        "{:16}{:>22}{:>22}{:>24}{:>14}",
        "store",
        "load: /s, ratio",
        "commit: /s, ratio",
        "lease+commit: ms, ratio",
        "renewal: ms"
    )?;
    let none = json!({});
    measure(&sandbox, "memory", "memory:", &none, || Ok(Box::<InMemory>::default()))?;
    measure(&sandbox, "sqlite", &sqlite("plain.db"), &none, || {
        Ok(Box::new(Sqlite::open(&path("plain.db"))?))
    })?;
    measure(&sandbox, "sqlite, sealed", &sqlite("sealed.db"), &sealed, || {
        Ok(Box::new(Sqlite::open(&path("sealed.db"))?))
    })?;
    measure(&sandbox, "file", &file("files"), &none, || {
        Ok(Box::new(Files::copy_of(&path("files"))?))
    })
}

/// Prints the line of one store. Two grants are in it: what is done by hand is done to the one called so.
fn measure(
    sandbox: &Sandbox,
    name: &str,
    store: &str,
    more: &serde_json::Value,
    by_hand: impl FnOnce() -> Outcome<Box<dyn ByHand>>,
) -> Outcome<()> {
    let client = Client::open(config(sandbox, store, more)?)?;
    for subject in ["measured", "by hand"] {
        wait(consent(&client, sandbox, subject))?;
    }
    let mut grant = wait(StoredGrant::of(&client, "measured"))?;
    let mut by_hand = by_hand()?;

    let mut load = Pair::default();
    let mut commit = Pair::default();
    let mut lease_and_commit = Pair::default();
    for _ in 0..ROUNDS {
        load.ours.push(timed(LOADS, || Ok(wait(grant.load())?))?);
        load.by_hand.push(timed(LOADS, || by_hand.read())?);
        commit.ours.push(timed(WRITES, || Ok(wait(grant.commit())?))?);
        commit.by_hand.push(timed(WRITES, || by_hand.replace())?);
        lease_and_commit.ours.push(timed(WRITES, || Ok(wait(grant.lease_and_commit())?))?);
        lease_and_commit
            .by_hand
            .push(timed(WRITES, || by_hand.replace().and_then(|()| by_hand.replace()))?);
    }
    let mut renewals = Vec::new();
    let renewed = client.grant("by hand");
    for _ in 0..ROUNDS {
        let options = || RefreshOptions { force: true, ..RefreshOptions::default() };
        renewals.push(timed(RENEWALS, || Ok(wait(renewed.refresh(options())).map(drop)?))?);
    }
    wait(client.close());
    let per_second = |pair: &mut Pair| {
        format!("{:.0}, {:.2}", 1.0 / median(&mut pair.ours).as_secs_f64(), pair.ratio())
    };
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    writeln!(
        stdout(),
        "{name:16}{:>22}{:>22}{:>24}{:>14.2}",
        per_second(&mut load),
        per_second(&mut commit),
        format!(
            "{:.2}, {:.2}",
            milliseconds(median(&mut lease_and_commit.ours)),
            lease_and_commit.ratio()
        ),
        milliseconds(median(&mut renewals)),
    )?;
    Ok(())
}

/// The times of each round.
#[derive(Default)]
struct Pair {
    ours: Vec<Duration>,
    by_hand: Vec<Duration>,
}

impl Pair {
    /// How many times as long the store takes.
    fn ratio(&mut self) -> f64 {
        median(&mut self.ours).as_secs_f64() / median(&mut self.by_hand).as_secs_f64()
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// How long one of `times` pieces of work takes.
fn timed(times: u32, mut work: impl FnMut() -> Outcome<()>) -> Outcome<Duration> {
    let begun = Instant::now();
    for _ in 0..times {
        work()?;
    }
    Ok(begun.elapsed() / times)
}

fn config(sandbox: &Sandbox, store: &str, more: &serde_json::Value) -> evergrant::Result<Config> {
    let base = sandbox.base_url();
    let mut config = json!({
        "provider": {
            "name": "sandbox",
            "authorization_endpoint": format!("{base}/oauth2/authorize"),
            "token_endpoint": format!("{base}/oauth2/token"),
        },
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "redirect_uri": "http://127.0.0.1/callback",
        "scope": ["read", "write"],
        "store": store,
        "detached": "off",
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        config[key] = value.clone();
    }
    Config::from_json(&config.to_string())
}

async fn consent(client: &Client, sandbox: &Sandbox, subject: &str) -> evergrant::Result<()> {
    let start = client.begin(subject, BeginOptions::default()).await?;
    let callback =
        sandbox.consent(&start.url, subject, Choice::Allow).expect("the sandbox consents");
    client.finish(&callback, FinishOptions::default()).await.map(drop)
}

/// A row behind a lock.
struct InMemory(Mutex<(u64, String)>);

impl Default for InMemory {
    fn default() -> Self {
        InMemory(Mutex::new((0, "x".repeat(1_000))))
    }
}

impl ByHand for InMemory {
    fn read(&mut self) -> Outcome<()> {
        let row = self.0.lock().expect("no holder panics").clone();
        std::hint::black_box(row);
        Ok(())
    }

    fn replace(&mut self) -> Outcome<()> {
        let (number, text) = self.0.lock().expect("no holder panics").clone();
        let mut row = self.0.lock().expect("no holder panics");
        if row.0 == number {
            *row = (number + 1, text);
        }
        Ok(())
    }
}

const COLUMNS: &str = "client, subject, slot, grant_id, generation, revision, status, obtained_at, \
                       expires_at, keepalive_at, retry_at, renewable, updated_at, record, lease, \
                       fencing, intent";

/// The grant `by hand` in a token database, through `rusqlite`.
struct Sqlite {
    connection: Connection,
    client: String,
    read: String,
    replace: String,
}

impl Sqlite {
    fn open(path: &Path) -> Outcome<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let find = "SELECT client FROM evergrant_grants WHERE subject = 'by hand'";
        let client = connection.query_row(find, [], |row| row.get(0))?;
        let names = COLUMNS.split(", ").enumerate().skip(3);
        let assignments: Vec<String> =
            names.map(|(n, name)| format!("{name} = ?{}", n + 1)).collect();
        let read = format!(
            "SELECT {COLUMNS} FROM evergrant_grants WHERE client = ?1 AND subject = 'by hand' AND slot = ''"
        );
        let replace = format!(
            "UPDATE evergrant_grants SET {} WHERE client = ?1 AND subject = ?2 AND slot = ?3 \
             AND revision = ?18 AND fencing = ?19 AND lease IS ?20 AND intent IS ?21",
            assignments.join(", ")
        );
        Ok(Sqlite { connection, client, read, replace })
    }

    fn row(&self) -> Outcome<Vec<SqlValue>> {
        let mut statement = self.connection.prepare_cached(&self.read)?;
        Ok(statement.query_row([&self.client], |row| (0..17).map(|n| row.get(n)).collect())?)
    }
}

impl ByHand for Sqlite {
    fn read(&mut self) -> Outcome<()> {
        std::hint::black_box(self.row()?);
        Ok(())
    }

    fn replace(&mut self) -> Outcome<()> {
        let before = self.row()?;
        let mut values = before.clone();
        for number in [4, 5] {
            if let SqlValue::Integer(value) = &mut values[number] {
                *value += 1;
            }
        }
        values.extend([
            before[5].clone(),
            before[15].clone(),
            before[14].clone(),
            before[16].clone(),
        ]);
        let written =
            self.connection.prepare_cached(&self.replace)?.execute(params_from_iter(values))?;
        if written == 1 { Ok(()) } else { Err("the row was another".into()) }
    }
}

/// A file of a file store, replaced beside it: written and flushed under another name, renamed, its folder flushed.
struct Files {
    folder: PathBuf,
    path: PathBuf,
}

impl Files {
    fn copy_of(store: &Path) -> Outcome<Self> {
        let grant = fs::read_dir(store.join("grants"))?
            .filter_map(Result::ok)
            .find(|entry| entry.path().is_file())
            .ok_or("the store has a grant")?;
        let folder = store.with_extension("by-hand");
        fs::create_dir_all(&folder)?;
        let path = folder.join("grant");
        fs::copy(grant.path(), &path)?;
        Ok(Files { folder, path })
    }
}

impl ByHand for Files {
    fn read(&mut self) -> Outcome<()> {
        std::hint::black_box(fs::read(&self.path)?);
        Ok(())
    }

    fn replace(&mut self) -> Outcome<()> {
        let bytes = fs::read(&self.path)?;
        let beside = self.folder.join("temporary");
        let mut file = File::create(&beside)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        Ok(File::open(&self.folder)?.sync_all()?)
    }
}
