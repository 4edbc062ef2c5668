//! Time as the refresh contract sees it: Unix milliseconds, UTC, from a clock that tests can set.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970-01-01T00:00:00Z.
pub(crate) type UnixMillis = i64;

/// The system's clock, or a time that a test has set.
#[derive(Debug)]
pub(crate) struct Clock {
    set: AtomicI64,
}

const SYSTEM: i64 = i64::MIN;

impl Default for Clock {
    fn default() -> Self {
        Clock { set: AtomicI64::new(SYSTEM) }
    }
}

impl Clock {
    /// Now.
    #[must_use]
    pub(crate) fn now(&self) -> UnixMillis {
        match self.set.load(Ordering::Relaxed) {
            SYSTEM => system_now(),
            set => set,
        }
    }

    /// The time at which a test has stopped it.
    pub(crate) fn is_set(&self) -> Option<UnixMillis> {
        Some(self.set.load(Ordering::Relaxed)).filter(|set| *set != SYSTEM)
    }

    /// Stops the clock at `time`, or lets it follow the system again.
    pub(crate) fn set(&self, time: Option<UnixMillis>) {
        self.set.store(time.unwrap_or(SYSTEM), Ordering::Relaxed);
    }
}

/// Whole milliseconds of a number of seconds that the configuration has bounded.
#[expect(clippy::cast_possible_truncation)]
pub(crate) fn millis(seconds: f64) -> UnixMillis {
    (seconds * 1000.0) as UnixMillis
}

fn system_now() -> UnixMillis {
    let since_epoch =
        SystemTime::now().duration_since(UNIX_EPOCH).expect("the system clock is past 1970");
    i64::try_from(since_epoch.as_millis()).expect("milliseconds since 1970 fit 63 bits")
}

/// Milliseconds since the host started, suspension included where the system can tell.
#[cfg(unix)]
pub(crate) fn boottime() -> i64 {
    #[cfg(target_os = "linux")]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(clock);
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

#[cfg(not(unix))]
pub(crate) fn boottime() -> i64 {
    Clock::default().now()
}
