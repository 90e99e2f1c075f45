//! What a node knows at one moment, and every question a server asks it.

use std::sync::Arc;

use bitcoin::{Transaction, Txid};
use electrum::proof::{HistoryItem, ScriptHash};

/// A transaction of the mempool that concerns a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MempoolItem {
    /// The transaction.
    pub txid: Txid,
    /// 0, or -1 where it spends an unconfirmed output.
    pub height: i64,
    /// In satoshi.
    pub fee: u64,
}

/// An output that nothing spends, neither in the chain nor in the mempool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unspent {
    /// The transaction that made it.
    pub txid: Txid,
    /// Its place among the outputs.
    pub vout: u32,
    /// The height of its block, 0 in the mempool.
    pub height: u32,
    /// In satoshi.
    pub value: u64,
}

/// A transaction of the mempool as the fee histogram sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MempoolEntry {
    /// The transaction.
    pub txid: Txid,
    /// In satoshi per virtual byte.
    pub feerate: f64,
    /// In virtual bytes.
    pub vsize: u64,
}

/// What a node knows at one moment. Cheap to clone; it does not change.
#[derive(Clone, Debug)]
pub struct View {}

impl View {
    /// The height of the tip.
    #[must_use]
    pub fn height(&self) -> u32 {
        todo!()
    }

    /// The header at a height; none above the tip.
    #[must_use]
    pub fn header(&self, height: u32) -> Option<[u8; 80]> {
        todo!("{height}")
    }

    /// The branch that leads from a header to the root over all headers up to `cp_height`, and that root, in the byte
    /// order of SHA-256 (which text reverses). None where `height <= cp_height <=` tip does not hold.
    #[must_use]
    pub fn header_proof(&self, height: u32, cp_height: u32) -> Option<(Vec<[u8; 32]>, [u8; 32])> {
        todo!("{height} {cp_height}")
    }

    /// The transaction at a position in a block.
    #[must_use]
    pub fn txid_at(&self, height: u32, position: u32) -> Option<Txid> {
        todo!("{height} {position}")
    }

    /// The position of a transaction in the block at a height; none where it is not there.
    #[must_use]
    pub fn position_of(&self, txid: &Txid, height: u32) -> Option<u32> {
        todo!("{txid} {height}")
    }

    /// The branch that leads from a transaction to its block's merkle root, in the byte order of SHA-256.
    #[must_use]
    pub fn merkle(&self, height: u32, position: u32) -> Option<Vec<[u8; 32]>> {
        todo!("{height} {position}")
    }

    /// A transaction of the chain or of the mempool.
    #[must_use]
    pub fn transaction(&self, txid: &Txid) -> Option<Arc<Transaction>> {
        todo!("{txid}")
    }

    /// The height of the block that holds a transaction.
    #[must_use]
    pub fn confirmed_height(&self, txid: &Txid) -> Option<u32> {
        todo!("{txid}")
    }

    /// The confirmed transactions that concern a script, in the order of the chain.
    #[must_use]
    pub fn history(&self, script: &ScriptHash) -> Vec<HistoryItem> {
        todo!("{script}")
    }

    /// The transactions of the mempool that concern a script, in the order of their ids' bytes.
    #[must_use]
    pub fn mempool_history(&self, script: &ScriptHash) -> Vec<MempoolItem> {
        todo!("{script}")
    }

    /// A script's outputs that nothing spends, neither in the chain nor in the mempool: those of the chain first, in
    /// its order.
    #[must_use]
    pub fn unspent(&self, script: &ScriptHash) -> Vec<Unspent> {
        todo!("{script}")
    }

    /// What a script holds in the chain, and what the mempool will change about it, in satoshi.
    #[must_use]
    pub fn balance(&self, script: &ScriptHash) -> (u64, i64) {
        todo!("{script}")
    }

    /// The feerate for confirmation within so many blocks, in BTC per 1,000 virtual bytes; none where the node says
    /// -1.
    #[must_use]
    pub fn estimate(&self, target: u32) -> Option<f64> {
        todo!("{target}")
    }

    /// The lowest feerate that the node relays, in BTC per 1,000 virtual bytes.
    #[must_use]
    pub fn relay_fee(&self) -> f64 {
        todo!()
    }

    /// The lowest feerate that the mempool takes now, in BTC per 1,000 virtual bytes.
    #[must_use]
    pub fn mempool_min_fee(&self) -> f64 {
        todo!()
    }

    /// What a replacement must pay on top, in BTC per 1,000 virtual bytes.
    #[must_use]
    pub fn incremental_fee(&self) -> f64 {
        todo!()
    }

    /// The mempool, the highest feerate first.
    #[must_use]
    pub fn mempool(&self) -> &[MempoolEntry] {
        todo!()
    }
}
