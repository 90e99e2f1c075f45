//! Ledgers that share permits in a real Redis.

use std::{sync::Arc, time::Duration};

use electrum::Host;
use fleet::permits::Permits;

use super::{super::*, support::Server};

fn ledger(server: &Server, spacing: Duration) -> Arc<Ledger> {
    let spacings = Spacings { server: spacing, subnet: spacing, system: spacing };
    let politeness = Politeness::of_fleet(spacings, 2);
    Ledger::shared(politeness, Databases::default(), Permits::new(server.redis()))
}

fn at(last: u8) -> (Host, Option<IpAddr>) {
    let ip = IpAddr::from([127, 0, 0, last]);
    (Host::Address(ip), Some(ip))
}

#[tokio::test]
async fn what_one_does_the_other_keeps_to() {
    let server = Server::start().await;
    let ledgers = [(); 2].map(|()| ledger(&server, Duration::from_secs(60)));
    let (host, address) = at(1);
    let permit = ledgers[0].ask(&host, address, Class::Light).await.expect("a permit");
    let denied = ledgers[1].ask(&host, address, Class::Light).await.expect_err("spaced on loopback too");
    assert!(matches!(denied, Denied::NotBefore(_)), "{denied:?}");
    let (neighbour, address) = at(2);
    let denied = ledgers[1].ask(&neighbour, address, Class::Light).await.expect_err("a neighbour");
    assert!(matches!(denied, Denied::NotBefore(_)), "{denied:?}");
    permit.leave_alone(Instant::now());
    ledgers[0].told().await;
    let denied = ledgers[1].ask(&host, address, Class::Light).await.expect_err("left alone");
    assert!(matches!(denied, Denied::NotBefore(_) | Denied::LeftAlone(_)), "{denied:?}");
}

#[tokio::test]
async fn a_dropped_permit_is_closed_for_all_and_what_was_spent_is_owed() {
    let server = Server::start().await;
    let ledgers = [(); 2].map(|()| ledger(&server, Duration::ZERO));
    let (host, address) = at(1);
    let mut first = ledgers[0].ask(&host, address, Class::Deep).await.expect("a permit");
    let _second = ledgers[0].ask(&host, address, Class::Light).await.expect("another");
    let denied = ledgers[1].ask(&host, address, Class::Light).await.expect_err("two are open");
    assert!(matches!(denied, Denied::NotBefore(_)), "{denied:?}");
    assert!(first.charge(340.0));
    drop(first);
    ledgers[0].told().await;
    let denied = ledgers[1].ask(&host, address, Class::ParseError).await.expect_err("E are owed");
    let Denied::NotBefore(earliest) = denied else { panic!("{denied:?}") };
    let owed = earliest.duration_since(Instant::now()).as_secs_f64();
    assert!((390.0..=400.0).contains(&owed), "340 and the 60 of the other: {owed}");
    ledgers[1].ask(&host, address, Class::Light).await.expect("one is closed");
}

#[tokio::test]
async fn no_permit_without_redis_and_what_was_spent_is_told_when_it_is_back() {
    let server = Server::start().await;
    let (ledger, port) = (ledger(&server, Duration::ZERO), server.port());
    let (host, address) = at(1);
    let mut permit = ledger.ask(&host, address, Class::Light).await.expect("a permit");
    assert!(permit.charge(50.0));
    drop(server);
    let denied = ledger.ask(&host, address, Class::Light).await.expect_err("nobody can be asked");
    let Denied::NotBefore(later) = denied else { panic!("{denied:?}") };
    assert!(later > Instant::now());
    assert!(matches!(ledger.permit(&host, address, Class::Light, Instant::now()), Err(Denied::NotDue(_))));
    drop(permit);
    // One that remembers nothing.
    let server = Server::start_at(port).await;
    ledger.told().await;
    let denied = ledger.permit(&host, address, Class::Light, Instant::now());
    assert!(denied.is_err(), "a shared ledger decides nothing alone");
    let account = redis::cmd("HGETALL").arg("eo:{permits}:server:127.0.0.1").to_owned();
    let fields: Vec<String> = server.redis().call(&account).await.expect("readable");
    assert!(!fields.iter().any(|field| field.starts_with("open:")), "{fields:?}");
    ledger.ask(&host, address, Class::Light).await.expect("it goes on");
}

#[tokio::test]
async fn who_stops_waiting_for_an_answer_leaves_nothing_open() {
    let server = Server::start().await;
    let ledger = ledger(&server, Duration::ZERO);
    let (host, address) = at(1);
    for _ in 0..5 {
        // Polled once: asked, and dropped before the answer.
        let asking = ledger.ask(&host, address, Class::Light);
        let _ = tokio::time::timeout(Duration::ZERO, asking).await;
    }
    ledger.told().await;
    let permits =
        [ledger.wait(&host, address, Class::Light).await, ledger.wait(&host, address, Class::Light).await];
    assert!(permits.iter().all(Result::is_ok), "{permits:?}");
}
