//! A token store that the application wrote in C: a table of function pointers, called on the thread that waits.

use crate::border::{c_text, invalid, optional_text};
use evergrant::{Method, Result, StoreCall, StoreReply};
use serde_json::{Value, json};
use std::ffi::{CString, c_char, c_void};
use std::ptr;

/// A token store of your own. Set `size` to `sizeof(evergrant_store)` and a function that you do not have to NULL; `load`
/// and `save` must be there, and without `compare_and_set`, `acquire` or `take_pending` an event tells which promise
/// cannot be kept.
///
/// The functions are called on a thread of yours that is inside a call with this client: never on another thread, and on
/// several at once only if you call from several at once. Each gets your `context` first and must answer through
/// `reply`, once, before it returns; a function that fails answers with `evergrant_reply_error`. They must not throw or
/// `longjmp` through the library. Texts are UTF-8 and NUL-terminated, and live until the function returns. `client`,
/// `subject` and `slot` together are the key of a record; a record's text holds secrets and is stored unchanged.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct StoreTable {
    /// `sizeof(evergrant_store)`; it tells the library which version of this structure it is.
    pub size: usize,
    /// First argument of every function.
    pub context: *mut c_void,
    /// The record's text, or null when there is none.
    pub load: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            client: *const c_char,
            subject: *const c_char,
            slot: *const c_char,
            reply: *mut Reply,
        ),
    >,
    /// Writes without a condition, then null.
    pub save: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            client: *const c_char,
            subject: *const c_char,
            slot: *const c_char,
            record: *const c_char,
            reply: *mut Reply,
        ),
    >,
    /// Writes `record`, whose revision is `revision`, if the stored revision is `*expected_revision`, or if nothing is
    /// stored when that is NULL; then a boolean: whether it wrote.
    pub compare_and_set: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            client: *const c_char,
            subject: *const c_char,
            slot: *const c_char,
            expected_revision: *const u64,
            record: *const c_char,
            revision: u64,
            reply: *mut Reply,
        ),
    >,
    /// Deletes the record, then null.
    pub delete_record: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            client: *const c_char,
            subject: *const c_char,
            slot: *const c_char,
            reply: *mut Reply,
        ),
    >,
    /// Takes the lease for `owner` if it is free or has run out, and keeps `intent` with it; then
    /// `evergrant_reply_acquired` or `evergrant_reply_busy`.
    pub acquire: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            client: *const c_char,
            subject: *const c_char,
            slot: *const c_char,
            owner: *const c_char,
            ttl_ms: u64,
            intent: *const c_char,
            reply: *mut Reply,
        ),
    >,
    /// Lets the lease last `ttl_ms` from now if `owner` holds it under `fencing`; then a boolean: whether it is held.
    pub renew: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            client: *const c_char,
            subject: *const c_char,
            slot: *const c_char,
            owner: *const c_char,
            fencing: u64,
            ttl_ms: u64,
            reply: *mut Reply,
        ),
    >,
    /// Gives the lease back if `owner` holds it under `fencing`, and leaves `intent`, which may be NULL, in place of the
    /// earlier one; then null.
    pub release: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            client: *const c_char,
            subject: *const c_char,
            slot: *const c_char,
            owner: *const c_char,
            fencing: u64,
            intent: *const c_char,
            reply: *mut Reply,
        ),
    >,
    /// The texts of all records of a client: `evergrant_reply_list`, then `evergrant_reply_list_text` for each.
    pub list: Option<
        unsafe extern "C" fn(context: *mut c_void, client: *const c_char, reply: *mut Reply),
    >,
    /// Keeps the document of an authorization under its state until `expires_at_ms` (Unix milliseconds), then null.
    pub put_pending: Option<
        unsafe extern "C" fn(
            context: *mut c_void,
            state: *const c_char,
            document: *const c_char,
            expires_at_ms: i64,
            reply: *mut Reply,
        ),
    >,
    /// Removes the document of this state and gives its text to one caller only, or null when there is none.
    pub take_pending:
        Option<unsafe extern "C" fn(context: *mut c_void, state: *const c_char, reply: *mut Reply)>,
    /// Called once, after the last other call: when the client is freed, or before `evergrant_client_open` returns an
    /// error, or before `evergrant_store_check` returns. NULL when there is nothing to do.
    pub destroy: Option<unsafe extern "C" fn(context: *mut c_void)>,
}

impl StoreTable {
    /// Copies the caller's table; NULL is none.
    pub(crate) unsafe fn read(table: *const StoreTable) -> Result<Option<StoreTable>> {
        // SAFETY: the caller gives NULL or a table that begins with its own size.
        let Some(size) = (unsafe { table.cast::<usize>().as_ref() }) else { return Ok(None) };
        if *size < size_of::<StoreTable>() {
            return Err(invalid(
                "store.size",
                "is smaller than this library knows it; expected sizeof(evergrant_store)",
            ));
        }
        // SAFETY: the table is as large as it says.
        Ok(Some(unsafe { table.read() }))
    }

    pub(crate) fn has(&self, method: Method) -> bool {
        match method {
            Method::Load => self.load.is_some(),
            Method::Save => self.save.is_some(),
            Method::CompareAndSet => self.compare_and_set.is_some(),
            Method::Delete => self.delete_record.is_some(),
            Method::Acquire => self.acquire.is_some(),
            Method::Renew => self.renew.is_some(),
            Method::Release => self.release.is_some(),
            Method::List => self.list.is_some(),
            Method::PutPending => self.put_pending.is_some(),
            Method::TakePending => self.take_pending.is_some(),
        }
    }

    /// Calls the function of a method, which must be there, on this thread.
    pub(crate) fn serve(&self, call: StoreCall) -> StoreReply {
        let mut reply = Reply(None);
        self.invoke(call, &raw mut reply)?;
        reply.0.unwrap_or_else(|| Err("gave no reply".to_owned()))
    }

    fn invoke(&self, call: StoreCall, reply: *mut Reply) -> Taken<()> {
        let mut a = Arguments { left: call.arguments.into_iter(), texts: Vec::new() };
        let context = self.context;
        // SAFETY: the functions are the caller's and of the type that the header declares; the texts live as long as `a`.
        unsafe {
            match call.method {
                Method::Load => {
                    let load = self.load.ok_or(ABSENT)?;
                    load(context, a.text()?, a.text()?, a.text()?, reply);
                }
                Method::Save => {
                    let save = self.save.ok_or(ABSENT)?;
                    save(context, a.text()?, a.text()?, a.text()?, a.text()?, reply);
                }
                Method::CompareAndSet => {
                    let compare_and_set = self.compare_and_set.ok_or(ABSENT)?;
                    let (client, subject, slot) = (a.text()?, a.text()?, a.text()?);
                    let expected = a.optional_number()?;
                    let expected = expected.as_ref().map_or(ptr::null(), ptr::from_ref);
                    let (record, revision) = (a.text()?, a.number()?);
                    compare_and_set(
                        context, client, subject, slot, expected, record, revision, reply,
                    );
                }
                Method::Delete => {
                    let delete_record = self.delete_record.ok_or(ABSENT)?;
                    delete_record(context, a.text()?, a.text()?, a.text()?, reply);
                }
                Method::Acquire => {
                    let acquire = self.acquire.ok_or(ABSENT)?;
                    let (client, subject, slot) = (a.text()?, a.text()?, a.text()?);
                    let (owner, ttl_ms, intent) = (a.text()?, a.number()?, a.text()?);
                    acquire(context, client, subject, slot, owner, ttl_ms, intent, reply);
                }
                Method::Renew => {
                    let renew = self.renew.ok_or(ABSENT)?;
                    let (client, subject, slot) = (a.text()?, a.text()?, a.text()?);
                    let (owner, fencing, ttl_ms) = (a.text()?, a.number()?, a.number()?);
                    renew(context, client, subject, slot, owner, fencing, ttl_ms, reply);
                }
                Method::Release => {
                    let release = self.release.ok_or(ABSENT)?;
                    let (client, subject, slot) = (a.text()?, a.text()?, a.text()?);
                    let (owner, fencing, intent) = (a.text()?, a.number()?, a.optional_text()?);
                    release(context, client, subject, slot, owner, fencing, intent, reply);
                }
                Method::List => self.list.ok_or(ABSENT)?(context, a.text()?, reply),
                Method::PutPending => {
                    let put_pending = self.put_pending.ok_or(ABSENT)?;
                    put_pending(context, a.text()?, a.text()?, a.signed_number()?, reply);
                }
                Method::TakePending => self.take_pending.ok_or(ABSENT)?(context, a.text()?, reply),
            }
        }
        Ok(())
    }

    pub(crate) fn destroy(&self) {
        if let Some(destroy) = self.destroy {
            // SAFETY: the function is the caller's and of the type that the header declares.
            unsafe { destroy(self.context) }
        }
    }
}

const ABSENT: &str = "is not there";
const OTHER_TYPE: &str = "was called with an argument that is not of its C type";

/// The arguments of a store call, taken one by one. The texts that were taken live as long as this does.
struct Arguments {
    left: std::vec::IntoIter<Value>,
    texts: Vec<CString>,
}

type Taken<T> = std::result::Result<T, &'static str>;

impl Arguments {
    fn text(&mut self) -> Taken<*const c_char> {
        let text = self.optional_text()?;
        if text.is_null() { Err(OTHER_TYPE) } else { Ok(text) }
    }

    fn optional_text(&mut self) -> Taken<*const c_char> {
        match self.left.next() {
            Some(Value::Null) => Ok(ptr::null()),
            Some(Value::String(text)) => {
                let text = c_text(&text);
                let pointer = text.as_ptr();
                self.texts.push(text);
                Ok(pointer)
            }
            _ => Err(OTHER_TYPE),
        }
    }

    fn number(&mut self) -> Taken<u64> {
        self.optional_number()?.ok_or(OTHER_TYPE)
    }

    fn optional_number(&mut self) -> Taken<Option<u64>> {
        match self.left.next() {
            Some(Value::Null) => Ok(None),
            Some(Value::Number(number)) => number.as_u64().map(Some).ok_or(OTHER_TYPE),
            _ => Err(OTHER_TYPE),
        }
    }

    fn signed_number(&mut self) -> Taken<i64> {
        self.left.next().as_ref().and_then(Value::as_i64).ok_or(OTHER_TYPE)
    }
}

/// Where a function of a store puts its reply. It lives until that function returns; of several replies the last counts.
pub struct Reply(Option<StoreReply>);

unsafe fn set(reply: *mut Reply, value: StoreReply) {
    // SAFETY: the caller gives NULL or the reply that its function was called with.
    if let Some(reply) = unsafe { reply.as_mut() } {
        reply.0 = Some(value);
    }
}

/// Text out of a reply, or why it is none.
unsafe fn reply_text(text: *const c_char) -> std::result::Result<Value, String> {
    // SAFETY: the caller gives NULL or NUL-terminated text.
    match unsafe { optional_text(text, "text") } {
        Ok(text) => Ok(json!(text)),
        Err(_) => Err("replied text that is not UTF-8".to_owned()),
    }
}

/// Replies text: UTF-8, NUL-terminated; copied. NULL is the reply null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_reply_text(reply: *mut Reply, text: *const c_char) {
    // SAFETY: passed on from the caller.
    unsafe { set(reply, reply_text(text)) }
}

/// Replies a whole number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_reply_integer(reply: *mut Reply, number: i64) {
    // SAFETY: passed on from the caller.
    unsafe { set(reply, Ok(json!(number))) }
}

/// Replies true or false.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_reply_boolean(reply: *mut Reply, truth: bool) {
    // SAFETY: passed on from the caller.
    unsafe { set(reply, Ok(json!(truth))) }
}

/// Replies null: there is nothing, or the work is done.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_reply_null(reply: *mut Reply) {
    // SAFETY: passed on from the caller.
    unsafe { set(reply, Ok(Value::Null)) }
}

/// Replies that the lease was acquired under this fencing number, which is higher than any before it for this key, and
/// the intent that an earlier holder left, or NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_reply_acquired(
    reply: *mut Reply,
    fencing: u64,
    earlier_intent: *const c_char,
) {
    // SAFETY: passed on from the caller.
    let intent = unsafe { reply_text(earlier_intent) };
    // SAFETY: passed on from the caller.
    unsafe { set(reply, intent.map(|intent| json!({"fencing": fencing, "intent": intent}))) }
}

/// Replies that somebody else holds the lease for at most this time more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_reply_busy(reply: *mut Reply, busy_ms: u64) {
    // SAFETY: passed on from the caller.
    unsafe { set(reply, Ok(json!({"busy_ms": busy_ms}))) }
}

/// Replies a list, empty at first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_reply_list(reply: *mut Reply) {
    // SAFETY: passed on from the caller.
    unsafe { set(reply, Ok(json!([]))) }
}

/// Adds one text to the list that is being replied.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_reply_list_text(reply: *mut Reply, text: *const c_char) {
    // SAFETY: passed on from the caller.
    let text = unsafe { reply_text(text) };
    // SAFETY: the caller gives NULL or the reply that its function was called with.
    match (unsafe { reply.as_mut() }, text) {
        (Some(Reply(Some(Ok(Value::Array(list))))), Ok(text)) => list.push(text),
        (_, Err(reason)) => {
            // SAFETY: passed on from the caller.
            unsafe { set(reply, Err(reason)) }
        }
        _ => {}
    }
}

/// Replies any JSON text, for stores that have it at hand in that form.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_reply_json(reply: *mut Reply, json: *const c_char) {
    // SAFETY: passed on from the caller.
    let text = unsafe { optional_text(json, "json") };
    let value = text.ok().flatten().and_then(|text| serde_json::from_str(text).ok());
    // SAFETY: passed on from the caller.
    unsafe { set(reply, value.ok_or_else(|| "replied text that is not JSON".to_owned())) }
}

/// Replies that the function failed; the message becomes part of an error `EVERGRANT_CALLBACK` and must hold no secret.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn evergrant_reply_error(reply: *mut Reply, message: *const c_char) {
    // SAFETY: passed on from the caller.
    let message = unsafe { optional_text(message, "message") };
    // SAFETY: passed on from the caller.
    unsafe { set(reply, Err(message.ok().flatten().unwrap_or("failed").to_owned())) }
}
