//! How far away servers are: round trips from central Europe, in time. To that of its country a server adds its last mile,
//! and each answer what queues it meets.

use std::time::Duration;

use super::country::country;
use crate::chance::Chance;

/// Where no figure is known.
const ELSEWHERE: u64 = 150;
/// The longest last mile, in milliseconds.
const LAST_MILE: f64 = 15.0;
/// What queues add in the mean, as a share of the way.
const QUEUES: f64 = 0.04;

/// The way to one server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Distance {
    seed: u64,
    /// In milliseconds.
    shortest: f64,
}

impl Distance {
    /// The way to the server of this name in a country (ISO 3166).
    pub(super) fn new(seed: u64, name: &str, code: &str) -> Self {
        let base = country(code).map_or(ELSEWHERE, |country| country.millis) as f64;
        let mut chance = Chance::new(seed, &format!("distance {name}"), &[]);
        Self { shortest: base + LAST_MILE * chance.unit(), seed: chance.word() }
    }

    /// How long it is there and back this time. One draw, one time.
    pub(super) fn round_trip(self, draw: u64) -> Duration {
        // Queues are empty mostly and long seldom.
        let queues = -(1.0 - Chance::new(self.seed, "queues", &[draw]).unit()).ln() * QUEUES;
        Duration::from_secs_f64(self.shortest * (1.0 + queues) / 1_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_is_farther_than_near_and_no_two_answers_take_the_same() {
        let [near, far, unknown] = ["DE", "SG", "ZZ"].map(|country| Distance::new(1, "a", country));
        let millis = |distance: Distance, draw| distance.round_trip(draw).as_secs_f64() * 1_000.0;
        for draw in 0..1_000 {
            assert!((8.0..40.0).contains(&millis(near, draw)) && millis(far, draw) >= 170.0);
            assert!(millis(unknown, draw) >= 150.0 && millis(far, draw) < 400.0);
        }
        assert_eq!(near.round_trip(5), near.round_trip(5));
        assert_ne!(near.round_trip(5), near.round_trip(6));
    }
}
