//! Asks a server that others wrote for one thing after another, in Rust: reads one JSON command a line, writes one JSON reply
//! a line, `{"ok": …}` or `{"error": …}`. The first command opens the client, or registers one.

// A test program may die, and the test shows how. It tells by printing.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use evergrant::{Client, Config, Result, options_from_json, register, wait};
use serde_json::{Value, json};

fn main() {
    let mut client = None;
    for line in std::io::stdin().lines() {
        let command: Value = line.unwrap().parse().unwrap();
        match answer(&mut client, &command) {
            Ok(value) => println!("{}", json!({ "ok": value })),
            Err(error) => println!("{}", json!({ "error": error.to_json() })),
        }
    }
}

fn answer(client: &mut Option<Client>, command: &Value) -> Result<Value> {
    let text = |name: &str| command[name].as_str().unwrap_or_default();
    let options = match &command["options"] {
        Value::Null => "{}".to_owned(),
        options => options.to_string(),
    };
    if text("do") == "register" {
        return Ok(json(&wait(register(options_from_json(&options)?))?));
    }
    if text("do") == "open" {
        *client = Some(Client::open(Config::from_json(&command["config"].to_string())?)?);
        return Ok(Value::Null);
    }
    let client = client.as_ref().unwrap();
    let grant = client.grant("alice");
    Ok(match text("do") {
        "begin" => json(&wait(client.begin("alice", options_from_json(&options)?))?),
        "finish" => json(&wait(client.finish(text("callback"), options_from_json(&options)?))?),
        "begin_device" => json(&wait(client.begin_device("alice", options_from_json(&options)?))?),
        "poll_device" => json(&wait(client.poll_device(text("state")))?),
        "wait_device" => json(&wait(client.wait_device(text("state"), Some(30.0)))?),
        "access_token" => {
            json!(wait(grant.access_token(options_from_json(&options)?))?.token.expose())
        }
        "refresh" => json(&wait(grant.refresh(options_from_json(&options)?))?),
        other => panic!("{other:?} is no command"),
    })
}

fn json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap()
}
