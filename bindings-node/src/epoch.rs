//! The core's epoch word as memory that JavaScript reads without a call: a cached token may be handed out only while the
//! word stands still. A call into native code would cost more than all the rest of a cached `accessToken()`.

// The one place with unsafe code here: JavaScript gets a view of an atomic that the core owns.
#![allow(unsafe_code)]

use napi::Env;
use napi::bindgen_prelude::ArrayBuffer;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

/// A view of `word` that keeps it alive, or nothing where the engine only takes copies (Electron): a copy would stand
/// still for ever.
pub(crate) fn view(env: &Env, word: Arc<AtomicU32>) -> napi::Result<Option<ArrayBuffer<'_>>> {
    let address = word.as_ptr().cast::<u8>();
    // SAFETY: the word's four bytes live until the finalizer drops `word`, and both sides access them as an atomic.
    let buffer = unsafe {
        ArrayBuffer::from_external(env, address, size_of::<AtomicU32>(), word, |_, word| drop(word))
    }?;
    Ok((buffer.as_ptr() == address).then_some(buffer))
}
