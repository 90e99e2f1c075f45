//! Sights become what a status says, and nothing is written that says nothing new.

use crds::server::{Identified, Protocol};
use electrum::Transport;
use model::Outcome;
use proptest::prelude::*;

use super::*;

const DAY: i64 = 86_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + second).expect("a time")
}

fn port(port: u16, transport: Transport) -> Port {
    Port { port, transport }
}

fn sight(second: i64, vantage: &str, up: bool) -> Sight {
    Sight {
        at: at(second),
        vantage: vantage.to_owned(),
        port: port(50_001, Transport::Tcp),
        outcome: if up { Outcome::Answered } else { Outcome::TimedOut },
        up: Some(up),
        doubtful: false,
        named: false,
        addresses: ["192.0.2.7".parse().expect("an address")].into(),
        claimed: up.then(|| Text::new("ElectrumX 1.20.0")),
        identified: None,
        protocol: up.then(|| Protocol { min: "1.4".into(), max: "1.6".into() }),
        tls: None,
        tip: None,
        features: None,
        latency: up.then_some(40),
    }
}

fn rules(vantages: &[&str], quorum: Option<i32>) -> Rules {
    Rules {
        vantages: vantages.iter().map(|name| (*name).to_owned()).collect(),
        quorum: Quorum { vantages: quorum },
        liveness: SignedDuration::from_mins(10),
    }
}

/// Takes in sights, and writes whatever is due; how often that was.
fn live(server: &mut Server, sights: impl IntoIterator<Item = Sight>, rules: &Rules) -> usize {
    let mut writes = 0;
    for sight in sights {
        server.take(&sight, rules, &Databases::default());
        let due = server.due(sight.at);
        if due != Due::Nothing {
            let refreshes = due == Due::Refresh;
            let uptime = [fleet::Uptime { day: Some(99.0), week: None, month: None }];
            let status = server.status(Some(1), refreshes.then_some(&uptime[..]));
            server.wrote(status, refreshes, sight.at);
            writes += 1;
        }
    }
    writes
}

fn state(server: &Server) -> State {
    server.now.reachability.as_ref().expect("judged").state
}

#[test]
fn a_server_that_stays_as_it_is_costs_one_write_an_hour() {
    let mut server = Server::default();
    let visits = (0..144).map(|n| sight(n * 600, "here", true));
    assert_eq!(live(&mut server, visits, &rules(&["here"], None)), 24);
    let reach = server.now.reachability.as_ref().expect("judged");
    assert_eq!((reach.first_seen, reach.last_seen), (Some(at(0)), Some(at(143 * 600))));
    assert_eq!(reach.latency, Some(Latency { p50_ms: 40, p95_ms: 40 }));
    // Nor does a new leader write, who knows only what is written.
    let mut again = Server::of(server.ports.clone(), false, server.told.clone());
    assert_eq!(live(&mut again, [sight(143 * 600 + 60, "here", true)], &rules(&["here"], None)), 0);
}

#[test]
fn as_many_vantages_as_the_quorum_must_agree_and_who_doubts_abstains() {
    let rules = rules(&["a", "b", "c"], None);
    let mut server = Server::default();
    live(&mut server, [sight(0, "a", false)], &rules);
    assert_eq!(state(&server), State::Unknown, "one of three");
    live(&mut server, [sight(1, "b", true)], &rules);
    assert_eq!(state(&server), State::Reachable, "one that it answers is enough");
    live(&mut server, [sight(2_000, "b", false), sight(2_001, "c", false)], &rules);
    assert_eq!(state(&server), State::Unreachable);
    let condition = find(&server.now.conditions, REACHABLE).expect("said");
    assert_eq!((condition.status.as_str(), condition.reason.as_str()), ("False", "Silent"));
    assert_eq!(silent_since(&server.now), Some(at(2_000)), "two of three agreed then");
    // A vantage that takes its own network to be broken is no witness: of the two left both must agree.
    live(&mut server, [Sight { doubtful: true, ..sight(2_002, "c", false) }], &rules);
    assert_eq!(state(&server), State::Unreachable);
    live(
        &mut server,
        [
            Sight { doubtful: true, ..sight(2_003, "b", false) },
            Sight { doubtful: true, ..sight(2_004, "a", false) },
        ],
        &rules,
    );
    assert_eq!(state(&server), State::Unknown, "nobody has anything to say");
}

#[test]
fn a_server_with_a_closed_port_beside_an_open_one_answers() {
    let rules = rules(&["here"], None);
    let open = port(50_002, Transport::Tls);
    let visit = |second, open_one: bool| Sight {
        port: if open_one { open.clone() } else { port(50_001, Transport::Tcp) },
        ..sight(second, "here", open_one)
    };
    let mut server = Server::default();
    let visits = (0..12).map(|n| visit(n * 300, n % 2 == 0));
    live(&mut server, visits, &rules);
    assert_eq!(state(&server), State::Reachable);
    assert_eq!(server.ports, std::slice::from_ref(&open), "what never answered is no port");
    let mut again = Server::of(vec![port(50_001, Transport::Tcp), open.clone()], false, server.told.clone());
    live(&mut again, [visit(3_600, false)], &rules);
    assert_eq!(state(&again), State::Reachable, "a new leader does not know better either");
    live(&mut again, [visit(3_600 + DAY, false)], &rules);
    assert_eq!(state(&again), State::Unreachable);
}

#[test]
fn software_is_named_as_surely_as_it_was_and_another_claim_begins_anew() {
    let rules = rules(&["here"], None);
    let named =
        |name: &str, sure| Some((Identified { name: name.to_owned(), min: "1".to_owned(), max: None }, sure));
    let mut server = Server::default();
    live(
        &mut server,
        [
            Sight { identified: named("ElectrumX", 0.9), ..sight(0, "here", true) },
            Sight { identified: named("Fulcrum", 0.5), ..sight(1, "here", true) },
        ],
        &rules,
    );
    let name = |server: &Server| {
        server
            .now
            .software
            .as_ref()
            .and_then(|software| software.identified.as_ref())
            .map(|found| found.name.clone())
    };
    assert_eq!(name(&server).as_deref(), Some("ElectrumX"));
    live(&mut server, [Sight { claimed: Some(Text::new("Fulcrum 1.11")), ..sight(2, "here", true) }], &rules);
    assert!(server.unknown());
}

#[test]
fn a_server_that_says_something_else_each_time_is_not_written_each_time() {
    let mut server = Server::default();
    let visits =
        (0..60).map(|n| Sight { claimed: Some(Text::new(&format!("X {n}"))), ..sight(n * 10, "here", true) });
    assert!(live(&mut server, visits, &rules(&["here"], None)) <= 3);
}

proptest! {
    #[test]
    fn whatever_is_seen_a_status_keeps_its_bounds_and_settles(
        seen in prop::collection::vec((0_i64..600, 0_usize..4, any::<bool>(), any::<bool>(), 0_u16..12, prop::collection::btree_set(any::<[u8; 4]>(), 0..12)), 1..60),
    ) {
        let rules = rules(&["a", "b", "c"], Some(2));
        let (mut server, mut second) = (Server::default(), 0);
        for (after, vantage, up, doubtful, ports, addresses) in seen {
            second += after;
            let addresses = addresses.into_iter().map(std::net::IpAddr::from).collect();
            let sight = Sight { doubtful, addresses, port: port(50_000 + ports, Transport::Tls), ..sight(second, ["a", "b", "c", "gone"][vantage], up) };
            live(&mut server, [sight], &rules);
            // What was just written, or held back, is not due again at once: the same moment costs nothing.
            prop_assert_ne!(server.due(at(second)), Due::Refresh);
            prop_assert!(!server.ports.is_empty() && server.ports.len() <= MOST_PORTS);
            prop_assert!(server.now.addresses.len() <= MOST_ADDRESSES);
            let reach = server.now.reachability.clone().unwrap_or_default();
            prop_assert!(reach.vantages.iter().all(|verdict| verdict.vantage != "gone"));
            let reachable = reach.vantages.iter().any(|verdict| verdict.state == State::Reachable);
            prop_assert_eq!(reach.state == State::Reachable, reachable);
        }
    }
}
