//! What it costs to read an archive, stage by stage: `cargo bench -p analyzer --bench reading -- ARCHIVE` reads its
//! visits on one processor, then the notes beside them where there are some, and prints the time each stage takes for one
//! visit.

#![allow(clippy::print_stdout, reason = "figures on standard output are what a bench is for")]

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use analyzer::{
    dossier::Dossier,
    identify::Knowledge,
    notes::{self, Note},
};
use anyhow::Context as _;
use electrum::Host;
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use mimalloc::MiMalloc;
use model::{
    Archive, Visit,
    archive::{Packed, Records},
    finding::Digest,
};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Parts that are read at a time, as `collect` does.
const AT_ONCE: usize = 64;

/// Time spent in each stage, by its name, and what was made.
#[derive(Default)]
struct Stages {
    times: Vec<(&'static str, Duration)>,
    dossiers: HashMap<Host, Dossier>,
    visits: u32,
    bytes: usize,
}

impl Stages {
    fn time<T>(&mut self, stage: &'static str, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let done = work();
        let took = began.elapsed();
        match self.times.iter_mut().find(|(name, _)| *name == stage) {
            Some((_, sum)) => *sum += took,
            None => self.times.push((stage, took)),
        }
        done
    }

    fn take(&mut self, notes: Vec<Note>) -> anyhow::Result<()> {
        self.visits += u32::try_from(notes.len())?;
        let mut dossiers = std::mem::take(&mut self.dossiers);
        self.time("taking in", || {
            for note in &notes {
                dossiers.entry(note.visited.endpoint.host.clone()).or_default().take(note);
            }
        });
        self.dossiers = dossiers;
        self.time("dropping", || drop(notes));
        Ok(())
    }

    fn print(&self, of: &str) {
        let bytes = self.bytes / self.visits.max(1) as usize;
        println!("{} {of} of {} hosts, {bytes} bytes each", self.visits, self.dossiers.len());
        for (stage, took) in &self.times {
            println!("{stage:>20}: {:6.1} µs a visit", took.as_secs_f64() * 1e6 / f64::from(self.visits));
        }
    }
}

fn main() -> anyhow::Result<()> {
    let place = std::env::args().nth(1).filter(|text| !text.starts_with("--")).context("name an archive")?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let archive = Archive::open(&place)?.with(notes::beside()?);
    let files: Vec<Packed> = runtime.block_on(archive.files_since(Timestamp::MIN).try_collect())?;
    from_visits(&files)?.print("visits");
    let entries = runtime.block_on(archive.entries_since(Timestamp::MIN).try_collect::<Vec<_>>())?;
    let records: Option<Vec<Records>> = entries.into_iter().map(|entry| entry.records).collect();
    match records {
        Some(records) => from_notes(&records)?.print("notes"),
        None => println!("not all visits have notes beside them"),
    }
    Ok(())
}

fn from_visits(files: &[Packed]) -> anyhow::Result<Stages> {
    let knowledge = Knowledge::embedded()?;
    let (mut stages, mut room) = (Stages::default(), Vec::new());
    for packed in files {
        let file = stages.time("unpacking", || packed.unpack(&mut room));
        for (number, lines) in (0..).zip(file.lines().chunks(AT_ONCE)) {
            let visits: Result<Vec<Visit>, _> = stages.time("reading lines", || {
                (0..).zip(lines).map(|(at, line)| file.visit(number * AT_ONCE + at, line)).collect()
            });
            let digests: Vec<Digest> =
                stages.time("digests of lines", || lines.iter().map(|line| Digest::of_bytes(line)).collect());
            let visits = visits?;
            let noted = stages.time("notes", || {
                let both = visits.iter().zip(digests);
                both.map(|(visit, digest)| Note::of(visit, digest, &knowledge)).collect()
            });
            stages.take(noted)?;
            stages.bytes += lines.iter().map(|line| line.len()).sum::<usize>();
            stages.time("dropping", || drop(visits));
        }
    }
    Ok(stages)
}

fn from_notes(files: &[Records]) -> anyhow::Result<Stages> {
    let (mut stages, mut room) = (Stages::default(), Vec::new());
    for records in files {
        let places = stages.time("unpacking", || records.unpack(&mut room)).context("damaged notes")?;
        for places in places.chunks(AT_ONCE) {
            let read: Option<Vec<Note>> = stages.time("reading notes", || {
                places.iter().map(|place| Note::read(&room[place.clone()])).collect()
            });
            stages.take(read.context("notes that cannot be read")?)?;
            stages.bytes += places.iter().map(ExactSizeIterator::len).sum::<usize>();
        }
    }
    Ok(stages)
}
