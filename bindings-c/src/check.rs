//! A store written in C, held to its promises.

use crate::border::{call, give, invalid, options, place};
use crate::environment::{EnvironmentTable, Hooks};
use crate::error::ErrorHandle;
use crate::results::TextHandle;
use crate::status::Status;
use crate::store::StoreTable;
use evergrant::StoreCheck;
use std::ffi::c_char;
use std::ptr;

/// Holds a token store of your own to what the library relies on, for your tests. The store is called on this thread alone,
/// one call after another; its `destroy` is called before this returns. `options_json` may be NULL; its keys are `grants`
/// (how many are written and listed; 10000) and `quick`. The report is an object with `ok`, `summary` (text that names each
/// broken promise), `findings` (of each promise: `promise`, `verdict`, which is `passed`, `failed` or `skipped`, `expected`,
/// `got`, `remark`, `milliseconds`) and `remarks`. That a promise is broken is no error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_store_check(
    store: *const StoreTable,
    options_json: *const c_char,
    report_json: *mut *mut TextHandle,
    error: *mut *mut ErrorHandle,
) -> Status {
    let body = || {
        let environment = EnvironmentTable {
            size: size_of::<EnvironmentTable>(),
            store,
            on_event: None,
            event_context: ptr::null_mut(),
            keys: None,
            keys_context: ptr::null_mut(),
        };
        // SAFETY: the environment is as large as it says; the store is passed on from the caller.
        let hooks = unsafe { Hooks::read(&raw const environment) }?;
        let (Some(table), Some(store)) = (hooks.store(), hooks.environment().store) else {
            return Err(invalid("store", "is NULL; expected a table of functions"));
        };
        // SAFETY: passed on from the caller.
        let (output, given) =
            unsafe { (place(report_json, "report_json")?, options(options_json, "options_json")?) };
        let check = StoreCheck::new(store, None, &given)?;
        let thread = check.calling_thread().expect("this store is called on the waiting thread");
        let report = thread.wait_serving(check.run(), &mut |call| table.serve(call))?;
        give(output, TextHandle::of_json(&report));
        Ok(())
    };
    // SAFETY: passed on from the caller.
    unsafe { call(error, body) }
}
