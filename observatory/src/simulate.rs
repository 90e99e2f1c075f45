//! `observatory simulate`: a network of servers on this machine whose truth is known, until it is interrupted.

mod archive;
pub(crate) mod history;

use std::{
    net::SocketAddr,
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use anyhow::Context as _;
use clap::Args;
use simulator::{
    grammar::Library,
    scenario::{self, Scenario},
    serve::{Clock, Listening, NameServer, listen},
    world::{Days, World, files},
};

use crate::output::{self, Usage};

/// File descriptors that are asked of the system: a listener is one, and so is a connection.
const DESCRIPTORS: u64 = 65_536;
/// Days that a world lasts at the most, and of which the last may be looked at first.
const LONGEST: i64 = 366;

/// Serve a network of Electrum servers on loopback addresses whose truth is known.
///
/// Each server speaks as one version of one implementation, has an address in 127.0.0.0/8, a node, a key and
/// peers, and may lie; as time goes on, it may go down, become other software, or change hands. DIR gets
/// seeds.txt (for `scan --seeds`), truth.json (what is true of each server), geo.mmdb and asn.mmdb (where its
/// address is; for `plan --geoip`), and scan.txt (the command that scans it). Names that only this network has
/// are resolved at a port that is told. A seed gives the same network to the byte. Ctrl-C ends it.
///
/// With --archive nothing is served, and there is no scan.txt: the visits that a scan would have made over the
/// days are written at once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  observatory simulate --scenario mixed-2026 --out net
  observatory simulate --scenario x6-omission --seed 7 --out net
  observatory simulate --scenario my-network.toml --servers 1000 --out net
  observatory simulate --servers 100000 --days 30 --archive visits --out net
  observatory simulate --days 2 --every 10m --deep-every 12h --archive visits --out net
  observatory simulate --scenario x3-lapsed-name --day 13 --out net
  observatory simulate --scenario x5-brands --day 11 --days 3 --speed 60 --out net
  observatory simulate --list
and then, elsewhere:
  sh net/scan.txt
  observatory plan --network regtest --seeds net/seeds.txt --allow-private --geoip net/asn.mmdb")]
pub(crate) struct Arguments {
    #[command(flatten)]
    network: Simulated,
    /// Where truth.json, seeds.txt and the databases are written
    #[arg(long, value_name = "DIR", default_value = "simulated")]
    out: PathBuf,
    #[command(flatten)]
    history: archive::Arguments,
    /// Print the scenarios there are, and do nothing
    #[arg(long)]
    list: bool,
}

// No documentation comment: clap would take it for that of the command.
#[derive(Debug, Args)]
pub(crate) struct Simulated {
    /// A scenario by name, or a file of one (docs/simulator.md)
    #[arg(long, value_name = "NAME|FILE", default_value = "mixed-2026")]
    pub(crate) scenario: String,
    /// About so many servers, in the scenario's proportions, at least one of each kind
    #[arg(long, value_name = "N")]
    pub(crate) servers: Option<usize>,
    /// What decides everything that the scenario leaves open
    #[arg(long, value_name = "S", default_value = "1")]
    pub(crate) seed: u64,
    /// The day on which the world begins, as scenarios count them
    #[arg(long, value_name = "D", default_value = "0", value_parser = clap::value_parser!(u32).range(..=LONGEST))]
    pub(crate) day: u32,
    /// How many days the world lasts: afterwards no more blocks are found. 300 take seconds and 300 MB
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=LONGEST))]
    pub(crate) days: u32,
    /// How many times faster than ours the world's time runs: at 1440, a day takes a minute
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) speed: NonZeroU32,
}

/// A world that is served.
pub(crate) struct Served {
    pub(crate) listening: Listening,
    pub(crate) names: NameServer,
}

/// Runs the command.
///
/// # Errors
/// [`Usage`] for a scenario that is none, and for an archive that has visits; else what kept the network from being served.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.list {
        return Ok(output::result(&list()?)?);
    }
    let began = Instant::now();
    let unwritten = match &arguments.history.archive {
        Some(place) => Some(archive::empty(place).await?),
        None => None,
    };
    let world = arguments.network.world()?;
    files::write(&world, &arguments.out)?;
    let world = Arc::new(world);
    let hint = arguments.out.join("scan.txt");
    if let Some(archive) = unwritten {
        // It would scan a network that was served before.
        let _ = std::fs::remove_file(&hint);
        return archive::write(&world, &archive, &arguments.history, &arguments.network).await;
    }
    let served = arguments.network.serve(&world).await?;
    std::fs::write(&hint, command(&arguments.out, served.names.address()))
        .with_context(|| hint.display().to_string())?;
    output::note(&format!(
        "{} servers listen at {} endpoints after {:.1} s, and {} resolves their names. {} scans them. Ctrl-C ends it.",
        world.len(),
        served.listening.addresses().len(),
        began.elapsed().as_secs_f64(),
        served.names.address(),
        hint.display(),
    ));
    tokio::signal::ctrl_c().await.context("no interrupt can be waited for")?;
    Ok(())
}

/// The command that scans a network.
fn command(folder: &Path, names: SocketAddr) -> String {
    let seeds = folder.join("seeds.txt");
    format!(
        "observatory scan --network regtest --allow-private --resolver {names} --seeds '{}'\n",
        seeds.display()
    )
}

impl Simulated {
    /// Serves a world.
    ///
    /// # Errors
    /// Where one of its endpoints is taken.
    pub(crate) async fn serve(&self, world: &Arc<World>) -> anyhow::Result<Served> {
        // Where the system gives less, it may still be enough, and `listen` says where it is not.
        let _ = rlimit::increase_nofile_limit(DESCRIPTORS);
        let clock = Clock::start_at(world.begins(), self.speed.get());
        let listening = listen(world.endpoints(), clock)
            .context("is a network of the same seed being served already? --seed gives other addresses")?;
        let known = Arc::clone(world);
        let names = NameServer::start(move |name, now| known.resolve(name, now), clock).await;
        Ok(Served { listening, names: names.context("nobody can resolve the names")? })
    }

    /// Makes the world.
    ///
    /// # Errors
    /// [`Usage`] for a scenario that is none.
    pub(crate) fn world(&self) -> anyhow::Result<World> {
        let grammars = Library::embedded()?;
        let scenario = self.read(&grammars)?;
        let days = Days { from: self.day, count: self.days };
        Ok(World::lasting(&scenario, self.seed, self.servers, days, &grammars)?)
    }

    fn read(&self, grammars: &Library) -> Result<Scenario, Usage> {
        let complaint =
            |error: &dyn std::fmt::Display| Usage(format!("--scenario {}: {error}", self.scenario));
        if let Some(scenario) = scenario::named(&self.scenario, grammars) {
            return scenario.map_err(|error| complaint(&error));
        }
        let text = std::fs::read_to_string(&self.scenario).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::IsADirectory => {
                let names: Vec<&str> = scenario::names().collect();
                complaint(&format!("neither a file nor one of {}", names.join(", ")))
            }
            _ => complaint(&error),
        })?;
        Scenario::read(&text, &self.scenario, grammars).map_err(|error| Usage(error.to_string()))
    }
}

fn list() -> anyhow::Result<String> {
    let grammars = Library::embedded()?;
    let mut text = String::new();
    for name in scenario::names() {
        if let Some(scenario) = scenario::named(name, &grammars) {
            text.push_str(&format!("{name:<26}{}\n", scenario?.title));
        }
    }
    Ok(text)
}
