//! Chains and nodes that several tests look at.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bitcoin::{Block, Transaction, Txid, block::Header, consensus::deserialize};
use electrum::proof::ScriptHash;
use simulator::{
    SimTime,
    chain::{Chain, ChainPlan, ForkPlan},
    node::{Node, NodePlan, View},
};

/// The chain that everybody gets, made once.
pub(crate) fn usual() -> Arc<Chain> {
    static CHAIN: OnceLock<Arc<Chain>> = OnceLock::new();
    Arc::clone(CHAIN.get_or_init(|| generate(&ChainPlan::default())))
}

pub(crate) fn generate(plan: &ChainPlan) -> Arc<Chain> {
    Arc::new(Chain::generate(plan).expect("a chain"))
}

/// A chain that is made in no time, with a fork of every depth.
pub(crate) fn small(seed: u64) -> ChainPlan {
    let fork = |after, depth| ForkPlan { after, depth };
    ChainPlan {
        seed,
        blocks: 140,
        ahead: 20,
        histories: vec![1, 2, 3, 10],
        crowd: 20,
        forks: vec![fork(2, 1), fork(5, 2), fork(10, 3)],
        ..ChainPlan::default()
    }
}

pub(crate) fn node(chain: &Arc<Chain>, id: u64) -> Node {
    Node::new(NodePlan { id, ..NodePlan::default() }, Arc::clone(chain))
}

/// A node that follows every fork, or none.
pub(crate) fn on_forks(chain: &Arc<Chain>, fork_share: f64) -> Node {
    Node::new(NodePlan { fork_share, mempool_share: 1.0, ..NodePlan::default() }, Arc::clone(chain))
}

pub(crate) fn seconds(seconds: u64) -> SimTime {
    SimTime::START + Duration::from_secs(seconds)
}

/// The moment at which everybody has heard of the last block.
pub(crate) fn end(chain: &Chain) -> SimTime {
    chain.found(chain.last()).expect("a last block") + Duration::from_secs(60)
}

pub(crate) fn header(view: &View, height: u32) -> Header {
    deserialize(&view.header(height).expect("a header")).expect("80 bytes")
}

pub(crate) fn headers(view: &View) -> Vec<Header> {
    (0..=view.height()).map(|height| header(view, height)).collect()
}

pub(crate) fn txids(view: &View, height: u32) -> Vec<Txid> {
    (0..).map_while(|position| view.txid_at(height, position)).collect()
}

/// A block above the first, put together again.
pub(crate) fn block(view: &View, height: u32) -> Block {
    let transaction = |txid: &Txid| Transaction::clone(&view.transaction(txid).expect("a transaction"));
    Block { header: header(view, height), txdata: txids(view, height).iter().map(transaction).collect() }
}

/// All scripts that are paid in blocks above the first.
pub(crate) fn scripts(view: &View) -> Vec<ScriptHash> {
    let blocks = (1..=view.height()).map(|height| block(view, height));
    let outputs = blocks.flat_map(|block| block.txdata).flat_map(|transaction| transaction.output);
    let mut scripts: Vec<ScriptHash> = outputs.map(|output| ScriptHash::of(&output.script_pubkey)).collect();
    scripts.sort();
    scripts.dedup();
    scripts
}
