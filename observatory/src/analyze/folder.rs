//! A report folder: where each file of an analysis is written.

use std::{
    fs::{self, File, Permissions},
    io::{BufWriter, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use analyzer::{
    analysis::Analysis,
    outputs, report,
    tables::{self, Parquet, servers, visits},
};
use anyhow::Context as _;
use model::{Visit, finding::Digest};
use tempfile::NamedTempFile;

/// The table of visits, while the archive is read. It is there under its name only when it is whole.
pub(super) struct Visits {
    table: Parquet<'static, BufWriter<File>, visits::Row>,
    file: NamedTempFile,
    /// What kept rows from being written: the reading of an archive has no place for it.
    failed: anyhow::Result<()>,
}

impl Visits {
    /// Begins the table in a folder, which is made where it is not there.
    ///
    /// # Errors
    /// Where nothing can be written there.
    pub(super) fn begin(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let mut builder = tempfile::Builder::new();
        // Anybody may read a report; the system takes away what it takes from all new files.
        let builder = builder.prefix(".visits-").permissions(Permissions::from_mode(0o666));
        let file = builder.tempfile_in(folder).with_context(|| folder.display().to_string())?;
        let table = Parquet::begin(&visits::COLUMNS, BufWriter::new(file.reopen()?))?;
        Ok(Self { table, file, failed: Ok(()) })
    }

    /// Adds a visit.
    pub(super) fn add(&mut self, visit: &Visit, digest: Digest) {
        if self.failed.is_ok() {
            self.failed = self.table.push(visits::Row::of(visit, digest)).map_err(Into::into);
        }
    }

    fn finish(self, path: &Path) -> anyhow::Result<()> {
        self.failed?;
        self.table.finish()?.flush()?;
        self.file.persist(path)?;
        Ok(())
    }
}

/// Writes a report folder, and says where its page is.
///
/// # Errors
/// Where something cannot be written.
pub(super) fn write(analysis: &Analysis, visits: Visits, folder: &Path) -> anyhow::Result<PathBuf> {
    let put = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, bytes).with_context(|| path.display().to_string())
    };
    put("assessments.json", outputs::list(&analysis.assessments)?.as_bytes())?;
    put("groups.json", outputs::list(&analysis.groups)?.as_bytes())?;
    put("summary.json", &serde_json::to_vec_pretty(&analysis.summary)?)?;
    let rows: Vec<servers::Row<'_>> = analysis.rows().collect();
    put("servers.csv", &tables::csv(&servers::Row::COLUMNS, &rows)?)?;
    put("servers.parquet", &tables::parquet(&servers::Row::COLUMNS, rows)?)?;
    visits.finish(&folder.join("visits.parquet")).context("visits.parquet")?;
    // Figures of an earlier run that this one has not would be taken for its own.
    let figures = folder.join("figures");
    if figures.exists() {
        fs::remove_dir_all(&figures).with_context(|| figures.display().to_string())?;
    }
    fs::create_dir_all(&figures).with_context(|| figures.display().to_string())?;
    for report::File { path, text } in report::files(analysis)? {
        put(&path, text.as_bytes())?;
    }
    Ok(folder.join("index.html"))
}
