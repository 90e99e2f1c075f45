//! What is asked when, of servers of every kind.

use std::collections::{BTreeMap, BTreeSet};

use model::Outcome;

use super::*;
use crate::acquaintance::tests::visit;

fn endpoints() -> Vec<Endpoint> {
    ["tcp://a.example:50001", "ssl://a.example:50002"].map(|e| e.parse().expect("an endpoint")).to_vec()
}

fn planned(profile: Profile, known: &Acquaintance, now: Timestamp) -> Vec<(Endpoint, VecDeque<Agenda>)> {
    itineraries(profile, &endpoints(), known, 7, now)
}

#[test]
fn the_deck_holds_every_card_once() {
    let usual = |occasion| matches!(occasion, Occasion::Light | Occasion::Deep | Occasion::Watch);
    let dear = on(|occasion| !usual(occasion));
    let in_catalogue: BTreeSet<&str> = dear.into_iter().map(|probe| probe.id).collect();
    assert_eq!(DECK.iter().copied().collect::<BTreeSet<_>>(), in_catalogue);
    assert_eq!(DECK.len(), in_catalogue.len());
    for id in TO_GREET.iter().chain(TO_FIND).chain(TO_COMPARE).chain(TO_WATCH) {
        assert!(probe(id).is_some_and(|probe| probe.occasion.risk().is_none()), "{id}");
    }
}

#[test]
fn twenty_rounds_ask_the_whole_catalogue_and_what_is_no_json_once_a_week() {
    let mut known = Acquaintance::default();
    let mut asked: BTreeMap<&str, u32> = BTreeMap::new();
    let mut offers = BTreeSet::new();
    let start: Timestamp = "2026-11-25T00:00:00Z".parse().expect("a time");
    for round in 0..20 {
        let now = start + std::time::Duration::from_secs(900 * round);
        let mut plans = planned(Profile::Deep, &known, now);
        let agenda = plans[1].1.pop_front().expect("an agenda");
        // Two cards are affordable in one visit.
        let probes: Vec<_> =
            agenda.probes().into_iter().chain(agenda.cards().iter().copied().take(2)).collect();
        let exchanges: Vec<_> = probes.iter().map(|probe| (probe.id, "1")).collect();
        let mut made = visit(agenda.purpose(), Outcome::Answered, &exchanges);
        made.started_at = now;
        known.take(&made);
        offers.insert(format!("{:?}", agenda.offer()));
        for probe in probes {
            *asked.entry(probe.id).or_default() += 1;
        }
    }
    let of_rounds = catalogue().filter(|probe| probe.occasion != Occasion::Watch);
    let missing: Vec<_> =
        of_rounds.filter(|probe| !asked.contains_key(probe.id)).map(|probe| probe.id).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(asked["E9"], 1);
    assert!(offers.contains("Newest"), "H2 is asked too: {offers:?}");
}

#[test]
fn wallets_use_encrypted_endpoints_and_so_does_what_is_dear() {
    let plans = planned(Profile::Deep, &Acquaintance::default(), Timestamp::UNIX_EPOCH);
    assert!(matches!(plans[0].1.iter().collect::<Vec<_>>()[..], [Agenda::Light { .. }]));
    let purposes: Vec<Purpose> = plans[1].1.iter().map(Agenda::purpose).collect();
    let twin = |arm, place| Purpose::Twin(Twin { factor: Factor::ElectrumName, arm, series: 7, place });
    let [first, second, third] = Hello::ALL.map(|hello| Purpose::TlsStack { hello });
    let expected = [
        Purpose::Deep,
        first,
        second,
        third,
        twin(Arm::A, 0),
        twin(Arm::B, 1),
        twin(Arm::B, 2),
        twin(Arm::A, 3),
    ];
    assert_eq!(purposes, expected);
    let light = planned(Profile::Light, &Acquaintance::default(), Timestamp::UNIX_EPOCH);
    assert!(light.iter().all(|(_, agendas)| agendas.len() == 1));
}

#[test]
fn fragile_servers_are_greeted_simply_and_asked_little() {
    for constitution in [Constitution::Unsure, Constitution::Fragile] {
        let known = Acquaintance { constitution, ..Acquaintance::default() };
        for (_, agendas) in planned(Profile::Deep, &known, Timestamp::UNIX_EPOCH) {
            let mut greetings = agendas.iter().filter(|agenda| !agenda.probes().is_empty());
            assert!(greetings.all(|agenda| agenda.offer() == Offer::Oldest));
            assert!(agendas.iter().skip(1).all(|agenda| matches!(agenda, Agenda::Hello(_))));
            if constitution == Constitution::Fragile {
                assert!(matches!(agendas[0], Agenda::Light { .. }));
            }
        }
    }
}

#[test]
fn every_factor_has_its_turn_and_families_only_where_there_are_two() {
    let factors = |dual_stack| -> BTreeSet<Factor> {
        let known = |deep_visits| Acquaintance { deep_visits, dual_stack, ..Acquaintance::default() };
        (0..10).map(|visits| factor(&known(visits))).collect()
    };
    assert_eq!((factors(false).len(), factors(true).len()), (4, 5));
    let twin = |factor, arm| Agenda::Twin(Twin { factor, arm, series: 1, place: 0 });
    assert_eq!(twin(Factor::SparrowName, Arm::A).borrowed_name(), None);
    assert_eq!(twin(Factor::SparrowName, Arm::B).borrowed_name(), Some("Sparrow"));
    assert_eq!(twin(Factor::ProtocolRange, Arm::B).offer(), Offer::Oldest);
}

/// What a server is asked first in the next deep round.
fn next(known: &Acquaintance) -> Agenda {
    let mut plans = planned(Profile::Deep, known, Timestamp::UNIX_EPOCH);
    plans[1].1.pop_front().expect("an agenda")
}

#[test]
fn the_second_deep_round_asks_as_an_old_wallet_what_the_first_asked_in_our_own_name() {
    for constitution in [Constitution::Robust, Constitution::Unsure] {
        let mut known = Acquaintance { constitution, ..Acquaintance::default() };
        let first = next(&known);
        assert_eq!((first.cards()[0].id, first.borrowed_name()), ("E10", None));
        known.asked(&first.purpose(), &first.asked().into_iter().collect(), Timestamp::UNIX_EPOCH);
        let second = next(&known);
        assert_eq!((second.asked(), second.borrowed_name()), (vec!["H1", "E11"], Some("3.3.2")));
        assert_eq!((second.class(), second.offer()), (Class::Deep, Offer::Oldest));
        // A name that is refused is not tried again before all else.
        known.asked(&second.purpose(), &["H1"].into(), Timestamp::UNIX_EPOCH);
        assert_eq!(next(&known).cards()[0].id, "C3");
    }
}

#[test]
fn what_is_dear_is_asked_where_somebody_answers() {
    let mut known = Acquaintance::default();
    let plans = |known: &Acquaintance| planned(Profile::Deep, known, Timestamp::UNIX_EPOCH);
    assert!(plans(&known)[0].1.len() == 1 && plans(&known)[1].1.len() > 1, "where wallets would be");
    // Whoever lists a port at which nobody is would keep all that from being asked.
    known.answering.insert(endpoints()[0].clone());
    assert!(plans(&known)[0].1.len() > 1 && plans(&known)[1].1.len() == 1);
    known.answering.insert(endpoints()[1].clone());
    assert!(plans(&known)[0].1.len() == 1 && plans(&known)[1].1.len() > 1);
}
