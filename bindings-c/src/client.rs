//! The client and its operations: each converts, makes one call into the crate `evergrant`, and maps the result.

use crate::border::{call, free, give, handle, optional_bytes, optional_text, place, text};
use crate::environment::{EnvironmentTable, Hooks};
use crate::error::ErrorHandle;
use crate::results::{HeadersHandle, ResponseHandle, StartHandle, TextHandle, TokenHandle};
use crate::status::Status;
use evergrant::{ApiRequest, Client, Config, Grant, Result, guard, options_from_json};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ffi::c_char;
use std::future::Future;
use std::ptr;

/// One registration at one provider, with its store. It may be used by several threads at once, and after `fork()` in
/// the child too.
pub struct ClientHandle {
    client: Client,
    // Dropped after the client: its `destroy` comes after every other call.
    hooks: Hooks,
}

impl ClientHandle {
    /// Waits on this thread; serves the calls of the application's store, and delivers events, meanwhile.
    pub(crate) fn wait<T: Send + 'static>(
        &self,
        future: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let serving =
            self.hooks.store().and_then(|store| Some((store, self.client.calling_thread()?)));
        let result = match serving {
            Some((store, thread)) => thread.wait_serving(future, &mut |call| store.serve(call)),
            None => evergrant::wait(future),
        };
        for event in self.client.take_events() {
            self.hooks.deliver(&event);
        }
        result
    }

    fn close(&self) -> Result<()> {
        let client = self.client.clone();
        self.wait(async move {
            client.close().await;
            Ok(())
        })
    }
}

unsafe fn grant(
    client: &ClientHandle,
    subject: *const c_char,
    slot: *const c_char,
) -> Result<Grant> {
    // SAFETY: passed on from the caller.
    let (subject, slot) = unsafe { (text(subject, "subject")?, optional_text(slot, "slot")?) };
    Ok(match slot {
        None => client.client.grant(subject),
        Some(slot) => client.client.grant_slot(subject, slot),
    })
}

unsafe fn options<T: DeserializeOwned + Default>(json: *const c_char, name: &str) -> Result<T> {
    // SAFETY: passed on from the caller.
    options_from_json(unsafe { optional_text(json, name) }?.unwrap_or_default())
}

/// Gives a result as a JSON text, unless the caller does not want it.
unsafe fn give_json(output: *mut *mut TextHandle, result: &impl Serialize) {
    // SAFETY: the caller gives NULL or a place that it may write to.
    if let Some(output) = unsafe { output.as_mut() } {
        let json = serde_json::to_string(result).expect("a result is plain data");
        give(output, TextHandle::new(&json));
    }
}

/// Opens a client. `config_json` is an object with the keys of the user guide (`provider`, `client_id`, `store`, …);
/// `environment` may be NULL. Does not connect to anything yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_open(
    config_json: *const c_char,
    environment: *const EnvironmentTable,
    client: *mut *mut ClientHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let body = || {
        // SAFETY: passed on from the caller.
        let hooks = unsafe { Hooks::read(environment) }?;
        // SAFETY: passed on from the caller.
        let (config, output) =
            unsafe { (text(config_json, "config_json")?, place(client, "client")?) };
        let client = Client::open_with(Config::from_json(config)?, hooks.environment())?;
        give(output, ClientHandle { client, hooks });
        Ok(())
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, body) }
}

/// Ends a client's work: waits, at most 10 seconds, until refreshes on their way are stored. Later calls give
/// `EVERGRANT_CANCELLED`; closing again is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_close(
    client: *const ClientHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    // SAFETY: passed on from the caller.
    unsafe { call(error, || handle(client, "client")?.close()) }
}

/// Closes a client as `evergrant_client_close` does and frees it; NULL is fine. No other thread may be in a call with it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_free(client: *mut ClientHandle) {
    // SAFETY: passed on from the caller.
    if let Some(client) = unsafe { client.as_ref() } {
        // Nobody is left to be told of a failure.
        let _ = guard(|| client.close());
    }
    // SAFETY: passed on from the caller.
    unsafe { free(client) }
}

/// Serves the calls of your store that wait, and delivers the events that do, without waiting for anything else. For
/// programs that may be a long time without another call: a refresh behind the scenes goes on only inside calls when the
/// store is yours.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_poll(
    client: *const ClientHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    // SAFETY: passed on from the caller.
    unsafe { call(error, || handle(client, "client")?.wait(async { Ok(()) })) }
}

/// Begins an authorization: send the user's browser to `evergrant_start_url(*start)`. `options_json` may be NULL; its keys
/// are `scope`, `redirect_uri`, `prompt`, `reauthenticate`, `login_hint`, `parameters`, `browser_session`, `slot`, `timeout` (seconds).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_begin(
    client: *const ClientHandle,
    subject: *const c_char,
    options_json: *const c_char,
    start: *mut *mut StartHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let body = || {
        // SAFETY: passed on from the caller.
        let (client, output) = unsafe { (handle(client, "client")?, place(start, "start")?) };
        // SAFETY: passed on from the caller.
        let (subject, options) = unsafe {
            (text(subject, "subject")?.to_owned(), options(options_json, "options_json")?)
        };
        let core = client.client.clone();
        let start = client.wait(async move { core.begin(&subject, options).await })?;
        give(output, StartHandle::new(&start));
        Ok(())
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, body) }
}

/// Ends an authorization with the callback as it came: a URL, a path with a query, or a query. `options_json` may be NULL;
/// its keys are `browser_session`, `timeout`. `finished_json` may be NULL; it gets an object with `subject`, `slot`,
/// `grant_id`, `generation`, `scope`, `expires_at` (Unix milliseconds).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_finish(
    client: *const ClientHandle,
    callback: *const c_char,
    options_json: *const c_char,
    finished_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let body = || {
        // SAFETY: passed on from the caller.
        let client = unsafe { handle(client, "client") }?;
        // SAFETY: passed on from the caller.
        let (callback, options) = unsafe {
            (text(callback, "callback")?.to_owned(), options(options_json, "options_json")?)
        };
        let core = client.client.clone();
        let finished = client.wait(async move { core.finish(&callback, options).await })?;
        // SAFETY: passed on from the caller.
        unsafe { give_json(finished_json, &finished) };
        Ok(())
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, body) }
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
    let body = || {
        // SAFETY: passed on from the caller.
        let client = unsafe { handle(client, "client") }?;
        // SAFETY: passed on from the caller.
        let (grant, options) =
            unsafe { (grant(client, subject, slot)?, options(options_json, "options_json")?) };
        let inspection = client.wait(async move { grant.refresh(options).await })?;
        // SAFETY: passed on from the caller.
        unsafe { give_json(inspection_json, &inspection) };
        Ok(())
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, body) }
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
    let body = || {
        // SAFETY: passed on from the caller.
        let client = unsafe { handle(client, "client") }?;
        // SAFETY: passed on from the caller.
        let grant = unsafe { grant(client, subject, slot) }?;
        let inspection = client.wait(async move { grant.inspect().await })?;
        // SAFETY: passed on from the caller.
        unsafe { give_json(inspection_json, &inspection) };
        Ok(())
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, body) }
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

/// Stores tokens got elsewhere. `tokens_json` has the keys `access_token`, `token_secret` (OAuth 1.0a), `token_type`,
/// `refresh_token`, `expires_in` (seconds), `expires_at` (Unix seconds), `scope`, `slot`; or `document`, as `evergrant export`
/// or another program gave it, and `slot`. `inspection_json` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_put(
    client: *const ClientHandle,
    subject: *const c_char,
    tokens_json: *const c_char,
    inspection_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let body = || {
        // SAFETY: passed on from the caller.
        let client = unsafe { handle(client, "client") }?;
        // SAFETY: passed on from the caller.
        let (subject, tokens) =
            unsafe { (text(subject, "subject")?.to_owned(), text(tokens_json, "tokens_json")?) };
        let (tokens, core) = (options_from_json(tokens)?, client.client.clone());
        let inspection = client.wait(async move { core.put(&subject, tokens).await })?;
        // SAFETY: passed on from the caller.
        unsafe { give_json(inspection_json, &inspection) };
        Ok(())
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, body) }
}

/// Gets the grants whose time for a renewal has come, as a JSON list: `subject`, `slot`, `grant_id`, `generation`, `due_for`
/// (`expiry`, `keepalive`, `revocation`), `expires_at`, `keepalive_at`, `retry_at`. Nothing is decrypted for it. `options_json`
/// may be NULL; its keys are `within` (seconds), `limit`, `after` (`subject` and `slot` of the last of the list before).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_due(
    client: *const ClientHandle,
    options_json: *const c_char,
    due_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let body = || {
        // SAFETY: passed on from the caller.
        let client = unsafe { handle(client, "client") }?;
        // SAFETY: passed on from the caller.
        let options = unsafe { options(options_json, "options_json") }?;
        let core = client.client.clone();
        let due = client.wait(async move { core.due(options).await })?;
        // SAFETY: passed on from the caller.
        unsafe { give_json(due_json, &due) };
        Ok(())
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, body) }
}

/// Renews the grants that are due, each once however many processes do this at the same time. `options_json` may be NULL;
/// its keys are `within` (seconds), `concurrency`, `limit`. `report_json` may be NULL; it gets an object with the numbers
/// `refreshed`, `renewed_elsewhere`, `in_back_off`, `skipped`, `revoked`, `cleared`, the lists `needs_consent` and `failed`, and
/// `stopped`, which is null or says why the rest was left for a later call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_refresh_due(
    client: *const ClientHandle,
    options_json: *const c_char,
    report_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let body = || {
        // SAFETY: passed on from the caller.
        let client = unsafe { handle(client, "client") }?;
        // SAFETY: passed on from the caller.
        let options = unsafe { options(options_json, "options_json") }?;
        let core = client.client.clone();
        let report = client.wait(async move { core.refresh_due(options).await })?;
        // SAFETY: passed on from the caller.
        unsafe { give_json(report_json, &report) };
        Ok(())
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, body) }
}

/// Gets every grant of this client in the store, as a JSON list of what `evergrant_client_inspect` gives.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_list(
    client: *const ClientHandle,
    list_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let body = || {
        // SAFETY: passed on from the caller.
        let client = unsafe { handle(client, "client") }?;
        let core = client.client.clone();
        let list = client.wait(async move { core.list().await })?;
        // SAFETY: passed on from the caller.
        unsafe { give_json(list_json, &list) };
        Ok(())
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, body) }
}

/// For tests only: stops the client's clock at `*unix_ms` (Unix milliseconds), or gives it back the real time for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_testing_set_clock(
    client: *const ClientHandle,
    unix_ms: *const i64,
    error: *mut *mut ErrorHandle,
) -> Status {
    let body = || {
        // SAFETY: passed on from the caller; the time is NULL or readable.
        let (client, time) = unsafe { (handle(client, "client")?, unix_ms.as_ref()) };
        client.client.set_test_clock(time.copied());
        Ok(())
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, body) }
}
