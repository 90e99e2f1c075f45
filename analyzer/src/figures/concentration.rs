//! How far something is in few hands.

use std::collections::BTreeMap;

use serde::Serialize;

/// Holders that are published by name.
const LARGEST: usize = 10;
/// Below this a share makes no difference: what floats lose when they are added up.
const NOTHING: f64 = 1e-9;

/// One figure of concentration; with the number of shares that must be known it is spelt out in docs/data.md.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Figure {
    /// Herfindahl–Hirschman index: 10⁴ Σ s², up to 10,000 where one holds all.
    pub hhi: f64,
    /// As many equal holders would give the same index: 1 / Σ s².
    pub effective: f64,
    /// The fewest holders that have more than 33 % together.
    pub nakamoto_33: usize,
    /// The fewest that have more than 50 %.
    pub nakamoto_50: usize,
    /// From 0, all have the same, towards 1.
    pub gini: f64,
    /// Shannon's, in bits.
    pub entropy: f64,
    /// Theil's redundancy: log₂ of the number of holders, less the entropy, in bits.
    pub theil: f64,
    /// What the largest has, from 0 to 1.
    pub largest_share: f64,
}

/// How far something is in few hands. All figures are 0 where nothing is known.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Concentration {
    /// The figures.
    #[serde(flatten)]
    pub figure: Figure,
    /// How many hold anything.
    pub holders: usize,
    /// Share of the weight of which the holder is known; the figures are about that.
    pub covered: f64,
    /// The largest holders, at most ten.
    pub largest: Vec<Holder>,
    /// How far the figures depend on which servers belong together; none where they do not.
    pub intervals: Option<Intervals>,
}

/// Who holds how much.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Holder {
    /// Its name, as [`super::Member`] has it.
    pub name: String,
    /// From 0 to 1.
    pub share: f64,
}

/// The 5th and the 95th percentile of each figure over partitions drawn from the links' posteriors.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Intervals {
    /// Of [`Figure::hhi`].
    pub hhi: [f64; 2],
    /// Of [`Figure::effective`].
    pub effective: [f64; 2],
    /// Of [`Figure::nakamoto_33`].
    pub nakamoto_33: [usize; 2],
    /// Of [`Figure::nakamoto_50`].
    pub nakamoto_50: [usize; 2],
    /// Of [`Figure::gini`].
    pub gini: [f64; 2],
    /// Of [`Figure::entropy`].
    pub entropy: [f64; 2],
}

impl Figure {
    /// The figures of shares that add up to 1, in any order. All are 0 where there is none.
    #[must_use]
    pub fn of(shares: &[f64]) -> Self {
        let mut sorted: Vec<f64> = shares.iter().copied().filter(|share| *share > NOTHING).collect();
        if sorted.is_empty() {
            return Self::default();
        }
        // Those that are equal are equal to the bit.
        sorted.sort_unstable_by(f64::total_cmp);
        let holders = sorted.len() as f64;
        let squares: f64 = sorted.iter().map(|share| share * share).sum();
        // Taken from nought, so that one holder makes no negative nought.
        let entropy = 0.0 - sorted.iter().map(|share| share * share.log2()).sum::<f64>();
        let ranked: f64 = (1..).zip(&sorted).map(|(rank, share)| f64::from(2 * rank) * share).sum();
        let total: f64 = sorted.iter().sum();
        Self {
            hhi: 1e4 * squares,
            effective: 1.0 / squares,
            nakamoto_33: fewest(&sorted, 0.33),
            nakamoto_50: fewest(&sorted, 0.50),
            gini: (ranked / (holders * total) - (holders + 1.0) / holders).max(0.0),
            entropy: entropy.max(0.0),
            theil: (holders.log2() - entropy).max(0.0),
            largest_share: sorted.last().copied().unwrap_or_default(),
        }
    }
}

/// The fewest holders that have more than this together. Shares come in ascending order.
fn fewest(sorted: &[f64], more_than: f64) -> usize {
    let mut sum = 0.0;
    let enough = sorted.iter().rev().position(|share| {
        sum += share;
        sum > more_than + NOTHING
    });
    enough.map_or(sorted.len(), |place| place + 1)
}

impl Concentration {
    /// Of weights and of whose they are, where that is known.
    pub(super) fn of<'n>(weights: impl Iterator<Item = (Option<&'n str>, f64)>) -> Self {
        let (mut all, mut known) = (0.0, 0.0);
        let mut held: BTreeMap<&str, f64> = BTreeMap::new();
        for (holder, weight) in weights {
            all += weight;
            if let Some(holder) = holder.filter(|_| weight > 0.0) {
                known += weight;
                *held.entry(holder).or_default() += weight;
            }
        }
        held.values_mut().for_each(|weight| *weight /= known);
        let shares: Vec<f64> = held.values().copied().collect();
        let mut largest: Vec<(&str, f64)> = held.into_iter().collect();
        largest.sort_by(|(one, share), (other, more)| more.total_cmp(share).then(one.cmp(other)));
        let named = largest
            .iter()
            .take(LARGEST)
            .map(|(name, share)| Holder { name: (*name).to_owned(), share: *share });
        Self {
            figure: Figure::of(&shares),
            holders: shares.len(),
            covered: if all > 0.0 { known / all } else { 0.0 },
            largest: named.collect(),
            intervals: None,
        }
    }
}

impl Intervals {
    /// Of the figures of some draws; none without draws.
    pub(super) fn of(draws: &[Figure]) -> Option<Self> {
        if draws.is_empty() {
            return None;
        }
        let floats = |read: fn(&Figure) -> f64| {
            let mut all: Vec<f64> = draws.iter().map(read).collect();
            all.sort_by(f64::total_cmp);
            percentiles(&all)
        };
        let counts = |read: fn(&Figure) -> usize| {
            let mut all: Vec<usize> = draws.iter().map(read).collect();
            all.sort_unstable();
            percentiles(&all)
        };
        Some(Self {
            hhi: floats(|figure| figure.hhi),
            effective: floats(|figure| figure.effective),
            nakamoto_33: counts(|figure| figure.nakamoto_33),
            nakamoto_50: counts(|figure| figure.nakamoto_50),
            gini: floats(|figure| figure.gini),
            entropy: floats(|figure| figure.entropy),
        })
    }
}

/// The 5th and the 95th of a hundred, by nearest rank, of sorted values.
fn percentiles<T: Copy>(sorted: &[T]) -> [T; 2] {
    [5, 95].map(|percent| sorted[(sorted.len() * percent).div_ceil(100).max(1) - 1])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-9
    }

    fn of(weights: &[f64]) -> Figure {
        let total: f64 = weights.iter().sum();
        Figure::of(&weights.iter().map(|weight| weight / total).collect::<Vec<_>>())
    }

    #[test]
    fn a_half_a_quarter_and_two_eighths() {
        let figure = of(&[2.0, 1.0, 4.0, 1.0]);
        // Σs² = 1/4 + 1/16 + 2/64 = 11/32; H = 1/2 + 2/4 + 2 · 3/8 = 7/4.
        assert!(close(figure.hhi, 3_437.5) && close(figure.effective, 32.0 / 11.0), "{figure:?}");
        assert!(close(figure.entropy, 1.75) && close(figure.theil, 0.25), "{figure:?}");
        // Ascending 1, 1, 2, 4: (−3 · 1 − 1 · 1 + 1 · 2 + 3 · 4) / (4 · 8).
        assert!(close(figure.gini, 10.0 / 32.0), "{figure:?}");
        assert_eq!((figure.nakamoto_33, figure.nakamoto_50), (1, 2), "a half is not more than a half");
        assert!(close(figure.largest_share, 0.5));
    }

    #[test]
    fn one_holder_and_none() {
        let one = of(&[3.0]);
        assert!(close(one.hhi, 1e4) && close(one.gini, 0.0) && close(one.entropy, 0.0));
        assert_eq!((one.nakamoto_33, one.nakamoto_50), (1, 1));
        assert_eq!(Figure::of(&[]), Figure::default());
        assert_eq!(Concentration::of([(None, 2.0)].into_iter()), Concentration::default());
    }

    #[test]
    fn what_is_not_known_is_left_out_and_said() {
        let found = Concentration::of([(Some("a"), 1.0), (None, 2.0), (Some("b"), 1.0)].into_iter());
        assert!(close(found.covered, 0.5) && close(found.figure.hhi, 5_000.0));
        assert_eq!((found.holders, &*found.largest[0].name), (2, "a"));
    }

    #[test]
    fn an_interval_leaves_five_of_a_hundred_on_either_side() {
        let draws: Vec<Figure> =
            (1..=100).map(|n| Figure { hhi: f64::from(n), ..Figure::default() }).collect();
        let found = Intervals::of(&draws).expect("draws");
        assert!(close(found.hhi[0], 5.0) && close(found.hhi[1], 95.0));
        assert_eq!(Intervals::of(&[]), None);
    }

    proptest! {
        #[test]
        fn figures_keep_their_bounds_in_any_order(weights in proptest::collection::vec(1_u32..1_000, 1..40)) {
            let mut weights: Vec<f64> = weights.into_iter().map(f64::from).collect();
            let (figure, holders) = (of(&weights), weights.len());
            let most = holders as f64;
            prop_assert!(figure.hhi <= 1e4 + 1e-6 && figure.hhi >= 1e4 / most - 1e-6);
            prop_assert!(figure.effective >= 1.0 - 1e-9 && figure.effective <= most + 1e-6);
            prop_assert!((0.0..1.0).contains(&figure.gini));
            prop_assert!(figure.entropy <= most.log2() + 1e-9 && figure.theil >= 0.0);
            prop_assert!(figure.nakamoto_33 <= figure.nakamoto_50 && figure.nakamoto_50 <= holders);
            weights.reverse();
            prop_assert_eq!(of(&weights).nakamoto_50, figure.nakamoto_50);
            prop_assert!(close(of(&weights).hhi, figure.hhi) && close(of(&weights).gini, figure.gini));
        }

        #[test]
        fn two_that_become_one_concentrate(weights in proptest::collection::vec(1_u32..1_000, 2..40)) {
            let weights: Vec<f64> = weights.into_iter().map(f64::from).collect();
            let mut merged = weights.clone();
            let last = merged.pop().expect("two");
            merged[0] += last;
            prop_assert!(of(&merged).hhi > of(&weights).hhi);
            prop_assert!(of(&merged).entropy <= of(&weights).entropy + 1e-9);
        }
    }
}
