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
    persistence::{condition, persist},
    task::{Held, Told, attend, due_again},
};
use crate::{
    agenda::Agenda,
    gate::Gate,
    origin::Origin,
    probe::Offer,
    sweep::{GRACE, PREPARED_PER_PLACE},
    visit::Visitor,
};

/// Where nothing is due, somebody looks again so soon.
const IDLE: Duration = Duration::from_millis(250);
/// While our own network seems broken, one visit at a time.
const ABSTAINING: Duration = Duration::from_secs(5);
/// After Redis failed, it is asked again so soon.
const FAILED: Duration = Duration::from_secs(1);
/// From one look at the schedule, for the metrics, to the next.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// From one visit of the canaries to the next.
const CANARY_EVERY: Duration = Duration::from_secs(60);

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
    hold: Hold,
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
    pub async fn run(self: Arc<Self>) -> Result<(), FleetError> {
        let keeper = tokio::spawn(Arc::clone(&self).keep());
        let observer = tokio::spawn(Arc::clone(&self).observe());
        let worked = self.work().await;
        observer.abort();
        keeper.abort();
        // What the others are not told they take for open and spent until it expires.
        let _ = timeout(GRACE, self.visitor.ledger.told()).await;
        let left = self.schedule.leave(&self.name).await;
        if let Err(error) = left {
            tracing::warn!("left without a word: {error}");
        }
        worked
    }

    async fn work(self: &Arc<Self>) -> Result<(), FleetError> {
        let begun = persist(&self.gate, &self.metrics, || self.begin());
        if self.gate.wait(begun).await.transpose()?.is_none() {
            return Ok(());
        }
        let mut tasks = JoinSet::new();
        let mut failed = Ok(());
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
                    failed = Err(error);
                    break;
                }
            };
            self.turned(condition, tasks.len());
            if self.orders.once && tasks.is_empty() && self.is_done().await? {
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
        failed
    }

    /// Lets the visits under way end, for a while, and gives back what is left.
    async fn drain(&self, mut tasks: JoinSet<()>) {
        let deadline = Instant::now() + GRACE;
        self.turned(Condition::Draining, tasks.len());
        while let Ok(Some(_)) = timeout_at(deadline, tasks.join_next()).await {
            self.turned(Condition::Draining, tasks.len());
        }
        tasks.shutdown().await;
        let left: Vec<Arc<Held>> = self.held().drain().map(|(_, held)| held).collect();
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
        if self.orders.cadence.quiet_until(Timestamp::now()).is_some() {
            return Ok((Condition::QuietHours, ABSTAINING));
        }
        let abstains = self.in_doubt(|doubt| doubt.is_in_order());
        let most = if abstains { 1 } else { self.orders.concurrency * PREPARED_PER_PLACE };
        let room = most.saturating_sub(tasks.len());
        let standing = if abstains { Condition::Abstaining } else { Condition::Working };
        if room == 0 {
            return Ok((standing, IDLE));
        }
        let wanted = Wanted {
            worker: &self.name,
            lanes: &self.orders.lanes,
            most: room,
            lease: self.hold.lease,
            patience: self.hold.patience,
        };
        let claims = self.schedule.claim(&wanted).await?;
        let found = claims.len();
        for claim in claims {
            self.metrics.claimed(claim.lane);
            let held = Arc::new(Held::new(claim));
            self.held().insert(held.claim.token, Arc::clone(&held));
            tasks.spawn(Arc::clone(self).see_to(held));
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
        let done = match &held.claim.subject {
            Subject::Server(host) => attend(&self, &held, host).await.map(|finished| match finished {
                true => due_again(&self, &held),
                // Others may finish it.
                false => Some(Duration::ZERO),
            }),
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
            match persist(&self.gate, &self.metrics, settle).await {
                Ok(settled) if settled.contains(&Fenced::Stale) => self.metrics.stale(),
                Ok(_) => {}
                // Its lease ends by itself.
                Err(error) => tracing::warn!("{} was not settled: {error}", held.claim.subject),
            }
        }
        self.held().remove(&held.claim.token);
    }

    async fn look_for_more(&self, claim: &Claim) -> Result<Option<Duration>, FleetError> {
        let cadence = &self.orders.cadence;
        let seeds = (self.seeds_again)().unwrap_or_else(|error| {
            tracing::warn!("the seeds as they were: {error}");
            self.orders.seeds.clone()
        });
        let discovered = discover(&self.schedule, claim, &seeds, cadence).await?;
        self.metrics.discovered(discovered.known, &discovered.refused);
        if discovered.new > 0 {
            tracing::info!("{} servers more, {} in all", discovered.new, discovered.known);
        }
        let again = discovered.again(cadence.interval(Lane::Discovery));
        Ok((!self.orders.once || discovered.new > 0).then_some(again))
    }

    /// Where everybody is visited once: whether that was everybody.
    async fn is_done(&self) -> Result<bool, FleetError> {
        let status = persist(&self.gate, &self.metrics, || self.schedule.status()).await?;
        Ok(status.lanes.iter().all(|lane| lane.subjects == 0))
    }

    /// Says that the worker is there, and keeps its claims.
    async fn keep(self: Arc<Self>) {
        loop {
            sleep(self.hold.lease / 3).await;
            if let Err(error) = self.keep_once().await {
                self.metrics.redis_failed(error.class());
            }
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
    async fn observe(self: Arc<Self>) {
        let mut canaries_due = Instant::now();
        loop {
            if let Ok(status) = self.schedule.status().await {
                self.metrics.looked(&status.lanes);
            }
            let is_quiet = self.orders.cadence.quiet_until(Timestamp::now()).is_some();
            if !self.orders.canaries.is_empty() && !is_quiet && Instant::now() >= canaries_due {
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

    pub(super) fn in_doubt<T>(&self, judge: impl FnOnce(&mut Doubt) -> T) -> T {
        judge(&mut self.doubt.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn turned(&self, condition: Condition, held: usize) {
        self.health.turned(condition, held);
        self.metrics.turned(condition, held);
    }

    fn held(&self) -> MutexGuard<'_, HashMap<u64, Arc<Held>>> {
        // Nobody panics while holding the lock.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
