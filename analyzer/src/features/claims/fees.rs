//! Fee estimates, as they were told lately.

use std::collections::VecDeque;

use jiff::Timestamp;
use model::finding::Digest;

use crate::reading::Reading;

/// The confirmation targets that every visit asks for, in blocks.
pub const TARGETS: [u32; 4] = [2, 5, 25, 144];

/// Samples of one host that are remembered.
const MOST: usize = 2;
/// Least time between them, in seconds, or else the least number of blocks: until the next one servers repeat themselves.
const APART: i64 = 600;
const BLOCKS: u32 = 6;
/// Satoshis in a bitcoin.
const SATOSHIS: f64 = 100_000_000.0;

/// An estimate in satoshis per 1,000 virtual bytes, and the exchange that shows it.
pub type Estimate = (u64, Digest);

/// Estimates for [`TARGETS`].
pub(super) type Estimates = [Option<Estimate>; TARGETS.len()];

/// Estimates for [`TARGETS`] at one time.
pub type Sample = (Timestamp, [Option<Estimate>; TARGETS.len()]);

/// The latest samples, the latest last.
#[derive(Clone, Debug, Default)]
pub struct FeesSaid {
    samples: VecDeque<Sample>,
    /// The best block when the latest was told.
    tip: Option<u32>,
}

impl FeesSaid {
    /// Takes in what a visit was told, and at which tip.
    pub(super) fn take(&mut self, at: Timestamp, told: &Estimates, tip: Option<u32>) {
        let soon = |latest: &Sample| at.as_second().saturating_sub(latest.0.as_second()) < APART;
        let far = self.tip.zip(tip).is_some_and(|(before, tip)| tip.saturating_sub(before) >= BLOCKS);
        if !far && self.samples.back().is_some_and(soon) {
            return;
        }
        if told.iter().all(Option::is_none) {
            return;
        }
        if self.samples.len() == MOST {
            self.samples.pop_front();
        }
        self.samples.reserve_exact(1);
        self.samples.push_back((at, *told));
        self.tip = tip;
    }

    /// The samples, in the order of time.
    pub fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.samples.iter()
    }
}

/// What a visit was told.
pub(super) fn told(reading: &Reading<'_>) -> Estimates {
    let mut told = [None; TARGETS.len()];
    for turn in reading.of_probe("F1") {
        let Some([target]) = turn.params::<[u32; 1]>() else { continue };
        let place = TARGETS.iter().position(|known| *known == target).map(|at| &mut told[at]);
        // The first of a visit: a watch asks again and again.
        if let Some(place @ None) = place {
            *place = turn.result().and_then(satoshis).map(|estimate| (estimate, turn.digest()));
        }
    }
    told
}

/// -1 stands for "no estimate"; nobody pays more than a bitcoin for a kilobyte, whatever is said.
fn satoshis(bitcoins: f64) -> Option<u64> {
    let said = (0.0..=1_000_000.0).contains(&bitcoins);
    // Through text, as nothing else turns a float into a whole number without a cast.
    said.then(|| format!("{:.0}", bitcoins * SATOSHIS).parse().ok()).flatten()
}
