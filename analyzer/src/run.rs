//! `analyzer run`: the visits of a campaign become an archive, a report, and statuses.
//!
//! Each step may be interrupted, and is taken up by whoever runs next: visits leave the stream when they are in the
//! archive, files are there when they are whole, and statuses are written where they say something else.

mod cluster;
mod statuses;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use crds::{ScanCampaign, Span};
use fleet::{
    Redis,
    arguments::Shared,
    visits::{Group, Reader, drain},
};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt as _;
use model::{Archive, geoip::Databases};
use scanner::discovery::bundled_endpoints;
use tracing::{info, warn};

use self::cluster::Cluster;
use crate::{
    analysis::Analysis,
    basis::{Basis, BasisError},
    exposure::{Play, WALLETS},
    figures::DRAWS,
    folder::Folder,
    notes,
};

/// How this reader of the stream is called. There is one for each campaign at a time, and what one that was killed had
/// not acknowledged is given to the next first.
const CONSUMER: &str = "analyzer";

/// Arguments that do not go together, or name what is not there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(String);

/// Concludes from what the scanners of a campaign saw.
#[derive(Debug, Parser)]
#[command(name = "analyzer", version, propagate_version = true, max_term_width = 100)]
pub struct Program {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<Arguments>),
}

impl Program {
    /// What it is told.
    #[must_use]
    pub fn arguments(self) -> Arguments {
        let Command::Run(arguments) = self.command;
        *arguments
    }
}

/// Archive the visits of a campaign, analyse what the archive holds, and tell what was found.
///
/// Visits are moved from Redis into the archive, and those that are older than the campaign's retention deleted from it.
/// DIR gets the same report as from `observatory analyze` (docs/data.md); groups keep the names that they have there. In
/// a cluster, status.suspicion of the campaign's ElectrumServers and status.analysis of the campaign are written. Whatever
/// kills it, the next run goes on where it was.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  analyzer run --campaign campaign.yaml --redis redis://127.0.0.1:6379 --archive archive --out report
  analyzer run --campaign campaign.yaml --redis rediss://redis.example:6379 --redis-password-file /run/secrets/redis --archive /var/lib/observatory/mainnet/archive --out /var/lib/observatory/mainnet/report --geoip GeoLite2-ASN.mmdb
  analyzer run --campaign campaign.yaml --redis redis://127.0.0.1:6379 --archive archive --out report --no-cluster")]
pub struct Arguments {
    /// The campaign, a ScanCampaign resource in YAML
    #[arg(long, value_name = "FILE")]
    campaign: PathBuf,
    #[command(flatten)]
    shared: Shared,
    /// Where visits are kept: a directory or a URL
    #[arg(long, value_name = "DIR|URL")]
    archive: String,
    /// Where the report is written
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A database of addresses in MaxMind's format: countries, autonomous systems
    #[arg(long, value_name = "FILE")]
    geoip: Vec<PathBuf>,
    /// Write no statuses, even where there is a cluster
    #[arg(long)]
    no_cluster: bool,
    /// Write logs as JSON
    #[arg(long, env = "OBSERVATORY_JSON_LOGS")]
    pub json_logs: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Usage`] for arguments that make no sense; else what kept it from ending well. What it did until then is kept.
pub async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let campaign = read(&arguments.campaign).map_err(|reason| Usage(format!("--campaign {reason}")))?;
    let redis = arguments.shared.redis().map_err(|error| Usage(format!("--redis: {error}")))?;
    let databases = Databases::open(&arguments.geoip).map_err(|error| Usage(format!("--geoip {error}")))?;
    let archive = Archive::create(&arguments.archive)?.with(notes::beside()?);
    let cluster = if arguments.no_cluster { None } else { Cluster::find(&campaign).await? };
    let folder = Folder::take(&arguments.out)?;
    fill(&archive, &redis, &campaign).await?;
    let told = match analyze(&archive, &databases, &folder, &campaign).await? {
        Some(analysis) => tell(cluster.as_ref(), &analysis, &folder).await,
        None => {
            info!("no visits within spec.analysis.window: there is nothing to analyse");
            Ok(())
        }
    };
    // What is to be deleted does not wait for a cluster that cannot be told.
    let kept_since = Timestamp::now().checked_sub(signed(campaign.spec.retention.visits))?;
    let days = archive.forget_before(kept_since).await?;
    if days > 0 {
        info!(days, "visits that are older than spec.retention.visits were deleted");
    }
    told
}

fn read(file: &Path) -> Result<ScanCampaign, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    crds::yaml::read(&text).map_err(|error| {
        format!("{} is no ScanCampaign: {error}; `observatory lint` says more", file.display())
    })
}

fn signed(span: Span) -> SignedDuration {
    SignedDuration::try_from(Duration::from(span)).unwrap_or(SignedDuration::MAX)
}

/// Moves visits from the stream into the archive.
async fn fill(archive: &Archive, redis: &Redis, campaign: &ScanCampaign) -> anyhow::Result<()> {
    let name = format!("{}/{}", campaign.namespace().as_deref().unwrap_or("default"), campaign.name_any());
    let mut reader = Reader::open(redis, &name, Group::Archive, CONSUMER).await?;
    let drained = drain(&mut reader, archive).await?;
    info!(visits = drained.visits, "visits were archived");
    if drained.spoilt > 0 {
        warn!(
            entries = drained.spoilt,
            "entries of the stream were no visits; docs/fleet.md says where they are"
        );
    }
    Ok(())
}

/// The analysis and its report; none where there is nothing to analyse.
async fn analyze(
    archive: &Archive,
    databases: &Databases,
    folder: &Folder,
    campaign: &ScanCampaign,
) -> Result<Option<Analysis>, BasisError> {
    let basis = Basis {
        archive,
        network: Some(campaign.spec.network),
        window: Some(signed(campaign.spec.analysis.window)),
        databases,
        opened: &BTreeSet::new(),
        defaults: bundled_endpoints,
    };
    match basis.note().await {
        Ok(0) => {}
        Ok(files) => info!(files, "visits that another version had archived were noted"),
        Err(error) => warn!(%error, "visits are read that have no notes, which takes longer"),
    }
    let play = Play { wallets: WALLETS, seed: 1 };
    match basis.report(folder, (play, DRAWS), |error| warn!(%error, "a part of the archive is spoilt")).await
    {
        Err(BasisError::Nothing) => Ok(None),
        done => done.map(Some),
    }
}

/// Says what was found: to whoever reads the log, and in statuses.
async fn tell(cluster: Option<&Cluster>, analysis: &Analysis, folder: &Folder) -> anyhow::Result<()> {
    let report = folder.path().join("index.html").display().to_string();
    let summary = statuses::summary(analysis);
    info!(
        servers = summary.servers,
        visits = summary.visits,
        dishonest = summary.dishonest,
        suspicious = summary.suspicious,
        groups = analysis.groups.len(),
        report,
        "the network was analysed"
    );
    match cluster {
        Some(cluster) => cluster.tell(analysis, summary, &report).await.context("statuses"),
        None => {
            info!("no statuses are written: there is no cluster");
            Ok(())
        }
    }
}
