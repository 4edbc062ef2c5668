//! `evergrant call`: one API request on a user's behalf.

use crate::arguments::{Body, Call};
use crate::clients::Clients;
use crate::grants::with_grant;
use crate::output::{Output, write};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use evergrant::{ApiRequest, ApiResponse, Code, Error, Result, wait};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Read;
use std::process::ExitCode;

pub(crate) fn call(clients: &Clients, output: &Output, call: &Call) -> Result<ExitCode> {
    let request = request(call)?;
    let response = with_grant(clients, &call.grant, |grant| wait(grant.request(request)))?;
    if output.is_json() {
        output.result(&as_json(&response), String::new)?;
    } else {
        if call.include {
            write(head(&response).as_bytes())?;
        }
        write(&response.body)?;
    }
    let failed = call.fail && response.status >= 400;
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn request(call: &Call) -> Result<ApiRequest> {
    let Body { data, form, document } = &call.body;
    Ok(ApiRequest {
        method: call.method.clone(),
        url: call.url.clone(),
        query: call.query.clone(),
        form: (!form.is_empty()).then(|| form.clone()),
        json: document.as_deref().map(json_value).transpose()?,
        body: data.as_deref().map(bytes).transpose()?,
        headers: call.headers.clone(),
        timeout: call.timeout,
        ..ApiRequest::default()
    })
}

fn json_value(argument: &str) -> Result<Value> {
    serde_json::from_slice(&bytes(argument)?).map_err(|error| {
        Error::new(Code::InvalidArgument, format!("--json-body: not JSON ({error})"))
    })
}

/// The bytes that an argument stands for: a file's for `@FILE`, standard input for `@-`, else its own.
pub(crate) fn bytes(argument: &str) -> Result<Vec<u8>> {
    let read = match argument.strip_prefix('@') {
        None => return Ok(argument.as_bytes().to_vec()),
        Some("-") => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
        }
        Some(path) => std::fs::read(path),
    };
    read.map_err(|error| Error::new(Code::InvalidArgument, format!("{argument}: {error}")))
}

/// Status and headers, as HTTP/1.1 writes them.
fn head(response: &ApiResponse) -> String {
    let mut head = format!("HTTP {}\n", response.status);
    for (name, value) in &response.headers {
        let _ = writeln!(head, "{name}: {value}");
    }
    head.push('\n');
    head
}

fn as_json(response: &ApiResponse) -> Value {
    let mut value = serde_json::to_value(response).expect("an answer is plain data");
    match std::str::from_utf8(&response.body) {
        Ok(text) => value["body"] = json!(text),
        Err(_) => value["body_base64"] = json!(STANDARD.encode(&response.body)),
    }
    value
}
