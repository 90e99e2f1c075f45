//! What statuses say of servers, for `/metrics`. A network of strangers decides how many servers there are; a budget decides
//! how many have series. Pure; [`collect`] asks it whenever somebody scrapes.

pub mod collect;
#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use crds::{
    ElectrumServer, ScanCampaign, adopts, belongs,
    conditions::{self, EXCLUDED},
    server::{Location, State},
};
use electrum::Host;
use kube::ResourceExt as _;
use scanner::work::metrics::label;

use crate::names::is_ours;

/// Series that one server may take: three of its own, and that of its group.
const PER_SERVER: usize = 4;

/// Whose a server is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope {
    /// The campaign: its namespace and its name.
    pub campaign: String,
    /// The network that the server serves.
    pub network: &'static str,
}

/// What is told of one server. What is not known is empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Server<'a> {
    /// Whose it is.
    pub scope: Scope,
    /// Its label.
    pub server: String,
    /// Whether it answers; none where there is no verdict, or nobody asks for one.
    pub up: Option<bool>,
    /// 0 to 100; none where nothing was concluded.
    pub score: Option<i32>,
    /// What it speaks like. What it calls itself is a stranger's text, and no label.
    pub software: &'a str,
    /// Where the first of its addresses is of which that is known.
    pub country: &'a str,
    /// The same: where on earth.
    pub location: Option<Location>,
    /// The band of the score.
    pub level: &'static str,
    /// The group that the evidence links it to.
    pub group: &'a str,
}

/// All that is told.
#[derive(Debug, Default, PartialEq)]
pub struct Told<'a> {
    /// Servers that have series, the most suspicious first.
    pub servers: Vec<Server<'a>>,
    /// How many servers of each scope are in a group, also of those that have no series.
    pub groups: BTreeMap<(Scope, &'a str), i32>,
    /// How many servers of each scope have no series.
    pub untold: BTreeMap<Scope, i32>,
}

/// What is told within a budget. Where it is spent the most suspicious are told of: whoever makes servers up cannot hide
/// those. A server of no campaign is told of by nobody, as nobody visits it.
#[must_use]
pub fn told<'a>(
    campaigns: &[&'a ScanCampaign],
    servers: impl IntoIterator<Item = &'a ElectrumServer>,
    most_series: usize,
) -> Told<'a> {
    let mut servers: Vec<_> = servers.into_iter().collect();
    // Of two of one host the one that a person made: that is the one that is written to.
    servers.sort_by_cached_key(|server| (is_ours(server), server.name_any()));
    let mut known = BTreeMap::new();
    for campaign in campaigns {
        let adopts = adopts(campaign, campaigns.iter().copied());
        let name = format!("{}/{}", campaign.namespace().unwrap_or_default(), campaign.name_any());
        for server in servers.iter().filter(|server| belongs(server, campaign, adopts)) {
            let scope = Scope { campaign: name.clone(), network: server.spec.network.name() };
            if let Some(server) = of(scope, server) {
                known.entry((server.scope.clone(), server.server.clone())).or_insert(server);
            }
        }
    }
    let mut servers: Vec<_> = known.into_values().collect();
    servers.sort_by_key(|server| Reverse(server.score));

    let mut groups = BTreeMap::new();
    for server in servers.iter().filter(|server| !server.group.is_empty()) {
        *groups.entry((server.scope.clone(), server.group)).or_default() += 1;
    }
    let mut untold: BTreeMap<_, _> = servers.iter().map(|server| (server.scope.clone(), 0)).collect();
    for beyond in servers.drain((most_series / PER_SERVER).min(servers.len())..) {
        *untold.entry(beyond.scope).or_default() += 1;
    }
    let shown: BTreeSet<_> = servers.iter().map(|server| (&server.scope, server.group)).collect();
    // Who is left of a group alone is none.
    groups.retain(|(scope, group), members| *members > 1 && shown.contains(&(scope, *group)));
    Told { servers, groups, untold }
}

/// What is told of a server; nothing where nobody can visit what its host says.
fn of(scope: Scope, server: &ElectrumServer) -> Option<Server<'_>> {
    let host: Host = server.spec.host.parse().ok()?;
    let status = server.status.as_ref();
    let conditions = status.map(|status| status.conditions.as_slice()).unwrap_or_default();
    let excluded = server.spec.exclude || conditions::holds(conditions, EXCLUDED);
    let state = status.and_then(|status| Some(status.reachability.as_ref()?.state)).filter(|_| !excluded);
    let suspicion = status.and_then(|status| status.suspicion.as_ref());
    let software = status.and_then(|status| status.software.as_ref()?.identified.as_ref());
    let addresses = || status.into_iter().flat_map(|status| &status.addresses);
    Some(Server {
        scope,
        server: label(&host),
        up: state.and_then(|state| match state {
            State::Reachable => Some(true),
            State::Unreachable => Some(false),
            State::Unknown => None,
        }),
        score: suspicion.map(|suspicion| suspicion.score),
        software: software.map(|software| software.name.as_str()).unwrap_or_default(),
        country: addresses().find_map(|address| address.country.as_deref()).unwrap_or_default(),
        location: addresses().find_map(|address| address.location),
        level: suspicion.map(|suspicion| suspicion.level.name()).unwrap_or_default(),
        group: suspicion
            .and_then(|suspicion| suspicion.group.as_ref())
            .map(|group| group.id.as_str())
            .unwrap_or_default(),
    })
}
