//! Where visits are kept: a directory or an object store, `visits/DATE/*.jsonl.zst`.
//!
//! It is the interface between scanning and analysis. Files are written whole and never changed, so
//! a reader never meets half a file and two scans can share an archive. One visit a line.

mod beside;
mod forget;
mod read;
mod write;

use std::{path::PathBuf, sync::Arc};

use object_store::{
    ObjectStore, ObjectStoreExt as _, local::LocalFileSystem, path::Path, prefix::PrefixStore,
};
use url::Url;

pub use self::{
    beside::{Beside, Maker, Records},
    read::{Entry, Packed, Unpacked},
    write::Writer,
};

/// Why an archive cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The place cannot be opened.
    #[error("cannot open the archive {place}: {reason}")]
    Open {
        /// The directory or URL as it was given.
        place: String,
        /// Why not.
        reason: String,
    },
    /// There is no such directory.
    #[error(
        "there is no archive {place}: name another, or fill it with `observatory scan --archive {place}`"
    )]
    Missing {
        /// The directory as it was given.
        place: String,
    },
    /// Reading or writing failed.
    #[error("archive {operation} failed: {source}")]
    Store {
        /// What was being done.
        operation: &'static str,
        /// What the store said.
        source: object_store::Error,
    },
    /// A file is not what an archive holds.
    #[error("{file}: {reason}")]
    Spoilt {
        /// The file, and the line where one is to blame.
        file: String,
        /// What is wrong.
        reason: String,
    },
}

/// A place where visits are kept.
#[derive(Clone, Debug)]
pub struct Archive {
    store: Arc<dyn ObjectStore>,
    beside: Option<Beside>,
}

/// What the names of files of visits end in.
const VISITS: &str = ".jsonl.zst";

impl Archive {
    /// Opens what is there to be read: a directory, or an object-store URL, `file:` or `memory:`.
    ///
    /// # Errors
    /// [`ArchiveError::Missing`] for a directory that is not there; else [`ArchiveError::Open`].
    pub fn open(place: &str) -> Result<Self, ArchiveError> {
        match Place::read(place).map_err(unopened(place))? {
            Place::Directory(path) if !path.exists() => {
                Err(ArchiveError::Missing { place: place.to_owned() })
            }
            found => Self::at(found).map_err(unopened(place)),
        }
    }

    /// The same for whoever fills it: a directory is made where it is not there.
    ///
    /// # Errors
    /// [`ArchiveError::Open`].
    pub fn create(place: &str) -> Result<Self, ArchiveError> {
        let found = Place::read(place).map_err(unopened(place))?;
        if let Place::Directory(path) = &found {
            std::fs::create_dir_all(path).map_err(unopened(place))?;
        }
        Self::at(found).map_err(unopened(place))
    }

    fn at(place: Place) -> Result<Self, object_store::Error> {
        match place {
            Place::Directory(path) => {
                // Days that are forgotten leave no directories behind.
                let store = LocalFileSystem::new_with_prefix(path)?.with_automatic_cleanup(true);
                Ok(Self { store: Arc::new(store), beside: None })
            }
            Place::Store(url) => {
                let (store, prefix) = object_store::parse_url(&url)?;
                Ok(Self { store: Arc::new(PrefixStore::new(store, prefix)), beside: None })
            }
        }
    }

    /// Keeps a small file beside the visits, in place of the one of that name, if any.
    ///
    /// # Errors
    /// [`ArchiveError::Store`].
    pub async fn keep(&self, name: &str, bytes: Vec<u8>) -> Result<(), ArchiveError> {
        self.put(&Path::from(name), bytes).await
    }

    /// A small file that was kept beside the visits.
    ///
    /// # Errors
    /// [`ArchiveError::Store`] unless it is there or is known not to be.
    pub async fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
        let failed = |source| ArchiveError::Store { operation: "read", source };
        match self.store.get(&Path::from(name)).await {
            Ok(found) => Ok(Some(found.bytes().await.map_err(failed)?.to_vec())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    async fn put(&self, path: &Path, bytes: Vec<u8>) -> Result<(), ArchiveError> {
        let put = self.store.put(path, bytes.into()).await;
        put.map(|_| ()).map_err(|source| ArchiveError::Store { operation: "write", source })
    }

    fn visits() -> Path {
        Path::from("visits")
    }
}

/// Where an archive may be.
enum Place {
    Directory(PathBuf),
    Store(Url),
}

impl Place {
    fn read(text: &str) -> Result<Self, String> {
        if !text.contains("://") {
            return Ok(Self::Directory(text.into()));
        }
        let url = Url::parse(text).map_err(|e| e.to_string())?;
        if url.scheme() != "file" {
            return Ok(Self::Store(url));
        }
        url.to_file_path().map(Self::Directory).map_err(|()| "not a path of this machine".to_owned())
    }
}

fn unopened<E: ToString>(place: &str) -> impl Fn(E) -> ArchiveError {
    |reason| ArchiveError::Open { place: place.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt as _;

    use super::*;
    use crate::{Visit, visit::tests::example};

    async fn all(archive: &Archive) -> Vec<Visit> {
        archive.read().try_collect().await.expect("readable")
    }

    #[tokio::test]
    async fn what_is_written_is_read_and_a_second_run_appends() {
        let directory = tempfile::tempdir().expect("a directory");
        let place = directory.path().join("not/yet/there");
        let missing = Archive::open(&place.to_string_lossy()).expect_err("is not there");
        assert!(matches!(missing, ArchiveError::Missing { .. }) && !place.exists(), "{missing}");
        let archive = Archive::create(&place.to_string_lossy()).expect("is made");
        for run in 1..=2_usize {
            let mut writer = archive.writer();
            for _ in 0..3 {
                writer.append(&example()).await.expect("appends");
            }
            writer.close().await.expect("closes");
            assert_eq!(all(&archive).await, vec![example(); 3 * run]);
        }
        let url = format!("file://{}", place.display());
        assert_eq!(all(&Archive::open(&url).expect("opens")).await.len(), 6);
    }

    #[tokio::test]
    async fn who_begins_later_is_read_later() {
        let archive = Archive::open("memory:///").expect("opens");
        for begun in 0..20_u8 {
            let mut writer = archive.writer();
            writer.append(&Visit { vantage: begun.to_string(), ..example() }).await.expect("appends");
            writer.close().await.expect("closes");
        }
        let read: Vec<String> = all(&archive).await.into_iter().map(|visit| visit.vantage).collect();
        assert_eq!(read, (0..20).map(|begun| begun.to_string()).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn days_before_a_time_are_left_out() {
        let archive = Archive::open("memory:///").expect("opens");
        let mut writer = archive.writer();
        writer.append(&example()).await.expect("appends");
        writer.close().await.expect("closes");
        for (since, found) in
            [("2026-11-24T23:00:00Z", 1), ("2026-11-23T00:00:00Z", 1), ("2026-11-25T00:00:00Z", 0)]
        {
            let since = archive.read_since(since.parse().expect("a time"));
            assert_eq!(since.try_collect::<Vec<_>>().await.expect("readable").len(), found);
        }
    }

    #[tokio::test]
    async fn small_files_are_kept_and_replaced() {
        let archive = Archive::open("memory:///").expect("opens");
        assert_eq!(archive.kept("objects/regtest.json").await.expect("known"), None);
        for text in ["a", "b"] {
            archive.keep("objects/regtest.json", text.into()).await.expect("keeps");
            let kept = archive.kept("objects/regtest.json").await.expect("known");
            assert_eq!(kept.as_deref(), Some(text.as_bytes()));
        }
        assert!(all(&archive).await.is_empty(), "they are no visits");
    }

    #[tokio::test]
    async fn days_that_had_ended_are_forgotten_and_nothing_else() {
        let directory = tempfile::tempdir().expect("a directory");
        let archive = Archive::open(&directory.path().to_string_lossy()).expect("opens");
        archive.keep("objects/regtest.json", "a".into()).await.expect("keeps");
        let mut writer = archive.writer();
        for day in 23..=26 {
            let started_at = format!("2026-11-{day}T12:00:00Z").parse().expect("a time");
            writer.append(&Visit { started_at, ..example() }).await.expect("appends");
        }
        writer.close().await.expect("closes");
        let noon = "2026-11-25T12:00:00Z".parse().expect("a time");
        assert_eq!(archive.forget_before(noon).await.expect("forgets"), 2);
        assert_eq!((all(&archive).await.len(), archive.forget_before(noon).await.expect("forgets")), (2, 0));
        assert!(!directory.path().join("visits/2026-11-24").exists());
        assert!(archive.kept("objects/regtest.json").await.expect("known").is_some());
    }

    #[tokio::test]
    async fn a_full_buffer_is_written_at_once_and_an_empty_one_never() {
        let archive = Archive::open("memory:///").expect("opens");
        let mut writer = archive.writer();
        for _ in 0..Writer::MAX_VISITS {
            writer.append(&example()).await.expect("appends");
        }
        assert_eq!(all(&archive).await.len(), Writer::MAX_VISITS);
        writer.close().await.expect("closes");
        assert_eq!(archive.store.list(None).try_collect::<Vec<_>>().await.expect("lists").len(), 1);
    }

    #[tokio::test]
    async fn about_midnight_both_days_keep_one_file_each() {
        let archive = Archive::open("memory:///").expect("opens");
        let mut writer = archive.writer_named("run".to_owned());
        let on = |at: &str| Visit { started_at: at.parse().expect("a time"), ..example() };
        for _ in 0..10 {
            for at in ["2026-11-24T23:59:59Z", "2026-11-25T00:00:00Z"] {
                writer.append(&on(at)).await.expect("appends");
            }
        }
        writer.append(&on("2026-11-26T12:00:00Z")).await.expect("appends");
        let files = async || archive.store.list(None).try_collect::<Vec<_>>().await.expect("lists").len();
        assert_eq!(files().await, 1, "the day before yesterday is written");
        writer.close().await.expect("closes");
        assert_eq!((files().await, all(&archive).await.len()), (3, 21));
    }

    #[tokio::test]
    async fn a_spoilt_file_is_named_and_the_others_are_read() {
        let archive = Archive::open("memory:///").expect("opens");
        let mut writer = archive.writer();
        writer.append(&example()).await.expect("appends");
        writer.close().await.expect("closes");
        let lines = zstd::encode_all(&b"{}\n"[..], 3).expect("packs");
        for (name, bytes) in
            [("visits/2000-01-01/a.jsonl.zst", lines), ("visits/2000-01-01/b.jsonl.zst", vec![1, 2, 3])]
        {
            archive.store.put_opts(&Path::from(name), bytes.into(), Default::default()).await.expect("puts");
        }
        let (mut good, mut bad) = (0, Vec::new());
        let mut visits = std::pin::pin!(archive.read());
        while let Some(visit) = futures_util::StreamExt::next(&mut visits).await {
            match visit {
                Ok(_) => good += 1,
                Err(e) => bad.push(e.to_string()),
            }
        }
        assert_eq!(good, 1);
        assert!(bad.len() == 2 && bad[0].contains("a.jsonl.zst line 1"), "{bad:?}");
    }

    #[tokio::test]
    async fn of_a_file_that_was_cut_off_the_beginning_is_read() {
        let archive = Archive::open("memory:///").expect("opens");
        let line = serde_json::to_vec(&example()).expect("writes");
        let mut packed = zstd::Encoder::new(Vec::new(), 3).expect("packs");
        for _ in 0..2_000 {
            std::io::Write::write_all(&mut packed, &[&line[..], b"\n"].concat()).expect("packs");
            std::io::Write::flush(&mut packed).expect("packs");
        }
        let whole = packed.finish().expect("packs");
        let half = whole[..whole.len() / 2].to_vec();
        let path = Path::from("visits/2000-01-01/a.jsonl.zst");
        archive.store.put_opts(&path, half.into(), Default::default()).await.expect("puts");
        let visits: Vec<_> = futures_util::StreamExt::collect(archive.read()).await;
        let read = visits.iter().filter(|visit| visit.is_ok()).count();
        assert!(read > 900 && visits.len() == read + 1, "{read} of {}", visits.len());
    }

    #[test]
    fn a_place_that_cannot_be_opened_says_why() {
        for place in ["ftp://host/dir", "/proc/nowhere/archive", "s3://bucket/dir"] {
            let error = Archive::create(place).expect_err(place);
            assert!(error.to_string().contains(place), "{error}");
        }
    }
}
