//! What a scan would do, before anything is sent: connections and E, per server, per neighbourhood and in all.
//! Pure: a clock that runs ahead walks through the itineraries and the ledger that a scan would use.
//!
//! - **Expected** is what happens if every server answers, each card with an error: the walk asks the real
//!   [`Ledger`] for each visit and charges what its calls cost, a few bytes for each included.
//! - **The bound** is what is never exceeded: for each visit the whole budget of its class and a second
//!   connection to find out why TLS failed, as often as the ledger's spacings let it happen, and never more
//!   than what the ledger lets a server or a neighbourhood spend. An error that only a broken server gives is
//!   charged and not bounded: who errs three times is asked no more in that session.
//! - **A day** is the first 24 hours of the scan, if it lasts so long: the visits that begin in them.
//!
//! Servers that servers tell of are not known yet, and not in the plan; nor is who will look like a sibling of
//! whom: each pair of siblings sees three more connections, of 5 E each, within what the ledger allows.

mod cost;
mod walk;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use electrum::{Host, Network, Subnet};
use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use crate::{
    acquaintance::Acquaintances,
    agenda::Profile,
    discovery::Server,
    itinerary::planned,
    ledger::{Class, Ledger, Politeness},
    objects::Objects,
    sweep::Options,
};

/// The time in which loads are compared.
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Rounds that are looked at one by one: in so many every card is played.
const CYCLE: u64 = 20;

/// A server that would be visited, and where.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The server.
    pub server: Server,
    /// Its address, as far as it is known without asking the server.
    pub address: Option<IpAddr>,
}

/// Everything that decides what a scan does.
#[derive(Clone, Debug)]
pub struct Basis {
    /// Who would be visited, in the order in which they became known.
    pub subjects: Vec<Subject>,
    /// What earlier visits taught of them.
    pub acquaintances: Acquaintances,
    /// What everybody is asked about, if it is known already.
    pub objects: Option<Arc<Objects>>,
    /// The network.
    pub network: Network,
    /// How to sweep.
    pub options: Options,
}

/// What to expect, and what is not exceeded.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize)]
pub struct Figure<T> {
    /// If every server answers.
    pub expected: T,
    /// Whatever they answer, if they keep to the protocol.
    pub bound: T,
}

/// What servers are made to bear.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Load {
    /// Connections opened.
    pub connections: Figure<u64>,
    /// E spent.
    pub e: Figure<f64>,
}

/// What a scan would do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Server by server, in the order of the subjects.
    pub servers: Vec<Planned>,
    /// How long the first round takes at least if everybody answers at once, because of spacing alone.
    pub round_at_least: Duration,
    /// The ledger's rules.
    pub politeness: Politeness,
}

/// What a scan would do at one server.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The server.
    pub host: Host,
    /// Its address, as far as it is known.
    pub address: Option<IpAddr>,
    /// In the first round.
    pub round: Load,
    /// In the first day.
    pub day: Load,
    /// The dearest visit of the day.
    dearest: Class,
}

/// Plans a scan that begins now: at `start` on the ledger's clock, `at` on the wall's. What is asked of the
/// ledger here happened in it: do not scan with it.
#[must_use]
pub fn plan(basis: &Basis, ledger: &Arc<Ledger>, start: Instant, at: Timestamp) -> Plan {
    let politeness = *ledger.politeness();
    let rounds = rounds_in_a_day(&basis.options, &politeness);
    let walked = walk::walk(basis, ledger, rounds, start, at);
    let servers = basis.subjects.iter().map(|subject| {
        let expected = walked.expected.get(subject.server.host()).copied().unwrap_or_default();
        planned_at(subject, basis, &politeness, rounds, expected, at)
    });
    Plan { servers: servers.collect(), round_at_least: walked.round_at_least, politeness }
}

/// Rounds that can begin in a day. Two visits to a server are seconds apart, and so are rounds; at servers on
/// this machine nothing is spaced, and the plan looks no further.
fn rounds_in_a_day(options: &Options, politeness: &Politeness) -> u64 {
    let interval = options.interval.as_nanos().max(1);
    let scheduled = u64::try_from(DAY.as_nanos().div_ceil(interval)).unwrap_or(u64::MAX);
    u64::from(options.rounds).min(scheduled).min(politeness.most_connections(DAY))
}

fn planned_at(
    subject: &Subject,
    basis: &Basis,
    politeness: &Politeness,
    rounds: u64,
    expected: walk::Expected,
    at: Timestamp,
) -> Planned {
    let scheduled = Scheduled::at(subject, basis, rounds, at);
    let first = Scheduled::at(subject, basis, 1, at);
    let spaced = subject.is_spaced();
    let bound = scheduled.bound(spaced);
    let dearest = scheduled.visits.keys().copied().max().unwrap_or(Class::Light);
    let day = Load {
        connections: Figure { expected: expected.day.0, bound: bound.0 },
        e: Figure { expected: expected.day.1, bound: bound.1 },
    };
    let bound = first.bound(spaced);
    let round = Load {
        connections: Figure { expected: expected.round.0, bound: bound.0 },
        e: Figure { expected: expected.round.1, bound: bound.1 },
    };
    let day = if spaced { day.within(politeness, dearest) } else { day };
    Planned { host: subject.server.host().clone(), address: subject.address, round, day, dearest }
}

impl Subject {
    /// Whether the ledger spaces visits to it: our own machine is nobody else's.
    fn is_spaced(&self) -> bool {
        is_spaced(self.address)
    }
}

fn is_spaced(address: Option<IpAddr>) -> bool {
    !address.is_some_and(|ip| ip.is_loopback())
}

/// The visits to one server in so many rounds, as far as the agenda alone decides.
#[derive(Default)]
struct Scheduled {
    visits: BTreeMap<Class, u64>,
    connections: u64,
}

impl Scheduled {
    fn at(subject: &Subject, basis: &Basis, rounds: u64, at: Timestamp) -> Self {
        let mut acquaintances = basis.acquaintances.only(subject.server.host());
        let mut all = Self::default();
        let looked_at = rounds.min(CYCLE);
        for number in 1..=looked_at {
            let mut round = Self::default();
            let server = std::iter::once(&subject.server);
            for itinerary in planned(server, &acquaintances, basis.options.profile, at) {
                for (endpoint, agenda) in itinerary.0 {
                    round.add(agenda.class(), endpoint.transport.is_encrypted());
                    agenda.note(&mut acquaintances, &endpoint.host, at);
                }
            }
            if basis.looks_for_objects() {
                let endpoint = crate::itinerary::asked_for_objects(&subject.server);
                round.add(Class::Deep, endpoint.is_some_and(|endpoint| endpoint.transport.is_encrypted()));
            }
            // The last of them stands for all the others: what is rare has been by then.
            let times = if number == looked_at { rounds - looked_at + 1 } else { 1 };
            all.merge(&round, times);
        }
        all
    }

    fn add(&mut self, class: Class, encrypted: bool) {
        *self.visits.entry(class).or_default() += 1;
        // Where TLS finds no common ground, a second connection asks the server what it speaks.
        self.connections += if encrypted { 2 } else { 1 };
    }

    fn merge(&mut self, round: &Self, times: u64) {
        for (class, visits) in &round.visits {
            *self.visits.entry(*class).or_default() += visits * times;
        }
        self.connections += round.connections * times;
    }

    /// Connections and E that the visits of a day cannot exceed. A visit for which it is too soon becomes a
    /// light one.
    fn bound(&self, spaced: bool) -> (u64, f64) {
        let (mut e, mut lighter) = (0.0, 0);
        for (class, visits) in &self.visits {
            let due = class.spacing().filter(|_| spaced).map_or(u64::MAX, |spacing| {
                1 + u64::try_from(DAY.as_nanos() / spacing.as_nanos().max(1)).unwrap_or(u64::MAX)
            });
            e += count(*visits.min(&due)) * class.budget();
            lighter += visits.saturating_sub(due);
        }
        (self.connections, e + count(lighter) * Class::Light.budget())
    }
}

impl Basis {
    /// Whether a scan would look for objects first.
    fn looks_for_objects(&self) -> bool {
        self.options.profile == Profile::Deep && self.objects.is_none()
    }
}

impl Load {
    fn add(&mut self, other: &Self) {
        self.connections.expected += other.connections.expected;
        self.connections.bound += other.connections.bound;
        self.e.expected += other.e.expected;
        self.e.bound += other.e.bound;
    }

    /// No more than the ledger lets one server or one neighbourhood bear in a day.
    fn within(mut self, politeness: &Politeness, dearest: Class) -> Self {
        self.connections.bound = self.connections.bound.min(politeness.most_connections(DAY));
        self.e.bound = self.e.bound.min(politeness.most_spent(DAY, dearest));
        self
    }
}

impl Plan {
    /// What some of the servers bear together, in the first round and in the first day. Neighbours share what the
    /// ledger allows their neighbourhood.
    #[must_use]
    pub fn together<'a>(&self, servers: impl IntoIterator<Item = &'a Planned>) -> (Load, Load) {
        let (mut round, mut day) = (Load::default(), Load::default());
        let mut neighbourhoods: HashMap<Subnet, (Load, Class)> = HashMap::new();
        for server in servers {
            round.add(&server.round);
            match server.address.filter(|ip| is_spaced(Some(*ip))) {
                None => day.add(&server.day),
                Some(ip) => {
                    let shared = neighbourhoods.entry(ip.into());
                    let (load, dearest) = shared.or_insert((Load::default(), server.dearest));
                    load.add(&server.day);
                    *dearest = server.dearest.max(*dearest);
                }
            }
        }
        for (load, dearest) in neighbourhoods.into_values() {
            day.add(&load.within(&self.politeness, dearest));
        }
        (round, day)
    }

    /// Servers by something that several have in common, as far as they have it.
    pub fn by<K: Ord>(&self, key: impl Fn(&Planned) -> Option<K>) -> BTreeMap<K, Vec<&Planned>> {
        let mut groups: BTreeMap<K, Vec<&Planned>> = BTreeMap::new();
        for server in &self.servers {
            if let Some(key) = key(server) {
                groups.entry(key).or_default().push(server);
            }
        }
        groups
    }
}

#[expect(clippy::cast_precision_loss, reason = "visits of a day, of which there are fewer than 2^52")]
fn count(visits: u64) -> f64 {
    visits as f64
}
