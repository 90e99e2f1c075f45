//! How a worker deals with a Redis that is away or full: it keeps what it has, asks again, and tells why it waits. Bounded
//! by what it holds: a worker that waits here claims nothing new.

use std::time::Duration;

use fleet::{FleetError, schedule::Schedule};
use tokio::time::{Instant, sleep};

use super::{health::Condition, worker::Worker};
use crate::sweep::GRACE;

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What a failure puts a worker in.
pub(super) fn condition(error: &FleetError) -> Condition {
    match error {
        FleetError::Full(_) => Condition::RedisFull,
        FleetError::Backlog(_) => Condition::Backlog,
        FleetError::Away(_) => Condition::RedisAway,
        FleetError::Stranger(_) | FleetError::Refused(_) | FleetError::Spoilt { .. } => {
            Condition::RedisRefuses
        }
    }
}

impl<S: Schedule + 'static> Worker<S> {
    /// Asks until it is done. Gives up where waiting does not help, and a while after the gate was closed.
    pub(super) async fn persist<T, F>(&self, ask: impl Fn() -> F) -> Result<T, FleetError>
    where
        F: Future<Output = Result<T, FleetError>>,
    {
        let (mut pause, mut deadline, mut waiting) = (FIRST_WAIT, None, None);
        loop {
            let error = match ask().await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            self.metrics.redis_failed(error.class());
            if self.gate.is_closed() {
                deadline = deadline.or(Some(Instant::now() + GRACE));
            }
            if !error.is_passing() || deadline.is_some_and(|deadline| Instant::now() > deadline) {
                return Err(error);
            }
            // The new one before the old one goes, so that it waits all the time.
            waiting.replace(self.health.waits(condition(&error)));
            // Not all workers at once.
            sleep(pause.mul_f64(rand::random_range(0.5..1.0))).await;
            pause = (pause * 2).min(LONGEST_WAIT);
        }
    }
}
