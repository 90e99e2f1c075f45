//! Who runs which servers, as far as anybody knows: what the evidence links and what servers declare of themselves,
//! taken together.
//!
//! Servers are one operator's where the published partition links them, or where they say so. Declarations are taken at
//! their word: who says that he belongs to another gains no trust by it. Where a declared group and a linked one share
//! a server, they are one operator.

use crate::{
    attribution::{Attribution, Partition, link::LINKED},
    chance::Chance,
    forest::Forest,
    server::Server,
};

/// Who runs which servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operators {
    /// What operators are called by: the id of the first group among their servers, else the first server's name.
    pub names: Vec<String>,
    /// For each server its operator, as a place in `names`.
    pub of_server: Vec<usize>,
}

impl Operators {
    /// Those of servers, in the order of the first server of each.
    #[must_use]
    pub fn of(servers: &[Server<'_>], attribution: &Attribution) -> Self {
        let published = attribution.partitions.iter().find(|partition| partition.posterior >= LINKED);
        let mut forest = declared(attribution, servers.len());
        for (server, label) in published.into_iter().flat_map(|partition| partition.labels.iter().enumerate())
        {
            forest.join(server, *label);
        }
        let mut operators = Self { names: Vec::new(), of_server: vec![0; servers.len()] };
        for members in forest.trees() {
            let group = members.iter().find_map(|server| attribution.group_of(*server));
            let name = group.map_or_else(|| servers[members[0]].name(), |group| group.id.clone());
            for server in members {
                operators.of_server[server] = operators.names.len();
            }
            operators.names.push(name);
        }
        operators
    }
}

/// One way in which the servers may be parted into operators, drawn by how probable the links are: for each server the
/// first of its part.
///
/// Partitions are nested, and a part at a cut is as probable as that cut. Of what hangs together at the loosest one
/// number is drawn, and the servers are parted as at the first cut above it; above the last, each is its own. What is
/// declared holds in every draw.
pub(crate) fn draw(attribution: &Attribution, servers: usize, chance: &mut Chance) -> Vec<usize> {
    let mut forest = declared(attribution, servers);
    if let Some(loosest) = attribution.partitions.first() {
        let mut drawn = vec![None; servers];
        for server in 0..servers {
            let root = loosest.labels[server];
            let number = *drawn[root].get_or_insert_with(|| chance.unit());
            let above = |partition: &&Partition| partition.posterior > number;
            if let Some(partition) = attribution.partitions.iter().find(above) {
                forest.join(server, partition.labels[server]);
            }
        }
    }
    (0..servers).map(|server| forest.root(server)).collect()
}

fn declared(attribution: &Attribution, servers: usize) -> Forest {
    let mut forest = Forest::new(servers);
    for (server, first) in attribution.declared.iter().enumerate() {
        forest.join(server, *first);
    }
    forest
}
