//! What is concluded of servers: the form of `assessments.json` and `groups.json` (docs/data.md). How it is concluded
//! is decided elsewhere.

use std::net::IpAddr;

use electrum::{Endpoint, Network};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::finding::{Digest, Finding};

/// What is concluded of one server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// The host by which it is called: of several one that it declares before others, then a name before an onion, and that
    /// before an address.
    pub server: String,
    /// The network.
    pub network: Network,
    /// Where it listens.
    pub endpoints: Vec<Endpoint>,
    /// Whether the latest visit that can tell found it up, at any of its hosts.
    pub reachable: bool,
    /// What it claims to be, and what it speaks like.
    pub implementation: Implementation,
    /// The group that the evidence links it to.
    pub group: Option<Membership>,
    /// 0 to 100.
    pub score: u8,
    /// The band of the score.
    pub level: Level,
    /// What that rests on, the weightiest first.
    pub findings: Vec<Finding>,
    /// Its addresses, and where they are.
    pub addresses: Vec<Address>,
    /// What it shows when it shakes hands.
    pub tls: Option<TlsSummary>,
    /// Public facts that a reader may want to know, and that say nothing against anybody.
    pub signs: Vec<Sign>,
    /// The model that concluded it.
    pub model: String,
    /// SHA-256 of what it was concluded from.
    pub features: Digest,
    /// Visits that it was concluded from.
    pub visits: u64,
}

/// A claim, and what the bytes say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Implementation {
    /// What it calls itself.
    pub claimed: Option<String>,
    /// What it speaks like; none is "unknown".
    pub identified: Option<VersionRange>,
    /// From 0 to 1.
    pub confidence: f64,
}

/// Versions of one implementation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRange {
    /// `ElectrumX`.
    pub name: String,
    /// The oldest that fits; `0` where no version is too old.
    pub min: String,
    /// The newest that fits; none where no version is too new.
    pub max: Option<String>,
}

/// Membership of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Membership {
    /// The group's id.
    pub id: String,
    /// Servers in it.
    pub size: usize,
    /// How probable it is, by the evidence, that they belong together.
    pub posterior: f64,
}

/// The band of a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// 0 to 9: nothing was found, or only what most servers show.
    Clear,
    /// 10 to 29: soft indicators only.
    Notable,
    /// 30 to 79: a medium indicator, or membership of a large undeclared group.
    Suspicious,
    /// 80 to 100: the protocol is falsified.
    Dishonest,
}

impl Level {
    /// All of them, the least weighty first.
    pub const ALL: [Self; 4] = [Self::Clear, Self::Notable, Self::Suspicious, Self::Dishonest];

    /// The band of a score.
    #[must_use]
    pub fn of(score: u8) -> Self {
        match score {
            0..10 => Self::Clear,
            10..30 => Self::Notable,
            30..80 => Self::Suspicious,
            _ => Self::Dishonest,
        }
    }

    /// The name in files and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Notable => "notable",
            Self::Suspicious => "suspicious",
            Self::Dishonest => "dishonest",
        }
    }
}

/// An address, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// The number of its autonomous system.
    pub asn: Option<u32>,
    /// Who runs that.
    pub organisation: Option<String>,
    /// ISO 3166.
    pub country: Option<String>,
}

/// A public fact about where or under what name a server is: a soft finding, which has no points and holds nothing
/// against anybody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sign {
    /// The company that the fact is about.
    pub organisation: String,
    /// What was seen, in plain words; printable.
    pub statement: String,
    /// Where the fact is published.
    pub source: String,
    /// The day on which it was looked up there.
    pub noted: jiff::civil::Date,
}

/// What a server shows when it shakes hands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsSummary {
    /// `TLSv1.3`.
    pub version: Option<String>,
    /// Whom the certificate names; printable.
    pub subject: String,
    /// Who is said to have signed it; printable.
    pub issuer: String,
    /// SHA-256 of its public key, in hex.
    pub spki_sha256: String,
    /// The first second of its validity.
    pub not_before: Timestamp,
    /// The last second of its validity.
    pub not_after: Timestamp,
    /// Whether subject and issuer are one name.
    pub self_signed: bool,
}

/// Servers that the evidence links.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Stays the same from run to run as long as most members do.
    pub id: String,
    /// The servers, by the names of their assessments.
    pub members: Vec<String>,
    /// How probable the least probable pair is.
    pub posterior: f64,
    /// How probable it is, on average over pairs, that they ask one node.
    #[serde(default)]
    pub same_node: f64,
    /// … that they are one process, or share its secrets.
    #[serde(default)]
    pub same_process: f64,
    /// … that they were set up by one recipe.
    #[serde(default)]
    pub same_template: f64,
    /// What links them.
    pub evidence: Vec<GroupEvidence>,
    /// Whether the members say themselves that they belong together.
    pub declared: bool,
}

/// One kind of evidence for a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupEvidence {
    /// `certificate-key`, `fee-estimates`.
    pub kind: String,
    /// What it adds to the log₁₀ of the odds of a pair, on average.
    pub log10_lr: f64,
    /// In plain words; printable.
    pub detail: String,
    /// Whether the group would fall apart without it and what is not independent of it.
    pub essential: bool,
}
