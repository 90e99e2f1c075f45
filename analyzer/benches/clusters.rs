//! What it costs to find who behaves alike, and what is found, for scikit-learn to do the same (`make clusters`):
//! `cargo bench -p analyzer --bench clusters -- DIR [SERVERS | ARCHIVE]…` compares so many made-up servers, or those of
//! an archive, as an analysis does. Into DIR go, for each software, the distances of its behaviours (`*.f64`, the rows
//! of a square of little-endian numbers) and the rest (`*.json`).

#![allow(clippy::print_stdout, reason = "progress on standard output is what a bench is for")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use analyzer::{
    behaviour::{CLUSTER, Fingerprint, Fold, NEAR, Stratum},
    dossier::{self, Dossier},
    identify::Knowledge,
    server,
};
use anyhow::Context as _;
use electrum::Host;
use futures_util::TryStreamExt as _;
use model::{Archive, Visit};
use serde_json::json;

/// Software of the made-up servers, and how many in ten of them run it.
const SOFTWARE: [(&str, u64); 3] = [("ElectrumX", 5), ("Fulcrum", 3), ("electrs", 2)];
/// Ways in which each is set up.
const KITS: u64 = 8;
/// Questions that each server answered.
const QUESTIONS: u64 = 40;
/// Answers to each.
const ANSWERS: u64 = 4;
/// Of ten servers so many are as their kit is; others answer up to so many questions otherwise.
const UNCHANGED: u64 = 6;
const CHANGED: u64 = 14;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|text| !text.starts_with("--"));
    let folder = PathBuf::from(arguments.next().context("name a folder")?);
    fs::create_dir_all(&folder)?;
    for (place, what) in arguments.enumerate() {
        let prints = match what.parse() {
            Ok(servers) => (0..servers).map(|number| Some(made_up(number))).collect(),
            Err(_) => of_archive(&what)?,
        };
        compare(&what, &prints, &folder.join(format!("{place}")))?;
    }
    Ok(())
}

fn compare(what: &str, prints: &[Option<Fingerprint>], path: &Path) -> anyhow::Result<()> {
    let mut strata = Stratum::all(prints);
    for number in 0.. {
        let began = Instant::now();
        let Some(stratum) = strata.next() else { break };
        let compared = began.elapsed().as_secs_f64();
        let began = Instant::now();
        let clusters = stratum.clusters();
        let clustered = began.elapsed().as_secs_f64();
        let sizes: Vec<usize> = stratum.folds().iter().map(|fold: &Fold<'_>| fold.servers.len()).collect();
        println!("{what}: {} servers, {} behaviours compared", stratum.servers(), sizes.len());
        let path = path.with_added_extension(number.to_string());
        let bytes: Vec<u8> = stratum.distances().iter().flat_map(|distance| distance.to_le_bytes()).collect();
        fs::write(path.with_added_extension("f64"), bytes)?;
        let rest = json!({
            "of": what, "servers": prints.len(), "near": NEAR, "cluster": CLUSTER, "sizes": sizes,
            "points": stratum.points(), "clusters": clusters, "compared": compared, "clustered": clustered,
        });
        fs::write(path.with_added_extension("json"), rest.to_string())?;
    }
    Ok(())
}

fn of_archive(place: &str) -> anyhow::Result<Vec<Option<Fingerprint>>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (archive, knowledge) = (Archive::open(place)?, Knowledge::embedded()?);
    let mut dossiers: BTreeMap<Host, Dossier> = BTreeMap::new();
    runtime.block_on(archive.read().map_err(anyhow::Error::from).try_for_each(|visit: Visit| {
        std::future::ready(dossier::take(&mut dossiers, &visit, &knowledge).map_err(anyhow::Error::from))
    }))?;
    Ok(server::join(&dossiers).iter().map(Fingerprint::of).collect())
}

/// A server that is set up in one of several ways, with some changes of its own.
fn made_up(number: u64) -> Fingerprint {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut below = |most: u64| {
        state = splitmix(state);
        state % most
    };
    let mut share = below(SOFTWARE.iter().map(|(_, share)| share).sum());
    let of_share = |(_, of): &&(&str, u64)| {
        let found = share < *of;
        share = share.saturating_sub(*of);
        found
    };
    let software = SOFTWARE.iter().find(of_share).map_or("", |(name, _)| name);
    let (kit, changed) = (below(KITS), below(10) >= UNCHANGED);
    let mut print = Fingerprint::new(software);
    // Of two answers to one question the first counts.
    for _ in 0..if changed { 1 + below(CHANGED) } else { 0 } {
        print.add(&below(QUESTIONS).to_string(), &[u8::try_from(below(ANSWERS)).unwrap_or_default()]);
    }
    for question in 0..QUESTIONS {
        let usual = splitmix(kit * QUESTIONS + question) % ANSWERS;
        print.add(&question.to_string(), &[u8::try_from(usual).unwrap_or_default()]);
    }
    print
}

/// One step of SplitMix64.
fn splitmix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
