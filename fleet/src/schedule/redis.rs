//! A schedule in Redis: each call is one script, and the rules are in the scripts (`*.lua` beside this file). What is here
//! puts arguments in order and makes sense of answers.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use model::{Purpose, Visit};
use redis::ScriptInvocation;

use super::{
    Claim, Enrolment, Fenced, Lane, LaneStatus, MOST_WORDS, Report, Schedule, Scope, Status, Subject, Wanted,
    check_size, hour, millis, scripts::SCRIPTS, timestamp,
};
use crate::{
    Clock, FleetError, Redis,
    keys::{Keys, of_campaign},
    pack::{self, Seen},
    uptime::{Ring, Uptime},
};

/// Subjects in one call, so that nobody else waits for long.
const BATCH: usize = 500;

/// The schedule of a scope, in Redis. Clones share a connection.
#[derive(Clone)]
pub struct RedisSchedule {
    redis: Redis,
    keys: Keys,
    names: Vec<String>,
    backlog: u64,
    clock: Clock,
    /// Which answers the stream may name.
    seen: Arc<Mutex<Seen>>,
}

impl RedisSchedule {
    /// The schedule of a scope, for a stream in which so many visits may wait.
    #[must_use]
    pub fn new(redis: Redis, scope: &Scope, backlog: u64) -> Self {
        let keys = Keys::new(scope);
        Self { redis, names: keys.of_schedule(), keys, backlog, clock: Clock::Own, seen: Arc::default() }
    }

    /// The vantages from which somebody has worked for a campaign, by name.
    ///
    /// # Errors
    ///
    /// As everything that asks Redis.
    pub async fn vantages(redis: &Redis, campaign: &str) -> Result<Vec<String>, FleetError> {
        let mut names: Vec<String> =
            redis.call(redis::cmd("SMEMBERS").arg(of_campaign(campaign, "vantages"))).await?;
        names.sort_unstable();
        Ok(names)
    }

    /// The same by another clock than that of Redis. Everybody else must go by it too.
    #[must_use]
    pub fn by(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// A script with what all of them are given: the common keys, and the time if it is told.
    fn script(&self, script: &'static redis::Script) -> ScriptInvocation<'static> {
        let mut call = script.prepare_invoke();
        for name in &self.names {
            call.key(name);
        }
        call.arg(self.clock.told().map(|now| now.to_string()).unwrap_or_default());
        call
    }

    async fn fenced(&self, call: &ScriptInvocation<'_>) -> Result<Vec<Fenced>, FleetError> {
        let answers: Vec<u8> = self.redis.run(call).await?;
        Ok(answers.into_iter().map(fenced).collect())
    }

    /// Takes off the schedule whatever has these names.
    async fn drop_names(&self, names: &[String]) -> Result<(), FleetError> {
        for batch in names.chunks(BATCH) {
            let mut call = self.script(&SCRIPTS.retire);
            for name in batch {
                call.key(self.keys.deep(name)).arg(name);
            }
            self.redis.run::<()>(&call).await?;
        }
        Ok(())
    }

    /// What names servers. What does not, nobody put there and nobody can visit: it goes, or it would be due for ever.
    async fn readable<T>(
        &self,
        named: impl IntoIterator<Item = (String, T)>,
    ) -> Result<Vec<(Subject, T)>, FleetError> {
        let (mut readable, mut spoilt) = (Vec::new(), Vec::new());
        for (name, with) in named {
            match name.parse() {
                Ok(subject) => readable.push((subject, with)),
                Err(_) => spoilt.push(name),
            }
        }
        for name in &spoilt {
            tracing::warn!(name, "no server is called that: taken off the schedule");
        }
        self.drop_names(&spoilt).await?;
        Ok(readable)
    }

    async fn hash<T: redis::FromRedisValue>(&self, key: &str, field: &str) -> Result<T, FleetError> {
        self.redis.call(redis::cmd("HGET").arg(key).arg(field)).await
    }
}

fn fenced(answer: u8) -> Fenced {
    if answer == 1 { Fenced::Done } else { Fenced::Stale }
}

type Taken = (usize, u64, u64, Vec<u8>, Vec<u8>);

impl Schedule for RedisSchedule {
    async fn enrol(&self, subjects: &[Enrolment]) -> Result<usize, FleetError> {
        subjects.iter().try_for_each(|enrolment| check_size(&enrolment.listing))?;
        let mut new = 0;
        for batch in subjects.chunks(BATCH) {
            let mut call = self.script(&SCRIPTS.enrol);
            for enrolment in batch {
                call.arg(enrolment.subject.to_string()).arg(&enrolment.listing);
                for lane in Lane::ALL {
                    let delay = enrolment.lanes.iter().find(|(wanted, _)| *wanted == lane);
                    call.arg(delay.map(|(_, delay)| millis(*delay).to_string()).unwrap_or_default());
                }
            }
            new += self.redis.run::<usize>(&call).await?;
        }
        Ok(new)
    }

    async fn retire(&self, subjects: &[Subject]) -> Result<(), FleetError> {
        self.drop_names(&subjects.iter().map(Subject::to_string).collect::<Vec<_>>()).await
    }

    async fn subjects(&self, cursor: u64) -> Result<(Vec<(Subject, Vec<u8>)>, Option<u64>), FleetError> {
        let key = self.keys.of_scope("listings");
        let mut scan = redis::cmd("HSCAN");
        scan.arg(key).arg(cursor).arg("COUNT").arg(BATCH);
        let (next, pairs): (u64, Vec<(String, Vec<u8>)>) = self.redis.call(&scan).await?;
        Ok((self.readable(pairs).await?, (next != 0).then_some(next)))
    }

    async fn attend(&self, worker: &str, lasting: Duration) -> Result<Vec<String>, FleetError> {
        let mut call = self.script(&SCRIPTS.attend);
        let mut present: Vec<String> = self.redis.run(call.arg(worker).arg(millis(lasting))).await?;
        let mut note = redis::cmd("SADD");
        note.arg(self.keys.of_campaign("vantages")).arg(self.keys.vantage());
        self.redis.call::<()>(&note).await?;
        present.sort_unstable();
        Ok(present)
    }

    async fn leave(&self, worker: &str) -> Result<(), FleetError> {
        self.redis.call(redis::cmd("ZREM").arg(self.keys.of_scope("workers")).arg(worker)).await
    }

    async fn claim(&self, wanted: &Wanted<'_>) -> Result<Vec<Claim>, FleetError> {
        let mut call = self.script(&SCRIPTS.claim);
        call.arg(wanted.worker).arg(wanted.most).arg(millis(wanted.lease).max(1));
        call.arg(millis(wanted.patience)).arg(self.backlog);
        for lane in wanted.lanes {
            call.arg(lane.index() + 1);
        }
        let taken: Vec<(String, Taken)> = match self.redis.run(&call).await? {
            redis::Value::Int(waiting) => {
                return Err(FleetError::Backlog(u64::try_from(waiting).unwrap_or_default()));
            }
            answer => redis::from_redis_value(answer).map_err(|e| self.spoilt("claims", &e))?,
        };
        let claim = |(subject, (lane, token, due, listing, record)): (Subject, Taken)| {
            let lane = lane.checked_sub(1).and_then(|index| Lane::ALL.get(index)).copied();
            Ok(Claim {
                subject,
                lane: lane.ok_or_else(|| self.spoilt("claims", &"no such lane"))?,
                token,
                due: timestamp(due),
                listing,
                record,
            })
        };
        self.readable(taken).await?.into_iter().map(claim).collect()
    }

    async fn extend(&self, claims: &[&Claim], lease: Duration) -> Result<Vec<Fenced>, FleetError> {
        let mut all = Vec::with_capacity(claims.len());
        for batch in claims.chunks(BATCH) {
            let mut call = self.script(&SCRIPTS.extend);
            call.arg(millis(lease));
            for claim in batch {
                call.arg(claim.subject.to_string()).arg(claim.token);
            }
            all.extend(self.fenced(&call).await?);
        }
        Ok(all)
    }

    async fn report(&self, claim: &Claim, report: Report<'_>) -> Result<Fenced, FleetError> {
        check_size(report.record)?;
        let packed = {
            // Nobody panics while he holds it.
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            pack::pack(report.visit, &mut seen)?
        };
        let deep = (report.visit.purpose == Purpose::Deep).then(|| pack::whole(report.visit)).transpose()?;
        let mut call = self.script(&SCRIPTS.report);
        call.key(self.keys.deep(&claim.subject.to_string()));
        call.arg(claim.subject.to_string()).arg(claim.token).arg(report.number).arg(self.backlog);
        call.arg(packed.entry).arg(report.record).arg(u8::from(report.doubtful));
        call.arg(report.up.map(|up| u8::from(up).to_string()).unwrap_or_default());
        call.arg(deep.unwrap_or_default()).arg(pack::ANSWERS_KEPT.as_secs()).arg(claim.lane.name());
        for (digest, bytes) in &packed.answers {
            call.key(self.keys.answer(&digest.to_string())).arg(bytes);
        }
        match self.redis.run::<i64>(&call).await? {
            1 => Ok(Fenced::Done),
            0 => Ok(Fenced::Stale),
            waiting => Err(FleetError::Backlog(waiting.unsigned_abs())),
        }
    }

    async fn settle(&self, claims: &[(&Claim, Option<Duration>)]) -> Result<Vec<Fenced>, FleetError> {
        let mut all = Vec::with_capacity(claims.len());
        for batch in claims.chunks(BATCH) {
            let mut call = self.script(&SCRIPTS.settle);
            for (claim, delay) in batch {
                call.arg(claim.subject.to_string()).arg(claim.token);
                call.arg(delay.map(|delay| millis(delay).to_string()).unwrap_or_default());
            }
            all.extend(self.fenced(&call).await?);
        }
        Ok(all)
    }

    async fn tell(&self, word: &[u8]) -> Result<bool, FleetError> {
        check_size(word)?;
        self.redis.run(self.script(&SCRIPTS.tell).arg(MOST_WORDS).arg(word)).await
    }

    async fn told(&self, most: usize) -> Result<Vec<Vec<u8>>, FleetError> {
        if most == 0 {
            return Ok(Vec::new());
        }
        self.redis.call(redis::cmd("LRANGE").arg(self.keys.of_scope("words")).arg(0).arg(most - 1)).await
    }

    async fn forget(&self, claim: &Claim, words: usize) -> Result<Fenced, FleetError> {
        let mut call = self.script(&SCRIPTS.forget);
        let call = call.arg(claim.subject.to_string()).arg(claim.token).arg(words);
        Ok(fenced(self.redis.run(call).await?))
    }

    async fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, FleetError> {
        self.hash(&self.keys.of_campaign("kept"), name).await
    }

    async fn keep(&self, name: &str, what: &[u8]) -> Result<(), FleetError> {
        let mut set = redis::cmd("HSETNX");
        self.redis.call(set.arg(self.keys.of_campaign("kept")).arg(name).arg(what)).await
    }

    async fn status(&self) -> Result<Status, FleetError> {
        type Answer = (Vec<(u64, u64, u64, u64)>, Vec<String>, Vec<u64>, u64, u64);
        let (lanes, workers, holds, waiting, stale): Answer =
            self.redis.run(&self.script(&SCRIPTS.status)).await?;
        let lane = |(lane, (subjects, due, claimed, lag))| LaneStatus {
            lane,
            subjects,
            due,
            claimed,
            lag: Duration::from_millis(lag),
        };
        let mut workers: Vec<_> = workers.into_iter().zip(holds).collect();
        workers.sort_unstable();
        Ok(Status {
            lanes: Lane::ALL.into_iter().zip(lanes).map(lane).collect(),
            workers,
            backlog: (waiting, self.backlog),
            stale,
        })
    }

    async fn uptime(&self, subjects: &[Subject]) -> Result<Vec<Uptime>, FleetError> {
        let mut all = Vec::with_capacity(subjects.len());
        for batch in subjects.chunks(BATCH) {
            let mut call = self.script(&SCRIPTS.uptime);
            for subject in batch {
                call.arg(subject.to_string());
            }
            let (now, rings): (u64, Vec<Vec<u8>>) = self.redis.run(&call).await?;
            all.extend(rings.into_iter().map(|ring| Ring::read(ring).uptime(hour(now))));
        }
        Ok(all)
    }

    async fn deep(&self, subject: &Subject) -> Result<Option<Visit>, FleetError> {
        let packed: Option<Vec<u8>> =
            self.redis.call(redis::cmd("GET").arg(self.keys.deep(&subject.to_string()))).await?;
        Ok(packed.map(|packed| pack::unpack(&packed)).transpose()?)
    }
}

impl RedisSchedule {
    fn spoilt(&self, what: &str, reason: &dyn std::fmt::Display) -> FleetError {
        FleetError::Spoilt { key: self.keys.of_scope(what), reason: reason.to_string() }
    }
}
