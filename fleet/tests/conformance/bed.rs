//! What a case runs on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use fleet::{
    Clock, Redis,
    schedule::{
        Claim, Enrolment, Lane, Memory, MemorySchedule, RedisSchedule, Schedule, Scope, Subject, Wanted,
    },
};
use model::{Purpose, Visit};

use crate::support::{Program, Server};

/// Visits that may wait.
pub(crate) const BACKLOG: u64 = 5;
pub(crate) const BEGAN: u64 = 1_800_000_000_000;

/// A kind of schedule, and the clock it goes by.
pub(crate) trait Bed {
    type Schedule: Schedule;
    fn schedule(&self, vantage: &str) -> Self::Schedule;
    fn clock(&self) -> &AtomicU64;
    /// Reads all visits that wait; says how many.
    async fn read(&self) -> usize;

    fn pass(&self, seconds: u64) {
        self.clock().fetch_add(seconds * 1_000, Ordering::SeqCst);
    }
}

pub(crate) struct InMemory {
    memory: Memory,
    clock: Arc<AtomicU64>,
}

impl InMemory {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(AtomicU64::new(BEGAN));
        Self { memory: Memory::new(BACKLOG, Clock::Set(Arc::clone(&clock))), clock }
    }
}

impl Bed for InMemory {
    type Schedule = MemorySchedule;

    fn schedule(&self, vantage: &str) -> MemorySchedule {
        self.memory.schedule(vantage)
    }

    fn clock(&self) -> &AtomicU64 {
        &self.clock
    }

    async fn read(&self) -> usize {
        self.memory.take(usize::MAX).len()
    }
}

pub(crate) struct InRedis {
    redis: Redis,
    clock: Arc<AtomicU64>,
    _server: Server,
}

impl InRedis {
    pub(crate) async fn start(program: Program) -> Self {
        let server = Server::of(program).await;
        Self { redis: server.redis(), clock: Arc::new(AtomicU64::new(BEGAN)), _server: server }
    }

    /// Forgets everything.
    pub(crate) async fn empty(&self) {
        self.redis.call::<()>(&redis::cmd("FLUSHALL")).await.expect("empties");
        self.clock.store(BEGAN, Ordering::SeqCst);
    }
}

impl Bed for InRedis {
    type Schedule = RedisSchedule;

    fn schedule(&self, vantage: &str) -> RedisSchedule {
        let scope = Scope { campaign: "lab/net".to_owned(), vantage: vantage.to_owned() };
        RedisSchedule::new(self.redis.clone(), &scope, BACKLOG).by(Clock::Set(Arc::clone(&self.clock)))
    }

    fn clock(&self) -> &AtomicU64 {
        &self.clock
    }

    async fn read(&self) -> usize {
        let key = "eo:{lab/net}:visits";
        let waiting = self.redis.call(redis::cmd("XLEN").arg(key)).await.expect("reads");
        self.redis.call::<()>(redis::cmd("XTRIM").arg(key).arg("MAXLEN").arg(0)).await.expect("trims");
        waiting
    }
}

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn server(name: &str) -> Subject {
    Subject::Server(format!("{name}.example.org").parse().expect("a host"))
}

pub(crate) fn enrolment(subject: Subject, lanes: &[(Lane, u64)]) -> Enrolment {
    let listing = format!("listing of {subject}").into_bytes();
    Enrolment { subject, listing, lanes: lanes.iter().map(|(lane, due)| (*lane, seconds(*due))).collect() }
}

/// Puts servers on the schedule for liveness, each due so many seconds from now.
pub(crate) async fn enrol(schedule: &impl Schedule, servers: &[(&str, u64)]) {
    let servers: Vec<_> =
        servers.iter().map(|(name, due)| enrolment(server(name), &[(Lane::Liveness, *due)])).collect();
    assert_eq!(schedule.enrol(&servers).await.expect("enrols"), servers.len());
}

pub(crate) fn wanted(lanes: &[Lane]) -> Wanted<'_> {
    Wanted { worker: "w", lanes, most: 10, lease: seconds(60), patience: seconds(0) }
}

/// All that is due for liveness.
pub(crate) async fn claim(schedule: &impl Schedule) -> Vec<Claim> {
    schedule.claim(&wanted(&[Lane::Liveness])).await.expect("claims")
}

pub(crate) fn names(claims: &[Claim]) -> Vec<String> {
    claims.iter().map(|claim| claim.subject.to_string().replace(".example.org", "")).collect()
}

pub(crate) fn visit(purpose: Purpose) -> Visit {
    Visit::begun(
        electrum::Network::Regtest,
        "ssl://a.example.org:50002".parse().expect("an endpoint"),
        "home".to_owned(),
        purpose,
        "2026-11-24T04:00:00Z".parse().expect("a time"),
    )
}
