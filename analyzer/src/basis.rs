//! An analysis of what an archive holds: what it rests on is read here, and what follows is written into a report folder.
//! Whoever analyses the same archive in the same way, on whatever machine, gets the same files.

use std::collections::BTreeSet;

use electrum::{Endpoint, Network};
use jiff::{SignedDuration, Timestamp};
use model::{Archive, archive::ArchiveError, assessment::Group, geoip::Databases};

use crate::{
    analysis::{Analysis, Beside},
    collect::{Collection, collect},
    exposure::Play,
    folder::{self, Folder, FolderError},
    identify::{Knowledge, KnowledgeError},
    signs::Signs,
    visited::Visited,
};

/// Why there is no analysis.
#[derive(Debug, thiserror::Error)]
pub enum BasisError {
    /// There are no visits of the network and the days that are asked for.
    #[error("it holds no visits of the network and the days that are asked for")]
    Nothing,
    /// There are several networks, and none was named.
    #[error("the archive has several networks, and one must be named: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Several(Vec<Network>),
    /// The archive cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The report cannot be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// What is known of software cannot be read.
    #[error(transparent)]
    Knowledge(#[from] KnowledgeError),
    /// What is known of companies cannot be read.
    #[error(transparent)]
    Signs(#[from] toml::de::Error),
}

/// What an analysis rests on.
#[derive(Clone, Copy, Debug)]
pub struct Basis<'e> {
    /// The visits.
    pub archive: &'e Archive,
    /// Of which network, where there are several.
    pub network: Option<Network>,
    /// Only the days that lie no further back than this from the latest day of the archive, of whatever network that is.
    pub window: Option<SignedDuration>,
    /// Where addresses are.
    pub databases: &'e Databases,
    /// Pages that one server alone was told of and that somebody opened, by what their addresses end in.
    pub opened: &'e BTreeSet<String>,
    /// The endpoints that Electrum carries for a network.
    pub defaults: fn(Network) -> Vec<Endpoint>,
}

impl Basis<'_> {
    /// Has notes made of the visits that have none, which the analysis reads in their place; gives for how many files.
    ///
    /// # Errors
    /// Where the archive cannot be read, or not be written.
    pub async fn note(&self) -> Result<usize, ArchiveError> {
        self.archive.complete_since(self.since().await?).await
    }

    /// When what is analysed begins.
    async fn since(&self) -> Result<Timestamp, ArchiveError> {
        let Some(window) = self.window else { return Ok(Timestamp::MIN) };
        let latest = self.archive.latest_day().await?;
        Ok(latest.and_then(|day| day.checked_sub(window).ok()).unwrap_or(Timestamp::MIN))
    }

    /// The analysis: how wallets are played for it, and how many partitions drawn. Each visit is shown once; what is spoilt
    /// is told of and passed over.
    ///
    /// # Errors
    /// [`BasisError`].
    pub async fn analyze(
        &self,
        previous: &[Group],
        (play, draws): (Play, u64),
        seen: impl FnMut(&Visited),
        mut spoilt: impl FnMut(&ArchiveError),
    ) -> Result<Analysis, BasisError> {
        let (knowledge, signs) = (Knowledge::embedded()?, Signs::embedded()?);
        let mut losses = 0;
        let counted = |error: &ArchiveError| {
            losses += 1;
            spoilt(error);
        };
        let collection = self.collect(&knowledge, seen, counted).await?;
        let defaults = (self.defaults)(collection.network);
        let beside = Beside {
            previous,
            opened: self.opened,
            place: &|ip| self.databases.place(ip),
            defaults: &defaults,
            signs: &signs,
            play,
            draws,
        };
        let mut analysis = Analysis::of(&collection, &knowledge, &beside);
        // To free gigabytes takes seconds, in which the report may be written.
        rayon::spawn(|| drop(collection));
        analysis.summary.spoilt = losses;
        Ok(analysis)
    }

    /// The analysis, and its report. Groups keep the names that they have in the folder.
    ///
    /// # Errors
    /// [`BasisError`]. The folder is as it was where there is nothing to analyse.
    pub async fn report(
        &self,
        folder: &Folder,
        with: (Play, u64),
        spoilt: impl FnMut(&ArchiveError),
    ) -> Result<Analysis, BasisError> {
        let previous = folder::groups(folder.path())?;
        let mut visits = folder.visits()?;
        let seen = |visited: &Visited| visits.add(visited);
        let analysis = self.analyze(&previous, with, seen, spoilt).await?;
        folder.write(&analysis, visits)?;
        Ok(analysis)
    }

    async fn collect(
        &self,
        knowledge: &Knowledge,
        seen: impl FnMut(&Visited),
        spoilt: impl FnMut(&ArchiveError),
    ) -> Result<Collection, BasisError> {
        let since = self.since().await?;
        let mut networks = collect(self.archive, self.network, since, knowledge, seen, spoilt).await?;
        match networks.len() {
            1 => Ok(networks.remove(0)),
            0 => Err(BasisError::Nothing),
            _ => Err(BasisError::Several(networks.iter().map(|found| found.network).collect())),
        }
    }
}
