//! What one visit says of the chain.

use std::net::IpAddr;

use bitcoin::{BlockHash, OutPoint, Txid};
use electrum::{Subnet, proof::ScriptHash};
use model::{
    Purpose, Visit,
    finding::Digest,
    purpose::{Arm, Factor},
};
use serde::{Deserialize, Serialize};

use super::{
    Proven, chains,
    contradictions::Tried,
    fees::{self, Estimates},
    scripts::{Line, buried},
    tips,
};
use crate::{
    proof::{self, BURIED},
    reading::{Reading, Turn},
};

/// What one visit says of the chain and of the mempool's prices.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// Whether it met another chain; none where nothing was called the first block.
    pub(super) another: Option<bool>,
    /// What it tried to prove, in the order of the subjects.
    pub(super) tried: Vec<Tried>,
    /// Transactions that have the id they were asked for by.
    pub(super) transactions: Vec<(Txid, Proven)>,
    /// What outputs are worth, in satoshis, by the exchanges that show it.
    pub(super) outputs: Vec<(Digest, Vec<(OutPoint, u64)>)>,
    /// None in another's name, nor of another chain.
    pub(super) own: Option<Own>,
}

/// What is told to us of our chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Own {
    /// The neighbourhood that was reached.
    pub(super) voice: Option<Subnet>,
    /// The best block, and the exchange that shows it.
    pub(super) tip: Option<(u32, Digest)>,
    pub(super) fees: Estimates,
    /// Blocks by their height that are buried below that best block, and the exchanges that show them.
    pub(super) headers: Vec<(u32, BlockHash, Digest)>,
    pub(super) histories: Vec<History>,
}

/// What is buried of the history of a script.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct History {
    pub(crate) script: ScriptHash,
    /// In the order of the ids.
    pub(crate) lines: Box<[Line]>,
    /// The exchange that shows it.
    pub(super) digest: Digest,
}

impl Note {
    pub(crate) fn of(reading: &Reading<'_>) -> Self {
        let mut proofs = proof::proofs(reading);
        let another = chains::another(&proofs);
        let strays = another == Some(true);
        // Of another chain its blocks are told by other rules, and are nothing that is said of this one.
        proofs.retain(|proof| !(strays && proof.subject.is_of_a_chain()));
        Self {
            another,
            tried: Tried::all(proofs),
            transactions: reading.turns.iter().filter_map(transaction).collect(),
            outputs: reading.turns.iter().filter_map(outputs).collect(),
            own: (!strays && in_our_own_name(reading.visit)).then(|| Own::of(reading)),
        }
    }
}

impl Own {
    fn of(reading: &Reading<'_>) -> Self {
        let mut own = Self {
            voice: reading.visit.peer.map(|peer| voice(peer.ip())),
            tip: tips::told(reading),
            fees: fees::told(reading),
            headers: Vec::new(),
            histories: Vec::new(),
        };
        let Some(floor) = own.tip.map(|(tip, _)| floor(tip)) else { return own };
        for turn in reading.turns.iter().filter(|turn| !proof::is_control(turn)) {
            own.headers.extend(header(turn, floor));
            own.histories.extend(History::of(turn, floor));
        }
        own
    }
}

impl History {
    /// As it is told, down to a height.
    pub(crate) fn of(turn: &Turn<'_>, floor: u32) -> Option<Self> {
        let lines = buried(&proof::history(turn)?, floor)?;
        Some(Self { script: turn.script()?, lines, digest: turn.digest() })
    }
}

/// The height down to which nothing is replaced any more, by the height of the best block.
pub(super) fn floor(tip: u32) -> u32 {
    tip.saturating_sub(BURIED)
}

/// The height and hash of the block that was asked for, if it is buried, and the exchange that shows it.
pub(crate) fn header(turn: &Turn<'_>, floor: u32) -> Option<(u32, BlockHash, Digest)> {
    let (height, header) = proof::header(turn).filter(|(height, _)| *height <= floor)?;
    Some((height, header.block_hash(), turn.digest()))
}

/// The height down to which nothing is replaced any more, by the best block that a visit was told.
pub(crate) fn floor_of(reading: &Reading<'_>) -> Option<u32> {
    tips::told(reading).map(|(tip, _)| floor(tip))
}

fn transaction(turn: &Turn<'_>) -> Option<(Txid, Proven)> {
    let transaction = proof::whole(turn)?;
    Some((transaction.compute_txid(), Proven::new(&transaction, turn.digest())))
}

fn outputs(turn: &Turn<'_>) -> Option<(Digest, Vec<(OutPoint, u64)>)> {
    let outputs = proof::outputs(turn).filter(|outputs| !outputs.is_empty())?;
    let worth = outputs.iter().map(|output| (output.outpoint, output.value.to_sat()));
    Some((turn.digest(), worth.collect()))
}

/// The neighbourhood that an address speaks for. Of IPv6 it is what a provider is given: a customer is given a /48, and
/// whoever pays a little gets 256 of them.
fn voice(ip: IpAddr) -> Subnet {
    match Subnet::from(ip) {
        Subnet::V6([a, b, c, d, ..]) => Subnet::V6([a, b, c, d, 0, 0]),
        voice @ Subnet::V4(_) => voice,
    }
}

/// Whether a visit was made as the observatory, over the usual network: not the other arm of twins.
fn in_our_own_name(visit: &Visit) -> bool {
    match &visit.purpose {
        Purpose::Twin(twin) => twin.arm == Arm::A || twin.factor == Factor::AddressFamily,
        purpose => purpose.describes(),
    }
}
