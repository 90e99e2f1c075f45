//! Where a node stands on the chain, or beside it, and when that changes.

use std::iter;

use bitcoin::{Txid, hashes::Hash as _};

use super::NodePlan;
use crate::{
    SimTime,
    chain::{Block, Chain, Digest, Fork, Place, Segment},
};

/// The blocks a node has: the chain up to a height, and perhaps some of a fork above that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tip {
    /// The height up to which it is on the chain.
    pub(super) trunk: u32,
    /// The fork it is on, and the height up to which.
    pub(super) beside: Option<(usize, u32)>,
}

impl Tip {
    /// Where a node stands at a moment: on the longest run of blocks it heard of, the first of two as long.
    pub(super) fn at(plan: &NodePlan, chain: &Chain, now: SimTime) -> Self {
        let trunk = trunk(plan, chain, now);
        // A fork's blocks are found before those of the chain, so where both are as long the fork came first.
        let forks = (0..).zip(&chain.forks).filter(|(_, fork)| fork.matters_at(trunk));
        let ahead = forks.filter_map(|(number, fork)| {
            let heard = heights(fork).filter(|(height, found)| plan.hears(*height, *found) <= now);
            let top = heard.map(|(height, _)| height).max()?;
            (top >= trunk && plan.follows(fork.common))
                .then_some(Self { trunk: fork.common, beside: Some((number, top)) })
        });
        ahead.last().unwrap_or(Self { trunk, beside: None })
    }

    /// When the node hears of the next block.
    pub(super) fn next(plan: &NodePlan, chain: &Chain, now: SimTime) -> Option<SimTime> {
        let trunk = trunk(plan, chain, now);
        let mut next: Option<SimTime> = None;
        for height in trunk + 1..=chain.last() {
            let found = chain.found(height)?;
            if next.is_some_and(|next| next <= found) {
                break;
            }
            next = earlier(next, Some(plan.hears(height, found)));
        }
        let forks = chain.forks.iter().filter(|fork| fork.matters_at(trunk) && plan.follows(fork.common));
        let beside = forks.flat_map(heights).map(|(height, found)| plan.hears(height, found));
        earlier(next, beside.filter(|moment| *moment > now).min())
    }

    pub(super) fn height(&self) -> u32 {
        self.beside.map_or(self.trunk, |(_, top)| top)
    }

    /// The runs of blocks it is on, each up to a height.
    pub(super) fn runs<'a>(&self, chain: &'a Chain) -> impl Iterator<Item = (&'a Segment, u32)> + use<'a> {
        let beside = self.beside.and_then(|(number, top)| Some((&chain.forks.get(number)?.segment, top)));
        iter::once((&chain.trunk, self.trunk)).chain(beside)
    }

    pub(super) fn block<'a>(&self, chain: &'a Chain, height: u32) -> Option<&'a Block> {
        let mut runs = self.runs(chain).filter(|(_, top)| height <= *top);
        runs.find_map(|(segment, _)| segment.block(height))
    }

    /// Where a transaction is confirmed, and on which run of blocks.
    pub(super) fn place<'a>(&self, chain: &'a Chain, txid: &Txid) -> Option<(&'a Segment, Place)> {
        self.runs(chain).find_map(|(segment, top)| {
            segment.place(txid).filter(|place| place.height <= top).map(|place| (segment, place))
        })
    }

    /// The hashes of the blocks beside the chain.
    pub(super) fn others(&self, chain: &Chain) -> Vec<Digest> {
        let heights = self.trunk + 1..=self.height();
        let blocks = heights.filter_map(|height| self.block(chain, height));
        blocks.map(|block| block.hash.to_byte_array()).collect()
    }
}

/// The height of the highest block of the chain that the node heard of.
fn trunk(plan: &NodePlan, chain: &Chain, now: SimTime) -> u32 {
    let found = chain.height_found(now);
    let heard = |height: &u32| chain.found(*height).is_some_and(|found| plan.hears(*height, found) <= now);
    (0..=found).rev().find(heard).unwrap_or(0)
}

fn heights(fork: &Fork) -> impl Iterator<Item = (u32, SimTime)> {
    (fork.common + 1..).zip(fork.found.iter().copied())
}

/// The earlier of two moments, where there are any.
pub(super) fn earlier(one: Option<SimTime>, other: Option<SimTime>) -> Option<SimTime> {
    one.into_iter().chain(other).min()
}
