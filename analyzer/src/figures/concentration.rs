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
