//! From an archive to dossiers, on as many processors as there are. Reading is the dear part of an analysis: every
//! line is parsed once, and its visit is given to the dossier of its host and dropped.
//!
//! Some lines are read at a time: few enough that what was made of them is still at hand when it is taken in, which is
//! while the next ones are read. Dossiers are kept in shards, each of which is filled by one thread at a time; all visits
//! to a host meet in one shard, in the order of the archive.

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
const AT_ONCE: usize = 64;
/// Shards for each thread: visits are not equally many in all of them, and who is done early takes another.
const SHARDS: usize = 4;

/// A visit, the digest of its line, and the shard of its host.
type Seen = (Visit, Digest, usize);

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
    let mut rooms: Vec<Vec<u8>> = vec![Vec::new(); rayon::current_num_threads()];
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
                let mut next: Vec<Result<Seen, ArchiveError>> = Vec::new();
                filing.take_while(visits, &mut seen, |which| {
                    let read = |(at, line): (usize, &&[u8])| {
                        let visit = file.visit(number * AT_ONCE + at, line)?;
                        let shard = which.of(&visit.endpoint.host);
                        Ok((visit, Digest::of_bytes(line), shard))
                    };
                    lines.par_iter().enumerate().map(read).collect_into_vec(&mut next);
                });
                visits = Vec::with_capacity(next.len());
                for visit in next {
                    match visit {
                        Ok((visit, ..)) if network.is_some_and(|network| network != visit.network) => {}
                        Ok(visit) => visits.push(visit),
                        Err(error) => spoilt(&error),
                    }
                }
            }
            file.damage.iter().for_each(&mut spoilt);
        }
    }
    filing.take_while(visits, &mut seen, |_| ());
    Ok(filing.collections())
}

/// Which shard a host is of: nobody who names hosts can tell.
struct Shards {
    hasher: RandomState,
    count: usize,
}

impl Shards {
    fn of(&self, host: &Host) -> usize {
        usize::try_from(self.hasher.hash_one(host) % self.count as u64).unwrap_or_default()
    }
}

/// Dossiers, in shards.
struct Filing<'k> {
    shards: Vec<Shard>,
    which: Shards,
    knowledge: &'k Knowledge,
}

impl<'k> Filing<'k> {
    fn new(knowledge: &'k Knowledge) -> Self {
        let count = rayon::current_num_threads() * SHARDS;
        let which = Shards { hasher: RandomState::new(), count };
        Self { shards: vec![HashMap::new(); count], which, knowledge }
    }

    /// Takes visits in, and meanwhile shows them, in their order and on this thread, and does something else.
    fn take_while(
        &mut self,
        visits: Vec<Seen>,
        mut seen: impl FnMut(&Visit, Digest),
        meanwhile: impl FnOnce(&Shards) + Send,
    ) {
        let (which, knowledge, all) = (&self.which, self.knowledge, visits.as_slice());
        rayon::in_place_scope(|scope| {
            scope.spawn(|_| meanwhile(which));
            for (own, shard) in self.shards.iter_mut().enumerate() {
                scope.spawn(move |_| {
                    for (visit, digest, _) in all.iter().filter(|(_, _, of)| *of == own) {
                        take(shard, visit, *digest, knowledge);
                    }
                });
            }
            all.iter().for_each(|(visit, digest, _)| seen(visit, *digest));
        });
        // That is work too.
        rayon::spawn(|| drop(visits));
    }

    fn collections(mut self) -> Vec<Collection> {
        let hosts = self.shards.par_iter_mut().flat_map_iter(HashMap::values_mut);
        hosts.flat_map_iter(HashMap::values_mut).for_each(Dossier::settle);
        let mut networks: BTreeMap<Network, BTreeMap<Host, Dossier>> = BTreeMap::new();
        for (network, hosts) in self.shards.into_iter().flatten() {
            networks.entry(network).or_default().extend(hosts);
        }
        networks.into_iter().map(|(network, dossiers)| Collection::of(network, dossiers)).collect()
    }
}

fn take(shard: &mut Shard, visit: &Visit, digest: Digest, knowledge: &Knowledge) {
    let hosts = shard.entry(visit.network).or_default();
    let dossier = match hosts.get_mut(&visit.endpoint.host) {
        Some(dossier) => dossier,
        None => hosts.entry(visit.endpoint.host.clone()).or_default(),
    };
    dossier.take(&Reading::of(visit), digest, knowledge);
}
