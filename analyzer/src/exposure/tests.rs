//! Networks so small that it is plain who must learn what.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{electrum::Electrum, *};
use crate::{
    chance::Chance,
    exposure::course::{Met, Player},
};

/// Hosts of these operators and neighbourhoods that answer and name each other, of which Electrum carries the first
/// ones, and BlueWallet the first three.
fn network(hosts: &[(usize, u8)], defaults: usize) -> Snapshot {
    let names: Vec<usize> = (0..hosts.len()).collect();
    let peer = |(operator, second): &(usize, u8)| Peer {
        operator: *operator,
        bucket: Bucket::V4([1, *second]),
        answers: true,
        literal: true,
        names: names.clone(),
    };
    let operators = hosts.iter().map(|(operator, _)| operator + 1).max().unwrap_or_default();
    let fixed: Vec<usize> = (0..hosts.len().min(3)).collect();
    Snapshot {
        peers: hosts.iter().map(peer).collect(),
        operators: (0..operators).map(|operator| format!("o{operator}")).collect(),
        lists: BTreeMap::from([
            (Client::Electrum, (0..defaults).collect()),
            (Client::Sparrow, fixed.clone()),
            (Client::BlueWallet, fixed),
        ]),
        accepted: defaults + snapshot::MORE_PEERS,
        stand_in: false,
    }
}

fn setting(client: Client) -> Setting {
    Setting { client, tor: false, own: Own::None, switching: 0.0 }
}

fn session(wallet: &mut Electrum<'_>) -> Met {
    let mut met = Met::default();
    wallet.session(&mut met);
    met
}

#[test]
fn of_a_neighbourhood_electrum_connects_to_one() {
    let hosts: Vec<(usize, u8)> = (0..40).map(|n| (n, u8::try_from(n / 10).expect("small"))).collect();
    let snapshot = network(&hosts, 40);
    let mut wallet = Electrum::new(&snapshot, setting(Client::Electrum), Chance::new(1, 0));
    for _ in 0..20 {
        let mut seen: Vec<Bucket> =
            session(&mut wallet).seen.iter().map(|host| snapshot.peers[*host].bucket).collect();
        let all = seen.len();
        seen.dedup_by_key(|bucket| format!("{bucket:?}"));
        assert_eq!((all, seen.len()), (4, 4), "four neighbourhoods, one connection each");
    }
}

#[test]
fn onions_are_met_through_tor_alone_and_are_six_at_the_most() {
    let hosts: Vec<(usize, u8)> = (0..20).map(|n| (usize::from(n), n)).collect();
    let mut snapshot = network(&hosts, 20);
    snapshot.peers.iter_mut().for_each(|peer| peer.bucket = Bucket::Onion);
    let met = |tor| {
        let setting = Setting { tor, ..setting(Client::Electrum) };
        session(&mut Electrum::new(&snapshot, setting, Chance::new(1, 0))).seen.len()
    };
    assert_eq!((met(false), met(true)), (0, 6));
}

#[test]
fn whom_electrum_does_not_carry_it_asks_only_where_its_server_is_dead() {
    // Of the ten that it carries two are neighbours: there is room for one more.
    let hosts: Vec<(usize, u8)> =
        (0..30).map(|n| (usize::from(n >= 10), if n == 9 { 8 } else { n })).collect();
    let play = Play { wallets: 300, seed: 7 };
    let mut snapshot = network(&hosts, 10);
    let alive = Course::play(&snapshot, setting(Client::Electrum), play);
    let stranger = |course: &Course| course.operators.iter().find(|curve| curve.operator == "o1").cloned();
    let met = stranger(&alive).expect("connected to");
    assert!(met.learns.iter().all(|chance| *chance == 0.0) && met.sees[0] > 0.9, "{met:?}");
    snapshot.peers[..5].iter_mut().for_each(|peer| peer.answers = false);
    let half_dead =
        stranger(&Course::play(&snapshot, setting(Client::Electrum), play)).expect("connected to");
    assert!(half_dead.learns[0] == 0.0, "nobody has named it before there is a server");
    assert!(half_dead.learns[SESSIONS - 1] > 0.9, "{half_dead:?}");
}

#[test]
fn the_chance_of_a_server_is_that_of_the_list_and_that_of_the_others_deaths() {
    let mut snapshot = network(&[(0, 0), (1, 1), (2, 2), (3, 3)], 4);
    snapshot.peers[3].answers = false;
    // Of four one is dead: 1/4 each, and the fourth by who is connected: 2, 1, 1 of 4.
    let found = selection(&snapshot, &[2, 1, 1, 0]);
    let expected = [0.25 + 0.125, 0.25 + 0.0625, 0.25 + 0.0625, 0.0];
    assert!(
        found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-12),
        "{found:?}"
    );
}

#[test]
fn sparrow_keeps_its_server_and_bluewallet_begins_with_the_same() {
    let mut snapshot = network(&[(0, 0), (1, 1), (2, 2)], 3);
    let play = Play { wallets: 400, seed: 3 };
    let sparrow = Course::play(&snapshot, setting(Client::Sparrow), play);
    assert!(
        sparrow.distinct.iter().all(|operators| (operators - 1.0).abs() < 1e-12),
        "{:?}",
        sparrow.distinct
    );
    assert!(sparrow.operators.iter().all(|curve| (curve.learns[59] - 1.0 / 3.0).abs() < 0.1));
    let blue = Course::play(&snapshot, setting(Client::BlueWallet), play);
    assert_eq!((&*blue.operators[0].operator, blue.operators[0].learns[0]), ("o0", 1.0));
    let losing = Course::play(&snapshot, Setting { switching: 1.0, ..setting(Client::BlueWallet) }, play);
    assert_eq!(
        losing.distinct,
        vec![2.0; SESSIONS],
        "it goes on with the next, and begins again with the first"
    );
    snapshot.peers[0].answers = false;
    let dead = Course::play(&snapshot, setting(Client::BlueWallet), play);
    assert_eq!(dead.operators[0].operator, "o1");
}

#[test]
fn a_server_of_ones_own_is_asked_and_the_others_only_see() {
    let hosts: Vec<(usize, u8)> = (0..20).map(|n| (usize::from(n), n)).collect();
    let snapshot = network(&hosts, 20);
    let play = Play { wallets: 50, seed: 3 };
    let own = |own| Course::play(&snapshot, Setting { own, ..setting(Client::Electrum) }, play);
    let (main, only) = (own(Own::Main), own(Own::Only));
    assert_eq!((main.distinct[59], main.present[0]), (0.0, 9.0));
    assert_eq!((only.distinct[59], only.present[59]), (0.0, 0.0));
}

#[test]
fn one_seed_gives_one_course_and_advice_names_its_number() {
    let snapshot = network(&[(0, 0), (1, 1), (2, 2), (2, 3)], 3);
    let pads = [true, false, false, false];
    let of = |seed| Exposure::of(&snapshot, &pads, Play { wallets: 64, seed }).0;
    let exposure = of(5);
    assert_eq!(exposure, of(5));
    assert_ne!(exposure.courses, of(6).courses);
    let third = 1.0 / 3.0;
    assert!((exposure.padding.padding_share - third).abs() < 1e-12, "{:?}", exposure.padding);
    assert!((exposure.eclipse - 23.0 / 26.0).abs() < 1e-12);
    let advice: Vec<Advice> = exposure.recommendations.iter().map(|one| one.id).collect();
    assert_eq!(advice.len(), 7, "{advice:?}");
    let own = exposure.recommendations.iter().find(|one| one.id == Advice::OwnServer).expect("advice");
    assert!(own.text.contains(&format!("{:.1} operators", own.number)), "{own:?}");
    let none = Exposure::of(&snapshot, &pads, Play { wallets: 0, seed: 1 }).0;
    assert!(none.courses.is_empty());
    let mut dead = snapshot;
    dead.peers.iter_mut().for_each(|peer| peer.answers = false);
    let advice = Exposure::of(&dead, &pads, Play { wallets: 8, seed: 1 }).0.recommendations;
    assert!(advice.iter().all(|one| one.number >= 0.0), "{advice:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn what_is_known_only_grows(
        hosts in proptest::collection::vec((0..6_usize, 0..9_u8, any::<bool>()), 1..30),
        switching in 0.0..1.0_f64,
        tor in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let placed: Vec<(usize, u8)> = hosts.iter().map(|(operator, place, _)| (*operator, *place)).collect();
        let mut snapshot = network(&placed, hosts.len().div_ceil(2));
        for (peer, (_, _, answers)) in snapshot.peers.iter_mut().zip(&hosts) {
            peer.answers = *answers;
        }
        for client in [Client::Electrum, Client::Sparrow, Client::BlueWallet] {
            let setting = Setting { client, tor, own: Own::None, switching };
            let course = Course::play(&snapshot, setting, Play { wallets: 8, seed });
            let grows = |values: &[f64]| values.windows(2).all(|pair| pair[0] <= pair[1]);
            prop_assert!(grows(&course.distinct) && grows(&course.present));
            for curve in &course.operators {
                prop_assert!(grows(&curve.learns) && grows(&curve.sees));
                prop_assert!(curve.learns.iter().zip(&curve.sees).all(|(learns, sees)| learns <= sees));
                prop_assert!(curve.sees[SESSIONS - 1] <= 1.0);
            }
            let known = course.operators.iter().map(|curve| curve.learns[SESSIONS - 1]).sum::<f64>();
            prop_assert!((known - course.distinct[SESSIONS - 1]).abs() < 1e-9, "six operators are all published");
        }
    }
}
