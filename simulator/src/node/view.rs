//! What a node knows at one moment, and every question a server asks it.

use std::{fmt, num::NonZeroU64, sync::Arc};

use bitcoin::{OutPoint, Transaction, Txid, hashes::Hash as _};
use electrum::proof::{HistoryItem, ScriptHash};

use super::{estimator::Estimates, pool::Mempool, tip::Tip};
use crate::chain::{Chain, Coin, branch};

/// Satoshi in a bitcoin.
const BITCOIN: f64 = 100_000_000.0;

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
#[derive(Clone)]
pub struct View {
    pub(super) chain: Arc<Chain>,
    pub(super) tip: Tip,
    pub(super) pool: Arc<Mempool>,
    pub(super) estimates: Option<Estimates>,
    /// In satoshi per 1,000 virtual bytes.
    pub(super) relay_fee: u64,
    /// One in so many confirmed transactions is not there.
    pub(super) hidden: Option<NonZeroU64>,
}

impl fmt::Debug for View {
    /// Without the chain, which would fill a screen a thousand times.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("tip", &self.tip).finish_non_exhaustive()
    }
}

impl View {
    /// The same without one in so many confirmed transactions, where scripts are concerned: neither histories nor
    /// outputs nor balances show them. Which they are depends on nothing but themselves.
    pub(crate) fn hiding(&self, one_in: NonZeroU64) -> Self {
        Self { hidden: Some(one_in), ..self.clone() }
    }

    /// Whether a transaction is one of those, one in so many.
    pub(crate) fn is_chosen(txid: &Txid, one_in: NonZeroU64) -> bool {
        let mut first = [0; 8];
        first.copy_from_slice(&txid.as_byte_array()[..8]);
        u64::from_le_bytes(first).is_multiple_of(one_in.get())
    }

    fn hides(&self, txid: &Txid) -> bool {
        self.hidden.is_some_and(|one_in| Self::is_chosen(txid, one_in))
    }

    /// The height of the tip.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.tip.height()
    }

    /// The header at a height; none above the tip.
    #[must_use]
    pub fn header(&self, height: u32) -> Option<[u8; 80]> {
        self.tip.block(&self.chain, height).map(|block| block.header)
    }

    /// The branch that leads from a header to the root over all headers up to `cp_height`, and that root, in the byte
    /// order of SHA-256 (which text reverses). None where `height <= cp_height <=` tip does not hold.
    #[must_use]
    pub fn header_proof(&self, height: u32, cp_height: u32) -> Option<(Vec<[u8; 32]>, [u8; 32])> {
        if cp_height > self.height() {
            return None;
        }
        let (leaf, last) = (usize::try_from(height).ok()?, usize::try_from(cp_height).ok()?);
        let common = usize::try_from(self.tip.trunk).ok()? + 1;
        self.chain.forest.prove(leaf, last + 1, common, &self.tip.others(&self.chain))
    }

    /// The transaction at a position in a block.
    #[must_use]
    pub fn txid_at(&self, height: u32, position: u32) -> Option<Txid> {
        let block = self.tip.block(&self.chain, height)?;
        Some(block.payments.get(usize::try_from(position).ok()?)?.txid)
    }

    /// The position of a transaction in the block at a height; none where it is not there.
    #[must_use]
    pub fn position_of(&self, txid: &Txid, height: u32) -> Option<u32> {
        let (_, place) = self.tip.place(&self.chain, txid)?;
        (place.height == height).then_some(place.position)
    }

    /// The branch that leads from a transaction to its block's merkle root, in the byte order of SHA-256.
    #[must_use]
    pub fn merkle(&self, height: u32, position: u32) -> Option<Vec<[u8; 32]>> {
        branch(&self.tip.block(&self.chain, height)?.leaves(), usize::try_from(position).ok()?)
    }

    /// A transaction of the chain or of the mempool.
    #[must_use]
    pub fn transaction(&self, txid: &Txid) -> Option<Arc<Transaction>> {
        let confirmed = self.tip.place(&self.chain, txid);
        let (segment, place) =
            confirmed.or_else(|| Some((&self.chain.trunk, self.pool.get().place(txid)?)))?;
        Some(Arc::clone(&segment.payment(place)?.transaction))
    }

    /// The height of the block that holds a transaction.
    #[must_use]
    pub fn confirmed_height(&self, txid: &Txid) -> Option<u32> {
        self.tip.place(&self.chain, txid).map(|(_, place)| place.height)
    }

    /// The confirmed transactions that concern a script, in the order of the chain.
    #[must_use]
    pub fn history(&self, script: &ScriptHash) -> Vec<HistoryItem> {
        let runs = self.tip.runs(&self.chain);
        let items = runs.filter_map(|(segment, top)| {
            let places = segment.account(script)?.places.iter().take_while(move |place| place.height <= top);
            Some(places.filter_map(|place| {
                let txid = segment.payment(*place)?.txid;
                Some(HistoryItem { txid, height: place.height.into() })
            }))
        });
        items.flatten().filter(|item| !self.hides(&item.txid)).collect()
    }

    /// The transactions of the mempool that concern a script, in the order of their ids' bytes.
    #[must_use]
    pub fn mempool_history(&self, script: &ScriptHash) -> Vec<MempoolItem> {
        self.pool.change(script).map(|change| change.items.clone()).unwrap_or_default()
    }

    /// A script's outputs that nothing spends, neither in the chain nor in the mempool: those of the chain first, in
    /// its order.
    #[must_use]
    pub fn unspent(&self, script: &ScriptHash) -> Vec<Unspent> {
        let mut unspent = self.confirmed(script);
        let Some(change) = self.pool.change(script) else { return unspent };
        unspent.extend(&change.made);
        unspent.retain(|coin| !self.pool.get().spends(&OutPoint { txid: coin.txid, vout: coin.vout }));
        unspent
    }

    /// What a script holds in the chain, and what the mempool will change about it, in satoshi.
    #[must_use]
    pub fn balance(&self, script: &ScriptHash) -> (u64, i64) {
        let confirmed = self.confirmed(script).iter().map(|coin| coin.value).sum();
        let change = self.pool.change(script).map_or(0, |change| change.net);
        // Who hides a coin does not count it where it is spent.
        let spent = self
            .coins(script)
            .filter(|coin| self.hides(&coin.outpoint.txid) && self.pool.get().spends(&coin.outpoint));
        (confirmed, change.saturating_add_unsigned(spent.map(|coin| coin.value).sum()))
    }

    /// The feerate for confirmation within so many blocks, in BTC per 1,000 virtual bytes; none where the node says
    /// -1.
    #[must_use]
    pub fn estimate(&self, target: u32) -> Option<f64> {
        self.estimates.map(|estimates| bitcoin(estimates.feerate(target)))
    }

    /// The lowest feerate that the node relays, in BTC per 1,000 virtual bytes.
    #[must_use]
    pub fn relay_fee(&self) -> f64 {
        bitcoin(self.relay_fee)
    }

    /// The lowest feerate that the mempool takes now, in BTC per 1,000 virtual bytes.
    #[must_use]
    pub fn mempool_min_fee(&self) -> f64 {
        self.relay_fee()
    }

    /// What a replacement must pay on top, in BTC per 1,000 virtual bytes.
    #[must_use]
    pub fn incremental_fee(&self) -> f64 {
        self.relay_fee()
    }

    /// The mempool, the highest feerate first.
    #[must_use]
    pub fn mempool(&self) -> &[MempoolEntry] {
        self.pool.entries()
    }

    /// A script's outputs that nothing in the chain spends, as far as they are shown.
    fn confirmed(&self, script: &ScriptHash) -> Vec<Unspent> {
        let shown = self.coins(script).filter(|coin| !self.hides(&coin.outpoint.txid));
        shown
            .map(|coin| Unspent {
                txid: coin.outpoint.txid,
                vout: coin.outpoint.vout,
                height: coin.height,
                value: coin.value,
            })
            .collect()
    }

    /// A script's outputs that nothing in the chain spends.
    fn coins(&self, script: &ScriptHash) -> impl Iterator<Item = &Coin> {
        let runs = || self.tip.runs(&self.chain);
        let coins = runs().filter_map(|(segment, top)| {
            Some(segment.account(script)?.coins.iter().take_while(move |coin| coin.height <= top))
        });
        coins.flatten().filter(move |coin| !runs().any(|(segment, top)| segment.spends(&coin.outpoint, top)))
    }
}

/// Satoshi as bitcoins.
fn bitcoin(satoshi: u64) -> f64 {
    satoshi as f64 / BITCOIN
}
