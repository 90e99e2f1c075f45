use std::collections::HashSet;

use electrum::Network;
use proptest::prelude::*;

use super::*;
use crate::discovery::{bundled, parse_peers, parse_seeds};

const ONION: &str = "explorerzydxu5ecjrkwceayqybizmpjjznk5izmitf2modhcusuqlid.onion";

fn host(text: &str) -> Host {
    text.parse().expect("a host")
}

fn peer(text: &str) -> Source {
    Source::Peer(host(text))
}

/// Listings from lines such as `ssl://a:1`, or `ssl://a:1 192.0.2.1` with a claimed address.
fn listings(lines: &[&str]) -> Vec<Listing> {
    let listing = |line: &&str| {
        let (endpoint, claimed) = line.split_once(' ').unwrap_or((line, ""));
        let endpoint: Endpoint = endpoint.parse().expect("an endpoint");
        Listing { server: endpoint.into(), claimed_ip: claimed.parse().ok() }
    };
    lines.iter().map(listing).collect()
}

fn texts(servers: &[Server]) -> Vec<String> {
    servers.iter().flat_map(Server::endpoints).map(ToString::to_string).collect()
}

fn admit(frontier: &mut Frontier, source: &Source, lines: &[&str]) -> Admission {
    frontier.admit(source, listings(lines), |_| true)
}

fn refusals(admission: &Admission) -> Vec<(Refusal, usize)> {
    admission.refused.iter().collect()
}

#[test]
fn a_server_has_one_place_however_it_is_written() {
    let mut frontier = Frontier::new(Caps::default());
    let first = admit(&mut frontier, &Source::CommandLine, &["ssl://Example.org:1", "tcp://example.org.:2"]);
    assert_eq!(texts(&first.new), ["ssl://example.org:1", "tcp://example.org:2"]);
    assert_eq!((first.new.len(), first.known, first.changed.len()), (1, 1, 0));

    let second = admit(&mut frontier, &peer("b"), &["ssl://EXAMPLE.ORG:1", "wss://example.org:3"]);
    assert_eq!(texts(&second.changed), ["wss://example.org:3"], "only what is new");
    assert_eq!((second.new.len(), second.known), (0, 2));

    let third = admit(&mut frontier, &peer("b"), &["wss://example.org:3"]);
    assert_eq!((third.new.len(), third.changed.len(), third.known), (0, 0, 1));
    assert_eq!(frontier.len(), 1);
    assert_eq!(frontier.get(&host("example.org")).map(|s| s.endpoints().len()), Some(3));
}

#[test]
fn who_told_whom_is_kept_in_order() {
    let mut frontier = Frontier::new(Caps { sources_per_server: 3, ..Caps::default() });
    admit(&mut frontier, &Source::Bundled(Network::Mainnet), &["ssl://a:1", "ssl://b:1"]);
    admit(&mut frontier, &peer("a"), &["ssl://a:1", "ssl://b:1", "ssl://b:1", "ssl://c:1"]);
    admit(&mut frontier, &peer("b"), &["ssl://c:1"]);
    admit(&mut frontier, &peer("c"), &["ssl://b:1"]);
    admit(&mut frontier, &peer("d"), &["ssl://b:1"]);
    let edges: Vec<_> = frontier.edges().map(|e| format!("{} -> {}", e.source, e.server)).collect();
    assert_eq!(
        edges,
        [
            "bundled:mainnet -> a",
            "bundled:mainnet -> b",
            "peer:a -> b",
            "peer:c -> b",
            "peer:a -> c",
            "peer:b -> c"
        ],
        "a's own row is no edge, and d came after the third source of b"
    );
    assert_eq!(frontier.sources_of(&host("c")).collect::<Vec<_>>(), [&peer("a"), &peer("b")]);
    let json = frontier.edges().next().map(|e| serde_json::to_string(&e).expect("JSON"));
    assert_eq!(json.as_deref(), Some(r#"{"source":{"bundled":"mainnet"},"server":"a"}"#));
}

#[test]
fn a_poisoned_list_of_private_addresses_is_refused_and_counted() {
    let result = br#"[["10.0.0.1","10.0.0.1",["s"]],["192.168.1.1","router.example",["t"]],
        ["8.8.8.8","127.0.0.1",["s22"]],["::ffff:10.0.0.1","::ffff:10.0.0.2",["s"]],
        ["10.0.0.1","known.example",["t9"]],["8.8.8.8","fine.example",["s"]]]"#;
    let list = parse_peers(result, Network::Mainnet, 500).expect("a list");
    let public = |ip: IpAddr| matches!(ip, IpAddr::V4(v4) if !v4.is_private() && !v4.is_loopback());
    let mut frontier = Frontier::new(Caps::default());
    admit(&mut frontier, &Source::CommandLine, &["ssl://known.example:1"]);
    let admission = frontier.admit(&peer("evil.example"), list.rows, public);
    assert_eq!(refusals(&admission), [(Refusal::Address, 5)]);
    assert_eq!(texts(&admission.new), ["ssl://fine.example:50002"]);
    assert_eq!((admission.changed.len(), frontier.edges().count()), (0, 2));
}

#[test]
fn onions_need_a_proxy() {
    let line = format!("tcp://{ONION}:1 10.0.0.1");
    for (onion, new, refused) in [(true, 1, vec![]), (false, 0, vec![(Refusal::Onion, 1)])] {
        let mut frontier = Frontier::new(Caps { onion, ..Caps::default() });
        let admission = frontier.admit(&Source::CommandLine, listings(&[&line]), |_| false);
        assert_eq!((admission.new.len(), refusals(&admission)), (new, refused));
    }
}

#[test]
fn one_source_introduces_no_more_over_all_its_lists() {
    let mut frontier = Frontier::new(Caps { per_source: 2, ..Caps::default() });
    let first = admit(&mut frontier, &peer("x"), &["tcp://a:1", "tcp://b:1", "tcp://c:1"]);
    assert_eq!((first.new.len(), refusals(&first)), (2, vec![(Refusal::Source, 1)]));
    let again = admit(&mut frontier, &peer("x"), &["tcp://c:1", "tcp://a:2"]);
    assert_eq!((again.changed.len(), refusals(&again)), (1, vec![(Refusal::Source, 1)]));
    assert_eq!(admit(&mut frontier, &peer("y"), &["tcp://c:1"]).new.len(), 1, "another may");
    let file = admit(&mut frontier, &Source::CommandLine, &["tcp://d:1", "tcp://e:1", "tcp://f:1"]);
    assert_eq!(file.new.len(), 3, "the user's own word is not gossip");
}

#[test]
fn made_up_names_that_make_up_names_share_one_allowance() {
    let mut frontier = Frontier::new(Caps { per_source: 3, per_lineage: 5, ..Caps::default() });
    admit(&mut frontier, &Source::CommandLine, &["tcp://evil:1", "tcp://good:1"]);
    admit(&mut frontier, &peer("evil"), &["tcp://e1:1", "tcp://e2:1"]);
    admit(&mut frontier, &peer("e1"), &["tcp://e3:1", "tcp://e4:1"]);
    let last = admit(&mut frontier, &peer("e4"), &["tcp://e5:1", "tcp://e6:1", "tcp://e7:1"]);
    assert_eq!((last.new.len(), refusals(&last)), (1, vec![(Refusal::Lineage, 2)]));
    let elder = admit(&mut frontier, &peer("evil"), &["tcp://e8:1"]);
    assert_eq!(refusals(&elder), [(Refusal::Lineage, 1)]);
    assert_eq!(admit(&mut frontier, &peer("good"), &["tcp://g1:1", "tcp://g2:1"]).new.len(), 2);
}

#[test]
fn subnets_fill_by_literals_and_claims_but_never_against_the_user() {
    let mut frontier = Frontier::new(Caps { per_subnet: 2, ..Caps::default() });
    let admission = admit(
        &mut frontier,
        &peer("x"),
        &[
            "tcp://192.0.2.1:1",
            "tcp://a:1 192.0.2.2",
            "tcp://b:1 192.0.2.3",
            "tcp://[::ffff:192.0.2.4]:1",
            "tcp://c:1",
            "tcp://192.0.3.1:1 192.0.2.9",
        ],
    );
    assert_eq!((admission.new.len(), refusals(&admission)), (4, vec![(Refusal::Subnet, 2)]));
    assert_eq!(admit(&mut frontier, &Source::CommandLine, &["tcp://192.0.2.4:1"]).new.len(), 1);
    let v6 = ["tcp://[2001:db8:1:1::1]:1", "tcp://[2001:db8:1:2::1]:1", "tcp://[2001:db8:1:3::1]:1"];
    assert_eq!(refusals(&admit(&mut frontier, &peer("x"), &v6)), [(Refusal::Subnet, 1)]);
}

#[test]
fn the_total_binds_everybody() {
    let mut frontier = Frontier::new(Caps { total: 1, ..Caps::default() });
    let admission = admit(&mut frontier, &Source::CommandLine, &["tcp://a:1", "tcp://b:1"]);
    assert_eq!((admission.new.len(), refusals(&admission)), (1, vec![(Refusal::Total, 1)]));
}

#[test]
fn gossip_fills_a_server_with_no_more_endpoints_than_allowed() {
    let mut frontier = Frontier::new(Caps { endpoints_per_server: 2, ..Caps::default() });
    let ports = ["tcp://a:1", "tcp://a:2", "tcp://a:3"];
    let gossip = admit(&mut frontier, &peer("x"), &ports);
    assert_eq!((texts(&gossip.new), gossip.endpoints_left_out), (vec![ports[0].into(), ports[1].into()], 1));
    let user = admit(&mut frontier, &Source::CommandLine, &ports);
    assert_eq!(texts(&user.changed), ["tcp://a:3"], "ports made up by others do not shut out the user's");
}

#[test]
fn bundled_and_seeded_lists_are_admitted_whole() {
    for network in Network::ALL {
        let mut frontier = Frontier::new(Caps { onion: true, ..Caps::default() });
        let list = bundled(network);
        let admission = frontier.admit(&Source::Bundled(network), list.clone(), |_| true);
        assert_eq!((&admission.new, admission.refused.total()), (&list, 0));
        assert!(frontier.servers().eq(&list));
    }
    let text: String = (1..=200).map(|n| format!("tcp://127.0.0.{n}:50001\n")).collect();
    let seeds = parse_seeds(&text, Network::Regtest).expect("short enough");
    let mut frontier = Frontier::new(Caps::default());
    assert_eq!(frontier.admit(&Source::Seeds("lab".into()), seeds.servers, |_| true).new.len(), 200);
}

fn endpoint() -> impl Strategy<Value = String> {
    let name = prop_oneof!["[a-dA-D]\\.?", "192\\.0\\.[2-3]\\.[1-9]", "\\[2001:db8:[1-2]::[1-9]\\]"];
    ("(tcp|ssl|ws|wss)", name, 1_u16..4).prop_map(|(scheme, name, port)| format!("{scheme}://{name}:{port}"))
}

/// A source, and what it lists: endpoints, some with the last byte of a claimed address.
type List = (String, Vec<(String, Option<u8>)>);

fn lists() -> impl Strategy<Value = Vec<List>> {
    let listing = (endpoint(), proptest::option::of(0_u8..8));
    proptest::collection::vec(("[a-f]", proptest::collection::vec(listing, 0..12)), 0..12)
}

proptest! {
    #[test]
    fn gossip_never_exceeds_the_caps(
        lists in lists(), per_source in 0_usize..5, per_lineage in 0_usize..6, per_subnet in 0_usize..4,
        total in 0_usize..12, endpoints_per_server in 1_usize..4, sources_per_server in 1_usize..4,
    ) {
        let caps = Caps {
            per_source, per_lineage, per_subnet, total, endpoints_per_server, sources_per_server, onion: false,
        };
        let mut frontier = Frontier::new(caps);
        let mut introduced: HashMap<String, usize> = HashMap::new();
        let mut visitable: HashSet<Endpoint> = HashSet::new();
        let admissible = |ip: IpAddr| !ip.to_string().ends_with('5');
        for (source, list) in lists {
            let rows = list.iter().map(|(endpoint, claim)| Listing {
                server: endpoint.parse::<Endpoint>().expect("an endpoint").into(),
                claimed_ip: claim.map(|c| IpAddr::from([198, 51, 100, c])),
            });
            let admission = frontier.admit(&peer(&source), rows, admissible);
            prop_assert_eq!(admission.new.len() + admission.known + admission.refused.total(), list.len());
            *introduced.entry(source).or_default() += admission.new.len();
            for endpoint in admission.new.iter().chain(&admission.changed).flat_map(Server::endpoints) {
                prop_assert!(visitable.insert(endpoint.clone()), "{} is announced twice", endpoint);
            }
        }
        prop_assert!(frontier.len() <= total);
        prop_assert!(introduced.values().all(|n| *n <= per_source));
        prop_assert!(frontier.known.iter().all(|k| k.progeny <= per_lineage));
        prop_assert!(frontier.known.iter().enumerate().all(|(at, k)| k.parent.is_none_or(|p| p < at)));
        prop_assert!(frontier.subnets.values().all(|n| *n <= per_subnet));
        prop_assert!(frontier.servers().all(|s| (1..=endpoints_per_server).contains(&s.endpoints().len())));
        prop_assert!(frontier.known.iter().all(|k| (1..=sources_per_server).contains(&k.sources.len())));
        prop_assert!(frontier.servers().all(|s| s.host().address().is_none_or(admissible)));
        let held: HashSet<Endpoint> = frontier.servers().flat_map(Server::endpoints).cloned().collect();
        prop_assert_eq!(held, visitable);
    }

    #[test]
    fn canonical_duplicates_are_one_server(endpoints in proptest::collection::vec(endpoint(), 0..30)) {
        let mut frontier = Frontier::new(Caps::default());
        let lines: Vec<&str> = endpoints.iter().map(String::as_str).collect();
        admit(&mut frontier, &Source::CommandLine, &lines);
        let parsed = || endpoints.iter().map(|e| e.parse::<Endpoint>().expect("an endpoint"));
        prop_assert_eq!(frontier.len(), parsed().map(|e| e.host).collect::<HashSet<_>>().len());
        let held: usize = frontier.servers().map(|s| s.endpoints().len()).sum();
        prop_assert_eq!(held, parsed().collect::<HashSet<_>>().len());
    }
}
