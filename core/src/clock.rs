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

/// A date of HTTP (RFC 9110 section 5.6.7).
pub(crate) fn from_http_date(text: &str) -> Option<UnixMillis> {
    let since_epoch = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since_epoch.as_millis()).ok()
}

/// A time as `2024-02-29T23:59:59.5Z`, with a space in place of the `T` and without fraction or zone as well: then it is UTC.
pub(crate) fn from_iso(text: &str) -> Option<UnixMillis> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let bytes = text.as_bytes();
    let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    let is_right = separators.iter().all(|(at, byte)| bytes.get(*at) == Some(byte))
        && matches!(bytes.get(10), Some(b'T' | b't' | b' '));
    let rest = text.get(19..)?.trim_end_matches(['Z', 'z']);
    let rest = rest.strip_suffix("+00:00").unwrap_or(rest);
    let fraction = match rest {
        "" => "0",
        rest => rest.strip_prefix('.')?,
    };
    if !is_right || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    // Days from civil: years begin in March, so that a leap day is a year's last.
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days =
        year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
            - 719_468;
    let thousandths: i64 = format!("{fraction:0<3}")[..3].parse().ok()?;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + thousandths)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_other_programs_write_them_are_read() {
        for text in [
            "2023-11-14T22:13:20Z",
            "2023-11-14 22:13:20",
            "2023-11-14T22:13:20+00:00",
            "2023-11-14T22:13:20.000000Z",
        ] {
            assert_eq!(from_iso(text), Some(1_700_000_000_000), "{text}");
        }
        assert_eq!(from_iso("2024-02-29T23:59:59.5Z"), Some(1_709_251_199_500));
        assert_eq!(from_iso("1970-01-01T00:00:00Z"), Some(0));
        for wrong in [
            "",
            "2023-11-14",
            "2023-11-14T22:13:20+02:00",
            "yesterday at noon, UTC",
            "2023-11-14T22:13:20.xZ",
        ] {
            assert_eq!(from_iso(wrong), None, "{wrong}");
        }
    }
}
