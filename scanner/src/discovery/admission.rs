//! What may be admitted to the frontier, and what came of a list that asked for it.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::server::Server;

/// How much is believed of what is told.
///
/// Only `total` and `onion` bind what the user names in person or in a file; all of them bind gossip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Servers that one other server may introduce, over all its lists together. Default 500.
    pub per_source: usize,
    /// Servers that one other server may introduce together with all those it introduced, and those they
    /// introduced, and so on. Without it one hostile server makes up a name, answers under that name,
    /// and has another `per_source` to give. Default 2,000.
    pub per_lineage: usize,
    /// Servers in one /24 (IPv4) or /48 (IPv6), by literal or claimed address. Default 64.
    pub per_subnet: usize,
    /// Servers in all. Default 20,000.
    pub total: usize,
    /// Endpoints of one server; 0 is taken for 1. Default 8.
    pub endpoints_per_server: usize,
    /// Sources remembered for each server; the first is the one that introduced it. Default 16.
    pub sources_per_server: usize,
    /// Whether there is a Tor proxy to reach onion servers through. Default no.
    pub onion: bool,
}

impl Default for Caps {
    fn default() -> Self {
        Self {
            per_source: 500,
            per_lineage: 2_000,
            per_subnet: 64,
            total: 20_000,
            endpoints_per_server: 8,
            sources_per_server: 16,
            onion: false,
        }
    }
}

/// Why a listing was not admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// Its address, literal or claimed, is one that is never dialled.
    Address,
    /// An onion, and no proxy to reach it through.
    Onion,
    /// The frontier holds [`Caps::total`] servers.
    Total,
    /// The source has introduced [`Caps::per_source`] servers.
    Source,
    /// The source, or one of those through which it became known, has used up [`Caps::per_lineage`].
    Lineage,
    /// The subnet holds [`Caps::per_subnet`] servers.
    Subnet,
}

impl Refusal {
    /// The name in logs and metric labels.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Onion => "onion",
            Self::Total => "total",
            Self::Source => "source",
            Self::Lineage => "lineage",
            Self::Subnet => "subnet",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How many listings were refused, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Refusals(BTreeMap<Refusal, usize>);

impl Refusals {
    /// How many for this reason.
    #[must_use]
    pub fn count(&self, reason: Refusal) -> usize {
        self.0.get(&reason).copied().unwrap_or_default()
    }

    /// How many in all.
    #[must_use]
    pub fn total(&self) -> usize {
        self.0.values().sum()
    }

    /// The reasons that occurred, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (Refusal, usize)> {
        self.0.iter().map(|(reason, count)| (*reason, *count))
    }

    /// Adds those of another list.
    pub fn merge(&mut self, others: &Self) {
        for (reason, count) in others.iter() {
            *self.0.entry(reason).or_default() += count;
        }
    }

    pub(crate) fn add(&mut self, reason: Refusal) {
        *self.0.entry(reason).or_default() += 1;
    }
}

/// What came of one list. Every listing is counted once: `new`, `known` or `refused`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// Servers nobody had told us of, with all their endpoints.
    pub new: Vec<Server>,
    /// Servers that were known, with those endpoints only that were not.
    pub changed: Vec<Server>,
    /// Listings of servers that were known, or had come earlier in the same list.
    pub known: usize,
    /// Listings that were turned away.
    pub refused: Refusals,
    /// Endpoints there was no room for at servers that were admitted ([`Caps::endpoints_per_server`]).
    pub endpoints_left_out: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_one_name_everywhere() {
        let mut refused = Refusals::default();
        for reason in [
            Refusal::Address,
            Refusal::Onion,
            Refusal::Total,
            Refusal::Source,
            Refusal::Lineage,
            Refusal::Subnet,
        ] {
            let json = serde_json::to_string(&reason).expect("JSON");
            assert_eq!(json, format!("\"{reason}\""));
            refused.add(reason);
        }
        refused.add(Refusal::Onion);
        assert_eq!((refused.total(), refused.count(Refusal::Onion), refused.iter().count()), (7, 2, 6));
    }
}
