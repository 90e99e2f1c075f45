//! `observatory demo`: a simulated network, a scan of it, and what follows from that, in one process.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use clap::Args;
use simulator::world::files;

use crate::{
    analyze,
    output::{self, Usage},
    scan,
    scope::Scope,
    simulate::Simulated,
};

/// Servers of a demonstration, unless it is told otherwise: one of each kind, and a table that fits a screen or two.
const SERVERS: usize = 60;

/// Simulate a network, scan it, and print what was found: the first thing to try.
///
/// Everything happens on loopback addresses of this machine. DIR keeps the archive of the scan, the report, the servers'
/// truth (truth.json), seeds.txt, geo.mmdb and asn.mmdb.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  observatory demo
  observatory demo --servers 350
  observatory demo --scenario x13-spoofer --seed 7 --out spoofer")]
pub(crate) struct Arguments {
    #[command(flatten)]
    network: Simulated,
    /// Where everything is kept
    #[arg(long, value_name = "DIR", default_value = "demo")]
    out: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// [`Usage`] for a scenario that is none, and where another network was scanned before; else what kept it from being
/// served or scanned.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let began = Instant::now();
    let servers = arguments.network.servers.or(Some(SERVERS));
    let network = Simulated { servers, ..arguments.network };
    let world = Arc::new(network.world()?);
    let archive = arguments.out.join("archive");
    // What would follow from visits to two networks is true of neither.
    if archive.exists() && !is_of(&arguments.out, &files::truth(&world)?) {
        let out = arguments.out.display();
        return Err(Usage(format!(
            "--out {out}: another network was scanned there: name another, or delete it"
        ))
        .into());
    }
    let archive = archive.to_str().ok_or_else(|| Usage("--out must be plain text".to_owned()))?.to_owned();
    files::write(&world, &arguments.out)?;
    let served = network.serve(&world).await?;
    let seconds = began.elapsed().as_secs_f64();
    output::note(&format!("{} simulated servers listen after {seconds:.1} s. Scanning them.", world.len()));
    let seeds = arguments.out.join("seeds.txt");
    let scope = Scope::on_this_machine(seeds, archive.clone(), served.names.address());
    scan::run(scan::Arguments::of(scope)).await?;
    let geoip = ["geo.mmdb", "asn.mmdb"].map(|name| arguments.out.join(name)).to_vec();
    analyze::run(&analyze::Arguments::of(archive, arguments.out.join("report"), geoip)).await?;
    output::note(&format!(
        "{:.1} s in all. Open {} to read the report; {} says what is true of each server.",
        began.elapsed().as_secs_f64(),
        arguments.out.join("report/index.html").display(),
        arguments.out.join("truth.json").display(),
    ));
    Ok(())
}

/// Whether a folder is of the network of which this is the truth.
fn is_of(folder: &Path, truth: &str) -> bool {
    std::fs::read(folder.join("truth.json")).is_ok_and(|kept| kept == truth.as_bytes())
}
