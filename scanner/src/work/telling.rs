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
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Telling {
    /// Who says so.
    pub(crate) teller: Host,
    /// Where it was met.
    pub(crate) met_at: Option<IpAddr>,
    told: Vec<Told>,
}

/// A part of what was said.
#[derive(Serialize)]
struct Word<'a> {
    teller: &'a Host,
    met_at: Option<IpAddr>,
    told: &'a [&'a Told],
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

    /// As words of at most so many bytes. Whoever does not fit into one alone has too long a name to be visited.
    pub(crate) fn words(&self, most: usize) -> Vec<Vec<u8>> {
        let word = |told: &[&Told]| {
            let word = Word { teller: &self.teller, met_at: self.met_at, told };
            serde_json::to_vec(&word).unwrap_or_default()
        };
        let (mut words, mut telling) = (Vec::new(), Vec::new());
        let mut size = word(&[]).len();
        for told in &self.told {
            let long = word(&[told]).len() - word(&[]).len() + 1;
            if size + long > most && !telling.is_empty() {
                words.push(word(&telling));
                telling.clear();
                size = word(&[]).len();
            }
            if size + long <= most {
                size += long;
                telling.push(told);
            }
        }
        if !telling.is_empty() {
            words.push(word(&telling));
        }
        words
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_passed_on_in_words_of_a_bounded_length_and_nothing_is_lost() {
        let told = |number: usize| Told {
            endpoints: vec![
                format!("ssl://{number}.{}.example:50002", "a".repeat(number % 60 + 1))
                    .parse()
                    .expect("an endpoint"),
            ],
            ip: "9.9.9.9".parse().ok(),
        };
        let teller: Host = "teller.example".parse().expect("a host");
        let telling = Telling { teller, met_at: None, told: (0..300).map(told).collect() };
        let words = telling.words(1_000);
        assert!(words.len() > 10 && words.iter().all(|word| word.len() <= 1_000));
        let read = |word: &Vec<u8>| serde_json::from_slice::<Telling>(word).expect("a telling");
        let heard: Vec<Host> = words
            .iter()
            .flat_map(|word| read(word).listings())
            .map(|listing| listing.server.host().clone())
            .collect();
        let said: Vec<Host> = telling.told.iter().map(|told| told.endpoints[0].host.clone()).collect();
        assert_eq!(heard, said);
    }
}
