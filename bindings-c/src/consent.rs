//! How a grant comes about: by a browser, on another device, and in the ways that need none of both.

use crate::border::{call, give, handle, options, place, text};
use crate::client::{ClientHandle, ask};
use crate::error::ErrorHandle;
use crate::results::{StartHandle, TextHandle};
use crate::status::Status;
use std::ffi::c_char;

/// Begins an authorization: send the user's browser to `evergrant_start_url(*start)`. `options_json` may be NULL; its keys
/// are `scope`, `incremental`, `resource`, `authorization_details`, `redirect_uri`, `prompt`, `reauthenticate`, `login_hint`,
/// `parameters`, `browser_session`, `slot`, `timeout` (seconds).
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
        let core = client.core();
        let start = client.wait(async move { core.begin(&subject, options).await })?;
        give(output, StartHandle::new(&start));
        Ok(())
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, body) }
}

/// Ends an authorization with the callback as it came: a URL, a path with a query, or a query. `options_json` may be NULL;
/// its keys are `browser_session`, `state`, `timeout`. `finished_json` may be NULL; it gets an object with `subject`, `slot`,
/// `grant_id`, `generation`, `scope`, `expires_at` (Unix milliseconds).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_finish(
    client: *const ClientHandle,
    callback: *const c_char,
    options_json: *const c_char,
    finished_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let operation = |client: &ClientHandle| {
        // SAFETY: passed on from the caller.
        let (callback, options) = unsafe {
            (text(callback, "callback")?.to_owned(), options(options_json, "options_json")?)
        };
        let core = client.core();
        Ok(async move { core.finish(&callback, options).await })
    };
    // SAFETY: passed on from the caller.
    unsafe { ask(client, finished_json, error, operation) }
}

/// Exchanges a code that came to the application another way than by a callback; that it is of `subject` is for you to know.
/// `options_json` may be NULL; its keys are `redirect_uri` (of the request that brought the code), `code_verifier`, `scope`, `slot`,
/// `timeout`. `finished_json` is as for `evergrant_client_finish`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_exchange(
    client: *const ClientHandle,
    subject: *const c_char,
    authorization_code: *const c_char,
    options_json: *const c_char,
    finished_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let operation = |client: &ClientHandle| {
        // SAFETY: passed on from the caller.
        let (subject, code, options) = unsafe {
            (
                text(subject, "subject")?.to_owned(),
                text(authorization_code, "authorization_code")?.to_owned(),
                options(options_json, "options_json")?,
            )
        };
        let client = client.core();
        Ok(async move { client.exchange(&subject, &code, options).await })
    };
    // SAFETY: passed on from the caller.
    unsafe { ask(client, finished_json, error, operation) }
}

/// Looks how a grant stands, without asking the provider. `options_json` is as for `evergrant_client_begin`; scopes that it names
/// have to be granted. `standing_json` gets an object with `status` (`valid`, `refreshable`, `need_user`), `reason`, `missing_scope`,
/// and `start`, which is null or, where the user is needed, what `evergrant_client_begin` gives: `url`, `state`, `expires_at`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_check(
    client: *const ClientHandle,
    subject: *const c_char,
    options_json: *const c_char,
    standing_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let operation = |client: &ClientHandle| {
        // SAFETY: passed on from the caller.
        let (subject, options) = unsafe {
            (text(subject, "subject")?.to_owned(), options(options_json, "options_json")?)
        };
        let core = client.core();
        Ok(async move { core.check(&subject, options).await })
    };
    // SAFETY: passed on from the caller.
    unsafe { ask(client, standing_json, error, operation) }
}

/// Begins to ask for consent on another device (RFC 8628). `options_json` may be NULL; its keys are `scope`, `authorization_details`,
/// `parameters`, `slot`, `timeout`. `start_json` gets an object with `state`, `user_code` and `verification_uri` (to show to the user),
/// `verification_uri_complete` (or null), `interval` (seconds), `expires_at`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_begin_device(
    client: *const ClientHandle,
    subject: *const c_char,
    options_json: *const c_char,
    start_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let operation = |client: &ClientHandle| {
        // SAFETY: passed on from the caller.
        let (subject, options) = unsafe {
            (text(subject, "subject")?.to_owned(), options(options_json, "options_json")?)
        };
        let core = client.core();
        Ok(async move { core.begin_device(&subject, options).await })
    };
    // SAFETY: passed on from the caller.
    unsafe { ask(client, start_json, error, operation) }
}

/// Asks once whether the user has answered; before its time it asks nobody. `poll_json` gets an object with `finished`, which is as
/// for `evergrant_client_finish`, or null and `poll_at`, when to poll again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_poll_device(
    client: *const ClientHandle,
    state: *const c_char,
    poll_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let operation = |client: &ClientHandle| {
        // SAFETY: passed on from the caller.
        let state = unsafe { text(state, "state")?.to_owned() };
        let core = client.core();
        Ok(async move { core.poll_device(&state).await })
    };
    // SAFETY: passed on from the caller.
    unsafe { ask(client, poll_json, error, operation) }
}

/// Polls until the user has answered or the codes have expired; no longer than `*timeout` seconds, where that is not NULL.
/// `finished_json` is as for `evergrant_client_finish`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_wait_device(
    client: *const ClientHandle,
    state: *const c_char,
    timeout: *const f64,
    finished_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let operation = |client: &ClientHandle| {
        // SAFETY: passed on from the caller.
        let (state, timeout) =
            unsafe { (text(state, "state")?.to_owned(), timeout.as_ref().copied()) };
        let core = client.core();
        Ok(async move { core.wait_device(&state, timeout).await })
    };
    // SAFETY: passed on from the caller.
    unsafe { ask(client, finished_json, error, operation) }
}

/// Stores the grant that a user's own password brings (RFC 6749 section 4.3), where `legacy_grants` of the configuration allows it.
/// `options_json` has the keys `username`, `password`, `slot`, `timeout`. `inspection_json` gets what `evergrant_client_inspect` gives.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_grant_by_password(
    client: *const ClientHandle,
    subject: *const c_char,
    options_json: *const c_char,
    inspection_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let operation = |client: &ClientHandle| {
        // SAFETY: passed on from the caller.
        let (subject, options) = unsafe {
            (text(subject, "subject")?.to_owned(), options(options_json, "options_json")?)
        };
        let core = client.core();
        Ok(async move { core.grant_by_password(&subject, options).await })
    };
    // SAFETY: passed on from the caller.
    unsafe { ask(client, inspection_json, error, operation) }
}

/// Stores the grant that a PIN brings, which the user got at `evergrant_client_pin_url`, where `legacy_grants` allows it.
/// `options_json` has the keys `pin`, `slot`, `timeout`. `inspection_json` gets what `evergrant_client_inspect` gives.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_grant_by_pin(
    client: *const ClientHandle,
    subject: *const c_char,
    options_json: *const c_char,
    inspection_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let operation = |client: &ClientHandle| {
        // SAFETY: passed on from the caller.
        let (subject, options) = unsafe {
            (text(subject, "subject")?.to_owned(), options(options_json, "options_json")?)
        };
        let core = client.core();
        Ok(async move { core.grant_by_pin(&subject, options).await })
    };
    // SAFETY: passed on from the caller.
    unsafe { ask(client, inspection_json, error, operation) }
}

/// Gets the address at which the provider shows a user the PIN that they copy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_pin_url(
    client: *const ClientHandle,
    url: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let body = || {
        // SAFETY: passed on from the caller.
        let (client, output) = unsafe { (handle(client, "client")?, place(url, "url")?) };
        let core = client.core();
        let found = client.wait(async move { core.pin_url().await })?;
        give(output, TextHandle::new(&found));
        Ok(())
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, body) }
}

/// Gets the address to which a user's browser is sent to end its session at the provider (OpenID Connect RP-Initiated Logout 1.0). It
/// may hold the user's `id_token`, so it belongs into no log. The grant lives on. `options_json` may be NULL; its keys are `subject`,
/// `slot`, `post_logout_redirect_uri`, `state`, `timeout`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_logout_url(
    client: *const ClientHandle,
    options_json: *const c_char,
    url: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let body = || {
        // SAFETY: passed on from the caller.
        let (client, output) = unsafe { (handle(client, "client")?, place(url, "url")?) };
        // SAFETY: passed on from the caller.
        let options = unsafe { options(options_json, "options_json") }?;
        let core = client.core();
        let logout = client.wait(async move { core.logout_url(options).await })?;
        give(output, TextHandle::new(logout.url.expose()));
        Ok(())
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, body) }
}
