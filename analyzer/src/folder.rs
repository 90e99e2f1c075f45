//! A report folder: where each file of an analysis is written, and what an earlier one left there. A file is there under
//! its name only when it is whole, so that whoever is killed leaves nothing that the next one stumbles over.

use std::{
    fs::{self, File, Permissions, TryLockError},
    io::{self, BufWriter, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use model::assessment::Group;
use tempfile::NamedTempFile;

use crate::{
    analysis::Analysis,
    outputs, report,
    tables::{self, Parquet, servers, visits},
    visited::Visited,
};

/// What the names of files begin with that are not whole.
const UNFINISHED: &str = ".unfinished-";

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file cannot be read or written.
    #[error("{path}: {reason}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: io::Error,
    },
    /// The groups of an earlier analysis cannot be read.
    #[error("{path} is damaged ({reason}): delete it, and groups get new names", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: serde_json::Error,
    },
    /// Somebody else writes it.
    #[error("another analysis writes {path}: wait until it has ended", path = path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// A file cannot be made from an analysis.
    #[error("{file} cannot be made: {reason}")]
    Unwritable {
        /// The file.
        file: String,
        /// Why not.
        reason: String,
    },
}

/// A report folder that nobody else writes as long as this is held.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Takes a folder, which is made where it is not there. What somebody who was killed had not finished goes.
    ///
    /// # Errors
    /// [`FolderError::Busy`] where another analysis has it; where nothing can be written there.
    pub fn take(path: &Path) -> Result<Self, FolderError> {
        let failed = failed(path);
        fs::create_dir_all(path).map_err(&failed)?;
        let lock = File::open(path).map_err(&failed)?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(FolderError::Busy { path: path.to_owned() }),
            // Some file systems lock no directories: there nobody can be kept away.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        for entry in fs::read_dir(path).map_err(&failed)? {
            let entry = entry.map_err(&failed)?;
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                fs::remove_file(entry.path()).map_err(&failed)?;
            }
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins the table of visits.
    ///
    /// # Errors
    /// Where nothing can be written there.
    pub fn visits(&self) -> Result<Visits, FolderError> {
        let file = unfinished(&self.path)?;
        let writer = BufWriter::new(file.reopen().map_err(failed(&self.path))?);
        let table = Parquet::begin(&visits::COLUMNS, writer).map_err(unwritable(VISITS))?;
        Ok(Visits { table, file, failed: None })
    }

    /// Writes everything.
    ///
    /// # Errors
    /// Where something cannot be written.
    pub fn write(&self, analysis: &Analysis, visits: Visits) -> Result<(), FolderError> {
        let list = |file: &str, text: Result<String, serde_json::Error>| {
            self.put(file, text.map_err(unwritable(file))?.as_bytes())
        };
        list("assessments.json", outputs::list(&analysis.assessments))?;
        list("groups.json", outputs::list(&analysis.groups))?;
        list("summary.json", serde_json::to_string_pretty(&analysis.summary))?;
        let rows: Vec<servers::Row<'_>> = analysis.rows().collect();
        let (csv, parquet) = ("servers.csv", "servers.parquet");
        self.put(csv, &tables::csv(&servers::Row::COLUMNS, &rows).map_err(unwritable(csv))?)?;
        self.put(parquet, &tables::parquet(&servers::Row::COLUMNS, rows).map_err(unwritable(parquet))?)?;
        visits.finish(&self.path.join(VISITS))?;
        fs::create_dir_all(self.path.join("figures")).map_err(failed(&self.path))?;
        let files = report::files(analysis).map_err(unwritable("the report"))?;
        for report::File { path, text } in &files {
            self.put(path, text.as_bytes())?;
        }
        self.forget_all_but(&files)
    }

    /// Figures of an earlier analysis that this one has not would be taken for its own. Whatever else lies there is
    /// somebody's.
    fn forget_all_but(&self, files: &[report::File]) -> Result<(), FolderError> {
        for stale in report::optional().filter(|path| files.iter().all(|file| file.path != *path)) {
            let path = self.path.join(stale);
            if path.is_file() {
                fs::remove_file(&path).map_err(failed(&path))?;
            }
        }
        Ok(())
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        let path = self.path.join(name);
        let mut file = unfinished(&self.path)?;
        file.write_all(bytes).map_err(failed(&path))?;
        file.persist(&path).map(drop).map_err(|error| failed(&path)(error.error))
    }
}

/// The groups that an earlier analysis left in a folder; none where there was none.
///
/// # Errors
/// Where they cannot be read.
pub fn groups(folder: &Path) -> Result<Vec<Group>, FolderError> {
    let path = folder.join("groups.json");
    match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).map_err(|reason| FolderError::Damaged { path, reason }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(failed(&path)(error)),
    }
}

const VISITS: &str = "visits.parquet";

/// The table of visits, while the archive is read.
pub struct Visits {
    table: Parquet<'static, BufWriter<File>, Visited>,
    file: NamedTempFile,
    /// What kept rows from being written: the reading of an archive has no place for it.
    failed: Option<FolderError>,
}

impl std::fmt::Debug for Visits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Visits").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Visits {
    /// Adds a visit.
    pub fn add(&mut self, visited: &Visited) {
        if self.failed.is_none() {
            self.failed = self.table.push(visited.clone()).map_err(unwritable(VISITS)).err();
        }
    }

    fn finish(self, path: &Path) -> Result<(), FolderError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.table.finish().map_err(unwritable(VISITS))?.flush().map_err(failed(path))?;
        self.file.persist(path).map(drop).map_err(|error| failed(path)(error.error))
    }
}

fn unfinished(folder: &Path) -> Result<NamedTempFile, FolderError> {
    let mut builder = tempfile::Builder::new();
    // Anybody may read a report; the system takes away what it takes from all new files.
    builder.prefix(UNFINISHED).permissions(Permissions::from_mode(0o666));
    builder.tempfile_in(folder).map_err(failed(folder))
}

fn failed(path: &Path) -> impl Fn(io::Error) -> FolderError {
    |reason| FolderError::File { path: path.to_owned(), reason }
}

fn unwritable<E: std::fmt::Display>(file: &str) -> impl Fn(E) -> FolderError {
    |reason| FolderError::Unwritable { file: file.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_analysis_alone_and_what_was_not_finished_goes() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("report");
        let held = Folder::take(&path).expect("is made");
        assert!(matches!(Folder::take(&path), Err(FolderError::Busy { .. })));
        let left = unfinished(&path).expect("a file").keep().expect("kept").1;
        drop(held);
        assert!(groups(&path).expect("none").is_empty());
        let folder = Folder::take(&path).expect("is free again");
        assert!(!left.exists());
        folder.put("groups.json", b"[{").expect("is written");
        assert!(groups(&path).expect_err("is damaged").to_string().contains("delete it"));
    }

    #[test]
    fn what_an_analysis_has_not_goes_and_what_is_not_of_one_stays() {
        let directory = tempfile::tempdir().expect("a directory");
        let folder = Folder::take(directory.path()).expect("is free");
        let figures = directory.path().join("figures");
        fs::create_dir_all(figures.join("exposure-sparrow-switching.svg")).expect("a folder of somebody");
        let all = ["exposure-electrum.svg", "exposure-bluewallet-switching.svg", "mine.svg", "levels.svg"];
        for name in all {
            fs::write(figures.join(name), "").expect("is written");
        }
        let kept = report::File { path: "figures/exposure-electrum.svg".to_owned(), text: String::new() };
        folder.forget_all_but(&[kept]).expect("is forgotten");
        assert_eq!(all.map(|name| figures.join(name).exists()), [true, false, true, true]);
        assert!(figures.join("exposure-sparrow-switching.svg").is_dir());
    }
}
