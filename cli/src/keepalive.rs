//! `evergrant keepalive`: renews what is due, once for cron or again and again as a service.
//!
//! It may be told to end at any time. It then begins no more, and what is under way is finished: a renewal that was cut off
//! would take the only refresh token with it.

use crate::arguments::{Keepalive, KeepaliveWork};
use crate::clients::Clients;
use crate::failure;
use crate::output::{Output, say, time};
use evergrant::{Client, DueProgress, DueReport, Error, RefreshDueOptions, Result, wait};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

pub(crate) fn keepalive(
    clients: &Clients,
    output: &Output,
    command: &Keepalive,
) -> Result<ExitCode> {
    if !command.endless {
        return once(clients, output, &command.clients, &command.work);
    }
    let mut keeper = Keeper::new(clients, output, &command.clients, &command.work)?;
    let mut told = Vec::new();
    while !keeper.ending.is_asked() {
        let round = keeper.round();
        // A round like the one before is no news.
        if round != told && round.iter().any(Kept::is_worth_telling) {
            tell(output, &round)?;
        }
        told = round;
        keeper.ending.wait(command.interval);
    }
    keeper.close();
    Ok(ExitCode::SUCCESS)
}

/// One round: its exit status says whether a user is needed.
pub(crate) fn once(
    clients: &Clients,
    output: &Output,
    names: &[String],
    work: &KeepaliveWork,
) -> Result<ExitCode> {
    let mut keeper = Keeper::new(clients, output, names, work)?;
    let round = keeper.round();
    keeper.close();
    tell(output, &round)?;
    Ok(ExitCode::from(exit_status(&round)))
}

/// Clients whose grants are kept alive. One that cannot be opened does not keep the others waiting, and is tried again.
struct Keeper<'a> {
    clients: &'a Clients<'a>,
    output: &'a Output,
    opened: Vec<(String, Option<Client>)>,
    options: RefreshDueOptions,
    ending: Ending,
}

impl<'a> Keeper<'a> {
    fn new(
        clients: &'a Clients<'a>,
        output: &'a Output,
        names: &[String],
        work: &KeepaliveWork,
    ) -> Result<Self> {
        let mut names = names.to_vec();
        if names.is_empty() {
            names.extend(clients.names().map(str::to_owned));
        }
        let options = RefreshDueOptions {
            within: work.within.map(|within| within.as_secs_f64()),
            concurrency: work.concurrency,
            limit: work.limit,
        };
        let opened = names.into_iter().map(|name| (name, None)).collect();
        Ok(Keeper { clients, output, opened, options, ending: Ending::watch()? })
    }

    fn round(&mut self) -> Vec<Kept> {
        let mut round = Vec::new();
        for index in 0..self.opened.len() {
            if self.ending.is_asked() {
                break;
            }
            let client = self.opened[index].0.clone();
            let outcome = match self.keep(index) {
                Ok(report) => Outcome::Report(report),
                Err(error) => {
                    Outcome::Error(Failure { status: failure::exit_status(&error), error })
                }
            };
            round.push(Kept { client, outcome });
        }
        round
    }

    fn keep(&mut self, index: usize) -> Result<DueReport> {
        let (name, opened) = &mut self.opened[index];
        let client = match opened {
            Some(client) => client,
            None => opened.insert(self.clients.open(name)?),
        };
        let bar = bar(self.output, name);
        let (moved, ending) = (bar.clone(), self.ending.clone());
        let watch = move |progress: &DueProgress| {
            moved.set_length(progress.found);
            moved.set_position(progress.done);
            if ending.is_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let report = wait(client.refresh_due_watched(self.options.clone(), watch));
        bar.finish_and_clear();
        report
    }

    fn close(self) {
        for client in self.opened.into_iter().filter_map(|(_, client)| client) {
            wait(client.close());
        }
    }
}

/// A bar for a person who is watching; standard error that is no terminal gets none.
fn bar(output: &Output, client: &str) -> ProgressBar {
    if output.is_json() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{prefix}  {wide_bar}  {pos}/{len}  {per_sec}")
        .expect("the template is one");
    ProgressBar::new(0).with_style(style).with_prefix(client.to_owned())
}

/// What became of one client's grants in one round.
#[derive(Debug, PartialEq, Serialize)]
struct Kept {
    client: String,
    #[serde(flatten)]
    outcome: Outcome,
}

#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Report(DueReport),
    Error(Failure),
}

/// An error, which is compared by its text.
#[derive(Debug)]
struct Failure {
    status: u8,
    error: Error,
}

impl PartialEq for Failure {
    fn eq(&self, other: &Self) -> bool {
        self.error.code() == other.error.code() && self.error.message() == other.error.message()
    }
}

impl Serialize for Failure {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        self.error.to_json().serialize(serializer)
    }
}

impl Kept {
    fn is_worth_telling(&self) -> bool {
        !matches!(&self.outcome, Outcome::Report(report) if *report == DueReport::default())
    }

    fn exit_status(&self) -> u8 {
        match &self.outcome {
            Outcome::Error(failure) => failure.status,
            Outcome::Report(report) if !report.needs_consent.is_empty() => 3,
            Outcome::Report(report) => {
                let failed = !report.failed.is_empty() || report.stopped.is_some();
                if failed || report.in_back_off > 0 { 4 } else { 0 }
            }
        }
    }
}

/// What needs a person goes before what may pass by itself.
fn exit_status(round: &[Kept]) -> u8 {
    let statuses: Vec<u8> = round.iter().map(Kept::exit_status).collect();
    [2, 1, 3, 4].into_iter().find(|status| statuses.contains(status)).unwrap_or(0)
}

fn tell(output: &Output, round: &[Kept]) -> Result<()> {
    if output.is_json() {
        return output.result(&round, String::new);
    }
    for kept in round {
        match &kept.outcome {
            Outcome::Report(report) => output.result(report, || summary(&kept.client, report))?,
            Outcome::Error(failure) => {
                say(&format!("{}:", kept.client));
                failure::tell(&failure.error, false);
            }
        }
    }
    Ok(())
}

/// A line of numbers, and one for each grant that somebody has to look after.
fn summary(client: &str, report: &DueReport) -> String {
    let numbers = [
        (report.refreshed, "refreshed"),
        (report.renewed_elsewhere, "renewed elsewhere"),
        (report.in_back_off, "in back-off"),
        (report.revoked, "revoked"),
        (report.needs_consent.len() as u64, "in need of consent"),
        (report.failed.len() as u64, "failed"),
    ];
    let numbers: Vec<_> = numbers
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{number} {what}"))
        .collect();
    let numbers =
        if numbers.is_empty() { "nothing was due".to_owned() } else { numbers.join(", ") };
    let mut text = format!("{client}: {numbers}");
    let named = |subject: &str, slot: &str| match slot {
        "" => subject.to_owned(),
        slot => format!("{subject} ({slot})"),
    };
    for grant in &report.needs_consent {
        let _ = write!(text, "\n  {}: has to consent", named(&grant.subject, &grant.slot));
    }
    for grant in &report.failed {
        let name = named(&grant.subject, &grant.slot);
        let _ = write!(text, "\n  {name}: {} ({})", grant.message, grant.code);
    }
    if let Some(stopped) = &report.stopped {
        let _ = write!(text, "\n  stopped: {}", stopped.message);
        if let Some(at) = stopped.retry_at {
            let _ = write!(text, "; try again after {}", time(at));
        }
    }
    text
}

/// Whether somebody wants this process to end.
#[derive(Clone)]
struct Ending {
    asked: Arc<AtomicBool>,
}

impl Ending {
    /// From now on SIGTERM and SIGINT are a wish, and this thread is woken by them.
    fn watch() -> Result<Self> {
        let asked = Arc::<AtomicBool>::default();
        tell_of_signals(Arc::clone(&asked), thread::current())?;
        Ok(Ending { asked })
    }

    fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// Waits so long, or until the wish comes.
    fn wait(&self, time: Duration) {
        let until = Instant::now() + time;
        while !self.is_asked() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::park_timeout(left);
        }
    }
}

#[cfg(unix)]
fn tell_of_signals(asked: Arc<AtomicBool>, waiting: Thread) -> Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGINT]).map_err(|error| {
        let text = format!("signals cannot be watched: {error}");
        Error::new(evergrant::Code::Internal, text)
    })?;
    thread::spawn(move || {
        for _ in signals.forever() {
            asked.store(true, Ordering::Release);
            waiting.unpark();
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn tell_of_signals(_asked: Arc<AtomicBool>, _waiting: Thread) -> Result<()> {
    Ok(())
}
