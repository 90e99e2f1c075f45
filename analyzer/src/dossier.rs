//! Everything that visits to one host show.

use std::collections::BTreeSet;

use electrum::Endpoint;
use jiff::Timestamp;

use crate::{
    features::{claims::Claims, twins::Twins},
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
    /// What the host says of the chain.
    pub claims: Claims,
    /// Whether it says the same to everybody.
    pub twins: Twins,
}

impl Dossier {
    /// Takes in a visit. Visits come in the order of time.
    pub fn take(&mut self, reading: &Reading<'_>) {
        self.endpoints.insert(reading.visit.endpoint.clone());
        self.visits += 1;
        self.latest = self.latest.max(Some(reading.visit.started_at));
        self.claims.take(reading);
        self.twins.take(reading);
    }
}
