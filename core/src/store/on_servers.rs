//! Stores on servers, as far as they differ from others: connections die, tables may be somebody else's, and what a server
//! says may quote what must not be shown.

use super::check::{CheckOptions, StoreCheck, Verdict};
use super::record_for_tests::{key, record, tokens};
use super::*;
use crate::client::Client;
use crate::config::{Config, SecretSource, StoreOptions};
use crate::moving::{OldSession, OldTable};
use crate::process::{random_bytes, wait};
use crate::secret::Secret;
use serde_json::json;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Tables of a test's own in a database, dropped at its end.
pub(super) struct OwnTables {
    pub(super) name: &'static str,
    pub(super) address: Address,
    pub(super) options: StoreOptions,
}

impl OwnTables {
    /// In every database that the environment names.
    pub(super) fn of_the_environment() -> Vec<Self> {
        [("postgres", "EVERGRANT_TEST_POSTGRES"), ("mysql", "EVERGRANT_TEST_MYSQL")]
            .into_iter()
            .filter_map(|(name, variable)| Some((name, std::env::var(variable).ok()?)))
            .map(|(name, address)| OwnTables::new(name, &address))
            .collect()
    }

    pub(super) fn new(name: &'static str, address: &str) -> Self {
        let number = u64::from_be_bytes(random_bytes());
        let table = |kind: &str| Some(format!("test_{number:016x}_{kind}"));
        let options = StoreOptions {
            grants_table: table("grants"),
            pending_table: table("pending"),
            schema_table: table("schema"),
            ..SecretSource::Text(address.into()).into()
        };
        OwnTables { name, address: Address::of(&options).unwrap(), options }
    }

    /// The same tables, differently used.
    fn with(&self, change: impl FnOnce(&mut StoreOptions)) -> Address {
        let mut options = self.options.clone();
        change(&mut options);
        Address::of(&options).unwrap()
    }

    fn execute(&self, sql: &str) {
        wait(self.address.execute_for_tests(sql)).unwrap();
    }
}

impl Drop for OwnTables {
    fn drop(&mut self) {
        let StoreOptions { grants_table, pending_table, schema_table, .. } = &self.options;
        let tables = [grants_table, pending_table, schema_table].map(|name| name.clone().unwrap());
        self.execute(&format!("DROP TABLE IF EXISTS {}", tables.join(", ")));
    }
}

pub(super) fn open(address: &Address) -> Arc<dyn Store> {
    address.open(Arc::default()).unwrap()
}

fn reason<T: std::fmt::Debug>(result: Result<T>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.code(), crate::Code::Store, "{error}");
    error.reason().unwrap_or_default().to_owned()
}

fn each_server(promise: impl Fn(&OwnTables)) {
    let servers = OwnTables::of_the_environment();
    assert_eq!(servers.len(), 2, "the environment does not name both servers");
    servers.iter().for_each(promise);
}

#[test]
#[ignore = "needs servers: set EVERGRANT_TEST_POSTGRES and EVERGRANT_TEST_MYSQL to the addresses of databases"]
fn a_server_keeps_every_promise_of_the_store_contract() {
    let options = CheckOptions { grants: Some(PAGE + 1), quick: true };
    each_server(|server| {
        let ring = KeyRing::from_texts(&[new_encryption_key()], None).unwrap();
        for codec in [Codec::default(), Codec::new(Some(Arc::new(ring)))] {
            let store = server.address.open(Arc::new(codec)).unwrap();
            let report = wait(StoreCheck::of_store(store, &options).run()).unwrap();
            assert!(report.ok, "{}: {report}", server.name);
        }
        let config = serde_json::json!({
            "provider": "google", "client_id": "c", "store": server.options,
        });
        let client = Client::open(Config::from_json(&config.to_string()).unwrap()).unwrap();
        let report = wait(StoreCheck::of_client(&client, &options).unwrap().run()).unwrap();
        assert!(report.ok, "{}: {report}", server.name);
        assert!(
            report.findings.iter().all(|finding| finding.verdict == Verdict::Passed),
            "{report}"
        );
    });
}

#[test]
#[ignore = "needs servers: set EVERGRANT_TEST_POSTGRES and EVERGRANT_TEST_MYSQL to the addresses of databases"]
fn of_many_that_come_first_at_once_one_makes_the_tables() {
    each_server(|server| {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(wait(open(&server.address).load(&key())).unwrap(), None));
            }
        });
        let store = open(&server.address);
        assert!(wait(store.compare_and_set(&key(), None, &record())).unwrap(), "{}", server.name);
    });
}

#[test]
#[ignore = "needs servers: set EVERGRANT_TEST_POSTGRES and EVERGRANT_TEST_MYSQL to the addresses of databases"]
fn no_table_is_made_where_that_is_not_allowed() {
    each_server(|server| {
        let careful = server.with(|options| options.create = Some(false));
        assert_eq!(reason(wait(open(&careful).load(&key()))), "no_tables", "{}", server.name);
        assert_eq!(wait(careful.make_tables(false)).unwrap().version, 1);
        assert_eq!(wait(open(&careful).load(&key())).unwrap(), None);
    });
}

#[test]
#[ignore = "needs servers: set EVERGRANT_TEST_POSTGRES and EVERGRANT_TEST_MYSQL to the addresses of databases"]
fn tables_made_by_the_printed_sql_are_as_good() {
    each_server(|server| {
        for statement in server.address.script().unwrap().split_terminator(";\n") {
            server.execute(statement);
        }
        let store = open(&server.with(|options| options.create = Some(false)));
        assert!(wait(store.compare_and_set(&key(), None, &record())).unwrap());
        assert_eq!(wait(store.load(&key())).unwrap(), Some(record()), "{}", server.name);
    });
}

#[test]
#[ignore = "needs servers: set EVERGRANT_TEST_POSTGRES and EVERGRANT_TEST_MYSQL to the addresses of databases"]
fn a_table_of_somebody_else_is_refused_and_left_as_it_was() {
    each_server(|server| {
        let table = server.options.grants_table.clone().unwrap();
        server.execute(&format!("CREATE TABLE {table} (id integer)"));
        server.execute(&format!("INSERT INTO {table} VALUES (7)"));
        assert_eq!(reason(wait(open(&server.address).load(&key()))), "foreign", "{}", server.name);
        server.execute(&format!("UPDATE {table} SET id = 8 WHERE id = 7"));
    });
}

#[test]
#[ignore = "needs servers: set EVERGRANT_TEST_POSTGRES and EVERGRANT_TEST_MYSQL to the addresses of databases"]
fn a_schema_that_needs_a_newer_reader_is_refused_and_a_newer_one_that_does_not_is_used() {
    each_server(|server| {
        assert_eq!(wait(open(&server.address).load(&key())).unwrap(), None);
        let schema = server.options.schema_table.clone().unwrap();
        server.execute(&format!("UPDATE {schema} SET version = 99"));
        assert_eq!(wait(open(&server.address).load(&key())).unwrap(), None);
        assert_eq!(wait(server.address.make_tables(true)).unwrap().version, 99);
        server.execute(&format!("UPDATE {schema} SET min_reader = 99"));
        let refused = reason(wait(open(&server.address).load(&key())));
        assert_eq!(refused, "newer_schema", "{}", server.name);
    });
}

#[test]
#[ignore = "needs servers: set EVERGRANT_TEST_POSTGRES and EVERGRANT_TEST_MYSQL to the addresses of databases"]
fn a_connection_that_died_is_replaced() {
    each_server(|server| {
        let cable = Cable::to(server);
        let store = open(&cable.address);
        assert!(wait(store.compare_and_set(&key(), None, &record())).unwrap());
        cable.cut();
        assert_eq!(wait(store.load(&key())).unwrap(), Some(record()), "{}", server.name);
    });
}

#[test]
#[ignore = "needs servers: set EVERGRANT_TEST_POSTGRES and EVERGRANT_TEST_MYSQL to the addresses of databases"]
fn a_store_that_is_away_is_down_and_not_empty_and_works_when_it_is_back() {
    each_server(|server| {
        let cable = Cable::to(server);
        let store = open(&cable.address);
        assert!(wait(store.compare_and_set(&key(), None, &record())).unwrap());
        cable.unplug();
        assert_eq!(reason(wait(store.load(&key()))), "unreachable", "{}", server.name);
        let mut next = record();
        next.revision = 2;
        let written = wait(store.compare_and_set(&key(), Some(1), &next));
        assert_eq!(reason(written), "unreachable", "{}", server.name);
        cable.plug();
        assert_eq!(wait(store.load(&key())).unwrap(), Some(record()), "{}", server.name);
        assert!(wait(store.compare_and_set(&key(), Some(1), &next)).unwrap());
    });
}

#[test]
#[ignore = "needs servers: set EVERGRANT_TEST_POSTGRES and EVERGRANT_TEST_MYSQL to the addresses of databases"]
fn a_write_finds_out_that_its_connection_died_before_it_is_sent() {
    each_server(|server| {
        let cable = Cable::to(server);
        let store = open(&cable.address);
        assert!(wait(store.compare_and_set(&key(), None, &record())).unwrap());
        cable.cut();
        std::thread::sleep(Duration::from_millis(1_100)); // the connection counts as fresh for a second
        wait(store.put_pending("state", "document", 0, 1_000)).unwrap();
        let taken = wait(store.take_pending("state", 10)).unwrap();
        assert!(matches!(taken, Pending::Taken(text) if text == "document"), "{}", server.name);
    });
}

const OLD_SESSIONS: [&str; 2] = [
    "CREATE TABLE {} (id INTEGER PRIMARY KEY, session CHAR(32), state CHAR(32), access_token TEXT, access_token_secret TEXT, \
     expiry {TIME}, authorized CHAR(1), type CHAR(12), server CHAR(12), creation {TIME}, access_token_response TEXT, \
     refresh_token TEXT, {USER} INTEGER)",
    "CREATE TABLE {} (id INTEGER PRIMARY KEY, session CHAR(32), state CHAR(32), access_token TEXT, access_token_secret TEXT, \
     expiry {TIME}, authorized CHAR(1), type CHAR(12), server CHAR(12), creation {TIME})",
];

#[test]
#[ignore = "needs servers: set EVERGRANT_TEST_POSTGRES and EVERGRANT_TEST_MYSQL to the addresses of databases"]
fn the_php_classs_table_is_read_in_both_schemas_and_by_a_session_that_cannot_write() {
    each_server(|server| {
        let table = server.options.grants_table.clone().unwrap();
        let address = server.options.address.resolve("store").unwrap();
        let (time, user) = match server.name {
            "postgres" => ("TIMESTAMP", "\"user\""),
            _ => ("DATETIME", "user"),
        };
        let execute = |sql: &str| {
            let sql = sql.replace("{}", &table).replace("{TIME}", time).replace("{USER}", user);
            server.execute(&sql);
        };
        let read = |table: &str| wait(OldTable::parse(address.expose(), table).unwrap().sessions());
        let named = |sessions: &[OldSession]| -> Vec<(String, String, String)> {
            let told = |document: &Secret| document.expose().to_owned();
            let text =
                |one: &OldSession| one.document.as_ref().map_or_else(|why| (*why).into(), told);
            sessions
                .iter()
                .map(|one| (one.subject.clone(), one.server.clone(), text(one)))
                .collect()
        };
        let expect = |subject: &str, server: &str, document: &str| {
            (subject.to_owned(), server.to_owned(), document.to_owned())
        };

        execute(OLD_SESSIONS[0]);
        execute(
            "INSERT INTO {} VALUES (1, 's1', 'x', 'at', '', '2023-11-14 22:13:20', 'Y', 'Bearer', 'Google', NULL, \
             '{\"scope\":\"a\"}', 'rt ü', 7)",
        );
        execute(
            "INSERT INTO {} VALUES (2, 's2', 'x', 'tok', 'sec', NULL, 'N', '', 'Twitter', NULL, NULL, '', 0)",
        );
        let rows = read(&table).unwrap();
        let document = json!({"scope": "a", "access_token": "at", "token_type": "Bearer", "refresh_token": "rt ü",
                              "expires_at": 1_700_000_000.0});
        let expected = [
            expect("7", "Google", &document.to_string()),
            expect("session:2", "Twitter", "the user did not authorize it"),
        ];
        assert_eq!(named(&rows), expected, "{}", server.name);

        // A view that writes when it is read.
        let pending = server.options.pending_table.clone().unwrap();
        let (makes, view, drops) = match server.name {
            "postgres" => (
                format!("CREATE SEQUENCE {pending}_s"),
                format!("SELECT *, nextval('{pending}_s') AS n FROM {table}"),
                format!("DROP SEQUENCE {pending}_s"),
            ),
            _ => (
                format!(
                    "CREATE FUNCTION {pending}_f() RETURNS INTEGER MODIFIES SQL DATA \
                     BEGIN INSERT INTO {pending} VALUES (1); RETURN 1; END"
                ),
                format!("SELECT *, {pending}_f() AS n FROM {table}"),
                format!("DROP FUNCTION {pending}_f"),
            ),
        };
        server.execute(&format!("CREATE TABLE {pending} (n INTEGER)"));
        server.execute(&makes);
        server.execute(&format!("CREATE VIEW {pending}_v AS {view}"));
        let refused = read(&format!("{pending}_v"));
        server.execute(&format!("DROP VIEW {pending}_v"));
        server.execute(&drops);
        // MariaDB does not even say what columns such a view has to who may not write.
        assert!(refused.is_err(), "{}", server.name);

        execute("DROP TABLE {}");
        execute(OLD_SESSIONS[1]);
        execute(
            "INSERT INTO {} VALUES (5, 's', 'x', 'at', '', NULL, 'Y', 'Bearer', 'Google', NULL)",
        );
        let document = json!({"access_token": "at", "token_type": "Bearer"}).to_string();
        assert_eq!(named(&read(&table).unwrap()), [expect("session:5", "Google", &document)]);

        execute("DROP TABLE {}");
        let error = read(&table).unwrap_err();
        assert!(error.message().contains("has no table"), "{error}");
        execute("CREATE TABLE {} (id INTEGER, server TEXT)");
        let error = read(&table).unwrap_err();
        assert!(error.message().contains("has no column session"), "{error}");
    });
}

/// A way to a server that can be cut.
struct Cable {
    address: Address,
    state: Arc<Mutex<CableState>>,
}

#[derive(Default)]
struct CableState {
    unplugged: bool,
    ends: Vec<TcpStream>,
}

impl Cable {
    fn to(server: &OwnTables) -> Self {
        let direct = server.options.address.resolve("store").unwrap();
        let server_place =
            direct.expose().split_once('@').unwrap().1.split('/').next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = listener.local_addr().unwrap().to_string();
        let address = server.with(|options| {
            let through = direct.expose().replace(&server_place, &place);
            options.address = SecretSource::Text(through.into());
        });
        let state = Arc::<Mutex<CableState>>::default();
        let kept = Arc::clone(&state);
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(std::result::Result::ok) {
                let mut state = kept.lock().unwrap();
                if state.unplugged {
                    continue; // and the connection ends
                }
                let far = TcpStream::connect(&server_place).unwrap();
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
                state.ends.extend([near, far]);
            }
        });
        Cable { address, state }
    }

    fn cut(&self) {
        for end in self.state.lock().unwrap().ends.drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    fn unplug(&self) {
        self.state.lock().unwrap().unplugged = true;
        self.cut();
    }

    fn plug(&self) {
        self.state.lock().unwrap().unplugged = false;
    }
}

#[test]
#[ignore = "needs servers: set EVERGRANT_TEST_POSTGRES and EVERGRANT_TEST_MYSQL to the addresses of databases"]
fn names_of_any_text_and_length_are_kept_apart() {
    each_server(|server| {
        let store = open(&server.address);
        let long = "x".repeat(20_000);
        let names =
            ["a", "A", "a ", "ä", "a\u{308}", "a\0", "a\u{FFFF}0", "日本 🦀", "'\"\\;--", &long];
        let keys: Vec<_> = names
            .iter()
            .map(|name| GrantKey {
                client: format!("test:{name}"),
                subject: (*name).to_owned(),
                slot: (*name).to_owned(),
            })
            .collect();
        for key in &keys {
            let record = Record::new(key, "g1".into(), tokens("a1", None), 1);
            assert!(wait(store.compare_and_set(key, None, &record)).unwrap(), "{key:?}");
            assert_eq!(wait(store.load(key)).unwrap(), Some(record));
        }
        for key in &keys {
            let listed = wait(list(&*store, &key.client)).unwrap();
            assert_eq!(listed.len(), 1, "{}: {key:?}", server.name);
            assert_eq!(listed[0].key(), *key);
        }
        let query = Query { client: None, wanted: Wanted::Grants, after: None, limit: 3 };
        let mut seen = Vec::new();
        let mut page = wait(store.page(&query)).unwrap();
        while let Some(last) = page.last() {
            let after = Some(last.key.clone());
            seen.extend(page.into_iter().map(|listed| listed.key));
            page = wait(store.page(&Query { after, ..query.clone() })).unwrap();
        }
        let mut expected = keys.clone();
        expected.sort();
        seen.sort();
        assert_eq!(seen, expected, "{}", server.name);
    });
}

#[test]
#[ignore = "needs servers: set EVERGRANT_TEST_POSTGRES and EVERGRANT_TEST_MYSQL to the addresses of databases"]
fn columns_may_have_other_names() {
    each_server(|server| {
        let own = server.with(|options| {
            options.columns = [
                ("subject", "user_name"),
                ("record", "sealed"),
                ("key_hash", "id"),
                ("status", "state"),
            ]
            .map(|(usual, own)| (usual.to_owned(), own.to_owned()))
            .into();
        });
        let store = open(&own);
        assert!(wait(store.compare_and_set(&key(), None, &record())).unwrap());
        assert_eq!(wait(list(&*store, &key().client)).unwrap(), vec![record()]);
        let table = server.options.grants_table.clone().unwrap();
        server.execute(&format!("SELECT user_name, sealed, id, state FROM {table}"));
    });
}

#[test]
#[ignore = "needs servers: set EVERGRANT_TEST_POSTGRES and EVERGRANT_TEST_MYSQL to the addresses of databases"]
fn a_wrong_password_is_an_error_that_does_not_quote_it() {
    each_server(|server| {
        let right = server.options.address.resolve("store").unwrap();
        let (scheme, rest) = right.expose().split_once("://").unwrap();
        let (account, place) = rest.split_once('@').unwrap();
        let user = account.split(':').next().unwrap();
        let wrong = server.with(|options| {
            options.address =
                SecretSource::Text(format!("{scheme}://{user}:s3cret@{place}").into());
        });
        let error = wait(open(&wrong).load(&key())).unwrap_err();
        assert_eq!(error.reason(), Some("access_denied"), "{error}");
        assert!(!error.message().contains("s3cret"), "{error}");
    });
}

#[test]
fn a_server_that_is_not_there_is_an_error_of_the_store() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for scheme in ["postgres", "mysql"] {
        let text = format!("{scheme}://user:s3cret@{free}/database");
        let address = Address::of(&SecretSource::Text(text.into()).into()).unwrap();
        let error = wait(open(&address).load(&key())).unwrap_err();
        assert_eq!(error.code(), crate::Code::Store);
        assert_eq!(error.reason(), Some("unreachable"), "{error}");
        assert!(error.message().contains(&free.to_string()), "{error}");
        assert!(!error.message().contains("s3cret"), "{error}");
    }
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = silent.local_addr().unwrap();
    std::thread::scope(|scope| {
        for scheme in ["postgres", "mysql"] {
            scope.spawn(move || {
                let text = format!("{scheme}://user:password@{place}/database");
                let address = Address::of(&SecretSource::Text(text.into()).into()).unwrap();
                assert_eq!(reason(wait(open(&address).load(&key()))), "unreachable");
            });
        }
    });
}

#[test]
#[ignore = "needs servers: set EVERGRANT_TEST_POSTGRES and EVERGRANT_TEST_MYSQL to the addresses of databases"]
fn postgres_tells_those_who_wait_that_a_record_was_written() {
    each_server(|server| {
        let store = open(&server.address);
        assert!(wait(store.compare_and_set(&key(), None, &record())).unwrap());
        let key = key();
        if store.changed(&key).is_none() {
            assert_eq!(server.name, "mysql");
            return;
        }
        let writing = open(&server.address);
        let told = wait(async {
            for revision in 1..=100 {
                let changed = store.changed(&key).unwrap();
                let mut next = record();
                next.revision = revision + 1;
                assert!(writing.compare_and_set(&key, Some(revision), &next).await.unwrap());
                // The listener may not be there yet.
                if tokio::time::timeout(Duration::from_millis(100), changed).await.is_ok() {
                    return true;
                }
            }
            false
        });
        assert!(told);
    });
}
