//! Proofs that failed, and whether they failed again when they were tried again.

use std::collections::BTreeMap;

use model::finding::Digest;

use crate::proof::{Proof, Step, Subject};

/// Most subjects that are remembered.
const MOST: usize = 256;
/// Exchanges that are remembered of one.
const MOST_EVIDENCE: usize = 6;

/// Proofs that failed when they were last tried, and those that failed so often that no race explains it.
#[derive(Clone, Debug, Default)]
pub struct Contradictions(BTreeMap<Subject, Failure>);

/// A proof that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The step that did not hold, the first time.
    pub step: Step,
    /// In how many visits.
    pub visits: u32,
    /// In how many of the latest in a row.
    in_a_row: u32,
    /// Whether no race explains it.
    lasting: bool,
    /// What it rests on: the first exchanges that show it.
    pub evidence: Vec<Digest>,
}

impl Contradictions {
    /// Takes in the proofs of one visit.
    pub(super) fn take(&mut self, proofs: Vec<Proof<'_>>) {
        // Mostly nothing fails, and nothing did before.
        if self.0.is_empty() && proofs.iter().all(|proof| proof.failure().is_none()) {
            return;
        }
        let mut tried: BTreeMap<Subject, Vec<Proof<'_>>> = BTreeMap::new();
        for proof in proofs {
            tried.entry(proof.subject).or_default().push(proof);
        }
        for (subject, proofs) in tried {
            let mut failed = proofs.iter().filter_map(|proof| Some((proof, proof.failure()?)));
            match failed.next() {
                None => self.clear(subject),
                Some((first, step)) => {
                    let rests_on: Vec<Digest> = first
                        .rests_on
                        .iter()
                        .chain(failed.flat_map(|(proof, _)| &proof.rests_on))
                        .map(|witness| witness.digest())
                        .collect();
                    self.fail(subject, step, rests_on);
                }
            }
        }
    }

    /// What succeeds when it is tried again was a race.
    fn clear(&mut self, subject: Subject) {
        if self.0.get(&subject).is_some_and(|failure| !failure.lasting) {
            self.0.remove(&subject);
        }
    }

    fn fail(&mut self, subject: Subject, step: &Step, rests_on: Vec<Digest>) {
        if self.0.len() >= MOST && !self.0.contains_key(&subject) {
            return;
        }
        let failure = self.0.entry(subject).or_insert_with(|| Failure {
            step: step.clone(),
            visits: 0,
            in_a_row: 0,
            lasting: false,
            evidence: Vec::new(),
        });
        failure.visits = failure.visits.saturating_add(1);
        failure.in_a_row = failure.in_a_row.saturating_add(1);
        failure.lasting |= failure.in_a_row >= subject.patience();
        for digest in rests_on {
            if failure.evidence.len() < MOST_EVIDENCE && !failure.evidence.contains(&digest) {
                failure.evidence.push(digest);
            }
        }
    }

    /// Those that no race explains.
    pub fn lasting(&self) -> impl Iterator<Item = (Subject, &Failure)> {
        self.0.iter().filter(|(_, failure)| failure.lasting).map(|(subject, failure)| (*subject, failure))
    }
}
