//! What a host says of the chain and of the mempool's prices.
//!
//! Everything is kept by what we asked, and what is equal is kept once: what was said, how often in a row, and the
//! first and the second exchange that show it. Visits in another's name are left to the comparison of twins, except
//! that what contradicts itself does so whoever asked.

mod chains;
mod contradictions;
mod fees;
mod said;
mod scripts;
mod tips;

use std::{collections::BTreeMap, net::IpAddr};

use bitcoin::{BlockHash, OutPoint, Transaction, Txid};
use electrum::{Subnet, proof::ScriptHash};
use model::{
    Purpose, Visit,
    finding::Digest,
    purpose::{Arm, Factor},
};

pub use self::{
    chains::Chains,
    contradictions::{Contradictions, Failure},
    fees::{Estimate, FeesSaid, Sample, TARGETS},
    said::{Said, Variants},
    scripts::{Lines, Told, buried},
    tips::{TipSaid, Tips},
};
use crate::{
    proof::{self, BURIED},
    reading::{Reading, Turn},
};

/// Rises when the same visits give other features.
pub(super) const VERSION: u32 = 3;

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
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Takes in a visit. Visits come in the order of time.
    pub fn take(&mut self, reading: &Reading<'_>) {
        let mut proofs = proof::proofs(reading);
        let strays = self.chains.take(&reading.visit.endpoint, &proofs);
        // Of another chain its blocks are told by other rules, and are nothing that is said of this one.
        proofs.retain(|proof| !(strays && proof.subject.is_of_a_chain()));
        self.contradictions.take(proofs);
        for turn in &reading.turns {
            if let Some(transaction) = proof::whole(turn)
                && self.transactions.len() < MOST
            {
                let txid = transaction.compute_txid();
                self.transactions.entry(txid).or_insert_with(|| Proven::new(&transaction, turn.digest()));
            }
            for output in proof::outputs(turn).into_iter().flatten() {
                if let Some(values) = entry(&mut self.outputs, output.outpoint) {
                    values.say(output.value.to_sat(), || turn.digest());
                }
            }
        }
        if strays || !in_our_own_name(reading.visit) {
            return;
        }
        self.neighbourhood = reading.visit.peer.map(|peer| voice(peer.ip())).or(self.neighbourhood);
        let tip = self.tips.take(reading);
        self.fees.take(reading, tip);
        let Some(tip) = tip else { return };
        let floor = tip.saturating_sub(BURIED);
        for turn in reading.turns.iter().filter(|turn| !proof::is_control(turn)) {
            self.take_buried(turn, floor);
        }
    }

    /// Takes in what is buried of a block or a history.
    fn take_buried(&mut self, turn: &Turn<'_>, floor: u32) {
        let header = proof::header(turn).filter(|(height, _)| *height <= floor);
        if let Some((height, header)) = header
            && let Some(hashes) = entry(&mut self.headers, height)
        {
            hashes.say(header.block_hash(), || turn.digest());
        }
        let lines = proof::history(turn).and_then(|items| buried(&items, floor));
        if let (Some(script), Some(lines)) = (turn.script(), lines)
            && let Some(told) = entry(&mut self.scripts, script)
        {
            let same = told.latest().map(|said| &said.what.lines).filter(|known| **known == lines);
            let lines = same.map_or(lines, Lines::clone);
            told.say(Told { lines, floor }, || turn.digest());
        }
    }
}

/// The neighbourhood that an address speaks for. Of IPv6 it is what a provider is given: a customer is given a /48, and
/// whoever pays a little gets 256 of them.
fn voice(ip: IpAddr) -> Subnet {
    match Subnet::from(ip) {
        Subnet::V6([a, b, c, d, ..]) => Subnet::V6([a, b, c, d, 0, 0]),
        voice @ Subnet::V4(_) => voice,
    }
}

/// The place of a key, if there is room for it.
fn entry<K: Ord, V: Default>(map: &mut BTreeMap<K, V>, key: K) -> Option<&mut V> {
    (map.len() < MOST || map.contains_key(&key)).then(|| map.entry(key).or_default())
}

/// Whether a visit was made as the observatory, over the usual network: not the other arm of twins.
fn in_our_own_name(visit: &Visit) -> bool {
    match &visit.purpose {
        Purpose::Twin(twin) => twin.arm == Arm::A || twin.factor == Factor::AddressFamily,
        purpose => purpose.describes(),
    }
}

#[cfg(test)]
mod tests;
