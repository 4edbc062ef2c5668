//! Each built-in store beside the same work done by hand through its bare driver, in interleaved rounds of one run: loads, token
//! commits, and what one renewal asks of the store (lease with intent, then commit). Then whole renewals at a provider in this
//! process, and what the helper process adds to one.
//!
//! Trust the ratios, not the figures.

mod by_hand;

use by_hand::{ByHand, Files, InMemory, Mysql, Postgres, Redis, SUBJECT, Sqlite};
use clap::Parser;
use evergrant::bench_access::StoredGrant;
use evergrant::{
    BeginOptions, Client, Config, FinishOptions, RefreshOptions, new_encryption_key, wait,
};
use evergrant_sandbox::{CLIENT_ID, CLIENT_SECRET, Choice, Options, Sandbox};
use serde_json::{Value, json};
use std::cell::Cell;
use std::error::Error;
use std::io::{Write, stdout};
use std::time::Instant;

type Outcome<T> = Result<T, Box<dyn Error>>;

const ROUNDS: u32 = 15;

#[derive(Parser)]
#[command(about = "The stores beside the same work by hand")]
struct Arguments {
    /// For how many seconds each work is done
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// What `scripts/services start` printed; without it the stores on servers are left out
    #[arg(long, value_parser = |text: &str| serde_json::from_str::<Value>(text))]
    services: Option<Value>,
}

fn main() -> Outcome<()> {
    let Arguments { seconds, services } = Arguments::parse();
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let (plain, sealed, files) = (path("plain.db"), path("sealed.db"), path("files"));
    let mut bench =
        Bench { sandbox: Sandbox::start(Options::default())?, seconds, renewals: Vec::new() };
    writeln!(
        stdout(),
        "| store | work | Evergrant: /s | by hand: /s | takes so many times as long |\n\
         | --- | --- | ---: | ---: | ---: |"
    )?;

    bench.store("memory", "memory:", json!({}), || Ok(Box::<InMemory>::default()))?;
    let address = format!("sqlite:{}", plain.display());
    bench.store("SQLite", &address, json!({}), || Ok(Box::new(Sqlite::open(&plain)?)))?;
    let address = format!("sqlite:{}", sealed.display());
    let more = json!({ "encryption": { "keys": [new_encryption_key().expose()] } });
    bench.store("SQLite, sealed", &address, more, || Ok(Box::new(Sqlite::open(&sealed)?)))?;
    let address = format!("file:{}", files.display());
    bench.store("file", &address, json!({}), || Ok(Box::new(Files::copy_of(&files)?)))?;

    if let Some(services) = services {
        let address = |name: &str| services[name]["address"].as_str().ok_or("a service is missing");
        let at = address("postgres")?;
        bench.store("PostgreSQL", at, json!({}), || Ok(Box::new(Postgres::open(at)?)))?;
        let at = address("mariadb")?;
        bench.store("MariaDB", at, json!({}), || Ok(Box::new(Mysql::open(at)?)))?;
        let at = address("redis")?;
        bench.store("Redis", at, json!({}), || Ok(Box::new(Redis::open(at)?)))?;
    }
    writeln!(
        stdout(),
        "\n| store | renewal: ms | by the helper: ms | which adds: ms |\n| --- | ---: | ---: | ---: |\n{}",
        bench.renewals.join("\n")
    )?;
    Ok(())
}

struct Bench {
    sandbox: Sandbox,
    seconds: f64,
    /// The lines of the second table.
    renewals: Vec<String>,
}

impl Bench {
    /// Prints the lines of one store. It must be empty.
    fn store(
        &mut self,
        name: &str,
        store: &str,
        more: Value,
        by_hand: impl FnOnce() -> Outcome<Box<dyn ByHand>>,
    ) -> Outcome<()> {
        let mut config = self.config(store, more);
        let client = open(&config)?;
        for subject in ["measured", SUBJECT, "renewed"] {
            wait(self.consent(&client, subject))?;
        }
        self.beside(name, &client, by_hand()?.as_mut())?;

        config["detached"] = "require".into();
        let with_helper = (store != "memory:").then(|| open(&config)).transpose()?;
        self.renewals(name, &client, with_helper.as_ref())?;
        for client in [Some(client), with_helper].into_iter().flatten() {
            wait(client.close());
        }
        Ok(())
    }

    fn beside(&self, name: &str, client: &Client, by_hand: &mut dyn ByHand) -> Outcome<()> {
        let mut grant = wait(StoredGrant::of(client, "measured"))?;
        let load =
            interleaved(self.seconds, [&mut || Ok(wait(grant.load())?), &mut || by_hand.read()])?;
        print_pair(name, "load", &load)?;
        let commit = interleaved(
            self.seconds,
            [&mut || Ok(wait(grant.commit())?), &mut || by_hand.replace()],
        )?;
        print_pair(name, "commit", &commit)?;
        let lease_and_commit = interleaved(
            self.seconds,
            [&mut || Ok(wait(grant.lease_and_commit())?), &mut || {
                by_hand.replace().and_then(|()| by_hand.replace())
            }],
        )?;
        print_pair(name, "lease and commit", &lease_and_commit)
    }

    fn renewals(
        &mut self,
        name: &str,
        client: &Client,
        with_helper: Option<&Client>,
    ) -> Outcome<()> {
        let generation = Cell::new(0);
        let renew = |client: &Client| {
            let options = RefreshOptions { force: true, ..RefreshOptions::default() };
            let renewed = wait(client.grant("renewed").refresh(options))?;
            if generation.replace(renewed.generation) == renewed.generation {
                return Err("nothing was renewed".into());
            }
            Ok(())
        };
        let milliseconds = |times: &[f64]| format!("{:.2}", median(times) * 1_000.0);
        let (alone, helped, added) = if let Some(with_helper) = with_helper {
            let [alone, helped] =
                interleaved(self.seconds, [&mut || renew(client), &mut || renew(with_helper)])?;
            let added: Vec<_> = helped.iter().zip(&alone).map(|(h, a)| h - a).collect();
            (alone, milliseconds(&helped), milliseconds(&added))
        } else {
            let [alone] = interleaved(self.seconds, [&mut || renew(client)])?;
            (alone, String::new(), String::new())
        };
        let alone = milliseconds(&alone);
        self.renewals.push(format!("| {name} | {alone} | {helped} | {added} |"));
        self.sandbox.clear_journal();
        Ok(())
    }

    fn config(&self, store: &str, more: Value) -> Value {
        let base = self.sandbox.base_url();
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
        if let (Value::Object(config), Value::Object(more)) = (&mut config, more) {
            config.extend(more);
        }
        config
    }

    async fn consent(&self, client: &Client, subject: &str) -> evergrant::Result<()> {
        let start = client.begin(subject, BeginOptions::default()).await?;
        let consent = self.sandbox.consent(&start.url, subject, Choice::Allow);
        let callback = consent.expect("the sandbox consents");
        client.finish(&callback, FinishOptions::default()).await.map(drop)
    }
}

fn open(config: &Value) -> evergrant::Result<Client> {
    Client::open(Config::from_json(&config.to_string())?)
}

/// Does each of the works in each round, for `seconds` in all of them, and gives the seconds that one piece of it took in each.
/// The very first is not counted.
fn interleaved<const N: usize>(
    seconds: f64,
    mut works: [&mut dyn FnMut() -> Outcome<()>; N],
) -> Outcome<[Vec<f64>; N]> {
    let share = seconds / f64::from(ROUNDS);
    let mut times = [const { Vec::new() }; N];
    for work in &mut works {
        work()?;
    }
    for _ in 0..ROUNDS {
        for (work, times) in works.iter_mut().zip(&mut times) {
            times.push(timed(share, work)?);
        }
    }
    Ok(times)
}

/// How long one piece of work takes, done over and over for `seconds`.
fn timed(seconds: f64, work: &mut dyn FnMut() -> Outcome<()>) -> Outcome<f64> {
    let begun = Instant::now();
    let mut pieces = 0.0;
    loop {
        work()?;
        pieces += 1.0;
        let passed = begun.elapsed().as_secs_f64();
        if passed >= seconds {
            return Ok(passed / pieces);
        }
    }
}

fn print_pair(store: &str, work: &str, [ours, by_hand]: &[Vec<f64>; 2]) -> Outcome<()> {
    let ratios: Vec<_> = ours.iter().zip(by_hand).map(|(ours, by_hand)| ours / by_hand).collect();
    let (ours, by_hand, ratio) = (1.0 / median(ours), 1.0 / median(by_hand), median(&ratios));
    writeln!(stdout(), "| {store} | {work} | {ours:.0} | {by_hand:.0} | {ratio:.2} |")?;
    Ok(())
}

fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
