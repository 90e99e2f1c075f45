//! What the bytes of one visit prove or disprove by themselves: each proof names the exchanges it rests on and can be
//! followed step by step. Nothing here knows of other visits, and nothing is held against anybody: an honest server
//! may be caught in the middle of a reorganisation.

mod chain;
mod control;
mod scripts;
mod step;
#[cfg(test)]
pub(crate) mod tests;
mod words;

use std::fmt;

use bitcoin::{OutPoint, Txid};
use electrum::proof::ScriptHash;
use model::finding::Indicator;
use serde::{Deserialize, Serialize};

pub use self::step::{Shown, Step, Witness};
pub(crate) use self::{
    chain::{best, header, whole},
    control::is_control,
    scripts::{history, listed, outputs},
    words::of_refusal,
};
use crate::reading::Reading;

/// Blocks below a server's own tip from which on nothing is replaced.
pub const BURIED: u32 = 6;

/// A proof, or its failure.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof<'v> {
    /// What it is about.
    pub subject: Subject,
    /// The exchanges and messages that it rests on, at least one.
    pub rests_on: Vec<Witness<'v>>,
    /// Its steps, at least one.
    pub steps: Vec<Step>,
}

impl Proof<'_> {
    /// The first step that does not hold.
    #[must_use]
    pub fn failure(&self) -> Option<&Step> {
        self.steps.iter().find(|step| !step.holds)
    }
}

/// What a proof is about: the same for every visit in which it is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Subject {
    /// The words of errors.
    Error,
    /// A transaction that can never be mined is refused.
    Broadcast,
    /// The first block is the network's.
    Genesis,
    /// Somebody worked for the best block.
    Tip,
    /// Somebody worked for the block at a height.
    Header(u32),
    /// The first headers follow each other.
    Run,
    /// A header is in the tree over all headers up to another.
    Checkpoint(u32),
    /// The bytes of a transaction have its id.
    Transaction(Txid),
    /// A transaction is in its block.
    Branch(Txid),
    /// A transaction is at its place in a block.
    Place {
        /// The height of the block.
        height: u32,
        /// The place.
        position: u32,
    },
    /// The status of a script is the digest of its history.
    Status(ScriptHash),
    /// The balance of a script is the sum of its outputs.
    Balance(ScriptHash),
    /// An output is worth what its transaction says.
    Output(OutPoint),
    /// The history of a script lists what others list.
    History(ScriptHash),
    /// The block at a height is the one that others have.
    Block(u32),
    /// Nothing is known of a script that nobody ever used.
    Control,
}

impl Subject {
    /// The indicator that a lasting failure is.
    #[must_use]
    pub fn indicator(self) -> Indicator {
        Indicator::new(match self {
            Self::Error => 1,
            Self::Broadcast => 2,
            Self::Tip
            | Self::Header(_)
            | Self::Run
            | Self::Checkpoint(_)
            | Self::Transaction(_)
            | Self::Branch(_)
            | Self::Place { .. } => 3,
            Self::Status(_) | Self::Balance(_) => 4,
            Self::History(_) => 5,
            Self::Output(_) => 6,
            Self::Genesis | Self::Block(_) => 7,
            Self::Control => 8,
        })
    }

    /// Whether it is about blocks, of which other chains have others, made by other rules.
    #[must_use]
    pub fn is_of_a_chain(self) -> bool {
        matches!(self, Self::Tip | Self::Header(_) | Self::Run | Self::Checkpoint(_))
    }

    /// In how many visits in a row a proof must fail before no race explains it.
    #[must_use]
    pub fn patience(self) -> u32 {
        match self {
            // No block and no load makes a server write markup, take what spends nothing, have another first block,
            // hand out bytes with another hash, or a header that nobody worked for, or change what an output is worth.
            Self::Error
            | Self::Broadcast
            | Self::Genesis
            | Self::Tip
            | Self::Header(_)
            | Self::Run
            | Self::Transaction(_)
            | Self::Output(_) => 1,
            // A block may be replaced between a proof and the header it leads to. Deep visits are a quarter of an
            // hour apart.
            Self::Branch(_)
            | Self::Place { .. }
            | Self::Checkpoint(_)
            | Self::History(_)
            | Self::Block(_)
            | Self::Control => 2,
            // A transaction may arrive between two of the four answers. Five visits of a deep round ask for them.
            Self::Status(_) | Self::Balance(_) => 3,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error => f.write_str("words of an error"),
            Self::Broadcast => f.write_str("broadcast of a transaction that can never be mined"),
            Self::Genesis => f.write_str("first block"),
            Self::Tip => f.write_str("work for the best block"),
            Self::Header(height) => write!(f, "work for the block at height {height}"),
            Self::Run => f.write_str("run of the first headers"),
            Self::Checkpoint(height) => write!(f, "header at height {height} below a checkpoint"),
            Self::Transaction(txid) => write!(f, "transaction {txid}"),
            Self::Branch(txid) => write!(f, "merkle branch of transaction {txid}"),
            Self::Place { height, position } => {
                write!(f, "transaction at place {position} of the block at height {height}")
            }
            Self::Status(script) => write!(f, "status and history of script {script}"),
            Self::Balance(script) => write!(f, "balance and outputs of script {script}"),
            Self::Output(outpoint) => write!(f, "output {outpoint}"),
            Self::History(script) => write!(f, "history of script {script}"),
            Self::Block(height) => write!(f, "block at height {height}"),
            Self::Control => f.write_str("script that nobody ever used"),
        }
    }
}

/// Everything that can be proved or disproved from the bytes of one visit.
#[must_use]
pub fn proofs<'v>(reading: &Reading<'v>) -> Vec<Proof<'v>> {
    let kinds = [words::proofs, chain::proofs, scripts::proofs, control::proofs];
    kinds.into_iter().flat_map(|proofs| proofs(reading)).collect()
}
