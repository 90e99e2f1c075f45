//! Whether a worker is alive, and whether it can work: what its probes are answered with. The loop that claims says how it
//! stands whenever it comes round; whoever waits for Redis says so meanwhile.

use std::{
    sync::{Arc, Mutex, PoisonError},
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
    /// Redis does not know us, or refuses what we ask.
    RedisRefuses,
    /// Redis has no memory left.
    RedisFull,
    /// Nobody reads the visits.
    Backlog,
    /// Nobody has published who is to be left alone, or it cannot be read.
    ExclusionsUnknown,
    /// It is a quiet hour.
    QuietHours,
    /// Its own network seems to be broken.
    Abstaining,
    /// It was told to end.
    Draining,
}

impl Condition {
    /// Every one.
    pub const ALL: [Self; 9] = [
        Self::Working,
        Self::RedisAway,
        Self::RedisRefuses,
        Self::RedisFull,
        Self::Backlog,
        Self::ExclusionsUnknown,
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
            Self::RedisRefuses => "RedisRefuses",
            Self::RedisFull => "RedisFull",
            Self::Backlog => "Backlog",
            Self::ExclusionsUnknown => "ExclusionsUnknown",
            Self::QuietHours => "QuietHours",
            Self::Abstaining => "Abstaining",
            Self::Draining => "Draining",
        }
    }

    /// What to look at, where others have to do something.
    #[must_use]
    pub fn advice(self) -> &'static str {
        match self {
            Self::Working | Self::QuietHours | Self::Abstaining | Self::Draining => "",
            Self::RedisAway => "is Redis running, and --redis its address?",
            Self::RedisRefuses => "are user and password in their files those that Redis has?",
            Self::RedisFull => "Redis needs more memory, or its visits have to be archived",
            Self::Backlog => "nobody reads the visits: is the operator running, and the analyzer?",
            Self::ExclusionsUnknown => {
                "the rules of who is left alone have not been published, or cannot be read: is the operator running? Where \
                 there is none, `scanner exclusions` publishes them"
            }
        }
    }

    /// Whether others have to do something before it goes on: a new worker would have to wait as well.
    fn is_wait(self) -> bool {
        !self.advice().is_empty()
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
    /// What those wait for who wait.
    waiting: Vec<Condition>,
}

/// Somebody waits, as long as this is there.
#[derive(Debug)]
pub struct Waiting(Arc<Health>, Condition);

impl Drop for Waiting {
    fn drop(&mut self) {
        let (now, mut state) = (Instant::now(), self.0.state());
        if let Some(place) = state.waiting.iter().position(|condition| *condition == self.1) {
            state.waiting.swap_remove(place);
        }
        // What could not go on until now begins to count now.
        (state.turned, state.progressed) = (now, now);
    }
}

impl Health {
    /// Of a worker that has not reached Redis yet.
    #[must_use]
    pub fn new() -> Self {
        let now = Instant::now();
        let condition = Condition::RedisAway;
        Self(Mutex::new(State { condition, turned: now, progressed: now, held: 0, waiting: Vec::new() }))
    }

    /// Somebody waits for this to end.
    pub fn waits(self: &Arc<Self>, condition: Condition) -> Waiting {
        self.state().waiting.push(condition);
        Waiting(Arc::clone(self), condition)
    }

    /// The loop that claims came round, in this condition and with so many claims on visits that end soon.
    pub(crate) fn turned(&self, condition: Condition, held: usize) {
        let (now, mut state) = (Instant::now(), self.state());
        if state.held == 0 || state.condition.is_wait() {
            // What is claimed only now, or could not go on until now, could not end before.
            state.progressed = now;
        }
        (state.condition, state.held, state.turned) = (condition, held, now);
    }

    /// A visit ended, or a claim.
    pub(crate) fn progressed(&self) {
        self.state().progressed = Instant::now();
    }

    /// What keeps it from working.
    #[must_use]
    pub fn condition(&self) -> Condition {
        let state = self.state();
        let waiting = state.waiting.iter().max().filter(|_| state.condition != Condition::Draining);
        waiting.copied().unwrap_or(state.condition)
    }

    /// Why it had better be started anew; none where it is alive.
    #[must_use]
    pub fn is_stuck(&self, now: Instant) -> Option<String> {
        let state = self.state();
        let silent = now.saturating_duration_since(state.turned);
        let idle = now.saturating_duration_since(state.progressed);
        if !state.waiting.is_empty() {
            None
        } else if silent > SILENT {
            Some(format!("the loop that claims has been silent for {} s", silent.as_secs()))
        } else if state.held > 0 && !state.condition.is_wait() && idle > STUCK {
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
        assert_eq!(health.is_stuck(after(1)), None, "it goes on only now");
        tokio::time::advance(STUCK + Duration::from_secs(1)).await;
        health.turned(Condition::Working, 3);
        assert!(health.is_stuck(after(1)).is_some_and(|why| why.starts_with("3 claims")));
        health.progressed();
        assert_eq!(health.is_stuck(after(1)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_redis_is_not_ready_and_not_stuck_whatever_the_loop_said_last() {
        let health = Arc::new(Health::new());
        health.turned(Condition::Working, 8);
        let waiting = [health.waits(Condition::RedisAway), health.waits(Condition::RedisAway)];
        assert_eq!(health.condition(), Condition::RedisAway);
        tokio::time::advance(2 * STUCK).await;
        assert_eq!(health.is_stuck(Instant::now()), None, "another would wait too");
        drop(waiting);
        assert_eq!(health.condition(), Condition::Working);
        assert_eq!(health.is_stuck(Instant::now()), None, "it begins only now");
        tokio::time::advance(SILENT + Duration::from_secs(1)).await;
        assert!(health.is_stuck(Instant::now()).is_some_and(|why| why.contains("silent")));
    }
}
