//! What outputs are worth: a transaction whose bytes have its id says it, whoever handed it out.

use bitcoin::OutPoint;
use model::finding::Indicator;

use super::{Contradiction, Pool};
use crate::{
    dossier::Dossier,
    features::claims::Proven,
    proof::{Shown, Step},
};

/// Outputs that are told otherwise than their transactions have them. No race explains one: neither the id nor the
/// value ever changes.
pub(super) fn inflated<'r>(
    dossier: &'r Dossier,
    pool: &'r Pool<'_>,
) -> impl Iterator<Item = Contradiction> + use<'r> {
    dossier.claims.outputs.iter().filter_map(|(outpoint, values)| {
        let proven = pool.0.get(&outpoint.txid)?;
        let (said, step) = values
            .newest_first()
            .map(|said| (said, worth(*outpoint, said.what, proven)))
            .find(|(_, step)| !step.holds)?;
        Some(Contradiction {
            indicator: Indicator::new(6),
            statement: format!(
                "It told that output {outpoint} is worth {}; by the transaction itself it is {}.",
                step.found, step.expected,
            ),
            evidence: said.evidence().chain([proven.digest]).collect(),
        })
    })
}

/// That an output is worth what its transaction says.
pub(super) fn worth(outpoint: OutPoint, said: u64, proven: &Proven) -> Step {
    let value = usize::try_from(outpoint.vout).ok().and_then(|place| proven.values.get(place));
    let due = value.map_or_else(|| Shown::from("no output at all"), |value| Shown::Satoshis((*value).into()));
    Step::equal("the output is worth what the transaction says", due, Shown::Satoshis(said.into()))
}
