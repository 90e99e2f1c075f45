//! What is kept beside a file of visits, one record a visit: what a program made of them when they were written, so that
//! it need not read them again. `visits/DATE/RUN-00000.jsonl.zst` has `visits/DATE/RUN-00000.KIND-MAKER.zst` beside it.
//!
//! The archive knows nothing of what records are. Whoever has visits has everything: records may be missing, damaged or
//! another program's, and then the visits themselves are read.

use std::{
    fmt,
    future::ready,
    io::Read as _,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use object_store::{ObjectMeta, ObjectStoreExt as _, path::Path};

use super::{Archive, ArchiveError, Packed};
use crate::{Visit, finding::Digest};

/// Bytes of records in one file at the most, unpacked: more than what they are made of may be.
const LARGEST: usize = 64 << 20;
/// Bytes of one record at the most.
const LONGEST: usize = 4 << 20;
/// Records of one file at the most.
const MOST: usize = 1 << 20;

/// What is kept beside visits.
#[derive(Clone)]
pub struct Beside {
    /// What it is. A part of a file's name: letters.
    pub kind: &'static str,
    /// Another one whenever the same visits might give other records. A part of a file's name: letters and digits.
    pub made_by: &'static str,
    /// Makes the record of a visit, whose digest is that of its line; none where it cannot.
    pub record: Maker,
}

/// Makes records.
pub type Maker = Arc<dyn Fn(&Visit, Digest) -> Option<Vec<u8>> + Send + Sync>;

impl fmt::Debug for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beside")
            .field("kind", &self.kind)
            .field("made_by", &self.made_by)
            .finish_non_exhaustive()
    }
}

impl Archive {
    /// The same archive, beside whose visits something is kept: writers write it, and [`Archive::entries_since`] finds it.
    #[must_use]
    pub fn with(self, beside: Beside) -> Self {
        Self { beside: Some(beside), ..self }
    }

    /// Makes what is missing beside visits, without the days that had ended by a time, and deletes what other makers made;
    /// gives for how many files it was made. Files that are damaged are left as they are.
    ///
    /// # Errors
    /// Where the archive cannot be read, or not be written.
    pub async fn complete_since(&self, since: Timestamp) -> Result<usize, ArchiveError> {
        let Some(beside) = &self.beside else { return Ok(0) };
        let make = |file: ObjectMeta| async move {
            let (packed, records) = (self.packed(&file.location).await?, beside.clone());
            // That is work, for as many processors as there are.
            let made = tokio::task::spawn_blocking(move || records.made_of(&packed)).await;
            match made.ok().flatten() {
                Some(made) => self.put(&beside.of(&file.location), made).await.map(|()| 1),
                None => Ok(0),
            }
        };
        let listed = self.listed().await?;
        let of_others = |file: &ObjectMeta| beside.is_of_another_maker(&file.location);
        let stale: Vec<ObjectMeta> = listed.iter().filter(|file| of_others(file)).cloned().collect();
        let missing = self.paired(listed, since).into_iter().filter(|(_, beside)| beside.is_none());
        let at_once = std::thread::available_parallelism().map_or(1, usize::from);
        let made = stream::iter(missing).map(|(file, _)| make(file)).buffer_unordered(at_once);
        let made = made.try_fold(0, |sum, one| ready(Ok(sum + one))).await?;
        for file in stale {
            let deleted = self.store.delete(&file.location).await;
            deleted.map_err(|source| ArchiveError::Store { operation: "delete", source })?;
        }
        Ok(made)
    }
}

impl Beside {
    /// What belongs beside a file of visits; none where a part of it is spoilt, of which whoever reads it is to know.
    fn made_of(&self, packed: &Packed) -> Option<Vec<u8>> {
        let (mut room, mut records) = (Vec::new(), Unwritten::default());
        let file = packed.unpack(&mut room);
        if file.damage.is_some() {
            return None;
        }
        for (number, line) in file.lines().into_iter().enumerate() {
            records.add(&self.record(&file.visit(number, line).ok()?, Digest::of_bytes(line))?);
        }
        records.pack(packed.length()).ok()
    }

    /// The file beside a file of visits.
    pub(super) fn of(&self, visits: &Path) -> Path {
        let stem = visits.as_ref().strip_suffix(super::VISITS).unwrap_or(visits.as_ref());
        Path::from(format!("{stem}.{}-{}.zst", self.kind, self.made_by))
    }

    fn is_of_another_maker(&self, file: &Path) -> bool {
        let mut parts = file.filename().unwrap_or_default().rsplit('.');
        let maker = match (parts.next(), parts.next().and_then(|name| name.split_once('-'))) {
            (Some("zst"), Some((kind, maker))) if kind == self.kind => Some(maker),
            _ => None,
        };
        maker.is_some_and(|maker| maker != self.made_by)
    }

    /// The record of a visit; none where its maker broke off. Visits are kept whatever else is not.
    pub(super) fn record(&self, visit: &Visit, digest: Digest) -> Option<Vec<u8>> {
        let made = catch_unwind(AssertUnwindSafe(|| (self.record)(visit, digest))).ok().flatten();
        made.filter(|record| (1..=LONGEST).contains(&record.len()))
    }
}

/// Records that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Unwritten(Vec<u8>);

impl Unwritten {
    pub(super) fn add(&mut self, record: &[u8]) {
        let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(record);
    }

    /// The file: how many bytes the file of visits has, and the records, each after its length, all packed.
    pub(super) fn pack(&self, visits: u64) -> std::io::Result<Vec<u8>> {
        let mut packed = zstd::Encoder::new(Vec::new(), LEVEL)?;
        // Bytes that turned around would be read as something else, and not, as of JSON, as nothing.
        packed.include_checksum(true)?;
        std::io::Write::write_all(&mut packed, &visits.to_le_bytes())?;
        std::io::Write::write_all(&mut packed, &self.0)?;
        packed.finish()
    }
}

/// How hard records are packed, which is as hard as visits are: half of them are digests, which nothing makes smaller.
const LEVEL: i32 = 3;

/// What is kept beside a file of visits, as it is kept.
#[derive(Clone, Debug)]
pub struct Records {
    pub(super) path: Path,
    pub(super) bytes: Bytes,
    /// The bytes that the file of visits has.
    pub(super) visits: u64,
}

impl Records {
    /// Unpacks it into a room whose contents are lost, and tells where in it which record is; none where it is damaged, or
    /// is of other visits.
    #[must_use]
    pub fn unpack(&self, room: &mut Vec<u8>) -> Option<Vec<Range<usize>>> {
        room.clear();
        let read = zstd::Decoder::with_buffer(&self.bytes[..])
            .and_then(|decoder| decoder.take(LARGEST as u64).read_to_end(room));
        read.ok()?;
        let (visits, mut rest) = room.split_first_chunk()?;
        if u64::from_le_bytes(*visits) != self.visits {
            return None;
        }
        let mut records = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk() {
            let start = room.len() - after.len();
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            if !(1..=LONGEST).contains(&length) || records.len() == MOST {
                return None;
            }
            rest = after.get(length..)?;
            records.push(start..start + length);
        }
        rest.is_empty().then_some(records)
    }

    /// One of its records cannot be read by who wrote it.
    #[must_use]
    pub fn spoilt(&self, number: usize) -> ArchiveError {
        let reason = "cannot be read: delete the file, and the visits are read themselves".to_owned();
        ArchiveError::Spoilt { file: format!("{} record {}", self.path, number + 1), reason }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;
    use jiff::Timestamp;
    use object_store::ObjectStoreExt as _;

    use super::*;
    use crate::{archive::Entry, visit::tests::example};

    fn vantages(made_by: &'static str) -> Beside {
        let record = |visit: &Visit, digest: Digest| Some(format!("{} {digest}", visit.vantage).into_bytes());
        Beside { kind: "notes", made_by, record: Arc::new(record) }
    }

    async fn written(archive: &Archive) {
        let mut writer = archive.writer_named("run".to_owned());
        for vantage in ["a", "b"] {
            writer.append(&Visit { vantage: vantage.to_owned(), ..example() }).await.expect("appends");
        }
        writer.close().await.expect("closes");
    }

    /// What is kept: records as they are, and how many lines where there are none.
    async fn kept(archive: &Archive) -> Vec<Result<Vec<String>, usize>> {
        let entries: Vec<Entry> =
            archive.entries_since(Timestamp::MIN).try_collect().await.expect("readable");
        let mut room = Vec::new();
        let mut all = Vec::new();
        for entry in entries {
            let records = entry.records.as_ref().and_then(|records| records.unpack(&mut room));
            let text = |record: Range<usize>| String::from_utf8_lossy(&room[record]).into_owned();
            all.push(match records {
                Some(records) => Ok(records.into_iter().map(text).collect()),
                None => Err(entry.visits(archive).await.expect("there").unpack(&mut room).lines().len()),
            });
        }
        all
    }

    #[tokio::test]
    async fn records_are_kept_beside_visits_and_found_by_their_name() {
        let plain = Archive::open("memory:///").expect("opens");
        let archive = plain.clone().with(vantages("one"));
        written(&archive).await;
        let digest = |vantage: &str| {
            Digest::of_visit(&Visit { vantage: vantage.to_owned(), ..example() }).expect("writes")
        };
        let records = ["a", "b"].map(|vantage| format!("{vantage} {}", digest(vantage))).to_vec();
        assert_eq!(kept(&archive).await, [Ok(records)]);
        for other in [plain.clone(), plain.clone().with(vantages("two"))] {
            assert_eq!(kept(&other).await, [Err(2)]);
        }
        assert_eq!(plain.read().try_collect::<Vec<_>>().await.expect("readable").len(), 2);
        let later = "2030-01-01T00:00:00Z".parse().expect("a time");
        plain.forget_before(later).await.expect("forgets");
        let left: Vec<_> = plain.store.list(None).try_collect().await.expect("lists");
        assert!(left.is_empty(), "{left:?}");
    }

    #[tokio::test]
    async fn what_is_missing_is_made_but_for_what_is_damaged() {
        let plain = Archive::open("memory:///").expect("opens");
        written(&plain).await;
        let spoilt = Path::from("visits/2026-11-25/spoilt.jsonl.zst");
        plain.put(&spoilt, zstd::encode_all(&b"{}\n"[..], LEVEL).expect("packs")).await.expect("puts");
        let archive = plain.with(vantages("one"));
        assert_eq!(archive.complete_since(Timestamp::MIN).await.expect("completes"), 1);
        assert_eq!(archive.complete_since(Timestamp::MIN).await.expect("completes"), 0, "there it is");
        let completed = kept(&archive).await;
        let whole = Archive::open("memory:///").expect("opens").with(vantages("one"));
        written(&whole).await;
        assert_eq!(completed, [kept(&whole).await, vec![Err(1)]].concat());
    }

    #[tokio::test]
    async fn visits_are_kept_whatever_becomes_of_records() {
        let breaks_off = |_: &Visit, _| -> Option<Vec<u8>> { panic!("a visit that nobody thought of") };
        let cannot = |_: &Visit, _| None;
        for record in [Arc::new(breaks_off) as Maker, Arc::new(cannot)] {
            let beside = Beside { record, ..vantages("one") };
            let archive = Archive::open("memory:///").expect("opens").with(beside);
            written(&archive).await;
            assert_eq!(kept(&archive).await, [Err(2)]);
            assert_eq!(archive.complete_since(Timestamp::MIN).await.expect("completes"), 0);
        }
    }

    #[tokio::test]
    async fn what_other_makers_made_goes_when_all_is_made() {
        let plain = Archive::open("memory:///").expect("opens");
        written(&plain.clone().with(vantages("one"))).await;
        let files = async || {
            let files: Vec<_> = plain.store.list(None).try_collect().await.expect("lists");
            files
                .iter()
                .map(|file| file.location.filename().unwrap_or_default().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(files().await, ["run-00000.jsonl.zst", "run-00000.notes-one.zst"]);
        let archive = plain.clone().with(vantages("two"));
        assert_eq!(archive.complete_since(Timestamp::MIN).await.expect("completes"), 1);
        assert_eq!(files().await, ["run-00000.jsonl.zst", "run-00000.notes-two.zst"]);
    }

    #[tokio::test]
    async fn where_records_are_damaged_or_of_others_visits_are_read() {
        let archive = Archive::open("memory:///").expect("opens").with(vantages("one"));
        written(&archive).await;
        let path = Path::from("visits/2026-11-24/run-00000.notes-one.zst");
        let whole = archive.store.get(&path).await.expect("there").bytes().await.expect("readable");
        let packed = |bytes: &[u8]| zstd::encode_all(bytes, LEVEL).expect("packs");
        let mut turned = whole.to_vec();
        let middle = turned.len() / 2;
        turned[middle] ^= 1;
        let unpacked = zstd::decode_all(&whole[..]).expect("unpacks");
        let others = packed(&[&7_u64.to_le_bytes(), &unpacked[8..]].concat());
        for bad in [
            turned,
            whole[..whole.len() / 2].to_vec(),
            others,
            packed(&unpacked[..unpacked.len() - 1]),
            packed(&unpacked[..4]),
            packed(&[&unpacked[..8], &[0; 4]].concat()),
            packed(&[&unpacked[..8], &u32::MAX.to_le_bytes()].concat()),
            Vec::new(),
        ] {
            archive.store.put(&path, bad.into()).await.expect("puts");
            assert_eq!(kept(&archive).await, [Err(2)]);
        }
        archive.store.put(&path, whole.clone().into()).await.expect("puts");
        assert!(kept(&archive).await[0].is_ok());
    }
}
