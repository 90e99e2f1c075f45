//! What an operator tells a server about itself: all that two servers of one version differ in, besides what they see.

use std::net::SocketAddr;

use super::{
    data::{FeatureValue, Grammar, Protocol},
    json::Json,
    words::Words,
};

/// What an operator configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// Where the server says that it can be reached.
    pub services: Vec<Service>,
    /// Where it listens for plain TCP; electrs tells everybody.
    pub bound: SocketAddr,
    /// The hash of the first block, in hex as it is shown.
    pub genesis_hash: String,
    /// None: the implementation's own.
    pub banner: Option<String>,
    /// None: what the implementation says where nobody set one.
    pub donation_address: Option<String>,
    /// What it claims to be. None: the truth.
    pub agent: Option<String>,
    /// Whom it names as peers.
    pub peers: Vec<Peer>,
}

/// A way to reach a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// `tcp`, `ssl`, `ws` or `wss`.
    pub protocol: &'static str,
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// A row of `server.peers.subscribe`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: String,
    /// Its name.
    pub host: String,
    /// What it offers: `v1.4.2`, `s50002`, `t50001`.
    pub offers: Vec<String>,
}

impl Identity {
    pub(crate) fn agent(&self, grammar: &Grammar) -> String {
        self.agent.clone().unwrap_or_else(|| grammar.agent.clone())
    }

    pub(crate) fn banner(&self, grammar: &Grammar) -> String {
        let own = |words: &Words| words.fill(&[("agent", &Json::Text(self.agent(grammar)))]);
        self.banner.clone().unwrap_or_else(|| own(&grammar.banner))
    }

    pub(crate) fn donation_address(&self, grammar: &Grammar) -> Json {
        self.donation_address.as_ref().map_or_else(|| grammar.donation.clone(), Json::text)
    }

    pub(crate) fn features(&self, grammar: &Grammar, protocol: &Protocol) -> Json {
        let current =
            grammar.features.iter().filter(|feature| feature.until.as_ref().is_none_or(|end| protocol < end));
        Json::Object(
            current.map(|feature| (feature.name.clone(), self.feature(grammar, &feature.value))).collect(),
        )
    }

    fn feature(&self, grammar: &Grammar, value: &FeatureValue) -> Json {
        match value {
            FeatureValue::AnnouncedHosts => self.hosts(),
            FeatureValue::BoundHost => {
                let port =
                    Json::Object(vec![("tcp_port".to_owned(), Json::from(u32::from(self.bound.port())))]);
                Json::Object(vec![(self.bound.ip().to_string(), port)])
            }
            FeatureValue::Services => {
                let text = |s: &Service| Json::Text(format!("{}://{}:{}", s.protocol, s.host, s.port));
                Json::List(self.services.iter().map(text).collect())
            }
            FeatureValue::Agent => Json::Text(self.agent(grammar)),
            FeatureValue::ProtocolMin => Json::text(grammar.greeting.min.to_string()),
            FeatureValue::ProtocolMax => Json::text(grammar.greeting.max.to_string()),
            FeatureValue::GenesisHash => Json::text(&self.genesis_hash),
            FeatureValue::Fixed(value) => value.clone(),
        }
    }

    fn hosts(&self) -> Json {
        let mut hosts: Vec<(String, Json)> = Vec::new();
        for service in &self.services {
            let port = (format!("{}_port", service.protocol), Json::from(u32::from(service.port)));
            match hosts.iter_mut().find(|(host, _)| *host == service.host) {
                Some((_, Json::Object(ports))) => ports.push(port),
                _ => hosts.push((service.host.clone(), Json::Object(vec![port]))),
            }
        }
        Json::Object(hosts)
    }

    pub(crate) fn peers(&self) -> Json {
        let row = |peer: &Peer| {
            let offers = Json::List(peer.offers.iter().map(Json::text).collect());
            Json::List(vec![Json::text(&peer.address), Json::text(&peer.host), offers])
        };
        Json::List(self.peers.iter().map(row).collect())
    }

    /// Whether a stranger's features look right to an implementation that welcomes peers.
    pub(crate) fn welcomes(&self, grammar: &Grammar, features: &Json) -> bool {
        let has_port = |(_, ports): &(String, Json)| matches!(ports, Json::Object(ports) if ports.iter().any(|(_, port)| matches!(port, Json::Int(_))));
        let reachable =
            matches!(features.get("hosts"), Some(Json::Object(hosts)) if hosts.iter().any(has_port));
        grammar.welcomes_peers
            && reachable
            && features.get("genesis_hash") == Some(&Json::text(&self.genesis_hash))
    }
}
