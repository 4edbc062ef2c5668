//! Results to standard output; notes, for people only, to a terminal.

use evergrant::{Code, Error, Result};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{ErrorKind, IsTerminal, Write};

/// How results are written.
pub(crate) struct Output {
    json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Output { json }
    }

    /// Whether programs read the results.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Writes a result: as one line of JSON, or as `text` for people.
    pub(crate) fn result(
        &self,
        value: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<()> {
        let line = if self.json { to_json(value) } else { text() };
        write(format!("{line}\n").as_bytes())
    }

    /// Tells a person who is watching.
    pub(crate) fn note(&self, text: &str) {
        if !self.json && std::io::stderr().is_terminal() {
            say(text);
        }
    }

    /// Writes a table: in columns to a terminal, else its rows alone with tabs between.
    pub(crate) fn table(
        &self,
        value: &impl Serialize,
        header: &[&str],
        rows: &[Vec<String>],
    ) -> Result<()> {
        if self.json {
            return self.result(value, String::new);
        }
        let text = if std::io::stdout().is_terminal() {
            in_columns(header, rows)
        } else {
            rows.iter().map(|row| row.join("\t") + "\n").collect()
        };
        write(text.as_bytes())
    }
}

/// A plain value as JSON text.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("a result is plain data")
}

/// Writes a line to standard error, whoever reads it.
pub(crate) fn say(text: &str) {
    // Nobody is left to tell when standard error is gone.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Writes bytes to standard output. A reader who has left, as `head` does, is no failure.
pub(crate) fn write(bytes: &[u8]) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::new(Code::Internal, format!("standard output cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// A time in Unix milliseconds, for people.
pub(crate) fn time(unix_millis: i64) -> String {
    Timestamp::from_second(unix_millis.div_euclid(1000))
        .map_or_else(|_| unix_millis.to_string(), |time| time.to_string())
}

/// The fields of a result that are there, a line each; times (`…_at`) as such.
pub(crate) fn fields(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).expect("a result is plain data");
    let shown: Vec<_> = value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name, shown(name, value)))
        .filter(|(_, text)| !text.is_empty())
        .collect();
    let width = shown.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut lines = String::new();
    for (name, text) in shown {
        let _ = writeln!(lines, "{name:width$}  {}", text.replace('\n', &indented(width + 2)));
    }
    lines.trim_end().to_owned()
}

fn indented(width: usize) -> String {
    format!("\n{:width$}", "")
}

fn shown(name: &str, value: &Value) -> String {
    match (value, value.as_i64()) {
        (Value::Null, _) => String::new(),
        (Value::String(text), _) => text.clone(),
        (_, Some(at)) if name == "at" || name.ends_with("_at") => time(at),
        (Value::Array(values), _) => {
            let separator = if values.iter().any(Value::is_object) { "\n" } else { " " };
            values.iter().map(|value| shown("", value)).collect::<Vec<_>>().join(separator)
        }
        (Value::Object(fields), _) => {
            let texts = fields.iter().map(|(name, value)| shown(name, value));
            texts.collect::<Vec<_>>().join("  ")
        }
        _ => value.to_string(),
    }
}

fn in_columns(header: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([header[column].len()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let header: Vec<String> = header.iter().map(|&name| name.to_owned()).collect();
    let mut text = String::new();
    for row in std::iter::once(&header).chain(rows) {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_that_are_absent_are_not_shown_and_times_are_read() {
        let value = json!({"status": "active", "reason": null, "expires_at": 1_700_000_000_123_i64, "scope": ["a", "b"]});
        assert_eq!(
            fields(&value),
            "status      active\nexpires_at  2023-11-14T22:13:20Z\nscope       a b"
        );
    }

    #[test]
    fn a_trail_is_a_line_for_each_entry() {
        let value = json!({"trail": [{"at": 0, "generation": 1, "what": "granted"}, {"at": 1000, "generation": 2, "what": "ok"}]});
        let lines = "trail  1970-01-01T00:00:00Z  1  granted\n       1970-01-01T00:00:01Z  2  ok";
        assert_eq!(fields(&value), lines);
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [vec!["alice".to_owned(), "active".to_owned()]];
        assert_eq!(in_columns(&["SUBJECT", "STATUS"], &rows), "SUBJECT  STATUS\nalice    active\n");
    }
}
