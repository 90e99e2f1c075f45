//! Addresses in 127.0.0.0/8, no two alike, the same for a seed.

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

/// Gives out addresses.
#[derive(Debug)]
pub(super) struct Addresses {
    chance: Chance,
    taken: HashSet<[u8; 2]>,
    /// The network in which neighbours of a group live, and how many there are.
    shared: HashMap<String, ([u8; 2], u8)>,
}

impl Addresses {
    pub(super) fn new(seed: u64) -> Self {
        Self { chance: Chance::new(seed, "addresses", &[]), taken: HashSet::new(), shared: HashMap::new() }
    }

    /// The next address for a group; none where all are taken.
    pub(super) fn next(&mut self, lie: scenario::Addresses, group: &str) -> Option<Ipv4Addr> {
        let ([high, low], host) = match (lie, self.shared.get_mut(group)) {
            (scenario::Addresses::Neighbours, Some((network, last))) if *last < HOSTS => {
                *last += 1;
                (*network, *last)
            }
            (scenario::Addresses::Neighbours, _) => {
                let network = self.network()?;
                self.shared.insert(group.to_owned(), (network, 1));
                (network, 1)
            }
            (scenario::Addresses::Scattered, _) => {
                let network = self.network()?;
                (network, 1 + u8::try_from(self.chance.below(HOSTS.into())).unwrap_or(0))
            }
        };
        Some(Ipv4Addr::new(127, high, low, host))
    }

    fn network(&mut self) -> Option<[u8; 2]> {
        if self.taken.len() >= NETWORKS {
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
}
