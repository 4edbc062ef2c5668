//! What has to be true at the end of every case, whatever its steps were.

use super::{Failure, PATIENCE, Run, Spoken, Stop};
use crate::testee::NoReply;
use crate::{matcher, template};
use serde_json::{Value, json};
use std::collections::BTreeSet;

impl Run<'_> {
    /// What has to be true whatever the steps were.
    pub(super) fn finish(&mut self) -> Result<(), String> {
        let steps_held = self.failures.is_empty();
        self.lock = None;
        let journal = self.provider.journal();
        self.collect_from_clients();
        self.end_process();
        if steps_held {
            self.check_requests(&journal)?;
            self.check_store_calls()?;
        }
        self.transcript.requests = journal;
        self.check_secrets();
        Ok(())
    }

    /// Takes from each client what it has to tell at the end.
    pub(super) fn collect_from_clients(&mut self) {
        for client in self.clients.clone() {
            if let Err(Stop::Failed(message) | Stop::Case(message)) = self.collect_from(&client) {
                if self.failures.is_empty() {
                    self.failures
                        .push(Failure { place: "after the last step".to_owned(), message });
                }
                return;
            }
        }
    }

    fn collect_from(&mut self, client: &str) -> Result<(), Stop> {
        let ask = |name: &str| json!({ "do": name, "client": client });
        if self.clients_with_own_store.contains(client) {
            let calls = self.send(&ask("store_calls"), PATIENCE)?;
            append(&mut self.transcript.store_calls, &calls["ok"]);
        }
        for (owner, subject) in self.subjects.clone() {
            if owner == client {
                let mut command = ask("inspect");
                command["subject"] = json!(subject);
                self.send(&command, PATIENCE)?;
            }
        }
        self.send(&ask("list"), PATIENCE)?;
        let events = self.send(&ask("events"), PATIENCE)?;
        append(&mut self.transcript.events, &events["ok"]);
        self.send(&ask("debug"), PATIENCE).map(drop)
    }

    pub(super) fn end_process(&mut self) {
        let (errors, result) = self.process.end(PATIENCE);
        self.heard_on_standard_error(errors);
        if let Err(NoReply(message)) = result
            && self.failures.is_empty()
        {
            self.failures.push(Failure { place: "end of input".to_owned(), message });
        }
    }

    pub(super) fn heard_on_standard_error(&mut self, text: String) {
        let place = "standard error of the testee".to_owned();
        self.spoken.push(Spoken { place, text: Value::String(text), exempt: &[] });
    }

    fn check_requests(&mut self, journal: &[Value]) -> Result<(), String> {
        let expected = template::fill(&self.case.requests, &self.names)?;
        let got = Value::from(journal);
        let mut message = String::new();
        for mismatch in matcher::mismatches(&expected, Some(&got)) {
            if mismatch.at.is_empty() {
                message = format!("expected {}, got {}", count_of(&expected), journal.len());
            } else {
                message = format!("{message}\n    {mismatch}");
            }
        }
        if !message.is_empty() {
            let lines: Vec<_> = journal.iter().map(one_line).collect();
            let message = format!("{message}\n    all of them:\n{}", lines.join("\n"));
            self.failures.push(Failure { place: "requests at the provider".to_owned(), message });
        }
        Ok(())
    }

    fn check_store_calls(&mut self) -> Result<(), String> {
        let Some(pattern) = &self.case.store_calls else { return Ok(()) };
        let pattern = template::fill(pattern, &self.names)?;
        for mismatch in matcher::mismatches(&pattern, Some(&self.transcript.store_calls)) {
            self.failures
                .push(Failure { place: "store calls".to_owned(), message: mismatch.to_string() });
        }
        Ok(())
    }

    fn check_secrets(&mut self) {
        let leaks: BTreeSet<String> = self
            .spoken
            .iter()
            .flat_map(|spoken| self.canaries.leaks(&spoken.text, spoken.exempt, &spoken.place))
            .collect();
        let failures =
            leaks.into_iter().map(|message| Failure { place: "secrets".to_owned(), message });
        self.failures.extend(failures);
    }
}

fn append(list: &mut Value, more: &Value) {
    let mut items = list.as_array().cloned().unwrap_or_default();
    items.extend(more.as_array().cloned().unwrap_or_default());
    *list = Value::Array(items);
}

/// How many a pattern wants, where it is a list.
fn count_of(pattern: &Value) -> String {
    pattern.as_array().map_or_else(|| pattern.to_string(), |items| items.len().to_string())
}

/// A request at the provider as one line for people.
fn one_line(entry: &Value) -> String {
    let word = |key: &str| entry[key].as_str().unwrap_or("-").to_owned();
    format!(
        "        {} {} grant_type={} authentication={} status={} fault={}",
        word("method"),
        word("path"),
        word("grant_type"),
        word("client_authentication"),
        entry["status"],
        word("fault")
    )
}
