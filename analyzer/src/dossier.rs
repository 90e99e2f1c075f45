//! Everything that visits to one host show.

use std::collections::{BTreeMap, BTreeSet};

use electrum::{Endpoint, Host};
use jiff::Timestamp;
use model::{Visit, finding::Digest};

use crate::{
    features::{
        canary::Canaries, claims::Claims, identity::Identity, node::Node, place::Place, refusals::Refusals,
        software::Software, timing::Timing, tls::Tls, twins::Twins, uptime::Uptime,
    },
    identify::Knowledge,
    notes::Note,
};

/// Everything that visits to one host show.
#[derive(Clone, Debug, Default)]
pub struct Dossier {
    /// Where it was visited.
    pub endpoints: BTreeSet<Endpoint>,
    /// How many visits there were.
    pub visits: u64,
    /// When the latest began.
    pub latest: Option<Timestamp>,
    /// The digests of all visits, each put after the digest of those before and digested with it.
    pub digest: Option<Digest>,
    /// What it alone was told.
    pub canaries: Canaries,
    /// What the host says of the chain.
    pub claims: Claims,
    /// What it says of itself.
    pub identity: Identity,
    /// What shows of its node.
    pub node: Node,
    /// Where it is, and whom it names.
    pub place: Place,
    /// What it says to a transaction that no node can take.
    pub refusals: Refusals,
    /// Which software speaks.
    pub software: Software,
    /// How long its answers take.
    pub timing: Timing,
    /// What it shows when it shakes hands.
    pub tls: Tls,
    /// Whether it says the same to everybody.
    pub twins: Twins,
    /// When it was up.
    pub uptime: Uptime,
}

impl Dossier {
    /// Takes in what a visit shows. Visits come in the order of time.
    pub fn take(&mut self, note: &Note) {
        let visited = &note.visited;
        if !self.endpoints.contains(&visited.endpoint) {
            self.endpoints.insert(visited.endpoint.clone());
        }
        self.visits += 1;
        self.latest = self.latest.max(Some(visited.started_at));
        self.digest = Some(self.digest.map_or(visited.digest, |before| before.then(visited.digest)));
        self.canaries.take(&note.canaries);
        self.claims.take(&visited.endpoint, visited.started_at, &note.claims);
        self.identity.take(visited, &note.identity);
        self.node.take(visited, &note.node);
        self.place.take(visited, &note.place);
        self.refusals.take(&note.refusals);
        self.software.take(visited, &note.software);
        self.timing.take(visited, &note.timing);
        self.tls.take(visited, &note.tls);
        self.twins.take(&note.twins);
        self.uptime.take(visited);
    }
}

/// Takes a visit into the dossier of its host. Visits come in the order of time.
///
/// # Errors
/// None in practice: every visit can be written.
pub fn take(
    dossiers: &mut BTreeMap<Host, Dossier>,
    visit: &Visit,
    knowledge: &Knowledge,
) -> Result<(), serde_json::Error> {
    let digest = Digest::of_visit(visit)?;
    let dossier = dossiers.entry(visit.endpoint.host.clone()).or_default();
    dossier.take(&Note::of(visit, digest, knowledge));
    Ok(())
}

/// What a few visits show, host by host. Those of an archive are collected otherwise.
///
/// # Errors
/// None in practice: every visit can be written.
pub fn of_visits<'v>(
    visits: impl IntoIterator<Item = &'v Visit>,
    knowledge: &Knowledge,
) -> Result<BTreeMap<Host, Dossier>, serde_json::Error> {
    let mut dossiers: BTreeMap<Host, Dossier> = BTreeMap::new();
    for visit in visits {
        take(&mut dossiers, visit, knowledge)?;
    }
    Ok(dossiers)
}
