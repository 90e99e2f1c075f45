//! What it costs to read an archive, stage by stage: `cargo bench -p analyzer --bench reading -- ARCHIVE` reads its
//! visits on one processor and prints the time each stage takes for one of them.

#![allow(clippy::print_stdout, reason = "figures on standard output are what a bench is for")]

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use analyzer::{dossier::Dossier, identify::Knowledge, reading::Reading};
use anyhow::Context as _;
use electrum::Host;
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use mimalloc::MiMalloc;
use model::{Archive, Visit, archive::Packed, finding::Digest};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Time spent in each stage, by its name.
#[derive(Default)]
struct Stages(Vec<(&'static str, Duration)>);

impl Stages {
    fn time<T>(&mut self, stage: &'static str, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = work();
        let took = began.elapsed();
        match self.0.iter_mut().find(|(name, _)| *name == stage) {
            Some((_, sum)) => *sum += took,
            None => self.0.push((stage, took)),
        }
        done
    }
}

fn main() -> anyhow::Result<()> {
    let place = std::env::args().nth(1).filter(|text| !text.starts_with("--")).context("name an archive")?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let archive = Archive::open(&place)?;
    let files: Vec<Packed> = runtime.block_on(archive.files_since(Timestamp::MIN).try_collect())?;
    let knowledge = Knowledge::embedded()?;
    let mut dossiers: HashMap<Host, Dossier> = HashMap::new();
    let (mut stages, mut room, mut count, mut bytes) = (Stages::default(), Vec::new(), 0_u32, 0);
    for packed in &files {
        let file = stages.time("unpacking", || packed.unpack(&mut room));
        for (number, lines) in (0..).zip(file.lines().chunks(64)) {
            let visits: Result<Vec<Visit>, _> = stages.time("reading lines", || {
                (0..).zip(lines).map(|(at, line)| file.visit(number * 64 + at, line)).collect()
            });
            let digests: Vec<Digest> =
                stages.time("digests of lines", || lines.iter().map(|line| Digest::of_bytes(line)).collect());
            let visits = visits?;
            stages.time("features", || {
                for (visit, digest) in visits.iter().zip(digests) {
                    let dossier = dossiers.entry(visit.endpoint.host.clone()).or_default();
                    dossier.take(&Reading::of(visit), digest, &knowledge);
                }
            });
            count += u32::try_from(visits.len())?;
            bytes += lines.iter().map(|line| line.len()).sum::<usize>();
            stages.time("dropping", || drop(visits));
        }
    }
    anyhow::ensure!(count > 0, "{place} has no visits");
    println!("{count} visits to {} hosts, {} bytes each", dossiers.len(), bytes / count as usize);
    for (stage, took) in stages.0 {
        println!("{stage:>20}: {:6.1} µs a visit", took.as_secs_f64() * 1e6 / f64::from(count));
    }
    Ok(())
}
