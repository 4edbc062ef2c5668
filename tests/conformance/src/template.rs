//! `{{name.field.0}}` inside the texts of a case stands for a saved value. A text that is nothing but one template
//! becomes the value itself, whatever its type; inside other text the value must be text, a number or a boolean.

use serde_json::{Map, Value};

/// Fills in every template inside `value` from `names`.
pub(crate) fn fill(value: &Value, names: &Map<String, Value>) -> Result<Value, String> {
    match value {
        Value::String(text) => fill_text(text, names),
        Value::Array(items) => items.iter().map(|item| fill(item, names)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, field)| Ok((key.clone(), fill(field, names)?)))
            .collect::<Result<Map<_, _>, String>>()
            .map(Value::Object),
        plain => Ok(plain.clone()),
    }
}

fn fill_text(text: &str, names: &Map<String, Value>) -> Result<Value, String> {
    if let Some(path) = text.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"))
        && !path.contains("}}")
    {
        return look_up(path, names).cloned();
    }
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let (path, behind) =
            after.split_once("}}").ok_or_else(|| format!("{text:?}: {{{{ without }}}}"))?;
        filled.push_str(before);
        match look_up(path, names)? {
            Value::String(value) => filled.push_str(value),
            value @ (Value::Number(_) | Value::Bool(_)) => filled.push_str(&value.to_string()),
            value => {
                return Err(format!(
                    "{{{{{path}}}}} inside text is {value}; expected text or a number"
                ));
            }
        }
        rest = behind;
    }
    filled.push_str(rest);
    Ok(Value::String(filled))
}

fn look_up<'a>(path: &str, names: &'a Map<String, Value>) -> Result<&'a Value, String> {
    let mut parts = path.trim().split('.');
    let first = parts.next().and_then(|name| names.get(name));
    parts
        .fold(first, |value, part| match value? {
            Value::Array(items) => items.get(part.parse::<usize>().ok()?),
            value => value.get(part),
        })
        .ok_or_else(|| format!("{{{{{path}}}}}: no such value; saved so far: {}", known(names)))
}

fn known(names: &Map<String, Value>) -> String {
    names.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn filled(value: &Value) -> Result<Value, String> {
        let names = json!({"start": {"url": "http://h/", "list": [1, 2]}});
        fill(value, names.as_object().expect("an object"))
    }

    #[test]
    fn a_text_that_is_one_template_becomes_the_value_itself() {
        assert_eq!(filled(&json!({"a": ["{{start.list}}"]})), Ok(json!({"a": [[1, 2]]})));
        assert_eq!(filled(&json!("{{start.list.1}}")), Ok(json!(2)));
    }

    #[test]
    fn inside_other_text_the_value_is_written_out() {
        assert_eq!(filled(&json!("{{start.url}}?n={{start.list.0}}")), Ok(json!("http://h/?n=1")));
    }

    #[test]
    fn a_name_that_nobody_saved_is_an_error_that_names_it() {
        assert!(filled(&json!("{{end.url}}")).unwrap_err().contains("end.url"));
        assert!(filled(&json!("x{{start.list}}")).unwrap_err().contains("start.list"));
        assert!(filled(&json!("x{{start")).is_err());
    }
}
