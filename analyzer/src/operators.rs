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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        server::join,
        testing::{dossiers, light},
    };

    /// Of four servers the first two are linked, the last two say that they belong together.
    fn attribution(posterior: f64) -> Attribution {
        let linked = Partition { posterior, labels: vec![0, 0, 2, 3] };
        let apart = Partition { posterior: 0.999, labels: vec![0, 1, 2, 3] };
        Attribution { partitions: vec![linked, apart], declared: vec![0, 1, 2, 2], ..Attribution::default() }
    }

    #[test]
    fn what_is_linked_and_what_is_declared_are_operators() {
        let visits: Vec<_> = (1..=4).map(|n| light(&format!("ssl://192.0.2.{n}:50002"), n)).collect();
        let dossiers = dossiers(&visits);
        let servers = join(&dossiers);
        let of = |attribution: &Attribution| Operators::of(&servers, attribution);
        let found = of(&attribution(0.95));
        assert_eq!(
            (found.of_server, found.names),
            (vec![0, 0, 1, 1], vec!["192.0.2.1".to_owned(), "192.0.2.3".to_owned()])
        );
        assert_eq!(of(&attribution(0.8)).of_server, [0, 1, 2, 2], "what is less probable is not published");
        let chained = Attribution { declared: vec![0, 1, 1, 3], ..attribution(0.95) };
        assert_eq!(of(&chained).of_server, [0, 0, 0, 1], "a declared group and a linked one share a server");
    }

    #[test]
    fn a_link_holds_in_as_many_draws_as_it_is_probable_and_a_declaration_in_all() {
        let attribution = attribution(0.8);
        let draws: Vec<Vec<usize>> =
            (0..1_000).map(|number| draw(&attribution, 4, &mut Chance::new(1, number))).collect();
        let linked = draws.iter().filter(|labels| labels[1] == 0).count();
        assert!((770..=830).contains(&linked), "{linked}");
        assert!(draws.iter().all(|labels| labels[3] == 2 && labels[0] == 0));
        assert_eq!(draw(&attribution, 4, &mut Chance::new(1, 5)), draws[5]);
    }
}
