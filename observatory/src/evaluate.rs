//! `observatory evaluate`: how much of what is true is found, and how much is found that is not true. Networks whose
//! truth is known are simulated, visited and analysed, and what is concluded is compared with the truth.

mod addresses;
mod judge;
mod run;
mod sums;
mod table;

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use analyzer::assess::model;
use anyhow::anyhow;
use clap::Args;
use simulator::{
    grammar::Library,
    scenario::{self, Scenario},
};

use self::{
    addresses::Addresses,
    judge::{Verdict, links_are_right},
    run::{Common, Way},
    sums::{Method, Sums},
};
use crate::output::{self, Usage};

/// Compare what is concluded with what is true, on simulated networks.
///
/// Each scenario is simulated once for each seed: a world of sixteen days, visited by a campaign of light and deep
/// visits, analysed as `analyze` does it. Printed is, for each scenario, how often each indicator fired for who must show
/// it, what was held against the honest, and how the groups compare with the operators. The exit code is 1 where
/// something was missed, somebody honest has a hard or medium finding, an indicator fired that must not, more than two
/// links in a hundred are wrong, or a run came to no end.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  observatory evaluate
  observatory evaluate --seeds 1000 --scenario n4-overload --scenario n5-reorg-lag
  observatory evaluate --scenario mixed-operators --seeds 50
  observatory evaluate --sockets --seeds 20
  observatory evaluate --seeds 50 --sums sums.json    # again and again: each goes on where the last ended")]
pub(crate) struct Arguments {
    /// A scenario by name; without any, all of them but the mixed ones and the hostile one
    #[arg(long, value_name = "NAME")]
    scenario: Vec<String>,
    /// Worlds of each scenario
    #[arg(long, value_name = "N", default_value = "20", value_parser = clap::value_parser!(u64).range(1..=MOST_SEEDS))]
    seeds: u64,
    /// The first seed; with --sums, that of the first part
    #[arg(long, value_name = "S", default_value = "1", value_parser = clap::value_parser!(u64).range(..=MOST_SEEDS))]
    first_seed: u64,
    /// Go on where the last run with this file ended, and print what all of them came to
    #[arg(long, value_name = "FILE")]
    sums: Option<PathBuf>,
    /// Serve the networks on loopback addresses and scan them there, which takes as long as scans take
    #[arg(long)]
    sockets: bool,
    /// Runs at once [default: as many as there are processors; over sockets, where they mostly wait, 24]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

/// Networks that are not of the catalogue: one attacks its visitors, two have several of the others in them.
const NOT_JUDGED: [&str; 3] = ["hostile", "mixed-2026", "mixed-operators"];
/// Worlds of one scenario, and the last that one can begin with.
const MOST_SEEDS: u64 = 1_000_000;
/// Scans over sockets at once.
const SCANS: usize = 24;

/// Runs the command.
///
/// # Errors
/// [`Usage`] for scenarios that are none; else that something was missed, or held against the honest.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let began = Instant::now();
    let common = Common::new()?;
    let scenarios = arguments.scenarios(&common.grammars)?;
    let names = || scenarios.iter().map(|(name, _)| name.as_str());
    let method = Method { sockets: arguments.sockets, model: model() };
    let read = |path| Sums::read(path, method, arguments.first_seed, names());
    let before = arguments.sums.as_deref().map(read).transpose()?;
    let first_seed = before.as_ref().map_or(arguments.first_seed, |sums| sums.next_seed);
    let seeds = first_seed..first_seed + arguments.seeds;
    let (way, workers) = match arguments.sockets {
        true => (Way::Sockets(Addresses::default()), SCANS),
        false => (Way::Archive, thread::available_parallelism().map_or(1, usize::from)),
    };
    let jobs =
        seeds.flat_map(|seed| scenarios.iter().map(move |(name, scenario)| (name.as_str(), scenario, seed)));
    let jobs: Vec<(&str, &Scenario, u64)> = jobs.collect();
    let workers = arguments.jobs.map_or(workers, NonZeroUsize::get);
    let stopped = Arc::new(AtomicBool::new(false));
    let stop = Arc::clone(&stopped);
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stop.store(true, Ordering::Relaxed);
        }
    });
    let mut verdicts = tokio::task::block_in_place(|| all(&jobs, &way, workers, &common, &stopped))?;
    let runs: usize = verdicts.values().map(|verdict| verdict.runs).sum();
    let mut written = Ok(());
    if let (Some(mut sums), Some(path)) = (before, &arguments.sums)
        && runs == jobs.len()
    {
        sums.add(verdicts, first_seed + arguments.seeds);
        written = sums.write(path);
        verdicts = sums.verdicts;
    }
    // Hours of work are not lost for a file that cannot be written.
    output::result(&table::of(&verdicts))?;
    written?;
    output::note(&format!("{runs} runs took {:.0} s.", began.elapsed().as_secs_f64()));
    anyhow::ensure!(runs == jobs.len(), "interrupted after {runs} of {} runs", jobs.len());
    let wrong = verdicts.values().filter(|verdict| !verdict.is_right()).count();
    anyhow::ensure!(wrong == 0, "{wrong} of {} scenarios did not come out as they must", verdicts.len());
    anyhow::ensure!(links_are_right(verdicts.values()), "more than two links in a hundred are wrong");
    Ok(())
}

/// Does all jobs, as many at once as there are workers, and sums up by scenario. What is not done when it is stopped does
/// not count: scans that were cut off have not seen what they should.
fn all(
    jobs: &[(&str, &Scenario, u64)],
    way: &Way,
    workers: usize,
    common: &Common,
    stopped: &AtomicBool,
) -> anyhow::Result<BTreeMap<String, Verdict>> {
    let (next, verdicts) = (AtomicUsize::new(0), Mutex::new(BTreeMap::<String, Verdict>::new()));
    let bar = output::bar(jobs.len() as u64, "runs");
    let work = || {
        while let Some((name, scenario, seed)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            // What the other runs found is not lost for one that fails.
            let verdict = run::one(name, scenario, *seed, way, common)
                .unwrap_or_else(|error| Verdict::failed(*seed, &error));
            if stopped.load(Ordering::Relaxed) {
                return;
            }
            let mut verdicts = verdicts.lock().unwrap_or_else(PoisonError::into_inner);
            verdicts.entry((*name).to_owned()).or_default().add(verdict);
            bar.inc(1);
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread broke off")))
    })?;
    bar.finish_and_clear();
    Ok(verdicts.into_inner().unwrap_or_else(PoisonError::into_inner))
}

impl Arguments {
    fn scenarios(&self, grammars: &Library) -> Result<Vec<(String, Scenario)>, Usage> {
        let names: Vec<&str> = match self.scenario.is_empty() {
            true => scenario::names().filter(|name| !NOT_JUDGED.contains(name)).collect(),
            false => self.scenario.iter().map(String::as_str).collect(),
        };
        let read = |name: &str| {
            let scenario = scenario::named(name, grammars).ok_or_else(|| {
                Usage(format!("--scenario {name}: there is none; `observatory simulate --list` names them"))
            })?;
            Ok((name.to_owned(), scenario.map_err(|error| Usage(error.to_string()))?))
        };
        names.into_iter().map(read).collect()
    }
}
