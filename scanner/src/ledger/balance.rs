//! What a server or a neighbourhood was made to spend on us lately. Decays as ElectrumX's own accounts do
//! (aiorpcX, session.py: a ten-thousandth of the hard limit a second), so what we see is what it sees.

use std::time::Duration;

use tokio::time::Instant;

/// E that decay in a second.
pub(super) const DECAY: f64 = 1.0;

/// E that were spent and have not decayed yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Balance {
    owed: f64,
    at: Instant,
}

impl Balance {
    pub(super) fn new(now: Instant) -> Self {
        Self { owed: 0.0, at: now }
    }

    fn owed(&self, now: Instant) -> f64 {
        let decayed = now.saturating_duration_since(self.at).as_secs_f64() * DECAY;
        (self.owed - decayed).max(0.0)
    }

    /// Adds what was spent, or, negative, takes back what was set aside and not spent.
    pub(super) fn add(&mut self, e: f64, now: Instant) {
        self.owed = (self.owed(now) + e).max(0.0);
        self.at = now;
    }

    /// When no more than so much is owed.
    pub(super) fn when(&self, at_most: f64, now: Instant) -> Instant {
        let excess = (self.owed(now) - at_most.max(0.0)).max(0.0);
        now + Duration::from_secs_f64(excess / DECAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_owed_decays_and_never_below_nothing() {
        let start = Instant::now();
        let mut balance = Balance::new(start);
        balance.add(350.0, start);
        assert_eq!(balance.when(400.0, start), start);
        assert_eq!(balance.when(50.0, start), start + Duration::from_secs(300));
        // 250 of 350 were not spent after all.
        balance.add(-250.0, start + Duration::from_secs(20));
        assert_eq!(balance.when(0.0, start), start + Duration::from_secs(80));
        let later = start + Duration::from_secs(1_000);
        balance.add(-5.0, later);
        assert_eq!(balance.when(0.0, later), later);
    }
}
