//! Servers on sockets: listeners, TLS and WebSocket around [`Session`](crate::grammar::Session)s.
//!
//! A server that nobody talks to costs a socket and a few hundred bytes: a handful of tasks accept for all
//! listeners, a TLS configuration is made when the first client greets, and a task lives as long as its connection.

mod accept;
mod clock;
mod connection;
mod credentials;
mod distance;
mod driven;
mod hostile;
mod inside;
mod lines;
mod names;
mod tenant;

use std::{net::SocketAddr, sync::Arc};

pub use accept::{Listening, ServeError, listen};
pub use clock::Clock;
pub use credentials::Credentials;
pub use inside::Inside;
pub use names::NameServer;
pub use tenant::{Presence, Tenant};

use crate::{
    SimTime,
    behaviour::Conduct,
    grammar::{Grammar, Identity},
    node::{Node, View},
};

/// A server: how it speaks, what it says of itself, and what it sees.
#[derive(Clone, Debug)]
pub struct Server {
    /// How it speaks.
    pub grammar: Arc<Grammar>,
    /// What its operator configured.
    pub identity: Arc<Identity>,
    /// The node behind it.
    pub node: Arc<Node>,
    /// How it behaves.
    pub conduct: Arc<Conduct>,
}

impl Server {
    /// What it knows, or lets itself know.
    fn view(&self, now: SimTime) -> View {
        self.node.view(self.conduct.moment(now))
    }

    /// When that may change next.
    fn next_change(&self, now: SimTime) -> Option<SimTime> {
        let moves = self.conduct.moment(now) == now;
        moves.then(|| self.node.next_change(now)).flatten()
    }
}

/// Where a server listens, and how.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The address; port 0 takes any.
    pub address: SocketAddr,
    /// What is spoken there.
    pub transport: Transport,
    /// Who answers, as time goes on.
    pub server: Arc<dyn Tenant>,
}

/// What carries the protocol.
#[derive(Clone, Debug)]
pub enum Transport {
    /// Lines over TCP.
    Tcp,
    /// Lines over TLS.
    Tls(Arc<Credentials>),
    /// Messages over WebSocket.
    WebSocket,
    /// Messages over WebSocket over TLS.
    SecureWebSocket(Arc<Credentials>),
}
