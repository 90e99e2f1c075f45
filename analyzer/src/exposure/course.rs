//! How the knowledge of operators grows, session by session, for one way to use a wallet.

use serde::Serialize;

use super::Setting;

/// How the knowledge of operators grows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Course {
    /// How the wallet is used.
    pub setting: Setting,
    /// The operators that learn most, at most eight, the one that learns most first.
    pub operators: Vec<Curve>,
    /// After each session, how many operators know the wallet's addresses on average.
    pub distinct: Vec<f64>,
    /// After each session, how many operators saw that it is there on average.
    pub present: Vec<f64>,
}

/// What one operator comes to know.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    /// Who, as [`crate::figures::Member::operator`] has it.
    pub operator: String,
    /// Hosts that are his.
    pub hosts: usize,
    /// After each session, the probability that he was asked about the wallet's addresses.
    pub learns: Vec<f64>,
    /// After each session, the probability that the wallet connected to him.
    pub sees: Vec<f64>,
}
