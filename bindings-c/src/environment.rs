//! What an application hands over when it opens a client: a token store and a listener, as function pointers.

use crate::border::{c_text, invalid};
use crate::store::StoreTable;
use evergrant::{ApplicationStore, Environment, Event, Events, Method, Result};
use std::ffi::{c_char, c_void};

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
}

/// The environment of one client, copied out of the caller's memory.
pub(crate) struct Hooks {
    store: Option<StoreTable>,
    on_event: Option<unsafe extern "C" fn(*mut c_void, *const c_char)>,
    event_context: *mut c_void,
}

impl Hooks {
    /// Copies the caller's tables. From here on the store's `destroy` is called when the hooks are dropped.
    pub(crate) unsafe fn read(environment: *const EnvironmentTable) -> Result<Self> {
        let mut hooks = Hooks { store: None, on_event: None, event_context: std::ptr::null_mut() };
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
        // SAFETY: the caller gives NULL or a store table that begins with its own size.
        hooks.store = unsafe { StoreTable::read(table.store) }?;
        Ok(hooks)
    }

    /// The same as the crate `evergrant` wants it.
    pub(crate) fn environment(&self) -> Environment {
        Environment {
            store: self.store.as_ref().map(|store| ApplicationStore::CallingThread(methods(store))),
            events: if self.on_event.is_some() { Events::Queue } else { Events::None },
            ..Environment::default()
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
