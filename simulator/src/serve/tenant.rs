//! Who is behind an endpoint, as time goes on.

use std::{fmt, net::IpAddr, time::Duration};

use super::Server;
use crate::SimTime;

/// Whoever is behind an endpoint, as time goes on. What it says depends on the moment and on nothing else.
pub trait Tenant: fmt::Debug + Send + Sync {
    /// Who answers at an address at a moment; nobody while it is down.
    fn answering(&self, at: IpAddr, now: SimTime) -> Option<Server>;

    /// Whether anybody answers, and until when that is so. What changes then ends all connections.
    fn presence(&self, now: SimTime) -> Presence;

    /// How long a byte takes there and back, in the time of the world. One draw, one time.
    fn round_trip(&self, draw: u64) -> Duration;
}

/// Whether anybody answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presence {
    /// Connections are accepted. Else they are refused.
    pub up: bool,
    /// When it goes down or comes back, or somebody else takes over. None: never.
    pub until: Option<SimTime>,
}

/// A server that is always there, and near.
impl Tenant for Server {
    fn answering(&self, _: IpAddr, _: SimTime) -> Option<Server> {
        Some(self.clone())
    }

    fn presence(&self, _: SimTime) -> Presence {
        Presence { up: true, until: None }
    }

    fn round_trip(&self, _: u64) -> Duration {
        Duration::ZERO
    }
}
