//! Fee estimates that nobody else comes near.

use model::finding::{Digest, Indicator};

use super::{Contradiction, voices::Window};
use crate::{
    dossier::Dossier,
    features::claims::{Claims, FeesSaid, Sample, TARGETS},
};

/// How many times as much, or as little, is implausible.
const FACTOR: u64 = 10;
/// And by how much: below it an empty mempool explains much. Satoshis per 1,000 virtual bytes.
const APART: u64 = 10_000;
/// Fewest targets of one sample.
const FEWEST: usize = 2;

/// The estimate that half of the neighbourhoods do not exceed, for each target.
pub(super) struct Estimates([Window; TARGETS.len()]);

impl Estimates {
    pub(super) fn of(hosts: &[&Claims]) -> Self {
        let of_target = |place: usize| {
            let told = hosts.iter().filter_map(|claims| {
                let voice = claims.neighbourhood?;
                let samples = claims.fees.samples();
                Some(samples.filter_map(move |(at, told)| Some((at.as_second(), voice, told[place]?.0))))
            });
            Window::around(told.flatten().collect())
        };
        Self(std::array::from_fn(of_target))
    }

    /// Whether all samples of a server that can be judged, at least two, are far from what others said at the time.
    pub(super) fn implausible(&self, dossier: &Dossier) -> Vec<Contradiction> {
        let fees: &FeesSaid = &dossier.claims.fees;
        let judged = fees.samples().map(|sample| self.judged(sample)).filter(|judged| !judged.is_empty());
        let odd: Option<Vec<Odd>> = judged.map(|judged| Odd::of(&judged)).collect();
        let Some([first, .., last]) = odd.as_deref() else { return Vec::new() };
        let (target, said, usual) = last.example;
        vec![Contradiction {
            indicator: Indicator::new(29),
            statement: format!(
                "Each time it was asked, most of its fee estimates were {FACTOR} times as high or as low as usual, \
                 or more: at last {said} sat/kvB for {target} blocks, where half of the servers said {usual} or less.",
            ),
            evidence: first.digests.iter().chain(&last.digests).copied().collect(),
        }]
    }

    /// The estimates of a sample beside which others said theirs.
    fn judged<'s>(&self, (at, told): &'s Sample) -> Vec<Judged<'s>> {
        let said = TARGETS.iter().zip(told).zip(&self.0);
        let judged = said.filter_map(|((target, told), usual)| {
            let (said, digest) = told.as_ref()?;
            Some(Judged { target: *target, said: *said, usual: usual.median(at.as_second())?, digest })
        });
        judged.collect()
    }
}

/// An estimate, and what was usual.
struct Judged<'s> {
    target: u32,
    said: u64,
    usual: u64,
    digest: &'s Digest,
}

/// A sample that nobody else comes near.
struct Odd {
    /// A target, the estimate for it, and what is usual.
    example: (u32, u64, u64),
    digests: Vec<Digest>,
}

impl Odd {
    /// None where most of a sample is usual.
    fn of(judged: &[Judged<'_>]) -> Option<Self> {
        let far: Vec<&Judged<'_>> = judged.iter().filter(|fee| is_far(fee.said, fee.usual)).collect();
        let first = far.first()?;
        let enough = far.len() >= FEWEST && 2 * far.len() > judged.len();
        let digests = far.iter().map(|fee| *fee.digest).collect();
        enough.then_some(Self { example: (first.target, first.said, first.usual), digests })
    }
}

fn is_far(said: u64, usual: u64) -> bool {
    let (low, high) = (said.min(usual), said.max(usual));
    high >= low.saturating_mul(FACTOR) && high - low >= APART
}
