//! The mainnet of December 2025, as far as is known of it (docs/exposure.md), for the figures that are known of it.
//!
//! Known: 255 hosts without Tor are advertised; fleet A has 51 IPv4 and 48 IPv6 addresses of them, in 39 /16 and 19 /48,
//! fleet B 25 names; Electrum carries 84 servers, 79 with TLS, 10 of those onions, none of A. The other operators'
//! sizes are such that the index of concentration is the known one. Not known, and chosen: how many of the others
//! answer, and who names whom.

use std::collections::BTreeMap;

use analyzer::exposure::{Bucket, Client, Peer, Snapshot};

/// Chosen: hosts that answer of the 69 without Tor that Electrum carries, and of the other 62.
const ALIVE: [usize; 2] = [44, 10];
/// Chosen: of ten servers that are no fleet's, those that name all they know; of the others most
/// name two of each neighbourhood at the most, as ElectrumX does.
const TALKATIVE: usize = 6;
/// Chosen: and those that name nobody.
const SILENT: usize = 2;
/// Of all operators but A and B, the sizes above one.
const SIZES: [usize; 10] = [5, 4, 2, 2, 2, 2, 2, 2, 2, 2];

/// The network as a wallet met it.
pub(crate) fn december() -> Snapshot {
    let mut network = Network::default();
    for n in 0..51 {
        network.add("A", neighbourhood(n % 39), true);
    }
    for n in 0..48 {
        network.add("A", Bucket::V6([0x20, 1, 0, 0, 0, n % 19]), true);
    }
    for n in 0..25 {
        network.add("B", neighbourhood(100 + n % 12), true);
    }
    let mut owners =
        SIZES.iter().enumerate().flat_map(|(number, size)| vec![format!("several-{number}"); *size]);
    let mut place = 200_u8;
    let mut others = |network: &mut Network, hosts: usize, alive: usize| {
        for n in 0..hosts {
            // Operators of several hosts have them here and there.
            let owner = if n % 4 == 0 { owners.next() } else { None };
            let owner = owner.unwrap_or_else(|| format!("single-{}", network.peers.len()));
            place = place.wrapping_add(1);
            let bucket = Bucket::V4([u8::from(place < 200) + 2, place]);
            network.add(&owner, bucket, (n + 1) * alive / hosts > n * alive / hosts);
        }
    };
    others(&mut network, 69, ALIVE[0]);
    let first = network.peers.len() - 69;
    let mut defaults: Vec<usize> = (first..network.peers.len()).collect();
    others(&mut network, 62, ALIVE[1]);
    for n in 0..10 {
        defaults.push(network.peers.len());
        network.add(&format!("onion-{n}"), Bucket::Onion, true);
    }
    network.introduce();
    Snapshot {
        peers: network.peers,
        operators: network.operators,
        lists: BTreeMap::from([(Client::Electrum, defaults)]),
        accepted: 84 + 20,
        stand_in: false,
    }
}

fn neighbourhood(number: u8) -> Bucket {
    Bucket::V4([1, number])
}

#[derive(Default)]
struct Network {
    peers: Vec<Peer>,
    operators: Vec<String>,
}

impl Network {
    fn add(&mut self, owner: &str, bucket: Bucket, answers: bool) {
        let known = self.operators.iter().position(|operator| operator == owner);
        let operator = known.unwrap_or(self.operators.len());
        if known.is_none() {
            self.operators.push(owner.to_owned());
        }
        self.peers.push(Peer { operator, bucket, answers, literal: false, names: Vec::new() });
    }

    /// Says who names whom.
    fn introduce(&mut self) {
        let all: Vec<usize> = (0..self.peers.len()).collect();
        let mut beside = BTreeMap::new();
        let few: Vec<usize> = all
            .iter()
            .copied()
            .filter(|place| {
                let beside = beside.entry(format!("{:?}", self.peers[*place].bucket)).or_insert(0);
                *beside += 1;
                *beside <= 2
            })
            .collect();
        for (place, peer) in self.peers.iter_mut().enumerate() {
            let is_of_fleet = peer.operator < 2;
            peer.names = match (place + 3) % 10 {
                number if number < TALKATIVE && !is_of_fleet => all.clone(),
                number if number >= 10 - SILENT && !is_of_fleet => Vec::new(),
                _ => few.clone(),
            };
        }
    }
}
