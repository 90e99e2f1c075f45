//! Chance that can be repeated: every draw of the simulated world comes from here.
//!
//! A stream is named by the world's seed, by what it is for and by numbers, so that what happens at one height or to
//! one node does not depend on what was drawn for others before it. The generator and the ranges are spelt out
//! because a world must stay the same to the byte when a library changes how it makes a number out of bits.

use rand::{Rng as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};
use sha2::{Digest as _, Sha256};

/// A stream of chance.
#[derive(Clone, Debug)]
pub struct Chance(Xoshiro256PlusPlus);

impl Chance {
    /// The stream with this name.
    #[must_use]
    pub fn new(seed: u64, purpose: &str, numbers: &[u64]) -> Self {
        let mut name = Sha256::new().chain_update(seed.to_le_bytes()).chain_update(purpose);
        for number in numbers {
            name.update(number.to_le_bytes());
        }
        Self(Xoshiro256PlusPlus::from_seed(name.finalize().into()))
    }

    /// Any number.
    pub fn word(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below a limit; 0 where the limit is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        let product = u128::from(self.word()) * u128::from(limit);
        // The high half is below the limit, and the bias is below limit / 2⁶⁴.
        u64::try_from(product >> 64).unwrap_or_default()
    }

    /// An index into something of this length; 0 where it is empty.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or_default()
    }

    /// A number from 0 up to but not including 1.
    pub fn unit(&mut self) -> f64 {
        // 53 bits are what a double holds exactly.
        (self.word() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with this probability.
    pub fn happens(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Bytes, such as a hash or a key has.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}

/// A number without its fraction, within what a `u64` holds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, which is meant"
)]
pub(crate) fn whole(number: f64) -> u64 {
    number as u64
}

/// A number that two numbers have together and that looks like chance (the end of SplitMix64): cheaper than a
/// stream where there is one draw for each of very many things.
pub(crate) fn mixed(one: u64, other: u64) -> u64 {
    let mut word = one.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ other;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
