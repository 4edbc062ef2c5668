//! Functions that fail and panic on purpose: each language asserts what comes out at its border. Only in builds with the
//! feature `testing`.

use crate::border::{self, handle};
use crate::client::ClientHandle;
use crate::error::ErrorHandle;
use crate::status::Status;
use evergrant::{Code, Error};

/// Fails with the status of this number, or with `EVERGRANT_INVALID_ARGUMENT` where it is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_testing_fail(
    status: i32,
    error: *mut *mut ErrorHandle,
) -> Status {
    let code = Code::ALL
        .iter()
        .copied()
        .find(|code| *code as i32 == status)
        .unwrap_or(Code::InvalidArgument);
    // SAFETY: passed on from the caller.
    unsafe {
        border::call(error, || Err(Error::new(code, "failed on purpose").with_reason("testing")))
    }
}

/// Panics on the calling thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_testing_panic(error: *mut *mut ErrorHandle) -> Status {
    // SAFETY: passed on from the caller.
    unsafe { border::call(error, || panic!("on purpose")) }
}

/// Panics inside the work that the calling thread waits for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_client_testing_panic(
    client: *const ClientHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let body = || {
        // SAFETY: passed on from the caller.
        let client = unsafe { handle(client, "client") }?;
        client.wait(async { panic!("on purpose") })
    };
    // SAFETY: passed on from the caller.
    unsafe { border::call(error, body) }
}
