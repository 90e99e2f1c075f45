//! Fee histograms: each implementation cuts the mempool into bins in its own way.

use super::{data::Histogram, json::Json};
use crate::node::MempoolEntry;

/// The bins of a mempool that is sorted by feerate, the highest first.
pub(crate) fn of(way: Histogram, mempool: &[MempoolEntry]) -> Vec<(Json, u64)> {
    match way {
        Histogram::Growing { first, growth, rates } => growing(first, growth, rates, mempool),
        Histogram::Powers => powers(mempool),
    }
}

/// What the feerates of bins look like.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Rates {
    /// Rounded down to whole sat/vB.
    Whole,
    /// Rounded down to tenths.
    Tenths,
    Exact,
}

impl Rates {
    fn of(self, feerate: f64) -> f64 {
        match self {
            Self::Whole => feerate.floor(),
            Self::Tenths => (feerate * 10.0).floor() / 10.0,
            Self::Exact => feerate,
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a whole number of sat/vB")]
    fn json(self, feerate: f64) -> Json {
        match self {
            Self::Whole => Json::Int(feerate as i128),
            Self::Tenths | Self::Exact => Json::Float(feerate),
        }
    }
}

/// ElectrumX's way (electrumx, server/mempool.py), which Fulcrum follows: a bin closes when it holds enough, each
/// next one must hold more, and a lump of one feerate closes the bin before it. What is left over is in no bin.
fn growing(first: f64, growth: f64, rates: Rates, mempool: &[MempoolEntry]) -> Vec<(Json, u64)> {
    let mut lumps: Vec<(f64, u64)> = Vec::new();
    for entry in mempool {
        let rate = rates.of(entry.feerate);
        match lumps.last_mut() {
            Some((last, size)) if *last == rate => *size += entry.vsize,
            _ => lumps.push((rate, entry.vsize)),
        }
    }
    let (mut bins, mut enough, mut held) = (Vec::new(), first, 0_u64);
    let mut before = None;
    for (rate, size) in lumps {
        if let Some(before) = before.filter(|_| size as f64 > 2.0 * enough && held > 0) {
            bins.push((rates.json(before), held));
            held = 0;
            enough *= growth;
        }
        held += size;
        if held as f64 > enough {
            bins.push((rates.json(rate), held));
            held = 0;
            enough *= growth;
        }
        before = Some(rate);
    }
    bins
}

/// electrs' way (electrs, mempool.rs): bins that end at 2ⁿ−1, down from the highest that holds something.
fn powers(mempool: &[MempoolEntry]) -> Vec<(Json, u64)> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole sat/vB")]
    let bin = |entry: &MempoolEntry| u64::BITS - (entry.feerate.max(0.0) as u64).leading_zeros();
    let Some(highest) = mempool.iter().map(bin).max() else { return Vec::new() };
    let size = |place: u32| mempool.iter().filter(|entry| bin(entry) == place).map(|entry| entry.vsize).sum();
    (0..=highest).rev().map(|place| (Json::Int((1_i128 << place) - 1), size(place))).collect()
}

#[cfg(test)]
mod tests {
    use bitcoin::{Txid, hashes::Hash as _};

    use super::*;

    fn mempool(entries: &[(f64, u64)]) -> Vec<MempoolEntry> {
        let entry = |&(feerate, vsize)| MempoolEntry { txid: Txid::all_zeros(), feerate, vsize };
        entries.iter().map(entry).collect()
    }

    #[test]
    fn electrs_shows_every_bin() {
        let bins = powers(&mempool(&[(18.0, 156), (12.0, 367), (4.5, 301), (2.0, 672)]));
        let expected = [(31, 156), (15, 367), (7, 301), (3, 672), (1, 0), (0, 0)];
        assert_eq!(bins, expected.map(|(rate, size)| (Json::Int(rate), size)));
        assert!(powers(&[]).is_empty());
    }

    #[test]
    fn electrumx_closes_bins_when_they_hold_enough() {
        let of = |entries: &[(f64, u64)]| growing(100.0, 1.1, Rates::Whole, &mempool(entries));
        assert!(of(&[(5.0, 100)]).is_empty(), "less than a bin");
        assert_eq!(of(&[(5.2, 60), (5.1, 60), (3.0, 50)]), [(Json::Int(5), 120)]);
        // A lump closes what came before it.
        assert_eq!(of(&[(9.0, 50), (4.0, 900)]), [(Json::Int(9), 50), (Json::Int(4), 900)]);
    }
}
