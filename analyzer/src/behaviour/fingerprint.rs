//! How a server behaves, as answers to questions that every server of its software was asked.

use std::collections::BTreeMap;

use crate::{features::identity, mark::Mark, server::Server};

/// How a server behaves.
///
/// What it claims as its version is no part of it: who has not updated yet is no outlier.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint {
    /// The software that it is compared within.
    pub stratum: Box<str>,
    seen: BTreeMap<Mark, Mark>,
}

impl Fingerprint {
    /// What visits show; none of a server that never named its software.
    #[must_use]
    pub fn of(server: &Server<'_>) -> Option<Self> {
        let software = server.dossiers().find_map(|dossier| dossier.identity.software.latest())?;
        let mut this = Self::new(identity::program(&software.value));
        for dossier in server.dossiers() {
            for (hello, answer) in &dossier.tls.stack {
                this.add(hello, &answer.to_bytes());
            }
            if let Some(version) = &dossier.tls.version {
                this.add("TLS version", version.as_bytes());
            }
            if let Some(leaf) = dossier.tls.leaves.latest().map(|span| &span.value) {
                this.add("self-signed", &[u8::from(leaf.self_signed)]);
            }
            if let Some(fee) = dossier.node.relay_fee {
                this.add("relay fee", &fee.to_le_bytes());
            }
            let declared = dossier.identity.declared.latest().map(|span| &span.value);
            if let Some([lowest, _]) = declared.and_then(|declared| declared.protocol.as_ref()) {
                this.add("lowest protocol", lowest.as_bytes());
            }
            if let Some(peers) = &dossier.place.peers {
                this.add("names peers", &[u8::from(!peers.hosts().is_empty())]);
            }
        }
        Some(this)
    }

    /// Of a software, with nothing asked yet.
    #[must_use]
    pub fn new(stratum: &str) -> Self {
        Self { stratum: stratum.into(), seen: BTreeMap::new() }
    }

    /// Adds an answer to a question. Of two answers to one the first counts.
    pub fn add(&mut self, question: &str, answer: &[u8]) {
        self.seen.entry(Mark::of(question.as_bytes())).or_insert_with(|| Mark::of(answer));
    }

    /// How many questions were answered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether none was.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// The share of questions put to both that they answer differently, from 0 to 1. Two with nothing in common are
    /// not known to differ.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "questions are some hundreds")]
    pub fn distance(&self, other: &Self) -> f64 {
        let both =
            self.seen.iter().filter_map(|(question, answer)| Some((answer, other.seen.get(question)?)));
        let (asked, apart) =
            both.fold((0_usize, 0_usize), |(n, apart), (a, b)| (n + 1, apart + usize::from(a != b)));
        apart as f64 / asked.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_one_was_asked_does_not_part_them() {
        let of = |seen: &[(&str, &str)]| {
            let mut print = Fingerprint::new("x");
            seen.iter().for_each(|(question, answer)| print.add(question, answer.as_bytes()));
            print
        };
        let (one, other) =
            (of(&[("a", "1"), ("b", "1"), ("c", "1")]), of(&[("a", "1"), ("b", "2"), ("d", "9")]));
        assert!((one.distance(&other) - 0.5).abs() < 1e-9 && one.distance(&other) == other.distance(&one));
        assert!(one.distance(&of(&[])) < 1e-9 && one.distance(&one) < 1e-9);
    }
}
