//! Durations as people write them in resources: `90s`, `10m`, `1h30m`, `30d`. Kubernetes' own form knows no days, and
//! takes negatives.

use std::{borrow::Cow, fmt, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A duration, to the millisecond: whole days (`30d`), or hours, minutes, seconds and milliseconds in that order
/// (`1h30m`, `500ms`). `0s` is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(Duration);

/// What [`Span`] reads, as an API server checks it. The numbers of digits keep it below 300 years.
pub(crate) const PATTERN: &str = "^([1-9][0-9]{0,3}d|[0-9]{1,5}h([0-9]{1,2}m)?([0-9]{1,2}s)?|[0-9]{1,6}m([0-9]{1,2}s)?|[0-9]{1,8}s|[0-9]{1,9}ms)$";

/// The text is no duration.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no duration: write 90s, 10m, 1h30m or 30d")]
pub struct SpanError(String);

const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl Span {
    /// So many seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// So many minutes.
    #[must_use]
    pub const fn from_mins(minutes: u64) -> Self {
        Self::from_secs(minutes * 60)
    }

    /// So many hours.
    #[must_use]
    pub const fn from_hours(hours: u64) -> Self {
        Self::from_mins(hours * 60)
    }

    /// So many days of 24 hours.
    #[must_use]
    pub const fn from_days(days: u64) -> Self {
        Self::from_hours(days * 24)
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        span.0
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || SpanError(text.chars().take(40).collect());
        let (mut rest, mut millis, mut finer_than) = (text, 0_u64, 0);
        while !rest.is_empty() {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (number, after) = rest.split_at(digits);
            let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
            let (unit, after) = after.split_at(letters);
            let place = UNITS.iter().position(|(name, _)| *name == unit).ok_or_else(refused)?;
            if place < finer_than {
                return Err(refused());
            }
            let number: u64 = number.parse().map_err(|_| refused())?;
            let part = number.checked_mul(UNITS[place].1).ok_or_else(refused)?;
            millis = millis.checked_add(part).ok_or_else(refused)?;
            (rest, finer_than) = (after, place + 1);
        }
        if text.is_empty() { Err(refused()) } else { Ok(Self(Duration::from_millis(millis))) }
    }
}

impl fmt::Display for Span {
    /// In a form that the schema takes: days where it is whole days, else the largest units first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0.as_secs(), self.0.subsec_millis());
        let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        match (seconds, millis) {
            (0, 0) => f.write_str("0s"),
            (_, 1..) => write!(f, "{}ms", self.0.as_millis()),
            (_, 0) if seconds % 86_400 == 0 => write!(f, "{}d", seconds / 86_400),
            (_, 0) => [(hours, "h"), (minutes, "m"), (rest, "s")]
                .iter()
                .filter(|(number, _)| *number > 0)
                .try_for_each(|(number, unit)| write!(f, "{number}{unit}")),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": PATTERN, "minLength": 2, "maxLength": 12})
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_read_as_people_write_them() {
        for (text, seconds) in [("0s", 0), ("90s", 90), ("10m", 600), ("1h30m", 5_400), ("30d", 2_592_000)] {
            assert_eq!(text.parse(), Ok(Span::from_secs(seconds)), "{text}");
        }
        assert_eq!("200ms".parse(), Ok(Span(Duration::from_millis(200))));
        for text in ["", "10", "-10m", "1.5h", "30m1h", "1h1h", "10 m", "1w", "m", "99999999999999999999d"] {
            assert!(text.parse::<Span>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_again(millis in 0_u64..999_999_999) {
            let span = Span(Duration::from_millis(millis));
            prop_assert_eq!(span.to_string().parse(), Ok(span));
        }
    }
}
