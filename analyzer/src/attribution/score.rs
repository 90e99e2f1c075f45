//! How probable it is that two servers belong together.

use std::collections::HashMap;

use super::{
    evidence::{About, Definition, GROUPS, Group, KINDS, Kind},
    weights::Values,
};
use crate::mark::Mark;

/// Log₁₀ of the odds that two servers belong together, before anything is known of them.
pub const PRIOR: f64 = -2.5;
/// What a group of evidence must add to count as one: less is "barely worth mentioning" (Jeffreys, *Theory of
/// Probability*, appendix B).
const MATTERS: f64 = 0.5;

/// Log₁₀ likelihood ratios of a pair, kind by kind, each within the cap of its kind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    kinds: [f64; KINDS],
    values: [usize; KINDS],
    /// Blocks on which their nodes disagree.
    apart: usize,
    /// Whether a ticket was refused that its own server took later.
    refused: bool,
}

/// Evidence that is reckoned for a pair and not for a value.
#[derive(Clone, Debug, Default)]
pub(super) struct Between {
    pub(super) kinds: Vec<(Kind, f64)>,
    pub(super) refused: bool,
}

/// Evidence between pairs; the smaller number comes first.
pub(super) type Pairs = HashMap<(usize, usize), Between>;

impl Between {
    /// Whether any of it is firm.
    pub(super) fn is_firm(&self) -> bool {
        self.kinds.iter().any(|(kind, _)| kind.definition().firm)
    }
}

impl Score {
    /// Of the values that a pair shares, by number, and of what else is between the two; but for the blocks on which their
    /// nodes disagree, which part no operators.
    pub(super) fn of(values: &Values, shared: impl Iterator<Item = u32>, between: Option<&Between>) -> Self {
        let mut score = Self::default();
        for number in shared {
            let (kind, weight) = values.weighed[number as usize];
            score.add(kind, weight);
        }
        if let Some(between) = between {
            between.kinds.iter().for_each(|(kind, weight)| score.add(*kind, *weight));
            score.refused = between.refused;
        }
        score
    }

    /// Adds evidence of sameness; what is less than nothing counts as nothing.
    pub fn add(&mut self, kind: Kind, weight: f64) {
        let place = kind.place();
        self.values[place] += 1;
        self.kinds[place] = (self.kinds[place] + weight.max(0.0)).min(kind.definition().cap);
    }

    /// The kinds of which it has anything, and enough, and what each adds.
    pub(super) fn shown(&self) -> impl Iterator<Item = (&'static Definition, f64)> {
        let kinds = self.kinds.iter().zip(&self.values).zip(Definition::all());
        kinds
            .filter(|((adds, values), definition)| **adds > 0.0 && **values >= definition.least)
            .map(|((adds, _), definition)| (definition, *adds))
    }

    /// What each group of evidence adds.
    fn groups(&self, counts: impl Fn(&Definition) -> bool) -> [f64; GROUPS] {
        let mut groups = [0.0_f64; GROUPS];
        for (definition, adds) in self.shown().filter(|(definition, _)| counts(definition)) {
            let sum = &mut groups[definition.group.place()];
            *sum = (*sum + adds).min(definition.group.cap());
        }
        groups
    }

    /// Log₁₀ of the odds of one operator.
    #[must_use]
    pub fn operator(&self) -> f64 {
        PRIOR + self.groups(|_| true).iter().sum::<f64>()
    }

    /// Log₁₀ of the odds of one node, one process or one recipe.
    #[must_use]
    pub fn about(&self, what: About) -> f64 {
        let groups = self.groups(|definition| definition.about.contains(&what));
        let against = match what {
            About::Node => u8::try_from(self.apart.min(4)).unwrap_or(4),
            About::Process => u8::from(self.refused),
            About::Template => 0,
        };
        PRIOR + groups.iter().sum::<f64>() - f64::from(against)
    }

    /// Log₁₀ of the odds of one operator without a group of evidence; none where what remains links nobody.
    #[must_use]
    pub fn link_without(&self, left_out: Option<Group>) -> Option<f64> {
        let remains = |definition: &Definition| Some(definition.group) != left_out;
        let groups = self.groups(remains);
        let counting = groups.iter().filter(|sum| **sum >= MATTERS).count();
        let mut shown = self.shown();
        let firm = shown.any(|(definition, adds)| definition.firm && remains(definition) && adds >= MATTERS);
        (counting >= 2 && firm).then(|| PRIOR + groups.iter().sum::<f64>())
    }
}

/// The probability, from log₁₀ of the odds.
#[must_use]
pub fn posterior(odds: f64) -> f64 {
    let odds = 10_f64.powf(odds.clamp(-15.0, 15.0));
    odds / (1.0 + odds)
}

/// Log₁₀ of the odds, from a probability.
#[must_use]
pub fn odds(posterior: f64) -> f64 {
    (posterior / (1.0 - posterior)).log10()
}

/// Scores a pair. `blocks` are those of each server's estimates with their values.
pub(super) fn score(values: &Values, pairs: &Pairs, blocks: &[Blocks], one: usize, other: usize) -> Score {
    let shared = common(&values.of_server[one], &values.of_server[other]);
    let between = pairs.get(&(one.min(other), one.max(other)));
    Score { apart: blocks[one].apart(&blocks[other]), ..Score::of(values, shared, between) }
}

/// What two ordered lists have in common.
fn common<'v>(one: &'v [u32], other: &'v [u32]) -> impl Iterator<Item = u32> + use<'v> {
    let mut rest = other;
    one.iter().copied().filter(move |number| {
        while rest.first().is_some_and(|first| first < number) {
            rest = &rest[1..];
        }
        rest.first() == Some(number)
    })
}

/// Blocks with what a server's node estimated on top of each, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Blocks(pub(super) Vec<(Mark, Mark)>);

impl Blocks {
    /// On how many blocks both estimated, and never the same.
    fn apart(&self, other: &Self) -> usize {
        let mut rest = &other.0[..];
        let differs = |ours: &&[(Mark, Mark)]| {
            let block = ours[0].0;
            while rest.first().is_some_and(|first| first.0 < block) {
                rest = &rest[1..];
            }
            let theirs = &rest[..rest.iter().take_while(|first| first.0 == block).count()];
            !theirs.is_empty() && !theirs.iter().any(|told| ours.binary_search(told).is_ok())
        };
        self.0.chunk_by(|one, next| one.0 == next.0).filter(differs).count()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds() -> impl Strategy<Value = Vec<(Kind, f64)>> {
        let kind = proptest::sample::select(Kind::all().collect::<Vec<_>>());
        proptest::collection::vec((kind, -1.0..6.0_f64), 0..12)
    }

    fn scored(evidence: &[(Kind, f64)]) -> Score {
        let mut score = Score::default();
        evidence.iter().for_each(|(kind, weight)| score.add(*kind, *weight));
        score
    }

    #[test]
    fn one_group_of_evidence_links_nobody_and_what_strangers_can_copy_neither() {
        let links =
            |evidence: &[(Kind, f64)]| scored(evidence).link_without(None).is_some_and(|odds| odds > 1.28);
        assert!(!links(&[(Kind::CertificateKey, 4.0), (Kind::Ticket, 4.0)]));
        assert!(!links(&[(Kind::Donation, 3.5), (Kind::Ports, 2.5)]));
        assert!(!links(&[(Kind::Histogram, 1.4), (Kind::Histogram, 1.4), (Kind::Ports, 2.5)]));
        assert!(links(&[(Kind::CertificateKey, 4.0), (Kind::Ports, 1.0)]));
        assert!(links(&[(Kind::FeeEstimates, 1.5), (Kind::FeeEstimates, 1.5), (Kind::Ports, 1.0)]));
    }

    #[test]
    fn nodes_that_disagree_do_not_part_operators() {
        let mut score = scored(&[(Kind::CoListing, 4.0), (Kind::FeeEstimates, 1.5)]);
        let before = (score.operator(), score.about(About::Node));
        score.apart += 1;
        assert_eq!((score.operator(), score.about(About::Node)), (before.0, before.1 - 1.0));
    }

    #[test]
    fn nodes_disagree_on_a_block_where_they_never_said_the_same() {
        let mark = |text: &str| Mark::of(text.as_bytes());
        let blocks = |told: &[(&str, &str)]| {
            let mut told: Vec<_> = told.iter().map(|(block, value)| (mark(block), mark(value))).collect();
            told.sort_unstable();
            Blocks(told)
        };
        let one = blocks(&[("1", "a"), ("1", "b"), ("2", "a"), ("3", "a")]);
        assert_eq!(one.apart(&one), 0);
        let other = blocks(&[("1", "b"), ("1", "c"), ("2", "c"), ("2", "d"), ("4", "c")]);
        assert_eq!((one.apart(&other), other.apart(&one)), (1, 1));
    }

    proptest! {
        #[test]
        fn scores_are_capped_and_posteriors_are_probabilities(evidence in kinds()) {
            let score = scored(&evidence);
            let most: f64 = Kind::all().map(|kind| kind.definition().cap).sum();
            prop_assert!(score.operator() >= PRIOR && score.operator() <= PRIOR + most);
            for odds in [score.operator(), score.about(About::Node), -400.0, 400.0] {
                prop_assert!((0.0..=1.0).contains(&posterior(odds)));
            }
        }

        #[test]
        fn more_evidence_never_lowers_a_score(evidence in kinds(), kind in 0..KINDS, weight in -1.0..6.0_f64) {
            let (before, mut after) = (scored(&evidence), scored(&evidence));
            after.add(Kind::all().nth(kind).expect("a kind"), weight);
            prop_assert!(after.operator() >= before.operator());
            prop_assert!(after.link_without(None) >= before.link_without(None));
            for about in [About::Node, About::Process, About::Template] {
                prop_assert!(after.about(about) >= before.about(about));
            }
        }

        #[test]
        fn the_order_of_evidence_does_not_matter(evidence in kinds()) {
            let reversed: Vec<_> = evidence.iter().rev().copied().collect();
            prop_assert!((scored(&evidence).operator() - scored(&reversed).operator()).abs() < 1e-9);
        }

        #[test]
        fn odds_and_posteriors_are_two_sides(value in 0.001..0.999_f64) {
            prop_assert!((posterior(odds(value)) - value).abs() < 1e-9);
        }

        #[test]
        fn what_is_in_both_lists_is_found(one in proptest::collection::btree_set(0..60_u32, 0..30), other in proptest::collection::btree_set(0..60_u32, 0..30)) {
            let expected: Vec<u32> = one.intersection(&other).copied().collect();
            let (one, other): (Vec<u32>, Vec<u32>) = (one.into_iter().collect(), other.into_iter().collect());
            prop_assert_eq!(common(&one, &other).collect::<Vec<_>>(), expected);
        }
    }
}
