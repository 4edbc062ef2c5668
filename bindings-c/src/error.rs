//! Errors as C reads them.

use crate::border::{c_text, free};
use crate::status::Status;
use evergrant::Error;
use std::ffi::{CString, c_char};
use std::ptr;

/// Why a call failed. What its accessors return lives until it is freed, and never contains a secret.
pub struct ErrorHandle {
    status: Status,
    retryable: bool,
    retry_at: i64,
    http_status: u16,
    code: CString,
    message: CString,
    reason: Option<CString>,
    json: CString,
}

impl ErrorHandle {
    pub(crate) fn new(error: &Error) -> Self {
        ErrorHandle {
            status: Status::from(error.code()),
            retryable: error.is_retryable(),
            retry_at: error.retry_at().unwrap_or(0),
            http_status: error.status().unwrap_or(0),
            code: c_text(error.code().as_str()),
            message: c_text(error.message()),
            reason: error.reason().map(c_text),
            json: c_text(&error.to_json().to_string()),
        }
    }
}

/// Reads from an error that may be NULL.
unsafe fn read<T>(
    error: *const ErrorHandle,
    absent: T,
    field: impl FnOnce(&ErrorHandle) -> T,
) -> T {
    // SAFETY: the caller gives NULL or a live error.
    unsafe { error.as_ref() }.map_or(absent, field)
}

/// What the failed call returned; `EVERGRANT_OK` for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_error_status(error: *const ErrorHandle) -> Status {
    // SAFETY: passed on from the caller.
    unsafe { read(error, Status::Ok, |error| error.status) }
}

/// The text form of the status, such as `needs_consent`; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_error_code(error: *const ErrorHandle) -> *const c_char {
    // SAFETY: passed on from the caller.
    unsafe { read(error, ptr::null(), |error| error.code.as_ptr()) }
}

/// What was wrong, where, and what was expected, for people; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_error_message(error: *const ErrorHandle) -> *const c_char {
    // SAFETY: passed on from the caller.
    unsafe { read(error, ptr::null(), |error| error.message.as_ptr()) }
}

/// A stable word that says more than the code, such as `revoked` for `needs_consent`; NULL where there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_error_reason(error: *const ErrorHandle) -> *const c_char {
    // SAFETY: passed on from the caller.
    unsafe {
        read(error, ptr::null(), |error| {
            error.reason.as_ref().map_or(ptr::null(), |reason| reason.as_ptr())
        })
    }
}

/// Whether the same call may succeed later without anybody changing anything.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_error_is_retryable(error: *const ErrorHandle) -> bool {
    // SAFETY: passed on from the caller.
    unsafe { read(error, false, |error| error.retryable) }
}

/// Unix time in milliseconds before which no attempt will be made; 0 where it is not known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_error_retry_at(error: *const ErrorHandle) -> i64 {
    // SAFETY: passed on from the caller.
    unsafe { read(error, 0, |error| error.retry_at) }
}

/// HTTP status of the provider's answer; 0 where there was none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_error_http_status(error: *const ErrorHandle) -> u16 {
    // SAFETY: passed on from the caller.
    unsafe { read(error, 0, |error| error.http_status) }
}

/// All of it as a JSON object: `code`, `message`, `retryable` and, where known, `retry_at`, `status_at`, `reason`, `provider`,
/// `subject`, `status`, `error`, `error_description` (the last two are the provider's own words, RFC 6749 section 5.2).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_error_json(error: *const ErrorHandle) -> *const c_char {
    // SAFETY: passed on from the caller.
    unsafe { read(error, ptr::null(), |error| error.json.as_ptr()) }
}

/// Frees an error; NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_error_free(error: *mut ErrorHandle) {
    // SAFETY: passed on from the caller.
    unsafe { free(error) }
}
