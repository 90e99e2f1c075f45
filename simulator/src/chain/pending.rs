//! When transactions are first heard of, before a block has them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bitcoin::{Txid, hashes::Hash as _};

use super::{climate, plan::ChainPlan, segment::Payment};
use crate::{
    SimTime,
    chance::{Chance, whole},
};

/// The most intervals between blocks for which a payment waits.
const PATIENCE: f64 = 3.0;
/// The most blocks for which the crowd waits.
pub(crate) const CROWD_WAITS: u32 = 40;

/// Crowds that are remembered: some more than one look at a mempool takes.
const CROWDS: usize = 4 * CROWD_WAITS as usize;

/// A transaction of the crowd: it fills mempools, and no server has a way to show more of it than its feerate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stranger {
    pub(crate) txid: Txid,
    /// In satoshi per virtual byte.
    pub(crate) feerate: f64,
    /// In virtual bytes.
    pub(crate) vsize: u64,
    pub(crate) born: SimTime,
    /// The height of the block after which nobody has it any more.
    pub(crate) gone: u32,
}

/// The moments at which the payments of a block are first heard of, none before what they spend and none after the
/// block. `known` has the moments of all payments so far and is told these.
pub(super) fn births(
    plan: &ChainPlan,
    height: u32,
    found: SimTime,
    payments: &[Payment],
    known: &mut HashMap<Txid, SimTime>,
) -> Vec<SimTime> {
    let mut chance = Chance::new(plan.seed, "births", &[height.into()]);
    let mut birth = |payment: &Payment| {
        let wait = plan.interval.mul_f64(PATIENCE * chance.unit() * chance.unit());
        let parents = payment.transaction.input.iter();
        let parent = parents.filter_map(|input| known.get(&input.previous_output.txid)).max();
        let born =
            (found - wait).max(parent.map_or(SimTime::START, |born| *born + Duration::from_millis(500)));
        let born = born.min(found);
        known.insert(payment.txid, born);
        born
    };
    payments.iter().map(&mut birth).collect()
}

/// The earliest moment at which a payment of a block may be heard of, in intervals before the block.
pub(crate) fn patience(plan: &ChainPlan) -> Duration {
    plan.interval.mul_f64(PATIENCE)
}

/// The crowd that arrives between the block before a height and the block at it.
pub(super) fn crowd(plan: &ChainPlan, height: u32, since: SimTime, until: SimTime) -> Arc<[Stranger]> {
    let mut chance = Chance::new(plan.seed_at(height), "crowd", &[height.into()]);
    let usual = climate::feerate(plan.seed, height);
    let stranger = |_| {
        let feerate = climate::offer(usual, &mut chance);
        // Who pays what is usual waits for one block, who pays the least for many.
        let patience = (1.0 - feerate / usual).max(0.0) * f64::from(CROWD_WAITS - 1) * chance.unit();
        let wait = u32::try_from(whole(patience)).unwrap_or(CROWD_WAITS);
        Stranger {
            txid: Txid::from_byte_array(chance.bytes()),
            feerate,
            vsize: 110 + whole(1_500.0 * chance.unit().powi(4)),
            born: since + (until - since).mul_f64(chance.unit()),
            gone: height + wait,
        }
    };
    (0..plan.crowd).map(stranger).collect()
}

/// Crowds that were asked for. All of them would fill gigabytes where the run lasts for months, and who asks for one
/// asks for its neighbours next.
#[derive(Debug, Default)]
pub(super) struct Crowds(Mutex<BTreeMap<u32, Arc<[Stranger]>>>);

impl Crowds {
    /// The crowd at a height, made where it is not remembered.
    pub(super) fn at(&self, height: u32, make: impl FnOnce() -> Arc<[Stranger]>) -> Arc<[Stranger]> {
        let mut crowds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(crowd) = crowds.get(&height) {
            return Arc::clone(crowd);
        }
        while crowds.len() >= CROWDS {
            // Time goes on, mostly.
            crowds.pop_first();
        }
        let crowd = make();
        crowds.insert(height, Arc::clone(&crowd));
        crowd
    }
}
