//! The stream of visits in a real Redis.

#[macro_use]
mod support;

use std::time::Duration;

use fleet::{
    Redis,
    pack::{ANSWERS_KEPT, Seen, pack},
    visits::{Group, Reader, drain},
};
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use model::{Archive, Exchange, Purpose, Recorded, Seconds, Visit, exchange::Reply};

use support::{Program, Server};

on_each_program! {
    each_group_reads_all_and_what_both_have_read_goes,
    a_reader_waits_for_what_comes,
    who_comes_back_is_given_again_what_was_not_acknowledged,
    what_the_dead_were_given_others_take_over,
    spoilt_entries_are_put_aside_and_stop_nobody,
    an_archive_gets_each_visit_once_though_it_was_killed_before_it_acknowledged,
}

const CAMPAIGN: &str = "observatory/mainnet";
const STREAM: &str = "eo:{observatory/mainnet}:visits";
const NO_TIME: Duration = Duration::ZERO;

fn visit(number: u16) -> Visit {
    let endpoint = format!("tcp://h{number}.example:1").parse().expect("an endpoint");
    let at = Seconds::from(Duration::from_millis(3));
    let mut visit = Visit::begun(
        electrum::Network::Regtest,
        endpoint,
        "here".to_owned(),
        Purpose::Light,
        Timestamp::UNIX_EPOCH,
    );
    visit.exchanges = vec![Exchange {
        probe: "M4".into(),
        request: Recorded::new(b"{}", 9),
        sent: at,
        // The same for every third, and long.
        answer: Some(Reply {
            response: Recorded::new(&vec![b"abc"[usize::from(number % 3)]; 2_000], Recorded::LIMIT),
            first_byte: at,
            last_byte: at,
        }),
    }];
    visit
}

/// Puts visits into the stream as a schedule does.
async fn put(redis: &Redis, visits: impl IntoIterator<Item = Visit>) {
    let mut seen = Seen::default();
    for visit in visits {
        let packed = pack(&visit, &mut seen).expect("packs");
        for (digest, answer) in packed.answers {
            let mut set = redis::cmd("SET");
            set.arg(format!("eo:{{{CAMPAIGN}}}:answer:{digest}"))
                .arg(answer)
                .arg("EX")
                .arg(ANSWERS_KEPT.as_secs());
            redis.call::<()>(&set).await.expect("keeps");
        }
        let mut add = redis::cmd("XADD");
        add.arg(STREAM).arg("*").arg("v").arg(packed.entry);
        add.arg("lane")
            .arg("liveness")
            .arg("vantage")
            .arg("here")
            .arg("doubtful")
            .arg("0")
            .arg("up")
            .arg("1");
        redis.call::<()>(&add).await.expect("adds");
    }
}

async fn open(redis: &Redis, group: Group, consumer: &str) -> Reader {
    Reader::open(redis, CAMPAIGN, group, consumer).await.expect("opens")
}

async fn length(redis: &Redis) -> u64 {
    redis.call(redis::cmd("XLEN").arg(STREAM)).await.expect("readable")
}

async fn each_group_reads_all_and_what_both_have_read_goes(program: Program) {
    let server = Server::of(program).await;
    let redis = server.redis();
    let mut operator = open(&redis, Group::Operator, "o").await;
    let mut archive = open(&redis, Group::Archive, "a").await;
    put(&redis, (0..10).map(visit)).await;
    let read = operator.read(100, NO_TIME).await.expect("reads");
    assert_eq!(
        read.iter().map(|delivered| delivered.visit.clone()).collect::<Vec<_>>(),
        Vec::from_iter((0..10).map(visit))
    );
    assert!(read.iter().all(|delivered| delivered.up == Some(true) && !delivered.doubtful));
    operator.ack(read.iter().map(|delivered| delivered.id.as_str())).await.expect("acknowledges");
    assert_eq!((operator.trim().await.expect("trims"), length(&redis).await), (0, 10));

    let read = archive.read(6, NO_TIME).await.expect("reads");
    // The third stays, and with it what comes after.
    let others = read.iter().enumerate().filter(|(n, _)| *n != 2).map(|(_, delivered)| delivered.id.as_str());
    archive.ack(others).await.expect("acknowledges");
    assert_eq!((archive.trim().await.expect("trims"), length(&redis).await), (2, 8));
    archive.ack([read[2].id.as_str()]).await.expect("acknowledges");
    assert_eq!((archive.trim().await.expect("trims"), length(&redis).await), (4, 4));
    let rest = archive.read(100, NO_TIME).await.expect("reads");
    archive.ack(rest.iter().map(|delivered| delivered.id.as_str())).await.expect("acknowledges");
    assert_eq!((archive.trim().await.expect("trims"), length(&redis).await), (4, 0));
    put(&redis, [visit(11)]).await;
    assert_eq!((operator.trim().await.expect("trims"), length(&redis).await), (0, 1), "it is new to both");
}

async fn a_reader_waits_for_what_comes(program: Program) {
    let server = Server::of(program).await;
    let redis = server.redis();
    let mut reader = open(&redis, Group::Operator, "o").await;
    assert!(reader.read(1, Duration::from_millis(700)).await.expect("nothing").is_empty());
    let waiting = reader.read(1, Duration::from_secs(20));
    let ((), read) = tokio::join!(put(&redis, [visit(1)]), waiting);
    assert_eq!(read.expect("reads")[0].visit, visit(1));
}

async fn who_comes_back_is_given_again_what_was_not_acknowledged(program: Program) {
    let server = Server::of(program).await;
    let redis = server.redis();
    let mut reader = open(&redis, Group::Archive, "a").await;
    put(&redis, (0..7).map(visit)).await;
    let first = reader.read(4, NO_TIME).await.expect("reads");
    drop(reader);
    let mut again = open(&redis, Group::Archive, "a").await;
    assert_eq!(again.read(4, NO_TIME).await.expect("reads"), first);
    assert_eq!(again.read(4, NO_TIME).await.expect("reads").len(), 3);
}

async fn what_the_dead_were_given_others_take_over(program: Program) {
    let server = Server::of(program).await;
    let redis = server.redis();
    let mut dead = open(&redis, Group::Operator, "dead").await;
    put(&redis, (0..5).map(visit)).await;
    assert_eq!(dead.read(5, NO_TIME).await.expect("reads").len(), 5);
    let mut lives = open(&redis, Group::Operator, "lives").await;
    assert!(lives.read(5, NO_TIME).await.expect("reads").is_empty(), "it may still live");
    // As if it had been given them an hour ago.
    let ids: Vec<(String, String, u64, u64)> = redis
        .call(redis::cmd("XPENDING").arg(STREAM).arg("operator").arg("-").arg("+").arg(9))
        .await
        .expect("lists");
    let mut claim = redis::cmd("XCLAIM");
    claim.arg(STREAM).arg("operator").arg("dead").arg(0);
    claim.arg(ids.iter().map(|(id, ..)| id).collect::<Vec<_>>()).arg("IDLE").arg(3_600_000).arg("JUSTID");
    redis.call::<Vec<String>>(&claim).await.expect("claims");
    let mut other = open(&redis, Group::Operator, "other").await;
    assert_eq!(other.read(2, NO_TIME).await.expect("reads").len(), 2);
    assert_eq!(other.read(9, NO_TIME).await.expect("reads").len(), 3);
}

async fn spoilt_entries_are_put_aside_and_stop_nobody(program: Program) {
    let server = Server::of(program).await;
    let redis = server.redis();
    let mut reader = open(&redis, Group::Operator, "o").await;
    for fields in [["v", "no visit"], ["other", "x"]] {
        let mut add = redis::cmd("XADD");
        add.arg(STREAM).arg("*").arg(&fields[..]);
        redis.call::<()>(&add).await.expect("adds");
    }
    // An answer that is kept beside the third is lost.
    put(&redis, [visit(0), visit(3), visit(1)]).await;
    let answers: Vec<String> = redis.call(redis::cmd("KEYS").arg("eo:*:answer:*")).await.expect("lists");
    assert_eq!(answers.len(), 1);
    redis.call::<()>(redis::cmd("DEL").arg(&answers)).await.expect("deletes");
    let read = reader.read(2, NO_TIME).await.expect("reads");
    assert_eq!(read.iter().map(|delivered| &delivered.visit).collect::<Vec<_>>(), [&visit(0)]);
    let read = reader.read(9, NO_TIME).await.expect("reads");
    assert_eq!(read.iter().map(|delivered| &delivered.visit).collect::<Vec<_>>(), [&visit(1)]);
    assert_eq!(reader.spoilt(), 3);
    let kept: Vec<String> = redis
        .call(redis::cmd("LRANGE").arg("eo:{observatory/mainnet}:spoilt").arg(0).arg(-1))
        .await
        .expect("lists");
    assert!(kept.len() == 3 && kept[0].starts_with("operator ") && kept[0].ends_with("is gone"), "{kept:?}");
}

async fn an_archive_gets_each_visit_once_though_it_was_killed_before_it_acknowledged(program: Program) {
    let server = Server::of(program).await;
    let redis = server.redis();
    let folder = tempfile::tempdir().expect("a folder");
    let place = Archive::open(&folder.path().to_string_lossy()).expect("opens");
    put(&redis, (0..1_500).map(visit)).await;
    let mut operator = open(&redis, Group::Operator, "o").await;
    loop {
        let read = operator.read(500, NO_TIME).await.expect("reads");
        if read.is_empty() {
            break;
        }
        operator.ack(read.iter().map(|delivered| delivered.id.as_str())).await.expect("acknowledges");
    }
    let in_archive = async || place.read().try_collect::<Vec<Visit>>().await.expect("readable");

    let mut killed = open(&redis, Group::Archive, "a").await;
    drain(&mut killed, &place).await.expect("drains");
    // What is written and not acknowledged: as the stream was before the last acknowledgement.
    let mut undone = redis::cmd("XGROUP");
    undone.arg("SETID").arg(STREAM).arg("archive").arg("0");
    put(&redis, (1_500..1_600).map(visit)).await;
    let mut reader = open(&redis, Group::Archive, "a").await;
    drain(&mut reader, &place).await.expect("drains");
    redis.call::<()>(&undone).await.expect("winds back");
    let mut again = open(&redis, Group::Archive, "a").await;
    let drained = drain(&mut again, &place).await.expect("drains");
    assert_eq!(drained.visits, 100, "they are given a second time");
    let visits = in_archive().await;
    assert_eq!(visits.len(), 1_600);
    assert!(visits.iter().zip(0..).all(|(seen, number)| *seen == visit(number)), "in order, each once");
}
