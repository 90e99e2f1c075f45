//! `observatory plan`: what a scan would do, before anything is sent to any server. Reads lists, the archive and
//! databases; the one thing it may ask of the network, if told to, is a name server.

mod place;
mod report;

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use electrum::dial::Dialer;
use electrum::limits::Limits;
use jiff::Timestamp;
use model::{Archive, archive::ArchiveError, geoip::Databases};
use scanner::{
    ledger::{Ledger, Politeness},
    plan::Basis,
};
use tokio::time::Instant;

use self::report::Report;
use crate::{
    output::{self, Usage},
    scan::memory,
    scope::Scope,
};

/// Print what a scan would do, before anything is sent to any server.
///
/// Takes the arguments of scan and prints how many connections each server, each neighbourhood (/24 or /48) and
/// each AS would see, and what they would cost it in ElectrumX's cost units (E): what to expect, and what is never
/// exceeded. A day is the first 24 hours of the scan, as far as --rounds and --interval fill it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  observatory plan --network mainnet
  observatory plan --network mainnet --profile deep --rounds 96 --interval 15m --resolve --geoip GeoLite2-ASN.mmdb
  observatory plan --network testnet4 --seeds servers.txt --exclusions exclusions.txt --servers
  observatory plan --network signet --rounds 6 --json")]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) scope: Scope,
    /// A database of ASes in MaxMind's format, such as GeoLite2-ASN.mmdb; of several the first that knows counts
    #[arg(long, value_name = "FILE")]
    pub(crate) geoip: Vec<PathBuf>,
    /// Look names up, so that their neighbourhoods and ASes are known. Asks name servers, and no server in the plan
    #[arg(long)]
    pub(crate) resolve: bool,
    /// Also list every server
    #[arg(long)]
    pub(crate) servers: bool,
    /// Print one JSON object instead of words and tables
    #[arg(long)]
    pub(crate) json: bool,
}

/// Runs the command.
///
/// # Errors
/// [`output::Usage`] for arguments that do not go together; else what kept the plan from being made.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let scope = &arguments.scope;
    let options = scope.options()?;
    let (frontier, refused) = scope.frontier()?;
    let exclusions = scope.exclusions()?;
    let databases = Databases::open(&arguments.geoip).map_err(|e| Usage(format!("--geoip {e}")))?;
    let dialer = Dialer::new(scope.names(), scope.guard(), scope.proxy.clone(), Limits::default());
    // Who was never visited before is planned for all the same, and a plan leaves nothing behind.
    let archive = match Archive::open(&scope.archive) {
        Err(ArchiveError::Missing { .. }) => Archive::open("memory:///"),
        opened => opened,
    }?;
    let ledger = Ledger::new(Politeness::default());
    let acquaintances = memory::recall(&archive, scope.network, &ledger).await?;
    let objects = memory::objects(&archive, scope.network, scope.objects.as_deref()).await?.map(Arc::new);
    let servers = frontier.servers().cloned().collect();
    let placed = place::place(servers, &refused, &dialer, &exclusions, arguments.resolve).await;
    let basis = Basis { subjects: placed.subjects, acquaintances, objects, network: scope.network, options };
    let plan = scanner::plan::plan(&basis, &ledger, Instant::now(), Timestamp::now());
    let report = Report {
        network: scope.network,
        options,
        most_servers: scope.max_servers.get(),
        plan: &plan,
        left_out: &placed.left_out,
        unresolved: placed.unresolved,
        databases: &databases,
    };
    let text = if arguments.json { report.json()? } else { report.text(arguments.servers) };
    output::result(&text)?;
    Ok(())
}
