//! Whatever is asked in whatever order, memory and Redis answer the same.

use std::{fmt::Debug, sync::atomic::Ordering, time::Duration};

use fleet::{
    FleetError,
    schedule::{Claim, Lane, Report, Schedule, Wanted},
};
use model::Purpose;
use proptest::{bool::weighted, collection::vec, option, prelude::*, sample::select};

use crate::{
    bed::{Bed, InMemory, InRedis, enrolment, server, visit},
    support::Program,
};

const VANTAGES: [&str; 4] = ["home", "home", "home", "away"];
const SERVERS: usize = 4;

#[derive(Clone, Debug)]
enum Act {
    Pass(u64),
    Enrol { server: usize, lanes: Vec<(Lane, u64)> },
    Retire(usize),
    Attend { worker: &'static str, lasting: u64 },
    Leave(&'static str),
    Claim { worker: &'static str, lanes: Vec<Lane>, most: usize, lease: u64, patience: u64 },
    Extend { claim: usize, lease: u64 },
    Report { claim: usize, number: u32, up: Option<bool>, doubtful: bool, deep: bool },
    Settle { claims: Vec<(usize, Option<u64>)> },
    Tell(u8),
    Forget { claim: usize, words: usize },
    Read,
}

fn act() -> impl Strategy<Value = Act> {
    let worker = || select(vec!["w", "x", "y"]);
    let lane = || select(Lane::ALL.to_vec());
    let claim = || 0..3_usize;
    prop_oneof![
        5 => (0..25_u64).prop_map(Act::Pass),
        1 => (0..8_000_u64).prop_map(Act::Pass),
        1 => (0..2_000_000_u64).prop_map(Act::Pass),
        3 => (0..SERVERS, vec((lane(), 0..60_u64), 0..3)).prop_map(|(server, lanes)| Act::Enrol { server, lanes }),
        1 => (0..SERVERS).prop_map(Act::Retire),
        2 => (worker(), 0..100_u64).prop_map(|(worker, lasting)| Act::Attend { worker, lasting }),
        1 => worker().prop_map(Act::Leave),
        6 => (worker(), vec(lane(), 1..5), 0..4_usize, 0..60_u64, 0..40_u64).prop_map(
            |(worker, lanes, most, lease, patience)| Act::Claim { worker, lanes, most, lease, patience }
        ),
        2 => (claim(), 0..60_u64).prop_map(|(claim, lease)| Act::Extend { claim, lease }),
        4 => (claim(), 1..4_u32, option::weighted(0.9, any::<bool>()), weighted(0.2), weighted(0.2)).prop_map(
            |(claim, number, up, doubtful, deep)| Act::Report { claim, number, up, doubtful, deep }
        ),
        4 => vec((claim(), option::of(0..60_u64)), 1..3).prop_map(|claims| Act::Settle { claims }),
        1 => any::<u8>().prop_map(Act::Tell),
        1 => (claim(), 0..3_usize).prop_map(|(claim, words)| Act::Forget { claim, words }),
        2 => Just(Act::Read),
    ]
}

#[expect(clippy::needless_pass_by_value, reason = "answers are told and gone")]
fn told<T: Debug>(answer: Result<T, FleetError>) -> String {
    format!("{answer:?}")
}

/// A claim that was made lately; a made-up one where there is none.
fn pick(claims: &[Claim], back: usize) -> Option<&Claim> {
    claims.iter().rev().nth(back).or(claims.last())
}

async fn play<B: Bed>(bed: &B, vantage: &str, act: &Act, claims: &mut Vec<Claim>) -> String {
    let schedule = bed.schedule(vantage);
    let seconds = Duration::from_secs;
    let answer = match act {
        Act::Pass(time) => {
            bed.pass(*time);
            String::new()
        }
        Act::Enrol { server: n, lanes } => {
            told(schedule.enrol(&[enrolment(server(&format!("s{n}")), lanes)]).await)
        }
        Act::Retire(n) => told(schedule.retire(&[server(&format!("s{n}"))]).await),
        Act::Attend { worker, lasting } => told(schedule.attend(worker, seconds(*lasting)).await),
        Act::Leave(worker) => told(schedule.leave(worker).await),
        Act::Claim { worker, lanes, most, lease, patience } => {
            let (lease, patience) = (seconds(*lease), seconds(*patience));
            let taken = schedule.claim(&Wanted { worker, lanes, most: *most, lease, patience }).await;
            claims.extend(taken.iter().flatten().cloned());
            told(taken)
        }
        Act::Extend { claim, lease } => match pick(claims, *claim) {
            Some(claim) => told(schedule.extend(&[claim], seconds(*lease)).await),
            None => String::new(),
        },
        Act::Report { claim, number, up, doubtful, deep } => match pick(claims, *claim) {
            Some(claim) => {
                let visit = visit(if *deep { Purpose::Deep } else { Purpose::Light });
                let record = format!("{number} of {}", claim.token).into_bytes();
                let (number, up, doubtful) = (*number, *up, *doubtful);
                told(
                    schedule
                        .report(claim, Report { number, visit: &visit, doubtful, up, record: &record })
                        .await,
                )
            }
            None => String::new(),
        },
        Act::Settle { claims: settled } => {
            let settled =
                settled.iter().filter_map(|(back, due)| Some((pick(claims, *back)?, due.map(seconds))));
            told(schedule.settle(&settled.collect::<Vec<_>>()).await)
        }
        Act::Tell(word) => told(schedule.tell(&[*word]).await),
        Act::Forget { claim, words } => match pick(claims, *claim) {
            Some(claim) => told(schedule.forget(claim, *words).await),
            None => String::new(),
        },
        Act::Read => bed.read().await.to_string(),
    };
    let servers: Vec<_> = (0..SERVERS).map(|n| server(&format!("s{n}"))).collect();
    let (mut subjects, _) = schedule.subjects(0).await.expect("a page");
    subjects.sort();
    format!(
        "{answer} {subjects:?} {} {} {} {}",
        told(schedule.status().await),
        told(schedule.told(5).await),
        told(schedule.uptime(&servers).await),
        told(schedule.deep(&servers[0]).await.map(|deep| deep.is_some())),
    )
}

#[test]
fn memory_and_redis_answer_the_same() {
    rehearse(Program::Debian);
}

#[test]
fn memory_and_redis_6_2_answer_the_same() {
    rehearse(Program::Oldest);
}

#[test]
fn memory_and_valkey_answer_the_same() {
    rehearse(Program::Valkey);
}

fn rehearse(program: Program) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let redis = runtime.block_on(InRedis::start(program));
    let acts = vec((select(VANTAGES.to_vec()), act()), 1..120);
    let lanes = |n: u64| Lane::ALL.iter().zip([0, 9, 17, 40]).map(|(lane, due)| (*lane, due + n)).collect();
    let first =
        (0..SERVERS).map(|n| ("home", Act::Enrol { server: n, lanes: lanes(n as u64) })).collect::<Vec<_>>();
    proptest!(ProptestConfig::with_cases(96), |(acts in acts)| {
        runtime.block_on(async {
            redis.empty().await;
            let memory = InMemory::new();
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for (vantage, act) in first.iter().chain(&acts) {
                let expected = play(&memory, vantage, act, &mut ours).await;
                let answer = play(&redis, vantage, act, &mut theirs).await;
                prop_assert_eq!(answer, expected, "after {:?}", act);
                prop_assert_eq!(memory.clock().load(Ordering::SeqCst), redis.clock().load(Ordering::SeqCst));
            }
            Ok(())
        })?;
    });
}
