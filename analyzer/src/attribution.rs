//! Which servers belong together, how surely, and by what evidence.
//!
//! Nobody can see from outside who operates a server. What can be seen is what servers have in common that chance
//! and strangers do not bring about. Each such value speaks for a pair by its log₁₀ likelihood ratio
//! ([`evidence`]), the more the rarer it is in this very snapshot; what is not independent is capped together. A pair
//! is linked where the odds, the prior included, come to 19 to 1, where two independent groups of evidence matter, and
//! where one of them is firm. A group is linked pair by pair. Scores for one **node**, one **process** and one
//! **recipe** are kept apart from that of one **operator**.
//!
//! What servers declare of themselves is kept apart from what is inferred: a group that says that it is one hides
//! nothing.

mod coincidence;
mod defaults;
pub mod evidence;
mod failing;
mod group;
pub mod link;
mod profile;
pub mod score;
#[cfg(test)]
mod tests;
mod weights;

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    net::IpAddr,
};

use electrum::Host;
use jiff::SignedDuration;
use model::assessment;
use rayon::prelude::*;

use crate::{
    forest::Forest,
    gossip::Gossip,
    mark::Mark,
    server::{self, Server, declares},
};
use coincidence::{Coincidence, Sharpness, by_pair, coincidences};
use evidence::{Definition, Kind};
use failing::Failing;
use profile::Profile;
use score::{Blocks, Pairs};
use weights::Values;

pub use group::{Evidence, Group};
pub use link::Partition;

/// Rises when the same dossiers give other groups.
pub(crate) const VERSION: u32 = 4;

/// How sharply an outage's beginning must be known to be compared, and how far apart two may be.
const OUTAGES: Sharpness =
    Sharpness { window: SignedDuration::from_mins(30), slack: SignedDuration::from_secs(60) };
/// The same of a change of software.
const UPGRADES: Sharpness =
    Sharpness { window: SignedDuration::from_hours(6), slack: SignedDuration::from_hours(1) };

/// −log₁₀ of the share of servers that may fail at once for it not to be the network's failure, or ours.
const RARE: f64 = 1.0;

/// What attribution needs besides the servers.
pub struct Context<'c> {
    /// The groups of the run before, whose names last.
    pub previous: &'c [assessment::Group],
    /// The autonomous system of an address, where it is known.
    pub system: &'c (dyn Fn(IpAddr) -> Option<u32> + Sync),
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("previous", &self.previous.len()).finish_non_exhaustive()
    }
}

/// Which servers belong together.
#[derive(Clone, Debug, Default)]
pub struct Attribution {
    /// The groups, the largest first.
    pub groups: Vec<Group>,
    /// For each server the place of its group.
    pub of_server: Vec<Option<usize>>,
    /// Every server in one part, at several probabilities.
    pub partitions: Vec<Partition>,
    /// For each server the first of those with which it says that it belongs together.
    pub declared: Vec<usize>,
    /// For each server those elsewhere whose outages began together with its own more often than chance explains, and how
    /// many did while at most one server in ten failed.
    pub companions: Vec<Vec<(usize, usize)>>,
    /// For each server how many others hold one of its keys, and do not say that they belong to it.
    pub holders: Vec<usize>,
    /// For each server how many others of its group show a certificate of one series, and do not say that they belong to
    /// it. Strangers can make certificates that fit in.
    pub series: Vec<usize>,
}

impl Attribution {
    /// Compares servers.
    #[must_use]
    pub fn of(servers: &[Server<'_>], gossip: &Gossip, context: &Context<'_>) -> Self {
        let mut profiles: Vec<Profile> =
            servers.par_iter().map(|server| Profile::of(server, context.system)).collect();
        let values = weights::weigh(gossip, &mut profiles);
        let outages = outages(&profiles);
        let pairs = pairs(servers, &profiles, &outages);
        let blocks: Vec<Blocks> = profiles.iter().map(blocks).collect();
        let failing: Vec<Failing> =
            servers.iter().zip(&profiles).map(|(server, profile)| Failing::of(server, profile)).collect();
        drop(profiles);
        let partitions = link::partitions(&link::links(&values, &pairs));
        let mut groups = groups(&partitions, |members| group::describe(members, &values, &pairs, &blocks));
        group::name(&mut groups, servers, context.previous);
        let mut of_server = vec![None; servers.len()];
        for (place, group) in groups.iter().enumerate() {
            group.members.iter().for_each(|server| of_server[*server] = Some(place));
        }
        let mut companions = vec![Vec::new(); servers.len()];
        let compared = failing.iter().filter(|failing| failing.has_failed()).count();
        for ((one, other), between) in by_pair(&outages) {
            if failing[one].meets_by_chance(&failing[other], between.len(), compared) {
                continue;
            }
            let rare = between.iter().filter(|coincidence| coincidence.weight >= RARE).count();
            companions[one].push((other, rare));
            companions[other].push((one, rare));
        }
        companions.iter_mut().for_each(|companions| companions.sort_unstable());
        let declared = declared(&values, &pairs, &of_server);
        let holders = sharing(&values, Kind::CertificateKey, &declared, |_| Some(0));
        let series = sharing(&values, Kind::CertificateBatch, &declared, |server| of_server[server]);
        Self { groups, of_server, partitions, declared, companions, holders, series }
    }

    /// The group of a server.
    #[must_use]
    pub fn group_of(&self, server: usize) -> Option<&Group> {
        self.groups.get((*self.of_server.get(server)?)?)
    }
}

fn groups(partitions: &[Partition], describe: impl Fn(Vec<usize>) -> Group) -> Vec<Group> {
    let published = partitions.iter().find(|partition| partition.posterior >= link::LINKED);
    let mut parts: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (server, label) in published.into_iter().flat_map(|partition| partition.labels.iter().enumerate()) {
        parts.entry(*label).or_default().push(server);
    }
    let several = parts.into_values().filter(|members| members.len() > 1);
    let mut groups: Vec<Group> = several.map(describe).collect();
    groups.sort_by_key(|group| (usize::MAX - group.members.len(), group.members[0]));
    groups
}

/// Outages that began together. Those of one place are the place's.
fn outages(profiles: &[Profile]) -> Vec<Coincidence> {
    let events: Vec<_> = profiles.iter().map(|profile| &profile.outages[..]).collect();
    let together = |one: usize, other: usize| {
        let regions = &profiles[other].regions;
        profiles[one].regions.iter().any(|region| regions.binary_search(region).is_ok())
    };
    coincidences(&events, OUTAGES, together)
}

/// Evidence that is about two servers and not about a value.
fn pairs(servers: &[Server<'_>], profiles: &[Profile], outages: &[Coincidence]) -> Pairs {
    let mut pairs = Pairs::new();
    let mut add = |(one, other): (usize, usize), kind: Kind, weight: f64| {
        pairs.entry((one.min(other), one.max(other))).or_default().kinds.push((kind, weight));
    };
    let events: Vec<_> = profiles.iter().map(|profile| &profile.upgrades[..]).collect();
    let upgrades = coincidences(&events, UPGRADES, |_, _| false);
    for (kind, coincidences) in [(Kind::Outage, outages), (Kind::Upgrade, &upgrades)] {
        let Definition { least, most, .. } = *kind.definition();
        // Fewer count for nothing, and chance brings about very many of them.
        for (pair, between) in by_pair(coincidences).filter(|(_, between)| between.len() >= least) {
            between.iter().for_each(|coincidence| add(pair, kind, coincidence.weight.min(most)));
        }
    }
    let places: HashMap<&Host, usize> = servers
        .iter()
        .enumerate()
        .flat_map(|(place, server)| server.hosts.iter().map(move |(host, _)| (*host, place)))
        .collect();
    for (one, server) in servers.iter().enumerate() {
        for other in listed(server, &places).into_iter().filter(|other| *other != one) {
            let back = servers[other]
                .dossiers()
                .any(|dossier| server.hosts.iter().any(|(host, _)| declares(dossier, host)));
            match back {
                // Once, from the first of them.
                true if one < other => add((one, other), Kind::CoListing, Kind::CoListing.definition().most),
                true => {}
                false => add((one, other), Kind::OneSidedListing, Kind::OneSidedListing.definition().most),
            }
        }
    }
    tickets(servers, &places, &mut pairs);
    pairs
}

fn listed(server: &Server<'_>, places: &HashMap<&Host, usize>) -> std::collections::BTreeSet<usize> {
    server.dossiers().flat_map(server::declared).filter_map(|host| places.get(host).copied()).collect()
}

/// Who takes whose tickets. A refusal means something where the ticket's own server took it afterwards.
fn tickets(servers: &[Server<'_>], places: &HashMap<&Host, usize>, pairs: &mut Pairs) {
    for (at, server) in servers.iter().enumerate() {
        for (from, shown) in server.dossiers().flat_map(|dossier| &dossier.tls.tickets) {
            let Some(whose) = places.get(&from.host).copied().filter(|whose| *whose != at) else { continue };
            let between = pairs.entry((at.min(whose), at.max(whose))).or_default();
            if shown.taken {
                between.kinds.push((Kind::Ticket, Kind::Ticket.definition().most));
            } else {
                let mut own = servers[whose].dossiers().filter_map(|dossier| dossier.tls.tickets.get(from));
                between.refused |= own.any(|own| own.taken && own.at >= shown.at);
            }
        }
    }
}

fn blocks(profile: &Profile) -> Blocks {
    let estimates = profile.at_blocks.iter().filter(|seen| seen.tag.kind == Kind::FeeEstimates);
    let mut blocks: Vec<(Mark, Mark)> = estimates.map(|seen| (seen.block, seen.tag.mark)).collect();
    blocks.sort_unstable();
    Blocks(blocks)
}

/// Who says that he belongs to whom. Anybody can copy a contact, so that it only counts within a group.
fn declared(values: &Values, pairs: &Pairs, of_server: &[Option<usize>]) -> Vec<usize> {
    let mut forest = Forest::new(of_server.len());
    let mut first = HashMap::new();
    for (server, numbers) in values.of_server.iter().enumerate() {
        for number in numbers {
            let (kind, weight) = values.weighed[*number as usize];
            let among = match kind {
                Kind::Domain => Some(None),
                Kind::Contact => of_server[server].map(Some),
                _ => None,
            };
            if let Some(among) = among.filter(|_| weight >= 1.0) {
                forest.join(*first.entry((*number, among)).or_insert(server), server);
            }
        }
    }
    for ((one, other), between) in pairs {
        if between.kinds.iter().any(|(kind, _)| *kind == Kind::CoListing) {
            forest.join(*one, *other);
        }
    }
    (0..of_server.len()).map(|server| forest.root(server)).collect()
}

/// With how many others each server shares a value of a kind, among those that are of one part with it, and without those
/// to which it says that it belongs.
fn sharing(
    values: &Values,
    kind: Kind,
    declared: &[usize],
    part: impl Fn(usize) -> Option<usize>,
) -> Vec<usize> {
    let mut most = vec![0; declared.len()];
    let shared = values.weighed.iter().zip(&values.holders).filter(|((of, _), _)| *of == kind);
    for (_, holders) in shared {
        let (mut sizes, mut own) = (HashMap::new(), HashMap::new());
        let parts = || holders.iter().filter_map(|server| Some((*server, part(*server)?)));
        for (server, part) in parts() {
            *sizes.entry(part).or_insert(0) += 1;
            *own.entry((part, declared[server])).or_insert(0) += 1;
        }
        for (server, part) in parts() {
            most[server] = most[server].max(sizes[&part] - own[&(part, declared[server])]);
        }
    }
    most
}
