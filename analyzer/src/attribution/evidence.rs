//! What speaks for two servers being of one operator: the kinds of evidence, as data.
//!
//! Weights are log₁₀ likelihood ratios, a judgement that simulated networks are to correct.

use std::fmt;

/// A kind of evidence for a pair of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Each declares the other's host in its features.
    CoListing,
    /// One declares the other's.
    OneSidedListing,
    /// Both hold the key of one certificate.
    CertificateKey,
    /// One takes session tickets of the other.
    Ticket,
    /// Certificates of one template, made one after the other.
    CertificateBatch,
    /// Certificates whose validity begins in one second.
    CertificateSecond,
    /// The same fee estimates, above the floor, on top of one block.
    FeeEstimates,
    /// The same histograms of the mempool, three at the least: who computes them at other moments has others.
    Histogram,
    /// The same block of two that competed.
    ForkRace,
    /// The same donation address.
    Donation,
    /// The same words in the banner.
    Banner,
    /// The same person to write to.
    Contact,
    /// Names under one registered domain.
    Domain,
    /// The same unusual ports.
    Ports,
    /// One /24 or /48.
    Neighbourhood,
    /// One autonomous system.
    System,
    /// Outages that began together in different places.
    Outage,
    /// The same change of software, within hours.
    Upgrade,
    /// They name each other, and nobody else.
    ClosedCircle,
    /// The same software and the same TLS library.
    Stack,
}

/// Evidence that is not independent of each other, and is capped together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// What they declare.
    Declared,
    /// Keys and certificates.
    Tls,
    /// The node, and the process.
    Backend,
    /// Words that somebody wrote.
    Words,
    /// Names.
    Names,
    /// Ports.
    Ports,
    /// Where they are.
    Place,
    /// When they were down.
    Outages,
    /// When they changed.
    Upgrades,
    /// Whom they name.
    Gossip,
    /// What they run.
    Software,
}

/// What evidence speaks of, apart from who operates them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum About {
    /// One bitcoind.
    Node,
    /// One process, or one secret.
    Process,
    /// One recipe by which they were set up.
    Template,
}

/// How the weight of a value depends on who else shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rarity {
    /// The full weight if those who show it are related, half of it at ten unrelated servers, nothing at a hundred.
    Discounted,
    /// −log₁₀ of the share of unrelated servers that show it.
    Share,
    /// Log₁₀ of the number of values among which it is one, on top of the same block, one for each neighbourhood. Where
    /// everybody has one of his own, to agree says much; where all agree, nothing.
    Agreement,
    /// Reckoned for each pair.
    Pair,
}

/// What holds of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// Which.
    pub kind: Kind,
    /// Its name in files.
    pub name: &'static str,
    /// With what it is capped.
    pub group: Group,
    /// The most that one value adds.
    pub most: f64,
    /// The most that all values of the kind add.
    pub cap: f64,
    /// How many values must be shared for any to count.
    pub least: usize,
    /// How a value is weighed.
    pub rarity: Rarity,
    /// What else it speaks of.
    pub about: &'static [About],
    /// Whether neither chance nor a stranger on his own brings it about. Without such evidence nobody is linked, or
    /// whoever copies a banner would be taken for its author.
    pub firm: bool,
}

/// Shorter than a struct's fields, twenty times over.
const fn of(
    kind: Kind,
    name: &'static str,
    group: Group,
    (most, cap): (f64, f64),
    rarity: Rarity,
    about: &'static [About],
    firm: bool,
) -> Definition {
    let least = match kind {
        Kind::Histogram => 3,
        // Anybody can go down once when somebody else does.
        Kind::Outage => 2,
        _ => 1,
    };
    Definition { kind, name, group, most, cap, least, rarity, about, firm }
}

/// How many kinds there are.
pub const KINDS: usize = 20;
/// How many groups there are.
pub const GROUPS: usize = 11;

#[rustfmt::skip]
static TABLE: [Definition; KINDS] = {
    use About::{Node, Process, Template};
    use Group as G;
    use Rarity::{Agreement, Discounted, Pair, Share};
    [
        of(Kind::CoListing,         "co-listing",          G::Declared, (4.0, 4.0), Pair,       &[],                  true),
        of(Kind::OneSidedListing,   "one-sided-listing",   G::Declared, (1.0, 1.0), Pair,       &[],                  false),
        of(Kind::CertificateKey,    "certificate-key",     G::Tls,      (4.0, 4.0), Discounted, &[Process, Template], true),
        of(Kind::Ticket,            "session-ticket",      G::Tls,      (4.0, 4.0), Pair,       &[Process],           true),
        of(Kind::CertificateBatch,  "certificate-batch",   G::Tls,      (3.0, 3.0), Discounted, &[Template],          false),
        of(Kind::CertificateSecond, "certificate-second",  G::Tls,      (1.5, 1.5), Discounted, &[Template],          false),
        of(Kind::FeeEstimates,      "fee-estimates",       G::Backend,  (1.5, 4.0), Agreement,  &[Node],              true),
        of(Kind::Histogram,         "mempool-histogram",   G::Backend,  (1.4, 4.0), Agreement,  &[Node, Process],     true),
        of(Kind::ForkRace,          "fork-race",           G::Backend,  (0.3, 2.0), Share,      &[Node],              false),
        of(Kind::Donation,          "donation-address",    G::Words,    (3.5, 3.5), Discounted, &[Template],          false),
        of(Kind::Banner,            "banner",              G::Words,    (2.5, 2.5), Discounted, &[Template],          false),
        of(Kind::Contact,           "contact",             G::Words,    (2.5, 2.5), Discounted, &[],                  false),
        of(Kind::Domain,            "registered-domain",   G::Names,    (2.5, 2.5), Discounted, &[],                  true),
        of(Kind::Ports,             "ports",               G::Ports,    (2.5, 2.5), Share,      &[Template],          false),
        of(Kind::Neighbourhood,     "neighbourhood",       G::Place,    (1.0, 1.0), Share,      &[],                  false),
        of(Kind::System,            "autonomous-system",   G::Place,    (0.5, 0.5), Share,      &[],                  false),
        of(Kind::Outage,            "coincident-outages",  G::Outages,  (0.7, 2.5), Pair,       &[Process],           true),
        of(Kind::Upgrade,           "coincident-upgrades", G::Upgrades, (0.7, 0.7), Pair,       &[Template],          false),
        of(Kind::ClosedCircle,      "closed-circle",       G::Gossip,   (2.5, 2.5), Discounted, &[Template],          true),
        of(Kind::Stack,             "software-and-tls",    G::Software, (0.3, 0.3), Share,      &[Template],          false),
    ]
};

impl Definition {
    /// What holds of every kind, in the order of [`Kind::place`].
    #[must_use]
    pub fn all() -> &'static [Self; KINDS] {
        &TABLE
    }
}

impl Kind {
    /// Every kind, in the order of [`Self::place`].
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|definition| definition.kind)
    }

    /// Its place in a list of all.
    #[must_use]
    pub fn place(self) -> usize {
        self as usize
    }

    /// What a pair does that shows it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::CoListing => "declare each other's hosts",
            Self::OneSidedListing => "declare the other's host, one of the two",
            Self::CertificateKey => "hold the key of one certificate",
            Self::Ticket => "take each other's session tickets",
            Self::CertificateBatch => "show certificates of one series",
            Self::CertificateSecond => "show certificates made in one second",
            Self::FeeEstimates => "agree on fee estimates above the floor",
            Self::Histogram => "agree on histograms of the mempool",
            Self::ForkRace => "took the same side where two blocks competed",
            Self::Donation => "name one donation address",
            Self::Banner => "greet in the same words",
            Self::Contact => "name one contact",
            Self::Domain => "have names under one registered domain",
            Self::Ports => "listen on the same unusual ports",
            Self::Neighbourhood => "are in one /24 or /48",
            Self::System => "are in one autonomous system",
            Self::Outage => "failed at the same times in different places",
            Self::Upgrade => "made the same change of software within hours",
            Self::ClosedCircle => "name each other and nobody else",
            Self::Stack => "run the same software on the same TLS library",
        }
    }

    /// What holds of it.
    #[must_use]
    pub fn definition(self) -> &'static Definition {
        &TABLE[self.place()]
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.definition().name)
    }
}

impl Group {
    /// Its place in a list of all.
    #[must_use]
    pub fn place(self) -> usize {
        self as usize
    }

    /// The most that it adds to the odds of a pair.
    #[must_use]
    pub fn cap(self) -> f64 {
        match self {
            Self::Declared | Self::Tls | Self::Backend => 4.0,
            Self::Words => 3.5,
            Self::Names | Self::Ports | Self::Outages | Self::Gossip => 2.5,
            Self::Place => 1.0,
            Self::Upgrades => 0.7,
            Self::Software => 0.3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_within_the_caps() {
        for (place, definition) in TABLE.iter().enumerate() {
            assert_eq!(definition.kind.place(), place, "{}", definition.name);
            assert!(definition.most <= definition.cap && definition.cap <= definition.group.cap());
            assert!(definition.group.place() < GROUPS);
        }
        let names: std::collections::BTreeSet<_> = Kind::all().map(|kind| kind.to_string()).collect();
        assert_eq!(names.len(), KINDS);
    }
}
