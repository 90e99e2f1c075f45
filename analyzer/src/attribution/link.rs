//! From pairs to groups: complete linkage, so that in a group every pair is linked and no chain of resemblances
//! makes one operator of many.

use kodama::{Method, Step, linkage};
use rayon::prelude::*;

use super::{
    score::{Between, Pairs, Score, odds},
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

/// For each server the later ones with which it may be linked, in order, and log₁₀ of the odds.
pub(super) type Links = Vec<Vec<(usize, f64)>>;

/// The pairs that may be linked at the lowest of the cuts. Only servers are compared that have something firm between
/// them, or share a firm value that tells something by itself: without either hardly any are linked.
pub(super) fn links(values: &Values, pairs: &Pairs) -> Links {
    let least = odds(CUTS[0]);
    let is_telling = |number: u32| {
        let (kind, weight) = values.weighed[number as usize];
        kind.definition().firm && weight >= TELLING
    };
    let mut between: Vec<Vec<(usize, &Between)>> = vec![Vec::new(); values.of_server.len()];
    pairs.iter().for_each(|((one, other), evidence)| between[*one].push((*other, evidence)));
    between.par_iter_mut().for_each(|between| between.sort_unstable_by_key(|(other, _)| *other));
    // Of a large fleet there are millions of pairs: what one server shows is marked once for all of his.
    let marks = || vec![false; values.weighed.len()];
    let of_server = |marks: &mut Vec<bool>, (one, numbers): (usize, &Vec<u32>)| {
        let telling = numbers.iter().filter(|number| is_telling(**number));
        let sharing = telling.flat_map(|number| later(&values.holders[*number as usize], one));
        let firm = between[one].iter().filter(|(_, between)| between.is_firm()).map(|(other, _)| other);
        let mut others: Vec<usize> = sharing.chain(firm).copied().collect();
        others.sort_unstable();
        others.dedup();
        numbers.iter().for_each(|number| marks[*number as usize] = true);
        let compare = |other: usize| {
            let theirs = values.of_server[other].iter().copied();
            let place = between[one].binary_search_by_key(&other, |(with, _)| *with);
            let evidence = place.ok().map(|place| between[one][place].1);
            let score = Score::of(values, theirs.filter(|number| marks[*number as usize]), evidence);
            let odds = score.link_without(None).filter(|odds| *odds >= least)?;
            Some((other, odds))
        };
        let links = others.into_iter().filter_map(compare).collect();
        numbers.iter().for_each(|number| marks[*number as usize] = false);
        links
    };
    values.of_server.par_iter().enumerate().map_init(marks, of_server).collect()
}

/// Those who come after one of those who show a value, and are compared with him.
fn later(holders: &[usize], one: usize) -> &[usize] {
    let Ok(place) = holders.binary_search(&one) else { return &[] };
    let end = (place / PIECE + 1) * PIECE;
    &holders[place + 1..end.min(holders.len())]
}

/// Parts servers at each of the cuts.
pub(super) fn partitions(links: &Links) -> Vec<Partition> {
    let servers = links.len();
    let mut forest = Forest::new(servers);
    for (one, others) in links.iter().enumerate() {
        others.iter().for_each(|(other, _)| forest.join(one, *other));
    }
    let trees = forest.trees();
    // What hangs together by a thread at this size is cut, rather than weighed pair by pair.
    let pieces = trees.par_iter().flat_map_iter(|members| members.chunks(PIECE));
    let merges: Vec<Merge> =
        pieces.filter(|members| members.len() > 1).flat_map_iter(|members| merges(members, links)).collect();
    let part = |posterior: f64| {
        let mut part = Forest::new(servers);
        let together = merges.iter().filter(|merge| merge.least >= odds(posterior));
        together.for_each(|merge| part.join(merge.one, merge.other));
        Partition { posterior, labels: (0..servers).map(|server| part.root(server)).collect() }
    };
    CUTS.map(part).into()
}

/// Two clusters that become one.
struct Merge {
    /// A server of the first.
    one: usize,
    /// A server of the other.
    other: usize,
    /// Log₁₀ of the odds of the least probable pair of both.
    least: f64,
}

/// Complete linkage of some servers, which come in order.
fn merges(members: &[usize], links: &Links) -> Vec<Merge> {
    let size = members.len();
    let mut dissimilarities = vec![STRANGERS; size * (size - 1) / 2];
    for (row, one) in members.iter().enumerate() {
        // Both come in order, so that none is looked for from the beginning.
        let mut column = row;
        for (other, odds) in &links[*one] {
            column += members[column..].partition_point(|member| member < other);
            if members.get(column) == Some(other) {
                dissimilarities[row * (2 * size - row - 1) / 2 + column - row - 1] = -odds;
            }
        }
    }
    // For each cluster, those of the tree included, one of its members.
    let mut member: Vec<usize> = members.to_vec();
    let tree = linkage(&mut dissimilarities, size, Method::Complete);
    let merge = |step: &Step<f64>| {
        let (one, other) = (member[step.cluster1], member[step.cluster2]);
        member.push(one);
        Merge { one, other, least: -step.dissimilarity }
    };
    tree.steps().iter().map(merge).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::attribution::{
        evidence::Kind,
        score::{Blocks, score},
    };

    fn at(partitions: &[Partition], posterior: f64) -> &[usize] {
        let found = partitions.iter().find(|partition| (partition.posterior - posterior).abs() < 1e-9);
        &found.expect("a cut").labels
    }

    #[test]
    fn a_chain_of_resemblances_is_no_group() {
        // 0-1 and 1-2 are linked, 0-2 is not; 3-4-5 all are.
        let mut links = vec![Vec::new(); 7];
        for (one, other, odds) in [(0, 1, 2.0), (1, 2, 1.5), (3, 4, 2.5), (3, 5, 2.5), (4, 5, 1.4)] {
            links[one].push((other, odds));
        }
        let partitions = partitions(&links);
        assert_eq!(at(&partitions, 0.95), [0, 0, 2, 3, 3, 3, 6]);
        assert_eq!(at(&partitions, 0.99), [0, 0, 2, 3, 3, 5, 6]);
        assert_eq!(at(&partitions, 0.999), [0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn who_comes_later_is_compared_within_a_piece() {
        let holders: Vec<usize> = (0..PIECE + 3).map(|place| 2 * place).collect();
        assert_eq!(later(&holders, 2 * (PIECE - 3)), [2 * (PIECE - 2), 2 * (PIECE - 1)]);
        assert_eq!(later(&holders, 2 * PIECE), [2 * (PIECE + 1), 2 * (PIECE + 2)]);
        assert!(later(&holders, 1).is_empty() && later(&holders, 2 * (PIECE + 2)).is_empty());
    }

    #[test]
    fn cuts_are_nested() {
        let odds =
            |one: usize, other: usize| [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5][(one * 7 + other * 13) % 8];
        let others = |one| (one + 1..30).map(move |other| (other, odds(one, other))).collect();
        let partitions = partitions(&(0..30).map(others).collect());
        for (loose, strict) in partitions.iter().zip(&partitions[1..]) {
            for server in 0..30 {
                assert_eq!(loose.labels[strict.labels[server]], loose.labels[server]);
            }
        }
    }

    const SERVERS: usize = 12;

    /// Values of servers, each with those who show it.
    fn values() -> impl Strategy<Value = Values> {
        let kind = proptest::sample::select(Kind::all().collect::<Vec<_>>());
        let holders = proptest::collection::btree_set(0..SERVERS, 2..6);
        proptest::collection::vec((kind, 0.0..4.0_f64, holders), 0..24).prop_map(|shown| {
            let mut values = Values { of_server: vec![Vec::new(); SERVERS], ..Values::default() };
            for (number, (kind, weight, holders)) in (0..).zip(shown) {
                values.weighed.push((kind, weight));
                holders.iter().for_each(|server| values.of_server[*server].push(number));
                values.holders.push(holders.into_iter().collect());
            }
            values
        })
    }

    proptest! {
        #[test]
        fn whoever_shares_something_firm_is_scored_as_any_pair_is(values in values(), listed in 0..SERVERS - 1) {
            let between = Between { kinds: vec![(Kind::CoListing, 4.0)], ..Between::default() };
            let pairs = Pairs::from([((listed, listed + 1), between)]);
            let links = links(&values, &pairs);
            let (blocks, least) = (vec![Blocks::default(); SERVERS], odds(CUTS[0]));
            for (one, links) in links.iter().enumerate() {
                let telling = |number: &u32| {
                    let (kind, weight) = values.weighed[*number as usize];
                    kind.definition().firm && weight >= TELLING
                };
                let firm = |other: &usize| {
                    let shared = |number: &u32| values.of_server[*other].contains(number);
                    (one, *other) == (listed, listed + 1)
                        || values.of_server[one].iter().any(|number| telling(number) && shared(number))
                };
                let scored = (one + 1..SERVERS).filter(firm).filter_map(|other| {
                    let odds = score(&values, &pairs, &blocks, one, other).link_without(None)?;
                    (odds >= least).then_some((other, odds))
                });
                prop_assert_eq!(links, &scored.collect::<Vec<_>>());
            }
        }
    }
}
