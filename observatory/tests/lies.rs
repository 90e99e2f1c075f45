//! Simulated servers that lie, scanned deep by the real program: what they say is found out, and nobody else is
//! accused.

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use analyzer::{
    attribution::Context,
    dossier::of_visits,
    identify::Knowledge,
    indicators::catalogue,
    server,
    survey::{Case, Survey},
    truth::verify::{Others, Verdict, said, verify},
};
use anyhow::ensure;
use electrum::Network;
use futures_util::TryStreamExt as _;
use model::{
    Archive, Finding, Visit,
    finding::{Digest, Indicator, Tier},
};
use simulator::world::Truth;
use support::simulation::Simulation;

/// What is judged here.
const INDICATORS: [u8; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 14, 29];

/// The visits of so many deep rounds to a simulated network, and what is true of its servers.
fn scanned(scenario: &str, seed: u64, rounds: u32) -> anyhow::Result<(Vec<Visit>, Vec<Truth>)> {
    let simulation = Simulation::start(scenario, None, seed)?;
    let (seeds, archive) = (simulation.path("seeds.txt")?, simulation.path("archive")?);
    let scan = Command::new(env!("CARGO_BIN_EXE_observatory"))
        .args(["scan", "--network", "regtest", "--allow-private", "--json"])
        .args(["--profile", "deep", "--rounds", &rounds.to_string(), "--interval", "10ms"])
        .args(["--seeds", &seeds, "--archive", &archive, "--resolver", &simulation.resolver()?])
        .output()?;
    ensure!(scan.status.success(), "{scenario}: {}", String::from_utf8_lossy(&scan.stderr));
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let mut visits: Vec<Visit> = runtime.block_on(Archive::open(&archive)?.read().try_collect())?;
    visits.sort_by_key(|visit| visit.started_at);
    Ok((visits, serde_json::from_slice(&fs::read(simulation.path("truth.json")?)?)?))
}

/// What is found of each host.
fn findings(visits: &[Visit]) -> anyhow::Result<BTreeMap<String, Vec<Finding>>> {
    let knowledge = Knowledge::embedded()?;
    let dossiers = of_visits(visits, &knowledge)?;
    let context = Context { previous: &[], system: &|_| None };
    let survey = Survey::of(Network::Regtest, server::join(&dossiers), &knowledge, &context);
    let indicators = INDICATORS.map(Indicator::new);
    let of = |place: usize| {
        let case = Case { survey: &survey, place };
        let table = catalogue().filter(|definition| indicators.contains(&definition.indicator));
        let found: Vec<Finding> = table.filter_map(|definition| definition.finding(&case)).collect();
        let hosts = case.server().hosts.iter().map(|(host, _)| host.to_string());
        hosts.map(|host| (host, found.clone())).collect::<Vec<_>>()
    };
    Ok((0..survey.servers.len()).flat_map(of).collect())
}

/// What becomes of the proofs behind an exchange; none where no visit holds it.
fn verdict(digest: Digest, visits: &[Visit]) -> Option<Verdict> {
    let holder = visits.iter().find(|visit| said(visit, |said| *said == digest).is_some())?;
    let mut others = Others::about(digest, holder);
    visits.iter().for_each(|visit| others.hear(visit));
    Some(verify(digest, holder, &others).verdict())
}

/// What is wrong with what was found in a scenario.
fn complaints(scenario: &str, seed: u64, rounds: u32) -> anyhow::Result<Vec<String>> {
    let (visits, truths) = scanned(scenario, seed, rounds)?;
    let findings = findings(&visits)?;
    let mut complaints = Vec::new();
    for truth in &truths {
        let found = findings.get(&truth.server.to_string()).map(Vec::as_slice).unwrap_or_default();
        let names: BTreeSet<String> = found.iter().map(|finding| finding.indicator.to_string()).collect();
        let judged = INDICATORS.map(|number| Indicator::new(number).to_string());
        let expected: BTreeSet<String> =
            truth.expected.iter().filter(|name| judged.contains(name)).cloned().collect();
        if names != expected {
            complaints.push(format!("{scenario}: {:?} expected, {found:#?}", truth.expected));
        }
        // A stranger who looks up the evidence of a falsification comes to the same end.
        for finding in found.iter().filter(|finding| finding.tier == Tier::Hard) {
            let mut replayed = finding.evidence.iter().filter_map(|digest| verdict(*digest, &visits));
            if !replayed.any(|verdict| verdict < Verdict::Holds) {
                complaints.push(format!("{scenario}: no evidence of {finding:?} contradicts anything"));
            }
        }
    }
    Ok(complaints)
}

/// Scenarios whose servers lie or look as if they did, with the deep rounds in which all of it shows.
const SCENARIOS: [(&str, u32); 10] = [
    ("x1-phishing", 1),
    ("x1-phishing-old-clients", 2),
    ("x6-omission", 1),
    ("x7-cut-history", 1),
    ("x8-other-chain", 1),
    ("x9-fee-burn", 1),
    ("x10-fake-broadcast", 1),
    ("x11-stall", 1),
    ("x14-discriminator", 1),
    ("n4-overload", 1),
];

#[test]
fn lies_are_found_and_the_honest_are_not_accused() -> anyhow::Result<()> {
    let complaints: Vec<String> = std::thread::scope(|scope| {
        // At once: most of the time is spent waiting for servers that take theirs.
        let scans = SCENARIOS
            .iter()
            .zip(9_400..)
            .map(|((scenario, rounds), seed)| scope.spawn(move || complaints(scenario, seed, *rounds)));
        let scans: Vec<_> = scans.collect();
        let ended = scans.into_iter().map(|scan| scan.join().expect("no panic"));
        Ok::<_, anyhow::Error>(ended.collect::<Result<Vec<_>, _>>()?.concat())
    })?;
    ensure!(complaints.is_empty(), "{}", complaints.join("\n"));
    Ok(())
}
