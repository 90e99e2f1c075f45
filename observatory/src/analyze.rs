//! `observatory analyze`: from an archive to assessments, groups and figures.

mod folder;
pub(crate) mod replay;
mod table;

use std::{collections::BTreeSet, fs, path::PathBuf};

use analyzer::{
    analysis::{Analysis, Beside},
    collect::{Collection, collect},
    exposure::{Play, WALLETS},
    features::canary::canaries,
    figures::DRAWS,
    identify::Knowledge,
    signs::Signs,
};
use anyhow::Context as _;
use clap::Args;
use electrum::{Endpoint, Network};
use jiff::{SignedDuration, Timestamp};
use model::{
    Archive, Visit,
    assessment::{Address, Group},
    finding::Digest,
};
use scanner::discovery::{Server, bundled};

use crate::{
    geoip::Databases,
    output::{self, Usage},
};

/// Conclude from an archive who belongs together and what is held against whom.
///
/// Nobody is contacted. DIR gets index.html (the report, one page for readers), assessments.json (each server with its
/// findings and the digests they rest on), groups.json (servers that the evidence links), summary.json, tables of servers
/// and visits as CSV and Parquet, the map and the figures (docs/data.md). Where DIR holds the groups of an earlier analysis,
/// groups keep their names.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  observatory analyze --archive archive --out report
  observatory analyze --archive archive --out report --geoip GeoLite2-Country.mmdb --geoip GeoLite2-ASN.mmdb
  observatory analyze --archive archive --out report --window 720h
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
    /// Wallets that are played for each way to use one: chance moves the curves of exposure by half a percent or so
    #[arg(long, value_name = "N", default_value_t = WALLETS)]
    wallets: usize,
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
    /// Only the days that lie so far back from the latest visit: 720h
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
        }
    }
}

/// Runs the command.
///
/// # Errors
/// [`Usage`] for arguments that make no sense; else what kept the archive from being read or the files from being
/// written.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let folder = &arguments.out;
    let mut visits = folder::Visits::begin(folder)?;
    let previous = groups_of(folder)?;
    let play = Play { wallets: arguments.wallets, seed: arguments.seed };
    let analysis = arguments
        .evidence
        .analyze(&previous, (play, DRAWS), |visit, digest| visits.add(visit, digest))
        .await?;
    let page = folder::write(&analysis, visits, folder)?;
    output::result(&table::of(&analysis))?;
    output::note(&format!("{} is the report.", page.display()));
    Ok(())
}

impl Evidence {
    /// The analysis of what the archive holds: how many wallets are played for it, and how many partitions drawn. Each
    /// visit is shown once, with the digest of its line.
    ///
    /// # Errors
    /// As [`run`].
    pub(crate) async fn analyze(
        &self,
        previous: &[Group],
        (play, draws): (Play, u64),
        seen: impl FnMut(&Visit, Digest),
    ) -> anyhow::Result<Analysis> {
        let databases = Databases::open(&self.geoip)?;
        let knowledge = Knowledge::embedded()?;
        let collection = self.collect(&knowledge, seen).await?;
        let place = |ip| {
            let asn = databases.asn(ip);
            Address {
                ip,
                country: databases.country(ip),
                organisation: asn.as_ref().and_then(|asn| asn.organization.clone()),
                asn: asn.map(|asn| asn.number),
            }
        };
        let known = bundled(collection.network);
        let defaults: Vec<Endpoint> = known.iter().flat_map(Server::endpoints).cloned().collect();
        let (signs, opened) = (Signs::embedded()?, self.opened()?);
        let beside = Beside {
            previous,
            opened: &opened,
            place: &place,
            defaults: &defaults,
            signs: &signs,
            play,
            draws,
        };
        Ok(Analysis::of(&collection, &knowledge, &beside))
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

    async fn collect(
        &self,
        knowledge: &Knowledge,
        seen: impl FnMut(&Visit, Digest),
    ) -> anyhow::Result<Collection> {
        let archive = Archive::open(&self.archive)?;
        let since = match self.window {
            Some(window) => archive.latest_day().await?.map_or(Timestamp::MIN, |latest| latest - window),
            None => Timestamp::MIN,
        };
        let spoilt = |error: &_| output::note(&format!("archive: {error}"));
        let mut networks = collect(&archive, self.network, since, knowledge, seen, spoilt).await?;
        match networks.len() {
            1 => Ok(networks.remove(0)),
            0 => Err(Usage(format!("--archive {}: no visits in it", self.archive)).into()),
            _ => {
                let names: Vec<String> = networks.iter().map(|found| found.network.to_string()).collect();
                Err(Usage(format!("the archive has several networks: --network one of {}", names.join(", ")))
                    .into())
            }
        }
    }
}

/// The groups that an earlier analysis left in a folder.
///
/// # Errors
/// Where they cannot be read.
fn groups_of(folder: &std::path::Path) -> anyhow::Result<Vec<Group>> {
    let path = folder.join("groups.json");
    match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text)
            .with_context(|| format!("{} is damaged: delete it, and groups get new names", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}
