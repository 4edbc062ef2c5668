//! Pushed authorization requests (RFC 9126): a client leaves its request here, and the browser brings a reference to it.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::clock::{Millis, millis};
use crate::grants::random_token;
use crate::http::{Answer, Pairs, Parameters, Request};
use crate::journal::JournalEntry;
use crate::oauth2::{self, Error};
use crate::state::State;

/// The requests of one sandbox, by their references.
#[derive(Default)]
pub(crate) struct PushedRequests(HashMap<String, Pushed>);

struct Pushed {
    client: &'static str,
    parameters: Pairs,
    expires: Millis,
}

/// The pushed authorization request endpoint (section 2).
pub(crate) fn push(state: &mut State, request: &Request, entry: &mut JournalEntry) -> Answer {
    if request.method != "POST" {
        return Answer::method_not_allowed("POST");
    }
    match keep(state, request, entry) {
        Ok(reference) => Answer::json(201, &reference).not_stored(),
        Err(error) => error.answer(),
    }
}

fn keep(state: &mut State, request: &Request, entry: &mut JournalEntry) -> Result<Value, Error> {
    let parameters = oauth2::form_parameters(request)?;
    let client = oauth2::authenticate_client(request, &parameters, entry)?;
    if parameters.get("request_uri").is_some() {
        return Err(Error::new("invalid_request", "a pushed request refers to no other"));
    }
    oauth2::check_authorization_request(&parameters, client)?;
    let lifetime = state.options.authorization_code_lifetime;
    let reference = format!("urn:ietf:params:oauth:request_uri:{}", random_token("request"));
    let mut parameters = request.form_pairs();
    parameters.retain(|(name, _)| name != "client_secret");
    let expires = state.clock.now() + millis(lifetime);
    state.pushed.0.insert(reference.clone(), Pushed { client: client.id, parameters, expires });
    Ok(json!({ "request_uri": reference, "expires_in": lifetime.as_secs() }))
}

/// The request that the browser brings, or refers to (section 4).
///
/// # Errors
/// What the user is told.
pub(crate) fn resolved(state: &State, brought: Pairs) -> Result<Pairs, String> {
    let parameters =
        Parameters::unique(brought.clone()).map_err(|name| format!("{name} came twice."))?;
    let Some(reference) = parameters.get("request_uri") else {
        if state.options.require_pushed_authorization_requests {
            return Err("This provider takes pushed authorization requests alone.".to_owned());
        }
        return Ok(brought);
    };
    let now = state.clock.now();
    let is_its_own = |pushed: &&Pushed| {
        parameters.get("client_id") == Some(pushed.client) && now < pushed.expires
    };
    let pushed = state.pushed.0.get(reference).filter(is_its_own);
    pushed
        .map(|pushed| pushed.parameters.clone())
        .ok_or_else(|| "request_uri is not of this client, or has expired.".to_owned())
}
