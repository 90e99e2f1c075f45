//! Proofs that failed, and whether they failed again when they were tried again.

use std::collections::BTreeMap;

use model::finding::Digest;
use serde::{Deserialize, Serialize};

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

/// What one visit tried to prove.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Tried {
    subject: Subject,
    /// None where it held.
    failed: Option<Box<Failed>>,
}

/// What did not hold in one visit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Failed {
    /// The first step that did not.
    step: Step,
    /// The first exchanges that show it.
    rests_on: Vec<Digest>,
}

impl Tried {
    /// What the proofs of one visit come to, in the order of their subjects.
    pub(super) fn all(mut proofs: Vec<Proof<'_>>) -> Vec<Self> {
        // Those of one subject stay in their order.
        proofs.sort_by_key(|proof| proof.subject);
        proofs.chunk_by(|one, next| one.subject == next.subject).filter_map(Self::of).collect()
    }

    /// What the proofs of one subject come to.
    fn of(proofs: &[Proof<'_>]) -> Option<Self> {
        let subject = proofs.first()?.subject;
        let failed = || proofs.iter().filter_map(|proof| Some((proof, proof.failure()?)));
        let failed = failed().next().map(|(_, step)| {
            let witnesses = failed().flat_map(|(proof, _)| &proof.rests_on);
            let mut rests_on = Vec::new();
            remember(&mut rests_on, witnesses.map(|witness| witness.digest()));
            Box::new(Failed { step: step.clone(), rests_on })
        });
        Some(Self { subject, failed })
    }
}

/// Adds exchanges that are not among the evidence yet, as far as there is room.
fn remember(evidence: &mut Vec<Digest>, exchanges: impl Iterator<Item = Digest>) {
    for digest in exchanges {
        if evidence.len() == MOST_EVIDENCE {
            return;
        }
        if !evidence.contains(&digest) {
            evidence.push(digest);
        }
    }
}

impl Contradictions {
    /// Takes in what one visit tried to prove, in the order of the subjects.
    pub(super) fn take(&mut self, tried: &[Tried]) {
        // Mostly nothing fails, and nothing did before.
        if self.0.is_empty() && tried.iter().all(|tried| tried.failed.is_none()) {
            return;
        }
        for Tried { subject, failed } in tried {
            match failed {
                None => self.clear(*subject),
                Some(failed) => self.fail(*subject, failed),
            }
        }
    }

    /// What succeeds when it is tried again was a race.
    fn clear(&mut self, subject: Subject) {
        if self.0.get(&subject).is_some_and(|failure| !failure.lasting) {
            self.0.remove(&subject);
        }
    }

    fn fail(&mut self, subject: Subject, failed: &Failed) {
        if self.0.len() >= MOST && !self.0.contains_key(&subject) {
            return;
        }
        let failure = self.0.entry(subject).or_insert_with(|| Failure {
            step: failed.step.clone(),
            visits: 0,
            in_a_row: 0,
            lasting: false,
            evidence: Vec::new(),
        });
        failure.visits = failure.visits.saturating_add(1);
        failure.in_a_row = failure.in_a_row.saturating_add(1);
        failure.lasting |= failure.in_a_row >= subject.patience();
        remember(&mut failure.evidence, failed.rests_on.iter().copied());
    }

    /// Those that no race explains.
    pub fn lasting(&self) -> impl Iterator<Item = (Subject, &Failure)> {
        self.0.iter().filter(|(_, failure)| failure.lasting).map(|(subject, failure)| (*subject, failure))
    }
}
