//! What is kept beside a file of visits, one record a visit: what a program made of them when they were written, so that
//! it need not read them again. `visits/DATE/RUN-00000.jsonl.zst` has `visits/DATE/RUN-00000.NAME.zst` beside it.
//!
//! The archive knows nothing of what records are. Whoever has visits has everything: records may be missing, damaged or
//! another program's, and then the visits themselves are read.

use std::{fmt, io::Read as _, ops::Range, sync::Arc};

use bytes::Bytes;
use object_store::path::Path;

use super::{Archive, ArchiveError, read::LARGEST};
use crate::{Visit, finding::Digest};

/// What is kept beside visits.
#[derive(Clone)]
pub struct Beside {
    /// Another one whenever the same visits give other records. A part of a file's name: letters, digits, dashes.
    pub name: Arc<str>,
    /// Makes the record of a visit, whose digest is that of its line.
    pub record: Arc<dyn Fn(&Visit, Digest) -> Vec<u8> + Send + Sync>,
}

impl fmt::Debug for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beside").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Archive {
    /// The same archive, beside whose visits something is kept: writers write it, and [`Archive::kept_since`] finds it.
    #[must_use]
    pub fn with(self, beside: Beside) -> Self {
        Self { beside: Some(beside), ..self }
    }
}

impl Beside {
    /// The file beside a file of visits.
    pub(super) fn of(&self, visits: &Path) -> Path {
        let stem = visits.as_ref().strip_suffix(super::VISITS).unwrap_or(visits.as_ref());
        Path::from(format!("{stem}.{}.zst", self.name))
    }
}

/// Records that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Unwritten(Vec<u8>);

impl Unwritten {
    pub(super) fn add(&mut self, record: &[u8]) {
        // A record is made of a line, of which a file has room for few that are so long.
        let length = u32::try_from(record.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&length.to_le_bytes());
        self.0.extend_from_slice(record);
    }

    /// The file: how many bytes the file of visits has, and the records, each after its length, all packed.
    pub(super) fn pack(&self, visits: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut packed = zstd::Encoder::new(Vec::new(), LEVEL)?;
        // Bytes that turned around would be read as something else, and not, as of JSON, as nothing.
        packed.include_checksum(true)?;
        std::io::Write::write_all(&mut packed, &(visits.len() as u64).to_le_bytes())?;
        std::io::Write::write_all(&mut packed, &self.0)?;
        packed.finish()
    }
}

/// How hard records are packed: half of them are digests, which nothing makes smaller.
const LEVEL: i32 = 1;

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
    use crate::{archive::Kept, visit::tests::example};

    fn vantages(name: &str) -> Beside {
        let record = |visit: &Visit, digest: Digest| format!("{} {digest}", visit.vantage).into_bytes();
        Beside { name: name.into(), record: Arc::new(record) }
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
        let kept: Vec<Kept> = archive.kept_since(Timestamp::MIN).try_collect().await.expect("readable");
        let mut room = Vec::new();
        let mut all = Vec::new();
        for kept in kept {
            let records = kept.records.as_ref().and_then(|records| records.unpack(&mut room));
            let text = |record: Range<usize>| String::from_utf8_lossy(&room[record]).into_owned();
            all.push(match records {
                Some(records) => Ok(records.into_iter().map(text).collect()),
                None => Err(kept.visits(archive).await.expect("there").unpack(&mut room).lines().len()),
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
    async fn where_records_are_damaged_or_of_others_visits_are_read() {
        let archive = Archive::open("memory:///").expect("opens").with(vantages("one"));
        written(&archive).await;
        let path = Path::from("visits/2026-11-24/run-00000.one.zst");
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
            Vec::new(),
        ] {
            archive.store.put(&path, bad.into()).await.expect("puts");
            assert_eq!(kept(&archive).await, [Err(2)]);
        }
        archive.store.put(&path, whole.clone().into()).await.expect("puts");
        assert!(kept(&archive).await[0].is_ok());
    }
}
