//! What a worker does beside its claims: it says that it is there, keeps what it holds, looks at the schedule for the
//! metrics, and visits its canaries.

use std::{sync::Arc, time::Duration};

use fleet::{
    FleetError,
    schedule::{Claim, Fenced, Schedule},
};
use tokio::time::{Instant, sleep};

use super::{persistence::condition, task::Held, worker::Worker};
use crate::{agenda::Agenda, origin::Origin, probe::Offer};

/// From one look at the schedule, for the metrics, to the next.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// From one visit of the canaries to the next.
const CANARY_EVERY: Duration = Duration::from_secs(60);

impl<S: Schedule + 'static> Worker<S> {
    /// Says that the worker is there, and keeps its claims.
    pub(super) async fn keep(self: Arc<Self>) {
        // However busy the others are: this is asked again and again.
        let mut waiting = None;
        loop {
            sleep(self.hold.lease / 3).await;
            waiting = match self.keep_once().await {
                Ok(()) => None,
                Err(error) => {
                    self.metrics.redis_failed(error.class());
                    // The new one is there before the old one goes.
                    let again = self.health.waits(condition(&error));
                    drop(waiting);
                    Some(again)
                }
            };
        }
    }

    async fn keep_once(&self) -> Result<(), FleetError> {
        self.schedule.attend(&self.name, self.hold.lease).await?;
        let held: Vec<Arc<Held>> = self.held().values().cloned().collect();
        let claims: Vec<&Claim> = held.iter().map(|held| &held.claim).collect();
        if claims.is_empty() {
            return Ok(());
        }
        let kept = self.schedule.extend(&claims, self.hold.lease).await?;
        for (held, kept) in held.iter().zip(kept) {
            if kept == Fenced::Stale {
                held.end();
            }
        }
        Ok(())
    }

    /// Looks at the schedule for the metrics, and visits the canaries.
    pub(super) async fn observe(self: Arc<Self>) {
        let mut canaries_due = Instant::now();
        loop {
            if let Ok(mut status) = self.schedule.status().await {
                // Nobody works on what the campaign does not ask for any more.
                status.lanes.retain(|lane| self.orders.lanes.contains(&lane.lane));
                self.metrics.looked(&status.lanes);
            }
            if !self.orders.canaries.is_empty() && !self.is_quiet() && Instant::now() >= canaries_due {
                self.visit_canaries().await;
                canaries_due = Instant::now() + CANARY_EVERY;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn visit_canaries(&self) {
        let (mut visited, mut answered) = (0, 0);
        for endpoint in &self.orders.canaries {
            let agenda = Agenda::Light { offer: Offer::Usual };
            let visit = self.visitor.visit(endpoint, &agenda, Origin::default(), &self.gate).await;
            let Some(visit) = visit.map(|visited| visited.visit) else { continue };
            self.metrics.canary(&visit);
            visited += 1;
            answered += usize::from(visit.outcome == model::Outcome::Answered);
        }
        self.in_doubt(|doubt| doubt.canaries(answered, visited));
    }
}
