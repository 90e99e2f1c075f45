//! What servers say of themselves and of each other.

use std::net::{Ipv4Addr, SocketAddr};

use super::{
    cast::{Cast, Epoch},
    draft::Draft,
};
use crate::{
    chance::{Chance, mixed},
    grammar::{Identity, Peer, Service},
    hostile,
    scenario::{Announces, Peers},
};

/// Rows that a server of an open network has at most for its peers.
const MOST: usize = 60;

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
        Peers::Own => siblings(cast, number).filter(|other| *other != number).flat_map(rows).collect(),
        Peers::Known => {
            let lots = Chance::new(cast.calendar.seed, "peers", &[number as u64]).word();
            let mut known: Vec<(u64, usize)> = (0..cast.drafts.len())
                .filter(|other| *other != number && !epoch.hosts[*other].is_empty())
                .filter(|other| gossips(&cast.drafts[*other]))
                .filter(|other| cast.drafts[*other].group.peers != Peers::Nobody)
                .map(|other| (mixed(lots, other as u64), other))
                .collect();
            known.sort_unstable();
            known.into_iter().flat_map(|(_, other)| rows(other)).take(MOST).collect()
        }
    }
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
