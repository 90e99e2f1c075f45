//! What servers say of themselves and of each other.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::draft::Draft;
use crate::{
    chance::Chance,
    grammar::{Identity, Peer, Service},
    hostile,
    scenario::{Announces, Peers},
};

/// Peers that a server of an open network names at most.
const MOST: usize = 60;

/// What a server says of itself and of others. The chain is left out.
pub(super) fn identity(seed: u64, drafts: &[Draft<'_>], number: usize) -> Identity {
    let draft = &drafts[number];
    let port = draft.ways().next().map_or(0, |(_, port)| port);
    Identity {
        services: services(seed, drafts, number),
        bound: SocketAddr::from((draft.address, port)),
        genesis_hash: String::new(),
        banner: draft.group.banner.clone(),
        donation_address: draft.group.donation.clone(),
        agent: draft.group.claims.clone(),
        peers: match draft.group.hostile {
            Some(mischief) => hostile::peers(mischief, peers(seed, drafts, number)),
            None => peers(seed, drafts, number),
        },
    }
}

fn services(seed: u64, drafts: &[Draft<'_>], number: usize) -> Vec<Service> {
    let draft = &drafts[number];
    let hosts: Vec<IpAddr> = match draft.group.announces {
        Announces::Itself => vec![draft.address.into()],
        Announces::Group => siblings(drafts, draft).map(|sibling| sibling.address.into()).collect(),
        Announces::Private => {
            let mut chance = Chance::new(seed, "private address", &[number as u64]);
            let mut byte = || u8::try_from(2 + chance.below(250)).unwrap_or(2);
            vec![Ipv4Addr::new(192, 168, byte() % 4, byte()).into()]
        }
        Announces::Nothing => Vec::new(),
    };
    let service = |host: &IpAddr| {
        let host = host.to_string();
        draft.ways().map(move |(protocol, port)| Service { protocol, host: host.clone(), port })
    };
    hosts.iter().flat_map(service).collect()
}

fn siblings<'d, 's>(
    drafts: &'d [Draft<'s>],
    draft: &'d Draft<'s>,
) -> impl Iterator<Item = &'d Draft<'s>> + use<'d, 's> {
    drafts.iter().filter(|other| other.group.name == draft.group.name)
}

fn peers(seed: u64, drafts: &[Draft<'_>], number: usize) -> Vec<Peer> {
    let draft = &drafts[number];
    // Implementations that take no part in gossip name nobody, whatever their operators want.
    if !draft.grammar.names_peers() {
        return Vec::new();
    }
    let others = drafts.iter().filter(|other| other.address != draft.address);
    match draft.group.peers {
        Peers::Nobody => Vec::new(),
        Peers::Own => {
            siblings(drafts, draft).filter(|other| other.address != draft.address).map(row).collect()
        }
        Peers::Known => {
            let mut chance = Chance::new(seed, "peers", &[number as u64]);
            let mut known: Vec<(u64, &Draft<'_>)> = others
                .filter(|other| other.grammar.names_peers() && other.group.peers != Peers::Nobody)
                .map(|other| (chance.word(), other))
                .collect();
            known.sort_by_key(|(lot, _)| *lot);
            known.into_iter().take(MOST).map(|(_, other)| row(other)).collect()
        }
    }
}

fn row(draft: &Draft<'_>) -> Peer {
    let version = format!("v{}", draft.grammar.newest_protocol());
    let offers = draft.ways().map(|(protocol, port)| match protocol {
        "tcp" => format!("t{port}"),
        "ssl" => format!("s{port}"),
        other => format!("{other}{port}"),
    });
    let address = draft.address.to_string();
    Peer { host: address.clone(), address, offers: std::iter::once(version).chain(offers).collect() }
}
