//! Transactions that a server leaves out of a history, where enough others list them.
//!
//! Only what is buried below the server's own tip counts, so that nobody is blamed for being behind. Who answers with
//! an error leaves out nothing, nor does who lists nothing of any script: that is a server of one wallet, which knows no
//! others.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::Txid;
use electrum::{Subnet, proof::ScriptHash};
use model::finding::{Digest, Indicator};

use super::{Contradiction, voices::QUORUM};
use crate::{
    dossier::Dossier,
    features::claims::{Claims, Said, Told, Variants},
    proof::Subject,
    text::plural,
};

/// Fewest answers in a row that leave a transaction out.
const TIMES: u32 = 2;
/// Exchanges of others that a finding names.
const WITNESSES: usize = QUORUM;
/// Fewest scripts of which nothing is listed before it is plain that it knows no scripts but its own.
const SCRIPTS: usize = 3;

/// Histories, as most tell them: for each script what a quorum lists, which is short however much is made up.
pub(super) struct Histories(BTreeMap<ScriptHash, Vec<Agreed>>);

/// A transaction that a quorum lists in the history of a script, and more than do not.
pub(super) struct Agreed {
    pub(super) txid: Txid,
    pub(super) height: u32,
    pub(super) voices: usize,
    /// Exchanges of the first few.
    pub(super) witnesses: Vec<Digest>,
}

/// The history of one script, as it is heard.
#[derive(Default)]
struct History {
    /// Who lists which transaction, and the exchanges of the first few.
    listed: BTreeMap<(Txid, u32), (BTreeSet<Subnet>, Vec<Digest>)>,
    /// Up to which height a voice could list any.
    floors: BTreeMap<Subnet, u32>,
}

impl Histories {
    pub(super) fn of(hosts: &[&Claims]) -> Self {
        let mut histories: BTreeMap<ScriptHash, History> = BTreeMap::new();
        for claims in hosts {
            let Some(voice) = claims.neighbourhood else { continue };
            for (script, told) in &claims.scripts {
                if let Some(said) = told.latest() {
                    histories.entry(*script).or_default().hear(said, voice);
                }
            }
        }
        Self(histories.into_iter().map(|(script, history)| (script, history.agreed())).collect())
    }

    /// What a quorum lists of a script.
    pub(super) fn agreed(&self, script: ScriptHash) -> &[Agreed] {
        self.0.get(&script).map_or(&[], Vec::as_slice)
    }

    /// What a server leaves out, script by script.
    pub(super) fn omitted(&self, dossier: &Dossier) -> Vec<Contradiction> {
        let is_empty = |told: &Variants<Told>| told.newest_first().all(|said| said.what.lines.is_empty());
        let scripts = &dossier.claims.scripts;
        if scripts.len() >= SCRIPTS && scripts.values().all(is_empty) {
            return Vec::new();
        }
        // Whose histories are contradicted by their own statuses is found to leave out by that alone, also where the status
        // was not asked for, as of long histories.
        let is_status = |(subject, _): (Subject, _)| matches!(subject, Subject::Status(_));
        if dossier.claims.contradictions.lasting().any(is_status) {
            return Vec::new();
        }
        scripts.iter().filter_map(|(script, told)| missing(*script, self.agreed(*script), told)).collect()
    }
}

impl History {
    fn hear(&mut self, said: &Said<Told>, voice: Subnet) {
        let floor = self.floors.entry(voice).or_default();
        *floor = said.what.floor.max(*floor);
        for line in said.what.lines.iter() {
            let (voices, witnesses) = self.listed.entry(*line).or_default();
            if voices.insert(voice) && witnesses.len() < WITNESSES {
                witnesses.extend(said.evidence().next());
            }
        }
    }

    fn agreed(self) -> Vec<Agreed> {
        let mut floors: Vec<u32> = self.floors.into_values().collect();
        floors.sort_unstable();
        let agreed = self.listed.into_iter().filter_map(|((txid, height), (voices, witnesses))| {
            let could = floors.len() - floors.partition_point(|floor| *floor < height);
            let voices = voices.len();
            let agreed = voices >= QUORUM && 2 * voices > could;
            agreed.then_some(Agreed { txid, height, voices, witnesses })
        });
        agreed.collect()
    }
}

/// What of a history a server leaves out.
fn missing(script: ScriptHash, agreed: &[Agreed], told: &Variants<Told>) -> Option<Contradiction> {
    let mut missing = agreed.iter().filter_map(|line| Some((line, left_out(told, line.txid, line.height)?)));
    let (Agreed { txid, height, voices, witnesses }, (times, shown)) = missing.next()?;
    let more = match missing.count() {
        0 => String::new(),
        more => format!(", nor {}", plural(more, "other")),
    };
    Some(Contradiction {
        indicator: Indicator::new(5),
        statement: format!(
            "{times} times it did not list transaction {txid} of height {height}{more} in the history of script {script}; \
             servers of {voices} neighbourhoods do.",
        ),
        evidence: shown.into_iter().chain(witnesses.iter().copied()).collect(),
    })
}

/// Whether a history has a transaction: who has it at another height does not leave it out.
pub(super) fn lists(lines: &[(Txid, u32)], txid: Txid) -> bool {
    lines.binary_search_by_key(&txid, |(txid, _)| *txid).is_ok()
}

/// How often in a row, up to the latest, a transaction was left out that was buried, and the exchanges that show it.
fn left_out(told: &Variants<Told>, txid: Txid, height: u32) -> Option<(u32, Vec<Digest>)> {
    let leaves_out = |said: &&Said<Told>| !lists(&said.what.lines, txid) && said.what.floor >= height;
    let without: Vec<_> = told.newest_first().take_while(leaves_out).collect();
    let times = without.iter().map(|said| said.times).fold(0, u32::saturating_add);
    (times >= TIMES).then(|| (times, without.iter().flat_map(|said| said.evidence()).take(4).collect()))
}
