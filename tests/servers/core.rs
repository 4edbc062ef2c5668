//! Does what it is told, in Rust: reads a JSON command a line, `{"do": "begin", "subject": "alice", "options": {…}}`, and writes
//! a JSON reply a line, `{"ok": …}` or `{"error": …}`. The first command opens the client, or registers one.

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
    if let Some(client) = client {
        wait(client.close());
    }
}

fn answer(client: &mut Option<Client>, command: &Value) -> Result<Value> {
    let options = match &command["options"] {
        Value::Null => String::new(),
        options => options.to_string(),
    };
    match command["do"].as_str().unwrap() {
        "register" => told(wait(register(options_from_json(&options)?))),
        "open" => {
            *client = Some(Client::open(Config::from_json(&command["config"].to_string())?)?);
            Ok(Value::Null)
        }
        operation => work(client.as_ref().unwrap(), operation, command, &options),
    }
}

fn work(client: &Client, operation: &str, command: &Value, options: &str) -> Result<Value> {
    let text = |name: &str| command[name].as_str().unwrap_or_default();
    let (subject, grant) = (text("subject"), client.grant(text("subject")));
    match operation {
        "begin" => told(wait(client.begin(subject, options_from_json(options)?))),
        "finish" => told(wait(client.finish(text("callback"), options_from_json(options)?))),
        "begin_device" => told(wait(client.begin_device(subject, options_from_json(options)?))),
        "poll_device" => told(wait(client.poll_device(text("state")))),
        "wait_device" => told(wait(client.wait_device(text("state"), Some(30.0)))),
        "logout_url" => told(wait(client.logout_url(options_from_json(options)?))),
        "access_token" => {
            let token = wait(grant.access_token(options_from_json(options)?))?;
            Ok(json!(token.token.expose()))
        }
        "refresh" => told(wait(grant.refresh(options_from_json(options)?))),
        "userinfo" => told(wait(grant.userinfo(options_from_json(options)?))),
        "introspect" => told(wait(grant.introspect(options_from_json(options)?))),
        other => panic!("{other:?} is no command"),
    }
}

fn told(done: Result<impl serde::Serialize>) -> Result<Value> {
    done.map(|value| serde_json::to_value(value).unwrap())
}
