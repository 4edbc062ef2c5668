//! The sandbox as cases see it: started with the case's options, told what goes wrong, asked what it was sent.

use crate::matcher::by_name;
use crate::runner::{Consent, Device};
use evergrant_sandbox::{Choice, JournalEntry, Kind, Options, Sandbox};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::time::{Duration, UNIX_EPOCH};

pub(crate) struct Provider {
    sandbox: Sandbox,
}

impl Provider {
    pub(crate) fn start(options: Map<String, Value>) -> Result<Self, String> {
        let options: Options = read("sandbox", Value::Object(options))?;
        let sandbox = Sandbox::start(options).map_err(|error| format!("sandbox: {error}"))?;
        Ok(Provider { sandbox })
    }

    /// Base URL, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        self.sandbox.base_url()
    }

    /// The part of the URL after the last colon.
    pub(crate) fn port(&self) -> &str {
        self.url().rsplit(':').next().unwrap_or_default()
    }

    pub(crate) fn set_clock(&self, unix_millis: u64) {
        self.sandbox.set_clock(UNIX_EPOCH + Duration::from_millis(unix_millis));
    }

    pub(crate) fn advance_clock(&self, by: Duration) {
        self.sandbox.advance_clock(by);
    }

    /// Has the user decide; gives the callback URL.
    pub(crate) fn consent(&self, consent: &Consent) -> Result<Value, String> {
        let choice = if consent.deny { Choice::Deny } else { Choice::Allow };
        self.sandbox
            .consent(&consent.url, &consent.user, choice)
            .map(|url| json!({ "callback": url }))
    }

    /// Has the user of a device decide.
    pub(crate) fn decide_device(&self, device: &Device) -> Result<Value, String> {
        let choice = if device.deny { Choice::Deny } else { Choice::Allow };
        self.sandbox.decide_device(&device.user_code, &device.user, choice)?;
        Ok(Value::Null)
    }

    pub(crate) fn add_fault(&self, fault: Map<String, Value>) -> Result<Value, String> {
        self.sandbox.add_fault(read("fault", Value::Object(fault))?)?;
        Ok(Value::Null)
    }

    pub(crate) fn clear_faults(&self) -> Value {
        self.sandbox.clear_faults();
        Value::Null
    }

    /// Changes some options of the running sandbox.
    pub(crate) fn change_options(&self, change: Map<String, Value>) -> Result<Value, String> {
        let mut options =
            serde_json::to_value(self.sandbox.options()).expect("options are plain data");
        options.as_object_mut().expect("options are an object").extend(change);
        self.sandbox.set_options(read("change", options)?);
        Ok(Value::Null)
    }

    /// Has ID Tokens be odd from now on.
    pub(crate) fn set_id_token_habit(&self, habit: Map<String, Value>) -> Result<Value, String> {
        self.sandbox.set_id_token_habit(read("id_token", Value::Object(habit))?);
        Ok(Value::Null)
    }

    /// Has another key sign ID Tokens.
    pub(crate) fn rotate_signing_key(&self) -> Value {
        self.sandbox.rotate_signing_key();
        Value::Null
    }

    /// Ends a user's grants, as the user can in the settings of a provider; gives how many there were.
    pub(crate) fn revoke(&self, user: &str) -> Value {
        json!(self.sandbox.revoke_user(user))
    }

    /// Ends a user's access tokens; gives of how many grants.
    pub(crate) fn expire_access(&self, user: &str) -> Value {
        json!(self.sandbox.expire_access(user))
    }

    /// The requests of the testee: all but those that a browser makes.
    pub(crate) fn journal(&self) -> Vec<Value> {
        let journal = self.sandbox.journal();
        journal.iter().filter(|entry| entry.kind != Kind::Authorize).map(entry).collect()
    }
}

/// One request without what is of no meaning to a case; query and form as objects, with the names of the form in
/// their order beside it.
fn entry(entry: &JournalEntry) -> Value {
    let mut value = serde_json::to_value(entry).expect("a journal entry is plain data");
    let fields = value.as_object_mut().expect("a journal entry is an object");
    for key in ["number", "at_ms", "connection", "token_age"] {
        fields.remove(key);
    }
    let names = entry.form.iter().map(|(name, _)| name.as_str()).collect();
    fields.insert("form_names".to_owned(), names);
    // The sandbox notes what it acted on; a fault may have kept it from acting.
    let grant_type = entry.form.iter().find(|(name, _)| name == "grant_type");
    fields.insert("grant_type".to_owned(), grant_type.map(|(_, value)| value.as_str()).into());
    fields.insert("query".to_owned(), by_name(entry.query.iter().cloned()));
    fields.insert("form".to_owned(), by_name(entry.form.iter().cloned()));
    value
}

fn read<T: DeserializeOwned>(what: &str, value: Value) -> Result<T, String> {
    serde_path_to_error::deserialize(value).map_err(|error| format!("{what}: {error}"))
}
