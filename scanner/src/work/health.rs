//! Whether a worker is alive, and whether it can work: what its probes are answered with.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Without progress for so long while there is something to do, a worker is as good as dead: longer than the longest
/// visit, and than any wait for a permit.
pub const STUCK: Duration = Duration::from_secs(15 * 60);
/// The loop that claims comes round much more often than this.
const SILENT: Duration = Duration::from_secs(60);

/// What keeps a worker from working.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Condition {
    /// Nothing.
    Working,
    /// Redis does not answer.
    RedisAway,
    /// Redis has no memory left.
    RedisFull,
    /// Nobody reads the visits.
    Backlog,
    /// It is a quiet hour.
    QuietHours,
    /// Its own network seems to be broken.
    Abstaining,
    /// It was told to end.
    Draining,
}

impl Condition {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Working,
        Self::RedisAway,
        Self::RedisFull,
        Self::Backlog,
        Self::QuietHours,
        Self::Abstaining,
        Self::Draining,
    ];

    /// The name in labels and probes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Working => "Working",
            Self::RedisAway => "RedisAway",
            Self::RedisFull => "RedisFull",
            Self::Backlog => "Backlog",
            Self::QuietHours => "QuietHours",
            Self::Abstaining => "Abstaining",
            Self::Draining => "Draining",
        }
    }
}

/// How a worker fares. Everybody who works for it tells it.
#[derive(Debug)]
pub struct Health(Mutex<State>);

#[derive(Debug)]
struct State {
    condition: Condition,
    turned: Instant,
    progressed: Instant,
    held: usize,
}

impl Health {
    /// Of a worker that has not reached Redis yet.
    #[must_use]
    pub fn new() -> Self {
        let now = Instant::now();
        Self(Mutex::new(State { condition: Condition::RedisAway, turned: now, progressed: now, held: 0 }))
    }

    /// The loop that claims came round, in this condition and with so many claims.
    pub(crate) fn turned(&self, condition: Condition, held: usize) {
        let (now, mut state) = (Instant::now(), self.state());
        if state.held == 0 {
            // What is claimed only now could not end before.
            state.progressed = now;
        }
        (state.condition, state.held, state.turned) = (condition, held, now);
    }

    /// A visit ended.
    pub(crate) fn progressed(&self) {
        self.state().progressed = Instant::now();
    }

    /// What keeps it from working.
    #[must_use]
    pub fn condition(&self) -> Condition {
        self.state().condition
    }

    /// Why it had better be started anew; none where it is alive.
    #[must_use]
    pub fn is_stuck(&self, now: Instant) -> Option<String> {
        let state = self.state();
        let silent = now.saturating_duration_since(state.turned);
        let idle = now.saturating_duration_since(state.progressed);
        let waits =
            matches!(state.condition, Condition::RedisAway | Condition::RedisFull | Condition::Backlog);
        if silent > SILENT {
            Some(format!("the loop that claims has been silent for {} s", silent.as_secs()))
        } else if state.held > 0 && !waits && idle > STUCK {
            Some(format!("{} claims, and no visit ended for {} s", state.held, idle.as_secs()))
        } else {
            None
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Nobody panics while holding the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_worker_is_stuck_when_its_loop_is_silent_or_its_claims_lead_nowhere() {
        let health = Health::new();
        let after = |seconds| Instant::now() + Duration::from_secs(seconds);
        assert_eq!(health.is_stuck(after(59)), None);
        assert!(health.is_stuck(after(61)).is_some());
        tokio::time::advance(STUCK + Duration::from_secs(1)).await;
        health.turned(Condition::Working, 0);
        assert_eq!(health.is_stuck(after(1)), None, "nothing was to be done");
        health.turned(Condition::RedisAway, 3);
        assert_eq!(health.is_stuck(after(1)), None, "starting anew would lose what it keeps");
        tokio::time::advance(STUCK + Duration::from_secs(1)).await;
        health.turned(Condition::Working, 3);
        assert!(health.is_stuck(after(1)).is_some_and(|why| why.starts_with("3 claims")));
        health.progressed();
        assert_eq!(health.is_stuck(after(1)), None);
    }
}
