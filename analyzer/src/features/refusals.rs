//! What a host says to a transaction that no node can take: to us (E10), and to a client with the name of an old wallet
//! (E11).

use model::finding::Digest;
use serde::{Deserialize, Serialize};

use crate::{
    proof::{self, Step},
    reading::{Reading, Turn},
};

/// Rises when the same visits give other features.
pub(super) const VERSION: u32 = 1;

/// What a host says to a transaction that no node can take.
#[derive(Clone, Debug, Default)]
pub struct Refusals {
    /// To us, the latest time.
    pub ours: Option<Refusal>,
    /// To an old wallet: the first time that it was no refusal as it should be, else the latest.
    pub disguised: Option<Refusal>,
}

/// An answer to a transaction that no node can take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What is wrong with it; none where it is a refusal as it should be.
    pub failure: Option<Step>,
    /// The exchange.
    pub evidence: Digest,
}

/// What one visit was told, the last time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Note {
    ours: Option<Refusal>,
    disguised: Option<Refusal>,
}

impl Note {
    pub(crate) fn of(reading: &Reading<'_>) -> Self {
        let told = |probe| reading.of_probe(probe).filter_map(Refusal::of).last();
        Self { ours: told("E10"), disguised: told("E11") }
    }
}

impl Refusals {
    /// Takes in what a visit was told.
    pub fn take(&mut self, note: &Note) {
        if note.ours.is_some() {
            self.ours.clone_from(&note.ours);
        }
        let was_wrong = self.disguised.as_ref().is_some_and(|refusal| refusal.failure.is_some());
        if !was_wrong && note.disguised.is_some() {
            self.disguised.clone_from(&note.disguised);
        }
    }
}

impl Refusal {
    fn of(turn: &Turn<'_>) -> Option<Self> {
        turn.answer()?;
        let failure = proof::of_refusal(turn).iter().find_map(|proof| proof.failure().cloned());
        Some(Self { failure, evidence: turn.digest() })
    }
}
