//! The time of the simulated world, which may run faster than the clock.

use std::{
    ops::{Add, Sub},
    time::Duration,
};

/// Milliseconds since the world began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SimTime(u64);

impl SimTime {
    /// When the world began.
    pub const START: Self = Self(0);
    /// When it ends: later than anything that happens.
    pub const END: Self = Self(u64::MAX);

    /// So many milliseconds after the world began.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the world began.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since the world began.
    pub(crate) fn whole_seconds(self) -> u32 {
        u32::try_from(self.0 / 1_000).unwrap_or(u32::MAX)
    }
}

impl Add<Duration> for SimTime {
    type Output = Self;

    /// Stays at the end of time where the sum would go beyond it.
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for SimTime {
    type Output = Self;

    /// Stays at the beginning where the difference would go before it.
    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl Sub for SimTime {
    type Output = Duration;

    /// Nothing where the other moment is later.
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}
