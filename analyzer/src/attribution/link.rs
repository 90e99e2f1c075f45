//! From pairs to groups: complete linkage, so that in a group every pair is linked and no chain of resemblances
//! makes one operator of many.

use kodama::{Method, Step, linkage};
use rayon::prelude::*;

use super::{
    evidence::Kind,
    score::{Pairs, common, odds, shared},
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
pub(super) fn links(values: &Values, pairs: &Pairs) -> Vec<Link> {
    let least = odds(CUTS[0]);
    let compare = |one: usize, other: usize| -> Option<Link> {
        let odds = shared(values, pairs, one, other).link_without(None)?;
        (odds >= least).then_some((one.min(other), one.max(other), odds))
    };
    // Few of all values, so that a pair's first is found at a glance.
    let is_telling = |number: &u32| {
        let (kind, weight) = values.weighed[*number as usize];
        kind.definition().firm && weight >= TELLING
    };
    let telling: Vec<Vec<u32>> = values
        .of_server
        .par_iter()
        .map(|numbers| numbers.iter().copied().filter(is_telling).collect())
        .collect();
    let first = |one: usize, other: usize| common(&telling[one], &telling[other]).next();
    let mut links = Vec::new();
    for (number, holders) in (0..).zip(&values.holders).filter(|(number, _)| is_telling(number)) {
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
    let trees = forest.trees();
    // What hangs together by a thread at this size is cut, rather than weighed pair by pair.
    let pieces: Vec<&[usize]> = trees.iter().flat_map(|members| members.chunks(PIECE)).collect();
    let mut places = vec![(0, 0); servers];
    for (piece, members) in pieces.iter().enumerate() {
        members.iter().enumerate().for_each(|(place, server)| places[*server] = (piece, place));
    }
    let piece = |link: &Link| places[link.0].0;
    // Of large fleets there are millions, which are not copied.
    links.retain(|link| piece(link) == places[link.1].0);
    links.par_sort_unstable_by_key(piece);
    let of_pieces: Vec<&[Link]> = links.chunk_by(|one, other| piece(one) == piece(other)).collect();
    let merges = of_pieces.into_par_iter().flat_map_iter(|links| {
        let members = pieces[piece(&links[0])];
        merges(members, links, |server| places[server].1)
    });
    let merges: Vec<Link> = merges.collect();
    let part = |posterior: f64| {
        let mut part = Forest::new(servers);
        let together = merges.iter().filter(|(_, _, least)| *least >= odds(posterior));
        together.for_each(|(one, other, _)| part.join(*one, *other));
        Partition { posterior, labels: (0..servers).map(|server| part.root(server)).collect() }
    };
    CUTS.map(part).into()
}

/// Complete linkage of the servers of a piece: of each two clusters that are merged one server, and the least odds of a pair
/// of both. `place` says where among the members a server is.
fn merges(members: &[usize], links: &[Link], place: impl Fn(usize) -> usize) -> Vec<Link> {
    let size = members.len();
    let mut dissimilarities = vec![STRANGERS; size * (size - 1) / 2];
    for (one, other, odds) in links {
        let (row, column) = (place(*one), place(*other));
        dissimilarities[row * (2 * size - row - 1) / 2 + column - row - 1] = -odds;
    }
    // For each cluster, those of the tree included, one of its members.
    let mut member: Vec<usize> = members.to_vec();
    let tree = linkage(&mut dissimilarities, size, Method::Complete);
    let merge = |step: &Step<f64>| {
        let (one, other) = (member[step.cluster1], member[step.cluster2]);
        member.push(one);
        (one, other, -step.dissimilarity)
    };
    tree.steps().iter().map(merge).collect()
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
