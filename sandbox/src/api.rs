//! The protected API: everything under `/api/` asks for a Bearer token, a DPoP token with a proof, or an OAuth 1.0a
//! signature.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::grants::FamilyId;
use crate::http::{Answer, Request};
use crate::journal::JournalEntry;
use crate::state::State;
use crate::{oauth1, oauth2};

/// The most that `/api/bytes` sends.
const MOST_BYTES: usize = 256 << 20;

/// On whose behalf the call is.
struct Caller {
    family: FamilyId,
    token_number: u64,
}

pub(crate) fn answer(state: &mut State, request: &Request, entry: &mut JournalEntry) -> Answer {
    let caller = match authenticate(state, request, entry) {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let rest = request.path.strip_prefix("/api/").unwrap_or_default();
    match rest.split_once('/').unwrap_or((rest, "")) {
        ("me", "") => me(state, &caller),
        ("echo", _) => echo(request),
        ("status", code) => status(code),
        ("bytes", count) => bytes(count),
        ("redirect", "") => redirect(request),
        ("slow", "") => slow(request),
        ("scope", "") => oauth2::bearer_error(403, "insufficient_scope", "this needs more scope"),
        _ => Answer::json(404, &json!({ "error": "not_found" })),
    }
}

fn authenticate(
    state: &mut State,
    request: &Request,
    entry: &mut JournalEntry,
) -> Result<Caller, Answer> {
    let (family, token_number) = if let Some(token) = request.credentials("Bearer") {
        oauth2::authenticate_bearer(state, token, entry)?
    } else if let Some(token) = request.credentials("DPoP") {
        oauth2::authenticate_bound(state, token, request, entry)?
    } else if oauth1::is_signed(request) {
        oauth1::authenticate(state, request, entry).map_err(|problem| problem.answer())?
    } else {
        let body = json!({ "error": "unauthorized" });
        return Err(Answer::json(401, &body)
            .header("www-authenticate", r#"Bearer realm="sandbox", OAuth realm="sandbox""#));
    };
    Ok(Caller { family, token_number })
}

fn me(state: &State, caller: &Caller) -> Answer {
    let family = state.grants.family(caller.family);
    Answer::json(
        200,
        &json!({
            "user": family.user,
            "client": family.client,
            "protocol": family.protocol,
            "token_number": caller.token_number,
        }),
    )
}

/// The request as it came, but for the credentials.
fn echo(request: &Request) -> Answer {
    let body = json!({
        "method": request.method,
        "path": request.path,
        "query": request.query_pairs(),
        "form": request.form_pairs(),
        "headers": headers(request),
        "json": serde_json::from_slice::<Value>(&request.body).ok(),
        "body_base64": STANDARD.encode(&request.body),
        "size": request.body.len(),
    });
    Answer::json(200, &body)
}

fn headers(request: &Request) -> Map<String, Value> {
    let mut headers = Map::new();
    for name in request.headers.keys() {
        let values = request.headers.get_all(name).iter();
        let text: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        headers.insert(name.as_str().to_owned(), text.join(", ").into());
    }
    if let Some((scheme, _)) = request.authorization() {
        headers.insert("authorization".to_owned(), format!("{scheme} [redacted]").into());
    }
    headers
}

fn status(code: &str) -> Answer {
    match code.parse() {
        Ok(401) => oauth2::bearer_error(401, "invalid_token", "as was asked for"),
        Ok(code @ (204 | 205 | 304)) => Answer::empty(code),
        Ok(code @ 200..=599) => Answer::json(code, &json!({ "status": code })),
        _ => bad_request("expected a status from 200 to 599"),
    }
}

fn bytes(count: &str) -> Answer {
    match count.parse() {
        Ok(count) if count <= MOST_BYTES => {
            let pattern = (0..=250u8).cycle().take(count).collect::<Vec<_>>();
            Answer::with_body(200, "application/octet-stream", pattern)
        }
        _ => bad_request("expected a number of bytes up to 256 MiB"),
    }
}

fn redirect(request: &Request) -> Answer {
    let status = query_value(request, "status").map_or(Ok(302), |text| text.parse());
    match (query_value(request, "to"), status) {
        (Some(to), Ok(status @ 300..=399)) => Answer::empty(status).header("location", to),
        _ => bad_request("expected to=URL and status=300 to 399"),
    }
}

fn slow(request: &Request) -> Answer {
    match query_value(request, "ms").and_then(|ms| ms.parse().ok()) {
        Some(ms) => {
            let answer = Answer::json(200, &json!({ "ms": ms }));
            Answer { delay: Duration::from_millis(ms), ..answer }
        }
        None => bad_request("expected ms=MILLISECONDS"),
    }
}

fn query_value(request: &Request, name: &str) -> Option<String> {
    request.query_pairs().into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

fn bad_request(expected: &str) -> Answer {
    Answer::json(400, &json!({ "error": "bad_request", "error_description": expected }))
}
