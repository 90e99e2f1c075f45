//! What one full node sees of the chain, and what it adds: its mempool, its estimates, its policy.
//!
//! Nodes are apart from servers because several servers may stand before one node, and to find that out is what the
//! observatory is for. What a node says is a pure function of its plan, the chain and the moment. It speaks no
//! protocol.

mod estimator;
mod plan;
mod pool;
mod tip;
mod view;

use std::sync::{Arc, Mutex, PoisonError};

use self::{
    estimator::Estimates,
    pool::{Mempool, Pool},
    tip::Tip,
};
use crate::{SimTime, chain::Chain};

pub use self::{
    plan::NodePlan,
    view::{MempoolEntry, MempoolItem, Unspent, View},
};

/// A full node.
#[derive(Debug)]
pub struct Node {
    plan: NodePlan,
    chain: Arc<Chain>,
    /// The mempool last asked for: many ask for the same moment.
    latest: Mutex<Option<Snapshot>>,
}

#[derive(Debug)]
struct Snapshot {
    tip: Tip,
    steps: u64,
    pool: Arc<Mempool>,
}

impl Node {
    /// A node on a chain.
    #[must_use]
    pub fn new(plan: NodePlan, chain: Arc<Chain>) -> Self {
        Self { plan, chain, latest: Mutex::new(None) }
    }

    /// What the node is like.
    #[must_use]
    pub fn plan(&self) -> &NodePlan {
        &self.plan
    }

    /// The chain it is on.
    #[must_use]
    pub fn chain(&self) -> &Arc<Chain> {
        &self.chain
    }

    /// What the node knows at a moment. Cheap where it was asked for the same moment before.
    #[must_use]
    pub fn view(&self, now: SimTime) -> View {
        let tip = Tip::at(&self.plan, &self.chain, now);
        let learned = self.plan.learned;
        View {
            chain: Arc::clone(&self.chain),
            tip,
            pool: self.pool(tip, now),
            estimates: learned.then(|| Estimates::at(&self.plan, self.chain.plan().seed, tip.height())),
            relay_fee: self.plan.relay_fee,
            hidden: None,
        }
    }

    /// When something that clients are told of may change next: the tip, or what the mempool holds of scripts. It may
    /// turn out to be the same as before, but nothing changes earlier. None when nothing changes any more.
    #[must_use]
    pub fn next_change(&self, now: SimTime) -> Option<SimTime> {
        let tip = Tip::at(&self.plan, &self.chain, now);
        let block = Tip::next(&self.plan, &self.chain, now)?;
        let after = SimTime::from_millis(now.as_millis().saturating_add(1));
        tip::earlier(Some(block), Pool::next(&self.plan, &self.chain, tip, after, block))
    }

    fn pool(&self, tip: Tip, now: SimTime) -> Arc<Mempool> {
        let steps = self.plan.steps(now);
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        match &*latest {
            Some(known) if known.tip == tip && known.steps == steps => Arc::clone(&known.pool),
            _ => {
                let pool = Arc::new(Mempool::new(self.plan.clone(), Arc::clone(&self.chain), tip, now));
                *latest = Some(Snapshot { tip, steps, pool: Arc::clone(&pool) });
                pool
            }
        }
    }
}
