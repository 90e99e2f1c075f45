//! A scenario come true: servers with addresses, keys, nodes, peers and places, the same to the byte for a seed.
//!
//! A world opens no socket and has no clock: what is true of it at a moment is a pure function of the moment. It is
//! given to [`serve`](crate::serve) to be served, and to [`files`] to be written down.

mod address;
mod cast;
mod certificate;
mod country;
mod distance;
mod draft;
pub mod files;
mod gossip;
mod life;
mod making;
mod member;
mod truth;

use std::{collections::HashMap, net::Ipv4Addr, sync::Arc, time::Duration};

use self::{
    address::Addresses,
    cast::Cast,
    certificate::{Authority, CertificateError},
    distance::Distance,
    draft::Draft,
    life::Life,
    making::Making,
};
pub use self::{
    member::Member,
    truth::{Span, Truth},
};
use crate::{
    SimTime,
    chain::{Chains, PlanError},
    grammar::{Grammar, Library},
    scenario::{Collision, Group, Scenario},
    serve::Endpoint,
};

/// How long the world has been going on on its first day: long enough for who stands still to be behind.
const BEGINS: Duration = Duration::from_secs(6 * 3_600);

/// A network of servers.
#[derive(Debug)]
pub struct World {
    cast: Arc<Cast>,
    servers: Vec<Arc<Member>>,
    by_address: HashMap<Ipv4Addr, usize>,
    first_day: u32,
}

/// Which days of a world are looked at. Scenarios count days from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    /// The day on which it begins.
    pub from: u32,
    /// How many there are. Afterwards no more blocks are found, and nobody goes down.
    pub count: u32,
}

impl Default for Days {
    /// The first.
    fn default() -> Self {
        Self { from: 0, count: 1 }
    }
}

/// Why a world cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// More servers than there are addresses.
    #[error("more servers than addresses: {0}")]
    Addresses(usize),
    /// Two servers of one name.
    #[error(transparent)]
    Name(#[from] Collision),
    /// No chain.
    #[error("the chain: {0}")]
    Chain(#[from] PlanError),
    /// No certificate.
    #[error("a certificate: {0}")]
    Certificate(#[from] CertificateError),
}

/// What decides when things happen.
#[derive(Clone, Copy, Debug)]
struct Calendar {
    seed: u64,
    last_day: u32,
}

impl Calendar {
    /// When a day begins.
    fn day(self, number: u32) -> SimTime {
        SimTime::START + BEGINS + draft::DAY * number
    }

    /// When somebody appears who is there from a day on: those of the first were there before.
    fn day_or_start(self, number: u32) -> SimTime {
        if number == 0 { SimTime::START } else { self.day(number) }
    }
}

impl World {
    /// Makes the world of a scenario, with about so many servers, or as many as the scenario says, for a day.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn new(
        scenario: &Scenario,
        seed: u64,
        servers: Option<usize>,
        grammars: &Library,
    ) -> Result<Self, WorldError> {
        Self::lasting(scenario, seed, servers, Days::default(), grammars)
    }

    /// The same for some days. Which days are looked at changes nothing about any of them.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn lasting(
        scenario: &Scenario,
        seed: u64,
        servers: Option<usize>,
        days: Days,
        grammars: &Library,
    ) -> Result<Self, WorldError> {
        Self::sharing(&Chains::default(), scenario, seed, servers, days, grammars)
    }

    /// The same with chains that other worlds use too.
    ///
    /// # Errors
    /// [`WorldError`].
    pub fn sharing(
        chains: &Chains,
        scenario: &Scenario,
        seed: u64,
        servers: Option<usize>,
        days: Days,
        grammars: &Library,
    ) -> Result<Self, WorldError> {
        let last_day = days.from.saturating_add(days.count.max(1) - 1);
        let calendar = Calendar { seed, last_day };
        let drafts = drafts(scenario, servers, calendar, grammars)?;
        let cast = Arc::new(Cast::new(calendar, drafts));
        let mut making = Making::new(calendar, scenario.forks_per_day, &cast.drafts, chains);
        let mut authority = Authority::new(seed)?;
        let mut members = Vec::new();
        for (number, draft) in cast.drafts.iter().enumerate() {
            let process = making.process(number)?;
            let answering = making.answering(number);
            members.push(Arc::new(Member {
                number,
                answering,
                speaking: process.speaking,
                genesis: process.node.chain().genesis_hash().into(),
                node: process.node,
                conduct: process.conduct,
                elsewhere: process.elsewhere,
                credentials: authority.credentials(draft, calendar)?,
                distance: Distance::new(seed, &draft.name(), &draft.place.country),
                truth: Truth::new(calendar, calendar.day(days.from), draft, &cast.drafts[answering]),
                cast: Arc::clone(&cast),
            }));
        }
        let address = |(number, draft): (usize, &Draft)| {
            draft.addresses.iter().map(move |address| (*address, number)).collect::<Vec<_>>()
        };
        let by_address = cast.drafts.iter().enumerate().flat_map(address).collect();
        Ok(Self { by_address, servers: members, first_day: days.from, cast })
    }

    /// What time it is in the world when it is first looked at.
    #[must_use]
    pub fn begins(&self) -> SimTime {
        self.day(self.first_day)
    }

    /// When a day of it begins, counted as scenarios count.
    #[must_use]
    pub fn day(&self, number: u32) -> SimTime {
        self.cast.calendar.day(number)
    }

    /// How many servers there are, on whatever day.
    #[must_use]
    pub fn len(&self) -> usize {
        self.servers.len()
    }

    /// Whether there are none; never.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.servers.is_empty()
    }

    /// Every server, on whatever day it is there.
    #[must_use]
    pub fn members(&self) -> &[Arc<Member>] {
        &self.servers
    }

    /// The date of a moment of the world, since 1970.
    #[must_use]
    pub fn date(moment: SimTime) -> Duration {
        Duration::from_secs(crate::chain::ChainPlan::default().start.into()) + (moment - SimTime::START)
    }

    /// Whose address this is.
    #[must_use]
    pub fn member_at(&self, address: Ipv4Addr) -> Option<&Arc<Member>> {
        self.servers.get(*self.by_address.get(&address)?)
    }

    /// What is true of each server.
    pub fn truths(&self) -> impl Iterator<Item = &Truth> {
        self.servers.iter().map(|member| member.truth())
    }

    /// The addresses that a name has at a moment. None where there is no such name.
    #[must_use]
    pub fn resolve(&self, name: &str, now: SimTime) -> Vec<Ipv4Addr> {
        let owner = self.cast.epoch(now).owner(name);
        owner.map(|owner| self.cast.drafts[owner].addresses.clone()).unwrap_or_default()
    }

    /// Everything that there is to listen at, on whatever day.
    #[must_use]
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.servers.iter().flat_map(Member::endpoints).collect()
    }
}

fn drafts(
    scenario: &Scenario,
    servers: Option<usize>,
    calendar: Calendar,
    grammars: &Library,
) -> Result<Vec<Draft>, WorldError> {
    let sizes = scenario.sizes(servers);
    if let Some(collision) = scenario.collision(&sizes) {
        return Err(collision.into());
    }
    let groups: Vec<Arc<Group>> = scenario.servers.iter().cloned().map(Arc::new).collect();
    let mut addresses = Addresses::new(calendar.seed);
    let mut drafts = Vec::new();
    for (group, size) in groups.iter().zip(&sizes) {
        let software: Vec<(&Arc<Grammar>, u64)> = group
            .software
            .iter()
            .filter_map(|(name, weight)| Some((grammars.get(name)?, weight.get())))
            .collect();
        let before =
            groups.iter().zip(&sizes).find(|(other, _)| Some(&other.name) == group.hosts_of.as_ref());
        for number in 0..*size {
            let found =
                draft::turn(&software, number, *size).zip(group.places.get(number % group.places.len()));
            let Some((grammar, place)) = found else { continue };
            let all: Option<Vec<Ipv4Addr>> =
                (0..=group.also_at).map(|_| addresses.next(group.addresses, &group.name)).collect();
            let name = draft::name(group, number);
            drafts.push(Draft {
                group: Arc::clone(group),
                number,
                heir_of: before.map(|(other, size)| (Arc::clone(other), number % (*size).max(1))),
                addresses: all.ok_or(WorldError::Addresses(sizes.iter().sum()))?,
                place: place.clone(),
                life: Life::new(group, &name, Arc::clone(grammar), grammars, calendar),
            });
        }
    }
    Ok(drafts)
}
