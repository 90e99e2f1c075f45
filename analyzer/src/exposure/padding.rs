//! What the sizes of answers say to who sees them go by, encrypted as they are.

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
