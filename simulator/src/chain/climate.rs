//! What fees are usual at a height: a slow rise and fall that all who pay and all who estimate have in common.

use crate::chance::Chance;

/// The lowest feerate anybody pays, in satoshi per virtual byte.
pub(crate) const FLOOR: f64 = 1.0;

/// Blocks from one turn of the weather to the next: a quarter of a day.
const SPELL: u32 = 36;
/// How often a turn is quiet.
const QUIET: f64 = 0.25;
/// The feerate of the busiest turns is e to this power.
const BUSIEST: f64 = 4.0;

/// The feerate that gets into the next block, in satoshi per virtual byte, at least [`FLOOR`].
pub(crate) fn feerate(seed: u64, height: u32) -> f64 {
    let turn = |number: u32| {
        let mut chance = Chance::new(seed, "climate", &[number.into()]);
        if chance.happens(QUIET) { 0.0 } else { BUSIEST * chance.unit() }
    };
    let (number, into) = (height / SPELL, f64::from(height % SPELL) / f64::from(SPELL));
    let power = turn(number) * (1.0 - into) + turn(number + 1) * into;
    FLOOR * power.exp()
}

/// What somebody pays when `usual` gets into the next block: more in haste, less with patience.
pub(super) fn offer(usual: f64, chance: &mut Chance) -> f64 {
    let spread = chance.unit() + chance.unit() - 1.2;
    (usual * spread.exp()).max(FLOOR)
}
