//! What a node is to be like, and what follows from it alone.

use std::time::Duration;

use bitcoin::{Txid, hashes::Hash as _};

use crate::{
    SimTime,
    chance::{Chance, mixed},
};

/// What a node is to be like. Two nodes of one plan on one chain say the same.
#[derive(Clone, Debug, PartialEq)]
pub struct NodePlan {
    /// Names all chance, together with `id`.
    pub seed: u64,
    /// Tells nodes of one seed apart.
    pub id: u64,
    /// How long after a block was found, or a transaction was first heard of, the node hears of it.
    pub delay: Duration,
    /// At most this is added for each block, as it happens.
    pub jitter: Duration,
    /// The node takes in transactions at moments that are this far apart.
    pub mempool_every: Duration,
    /// The share of the pending transactions that reach it, from 0 to 1.
    pub mempool_share: f64,
    /// The share of the forks that it follows, from 0 to 1.
    pub fork_share: f64,
    /// The lowest feerate it relays, in satoshi per 1,000 virtual bytes.
    pub relay_fee: u64,
    /// Whether it has seen enough blocks to estimate fees. One that started lately says -1.
    pub learned: bool,
}

impl Default for NodePlan {
    /// Well connected and up for long, with the relay fee that Bitcoin Core had until version 29.
    fn default() -> Self {
        Self {
            seed: 1,
            id: 0,
            delay: Duration::from_millis(400),
            jitter: Duration::from_millis(2_000),
            mempool_every: Duration::from_secs(5),
            mempool_share: 0.98,
            fork_share: 0.3,
            relay_fee: 1_000,
            learned: true,
        }
    }
}

impl NodePlan {
    pub(super) fn chance(&self, purpose: &str, number: u64) -> Chance {
        Chance::new(self.seed, purpose, &[self.id, number])
    }

    /// When it hears of a block. What was there at the beginning it knows from the beginning.
    pub(super) fn hears(&self, height: u32, found: SimTime) -> SimTime {
        if found == SimTime::START {
            return found;
        }
        found + self.delay + self.jitter.mul_f64(self.chance("jitter", height.into()).unit())
    }

    /// When it has a transaction in its mempool.
    pub(super) fn notices(&self, born: SimTime) -> SimTime {
        if born == SimTime::START {
            return born;
        }
        let (step, phase) = self.rhythm();
        let whole = (born + self.delay).as_millis().saturating_add(phase).div_ceil(step);
        SimTime::from_millis(whole.saturating_mul(step).saturating_sub(phase))
    }

    /// The number of moments so far at which it has taken in transactions.
    pub(super) fn steps(&self, now: SimTime) -> u64 {
        let (step, phase) = self.rhythm();
        now.as_millis().saturating_add(phase) / step
    }

    /// Milliseconds from one intake to the next, and how far into that time the world began.
    fn rhythm(&self) -> (u64, u64) {
        let step = u64::try_from(self.mempool_every.as_millis()).unwrap_or(u64::MAX).max(1);
        (step, mixed(self.seed, self.id) % step)
    }

    /// Whether a transaction reaches it and is let in.
    pub(super) fn takes(&self, txid: &Txid, feerate: f64) -> bool {
        let mut first = [0; 8];
        first.copy_from_slice(&txid.as_byte_array()[..8]);
        let lot = mixed(mixed(self.seed, self.id), u64::from_le_bytes(first));
        feerate * 1_000.0 >= self.relay_fee as f64 && lot as f64 / u64::MAX as f64 <= self.mempool_share
    }

    /// Whether it follows a fork.
    pub(super) fn follows(&self, common: u32) -> bool {
        self.chance("fork", common.into()).happens(self.fork_share)
    }
}
