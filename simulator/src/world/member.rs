//! One server of a world, as time goes on.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use super::{Truth, cast::Cast, distance::Distance};
use crate::{
    SimTime,
    behaviour::Conduct,
    node::Node,
    scenario::{Place, Ports},
    serve::{Credentials, Endpoint, Presence, Server, Tenant, Transport},
};

/// One server of a world.
#[derive(Debug)]
pub struct Member {
    pub(super) cast: Arc<Cast>,
    /// Its number in the world.
    pub(super) number: usize,
    /// Whose process answers for it.
    pub(super) answering: usize,
    /// Who speaks for itself and all others of its process.
    pub(super) speaking: usize,
    pub(super) node: Arc<Node>,
    /// The hash of the first block of its chain.
    pub(super) genesis: Arc<str>,
    pub(super) conduct: Arc<Conduct>,
    /// Its conduct at further addresses, where that differs.
    pub(super) elsewhere: Option<Arc<Conduct>>,
    pub(super) credentials: Arc<Credentials>,
    pub(super) distance: Distance,
    pub(super) truth: Truth,
}

impl Member {
    /// What is true of it.
    #[must_use]
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// Where it is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.cast.drafts[self.number].place
    }

    /// Its addresses. The first is that which its names have.
    #[must_use]
    pub fn addresses(&self) -> &[Ipv4Addr] {
        &self.cast.drafts[self.number].addresses
    }

    /// The names or, without any, the addresses by which it is known at a moment; none before it appears and after it
    /// is gone.
    #[must_use]
    pub fn hosts(&self, now: SimTime) -> Vec<String> {
        self.cast.epoch(now).hosts[self.number].clone()
    }

    /// Its ports, and what is spoken at each.
    #[must_use]
    pub fn transports(&self) -> Vec<(u16, Transport)> {
        let Ports { tcp, tls, ws, wss } = self.cast.drafts[self.number].ports();
        let secure = |transport: fn(Arc<Credentials>) -> Transport| transport(Arc::clone(&self.credentials));
        [
            (tcp, Transport::Tcp),
            (tls, secure(Transport::Tls)),
            (ws, Transport::WebSocket),
            (wss, secure(Transport::SecureWebSocket)),
        ]
        .into_iter()
        .filter_map(|(port, transport)| Some((port?, transport)))
        .collect()
    }

    /// Who answers at one of its addresses at a moment. None while it is down, before it appears and after it is gone.
    #[must_use]
    pub fn at(&self, address: Ipv4Addr, now: SimTime) -> Option<Server> {
        if !self.presence(now).up {
            return None;
        }
        let identity = self.cast.epoch(now).identity(&self.cast, self.speaking, &self.genesis);
        let elsewhere = self.elsewhere.as_ref().filter(|_| self.addresses().first() != Some(&address));
        Some(Server {
            grammar: Arc::clone(self.cast.drafts[self.answering].life.grammar(now)),
            identity,
            node: Arc::clone(&self.node),
            conduct: Arc::clone(elsewhere.unwrap_or(&self.conduct)),
        })
    }

    /// How long a byte takes there and back, seen from central Europe. Draws of one number are equal; each answer
    /// should have its own.
    #[must_use]
    pub fn round_trip(&self, draw: u64) -> Duration {
        self.distance.round_trip(draw)
    }

    /// Whether it answers, and when that changes or its software does.
    #[must_use]
    pub fn presence(&self, now: SimTime) -> Presence {
        let lives = [self.number, self.answering].map(|number| &self.cast.drafts[number].life);
        Presence {
            up: lives.iter().all(|life| life.is_up(now)),
            until: lives.iter().filter_map(|life| life.next(now)).min(),
        }
    }

    /// Everything that there is to listen at.
    pub(super) fn endpoints(self: &Arc<Self>) -> Vec<Endpoint> {
        let transports = self.transports();
        let endpoint = |address: &Ipv4Addr, (port, transport): &(u16, Transport)| Endpoint {
            address: SocketAddr::from((*address, *port)),
            transport: transport.clone(),
            server: Arc::clone(self) as Arc<dyn Tenant>,
        };
        let at = |address| transports.iter().map(move |way| endpoint(address, way));
        self.addresses().iter().flat_map(at).collect()
    }
}

impl Tenant for Member {
    fn answering(&self, at: IpAddr, now: SimTime) -> Option<Server> {
        match at {
            IpAddr::V4(address) => self.at(address, now),
            IpAddr::V6(_) => None,
        }
    }

    fn presence(&self, now: SimTime) -> Presence {
        Self::presence(self, now)
    }

    fn round_trip(&self, draw: u64) -> Duration {
        Self::round_trip(self, draw)
    }
}
