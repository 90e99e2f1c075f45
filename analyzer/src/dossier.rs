//! Everything that visits to one host show.

use std::collections::BTreeSet;

use electrum::Endpoint;
use jiff::Timestamp;

use crate::{
    features::{identity::Identity, node::Node, place::Place, tls::Tls, uptime::Uptime},
    reading::Reading,
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
    /// What it says of itself.
    pub identity: Identity,
    /// What it shows when it shakes hands.
    pub tls: Tls,
    /// What shows of its node.
    pub node: Node,
    /// Where it is, and whom it names.
    pub place: Place,
    /// When it was up.
    pub uptime: Uptime,
}

impl Dossier {
    /// Takes in a visit. Visits come in the order of time.
    pub fn take(&mut self, reading: &Reading<'_>) {
        self.endpoints.insert(reading.visit.endpoint.clone());
        self.visits += 1;
        self.latest = self.latest.max(Some(reading.visit.started_at));
        self.identity.take(reading);
        self.tls.take(reading);
        self.node.take(reading);
        self.place.take(reading);
        self.uptime.take(reading);
    }
}
