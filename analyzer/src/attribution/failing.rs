//! How often a server fails, and whether that explains that it fails together with another.

use jiff::SignedDuration;

use super::profile::{Event, Profile};
use crate::server::Server;

/// How probable it may be that chance alone brings about one false companion among all pairs that are compared.
const FALSE: f64 = 0.05;
/// Terms of a sum of which the rest is nothing.
const TERMS: usize = 64;

/// How often a server fails.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failing {
    outages: usize,
    /// The time in which they began, in seconds.
    watched: f64,
    /// How well their beginnings are known on average, in seconds.
    window: f64,
}

impl Failing {
    pub(super) fn of(server: &Server<'_>, profile: &Profile) -> Self {
        let width = |event: &Event| event.by.duration_since(event.after);
        let outages: Vec<&Event> =
            profile.outages.iter().filter(|event| width(event) <= super::OUTAGES.window).collect();
        let last = server.dossiers().filter_map(|dossier| dossier.latest).max();
        let windows: SignedDuration = outages.iter().map(|event| width(event)).sum();
        let watched =
            profile.since.zip(last).map_or(0.0, |(since, last)| last.duration_since(since).as_secs_f64());
        Self {
            outages: outages.len(),
            watched: watched.max(1.0),
            window: windows.as_secs_f64() / outages.len().max(1) as f64,
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.outages > 0
    }

    /// Whether among the pairs of so many servers one is expected to fail together so often, each by itself.
    pub(super) fn meets_by_chance(&self, other: &Self, times: usize, servers: usize) -> bool {
        let together = self.window + other.window + super::OUTAGES.slack.as_secs_f64();
        let expected =
            self.outages as f64 * other.outages as f64 * together / self.watched.max(other.watched);
        let pairs = servers as f64 * (servers.max(2) - 1) as f64 / 2.0;
        at_least(times, expected) * pairs > FALSE
    }
}

/// The probability that of events that come by chance, so many being expected, at least so many come (Poisson).
fn at_least(times: usize, expected: f64) -> f64 {
    let mut term = (-expected).exp();
    let mut sum = 0.0;
    for number in 0..times + TERMS {
        if number >= times {
            sum += term;
        }
        term *= expected / (number + 1) as f64;
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_as_in_tables() {
        for (times, expected, probability) in
            [(1, 1.0, 0.632), (3, 0.36, 0.006), (5, 2.0, 0.0527), (0, 9.0, 1.0)]
        {
            assert!((at_least(times, expected) - probability).abs() < 0.001, "{times} of {expected}");
        }
    }

    #[test]
    fn who_fails_often_meets_others_by_chance() {
        let day = 86_400.0;
        let often = Failing { outages: 16, watched: 10.0 * day, window: 600.0 };
        let seldom = Failing { outages: 3, watched: 30.0 * day, window: 600.0 };
        assert!(often.meets_by_chance(&often, 3, 100) && !often.meets_by_chance(&often, 8, 100));
        assert!(!seldom.meets_by_chance(&seldom, 3, 100));
    }
}
