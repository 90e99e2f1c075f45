//! Worlds: the same for a seed, written down so that others can read it, lies that a client sees on the wire, and what
//! happens as time goes on.

mod behaviours;
mod files;
mod life;
mod support;

use std::time::Instant;

use anyhow::{Context as _, ensure};
use simulator::{grammar::Library, scenario, world::World};

use self::support::{Client, Served};

/// The network of today, at its size: everything listens, and how long that took is printed.
#[expect(clippy::print_stderr, reason = "a figure for whoever reads the log")]
#[tokio::test(flavor = "multi_thread")]
async fn the_whole_network_listens() -> anyhow::Result<()> {
    let began = Instant::now();
    let grammars = Library::embedded()?;
    let scenario = scenario::named("mixed-2026", &grammars).context("a scenario")??;
    let world = World::new(&scenario, 9_002, None, &grammars)?;
    let served = Served::start(&world)?;
    eprintln!("{} servers, {} endpoints, {:?}", world.len(), world.endpoints().len(), began.elapsed());
    ensure!(world.len() > 330, "{}", world.len());
    for truth in served.truths.iter().filter(|truth| truth.endpoints[0].ends_with(":50001")).step_by(40) {
        let client = Client::greet(truth.addresses[0], "x").await?;
        let named = truth.claims.clone().unwrap_or_else(|| truth.version.clone());
        ensure!(client.agent.contains(&named), "{} for {truth:?}", client.agent);
    }
    Ok(())
}
