//! What every call returns: the codes of the crate `evergrant` as a C enum.

use crate::border::c_text;
use evergrant::Code;
use std::ffi::{CString, c_char};
use std::ptr;
use std::sync::OnceLock;

/// What a call returns: `EVERGRANT_OK`, or what kind of failure it was. The numbers are never used twice; treat one that
/// your header does not know as a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum Status {
    /// The call succeeded, and only then its outputs are set.
    Ok = 0,
    /// A configuration key is unknown, missing, or has the wrong type or value.
    InvalidConfig = 10,
    /// No catalogue entry has this name.
    UnknownProvider = 11,
    /// An argument of a call is of the wrong type or value, NULL, or not UTF-8.
    InvalidArgument = 12,
    /// Nothing is stored for this subject.
    NoGrant = 20,
    /// The user has to consent (again); no request is sent until then.
    NeedsConsent = 21,
    /// The user, or the provider for the user, said no.
    ConsentDenied = 22,
    /// The state of a callback is unknown, already used, expired, or of another browser session.
    StateMismatch = 23,
    /// The provider asked for a pause, or the last attempts failed; see `evergrant_error_retry_at`.
    TemporarilyUnavailable = 30,
    /// The provider refuses this client registration's authentication.
    MisconfiguredClient = 31,
    /// The provider answered with an error that has no meaning of its own here.
    ProviderError = 32,
    /// The provider's answer cannot be read.
    InvalidResponse = 33,
    /// The provider or API cannot be reached.
    Transport = 34,
    /// The caller's deadline passed.
    Timeout = 35,
    /// The caller left, or the client is closed.
    Cancelled = 36,
    /// The token store failed.
    Store = 40,
    /// Somebody else wrote the record at the same time, again and again.
    StoreConflict = 41,
    /// A stored record cannot be opened with the keys at hand.
    Decryption = 42,
    /// The URL is not https (http is for loopback only), or carries a password.
    InsecureUrl = 50,
    /// This provider, store or version has no way to do it.
    Unsupported = 51,
    /// The application's own store or hook failed.
    Callback = 52,
    /// A fault of this library.
    Internal = 60,
}

impl From<Code> for Status {
    fn from(code: Code) -> Self {
        match code {
            Code::InvalidConfig => Status::InvalidConfig,
            Code::UnknownProvider => Status::UnknownProvider,
            Code::InvalidArgument => Status::InvalidArgument,
            Code::NoGrant => Status::NoGrant,
            Code::NeedsConsent => Status::NeedsConsent,
            Code::ConsentDenied => Status::ConsentDenied,
            Code::StateMismatch => Status::StateMismatch,
            Code::TemporarilyUnavailable => Status::TemporarilyUnavailable,
            Code::MisconfiguredClient => Status::MisconfiguredClient,
            Code::ProviderError => Status::ProviderError,
            Code::InvalidResponse => Status::InvalidResponse,
            Code::Transport => Status::Transport,
            Code::Timeout => Status::Timeout,
            Code::Cancelled => Status::Cancelled,
            Code::Store => Status::Store,
            Code::StoreConflict => Status::StoreConflict,
            Code::Decryption => Status::Decryption,
            Code::InsecureUrl => Status::InsecureUrl,
            Code::Unsupported => Status::Unsupported,
            Code::Callback => Status::Callback,
            // `Code` may grow; the test below fails until its new member stands here.
            _ => Status::Internal,
        }
    }
}

/// The text form of a status, the same in every language, such as `needs_consent`; NULL for `EVERGRANT_OK` and for a
/// number that is none. It lives as long as the program.
#[unsafe(no_mangle)]
pub extern "C" fn evergrant_status_text(status: i32) -> *const c_char {
    static TEXTS: OnceLock<Vec<CString>> = OnceLock::new();
    let texts = TEXTS.get_or_init(|| Code::ALL.iter().map(|code| c_text(code.as_str())).collect());
    match Code::ALL.iter().position(|code| *code as i32 == status) {
        Some(index) => texts[index].as_ptr(),
        None => ptr::null(),
    }
}

/// The version of the library, such as `0.1.0`. It lives as long as the program.
#[unsafe(no_mangle)]
pub extern "C" fn evergrant_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_core_is_the_status_of_the_same_number() {
        for code in Code::ALL {
            assert_eq!(Status::from(*code) as i32, *code as i32, "{code}");
        }
    }
}
