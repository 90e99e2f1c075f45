//! From an archive to dossiers, on as many processors as there are. Reading is the dear part of an analysis: every
//! line is parsed once, and its visit is given to the dossier of its host and dropped.
//!
//! Some lines are read at a time: few enough that what was made of them is still at hand when it is taken in.
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
    archive::{ArchiveError, Unpacked},
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

/// Lines that are read at a time.
const AT_ONCE: usize = 256;

/// A visit, and the digest of its line.
type Seen = (Visit, Digest);

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
    let mut filing = Filing::new(knowledge);
    // As many files at a time as there are processors, so that none waits while another unpacks.
    let mut rooms: Vec<Vec<u8>> = vec![Vec::new(); filing.shards.len()];
    let mut files = std::pin::pin!(archive.files_since(since).chunks(rooms.len()));
    let mut visits: Vec<Seen> = Vec::new();
    while let Some(packed) = files.next().await {
        let mut sound = Vec::with_capacity(packed.len());
        for packed in packed {
            match packed {
                Ok(packed) => sound.push(packed),
                Err(error @ ArchiveError::Spoilt { .. }) => spoilt(&error),
                Err(error) => return Err(error),
            }
        }
        let unpacked: Vec<Unpacked<'_>> =
            sound.par_iter().zip(&mut rooms).map(|(packed, room)| packed.unpack(room)).collect();
        for file in unpacked {
            for (number, lines) in (0..).zip(file.lines().chunks(AT_ONCE)) {
                let mut next = Vec::new();
                // Who is shown visits sees them in their order, on this thread: meanwhile the next ones are read.
                rayon::in_place_scope(|scope| {
                    scope.spawn(|_| next = read(&file, number * AT_ONCE, lines));
                    visits.iter().for_each(|(visit, digest)| seen(visit, *digest));
                });
                filing.take(visits);
                visits = Vec::with_capacity(next.len());
                for visit in next {
                    match visit {
                        Ok((visit, _)) if network.is_some_and(|network| network != visit.network) => {}
                        Ok(visit) => visits.push(visit),
                        Err(error) => spoilt(&error),
                    }
                }
            }
            file.damage.iter().for_each(&mut spoilt);
        }
    }
    visits.iter().for_each(|(visit, digest)| seen(visit, *digest));
    filing.take(visits);
    Ok(filing.collections())
}

/// Reads lines of a file, of which the first has this number.
fn read(file: &Unpacked<'_>, first: usize, lines: &[&[u8]]) -> Vec<Result<Seen, ArchiveError>> {
    let read =
        |(number, line): (usize, &&[u8])| Ok((file.visit(first + number, line)?, Digest::of_bytes(line)));
    lines.par_iter().enumerate().map(read).collect()
}

/// Dossiers, in as many shards as there are threads.
struct Filing<'k> {
    shards: Vec<Shard>,
    hasher: RandomState,
    knowledge: &'k Knowledge,
}

impl<'k> Filing<'k> {
    fn new(knowledge: &'k Knowledge) -> Self {
        let shards = vec![HashMap::new(); rayon::current_num_threads()];
        Self { shards, hasher: RandomState::new(), knowledge }
    }

    fn take(&mut self, visits: Vec<Seen>) {
        let Self { shards, hasher, knowledge } = self;
        let mut of_shards: Vec<Vec<Seen>> = shards.iter().map(|_| Vec::new()).collect();
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

    fn collections(self) -> Vec<Collection> {
        let mut networks: BTreeMap<Network, BTreeMap<Host, Dossier>> = BTreeMap::new();
        for (network, hosts) in self.shards.into_iter().flatten() {
            networks.entry(network).or_default().extend(hosts);
        }
        networks.into_iter().map(|(network, dossiers)| Collection::of(network, dossiers)).collect()
    }
}
