//! The fault switchboard: what goes wrong, where, and how often.

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use crate::http::Answer;
use crate::journal::Kind;

/// One thing that shall go wrong.
///
/// A request meets the faults in the order they were added; each that names its kind of request
/// first lets `skip` of them pass, and the first that lets none pass takes the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which requests it meets.
    pub on: Target,
    /// What it does to them.
    pub kind: FaultKind,
    /// How many requests it meets; 0 is all until the faults are cleared.
    #[serde(default = "once")]
    pub times: u32,
    /// How many requests it lets pass first.
    #[serde(default)]
    pub skip: u32,
    /// The length of a delay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u64>,
    /// The status instead of the real one; 503 for a `status` fault without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Headers added to the answer, each in place of one of the same name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body instead of the real one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The content type instead of the real one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Whether the request has its effect before a `delay`, `status` or `body` fault strikes. The
    /// others leave no choice: `drop_before` is before, `drop_after`, `truncate` and `content_type`
    /// are after.
    #[serde(default)]
    pub after: bool,
}

/// Which requests a fault meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The OAuth 2 token endpoint.
    Token,
    /// The protected API.
    Api,
    /// Either authorization endpoint.
    Authorize,
    /// The OAuth 2 revocation endpoint.
    Revoke,
    /// The OAuth 2 introspection endpoint.
    Introspect,
    /// The keys that verify ID Tokens.
    Keys,
    /// The userinfo endpoint.
    Userinfo,
    /// The device authorization endpoint.
    DeviceAuthorization,
    /// Both discovery documents.
    Discovery,
    /// The OAuth 1.0a temporary credential request.
    RequestToken,
    /// The OAuth 1.0a token request.
    AccessToken,
    /// Every request but those to the control.
    Any,
}

/// What a fault does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Answers late, by `milliseconds`.
    Delay,
    /// Answers with `status`, `headers`, `body` and `content_type`.
    Status,
    /// Closes the connection without an answer; the request had no effect.
    DropBefore,
    /// Closes the connection without an answer; the request had its effect.
    DropAfter,
    /// Announces the whole body, sends half of it and closes the connection.
    Truncate,
    /// The real answer under another `content_type` (`text/html` if none is given).
    ContentType,
    /// Answers 200 (or the real status with `after`, or `status`) with `body`.
    Body,
}

fn once() -> u32 {
    1
}

impl Fault {
    /// A fault that meets one request; set the other fields as needed.
    #[must_use]
    pub fn new(on: Target, kind: FaultKind) -> Self {
        Self {
            on,
            kind,
            times: once(),
            skip: 0,
            milliseconds: None,
            status: None,
            headers: BTreeMap::new(),
            body: None,
            content_type: None,
            after: false,
        }
    }

    /// # Errors
    /// What this kind of fault needs and does not have, or has out of range.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.kind == FaultKind::Delay && self.milliseconds.is_none() {
            return Err("milliseconds: a delay needs it".to_owned());
        }
        if self.kind == FaultKind::Body && self.body.is_none() {
            return Err("body: a body fault needs it".to_owned());
        }
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value));
        let content_type = self.content_type.iter().map(|value| ("content-type", value));
        for (name, value) in headers.chain(content_type) {
            HeaderName::try_from(name).map_err(|error| format!("headers: {name}: {error}"))?;
            HeaderValue::try_from(value).map_err(|error| format!("headers: {name}: {error}"))?;
        }
        match self.status {
            Some(status) if !(200..=599).contains(&status) => {
                Err(format!("status: expected 200 to 599, got {status}"))
            }
            _ => Ok(()),
        }
    }

    /// Whether the request has its effect all the same.
    pub(crate) fn lets_process(&self) -> bool {
        match self.kind {
            FaultKind::DropBefore => false,
            FaultKind::Status | FaultKind::Body => self.after,
            FaultKind::Delay
            | FaultKind::DropAfter
            | FaultKind::Truncate
            | FaultKind::ContentType => true,
        }
    }

    pub(crate) fn drops(&self) -> bool {
        matches!(self.kind, FaultKind::DropBefore | FaultKind::DropAfter)
    }

    pub(crate) fn delay_before(&self) -> Duration {
        if self.after { Duration::ZERO } else { self.delay() }
    }

    pub(crate) fn delay_after(&self) -> Duration {
        if self.after { self.delay() } else { Duration::ZERO }
    }

    fn delay(&self) -> Duration {
        match self.kind {
            FaultKind::Delay => Duration::from_millis(self.milliseconds.unwrap_or_default()),
            _ => Duration::ZERO,
        }
    }

    /// What goes out instead of the real answer, if there was one.
    pub(crate) fn alter(&self, real: Option<Answer>) -> Answer {
        let mut answer = match self.kind {
            FaultKind::Status => Answer::empty(503),
            FaultKind::ContentType => {
                real.unwrap_or_else(|| Answer::empty(200)).header("content-type", "text/html")
            }
            _ => real.unwrap_or_else(|| Answer::empty(200)),
        };
        answer.status = self.status.unwrap_or(answer.status);
        if let Some(body) = &self.body {
            answer.body = body.clone().into();
        }
        if let Some(content_type) = &self.content_type {
            answer = answer.header("content-type", content_type);
        }
        for (name, value) in &self.headers {
            answer = answer.header(name.clone(), value);
        }
        answer
    }
}

impl Target {
    fn meets(self, kind: Kind) -> bool {
        match self {
            Self::Any => true,
            Self::Token => kind == Kind::Token,
            Self::Api => kind == Kind::Api,
            Self::Authorize => kind == Kind::Authorize,
            Self::Revoke => kind == Kind::Revoke,
            Self::Introspect => kind == Kind::Introspect,
            Self::Keys => kind == Kind::Keys,
            Self::Userinfo => kind == Kind::Userinfo,
            Self::DeviceAuthorization => kind == Kind::DeviceAuthorization,
            Self::Discovery => kind == Kind::Discovery,
            Self::RequestToken => kind == Kind::RequestToken,
            Self::AccessToken => kind == Kind::AccessToken,
        }
    }
}

/// The faults that still stand.
#[derive(Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    pub(crate) fn clear(&mut self) -> usize {
        std::mem::take(&mut self.0).len()
    }

    pub(crate) fn standing(&self) -> &[Fault] {
        &self.0
    }

    /// The fault that meets this request, counted off.
    pub(crate) fn take(&mut self, kind: Kind) -> Option<Fault> {
        let index = self.0.iter_mut().position(|fault| {
            if !fault.on.meets(kind) {
                return false;
            }
            let passes = fault.skip > 0;
            fault.skip = fault.skip.saturating_sub(1);
            !passes
        })?;
        let fault = self.0[index].clone();
        match fault.times {
            0 => {}
            1 => drop(self.0.remove(index)),
            _ => self.0[index].times -= 1,
        }
        Some(fault)
    }
}
