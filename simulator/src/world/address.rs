//! Addresses in 127.0.0.0/8, no two alike, the same for a seed.
//!
//! Scattered servers have a network of 256 addresses each as long as there are such. In a larger world they share them
//! with strangers, as in a data centre.

use std::{
    collections::{HashMap, HashSet},
    net::Ipv4Addr,
};

use crate::{chance::Chance, scenario};

/// Networks of 256 addresses that are left: those of 127.1.0.0 to 127.254.255.0, since 127.0.0.0/16 is where other
/// programs are.
const NETWORKS: usize = 254 * 256;
/// Servers that one of them holds: not the first address, nor the last.
const HOSTS: u8 = 254;
/// How many scattered servers one of them holds: few enough that an address by lot is mostly still free.
const STRANGERS: u8 = 64;

/// Gives out addresses.
#[derive(Debug)]
pub(super) struct Addresses {
    chance: Chance,
    /// Networks that are not free: each scattered server took one, until none was left and all were free again.
    taken: HashSet<[u8; 2]>,
    /// How often that came about.
    rounds: u8,
    /// Networks of neighbours, to which no more strangers come.
    near: HashSet<[u8; 2]>,
    /// All addresses that were given out.
    given: HashSet<Ipv4Addr>,
    /// The network in which neighbours of a group live, and how many there are.
    shared: HashMap<String, ([u8; 2], u8)>,
}

impl Addresses {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            chance: Chance::new(seed, "addresses", &[]),
            taken: HashSet::new(),
            rounds: 0,
            near: HashSet::new(),
            given: HashSet::new(),
            shared: HashMap::new(),
        }
    }

    /// The next address for a group; none where all are taken.
    pub(super) fn next(&mut self, lie: scenario::Addresses, group: &str) -> Option<Ipv4Addr> {
        loop {
            let ([high, low], host) = match (lie, self.shared.get_mut(group)) {
                (scenario::Addresses::Neighbours, Some((network, last))) if *last < HOSTS => {
                    *last += 1;
                    (*network, *last)
                }
                (scenario::Addresses::Neighbours, _) => {
                    let network = self.network()?;
                    self.near.insert(network);
                    self.shared.insert(group.to_owned(), (network, 1));
                    (network, 1)
                }
                (scenario::Addresses::Scattered, _) => {
                    let network = self.network()?;
                    (network, 1 + u8::try_from(self.chance.below(HOSTS.into())).unwrap_or(0))
                }
            };
            let address = Ipv4Addr::new(127, high, low, host);
            if self.given.insert(address) {
                return Some(address);
            }
        }
    }

    fn network(&mut self) -> Option<[u8; 2]> {
        if self.taken.len() >= NETWORKS {
            self.taken.clone_from(&self.near);
            self.rounds += 1;
        }
        if self.rounds >= STRANGERS || self.near.len() >= NETWORKS {
            return None;
        }
        loop {
            let [high, low] = self.chance.bytes();
            if (1..=254).contains(&high) && self.taken.insert([high, low]) {
                return Some([high, low]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_alike_and_neighbours_live_together() {
        let mut addresses = Addresses::new(1);
        let mut all = HashSet::new();
        for _ in 0..2_000 {
            let address = addresses.next(scenario::Addresses::Scattered, "far").expect("an address");
            assert!(address.is_loopback() && all.insert(address));
        }
        let networks: HashSet<_> = all.iter().map(|address| address.octets()[..3].to_vec()).collect();
        assert_eq!(networks.len(), 2_000);
        let near: Vec<_> =
            (0..300).filter_map(|_| addresses.next(scenario::Addresses::Neighbours, "near")).collect();
        let networks: HashSet<_> = near.iter().map(|address| address.octets()[..3].to_vec()).collect();
        assert_eq!((near.len(), networks.len()), (300, 2));
        assert!(near.iter().all(|address| all.insert(*address)));
    }

    #[test]
    fn a_world_may_have_more_servers_than_there_are_networks() {
        let mut addresses = Addresses::new(1);
        let near: HashSet<_> =
            (0..300).filter_map(|_| addresses.next(scenario::Addresses::Neighbours, "near")).collect();
        let far: HashSet<_> =
            (0..100_000).filter_map(|_| addresses.next(scenario::Addresses::Scattered, "far")).collect();
        let networks = |all: &HashSet<Ipv4Addr>| -> HashSet<_> {
            all.iter().map(|address| address.octets()[..3].to_vec()).collect()
        };
        assert_eq!((far.len(), networks(&far).len()), (100_000, NETWORKS - 2));
        assert!(networks(&near).is_disjoint(&networks(&far)));
    }
}
