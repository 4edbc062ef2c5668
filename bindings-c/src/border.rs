//! What every exported function does at its two ends: read arguments that may be NULL or not UTF-8, and turn a result,
//! an error or a panic into a status and outputs.

use crate::error::ErrorHandle;
use crate::status::Status;
use evergrant::{Code, Error, Result, guard, options_from_json};
use serde::de::DeserializeOwned;
use std::ffi::{CStr, CString, c_char};

/// Runs the body of an exported function; what it fails with goes to `error`, unless that is NULL.
pub(crate) unsafe fn call(
    error: *mut *mut ErrorHandle,
    body: impl FnOnce() -> Result<()>,
) -> Status {
    let Err(failure) = guard(body) else { return Status::Ok };
    let status = Status::from(failure.code());
    // SAFETY: the caller gives NULL or a place for the error.
    if let Some(place) = unsafe { error.as_mut() } {
        *place = Box::into_raw(Box::new(ErrorHandle::new(&failure)));
    }
    status
}

/// Frees what [`give`] made; NULL is nothing to free.
pub(crate) unsafe fn free<T>(handle: *mut T) {
    if handle.is_null() {
        return;
    }
    // SAFETY: the handle came from `give`, and the caller frees it once.
    let owned = unsafe { Box::from_raw(handle) };
    // A destructor that panics has nobody to tell.
    let _ = guard(|| {
        drop(owned);
        Ok(())
    });
}

/// A handle that must not be NULL.
pub(crate) unsafe fn handle<'a, T>(pointer: *const T, name: &str) -> Result<&'a T> {
    // SAFETY: the caller gives NULL or a live handle.
    unsafe { pointer.as_ref() }.ok_or_else(|| invalid(name, "is NULL; expected a handle"))
}

/// A place for an output, which must not be NULL.
pub(crate) unsafe fn place<'a, T>(pointer: *mut *mut T, name: &str) -> Result<&'a mut *mut T> {
    // SAFETY: the caller gives NULL or a place that it may write to.
    unsafe { pointer.as_mut() }
        .ok_or_else(|| invalid(name, "is NULL; expected a place for the result"))
}

/// Gives ownership of `value` to the caller.
pub(crate) fn give<T>(place: &mut *mut T, value: T) {
    *place = Box::into_raw(Box::new(value));
}

/// Text that must be there.
pub(crate) unsafe fn text<'a>(pointer: *const c_char, name: &str) -> Result<&'a str> {
    // SAFETY: as for `optional_text`.
    unsafe { optional_text(pointer, name) }?.ok_or_else(|| invalid(name, "is NULL; expected text"))
}

/// Text, or NULL for none.
pub(crate) unsafe fn optional_text<'a>(
    pointer: *const c_char,
    name: &str,
) -> Result<Option<&'a str>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller gives NULL or text that ends with a NUL character.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map(Some).map_err(|_| invalid(name, "is not UTF-8; expected UTF-8 text"))
}

/// Options as a JSON text; NULL is none.
pub(crate) unsafe fn options<T: DeserializeOwned + Default>(
    json: *const c_char,
    name: &str,
) -> Result<T> {
    // SAFETY: passed on from the caller.
    options_from_json(unsafe { optional_text(json, name) }?.unwrap_or_default())
}

/// Bytes with their length; NULL is none, whatever the length.
pub(crate) unsafe fn optional_bytes<'a>(pointer: *const u8, length: usize) -> Option<&'a [u8]> {
    // SAFETY: the caller gives NULL or `length` readable bytes.
    (!pointer.is_null()).then(|| unsafe { std::slice::from_raw_parts(pointer, length) })
}

/// The text with a NUL character at its end. One inside, which C could not read past, becomes U+FFFD.
pub(crate) fn c_text(text: &str) -> CString {
    CString::new(text.replace('\0', "\u{FFFD}")).expect("no NUL is left")
}

/// An argument that cannot be used.
pub(crate) fn invalid(name: &str, what: &str) -> Error {
    Error::new(Code::InvalidArgument, format!("{name}: {what}"))
}
