//! What a server is to discovery: one host and the places where it listens, as somebody lists it.

use std::{collections::BTreeSet, fmt, net::IpAddr, num::NonZeroU16};

use electrum::{Endpoint, Host, Network, Transport};
use serde::{Deserialize, Serialize};

/// A server: one host with at least one endpoint. Endpoints of one host are one server, however many
/// lists they come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    host: Host,
    endpoints: BTreeSet<Endpoint>,
}

impl Server {
    /// A server that listens on these ports; `None` where there are none.
    #[must_use]
    pub fn new(host: Host, ports: impl IntoIterator<Item = (NonZeroU16, Transport)>) -> Option<Self> {
        let at = |(port, transport)| Endpoint { host: host.clone(), port, transport };
        let endpoints: BTreeSet<Endpoint> = ports.into_iter().map(at).collect();
        (!endpoints.is_empty()).then_some(Self { host, endpoints })
    }

    /// The machine.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The name people know it by: the canonical text of its host.
    #[must_use]
    pub fn name(&self) -> String {
        self.host.to_string()
    }

    /// Where it listens, by port. Never empty, and all of one host.
    #[must_use]
    pub fn endpoints(&self) -> &BTreeSet<Endpoint> {
        &self.endpoints
    }

    /// Takes over the endpoints of another entry for the same host, as far as there is room for
    /// `most` in all; returns those that are new and the number of those there was no room for.
    pub(super) fn merge(&mut self, other: &Self, most: usize) -> (BTreeSet<Endpoint>, usize) {
        debug_assert_eq!(self.host, other.host);
        let mut fresh: BTreeSet<Endpoint> = other.endpoints.difference(&self.endpoints).cloned().collect();
        let crowded_out = fresh.iter().nth(most.saturating_sub(self.endpoints.len())).cloned();
        let left_out = crowded_out.map_or(0, |first| fresh.split_off(&first).len());
        self.endpoints.extend(fresh.iter().cloned());
        (fresh, left_out)
    }

    /// Keeps the first `most` endpoints, at least one; returns the number of the others.
    pub(super) fn truncate(&mut self, most: usize) -> usize {
        let first_beyond = self.endpoints.iter().nth(most.max(1)).cloned();
        first_beyond.map_or(0, |first| self.endpoints.split_off(&first).len())
    }

    /// The same host with other endpoints; `None` where there are none.
    pub(super) fn with_endpoints(&self, endpoints: BTreeSet<Endpoint>) -> Option<Self> {
        (!endpoints.is_empty()).then(|| Self { host: self.host.clone(), endpoints })
    }
}

impl From<Endpoint> for Server {
    fn from(endpoint: Endpoint) -> Self {
        Self { host: endpoint.host.clone(), endpoints: BTreeSet::from([endpoint]) }
    }
}

/// A server as one source lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The server.
    pub server: Server,
    /// The address the source claims its name has. Nobody checked it.
    pub claimed_ip: Option<IpAddr>,
}

impl Listing {
    /// The address that is known before any look-up: the literal, or for a name what is claimed.
    /// An onion has none, whatever is claimed.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self.server.host() {
            Host::Address(ip) => Some(*ip),
            Host::Name(_) => self.claimed_ip.map(|ip| ip.to_canonical()),
            Host::Onion(_) => None,
        }
    }
}

impl From<Server> for Listing {
    fn from(server: Server) -> Self {
        Self { server, claimed_ip: None }
    }
}

/// Who told us of a server.
///
/// Written as `{"bundled":"mainnet"}`, `{"seeds":"NAME"}`, `"command-line"` or `{"peer":"HOST"}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The list of this network that is compiled in.
    Bundled(Network),
    /// A seeds file, by the name the user knows it by.
    Seeds(String),
    /// The user, in person.
    CommandLine,
    /// Another server, by the host we visited.
    Peer(Host),
}

impl Source {
    /// Whether a stranger speaks. What strangers may add is capped; what the user names is not.
    #[must_use]
    pub fn is_gossip(&self) -> bool {
        matches!(self, Self::Peer(_))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundled(network) => write!(f, "bundled:{network}"),
            Self::Seeds(name) => write!(f, "seeds:{name}"),
            Self::CommandLine => f.pad("command-line"),
            Self::Peer(host) => write!(f, "peer:{host}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(host: &str, ports: &[u16]) -> Server {
        let ports = ports.iter().filter_map(|p| NonZeroU16::new(*p)).map(|p| (p, Transport::Tcp));
        Server::new(host.parse().expect("a host"), ports).expect("a port")
    }

    fn ports(endpoints: &BTreeSet<Endpoint>) -> Vec<u16> {
        endpoints.iter().map(|e| e.port.get()).collect()
    }

    #[test]
    fn a_server_listens_somewhere() {
        assert_eq!(Server::new("example.org".parse().expect("a host"), []), None);
        assert_eq!(server("Example.ORG.", &[1]).name(), "example.org");
    }

    #[test]
    fn merging_keeps_to_the_limit_and_says_what_is_new() {
        let mut known = server("a", &[1, 3]);
        let (fresh, left_out) = known.merge(&server("a", &[1, 2, 4, 5]), 4);
        assert_eq!((ports(&fresh), left_out), (vec![2, 4], 1));
        assert_eq!(ports(known.endpoints()), [1, 2, 3, 4]);
        let (fresh, left_out) = known.merge(&server("a", &[6]), 2);
        assert_eq!((ports(&fresh), left_out), (vec![], 1), "a lower limit takes nothing away");
    }

    #[test]
    fn truncating_leaves_one_endpoint_at_least() {
        let mut known = server("a", &[1, 2, 3]);
        assert_eq!((known.truncate(3), known.truncate(2), known.truncate(0)), (0, 1, 1));
        assert_eq!(ports(known.endpoints()), [1]);
    }

    #[test]
    fn the_claimed_address_counts_for_names_only() {
        let onion = "explorerzydxu5ecjrkwceayqybizmpjjznk5izmitf2modhcusuqlid.onion";
        for (host, expected) in
            [("a.example", Some("192.0.2.1")), ("198.51.100.1", Some("198.51.100.1")), (onion, None)]
        {
            let listing = Listing { server: server(host, &[1]), claimed_ip: "::ffff:192.0.2.1".parse().ok() };
            assert_eq!(listing.address(), expected.and_then(|ip| ip.parse().ok()), "{host}");
        }
    }

    #[test]
    fn sources_are_written_as_documented() {
        let host: Host = "A.example".parse().expect("a host");
        for (source, json, text) in [
            (Source::Bundled(Network::Testnet4), r#"{"bundled":"testnet4"}"#, "bundled:testnet4"),
            (Source::Seeds("lab".into()), r#"{"seeds":"lab"}"#, "seeds:lab"),
            (Source::CommandLine, r#""command-line""#, "command-line"),
            (Source::Peer(host), r#"{"peer":"a.example"}"#, "peer:a.example"),
        ] {
            assert_eq!(serde_json::to_string(&source).expect("JSON"), json);
            assert_eq!(serde_json::from_str::<Source>(json).expect("a source"), source);
            assert_eq!(source.to_string(), text);
        }
    }
}
