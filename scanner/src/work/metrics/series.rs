//! Which servers have series of their own. A network of strangers decides how many servers there are; we decide how many
//! series.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use data_encoding::BASE32_NOPAD;
use electrum::Host;
use model::Outcome;
use prometheus::{IntCounter, IntGauge};
use sha2::{Digest as _, Sha256};

use super::{BUCKETS, PHASES};

/// The label of all servers that have none of their own.
pub(super) const OTHER: &str = "other";

/// Lanes in which servers are visited.
const LANES: usize = 3;
/// What one server may take: each phase's buckets, with infinity, sum and count; every outcome in each lane; tip and
/// certificate.
const PER_SERVER: usize = PHASES.len() * (BUCKETS.len() + 3) + LANES * Outcome::ALL.len() + 2;

/// Longer names are cut, and told apart by their digest.
const LONGEST: usize = 60;

/// Who has a label.
#[derive(Debug)]
pub(super) struct Series {
    most_servers: usize,
    labels: Mutex<HashMap<Host, Option<String>>>,
    used: IntGauge,
    folded: IntCounter,
}

impl Series {
    pub(super) fn new(most_series: usize, used: IntGauge, folded: IntCounter) -> Self {
        Self { most_servers: most_series / PER_SERVER, labels: Mutex::default(), used, folded }
    }

    /// The server's label. Who has been given one keeps it, so that its counters never go down.
    pub(super) fn label(&self, server: &Host) -> String {
        // Nobody panics while holding the lock.
        let mut labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(label) = labels.get(server) {
            return label.clone().unwrap_or_else(|| OTHER.to_owned());
        }
        let servers = labels.values().flatten().count();
        let label = (servers < self.most_servers).then(|| label(server));
        if label.is_some() {
            self.used.set(i64::try_from((servers + 1) * PER_SERVER).unwrap_or(i64::MAX));
        } else {
            self.folded.inc();
        }
        labels.insert(server.clone(), label.clone());
        label.unwrap_or_else(|| OTHER.to_owned())
    }
}

/// A server as a label: the canonical name; a long one cut, with a digest of the whole.
#[must_use]
pub fn label(server: &Host) -> String {
    let name = server.to_string();
    if name == OTHER {
        // Canonical names do not end so.
        return format!("{name}.");
    }
    if name.len() <= LONGEST {
        return name;
    }
    let digest = BASE32_NOPAD.encode(&Sha256::digest(&name)[..5]).to_lowercase();
    // Canonical names are ASCII.
    format!("{}~{digest}", name.get(..LONGEST - 9).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> Host {
        name.parse().expect("a host")
    }

    #[test]
    fn beyond_the_budget_servers_are_told_of_as_one_and_those_within_keep_their_label() {
        let (used, folded) = (IntGauge::new("a", "a").expect("a"), IntCounter::new("b", "b").expect("b"));
        let series = Series::new(2 * PER_SERVER + 1, used.clone(), folded.clone());
        let labels: Vec<String> = ["a.example", "b.example", "c.example", "a.example", "c.example"]
            .map(|name| series.label(&host(name)))
            .into();
        assert_eq!(labels, ["a.example", "b.example", OTHER, "a.example", OTHER]);
        assert_eq!((used.get(), folded.get()), (2 * i64::try_from(PER_SERVER).expect("few"), 1));
    }

    #[test]
    fn long_names_are_cut_and_still_told_apart() {
        let long = |last: &str| format!("{}.{}.{last}.example", "a".repeat(60), "b".repeat(60));
        let (one, other) = (label(&host(&long("one"))), label(&host(&long("two"))));
        assert!(one.len() <= LONGEST && other.len() <= LONGEST && one != other, "{one} {other}");
        assert_eq!(label(&host("electrum.example")), "electrum.example");
    }

    #[test]
    fn nobody_is_called_as_all_others_together() {
        assert_ne!(label(&host(OTHER)), OTHER);
    }
}
