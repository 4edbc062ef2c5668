//! The device authorization grant (RFC 8628): codes for a device, and the page where a user types one. As strict as the
//! standard allows: who polls too soon is told to slow down, from then on by five seconds more.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::clock::{Millis, millis};
use crate::consent::{self, Choice, Decision};
use crate::grants::{Protocol, random_token};
use crate::http::{Answer, Parameters, Request};
use crate::journal::JournalEntry;
use crate::oauth2::{self, Client, Error};
use crate::state::State;

/// The letters of user codes: no vowels, which make words, and none that looks like another (section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// By how much `slow_down` makes the interval longer (section 3.5).
const SLOWER: Millis = 5000;

/// The device codes of one sandbox, by the code.
#[derive(Default)]
pub(crate) struct Devices(HashMap<String, Device>);

struct Device {
    number: usize,
    user_code: String,
    client: &'static str,
    scope: String,
    expires: Millis,
    interval: Millis,
    polled: Option<Millis>,
    answer: Option<Decision>,
    /// It brought its tokens.
    used: bool,
}

impl Devices {
    /// The name that stands for a device code in the journal.
    pub(crate) fn alias(&self, code: &str) -> Option<String> {
        self.0.get(code).map(|device| format!("device#{}", device.number))
    }

    fn by_user_code(&mut self, user_code: &str) -> Option<&mut Device> {
        let typed = letters(user_code);
        self.0.values_mut().find(|device| letters(&device.user_code) == typed)
    }
}

/// A user code without what people leave out or add, in capitals (section 6.1).
fn letters(user_code: &str) -> String {
    user_code.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_uppercase()).collect()
}

fn new_user_code() -> String {
    let mut random = [0; 8];
    getrandom::fill(&mut random).expect("the operating system gives random bytes");
    let letter = |byte: &u8| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]);
    let (first, second) = random.split_at(4);
    let part = |bytes: &[u8]| bytes.iter().map(letter).collect::<String>();
    format!("{}-{}", part(first), part(second))
}

/// The device authorization endpoint (section 3.1).
pub(crate) fn authorize(state: &mut State, request: &Request, entry: &mut JournalEntry) -> Answer {
    if request.method != "POST" {
        return Answer::method_not_allowed("POST");
    }
    match begin(state, request, entry) {
        Ok(codes) => Answer::json(200, &codes).not_stored(),
        Err(error) => error.answer(),
    }
}

fn begin(state: &mut State, request: &Request, entry: &mut JournalEntry) -> Result<Value, Error> {
    let parameters = oauth2::form_parameters(request)?;
    let client = oauth2::authenticate_client(request, &parameters, entry)?;
    let (lifetime, interval) = (state.options.device_code_lifetime, state.options.device_interval);
    let (code, user_code) = (random_token("device"), new_user_code());
    let device = Device {
        number: state.devices.0.len() + 1,
        user_code: user_code.clone(),
        client: client.id,
        scope: parameters.get("scope").unwrap_or_default().to_owned(),
        expires: state.clock.now() + millis(lifetime),
        interval: millis(interval),
        polled: None,
        answer: None,
        used: false,
    };
    state.devices.0.insert(code.clone(), device);
    let page = format!("{}/oauth2/device", state.issuer);
    Ok(json!({
        "device_code": code,
        "verification_uri_complete": format!("{page}?user_code={user_code}"),
        "verification_uri": page,
        "user_code": user_code,
        "expires_in": lifetime.as_secs(),
        "interval": interval.as_secs(),
    }))
}

/// The page of the verification URI, and its form.
pub(crate) fn page(state: &mut State, request: &Request, entry: &mut JournalEntry) -> Answer {
    if !matches!(request.method.as_str(), "GET" | "POST") {
        return Answer::method_not_allowed("GET, POST");
    }
    put_to_user(state, request, entry).unwrap_or_else(|problem| consent::error_page(&problem))
}

fn put_to_user(
    state: &mut State,
    request: &Request,
    entry: &mut JournalEntry,
) -> Result<Answer, String> {
    let (pairs, decision) = consent::read(request)?;
    let parameters = Parameters::unique(pairs).map_err(|name| format!("{name} came twice."))?;
    let Some(user_code) = parameters.get("user_code") else { return Ok(consent::user_code_page()) };
    let now = state.clock.now();
    let device = waiting(&mut state.devices, user_code, now)?;
    entry.client = Some(device.client.to_owned());
    let Some(decision) = decision else {
        return Ok(consent::page(device.client, &device.scope, "your device", None));
    };
    if let Decision::Allow { user } = &decision {
        entry.user = Some(user.clone());
    }
    device.answer = Some(decision);
    Ok(consent::device_page())
}

fn waiting<'a>(
    devices: &'a mut Devices,
    user_code: &str,
    now: Millis,
) -> Result<&'a mut Device, String> {
    let is_waiting = |device: &&mut Device| device.answer.is_none() && now < device.expires;
    let device = devices.by_user_code(user_code).filter(is_waiting);
    device.ok_or_else(|| "No device waits for this code.".to_owned())
}

/// The user types the code of a device and decides, past the faults.
pub(crate) fn decide(
    state: &mut State,
    user_code: &str,
    user: &str,
    choice: Choice,
) -> Result<(), String> {
    let now = state.clock.now();
    let device = waiting(&mut state.devices, user_code, now)?;
    device.answer = Some(match choice {
        Choice::Allow => Decision::Allow { user: user.to_owned() },
        Choice::Deny => Decision::Deny,
    });
    Ok(())
}

/// A poll at the token endpoint (sections 3.4 and 3.5).
pub(crate) fn poll(
    state: &mut State,
    client: &Client,
    parameters: &Parameters,
    key: Option<String>,
    entry: &mut JournalEntry,
) -> Result<Value, Error> {
    let now = state.clock.now();
    let code = oauth2::required(parameters, "device_code")?;
    let device =
        state.devices.0.get_mut(code).filter(|device| device.client == client.id).ok_or_else(
            || Error::new("invalid_grant", "this device code was not issued to this client"),
        )?;
    if device.used {
        entry.reuse = true;
        return Err(Error::new("invalid_grant", "this device code was used before"));
    }
    if now >= device.expires {
        return Err(Error::new("expired_token", "this device code has expired"));
    }
    let earlier = device.polled.replace(now);
    if earlier.is_some_and(|earlier| now < earlier + device.interval) {
        device.interval += SLOWER;
        return Err(Error::new("slow_down", "the interval is not over"));
    }
    let user = match &device.answer {
        None => return Err(Error::new("authorization_pending", "the user has not answered yet")),
        Some(Decision::Deny) => return Err(Error::new("access_denied", "the user said no")),
        Some(Decision::Allow { user }) => user.clone(),
    };
    device.used = true;
    let scope = device.scope.clone();
    let family = state.grants.open(Some(user), client.id, Protocol::OAuth2, &scope, now);
    state.grants.family_mut(family).key = key;
    entry.concerns(state.grants.family(family));
    Ok(oauth2::first_tokens(state, family, &scope, None))
}
