//! How many say the same. Servers of one neighbourhood have one voice, and who has no address has none.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use electrum::Subnet;
use rayon::prelude::*;

/// Fewest voices that contradict somebody.
pub(super) const QUORUM: usize = 5;

/// Voices for several answers to one question.
#[derive(Debug)]
pub(super) struct Voices<T>(BTreeMap<T, BTreeSet<Subnet>>);

impl<T> Default for Voices<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Ord> Voices<T> {
    pub(super) fn hear(&mut self, answer: T, voice: Subnet) {
        self.0.entry(answer).or_default().insert(voice);
    }

    /// The answer that a quorum gives, and more voices than all others together; and how many they are.
    pub(super) fn agreed(&self) -> Option<(&T, usize)> {
        let all: usize = self.0.values().map(BTreeSet::len).sum();
        let most =
            self.0.iter().map(|(answer, voices)| (answer, voices.len())).max_by_key(|(_, count)| *count);
        most.filter(|(_, count)| *count >= QUORUM && 2 * count > all)
    }
}

/// The value in the middle of what at least a quorum says, one for each voice.
fn median(mut values: Vec<u64>) -> Option<u64> {
    if values.len() < QUORUM {
        return None;
    }
    // Of an even number the lower one.
    let middle = (values.len() - 1) / 2;
    Some(*values.select_nth_unstable(middle).1)
}

/// How long before a moment what was said counts for it, in seconds.
const BEFORE: i64 = 1_800;
/// And how long after it: whoever is visited first in a round can be judged by those who follow. In five minutes the chain
/// of bitcoins seldom grows by more than is tolerated; those of test networks do.
const AFTER: i64 = 300;
/// Moments are minutes.
const MINUTE: i64 = 60;

/// What is usual at a time, minute by minute.
pub(super) struct Window(BTreeMap<i64, Option<u64>>);

impl Window {
    /// About a time, of values with the second in which they were told, and who told them.
    pub(super) fn around(said: Vec<(i64, Subnet, u64)>) -> Self {
        Self::new(said, AFTER)
    }

    /// By a time, of the same.
    pub(super) fn until(said: Vec<(i64, Subnet, u64)>) -> Self {
        Self::new(said, 0)
    }

    fn new(mut said: Vec<(i64, Subnet, u64)>, after: i64) -> Self {
        said.sort_unstable();
        let minutes: BTreeSet<i64> = said.iter().map(|(at, ..)| at.div_euclid(MINUTE)).collect();
        let voices: BTreeSet<Subnet> = said.iter().map(|(_, voice, _)| *voice).collect();
        let numbers: HashMap<Subnet, usize> = voices.into_iter().zip(0..).collect();
        let said: Vec<(i64, usize, u64)> =
            said.into_iter().map(|(at, voice, value)| (at, numbers[&voice], value)).collect();
        // For each voice the minute for which it was heard last: moments overlap, and are many.
        let usual = |heard: &mut Vec<Option<i64>>, minute: i64| {
            let from = said.partition_point(|(at, ..)| *at < minute * MINUTE - BEFORE);
            let to = said.partition_point(|(at, ..)| *at < (minute + 1) * MINUTE + after);
            // Of each voice the latest.
            let latest = said[from..to].iter().rev();
            let latest = latest.filter(|(_, voice, _)| heard[*voice].replace(minute) != Some(minute));
            (minute, median(latest.map(|(.., value)| *value).collect()))
        };
        let minutes = minutes.into_par_iter().map_init(|| vec![None; numbers.len()], usual);
        Self(minutes.collect::<Vec<_>>().into_iter().collect())
    }

    /// The value in the middle of what a quorum told about then.
    pub(super) fn median(&self, at: i64) -> Option<u64> {
        *self.0.get(&at.div_euclid(MINUTE))?
    }

    /// From when on, after a time, the value in the middle was above one.
    pub(super) fn above(&self, value: u64, after: i64) -> Option<i64> {
        let mut minutes = self.0.range(after.div_euclid(MINUTE) + 1..);
        minutes
            .find(|(_, median)| median.is_some_and(|median| median > value))
            .map(|(minute, _)| minute * MINUTE)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn voice(number: u8) -> Subnet {
        Subnet::V4([10, 0, number])
    }

    #[test]
    fn five_neighbourhoods_agree_if_no_more_say_otherwise() {
        let mut voices = Voices::default();
        (0..4).for_each(|number| voices.hear("a", voice(number)));
        voices.hear("a", voice(3));
        assert_eq!(voices.agreed(), None, "a neighbourhood has one voice");
        voices.hear("a", voice(4));
        assert_eq!(voices.agreed(), Some((&"a", 5)));
        (5..9).for_each(|number| voices.hear("b", voice(number)));
        assert_eq!(voices.agreed(), Some((&"a", 5)));
        voices.hear("c", voice(9));
        assert_eq!(voices.agreed(), None, "as many say otherwise");
    }

    proptest! {
        #[test]
        fn of_each_voice_the_latest_counts(
            said in proptest::collection::vec((0_i64..9_000, 0_u8..9, 0_u64..99), 0..60),
        ) {
            let said: Vec<_> = said.into_iter().map(|(at, number, value)| (at, voice(number), value)).collect();
            let window = Window::around(said.clone());
            for minute in 0..9_000 / MINUTE {
                let near = |at: i64| (minute * MINUTE - BEFORE..(minute + 1) * MINUTE + AFTER).contains(&at);
                let mut near: Vec<_> = said.iter().filter(|(at, ..)| near(*at)).copied().collect();
                near.sort_unstable();
                let latest: BTreeMap<Subnet, u64> = near.into_iter().map(|(_, voice, value)| (voice, value)).collect();
                let told = said.iter().any(|(at, ..)| at.div_euclid(MINUTE) == minute);
                let expected = told.then(|| median(latest.into_values().collect())).flatten();
                prop_assert_eq!(window.median(minute * MINUTE), expected);
            }
        }

        #[test]
        fn the_middle_is_not_moved_by_fewer_than_half(
            honest in proptest::collection::vec(90_u64..=110, 5..30), lies in proptest::collection::vec(any::<u64>(), 0..4),
        ) {
            let middle = median(honest.into_iter().chain(lies).collect());
            prop_assert!(middle.is_some_and(|middle| (90..=110).contains(&middle)), "{:?}", middle);
        }
    }
}
