//! The one place where the simulated world meets the clock.

use std::time::Duration;

use tokio::time::Instant;

use crate::SimTime;

/// Simulated time, running beside the clock and perhaps faster.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    origin: Instant,
    /// What time it was in the world at the origin.
    from: SimTime,
    speed: u32,
}

impl Clock {
    /// A world that begins now and runs so many times as fast as the clock; at least once.
    #[must_use]
    pub fn start(speed: u32) -> Self {
        Self::start_at(SimTime::START, speed)
    }

    /// A world in which it is now a moment after its beginning.
    #[must_use]
    pub fn start_at(from: SimTime, speed: u32) -> Self {
        Self { origin: Instant::now(), from, speed: speed.max(1) }
    }

    /// What time it is in the world.
    #[must_use]
    pub fn now(&self) -> SimTime {
        self.from + self.origin.elapsed().saturating_mul(self.speed)
    }

    /// How long a time of the world takes.
    #[must_use]
    pub fn real(&self, duration: Duration) -> Duration {
        duration / self.speed
    }

    /// How long it is until a moment of the world.
    #[must_use]
    pub fn until(&self, moment: SimTime) -> Duration {
        let left = moment.as_millis().saturating_sub(self.now().as_millis());
        // A millisecond more: the moment must have come.
        Duration::from_millis(left / u64::from(self.speed) + 1)
    }
}
