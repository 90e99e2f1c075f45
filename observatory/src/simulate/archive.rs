//! `observatory simulate --archive`: a history of visits, written by as many threads as there are processors.

use std::{
    sync::{Arc, OnceLock},
    thread::{self, ScopedJoinHandle},
    time::{Duration, Instant},
};

use analyzer::notes;
use anyhow::anyhow;
use clap::Args;
use electrum::Network;
use jiff::SignedDuration;
use model::Archive;
use scanner::caller::{Caller, ClientName};
use simulator::{chance::Chance, world::World};

use super::{
    Simulated,
    history::{History, Round, alone},
};
use crate::{
    output::{self, Usage},
    scan::{keep_objects, product},
    scope::Profile,
};

/// Where these visits come from.
const VANTAGE: &str = "simulated";

// No documentation comment: clap would take it for that of the command.
#[derive(Debug, Args)]
#[group(id = "history")]
pub(super) struct Arguments {
    /// Serve nothing, and write visits to this archive: a directory or a URL
    #[arg(long, value_name = "DIR|URL")]
    pub(super) archive: Option<String>,
    /// From one visit to a server to the next: 1h, 24h
    #[arg(long, value_name = "DURATION", default_value = "24h", requires = "archive")]
    every: SignedDuration,
    /// What is asked: lightly, one endpoint of each server in turn; deeply, all of them
    #[arg(long, value_enum, default_value = "light", requires = "archive")]
    profile: Profile,
}

impl Arguments {
    fn history(&self, seed: u64, days: u32) -> Result<History, Usage> {
        let every: Duration =
            self.every.try_into().map_err(|_| Usage("--every cannot be negative".to_owned()))?;
        let days = Duration::from_secs(24 * 3_600) * days;
        let rounds = days.as_nanos().checked_div(every.as_nanos()).unwrap_or(0);
        let rounds = u32::try_from(rounds)
            .ok()
            .filter(|rounds| *rounds > 0)
            .ok_or_else(|| Usage("--every must fit into --days, and not be nothing".to_owned()))?;
        let profile = self.profile.into();
        let round = |number| Round { begins: every * number, lasts: every, profile };
        Ok(History { rounds: (0..rounds).map(round).collect(), seed })
    }
}

/// Writes the history of a world.
///
/// # Errors
/// [`Usage`] for times that make no sense; else what kept the archive from being written.
pub(super) async fn write(
    world: &World,
    place: &str,
    arguments: &Arguments,
    network: &Simulated,
) -> anyhow::Result<()> {
    let seed = network.seed;
    let (began, history) = (Instant::now(), arguments.history(seed, network.days)?);
    let archive = Archive::create(place)?.with(notes::beside()?);
    let mut caller = Caller {
        network: Network::Regtest,
        vantage: VANTAGE.to_owned(),
        name: ClientName::Same(product()),
        objects: OnceLock::new(),
        disabled: Arc::default(),
        secret: Chance::new(seed, "secret", &[]).bytes(),
    };
    if arguments.profile == Profile::Deep
        && let Some(objects) = thread::scope(|scope| {
            // This thread drives a runtime already.
            joined(scope.spawn(|| {
                alone(async || {
                    let mut writer = archive.writer_named("simulated-objects".to_owned());
                    let keep = async |visit: &model::Visit| Ok(writer.append(visit).await?);
                    let objects = history.objects(&caller, world, keep).await?;
                    writer.close().await?;
                    Ok(objects)
                })
            }))
        })?
    {
        keep_objects(&archive, Network::Regtest, &objects).await?;
        caller.objects = Arc::new(objects).into();
    }
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let bar = output::bar(world.len() as u64 * history.rounds.len() as u64, "servers visited");
    let written = thread::scope(|scope| {
        let share = |first: usize| {
            let (history, caller, archive, bar) = (&history, &caller, &archive, &bar);
            scope.spawn(move || {
                let places: Vec<usize> = (first..world.len()).step_by(threads).collect();
                alone(|| async {
                    let (mut writer, mut written) =
                        (archive.writer_named(format!("simulated-{first}")), 0_u64);
                    let keep = async |visit: &model::Visit| {
                        writer.append(visit).await?;
                        written += 1;
                        Ok(())
                    };
                    history.visits(caller, world, &places, bar, keep).await?;
                    writer.close().await?;
                    Ok(written)
                })
            })
        };
        let threads: Vec<_> = (0..threads).map(share).collect();
        threads.into_iter().map(joined).sum::<anyhow::Result<u64>>()
    })?;
    bar.finish_and_clear();
    output::note(&format!(
        "{written} visits to {} servers written after {:.1} s.",
        world.len(),
        began.elapsed().as_secs_f64()
    ));
    Ok(())
}

fn joined<T>(thread: ScopedJoinHandle<'_, anyhow::Result<T>>) -> anyhow::Result<T> {
    thread.join().map_err(|_| anyhow!("a thread broke off"))?
}
