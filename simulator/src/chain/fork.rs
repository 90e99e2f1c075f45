//! Blocks that some nodes hear of first and give up when the chain has grown beyond them.

use std::collections::HashSet;

use bitcoin::Txid;

use super::{
    lock::{Kind, Lock},
    plan::ForkPlan,
    segment::{Block, Payment, Segment},
    work::{self, Frame},
};
use crate::{SimTime, chance::Chance};

/// The chance that a transaction of the chain's block is in the other block of that height too.
const SHARED: f64 = 0.7;

/// Blocks beside the chain.
#[derive(Clone, Debug)]
pub(crate) struct Fork {
    /// The height of the last block that both sides have.
    pub(crate) common: u32,
    pub(crate) segment: Segment,
    /// When each block was found: always a little before the chain's block of that height.
    pub(crate) found: Vec<SimTime>,
}

impl Fork {
    /// Whether a node that has heard of the chain up to a height may be on it, now or before it hears of more.
    pub(crate) fn matters_at(&self, trunk: u32) -> bool {
        self.common <= trunk && self.segment.next() > trunk
    }
}

/// What a fork is made of.
pub(super) struct Beside<'a> {
    pub(super) seed: u64,
    pub(super) trunk: &'a Segment,
    /// The height of the tip when the world begins.
    pub(super) blocks: u32,
    /// When the chain's blocks above that were found.
    pub(super) found: &'a [SimTime],
    /// The world's beginning, in seconds since 1970.
    pub(super) start: u32,
}

impl Beside<'_> {
    /// The blocks of a fork that was checked to fit.
    pub(super) fn fork(&self, plan: ForkPlan) -> Fork {
        let common = self.blocks + plan.after;
        let mut fork = Fork { common, segment: Segment::new(common + 1), found: Vec::new() };
        let mut parent = self.trunk.block(common).map(|block| block.hash);
        let mut included = HashSet::new();
        for height in common + 1..=common + plan.depth {
            let (Some(beside), Some(before)) = (self.trunk.block(height), parent) else { break };
            let mut chance = Chance::new(self.seed, "fork", &[height.into()]);
            let payments = self.choose(beside, common, &mut included, &mut chance);
            let found = self.found_before(height, &mut chance);
            let frame = Frame {
                parent: before,
                height,
                time: self.start.saturating_add(found.whole_seconds()),
                extra: chance.bytes(),
                miner: Lock::fresh(Kind::usual(&mut chance), &mut chance).script(),
                fees: payments.iter().map(|payment| payment.fee).sum(),
            };
            let (header, coinbase) = work::block(&frame, &payments);
            let whole = std::iter::once(Payment::new(coinbase, Vec::new())).chain(payments);
            let block = Block::new(&header, whole.collect());
            parent = Some(block.hash);
            fork.segment.push(block);
            fork.found.push(found);
        }
        fork
    }

    /// Payments of the chain's block whose coins this side has as well.
    fn choose(
        &self,
        beside: &Block,
        common: u32,
        included: &mut HashSet<Txid>,
        chance: &mut Chance,
    ) -> Vec<Payment> {
        let mut chosen = Vec::new();
        for payment in beside.payments.iter().skip(1) {
            let funded = payment.transaction.input.iter().all(|input| {
                let txid = &input.previous_output.txid;
                included.contains(txid) || self.trunk.place(txid).is_some_and(|place| place.height <= common)
            });
            if funded && chance.happens(SHARED) {
                included.insert(payment.txid);
                chosen.push(payment.clone());
            }
        }
        chosen
    }

    fn found_before(&self, height: u32, chance: &mut Chance) -> SimTime {
        let found = |height: u32| {
            let index = height.checked_sub(self.blocks + 1).and_then(|index| usize::try_from(index).ok());
            index.and_then(|index| self.found.get(index)).copied().unwrap_or(SimTime::START)
        };
        let (before, beside) = (found(height - 1), found(height));
        before + (beside - before).mul_f64(0.4 + 0.5 * chance.unit())
    }
}
