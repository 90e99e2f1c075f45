//! `observatory simulate`: a network of servers on this machine whose truth is known, until it is interrupted.

mod archive;
mod history;

use std::{path::PathBuf, sync::Arc, time::Instant};

use anyhow::Context as _;
use clap::Args;
use simulator::{
    grammar::Library,
    scenario::{self, Scenario},
    serve::{Clock, Listening, listen},
    world::{World, files},
};

use crate::output::{self, Usage};

/// File descriptors that are asked of the system: a listener is one, and so is a connection.
const DESCRIPTORS: u64 = 65_536;

/// Serve a network of Electrum servers on loopback addresses whose truth is known.
///
/// Each server speaks as one version of one implementation, has an address in 127.0.0.0/8, a node, a key and
/// peers, and may lie. DIR gets seeds.txt (for `scan --seeds`), truth.json (what is true of each server),
/// geo.mmdb and asn.mmdb (where its address is; for `plan --geoip`). A seed gives the same network to the byte.
/// Ctrl-C ends it.
///
/// With --archive nothing is served: the visits that a scan would have made over days are written at once.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  observatory simulate --scenario mixed-2026 --out net
  observatory simulate --scenario x6-omission --seed 7 --out net
  observatory simulate --scenario my-network.toml --servers 1000 --out net
  observatory simulate --servers 100000 --archive visits --days 30 --out net
  observatory simulate --list
and then, elsewhere:
  observatory scan --network regtest --seeds net/seeds.txt --allow-private
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
}

/// Runs the command.
///
/// # Errors
/// [`Usage`] for a scenario that is none; else what kept the network from being served.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if arguments.list {
        return Ok(output::result(&list()?)?);
    }
    let began = Instant::now();
    let world = arguments.network.world()?;
    files::write(&world, &arguments.out)?;
    if let Some(place) = &arguments.history.archive {
        return archive::write(Arc::new(world), place, &arguments.history, arguments.network.seed).await;
    }
    let listening = serve(&world)?;
    output::note(&format!(
        "{} servers listen at {} endpoints after {:.1} s. {} says where. Ctrl-C ends it.",
        world.len(),
        listening.addresses().len(),
        began.elapsed().as_secs_f64(),
        arguments.out.join("seeds.txt").display(),
    ));
    tokio::signal::ctrl_c().await.context("no interrupt can be waited for")?;
    Ok(())
}

/// Serves a world.
///
/// # Errors
/// Where one of its endpoints is taken.
pub(crate) fn serve(world: &World) -> anyhow::Result<Listening> {
    // Where the system gives less, it may still be enough, and `listen` says where it is not.
    let _ = rlimit::increase_nofile_limit(DESCRIPTORS);
    let listening = listen(world.endpoints(), Clock::start_at(world.begins(), 1));
    listening.context("is a network of the same seed being served already? --seed gives other addresses")
}

impl Simulated {
    /// Makes the world.
    ///
    /// # Errors
    /// [`Usage`] for a scenario that is none.
    pub(crate) fn world(&self) -> anyhow::Result<World> {
        let grammars = Library::embedded()?;
        let scenario = self.read(&grammars)?;
        Ok(World::new(&scenario, self.seed, self.servers, &grammars)?)
    }

    fn read(&self, grammars: &Library) -> Result<Scenario, Usage> {
        let complaint =
            |error: &dyn std::fmt::Display| Usage(format!("--scenario {}: {error}", self.scenario));
        if let Some(scenario) = scenario::named(&self.scenario, grammars) {
            return scenario.map_err(|error| complaint(&error));
        }
        let text = std::fs::read_to_string(&self.scenario).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
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
