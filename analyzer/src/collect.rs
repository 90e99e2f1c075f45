//! From an archive to dossiers, on as many processors as there are. Reading is the dear part of an analysis: every
//! line is parsed once, and its visit is given to the dossier of its host and dropped.
//!
//! Dossiers are kept in shards, each of which is filled by one thread; all visits to a host meet in one shard, in the
//! order of the archive.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher as _, RandomState},
};

use electrum::{Host, Network};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use model::{
    Archive, Visit,
    archive::{ArchiveError, Packed},
    finding::Digest,
};
use rayon::prelude::*;

use crate::{dossier::Dossier, identify::Knowledge, reading::Reading};

/// Everything that an archive shows of one network.
#[derive(Clone, Debug)]
pub struct Collection {
    /// The network.
    pub network: Network,
    /// What visits to each host show.
    pub dossiers: BTreeMap<Host, Dossier>,
    /// When the latest visit began; none where there was none.
    pub latest: Option<Timestamp>,
}

impl Collection {
    /// What dossiers show of a network.
    #[must_use]
    pub fn of(network: Network, dossiers: BTreeMap<Host, Dossier>) -> Self {
        let latest = dossiers.values().filter_map(|dossier| dossier.latest).max();
        Self { network, dossiers, latest }
    }
}

/// Hosts of each network.
type Shard = HashMap<Network, HashMap<Host, Dossier>>;

/// Reads what an archive has since a time, of one network or of all. Each visit is shown once, with the digest of its
/// line, in the order of the archive. Files and lines that cannot be read are told of, and passed over.
///
/// # Errors
/// Where the archive itself cannot be read.
pub async fn collect(
    archive: &Archive,
    network: Option<Network>,
    since: Timestamp,
    knowledge: &Knowledge,
    mut seen: impl FnMut(&Visit, Digest),
    mut spoilt: impl FnMut(&ArchiveError),
) -> Result<Vec<Collection>, ArchiveError> {
    let mut shards: Vec<Shard> = vec![HashMap::new(); rayon::current_num_threads()];
    let hasher = RandomState::new();
    // As many files at a time as there are processors, so that none waits while another unpacks.
    let mut rooms: Vec<Vec<u8>> = vec![Vec::new(); shards.len()];
    let mut files = std::pin::pin!(archive.files_since(since).chunks(shards.len()));
    let mut visits: Vec<(Visit, Digest)> = Vec::new();
    loop {
        let packed = files.next().await;
        let is_last = packed.is_none();
        let mut sound = Vec::new();
        for packed in packed.unwrap_or_default() {
            match packed {
                Ok(packed) => sound.push(packed),
                Err(error @ ArchiveError::Spoilt { .. }) => spoilt(&error),
                Err(error) => return Err(error),
            }
        }
        let mut next: Vec<Read> = Vec::new();
        // Who is shown visits sees them in their order, on this thread: meanwhile the next files are read.
        rayon::in_place_scope(|scope| {
            let files = sound.par_iter().zip(&mut rooms);
            scope.spawn(|_| next = files.map(|(packed, room)| read(packed, room, network)).collect());
            visits.iter().for_each(|(visit, digest)| seen(visit, *digest));
        });
        file(visits, &mut shards, &hasher, knowledge);
        if is_last {
            break;
        }
        let damages = next.iter().flat_map(|(_, damages)| damages);
        damages.for_each(&mut spoilt);
        visits = next.into_iter().flat_map(|(visits, _)| visits).collect();
    }
    let mut networks: BTreeMap<Network, BTreeMap<Host, Dossier>> = BTreeMap::new();
    for (network, hosts) in shards.into_iter().flatten() {
        networks.entry(network).or_default().extend(hosts);
    }
    Ok(networks.into_iter().map(|(network, dossiers)| Collection::of(network, dossiers)).collect())
}

/// Visits, each with the digest of its line, and what could not be read.
type Read = (Vec<(Visit, Digest)>, Vec<ArchiveError>);

/// The visits of a file.
fn read(packed: &Packed, room: &mut Vec<u8>, network: Option<Network>) -> Read {
    let file = packed.unpack(room);
    let lines = file.lines();
    let read = lines
        .par_iter()
        .enumerate()
        .map(|(number, line)| file.visit(number, line).map(|visit| (visit, Digest::of_bytes(line))));
    let read: Vec<_> = read.collect();
    let (mut visits, mut damages) = (Vec::with_capacity(read.len()), Vec::new());
    for visit in read {
        match visit {
            Ok((visit, _)) if network.is_some_and(|network| network != visit.network) => {}
            Ok(visit) => visits.push(visit),
            Err(error) => damages.push(error),
        }
    }
    damages.extend(file.damage);
    (visits, damages)
}

fn file(visits: Vec<(Visit, Digest)>, shards: &mut [Shard], hasher: &RandomState, knowledge: &Knowledge) {
    let mut of_shards: Vec<Vec<(Visit, Digest)>> = shards.iter().map(|_| Vec::new()).collect();
    let count = shards.len() as u64;
    for (visit, digest) in visits {
        let shard = usize::try_from(hasher.hash_one(&visit.endpoint.host) % count).unwrap_or_default();
        of_shards[shard].push((visit, digest));
    }
    // Each visit is dropped where it was taken in: that is work too.
    shards.par_iter_mut().zip(of_shards).for_each(|(shard, visits)| {
        for (visit, digest) in visits {
            let hosts = shard.entry(visit.network).or_default();
            let dossier = match hosts.get_mut(&visit.endpoint.host) {
                Some(dossier) => dossier,
                None => hosts.entry(visit.endpoint.host.clone()).or_default(),
            };
            dossier.take(&Reading::of(&visit), digest, knowledge);
        }
    });
}
