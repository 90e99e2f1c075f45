//! The permits in a real Redis: what does not depend on the rules, which scanner/src/ledger/tests compares.

#[macro_use]
mod support;

use std::time::Duration;

use fleet::{
    Redis,
    permits::{Answer, Ask, Bounds, PermitId, Permits},
};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};

use support::{Program, Server};

on_each_program! {
    of_many_who_ask_at_once_one_is_granted,
    what_is_said_twice_counts_once,
    a_connection_of_the_dead_counts_until_it_expires,
    who_settles_keeps_the_connection_open,
    many_names_of_one_address_are_one_machine,
    every_key_expires_and_is_in_one_slot,
    nobody_is_granted_anything_where_redis_is_away,
}

fn ask(server: &str) -> Ask {
    let spacing = Duration::from_secs(10);
    Ask {
        id: PermitId::random(),
        server: server.parse().expect("a host"),
        address: "203.0.113.1".parse().ok(),
        system: Some(64_500),
        class: "light",
        class_spacing: None,
        set_aside: 60.0,
        lasting: Duration::from_secs(300),
        bounds: Bounds {
            server_spacing: spacing,
            subnet_spacing: spacing,
            system_spacing: Duration::from_millis(200),
            connections: 2,
            most_owed: 700.0,
            decay: 1.0,
            spared: false,
        },
    }
}

/// Where nothing is spaced.
fn close_together(server: &str) -> Ask {
    let mut ask = ask(server);
    ask.bounds.server_spacing = Duration::ZERO;
    ask.bounds.subnet_spacing = Duration::ZERO;
    ask.bounds.system_spacing = Duration::ZERO;
    ask
}

async fn number(redis: &Redis, key: &str, field: &str) -> f64 {
    let value: Option<f64> = redis.call(redis::cmd("HGET").arg(key).arg(field)).await.expect("readable");
    value.unwrap_or_default()
}

async fn of_many_who_ask_at_once_one_is_granted(program: Program) {
    let server = Server::of(program).await;
    let permits: Vec<Permits> = (0..20).map(|_| Permits::new(server.redis())).collect();
    let asks: Vec<Ask> = (0..20).map(|n| ask(&format!("h{n}.example"))).collect();
    let answers = join_all(permits.iter().zip(&asks).map(|(permits, ask)| permits.ask(ask))).await;
    let answers: Vec<Answer> = answers.into_iter().collect::<Result<_, _>>().expect("answers");
    assert_eq!(answers.iter().filter(|answer| **answer == Answer::Granted).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| matches!(answer, Answer::Granted | Answer::NotBefore(_))));
}

async fn what_is_said_twice_counts_once(program: Program) {
    let server = Server::of(program).await;
    let (redis, permits) = (server.redis(), Permits::new(server.redis()).at(Timestamp::now()));
    let (one, account) = (close_together("a.example"), "eo:{permits}:server:a.example");
    for _ in 0..2 {
        assert_eq!(permits.ask(&one).await.expect("answers"), Answer::Granted);
        assert!((number(&redis, account, "owed").await - 60.0).abs() < 1e-9);
    }
    for spent in [20.0, 20.0, 45.0] {
        permits.settle(&one, spent).await.expect("settles");
        assert!((number(&redis, account, "owed").await - spent).abs() < 1e-9);
    }
    for _ in 0..2 {
        permits.close(&one, 70.0).await.expect("closes");
        assert!((number(&redis, account, "owed").await - 70.0).abs() < 1e-9);
    }
    for _ in 0..2 {
        permits.leave_alone(&one, Duration::from_secs(60), Duration::from_secs(600)).await.expect("is told");
    }
    let again = permits.ask(&close_together("a.example")).await.expect("answers");
    assert_eq!(again, Answer::LeftAlone(Duration::from_secs(60)));
}

async fn a_connection_of_the_dead_counts_until_it_expires(program: Program) {
    let server = Server::of(program).await;
    let (permits, start) = (Permits::new(server.redis()), Timestamp::now());
    let at = |seconds| permits.at(start + SignedDuration::from_secs(seconds));
    for _ in 0..2 {
        assert_eq!(at(0).ask(&close_together("a.example")).await.expect("answers"), Answer::Granted);
    }
    let third = close_together("a.example");
    let full = Answer::NotBefore(Duration::from_secs(1));
    assert_eq!(at(299).ask(&third).await.expect("answers"), full);
    assert_eq!(at(300).ask(&third).await.expect("answers"), Answer::Granted);
}

async fn who_settles_keeps_the_connection_open(program: Program) {
    let server = Server::of(program).await;
    let (permits, start) = (Permits::new(server.redis()), Timestamp::now());
    let at = |seconds| permits.at(start + SignedDuration::from_secs(seconds));
    let mut watch = close_together("a.example");
    watch.bounds.connections = 1;
    assert_eq!(at(0).ask(&watch).await.expect("answers"), Answer::Granted);
    at(200).settle(&watch, 5.0).await.expect("settles");
    let mut other = close_together("a.example");
    other.bounds.connections = 1;
    assert!(matches!(at(499).ask(&other).await.expect("answers"), Answer::NotBefore(_)));
    at(499).close(&watch, 5.0).await.expect("closes");
    assert_eq!(at(499).ask(&other).await.expect("answers"), Answer::Granted);
}

async fn many_names_of_one_address_are_one_machine(program: Program) {
    let server = Server::of(program).await;
    let permits = Permits::new(server.redis()).at(Timestamp::now());
    let asks = ["a", "b", "c"].map(|name| close_together(&format!("{name}.example")));
    assert_eq!(permits.ask(&asks[0]).await.expect("answers"), Answer::Granted);
    assert_eq!(permits.ask(&asks[1]).await.expect("answers"), Answer::Granted);
    let full = Answer::NotBefore(Duration::from_secs(1));
    assert_eq!(permits.ask(&asks[2]).await.expect("answers"), full, "two are the most");
    permits.close(&asks[0], 1.0).await.expect("closes");
    assert_eq!(permits.ask(&asks[2]).await.expect("answers"), Answer::Granted);
}

async fn every_key_expires_and_is_in_one_slot(program: Program) {
    let server = Server::of(program).await;
    let (redis, permits) = (server.redis(), Permits::new(server.redis()));
    let mut deep = ask("a.example");
    deep.class_spacing = Some(Duration::from_secs(900));
    assert_eq!(permits.ask(&deep).await.expect("answers"), Answer::Granted);
    permits.leave_alone(&deep, Duration::from_secs(3_600), Duration::from_secs(7_200)).await.expect("told");
    permits.close(&deep, 61.0).await.expect("closes");
    // Of permits that are not known any more: more was spent than set aside, and less.
    permits.close(&ask("never.example"), 99.0).await.expect("closes");
    permits.close(&ask("nothing.example"), 0.0).await.expect("closes");
    let keys: Vec<String> = redis.call(redis::cmd("KEYS").arg("*")).await.expect("lists");
    assert!(keys.len() >= 7, "{keys:?}");
    for key in keys {
        assert!(key.starts_with("eo:{permits}:"), "{key}");
        let left: i64 = redis.call(redis::cmd("PTTL").arg(&key)).await.expect("readable");
        // What says nothing any more goes just now, or is gone: -2. What stays for ever is -1.
        assert!(left == -2 || (0..=14_400_000).contains(&left), "{key} {left}");
    }
}

async fn nobody_is_granted_anything_where_redis_is_away(program: Program) {
    let server = Server::of(program).await;
    let permits = Permits::new(server.redis());
    drop(server);
    assert!(permits.ask(&ask("a.example")).await.expect_err("nobody there").is_passing());
}
