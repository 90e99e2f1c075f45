//! Whether the operator goes on. A program that looks healthy while nothing moves is worse than one that ended: each
//! part that must turn has a pulse, and liveness fails where one is missing.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

struct Part {
    name: &'static str,
    most: Duration,
    last: Mutex<Instant>,
}

/// A part that must show that it goes on.
#[derive(Clone)]
pub struct Pulse(Arc<Part>);

impl Pulse {
    /// It goes on.
    pub fn beat(&self) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// All parts, and whether the operator is ready.
#[derive(Clone, Default)]
pub struct Health {
    parts: Arc<Mutex<Vec<Pulse>>>,
    waits_for: Arc<Mutex<Option<String>>>,
}

impl Health {
    /// A part that shows at least this often that it goes on.
    #[must_use]
    pub fn part(&self, name: &'static str, most: Duration) -> Pulse {
        let pulse = Pulse(Arc::new(Part { name, most, last: Mutex::new(Instant::now()) }));
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).push(pulse.clone());
        pulse
    }

    /// The parts that have stopped by then.
    #[must_use]
    pub fn stopped(&self, now: Instant) -> Vec<&'static str> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = |pulse: &&Pulse| {
            let last = *pulse.0.last.lock().unwrap_or_else(PoisonError::into_inner);
            now.saturating_duration_since(last) > pulse.0.most
        };
        parts.iter().filter(silent).map(|pulse| pulse.0.name).collect()
    }

    /// What the operator waits for before it can do its work.
    pub fn wait_for(&self, what: Option<String>) {
        *self.waits_for.lock().unwrap_or_else(PoisonError::into_inner) = what;
    }

    /// What it waits for.
    #[must_use]
    pub fn waits_for(&self) -> Option<String> {
        self.waits_for.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_silent_for_too_long_has_stopped() {
        let health = Health::default();
        let _lease = health.part("lease", Duration::from_secs(60));
        let _watch = health.part("watch", Duration::from_secs(300));
        let now = Instant::now();
        assert!(health.stopped(now).is_empty());
        assert_eq!(health.stopped(now + Duration::from_secs(90)), ["lease"]);
        assert_eq!(health.stopped(now + Duration::from_secs(400)), ["lease", "watch"]);
    }
}
