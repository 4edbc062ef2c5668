//! `evergrant doctor`: what would keep a grant from working, found before it matters.

use crate::arguments::General;
use crate::clients::{Clients, using};
use crate::output::Output;
use evergrant::{BeginOptions, Checked, Client, Code, Error, Health, Result, wait};
use serde::Serialize;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};
use url::Url;

/// The subject of an authorization that is begun and never finished.
const SUBJECT: &str = "evergrant doctor";

/// The difference between two clocks that is still borne; OAuth 1.0a servers refuse timestamps a few minutes off.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);

/// How long the provider may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// One thing that was looked at.
#[derive(Serialize)]
struct Check {
    client: Option<String>,
    name: &'static str,
    ok: bool,
    /// It works, and a promise does not hold in full.
    weak: bool,
    detail: String,
}

/// What a check found: how it is, or what is wrong.
type Found = std::result::Result<String, String>;

/// Fails when a check did; a weakness is no failure.
pub(crate) fn doctor(general: &General, output: &Output, client: Option<&str>) -> Result<ExitCode> {
    let checks = match Clients::load(general) {
        Ok(clients) => examine(&clients, client),
        Err(error) => vec![Check::of(None, "configuration", Err(told(&error)))],
    };
    let rows: Vec<_> = checks.iter().map(Check::row).collect();
    output.table(&checks, &["", "CLIENT", "CHECK", "FOUND"], &rows)?;
    let healthy = checks.iter().all(|check| check.ok);
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn examine(clients: &Clients, client: Option<&str>) -> Vec<Check> {
    let names: Vec<&str> = client.map_or_else(|| clients.names().collect(), |name| vec![name]);
    if names.is_empty() {
        return vec![Check::of(None, "configuration", Ok("no client is configured".to_owned()))];
    }
    names.into_iter().flat_map(|name| examine_client(clients, name)).collect()
}

/// Each check stands on those before it.
fn examine_client(clients: &Clients, name: &str) -> Vec<Check> {
    let check = |what, found| Check::of(Some(name), what, found);
    let client = match clients.open(name) {
        Ok(client) => client,
        Err(error) => return vec![check(subject_of(&error), Err(told(&error)))],
    };
    let mut checks = vec![check("configuration", Ok(format!("{client:?}")))];
    checks.extend(client.store_path().map(|path| check("file mode", private(path))));
    match wait(client.check_up()) {
        Ok(checked) => checks.extend(checked.into_iter().map(|one| Check::of_core(name, one))),
        Err(error) => checks.push(check("store", Err(told(&error)))),
    }
    match begin(&client) {
        Ok(address) => {
            checks.push(check("store", Ok("opens and can be written".to_owned())));
            checks.extend(
                examine_provider(&address).into_iter().map(|(what, found)| check(what, found)),
            );
        }
        Err(error) => checks.push(check(subject_of(&error), Err(told(&error)))),
    }
    checks
}

impl Check {
    fn of(client: Option<&str>, name: &'static str, found: Found) -> Self {
        let ok = found.is_ok();
        let (Ok(detail) | Err(detail)) = found;
        Check { client: client.map(str::to_owned), name, ok, weak: false, detail }
    }

    fn of_core(client: &str, checked: Checked) -> Self {
        let Checked { name, health, detail } = checked;
        let (ok, weak) = (health != Health::Failed, health == Health::Weak);
        Check { client: Some(client.to_owned()), name, ok, weak, detail }
    }

    fn row(&self) -> Vec<String> {
        let verdict = match (self.ok, self.weak) {
            (false, _) => "FAILED",
            (true, true) => "weak",
            (true, false) => "ok",
        };
        let client = self.client.clone().unwrap_or_default();
        vec![verdict.to_owned(), client, self.name.to_owned(), self.detail.clone()]
    }
}

fn told(error: &Error) -> String {
    format!("{} ({})", error.message(), error.code())
}

/// What an error is about.
fn subject_of(error: &Error) -> &'static str {
    match error.code() {
        Code::Store | Code::StoreConflict | Code::Decryption => "store",
        Code::Transport | Code::Timeout | Code::InvalidResponse | Code::ProviderError => "provider",
        Code::MisconfiguredClient => "client credentials",
        _ => "configuration",
    }
}

/// Begins an authorization that expires by itself: it writes to the store, and asks the provider where its protocol or its
/// description says so. Gives the address that a browser would be sent to.
fn begin(client: &Client) -> Result<Url> {
    let start = using(client, |client| wait(client.begin(SUBJECT, BeginOptions::default())))?;
    Url::parse(&start.url).map_err(|error| {
        Error::new(Code::Internal, format!("the authorization URL is none: {error}"))
    })
}

/// Only the user may read a file with tokens.
fn private(path: &Path) -> Found {
    let metadata =
        std::fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mode = metadata.permissions().mode() & 0o777;
    let for_others = mode & 0o077;
    let detail = format!("{} has mode {mode:04o}", path.display());
    if for_others == 0 {
        Ok(detail)
    } else {
        Err(format!("{detail}; expected 0600: others can get at the tokens"))
    }
}

fn examine_provider(address: &Url) -> Vec<(&'static str, Found)> {
    let origin = address.origin().ascii_serialization();
    match evergrant::runtime().block_on(ask(address)) {
        Ok(answer) => {
            let clock = clock_offset(answer.headers()).map(|offset| ("clock", tolerable(offset)));
            [("provider", Ok(format!("{origin} answers")))].into_iter().chain(clock).collect()
        }
        Err(error) => vec![("provider", Err(format!("{origin} cannot be reached: {error}")))],
    }
}

fn tolerable(offset: Duration) -> Found {
    let detail = format!("{} s from the provider's", offset.as_secs());
    let limit = CLOCK_TOLERANCE.as_secs();
    if offset <= CLOCK_TOLERANCE {
        Ok(detail)
    } else {
        Err(format!("{detail}; expected at most {limit} s"))
    }
}

/// Any answer will do: the address is asked for without its parameters.
async fn ask(address: &Url) -> reqwest::Result<reqwest::Response> {
    let mut address = address.clone();
    address.set_query(None);
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()?;
    client.head(address).send().await.map_err(reqwest::Error::without_url)
}

/// How far this machine's clock is from the answer's `Date`, either way.
fn clock_offset(headers: &reqwest::header::HeaderMap) -> Option<Duration> {
    let theirs = httpdate::parse_http_date(headers.get("date")?.to_str().ok()?).ok()?;
    let ours = SystemTime::now();
    Some(ours.duration_since(theirs).unwrap_or_else(|ahead| ahead.duration()))
}
