//! A server of each grammar, over TCP and over TLS, all on one chain.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use simulator::{
    chain::{Chain, ChainPlan},
    grammar::{Identity, Library},
    node::{Node, NodePlan},
    serve::{Clock, Credentials, Endpoint, Listening, Server, Transport, listen},
};
use tokio::runtime::Runtime;

/// Simulated servers that are listening.
pub(crate) struct Network {
    pub(crate) chain: Arc<Chain>,
    pub(crate) places: Vec<Place>,
    _listening: Listening,
    _runtime: Runtime,
}

/// Where a server of a grammar listens.
pub(crate) struct Place {
    pub(crate) grammar: String,
    pub(crate) address: SocketAddr,
    pub(crate) tls: bool,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} {}", self.grammar, if self.tls { "TLS" } else { "TCP" }))
    }
}

impl Network {
    pub(crate) fn start() -> anyhow::Result<Self> {
        let runtime = Runtime::new()?;
        let entered = runtime.enter();
        // More blocks than fit into one answer of headers, and others that come while wallets are looking.
        let plan = ChainPlan {
            blocks: 2_100,
            ahead: 300,
            interval: Duration::from_secs(2),
            histories: vec![1, 2, 3, 10],
            crowd: 20,
            forks: Vec::new(),
            ..ChainPlan::default()
        };
        let chain = Arc::new(Chain::generate(&plan)?);
        let library = Library::embedded()?;
        let (mut endpoints, mut names) = (Vec::new(), Vec::new());
        for (place, (name, grammar)) in (1..).zip(library.iter()) {
            // An address each: wallets remember certificates by it.
            let bound = SocketAddr::from(([127, 0, 140, place], 0));
            let identity = Identity {
                services: Vec::new(),
                bound,
                genesis_hash: chain.genesis_hash(),
                banner: None,
                donation_address: None,
                agent: None,
                peers: Vec::new(),
            };
            let node = Node::new(NodePlan { id: place.into(), ..NodePlan::default() }, Arc::clone(&chain));
            let server = Arc::new(Server {
                grammar: Arc::clone(grammar),
                identity: Arc::new(identity),
                node: Arc::new(node),
                conduct: Arc::default(),
            });
            for transport in [Transport::Tcp, Transport::Tls(Arc::new(credentials(bound)?))] {
                names.push((name.to_owned(), matches!(transport, Transport::Tls(_))));
                endpoints.push(Endpoint { address: bound, transport, server: server.clone() });
            }
        }
        let listening = listen(endpoints, Clock::start(1)).context("the servers")?;
        let place = |((grammar, tls), address): ((String, bool), &SocketAddr)| Place {
            grammar,
            address: *address,
            tls,
        };
        let places = names.into_iter().zip(listening.addresses()).map(place).collect();
        drop(entered);
        Ok(Self { chain, places, _listening: listening, _runtime: runtime })
    }
}

fn credentials(address: SocketAddr) -> anyhow::Result<Credentials> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed([address.ip().to_string()])?;
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).map_err(anyhow::Error::msg)?;
    Ok(Credentials::new(vec![cert.der().clone()], key))
}
