//! A schedule in the memory of one process: for one worker without Redis, for rehearsals, and what the one in Redis is
//! measured by. Keeps nothing when the process ends.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use model::{Purpose, Visit};
use tokio::time::Instant;

use super::{
    BACKLOG, Claim, Enrolment, Fenced, Lane, Report, Schedule, Status, Subject, Wanted, check_size, hour,
    millis,
    table::{Entry, Table},
    timestamp,
};
use crate::{Clock, FleetError, uptime::Uptime};

/// What the vantages of one campaign share.
#[derive(Clone)]
pub struct Memory {
    shared: Arc<Mutex<Shared>>,
    clock: Clock,
    /// The shared clock runs from here as Tokio's does, which tests may pause.
    began: (u64, Instant),
}

/// A schedule of a [`Memory`], seen from one vantage.
#[derive(Clone)]
pub struct MemorySchedule {
    memory: Memory,
    vantage: String,
}

/// A visit that waits to be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting {
    /// The visit.
    pub visit: Visit,
    /// Whether the worker took its own network to be broken.
    pub doubtful: bool,
}

struct Shared {
    tables: HashMap<String, Table>,
    tokens: u64,
    visits: VecDeque<Waiting>,
    deep: HashMap<String, Visit>,
    kept: HashMap<String, Vec<u8>>,
    backlog: u64,
}

impl Default for Memory {
    fn default() -> Self {
        Self::new(BACKLOG, Clock::Own)
    }
}

impl Memory {
    /// For so many visits that nobody has read yet.
    #[must_use]
    pub fn new(backlog: u64, clock: Clock) -> Self {
        let shared = Shared {
            tables: HashMap::new(),
            tokens: 0,
            visits: VecDeque::new(),
            deep: HashMap::new(),
            kept: HashMap::new(),
            backlog,
        };
        let began = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
        Self { shared: Arc::new(Mutex::new(shared)), clock, began: (began, Instant::now()) }
    }

    /// The schedule of a vantage.
    #[must_use]
    pub fn schedule(&self, vantage: &str) -> MemorySchedule {
        self.lock().tables.entry(vantage.to_owned()).or_default();
        MemorySchedule { memory: self.clone(), vantage: vantage.to_owned() }
    }

    /// The oldest visits that wait, at most so many, which then do not wait any more.
    #[must_use]
    pub fn take(&self, most: usize) -> Vec<Waiting> {
        let mut shared = self.lock();
        let most = most.min(shared.visits.len());
        shared.visits.drain(..most).collect()
    }

    fn now(&self) -> u64 {
        self.clock.told().unwrap_or_else(|| self.began.0 + millis(self.began.1.elapsed()))
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemorySchedule {
    fn with<T>(&self, act: impl FnOnce(&mut Table, u64) -> T) -> T {
        let now = self.memory.now();
        act(self.memory.lock().table(&self.vantage), now)
    }
}

impl Shared {
    fn table(&mut self, vantage: &str) -> &mut Table {
        self.tables.entry(vantage.to_owned()).or_default()
    }

    fn room(&self) -> Result<(), FleetError> {
        let waiting = self.visits.len() as u64;
        if waiting < self.backlog { Ok(()) } else { Err(FleetError::Backlog(waiting)) }
    }

    fn report(
        &mut self,
        vantage: &str,
        claim: &Claim,
        report: &Report<'_>,
        now: u64,
    ) -> Result<Fenced, FleetError> {
        let room = self.room();
        let entry = match self.table(vantage).reporting(&claim.subject, claim.token, report.number) {
            Ok(entry) => entry,
            Err(fenced) => return Ok(fenced),
        };
        room?;
        note(entry, report, now);
        if report.visit.purpose == Purpose::Deep {
            self.deep.insert(claim.subject.to_string(), report.visit.clone());
        }
        self.visits.push_back(Waiting { visit: report.visit.clone(), doubtful: report.doubtful });
        Ok(Fenced::Done)
    }
}

fn note(entry: &mut Entry, report: &Report<'_>, now: u64) {
    entry.reports = report.number;
    entry.record = report.record.to_vec();
    if let Some(up) = report.up.filter(|_| !report.doubtful) {
        entry.ring.mark(hour(now), up);
    }
}

impl Schedule for MemorySchedule {
    async fn enrol(&self, subjects: &[Enrolment]) -> Result<usize, FleetError> {
        subjects.iter().try_for_each(|enrolment| check_size(&enrolment.listing))?;
        Ok(self.with(|table, now| subjects.iter().filter(|enrolment| table.enrol(enrolment, now)).count()))
    }

    async fn retire(&self, subjects: &[Subject]) -> Result<(), FleetError> {
        let mut shared = self.memory.lock();
        for subject in subjects {
            shared.table(&self.vantage).retire(subject);
            shared.deep.remove(&subject.to_string());
        }
        Ok(())
    }

    async fn subjects(&self, _: u64) -> Result<(Vec<(Subject, Vec<u8>)>, Option<u64>), FleetError> {
        let pairs = |entry: &Entry| (entry.subject.clone(), entry.listing.clone());
        Ok((self.with(|table, _| table.entries.values().map(pairs).collect()), None))
    }

    async fn attend(&self, worker: &str, lasting: Duration) -> Result<Vec<String>, FleetError> {
        Ok(self.with(|table, now| table.attend(worker, now + millis(lasting), now)))
    }

    async fn leave(&self, worker: &str) -> Result<(), FleetError> {
        self.with(|table, _| table.leave(worker));
        Ok(())
    }

    async fn claim(&self, wanted: &Wanted<'_>) -> Result<Vec<Claim>, FleetError> {
        let now = self.memory.now();
        let mut shared = self.memory.lock();
        shared.room()?;
        let mut tokens = shared.tokens;
        let table = shared.table(&self.vantage);
        let taken = table.claim(wanted, &mut tokens, now);
        let claims = taken.into_iter().filter_map(|taken| {
            let entry = table.entries.get(&taken.name)?;
            Some(Claim {
                subject: entry.subject.clone(),
                lane: Lane::ALL[taken.lane],
                token: taken.token,
                due: timestamp(taken.due),
                listing: entry.listing.clone(),
                record: entry.record.clone(),
            })
        });
        let claims = claims.collect();
        shared.tokens = tokens;
        Ok(claims)
    }

    async fn extend(&self, claims: &[&Claim], lease: Duration) -> Result<Vec<Fenced>, FleetError> {
        let lease = millis(lease);
        Ok(self.with(|table, now| {
            claims.iter().map(|claim| table.extend(&claim.subject, claim.token, now + lease)).collect()
        }))
    }

    async fn report(&self, claim: &Claim, report: Report<'_>) -> Result<Fenced, FleetError> {
        check_size(report.record)?;
        let now = self.memory.now();
        self.memory.lock().report(&self.vantage, claim, &report, now)
    }

    async fn settle(&self, claims: &[(&Claim, Option<Duration>)]) -> Result<Vec<Fenced>, FleetError> {
        Ok(self.with(|table, now| {
            let due = |delay: &Option<Duration>| delay.map(|delay| now + millis(delay));
            claims
                .iter()
                .map(|(claim, delay)| table.settle(&claim.subject, claim.token, due(delay)))
                .collect()
        }))
    }

    async fn tell(&self, word: &[u8]) -> Result<bool, FleetError> {
        check_size(word)?;
        Ok(self.with(|table, _| table.tell(word)))
    }

    async fn told(&self, most: usize) -> Result<Vec<Vec<u8>>, FleetError> {
        Ok(self.with(|table, _| table.words.iter().take(most).cloned().collect()))
    }

    async fn forget(&self, claim: &Claim, words: usize) -> Result<Fenced, FleetError> {
        Ok(self.with(|table, _| table.forget(&claim.subject, claim.token, words)))
    }

    async fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, FleetError> {
        Ok(self.memory.lock().kept.get(name).cloned())
    }

    async fn keep(&self, name: &str, what: &[u8]) -> Result<(), FleetError> {
        self.memory.lock().kept.entry(name.to_owned()).or_insert_with(|| what.to_vec());
        Ok(())
    }

    async fn status(&self) -> Result<Status, FleetError> {
        let now = self.memory.now();
        let mut shared = self.memory.lock();
        let backlog = (shared.visits.len() as u64, shared.backlog);
        let table = shared.table(&self.vantage);
        Ok(Status {
            lanes: Lane::ALL.iter().map(|lane| table.lane_status(*lane, now)).collect(),
            workers: table.workers(now),
            backlog,
            stale: table.stale,
        })
    }

    async fn uptime(&self, subjects: &[Subject]) -> Result<Vec<Uptime>, FleetError> {
        Ok(self.with(|table, now| {
            let of =
                |subject: &Subject| table.entries.get(&subject.to_string()).map(|e| e.ring.uptime(hour(now)));
            subjects.iter().map(|subject| of(subject).unwrap_or_default()).collect()
        }))
    }

    async fn deep(&self, subject: &Subject) -> Result<Option<Visit>, FleetError> {
        Ok(self.memory.lock().deep.get(&subject.to_string()).cloned())
    }
}
