//! The proof behind an exchange, replayed for a reader who trusts nobody: from the bytes of visits alone.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{BlockHash, Txid};
use electrum::{
    Host,
    proof::{ScriptHash, Utxo},
};
use model::{Visit, finding::Digest};

use super::{outputs::worth, voices::Voices};
use crate::{
    features::claims::{Proven, buried},
    proof::{self, BURIED, Proof, Shown, Step, Subject, Witness},
    reading::{Reading, Turn},
};

#[cfg(test)]
mod tests;

/// Most transactions of one history that are spoken of.
const MOST: usize = 20;

/// What becomes of the proofs behind an exchange.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification<'v> {
    /// The visit that holds it.
    pub visit: &'v Visit,
    /// The proofs that rest on it, replayed.
    pub proofs: Vec<Proof<'v>>,
}

/// What follows from a verification. What weighs more comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// A step does not hold that the bytes decide by themselves.
    Contradicted,
    /// A quorum of neighbourhoods said otherwise.
    Outvoted,
    /// Other hosts said otherwise, as many as each step says.
    Disputed,
    /// All steps hold.
    Holds,
    /// The exchange claims nothing that bytes alone can prove or disprove.
    NothingToProve,
}

impl Verification<'_> {
    /// What follows from it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.proofs.is_empty() {
            return Verdict::NothingToProve;
        }
        let failed = self.proofs.iter().filter(|proof| proof.failure().is_some());
        let against = failed.map(|proof| match proof.subject {
            Subject::Block(_) => Verdict::Outvoted,
            Subject::History(_) => Verdict::Disputed,
            _ => Verdict::Contradicted,
        });
        against.min().unwrap_or(Verdict::Holds)
    }
}

/// What of other visits helps to replay the proofs behind an exchange. An archive is larger than memory; this is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Help {
    transactions: BTreeSet<Txid>,
    script: Option<ScriptHash>,
    height: Option<u32>,
}

impl Help {
    /// What helps with an exchange of a visit.
    #[must_use]
    pub fn with(digest: Digest, visit: &Visit) -> Self {
        let reading = Reading::of(visit);
        let Some(turn) = reading.turns.iter().find(|turn| turn.digest() == digest) else {
            return Self::default();
        };
        Self {
            transactions: transactions(&proof::outputs(turn).unwrap_or_default()),
            script: turn.script(),
            height: proof::header(turn).map(|(height, _)| height),
        }
    }

    /// Leaves of a visit what helps.
    pub fn cut(&self, visit: &mut Visit) {
        let reading = Reading::of(visit);
        let mut helps = reading.turns.iter().map(|turn| self.is_in(turn)).collect::<Vec<_>>().into_iter();
        visit.exchanges.retain(|_| helps.next().unwrap_or_default());
    }

    fn is_in(&self, turn: &Turn<'_>) -> bool {
        let is_wanted =
            |transaction: bitcoin::Transaction| self.transactions.contains(&transaction.compute_txid());
        (self.script.is_some() && turn.script() == self.script)
            || (self.height.is_some() && proof::header(turn).map(|(height, _)| height) == self.height)
            || (!self.transactions.is_empty() && proof::whole(turn).is_some_and(is_wanted))
    }
}

/// The transactions that these outputs are of.
fn transactions(outputs: &[Utxo]) -> BTreeSet<Txid> {
    outputs.iter().map(|output| output.outpoint.txid).collect()
}

/// Replays the proofs that rest on an exchange, or on a message that nobody asked for. None where no visit holds one
/// with this digest.
///
/// `visits` are the one that holds it and any others of which there is [`Help`]: their transactions prove themselves, and
/// their histories of the same script are compared with this one.
#[must_use]
pub fn verify(digest: Digest, visits: &[Visit]) -> Option<Verification<'_>> {
    let holds = |visit: &&Visit| {
        let heard = || visit.unasked.first.iter().any(|heard| Digest::of_record(&heard.line) == digest);
        visit.exchanges.iter().any(|exchange| Digest::of_exchange(exchange) == digest) || heard()
    };
    let visit = visits.iter().find(holds)?;
    let reading = Reading::of(visit);
    let own = proof::proofs(&reading)
        .into_iter()
        .filter(|proof| proof.rests_on.iter().any(|witness| witness.digest() == digest));
    let mut proofs: Vec<Proof<'_>> = own.collect();
    if let Some(turn) = reading.turns.iter().find(|turn| turn.digest() == digest) {
        let others: Vec<Reading<'_>> = visits.iter().map(Reading::of).collect();
        proofs.extend(values(turn, &others));
        proofs.extend(history(turn, &reading, &others));
        proofs.extend(block(turn, &reading, &others));
    }
    Some(Verification { visit, proofs })
}

/// What the outputs of an answer are worth by their transactions, as far as anybody handed those out.
fn values<'v>(turn: &Turn<'v>, visits: &[Reading<'v>]) -> Vec<Proof<'v>> {
    let outputs = proof::outputs(turn).unwrap_or_default();
    let wanted = transactions(&outputs);
    let handed_out = visits.iter().flat_map(|visit| &visit.turns).filter_map(|turn| {
        let transaction = proof::whole(turn)?;
        Some((transaction.compute_txid(), Proven::new(&transaction, turn.digest())))
    });
    let known: BTreeMap<Txid, Proven> = handed_out.filter(|(txid, _)| wanted.contains(txid)).collect();
    let proof = |output: &Utxo| {
        let proven = known.get(&output.outpoint.txid)?;
        Some(Proof {
            subject: Subject::Output(output.outpoint),
            rests_on: vec![turn.witness(), Witness::Known(proven.digest)],
            steps: vec![worth(output.outpoint, output.value.to_sat(), proven)],
        })
    };
    outputs.iter().filter_map(proof).collect()
}

/// Whether a history lists what other hosts list of it, as far as it is buried below the server's own tip.
fn history<'v>(turn: &Turn<'v>, reading: &Reading<'_>, visits: &[Reading<'v>]) -> Option<Proof<'v>> {
    let (script, items) = (turn.script()?, proof::history(turn)?);
    let (tip, _) = reading.of_probe("C1").find_map(proof::best)?;
    let floor = tip.saturating_sub(BURIED);
    let own = buried(&items, floor)?;
    let mut listing: BTreeMap<(Txid, u32), BTreeMap<&Host, Witness<'_>>> = BTreeMap::new();
    let elsewhere = visits.iter().filter(|other| other.visit.endpoint.host != reading.visit.endpoint.host);
    for other in elsewhere {
        for told in other.turns.iter().filter(|told| told.script() == Some(script)) {
            let lines = proof::history(told).and_then(|items| buried(&items, floor));
            for line in lines.iter().flat_map(|lines| lines.iter()) {
                listing.entry(*line).or_default().insert(&other.visit.endpoint.host, told.witness());
            }
        }
    }
    let steps = listing.iter().take(MOST).map(|((txid, height), hosts)| Step {
        what: "the history lists what others list".into(),
        expected: Shown::Words(format!("{txid} at height {height}, as {} other hosts", hosts.len()).into()),
        found: if own.contains(&(*txid, *height)) { "listed" } else { "not listed" }.into(),
        holds: own.contains(&(*txid, *height)),
    });
    let steps: Vec<Step> = steps.collect();
    let mut rests_on = vec![turn.witness()];
    rests_on.extend(listing.values().flat_map(BTreeMap::values).take(MOST));
    (!steps.is_empty()).then_some(Proof { subject: Subject::History(script), rests_on, steps })
}

/// Whether a block that is buried below the server's own tip is the one that a quorum has at its height.
fn block<'v>(turn: &Turn<'v>, reading: &Reading<'_>, visits: &[Reading<'_>]) -> Option<Proof<'v>> {
    let (height, header) = proof::header(turn)?;
    let (tip, _) = reading.of_probe("C1").find_map(proof::best)?;
    if height > tip.saturating_sub(BURIED) {
        return None;
    }
    let mut voices = Voices::default();
    for other in visits {
        let Some(voice) = other.visit.peer.map(|peer| peer.ip().into()) else { continue };
        let told = other.turns.iter().filter_map(proof::header).filter(|(at, _)| *at == height);
        told.for_each(|(_, header)| voices.hear(header.block_hash(), voice));
    }
    let (agreed, _) = voices.agreed()?;
    let shown = |hash: BlockHash| Shown::Hash(hash.to_raw_hash());
    let what = "the block at this height is the one that a quorum of neighbourhoods has";
    let step = Step::equal(what, shown(*agreed), shown(header.block_hash()));
    Some(Proof { subject: Subject::Block(height), rests_on: vec![turn.witness()], steps: vec![step] })
}
