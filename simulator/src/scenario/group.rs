//! Servers of one kind. What two of them share has a name: who gives the same name to two groups' nodes gives them
//! one node.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::{NonZeroU32, NonZeroU64, NonZeroUsize},
};

use serde::Deserialize;

use super::life::{Outages, Upgrade};
use crate::{behaviour::Behaviour, hostile::Mischief};

/// Servers of one kind.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Group {
    /// Its name, unique in the scenario.
    pub name: String,
    /// How many there are.
    pub count: NonZeroUsize,
    /// Grammars by name and version, and how often each: `"Fulcrum-2.1.1" = 3`.
    pub software: BTreeMap<String, NonZeroU64>,
    /// Who runs them all. None: everybody runs one.
    pub operator: Option<String>,
    /// The node behind them all. None: everybody has one.
    pub node: Option<String>,
    /// The process that answers for them all, whatever address is asked. None: everybody has one.
    pub process: Option<String>,
    /// They answer through the processes of this group.
    pub through: Option<String>,
    /// Their nodes hear of everything so many seconds later than others.
    #[serde(default)]
    pub lag: u32,
    /// The share of the forks that their nodes follow, from 0 to 1. None: that of most nodes.
    pub fork_share: Option<f64>,
    /// The chain their nodes are on.
    #[serde(default)]
    pub chain: Chain,
    /// How their addresses lie.
    #[serde(default)]
    pub addresses: Addresses,
    /// Further addresses of each, which stand for the other side of a server with IPv4 and IPv6: loopback has but one
    /// address of the latter kind.
    #[serde(default)]
    pub also_at: u8,
    /// The names of each; `{n}` is its number, `{group}` that of its group, `{word}` a word of its own. None: hosts are
    /// addresses.
    #[serde(default)]
    pub names: Vec<String>,
    /// After so many hours, each `{word}` is another one, and the old names are gone. None: never.
    pub renamed_after: Option<NonZeroU32>,
    /// They take over the names and ports of this group, which is gone by then.
    pub hosts_of: Option<String>,
    /// The day on which they appear.
    #[serde(default)]
    pub from_day: u32,
    /// The day on which they are gone for good.
    pub until_day: Option<u32>,
    /// When they are down.
    #[serde(default)]
    pub outages: Vec<Outages>,
    /// When they become other software, in the order of the days.
    #[serde(default)]
    pub upgrades: Vec<Upgrade>,
    /// Where they are, in turn.
    pub places: Vec<Place>,
    /// Where they listen.
    #[serde(default)]
    pub ports: Ports,
    /// Which hosts they announce in `server.features`.
    #[serde(default)]
    pub announces: Announces,
    /// None: the implementation's own.
    pub banner: Option<String>,
    /// None: the implementation's own.
    pub donation: Option<String>,
    /// What they claim to be. None: the truth.
    pub claims: Option<String>,
    /// Whom they name as peers.
    #[serde(default)]
    pub peers: Peers,
    /// What certificates they show.
    #[serde(default)]
    pub certificate: Certificate,
    /// What they do.
    #[serde(default)]
    pub behaviours: Vec<Behaviour>,
    /// What they do at their further addresses. None: the same.
    pub behaviours_also_at: Option<Vec<Behaviour>>,
    /// How they attack their clients. None: they do not.
    pub hostile: Option<Mischief>,
    /// Indicators that must fire for each of them.
    #[serde(default)]
    pub must_fire: BTreeSet<String>,
}

impl Group {
    /// Whether there is a day on which both are there.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let begins_before = |one: &Self, end: Option<u32>| end.is_none_or(|end| one.from_day < end);
        begins_before(self, other.until_day) && begins_before(other, self.until_day)
    }
}

/// A chain.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "kebab-case")]
pub enum Chain {
    /// That of the network.
    #[default]
    Usual,
    /// One with another first block.
    Other,
    /// One that had its first half in common with the usual one, and then went its own way.
    Split,
}

/// How addresses lie.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Addresses {
    /// Each in a /24 of its own.
    #[default]
    Scattered,
    /// All in one /24, or as few as will do.
    Neighbours,
}

/// Where a server is.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// ISO 3166: `DE`.
    pub country: String,
    /// The number of the autonomous system.
    pub asn: u32,
    /// Who runs that.
    pub organization: String,
}

/// Where servers listen.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Ports {
    /// For plain TCP.
    pub tcp: Option<u16>,
    /// For TLS.
    pub tls: Option<u16>,
    /// For WebSocket.
    pub ws: Option<u16>,
    /// For WebSocket over TLS.
    pub wss: Option<u16>,
}

impl Default for Ports {
    /// Those of Electrum.
    fn default() -> Self {
        Self { tcp: Some(50_001), tls: Some(50_002), ws: None, wss: None }
    }
}

impl Ports {
    /// Whether what is done in the handshake of TLS, or to bytes, is done at all of them.
    pub(super) fn suit(self, mischief: Mischief) -> bool {
        let plain_suits = self.tcp.is_none() || !mischief.needs_tls();
        plain_suits && self.ws.is_none() && self.wss.is_none()
    }

    pub(super) fn is_empty(self) -> bool {
        [self.tcp, self.tls, self.ws, self.wss].iter().all(Option::is_none)
    }
}

/// Which hosts a server announces.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Announces {
    /// Its own.
    #[default]
    Itself,
    /// Those of its whole group.
    Group,
    /// A private address, as Fulcrum does where nobody configured one.
    Private,
    /// None.
    Nothing,
}

/// Whom a server names as peers.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Peers {
    /// Some of everybody who takes part in gossip.
    #[default]
    Known,
    /// Its own group and nobody else.
    Own,
    /// Nobody.
    Nobody,
}

/// What certificates servers show.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Certificate {
    /// Self-signed, with a key and a date of its own.
    #[default]
    Own,
    /// One certificate and key for all who name it.
    Shared(String),
    /// Self-signed in one go, with names that are numbered.
    Template(Template),
    /// Issued by an authority.
    Issued,
}

/// Certificates made in one go.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// The common name; `{n}` stands for the number, from 1.
    pub name: String,
    /// Seconds from one to the next.
    pub apart: u32,
}
