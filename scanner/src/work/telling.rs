//! What one server said of others, on its way from the worker that heard it to the one that keeps the frontier.

use std::net::IpAddr;

use electrum::{Endpoint, Host, Network};
use model::Visit;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    discovery::{Listing, Server, own_websockets, parse_peers},
    visit::Visited,
};

/// What one server said of others.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Telling {
    /// Who says so.
    pub(crate) teller: Host,
    /// Where it was met.
    pub(crate) met_at: Option<IpAddr>,
    told: Vec<Told>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    endpoints: Vec<Endpoint>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
}

impl Telling {
    /// What a visit heard of others, if anything; at most `most` servers.
    pub(crate) fn of(visited: &Visited, network: Network, most: usize) -> Option<Self> {
        let Visit { endpoint, peer, .. } = &visited.visit;
        // A list that is none teaches nothing; its bytes are in the record.
        let list = visited.peers.as_ref().and_then(|peers| parse_peers(peers, network, most).ok());
        let peers = list.into_iter().flat_map(|list| list.rows).map(Listing::from);
        let own = visited.features.as_ref().and_then(|features| own_websockets(features, &endpoint.host));
        let told = peers.chain(own.map(Listing::from)).map(|listing| Told {
            endpoints: listing.server.endpoints().iter().cloned().collect(),
            ip: listing.claimed_ip,
        });
        let told: Vec<Told> = told.collect();
        let met_at = peer.map(|peer| peer.ip());
        (!told.is_empty()).then(|| Self { teller: endpoint.host.clone(), met_at, told })
    }

    /// The same for the same list, whatever its order.
    pub(crate) fn digest(&self) -> u64 {
        let mut rows: Vec<String> = self.told.iter().map(|told| format!("{told:?}")).collect();
        rows.sort_unstable();
        let digest = Sha256::digest(rows.concat());
        u64::from_be_bytes(digest[..8].try_into().unwrap_or_default())
    }

    /// The servers, and the addresses claimed for them.
    pub(crate) fn listings(self) -> impl Iterator<Item = Listing> {
        self.told.into_iter().filter_map(|told| {
            let host = told.endpoints.first()?.host.clone();
            let ports = told.endpoints.into_iter().map(|endpoint| (endpoint.port, endpoint.transport));
            Some(Listing { server: Server::new(host, ports)?, claimed_ip: told.ip })
        })
    }
}
