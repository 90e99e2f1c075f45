//! The figures that are known of the mainnet of December 2025, computed again.

mod december;

use analyzer::{
    exposure::{Bucket, Client, Course, Own, Play, SWITCHING, Setting},
    figures::Figure,
};
use december::december;

/// How many wallets a table of two digits was made of nobody knows; with these, chance and rounding alone make 0.02.
const PLAY: Play = Play { wallets: 1_500, seed: 1 };
const TOLERANCE: f64 = 0.03;

fn fleet_learns(switching: f64) -> [f64; 5] {
    let setting = Setting { client: Client::Electrum, tor: false, own: Own::None, switching };
    let course = Course::play(&december(), setting, PLAY);
    let fleet = course.operators.iter().find(|curve| curve.operator == "A").expect("the fleet");
    assert_eq!(fleet.hosts, 99);
    [1, 5, 10, 30, 60].map(|sessions| fleet.learns[sessions - 1])
}

fn close(found: [f64; 5], known: [f64; 5]) -> bool {
    found.iter().zip(known).all(|(found, known)| (found - known).abs() < TOLERANCE)
}

#[test]
fn a_fleet_that_electrum_does_not_carry_learns_nothing_in_the_first_session_and_nearly_all_in_sixty() {
    let found = fleet_learns(0.0);
    assert!(close(found, [0.0, 0.17, 0.39, 0.83, 0.97]), "{found:?}");
    assert!(found[0] == 0.0, "{found:?}");
}

#[test]
fn who_loses_his_server_in_a_session_of_five_meets_the_fleet_sooner() {
    let found = fleet_learns(SWITCHING);
    assert!(close(found, [0.04, 0.32, 0.59, 0.95, 1.0]), "{found:?}");
}

#[test]
fn the_concentration_of_all_adverts_is_the_known_one() {
    let snapshot = december();
    let mut adverts = vec![0.0; snapshot.operators.len()];
    let clear = snapshot.peers.iter().filter(|peer| peer.bucket != Bucket::Onion);
    clear.for_each(|peer| adverts[peer.operator] += 1.0 / 255.0);
    let figure = Figure::of(&adverts);
    assert!((figure.hhi - 1_631.0).abs() < 0.5, "{figure:?}");
    assert!((figure.effective - 6.1).abs() < 0.05 && figure.nakamoto_50 == 3, "{figure:?}");
    let alone = Figure::of(&[1.0 / 255.0; 255]);
    assert!((alone.effective - 255.0).abs() < 1e-6, "{alone:?}");
}
