//! Where visits are kept: a directory or an object store, `visits/DATE/*.jsonl.zst`.
//!
//! It is the interface between scanning and analysis. Files are written whole and never changed, so
//! a reader never meets half a file and two scans can share an archive. One visit a line.

mod read;
mod write;

use std::sync::Arc;

use object_store::{ObjectStore, local::LocalFileSystem, path::Path, prefix::PrefixStore};
use url::Url;

pub use self::write::Writer;

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
}

impl Archive {
    /// Opens a directory (made where it does not exist) or an object-store URL: `file:` or `memory:`.
    ///
    /// # Errors
    /// [`ArchiveError::Open`].
    pub fn open(place: &str) -> Result<Self, ArchiveError> {
        let fail = |reason: String| ArchiveError::Open { place: place.to_owned(), reason };
        if !place.contains("://") {
            return Self::directory(place).map_err(fail);
        }
        let url = Url::parse(place).map_err(|e| fail(e.to_string()))?;
        if url.scheme() == "file" {
            let path = url.to_file_path().map_err(|()| fail("not a path of this machine".to_owned()))?;
            return Self::directory(&path.to_string_lossy()).map_err(fail);
        }
        let (store, prefix) = object_store::parse_url(&url).map_err(|e| fail(e.to_string()))?;
        Ok(Self { store: Arc::new(PrefixStore::new(store, prefix)) })
    }

    fn directory(path: &str) -> Result<Self, String> {
        std::fs::create_dir_all(path).map_err(|e| e.to_string())?;
        let store = LocalFileSystem::new_with_prefix(path).map_err(|e| e.to_string())?;
        Ok(Self { store: Arc::new(store) })
    }

    fn visits() -> Path {
        Path::from("visits")
    }
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
        let archive = Archive::open(&place.to_string_lossy()).expect("opens");
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

    #[test]
    fn a_place_that_cannot_be_opened_says_why() {
        for place in ["ftp://host/dir", "/proc/nowhere/archive", "s3://bucket/dir"] {
            let error = Archive::open(place).expect_err(place);
            assert!(error.to_string().contains(place), "{error}");
        }
    }
}
