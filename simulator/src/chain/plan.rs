//! What a chain is to be like.

use std::time::Duration;

use bitcoin::{Block, Network, bip32, constants::genesis_block};

use super::work;

/// Blocks before the first coin may be spent: coinbases mature for a hundred.
pub(super) const BARREN: u32 = 101;

/// Blocks of the run, a week of them, that are as full as those before it.
const FULL: u32 = 1_008;

/// What a chain is to be like. Two chains of one plan are the same to the byte.
#[derive(Clone, Debug, PartialEq)]
pub struct ChainPlan {
    /// Names all chance.
    pub seed: u64,
    /// Its first block.
    pub genesis: Genesis,
    /// The height of the last block that it has in common with the chain of the same plan that says none: above it
    /// this one goes its own way, as Bitcoin Cash did.
    pub splits_after: Option<u32>,
    /// The height of the tip when the world begins.
    pub blocks: u32,
    /// The number of blocks that are found after that. Then the chain stands still.
    pub ahead: u32,
    /// When the world begins, in seconds since 1970.
    pub start: u32,
    /// The mean time between blocks that are found during the run. Those before it are ten minutes apart.
    pub interval: Duration,
    /// The lengths of the histories that are made, for each type of script one of each. They end with the tip at the
    /// beginning and do not grow afterwards.
    pub histories: Vec<usize>,
    /// Transactions of others that arrive per block and that no block holds: they fill the mempool and nothing else.
    pub crowd: usize,
    /// Where some nodes see other blocks for a while.
    pub forks: Vec<ForkPlan>,
}

/// The first block of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Genesis {
    /// That of regtest.
    Regtest,
    /// One of its own: all that follows is incompatible with regtest.
    Own,
}

/// A fork: blocks that some nodes hear of before those of the chain, and give up for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForkPlan {
    /// The number of blocks found during the run that both sides have.
    pub after: u32,
    /// The number of blocks that are given up.
    pub depth: u32,
}

impl Default for ChainPlan {
    /// 1,200 blocks, a week to come, and three forks of 1, 2 and 3 blocks.
    fn default() -> Self {
        let fork = |after, depth| ForkPlan { after, depth };
        Self {
            seed: 1,
            genesis: Genesis::Regtest,
            splits_after: None,
            blocks: 1_200,
            ahead: 1_008,
            start: 1_767_225_600,
            interval: Duration::from_secs(600),
            histories: vec![0, 1, 2, 3, 10, 100, 600, 1_000],
            crowd: 150,
            forks: vec![fork(5, 1), fork(60, 2), fork(300, 3)],
        }
    }
}

/// Why there is no such chain.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum PlanError {
    /// Nothing could be paid before the world begins.
    #[error("a chain needs more than {BARREN} blocks, since coins of younger ones may not be spent")]
    TooShort,
    /// A fork that begins or ends outside the run, gives up no block, or begins before another has ended.
    #[error("a fork of {} blocks after block {} of the run does not fit", .0.depth, .0.after)]
    Fork(ForkPlan),
    /// The test wallet's key is none.
    #[error("the test wallet: {0}")]
    Wallet(#[from] bip32::Error),
}

impl ChainPlan {
    /// Whether there is such a chain.
    pub(super) fn check(&self) -> Result<(), PlanError> {
        if self.blocks <= BARREN {
            return Err(PlanError::TooShort);
        }
        let mut free = 0;
        for fork in &self.forks {
            // The block above the fork is what ends it.
            let end = fork.after.saturating_add(fork.depth).saturating_add(1);
            if fork.depth == 0 || fork.after < free || end > self.ahead {
                return Err(PlanError::Fork(*fork));
            }
            free = end;
        }
        Ok(())
    }

    /// What names the chance of a block.
    pub(super) fn seed_at(&self, height: u32) -> u64 {
        let apart = self.splits_after.is_some_and(|last| height > last);
        if apart { !self.seed } else { self.seed }
    }

    /// Whether a block is so far ahead that a few payments will do for it: long runs must fit into memory.
    pub(super) fn is_thin(&self, height: u32) -> bool {
        height > self.blocks.saturating_add(FULL)
    }

    /// The height of the last block of all.
    pub(super) fn last(&self) -> u32 {
        self.blocks.saturating_add(self.ahead)
    }

    /// The first block.
    pub(super) fn first_block(&self) -> Block {
        let mut block = genesis_block(Network::Regtest);
        if self.genesis == Genesis::Own {
            // Another time is another hash, and explorers that know regtest's first coinbase still find it.
            block.header.time += 1;
            work::mine(&mut block.header);
        }
        block
    }
}
