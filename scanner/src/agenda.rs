//! What to do at a server, and in which order. Pure: what is decided here is what `plan` prints and what a scan
//! does.

use std::collections::VecDeque;

use electrum::{Endpoint, Host, Transport, tls::Hello};
use jiff::Timestamp;
use model::{
    Purpose,
    purpose::{Arm, Factor, Twin},
};

use crate::{
    acquaintance::{Acquaintance, Acquaintances, Constitution, FIRST_CARD},
    ledger::{Class, MOST_ERRORS},
    probe::{Occasion, Offer, Probe, catalogue, probe},
    term::Watch,
};

/// How much a scan wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Who is there, which chain, how fast.
    Light,
    /// Everything, over several rounds.
    Deep,
}

/// What one visit is to do.
#[derive(Clone, Debug)]
pub enum Agenda {
    /// The light probes.
    Light {
        /// The protocol versions to offer.
        offer: Offer,
    },
    /// The light and the deep probes, and a few cards.
    Deep {
        /// The protocol versions to offer.
        offer: Offer,
        /// What may be answered by an error.
        cards: Vec<&'static Probe>,
    },
    /// One probe alone, in place of the greeting.
    Opening(&'static Probe),
    /// One probe after a greeting with the name of an old wallet.
    Disguised(&'static Probe),
    /// One line that is no JSON, after a greeting.
    ParseError(&'static Probe),
    /// The search for objects.
    Objects,
    /// One visit of a series.
    Twin(Twin),
    /// To listen.
    Watch(Watch),
    /// An unusual TLS hello.
    Hello(Hello),
    /// To be given a TLS session ticket.
    Ticket,
    /// To show the ticket of an endpoint.
    Redeem {
        /// Whose ticket.
        from: Endpoint,
    },
}

impl Agenda {
    /// How heavy the visit is.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Light { .. } | Self::Twin(_) | Self::Hello(_) | Self::Ticket | Self::Redeem { .. } => {
                Class::Light
            }
            Self::Deep { .. } | Self::Opening(_) | Self::Disguised(_) | Self::Objects => Class::Deep,
            Self::ParseError(_) => Class::ParseError,
            Self::Watch(_) => Class::Watch,
        }
    }

    /// What the visit is for.
    #[must_use]
    pub fn purpose(&self) -> Purpose {
        match self {
            Self::Light { .. } => Purpose::Light,
            Self::Deep { .. } => Purpose::Deep,
            Self::Opening(_) => Purpose::Opening,
            Self::Disguised(_) => Purpose::Disguised,
            Self::ParseError(_) => Purpose::ParseError,
            Self::Objects => Purpose::Objects,
            Self::Twin(twin) => Purpose::Twin(twin.clone()),
            Self::Watch(_) => Purpose::Watch,
            Self::Hello(hello) => Purpose::TlsStack { hello: *hello },
            Self::Ticket => Purpose::Ticket,
            Self::Redeem { from } => Purpose::Resumption { from: from.clone() },
        }
    }

    /// The protocol versions to offer.
    #[must_use]
    pub fn offer(&self) -> Offer {
        match self {
            Self::Light { offer } | Self::Deep { offer, .. } => *offer,
            // The old wallet knew nothing newer.
            Self::Disguised(_) | Self::Twin(Twin { factor: Factor::ProtocolRange, arm: Arm::B, .. }) => {
                Offer::Oldest
            }
            _ => Offer::Usual,
        }
    }

    /// How the visit names itself that is to be taken for a wallet's; none for most, which carry our own name. From
    /// the same address our own name asks the same.
    #[must_use]
    pub fn borrowed_name(&self) -> Option<&'static str> {
        match self {
            // Electrum of that time showed what servers said as rich text, and named itself by its version alone.
            Self::Disguised(_) => Some("3.3.2"),
            Self::Twin(Twin { arm: Arm::B, factor, .. }) => match factor {
                Factor::ElectrumName => Some("electrum/4.8.1"),
                Factor::SparrowName => Some("Sparrow"),
                Factor::BlueWalletName => Some("bluewallet"),
                Factor::ProtocolRange | Factor::AddressFamily => None,
            },
            _ => None,
        }
    }

    /// The probes that travel together where they can, in the order of the catalogue.
    #[must_use]
    pub fn probes(&self) -> Vec<&'static Probe> {
        match self {
            Self::Light { .. } => on(|occasion| occasion == Occasion::Light),
            Self::Deep { .. } => on(|occasion| matches!(occasion, Occasion::Light | Occasion::Deep)),
            Self::Opening(opening) => vec![opening],
            Self::Disguised(_) | Self::ParseError(_) => TO_GREET.iter().filter_map(|id| probe(id)).collect(),
            Self::Objects => TO_FIND.iter().filter_map(|id| probe(id)).collect(),
            Self::Twin(_) => TO_COMPARE.iter().filter_map(|id| probe(id)).collect(),
            Self::Watch(_) => TO_WATCH.iter().filter_map(|id| probe(id)).collect(),
            Self::Hello(_) | Self::Ticket | Self::Redeem { .. } => Vec::new(),
        }
    }

    /// The probes that are asked one by one when all else is said, a good request before each.
    #[must_use]
    pub fn cards(&self) -> &[&'static Probe] {
        match self {
            Self::Deep { cards, .. } => cards,
            Self::Disguised(last) | Self::ParseError(last) => std::slice::from_ref(last),
            _ => &[],
        }
    }

    /// The names of everything that is asked.
    pub(crate) fn asked(&self) -> Vec<&'static str> {
        self.probes().into_iter().chain(self.cards().iter().copied()).map(|probe| probe.id).collect()
    }

    /// Notes that a visit with this agenda was made, whatever the answers were.
    pub(crate) fn note(&self, acquaintances: &mut Acquaintances, server: &Host, at: Timestamp) {
        acquaintances.asked(server, &self.purpose(), &self.asked().into_iter().collect(), at);
    }

    /// What may still be done where it is too soon for this.
    #[must_use]
    pub fn lighter(&self) -> Option<Self> {
        match self {
            Self::Deep { offer, .. } => Some(Self::Light { offer: *offer }),
            Self::Opening(_) | Self::Disguised(_) | Self::ParseError(_) => {
                Some(Self::Light { offer: Offer::Usual })
            }
            Self::Light { .. }
            | Self::Objects
            | Self::Twin(_)
            | Self::Watch(_)
            | Self::Hello(_)
            | Self::Ticket
            | Self::Redeem { .. } => None,
        }
    }
}

/// What a visit asks that has only one thing to try.
const TO_GREET: &[&str] = &["H1"];
/// What a visit asks that looks for objects.
const TO_FIND: &[&str] = &["H1", "C1"];
/// What a watch asks before it listens: it subscribes to blocks (L1) and to a script that nobody uses (L6), and
/// takes the peer list (L4) and the state of the node (L5).
const TO_WATCH: &[&str] = &["H1", "C1", "M4", "L6", "F1", "F2"];
/// What both arms of a series ask: whatever a server could tell one client and not the other.
const TO_COMPARE: &[&str] =
    &["H1", "M1", "M2", "M4", "C1", "F1", "C7", "S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S13"];

/// The order in which cards are played: first what could show a lie, then what tells implementations apart best.
/// Where a card stands that needs a visit of its own, that visit is made.
const DECK: &[&str] = &[
    FIRST_CARD, "E1", "E11", "C3", "C9", "E4", "S9", "C5", "E2", "E5", "C11", "E3", "E6", "H5", "C8", "E7",
    "E8", "H3", "H4", "H6", "E9",
];

fn on(wanted: impl Fn(Occasion) -> bool) -> Vec<&'static Probe> {
    catalogue().filter(|probe| wanted(probe.occasion)).collect()
}

/// What a deep round plays next.
fn draw(acquaintance: &Acquaintance, now: Timestamp) -> Agenda {
    let week = Class::ParseError.spacing().unwrap_or_default();
    let recently =
        acquaintance.latest_parse_error.is_some_and(|at| now.duration_since(at).unsigned_abs() < week);
    let next = DECK.iter().cycle().skip(acquaintance.played % DECK.len()).filter_map(|id| probe(id));
    let mut cards = Vec::new();
    for probe in next.take(DECK.len()) {
        match probe.occasion {
            Occasion::Card if cards.len() < MOST_ERRORS as usize => cards.push(probe),
            Occasion::Opening if cards.is_empty() => return Agenda::Opening(probe),
            Occasion::Disguised if cards.is_empty() => return Agenda::Disguised(probe),
            // It is not due yet: the deck begins anew without it.
            Occasion::Last if cards.is_empty() && recently => {}
            Occasion::Last if cards.is_empty() => return Agenda::ParseError(probe),
            _ => break,
        }
    }
    // Every second time the newest protocol is offered, which one implementation speaks so far (H2).
    let offer = if acquaintance.deep_visits % 2 == 1 { Offer::Newest } else { Offer::Usual };
    Agenda::Deep { offer, cards }
}

/// What is compared at the n-th deep round.
fn factor(acquaintance: &Acquaintance) -> Factor {
    let mut factors =
        vec![Factor::ElectrumName, Factor::SparrowName, Factor::BlueWalletName, Factor::ProtocolRange];
    if acquaintance.dual_stack {
        factors.push(Factor::AddressFamily);
    }
    factors[acquaintance.deep_visits as usize % factors.len()]
}

/// The visits of one round to one server, endpoint by endpoint; those to one endpoint follow each other.
///
/// `series` numbers the series of twins, should there be one.
#[must_use]
pub fn itineraries(
    profile: Profile,
    endpoints: &[Endpoint],
    acquaintance: &Acquaintance,
    series: u64,
    now: Timestamp,
) -> Vec<(Endpoint, VecDeque<Agenda>)> {
    let offer = match acquaintance.constitution {
        Constitution::Robust => Offer::Usual,
        Constitution::Unsure | Constitution::Fragile => Offer::Oldest,
    };
    let deep = profile == Profile::Deep && acquaintance.constitution != Constitution::Fragile;
    // What wallets use: one is enough for what is dear. One that does not answer would keep all that from being asked.
    let unlikely = |endpoint: &&Endpoint| {
        (!acquaintance.answering.contains(endpoint), !endpoint.transport.is_encrypted())
    };
    let main = endpoints.iter().min_by_key(unlikely);
    let agendas = |endpoint: &Endpoint| -> VecDeque<Agenda> {
        if !deep || Some(endpoint) != main {
            return VecDeque::from([Agenda::Light { offer }]);
        }
        let dear = match draw(acquaintance, now) {
            Agenda::Deep { cards, .. } if offer == Offer::Oldest => Agenda::Deep { offer, cards },
            // Old wallets offer the oldest version too.
            drawn @ Agenda::Disguised(_) => drawn,
            _ if offer == Offer::Oldest => Agenda::Light { offer },
            drawn => drawn,
        };
        let twins = (0..)
            .zip(Arm::ORDER)
            .map(|(place, arm)| Agenda::Twin(Twin { factor: factor(acquaintance), arm, series, place }));
        let hellos = Hello::ALL.into_iter().skip(acquaintance.hellos).map(Agenda::Hello);
        std::iter::once(dear)
            .chain(hellos.filter(|_| endpoint.transport.is_encrypted()))
            .chain(twins.filter(|_| offer != Offer::Oldest))
            .collect()
    };
    endpoints.iter().map(|endpoint| (endpoint.clone(), agendas(endpoint))).collect()
}

/// Where a server is watched: at one endpoint that answered lately, the one that wallets would use. None where
/// nothing answered, or where it serves one client at a time, which should be its owner.
#[must_use]
pub fn lookout(acquaintance: &Acquaintance) -> Option<&Endpoint> {
    let unlike_wallets =
        |endpoint: &&Endpoint| (endpoint.transport != Transport::Tls, !endpoint.transport.is_encrypted());
    let answering = acquaintance.answering.iter();
    answering.min_by_key(unlike_wallets).filter(|_| acquaintance.constitution == Constitution::Robust)
}

#[cfg(test)]
mod tests;
