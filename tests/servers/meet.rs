//! Meets a server that others wrote, in Rust; the steps are told in README.md.

// A test program may die, and the test shows how. It tells by printing.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use evergrant::{
    BeginOptions, Client, Config, DeviceOptions, FinishOptions, Grant, RefreshOptions,
};
use evergrant::{Result, options_from_json, wait};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const BETWEEN_CALLS: Duration = Duration::from_millis(100);

fn main() -> Result<()> {
    let meeting: Value = std::env::args().nth(1).unwrap().parse().unwrap();
    let client = Client::open(Config::from_json(&meeting["config"].to_string())?)?;
    meet(&client, &meeting)?;
    wait(client.close());
    Ok(())
}

fn meet(client: &Client, meeting: &Value) -> Result<()> {
    let subject = meeting["subject"].as_str().unwrap();
    if meeting["consent"] == true {
        consent(client, subject)?;
    } else if meeting["consent"] == "device" {
        connect(client, subject)?;
    }
    let grant = client.grant(subject);
    let end = Instant::now() + Duration::from_secs_f64(meeting["seconds"].as_f64().unwrap());
    call(&grant, &meeting["request"])?;
    while Instant::now() < end {
        std::thread::sleep(BETWEEN_CALLS);
        call(&grant, &meeting["request"])?;
    }
    if meeting["force"] == true {
        let options = RefreshOptions { force: true, ..RefreshOptions::default() };
        tell(&json!({ "generation": wait(grant.refresh(options))?.generation }));
        call(&grant, &meeting["request"])?;
    }
    Ok(())
}

fn consent(client: &Client, subject: &str) -> Result<()> {
    tell(&json!({ "url": wait(client.begin(subject, BeginOptions::default()))?.url }));
    let callback = std::io::stdin().lines().next().unwrap().unwrap();
    let finished = wait(client.finish(&callback, FinishOptions::default()))?;
    tell(&json!({ "generation": finished.generation }));
    Ok(())
}

fn connect(client: &Client, subject: &str) -> Result<()> {
    let start = wait(client.begin_device(subject, DeviceOptions::default()))?;
    tell(&json!({ "url": start.verification_uri_complete }));
    tell(&json!({ "generation": wait(client.wait_device(&start.state, None))?.generation }));
    Ok(())
}

fn call(grant: &Grant, request: &Value) -> Result<()> {
    let answer = wait(grant.request(options_from_json(&request.to_string())?))?;
    tell(&json!({ "status": answer.status, "body": String::from_utf8(answer.body).unwrap() }));
    Ok(())
}

fn tell(happened: &Value) {
    println!("{happened}");
}
