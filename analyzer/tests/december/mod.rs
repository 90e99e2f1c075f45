//! The network of December 2025, as far as is known of it, for the figures that were published of it.

use std::collections::BTreeMap;

use analyzer::exposure::{Bucket, Client, Peer, Snapshot};

pub struct Unknown {
    pub defaults_alive: usize,
    pub others_alive: usize,
    pub v6: bool,
    pub b_alive: usize,
    pub fulcrum: usize,
}

pub fn december(unknown: &Unknown) -> Snapshot {
    let mut peers: Vec<Peer> = Vec::new();
    let mut operators: Vec<String> = Vec::new();
    let mut v4 = |n: usize| Bucket::V4([1 + (n / 250) as u8, (n % 250) as u8]);
    let mut add = |operator: usize, bucket: Bucket, answers: bool| {
        peers.push(Peer { operator, bucket, answers, literal: false, names: Vec::new() });
    };
    operators.push("A".into());
    for n in 0..51 {
        add(0, v4(n % 39), true);
    }
    for n in 0..48u8 {
        add(0, Bucket::V6([0x20, 1, 0, 0, 0, n % 19]), unknown.v6);
    }
    operators.push("B".into());
    for n in 0..25 {
        add(1, v4(100 + n % 12), n < unknown.b_alive);
    }
    // defaults: 69 clearnet, 10 onions
    let mut defaults = Vec::new();
    let mut count = 124;
    for n in 0..69 {
        operators.push(format!("d{n}"));
        let alive = n * unknown.defaults_alive / 69 != (n + 1) * unknown.defaults_alive / 69;
        defaults.push(count);
        count += 1;
        add(operators.len() - 1, v4(200 + n), alive);
    }
    for n in 0..62 {
        operators.push(format!("o{n}"));
        let alive = n * unknown.others_alive / 62 != (n + 1) * unknown.others_alive / 62;
        count += 1;
        add(operators.len() - 1, v4(300 + n), alive);
    }
    for n in 0..10 {
        operators.push(format!("t{n}"));
        defaults.push(count);
        count += 1;
        add(operators.len() - 1, Bucket::Onion, true);
    }
    let all: Vec<usize> = (0..peers.len()).collect();
    let mut two: BTreeMap<String, usize> = BTreeMap::new();
    let few: Vec<usize> = all
        .iter()
        .copied()
        .filter(|p| {
            let c = two.entry(format!("{:?}", peers[*p].bucket)).or_default();
            *c += 1;
            *c <= 2
        })
        .collect();
    for p in 0..peers.len() {
        peers[p].names = match (p + 3) % 10 {
            n if n < unknown.fulcrum => all.clone(),
            n if n < 9 => few.clone(),
            _ => Vec::new(),
        };
        if p < 124 {
            peers[p].names = few.clone();
        }
    }
    Snapshot {
        peers,
        operators,
        lists: [(Client::Electrum, defaults)].into(),
        accepted: 104,
        stand_in: false,
    }
}
