//! What a stranger can replay.

use bitcoin::{consensus::encode::serialize_hex, hashes::Hash as _};
use model::{Exchange, Purpose};
use serde_json::json;

use super::*;
use crate::hand_made::{HEIGHT, World, mine, told, visit};

/// The server that lies.
const SUSPECT: &str = "198.51.100.1";

/// What becomes of the n-th exchange of a visit that a method of this name was called in, beside all visits.
fn replayed<'v>(visits: &'v [Visit], place: usize, method: &str, nth: usize) -> Verification<'v> {
    let is = |exchange: &&Exchange| {
        let asks = String::from_utf8_lossy(exchange.request.bytes()).contains(method);
        asks && !matches!(&*exchange.probe, "S1")
    };
    let holder = &visits[place];
    let asked = holder.exchanges.iter().filter(is).nth(nth).expect("such an exchange");
    let digest = Digest::of_exchange(asked);
    assert_eq!(said(holder, |said| *said == digest), Some(digest));
    let mut others = Others::about(digest, holder);
    // In no order.
    visits.iter().rev().for_each(|visit| others.hear(visit));
    verify(digest, holder, &others)
}

fn deep(host: &str, exchanges: Vec<Exchange>) -> Visit {
    visit(host, 0, Purpose::Deep, exchanges)
}

/// Hosts of as many neighbourhoods, of which everybody tells this.
fn hosts(count: u8, exchanges: impl Fn() -> Vec<Exchange>) -> Vec<Visit> {
    (0..count).map(|number| deep(&format!("10.0.{number}.1"), exchanges())).collect()
}

#[test]
fn a_stranger_can_replay_that_a_quorum_has_another_block() {
    let world = World::new();
    let other = json!(serialize_hex(&mine(&world.headers[0], [9; 32])));
    let suspect = || deep(SUSPECT, world.lying("C2", 1, &other));
    let beside = |others: Vec<Visit>| -> Vec<Visit> { [suspect()].into_iter().chain(others).collect() };
    let block = |visits: &[Visit], place: usize| {
        let proofs = replayed(visits, place, "block.header\"", 1).proofs;
        proofs.iter().find(|proof| proof.subject == Subject::Block(1)).map(|proof| proof.failure().is_none())
    };
    let verdict = |visits: &[Visit]| replayed(visits, 0, "block.header\"", 1).verdict();
    let honest = |count| beside(hosts(count, || world.honest()));
    assert_eq!((block(&honest(5), 0), block(&honest(5), 1)), (Some(false), Some(true)));
    assert_eq!(block(&honest(4), 0), None, "four are too few");
    assert_eq!((verdict(&honest(5)), verdict(&honest(4))), (Verdict::Outvoted, Verdict::Holds));

    // Who has no say when servers are judged has none here.
    let one_provider = (0..9).map(|number| deep(&format!("[2001:db8:{number}::1]"), world.honest()));
    assert_eq!(block(&beside(one_provider.collect()), 0), None, "networks of one provider are one voice");
    let mut elsewhere = honest(9);
    elsewhere[1..].iter_mut().for_each(|visit| visit.network = Network::Testnet4);
    assert_eq!(block(&elsewhere, 0), None, "another network has other blocks");
    let low = json!({"height": 6, "hex": serialize_hex(&world.headers[6])});
    let catching_up = hosts(9, || world.lying("C1", 0, &low));
    assert_eq!(block(&beside(catching_up), 0), None, "what is not buried may be replaced");
    let genesis = json!({"genesis_hash": "00".repeat(32)});
    let strays = hosts(9, || world.lying("M1", 0, &genesis));
    assert_eq!(block(&beside(strays), 0), None, "another chain has other blocks");
}

#[test]
fn a_stranger_can_replay_what_an_exchange_rests_on() {
    let world = World::new();
    let mut visits = vec![deep(SUSPECT, world.lying("S4", 1, &json!([])))];
    visits.extend(hosts(5, || world.honest()));
    let verdict = |place, method| replayed(&visits, place, method, 0).verdict();
    assert_eq!(verdict(1, "get_merkle"), Verdict::Holds);
    assert_eq!(verdict(1, "listunspent"), Verdict::Holds);
    assert_eq!(verdict(1, "get_history"), Verdict::Holds);
    assert_eq!(verdict(1, "banner"), Verdict::NothingToProve);
    assert_eq!(verdict(0, "get_history"), Verdict::Contradicted);
    assert_eq!(said(&visits[0], |said| *said == Digest::of_bytes(b"")), None);
    let subjects = |visits| {
        let Verification { visit, proofs } = replayed(visits, 0, "get_history", 0);
        assert_eq!(visit.endpoint, visits[0].endpoint);
        proofs.iter().map(|proof| proof.subject).collect::<Vec<_>>()
    };
    assert_eq!(subjects(&visits), [Subject::Status(world.hash()), Subject::History(world.hash())]);
    assert_eq!(subjects(&visits[..5]), [Subject::Status(world.hash())], "four are no quorum");
}

#[test]
fn what_is_left_out_of_a_long_history_is_named() {
    let world = World::new();
    let history_at = |height: u32, count: u8| {
        let lines = (1..=count)
            .map(|number| json!({"tx_hash": Txid::from_byte_array([number; 32]), "height": height}));
        let mut exchanges = world.honest();
        exchanges.retain(|exchange| exchange.probe != "S4");
        let lines: Vec<_> = lines.collect();
        exchanges.push(told(
            "S4",
            "blockchain.scripthash.get_history",
            &json!([world.hash()]),
            &json!(lines),
        ));
        exchanges
    };
    let steps_at = |height, count| {
        let others = hosts(5, || history_at(HEIGHT, 99));
        let visits: Vec<Visit> =
            [deep(SUSPECT, history_at(height, count))].into_iter().chain(others).collect();
        let verification = replayed(&visits, 0, "get_history", 0);
        let shown = |step: &Step| (step.holds, step.expected.to_string(), step.found.to_string());
        (verification.verdict(), verification.proofs[0].steps.iter().map(shown).collect::<Vec<_>>())
    };
    let steps = |count| steps_at(HEIGHT, count);
    let all = |holds, listed: &str| (holds, "99 transactions".to_owned(), format!("{listed} of them"));
    assert_eq!(steps(99), (Verdict::Holds, vec![all(true, "99")]));
    assert_eq!(steps_at(HEIGHT - 1, 99), steps(99), "at another height is not left out");
    let named = format!("{} at height {HEIGHT}, as in 5 neighbourhoods", Txid::from_byte_array([99; 32]));
    let without_the_last = vec![all(false, "98"), (false, named, "not listed".to_owned())];
    assert_eq!(steps(98), (Verdict::Outvoted, without_the_last));
    assert_eq!(steps(9).1.len(), 1 + MOST, "of many some are named");
}

#[test]
fn of_visits_that_say_nothing_of_it_nothing_is_kept() {
    let world = World::new();
    let holder = deep(SUSPECT, world.honest());
    for exchange in &holder.exchanges {
        let mut others = Others::about(Digest::of_exchange(exchange), &holder);
        let mut strangers = world.honest();
        strangers.retain(|exchange| matches!(&*exchange.probe, "H1" | "M1" | "C1"));
        others.hear(&deep("10.0.0.1", strangers));
        assert!(others.heard.is_empty());
        others.hear(&holder);
        assert_eq!(others.heard.len(), usize::from(others.matter()), "{}", exchange.probe);
    }
}
