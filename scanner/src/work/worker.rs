//! The loop of a worker: claim, hand out, keep what is held, drain.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use fleet::{
    FleetError,
    schedule::{Claim, Enrolment, Fenced, Lane, Schedule, Subject, Wanted},
};
use jiff::Timestamp;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    cadence::CRAWLING,
    discovery::{Seeds, discover},
    doubt::Doubt,
    health::{Condition, Health},
    metrics::Metrics,
    orders::{Orders, OrdersError},
    persistence::condition,
    task::{Held, Told, attend, due_again},
};
use crate::{
    gate::Gate,
    sweep::{GRACE, PREPARED_PER_PLACE},
    visit::Visitor,
};

/// Where nothing is due, somebody looks again so soon.
const IDLE: Duration = Duration::from_millis(250);
/// While our own network seems broken, one visit at a time.
const ABSTAINING: Duration = Duration::from_secs(5);
/// After Redis failed, it is asked again so soon.
const FAILED: Duration = Duration::from_secs(1);
/// Watches at once. They last for an hour and take no place meanwhile, so they count apart from all other visits.
const MOST_WATCHES: usize = 2_000;
/// Where everybody is visited once, somebody looks so soon whether there is somebody more.
const ONCE_AGAIN: Duration = Duration::from_secs(10);

/// How a worker holds on to what it claims.
#[derive(Clone, Copy, Debug)]
pub struct Hold {
    /// A claim is its for so long, and extended thrice as often.
    pub lease: Duration,
    /// How long others leave a server to the worker it belongs to.
    pub patience: Duration,
}

impl Default for Hold {
    fn default() -> Self {
        Self { lease: Duration::from_secs(30), patience: Duration::from_secs(5) }
    }
}

/// Why a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Everybody was visited, where once is enough.
    Done,
    /// It was told to.
    Told,
}

/// How the seeds are read again: lists of them change while a campaign runs.
type SeedsAgain = Box<dyn Fn() -> Result<Seeds, OrdersError> + Send + Sync>;

/// A worker.
pub struct Worker<S> {
    pub(super) name: String,
    pub(super) schedule: S,
    pub(super) orders: Orders,
    seeds_again: SeedsAgain,
    pub(super) visitor: Arc<Visitor>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) health: Arc<Health>,
    pub(super) gate: Gate,
    pub(super) told: Told,
    pub(super) hold: Hold,
    doubt: Mutex<Doubt>,
    held: Mutex<HashMap<u64, Arc<Held>>>,
}

impl<S: Schedule + 'static> Worker<S> {
    /// A worker by a name that no other has, with its orders and a way to read their seeds again. Closing the gate ends
    /// it.
    #[must_use]
    #[expect(clippy::too_many_arguments, reason = "all of it is needed, and none of it goes together")]
    pub fn new(
        name: String,
        schedule: S,
        (orders, seeds_again): (Orders, impl Fn() -> Result<Seeds, OrdersError> + Send + Sync + 'static),
        visitor: Arc<Visitor>,
        hold: Hold,
        metrics: Arc<Metrics>,
        health: Arc<Health>,
        gate: Gate,
    ) -> Arc<Self> {
        Arc::new(Self {
            name,
            schedule,
            orders,
            seeds_again: Box::new(seeds_again),
            visitor,
            metrics,
            health,
            gate,
            hold,
            told: Told::default(),
            doubt: Mutex::default(),
            held: Mutex::default(),
        })
    }

    /// Works until the gate is closed, or everybody was visited where once is enough.
    ///
    /// # Errors
    /// Where waiting does not help.
    pub async fn run(self: Arc<Self>) -> Result<Ended, FleetError> {
        let keeper = tokio::spawn(Arc::clone(&self).keep());
        let observer = tokio::spawn(Arc::clone(&self).observe());
        let worked = self.work().await;
        observer.abort();
        keeper.abort();
        // What the others are not told they take for open and spent until it expires.
        let _ = timeout(GRACE, self.gate.unless_shut(self.visitor.ledger.told())).await;
        let left = self.schedule.leave(&self.name).await;
        if let Err(error) = left {
            tracing::warn!("left without a word: {error}");
        }
        worked
    }

    async fn work(self: &Arc<Self>) -> Result<Ended, FleetError> {
        if self.gate.wait(self.persist(|| self.begin())).await.transpose()?.is_none() {
            return Ok(Ended::Told);
        }
        let mut tasks = JoinSet::new();
        let mut worked = Ok(Ended::Told);
        while !self.gate.is_closed() {
            while let Some(ended) = tasks.try_join_next() {
                if let Err(error) = ended {
                    tracing::error!("a claim was lost: {error}");
                }
            }
            let (condition, pause) = match self.take_on(&mut tasks).await {
                Ok(turn) => turn,
                Err(error) if error.is_passing() => {
                    self.metrics.redis_failed(error.class());
                    tracing::warn!("{error}");
                    (condition(&error), FAILED)
                }
                // What is under way is brought to its end all the same.
                Err(error) => {
                    worked = Err(error);
                    break;
                }
            };
            self.turned(condition);
            if self.orders.once && tasks.is_empty() && self.is_done().await? {
                worked = Ok(Ended::Done);
                break;
            }
            let woken = async {
                tokio::select! {
                    () = sleep(pause) => {}
                    _ = tasks.join_next(), if !tasks.is_empty() => {}
                }
            };
            self.gate.wait(woken).await;
        }
        self.gate.close();
        self.drain(tasks).await;
        worked
    }

    /// Lets the visits under way end, for a while, and gives back what is left.
    async fn drain(&self, mut tasks: JoinSet<()>) {
        let deadline = Instant::now() + GRACE;
        self.turned(Condition::Draining);
        let ending = async {
            while let Ok(Some(_)) = timeout_at(deadline, tasks.join_next()).await {
                self.turned(Condition::Draining);
            }
        };
        self.gate.unless_shut(ending).await;
        // Those that end now are settled already, which does no harm.
        let left: Vec<Arc<Held>> = self.held().values().cloned().collect();
        tasks.shutdown().await;
        let left: Vec<_> = left.iter().map(|held| (&held.claim, Some(Duration::ZERO))).collect();
        if let (false, Err(error)) = (left.is_empty(), self.schedule.settle(&left).await) {
            // Their leases end by themselves.
            tracing::warn!("{} claims were not given back: {error}", left.len());
        }
    }

    /// What has to be there before anything can be claimed.
    async fn begin(&self) -> Result<(), FleetError> {
        self.schedule.attend(&self.name, self.hold.lease).await?;
        let campaign = Enrolment {
            subject: Subject::Campaign,
            listing: Vec::new(),
            lanes: vec![(Lane::Discovery, Duration::ZERO)],
        };
        self.schedule.enrol(&[campaign]).await.map(|_| ())
    }

    /// Claims as much as there is room for. Gives how the worker stands, and when to look again.
    async fn take_on(self: &Arc<Self>, tasks: &mut JoinSet<()>) -> Result<(Condition, Duration), FleetError> {
        if self.is_quiet() {
            return Ok((Condition::QuietHours, ABSTAINING));
        }
        let abstains = self.in_doubt(|doubt| doubt.is_in_order());
        let standing = if abstains { Condition::Abstaining } else { Condition::Working };
        let (most, most_watches) =
            if abstains { (1, 0) } else { (self.orders.concurrency * PREPARED_PER_PLACE, MOST_WATCHES) };
        let (visits, watches) = self.held_by_kind();
        let (to_watch, to_visit): (Vec<Lane>, Vec<Lane>) =
            self.orders.lanes.iter().partition(|lane| **lane == Lane::Watch);
        let mut found = 0;
        for (lanes, room) in
            [(to_visit, most.saturating_sub(visits)), (to_watch, most_watches.saturating_sub(watches))]
        {
            if room == 0 || lanes.is_empty() {
                continue;
            }
            let (worker, Hold { lease, patience }) = (&*self.name, self.hold);
            let wanted = Wanted { worker, lanes: &lanes, most: room, lease, patience };
            for claim in self.schedule.claim(&wanted).await? {
                found += 1;
                self.metrics.claimed(claim.lane);
                let held = Arc::new(Held::new(claim));
                self.held().insert(held.claim.token, Arc::clone(&held));
                tasks.spawn(Arc::clone(self).see_to(held));
            }
        }
        let pause = match found {
            _ if abstains => ABSTAINING,
            0 => IDLE,
            _ => Duration::ZERO,
        };
        Ok((standing, pause))
    }

    /// Sees to one claim, to its end.
    async fn see_to(self: Arc<Self>, held: Arc<Held>) {
        // However it ends, or it would be extended for ever.
        let _kept = Kept { worker: &self, token: held.claim.token };
        let done = match &held.claim.subject {
            Subject::Server(_) => {
                attend(&self, &held).await.map(|attended| due_again(&self, &held, attended))
            }
            Subject::Campaign => self.look_for_more(&held.claim).await,
        };
        let again = match done {
            Ok(again) => again,
            Err(error) => {
                tracing::warn!("{}: {error}", held.claim.subject);
                Some(CRAWLING)
            }
        };
        if !held.is_over() {
            let settle = || async { self.schedule.settle(&[(&held.claim, again)]).await };
            match self.persist(settle).await {
                Ok(settled) if settled.contains(&Fenced::Stale) => self.metrics.stale(),
                Ok(_) => {}
                // Its lease ends by itself.
                Err(error) => tracing::warn!("{} was not settled: {error}", held.claim.subject),
            }
        }
        self.health.progressed();
    }

    async fn look_for_more(&self, claim: &Claim) -> Result<Option<Duration>, FleetError> {
        let cadence = &self.orders.cadence;
        let seeds = (self.seeds_again)().unwrap_or_else(|error| {
            tracing::warn!("the seeds as they were: {error}");
            self.orders.seeds.clone()
        });
        // Before the words are read: whoever is visited until then has told what it knows.
        let everybody = !self.orders.once || !self.is_anybody_left().await?;
        let discovered = discover(&self.schedule, claim, &seeds, cadence, self.orders.once).await?;
        self.metrics.discovered(discovered.known, &discovered.refused);
        if discovered.new > 0 {
            tracing::info!("{} servers more, {} in all", discovered.new, discovered.known);
        }
        if discovered.known == 0 {
            tracing::warn!("nobody is known: the campaign's sources name no server that may be visited");
        }
        let again = discovered.again(cadence.interval(Lane::Discovery));
        if !self.orders.once {
            return Ok(Some(again));
        }
        let more = !everybody || discovered.new > 0 || discovered.full || discovered.known == 0;
        Ok(more.then(|| again.min(ONCE_AGAIN)))
    }

    /// Where everybody is visited once: whether somebody was not yet.
    async fn is_anybody_left(&self) -> Result<bool, FleetError> {
        let status = self.persist(|| self.schedule.status()).await?;
        let mut lanes = status.lanes.iter().filter(|lane| self.orders.seeds.lanes.contains(&lane.lane));
        Ok(lanes.any(|lane| lane.subjects > 0))
    }

    /// Where everybody is visited once: whether that was everybody.
    async fn is_done(&self) -> Result<bool, FleetError> {
        let status = self.persist(|| self.schedule.status()).await?;
        let mut lanes = status.lanes.iter().filter(|lane| self.orders.lanes.contains(&lane.lane));
        Ok(lanes.all(|lane| lane.subjects == 0))
    }

    pub(super) fn in_doubt<T>(&self, judge: impl FnOnce(&mut Doubt) -> T) -> T {
        judge(&mut self.doubt.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.orders.cadence.quiet_until(Timestamp::now()).is_some()
    }

    /// How long until nobody is visited for a while.
    pub(super) fn until_quiet(&self) -> Option<Duration> {
        self.orders.cadence.until_quiet(Timestamp::now())
    }

    fn turned(&self, condition: Condition) {
        let (visits, watches) = self.held_by_kind();
        self.health.turned(condition, visits);
        self.metrics.holds(visits + watches);
    }

    /// Claims on visits that end soon, and on watches.
    fn held_by_kind(&self) -> (usize, usize) {
        let held = self.held();
        let watches = held.values().filter(|held| held.claim.lane == Lane::Watch).count();
        (held.len() - watches, watches)
    }

    pub(super) fn held(&self) -> MutexGuard<'_, HashMap<u64, Arc<Held>>> {
        // Nobody panics while holding the lock.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A claim is held as long as this is there.
struct Kept<'w, S: Schedule + 'static> {
    worker: &'w Worker<S>,
    token: u64,
}

impl<S: Schedule + 'static> Drop for Kept<'_, S> {
    fn drop(&mut self) {
        self.worker.held().remove(&self.token);
    }
}

#[cfg(test)]
mod tests;
