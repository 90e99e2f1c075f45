//! The proof behind an exchange, replayed for a reader who trusts nobody: from the bytes of visits alone, by the rules by
//! which servers are judged.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::{BlockHash, Txid};
use electrum::{
    Endpoint, Host, Network,
    proof::{ScriptHash, Utxo},
};
use jiff::Timestamp;
use model::{Visit, finding::Digest};

use super::{
    Pool,
    chain::Chain,
    omission::{Histories, lists},
    outputs::worth,
};
use crate::{
    features::claims::{self, Claims, History},
    proof::{self, Proof, Shown, Step, Subject, Witness},
    reading::{Reading, Turn},
    text::plural,
};

#[cfg(test)]
mod tests;

/// Most transactions that are left out of one history and spoken of.
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
            Subject::Block(_) | Subject::History(_) => Verdict::Outvoted,
            _ => Verdict::Contradicted,
        });
        against.min().unwrap_or(Verdict::Holds)
    }
}

/// The exchange of a visit, or the message that nobody asked for, whose digest this is.
pub fn said(visit: &Visit, is_it: impl Fn(&Digest) -> bool) -> Option<Digest> {
    let asked = visit.exchanges.iter().map(Digest::of_exchange);
    let heard = visit.unasked.first.iter().map(|heard| Digest::of_record(&heard.line));
    asked.chain(heard).find(is_it)
}

/// What an archive says of the same as an exchange: an archive is larger than memory, this is not.
#[derive(Clone, Debug)]
pub struct Others {
    network: Network,
    transactions: BTreeSet<Txid>,
    script: Option<ScriptHash>,
    height: Option<u32>,
    heard: Vec<(Timestamp, Endpoint, claims::Note)>,
}

impl Others {
    /// Nothing yet of what an exchange of a visit is about.
    #[must_use]
    pub fn about(digest: Digest, visit: &Visit) -> Self {
        let reading = Reading::of(visit);
        let turn = reading.turns.iter().find(|turn| turn.digest() == digest);
        Self {
            network: visit.network,
            transactions: turn.and_then(proof::outputs).iter().flatten().map(txid).collect(),
            script: turn.and_then(Turn::script),
            height: turn.and_then(proof::header).map(|(height, _)| height),
            heard: Vec::new(),
        }
    }

    /// Whether anybody can say anything of it.
    #[must_use]
    pub fn matter(&self) -> bool {
        self.script.is_some() || self.height.is_some() || !self.transactions.is_empty()
    }

    /// Takes in what a visit says of it, in whatever order visits come: those of the server itself as well.
    pub fn hear(&mut self, visit: &Visit) {
        if visit.network != self.network {
            return;
        }
        let mut reading = Reading::of(visit);
        if reading.turns.iter().any(|turn| self.is_the_same(turn)) {
            reading.turns.retain(|turn| self.is_the_same(turn) || is_of_its_chain(turn));
            self.heard.push((visit.started_at, visit.endpoint.clone(), claims::Note::of(&reading)));
        }
    }

    fn is_the_same(&self, turn: &Turn<'_>) -> bool {
        let is_wanted =
            |transaction: bitcoin::Transaction| self.transactions.contains(&transaction.compute_txid());
        (self.script.is_some() && turn.script() == self.script)
            || (self.height.is_some() && proof::header(turn).map(|(height, _)| height) == self.height)
            || (!self.transactions.is_empty() && proof::whole(turn).is_some_and(is_wanted))
    }

    /// What each host claims.
    fn claims(&self) -> BTreeMap<&Host, Claims> {
        let mut heard: Vec<_> = self.heard.iter().collect();
        heard.sort_by_key(|(at, ..)| *at);
        let mut claims: BTreeMap<&Host, Claims> = BTreeMap::new();
        for (at, endpoint, note) in heard {
            claims.entry(&endpoint.host).or_default().take(endpoint, *at, note);
        }
        claims
    }
}

fn txid(output: &Utxo) -> Txid {
    output.outpoint.txid
}

/// Whether it shows of which chain a server is, and how far it has come: what is told of another counts for nothing.
fn is_of_its_chain(turn: &Turn<'_>) -> bool {
    turn.exchange.probe == "C1" || turn.method() == "server.features"
}

/// Replays the proofs that rest on an exchange of a visit, or on a message that nobody asked for, beside what the whole
/// archive says of the same.
#[must_use]
pub fn verify<'v>(digest: Digest, visit: &'v Visit, others: &Others) -> Verification<'v> {
    let reading = Reading::of(visit);
    let own = proof::proofs(&reading)
        .into_iter()
        .filter(|proof| proof.rests_on.iter().any(|witness| witness.digest() == digest));
    let mut proofs: Vec<Proof<'_>> = own.collect();
    if let Some(turn) = reading.turns.iter().find(|turn| turn.digest() == digest) {
        let claims = others.claims();
        let hosts: Vec<&Claims> = claims.values().collect();
        proofs.extend(values(turn, &Pool::of(&hosts)));
        if let Some(floor) = claims::floor_of(&reading) {
            proofs.extend(history(turn, floor, &Histories::of(&hosts)));
            proofs.extend(block(turn, floor, &Chain::of(&hosts)));
        }
    }
    Verification { visit, proofs }
}

/// What the outputs of an answer are worth by their transactions, as far as anybody handed those out.
fn values<'v>(turn: &Turn<'v>, pool: &Pool<'_>) -> Vec<Proof<'v>> {
    let proof = |output: Utxo| {
        let proven = pool.0.get(&txid(&output))?;
        Some(Proof {
            subject: Subject::Output(output.outpoint),
            rests_on: vec![turn.witness(), Witness::Known(proven.digest)],
            steps: vec![worth(output.outpoint, output.value.to_sat(), proven)],
        })
    };
    proof::outputs(turn).into_iter().flatten().filter_map(proof).collect()
}

/// Whether a history lists what a quorum lists of it.
fn history<'v>(turn: &Turn<'v>, floor: u32, histories: &Histories) -> Option<Proof<'v>> {
    let History { script, lines, .. } = History::of(turn, floor)?;
    let due = histories.agreed(script).iter().filter(|line| line.height <= floor);
    let (listed, left_out): (Vec<_>, Vec<_>) = due.partition(|line| lists(&lines, line.txid));
    let what = "the history lists what a quorum of neighbourhoods lists";
    let all = Step {
        what: what.into(),
        expected: Shown::Words(plural(listed.len() + left_out.len(), "transaction").into()),
        found: Shown::Words(format!("{} of them", listed.len()).into()),
        holds: left_out.is_empty(),
    };
    let each = left_out.iter().take(MOST).map(|line| Step {
        what: what.into(),
        expected: Shown::Words(
            format!("{} at height {}, as in {} neighbourhoods", line.txid, line.height, line.voices).into(),
        ),
        found: "not listed".into(),
        holds: false,
    });
    let witnesses = left_out.first().or(listed.first())?.witnesses.iter();
    let rests_on = [turn.witness()].into_iter().chain(witnesses.copied().map(Witness::Known));
    Some(Proof {
        subject: Subject::History(script),
        rests_on: rests_on.collect(),
        steps: [all].into_iter().chain(each).collect(),
    })
}

/// Whether a block is the one that a quorum has at its height.
fn block<'v>(turn: &Turn<'v>, floor: u32, chain: &Chain) -> Option<Proof<'v>> {
    let (height, told, _) = claims::header(turn, floor)?;
    let (agreed, _) = chain.agreed(height)?;
    let shown = |hash: BlockHash| Shown::Hash(hash.to_raw_hash());
    let what = "the block at this height is the one that a quorum of neighbourhoods has";
    let step = Step::equal(what, shown(*agreed), shown(told));
    Some(Proof { subject: Subject::Block(height), rests_on: vec![turn.witness()], steps: vec![step] })
}
