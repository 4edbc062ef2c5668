//! What is done with a grant. Its handle is `subject` and `slot`; a `slot` that is NULL is the subject's ordinary grant.

use crate::border::{call, give, handle, optional_bytes, optional_text, options, place, text};
use crate::client::{ClientHandle, ask};
use crate::error::ErrorHandle;
use crate::results::{HeadersHandle, ResponseHandle, TextHandle, TokenHandle};
use crate::status::Status;
use evergrant::{ApiRequest, Grant, Result, Scopes, options_from_json};
use std::ffi::c_char;
use std::ptr;

unsafe fn grant(
    client: &ClientHandle,
    subject: *const c_char,
    slot: *const c_char,
) -> Result<Grant> {
    // SAFETY: passed on from the caller.
    let (subject, slot) = unsafe { (text(subject, "subject")?, optional_text(slot, "slot")?) };
    Ok(client.core().grant_slot(subject, slot.unwrap_or_default()))
}

/// Gets a token that may be used now, refreshed where it is due. `slot` may be NULL, which is the subject's ordinary
/// grant. `options_json` may be NULL; its keys are `min_valid`, `timeout` (seconds), and `resource` (RFC 8707) and `scope`
/// (fewer than were granted), which name another access token of the same grant.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_access_token(
    client: *const ClientHandle,
    subject: *const c_char,
    slot: *const c_char,
    options_json: *const c_char,
    token: *mut *mut TokenHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let body = || {
        // SAFETY: passed on from the caller.
        let (client, output) = unsafe { (handle(client, "client")?, place(token, "token")?) };
        // SAFETY: passed on from the caller.
        let (grant, options) =
            unsafe { (grant(client, subject, slot)?, options(options_json, "options_json")?) };
        let token = client.wait(async move { grant.access_token(options).await })?;
        give(output, TokenHandle::new(&token));
        Ok(())
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, body) }
}

/// Gets the fresh token that this process has in memory, without waiting for anything; `*token` is NULL when there is
/// none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_cached_access_token(
    client: *const ClientHandle,
    subject: *const c_char,
    slot: *const c_char,
    token: *mut *mut TokenHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let body = || {
        // SAFETY: passed on from the caller.
        let (client, output) = unsafe { (handle(client, "client")?, place(token, "token")?) };
        // SAFETY: passed on from the caller.
        match unsafe { grant(client, subject, slot) }?.cached_access_token() {
            Some(token) => give(output, TokenHandle::new(&token)),
            None => *output = ptr::null_mut(),
        }
        Ok(())
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, body) }
}

/// Gets the headers that authorize one request, to be sent with any HTTP client. `options_json` may be NULL; its keys are
/// `form` (parameters of the body that an OAuth 1.0a signature covers), `refused` (the `Authorization` value that met a 401),
/// `challenge` (what came with it), `resource`, `scope`, `timeout`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_headers(
    client: *const ClientHandle,
    subject: *const c_char,
    slot: *const c_char,
    method: *const c_char,
    url: *const c_char,
    options_json: *const c_char,
    headers: *mut *mut HeadersHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let body = || {
        // SAFETY: passed on from the caller.
        let (client, output) = unsafe { (handle(client, "client")?, place(headers, "headers")?) };
        // SAFETY: passed on from the caller.
        let (grant, options) =
            unsafe { (grant(client, subject, slot)?, options(options_json, "options_json")?) };
        // SAFETY: passed on from the caller.
        let (method, url) =
            unsafe { (text(method, "method")?.to_owned(), text(url, "url")?.to_owned()) };
        let headers = client.wait(async move { grant.headers(&method, &url, options).await })?;
        give(output, HeadersHandle::new(&headers));
        Ok(())
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, body) }
}

/// Calls an API on the user's behalf. `request_json` has the keys `method`, `url`, `query`, `form`, `json`, `headers`,
/// `resource`, `scope`, `timeout`, `max_response_bytes`; `body` is one as it stands, or NULL. Any HTTP status is a success.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_request(
    client: *const ClientHandle,
    subject: *const c_char,
    slot: *const c_char,
    request_json: *const c_char,
    body: *const u8,
    body_length: usize,
    response: *mut *mut ResponseHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let run = || {
        // SAFETY: passed on from the caller.
        let (client, output) = unsafe { (handle(client, "client")?, place(response, "response")?) };
        // SAFETY: passed on from the caller.
        let (grant, json) =
            unsafe { (grant(client, subject, slot)?, text(request_json, "request_json")?) };
        let mut request: ApiRequest = options_from_json(json)?;
        // SAFETY: passed on from the caller.
        request.body = unsafe { optional_bytes(body, body_length) }.map(<[u8]>::to_vec);
        let response = client.wait(async move { grant.request(request).await })?;
        give(output, ResponseHandle::new(response));
        Ok(())
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, run) }
}

/// Refreshes where it is due, or in any case with `force`. `options_json` may be NULL; its keys are `force`, `timeout`.
/// `inspection_json` may be NULL; it gets what `evergrant_client_inspect` gives.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_refresh(
    client: *const ClientHandle,
    subject: *const c_char,
    slot: *const c_char,
    options_json: *const c_char,
    inspection_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let operation = |client: &ClientHandle| {
        // SAFETY: passed on from the caller.
        let (grant, options) =
            unsafe { (grant(client, subject, slot)?, options(options_json, "options_json")?) };
        Ok(async move { grant.refresh(options).await })
    };
    // SAFETY: passed on from the caller.
    unsafe { ask(client, inspection_json, error, operation) }
}

/// Asks the provider about the user (OpenID Connect Core section 5.3). `options_json` may be NULL; its key is `timeout`. `claims_json`
/// gets the claims as they came.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_userinfo(
    client: *const ClientHandle,
    subject: *const c_char,
    slot: *const c_char,
    options_json: *const c_char,
    claims_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let operation = |client: &ClientHandle| {
        // SAFETY: passed on from the caller.
        let (grant, options) =
            unsafe { (grant(client, subject, slot)?, options(options_json, "options_json")?) };
        Ok(async move { grant.userinfo(options).await })
    };
    // SAFETY: passed on from the caller.
    unsafe { ask(client, claims_json, error, operation) }
}

/// Asks the provider about one of the grant's tokens (RFC 7662); nothing is renewed for it. `options_json` may be NULL; its keys are
/// `token` (`access_token`, the default, or `refresh_token`) and `timeout`. `introspection_json` gets `active` and all else as it came.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_introspect(
    client: *const ClientHandle,
    subject: *const c_char,
    slot: *const c_char,
    options_json: *const c_char,
    introspection_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let operation = |client: &ClientHandle| {
        // SAFETY: passed on from the caller.
        let (grant, options) =
            unsafe { (grant(client, subject, slot)?, options(options_json, "options_json")?) };
        Ok(async move { grant.introspect(options).await })
    };
    // SAFETY: passed on from the caller.
    unsafe { ask(client, introspection_json, error, operation) }
}

/// Gets what the provider said beside the tokens, as it came, from the store: a JSON object with Salesforce's `instance_url`, the
/// `realmId` of Intuit's callback, the `id_token`, … It has what is personal, and no token that works at an API.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_token_response(
    client: *const ClientHandle,
    subject: *const c_char,
    slot: *const c_char,
    response_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let operation = |client: &ClientHandle| {
        // SAFETY: passed on from the caller.
        let grant = unsafe { grant(client, subject, slot)? };
        Ok(async move { grant.token_response().await })
    };
    // SAFETY: passed on from the caller.
    unsafe { ask(client, response_json, error, operation) }
}

/// Gets the scopes that were not granted, as a JSON list: of those in `scope`, with spaces between; where it is NULL, of the
/// client's own. The provider is not asked.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_missing_scope(
    client: *const ClientHandle,
    subject: *const c_char,
    slot: *const c_char,
    scope: *const c_char,
    missing_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let operation = |client: &ClientHandle| {
        // SAFETY: passed on from the caller.
        let (grant, scope) =
            unsafe { (grant(client, subject, slot)?, optional_text(scope, "scope")?) };
        let scope = scope.map(Scopes::from);
        Ok(async move { grant.missing_scope(scope).await })
    };
    // SAFETY: passed on from the caller.
    unsafe { ask(client, missing_json, error, operation) }
}

/// Revokes the grant at the provider (RFC 7009) and deletes it. `options_json` may be NULL; its keys are `force` (delete
/// it here even where the provider cannot be told), `timeout`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_revoke(
    client: *const ClientHandle,
    subject: *const c_char,
    slot: *const c_char,
    options_json: *const c_char,
    error: *mut *mut ErrorHandle,
) -> Status {
    let body = || {
        // SAFETY: passed on from the caller.
        let client = unsafe { handle(client, "client") }?;
        // SAFETY: passed on from the caller.
        let (grant, options) =
            unsafe { (grant(client, subject, slot)?, options(options_json, "options_json")?) };
        client.wait(async move { grant.revoke(options).await })
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, body) }
}

/// Deletes what is stored of a grant, without telling the provider.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_forget(
    client: *const ClientHandle,
    subject: *const c_char,
    slot: *const c_char,
    error: *mut *mut ErrorHandle,
) -> Status {
    let body = || {
        // SAFETY: passed on from the caller.
        let client = unsafe { handle(client, "client") }?;
        // SAFETY: passed on from the caller.
        let grant = unsafe { grant(client, subject, slot) }?;
        client.wait(async move { grant.forget().await })
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, body) }
}

/// Gets all of a grant but its secrets, as a JSON object: `provider`, `client_id`, `subject`, `slot`, `grant_id`,
/// `generation`, `revision`, `status`, `reason`, `scope`, `token_type`, `expires_at`, `has_refresh_token`, …
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_inspect(
    client: *const ClientHandle,
    subject: *const c_char,
    slot: *const c_char,
    inspection_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let operation = |client: &ClientHandle| {
        // SAFETY: passed on from the caller.
        let grant = unsafe { grant(client, subject, slot)? };
        Ok(async move { grant.inspect().await })
    };
    // SAFETY: passed on from the caller.
    unsafe { ask(client, inspection_json, error, operation) }
}

/// Gets a grant as a document, to go on with elsewhere: give it to `evergrant_client_put` as `document`. It is as secret as the
/// tokens in it. Two stores cannot share a grant: forget it here once it is there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_export(
    client: *const ClientHandle,
    subject: *const c_char,
    slot: *const c_char,
    document: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let body = || {
        // SAFETY: passed on from the caller.
        let client = unsafe { handle(client, "client") }?;
        // SAFETY: passed on from the caller.
        let output = unsafe { place(document, "document") }?;
        // SAFETY: passed on from the caller.
        let grant = unsafe { grant(client, subject, slot) }?;
        let exported = client.wait(async move { grant.export().await })?;
        give(output, TextHandle::new(exported.expose()));
        Ok(())
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, body) }
}
