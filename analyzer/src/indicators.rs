//! The indicators: what each means, how much it says, what innocent explanation there is, and when it is found.
//!
//! An indicator reads what the features and the comparison of servers hold ready; it computes no features itself.
//! To add one: add its entry to a table below, with a test that fires it and one that must not.

mod conduct;
mod falsified;

use model::{
    Finding,
    finding::{Digest, Indicator, Tier},
};

use crate::survey::Case;

/// One indicator.
#[derive(Debug)]
pub struct Definition {
    /// Its number.
    pub indicator: Indicator,
    /// How much it says.
    pub tier: Tier,
    /// Points of its tier: soft ones add up to a score of at most 29, medium ones from 30 to at most 79, hard ones
    /// from 80.
    pub weight: u8,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What else it may mean.
    pub caveat: &'static str,
    /// Whether a server shows it.
    pub find: fn(&Case<'_, '_>) -> Option<Found>,
}

/// What was seen of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// In plain words that accuse nobody: "consistent with", never "operated by". Printable.
    pub statement: String,
    /// What it rests on, not empty.
    pub evidence: Vec<Digest>,
}

impl Definition {
    /// The finding, if there is one.
    #[must_use]
    pub fn finding(&self, case: &Case<'_, '_>) -> Option<Finding> {
        let Found { statement, evidence } = (self.find)(case)?;
        let Self { indicator, tier, weight, .. } = *self;
        Some(Finding { indicator, tier, weight, statement, evidence })
    }
}

/// All indicators, in the order of their numbers.
pub fn catalogue() -> impl Iterator<Item = &'static Definition> {
    const TABLES: [&[Definition]; 2] = [falsified::TABLE, conduct::TABLE];
    TABLES.into_iter().flatten()
}
