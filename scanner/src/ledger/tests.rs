//! Politeness on a simulated clock.

mod conformance;
mod shared;
#[path = "../../../fleet/tests/support/mod.rs"]
mod support;

use std::time::Duration;

use super::*;

fn host(text: &str) -> Host {
    text.parse().expect("a host")
}

fn ip(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

fn ledger() -> Arc<Ledger> {
    Ledger::new(Politeness::default())
}

const TEN: Duration = Duration::from_secs(10);

#[test]
fn a_server_and_its_neighbours_are_left_in_peace_for_ten_seconds() {
    let (ledger, now) = (ledger(), Instant::now());
    let ask = |server: &str, address: &str, at: Instant| {
        ledger.permit(&host(server), ip(address), Class::Light, at).map(drop)
    };
    let later = Err(Denied::NotBefore(now + TEN));
    assert_eq!(ask("a.example", "203.0.113.1", now), Ok(()));
    // The same name at another address, and another name in the same /24.
    assert_eq!(ask("a.example", "198.51.100.1", now), later);
    assert_eq!(ask("b.example", "203.0.113.99", now), later);
    assert_eq!(ask("c.example", "203.0.114.1", now), Ok(()));
    assert_eq!(ask("a.example", "203.0.113.1", now + TEN), Ok(()));
    assert_eq!(ask("b.example", "203.0.113.99", now + TEN), Err(Denied::NotBefore(now + TEN * 2)));
    assert_eq!(ask("2001:db8::1", "2001:db8::1", now), Ok(()));
    assert_eq!(ask("2001:db8:0:9::1", "2001:db8:0:9::1", now), later);
}

#[test]
fn behind_a_proxy_the_server_alone_counts() {
    let (ledger, now) = (ledger(), Instant::now());
    assert!(ledger.permit(&host("a.example"), None, Class::Light, now).is_ok());
    assert!(ledger.permit(&host("a.example"), None, Class::Light, now).is_err());
    assert!(ledger.permit(&host("b.example"), None, Class::Light, now).is_ok());
}

#[test]
fn never_more_than_two_connections_even_on_loopback() {
    let (ledger, now) = (ledger(), Instant::now());
    let ask = || ledger.permit(&host("127.0.0.1"), ip("127.0.0.1"), Class::Deep, now);
    let first = ask().expect("one");
    let _second = ask().expect("two");
    assert!(matches!(ask(), Err(Denied::NotBefore(_))));
    drop(first);
    assert!(ask().is_ok());
}

#[test]
fn the_budget_is_a_wall_and_bytes_and_errors_count() {
    let ledger = ledger();
    let mut permit = ledger.permit(&host("a.example"), None, Class::Light, Instant::now()).expect("a permit");
    assert!(permit.charge(50.0) && !permit.charge(11.0) && permit.charge(9.0));
    permit.charge_bytes(5_000);
    assert!((permit.spent() - 60.0).abs() < 1e-9);
    assert!(!permit.charge(0.1));
    permit.charge_error(ERROR_COST);
    assert!((permit.spent() - 160.0).abs() < 1e-9);
}

#[test]
fn risks_are_paid_for_beforehand_and_three_errors_are_enough() {
    let ledger = ledger();
    let mut permit = ledger.permit(&host("a.example"), None, Class::Deep, Instant::now()).expect("a permit");
    assert!(permit.charge(40.0));
    assert!(permit.risk(1.0, ERROR_COST) && permit.risk(1.0, ERROR_COST) && permit.risk(1.0, ERROR_COST));
    assert!(!permit.risk(0.0, 0.0), "three errors are possible already");
    assert!(!permit.charge(10.0), "what may be spent is set aside");
    permit.risk_over(ERROR_COST);
    assert!(permit.charge(10.0) && permit.risk(1.0, 10.0));
    for _ in 0..MOST_ERRORS {
        permit.charge_error(0.0);
    }
    assert!(permit.has_erred_enough() && !permit.risk(0.0, 0.0));
}

#[tokio::test(start_paused = true)]
async fn deep_visits_are_a_quarter_of_an_hour_apart_and_light_ones_may_come_between() {
    let ledger = ledger();
    let (server, began) = (host("a.example"), Instant::now());
    let ask = |class| ledger.permit(&server, ip("203.0.113.1"), class, Instant::now()).map(drop);
    assert_eq!(ask(Class::Deep), Ok(()));
    tokio::time::advance(TEN).await;
    let due = began + Duration::from_secs(900);
    assert_eq!(ask(Class::Deep), Err(Denied::NotDue(due)));
    assert_eq!(ask(Class::Light), Ok(()));
    tokio::time::advance(Duration::from_secs(890)).await;
    assert_eq!(ask(Class::Deep), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_neighbourhood_never_owes_more_than_it_may() {
    let ledger = ledger();
    let ask = |name: &str, class| ledger.permit(&host(name), ip("203.0.113.1"), class, Instant::now());
    let mut first = ask("a.example", Class::Deep).expect("a permit");
    assert!(first.charge(340.0));
    drop(first);
    tokio::time::advance(TEN).await;
    let mut second = ask("b.example", Class::Deep).expect("340 - 10 + 350 is less than 700");
    assert!(second.charge(350.0));
    drop(second);
    tokio::time::advance(TEN).await;
    // 340 + 350 - 20 are owed; 60 more fit when 30 have decayed.
    let earliest = Instant::now() + Duration::from_secs(30);
    assert_eq!(ask("c.example", Class::Light).err(), Some(Denied::NotBefore(earliest)));
    // The dearest visit waits until nothing is owed any more.
    let earliest = Instant::now() + Duration::from_secs(670);
    assert_eq!(ask("c.example", Class::ParseError).err(), Some(Denied::NotBefore(earliest)));
}

#[tokio::test(start_paused = true)]
async fn a_watch_leaves_room_for_others_and_counts_as_it_goes() {
    let ledger = ledger();
    let ask = |name: &str, class| ledger.permit(&host(name), ip("203.0.113.1"), class, Instant::now());
    let mut watch = ask("a.example", Class::Watch).expect("a permit");
    assert!(watch.charge(25.0));
    watch.settle(Instant::now());
    tokio::time::advance(Duration::from_secs(600)).await;
    let deep = ask("a.example", Class::Deep).expect("nothing is owed any more");
    assert!(matches!(ask("a.example", Class::Light), Err(Denied::NotBefore(_))), "two connections");
    drop(deep);
    // A storm of blocks: all that is left of the budget at once.
    assert!(watch.affords(275.0) && watch.charge(275.0) && !watch.charge(0.1));
    watch.settle(Instant::now());
    tokio::time::advance(TEN).await;
    let earliest = Instant::now() + Duration::from_secs(265);
    assert_eq!(ask("b.example", Class::ParseError).err(), Some(Denied::NotBefore(earliest)));
}

#[tokio::test(start_paused = true)]
async fn waiting_lasts_as_long_as_it_must() {
    let ledger = ledger();
    let (server, began) = (host("a.example"), Instant::now());
    drop(ledger.wait(&server, None, Class::Light).await.expect("at once"));
    assert_eq!(began.elapsed(), Duration::ZERO);
    drop(ledger.wait(&server, None, Class::Light).await.expect("later"));
    assert_eq!(began.elapsed(), TEN);
}

#[tokio::test(start_paused = true)]
async fn who_says_stop_is_left_alone_for_an_hour_by_name_and_by_address() {
    let ledger = ledger();
    let began = Instant::now();
    let ask = |name: &str| ledger.permit(&host(name), ip("203.0.113.1"), Class::Light, Instant::now());
    ask("a.example").expect("a permit").leave_alone(Instant::now());
    let left_alone = Some(Denied::LeftAlone(began + FIRST_QUIET));
    assert_eq!(ask("a.example").err(), left_alone);
    assert_eq!(ask("alias.example").err(), left_alone);
    tokio::time::advance(FIRST_QUIET - Duration::from_secs(1)).await;
    assert_eq!(ask("a.example").err(), left_alone);
    tokio::time::advance(Duration::from_secs(1)).await;
    let again = ask("a.example").expect("an hour later");
    again.leave_alone(Instant::now());
    assert_eq!(ask("alias.example").err(), Some(Denied::LeftAlone(began + FIRST_QUIET * 3)));
}

#[test]
fn what_an_earlier_scan_did_counts() {
    let (ledger, now) = (ledger(), Instant::now());
    ledger.not_before(&host("a.example"), Class::ParseError, now + TEN);
    let asked = ledger.permit(&host("a.example"), None, Class::ParseError, now);
    assert_eq!(asked.err(), Some(Denied::NotDue(now + TEN)));
}
