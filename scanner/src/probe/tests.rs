//! Every probe asks what docs/probes.md says, at its price, and nothing that could harm.

use std::collections::BTreeSet;

use super::*;
use crate::{
    agenda::Agenda,
    ledger::{CONNECTION_COST, Class},
    listen::WATCH_LENGTH,
    objects::{Busy, Output, ScriptKind},
    term::Watch,
};

fn objects() -> Objects {
    let txid = "f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16".parse().expect("a txid");
    let output = |kind: ScriptKind| Output {
        kind,
        script: ScriptBuf::from_bytes(vec![kind as u8; 22]),
        txid,
        height: 170,
        position: 1,
        levels: 1,
        history: 3,
    };
    let busy = Busy { script: ScriptBuf::from_bytes(vec![9; 22]), history: 600 };
    Objects { outputs: ScriptKind::ALL.map(output).to_vec(), busy: Some(busy) }
}

pub(crate) fn known() -> Known {
    Known {
        network: Network::Mainnet,
        client_name: "observatory/1 (+mailto:a@b.example)".to_owned(),
        offer: Offer::Usual,
        disabled: Arc::default(),
        deep: true,
        control: ScriptBuf::from_hex(&format!("0020{}", "5a".repeat(32))).expect("a script"),
        unseen: ScriptBuf::from_hex(&format!("0020{}", "a5".repeat(32))).expect("a script"),
        objects: Arc::new(objects()),
        protocol: Some(Protocol::read("1.6")),
        tip: Some(900_000),
        script_answered: true,
        estimates_cached: false,
        fragile: false,
    }
}

#[test]
fn every_probe_asks_what_the_catalogue_says_at_its_price() {
    let expected = [
        ("H1", 1, 0.5),
        ("H3", 1, 0.5),
        ("H4", 1, 0.5),
        ("H5", 1, 0.5),
        ("H6", 1, 0.1),
        ("M5", 5, 0.5),
        ("M1", 1, 0.2),
        ("M2", 1, 0.5),
        ("M3", 1, 0.1),
        ("M4", 1, 1.0),
        ("M7", 1, 1.0),
        ("C1", 1, 0.25),
        ("C2", 5, 1.25),
        ("F1", 8, 16.8),
        ("F2", 1, 1.0),
        ("C4", 1, 0.06),
        ("C6", 1, 0.251),
        ("C7", 1, 1.0),
        ("C10", 2, 0.501),
        ("C3", 1, 1.25),
        ("C5", 1, 0.0),
        ("C8", 1, 1.0),
        ("C9", 1, 1.0),
        ("C11", 1, 0.251),
        ("S1", 3, 1.75),
        ("S2", 4, 2.760_5),
        ("S3", 4, 2.760_5),
        ("S4", 4, 2.760_5),
        ("S5", 4, 2.760_5),
        ("S6", 4, 2.760_5),
        ("S7", 4, 2.760_5),
        ("S8", 4, 2.760_5),
        ("S10", 1, 1.05),
        ("S11", 1, 0.1),
        ("S12", 30, 9.0),
        ("S13", 3, 1.75),
        ("L6", 1, 0.3),
        ("S9", 1, 0.25),
        ("E10", 1, 0.282_8),
        ("E11", 1, 0.282_8),
        ("E1", 1, 0.0),
        ("E2", 1, 0.0),
        ("E3", 1, 0.5),
        ("E4", 1, 0.0),
        ("E5", 1, 0.25),
        ("E6", 1, 0.1),
        ("E7", 1, 0.2),
        ("E8", 1, 0.0),
        ("E9", 1, 0.0),
    ];
    let asked: Vec<_> = catalogue()
        .map(|probe| {
            let calls = (probe.calls)(&known());
            (probe.id, calls.len(), calls.iter().map(|call| call.cost).sum::<f64>())
        })
        .collect();
    assert_eq!(asked.len(), expected.len());
    for (asked, expected) in asked.iter().zip(expected) {
        assert_eq!((asked.0, asked.1), (expected.0, expected.1));
        assert!((asked.2 - expected.2).abs() < 0.01, "{asked:?} {expected:?}");
    }
    assert_eq!(catalogue().map(|probe| probe.id).collect::<BTreeSet<_>>().len(), expected.len());
}

#[test]
fn visits_stay_well_within_their_budgets() {
    let cost = |agenda: &Agenda, known: &Known| -> f64 {
        let calls = agenda.probes().into_iter().flat_map(|probe| (probe.calls)(known));
        CONNECTION_COST + calls.map(|call| call.cost).sum::<f64>()
    };
    let light = Agenda::Light { offer: Offer::Usual };
    // The rest is room for 150 kB of answers.
    assert!(cost(&light, &Known { deep: false, ..known() }) + 30.0 < Class::Light.budget());
    let deep = Agenda::Deep { offer: Offer::Usual, cards: Vec::new() };
    // And here for 50 kB and two errors.
    assert!(cost(&deep, &known()) + 210.0 < Class::Deep.budget(), "{}", cost(&deep, &known()));
    let watch = Agenda::Watch(Watch::lasting(WATCH_LENGTH));
    // Six more blocks, and a sample from the caches every five minutes; the rest is room for 500 kB.
    let sample = |estimates_cached| -> f64 {
        let known = Known { estimates_cached, ..known() };
        let calls = ["F1", "F2"].into_iter().filter_map(probe).flat_map(|probe| (probe.calls)(&known));
        calls.map(|call| call.cost).sum()
    };
    let hour = cost(&watch, &known()) + 6.0 * sample(false) + 12.0 * sample(true);
    assert!(hour + 100.0 < Class::Watch.budget(), "{hour}");
}

#[test]
fn no_height_beyond_the_tip_is_ever_asked_for() {
    let heights =
        |tip| chain::heights(&Known { tip, network: Network::Regtest, ..known() }).collect::<Vec<_>>();
    assert_eq!(heights(Some(1_200)), [0, 1, 100, 1_000], "a young chain is looked at above its beginning");
    assert_eq!(heights(Some(118)), [0, 1, 100]);
    assert_eq!(heights(Some(0)), [0]);
    assert_eq!(heights(None), [0]);
    // Nor about an object that is not there yet.
    let young = Known { tip: Some(169), ..known() };
    for id in ["C6", "C7", "C8", "C10", "C11"] {
        assert!((probe(id).expect("a probe").calls)(&young).is_empty(), "{id}");
    }
}

#[test]
fn questions_follow_the_protocol_agreed_on() {
    let methods = |protocol: &str, id: &str| -> Vec<&'static str> {
        let known = Known { protocol: Some(Protocol::read(protocol)), ..known() };
        (probe(id).expect("a probe").calls)(&known).into_iter().map(|call| call.method).collect()
    };
    assert_eq!(methods("1.4", "S11"), [""; 0]);
    assert_eq!(methods("1.4.2", "S11"), ["blockchain.scripthash.unsubscribe"]);
    assert_eq!(methods("1.4.3", "M7"), ["blockchain.relayfee"]);
    assert_eq!(methods("1.6.0", "M7"), ["mempool.get_info"]);
    assert_eq!(methods("1.6", "S9"), ["blockchain.scripthash.get_mempool"]);
    assert_eq!(methods("1.7.0", "S9"), ["blockchain.scriptpubkey.get_mempool"]);
    assert_eq!(methods("nonsense", "M7"), ["blockchain.relayfee"]);
    assert_eq!(methods("99999999999.1", "M7"), ["blockchain.relayfee"]);
}

#[test]
fn nothing_is_ever_asked_that_could_harm_or_touch_a_stranger() {
    let methods: BTreeSet<&str> =
        catalogue().flat_map(|probe| (probe.calls)(&known())).map(|call| call.method).collect();
    assert!(!methods.contains("server.add_peer"));
    // What is broadcast spends an output of a transaction whose id nobody can find a transaction for.
    let broadcasts: Vec<_> = catalogue()
        .filter(|probe| {
            (probe.calls)(&known()).iter().any(|call| call.method == "blockchain.transaction.broadcast")
        })
        .map(|probe| probe.id)
        .collect();
    assert_eq!(broadcasts, ["E10", "E11"]);
    let other = Known { control: ScriptBuf::from_bytes(vec![1; 34]), ..known() };
    let sent = |id: &str, known: &Known| (probe(id).expect("a probe").calls)(known)[0].params.to_string();
    assert_ne!(sent("E10", &known()), sent("E10", &other), "its own for each server");
    assert_eq!(sent("E10", &known()), sent("E11", &known()), "whatever we call ourselves");
}

#[test]
fn only_s13_asks_about_its_script() {
    let (usual, other) = (known(), Known { unseen: ScriptBuf::from_bytes(vec![1; 34]), ..known() });
    let differ = catalogue().filter(|probe| (probe.calls)(&usual) != (probe.calls)(&other));
    assert_eq!(differ.map(|probe| probe.id).collect::<Vec<_>>(), ["S13"]);
}

#[test]
fn every_probe_is_documented() {
    let documentation = include_str!("../../../docs/probes.md");
    for probe in catalogue() {
        let row = format!("| {} | ", probe.id);
        assert!(documentation.contains(&row), "docs/probes.md has no row for {}", probe.id);
    }
}
