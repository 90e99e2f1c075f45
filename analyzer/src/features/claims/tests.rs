//! What is remembered of a host: enough to be compared, once, and never more than we asked for.

use model::{
    Exchange, Purpose, Visit,
    purpose::{Arm, Factor, Twin},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    hand_made::{HEIGHT, TIP, VALUE, World, hearing, told, visit},
    proof::Subject,
    testing::fold,
};

fn claims(visits: &[Visit]) -> Claims {
    let mut claims = Claims::default();
    fold(visits, |visited, reading| {
        let note = Note::of(reading);
        let written = postcard::to_allocvec(&note).expect("writes");
        assert_eq!(postcard::from_bytes(&written).as_ref(), Ok(&note));
        claims.take(&visited.endpoint, visited.started_at, &note);
    });
    claims
}

fn deep(minutes: i64, exchanges: Vec<Exchange>) -> Visit {
    visit("192.0.2.1", minutes, Purpose::Deep, exchanges)
}

fn lasting(visits: &[Visit]) -> Vec<Subject> {
    claims(visits).contradictions.lasting().map(|(subject, _)| subject).collect()
}

#[test]
fn what_is_equal_is_kept_once_with_its_first_and_latest_exchange() {
    let world = World::new();
    let visits: Vec<Visit> = (0..30).map(|minute| deep(minute, world.honest())).collect();
    let claims = claims(&visits);
    let hashes = &claims.headers[&0];
    let said = hashes.latest().expect("a header");
    assert_eq!((said.what, said.times), (world.headers[0].block_hash(), 30));
    assert_eq!((said.evidence().count(), hashes.newest_first().count()), (2, 1));
    assert_eq!(claims.headers.keys().collect::<Vec<_>>(), [&0, &1, &HEIGHT]);
    assert_eq!(claims.tips.told().map(|(_, height, _)| height).collect::<Vec<_>>(), [TIP; 3]);
    let history = claims.scripts[&world.hash()].latest().expect("a history");
    assert_eq!((&*history.what.lines, history.times), (&[(world.payment.compute_txid(), HEIGHT)][..], 30));
    let output = OutPoint::new(world.payment.compute_txid(), 0);
    assert_eq!(claims.outputs[&output].latest().map(|said| said.what), Some(VALUE));
    assert_eq!(*claims.transactions[&output.txid].values, [VALUE]);
}

#[test]
fn a_race_is_forgotten_and_what_lasts_is_not() {
    let world = World::new();
    let status = Subject::Status(world.hash());
    let lie = || world.lying("S4", 0, &Value::Null);
    let visits = |told: &[bool]| -> Vec<Visit> {
        (0..)
            .zip(told)
            .map(|(minute, honest)| deep(minute, if *honest { world.honest() } else { lie() }))
            .collect()
    };
    for race in [&[false][..], &[false, false, true, false, false], &[true, false, true, false]] {
        assert_eq!(lasting(&visits(race)), [], "{race:?}");
    }
    assert_eq!(lasting(&visits(&[true, false, false, false])), [status]);
    assert_eq!(lasting(&visits(&[false, false, false, true, true])), [status]);
    // No race gives the first block another hash.
    let genesis = deep(0, world.lying("M1", 0, &json!({"genesis_hash": "00".repeat(32)})));
    assert_eq!(lasting(&[genesis, deep(1, world.honest())]), [Subject::Genesis]);
    // A visit in which nothing came clears nothing.
    let mut broken = visits(&[false, false, true, false]);
    broken[2].exchanges.clear();
    assert_eq!(lasting(&broken), [status]);
}

#[test]
fn a_script_that_nobody_ever_used_must_be_told_of_twice() {
    let world = World::new();
    let name = ScriptHash::of(&world.control);
    let line = json!({"method": "blockchain.scripthash.subscribe", "params": [name, "00".repeat(32)]});
    let told = |minute| hearing(deep(minute, world.honest()), &line);
    assert_eq!(lasting(&[told(0)]), []);
    assert_eq!(lasting(&[told(0), deep(1, world.honest())]), []);
    assert_eq!(lasting(&[told(0), told(1)]), [Subject::Control]);
}

#[test]
fn what_is_told_to_others_is_not_what_we_are_told() {
    let world = World::new();
    let twin = |arm| {
        let twin = Twin { factor: Factor::ElectrumName, arm, series: 1, place: 0 };
        visit("192.0.2.1", 0, Purpose::Twin(twin), world.honest())
    };
    assert_eq!(claims(&[twin(Arm::A)]).scripts.len(), 1, "the one that nobody ever used is told apart");
    let other = claims(&[twin(Arm::B)]);
    assert!(other.scripts.is_empty() && other.headers.is_empty() && other.tips.told().next().is_none());
    // What contradicts itself does so whoever asks.
    assert_eq!(other.outputs.len(), 1);
}

#[test]
fn only_what_is_buried_below_the_servers_own_tip_is_kept() {
    let world = World::new();
    let young = json!({"height": 9, "hex": bitcoin::consensus::encode::serialize_hex(&world.headers[9])});
    let claims = claims(&[deep(0, world.lying("C1", 0, &young))]);
    assert_eq!(claims.headers.keys().collect::<Vec<_>>(), [&0, &1]);
    let history = claims.scripts[&world.hash()].latest().expect("a history");
    assert!(history.what.lines.is_empty() && history.what.floor == 3);
}

#[test]
fn whoever_sends_much_is_not_remembered_for_it() {
    let world = World::new();
    let item =
        |number: u32| json!({"tx_hash": format!("{number:064x}"), "tx_pos": 0, "height": 3, "value": 1});
    let many = |from: u32| Value::from((from..from + 400).map(item).collect::<Vec<_>>());
    let visits: Vec<Visit> =
        (0..3).map(|round| deep(round.into(), world.lying("S4", 3, &many(400 * round)))).collect();
    assert_eq!(claims(&visits).outputs.len(), MOST);
    // Every time another history: the latest few are kept.
    let another = |number: u32| world.lying("S4", 1, &json!([item(number)]));
    let visits: Vec<Visit> = (0..50).map(|number| deep(number.into(), another(number))).collect();
    assert_eq!(claims(&visits).scripts[&world.hash()].newest_first().count(), 4);
    let tip = |height: u32| json!({"height": height, "hex": bitcoin::consensus::encode::serialize_hex(&world.headers[9])});
    let visits: Vec<Visit> =
        (0..50).map(|number| deep(number.into(), world.lying("C1", 0, &tip(number)))).collect();
    assert_eq!(claims(&visits).tips.told().count(), 4);
}

#[test]
fn fee_estimates_are_taken_ten_minutes_or_six_blocks_apart() {
    let fees = |minutes, bitcoins: f64| {
        let ask = |target: u32| told("F1", "blockchain.estimatefee", &json!([target]), &json!(bitcoins));
        deep(minutes, [2, 5, 25, 7].map(ask).to_vec())
    };
    let claims =
        claims(&[fees(0, 0.000_1), fees(9, 0.000_2), fees(10, 0.000_3), fees(30, -1.0), fees(40, 1e300)]);
    let samples: Vec<_> =
        claims.fees.samples().map(|(_, told)| told.map(|estimate| estimate.map(|(fee, _)| fee))).collect();
    let sample = |fee| [Some(fee), Some(fee), Some(fee), None];
    assert_eq!(samples, [sample(10_000), sample(30_000)]);
    let header = bitcoin::consensus::encode::serialize_hex(&World::new().headers[9]);
    let at_height = |minutes, height: u32| {
        let best = json!({"height": height, "hex": header});
        let best = told("C1", "blockchain.headers.subscribe", &json!([]), &best);
        let estimate = told("F1", "blockchain.estimatefee", &json!([2]), &json!(0.000_1));
        deep(minutes, vec![best, estimate])
    };
    let samples = |last| self::claims(&[at_height(0, 100), at_height(1, last)]).fees.samples().count();
    assert_eq!([105, 106].map(samples), [1, 2]);
}

proptest! {
    #[test]
    fn any_bytes_are_taken_in(bytes in proptest::collection::vec(any::<u8>(), 0..200), at: prop::sample::Index) {
        let mut exchanges = World::new().honest();
        let at = at.index(exchanges.len());
        let reply = exchanges[at].answer.as_mut().expect("an answer");
        reply.response = model::Recorded::new(&bytes, model::Recorded::LIMIT);
        let claims = claims(&[deep(0, exchanges)]);
        prop_assert!(claims.headers.len() <= 3 && claims.scripts.len() <= 1 && claims.transactions.len() <= 1);
    }
}
