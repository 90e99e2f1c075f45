//! From an archive to dossiers, on as many processors as there are. Reading is the dear part of an analysis. Where notes
//! are kept beside visits they are read in their place, which costs a fraction; else every line is parsed once, into its
//! note. A note is given to the dossier of its host and dropped.
//!
//! Some are read at a time: few enough that what was made of them is still at hand when it is taken in, which is while the
//! next ones are read. Dossiers are kept in shards, each of which is filled by one thread at a time; all visits to a host
//! meet in one shard, in the order of the archive.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher as _, RandomState},
    ops::Range,
};

use electrum::{Host, Network};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use model::{
    Archive,
    archive::{ArchiveError, Entry, Packed, Records, Unpacked},
    finding::Digest,
};
use rayon::prelude::*;

use crate::{dossier::Dossier, identify::Knowledge, notes::Note, visited::Visited};

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

/// What a visit shows, and the shard of its host.
type Seen = (Note, usize);

/// Hosts of each network.
type Shard = HashMap<Network, HashMap<Host, Dossier>>;

/// Reads what an archive has since a time, of one network or of all. Each visit is shown once, in the order of the archive.
/// Files and lines that cannot be read are told of, and passed over.
///
/// # Errors
/// Where the archive itself cannot be read.
pub async fn collect(
    archive: &Archive,
    network: Option<Network>,
    since: Timestamp,
    knowledge: &Knowledge,
    mut seen: impl FnMut(&Visited),
    mut spoilt: impl FnMut(&ArchiveError),
) -> Result<Vec<Collection>, ArchiveError> {
    let mut filing = Filing::new();
    // As many files at a time as there are processors, so that none waits while another unpacks.
    let mut rooms: Vec<Vec<u8>> = vec![Vec::new(); rayon::current_num_threads()];
    let mut files = std::pin::pin!(archive.entries_since(since).chunks(rooms.len()));
    let mut notes: Vec<Seen> = Vec::new();
    while let Some(entries) = files.next().await {
        let mut sound = Vec::with_capacity(entries.len());
        for entry in entries {
            match entry {
                Ok(entry) => sound.push(entry),
                Err(error @ ArchiveError::Spoilt { .. }) => spoilt(&error),
                Err(error) => return Err(error),
            }
        }
        for file in unpacked(archive, &sound, &mut rooms).await? {
            for (number, parts) in (0..).zip(file.parts.chunks(AT_ONCE)) {
                let mut next: Vec<Result<Seen, ArchiveError>> = Vec::new();
                filing.take_while(notes, &mut seen, |which| {
                    let read = |(at, part): (usize, &&[u8])| {
                        let note = file.note(number * AT_ONCE + at, part, knowledge)?;
                        let shard = which.of(&note.visited.endpoint.host);
                        Ok((note, shard))
                    };
                    parts.par_iter().enumerate().map(read).collect_into_vec(&mut next);
                });
                notes = Vec::with_capacity(next.len());
                for note in next {
                    match note {
                        Ok((note, _)) if network.is_some_and(|network| network != note.visited.network) => {}
                        Ok(note) => notes.push(note),
                        Err(error) => spoilt(&error),
                    }
                }
            }
            file.damage().into_iter().for_each(&mut spoilt);
        }
    }
    filing.take_while(notes, &mut seen, |_| ());
    Ok(filing.collections())
}

/// A file, unpacked.
struct File<'r> {
    /// Notes or lines, one a visit.
    parts: Vec<&'r [u8]>,
    of: Of<'r>,
}

/// What it is of.
enum Of<'r> {
    Notes(&'r Records),
    Lines(Unpacked<'r>),
}

impl File<'_> {
    /// What its n-th visit shows, from 0.
    fn note(&self, number: usize, part: &[u8], knowledge: &Knowledge) -> Result<Note, ArchiveError> {
        match &self.of {
            Of::Notes(records) => Note::read(part).ok_or_else(|| records.spoilt(number)),
            Of::Lines(file) => Ok(Note::of(&file.visit(number, part)?, Digest::of_bytes(part), knowledge)),
        }
    }

    fn damage(&self) -> Option<&ArchiveError> {
        match &self.of {
            Of::Notes(_) => None,
            Of::Lines(file) => file.damage.as_ref(),
        }
    }
}

/// Unpacks notes, and the visits themselves where there are none that are sound.
async fn unpacked<'r>(
    archive: &Archive,
    entries: &'r [Entry],
    rooms: &'r mut [Vec<u8>],
) -> Result<Vec<File<'r>>, ArchiveError> {
    let places: Vec<Option<Vec<Range<usize>>>> = entries
        .par_iter()
        .zip(&mut *rooms)
        .map(|(entry, room)| entry.records.as_ref()?.unpack(room))
        .collect();
    let mut sources: Vec<Source<'r>> = Vec::with_capacity(entries.len());
    for (entry, places) in entries.iter().zip(places) {
        sources.push(match (&entry.records, places) {
            (Some(records), Some(places)) => Source::Notes(records, places),
            _ => Source::Visits(entry.visits(archive).await?),
        });
    }
    let file = |(source, room): (Source<'r>, &'r mut Vec<u8>)| match source {
        Source::Notes(records, places) => {
            let room = &*room;
            File { parts: places.into_iter().map(|place| &room[place]).collect(), of: Of::Notes(records) }
        }
        Source::Visits(packed) => {
            let file = packed.unpack(room);
            File { parts: file.lines(), of: Of::Lines(file) }
        }
    };
    Ok(sources.into_par_iter().zip(rooms).map(file).collect())
}

/// From what a file's visits are read.
enum Source<'r> {
    Notes(&'r Records, Vec<Range<usize>>),
    Visits(Packed),
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
struct Filing {
    shards: Vec<Shard>,
    which: Shards,
}

impl Filing {
    fn new() -> Self {
        let count = rayon::current_num_threads() * SHARDS;
        let which = Shards { hasher: RandomState::new(), count };
        Self { shards: vec![HashMap::new(); count], which }
    }

    /// Takes notes in, and meanwhile shows them, in their order and on this thread, and does something else.
    fn take_while(
        &mut self,
        notes: Vec<Seen>,
        mut seen: impl FnMut(&Visited),
        meanwhile: impl FnOnce(&Shards) + Send,
    ) {
        let (which, all) = (&self.which, notes.as_slice());
        rayon::in_place_scope(|scope| {
            scope.spawn(|_| meanwhile(which));
            for (own, shard) in self.shards.iter_mut().enumerate() {
                scope.spawn(move |_| {
                    for (note, _) in all.iter().filter(|(_, of)| *of == own) {
                        take(shard, note);
                    }
                });
            }
            all.iter().for_each(|(note, _)| seen(&note.visited));
        });
        // That is work too.
        rayon::spawn(|| drop(notes));
    }

    fn collections(self) -> Vec<Collection> {
        let mut networks: BTreeMap<Network, BTreeMap<Host, Dossier>> = BTreeMap::new();
        for (network, hosts) in self.shards.into_iter().flatten() {
            networks.entry(network).or_default().extend(hosts);
        }
        networks.into_iter().map(|(network, dossiers)| Collection::of(network, dossiers)).collect()
    }
}

fn take(shard: &mut Shard, note: &Note) {
    let hosts = shard.entry(note.visited.network).or_default();
    let host = &note.visited.endpoint.host;
    let dossier = match hosts.get_mut(host) {
        Some(dossier) => dossier,
        None => hosts.entry(host.clone()).or_default(),
    };
    dossier.take(note);
}
