//! How many claims and settlements one Redis does in a second, by how many workers ask, and what a server takes there.
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

const SERVERS: usize = 10_000;
/// Bytes of a listing, and of a record.
const KNOWN: usize = 400;
const LASTING: Duration = Duration::from_secs(5);
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
        println!("| {workers} | {:.0} |", throughput(&server, workers).await);
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

/// Each worker has a connection of its own, and takes what belongs to it, a hundred at a time.
async fn throughput(server: &Server, workers: usize) -> f64 {
    let vantage = format!("of-{workers}");
    enrol(&schedule(server.redis(), &vantage)).await;
    let names: Vec<String> = (0..workers).map(|n| format!("worker-{n}")).collect();
    for name in &names {
        schedule(server.redis(), &vantage).attend(name, PATIENT).await.unwrap();
    }
    let (done, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let began = Instant::now();
    let tasks = names.into_iter().map(|name| {
        let (schedule, done, over) =
            (schedule(server.redis(), &vantage), Arc::clone(&done), Arc::clone(&over));
        tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                let claims = schedule.claim(&wanted(&name)).await.unwrap();
                let settled = settle(&schedule, &claims, Duration::ZERO).await;
                done.fetch_add((claims.len() + settled) as u64, Ordering::Relaxed);
            }
        })
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
