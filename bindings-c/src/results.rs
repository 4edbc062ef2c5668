//! What calls give back: handles that own their data, each with accessors and one `_free`.

use crate::border::{c_text, free};
use evergrant::{AccessToken, ApiResponse, Start};
use serde::Serialize;
use std::ffi::{CString, c_char};
use std::ptr;
use zeroize::Zeroize;

/// Reads from a handle that may be NULL.
unsafe fn read<T, R>(handle: *const T, absent: R, field: impl FnOnce(&T) -> R) -> R {
    // SAFETY: the caller gives NULL or a live handle.
    unsafe { handle.as_ref() }.map_or(absent, field)
}

/// Text with its length. It may be a grant's document, so its memory is wiped when it is freed.
pub struct TextHandle(SecretText);

impl TextHandle {
    pub(crate) fn new(text: &str) -> Self {
        TextHandle(SecretText(c_text(text)))
    }

    pub(crate) fn of_json(result: &impl Serialize) -> Self {
        TextHandle::new(&serde_json::to_string(result).expect("a result is plain data"))
    }
}

/// The text, UTF-8 and NUL-terminated, until it is freed; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_string_data(string: *const TextHandle) -> *const c_char {
    // SAFETY: passed on from the caller.
    unsafe { read(string, ptr::null(), |string| string.0.0.as_ptr()) }
}

/// Its length in bytes, without the NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_string_length(string: *const TextHandle) -> usize {
    // SAFETY: passed on from the caller.
    unsafe { read(string, 0, |string| string.0.0.as_bytes().len()) }
}

/// Frees a string; NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_string_free(string: *mut TextHandle) {
    // SAFETY: passed on from the caller.
    unsafe { free(string) }
}

/// Where to send the browser for consent.
pub struct StartHandle {
    url: CString,
    state: CString,
    expires_at: i64,
    open_by: i64,
}

impl StartHandle {
    pub(crate) fn new(start: &Start) -> Self {
        StartHandle {
            url: c_text(&start.url),
            state: c_text(&start.state),
            expires_at: start.expires_at,
            open_by: start.open_by.unwrap_or_default(),
        }
    }
}

/// The authorization URL, until the handle is freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_start_url(start: *const StartHandle) -> *const c_char {
    // SAFETY: passed on from the caller.
    unsafe { read(start, ptr::null(), |start| start.url.as_ptr()) }
}

/// The state that the callback will carry (with OAuth 1.0a: the temporary credentials' identifier).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_start_state(start: *const StartHandle) -> *const c_char {
    // SAFETY: passed on from the caller.
    unsafe { read(start, ptr::null(), |start| start.state.as_ptr()) }
}

/// Until when the callback is taken, in Unix milliseconds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_start_expires_at(start: *const StartHandle) -> i64 {
    // SAFETY: passed on from the caller.
    unsafe { read(start, 0, |start| start.expires_at) }
}

/// Until when the browser has to be there, in Unix milliseconds, where the provider says (RFC 9126 section 2.2); else 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_start_open_by(start: *const StartHandle) -> i64 {
    // SAFETY: passed on from the caller.
    unsafe { read(start, 0, |start| start.open_by) }
}

/// Frees a start; NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_start_free(start: *mut StartHandle) {
    // SAFETY: passed on from the caller.
    unsafe { free(start) }
}

/// An access token; its memory is wiped when it is freed.
pub struct TokenHandle {
    text: SecretText,
    token_type: CString,
    expires_at: i64,
}

struct SecretText(CString);

impl Drop for SecretText {
    fn drop(&mut self) {
        std::mem::take(&mut self.0).into_bytes().zeroize();
    }
}

impl TokenHandle {
    pub(crate) fn new(token: &AccessToken) -> Self {
        TokenHandle {
            text: SecretText(c_text(token.token.expose())),
            token_type: c_text(&token.token_type),
            expires_at: token.expires_at.unwrap_or(0),
        }
    }
}

/// The token itself, a secret, until the handle is freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_token_text(token: *const TokenHandle) -> *const c_char {
    // SAFETY: passed on from the caller.
    unsafe { read(token, ptr::null(), |token| token.text.0.as_ptr()) }
}

/// How it is to be used, such as `Bearer` (RFC 6749 section 7.1).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_token_type(token: *const TokenHandle) -> *const c_char {
    // SAFETY: passed on from the caller.
    unsafe { read(token, ptr::null(), |token| token.token_type.as_ptr()) }
}

/// When it expires, in Unix milliseconds; 0 where the provider did not say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_token_expires_at(token: *const TokenHandle) -> i64 {
    // SAFETY: passed on from the caller.
    unsafe { read(token, 0, |token| token.expires_at) }
}

/// Frees and wipes a token; NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_token_free(token: *mut TokenHandle) {
    // SAFETY: passed on from the caller.
    unsafe { free(token) }
}

/// HTTP headers in order. Those to send carry secrets.
pub struct HeadersHandle(Vec<(CString, CString)>);

impl HeadersHandle {
    pub(crate) fn new(headers: &[(String, String)]) -> Self {
        HeadersHandle(headers.iter().map(|(name, value)| (c_text(name), c_text(value))).collect())
    }
}

/// How many there are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_headers_count(headers: *const HeadersHandle) -> usize {
    // SAFETY: passed on from the caller.
    unsafe { read(headers, 0, |headers| headers.0.len()) }
}

/// The name of one; NULL where `index` is not below the count.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_headers_name(
    headers: *const HeadersHandle,
    index: usize,
) -> *const c_char {
    // SAFETY: passed on from the caller.
    unsafe {
        read(headers, ptr::null(), |headers| {
            headers.0.get(index).map_or(ptr::null(), |(name, _)| name.as_ptr())
        })
    }
}

/// The value of one; NULL where `index` is not below the count.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_headers_value(
    headers: *const HeadersHandle,
    index: usize,
) -> *const c_char {
    // SAFETY: passed on from the caller.
    unsafe {
        read(headers, ptr::null(), |headers| {
            headers.0.get(index).map_or(ptr::null(), |(_, value)| value.as_ptr())
        })
    }
}

/// Frees headers got from `evergrant_client_headers`, not those of a response; NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_headers_free(headers: *mut HeadersHandle) {
    // SAFETY: passed on from the caller.
    unsafe { free(headers) }
}

/// The API's answer, whatever its status.
pub struct ResponseHandle {
    status: u16,
    headers: HeadersHandle,
    body: Vec<u8>,
    url: CString,
}

impl ResponseHandle {
    pub(crate) fn new(response: ApiResponse) -> Self {
        ResponseHandle {
            status: response.status,
            headers: HeadersHandle::new(&response.headers),
            url: c_text(&response.url),
            body: response.body,
        }
    }
}

/// Its HTTP status.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_response_status(response: *const ResponseHandle) -> u16 {
    // SAFETY: passed on from the caller.
    unsafe { read(response, 0, |response| response.status) }
}

/// Its headers in the order received, names in lower case; they live as long as the response.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_response_headers(
    response: *const ResponseHandle,
) -> *const HeadersHandle {
    // SAFETY: passed on from the caller.
    unsafe { read(response, ptr::null(), |response| &raw const response.headers) }
}

/// Its body, until the response is freed. Not NUL-terminated; of an empty one not a byte may be read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_response_body(response: *const ResponseHandle) -> *const u8 {
    // SAFETY: passed on from the caller.
    unsafe { read(response, ptr::null(), |response| response.body.as_ptr()) }
}

/// Length of the body in bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_response_body_length(response: *const ResponseHandle) -> usize {
    // SAFETY: passed on from the caller.
    unsafe { read(response, 0, |response| response.body.len()) }
}

/// Where the answer came from, after redirects.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_response_url(response: *const ResponseHandle) -> *const c_char {
    // SAFETY: passed on from the caller.
    unsafe { read(response, ptr::null(), |response| response.url.as_ptr()) }
}

/// Frees a response with its headers and body; NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_response_free(response: *mut ResponseHandle) {
    // SAFETY: passed on from the caller.
    unsafe { free(response) }
}
