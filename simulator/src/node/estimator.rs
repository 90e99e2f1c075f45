//! What a node thinks that fees will be. Every node learns from what reached it and when, so no two agree; what they
//! have in common is the climate, and the floor when it is quiet.

use super::NodePlan;
use crate::{
    chain::{FLOOR, feerate},
    chance::whole,
};

/// Targets at which an estimate may differ from that before.
const TARGETS: [u32; 11] = [1, 2, 3, 5, 8, 12, 25, 48, 144, 504, 1_008];
/// Feerates so little above the floor are not told from it.
const QUIET: f64 = 1.3;
/// How fast estimates fall as the target grows.
const SLOPE: f64 = -0.4;

/// Feerates by target, in satoshi per 1,000 virtual bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Estimates([u64; TARGETS.len()]);

impl Estimates {
    /// What the node thinks between the block at a height and the next.
    pub(super) fn at(plan: &NodePlan, climate: u64, height: u32) -> Self {
        let usual = feerate(climate, height);
        let above = if usual < FLOOR * QUIET { 0.0 } else { usual - FLOOR };
        let habit = 0.97 + 0.06 * plan.chance("habit", 0).unit();
        let mut chance = plan.chance("estimate", height.into());
        let mut ceiling = u64::MAX;
        Self(TARGETS.map(|target| {
            let mood = 0.95 + 0.1 * chance.unit();
            let rate = FLOOR + above * f64::from(target).powf(SLOPE) * habit * mood;
            // No estimate is above that for an earlier block or below what the node relays.
            ceiling = whole(rate * 1_000.0).min(ceiling).max(plan.relay_fee);
            ceiling
        }))
    }

    /// The feerate for a target: that of the closest of [`TARGETS`] that is not beyond it.
    pub(super) fn feerate(&self, target: u32) -> u64 {
        let known = TARGETS.iter().zip(self.0).take_while(|(known, _)| **known <= target);
        known.last().map_or(self.0[0], |(_, feerate)| feerate)
    }
}
