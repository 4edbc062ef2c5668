//! When a token ends, in every spelling that providers use. It is advice: what cannot be read must not cost the tokens that it
//! came with.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Unit of a lifetime.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LifetimeUnit {
    /// As the standard has it.
    #[default]
    Seconds,
    /// Thousandths of a second.
    Milliseconds,
    /// 3,600 seconds.
    Hours,
}

/// When a token ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// So many seconds after the answer.
    In(u32),
    /// At this time, in Unix milliseconds, by the provider's clock.
    At(i64),
}

/// A number of `expires` up to this is a lifetime; what is greater is a time.
const LONGEST_LIFETIME: f64 = 3_653.0 * 86_400.0;

/// A number from this on counts milliseconds since 1970: as seconds it would be the year 5138.
const MILLISECONDS: f64 = 1e11;

/// The end of the year 9999, in Unix milliseconds.
const LATEST: i64 = 253_402_300_799_999;

impl Expiry {
    /// The time in Unix milliseconds of what an answer told that arrived at `now`.
    #[must_use]
    pub fn at(self, now: i64) -> i64 {
        match self {
            Expiry::In(seconds) => now + i64::from(seconds) * 1000,
            Expiry::At(time) => time,
        }
    }

    /// Reads a lifetime: a number or its text, or days, hours and minutes as `D:HH:MM`; none for 0, less than 0, and what is
    /// neither.
    pub(super) fn of_lifetime(value: &Value, unit: LifetimeUnit) -> Option<Self> {
        let seconds = match unit {
            LifetimeUnit::Seconds => number(value).or_else(|| days_hours_minutes(value))?,
            LifetimeUnit::Milliseconds => number(value)? / 1000.0,
            LifetimeUnit::Hours => number(value)? * 3600.0,
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        // `as` rounds down and stays within bounds, which is what is wanted of 3599.5, -1, 1e300 and NaN.
        let seconds = seconds as u32;
        (seconds > 0).then_some(Expiry::In(seconds))
    }

    /// Reads a time: Unix seconds or milliseconds as a number or its text, or a date and time of ISO 8601, in UTC where it
    /// names no zone.
    pub(crate) fn of_time(value: &Value) -> Option<Self> {
        let Some(number) = number(value) else { return date_and_time(value.as_str()?.trim()) };
        let milliseconds = if number >= MILLISECONDS { number } else { number * 1000.0 };
        #[expect(clippy::cast_possible_truncation)]
        let milliseconds = milliseconds as i64;
        Self::at_time(milliseconds)
    }

    /// A time that clocks can count from: what is before 1970 or beyond the year 9999 says nothing of a token.
    fn at_time(milliseconds: i64) -> Option<Self> {
        (1..=LATEST).contains(&milliseconds).then_some(Expiry::At(milliseconds))
    }

    /// Reads a field that is a lifetime here and a time there.
    pub(super) fn of_either(value: &Value) -> Option<Self> {
        match number(value) {
            Some(number) if number <= LONGEST_LIFETIME => {
                Self::of_lifetime(value, LifetimeUnit::Seconds)
            }
            None if days_hours_minutes(value).is_some() => {
                Self::of_lifetime(value, LifetimeUnit::Seconds)
            }
            _ => Self::of_time(value),
        }
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn days_hours_minutes(value: &Value) -> Option<f64> {
    let parts: Vec<u32> =
        value.as_str()?.trim().split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [days, hours, minutes] = parts[..] else { return None };
    (hours < 24 && minutes < 60)
        .then(|| f64::from(days) * 86_400.0 + f64::from(hours * 3600 + minutes * 60))
}

fn date_and_time(text: &str) -> Option<Expiry> {
    let zoned = text.parse::<jiff::Timestamp>();
    let utc = |_| {
        let civil = text.parse::<jiff::civil::DateTime>()?;
        civil.to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp())
    };
    let time = zoned.or_else(utc).ok()?;
    Expiry::at_time(time.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_lifetime_is_read_in_every_spelling() {
        let told = [
            (json!(3600), Some(3600)),
            (json!("3600"), Some(3600)),
            (json!(" 3600.0 "), Some(3600)),
            (json!(3599.9), Some(3599)),
            (json!(1e300), Some(u32::MAX)),
            (json!("1:02:03"), Some(86_400 + 2 * 3600 + 3 * 60)),
            (json!("0:00:30"), Some(1800)),
            (json!("1:24:00"), None),
            (json!(0), None),
            (json!("0"), None),
            (json!(null), None),
            (json!(-1), None),
            (json!("never"), None),
            (json!("NaN"), None),
            (json!(""), None),
            (json!([3600]), None),
        ];
        for (value, seconds) in told {
            let expected = seconds.map(Expiry::In);
            assert_eq!(Expiry::of_lifetime(&value, LifetimeUnit::Seconds), expected, "{value}");
        }
        let hours = Expiry::of_lifetime(&json!(8), LifetimeUnit::Hours);
        assert_eq!(hours, Some(Expiry::In(28_800)));
        let milliseconds = Expiry::of_lifetime(&json!("3600999"), LifetimeUnit::Milliseconds);
        assert_eq!(milliseconds, Some(Expiry::In(3600)));
    }

    #[test]
    fn a_time_is_read_in_every_spelling() {
        let at = Some(Expiry::At(1_767_225_600_000));
        for told in [
            json!(1_767_225_600),
            json!("1767225600"),
            json!(1_767_225_600_000_i64),
            json!("2026-01-01T00:00:00Z"),
            json!("2026-01-01T01:00:00+01:00"),
            json!("2026-01-01T00:00:00.000Z"),
            json!("2026-01-01T00:00:00"),
            json!("2026-01-01 00:00:00"),
        ] {
            assert_eq!(Expiry::of_time(&told), at, "{told}");
            assert_eq!(Expiry::of_either(&told), at, "{told}");
        }
        let beyond = [json!(1e300), json!("10000000000"), json!(-1), json!("1960-01-01T00:00:00Z")];
        assert_eq!(beyond.iter().find_map(Expiry::of_time), Some(Expiry::At(10_000_000_000_000)));
        assert_eq!(Expiry::of_time(&json!(253_402_300_800_000_i64)), None);
        for nothing in [json!(null), json!(0), json!("soon"), json!({}), json!("")] {
            assert_eq!(Expiry::of_time(&nothing), None, "{nothing}");
            assert_eq!(Expiry::of_either(&nothing), None, "{nothing}");
        }
    }

    #[test]
    fn what_is_a_lifetime_or_a_time_is_told_by_its_size() {
        assert_eq!(Expiry::of_either(&json!("5183999")), Some(Expiry::In(5_183_999)));
        assert_eq!(Expiry::of_either(&json!("0:01:00")), Some(Expiry::In(3600)));
        assert_eq!(Expiry::of_either(&json!(1_400_000_000)), Some(Expiry::At(1_400_000_000_000)));
    }
}
