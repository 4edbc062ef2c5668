//! What happened in a case, in a form that two languages can be compared in: random values have names in the order
//! of their first appearance, and what belongs to this machine or moment is taken out.

use regex::Regex;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Everything that one testee did in one case.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Transcript {
    /// Each reply of the testee, with the step that asked for it.
    pub(crate) replies: Vec<Value>,
    /// The requests at the provider.
    pub(crate) requests: Vec<Value>,
    /// The methods of the application's store that were called.
    pub(crate) store_calls: Value,
    /// The events.
    pub(crate) events: Value,
}

/// One place where two transcripts are not the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where.
    pub at: String,
    /// The first testee's value.
    pub left: String,
    /// The other's.
    pub right: String,
}

/// Keys whose text is random in every run.
const RANDOM: &[&str] = &[
    "state",
    "user_code",
    "code",
    "code_challenge",
    "grant_id",
    "token",
    "oauth_token",
    "oauth_nonce",
    "oauth_signature",
    "oauth_timestamp",
    "nonce",
    "dpop_jkt",
];

/// Texts that are random in every run wherever they stand: what the sandbox issues, and proofs of a key (RFC 9449).
static RANDOM_TEXTS: LazyLock<[(&str, Regex); 2]> = LazyLock::new(|| {
    let pattern = |text| Regex::new(text).expect("the pattern is valid");
    [
        ("issued", pattern(r"sbx\.[a-z_]*\.?[A-Za-z0-9_-]{16,}")),
        ("proof", pattern(r"eyJ0eXAiOiJkcG9wK2p3dCI[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){2}")),
    ]
});

/// A parameter of an OAuth 1.0a header.
static OAUTH1_PARAMETER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"(oauth_[a-z]+)="([^"]*)""#).expect("the pattern is valid"));

/// Keys that name the program or the connection and not what it did.
const LEFT_OUT: &[&str] =
    &["user_agent", "user-agent", "date", "host", "connection", "valid_until", "by"];

impl Transcript {
    /// The same with stable names for what is random, and `places` (an address, a folder) under theirs.
    pub(crate) fn normalised(&self, places: &[(String, &str)]) -> Value {
        let whole = serde_json::to_value(self).expect("a transcript is plain data");
        let mut names = Names::default();
        names.learn(None, &whole);
        for (text, name) in places {
            names.aliases.insert(text.clone(), format!("<{name}>"));
        }
        names.apply(whole)
    }
}

/// Every place where two normalised transcripts differ.
#[must_use]
pub fn differences(left: &Value, right: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(Some(left), Some(right), "", &mut found);
    found
}

fn compare(left: Option<&Value>, right: Option<&Value>, at: &str, found: &mut Vec<Difference>) {
    match (left, right) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let keys: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for key in keys {
                compare(a.get(key), b.get(key), &format!("{at}.{key}"), found);
            }
        }
        // A list of plain values, such as the store calls, is shown as one.
        (Some(Value::Array(a)), Some(Value::Array(b))) if a.iter().chain(b).any(is_composed) => {
            for index in 0..a.len().max(b.len()) {
                compare(a.get(index), b.get(index), &format!("{at}[{index}]"), found);
            }
        }
        // JSON has one kind of numbers, which languages write as they like.
        (Some(Value::Number(a)), Some(Value::Number(b))) if a.as_f64() == b.as_f64() => {}
        _ if left == right => {}
        _ => {
            let text = |value: Option<&Value>| value.map_or("nothing".to_owned(), Value::to_string);
            found.push(Difference { at: at.to_owned(), left: text(left), right: text(right) });
        }
    }
}

/// A `[name, value]` pair of a list of headers.
fn is_left_out_header(item: &Value) -> bool {
    match item.as_array().map(Vec::as_slice) {
        Some([Value::String(name), Value::String(_)]) => {
            LEFT_OUT.contains(&name.to_ascii_lowercase().as_str())
        }
        _ => false,
    }
}

fn is_composed(value: &Value) -> bool {
    value.is_array() || value.is_object()
}

#[derive(Default)]
struct Names {
    aliases: BTreeMap<String, String>,
    counts: BTreeMap<String, usize>,
}

impl Names {
    fn learn(&mut self, key: Option<&str>, value: &Value) {
        match value {
            Value::String(text) => self.learn_text(key, text),
            Value::Array(items) => items.iter().for_each(|item| self.learn(None, item)),
            Value::Object(fields) => {
                fields.iter().for_each(|(key, field)| self.learn(Some(key), field));
            }
            _ => {}
        }
    }

    fn learn_text(&mut self, key: Option<&str>, text: &str) {
        if let Some(key) = key.filter(|key| RANDOM.contains(key)) {
            self.name(key, text);
        }
        if let Ok(url) = url::Url::parse(text) {
            for (key, value) in url.query_pairs().filter(|(key, _)| RANDOM.contains(&key.as_ref()))
            {
                self.name(&key, &value);
            }
        }
        for (name, pattern) in &*RANDOM_TEXTS {
            for found in pattern.find_iter(text) {
                self.name(name, found.as_str());
            }
        }
        for found in
            OAUTH1_PARAMETER.captures_iter(text).filter(|found| RANDOM.contains(&&found[1]))
        {
            self.name(&found[1], &found[2]);
        }
    }

    /// Short texts are words, such as an error's `code`, and the provider's aliases are stable already.
    fn name(&mut self, key: &str, text: &str) {
        if text.len() < 9
            || text.starts_with('[')
            || text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
        {
            return;
        }
        if !self.aliases.contains_key(text) {
            let count = self.counts.entry(key.to_owned()).or_default();
            *count += 1;
            self.aliases.insert(text.to_owned(), format!("<{key} {count}>"));
        }
    }

    fn apply(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.apply_text(text)),
            Value::Array(items) => items
                .into_iter()
                .filter(|item| !is_left_out_header(item))
                .map(|item| self.apply(item))
                .collect(),
            Value::Object(fields) => Value::Object(self.apply_fields(fields)),
            plain => plain,
        }
    }

    fn apply_fields(&self, fields: Map<String, Value>) -> Map<String, Value> {
        fields
            .into_iter()
            .filter(|(key, _)| !LEFT_OUT.contains(&key.as_str()))
            .map(|(key, field)| (key, self.apply(field)))
            .collect()
    }

    fn apply_text(&self, mut text: String) -> String {
        let mut longest_first: Vec<_> = self.aliases.iter().collect();
        longest_first.sort_by_key(|(random, _)| std::cmp::Reverse(random.len()));
        for (random, name) in longest_first {
            let encoded =
                url::form_urlencoded::byte_serialize(random.as_bytes()).collect::<String>();
            text = text.replace(random.as_str(), name).replace(&encoded, name);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn transcript(state: &str, port: u16, status: u16) -> Value {
        let base = format!("http://127.0.0.1:{port}");
        let transcript = Transcript {
            replies: vec![
                json!({"ok": {"url": format!("{base}/authorize?state={state}"), "state": state}}),
                json!({"error": {"code": "provider_error", "message": format!("{base} said {status}")}}),
                json!({"ok": [["DPoP", format!("eyJ0eXAiOiJkcG9wK2p3dCIsImEi.{state}.{state}")]]}),
            ],
            ..Transcript::default()
        };
        transcript.normalised(&[(base, "sandbox")])
    }

    #[test]
    fn runs_that_differ_in_random_values_alone_are_equal() {
        let one = transcript("aaaaaaaaaaaaaaaaA1", 4001, 500);
        let other = transcript("bbbbbbbbbbbbbbbbB2", 4002, 500);
        assert_eq!(differences(&one, &other), []);
        assert_eq!(one["replies"][0]["ok"]["state"], "<state 1>");
        assert_eq!(one["replies"][2]["ok"][0][1], "<proof 1>");
        assert_eq!(one["replies"][1]["error"]["code"], "provider_error");
    }

    #[test]
    fn a_difference_in_one_message_is_found_and_placed() {
        let one = transcript("aaaaaaaaaaaaaaaaA1", 4001, 500);
        let other = transcript("bbbbbbbbbbbbbbbbB2", 4002, 502);
        let found = differences(&one, &other);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].at, ".replies[1].error.message");
    }

    #[test]
    fn a_reply_or_request_too_many_is_a_difference() {
        let one = json!({"requests": [1]});
        assert_eq!(differences(&one, &json!({"requests": [1, 2]})).len(), 1);
        assert_eq!(differences(&one, &json!({})).len(), 1);
    }
}
