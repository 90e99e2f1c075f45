//! Networks whose operators are known, as visits would show them.

use std::collections::BTreeSet;

use model::{Outcome, Purpose, Visit};
use proptest::prelude::*;

use super::*;
use crate::{
    server,
    testing::{answers, at_address, certificate, dossiers, fees, light, naming},
};

/// A server: where it is, and what it shows. What is not said is its own.
#[derive(Clone, Debug)]
struct Shown {
    endpoint: String,
    node: Option<u32>,
    certificate: Option<(String, i64, String)>,
    said: Vec<(&'static str, String)>,
    peers: Vec<String>,
}

impl Shown {
    fn at(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            node: None,
            certificate: None,
            said: Vec::new(),
            peers: Vec::new(),
        }
    }

    fn on_node(mut self, node: u32) -> Self {
        self.node = Some(node);
        self
    }

    fn with_certificate(mut self, name: &str, since: i64, key: &str) -> Self {
        self.certificate = Some((name.to_owned(), since, key.to_owned()));
        self
    }

    fn saying(mut self, probe: &'static str, result: &str) -> Self {
        self.said.retain(|(other, _)| *other != probe);
        self.said.push((probe, result.to_owned()));
        self
    }

    fn naming(mut self, hosts: &[String]) -> Self {
        self.peers = hosts.to_vec();
        self
    }

    /// Visits on top of some blocks.
    fn visits(&self, number: u32, blocks: u32) -> Vec<Visit> {
        let node = self.node.unwrap_or(1_000 + number);
        let mut visits: Vec<Visit> = (0..blocks)
            .map(|block| {
                let rates = [9_000, 7_000, 5_000, 3_000].map(|rate| rate + 3 * node + 7 * block);
                fees(&self.endpoint, i64::from(block) * 600, 100 + block, &rates)
            })
            .collect();
        let said: Vec<_> = self.said.iter().map(|(probe, result)| (*probe, result.as_str())).collect();
        visits.push(answers(&self.endpoint, 5_000, &said));
        if let Some((name, since, key)) = &self.certificate {
            visits.push(certificate(light(&self.endpoint, 5_001), name, *since, key));
        }
        visits.push(naming(&self.endpoint, &self.peers));
        visits
    }
}

fn honest(count: u32) -> Vec<Shown> {
    (0..count)
        .map(|n| {
            let host = format!("10.{n}.1.1");
            Shown::at(&format!("ssl://{host}:50002"))
                .with_certificate(&host, 1_001 + i64::from(n) * 90_001, &host)
                .saying("H1", r#"["ElectrumX 1.20.0","1.6"]"#)
                .saying("M2", r#""You are connected to an ElectrumX 1.20.0 server.""#)
                .saying("M3", r#""1Ca1inCimwRhhcpFX84TPRrPQSryTgKW6N""#)
        })
        .collect()
}

fn attributed(visits: &[Visit], previous: &[assessment::Group]) -> (Vec<assessment::Group>, Attribution) {
    let dossiers = dossiers(visits);
    let servers = server::join(&dossiers);
    let gossip = Gossip::of(&servers);
    let attribution = Attribution::of(&servers, &gossip, &Context { previous, system: &|_| None });
    let groups = attribution.groups.iter().map(|group| group.published(&servers)).collect();
    (groups, attribution)
}

fn groups(shown: &[Shown], blocks: u32) -> Vec<assessment::Group> {
    let visits: Vec<Visit> =
        (0..).zip(shown).flat_map(|(number, shown)| shown.visits(number, blocks)).collect();
    attributed(&visits, &[]).0
}

/// A fleet in many places: certificates of one series, one node (x4).
fn series(count: u32) -> Vec<Shown> {
    (0..count)
        .map(|n| {
            Shown::at(&format!("ssl://11.{n}.1.1:50002")).on_node(7).with_certificate(
                &format!("electrumx-node-{n}"),
                70_001 + i64::from(n) * 10,
                &format!("key {n}"),
            )
        })
        .collect()
}

fn evidence(group: &assessment::Group, kind: Kind) -> &assessment::GroupEvidence {
    group.evidence.iter().find(|evidence| evidence.kind == kind.to_string()).expect("evidence of the kind")
}

#[test]
fn many_who_follow_one_guide_are_strangers() {
    assert_eq!(groups(&honest(200), 2), []);
    // In a quiet hour they agree on everything.
    let quiet: Vec<Shown> = honest(60).into_iter().map(|shown| shown.on_node(0)).collect();
    assert_eq!(groups(&quiet, 2), []);
}

#[test]
fn who_makes_up_many_estimates_does_not_make_it_rare_to_agree() {
    let quiet = honest(60).into_iter().map(|shown| shown.on_node(0));
    let made_up = (0..40).map(|n| Shown::at(&format!("ssl://11.0.0.1:{}", 40_000 + n)).on_node(500 + n));
    assert_eq!(groups(&quiet.chain(made_up).collect::<Vec<_>>(), 3), []);
}

#[test]
fn a_domain_speaks_for_those_who_say_that_it_is_theirs() {
    let named = |says: bool| {
        let mut visits: Vec<Visit> =
            (0..).zip(honest(40)).flat_map(|(number, shown)| shown.visits(number, 1)).collect();
        for n in 0..2 {
            let (name, ip) = (format!("n{n}.one.example"), format!("10.{n}.1.1"));
            visits.push(at_address(&format!("ssl://{name}:50002"), &ip));
            let hosts = format!(r#"{{"hosts":{{"{name}":{{}}}}}}"#);
            visits.extend(says.then(|| answers(&format!("ssl://{ip}:50002"), 6_000, &[("M1", &hosts)])));
        }
        let declared = attributed(&visits, &[]).1.declared;
        declared.iter().collect::<BTreeSet<_>>().len()
    };
    assert_eq!((named(true), named(false)), (39, 40));
}

#[test]
fn one_outage_of_a_server_of_two_hosts_is_one() {
    let failing = |n: i64| {
        let (name, ip) = (format!("n{n}.example"), format!("12.{n}.0.1"));
        let visits = (0..80).flat_map(move |at| {
            let mut visits =
                [at_address(&format!("ssl://{name}:50002"), &ip), light(&format!("ssl://{ip}:50002"), 0)];
            for (visit, later) in visits.iter_mut().zip([0, 60]) {
                visit.started_at = crate::testing::at(at * 600 + later);
                let down = [10, 11].contains(&at);
                visit.outcome = if down { Outcome::Unreachable } else { Outcome::Answered };
            }
            visits
        });
        visits.collect::<Vec<_>>()
    };
    let others: Vec<Visit> = (0..).zip(honest(40)).flat_map(|(n, shown)| shown.visits(n, 1)).collect();
    let visits = [others, failing(0), failing(1)].concat();
    let (_, attribution) = attributed(&visits, &[]);
    assert!(
        attribution.companions.iter().flatten().all(|(_, times)| *times == 1),
        "{:?}",
        attribution.companions
    );
    assert!(attribution.companions.iter().any(|companions| !companions.is_empty()));
}

#[test]
fn a_fleet_with_certificates_of_one_series_on_one_node_is_one_group() {
    let found = groups(&[honest(20), series(50)].concat(), 1);
    let [fleet] = &found[..] else { panic!("{found:?}") };
    assert!(fleet.members.len() == 50 && fleet.members.iter().all(|member| member.starts_with("11.")));
    assert!(fleet.posterior >= 0.95 && !fleet.declared);
    assert!(
        evidence(fleet, Kind::CertificateBatch).essential && evidence(fleet, Kind::FeeEstimates).essential
    );
    assert_eq!(
        evidence(fleet, Kind::FeeEstimates).detail,
        "1225 of 1225 pairs agree on fee estimates above the floor"
    );
}

#[test]
fn six_brands_on_one_node_and_one_odd_port_are_one_group() {
    let brands = (0..24).map(|n| {
        Shown::at(&format!("ssl://s{n}.brand{}.example:60002", n % 6))
            .on_node(7)
            .saying("M2", &format!(r#""Welcome to brand {}""#, ["a", "b", "c", "d", "e", "f"][n % 6]))
    });
    let found = groups(&[honest(20), brands.collect()].concat(), 3);
    let [fleet] = &found[..] else { panic!("{found:?}") };
    assert_eq!(fleet.members.len(), 24);
    assert!(!fleet.declared, "six brands say that they are six");
    assert!(evidence(fleet, Kind::Ports).log10_lr > 1.0);
    // One node alone does not make one operator.
    let usual = (0..6).map(|n| Shown::at(&format!("ssl://11.{n}.1.1:50002")).on_node(7));
    assert_eq!(groups(&[honest(20), usual.collect()].concat(), 3), []);
}

#[test]
fn a_circle_on_one_node_is_one_group() {
    let everybody: Vec<String> = (0..30).map(|n| format!("10.{n}.1.1")).collect();
    let circle: Vec<String> = (0..12).map(|n| format!("11.{n}.1.1")).collect();
    let all = [everybody.clone(), circle.clone()].concat();
    let mut shown: Vec<Shown> = honest(30).into_iter().map(|shown| shown.naming(&all)).collect();
    shown.extend(
        circle.iter().map(|host| Shown::at(&format!("ssl://{host}:50002")).on_node(7).naming(&circle)),
    );
    let found = groups(&shown, 2);
    let [eclipse] = &found[..] else { panic!("{found:?}") };
    assert!(eclipse.members.len() == 12 && !eclipse.declared);
}

#[test]
fn a_pair_that_says_so_is_linked_and_declared() {
    let hosts = r#"{"hosts":{"12.0.0.1":{},"12.0.0.2":{}}}"#;
    let pair = ["12.0.0.1", "12.0.0.2"].map(|host| {
        Shown::at(&format!("ssl://{host}:50002"))
            .with_certificate("pair.example", 1_001, "pair")
            .saying("M1", hosts)
            .saying("M2", r#""Two machines. Write to admin@pair.example""#)
    });
    let found = groups(&[honest(8), pair.to_vec()].concat(), 1);
    let [pair] = &found[..] else { panic!("{found:?}") };
    assert!(pair.declared && pair.members == ["12.0.0.1", "12.0.0.2"]);
    assert!(pair.evidence.iter().all(|evidence| !evidence.essential), "each alone would do: {pair:?}");
}

#[test]
fn a_copied_contact_declares_nothing() {
    let mut all = honest(40);
    for shown in &mut all[..2] {
        *shown = shown.clone().saying("M2", r#""Welcome. Write to admin@own.example, whoever you are.""#);
    }
    let visits: Vec<Visit> = (0..).zip(&all).flat_map(|(number, shown)| shown.visits(number, 8)).collect();
    let roots = attributed(&visits, &[]).1.declared;
    assert_ne!(roots[0], roots[1]);
}

#[test]
fn who_copies_a_strangers_words_and_ports_is_not_taken_for_him() {
    let words = r#""Our own words, and nobody else's""#;
    let copies = ["12.0.0.1", "13.0.0.1"].map(|host| {
        Shown::at(&format!("ssl://{host}:12345")).saying("M2", words).saying("M3", r#""bc1qowner""#)
    });
    assert_eq!(groups(&[honest(30), copies.to_vec()].concat(), 2), []);
}

#[test]
fn who_passes_on_what_a_stranger_answers_is_not_taken_for_him() {
    let stranger = honest(1).remove(0).on_node(7);
    let words = r#""Our own words, and nobody else's""#;
    let proxies = ["12.0.0.1", "13.0.0.1", "14.0.0.1"]
        .map(|host| Shown::at(&format!("ssl://{host}:50002")).on_node(7).saying("M2", words));
    let shown = [honest(30)[1..].to_vec(), vec![stranger], proxies.to_vec()].concat();
    let [group] = &groups(&shown, 4)[..] else { panic!("one group") };
    assert_eq!(group.members, ["12.0.0.1", "13.0.0.1", "14.0.0.1"]);
    assert!(group.same_node > 0.95 && group.same_node > group.same_template, "{group:?}");
}

#[test]
fn a_key_that_came_with_an_image_links_nobody() {
    let shown = |shown: Vec<Shown>| {
        let shared = shown.into_iter().map(|shown| shown.with_certificate("image", 1_001, "key"));
        let shared: Vec<Shown> = shared.map(|shown| shown.saying("M2", r#""Welcome to my box!""#)).collect();
        groups(&shared, 2)
    };
    assert_eq!(shown(honest(60)), []);
    let few = shown(honest(3));
    assert_eq!(few.iter().map(|group| group.members.len()).collect::<Vec<_>>(), [3]);
}

#[test]
fn outages_of_one_place_link_nobody() {
    let failing = |host: String, key: &str| {
        let endpoint = format!("ssl://{host}:50002");
        let down = |n: i64| [10, 11, 30, 31, 60, 61].contains(&n);
        (0..80)
            .map(|n| {
                let mut visit = certificate(light(&endpoint, n * 600), &host, 1_001, key);
                visit.outcome = if down(n) { Outcome::Unreachable } else { Outcome::Answered };
                visit
            })
            .collect::<Vec<_>>()
    };
    let others: Vec<Visit> = (0..).zip(honest(40)).flat_map(|(n, shown)| shown.visits(n, 1)).collect();
    let datacentre = (0..3).flat_map(|n| failing(format!("12.0.{n}.1"), &n.to_string()));
    let (found, attribution) = attributed(&[others.clone(), datacentre.collect()].concat(), &[]);
    assert!(found.is_empty() && attribution.companions.iter().all(Vec::is_empty));
    // Elsewhere they speak, and with a shared key they link.
    let elsewhere = (0..3).flat_map(|n| failing(format!("12.{n}.0.1"), "one key"));
    let (found, _) = attributed(&[others, elsewhere.collect()].concat(), &[]);
    assert_eq!(found.iter().map(|group| group.members.len()).collect::<Vec<_>>(), [3]);
}

#[test]
fn a_ticket_counts_where_it_was_taken() {
    let shown = |at: &str, from: &str, second, redemption| {
        let mut visit = light(&format!("ssl://{at}:443"), second);
        let from = format!("ssl://{from}:443").parse().expect("an endpoint");
        (visit.purpose, visit.redemption) = (Purpose::Resumption { from }, Some(redemption));
        visit
    };
    let others: Vec<Visit> = (0..).zip(honest(40)).flat_map(|(n, shown)| shown.visits(n, 1)).collect();
    let (taken, refused) = (electrum::tls::Redemption::Resumed, electrum::tls::Redemption::Refused);
    let with = |redemption| {
        let pair = vec![
            light("ssl://12.0.0.1:443", 0),
            light("ssl://13.0.0.1:443", 0),
            shown("13.0.0.1", "12.0.0.1", 1, redemption),
            shown("12.0.0.1", "12.0.0.1", 2, taken),
        ];
        attributed(&[others.clone(), pair].concat(), &[]).0.len()
    };
    assert_eq!((with(taken), with(refused)), (1, 0));
}

#[test]
fn names_of_groups_last_and_the_first_are_made_of_members() {
    let fleet =
        |count| (0..).zip([honest(20), series(count)].concat()).flat_map(|(n, shown)| shown.visits(n, 1));
    let (first, _) = attributed(&fleet(10).collect::<Vec<_>>(), &[]);
    let (again, _) = attributed(&fleet(10).collect::<Vec<_>>(), &[]);
    assert_eq!(first, again);
    let (grown, _) = attributed(&fleet(14).collect::<Vec<_>>(), &first);
    assert_eq!((first[0].members.len(), grown[0].members.len()), (10, 14));
    assert_eq!(grown[0].id, first[0].id);
    let (unknown, _) = attributed(&fleet(14).collect::<Vec<_>>(), &[]);
    assert_ne!(unknown[0].id, first[0].id);
}

#[test]
fn no_two_groups_have_one_name() {
    let fleet = |members: std::ops::Range<usize>| {
        let shown = [honest(20), series(12)[members].to_vec()].concat();
        (0..).zip(shown).flat_map(|(n, shown)| shown.visits(n, 1)).collect::<Vec<_>>()
    };
    let two = fleet(8..12);
    let (few, _) = attributed(&two, &[]);
    let (all, _) = attributed(&fleet(0..12), &few);
    assert_eq!(all[0].id, few[0].id, "the name lasts");
    // Now the fleet falls apart, and the larger part keeps it.
    let mut later = fleet(0..8);
    let apart = series(12)
        .into_iter()
        .skip(8)
        .map(|shown| shown.clone().on_node(8).with_certificate(&shown.endpoint, 990_001, "one key"));
    later.extend((0..).zip(apart).flat_map(|(n, shown)| shown.visits(n, 1)));
    let (parts, _) = attributed(&later, &all);
    let [larger, smaller] = &parts[..] else { panic!("{parts:?}") };
    assert!(larger.id == few[0].id && smaller.members == few[0].members);
    assert_ne!(smaller.id, larger.id);
}

#[test]
fn partitions_hold_every_server_and_are_nested() {
    let visits: Vec<Visit> =
        (0..).zip([honest(20), series(10)].concat()).flat_map(|(n, shown)| shown.visits(n, 1)).collect();
    let (_, attribution) = attributed(&visits, &[]);
    let parts: Vec<usize> = attribution
        .partitions
        .iter()
        .map(|partition| partition.labels.iter().collect::<BTreeSet<_>>().len())
        .collect();
    assert!(parts.is_sorted() && attribution.partitions.len() == link::CUTS.len(), "{parts:?}");
    assert_eq!((parts[0], parts[2]), (21, 21));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn the_order_of_servers_does_not_matter(order in Just((0..18_usize).collect::<Vec<_>>()).prop_shuffle()) {
        let shown = [honest(12), series(6)].concat();
        let visits = |number: usize| shown[number].visits(u32::try_from(number).expect("few"), 1);
        let usual: Vec<Visit> = (0..18).flat_map(visits).collect();
        let shuffled: Vec<Visit> = order.into_iter().flat_map(visits).collect();
        prop_assert_eq!(attributed(&usual, &[]).0, attributed(&shuffled, &[]).0);
    }
}
