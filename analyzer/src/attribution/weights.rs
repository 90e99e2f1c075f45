//! How much each shared value says, from who shows it in this snapshot.
//!
//! Servers of one operator must not make his values look common. So servers that agree on fee estimates count as one
//! **origin**, and values are weighed by how many origins show them. That is a guess to weigh by and nothing more: it
//! links nobody.

use std::collections::{HashMap, HashSet};

use electrum::Subnet;
use jiff::{SignedDuration, Timestamp};
use rayon::prelude::*;

use super::{
    coincidence::share,
    evidence::{Kind, Rarity},
    profile::{AtBlock, Profile, Tag},
};
use crate::{forest::Forest, gossip::Gossip, mark::Mark};

/// Log₁₀ of the number of unrelated servers that show what is nobody's own: it came with an image, or from a guide.
const NOBODYS: f64 = 2.0;
/// What a value must weigh to say that two servers may be related.
pub(super) const TELLING: f64 = 0.5;
/// Certificates of one series are made within so much of each other.
const BATCH_GAP: SignedDuration = SignedDuration::from_secs(60);

/// Values that at least two servers share: which kind, and how much it says of a pair that both show it.
#[derive(Debug, Default)]
pub(super) struct Values {
    /// By number.
    pub(super) weighed: Vec<(Kind, f64)>,
    /// For each, who shows it.
    pub(super) holders: Vec<Vec<usize>>,
    /// The numbers of the values that each server shows, in order.
    pub(super) of_server: Vec<Vec<u32>>,
}

/// Weighs what servers show. Adds to the profiles what only a look at all of them tells.
pub(super) fn weigh(gossip: &Gossip, profiles: &mut [Profile]) -> Values {
    batches(profiles);
    circles(gossip, profiles);
    forks(profiles);
    profiles.par_iter_mut().for_each(|profile| {
        profile.tags.sort_unstable();
        profile.tags.dedup();
    });
    // There are millions, most of which nobody shares: to sort them takes less than to look each up.
    let showing = profiles.par_iter().enumerate().flat_map_iter(|(server, profile)| {
        let at_blocks = profile.at_blocks.iter().map(|seen| &seen.tag);
        profile.tags.iter().chain(at_blocks).map(move |tag| (*tag, server))
    });
    let mut showing: Vec<(Tag, usize)> = showing.collect();
    showing.par_sort_unstable();
    let shared: Vec<&[(Tag, usize)]> =
        showing.chunk_by(|one, other| one.0 == other.0).filter(|showing| showing.len() > 1).collect();
    let agreement = Agreement::of(profiles);
    let mut origins = origins(profiles.len(), &shared, &agreement);
    let roots: Vec<usize> = (0..profiles.len()).map(|server| origins.root(server)).collect();
    let all = distinct(roots.iter().copied());
    let mut values = Values { of_server: vec![Vec::new(); profiles.len()], ..Values::default() };
    for showing in shared {
        let tag = showing[0].0;
        let most = tag.kind.definition().most;
        let unrelated = || distinct(showing.iter().map(|(_, server)| roots[*server]));
        let weight = match tag.kind.definition().rarity {
            Rarity::Discounted => most * (1.0 - share(1, unrelated()) / NOBODYS),
            Rarity::Share => share(unrelated(), all),
            Rarity::Agreement => agreement.weight(tag),
            Rarity::Pair => 0.0,
        };
        let Ok(number) = u32::try_from(values.weighed.len()) else { break };
        if weight > 0.0 {
            values.weighed.push((tag.kind, weight.min(most)));
            let holders: Vec<usize> = showing.iter().map(|(_, server)| *server).collect();
            holders.iter().for_each(|server| values.of_server[*server].push(number));
            values.holders.push(holders);
        }
    }
    values
}

fn distinct(servers: impl Iterator<Item = usize>) -> usize {
    let mut servers: Vec<usize> = servers.collect();
    servers.sort_unstable();
    servers.dedup();
    servers.len()
}

/// Servers that agree on fee estimates, where it says something.
fn origins(servers: usize, shared: &[&[(Tag, usize)]], agreement: &Agreement) -> Forest {
    let mut forest = Forest::new(servers);
    for showing in shared {
        let tag = showing[0].0;
        if tag.kind == Kind::FeeEstimates && agreement.weight(tag) >= TELLING {
            showing.iter().for_each(|(_, server)| forest.join(showing[0].1, *server));
        }
    }
    forest
}

/// For each value on top of a block, log₁₀ of how many there are of its kind on that block, in order. Servers of one
/// neighbourhood count with one value, however many they show: whoever made values up could make it look as if to agree
/// said much.
struct Agreement(Vec<(Tag, f64)>);

impl Agreement {
    fn of(profiles: &[Profile]) -> Self {
        let showing = profiles
            .par_iter()
            .enumerate()
            .flat_map_iter(|(server, profile)| profile.at_blocks.iter().map(move |at| (*at, server)));
        let mut showing: Vec<(AtBlock, usize)> = showing.collect();
        showing.par_sort_unstable();
        let alike = |(one, _): &(AtBlock, usize), (other, _): &(AtBlock, usize)| {
            one.block == other.block && one.tag.kind == other.tag.kind
        };
        let of_block = |showing: &[(AtBlock, usize)]| {
            let weight = share(1, spoken_for(showing, profiles));
            let values = showing.chunk_by(|(one, _), (next, _)| one.tag == next.tag);
            values.map(|showing| (showing[0].0.tag, weight)).collect::<Vec<_>>()
        };
        let mut weights: Vec<(Tag, f64)> = showing.par_chunk_by(alike).flat_map_iter(of_block).collect();
        weights.par_sort_unstable_by_key(|(tag, _)| *tag);
        Self(weights)
    }

    fn weight(&self, tag: Tag) -> f64 {
        self.0.binary_search_by_key(&tag, |(tag, _)| *tag).map_or(0.0, |place| self.0[place].1)
    }
}

/// How many of the values on one block have a neighbourhood that speaks for them, each for one.
fn spoken_for(showing: &[(AtBlock, usize)], profiles: &[Profile]) -> usize {
    let mut values: HashMap<Subnet, Mark> = HashMap::new();
    for (at, server) in showing {
        if let Some(voice) = profiles[*server].voice {
            values.entry(voice).or_insert(at.tag.mark);
        }
    }
    values.into_values().collect::<HashSet<_>>().len()
}

/// Certificates of one template of which each was made within a minute of the next.
fn batches(profiles: &mut [Profile]) {
    let mut made: Vec<(Mark, Timestamp, usize)> = Vec::new();
    for (server, profile) in profiles.iter().enumerate() {
        made.extend(profile.templates.iter().map(|leaf| (leaf.template, leaf.since, server)));
    }
    made.sort_unstable();
    let next = |one: &(Mark, Timestamp, usize), two: &(Mark, Timestamp, usize)| {
        one.0 == two.0 && two.1.duration_since(one.1) <= BATCH_GAP
    };
    for batch in made.chunk_by(next) {
        let (template, since, _) = batch[0];
        let mark = Mark::of_parts([&template.to_bytes()[..], &since.as_second().to_le_bytes()]);
        for (_, _, server) in batch {
            profiles[*server].tags.push(Tag { kind: Kind::CertificateBatch, mark });
        }
    }
}

/// Servers that name each other and nobody else.
fn circles(gossip: &Gossip, profiles: &mut [Profile]) {
    for (server, profile) in profiles.iter_mut().enumerate() {
        let Some(circle) = gossip.circle(server) else { continue };
        let bytes: Vec<u8> = circle.iter().flat_map(|place| place.to_le_bytes()).collect();
        profile.tags.push(Tag { kind: Kind::ClosedCircle, mark: Mark::of(&bytes) });
    }
}

/// Blocks of heights at which there were two.
fn forks(profiles: &mut [Profile]) {
    let mut blocks: Vec<(u32, Mark)> =
        profiles.par_iter().flat_map_iter(|profile| profile.blocks.iter().copied()).collect();
    blocks.par_sort_unstable();
    blocks.dedup();
    let of_height = blocks.chunk_by(|one, other| one.0 == other.0);
    let raced: HashSet<u32> = of_height.filter(|blocks| blocks.len() > 1).map(|blocks| blocks[0].0).collect();
    for profile in profiles.iter_mut() {
        let raced = profile.blocks.iter().filter(|(height, _)| raced.contains(height));
        profile.tags.extend(raced.map(|(_, block)| Tag { kind: Kind::ForkRace, mark: *block }));
    }
}
