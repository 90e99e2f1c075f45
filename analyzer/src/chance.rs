//! Chance that can be repeated: what is drawn for one thing does not depend on what was drawn for another before.

use rand::{Rng as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};

/// A stream of chance, named by a seed and a number.
#[derive(Clone, Debug)]
pub(crate) struct Chance(Xoshiro256PlusPlus);

impl Chance {
    /// The stream with this name.
    pub(crate) fn new(seed: u64, number: u64) -> Self {
        let mut name = [0; 32];
        name[..8].copy_from_slice(&seed.to_le_bytes());
        name[8..16].copy_from_slice(&number.to_le_bytes());
        // All zeroes is the one state that this generator cannot leave.
        name[16] = 1;
        let mut generator = Xoshiro256PlusPlus::from_seed(name);
        // Near names begin alike.
        for _ in 0..16 {
            generator.next_u64();
        }
        Self(generator)
    }

    /// A number below a limit; 0 where the limit is 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let product = u128::from(self.0.next_u64()) * (limit as u128);
        // The high half is below the limit, and the bias is below limit / 2⁶⁴.
        usize::try_from(product >> 64).unwrap_or_default()
    }

    /// A number from 0 to 1, 1 excluded.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what a float holds")]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Puts a random choice of so many of the elements first.
    pub(crate) fn shuffle_first<T>(&mut self, elements: &mut [T], many: usize) {
        for place in 0..many.min(elements.len()) {
            let other = place + self.below(elements.len() - place);
            elements.swap(place, other);
        }
    }
}
