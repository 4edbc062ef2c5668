//! The configuration that a case starts from, and how a case and a step change it.

use crate::case::Protocol;
use serde_json::Value;

const DEFAULTS: &str = include_str!("../defaults.toml");

/// The base configuration with the layers over it, tables key by key, and without the named keys (`a.b` inside a
/// table).
pub(crate) fn merged(
    protocol: Protocol,
    layers: impl IntoIterator<Item = Value>,
    without: &[String],
) -> Result<Value, String> {
    let defaults: Value =
        toml::from_str(DEFAULTS).map_err(|error| format!("defaults.toml: {error}"))?;
    let base = match protocol {
        Protocol::OAuth2 => "oauth2",
        Protocol::OAuth1 => "oauth1",
    };
    let mut config = layers.into_iter().fold(defaults[base].clone(), over);
    for key in without {
        remove(&mut config, key)
            .ok_or_else(|| format!("without: the configuration has no key {key:?}"))?;
    }
    Ok(config)
}

fn over(under: Value, layer: Value) -> Value {
    match (under, layer) {
        (Value::Object(mut fields), Value::Object(layer)) => {
            for (key, value) in layer {
                let before = fields.remove(&key).unwrap_or(Value::Null);
                fields.insert(key, over(before, value));
            }
            Value::Object(fields)
        }
        (_, layer) => layer,
    }
}

fn remove(config: &mut Value, key: &str) -> Option<Value> {
    match key.split_once('.') {
        Some((table, rest)) => remove(config.get_mut(table)?, rest),
        None => config.as_object_mut()?.remove(key),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_step_changes_one_key_of_a_table_and_replaces_anything_else() {
        let under = json!({"a": {"b": 1, "c": 2}, "d": [1]});
        let layer = json!({"a": {"c": 3}, "d": [2], "e": 4});
        assert_eq!(over(under, layer), json!({"a": {"b": 1, "c": 3}, "d": [2], "e": 4}));
    }

    #[test]
    fn a_key_can_be_taken_out_and_has_to_have_been_there() {
        let without = ["provider.token_endpoint".to_owned()];
        let config = merged(Protocol::OAuth2, [], &without).unwrap();
        assert!(config["provider"].get("token_endpoint").is_none());
        assert!(merged(Protocol::OAuth2, [], &["nothing".to_owned()]).is_err());
    }
}
