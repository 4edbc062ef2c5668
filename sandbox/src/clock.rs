//! The sandbox's own time: the real one plus what a test added to it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch, on the sandbox clock unless said otherwise.
pub(crate) type Millis = u64;

/// A clock that runs at the real pace from wherever it was set.
#[derive(Default)]
pub(crate) struct Clock {
    offset: i64,
}

impl Clock {
    pub(crate) fn now(&self) -> Millis {
        real_now().saturating_add_signed(self.offset)
    }

    pub(crate) fn advance(&mut self, by: i64) {
        self.offset = self.offset.saturating_add(by);
    }

    pub(crate) fn set(&mut self, to: Millis) {
        self.offset = to.cast_signed().saturating_sub(real_now().cast_signed());
    }

    pub(crate) fn reset(&mut self) {
        self.offset = 0;
    }

    /// How far the clock is from the real one, in milliseconds.
    pub(crate) fn offset(&self) -> i64 {
        self.offset
    }
}

pub(crate) fn real_now() -> Millis {
    let since_epoch =
        SystemTime::now().duration_since(UNIX_EPOCH).expect("the machine's clock is past 1970");
    millis(since_epoch)
}

pub(crate) fn millis(duration: Duration) -> Millis {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
