//! The reading half: every visit of every file, oldest day first.

use std::{collections::HashSet, io::Read as _, sync::Arc};

use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use jiff::{Timestamp, tz::TimeZone};
use object_store::{ObjectMeta, ObjectStoreExt as _, path::Path};

use super::{Archive, ArchiveError, Records, VISITS};
use crate::Visit;

/// Bytes of visits in one file at the most, unpacked: many times what a writer puts into one.
const LARGEST: usize = 256 << 20;

/// A file of visits, as it is kept.
#[derive(Clone, Debug)]
pub struct Packed {
    path: Arc<Path>,
    bytes: bytes::Bytes,
}

/// A file of visits that is not fetched yet, and what is kept beside it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What is kept beside it, where there is something.
    pub records: Option<Records>,
    visits: Visits,
}

#[derive(Clone, Debug)]
enum Visits {
    Fetched(Packed),
    /// Mostly what is kept beside them is all that anybody asks for.
    At(Path),
}

impl Entry {
    /// The visits themselves.
    ///
    /// # Errors
    /// [`ArchiveError::Store`].
    pub async fn visits(&self, archive: &Archive) -> Result<Packed, ArchiveError> {
        match &self.visits {
            Visits::Fetched(packed) => Ok(packed.clone()),
            Visits::At(path) => archive.packed(path).await,
        }
    }
}

/// A file of visits, one a line.
#[derive(Debug)]
pub struct Unpacked<'r> {
    /// Why there is no more of it, where it is damaged.
    pub damage: Option<ArchiveError>,
    path: Arc<Path>,
    text: &'r [u8],
}

impl Packed {
    /// Bytes of the file.
    pub(super) fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Unpacks it, as far as it can be, into a room whose contents are lost: whoever reads one file after the other
    /// asks for memory once.
    pub fn unpack<'r>(&self, room: &'r mut Vec<u8>) -> Unpacked<'r> {
        room.clear();
        let read = zstd::Decoder::with_buffer(&self.bytes[..])
            .and_then(|decoder| decoder.take(LARGEST as u64).read_to_end(room));
        let spoilt = |e: std::io::Error| ArchiveError::Spoilt {
            file: self.path.to_string(),
            reason: format!("{e}: what follows in it is left out; restore it from a copy"),
        };
        Unpacked { damage: read.err().map(spoilt), path: Arc::clone(&self.path), text: room }
    }
}

impl<'r> Unpacked<'r> {
    /// Its lines, without their ends, and without one that is cut where damage begins.
    #[must_use]
    pub fn lines(&self) -> Vec<&'r [u8]> {
        let whole = match self.damage {
            Some(_) => memchr::memrchr(b'\n', self.text).unwrap_or(0),
            None => self.text.len(),
        };
        let text = &self.text[..whole];
        let ends = memchr::memchr_iter(b'\n', text).chain([text.len()]);
        let starts = [0].into_iter().chain(memchr::memchr_iter(b'\n', text).map(|end| end + 1));
        starts.zip(ends).map(|(start, end)| &text[start..end]).filter(|line| !line.is_empty()).collect()
    }

    /// Reads one of its lines, the n-th from 0.
    ///
    /// # Errors
    /// [`ArchiveError::Spoilt`], which names the line.
    pub fn visit(&self, number: usize, line: &[u8]) -> Result<Visit, ArchiveError> {
        let spoilt =
            |reason| ArchiveError::Spoilt { file: format!("{} line {}", self.path, number + 1), reason };
        // Whether it is text is looked at once, and not for each of the texts in it.
        let line = str::from_utf8(line).map_err(|e| spoilt(e.to_string()))?;
        serde_json::from_str(line).map_err(|e| spoilt(e.to_string()))
    }
}

impl Archive {
    /// Every visit, day by day, and within a file in the order in which they ended. A file or line that
    /// cannot be read is an error of its own; what follows it is read all the same.
    pub fn read(&self) -> impl Stream<Item = Result<Visit, ArchiveError>> {
        self.read_since(Timestamp::MIN)
    }

    /// The same without the days that had ended by a time; they are not even fetched.
    pub fn read_since(&self, since: Timestamp) -> impl Stream<Item = Result<Visit, ArchiveError>> {
        self.files_since(since).flat_map(|packed| match packed {
            Ok(packed) => {
                let mut room = Vec::new();
                let file = packed.unpack(&mut room);
                let lines = file.lines().into_iter().enumerate();
                let mut visits: Vec<_> = lines.map(|(number, line)| file.visit(number, line)).collect();
                visits.extend(file.damage.map(Err));
                stream::iter(visits).left_stream()
            }
            Err(error) => stream::iter([Err(error)]).right_stream(),
        })
    }

    /// The first moment of the latest day that has visits; none where no day has.
    ///
    /// # Errors
    /// Where the archive cannot be listed.
    pub async fn latest_day(&self) -> Result<Option<Timestamp>, ArchiveError> {
        let failed = |source| ArchiveError::Store { operation: "listing", source };
        let listed = self.store.list_with_delimiter(Some(&Self::visits())).await.map_err(failed)?;
        let days =
            listed.common_prefixes.iter().filter_map(|day| day.filename()?.parse::<jiff::civil::Date>().ok());
        Ok(days.max().and_then(|day| Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())))
    }

    /// The files of visits, day by day, without the days that had ended by a time. Two are fetched ahead.
    pub fn files_since(&self, since: Timestamp) -> impl Stream<Item = Result<Packed, ArchiveError>> {
        let fetch = move |(meta, _): (ObjectMeta, _)| async move { self.packed(&meta.location).await };
        self.paired_since(since).map_ok(fetch).try_buffered(2)
    }

    /// The same for whoever reads what is kept beside them ([`Archive::with`]) in their place.
    pub fn entries_since(&self, since: Timestamp) -> impl Stream<Item = Result<Entry, ArchiveError>> {
        let fetch = move |(meta, beside): (ObjectMeta, Option<Path>)| async move {
            // Whoever may not read it, or finds it gone, has the visits.
            let fetched = match &beside {
                Some(beside) => self.fetch(beside).await.ok(),
                None => None,
            };
            Ok(match (beside, fetched) {
                (Some(path), Some(bytes)) => {
                    let records = Records { path, bytes, visits: meta.size };
                    Entry { records: Some(records), visits: Visits::At(meta.location) }
                }
                _ => Entry { records: None, visits: Visits::Fetched(self.packed(&meta.location).await?) },
            })
        };
        self.paired_since(since).map_ok(fetch).try_buffered(2)
    }

    /// The files of visits, each with that beside it, where there is one.
    fn paired_since(
        &self,
        since: Timestamp,
    ) -> impl Stream<Item = Result<(ObjectMeta, Option<Path>), ArchiveError>> {
        stream::once(self.listed()).flat_map(move |listed| match listed {
            Ok(files) => stream::iter(self.paired(files, since).into_iter().map(Ok)).left_stream(),
            Err(error) => stream::iter([Err(error)]).right_stream(),
        })
    }

    /// Everything that is kept day by day.
    pub(super) async fn listed(&self) -> Result<Vec<ObjectMeta>, ArchiveError> {
        let listed = self.store.list(Some(&Self::visits())).try_collect().await;
        listed.map_err(|source| ArchiveError::Store { operation: "listing", source })
    }

    /// The files of visits among those that were listed, without the days that had ended by a time and in order.
    pub(super) fn paired(
        &self,
        mut files: Vec<ObjectMeta>,
        since: Timestamp,
    ) -> Vec<(ObjectMeta, Option<Path>)> {
        // The names of days sort as the days do.
        let first_day = Self::visits().join(since.to_zoned(TimeZone::UTC).date().to_string());
        files.retain(|file| file.location >= first_day);
        files.sort_by(|one, other| one.location.cmp(&other.location));
        let all: HashSet<Path> = files.iter().map(|file| file.location.clone()).collect();
        let visits = files.into_iter().filter(|file| file.location.as_ref().ends_with(VISITS));
        let pair = |file: ObjectMeta| {
            let beside = self.beside.as_ref().map(|beside| beside.of(&file.location));
            let beside = beside.filter(|beside| all.contains(beside));
            (file, beside)
        };
        visits.map(pair).collect()
    }

    pub(super) async fn packed(&self, path: &Path) -> Result<Packed, ArchiveError> {
        Ok(Packed { bytes: self.fetch(path).await?, path: Arc::new(path.clone()) })
    }

    async fn fetch(&self, path: &Path) -> Result<bytes::Bytes, ArchiveError> {
        let failed = |source| ArchiveError::Store { operation: "read", source };
        self.store.get(path).await.map_err(failed)?.bytes().await.map_err(failed)
    }
}
