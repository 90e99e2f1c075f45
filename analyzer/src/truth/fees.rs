//! Fee estimates that nobody else comes near.

use model::finding::{Digest, Indicator};

use super::{Contradiction, voices::Window};
use crate::{
    dossier::Dossier,
    features::claims::{FeesSaid, Sample, TARGETS},
    server::Server,
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
    pub(super) fn of(servers: &[Server<'_>]) -> Self {
        let of_target = |place: usize| {
            let dossiers = servers.iter().flat_map(Server::dossiers);
            let told = dossiers.filter_map(|dossier| {
                let voice = dossier.claims.neighbourhood?;
                let samples = dossier.claims.fees.samples();
                Some(samples.filter_map(move |(at, told)| Some((at.as_second(), voice, told[place]?.0))))
            });
            Window::new(told.flatten().collect())
        };
        Self(std::array::from_fn(of_target))
    }

    /// Whether all samples of a server, at least two, are far from what others said at the time.
    pub(super) fn implausible(&self, dossier: &Dossier) -> Vec<Contradiction> {
        let fees: &FeesSaid = &dossier.claims.fees;
        let odd: Option<Vec<Odd>> = fees.samples().map(|sample| self.odd(sample)).collect();
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

    fn odd(&self, (at, told): &Sample) -> Option<Odd> {
        let judged: Vec<_> = TARGETS
            .iter()
            .zip(told)
            .zip(&self.0)
            .filter_map(|((target, told), usual)| Some((*target, (*told)?, usual.median(at.as_second())?)))
            .collect();
        let odd: Vec<_> = judged.iter().filter(|(_, (said, _), usual)| is_far(*said, *usual)).collect();
        let (target, (said, _), usual) = **odd.first()?;
        let enough = odd.len() >= FEWEST && 2 * odd.len() > judged.len();
        let digests = odd.iter().map(|(_, (_, digest), _)| *digest).collect();
        enough.then_some(Odd { example: (target, said, usual), digests })
    }
}

/// A sample that nobody else comes near.
struct Odd {
    /// A target, the estimate for it, and what is usual.
    example: (u32, u64, u64),
    digests: Vec<Digest>,
}

fn is_far(said: u64, usual: u64) -> bool {
    let (low, high) = (said.min(usual), said.max(usual));
    high >= low.saturating_mul(FACTOR) && high - low >= APART
}
