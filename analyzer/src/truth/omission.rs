//! Transactions that a server leaves out of a history, where enough others list them.
//!
//! Only what is buried below the server's own tip counts, so that nobody is blamed for being behind. Who answers with
//! an error leaves out nothing.

use std::collections::{BTreeMap, BTreeSet};

use bitcoin::Txid;
use electrum::{Subnet, proof::ScriptHash};
use model::finding::{Digest, Indicator};

use super::{Contradiction, voices::QUORUM};
use crate::{
    dossier::Dossier,
    features::claims::{Said, Told, Variants},
    proof::Subject,
    server::Server,
};

/// Fewest answers in a row that leave a transaction out.
const TIMES: u32 = 2;
/// Exchanges of others that a finding names.
const WITNESSES: usize = QUORUM;

/// Histories, as all tell them.
pub(super) struct Histories(BTreeMap<ScriptHash, History>);

/// The history of one script.
#[derive(Default)]
struct History {
    /// Who lists which transaction, and the exchanges of the first few.
    listed: BTreeMap<(Txid, u32), (BTreeSet<Subnet>, Vec<Digest>)>,
    /// Up to which height a voice could list any.
    floors: BTreeMap<Subnet, u32>,
}

impl Histories {
    pub(super) fn of(servers: &[Server<'_>]) -> Self {
        let mut histories: BTreeMap<ScriptHash, History> = BTreeMap::new();
        for claims in servers.iter().flat_map(Server::dossiers).map(|dossier| &dossier.claims) {
            let Some(voice) = claims.neighbourhood else { continue };
            for (script, told) in &claims.scripts {
                if let Some(said) = told.latest() {
                    histories.entry(*script).or_default().hear(said, voice);
                }
            }
        }
        Self(histories)
    }

    /// What a server leaves out, script by script.
    pub(super) fn omitted(&self, dossier: &Dossier) -> Vec<Contradiction> {
        // A history that its own status contradicts is no second finding.
        let contradicted: BTreeSet<ScriptHash> = dossier
            .claims
            .contradictions
            .lasting()
            .filter_map(|(subject, _)| match subject {
                Subject::Status(script) => Some(script),
                _ => None,
            })
            .collect();
        let told = dossier.claims.scripts.iter().filter(|(script, _)| !contradicted.contains(script));
        told.filter_map(|(script, told)| self.0.get(script)?.missing(*script, told)).collect()
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

    fn missing(&self, script: ScriptHash, told: &Variants<Told>) -> Option<Contradiction> {
        let mut missing = self.listed.iter().filter_map(|((txid, height), (voices, witnesses))| {
            let could = self.floors.values().filter(|floor| *floor >= height).count();
            let agreed = voices.len() >= QUORUM && 2 * voices.len() > could;
            let shown = agreed.then(|| left_out(told, *txid, *height)).flatten()?;
            Some((txid, height, voices.len(), shown, witnesses))
        });
        let (txid, height, voices, (times, shown), witnesses) = missing.next()?;
        let more = match missing.count() {
            0 => String::new(),
            more => format!(", nor {more} others"),
        };
        Some(Contradiction {
            indicator: Indicator::new(5),
            statement: format!(
                "{times} times it did not list transaction {txid} of height {height}{more} in the history of script \
                 {script}; servers of {voices} neighbourhoods do.",
            ),
            evidence: shown.into_iter().chain(witnesses.iter().copied()).collect(),
        })
    }
}

/// How often in a row, up to the latest, a transaction was left out that was buried, and the exchanges that show it.
fn left_out(told: &Variants<Told>, txid: Txid, height: u32) -> Option<(u32, Vec<Digest>)> {
    let lists = |said: &Said<Told>| {
        let place = said.what.lines.binary_search_by_key(&txid, |(txid, _)| *txid);
        place.is_ok() || said.what.floor < height
    };
    let without: Vec<_> = told.newest_first().take_while(|said| !lists(said)).collect();
    let times = without.iter().map(|said| said.times).fold(0, u32::saturating_add);
    (times >= TIMES).then(|| (times, without.iter().flat_map(|said| said.evidence()).take(4).collect()))
}
