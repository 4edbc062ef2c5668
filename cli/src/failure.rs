//! How a command fails: what is said on standard error, and the exit status.

use crate::output::{say, time, to_json};
use evergrant::{Code, Error};
use std::process::ExitCode;

/// Says what went wrong, and gives the exit status.
pub(crate) fn report(error: &Error, json: bool) -> ExitCode {
    tell(error, json);
    ExitCode::from(exit_status(error))
}

/// Says what went wrong.
pub(crate) fn tell(error: &Error, json: bool) {
    if json {
        say(&to_json(&error.to_json()));
    } else {
        say(&format!("evergrant: {}", error.message()));
        say(&format!("  {}: {}", codes(error), hint(error)));
    }
}

/// The statuses are told by `evergrant --help`.
pub(crate) fn exit_status(error: &Error) -> u8 {
    match error.code() {
        Code::InvalidConfig | Code::UnknownProvider | Code::InvalidArgument => 2,
        Code::NoGrant | Code::NeedsConsent | Code::ConsentDenied | Code::StateMismatch => 3,
        _ if error.is_retryable() => 4,
        _ => 1,
    }
}

fn codes(error: &Error) -> String {
    match error.reason() {
        Some(reason) => format!("{} ({reason})", error.code()),
        None => error.code().to_string(),
    }
}

/// Whether trying again helps.
fn hint(error: &Error) -> String {
    if error.is_retryable() {
        return match error.retry_at() {
            Some(at) => format!("try again after {}", time(at)),
            None => "trying again may help".to_owned(),
        };
    }
    match exit_status(error) {
        3 => "the user has to consent: run `evergrant login`".to_owned(),
        _ => "trying again does not help".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_by_itself_is_told_from_what_needs_somebody() {
        let status = |code| exit_status(&Error::new(code, ""));
        for code in Code::ALL {
            assert_eq!(status(*code) == 4, code.is_retryable(), "{code}");
        }
        assert_eq!(status(Code::NeedsConsent), 3);
        assert_eq!(status(Code::InvalidConfig), 2);
        assert_eq!(status(Code::ProviderError), 1);
    }

    #[test]
    fn the_hint_says_when() {
        let error = Error::new(Code::TemporarilyUnavailable, "").with_retry_at(Some(0));
        assert_eq!(hint(&error), "try again after 1970-01-01T00:00:00Z");
    }
}
