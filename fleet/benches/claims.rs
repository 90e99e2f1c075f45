//! How many claims and settlements one Redis does in a second, by how many workers ask, for workers that do nothing but ask
//! and for workers whose visits take time; and what a server takes there.
//!
//! `cargo bench -p fleet --bench claims`

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "it prints a table")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use fleet::{
    Redis,
    schedule::{Claim, Enrolment, Lane, RedisSchedule, Report, Schedule as _, Scope, Subject, Wanted},
};
use model::{Purpose, Visit};
use support::Server;
use tokio::task::JoinSet;

const SERVERS: usize = 10_000;
/// Bytes of a listing, and of a record.
const KNOWN: usize = 400;
const LASTING: Duration = Duration::from_secs(5);
/// Visits that a worker makes at once, and how long one takes.
const PLACES: usize = 64;
const VISIT: Duration = Duration::from_millis(100);
const PATIENT: Duration = Duration::from_secs(3_600);

fn schedule(redis: Redis, vantage: &str) -> RedisSchedule {
    RedisSchedule::new(
        redis,
        &Scope { campaign: "bench/net".to_owned(), vantage: vantage.to_owned() },
        1_000_000,
    )
}

fn wanted(worker: &str) -> Wanted<'_> {
    Wanted { worker, lanes: &[Lane::Liveness], most: 100, lease: PATIENT, patience: PATIENT }
}

#[tokio::main]
async fn main() {
    let server = Server::start().await;
    let redis = server.redis();
    println!("| what is kept of each of {SERVERS} servers | bytes each |\n|---|---:|");
    let schedule = schedule(redis.clone(), "home");
    let empty = used(&redis).await;
    enrol(&schedule).await;
    let enrolled = used(&redis).await;
    println!("| on the schedule in four lanes, a listing of {KNOWN} bytes | {} |", each(empty, enrolled));
    visit_all(&schedule).await;
    redis.call::<()>(redis::cmd("DEL").arg("eo:{bench/net}:visits")).await.unwrap();
    let visited = used(&redis).await;
    println!("| and a record of {KNOWN} bytes, uptime, and the last token | {} |", each(empty, visited));
    println!("\n| workers | claims and settlements a second |\n|---:|---:|");
    for workers in 1..=4 {
        println!("| {workers} | {:.0} |", throughput(&server, workers, "idle", ask).await);
    }
    println!(
        "\n| workers with {PLACES} visits of {VISIT:?} at once | claims and settlements a second | each |\n|---:|---:|---:|"
    );
    for workers in 1..=4_u32 {
        let all = throughput(&server, workers as usize, "busy", visit).await;
        println!("| {workers} | {all:.0} | {:.0} |", all / f64::from(workers));
    }
}

async fn enrol(schedule: &RedisSchedule) {
    let host = |n| Subject::Server(format!("electrum-{n}.example.org").parse().unwrap());
    let lanes = Lane::ALL.map(|lane| (lane, Duration::ZERO)).to_vec();
    let all =
        (0..SERVERS).map(|n| Enrolment { subject: host(n), listing: vec![1; KNOWN], lanes: lanes.clone() });
    schedule.enrol(&all.collect::<Vec<_>>()).await.unwrap();
}

async fn visit_all(schedule: &RedisSchedule) {
    let now = "2026-11-24T04:00:00Z".parse().unwrap();
    let endpoint = "ssl://a.example.org:50002".parse().unwrap();
    let visit = Visit::begun(electrum::Network::Regtest, endpoint, "home".to_owned(), Purpose::Light, now);
    let report = Report { number: 1, visit: &visit, doubtful: false, up: Some(true), record: &[2; KNOWN] };
    schedule.attend("w", PATIENT).await.unwrap();
    let mut visited = 0;
    while visited < SERVERS {
        let claims = schedule.claim(&wanted("w")).await.unwrap();
        for claim in &claims {
            schedule.report(claim, report.clone()).await.unwrap();
        }
        visited += settle(schedule, &claims, PATIENT).await;
    }
}

async fn settle(schedule: &RedisSchedule, claims: &[Claim], again: Duration) -> usize {
    let ended: Vec<_> = claims.iter().map(|claim| (claim, Some(again))).collect();
    schedule.settle(&ended).await.unwrap().len()
}

/// What a worker does until it is over, counting claims and settlements.
struct Worker {
    name: String,
    schedule: RedisSchedule,
    done: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

impl Worker {
    fn count(&self, done: usize) {
        self.done.fetch_add(done as u64, Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

/// Claims what belongs to it, a hundred at a time, and settles it at once.
async fn ask(worker: Worker) {
    while !worker.is_over() {
        let claims = worker.schedule.claim(&wanted(&worker.name)).await.unwrap();
        let settled = settle(&worker.schedule, &claims, Duration::ZERO).await;
        worker.count(claims.len() + settled);
    }
}

/// Claims as much as it has places for, as a real one does, and settles each when its visit has ended.
async fn visit(worker: Worker) {
    let worker = Arc::new(worker);
    let mut visits = JoinSet::new();
    while !worker.is_over() {
        while visits.try_join_next().is_some() {}
        let room = PLACES - visits.len();
        let claims = match room {
            0 => Vec::new(),
            most => worker.schedule.claim(&Wanted { most, ..wanted(&worker.name) }).await.unwrap(),
        };
        worker.count(claims.len());
        for claim in claims {
            let worker = Arc::clone(&worker);
            visits.spawn(async move {
                tokio::time::sleep(VISIT).await;
                worker.count(settle(&worker.schedule, &[claim], Duration::ZERO).await);
            });
        }
        visits.join_next().await;
    }
    visits.join_all().await;
}

/// Each worker has a connection of its own.
async fn throughput<W: Future<Output = ()> + Send + 'static>(
    server: &Server,
    workers: usize,
    kind: &str,
    work: impl Fn(Worker) -> W,
) -> f64 {
    let vantage = format!("{kind}-of-{workers}");
    enrol(&schedule(server.redis(), &vantage)).await;
    let names: Vec<String> = (0..workers).map(|n| format!("worker-{n}")).collect();
    for name in &names {
        schedule(server.redis(), &vantage).attend(name, PATIENT).await.unwrap();
    }
    let (done, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let began = Instant::now();
    let tasks = names.into_iter().map(|name| {
        let schedule = schedule(server.redis(), &vantage);
        let (done, over) = (Arc::clone(&done), Arc::clone(&over));
        tokio::spawn(work(Worker { name, schedule, done, over }))
    });
    let tasks: Vec<_> = tasks.collect();
    tokio::time::sleep(LASTING).await;
    over.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.unwrap();
    }
    let done = u32::try_from(done.load(Ordering::Relaxed)).unwrap();
    f64::from(done) / began.elapsed().as_secs_f64()
}

async fn used(redis: &Redis) -> u64 {
    let info: String = redis.call(redis::cmd("INFO").arg("memory")).await.unwrap();
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
    used.trim().parse().unwrap()
}

fn each(before: u64, after: u64) -> u64 {
    after.saturating_sub(before) / SERVERS as u64
}
