//! A scenario come true: servers with addresses, keys, nodes, peers and places, the same to the byte for a seed.
//!
//! A world opens no socket. It is given to [`serve`](crate::serve) to be served, and to [`files`] to be written down.

mod address;
mod certificate;
mod draft;
pub mod files;
mod gossip;
mod truth;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

pub use self::truth::Truth;
use self::{
    address::Addresses,
    certificate::{Authority, CertificateError},
    draft::Draft,
};
use crate::{
    SimTime,
    behaviour::Conduct,
    chain::{Chain, ChainPlan, ForkPlan, Genesis, PlanError},
    chance::Chance,
    grammar::{Grammar, Library},
    node::{Node, NodePlan},
    scenario::{self, Place, Scenario},
    serve::{Credentials, Endpoint, Server, Transport},
};

/// How long the world has been going on when somebody looks: long enough for who stands still to be behind.
const BEGINS: Duration = Duration::from_secs(6 * 3_600);

/// A network of servers.
#[derive(Debug)]
pub struct World {
    servers: Vec<Member>,
    begins: SimTime,
}

/// Why a world cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// More servers than there are addresses.
    #[error("more servers than addresses: {0}")]
    Addresses(usize),
    /// No chain.
    #[error("the chain: {0}")]
    Chain(#[from] PlanError),
    /// No certificate.
    #[error("a certificate: {0}")]
    Certificate(#[from] CertificateError),
}

/// One server of it.
#[derive(Debug)]
pub struct Member {
    address: Ipv4Addr,
    transports: Vec<(u16, Transport)>,
    place: Place,
    server: Arc<Server>,
    truth: Truth,
}

impl World {
    /// Makes the world of a scenario, with about so many servers, or as many as the scenario says.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn new(
        scenario: &Scenario,
        seed: u64,
        servers: Option<usize>,
        grammars: &Library,
    ) -> Result<Self, WorldError> {
        let drafts = drafts(scenario, seed, servers, grammars)?;
        let mut making = Making {
            seed,
            drafts: &drafts,
            nodes: BTreeMap::new(),
            chains: BTreeMap::new(),
            servers: BTreeMap::new(),
        };
        let mut authority = Authority::new(seed)?;
        let mut members = Vec::new();
        for (number, draft) in drafts.iter().enumerate() {
            let server = making.server(number)?;
            let (answering, _) = making.answering(number);
            let credentials = authority.credentials(draft)?;
            members.push(Member {
                address: draft.address,
                transports: transports(draft.group.ports, &credentials),
                place: draft.place.clone(),
                truth: Truth::new(draft, &drafts[answering]),
                server,
            });
        }
        Ok(Self { servers: members, begins: SimTime::START + BEGINS })
    }

    /// What time it is in the world when it is first looked at.
    #[must_use]
    pub fn begins(&self) -> SimTime {
        self.begins
    }

    /// How many servers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.servers.len()
    }

    /// Whether there are none; never.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.servers.is_empty()
    }

    /// What is true of each server.
    pub fn truths(&self) -> impl Iterator<Item = &Truth> {
        self.servers.iter().map(|member| &member.truth)
    }

    /// The servers, in the order of their groups.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.servers
    }

    /// The date of a moment of the world, since 1970.
    #[must_use]
    pub fn date(moment: SimTime) -> Duration {
        Duration::from_secs(ChainPlan::default().start.into()) + (moment - SimTime::START)
    }

    /// Everything that there is to listen at.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        let endpoints = |member: &Member| {
            let (address, server) = (member.address, Arc::clone(&member.server));
            let endpoint = move |(port, transport): &(u16, Transport)| Endpoint {
                address: SocketAddr::from((address, *port)),
                transport: transport.clone(),
                server: Arc::clone(&server),
            };
            member.transports.iter().map(endpoint).collect::<Vec<_>>()
        };
        self.servers.iter().flat_map(endpoints).collect()
    }
}

impl Member {
    /// Where it listens, and how.
    pub fn doors(&self) -> impl Iterator<Item = (SocketAddr, &Transport)> {
        self.transports.iter().map(|(port, transport)| (SocketAddr::from((self.address, *port)), transport))
    }

    /// Who answers there.
    #[must_use]
    pub fn server(&self) -> &Arc<Server> {
        &self.server
    }
}

fn drafts<'s>(
    scenario: &'s Scenario,
    seed: u64,
    servers: Option<usize>,
    grammars: &Library,
) -> Result<Vec<Draft<'s>>, WorldError> {
    let sizes = scenario.sizes(servers);
    let mut addresses = Addresses::new(seed);
    let mut drafts = Vec::new();
    for (group, size) in scenario.servers.iter().zip(&sizes) {
        let software: Vec<(&Arc<Grammar>, u64)> = group
            .software
            .iter()
            .filter_map(|(name, weight)| Some((grammars.get(name)?, weight.get())))
            .collect();
        for number in 0..*size {
            let found =
                draft::turn(&software, number, *size).zip(group.places.get(number % group.places.len()));
            let Some((grammar, place)) = found else { continue };
            let address = addresses.next(group.addresses, &group.name);
            let address = address.ok_or(WorldError::Addresses(sizes.iter().sum()))?;
            drafts.push(Draft { group, number, address, place, grammar: Arc::clone(grammar) });
        }
    }
    Ok(drafts)
}

/// What is made once and used by several.
struct Making<'d, 's> {
    seed: u64,
    drafts: &'d [Draft<'s>],
    nodes: BTreeMap<String, Arc<Node>>,
    chains: BTreeMap<bool, Arc<Chain>>,
    servers: BTreeMap<String, Arc<Server>>,
}

impl Making<'_, '_> {
    /// The draft of the server whose process answers for another, and the name of that process.
    fn answering(&self, number: usize) -> (usize, String) {
        let draft = &self.drafts[number];
        let behind = |group: &str| -> Vec<usize> {
            let places = 0..self.drafts.len();
            places.filter(|place| self.drafts[*place].group.name == group).collect()
        };
        let answering = match &draft.group.through {
            Some(group) => {
                let behind = behind(group);
                behind.get(draft.number % behind.len().max(1)).copied().unwrap_or(number)
            }
            None => number,
        };
        (answering, self.drafts[answering].process())
    }

    fn server(&mut self, number: usize) -> Result<Arc<Server>, WorldError> {
        let (answering, process) = self.answering(number);
        let draft = &self.drafts[number];
        // Who passes things on under another name says that name and nothing else of his own.
        let key = match &draft.group.through {
            Some(_) => format!("{process} as {}", draft.group.name),
            None => process,
        };
        if let Some(server) = self.servers.get(&key) {
            return Ok(Arc::clone(server));
        }
        let behind = &self.drafts[answering];
        let node = self.node(behind)?;
        let mut identity = gossip::identity(self.seed, self.drafts, number);
        identity.genesis_hash = node.chain().genesis_hash();
        let server = Arc::new(Server {
            grammar: Arc::clone(&behind.grammar),
            identity: Arc::new(identity),
            node,
            conduct: Arc::new(Conduct::new(draft.group.behaviours.clone()).attacking(draft.group.hostile)),
        });
        self.servers.insert(key, Arc::clone(&server));
        Ok(server)
    }

    fn node(&mut self, draft: &Draft<'_>) -> Result<Arc<Node>, WorldError> {
        let name = draft.node();
        if let Some(node) = self.nodes.get(&name) {
            return Ok(Arc::clone(node));
        }
        let id = self.nodes.len() as u64;
        let mut chance = Chance::new(self.seed, "operator of a node", &[id]);
        let plan = NodePlan {
            seed: self.seed,
            id,
            delay: Duration::from_millis(150 + chance.below(900)),
            mempool_share: 0.94 + 0.06 * chance.unit(),
            // Bitcoin Core relays for a tenth since version 29.
            relay_fee: if chance.happens(0.4) { 100 } else { 1_000 },
            ..NodePlan::default()
        };
        let node = Arc::new(Node::new(plan, self.chain(draft.group.chain)?));
        self.nodes.insert(name, Arc::clone(&node));
        Ok(node)
    }

    fn chain(&mut self, chain: scenario::Chain) -> Result<Arc<Chain>, WorldError> {
        let is_other = chain == scenario::Chain::Other;
        if let Some(chain) = self.chains.get(&is_other) {
            return Ok(Arc::clone(chain));
        }
        let usual = ChainPlan {
            seed: self.seed,
            ahead: 200,
            forks: vec![ForkPlan { after: 60, depth: 1 }, ForkPlan { after: 100, depth: 2 }],
            ..ChainPlan::default()
        };
        let plan = match chain {
            scenario::Chain::Usual => usual,
            scenario::Chain::Other => ChainPlan { genesis: Genesis::Own, histories: vec![1, 10], ..usual },
        };
        let chain = Arc::new(Chain::generate(&plan)?);
        self.chains.insert(is_other, Arc::clone(&chain));
        Ok(chain)
    }
}

fn transports(ports: scenario::Ports, credentials: &Arc<Credentials>) -> Vec<(u16, Transport)> {
    let secure = |transport: fn(Arc<Credentials>) -> Transport| transport(Arc::clone(credentials));
    [
        (ports.tcp, Transport::Tcp),
        (ports.tls, secure(Transport::Tls)),
        (ports.ws, Transport::WebSocket),
        (ports.wss, secure(Transport::SecureWebSocket)),
    ]
    .into_iter()
    .filter_map(|(port, transport)| Some((port?, transport)))
    .collect()
}
