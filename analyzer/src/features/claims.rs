//! What a host says of the chain and of the mempool's prices.
//!
//! Everything is kept by what we asked, and what is equal is kept once: what was said, how often in a row, and the
//! first and the second exchange that show it. Visits in another's name are left to the comparison of twins, except
//! that what contradicts itself does so whoever asked.

mod chains;
mod contradictions;
mod fees;
mod note;
mod said;
mod scripts;
mod tips;

use std::collections::BTreeMap;

use bitcoin::{BlockHash, OutPoint, Transaction, Txid};
use electrum::{Endpoint, Subnet, proof::ScriptHash};
use jiff::Timestamp;
use model::finding::Digest;
use serde::{Deserialize, Serialize};

use self::note::Own;
pub(crate) use self::note::{History, floor_of, header};
pub use self::{
    chains::Chains,
    contradictions::{Contradictions, Failure},
    fees::{Estimate, FeesSaid, Sample, TARGETS},
    note::Note,
    said::{Said, Variants},
    scripts::{Line, Lines, Told},
    tips::{TipSaid, Tips},
};

/// Rises when the same visits give other features.
pub(super) const VERSION: u32 = 4;

/// Most heights, scripts, transactions and outputs of one host that are remembered. Visits ask about fewer.
const MOST: usize = 1_024;

/// What a host says of the chain.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// Where it was last reached: servers in one neighbourhood, a /24 or for IPv6 a /32, have one voice, however many they
    /// are. Onions have no address, and no voice: they cost nothing.
    pub neighbourhood: Option<Subnet>,
    /// Of which chain its endpoints are.
    pub chains: Chains,
    /// Where the bytes of a visit contradict each other, or arithmetic.
    pub contradictions: Contradictions,
    /// Its best blocks.
    pub tips: Tips,
    /// Blocks by their height, as far below its tip as nothing is replaced.
    pub headers: BTreeMap<u32, Variants<BlockHash>>,
    /// Histories, as far below its tip.
    pub scripts: BTreeMap<ScriptHash, Variants<Told>>,
    /// What outputs are worth, in satoshis.
    pub outputs: BTreeMap<OutPoint, Variants<u64>>,
    /// Transactions that have the id they were asked for by. They prove themselves, whoever hands them out.
    pub transactions: BTreeMap<Txid, Proven>,
    /// Fee estimates.
    pub fees: FeesSaid,
}

/// A transaction that proved itself, as far as it is needed later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proven {
    /// What its outputs hold, in satoshis.
    pub values: Box<[u64]>,
    /// The exchange that it came in.
    pub digest: Digest,
}

impl Proven {
    /// From the transaction, and the exchange that it came in.
    #[must_use]
    pub fn new(transaction: &Transaction, digest: Digest) -> Self {
        Self { values: transaction.output.iter().map(|output| output.value.to_sat()).collect(), digest }
    }
}

impl Claims {
    /// Takes in what a visit to an endpoint says that began at a time. Visits come in the order of time.
    pub fn take(&mut self, endpoint: &Endpoint, at: Timestamp, note: &Note) {
        if let Some(another) = note.another {
            self.chains.take(endpoint, another);
        }
        self.contradictions.take(&note.tried);
        for (txid, proven) in &note.transactions {
            if self.transactions.len() < MOST {
                self.transactions.entry(*txid).or_insert_with(|| proven.clone());
            }
        }
        for (digest, outputs) in &note.outputs {
            for (outpoint, value) in outputs {
                if let Some(values) = entry(&mut self.outputs, *outpoint) {
                    values.say(*value, *digest);
                }
            }
        }
        if let Some(own) = &note.own {
            self.take_own(at, own);
        }
    }

    fn take_own(&mut self, at: Timestamp, own: &Own) {
        self.neighbourhood = own.voice.or(self.neighbourhood);
        if let Some((height, digest)) = own.tip {
            self.tips.take(at, height, digest);
        }
        let tip = own.tip.map(|(height, _)| height);
        self.fees.take(at, &own.fees, tip);
        for (height, hash, digest) in &own.headers {
            if let Some(hashes) = entry(&mut self.headers, *height) {
                hashes.say(*hash, *digest);
            }
        }
        // Without a tip there are no histories, and no floor.
        let Some(floor) = tip.map(note::floor) else { return };
        for history in &own.histories {
            if let Some(told) = entry(&mut self.scripts, history.script) {
                let known = told.latest().map(|said| &said.what.lines);
                let same = known.filter(|known| known[..] == history.lines[..]);
                let lines = same.map_or_else(|| Lines::from(&*history.lines), Lines::clone);
                told.say(Told { lines, floor }, history.digest);
            }
        }
    }
}

/// The place of a key, if there is room for it.
fn entry<K: Ord, V: Default>(map: &mut BTreeMap<K, V>, key: K) -> Option<&mut V> {
    (map.len() < MOST || map.contains_key(&key)).then(|| map.entry(key).or_default())
}

#[cfg(test)]
mod tests;
