//! Durations as they stand in files: seconds, to the microsecond; where nobody reads the file, whole microseconds.

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A duration in whole microseconds, written as decimal seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seconds {
    micros: u64,
}

impl Seconds {
    /// Milliseconds, for people.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a visit is shorter than 285 years")]
    pub fn as_millis(self) -> f64 {
        self.micros as f64 / 1_000.0
    }
}

impl From<Duration> for Seconds {
    fn from(duration: Duration) -> Self {
        Self { micros: u64::try_from(duration.as_micros()).unwrap_or(u64::MAX) }
    }
}

impl From<Seconds> for Duration {
    fn from(seconds: Seconds) -> Self {
        Self::from_micros(seconds.micros)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} ms", self.as_millis())
    }
}

impl Serialize for Seconds {
    #[expect(clippy::cast_precision_loss, reason = "a visit is shorter than 285 years")]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.serialize_f64(self.micros as f64 / 1e6),
            false => self.micros.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return u64::deserialize(deserializer).map(|micros| Self { micros });
        }
        let seconds = f64::deserialize(deserializer)?;
        let duration = Duration::try_from_secs_f64(seconds).map_err(D::Error::custom)?;
        // Decimal seconds are rarely exact in binary: round to the microsecond that was meant.
        Ok((duration + Duration::from_nanos(500)).into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn files_that_nobody_reads_carry_microseconds(micros: u64) {
            let seconds = Seconds::from(Duration::from_micros(micros));
            let bytes = postcard::to_allocvec(&seconds).expect("writes");
            prop_assert_eq!(&bytes, &postcard::to_allocvec(&micros).expect("writes"));
            prop_assert_eq!(postcard::from_bytes(&bytes), Ok(seconds));
        }
    }
}
