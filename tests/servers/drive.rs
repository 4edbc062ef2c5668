//! Does with a client what it is told, a JSON object on each line of standard input, and tells on a line what came of it:
//! `{"do": "begin", "subject": "alice"}`. A failure is told as `{"error": {…}}`.

// A test program may die, and the test shows how. It tells by printing.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use evergrant::{Client, Config, Result, options_from_json, wait};
use serde_json::{Map, Value, json};

fn main() -> Result<()> {
    let config = std::env::args().nth(1).unwrap();
    let client = Client::open(Config::from_json(&config)?)?;
    for line in std::io::stdin().lines() {
        let mut step: Map<String, Value> = serde_json::from_str(&line.unwrap()).unwrap();
        let mut taken =
            |name| step.remove(name).and_then(|value| value.as_str().map(str::to_owned));
        let (operation, subject) = (taken("do").unwrap(), taken("subject").unwrap_or_default());
        let callback = taken("callback").unwrap_or_default();
        let options = Value::from(step).to_string();
        let done = match operation.as_str() {
            "finish" => finish(&client, &callback, &options),
            other => work(&client, other, &subject, &options),
        };
        println!("{}", done.unwrap_or_else(|error| json!({ "error": error.to_json() })));
    }
    wait(client.close());
    Ok(())
}

fn finish(client: &Client, callback: &str, options: &str) -> Result<Value> {
    told(wait(client.finish(callback, options_from_json(options)?)))
}

fn work(client: &Client, operation: &str, subject: &str, options: &str) -> Result<Value> {
    let grant = client.grant(subject);
    match operation {
        "begin" => told(wait(client.begin(subject, options_from_json(options)?))),
        "refresh" => told(wait(grant.refresh(options_from_json(options)?))),
        "inspect" => told(wait(grant.inspect())),
        "userinfo" => told(wait(grant.userinfo(options_from_json(options)?))),
        "introspect" => told(wait(grant.introspect(options_from_json(options)?))),
        "logout_url" => {
            let mut options: evergrant::LogoutOptions = options_from_json(options)?;
            options.subject = Some(subject.to_owned()).filter(|subject| !subject.is_empty());
            told(wait(client.logout_url(options)))
        }
        other => panic!("{other} is nothing that this program does"),
    }
}

fn told(done: Result<impl serde::Serialize>) -> Result<Value> {
    done.map(|value| serde_json::to_value(value).unwrap())
}
