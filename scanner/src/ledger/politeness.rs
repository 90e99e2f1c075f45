//! How polite we are, in numbers: prices, budgets and spacings. Nothing is counted here.

use std::time::Duration;

use super::balance::DECAY;

/// What opening a connection costs, with its TLS handshake, in E.
pub const CONNECTION_COST: f64 = 5.0;
/// What an error costs, beside what the request costs anyway, in E.
pub const ERROR_COST: f64 = 100.0;
/// What a line that is no JSON costs, in E.
pub const PARSE_ERROR_COST: f64 = 1_100.0;
/// Most errors that we provoke in one session.
pub const MOST_ERRORS: u32 = 3;

/// How heavy a visit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Questions that every wallet asks.
    Light,
    /// Everything, a few errors among it.
    Deep,
    /// One line that is no JSON, which ElectrumX counts as dear as eleven errors.
    ParseError,
    /// A long visit that mostly listens.
    Watch,
}

impl Class {
    /// Most that one visit may cost, in E.
    #[must_use]
    pub fn budget(self) -> f64 {
        match self {
            Self::Light => 60.0,
            Self::Deep => 350.0,
            Self::ParseError => PARSE_ERROR_COST + 60.0,
            // With all else that is owed at the most (`Politeness::most_owed`) just what ElectrumX lets pass
            // before it slows a client down; an hour decays twelve times as much.
            Self::Watch => 300.0,
        }
    }

    /// What is set aside when the connection is opened, in E: short visits may spend all at once, a watch spends
    /// little by little, and has it counted as it goes (see [`Permit::settle`]).
    pub(super) fn set_aside(self) -> f64 {
        match self {
            Self::Watch => 60.0,
            Self::Light | Self::Deep | Self::ParseError => self.budget(),
        }
    }

    /// Least time between two such visits to one server; none beyond the spacing of connections.
    #[must_use]
    pub fn spacing(self) -> Option<Duration> {
        match self {
            Self::Light | Self::Watch => None,
            Self::Deep => Some(Duration::from_secs(15 * 60)),
            Self::ParseError => Some(Duration::from_secs(7 * 24 * 60 * 60)),
        }
    }
}

/// How polite we are. Loopback addresses are our own machine: nothing but the number of connections, the
/// budget of a visit and a wish to be left alone counts there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Politeness {
    /// Least time between two connections to one server.
    pub server_spacing: Duration,
    /// Least time between two connections into one /24 (IPv4) or /48 (IPv6).
    pub subnet_spacing: Duration,
    /// Most connections to one server at once.
    pub connections: u32,
    /// Most E that a server, or a /24 or /48, was ever made to spend and has not been given time to forget,
    /// whatever the transports and the kinds of visits. ElectrumX slows clients down from 1,000.
    pub most_owed: f64,
}

impl Default for Politeness {
    fn default() -> Self {
        Self {
            server_spacing: Duration::from_secs(10),
            subnet_spacing: Duration::from_secs(10),
            connections: 2,
            most_owed: 700.0,
        }
    }
}

impl Politeness {
    /// Most connections to a server, or into a /24 or /48, within a span of time.
    #[must_use]
    pub fn most_connections(&self, within: Duration) -> u64 {
        let spacing = self.server_spacing.min(self.subnet_spacing);
        1 + u64::try_from(within.as_nanos() / spacing.as_nanos().max(1)).unwrap_or(u64::MAX)
    }

    /// Most E that a server, or a /24 or /48, is made to spend within a span of time by visits of which none
    /// is dearer than this: what may be owed at the end, and what is forgotten on the way.
    #[must_use]
    pub fn most_spent(&self, within: Duration, dearest: Class) -> f64 {
        self.most_owed.max(dearest.budget()) + within.as_secs_f64() * DECAY
    }
}
