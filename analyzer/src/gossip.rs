//! Who names whom (M4), over all servers.

use std::collections::HashMap;

use model::finding::Digest;
use rayon::prelude::*;

use crate::{features::place::Peers, mark::Mark, server::Server};

/// Who names whom.
#[derive(Clone, Debug, Default)]
pub struct Gossip {
    /// For each server, whom it names; none where it was not asked.
    pub named: Vec<Option<Named>>,
    /// How many of the servers are named by anybody.
    pub known: usize,
    /// How many name any.
    pub lists: usize,
}

/// Whom a server names besides itself.
#[derive(Clone, Debug)]
pub struct Named {
    /// Servers that were visited, as places in the survey, in order.
    pub servers: Vec<usize>,
    /// How many hosts it names that were not.
    pub strangers: usize,
    /// How many of all that it names nobody else does.
    pub alone: usize,
    /// Its answer.
    pub evidence: Digest,
}

/// A host that was visited, or named.
#[derive(Default)]
struct Mention {
    /// The server that it is one of.
    place: Option<usize>,
    /// The first that names it.
    namer: Option<usize>,
    /// Whether others do.
    several: bool,
}

impl Gossip {
    /// Lays the lists of all servers side by side.
    #[must_use]
    pub fn of(servers: &[Server<'_>]) -> Self {
        let mut mentions: HashMap<Mark, Mention> = HashMap::with_capacity(servers.len());
        for (place, server) in servers.iter().enumerate() {
            for (host, _) in &server.hosts {
                mentions.entry(Mark::of_host(host)).or_default().place = Some(place);
            }
        }
        for (place, server) in servers.iter().enumerate() {
            for host in hosts(server) {
                let mention = mentions.entry(*host).or_default();
                mention.several |= *mention.namer.get_or_insert(place) != place;
            }
        }
        let named = servers.par_iter().enumerate().map(|(place, server)| {
            let mut lists = server.dossiers().filter_map(|dossier| dossier.place.peers.as_ref());
            let evidence = lists.next()?.evidence();
            let mut visited = Vec::new();
            let (mut strangers, mut alone) = (0, 0);
            let mut listed: Vec<&Mark> = hosts(server).collect();
            listed.sort_unstable();
            listed.dedup();
            for host in listed {
                let Some(mention) = mentions.get(host) else { continue };
                match mention.place {
                    Some(own) if own == place => continue,
                    Some(other) => visited.push(other),
                    None => strangers += 1,
                }
                alone += usize::from(!mention.several);
            }
            visited.sort_unstable();
            visited.dedup();
            Some(Named { servers: visited, strangers, alone, evidence })
        });
        let named: Vec<Option<Named>> = named.collect();
        let mut known = vec![false; servers.len()];
        named.iter().flatten().flat_map(|named| &named.servers).for_each(|server| known[*server] = true);
        let lists = named.iter().flatten().filter(|named| !named.servers.is_empty()).count();
        Self { named, known: known.into_iter().filter(|known| *known).count(), lists }
    }

    /// The circle that a server is in: itself and those whom it names, at least three, where it names nobody who was
    /// not visited, and others know more than twice as many. Servers in one circle name each other.
    #[must_use]
    pub fn circle(&self, place: usize) -> Option<Vec<usize>> {
        let named = self.named.get(place)?.as_ref().filter(|named| named.strangers == 0)?;
        let mut circle = named.servers.clone();
        circle.push(place);
        circle.sort_unstable();
        (circle.len() >= 3 && circle.len() * 2 < self.known).then_some(circle)
    }
}

fn hosts<'s>(server: &'s Server<'_>) -> impl Iterator<Item = &'s Mark> {
    server.dossiers().filter_map(|dossier| dossier.place.peers.as_ref()).flat_map(Peers::hosts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{dossiers, naming};

    #[test]
    fn circles_are_closed_and_small() {
        // Three name each other alone, seven name everybody, one names somebody who was never visited.
        let name = |n: usize| format!("h{n}.example");
        let visits: Vec<_> = (0..10)
            .map(|n| {
                let circle = if n < 3 { 0..3 } else { 0..10 };
                let mut hosts: Vec<String> = circle.map(name).collect();
                if n == 9 {
                    hosts.push("never.example".to_owned());
                }
                naming(&format!("tcp://h{n}.example:50001"), &hosts)
            })
            .collect();
        let dossiers = dossiers(&visits);
        let gossip = Gossip::of(&crate::server::join(&dossiers));
        assert_eq!(gossip.known, 10);
        assert_eq!(gossip.circle(1), Some(vec![0, 1, 2]));
        assert_eq!((gossip.circle(5), gossip.circle(9)), (None, None));
        let last = gossip.named[9].as_ref().expect("a list");
        assert_eq!((last.servers.len(), last.strangers, last.alone), (9, 1, 1));
    }
}
