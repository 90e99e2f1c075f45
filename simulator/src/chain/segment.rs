//! A run of blocks and all that is looked up in it: by height, by transaction, by script, by output.

use std::{collections::HashMap, sync::Arc};

use bitcoin::{
    BlockHash, OutPoint, Transaction, Txid, block::Header, consensus::serialize, hashes::Hash as _,
};
use electrum::proof::ScriptHash;

use super::tree::Digest;

/// A transaction, and what of it takes a look at others to know.
#[derive(Clone, Debug)]
pub(crate) struct Payment {
    pub(crate) transaction: Arc<Transaction>,
    pub(crate) txid: Txid,
    /// In satoshi.
    pub(crate) fee: u64,
    /// In virtual bytes.
    pub(crate) vsize: u64,
    /// What each input spends: the script it was locked with, and its value in satoshi.
    pub(crate) spends: Vec<(ScriptHash, u64)>,
    /// The script of each output.
    pub(crate) pays: Vec<ScriptHash>,
}

impl Payment {
    pub(crate) fn new(transaction: Transaction, spends: Vec<(ScriptHash, u64)>) -> Self {
        let output: u64 = transaction.output.iter().map(|output| output.value.to_sat()).sum();
        let input: u64 = spends.iter().map(|(_, value)| value).sum();
        Self {
            txid: transaction.compute_txid(),
            // What a coinbase makes is no fee.
            fee: input.saturating_sub(output),
            vsize: transaction.vsize() as u64,
            pays: transaction.output.iter().map(|output| ScriptHash::of(&output.script_pubkey)).collect(),
            transaction: Arc::new(transaction),
            spends,
        }
    }

    /// In satoshi per virtual byte.
    pub(crate) fn feerate(&self) -> f64 {
        self.fee as f64 / self.vsize as f64
    }

    /// The outputs it spends, with the script each was locked with and its value.
    pub(crate) fn spent(&self) -> impl Iterator<Item = (OutPoint, ScriptHash, u64)> {
        let inputs = self.transaction.input.iter().zip(&self.spends);
        inputs.map(|(input, (script, value))| (input.previous_output, *script, *value))
    }

    /// The outputs it makes, with the script each is locked with and its value.
    pub(crate) fn made(&self) -> impl Iterator<Item = (OutPoint, ScriptHash, u64)> {
        let outputs = (0..).zip(self.transaction.output.iter().zip(&self.pays));
        outputs.map(|(vout, (output, script))| {
            (OutPoint { txid: self.txid, vout }, *script, output.value.to_sat())
        })
    }
}

/// A block.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) header: [u8; 80],
    pub(crate) hash: BlockHash,
    pub(crate) payments: Vec<Payment>,
}

impl Block {
    pub(crate) fn new(header: &Header, payments: Vec<Payment>) -> Self {
        let mut bytes = [0; 80];
        bytes.copy_from_slice(&serialize(header));
        Self { header: bytes, hash: header.block_hash(), payments }
    }

    /// The ids of its transactions, as the leaves of its merkle tree.
    pub(crate) fn leaves(&self) -> Vec<Digest> {
        self.payments.iter().map(|payment| payment.txid.to_byte_array()).collect()
    }
}

/// Where a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) height: u32,
    pub(crate) position: u32,
}

/// An output that pays to a script.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coin {
    pub(crate) outpoint: OutPoint,
    pub(crate) height: u32,
    /// In satoshi.
    pub(crate) value: u64,
}

/// What concerns a script, in the order of the chain.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    pub(crate) places: Vec<Place>,
    pub(crate) coins: Vec<Coin>,
}

/// A run of blocks.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    first: u32,
    blocks: Vec<Block>,
    places: HashMap<Txid, Place>,
    accounts: HashMap<ScriptHash, Account>,
    /// Outputs that are spent here, with the height where they are.
    spent: HashMap<OutPoint, u32>,
}

impl Segment {
    /// An empty run whose first block will have this height.
    pub(crate) fn new(first: u32) -> Self {
        Self {
            first,
            blocks: Vec::new(),
            places: HashMap::new(),
            accounts: HashMap::new(),
            spent: HashMap::new(),
        }
    }

    /// Adds the next block.
    pub(crate) fn push(&mut self, block: Block) {
        let height = self.next();
        // Bitcoin's first coinbase cannot be spent, and full nodes do not find it.
        let payments = block.payments.iter().filter(|_| height > 0);
        for (position, payment) in (0..).zip(payments) {
            let place = Place { height, position };
            self.places.insert(payment.txid, place);
            for (outpoint, script, _) in payment.spent() {
                self.spent.insert(outpoint, height);
                self.concern(script, place);
            }
            for (outpoint, script, value) in payment.made() {
                self.concern(script, place).coins.push(Coin { outpoint, height, value });
            }
        }
        self.blocks.push(block);
    }

    fn concern(&mut self, script: ScriptHash, place: Place) -> &mut Account {
        let account = self.accounts.entry(script).or_default();
        if account.places.last() != Some(&place) {
            account.places.push(place);
        }
        account
    }

    /// The height of the block that is added next.
    pub(crate) fn next(&self) -> u32 {
        self.first + u32::try_from(self.blocks.len()).unwrap_or(u32::MAX)
    }

    /// The block at a height.
    pub(crate) fn block(&self, height: u32) -> Option<&Block> {
        self.blocks.get(usize::try_from(height.checked_sub(self.first)?).ok()?)
    }

    /// The blocks in their order.
    pub(crate) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// Where a transaction is.
    pub(crate) fn place(&self, txid: &Txid) -> Option<Place> {
        self.places.get(txid).copied()
    }

    /// The transaction at a place.
    pub(crate) fn payment(&self, place: Place) -> Option<&Payment> {
        self.block(place.height)?.payments.get(usize::try_from(place.position).ok()?)
    }

    /// What concerns a script.
    pub(crate) fn account(&self, script: &ScriptHash) -> Option<&Account> {
        self.accounts.get(script)
    }

    /// Whether an output is spent up to a height.
    pub(crate) fn spends(&self, outpoint: &OutPoint, tip: u32) -> bool {
        self.spent.get(outpoint).is_some_and(|height| *height <= tip)
    }
}
