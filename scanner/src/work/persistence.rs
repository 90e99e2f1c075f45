//! How a worker deals with a Redis that is away or full: it keeps what it has, asks again, and tells why it waits. Bounded
//! by what it holds: a worker that waits here claims nothing new.

use std::{sync::Arc, time::Duration};

use fleet::FleetError;
use tokio::time::{Instant, sleep};

use super::{health::Condition, metrics::Metrics};
use crate::{gate::Gate, sweep::GRACE};

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What a failure puts a worker in.
pub(super) fn condition(error: &FleetError) -> Condition {
    match error {
        FleetError::Full(_) => Condition::RedisFull,
        FleetError::Backlog(_) => Condition::Backlog,
        FleetError::Away(_) | FleetError::Refused(_) | FleetError::Spoilt { .. } => Condition::RedisAway,
    }
}

/// Asks until it is done. Gives up where waiting does not help, and a while after the gate was closed.
pub(super) async fn persist<T, F>(
    gate: &Gate,
    metrics: &Arc<Metrics>,
    ask: impl Fn() -> F,
) -> Result<T, FleetError>
where
    F: Future<Output = Result<T, FleetError>>,
{
    let (mut pause, mut deadline) = (FIRST_WAIT, None);
    loop {
        let error = match ask().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        metrics.redis_failed(error.class());
        if gate.is_closed() {
            deadline = deadline.or(Some(Instant::now() + GRACE));
        }
        if !error.is_passing() || deadline.is_some_and(|deadline| Instant::now() > deadline) {
            return Err(error);
        }
        // Not all workers at once.
        sleep(pause.mul_f64(rand::random_range(0.5..1.0))).await;
        pause = (pause * 2).min(LONGEST_WAIT);
    }
}
