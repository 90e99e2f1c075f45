//! The reading half: every visit of every file, oldest day first.

use std::io::{BufRead as _, BufReader};

use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use jiff::{Timestamp, tz::TimeZone};
use object_store::{ObjectStoreExt as _, path::Path};

use super::{Archive, ArchiveError};
use crate::Visit;

impl Archive {
    /// Every visit, day by day, and within a file in the order in which they ended. A file or line that
    /// cannot be read is an error of its own; what follows it is read all the same.
    pub fn read(&self) -> impl Stream<Item = Result<Visit, ArchiveError>> {
        self.read_since(Timestamp::MIN)
    }

    /// The same without the days that had ended by a time; they are not even fetched.
    pub fn read_since(&self, since: Timestamp) -> impl Stream<Item = Result<Visit, ArchiveError>> {
        // The names of days sort as the days do.
        let first_day = Self::visits().join(since.to_zoned(TimeZone::UTC).date().to_string());
        let store = |operation| move |source| ArchiveError::Store { operation, source };
        let listing = async move {
            let listed =
                self.store.list(Some(&Self::visits())).map_ok(|meta| meta.location).try_collect::<Vec<_>>();
            let mut files = listed.await.map_err(store("listing"))?;
            files.retain(|path| path.as_ref().ends_with(".jsonl.zst") && *path >= first_day);
            files.sort();
            Ok(stream::iter(files.into_iter().map(Ok)))
        };
        stream::once(listing)
            .try_flatten()
            .and_then(move |path: Path| async move {
                let fetched = self.store.get(&path).await.map_err(store("read"))?;
                let packed = fetched.bytes().await.map_err(store("read"))?;
                Ok(stream::iter(visits_of(&path, &packed)))
            })
            .flat_map(|file| match file {
                Ok(visits) => visits.left_stream(),
                Err(error) => stream::iter([Err(error)]).right_stream(),
            })
    }
}

fn visits_of(path: &Path, packed: &[u8]) -> Vec<Result<Visit, ArchiveError>> {
    let spoilt = |file: String, reason: String| ArchiveError::Spoilt { file, reason };
    let lines = match zstd::Decoder::with_buffer(packed) {
        Ok(decoder) => BufReader::new(decoder).lines(),
        Err(e) => return vec![Err(spoilt(path.to_string(), e.to_string()))],
    };
    let mut visits = Vec::new();
    for (index, line) in lines.enumerate() {
        match line {
            Ok(line) => visits.push(
                serde_json::from_str(&line)
                    .map_err(|e| spoilt(format!("{path} line {}", index + 1), e.to_string())),
            ),
            Err(e) => {
                visits.push(Err(spoilt(path.to_string(), e.to_string())));
                break;
            }
        }
    }
    visits
}
