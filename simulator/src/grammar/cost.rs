//! What a session has cost, as ElectrumX counts it, and how it is slowed down for it (aiorpcx, session.py).

use std::time::Duration;

use super::data::Costs;
use crate::SimTime;

/// How far the cost must have moved before time and limits are looked at.
const DRIFT: f64 = 100.0;

/// The account of one session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Account {
    rules: Costs,
    cost: f64,
    /// The cost when the limits were last looked at, and when that was.
    looked_at: (f64, SimTime),
    /// How far it is between the soft and the hard limit.
    fraction: f64,
}

impl Account {
    pub(crate) fn open(rules: Costs, now: SimTime) -> Self {
        Self { rules, cost: rules.connection, looked_at: (0.0, now), fraction: 0.0 }
    }

    /// Bytes that came or went.
    pub(crate) fn bytes(&mut self, count: usize, now: SimTime) {
        self.add(count as f64 / self.rules.bytes_per_unit, now);
    }

    /// An error that was answered, or would have been.
    pub(crate) fn error(&mut self, not_json: bool, now: SimTime) {
        self.add(self.rules.error + if not_json { self.rules.not_json } else { 0.0 }, now);
    }

    /// What a method costs.
    pub(crate) fn add(&mut self, cost: f64, now: SimTime) {
        self.cost += cost;
        let (cost, since) = self.looked_at;
        if (self.cost - cost).abs() <= DRIFT {
            return;
        }
        let elapsed = now.as_millis().saturating_sub(since.as_millis()) as f64 / 1_000.0;
        self.cost = (self.cost - elapsed * self.rules.decay_per_second).max(0.0);
        self.looked_at = (self.cost, now);
        let range = self.rules.hard_limit - self.rules.soft_limit;
        self.fraction = ((self.cost - self.rules.soft_limit) / range).max(0.0);
    }

    /// How long the next request is held back.
    pub(crate) fn delay(&self) -> Duration {
        Duration::from_secs_f64(self.fraction.min(1.0) * self.rules.sleep_ms / 1_000.0)
    }

    /// Whether the next request is one too many.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.fraction >= 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Costs = Costs {
        connection: 5.0,
        error: 100.0,
        not_json: 1_000.0,
        bytes_per_unit: 5_000.0,
        soft_limit: 1_000.0,
        hard_limit: 10_000.0,
        decay_per_second: 1.0,
        sleep_ms: 2_500.0,
    };

    #[test]
    fn errors_slow_a_session_down_and_then_end_it() {
        let now = SimTime::START;
        let mut account = Account::open(RULES, now);
        (0..9).for_each(|_| account.error(false, now));
        assert_eq!(account.delay(), Duration::ZERO);
        account.error(true, now);
        // 2,005 E: a ninth of the way to the hard limit, less what is not counted before the drift.
        assert!(account.delay() > Duration::from_millis(250), "{:?}", account.delay());
        (0..90).for_each(|_| account.error(false, now));
        assert!(account.is_exhausted());
    }

    #[test]
    fn cost_decays() {
        let mut account = Account::open(RULES, SimTime::START);
        (0..11).for_each(|_| account.error(false, SimTime::START));
        assert!(account.delay() > Duration::ZERO);
        // The first moves the cost by no more than the drift, so that nobody looks.
        account.error(false, SimTime::from_millis(600_000));
        account.error(false, SimTime::from_millis(600_000));
        assert_eq!(account.delay(), Duration::ZERO);
    }
}
