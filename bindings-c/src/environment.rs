//! What an application hands over when it opens a client: a token store and a listener, as function pointers.

use crate::border::{c_text, invalid, optional_text};
use crate::store::StoreTable;
use evergrant::{
    ApplicationStore, Environment, Event, Events, KeyCallback, Method, Result, Secret,
};
use std::ffi::{c_char, c_void};
use std::sync::Arc;

/// What a client may be given beside its configuration. Set `size` to `sizeof(evergrant_environment)` and what you do
/// not need to zero: `evergrant_environment environment = {.size = sizeof environment};`
#[derive(Clone, Copy)]
#[repr(C)]
pub struct EnvironmentTable {
    /// `sizeof(evergrant_environment)`; it tells the library which version of this structure it is.
    pub size: usize,
    /// Your token store, or NULL for the one that the configuration names. It is copied; what it points to is yours.
    pub store: *const StoreTable,
    /// Called with each event, a JSON object, or NULL. It runs on the thread of the call during which the event
    /// happened or on that of a later one, just before that call returns, and may call the client in turn.
    pub on_event: Option<unsafe extern "C" fn(context: *mut c_void, event_json: *const c_char)>,
    /// First argument of `on_event`.
    pub event_context: *mut c_void,
    /// Gives the keys of encryption at rest in place of `encryption.keys`, as a JSON list of texts, or NULL where there are
    /// none to be had; or NULL. It is called once, during `evergrant_client_open`; the text is yours, and has been read when
    /// that call returns.
    pub keys: Option<unsafe extern "C" fn(context: *mut c_void) -> *const c_char>,
    /// First argument of `keys`.
    pub keys_context: *mut c_void,
}

/// The environment of one client, copied out of the caller's memory.
pub(crate) struct Hooks {
    store: Option<StoreTable>,
    on_event: Option<unsafe extern "C" fn(*mut c_void, *const c_char)>,
    event_context: *mut c_void,
    keys: Option<Keys>,
}

/// A function that gives keys, and its argument.
#[derive(Clone, Copy)]
struct Keys(unsafe extern "C" fn(*mut c_void) -> *const c_char, *mut c_void);

// SAFETY: it is called once, on the thread that opens the client, before that call returns.
unsafe impl Send for Keys {}
// SAFETY: as above.
unsafe impl Sync for Keys {}

impl Keys {
    fn ask(self) -> std::result::Result<Vec<Secret>, String> {
        let Keys(function, context) = self;
        // SAFETY: the function and its context are the caller's, who keeps them until the client is open.
        let text = unsafe { optional_text(function(context), "keys") };
        match text.map_err(|error| error.to_string())? {
            // The parser's own words could quote a key.
            Some(text) => {
                serde_json::from_str(text).map_err(|_| "it gave no JSON list of texts".to_owned())
            }
            None => Err("it gave none".to_owned()),
        }
    }
}

impl Hooks {
    /// Copies the caller's tables. From here on the store's `destroy` is called when the hooks are dropped.
    pub(crate) unsafe fn read(environment: *const EnvironmentTable) -> Result<Self> {
        let mut hooks =
            Hooks { store: None, on_event: None, event_context: std::ptr::null_mut(), keys: None };
        // SAFETY: the caller gives NULL or a table that begins with its own size.
        let Some(size) = (unsafe { environment.cast::<usize>().as_ref() }) else {
            return Ok(hooks);
        };
        if *size < size_of::<EnvironmentTable>() {
            return Err(invalid(
                "environment.size",
                "is smaller than this library knows it; expected sizeof(evergrant_environment)",
            ));
        }
        // SAFETY: the table is as large as it says.
        let table = unsafe { environment.read() };
        (hooks.on_event, hooks.event_context) = (table.on_event, table.event_context);
        hooks.keys = table.keys.map(|function| Keys(function, table.keys_context));
        // SAFETY: the caller gives NULL or a store table that begins with its own size.
        hooks.store = unsafe { StoreTable::read(table.store) }?;
        Ok(hooks)
    }

    /// The same as the crate `evergrant` wants it.
    pub(crate) fn environment(&self) -> Environment {
        Environment {
            store: self.store.as_ref().map(|store| ApplicationStore::CallingThread(methods(store))),
            events: if self.on_event.is_some() { Events::Queue } else { Events::None },
            keys: self.keys.map(|keys| -> KeyCallback { Arc::new(move || keys.ask()) }),
        }
    }

    pub(crate) fn store(&self) -> Option<&StoreTable> {
        self.store.as_ref()
    }

    pub(crate) fn deliver(&self, event: &Event) {
        let Some(on_event) = self.on_event else { return };
        let json = serde_json::to_string(event).expect("an event is plain data");
        // SAFETY: the function and its context are the caller's, who keeps them for the client's life.
        unsafe { on_event(self.event_context, c_text(&json).as_ptr()) }
    }
}

fn methods(store: &StoreTable) -> Vec<Method> {
    Method::ALL.iter().copied().filter(|method| store.has(*method)).collect()
}

impl Drop for Hooks {
    fn drop(&mut self) {
        if let Some(store) = &self.store {
            store.destroy();
        }
    }
}
