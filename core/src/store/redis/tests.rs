//! Against servers of their own: they are stopped, and set up badly. They are started where the tests are told of a Redis
//! (`EVERGRANT_TEST_REDIS`), which means that its program is there.

use super::*;
use crate::error::Code;
use crate::process::wait;
use crate::store::contract::Contract;
use crate::store::record_for_tests::{commit, key, record, tokens};
use crate::store::{Committed, Record, Store};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A server that ends with its test.
struct TestServer {
    port: u16,
    folder: TempDir,
    process: Option<Child>,
}

impl TestServer {
    /// None where no servers are wanted.
    fn start() -> Option<Self> {
        std::env::var_os("EVERGRANT_TEST_REDIS")?;
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let mut server = TestServer { port, folder, process: None };
        server.run();
        Some(server)
    }

    fn run(&mut self) {
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", ""]);
        command.args(["--appendonly", "yes", "--maxmemory-policy", "noeviction", "--dir"]);
        self.process = Some(command.arg(self.folder.path()).stdout(Stdio::null()).spawn().unwrap());
        let until = Instant::now() + Duration::from_secs(20);
        while self.said(&["PING"]) != "+PONG\r\n" {
            assert!(Instant::now() < until, "the server does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// The server's answer to one command, as it came; empty where there is none.
    fn said(&self, command: &[&str]) -> String {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else {
            return String::new();
        };
        let words = command.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
        let command = format!("*{}\r\n{}", command.len(), words.collect::<String>());
        let _ = stream.write_all(command.as_bytes());
        let mut answer = [0; 4096];
        let length = stream.read(&mut answer).unwrap_or(0);
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }

    fn set(&self, name: &str, value: &str) {
        assert_eq!(self.said(&["CONFIG", "SET", name, value]), "+OK\r\n", "{name}");
    }

    fn rows(&self) -> RedisRows {
        rows(&format!("redis://127.0.0.1:{}/1", self.port))
    }

    fn store(&self) -> Contract<RedisRows> {
        Contract::new(self.rows(), Arc::default())
    }

    fn store_with_a_record(&self) -> Contract<RedisRows> {
        let store = self.store();
        assert!(wait(store.compare_and_set(&key(), None, &record())).unwrap());
        store
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if self.process.is_some() {
            self.kill();
        }
    }
}

fn rows(address: &str) -> RedisRows {
    RedisRows::new(&RedisAddress::parse(address).unwrap())
}

fn next() -> Record {
    Record { revision: 2, ..record() }
}

fn reason<T: std::fmt::Debug>(result: Result<T>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.code(), Code::Store, "{error}");
    error.reason().unwrap_or("none").to_owned()
}

fn weaknesses(rows: &RedisRows) -> Vec<String> {
    wait(rows.weaknesses().unwrap()).unwrap()
}

#[test]
fn a_server_that_is_down_is_unreachable_and_one_that_came_back_is_used_again() {
    let Some(mut server) = TestServer::start() else { return };
    let store = server.store_with_a_record();
    server.kill();
    assert_eq!(reason(wait(store.load(&key()))), "unreachable");
    assert_eq!(reason(wait(store.compare_and_set(&key(), Some(1), &next()))), "unreachable");
    server.run();
    assert!(wait(store.compare_and_set(&key(), Some(1), &next())).unwrap());
    assert_eq!(wait(store.load(&key())).unwrap(), Some(next()));
    // Nobody used the connection when it was lost: the next write does not meet it.
    server.kill();
    server.run();
    let committed = wait(store.commit(&key(), &commit(1, 0, tokens("a2", Some("r2"))))).unwrap();
    assert!(matches!(committed, Committed::Written(record) if record.generation == 2));
}

#[test]
fn many_who_wait_for_a_silent_server_wait_no_longer_than_one() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let store = Contract::new(rows(&format!("redis://127.0.0.1:{port}")), Arc::default());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(reason(wait(store.load(&key()))), "unreachable"));
        }
    });
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
}

/// Passes bytes on to a server; what the server says is dropped, with the connection, while `is_cut`.
fn cutting_proxy(server_port: u16, is_cut: Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((client, _)) = listener.accept() {
            let server = TcpStream::connect(("127.0.0.1", server_port)).unwrap();
            let (mut from_client, mut to_server) =
                (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut from_client, &mut to_server));
            let (is_cut, mut client, mut server) = (Arc::clone(&is_cut), client, server);
            std::thread::spawn(move || {
                let mut bytes = [0; 8192];
                while let Ok(length @ 1..) = server.read(&mut bytes) {
                    if is_cut.swap(false, Ordering::SeqCst) {
                        break;
                    }
                    client.write_all(&bytes[..length]).unwrap();
                }
                let _ = client.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    port
}

#[test]
fn a_write_whose_answer_is_lost_is_not_sent_again_and_a_read_is() {
    let Some(server) = TestServer::start() else { return };
    let is_cut = Arc::<AtomicBool>::default();
    let port = cutting_proxy(server.port, Arc::clone(&is_cut));
    let rows = rows(&format!("redis://127.0.0.1:{port}/1"));
    let store = Contract::new(rows, Arc::default());
    assert!(wait(store.compare_and_set(&key(), None, &record())).unwrap());
    is_cut.store(true, Ordering::SeqCst);
    assert_eq!(wait(store.load(&key())).unwrap(), Some(record()));
    assert!(!is_cut.load(Ordering::SeqCst));

    let row = wait(store.rows().read(&key())).unwrap().row.unwrap();
    let later = row.clone().with_record(&next(), row.record.clone());
    let scripts = || {
        let told = server.said(&["INFO", "commandstats"]);
        let line = told.lines().find(|line| line.starts_with("cmdstat_hset:")).unwrap().to_owned();
        line.split("calls=").nth(1).unwrap().split(',').next().unwrap().parse::<u32>().unwrap()
    };
    let before = scripts();
    is_cut.store(true, Ordering::SeqCst);
    assert_eq!(reason(wait(store.rows().replace(&key(), Some(&row), &later))), "unreachable");
    assert_eq!(scripts(), before + 1);
    assert_eq!(wait(store.rows().read(&key())).unwrap().row.unwrap(), later);
}

#[test]
fn a_server_that_may_not_or_cannot_be_written_to_says_so_and_changes_nothing() {
    let Some(server) = TestServer::start() else { return };
    let store = server.store_with_a_record();
    let refused = || reason(wait(store.compare_and_set(&key(), Some(1), &next())));
    server.set("maxmemory", "1");
    assert_eq!(refused(), "full");
    server.set("maxmemory", "0");
    server.said(&["SELECT", "1"]);
    assert_eq!(server.said(&["REPLICAOF", "127.0.0.1", "1"]), "+OK\r\n");
    assert_eq!(refused(), "read_only");
    assert_eq!(server.said(&["REPLICAOF", "NO", "ONE"]), "+OK\r\n");
    server.set("min-replicas-to-write", "3");
    assert_eq!(refused(), "not_durable");
    server.set("min-replicas-to-write", "0");
    assert_eq!(wait(store.load(&key())).unwrap(), Some(record()));
    assert!(wait(store.compare_and_set(&key(), Some(1), &next())).unwrap());
}

#[test]
fn a_wrong_password_is_refused_and_never_shown() {
    let Some(server) = TestServer::start() else { return };
    server.set("requirepass", "r1ght");
    let with = |credentials: &str| {
        let address = format!("redis://{credentials}127.0.0.1:{}", server.port);
        wait(rows(&address).read(&key()))
    };
    for credentials in ["", ":wr0ng@", "user:wr0ng@"] {
        let error = with(credentials).unwrap_err();
        assert_eq!(error.reason(), Some("access_denied"), "{error}");
        assert!(!format!("{error} {error:?}").contains("wr0ng"), "{error}");
    }
    assert!(with(":r1ght@").unwrap().row.is_none());
}

#[test]
fn what_the_server_does_not_promise_is_told() {
    let Some(server) = TestServer::start() else { return };
    let rows = server.rows();
    server.set("appendfsync", "always");
    assert_eq!(weaknesses(&rows), Vec::<String>::new());
    assert!(rows.is_durable_at_once());
    server.set("appendonly", "no");
    server.set("maxmemory-policy", "allkeys-lru");
    let told = weaknesses(&rows);
    assert!(told[0].contains("appendonly no") && told[1].contains("allkeys-lru"), "{told:?}");
    server.set("appendonly", "yes");
    server.set("maxmemory-policy", "noeviction");
    server.set("appendfsync", "everysec");
    assert!(!{
        let another = server.rows();
        assert!(weaknesses(&another)[0].contains("everysec"));
        another.is_durable_at_once()
    });
}

#[test]
fn a_user_who_may_not_ask_is_told_that_it_is_not_known_and_works_all_the_same() {
    let Some(server) = TestServer::start() else { return };
    let allowed = [
        "ACL",
        "SETUSER",
        "app",
        "on",
        ">word",
        "~evergrant:*",
        "resetchannels",
        "+@all",
        "-@admin",
        "-info",
        "-config",
    ];
    assert_eq!(server.said(&allowed), "+OK\r\n");
    let rows = rows(&format!("redis://app:word@127.0.0.1:{}/1", server.port));
    let told = weaknesses(&rows);
    assert!(
        told.iter().all(|weakness| weakness.contains("not tell")) && told.len() == 2,
        "{told:?}"
    );
    assert!(!rows.is_durable_at_once());
    let store = Contract::new(rows, Arc::default());
    assert!(wait(store.compare_and_set(&key(), None, &record())).unwrap());
    assert!(wait(store.compare_and_set(&key(), Some(1), &next())).unwrap());
}

#[test]
fn what_needs_a_newer_reader_or_is_of_another_make_is_refused_and_left_as_it_was() {
    let Some(server) = TestServer::start() else { return };
    let stands = |schema: &[&str]| {
        server.said(&["FLUSHALL"]);
        server.said(schema);
        let schema = RedisRows::new(
            &RedisAddress::parse(&format!("redis://127.0.0.1:{}/0", server.port)).unwrap(),
        );
        let refused = reason(wait(schema.read(&key())));
        assert_eq!(server.said(&["DBSIZE"]), ":1\r\n");
        refused
    };
    let newer = ["HSET", "evergrant:schema", "version", "9", "min_reader", "9"];
    assert_eq!(stands(&newer), "newer_schema");
    assert_eq!(stands(&["SET", "evergrant:schema", "x"]), "foreign");
    assert_eq!(stands(&["HSET", "evergrant:schema", "of", "another"]), "foreign");
}

#[test]
fn fields_of_a_newer_version_survive_a_rewrite_and_damage_is_told() {
    let Some(server) = TestServer::start() else { return };
    let store = Contract::new(rows(&format!("redis://127.0.0.1:{}", server.port)), Arc::default());
    assert!(wait(store.compare_and_set(&key(), None, &record())).unwrap());
    let grant = format!("evergrant:grant:{}", name::of_grant(&key()));
    server.said(&["HSET", &grant, "of_the_future", "x"]);
    assert!(wait(store.compare_and_set(&key(), Some(1), &next())).unwrap());
    assert_eq!(server.said(&["HGET", &grant, "of_the_future"]), "$1\r\nx\r\n");
    for (field, value) in [("subject", "bob"), ("generation", "many"), ("status", "odd")] {
        let stood = server.said(&["HGET", &grant, field]);
        server.said(&["HSET", &grant, field, value]);
        assert_eq!(reason(wait(store.load(&key()))), "corrupt", "{field}");
        server.said(&["HSET", &grant, field, stood.split("\r\n").nth(1).unwrap()]);
    }
    server.said(&["HDEL", &grant, "record"]);
    assert_eq!(reason(wait(store.load(&key()))), "corrupt");
}

#[test]
fn who_waits_for_a_grant_is_told_when_it_was_written() {
    let Some(server) = TestServer::start() else { return };
    let (store, other) = (server.store_with_a_record(), server.store());
    let is_told = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            wait(store.changed(&key()).unwrap());
            is_told.store(true, Ordering::SeqCst);
        });
        let until = Instant::now() + Duration::from_secs(20);
        let mut revision = 1;
        // The subscription may begin after a write.
        while !is_told.load(Ordering::SeqCst) {
            assert!(Instant::now() < until, "nobody is told");
            let next = Record { revision: revision + 1, ..record() };
            assert!(wait(other.compare_and_set(&key(), Some(revision), &next)).unwrap());
            revision += 1;
            std::thread::sleep(Duration::from_millis(50));
        }
    });
}

#[test]
fn of_eight_stores_each_write_counts_once() {
    let Some(server) = TestServer::start() else { return };
    server.store_with_a_record();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let store = server.store();
                let mut written = 0;
                while written < 50 {
                    let stands = wait(store.load(&key())).unwrap().unwrap();
                    let next = Record { revision: stands.revision + 1, ..stands.clone() };
                    let wrote = wait(store.compare_and_set(&key(), Some(stands.revision), &next));
                    written += u32::from(wrote.unwrap());
                }
            });
        }
    });
    assert_eq!(wait(server.store().load(&key())).unwrap().unwrap().revision, 1 + 8 * 50);
}

#[test]
fn a_transaction_ends_by_the_servers_clock() {
    let Some(server) = TestServer::start() else { return };
    let rows = server.rows();
    // The caller's clock is far behind: the server counts the time that is left.
    wait(rows.put_pending("state", "document", 0, 100)).unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while !matches!(wait(rows.take_pending("state", 0)).unwrap(), Pending::Absent) {
        assert!(Instant::now() < until, "it does not end");
        std::thread::sleep(Duration::from_millis(50));
    }
}
