//! From pairs to groups: complete linkage, so that in a group every pair is linked and no chain of resemblances
//! makes one operator of many.

use kodama::{Method, linkage};
use rayon::prelude::*;

use super::{
    evidence::Kind,
    score::{Blocks, Pairs, common, odds, score},
    weights::{TELLING, Values},
};
use crate::forest::Forest;

/// The probabilities at which the servers are parted into operators. At that of [`LINKED`] they are published; the
/// others show how far figures depend on it.
pub const CUTS: [f64; 5] = [0.5, 0.8, LINKED, 0.99, 0.999];
/// How probable every pair of a group is at the least.
pub const LINKED: f64 = 0.95;

/// Servers that are compared each with each. A fleet that is larger is found in pieces.
const PIECE: usize = 4_096;
/// As far apart as no score is.
const STRANGERS: f64 = 1_000.0;

/// The servers, parted into operators.
#[derive(Clone, Debug, PartialEq)]
pub struct Partition {
    /// How probable every pair of a part is at the least.
    pub posterior: f64,
    /// For each server the first of its part.
    pub labels: Vec<usize>,
}

/// A link between two servers: the smaller number, the larger, log₁₀ of the odds.
pub(super) type Link = (usize, usize, f64);

/// The pairs that may be linked at the lowest of the cuts. Only servers that share something firm are compared, as
/// nothing else links.
pub(super) fn links(values: &Values, pairs: &Pairs, blocks: &[Blocks]) -> Vec<Link> {
    let least = odds(CUTS[0]);
    let compare = |one: usize, other: usize| -> Option<Link> {
        let odds = score(values, pairs, blocks, one, other).link_without(None)?;
        (odds >= least).then_some((one.min(other), one.max(other), odds))
    };
    let telling = |number: u32| {
        let (kind, weight) = values.weighed[number as usize];
        kind.definition().firm && weight >= TELLING
    };
    let first = |one: usize, other: usize| {
        common(&values.of_server[one], &values.of_server[other]).find(|number| telling(*number))
    };
    let mut links = Vec::new();
    for (number, holders) in (0..).zip(&values.holders).filter(|(number, _)| telling(*number)) {
        for piece in holders.chunks(PIECE) {
            links.par_extend(piece.par_iter().enumerate().flat_map_iter(|(place, one)| {
                // Each pair at the first value that it shares.
                let others = piece[place + 1..].iter().filter(|other| first(*one, **other) == Some(number));
                others.filter_map(|other| compare(*one, *other))
            }));
        }
    }
    let firm = |kinds: &[(Kind, f64)]| kinds.iter().any(|(kind, _)| kind.definition().firm);
    let between = pairs.iter().filter(|(_, between)| firm(&between.kinds)).map(|(pair, _)| *pair);
    let between = between.filter(|(one, other)| first(*one, *other).is_none());
    links.extend(between.filter_map(|(one, other)| compare(one, other)));
    links
}

/// Parts servers at each of the cuts.
pub(super) fn partitions(servers: usize, mut links: Vec<Link>) -> Vec<Partition> {
    let mut forest = Forest::new(servers);
    links.iter().for_each(|(one, other, _)| forest.join(*one, *other));
    let components: Vec<usize> = (0..servers).map(|server| forest.root(server)).collect();
    // Of large fleets there are millions, which are not copied.
    links.par_sort_unstable_by_key(|(one, other, _)| (components[*one], *one, *other));
    let of_components = links.chunk_by(|one, other| components[one.0] == components[other.0]);
    let mut parts = CUTS.map(|_| Forest::new(servers));
    // Trees, too, come in the order of the smallest of each.
    let trees = forest.trees();
    for (members, links) in trees.iter().filter(|members| members.len() > 1).zip(of_components) {
        // What hangs together by a thread at this size is cut, rather than weighed pair by pair.
        for piece in members.chunks(PIECE) {
            merge(piece, links, &mut parts);
        }
    }
    let part = |(posterior, mut part): (f64, Forest)| Partition {
        posterior,
        labels: (0..servers).map(|server| part.root(server)).collect(),
    };
    CUTS.into_iter().zip(parts).map(part).collect()
}

/// Complete linkage of servers that are connected, cut at each probability.
fn merge(members: &[usize], links: &[Link], parts: &mut [Forest; CUTS.len()]) {
    let size = members.len();
    let mut dissimilarities = vec![STRANGERS; size * (size - 1) / 2];
    let place = |server: usize| members.binary_search(&server).ok();
    for (one, other, odds) in links {
        let (Some(row), Some(column)) = (place(*one), place(*other)) else { continue };
        dissimilarities[row * (2 * size - row - 1) / 2 + column - row - 1] = -odds;
    }
    // For each cluster, those of the tree included, one of its members.
    let mut member: Vec<usize> = members.to_vec();
    for step in linkage(&mut dissimilarities, size, Method::Complete).steps() {
        let (one, other) = (member[step.cluster1], member[step.cluster2]);
        member.push(one);
        for (cut, part) in CUTS.into_iter().zip(parts.iter_mut()) {
            if step.dissimilarity <= -odds(cut) {
                part.join(one, other);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(partitions: &[Partition], posterior: f64) -> &[usize] {
        let found = partitions.iter().find(|partition| (partition.posterior - posterior).abs() < 1e-9);
        &found.expect("a cut").labels
    }

    #[test]
    fn a_chain_of_resemblances_is_no_group() {
        // 0-1 and 1-2 are linked, 0-2 is not; 3-4-5 all are.
        let links = [(0, 1, 2.0), (1, 2, 1.5), (3, 4, 2.5), (3, 5, 2.5), (4, 5, 1.4)];
        let partitions = partitions(7, links.to_vec());
        assert_eq!(at(&partitions, 0.95), [0, 0, 2, 3, 3, 3, 6]);
        assert_eq!(at(&partitions, 0.99), [0, 0, 2, 3, 3, 5, 6]);
        assert_eq!(at(&partitions, 0.999), [0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn cuts_are_nested() {
        let odds =
            |one: usize, other: usize| [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5][(one * 7 + other * 13) % 8];
        let others = |one| (one + 1..30).map(move |other| (one, other, odds(one, other)));
        let links: Vec<Link> = (0..30).flat_map(others).collect();
        let partitions = partitions(30, links);
        for (loose, strict) in partitions.iter().zip(&partitions[1..]) {
            for server in 0..30 {
                assert_eq!(loose.labels[strict.labels[server]], loose.labels[server]);
            }
        }
    }
}
