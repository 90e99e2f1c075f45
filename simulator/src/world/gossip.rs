//! What servers say of themselves and of each other.

use std::net::{Ipv4Addr, SocketAddr};

use super::{
    cast::{Cast, Epoch},
    draft::Draft,
};
use crate::{
    chance::Chance,
    grammar::{Identity, Peer, Service},
    hostile,
    scenario::{Announces, Peers},
};

/// Rows that a server of an open network has at most for its peers.
const MOST: usize = 60;
/// The same where it names its own kind alone: as many as fill more than half of what a wallet chooses from.
const MOST_OWN: usize = 104;

/// What a server says of itself and of others, on a chain with this first block.
pub(super) fn identity(cast: &Cast, epoch: &Epoch, number: usize, genesis_hash: &str) -> Identity {
    let draft = &cast.drafts[number];
    let port = draft.ways().next().map_or(0, |(_, port)| port);
    Identity {
        services: services(cast, epoch, number),
        bound: SocketAddr::from((draft.address(), port)),
        genesis_hash: genesis_hash.to_owned(),
        banner: draft.group.banner.clone(),
        donation_address: draft.group.donation.clone(),
        agent: draft.group.claims.clone(),
        peers: match draft.group.hostile {
            Some(mischief) => hostile::peers(mischief, peers(cast, epoch, number)),
            None => peers(cast, epoch, number),
        },
    }
}

fn services(cast: &Cast, epoch: &Epoch, number: usize) -> Vec<Service> {
    let draft = &cast.drafts[number];
    let hosts: Vec<String> = match draft.group.announces {
        // Of several addresses the first: who configures one service has configured one.
        Announces::Itself if draft.group.names.is_empty() => {
            epoch.hosts[number].first().cloned().into_iter().collect()
        }
        Announces::Itself => epoch.hosts[number].clone(),
        Announces::Group => {
            siblings(cast, number).flat_map(|sibling| epoch.hosts[sibling].iter().cloned()).collect()
        }
        Announces::Private => {
            let mut chance = Chance::new(cast.calendar.seed, "private address", &[number as u64]);
            let mut byte = || u8::try_from(2 + chance.below(250)).unwrap_or(2);
            vec![Ipv4Addr::new(192, 168, byte() % 4, byte()).to_string()]
        }
        Announces::Nothing => Vec::new(),
    };
    let service = |host: String| {
        draft.ways().map(move |(protocol, port)| Service { protocol, host: host.clone(), port })
    };
    hosts.into_iter().flat_map(service).collect()
}

/// The servers of its group, itself among them.
fn siblings(cast: &Cast, number: usize) -> impl Iterator<Item = usize> {
    let group = &cast.drafts[number].group.name;
    (0..cast.drafts.len()).filter(move |other| cast.drafts[*other].group.name == *group)
}

fn peers(cast: &Cast, epoch: &Epoch, number: usize) -> Vec<Peer> {
    let draft = &cast.drafts[number];
    let gossips = |draft: &Draft| draft.life.grammar(epoch.now).names_peers();
    // Implementations that take no part in gossip name nobody, whatever their operators want.
    if !gossips(draft) {
        return Vec::new();
    }
    let rows = |other: usize| rows(&cast.drafts[other], epoch, &epoch.hosts[other]);
    match draft.group.peers {
        Peers::Nobody => Vec::new(),
        Peers::Own => {
            let others = siblings(cast, number).filter(|other| *other != number);
            others.flat_map(rows).take(MOST_OWN).collect()
        }
        Peers::Known => {
            let mut chance = Chance::new(cast.calendar.seed, "peers", &[number as u64]);
            let known = walk(cast.drafts.len(), &mut chance)
                .filter(|other| *other != number && !epoch.hosts[*other].is_empty())
                .filter(|other| gossips(&cast.drafts[*other]))
                .filter(|other| cast.drafts[*other].group.peers != Peers::Nobody);
            known.flat_map(rows).take(MOST).collect()
        }
    }
}

/// All numbers below a limit once, from a chance one on in chance steps, so that nobody who wants a few shuffles all.
fn walk(limit: usize, chance: &mut Chance) -> impl Iterator<Item = usize> + use<> {
    let coprime = |step: &usize| {
        let (mut one, mut other) = (limit, *step);
        while other > 0 {
            (one, other) = (other, one % other);
        }
        one == 1
    };
    let start = chance.index(limit);
    let steps = std::iter::repeat_with(|| 1 + chance.index(limit));
    let step = steps.take(64).find(coprime).unwrap_or(1);
    (0..limit).scan(start, move |at, _| {
        let here = *at;
        *at = (here + step) % limit;
        Some(here)
    })
}

/// A row for each host.
fn rows(draft: &Draft, epoch: &Epoch, hosts: &[String]) -> Vec<Peer> {
    let version = format!("v{}", draft.life.grammar(epoch.now).newest_protocol());
    let offers = draft.ways().map(|(protocol, port)| match protocol {
        "tcp" => format!("t{port}"),
        "ssl" => format!("s{port}"),
        other => format!("{other}{port}"),
    });
    let offers: Vec<String> = std::iter::once(version).chain(offers).collect();
    let row = |host: &String| {
        // An address is its own name.
        let address =
            if host.parse::<Ipv4Addr>().is_ok() { host.clone() } else { draft.address().to_string() };
        Peer { host: host.clone(), address, offers: offers.clone() }
    };
    hosts.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_comes_by_everybody_once() {
        for limit in [0, 1, 2, 7, 64, 1_000] {
            for seed in 0..20 {
                let mut met: Vec<usize> = walk(limit, &mut Chance::new(seed, "walk", &[])).collect();
                met.sort_unstable();
                assert_eq!(met, (0..limit).collect::<Vec<_>>());
            }
        }
    }
}
