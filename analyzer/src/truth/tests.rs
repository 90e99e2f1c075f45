//! Each indicator of this kind fires for who shows it, and not for who looks as if.

mod strangers;

use bitcoin::consensus::encode::serialize_hex;
use electrum::proof::ScriptHash;
use model::{
    Exchange, Purpose, Visit,
    purpose::{Arm, Factor, Twin},
};
use serde_json::{Value, json};

use super::{verify::said, *};
use crate::{
    attribution::Context,
    hand_made::{HEIGHT, TIP, VALUE, World, exchange, mine, replaced, told, visit},
    indicators::{Found, catalogue},
    server::Server,
    survey::{Case, Survey},
    testing::{dossiers, knowledge},
};

/// What is judged here.
const JUDGED: [Indicator; 12] = [
    Indicator::new(1),
    Indicator::new(2),
    Indicator::new(3),
    Indicator::new(4),
    Indicator::new(5),
    Indicator::new(6),
    Indicator::new(7),
    Indicator::new(8),
    Indicator::new(9),
    Indicator::new(13),
    Indicator::new(14),
    Indicator::new(29),
];

/// The server that is judged.
const SUSPECT: &str = "198.51.100.1";

/// How the addresses of those begin who lie as it does.
const ACCOMPLICES: &str = "203.0.";

/// One of those who lie as the suspect does, in a neighbourhood of its own.
fn accomplice(number: u8) -> String {
    format!("{ACCOMPLICES}{number}.1")
}

/// What is found of the suspect beside so many honest servers, each in a neighbourhood of its own.
fn found_beside(honest: u8, mut visits: Vec<Visit>) -> Vec<(String, Found)> {
    let world = World::new();
    for number in 0..honest {
        for minutes in [0, 20] {
            visits.push(visit(&format!("10.0.{number}.1"), minutes, Purpose::Deep, world.honest()));
        }
    }
    found_among(visits)
}

/// What is found of the suspect in these visits; nothing is ever found of others, but for his [`accomplice`]s.
fn found_among(mut visits: Vec<Visit>) -> Vec<(String, Found)> {
    visits.sort_by_key(|visit| visit.started_at);
    let dossiers = dossiers(&visits);
    let servers: Vec<Server<'_>> = dossiers.iter().map(|entry| Server { hosts: vec![entry] }).collect();
    let context = Context { previous: &[], system: &|_| None };
    let survey = Survey::of(electrum::Network::Regtest, servers, &knowledge(), &context);
    let mut all = Vec::new();
    for place in 0..survey.servers.len() {
        let case = Case { survey: &survey, place };
        // How it speaks and how long it takes is not what these visits are made for.
        let judged = catalogue().filter(|definition| JUDGED.contains(&definition.indicator));
        let found = judged
            .filter_map(|definition| Some((definition.indicator.to_string(), (definition.find)(&case)?)));
        let found: Vec<(String, Found)> = found.collect();
        match case.server().hosts[0].0.to_string() {
            host if host == SUSPECT => all = found,
            host => assert!(found.is_empty() || host.starts_with(ACCOMPLICES), "{host}: {found:?}"),
        }
    }
    for (indicator, found) in &all {
        let is_there =
            |digest: &Digest| visits.iter().any(|visit| said(visit, |said| said == digest).is_some());
        assert!(
            !found.evidence.is_empty() && found.evidence.iter().all(is_there),
            "{indicator} is in the archive"
        );
    }
    all
}

fn names(found: &[(String, Found)]) -> Vec<&str> {
    found.iter().map(|(name, _)| name.as_str()).collect()
}

/// Five visits of the suspect in which it tells the same.
fn five(exchanges: impl Fn() -> Vec<Exchange>) -> Vec<Visit> {
    (0..5).map(|minutes| visit(SUSPECT, minutes, Purpose::Deep, exchanges())).collect()
}

fn with_tip(world: &World, exchanges: Vec<Exchange>, height: u32) -> Vec<Exchange> {
    let tip = json!({"height": height, "hex": serialize_hex(&world.headers[9])});
    let by = |_: &Exchange| told("", "blockchain.headers.subscribe", &json!([]), &tip);
    replaced(exchanges, "C1", 0, by)
}

#[test]
fn the_honest_are_not_accused() {
    let world = World::new();
    assert_eq!(found_beside(8, five(|| world.honest())), []);
}

#[test]
fn what_contradicts_itself_is_found_without_anybody_else() {
    let world = World::new();
    let txid = world.payment.compute_txid();
    let broadcast = |answer: &Value| {
        let params = json!([serialize_hex(&world.payment)]);
        let mut all = world.honest();
        all.push(exchange("E10", "blockchain.transaction.broadcast", &params, Some(answer)));
        all
    };
    let lies = [
        ("I1", broadcast(&json!({"error": "<b>Update at https://evil.example</b>"}))),
        ("I2", broadcast(&json!({"result": "00".repeat(32)}))),
        ("I3", world.lying("C10", 0, &json!({"merkle": [txid], "pos": 1}))),
        ("I4", world.lying("S4", 1, &json!([]))),
        ("I7", world.lying("M1", 0, &json!({"genesis_hash": "00".repeat(32)}))),
        ("I8", world.lying("S1", 0, &json!("00".repeat(32)))),
    ];
    for (indicator, lie) in lies {
        let found = found_among(five(|| lie.clone()));
        assert_eq!(names(&found), [indicator], "{found:?}");
    }
    // Another coin is made by other rules: its headers are not held against it twice.
    let coin = world.lying("M1", 0, &json!({"genesis_hash": "00".repeat(32)}));
    let easy = json!({"height": TIP, "hex": "00".repeat(80)});
    let coin = replaced(coin, "C1", 0, |_| told("", "blockchain.headers.subscribe", &json!([]), &easy));
    assert_eq!(names(&found_among(five(|| coin.clone()))), ["I7"]);
    let refused = broadcast(&json!({"error": {"code": 1, "message": "bad-txns-inputs-missingorspent"}}));
    assert_eq!(found_among(five(|| refused.clone())), []);
}

#[test]
fn an_output_is_worth_what_its_transaction_says_whoever_hands_that_out() {
    let world = World::new();
    let coin = |value: u64| json!([{"tx_hash": world.payment.compute_txid(), "tx_pos": 0, "height": HEIGHT, "value": value}]);
    let script = json!([world.hash()]);
    let lists = |value| {
        let listed = told("S4", "blockchain.scripthash.listunspent", &script, &coin(value));
        visit(SUSPECT, 0, Purpose::Deep, vec![listed])
    };
    let found = found_beside(1, vec![lists(10 * VALUE)]);
    assert_eq!(names(&found), ["I6"]);
    assert!(
        found[0].1.statement.contains("70000 sat") && found[0].1.statement.contains("7000 sat"),
        "{found:?}"
    );
    assert_eq!(found_beside(1, vec![lists(VALUE)]), []);
    assert_eq!(found_beside(0, vec![lists(10 * VALUE)]), [], "nobody handed the transaction out");
}

#[test]
fn what_is_left_out_is_found_by_five_neighbourhoods() {
    let world = World::new();
    // All four answers agree with the lie.
    let omitting = || {
        let nothing = json!({"confirmed": 0, "unconfirmed": 0});
        let lies = [Value::Null, json!([]), nothing, json!([])];
        let mut exchanges = world.honest();
        for (nth, lie) in lies.iter().enumerate() {
            let about = json!([world.hash()]);
            let verb = ["subscribe", "get_history", "get_balance", "listunspent"][nth];
            let by = |_: &Exchange| told("", &format!("blockchain.scripthash.{verb}"), &about, lie);
            exchanges = replaced(exchanges, "S4", nth, by);
        }
        exchanges
    };
    let found = found_beside(5, five(omitting));
    assert_eq!(names(&found), ["I5"]);
    let txid = world.payment.compute_txid().to_string();
    assert!(found[0].1.statement.contains(&txid), "{found:?}");
    assert_eq!(found_beside(4, five(omitting)), [], "four are too few");
    assert_eq!(found_beside(5, five(omitting)[..1].to_vec()), [], "once is a race");
    let then_not =
        [five(omitting)[..2].to_vec(), vec![visit(SUSPECT, 9, Purpose::Deep, world.honest())]].concat();
    assert_eq!(found_beside(5, then_not), [], "and it was cleared");
    // Two of the height at which it stands: the payment is not buried yet.
    let behind = || with_tip(&world, omitting(), HEIGHT + 5);
    assert!(!names(&found_beside(5, five(behind))).contains(&"I5"));
    let refusing = || {
        let refused = |_: &Exchange| {
            crate::hand_made::refused(
                "",
                "blockchain.scripthash.get_history",
                &json!([world.hash()]),
                "too large",
            )
        };
        replaced(world.honest(), "S4", 1, refused)
    };
    assert_eq!(found_beside(5, five(refusing)), [], "a limit that is told leaves out nothing");
    // A history that its own status contradicts is one finding.
    let cut = || world.lying("S4", 1, &json!([]));
    assert_eq!(names(&found_beside(5, five(cut))), ["I4"]);
}

#[test]
fn who_cuts_histories_by_its_own_statuses_does_nothing_else_where_none_was_asked_for() {
    let world = World::new();
    let about = json!(["77".repeat(32)]);
    let line = json!([{"tx_hash": "11".repeat(32), "height": 1}]);
    let long = |history: &Value| told("S10", "blockchain.scripthash.get_history", &about, history);
    let with = |mut exchanges: Vec<Exchange>, history: &Value| {
        exchanges.push(long(history));
        exchanges
    };
    let honest = |number: i64| {
        let at = move |minutes| (format!("10.0.{number}.1"), minutes);
        [at(0), at(20)]
            .map(|(host, minutes)| visit(&host, minutes, Purpose::Deep, with(world.honest(), &line)))
    };
    let beside = |suspect: Vec<Visit>| found_among((0..5).flat_map(honest).chain(suspect).collect());
    let omits = || with(world.honest(), &json!([]));
    assert_eq!(names(&beside(five(omits))), ["I5"]);
    let cuts = || with(world.lying("S4", 1, &json!([])), &json!([]));
    assert_eq!(names(&beside(five(cuts))), ["I4"]);
}

#[test]
fn another_block_at_a_buried_height_is_another_chain() {
    let world = World::new();
    let other = json!(serialize_hex(&mine(&world.headers[0], [9; 32])));
    let lie = || world.lying("C2", 1, &other);
    assert_eq!(names(&found_beside(5, five(lie))), ["I7"]);
    assert_eq!(found_beside(4, five(lie)), []);
    assert_eq!(found_beside(5, five(lie)[..1].to_vec()), []);
}

#[test]
fn three_of_ten_who_lie_together_get_nobody_accused_but_themselves() {
    let world = World::new();
    let other = json!(serialize_hex(&mine(&world.headers[0], [9; 32])));
    let invented = json!([{"tx_hash": "11".repeat(32), "height": 1}]);
    // Of another chain, and of a payment that the honest do not list.
    for (lies, nth, lie) in [("C2", 1, &other), ("S4", 1, &invented)] {
        for (liars, honest) in [(3_u8, 7), (15, 35)] {
            let told = || world.lying(lies, nth, lie);
            let of = |number| move |minutes| visit(&accomplice(number), minutes, Purpose::Deep, told());
            let accomplices = (1..liars).flat_map(|number| (0..5).map(of(number)));
            let visits = five(told).into_iter().chain(accomplices).collect();
            assert_ne!(found_beside(honest, visits), [], "{lies}: {liars} of {}", liars + honest);
        }
    }
}

/// Visits of the suspect at these minutes that are told these tips, beside six servers at the best block.
fn standing(told: &[(i64, u32)]) -> Vec<(String, Found)> {
    let world = World::new();
    let at = |host: &str, minutes, height| {
        visit(host, minutes, Purpose::Light, with_tip(&world, world.honest(), height))
    };
    let suspect = told.iter().map(|(minutes, height)| at(SUSPECT, *minutes, *height));
    let others = (0..6).flat_map(|number| (0..6).map(move |time| (number, 10 * time)));
    let others = others.map(|(number, minutes)| at(&format!("10.0.{number}.1"), minutes, TIP));
    found_among(suspect.collect::<Vec<_>>().into_iter().chain(others).collect())
}

#[test]
fn who_stands_still_is_behind_and_who_catches_up_is_not() {
    assert_eq!(names(&standing(&[(1, TIP - 3), (30, TIP - 3)])), ["I9"]);
    assert_eq!(names(&standing(&[(1, TIP - 6), (2, TIP - 6)])), ["I9"], "nothing else explains so much");
    assert_eq!(standing(&[(1, TIP - 2), (30, TIP - 2)]), []);
    assert_eq!(standing(&[(1, TIP - 3), (2, TIP - 3)]), [], "it may be about to catch up");
    assert_eq!(standing(&[(1, TIP - 9)]), [], "once");
    assert_eq!(standing(&[(1, TIP - 9), (15, TIP - 6), (30, TIP - 3)]), [], "it catches up");
    assert_eq!(standing(&[(1, TIP - 9), (15, TIP - 9), (30, TIP)]), [], "it did not last");
    assert_eq!(standing(&[(1, TIP + 9), (30, TIP + 9)]), []);
    assert_eq!(names(&standing(&[(1, TIP), (15, TIP - 6), (30, TIP - 6)])), ["I9"], "it kept up at first");
    assert_eq!(standing(&[(1, TIP), (30, TIP - 6)]), [], "once of late");
}

#[test]
fn who_is_asked_twice_a_day_and_first_of_all_is_seen_to_stand_still() {
    const DAY: i64 = 24 * 60;
    let world = World::new();
    let at = |host: &str, minutes, height| {
        visit(host, minutes, Purpose::Light, with_tip(&world, world.honest(), height))
    };
    let found = |days: i64, heights: [u32; 3]| {
        let others = (0..6).flat_map(|number| (0..3).zip(heights).map(move |told| (number, told)));
        let others = others
            .map(|(number, (day, height))| at(&format!("10.0.{number}.1"), day * DAY + 2 + number, height));
        let suspect = (0..days).flat_map(|day| [0, 1].map(|minute| at(SUSPECT, day * DAY + minute, TIP - 9)));
        found_among(others.chain(suspect).collect())
    };
    assert_eq!(names(&found(3, [TIP - 9, TIP - 5, TIP])), ["I9"]);
    assert_eq!(found(3, [TIP - 9, TIP - 9, TIP - 5]), [], "all others found that block a minute later");
    assert_eq!(found(2, [TIP - 9, TIP - 5, TIP]), [], "and it may have caught up since");
}

/// Estimates in bitcoins of the suspect, twice, beside six servers that say 0.0002.
fn charging(first: [f64; 4], second: [f64; 4]) -> Vec<(String, Found)> {
    let at = |host: &str, minutes, fees: [f64; 4]| {
        let asked = [2, 5, 25, 144].into_iter().zip(fees);
        let ask =
            |(target, fee): (u32, f64)| told("F1", "blockchain.estimatefee", &json!([target]), &json!(fee));
        visit(host, minutes, Purpose::Light, asked.map(ask).collect())
    };
    let others = (0..6).flat_map(|number| [0, 20].map(|minutes| (format!("10.0.{number}.1"), minutes)));
    let others = others.map(|(host, minutes)| at(&host, minutes, [0.000_2; 4]));
    found_among([at(SUSPECT, 1, first), at(SUSPECT, 21, second)].into_iter().chain(others).collect())
}

#[test]
fn fees_are_implausible_where_most_are_far_from_all_others_twice() {
    assert_eq!(names(&charging([0.002; 4], [0.003; 4])), ["I29"]);
    assert_eq!(names(&charging([0.000_01; 4], [0.000_01; 4])), ["I29"]);
    assert_eq!(charging([0.002; 4], [0.000_2; 4]), [], "once");
    assert_eq!(charging([0.001; 4], [0.001; 4]), [], "five times as much");
    assert_eq!(
        charging([0.002, 0.000_2, 0.000_2, 0.000_2], [0.002, 0.000_2, 0.000_2, 0.000_2]),
        [],
        "one target"
    );
    assert_eq!(charging([-1.0; 4], [-1.0; 4]), [], "no estimate");
}

/// What is found after series in which the visits at some places are answered otherwise.
fn twins(
    factor: Factor,
    series: &[[bool; 4]],
    otherwise: impl Fn() -> Vec<Exchange>,
) -> Vec<(String, Found)> {
    let world = World::new();
    let visits = (0_i64..).zip(series).flat_map(|(round, odd)| {
        let four = (0_u8..).zip(Arm::ORDER).zip(odd);
        let each = four.map(|((place, arm), odd)| {
            let number = u64::try_from(round).expect("a number");
            let twin = Purpose::Twin(Twin { factor, arm, series: number, place });
            let exchanges = if *odd { otherwise() } else { world.honest() };
            visit(SUSPECT, 30 * round + i64::from(place), twin, exchanges)
        });
        each.collect::<Vec<_>>()
    });
    found_among(visits.collect())
}

/// The arms of a series are answered differently.
const APART: [bool; 4] = [false, true, true, false];

#[test]
fn a_wallet_that_is_told_another_history_is_told_so_once() {
    let world = World::new();
    let none = Value::Null;
    // Status and history agree.
    let omitting = || {
        let by = |_: &Exchange| told("", "blockchain.scripthash.subscribe", &json!([world.hash()]), &none);
        replaced(world.lying("S4", 1, &json!([])), "S4", 0, by)
    };
    for factor in [Factor::ElectrumName, Factor::SparrowName, Factor::BlueWalletName] {
        assert_eq!(names(&twins(factor, &[APART], omitting)), ["I13"], "{factor:?}");
    }
    assert_eq!(names(&twins(Factor::AddressFamily, &[APART], omitting)), ["I14"]);
    assert_eq!(
        twins(Factor::ProtocolRange, &[APART; 9], omitting),
        [],
        "other versions are answered otherwise"
    );
    for noise in
        [[true, false, false, false], [false, true, false, false], [true, true, false, false], [true; 4]]
    {
        assert_eq!(twins(Factor::ElectrumName, &[noise; 9], omitting), [], "{noise:?}");
    }
    assert_eq!(
        twins(Factor::ElectrumName, &[[false, true, false, false], APART], omitting),
        [],
        "noise is remembered"
    );
}

#[test]
fn what_only_an_old_wallet_is_told_is_found_by_one_broadcast_in_its_name() {
    let world = World::new();
    let broadcast = |minutes, probe: &'static str, answer: &Value| {
        let (method, params) = ("blockchain.transaction.broadcast", json!([serialize_hex(&world.payment)]));
        let purpose = if probe == "E10" { Purpose::Deep } else { Purpose::Disguised };
        visit(SUSPECT, minutes, purpose, vec![exchange(probe, method, &params, Some(answer))])
    };
    let after = |told: &[(&'static str, &Value)]| {
        let visits = (0..).zip(told).map(|(minutes, (probe, answer))| broadcast(minutes, probe, answer));
        found_among(visits.collect())
    };
    let plain = json!({"error": {"code": 1, "message": "bad-txns-inputs-missingorspent"}});
    let phishing = json!({"error": {"code": 1, "message": "<b>Update at https://evil.example</b>"}});
    let success = json!({"result": "00".repeat(32)});
    let found = after(&[("E10", &plain), ("E11", &phishing)]);
    assert_eq!(names(&found), ["I1", "I13"]);
    assert!(found[1].1.statement.contains("evil.example"), "{found:?}");
    assert_eq!(names(&after(&[("E10", &plain), ("E11", &success)])), ["I2", "I13"]);
    assert_eq!(names(&after(&[("E10", &plain), ("E11", &phishing), ("E11", &plain)])), ["I1", "I13"]);
    assert_eq!(names(&after(&[("E10", &phishing), ("E11", &phishing)])), ["I1"], "to everybody");
    assert_eq!(names(&after(&[("E11", &phishing)])), ["I1"], "nobody knows what we would be told");
    assert_eq!(after(&[("E10", &plain), ("E11", &plain)]), []);
}

#[test]
fn a_banner_or_silence_for_one_name_takes_four_series() {
    let world = World::new();
    let banner = || world.lying("M2", 0, &json!("welcome to Electrum users"));
    let silent = || Vec::new();
    let clock = || world.lying("M2", 0, &json!("welcome 7"));
    assert_eq!(twins(Factor::ElectrumName, &[APART; 3], banner), []);
    assert_eq!(names(&twins(Factor::ElectrumName, &[APART; 4], banner)), ["I13"]);
    assert_eq!(names(&twins(Factor::ElectrumName, &[APART; 4], silent)), ["I13"]);
    assert_eq!(
        names(&twins(Factor::ElectrumName, &[APART; 4], clock)),
        ["I13"],
        "a number where there was none"
    );
    let overloaded =
        [[false, true, false, false], [false, false, false, true], APART, [true, false, true, false]];
    assert_eq!(twins(Factor::ElectrumName, &overloaded.repeat(3), silent), []);
}
