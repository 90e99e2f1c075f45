//! The network in figures: how far it is in few hands, and what it is made of.
//!
//! Each figure follows from [`Member`]s alone, which are published beside it (docs/data.md), so that anybody may compute
//! it again.

mod concentration;
mod distributions;
mod members;

use std::collections::BTreeMap;

use serde::Serialize;

pub use concentration::{Concentration, Figure, Holder, Intervals};
pub use distributions::{Distributions, Share, SharedKey};
pub use members::Member;

/// How much a server counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weighting {
    /// Once for each host under which it is advertised.
    Adverts,
    /// A neighbourhood (/16 of IPv4, /48 of IPv6, all onions) counts once, whoever shares it.
    Buckets,
    /// By the chance that Electrum chooses it to ask about a wallet.
    Selection,
}

/// By what servers are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Dimension {
    /// By who runs them, as far as evidence and declarations go.
    #[serde(rename = "operator")]
    Operator,
    /// By the autonomous system that they are in.
    #[serde(rename = "as")]
    System,
    /// By country.
    #[serde(rename = "country")]
    Country,
    /// By the software that they speak like.
    #[serde(rename = "software")]
    Software,
}

/// How far the network is in few hands, by every weighting and every dimension.
pub type Centralisation = BTreeMap<Weighting, BTreeMap<Dimension, Concentration>>;

/// The network in figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// What the figures are computed from, server by server, in the order of the assessments.
    pub members: Vec<Member>,
    /// How far the network is in few hands.
    pub centralisation: Centralisation,
    /// What it is made of.
    pub distributions: Distributions,
}
