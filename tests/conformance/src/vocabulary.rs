//! What a step can do: the commands that go to the testee, and the things the runner does around it.

/// Who carries a step out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Actor {
    /// The testee: the step's arguments are sent to it as they stand.
    Testee,
    /// The runner: at the provider, in files, or by several commands to the testee.
    Runner,
}

/// One word after `do`.
#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) name: &'static str,
    pub(crate) actor: Actor,
    pub(crate) required: &'static [&'static str],
    pub(crate) optional: &'static [&'static str],
}

/// Keys that any step may have.
pub(crate) const COMMON: &[&str] =
    &["do", "client", "save", "expect", "expect_error", "within", "limit", "token_requests"];

const fn testee(
    name: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
) -> Action {
    Action { name, actor: Actor::Testee, required, optional }
}

const fn runner(
    name: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
) -> Action {
    Action { name, actor: Actor::Runner, required, optional }
}

const ACTIONS: &[Action] = &[
    testee("begin", &["subject"], &["options"]),
    testee("finish", &["callback"], &["options"]),
    testee("access_token", &["subject"], &["slot", "options"]),
    testee("cached", &["subject"], &["slot"]),
    testee("headers", &["subject", "method", "url"], &["slot", "options"]),
    testee("request", &["subject", "request"], &["slot", "body_base64"]),
    testee("refresh", &["subject"], &["slot", "options"]),
    testee("revoke", &["subject"], &["slot", "options"]),
    testee("forget", &["subject"], &["slot"]),
    testee("inspect", &["subject"], &["slot"]),
    testee("begin_device", &["subject"], &["options"]),
    testee("poll_device", &["state"], &[]),
    testee("check", &["subject"], &["options"]),
    testee("userinfo", &["subject"], &["slot"]),
    testee("introspect", &["subject"], &["slot", "options"]),
    testee("token_response", &["subject"], &["slot"]),
    testee("missing_scope", &["subject"], &["slot", "scope"]),
    testee("put", &["subject", "tokens"], &[]),
    testee("list", &[], &[]),
    testee("due", &[], &["options"]),
    testee("refresh_due", &[], &["options"]),
    testee("close", &[], &[]),
    testee("events", &[], &[]),
    testee("store_calls", &[], &[]),
    testee("parallel", &["commands"], &[]),
    runner("open", &[], &["config", "without", "store"]),
    runner("login", &["subject"], &["options", "finish", "user"]),
    runner("clock", &[], &["advance", "advance_client", "advance_provider"]),
    runner("await_event", &["event"], &["subject"]),
    runner("await_requests", &["path", "count"], &[]),
    runner("restart", &[], &["kill"]),
    runner("sandbox.consent", &["url"], &["user", "deny"]),
    runner("sandbox.device", &["user_code"], &["user", "deny"]),
    runner("sandbox.fault", &["on", "kind"], FAULT_OPTIONS),
    runner("sandbox.clear_faults", &[], &[]),
    runner("sandbox.options", &["change"], &[]),
    runner("sandbox.id_token", &[], &["header", "claims", "signature", "at_refresh"]),
    runner("sandbox.rotate_signing_key", &[], &[]),
    runner("sandbox.revoke", &["user"], &[]),
    runner("sandbox.expire_access", &["user"], &[]),
    runner("file.write", &["path"], &["text", "base64"]),
    runner("file.mode", &["path"], &["set"]),
    runner("file.hash", &["path"], &[]),
    runner("sqlite.execute", &["path", "sql"], &[]),
    runner("sqlite.query", &["path", "sql"], &[]),
    runner("sqlite.lock", &["path"], &[]),
    runner("sqlite.unlock", &[], &[]),
];

const FAULT_OPTIONS: &[&str] =
    &["times", "skip", "milliseconds", "status", "headers", "body", "content_type", "after"];

/// The action of this name.
pub(crate) fn action(name: &str) -> Result<&'static Action, String> {
    ACTIONS.iter().find(|action| action.name == name).ok_or_else(|| {
        let known: Vec<_> = ACTIONS.iter().map(|action| action.name).collect();
        format!("do = {name:?} is unknown; expected one of {}", known.join(", "))
    })
}

impl Action {
    /// Whether `key` is an argument of this action.
    pub(crate) fn takes(&self, key: &str) -> bool {
        self.required.contains(&key) || self.optional.contains(&key)
    }

    /// Every key that a step with this action may have.
    pub(crate) fn keys(&self) -> String {
        let keys: Vec<_> = [self.required, self.optional, COMMON].concat();
        keys.join(", ")
    }
}

/// Where the reply to a command rightly carries a token, or an echo of what was sent, as paths; `*` is any item of a
/// list. The state of OAuth 1 is the
/// identifier of the temporary credentials, which is in the authorization URL too.
pub(crate) fn carries_secrets(command: &str) -> &'static [&'static [&'static str]] {
    match command {
        "access_token" => &[&["token"]],
        "headers" => &[&["*", "1"]],
        "begin" => &[&["url"], &["state"]],
        "check" => &[&["start", "url"], &["start", "state"]],
        "token_response" => &[&["id_token"]],
        "request" => &[&["body_base64"], &["body"], &["json"]],
        _ => &[],
    }
}
