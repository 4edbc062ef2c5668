//! What a case expects is a pattern: plain values match themselves, objects match when each of their keys does
//! (the value may have more), lists match item by item, and an object with one `$` key is a matcher.

use regex::Regex;
use serde_json::{Map, Value};
use std::fmt;

/// One place where a value is not what the pattern says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// Where in the value, such as `headers[0].name`; empty for the whole.
    pub(crate) at: String,
    /// What the case expects there.
    pub(crate) expected: String,
    /// What was there.
    pub(crate) got: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = if self.at.is_empty() { "(whole value)" } else { &self.at };
        write!(f, "{at}\n      expected  {}\n      got       {}", self.expected, self.got)
    }
}

/// Every place where `value` is not what `pattern` says; none when it matches. `None` is a value that is not there.
pub(crate) fn mismatches(pattern: &Value, value: Option<&Value>) -> Vec<Mismatch> {
    let mut found = Found(Vec::new());
    found.compare(pattern, value, "");
    found.0
}

/// Checks the matchers inside a pattern without a value at hand.
pub(crate) fn check(pattern: &Value) -> Result<(), String> {
    match pattern {
        Value::Object(object) => match matcher(object) {
            Some((name, argument)) => check_matcher(name, argument),
            None => match object.keys().find(|key| key.starts_with('$')) {
                Some(key) => Err(format!("matcher {key} stands beside other keys")),
                None => object.values().try_for_each(check),
            },
        },
        Value::Array(items) => items.iter().try_for_each(check),
        _ => Ok(()),
    }
}

fn check_matcher(name: &str, argument: &Value) -> Result<(), String> {
    let fits = match name {
        "$any" | "$absent" => argument == &Value::Bool(true),
        "$regex" => {
            let text = argument.as_str().ok_or("$regex: expected text")?;
            return Regex::new(text).map(drop).map_err(|error| format!("$regex: {error}"));
        }
        "$contains" => argument.is_string(),
        "$type" => argument.as_str().is_some_and(|name| TYPES.contains(&name)),
        "$between" => bounds(argument).is_some(),
        "$length" => argument.is_u64(),
        "$not" | "$query" => return check(argument),
        "$includes" | "$one_of" => {
            return argument
                .as_array()
                .ok_or(format!("{name}: expected a list"))?
                .iter()
                .try_for_each(check);
        }
        _ => return Err(format!("unknown matcher {name}")),
    };
    if fits { Ok(()) } else { Err(format!("{name}: wrong argument {argument}")) }
}

const TYPES: &[&str] = &["null", "boolean", "integer", "number", "string", "list", "object"];

fn matcher(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (key, argument) = object.iter().next()?;
    (object.len() == 1 && key.starts_with('$')).then_some((key, argument))
}

fn bounds(argument: &Value) -> Option<(f64, f64)> {
    match argument.as_array()?.as_slice() {
        [low, high] => Some((low.as_f64()?, high.as_f64()?)),
        _ => None,
    }
}

struct Found(Vec<Mismatch>);

impl Found {
    fn compare(&mut self, pattern: &Value, value: Option<&Value>, at: &str) {
        match pattern {
            Value::Object(object) => match matcher(object) {
                Some((name, argument)) => self.apply(name, argument, value, at),
                None => self.compare_object(object, value, at),
            },
            Value::Array(items) => self.compare_list(items, value, at),
            plain => self.require(value.is_some_and(|value| same(plain, value)), plain, value, at),
        }
    }

    fn compare_object(&mut self, object: &Map<String, Value>, value: Option<&Value>, at: &str) {
        let Some(Value::Object(fields)) = value else {
            return self.report("an object".to_owned(), value, at);
        };
        for (key, pattern) in object {
            let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
            self.compare(pattern, fields.get(key), &at);
        }
    }

    fn compare_list(&mut self, items: &[Value], value: Option<&Value>, at: &str) {
        let Some(Value::Array(values)) = value else {
            return self.report(format!("a list of {}", items.len()), value, at);
        };
        if items.len() != values.len() {
            return self.report(
                format!("{} items: {}", items.len(), Value::from(items)),
                value,
                at,
            );
        }
        for (index, (pattern, value)) in items.iter().zip(values).enumerate() {
            self.compare(pattern, Some(value), &format!("{at}[{index}]"));
        }
    }

    fn apply(&mut self, name: &str, argument: &Value, value: Option<&Value>, at: &str) {
        let text = value.and_then(Value::as_str);
        let holds = match name {
            "$any" => value.is_some_and(|value| !value.is_null()),
            "$absent" => value.is_none_or(Value::is_null),
            "$regex" => text.is_some_and(|text| {
                argument
                    .as_str()
                    .and_then(|regex| Regex::new(regex).ok())
                    .is_some_and(|r| r.is_match(text))
            }),
            "$contains" => {
                text.zip(argument.as_str()).is_some_and(|(text, part)| text.contains(part))
            }
            "$type" => {
                value.zip(argument.as_str()).is_some_and(|(value, name)| is_type(value, name))
            }
            "$between" => value
                .and_then(Value::as_f64)
                .zip(bounds(argument))
                .is_some_and(|(number, (low, high))| low <= number && number <= high),
            "$length" => {
                value.and_then(length).is_some_and(|length| argument == &Value::from(length))
            }
            "$not" => !mismatches(argument, value).is_empty(),
            "$one_of" => argument.as_array().is_some_and(|choices| {
                choices.iter().any(|choice| mismatches(choice, value).is_empty())
            }),
            "$includes" => return self.includes(argument, value, at),
            "$query" => {
                let query = text.and_then(query_of);
                return self.compare(argument, query.as_ref(), &format!("{at}?"));
            }
            _ => false,
        };
        self.require(holds, &serde_json::json!({ name: argument }), value, at);
    }

    fn includes(&mut self, argument: &Value, value: Option<&Value>, at: &str) {
        let values = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for pattern in argument.as_array().map(Vec::as_slice).unwrap_or_default() {
            if !values.iter().any(|value| mismatches(pattern, Some(value)).is_empty()) {
                self.report(format!("an item like {pattern}"), value, at);
            }
        }
    }

    fn require(&mut self, holds: bool, expected: &Value, value: Option<&Value>, at: &str) {
        if !holds {
            self.report(expected.to_string(), value, at);
        }
    }

    fn report(&mut self, expected: String, value: Option<&Value>, at: &str) {
        let got = value.map_or_else(|| "nothing".to_owned(), Value::to_string);
        self.0.push(Mismatch { at: at.to_owned(), expected, got });
    }
}

fn same(pattern: &Value, value: &Value) -> bool {
    match (pattern.as_f64(), value.as_f64()) {
        (Some(a), Some(b)) => a.to_bits() == b.to_bits(),
        _ => pattern == value,
    }
}

fn is_type(value: &Value, name: &str) -> bool {
    match value {
        Value::Null => name == "null",
        Value::Bool(_) => name == "boolean",
        Value::Number(number) => name == "number" || (name == "integer" && !number.is_f64()),
        Value::String(_) => name == "string",
        Value::Array(_) => name == "list",
        Value::Object(_) => name == "object",
    }
}

fn length(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.chars().count()),
        Value::Array(items) => Some(items.len()),
        Value::Object(fields) => Some(fields.len()),
        _ => None,
    }
}

/// The query of a URL as an object.
fn query_of(url: &str) -> Option<Value> {
    let url = url::Url::parse(url).ok()?;
    Some(by_name(url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned()))))
}

/// Pairs as an object; a name that comes more than once has the list of its values.
pub(crate) fn by_name(pairs: impl Iterator<Item = (String, String)>) -> Value {
    let mut fields = Map::new();
    for (name, value) in pairs {
        let value = Value::String(value);
        match fields.get_mut(&name) {
            None => drop(fields.insert(name, value)),
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::from(vec![first.take(), value]),
        }
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn matches(pattern: &Value, value: &Value) -> bool {
        mismatches(pattern, Some(value)).is_empty()
    }

    #[test]
    fn an_object_may_have_more_than_the_pattern_but_not_less() {
        assert!(matches(&json!({"a": 1}), &json!({"a": 1, "b": 2})));
        assert!(!matches(&json!({"a": 1, "b": 2}), &json!({"a": 1})));
        assert!(!matches(&json!({}), &json!([])));
    }

    #[test]
    fn a_list_has_exactly_the_items_of_the_pattern() {
        assert!(matches(&json!([1, {"a": 2}]), &json!([1, {"a": 2, "b": 3}])));
        assert!(!matches(&json!([1]), &json!([1, 2])));
        assert!(!matches(&json!([]), &json!([1])));
    }

    #[test]
    fn every_matcher_accepts_what_it_names_and_refuses_the_rest() {
        let table = [
            (json!({"$any": true}), json!(0), json!(null)),
            (json!({"$absent": true}), json!(null), json!(0)),
            (json!({"$regex": "^a.c$"}), json!("abc"), json!("abcd")),
            (json!({"$contains": "b"}), json!("abc"), json!("ac")),
            (json!({"$type": "integer"}), json!(3), json!(3.5)),
            (json!({"$type": "number"}), json!(3.5), json!("3.5")),
            (json!({"$between": [1, 2]}), json!(1.5), json!(2.5)),
            (json!({"$length": 2}), json!("ab"), json!("abc")),
            (json!({"$not": 1}), json!(2), json!(1)),
            (json!({"$one_of": [1, 2]}), json!(2), json!(3)),
            (json!({"$includes": [{"a": 1}]}), json!([0, {"a": 1}]), json!([{"a": 2}])),
            (
                json!({"$query": {"a": "1", "b": ["2", "3"]}}),
                json!("http://h/?a=1&b=2&b=3"),
                json!("http://h/?a=1"),
            ),
        ];
        for (pattern, yes, no) in table {
            assert_eq!(check(&pattern), Ok(()), "{pattern}");
            assert!(matches(&pattern, &yes), "{pattern} should match {yes}");
            assert!(!matches(&pattern, &no), "{pattern} should not match {no}");
        }
    }

    #[test]
    fn a_misspelt_or_misused_matcher_is_refused_before_the_case_runs() {
        for pattern in [
            json!({"$anything": true}),
            json!({"$regex": "("}),
            json!({"$type": "text"}),
            json!({"$between": [1]}),
            json!({"$any": true, "b": 1}),
            json!([{"a": {"$includes": 1}}]),
        ] {
            assert!(check(&pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn a_mismatch_names_the_place() {
        let found = mismatches(&json!({"a": [{"b": 1}]}), Some(&json!({"a": [{"b": 2}]})));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].at, "a[0].b");
        assert_eq!((found[0].expected.as_str(), found[0].got.as_str()), ("1", "2"));
    }
}
