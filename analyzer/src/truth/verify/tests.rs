//! What a stranger can replay.

use bitcoin::consensus::encode::serialize_hex;
use model::{Exchange, Purpose};
use serde_json::json;

use super::*;
use crate::hand_made::{World, mine, visit};

/// The server that lies.
const SUSPECT: &str = "198.51.100.1";

#[test]
fn a_stranger_can_replay_that_a_quorum_has_another_block() {
    let world = World::new();
    let other = json!(serialize_hex(&mine(&world.headers[0], [9; 32])));
    let honest = |number: u8| visit(&format!("10.0.{number}.1"), 0, Purpose::Deep, world.honest());
    let beside = |count| -> Vec<Visit> {
        let suspect = visit(SUSPECT, 0, Purpose::Deep, world.lying("C2", 1, &other));
        [suspect].into_iter().chain((0..count).map(honest)).collect()
    };
    let digest = |visit: &Visit| {
        let mut asked = visit.exchanges.iter().filter(|exchange| exchange.probe == "C2");
        Digest::of_exchange(asked.nth(1).expect("a block"))
    };
    let block = |visits: &[Visit], place: usize| {
        let proofs = verify(digest(&visits[place]), visits).expect("it is there").proofs;
        proofs.iter().find(|proof| proof.subject == Subject::Block(1)).map(|proof| proof.failure().is_none())
    };
    assert_eq!((block(&beside(5), 0), block(&beside(5), 1)), (Some(false), Some(true)));
    assert_eq!(block(&beside(4), 0), None, "four are too few");
    let verdict = |visits: &[Visit]| verify(digest(&visits[0]), visits).expect("it is there").verdict();
    assert_eq!((verdict(&beside(5)), verdict(&beside(4))), (Verdict::Outvoted, Verdict::Holds));
}

#[test]
fn a_stranger_can_replay_what_an_exchange_rests_on() {
    let world = World::new();
    let honest = visit("10.0.0.1", 0, Purpose::Deep, world.honest());
    let lying = visit(SUSPECT, 0, Purpose::Deep, world.lying("S4", 1, &json!([])));
    let visits = [honest, lying];
    let of = |visit: &Visit, method: &str| {
        let is = |exchange: &&Exchange| {
            String::from_utf8_lossy(exchange.request.bytes()).contains(method)
                && matches!(&*exchange.probe, "S4" | "C10" | "M2")
        };
        Digest::of_exchange(visit.exchanges.iter().find(is).expect("such an exchange"))
    };
    let verdict = |digest| verify(digest, &visits).map(|verification| verification.verdict());
    assert_eq!(verdict(of(&visits[0], "get_merkle")), Some(Verdict::Holds));
    assert_eq!(verdict(of(&visits[0], "listunspent")), Some(Verdict::Holds));
    assert_eq!(verdict(of(&visits[0], "banner")), Some(Verdict::NothingToProve));
    assert_eq!(verdict(of(&visits[1], "get_history")), Some(Verdict::Contradicted));
    assert_eq!(verdict(Digest::of_bytes(b"")), None);
    let replayed = verify(of(&visits[1], "get_history"), &visits).expect("it is there");
    assert_eq!(replayed.visit.endpoint, visits[1].endpoint);
    let subjects: Vec<Subject> = replayed.proofs.iter().map(|proof| proof.subject).collect();
    assert_eq!(subjects, [Subject::Status(world.hash()), Subject::History(world.hash())]);
    let step = replayed.proofs[1].failure().expect("it fails");
    assert!(step.expected.to_string().ends_with("as 1 other hosts"), "{step:?}");
}

#[test]
fn what_does_not_help_is_not_needed() {
    let world = World::new();
    let honest = |number: u8| visit(&format!("10.0.{number}.1"), 0, Purpose::Deep, world.honest());
    let other = json!(serialize_hex(&mine(&world.headers[0], [9; 32])));
    for lie in [world.lying("C2", 1, &other), world.lying("S4", 1, &json!([])), world.honest()] {
        let all: Vec<Visit> =
            [visit(SUSPECT, 0, Purpose::Deep, lie)].into_iter().chain((0..6).map(honest)).collect();
        let mut spared = 0;
        for exchange in &all[0].exchanges {
            let digest = Digest::of_exchange(exchange);
            let help = Help::with(digest, &all[0]);
            let mut few = all.clone();
            few[1..].iter_mut().for_each(|visit| help.cut(visit));
            spared += few.iter().map(|visit| all[0].exchanges.len() - visit.exchanges.len()).sum::<usize>();
            let proofs =
                |visits: &[Visit]| format!("{:?}", verify(digest, visits).expect("it is there").proofs);
            assert_eq!(proofs(&few), proofs(&all));
        }
        assert!(spared > 0);
    }
}
