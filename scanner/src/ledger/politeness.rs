//! How polite we are, in numbers: prices, budgets and spacings. Nothing is counted here.

use std::{net::IpAddr, time::Duration};

use electrum::guard::Guard;
use fleet::permits::Bounds;

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

    /// The name in what is shared.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Deep => "deep",
            Self::ParseError => "parse-error",
            Self::Watch => "watch",
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

/// Least times between two connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spacings {
    /// To one server.
    pub server: Duration,
    /// Into one /24 (IPv4) or /48 (IPv6).
    pub subnet: Duration,
    /// Into one autonomous system.
    pub system: Duration,
}

impl Spacings {
    /// What no configuration may fall below, where the address is public.
    pub const FLOORS: Self = Self {
        server: Duration::from_secs(10),
        subnet: Duration::from_secs(10),
        system: Duration::from_millis(200),
    };

    fn at_least(self, other: Self) -> Self {
        Self {
            server: self.server.max(other.server),
            subnet: self.subnet.max(other.subnet),
            system: self.system.max(other.system),
        }
    }
}

/// Most connections to one public server at once, whatever the configuration.
const MOST_CONNECTIONS: u32 = 2;

/// How polite we are. What holds for a connection is asked with its address (see [`Politeness::bounds`]), so that nothing
/// shorter than the floors can be had for a public one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Politeness {
    spacings: Spacings,
    connections: u32,
    /// Most E that a server, or a /24 or /48, was ever made to spend and has not been given time to forget,
    /// whatever the transports and the kinds of visits. ElectrumX slows clients down from 1,000.
    most_owed: f64,
    /// Whether loopback addresses are our own machine, where nothing but the number of connections, the budget of a
    /// visit and a wish to be left alone counts.
    spares_loopback: bool,
}

impl Default for Politeness {
    /// That of one machine: loopback addresses are spared.
    fn default() -> Self {
        let spacings = Spacings { system: Duration::from_secs(1), ..Spacings::FLOORS };
        Self { spacings, connections: MOST_CONNECTIONS, most_owed: 700.0, spares_loopback: true }
    }
}

impl Politeness {
    /// That of a fleet, whose loopback addresses are spaced as all others: at once only where it says so.
    #[must_use]
    pub fn of_fleet(spacings: Spacings, connections: u32) -> Self {
        Self { spacings, connections, spares_loopback: false, ..Self::default() }
    }

    /// What holds for a connection to an address. Behind a proxy it is unknown, and counts as public.
    #[must_use]
    pub fn bounds(&self, address: Option<IpAddr>) -> Bounds {
        let is_public = address.is_none_or(|ip| Guard::PublicOnly.check(ip).is_ok());
        let (spacings, connections) = if is_public {
            (self.spacings.at_least(Spacings::FLOORS), self.connections.min(MOST_CONNECTIONS))
        } else {
            (self.spacings, self.connections)
        };
        Bounds {
            server_spacing: spacings.server,
            subnet_spacing: spacings.subnet,
            system_spacing: spacings.system,
            connections: connections.max(1),
            most_owed: self.most_owed,
            decay: DECAY,
            spared: self.spares_loopback && address.is_some_and(|ip| ip.is_loopback()),
        }
    }

    /// Most connections to a server, or into a /24 or /48, within a span of time.
    #[must_use]
    pub fn most_connections(&self, within: Duration) -> u64 {
        let spacing = self.spacings.server.min(self.spacings.subnet);
        1 + u64::try_from(within.as_nanos() / spacing.as_nanos().max(1)).unwrap_or(u64::MAX)
    }

    /// Most E that a server, or a /24 or /48, is made to spend within a span of time by visits of which none
    /// is dearer than this: what may be owed at the end, and what is forgotten on the way.
    #[must_use]
    pub fn most_spent(&self, within: Duration, dearest: Class) -> f64 {
        self.most_owed.max(dearest.budget()) + within.as_secs_f64() * DECAY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    #[test]
    fn no_configuration_falls_below_the_floors_but_where_nobody_else_is() {
        let none = Spacings { server: Duration::ZERO, subnet: Duration::ZERO, system: Duration::ZERO };
        let hasty = Politeness::of_fleet(none, 100);
        // Unknown behind a proxy, public, and public in disguise.
        for address in [None, ip("8.8.8.8"), ip("2a00::1"), ip("::ffff:8.8.8.8"), ip("64:ff9b::808:808")] {
            let bounds = hasty.bounds(address);
            assert_eq!(bounds.server_spacing, Duration::from_secs(10), "{address:?}");
            assert_eq!(bounds.subnet_spacing, Duration::from_secs(10), "{address:?}");
            assert_eq!(bounds.system_spacing, Duration::from_millis(200), "{address:?}");
            assert_eq!((bounds.connections, bounds.spared), (2, false), "{address:?}");
        }
        for address in [ip("127.0.0.1"), ip("10.0.0.1"), ip("::1")] {
            let bounds = hasty.bounds(address);
            assert_eq!(bounds.server_spacing, Duration::ZERO, "{address:?}");
            assert_eq!((bounds.connections, bounds.spared), (100, false), "{address:?}");
        }
    }

    #[test]
    fn a_fleet_spaces_loopback_as_it_is_told_and_one_machine_spares_it() {
        let minute = Duration::from_secs(60);
        let slow = Politeness::of_fleet(Spacings { server: minute, ..Spacings::FLOORS }, 0);
        for address in [ip("127.0.0.1"), ip("8.8.8.8")] {
            let bounds = slow.bounds(address);
            assert_eq!((bounds.server_spacing, bounds.connections, bounds.spared), (minute, 1, false));
        }
        assert!(Politeness::default().bounds(ip("127.0.0.1")).spared);
        assert!(!Politeness::default().bounds(ip("10.0.0.1")).spared);
    }
}
