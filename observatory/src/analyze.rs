//! `observatory analyze`: from an archive to assessments, groups and figures.

pub(crate) mod replay;
mod table;

use std::{collections::BTreeSet, fs, path::PathBuf};

use analyzer::{
    analysis::Analysis,
    basis::{Basis, BasisError},
    exposure::{Play, WALLETS},
    features::canary::canaries,
    figures::DRAWS,
    folder::{Folder, FolderError},
    notes,
    text::plural,
};
use clap::{Args, ValueEnum};
use electrum::Network;
use jiff::SignedDuration;
use model::{Archive, archive::ArchiveError, assessment::Group, geoip::Databases};
use scanner::discovery::bundled_endpoints;

use crate::output::{self, Usage};

/// Conclude from an archive who belongs together and what is held against whom.
///
/// Nobody is contacted. DIR gets index.html (the report, one page for readers), assessments.json (each server with its
/// findings and the digests they rest on), groups.json (servers that the evidence links), summary.json, servers.csv,
/// servers.parquet and visits.parquet, the map and the figures (docs/data.md). Where DIR holds the groups of an earlier
/// analysis, groups keep their names.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  observatory analyze --archive archive --out report
  observatory analyze --archive archive --out report --geoip GeoLite2-Country.mmdb --geoip GeoLite2-ASN.mmdb
  observatory analyze --archive archive --out report --window 720h
  observatory analyze --archive theirs --out report --notes ignore
and then:
  observatory serve report
  observatory verify DIGEST --archive archive")]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) evidence: Evidence,
    /// Where the files are written
    #[arg(long, value_name = "DIR", default_value = "report")]
    pub(crate) out: PathBuf,
    /// Decides what is left to chance: which wallets are played, and which partitions are drawn for the intervals
    #[arg(long, value_name = "S", default_value = "1")]
    seed: u64,
    /// Wallets that are played for each way to use one; of 4,000, chance moves the curves of exposure by a percent or less
    #[arg(long, value_name = "N", default_value_t = WALLETS)]
    wallets: usize,
    /// What is done with the notes that are kept beside visits, and spare an analysis the reading of them
    #[arg(long, value_enum, value_name = "HOW", default_value = "read")]
    notes: Notes,
}

/// What is done with notes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Notes {
    /// They are read where there are some
    Read,
    /// The same, and those that are missing are written into the archive first
    Keep,
    /// The visits themselves are read, since whoever gives you an archive may have written other notes
    Ignore,
}

// No documentation comment: clap would take it for that of the command.
#[derive(Debug, Args)]
pub(crate) struct Evidence {
    /// The archive: a directory or a URL
    #[arg(long, value_name = "DIR|URL", default_value = "archive")]
    pub(crate) archive: String,
    /// The network, where the archive holds several
    #[arg(long, value_name = "NET")]
    pub(crate) network: Option<Network>,
    /// A database of addresses in MaxMind's format: countries, autonomous systems
    #[arg(long, value_name = "FILE")]
    pub(crate) geoip: Vec<PathBuf>,
    /// The log of the server whose page `scan --canary` told of: who opened it is a soft finding (I30)
    #[arg(long, value_name = "FILE")]
    pub(crate) canary_log: Vec<PathBuf>,
    /// Only the days that lie no further back than this from the archive's latest, of whatever network: 720h
    #[arg(long, value_name = "DURATION")]
    pub(crate) window: Option<SignedDuration>,
}

impl Arguments {
    /// An analysis as it is without further arguments.
    pub(crate) fn of(archive: String, out: PathBuf, geoip: Vec<PathBuf>) -> Self {
        Self {
            evidence: Evidence { archive, network: None, geoip, canary_log: Vec::new(), window: None },
            out,
            seed: 1,
            wallets: WALLETS,
            notes: Notes::Read,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// [`Usage`] for arguments that make no sense; else what kept the archive from being read or the files from being
/// written.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let evidence = arguments.evidence.read(arguments.notes)?;
    let folder = Folder::take(&arguments.out).map_err(|error| match error {
        FolderError::Busy { .. } => anyhow::Error::from(error),
        error => Usage(format!("--out {error}: name another folder")).into(),
    })?;
    if arguments.notes == Notes::Keep {
        let files = evidence.basis().note().await?;
        output::note(&format!("Notes were made for {} of visits.", plural(files, "file")));
    }
    let play = Play { wallets: arguments.wallets, seed: arguments.seed };
    let done = evidence.basis().report(&folder, (play, DRAWS), spoilt).await;
    let analysis = done.map_err(|error| evidence.complaint(error))?;
    output::result(&table::of(&analysis))?;
    output::note(&format!("{} is the report.", folder.path().join("index.html").display()));
    Ok(())
}

fn spoilt(error: &ArchiveError) {
    output::note(&format!("archive: {error}"));
}

impl Evidence {
    /// What the arguments name, to be read so.
    ///
    /// # Errors
    /// [`Usage`] for a file that is not what it should be; else what is wrong with the archive.
    pub(crate) fn read(&self, how: Notes) -> anyhow::Result<Read<'_>> {
        let databases = Databases::open(&self.geoip).map_err(|e| Usage(format!("--geoip {e}")))?;
        let mut archive = Archive::open(&self.archive)?;
        if how != Notes::Ignore {
            archive = archive.with(notes::beside()?);
        }
        Ok(Read { of: self, archive, databases, opened: self.opened()? })
    }

    /// Pages that were opened.
    fn opened(&self) -> Result<BTreeSet<String>, Usage> {
        let mut opened = BTreeSet::new();
        for path in &self.canary_log {
            let log = fs::read(path).map_err(|e| Usage(format!("--canary-log {}: {e}", path.display())))?;
            opened.extend(canaries(&String::from_utf8_lossy(&log)).map(str::to_owned));
        }
        Ok(opened)
    }
}

/// What the arguments name, opened.
pub(crate) struct Read<'e> {
    of: &'e Evidence,
    archive: Archive,
    databases: Databases,
    opened: BTreeSet<String>,
}

impl Read<'_> {
    /// The analysis without its report, and without what is left to chance.
    ///
    /// # Errors
    /// As [`run`].
    pub(crate) async fn conclude(&self, previous: &[Group]) -> anyhow::Result<Analysis> {
        let play = Play { wallets: 0, seed: 0 };
        let done = self.basis().analyze(previous, (play, 0), |_| {}, spoilt).await;
        done.map_err(|error| self.complaint(error))
    }

    fn basis(&self) -> Basis<'_> {
        Basis {
            archive: &self.archive,
            network: self.of.network,
            window: self.of.window,
            databases: &self.databases,
            opened: &self.opened,
            defaults: bundled_endpoints,
        }
    }

    /// In the words of the arguments.
    fn complaint(&self, error: BasisError) -> anyhow::Error {
        match error {
            BasisError::Nothing => Usage(format!("--archive {}: {error}", self.of.archive)).into(),
            BasisError::Several(_) => Usage(format!("--network: {error}")).into(),
            error => error.into(),
        }
    }
}
