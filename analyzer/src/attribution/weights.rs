//! How much each shared value says, from who shows it in this snapshot.
//!
//! Servers of one operator must not make his values look common. So servers that agree on fee estimates count as one
//! **origin**, and values are weighed by how many origins show them. That is a guess to weigh by and nothing more: it
//! links nobody.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

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
    for profile in profiles.iter_mut() {
        profile.tags.sort_unstable();
        profile.tags.dedup();
    }
    let agreement = agreement(profiles);
    let mut origins = origins(profiles, &agreement);
    let roots: Vec<usize> = (0..profiles.len()).map(|server| origins.root(server)).collect();
    let all = roots.iter().collect::<HashSet<_>>().len();
    let mut holders: HashMap<Tag, Vec<usize>> = HashMap::new();
    for (server, profile) in profiles.iter().enumerate() {
        for tag in profile.tags.iter().chain(profile.at_blocks.iter().map(|seen| &seen.tag)) {
            holders.entry(*tag).or_default().push(server);
        }
    }
    let mut shared: Vec<(Tag, Vec<usize>)> =
        holders.into_iter().filter(|(_, holders)| holders.len() > 1).collect();
    shared.sort_unstable();
    let mut values = Values { of_server: vec![Vec::new(); profiles.len()], ..Values::default() };
    for (tag, holders) in shared {
        let most = tag.kind.definition().most;
        let showing = holders.iter().map(|server| roots[*server]).collect::<HashSet<_>>().len();
        let weight = match tag.kind.definition().rarity {
            Rarity::Discounted => most * (1.0 - share(1, showing) / NOBODYS),
            Rarity::Share => share(showing, all),
            Rarity::Agreement => agreement.get(&tag).copied().unwrap_or(0.0),
            Rarity::Pair => 0.0,
        };
        let Ok(number) = u32::try_from(values.weighed.len()) else { break };
        if weight > 0.0 {
            values.weighed.push((tag.kind, weight.min(most)));
            holders.iter().for_each(|server| values.of_server[*server].push(number));
            values.holders.push(holders);
        }
    }
    values
}

/// Servers that agree on fee estimates, where it says something.
fn origins(profiles: &[Profile], agreement: &HashMap<Tag, f64>) -> Forest {
    let mut forest = Forest::new(profiles.len());
    let mut first = HashMap::new();
    let telling = |tag: &Tag| {
        tag.kind == Kind::FeeEstimates && agreement.get(tag).is_some_and(|weight| *weight >= TELLING)
    };
    for (server, profile) in profiles.iter().enumerate() {
        for tag in profile.at_blocks.iter().map(|seen| seen.tag).filter(telling) {
            forest.join(*first.entry(tag).or_insert(server), server);
        }
    }
    forest
}

/// For each value on top of a block, log₁₀ of how many others there are of its kind on that block, itself included.
fn agreement(profiles: &[Profile]) -> HashMap<Tag, f64> {
    let mut values: BTreeMap<(Kind, Mark), BTreeSet<Tag>> = BTreeMap::new();
    for AtBlock { block, tag } in profiles.iter().flat_map(|profile| &profile.at_blocks) {
        values.entry((tag.kind, *block)).or_default().insert(*tag);
    }
    let weight = |tags: &BTreeSet<Tag>| share(1, tags.len());
    values.values().flat_map(|tags| tags.iter().map(move |tag| (*tag, weight(tags)))).collect()
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
    let mut blocks: HashMap<u32, BTreeSet<Mark>> = HashMap::new();
    for (height, block) in profiles.iter().flat_map(|profile| &profile.blocks) {
        blocks.entry(*height).or_default().insert(*block);
    }
    for profile in profiles.iter_mut() {
        let raced =
            profile.blocks.iter().filter(|(height, _)| blocks.get(height).is_some_and(|all| all.len() > 1));
        profile.tags.extend(raced.map(|(_, block)| Tag { kind: Kind::ForkRace, mark: *block }));
    }
}
