//! What a scan remembers of each server until it prints its line.

use std::collections::BTreeMap;

use analyzer::identify::{Evidence, Identified, Knowledge, observe};
use electrum::{Endpoint, Host, tls};
use model::{Outcome, Visit, facts::Facts};

/// Servers by host, in the order of their names.
#[derive(Debug)]
pub(crate) struct Summary {
    knowledge: Knowledge,
    servers: BTreeMap<Host, ServerSummary>,
}

/// A server: what its endpoints said at their latest visits, and what all visits show of its software.
#[derive(Debug, Default)]
pub(crate) struct ServerSummary {
    evidence: Evidence,
    endpoints: BTreeMap<Endpoint, Latest>,
}

/// The latest visit to an endpoint.
#[derive(Debug)]
pub(crate) struct Latest {
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// What ended it.
    pub(crate) detail: Option<String>,
    /// What the server claimed.
    pub(crate) facts: Facts,
    /// What TLS showed.
    pub(crate) tls: Option<tls::Facts>,
}

impl Latest {
    /// The latest visit, with what earlier ones tell where it does not.
    fn of(visit: &Visit, before: Option<Self>) -> Self {
        let (facts, tls) = before.map(|before| (before.facts, before.tls)).unwrap_or_default();
        Self {
            outcome: visit.outcome,
            detail: visit.detail.clone(),
            facts: Facts::join([Facts::of(visit), facts]),
            tls: visit.tls.clone().or(tls),
        }
    }
}

impl Summary {
    /// No servers yet.
    pub(crate) fn new(knowledge: Knowledge) -> Self {
        Self { knowledge, servers: BTreeMap::new() }
    }

    /// The software that a server's answers betray; none where that is unknown.
    pub(crate) fn identify(&self, server: &ServerSummary) -> Option<Identified> {
        self.knowledge.identify(&server.evidence)
    }

    /// Takes in a visit.
    pub(crate) fn add(&mut self, visit: &Visit) {
        let server = self.servers.entry(visit.endpoint.host.clone()).or_default();
        server.evidence.extend(&self.knowledge.weigh(&observe(visit)));
        let before = server.endpoints.remove(&visit.endpoint);
        let latest = match before {
            // What it does when it is met in an odd way does not describe it.
            Some(before) if !visit.purpose.describes() => before,
            before => Latest::of(visit, before),
        };
        server.endpoints.insert(visit.endpoint.clone(), latest);
    }

    /// Every server.
    pub(crate) fn servers(&self) -> impl Iterator<Item = (&Host, &ServerSummary)> {
        self.servers.iter()
    }
}

impl ServerSummary {
    /// Its endpoints.
    pub(crate) fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.keys()
    }

    /// The visit that speaks for the server: one that was answered, if any was; else the one to its TLS
    /// endpoint, which is what wallets use.
    pub(crate) fn best(&self) -> Option<&Latest> {
        let rank = |(endpoint, latest): &(&Endpoint, &Latest)| {
            (latest.outcome != Outcome::Answered, !endpoint.transport.is_encrypted())
        };
        self.endpoints.iter().min_by_key(rank).map(|(_, latest)| latest)
    }

    /// What it claimed at all its endpoints together.
    pub(crate) fn facts(&self) -> Facts {
        Facts::join(self.endpoints.values().map(|latest| latest.facts.clone()))
    }

    /// What TLS showed, at the first endpoint that has it.
    pub(crate) fn tls(&self) -> Option<&tls::Facts> {
        self.endpoints.values().find_map(|latest| latest.tls.as_ref())
    }
}
