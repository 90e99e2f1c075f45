//! Events of several servers that may have happened at one moment, and how much that says.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use rayon::prelude::*;

use super::profile::Event;
use crate::mark::Mark;

/// How well a moment must be known, and how far apart two may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sharpness {
    /// The longest time between the visits before and after.
    pub(super) window: SignedDuration,
    /// How far apart two moments are one.
    pub(super) slack: SignedDuration,
}

impl Sharpness {
    /// Whether two events, the earlier first, may have been one moment: their windows overlap, or are both so narrow
    /// that they happened within the slack.
    fn meet(self, one: &Event, other: &Event) -> bool {
        let apart = other.after.duration_since(one.by);
        let width = |event: &Event| event.by.duration_since(event.after);
        apart < SignedDuration::ZERO || apart + width(one).max(width(other)) <= self.slack
    }
}

/// An event that more servers share is the network's, or ours.
const WIDESPREAD: usize = 256;

/// Two events that may have happened at one moment, to two servers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Coincidence {
    /// The servers, the smaller number first.
    pub(super) pair: (usize, usize),
    /// −log₁₀ of the share of servers to which the like happened at that time.
    pub(super) weight: f64,
}

/// Coincidences in the order of the pairs: between many servers there are millions, of which most are by chance. Two
/// servers that `together` explains are passed over.
pub(super) fn coincidences(
    events: &[&[Event]],
    sharpness: Sharpness,
    together: impl Fn(usize, usize) -> bool,
) -> Vec<Coincidence> {
    let mut by_kind: BTreeMap<Mark, Vec<(&Event, usize)>> = BTreeMap::new();
    for (server, events) in events.iter().enumerate() {
        for event in events.iter().filter(|event| event.by.duration_since(event.after) <= sharpness.window) {
            by_kind.entry(event.what).or_default().push((event, server));
        }
    }
    let mut found = Vec::new();
    for mut alike in by_kind.into_values() {
        alike.sort_unstable_by_key(|(event, server)| (event.after, event.by, *server));
        for (place, (event, server)) in alike.iter().enumerate() {
            let reach =
                |(other, _): &&(&Event, usize)| other.after.duration_since(event.by) <= sharpness.slack;
            let later =
                alike[place + 1..].iter().take_while(reach).filter(|(other, _)| sharpness.meet(event, other));
            let later: Vec<_> = later.take(WIDESPREAD + 1).collect();
            // Those before count as well, though their pairs were made already.
            let earlier = alike[..place].iter().rev().take(WIDESPREAD + 1);
            let all = 1 + later.len() + earlier.filter(|(other, _)| sharpness.meet(other, event)).count();
            if all > WIDESPREAD {
                continue;
            }
            let weight = share(all, events.len());
            for (_, other) in later.into_iter().filter(|(_, other)| other != server) {
                let pair = (*server.min(other), *server.max(other));
                if weight > 0.0 && !together(pair.0, pair.1) {
                    found.push(Coincidence { pair, weight });
                }
            }
        }
    }
    found.par_sort_unstable_by(|one, other| {
        one.pair.cmp(&other.pair).then_with(|| one.weight.total_cmp(&other.weight))
    });
    found
}

/// What is between each two servers.
pub(super) fn by_pair(
    coincidences: &[Coincidence],
) -> impl Iterator<Item = ((usize, usize), &[Coincidence])> {
    coincidences.chunk_by(|one, other| one.pair == other.pair).map(|between| (between[0].pair, between))
}

/// −log₁₀ of a share.
#[expect(clippy::cast_precision_loss, reason = "servers are some hundred thousand at the most")]
pub(super) fn share(some: usize, all: usize) -> f64 {
    (all.max(1) as f64 / some.max(1) as f64).log10().max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    fn event(after: i64, by: i64) -> Event {
        Event { what: Mark::of(b"outage"), after: at(after), by: at(by) }
    }

    const SHARP: Sharpness =
        Sharpness { window: SignedDuration::from_secs(900), slack: SignedDuration::from_secs(0) };

    #[test]
    fn what_happens_to_two_at_once_counts_and_what_happens_to_all_does_not() {
        let (one, later, vague) = ([event(0, 60)], [event(5_000, 5_060)], [event(0, 4_000)]);
        let near = [event(30, 90)];
        let mut events: Vec<&[Event]> = vec![&one, &near, &later, &vague];
        events.resize(40, &[]);
        let found = coincidences(&events, SHARP, |_, _| false);
        assert_eq!(found, [Coincidence { pair: (0, 1), weight: share(2, 40) }]);
        assert!(coincidences(&events, SHARP, |_, _| true).is_empty());
        let everybody: Vec<&[Event]> = vec![&one; 40];
        assert!(coincidences(&everybody, SHARP, |_, _| false).is_empty());
    }

    #[test]
    fn what_happens_to_two_several_times_is_found_together() {
        let thrice = [event(0, 60), event(9_000, 9_060), event(20_000, 20_060)];
        let once = [event(9_030, 9_090)];
        let mut events: Vec<&[Event]> = vec![&thrice, &once, &thrice];
        events.resize(40, &[]);
        let found = coincidences(&events, SHARP, |_, _| false);
        let counts: Vec<_> = by_pair(&found).map(|(pair, between)| (pair, between.len())).collect();
        assert_eq!(counts, [((0, 1), 1), ((0, 2), 3), ((1, 2), 1)]);
    }
}
