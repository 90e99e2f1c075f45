//! What the sizes of answers say to who sees them go by, encrypted as they are.

use std::collections::BTreeMap;

use serde::Serialize;

/// What the size of the answer about one address says about its history, to who sees it go by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Padding {
    /// Histories that are taken for equally likely: of none to so many transactions.
    pub transactions: usize,
    /// Bits that an answer gives away which is not padded.
    pub unpadded_bits: f64,
    /// Bits that an answer gives away which is padded as ElectrumX 1.18 and later do.
    pub padded_bits: f64,
    /// What padding keeps: the difference.
    pub leak_bits: f64,
    /// The chance that the server which Electrum chooses pads its answers, from 0 to 1.
    pub padding_share: f64,
    /// Bits that an answer gives away on average.
    pub expected_bits: f64,
}

/// Histories up to which length are looked at.
const TRANSACTIONS: usize = 63;
/// Bytes of an answer without transactions, and of each transaction in it (`get_history`, compact JSON).
const EMPTY: usize = 38;
const EACH: usize = 99;
/// Bytes to which ElectrumX 1.18 and later pad at the least; then to powers of two.
const LEAST: usize = 1_024;

impl Padding {
    /// What answers give away where the chosen server pads with this chance.
    #[must_use]
    pub fn of(padding_share: f64) -> Self {
        let sizes = || (0..=TRANSACTIONS).map(|count| EMPTY + EACH * count);
        let unpadded_bits = entropy(sizes());
        let padded_bits = entropy(sizes().map(|size| size.max(LEAST).next_power_of_two()));
        Self {
            transactions: TRANSACTIONS,
            unpadded_bits,
            padded_bits,
            leak_bits: unpadded_bits - padded_bits,
            padding_share,
            expected_bits: padding_share * padded_bits + (1.0 - padding_share) * unpadded_bits,
        }
    }
}

/// Shannon's, in bits, of values that are equally likely.
fn entropy(values: impl Iterator<Item = usize>) -> f64 {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    values.for_each(|value| *counts.entry(value).or_default() += 1);
    let all = counts.values().sum::<usize>() as f64;
    counts.values().map(|count| *count as f64 / all).map(|share| -share * share.log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_leaves_four_sizes_of_sixty_four() {
        // 10, 21, 41 and more transactions go beyond 1,024, 2,048 and 4,096 bytes: 10, 11, 20 and 23 histories.
        let padding = Padding::of(0.5);
        assert!((padding.unpadded_bits - 6.0).abs() < 1e-12, "{padding:?}");
        let shares = [10.0, 11.0, 20.0, 23.0].map(|count: f64| count / 64.0);
        let expected: f64 = shares.iter().map(|share| -share * share.log2()).sum();
        assert!((padding.padded_bits - expected).abs() < 1e-12, "{padding:?}");
        assert!((padding.expected_bits - f64::midpoint(6.0, expected)).abs() < 1e-12, "{padding:?}");
    }
}
