//! What is said to the testee and what it replies: every word is kept for the transcript and the search for secrets.

use super::{PATIENCE, Run, Spoken, Stop, seconds};
use crate::case::Step;
use crate::vocabulary::carries_secrets;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Commands that are no part of the transcript: what they bring has its own place in it, or none.
const APART: [&str; 4] = ["events", "store_calls", "debug", "set_clock"];

impl Run<'_> {
    /// Sends one command of a step to the testee.
    pub(super) fn command(
        &mut self,
        step: &Step,
        name: &str,
        mut arguments: Map<String, Value>,
    ) -> Result<Value, Stop> {
        arguments.insert("do".to_owned(), json!(name));
        arguments.insert("client".to_owned(), json!(step.options.client));
        let limit = seconds(step.options.limit)?;
        self.send(&Value::Object(arguments), limit)
    }

    /// Sends one command and keeps what the testee said.
    pub(super) fn send(&mut self, command: &Value, limit: Duration) -> Result<Value, Stop> {
        let mut reply = self.process.command(command, limit)?;
        self.note(command, &mut reply)?;
        if command["do"].as_str().is_some_and(|name| !APART.contains(&name)) {
            self.transcript.replies.push(json!({ "do": command["do"], "reply": reply }));
        }
        Ok(reply)
    }

    /// Makes the client do something, whatever it says to that.
    pub(super) fn nudge(&mut self, client: &str) -> Result<(), Stop> {
        let command = json!({ "do": "list", "client": client });
        let mut reply = self.process.command(&command, PATIENCE)?;
        self.note(&command, &mut reply)
    }

    fn note(&mut self, command: &Value, reply: &mut Value) -> Result<(), Stop> {
        check_form(reply)?;
        if let (Some(commands), Some(replies)) =
            (command["commands"].as_array(), reply.get_mut("ok"))
        {
            return self.note_each(commands, replies);
        }
        let name = command["do"].as_str().unwrap_or_default();
        if let Some(subject) = command["subject"].as_str() {
            let client = command["client"].as_str().unwrap_or("main");
            self.subjects.insert((client.to_owned(), subject.to_owned()));
        }
        if let Some(result) = reply.get_mut("ok") {
            match name {
                "begin" => {
                    let url = result["url"].as_str().unwrap_or_default();
                    self.canaries.add_challenge_of(url);
                }
                "request" => decode_body(result),
                _ => {}
            }
        }
        for (part, exempt) in [("ok", carries_secrets(name)), ("error", &[])] {
            let place = format!("the reply to {name}");
            let spoken = reply.get(part).map(|text| Spoken { place, text: text.clone(), exempt });
            self.spoken.extend(spoken);
        }
        Ok(())
    }

    fn note_each(&mut self, commands: &[Value], replies: &mut Value) -> Result<(), Stop> {
        match replies.as_array_mut() {
            Some(replies) if replies.len() == commands.len() => commands
                .iter()
                .zip(replies)
                .try_for_each(|(command, reply)| self.note(command, reply)),
            _ => Err(Stop::Failed(format!("expected {} replies, got {replies}", commands.len()))),
        }
    }
}

fn check_form(reply: &Value) -> Result<(), Stop> {
    let has = |key: &str| reply.get(key).is_some();
    if has("ok") == has("error") || reply.as_object().is_none_or(|fields| fields.len() != 1) {
        let expected = "expected {\"ok\": …} or {\"error\": …}";
        return Err(Stop::Failed(format!("{expected}, got {reply}")));
    }
    Ok(())
}

/// Puts `json` or text in the place of `body_base64`, where the body is that.
fn decode_body(response: &mut Value) {
    let Some(fields) = response.as_object_mut() else { return };
    let body = fields
        .get("body_base64")
        .and_then(Value::as_str)
        .and_then(|text| STANDARD.decode(text).ok());
    let Some(body) = body.and_then(|bytes| String::from_utf8(bytes).ok()) else { return };
    fields.remove("body_base64");
    match serde_json::from_str::<Value>(&body) {
        Ok(json) => fields.insert("json".to_owned(), json),
        Err(_) => fields.insert("body".to_owned(), Value::String(body)),
    };
}
