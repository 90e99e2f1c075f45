//! What it costs to name the software behind a visit: `cargo bench -p analyzer --bench identify -- ARCHIVE` reads
//! the visits of an archive and prints the time each takes.

#![allow(clippy::print_stdout, reason = "figures on standard output are what a bench is for")]

use std::time::{Duration, Instant};

use analyzer::identify::{Evidence, Knowledge, observe};
use anyhow::Context as _;
use futures_util::TryStreamExt as _;
use model::{Archive, Visit};

/// Passes over the archive; the quickest counts.
const PASSES: usize = 20;

fn main() -> anyhow::Result<()> {
    let place = std::env::args().nth(1).filter(|text| !text.starts_with("--")).context("name an archive")?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let archive = Archive::open(&place)?;
    let visits: Vec<Visit> = runtime.block_on(archive.read().try_collect())?;
    anyhow::ensure!(!visits.is_empty(), "{place} has no visits");
    let knowledge = Knowledge::embedded()?;
    let (mut observing, mut weighing, mut named) = (Duration::MAX, Duration::MAX, 0);
    for _ in 0..PASSES {
        let began = Instant::now();
        let observed: Vec<_> = visits.iter().map(observe).collect();
        observing = observing.min(began.elapsed());
        let began = Instant::now();
        let mut evidence = Evidence::default();
        for observations in &observed {
            evidence.extend(&knowledge.weigh(observations));
        }
        weighing = weighing.min(began.elapsed());
        named += usize::from(knowledge.identify(&evidence).is_some());
    }
    let each = |all: Duration| all.as_secs_f64() * 1e6 / visits.len() as f64;
    println!("{} visits, named {named} of {PASSES} times together", visits.len());
    println!("observe {:.1} µs a visit, weigh {:.1} µs a visit", each(observing), each(weighing));
    Ok(())
}
