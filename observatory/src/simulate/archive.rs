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
    /// Serve nothing, and write visits to this archive, which must have none yet: a directory or a URL
    #[arg(long, value_name = "DIR|URL")]
    pub(super) archive: Option<String>,
    /// From one visit to a server to the next: 1h, 24h
    #[arg(long, value_name = "DURATION", default_value = "24h", requires = "archive")]
    every: SignedDuration,
    /// Of these visits, how often one is deep where the others are light: 48h
    #[arg(long, value_name = "DURATION", requires = "archive", conflicts_with = "profile")]
    deep_every: Option<SignedDuration>,
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
        let deep_after = self.deep_after(every)?;
        let profile = |number: u32| match deep_after {
            Some(after) if number.is_multiple_of(after) => Profile::Deep,
            _ => self.profile,
        };
        let round = |number| Round { begins: every * number, lasts: every, profile: profile(number).into() };
        Ok(History { rounds: (0..rounds).map(round).collect(), seed })
    }

    /// How many visits there are from one deep one to the next, where some are.
    fn deep_after(&self, every: Duration) -> Result<Option<u32>, Usage> {
        let Some(deep_every) = self.deep_every else { return Ok(None) };
        let deep_every = Duration::try_from(deep_every).unwrap_or_default().as_nanos();
        let after = u32::try_from(deep_every / every.as_nanos()).unwrap_or(0);
        let is_whole = after > 0 && deep_every.is_multiple_of(every.as_nanos());
        let whole = is_whole.then_some(after);
        whole.ok_or_else(|| Usage("--deep-every must be --every, once or several times".to_owned())).map(Some)
    }
}

/// An archive for a history. It has no visits yet: of two worlds nothing could be concluded, and visits to one must be
/// read in the order of time.
///
/// # Errors
/// [`Usage`] where it has some; else why it cannot be opened.
pub(super) async fn empty(place: &str) -> anyhow::Result<Archive> {
    let archive = Archive::create(place)?.with(notes::beside()?);
    if archive.latest_day().await?.is_some() {
        return Err(
            Usage(format!("--archive {place}: it has visits already: name another, or delete it")).into()
        );
    }
    Ok(archive)
}

/// Writes the history of a world.
///
/// # Errors
/// [`Usage`] for times that make no sense; else what kept the archive from being written.
pub(super) async fn write(
    world: &World,
    archive: &Archive,
    arguments: &Arguments,
    network: &Simulated,
) -> anyhow::Result<()> {
    let seed = network.seed;
    let (began, history) = (Instant::now(), arguments.history(seed, network.days)?);
    let mut caller = Caller {
        network: Network::Regtest,
        vantage: VANTAGE.to_owned(),
        name: ClientName::Same(product()),
        objects: OnceLock::new(),
        disabled: Arc::default(),
        secret: Chance::new(seed, "secret", &[]).bytes(),
    };
    if history.rounds.iter().any(|round| round.profile == Profile::Deep.into())
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
        keep_objects(archive, Network::Regtest, &objects).await?;
        caller.objects = Arc::new(objects).into();
    }
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let bar = output::bar(world.len() as u64 * history.rounds.len() as u64, "servers visited");
    let written = thread::scope(|scope| {
        let share = |first: usize| {
            let (history, caller, archive, bar) = (&history, &caller, archive, &bar);
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

#[cfg(test)]
mod tests {
    use scanner::agenda::Profile::{Deep, Light};

    use super::*;

    fn profiles(hours: i64, deep_hours: Option<i64>) -> Result<Vec<scanner::agenda::Profile>, Usage> {
        let arguments = Arguments {
            archive: None,
            every: SignedDuration::from_hours(hours),
            deep_every: deep_hours.map(SignedDuration::from_hours),
            profile: Profile::Light,
        };
        Ok(arguments.history(1, 1)?.rounds.iter().map(|round| round.profile).collect())
    }

    #[test]
    fn of_some_visits_each_so_many_are_deep() {
        assert_eq!(profiles(8, None).expect("three"), [Light, Light, Light]);
        assert_eq!(profiles(6, Some(12)).expect("four"), [Deep, Light, Deep, Light]);
        assert_eq!(profiles(12, Some(12)).expect("two"), [Deep, Deep]);
        assert_eq!(profiles(12, Some(48)).expect("two"), [Deep, Light]);
        for odd in [profiles(6, Some(9)), profiles(6, Some(3)), profiles(6, Some(0)), profiles(6, Some(-6))] {
            let error = odd.expect_err("no light visit would be where a deep one is due");
            assert!(error.to_string().contains("--deep-every"), "{error}");
        }
        assert!(profiles(25, None).is_err() && profiles(0, None).is_err());
    }
}
