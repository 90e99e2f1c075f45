//! Whether an old wallet is told what we are not: an error that is falsified for its name alone is no chance.

use model::finding::Indicator;

use super::Contradiction;
use crate::{dossier::Dossier, features::refusals::Refusal, proof::Step};

/// What only a client with the name of an old wallet was told, in answer to the same transaction.
pub(super) fn apart(dossier: &Dossier) -> Option<Contradiction> {
    let ours = dossier.refusals.ours.as_ref().filter(|refusal| refusal.failure.is_none())?;
    let Refusal { failure, evidence } = dossier.refusals.disguised.as_ref()?;
    let Step { what, expected, found, .. } = failure.as_ref()?;
    Some(Contradiction {
        indicator: Indicator::new(13),
        statement: format!(
            "It refused a transaction that no node can take as it should, and to a client named as an old Electrum \
             wallet it did not hold that {what}: {expected} was due, {found} was told.",
        ),
        evidence: vec![*evidence, ours.evidence],
    })
}
