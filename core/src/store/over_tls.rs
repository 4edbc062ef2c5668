//! Connections to servers over TLS: nobody reads them on the way, and a server that does not prove who it is gets nothing.
//!
//! The servers are those of `scripts/services`; each has an authority of its own.

use super::on_servers::{OwnTables, open};
use super::record_for_tests::{key, record, tokens};
use super::sql::Value;
use super::*;
use crate::config::{SecretSource, StoreOptions};
use crate::error::{Code, Error};
use crate::process::{random_id, wait};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use url::Url;

/// What the addresses of a kind of server say about TLS.
struct Words {
    verified: &'static [(&'static str, &'static str)],
    /// Encrypted, but to anybody.
    unverified: Option<(&'static str, &'static str)>,
    authorities: &'static str,
}

const POSTGRES: Words = Words {
    verified: &[("sslmode", "verify-full")],
    unverified: Some(("sslmode", "require")),
    authorities: "sslrootcert",
};

const MYSQL: Words = Words {
    verified: &[("ssl-mode", "verify_identity")],
    unverified: Some(("ssl-mode", "required")),
    authorities: "ssl-ca",
};

const REDIS: Words = Words { verified: &[], unverified: None, authorities: "cacert" };

/// A server, and the part of its database that is a test's own.
struct Server {
    name: &'static str,
    words: Words,
    /// Its address where it speaks without TLS.
    plain: Url,
    /// Its address where it speaks TLS.
    encrypted: Url,
    /// The file of the authority that signed its certificate.
    ca: String,
    tables: Option<OwnTables>,
}

impl Server {
    fn all() -> Vec<Self> {
        let services =
            std::env::var("EVERGRANT_TEST_SERVICES").expect("the environment names servers");
        let services: serde_json::Value = serde_json::from_str(&services).unwrap();
        let server = |name: &'static str, words| {
            let told = |word: &str| services[name][word].as_str();
            let plain = told("address").unwrap();
            let is_redis = name == "redis";
            let mut server = Server {
                name,
                words,
                plain: Url::parse(plain).unwrap(),
                encrypted: Url::parse(told("tls_address").unwrap_or(plain)).unwrap(),
                ca: told("ca").unwrap().to_owned(),
                tables: (!is_redis).then(|| OwnTables::new(name, plain)),
            };
            if is_redis {
                let prefix = format!("test_{}:", random_id());
                for address in [&mut server.plain, &mut server.encrypted] {
                    address.query_pairs_mut().append_pair("prefix", &prefix);
                }
            }
            server
        };
        vec![server("postgres", POSTGRES), server("mariadb", MYSQL), server("redis", REDIS)]
    }

    /// Its address where the certificate must be good by the system's authorities.
    fn verified(&self) -> Url {
        with(&self.encrypted, self.words.verified)
    }

    /// Its address where the certificate must be good by the authorities in a file.
    fn trusting(&self, ca: &str) -> Url {
        with(&self.verified(), &[(self.words.authorities, ca)])
    }

    /// The store at an address, in the test's own part.
    fn store_at(&self, address: &Url) -> Address {
        Address::of(&self.options_at(address)).unwrap()
    }

    fn options_at(&self, address: &Url) -> StoreOptions {
        let address = SecretSource::Text(address.as_str().into());
        match &self.tables {
            Some(tables) => StoreOptions { address, ..tables.options.clone() },
            None => address.into(),
        }
    }

    fn is_redis(&self) -> bool {
        self.tables.is_none()
    }
}

fn each_server(promise: impl Fn(&Server)) {
    Server::all().iter().for_each(promise);
}

fn with(address: &Url, parameters: &[(&str, &str)]) -> Url {
    let mut address = address.clone();
    if !parameters.is_empty() {
        address.query_pairs_mut().extend_pairs(parameters);
    }
    address
}

fn load(address: &Address) -> Result<Option<Record>> {
    wait(open(address).load(&key()))
}

/// What a server says of the connection by which it is asked: how it is encrypted, or nothing.
fn cipher(address: &Address) -> String {
    let sql = match address {
        Address::Postgres(..) => {
            "SELECT COALESCE(cipher, '') FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        }
        _ => {
            "SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'SSL_CIPHER'"
        }
    };
    let rows = wait(address.execute_for_tests(sql)).unwrap();
    match rows.into_iter().flatten().next() {
        Some(Value::Text(text)) => text,
        Some(Value::Bytes(bytes)) => String::from_utf8(bytes).unwrap(),
        _ => panic!("the server does not say"),
    }
}

/// How a store is refused to who has a password for it that is none.
fn refusal(server: &Server, mut address: Url) -> Error {
    address.set_password(Some("s3cret")).unwrap();
    let error = load(&server.store_at(&address)).unwrap_err();
    assert_eq!(error.code(), Code::Store, "{error}");
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    error
}

/// The same where TLS is the reason: its words.
fn distrust(server: &Server, address: Url) -> String {
    let error = refusal(server, address);
    assert_eq!(error.reason(), Some("insecure"), "{error}");
    error.message().to_owned()
}

/// Somebody on the way to a server, who hears all, may change what the server says first, and can cut it.
struct Listener {
    address: Url,
    heard: Arc<Mutex<Vec<u8>>>,
    ends: Arc<Mutex<Vec<TcpStream>>>,
}

type Change = fn(&mut [u8]);

impl Listener {
    fn before(server: &Url, host: &str, change: Change) -> Self {
        let near = TcpListener::bind((host, 0)).unwrap();
        let mut address = server.clone();
        address.set_host(Some(host)).unwrap();
        address.set_port(Some(near.local_addr().unwrap().port())).unwrap();
        let (heard, ends) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::<Mutex<Vec<_>>>::default());
        let (kept, kept_ends) = (Arc::clone(&heard), Arc::clone(&ends));
        let far = (server.host_str().unwrap().to_owned(), server.port().unwrap());
        std::thread::spawn(move || {
            for client in near.incoming().map_while(std::result::Result::ok) {
                let server = TcpStream::connect(&far).unwrap();
                let (to_server, to_client) =
                    (server.try_clone().unwrap(), client.try_clone().unwrap());
                kept_ends.lock().unwrap().push(client.try_clone().unwrap());
                let (asked, answered) = (Arc::clone(&kept), Arc::clone(&kept));
                std::thread::spawn(move || carry(client, to_server, &asked, |_| ()));
                std::thread::spawn(move || carry(server, to_client, &answered, change));
            }
        });
        Listener { address, heard, ends }
    }

    fn cut(&self) {
        for end in self.ends.lock().unwrap().drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    fn heard(&self, text: &str) -> bool {
        let heard = self.heard.lock().unwrap();
        heard.windows(text.len()).any(|bytes| bytes == text.as_bytes())
    }
}

fn carry(mut from: TcpStream, mut to: TcpStream, heard: &Mutex<Vec<u8>>, change: Change) {
    let (mut bytes, mut is_first) = ([0; 8192], true);
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        let bytes = &mut bytes[..length];
        if std::mem::take(&mut is_first) {
            change(bytes);
        }
        heard.lock().unwrap().extend_from_slice(bytes);
        if to.write_all(bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
#[ignore = "needs servers: set EVERGRANT_TEST_SERVICES to what `scripts/services start` prints"]
fn what_is_stored_over_tls_cannot_be_read_on_the_way() {
    const TOKEN: &str = "an-access-token-to-look-for";
    each_server(|server| {
        let mut ways = vec![(server.plain.clone(), true), (server.trusting(&server.ca), false)];
        if let Some(unverified) = server.words.unverified {
            ways.push((with(&server.encrypted, &[unverified]), false));
        }
        let mut expected = None;
        for (address, can_be_read) in ways {
            let listener = Listener::before(&address, "127.0.0.1", |_| ());
            let store = open(&server.store_at(&listener.address));
            let revision = expected.as_ref().map(|record: &Record| record.revision);
            let mut next = Record::new(&key(), "g1".into(), tokens(TOKEN, None), 1);
            next.revision = revision.unwrap_or(0) + 1;
            assert!(wait(store.compare_and_set(&key(), revision, &next)).unwrap());
            assert_eq!(wait(store.load(&key())).unwrap(), Some(next.clone()));
            assert_eq!(listener.heard(TOKEN), can_be_read, "{}: {address}", server.name);
            expected = Some(next);
        }
    });
}

#[test]
#[ignore = "needs servers: set EVERGRANT_TEST_SERVICES to what `scripts/services start` prints"]
fn the_server_says_that_the_connection_is_encrypted() {
    each_server(|server| {
        if server.is_redis() {
            // It cannot be asked; but who speaks without TLS at this port gets no answer.
            let place = (server.encrypted.host_str().unwrap(), server.encrypted.port().unwrap());
            let mut plain = TcpStream::connect(place).unwrap();
            plain.write_all(b"PING\r\n").unwrap();
            let mut answer = Vec::new();
            let _ = plain.read_to_end(&mut answer);
            assert!(!answer.starts_with(b"+PONG"));
            assert_eq!(load(&server.store_at(&server.trusting(&server.ca))).unwrap(), None);
            return;
        }
        assert_eq!(cipher(&server.store_at(&server.plain)), "", "{}", server.name);
        let mut localhost = server.trusting(&server.ca);
        localhost.set_host(Some("localhost")).unwrap();
        for address in [server.trusting(&server.ca), localhost] {
            let told = cipher(&server.store_at(&address));
            assert!(told.starts_with("TLS_"), "{}: {told}", server.name);
        }
    });
}

#[test]
#[ignore = "needs servers: set EVERGRANT_TEST_SERVICES to what `scripts/services start` prints"]
fn a_certificate_of_an_authority_that_is_not_trusted_is_refused() {
    let servers = Server::all();
    for (server, other) in servers.iter().zip(servers.iter().cycle().skip(1)) {
        for address in [server.trusting(&other.ca), server.verified()] {
            let told = distrust(server, address);
            assert!(told.contains("signed by nobody who is trusted"), "{told}");
        }
    }
}

#[test]
#[ignore = "needs servers: set EVERGRANT_TEST_SERVICES to what `scripts/services start` prints"]
fn a_certificate_for_another_name_is_refused() {
    each_server(|server| {
        let listener = Listener::before(&server.trusting(&server.ca), "127.0.0.2", |_| ());
        let told = distrust(server, listener.address);
        assert!(told.contains("127.0.0.2") && told.contains("not valid for name"), "{told}");
    });
}

#[test]
#[ignore = "needs servers: set EVERGRANT_TEST_SERVICES to what `scripts/services start` prints"]
fn a_server_that_offers_no_tls_is_refused_before_it_is_told_anything() {
    each_server(|server| {
        let (address, deny): (Url, Change) = match server.name {
            "postgres" => (server.trusting(&server.ca), |answer| {
                assert_eq!(answer, b"S");
                answer[0] = b'N';
            }),
            "mariadb" => (server.trusting(&server.ca), |greeting| {
                let version = greeting[5..].iter().position(|byte| *byte == 0).unwrap();
                let capabilities = &mut greeting[5 + version + 1 + 4 + 8 + 1..][..2];
                assert_ne!(capabilities[1] & 0x08, 0, "CLIENT_SSL");
                capabilities[1] &= !0x08;
            }),
            _ => {
                let mut plain = server.trusting(&server.ca);
                plain.set_port(server.plain.port()).unwrap();
                (plain, |_| ())
            }
        };
        let listener = Listener::before(&address, "127.0.0.1", deny);
        let error = refusal(server, listener.address.clone());
        assert!(error.message().contains("TLS"), "{error}");
        // Redis may wait for the end of what it takes for a command.
        let is_known = error.reason() == Some("insecure");
        assert!(is_known || server.is_redis(), "{error}");
        assert!(!listener.heard("evergrant"), "{}: user and database", server.name);
    });
}

#[test]
fn who_answers_otherwise_than_in_tls_is_told() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("rediss://{}", server.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut client, _) = server.accept().unwrap();
        client.write_all(b"-ERR unknown command\r\n").unwrap();
        let _ = client.read_to_end(&mut Vec::new());
    });
    let error =
        load(&Address::of(&SecretSource::Text(address.into()).into()).unwrap()).unwrap_err();
    assert_eq!(error.reason(), Some("insecure"), "{error}");
    assert!(error.message().ends_with("does not speak TLS"), "{error}");
}

#[test]
#[ignore = "needs servers: set EVERGRANT_TEST_SERVICES to what `scripts/services start` prints"]
fn a_file_without_an_authority_is_told() {
    each_server(|server| {
        for file in ["/nonexistent/ca.pem", "/dev/null"] {
            let told = distrust(server, server.trusting(file));
            assert!(told.contains(file), "{told}");
        }
    });
}

#[test]
#[ignore = "needs servers: set EVERGRANT_TEST_SERVICES to what `scripts/services start` prints"]
fn what_cannot_be_read_beside_an_authority_is_passed_over() {
    const NONE: &str = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    each_server(|server| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, NONE.to_owned() + &std::fs::read_to_string(&server.ca).unwrap())
            .unwrap();
        let loaded = load(&server.store_at(&server.trusting(file.to_str().unwrap())));
        assert_eq!(loaded.unwrap(), None, "{}", server.name);
    });
}

#[test]
#[ignore = "needs servers: set EVERGRANT_TEST_SERVICES to what `scripts/services start` prints"]
fn a_connection_over_tls_that_died_is_replaced() {
    each_server(|server| {
        let listener = Listener::before(&server.trusting(&server.ca), "127.0.0.1", |_| ());
        let store = open(&server.store_at(&listener.address));
        assert!(wait(store.compare_and_set(&key(), None, &record())).unwrap());
        listener.cut();
        assert_eq!(wait(store.load(&key())).unwrap(), Some(record()), "{}", server.name);
    });
}

#[test]
#[ignore = "needs servers: set EVERGRANT_TEST_SERVICES to what `scripts/services start` prints"]
fn who_waits_over_tls_is_told_that_a_record_was_written() {
    each_server(|server| {
        let address = server.store_at(&server.trusting(&server.ca));
        let (store, writing) = (open(&address), open(&address));
        assert!(wait(writing.compare_and_set(&key(), None, &record())).unwrap());
        let key = key();
        if store.changed(&key).is_none() {
            assert_eq!(server.name, "mariadb");
            return;
        }
        let told = wait(async {
            for revision in 1..=100 {
                let changed = store.changed(&key).unwrap();
                let next = Record { revision: revision + 1, ..record() };
                assert!(writing.compare_and_set(&key, Some(revision), &next).await.unwrap());
                // The listener may not be there yet.
                if tokio::time::timeout(Duration::from_millis(100), changed).await.is_ok() {
                    return true;
                }
            }
            false
        });
        assert!(told, "{}", server.name);
    });
}

/// In the environment of a process of its own: the options of the store, and what the process has before.
const STORE: &str = "EVERGRANT_TEST_STORE";
const PROVIDER: &str = "EVERGRANT_TEST_PROVIDER";

/// What is printed of another process, which loads from a store.
fn other_process(options: &StoreOptions, environment: &[(&str, &str)]) -> String {
    let mut options = serde_json::to_value(options).unwrap();
    options.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "store::over_tls::the_other_process"])
        .env_remove("SSL_CERT_DIR")
        .env(STORE, options.to_string())
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// A provider with but one way to encrypt, by which it is known again.
fn own_provider() -> CryptoProvider {
    let suite = aws_lc_rs::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256;
    CryptoProvider { cipher_suites: vec![suite], ..aws_lc_rs::default_provider() }
}

#[test]
#[ignore = "run by other tests, in a process of its own"]
fn the_other_process() {
    let options = std::env::var(STORE).expect("another test starts this one");
    if std::env::var_os(PROVIDER).is_some() {
        own_provider().install_default().unwrap();
    }
    let address = Address::of(&serde_json::from_str(&options).unwrap()).unwrap();
    match load(&address) {
        Ok(_) => println!("loaded"),
        Err(error) => println!("refused: {}: {error}", error.reason().unwrap()),
    }
    let provider = CryptoProvider::get_default();
    println!("suites: {}", provider.map_or(0, |provider| provider.cipher_suites.len()));
    if !matches!(address, Address::Redis(_)) {
        println!("cipher: {}", cipher(&address));
    }
}

#[test]
#[ignore = "needs servers: set EVERGRANT_TEST_SERVICES to what `scripts/services start` prints"]
fn authorities_named_by_the_environment_are_trusted_instead_of_the_systems() {
    let servers = Server::all();
    for (server, other) in servers.iter().zip(servers.iter().cycle().skip(1)) {
        let options = server.options_at(&server.verified());
        let told = |ca: &str| other_process(&options, &[("SSL_CERT_FILE", ca)]);
        assert!(told(&server.ca).contains("loaded"), "{}", server.name);
        assert!(told(&other.ca).contains("refused: insecure"), "{}", server.name);
    }
}

#[test]
#[ignore = "needs servers: set EVERGRANT_TEST_SERVICES to what `scripts/services start` prints"]
fn a_provider_is_installed_for_mysql_alone_and_only_where_there_is_none() {
    let usual = aws_lc_rs::default_provider().cipher_suites.len();
    each_server(|server| {
        let options = server.options_at(&server.trusting(&server.ca));
        let told = other_process(&options, &[]);
        let installed = if server.name == "mariadb" { usual } else { 0 };
        assert!(told.contains("loaded"), "{}: {told}", server.name);
        assert!(told.contains(&format!("suites: {installed}\n")), "{}: {told}", server.name);

        let told = other_process(&options, &[(PROVIDER, "own")]);
        assert!(told.contains("loaded"), "{}: {told}", server.name);
        assert!(told.contains("suites: 1\n"), "{}: {told}", server.name);
        // Only the driver of MySQL goes by the process's provider.
        let is_used = told.contains("TLS_CHACHA20_POLY1305_SHA256");
        assert_eq!(is_used, server.name == "mariadb", "{told}");
    });
}
