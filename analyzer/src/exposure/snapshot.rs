//! The network as a wallet meets it: hosts that it may connect to, who names whom, and which lists wallets carry.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use electrum::{Endpoint, Host, Transport};

use super::{Client, lists::lists};
use crate::{dossier::Dossier, features::place::Peers, mark::Mark, operators::Operators, survey::Survey};

/// Servers that Electrum takes of a list of peers, beyond as many as it carries itself.
pub(super) const MORE_PEERS: usize = 20;

/// By what Electrum spreads its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// The /16 of an IPv4 address.
    V4([u8; 2]),
    /// The /48 of an IPv6 address.
    V6([u8; 6]),
    /// All onions.
    Onion,
    /// Not known, and spread by nothing.
    Unknown,
}

impl Bucket {
    /// That of an address.
    #[must_use]
    pub fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => {
                let [first, second, ..] = ip.octets();
                Self::V4([first, second])
            }
            IpAddr::V6(ip) => {
                let [a, b, c, d, e, f, ..] = ip.octets();
                Self::V6([a, b, c, d, e, f])
            }
        }
    }

    /// That of a host: of a name by the address at which it answered the latest time.
    #[must_use]
    pub fn of_host(host: &Host, dossier: Option<&Dossier>) -> Self {
        match host {
            Host::Onion(_) => Self::Onion,
            Host::Address(ip) => Self::of(*ip),
            Host::Name(_) => {
                dossier.and_then(|dossier| dossier.place.dialled).map_or(Self::Unknown, Self::of)
            }
        }
    }
}

/// A host that a wallet may connect to.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Whose it is, as a place in [`Snapshot::operators`].
    pub operator: usize,
    /// By what it is spread.
    pub bucket: Bucket,
    /// Whether a connection over TLS is answered, or was never tried where another was; of an onion, through Tor.
    pub answers: bool,
    /// Whether its host is an address: where a proxy is used, Electrum knows no other addresses.
    pub literal: bool,
    /// Whom it names (`server.peers.subscribe`), as places in [`Snapshot::peers`].
    pub names: Vec<usize>,
}

/// The network as a wallet meets it.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The hosts.
    pub peers: Vec<Peer>,
    /// The operators, by name.
    pub operators: Vec<String>,
    /// The hosts that each client carries, as places in `peers`. Electrum's are those with TLS.
    pub lists: BTreeMap<Client, Vec<usize>>,
    /// Servers that Electrum takes of a list of peers.
    pub accepted: usize,
    /// Whether all hosts stand in for Electrum's list.
    pub stand_in: bool,
}

impl Snapshot {
    /// That of visited servers. `defaults` are the endpoints that Electrum carries for the network.
    #[must_use]
    pub fn of(survey: &Survey<'_>, operators: &Operators, defaults: &[Endpoint]) -> Self {
        let mut places: HashMap<&Host, usize> = HashMap::new();
        let mut peers = Vec::new();
        let hosts = || {
            let servers = survey.servers.iter().zip(&operators.of_server);
            servers.flat_map(|(server, operator)| server.hosts.iter().map(move |host| (*host, *operator)))
        };
        for ((host, dossier), operator) in hosts() {
            places.insert(host, peers.len());
            let tls = |transport: Transport| transport == Transport::Tls;
            let answered = dossier.place.answered.iter().any(|(transport, _)| tls(*transport));
            // A scan that took another way in does not say that this one is closed.
            let tried = dossier.endpoints.iter().any(|endpoint| tls(endpoint.transport));
            peers.push(Peer {
                operator,
                bucket: Bucket::of_host(host, Some(dossier)),
                answers: (answered || !tried) && dossier.uptime.is_up(),
                literal: host.address().is_some(),
                names: Vec::new(),
            });
        }
        let marks: HashMap<Mark, usize> =
            places.iter().map(|(host, place)| (Mark::of_host(host), *place)).collect();
        for (place, ((_, dossier), _)) in hosts().enumerate() {
            let named = dossier.place.peers.iter().flat_map(Peers::hosts);
            let named = named.filter_map(|mark| marks.get(mark).copied());
            peers[place].names = named.filter(|other| *other != place).collect();
        }
        let mut known: Vec<&Host> = defaults.iter().map(|endpoint| &endpoint.host).collect();
        known.sort_unstable();
        known.dedup();
        let stand_in = known.iter().all(|host| !places.contains_key(host));
        let mut snapshot =
            Self { peers, operators: operators.names.clone(), lists: BTreeMap::new(), accepted: 0, stand_in };
        if stand_in {
            let all: Vec<usize> =
                (0..snapshot.peers.len()).filter(|place| snapshot.peers[*place].answers).collect();
            snapshot.accepted = all.len() + MORE_PEERS;
            snapshot.lists.insert(Client::Electrum, all);
        } else {
            let tls = defaults.iter().filter(|endpoint| endpoint.transport == Transport::Tls);
            // A scan begins with them: who was not even visited does not answer.
            let list = tls.map(|endpoint| snapshot.place(&places, &endpoint.host, false)).collect();
            snapshot.accepted = known.len() + MORE_PEERS;
            snapshot.lists.insert(Client::Electrum, list);
        }
        for (client, hosts) in lists(survey.network) {
            if hosts.iter().any(|host| places.contains_key(host)) {
                // Nobody visits these for a scan of Electrum's network: who was not visited is taken to answer.
                let list = hosts.iter().map(|host| snapshot.place(&places, host, true)).collect();
                snapshot.lists.insert(client, list);
            }
        }
        snapshot
    }

    /// Where a host is; one that was not visited is added, as its own operator's.
    fn place(&mut self, places: &HashMap<&Host, usize>, host: &Host, answers: bool) -> usize {
        if let Some(place) = places.get(host) {
            return *place;
        }
        let name = host.to_string();
        let known = self.operators.iter().position(|operator| *operator == name);
        let operator = known.unwrap_or_else(|| {
            self.operators.push(name);
            self.operators.len() - 1
        });
        let bucket = Bucket::of_host(host, None);
        let literal = host.address().is_some();
        self.peers.push(Peer { operator, bucket, answers, literal, names: Vec::new() });
        self.peers.len() - 1
    }

    /// The hosts that a client carries.
    #[must_use]
    pub fn list(&self, client: Client) -> &[usize] {
        self.lists.get(&client).map_or(&[], Vec::as_slice)
    }

    /// Whether a host answers a wallet, with Tor or without.
    #[must_use]
    pub fn reaches(&self, place: usize, tor: bool) -> bool {
        let peer = &self.peers[place];
        peer.answers && (tor || peer.bucket != Bucket::Onion)
    }
}
