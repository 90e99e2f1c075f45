//! What the fleet keeps of a server between visits: what discovery knows of it, as JSON in its listing. (What visits
//! taught is an [`Acquaintance`](crate::acquaintance::Acquaintance).)

use std::{collections::BTreeSet, net::IpAddr};

use electrum::{Endpoint, Host};
use serde::{Deserialize, Serialize};

use crate::{
    discovery::{Server, Source},
    origin::Origin,
};

/// What discovery knows of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The how-manieth that became known, so that a frontier can be made anew in the same order.
    pub order: u32,
    /// Where it listens.
    pub endpoints: BTreeSet<Endpoint>,
    /// Who told of it, first teller first.
    pub sources: Vec<Source>,
    /// The address that its first teller claimed for its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_ip: Option<IpAddr>,
    /// Where its tellers were met.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub tellers: BTreeSet<IpAddr>,
}

impl Entry {
    /// The server.
    #[must_use]
    pub fn server(&self, host: &Host) -> Option<Server> {
        Server::new(host.clone(), self.endpoints.iter().map(|endpoint| (endpoint.port, endpoint.transport)))
    }

    /// How far it may lead.
    pub(crate) fn origin(&self) -> Origin {
        let is_gossip = self.sources.iter().all(Source::is_gossip);
        Origin {
            learnt_from: self.sources.iter().map(ToString::to_string).collect(),
            tellers: is_gossip.then(|| self.tellers.iter().copied().collect()),
        }
    }
}
