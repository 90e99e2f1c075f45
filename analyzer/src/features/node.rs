//! What shows of the node behind a server: its fee estimates and mempool, block by block, and when it told of which
//! block.
//!
//! A fee estimator learns from what reached its own node and when, so two servers that agree on estimates well above
//! the floor, block after block, ask one node. At the floor everybody agrees.

use std::time::Duration;

use jiff::Timestamp;
use model::{Purpose, Seconds, Visit, finding::Digest, watch};
use serde::{Deserialize, Serialize};

use crate::{mark::Mark, proof, reading::Reading, visited::Visited};

/// Rises when the same visits give other features.
pub(super) const VERSION: u32 = 1;

/// Targets of estimates, in blocks: all that are ever asked for (F1).
pub const TARGETS: [u32; 8] = [2, 3, 5, 10, 25, 144, 504, 1_008];
/// Blocks whose estimates are remembered.
const MAX_VECTORS: usize = 24;
/// Blocks whose time is remembered.
const MAX_TIPS: usize = 48;
/// Histograms that are remembered.
const MAX_HISTOGRAMS: usize = 24;
/// Bins of a histogram that is more than chance.
const BINS: usize = 3;
/// Satoshis in a bitcoin.
const SATOSHIS: f64 = 100_000_000.0;

/// What shows of the node behind a server.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Blocks that it told of, in the order in which it did.
    pub tips: Vec<Told>,
    /// Its first fee estimates on top of each block, in the order of time.
    pub vectors: Vec<Vector>,
    /// Its mempool's histograms, in the order of time, each once on top of a block.
    pub histograms: Vec<Histogram>,
    /// The feerate below which it relays nothing, in satoshis per 1,000 virtual bytes.
    pub relay_fee: Option<u32>,
}

/// A block that a server told of.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// Its height.
    pub height: u32,
    /// Its hash.
    pub block: Mark,
    /// When it was first told of.
    pub at: Timestamp,
}

/// Fee estimates on top of a block.
#[derive(Clone, Copy, Debug)]
pub struct Vector {
    /// The block.
    pub block: Mark,
    /// When they were asked for.
    pub at: Timestamp,
    /// In satoshis per 1,000 virtual bytes, by [`TARGETS`].
    pub feerates: [Option<u32>; TARGETS.len()],
    /// One of the answers.
    pub evidence: Digest,
}

/// A histogram of a mempool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Histogram {
    /// The best block.
    pub block: Mark,
    /// Its numbers.
    pub bins: Mark,
}

/// What one visit shows of the node. Times are since it began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// The height and the hash of each block that it told of, and when.
    tips: Box<[(u32, Mark, Seconds)]>,
    estimates: Option<Estimates>,
    /// When it was asked for each histogram, and its numbers.
    histograms: Box<[(Seconds, Mark)]>,
    relay_fee: Option<u32>,
}

/// Fee estimates of one visit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Estimates {
    /// When it was asked for some, and what they were.
    samples: Box<[(Seconds, Feerates)]>,
    /// The first answer.
    evidence: Digest,
}

/// In satoshis per 1,000 virtual bytes, by [`TARGETS`].
type Feerates = [Option<u32>; TARGETS.len()];

impl Note {
    pub(crate) fn of(reading: &Reading<'_>) -> Self {
        if !reading.visit.purpose.describes() {
            return Self::default();
        }
        Self {
            tips: tips(reading),
            estimates: Estimates::of(reading),
            histograms: histograms(reading),
            relay_fee: relay_fee(reading),
        }
    }
}

impl Estimates {
    fn of(reading: &Reading<'_>) -> Option<Self> {
        let mut asked = reading.of_probe("F1").peekable();
        let first = asked.peek().copied()?;
        let samples: Box<[_]> = if reading.visit.purpose == Purpose::Watch {
            let samples = watch::samples(reading.visit).into_iter().map(|sample| {
                let fees = sample
                    .fees
                    .iter()
                    .map(|fee| (fee.target, fee.feerate.and_then(|rate| u32::try_from(rate).ok())));
                (since(reading.visit, sample.at), feerates(fees))
            });
            samples.collect()
        } else {
            let fees = asked.filter_map(|turn| {
                let [target]: [u32; 1] = turn.params()?;
                Some((target, turn.result().and_then(satoshis)))
            });
            [(first.exchange.sent, feerates(fees))].into()
        };
        (!samples.is_empty()).then(|| Self { samples, evidence: first.digest() })
    }
}

/// The blocks that a visit was told of: each of those in a row that are one only the first time, and as many of the last
/// ones as are remembered, besides one that may be the block that was told of before the visit.
fn tips(reading: &Reading<'_>) -> Box<[(u32, Mark, Seconds)]> {
    let best = reading.of_probe("C1").filter_map(proof::best).map(|(height, header)| {
        (height, Mark::of(header.block_hash().to_string().as_bytes()), Seconds::default())
    });
    let mut tips: Vec<(u32, Mark, Seconds)> = best.collect();
    if reading.visit.purpose == Purpose::Watch {
        tips.extend(watch::tips(reading.visit).into_iter().map(|seen| {
            (seen.tip.height, Mark::of(seen.tip.hash.as_bytes()), since(reading.visit, seen.at))
        }));
    }
    tips.dedup_by_key(|(_, block, _)| *block);
    tips.drain(..tips.len().saturating_sub(MAX_TIPS + 1));
    tips.into()
}

fn histograms(reading: &Reading<'_>) -> Box<[(Seconds, Mark)]> {
    let histograms = reading.of_probe("F2").filter_map(|turn| {
        let bins = turn.result::<Vec<(f64, f64)>>().filter(|bins| bins.len() >= BINS)?;
        let numbers = bins.iter().flat_map(|(rate, size)| [rate.to_le_bytes(), size.to_le_bytes()]);
        let bins = Mark::of(&numbers.flatten().collect::<Vec<u8>>());
        Some((turn.exchange.sent, bins))
    });
    histograms.collect()
}

/// From the beginning of a visit to a time within it, which is given in whole microseconds.
fn since(visit: &Visit, at: Timestamp) -> Seconds {
    Duration::try_from(at.duration_since(visit.started_at)).unwrap_or_default().into()
}

impl Node {
    /// Takes in a visit.
    pub fn take(&mut self, visited: &Visited, note: &Note) {
        let at = |since| visited.started_at.checked_add(Duration::from(since)).ok();
        for (height, block, since) in &note.tips {
            if let Some(at) = at(*since) {
                self.told(*height, *block, at);
            }
        }
        if let Some(Estimates { samples, evidence }) = &note.estimates {
            for (since, feerates) in samples {
                if let Some(at) = at(*since) {
                    self.estimated(at, feerates, *evidence);
                }
            }
        }
        for (since, bins) in &note.histograms {
            if let Some(at) = at(*since) {
                self.histogram(at, *bins);
            }
        }
        self.relay_fee = note.relay_fee.or(self.relay_fee);
    }

    fn told(&mut self, height: u32, block: Mark, at: Timestamp) {
        if self.tips.last().is_some_and(|last| last.block == block) {
            return;
        }
        if self.tips.len() == MAX_TIPS {
            self.tips.remove(0);
        }
        self.tips.reserve_exact(1);
        self.tips.push(Told { height, block, at });
    }

    /// The block that was the best at a time.
    fn best_at(&self, at: Timestamp) -> Option<Mark> {
        self.tips.iter().rev().find(|told| told.at <= at).map(|told| told.block)
    }

    /// Of a block the first estimates are kept, or the first that are complete.
    fn estimated(&mut self, at: Timestamp, feerates: &Feerates, evidence: Digest) {
        let Some(block) = self.best_at(at) else { return };
        let vector = || Vector { block, at, feerates: *feerates, evidence };
        match self.vectors.iter_mut().rev().find(|known| known.block == block) {
            Some(known) if !known.is_complete() && feerates.iter().all(Option::is_some) => *known = vector(),
            Some(_) => {}
            None => {
                if self.vectors.len() == MAX_VECTORS {
                    self.vectors.remove(0);
                }
                self.vectors.reserve_exact(1);
                self.vectors.push(vector());
            }
        }
    }

    fn histogram(&mut self, at: Timestamp, bins: Mark) {
        let Some(block) = self.best_at(at) else { return };
        let histogram = Histogram { block, bins };
        if self.histograms.contains(&histogram) {
            return;
        }
        if self.histograms.len() == MAX_HISTOGRAMS {
            self.histograms.remove(0);
        }
        self.histograms.push(histogram);
    }
}

impl Vector {
    fn is_complete(&self) -> bool {
        self.feerates.iter().all(Option::is_some)
    }

    /// What it has to say of the node, to be compared: the estimates of a light visit if four of them are above the
    /// floor, else those of a deep one. None where it could be anybody's.
    #[must_use]
    pub fn telling(&self) -> Option<Mark> {
        const LIGHT: [usize; 4] = [0, 2, 4, 5];
        const DEEP: [usize; TARGETS.len()] = [0, 1, 2, 3, 4, 5, 6, 7];
        let mark = |places: &[usize]| {
            let rates: Vec<u32> = places.iter().map(|place| self.feerates[*place]).collect::<Option<_>>()?;
            stands_out(&rates).then(|| {
                let bytes: Vec<u8> = rates.iter().flat_map(|rate| rate.to_le_bytes()).collect();
                Mark::of_parts([&self.block.to_bytes()[..], &bytes])
            })
        };
        mark(&LIGHT).or_else(|| mark(&DEEP))
    }
}

/// Whether at least four estimates are above the floor, which is 1 sat/vB, or the smallest of them where it is found
/// more than once: what a node does not relay it does not estimate.
fn stands_out(rates: &[u32]) -> bool {
    let smallest = rates.iter().min().copied().unwrap_or(0);
    let repeats = rates.iter().filter(|rate| **rate == smallest).count() > 1;
    let floor = if repeats { smallest.max(1_000) } else { 1_000 };
    rates.iter().filter(|rate| **rate > floor).count() >= 4
}

/// Estimates in the order of [`TARGETS`].
fn feerates(fees: impl Iterator<Item = (u32, Option<u32>)>) -> Feerates {
    let mut feerates = [None; TARGETS.len()];
    for (target, feerate) in fees {
        if let Some(place) = TARGETS.iter().position(|known| *known == target) {
            feerates[place] = feerate;
        }
    }
    feerates
}

/// -1 stands for "no estimate"; nobody pays a whole bitcoin for a kilobyte.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in the range")]
fn satoshis(bitcoins: f64) -> Option<u32> {
    (0.0..1.0).contains(&bitcoins).then(|| (bitcoins * SATOSHIS).round() as u32)
}

fn relay_fee(reading: &Reading<'_>) -> Option<u32> {
    #[derive(Deserialize)]
    struct Mempool {
        minrelaytxfee: f64,
    }
    let fee: f64 = match reading.result_of::<Mempool>("M7") {
        Some(mempool) => mempool.minrelaytxfee,
        None => reading.result_of("M7")?,
    };
    satoshis(fee)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{answers, fees, fold, header};

    fn node(visits: &[model::Visit]) -> Node {
        let mut node = Node::default();
        fold(visits, |visited, reading| node.take(visited, &Note::of(reading)));
        node
    }

    #[test]
    fn estimates_belong_to_a_block_and_are_kept_once() {
        let light = fees("tcp://a.example:50001", 0, 7, &[9_000, 5_000, 3_000, 2_000]);
        let again = fees("tcp://a.example:50001", 60, 7, &[1, 2, 3, 4]);
        let next = fees("tcp://a.example:50001", 600, 8, &[9_500, 5_000, 3_000, 2_000]);
        let all = node(&[light.clone(), again, next]);
        assert_eq!((all.tips.len(), all.vectors.len()), (2, 2));
        assert_ne!(all.vectors[0].telling(), all.vectors[1].telling());
        let elsewhere = node(&[light]);
        assert!(elsewhere.vectors[0].telling().is_some());
        assert_eq!(elsewhere.vectors[0].telling(), all.vectors[0].telling());
    }

    #[test]
    fn at_the_floor_everybody_agrees() {
        let telling =
            |rates: &[u32]| node(&[fees("tcp://a.example:50001", 0, 7, rates)]).vectors[0].telling();
        for rates in [[1_000; 4], [5_000; 4], [9_000, 7_000, 4_000, 4_000], [9_000, 7_000, 4_000, 1_000]] {
            assert_eq!(telling(&rates), None, "{rates:?}");
        }
        let deep = [9_000, 8_000, 7_000, 6_000, 5_000, 1_000, 1_000, 1_000];
        assert!(telling(&deep).is_some(), "five of eight are above it");
    }

    #[test]
    fn histograms_and_relay_fees_are_read() {
        let best = format!(r#"{{"height":7,"hex":"{}"}}"#, header(7));
        let said = [("C1", &*best), ("F2", "[[12.5,300],[3,7],[1,7]]"), ("M7", "0.00002")];
        let seen =
            node(&[answers("tcp://a.example:50001", 0, &said), answers("tcp://a.example:50001", 9, &said)]);
        assert_eq!((seen.histograms.len(), seen.relay_fee), (1, Some(2_000)));
        let newer = node(&[answers(
            "tcp://a.example:50001",
            0,
            &[("F2", "[]"), ("M7", r#"{"minrelaytxfee":1e-5}"#)],
        )]);
        assert_eq!((newer.histograms.len(), newer.relay_fee), (0, Some(1_000)));
    }

    #[test]
    fn a_node_that_changes_its_mind_costs_no_more() {
        let visits: Vec<_> =
            (0..200).map(|n| fees("tcp://a.example:50001", i64::from(n), n, &[n; 8])).collect();
        let node = node(&visits);
        assert_eq!((node.tips.len(), node.vectors.len()), (MAX_TIPS, MAX_VECTORS));
    }

    #[test]
    fn of_many_blocks_in_one_visit_the_last_are_remembered_whatever_was_told_of_before() {
        let told = |heights: std::ops::RangeInclusive<u32>| {
            let said: Vec<_> =
                heights.map(|n| format!(r#"{{"height":{n},"hex":"{}"}}"#, header(n))).collect();
            let said: Vec<_> = said.iter().flat_map(|best| [("C1", &**best); 2]).collect();
            answers("tcp://a.example:50001", 0, &said)
        };
        let last: Vec<_> = (13..=60).collect();
        for before in [11, 12, 13, 60] {
            let node = node(&[told(before..=before), told(0..=60)]);
            assert_eq!(node.tips.iter().map(|told| told.height).collect::<Vec<_>>(), last, "{before}");
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_read(text in ".{0,80}", number in any::<f64>()) {
            let number = number.to_string();
            for said in [&text, &number] {
                node(&[answers("tcp://a.example:50001", 0, &[("C1", said), ("F1", said), ("F2", said), ("M7", said)])]);
            }
        }
    }
}
