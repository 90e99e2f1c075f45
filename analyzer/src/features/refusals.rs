//! What a host says to a transaction that no node can take: to us (E10), and to a client with the name of an old wallet
//! (E11).

use model::finding::Digest;

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong with it; none where it is a refusal as it should be.
    pub failure: Option<Step>,
    /// The exchange.
    pub evidence: Digest,
}

impl Refusals {
    /// Takes in a visit.
    pub fn take(&mut self, reading: &Reading<'_>) {
        let told = |probe| reading.of_probe(probe).filter_map(Refusal::of).last();
        self.ours = told("E10").or(self.ours.take());
        let was_wrong = self.disguised.as_ref().is_some_and(|refusal| refusal.failure.is_some());
        if !was_wrong {
            self.disguised = told("E11").or(self.disguised.take());
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
