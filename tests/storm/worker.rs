//! Calls an API for many users, as applications do, and tells each second what came of it; see README.md.
//!
//! ```sh
//! evergrant-storm-worker '{"config": {…}, "url": "…", "grants": 50, "tasks": 4, "rate": 25}'
//! ```

// A test program may die, and the test shows how. It tells by printing.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use evergrant::{ApiRequest, Client, Config, Grant, HeaderOptions, Secret};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use url::Url;

struct Work {
    client: Client,
    url: Url,
    grants: u64,
    tasks: u64,
    /// Calls a second, of all tasks together.
    rate: f64,
    stopped: AtomicBool,
    second: Mutex<Second>,
}

/// What came of the calls since the last line.
#[derive(Default)]
struct Second {
    ok: u64,
    headers: u64,
    longest_gap: f64,
}

enum Failure {
    Library(evergrant::Error),
    Status(u16),
    Http(std::io::Error),
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let told: Value = std::env::args().nth(1).unwrap().parse().unwrap();
    let work: &'static Work = Box::leak(Box::new(Work {
        client: Client::open(Config::from_json(&told["config"].to_string()).unwrap()).unwrap(),
        url: told["url"].as_str().unwrap().parse().unwrap(),
        grants: told["grants"].as_u64().unwrap(),
        tasks: told["tasks"].as_u64().unwrap(),
        rate: told["rate"].as_f64().unwrap(),
        stopped: AtomicBool::new(false),
        second: Mutex::default(),
    }));
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    tokio::spawn(async move {
        terminate.recv().await;
        work.stopped.store(true, Ordering::Relaxed);
    });
    let telling = tokio::spawn(async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            work.tell_second();
        }
    });
    let tasks: Vec<_> = (0..work.tasks).map(|number| tokio::spawn(work.task(number))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    telling.abort();
    work.tell_second();
    work.client.close().await;
}

impl Work {
    /// Every second call goes through `headers` and an HTTP client of its own.
    async fn task(&'static self, number: u64) {
        #[allow(clippy::cast_precision_loss)] // a handful of tasks
        let period = self.tasks as f64 / self.rate;
        let mut waiting_since = HashMap::new();
        let (first, mut turn) = (random() % self.grants, number);
        loop {
            tokio::time::sleep(Duration::from_secs_f64(period * (0.5 + fraction()))).await;
            if self.stopped.load(Ordering::Relaxed) {
                break;
            }
            // Steps of a prime that divides no number of grants: all in turn, in another order than they were made.
            let subject = format!("u{}", (first + turn / 2 * 7919) % self.grants);
            self.call(subject, turn % 2 == 1, &mut waiting_since).await;
            turn += 1;
        }
        for (subject, since) in waiting_since {
            let gap = since.elapsed().as_secs_f64();
            tell(&json!({ "failure": "still waiting", "subject": subject, "gap": gap }));
        }
    }

    async fn call(
        &self,
        subject: String,
        by_hand: bool,
        waiting_since: &mut HashMap<String, Instant>,
    ) {
        let since = *waiting_since.entry(subject.clone()).or_insert_with(Instant::now);
        let grant = self.client.grant(&subject);
        let called =
            if by_hand { self.by_hand(&grant).await } else { self.by_request(&grant).await };
        let way = if by_hand { "headers" } else { "request" };
        if let Err(failure) = called {
            let (failure, message) = match failure {
                Failure::Library(error) => (json!(error.code().as_str()), error.to_string()),
                Failure::Status(status) => (json!(status), String::new()),
                Failure::Http(error) => (json!("http"), error.to_string()),
            };
            tell(
                &json!({ "failure": failure, "way": way, "subject": subject, "message": message, "at": wall_clock() }),
            );
            return;
        }
        waiting_since.remove(&subject);
        let mut second = self.second.lock().unwrap();
        second.ok += 1;
        second.headers += u64::from(by_hand);
        second.longest_gap = second.longest_gap.max(since.elapsed().as_secs_f64());
    }

    async fn by_request(&self, grant: &Grant) -> Result<(), Failure> {
        let request = ApiRequest { url: self.url.to_string(), ..ApiRequest::default() };
        only_200(grant.request(request).await.map_err(Failure::Library)?.status)
    }

    /// The 401 rule for a caller with an HTTP client of its own.
    async fn by_hand(&self, grant: &Grant) -> Result<(), Failure> {
        let headers = self.headers(grant, None).await?;
        let status = self.send(&headers).await.map_err(Failure::Http)?;
        if status != 401 {
            return only_200(status);
        }
        let newer = self.headers(grant, Some(headers[0].1.as_str().into())).await?;
        only_200(self.send(&newer).await.map_err(Failure::Http)?)
    }

    async fn headers(
        &self,
        grant: &Grant,
        refused: Option<Secret>,
    ) -> Result<Vec<(String, String)>, Failure> {
        let options = HeaderOptions { refused, ..HeaderOptions::default() };
        grant.headers("GET", self.url.as_str(), options).await.map_err(Failure::Library)
    }

    /// The status of a GET.
    async fn send(&self, headers: &[(String, String)]) -> std::io::Result<u16> {
        let address = (self.url.host_str().unwrap(), self.url.port_or_known_default().unwrap());
        let mut connection = TcpStream::connect(address).await?;
        let (path, authority) = (self.url.path(), self.url.authority());
        let mut request =
            format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n");
        for (name, value) in headers {
            let _ = write!(request, "{name}: {value}\r\n");
        }
        connection.write_all(format!("{request}\r\n").as_bytes()).await?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await?;
        let status =
            answer.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        status.ok_or_else(|| std::io::Error::other("no HTTP answer"))
    }

    fn tell_second(&self) {
        let Second { ok, headers, longest_gap } = std::mem::take(&mut *self.second.lock().unwrap());
        tell(&json!({ "ok": ok, "headers": headers, "gap": longest_gap, "at": wall_clock() }));
    }
}

fn only_200(status: u16) -> Result<(), Failure> {
    if status == 200 { Ok(()) } else { Err(Failure::Status(status)) }
}

/// Seconds since 1970.
fn wall_clock() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

fn random() -> u64 {
    getrandom::u64().unwrap()
}

#[allow(clippy::cast_precision_loss)] // any number between 0 and 1 will do
fn fraction() -> f64 {
    random() as f64 / u64::MAX as f64
}

fn tell(line: &Value) {
    println!("{line}");
}
