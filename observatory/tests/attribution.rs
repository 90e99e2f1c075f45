//! Simulated networks, scanned by the real program and attributed from the archive alone: the groups that are found
//! must be the operators that there are.

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use analyzer::{
    attribution::Context,
    dossier::{Dossier, of_visits},
    identify::Knowledge,
    indicators, server,
    survey::{Case, Survey},
};
use anyhow::{Context as _, ensure};
use electrum::{Host, Network};
use futures_util::TryStreamExt as _;
use model::{Archive, Visit};
use serde_json::Value;
use support::simulation::Simulation;

/// The groups of an archive, largest first, and which indicators fire for which server.
struct Concluded {
    groups: Vec<(BTreeSet<String>, bool)>,
    fired: BTreeMap<String, BTreeSet<String>>,
}

/// Serves a scenario, scans it once, deeply, and draws conclusions from what was kept.
async fn concluded(scenario: &str, servers: usize, seed: u64) -> anyhow::Result<(Vec<Value>, Concluded)> {
    let simulation = Simulation::start(scenario, Some(servers), seed)?;
    let (seeds, archive) = (simulation.path("seeds.txt")?, simulation.path("archive")?);
    let mut scan = Command::new(env!("CARGO_BIN_EXE_observatory"));
    scan.args(["scan", "--network", "regtest", "--seeds", &seeds, "--archive", &archive]);
    let resolver = simulation.resolver()?;
    let scan =
        scan.args(["--resolver", &resolver, "--profile", "deep", "--allow-private", "--json"]).output()?;
    ensure!(scan.status.success(), "{scenario}: {}", String::from_utf8_lossy(&scan.stderr));
    let mut visits: Vec<Visit> = Archive::open(&archive)?.read().try_collect().await?;
    visits.sort_by_key(|visit| visit.started_at);
    let knowledge = Knowledge::embedded()?;
    let dossiers = of_visits(&visits, &knowledge)?;
    let truths = simulation.truths()?;
    ensure!(simulation.end()?, "{scenario} did not end well");
    let concluded = conclude(&dossiers, &knowledge).by_the_names_of(&truths);
    Ok((truths, concluded))
}

impl Concluded {
    /// The same, where a server of several hosts is called by the host that its truth calls it by.
    fn by_the_names_of(self, truths: &[Value]) -> Self {
        let name = |known: String| {
            let is_it = |truth: &&Value| {
                truth["hosts"].as_array().is_some_and(|hosts| hosts.iter().any(|host| *host == *known))
            };
            truths.iter().find(is_it).and_then(|truth| truth["server"].as_str()).unwrap_or(&known).to_owned()
        };
        let group = |(members, declared): (BTreeSet<String>, bool)| {
            (members.into_iter().map(name).collect(), declared)
        };
        Self {
            groups: self.groups.into_iter().map(group).collect(),
            fired: self.fired.into_iter().map(|(server, fired)| (name(server), fired)).collect(),
        }
    }
}

fn conclude(dossiers: &BTreeMap<Host, Dossier>, knowledge: &Knowledge) -> Concluded {
    let survey = Survey::of(
        Network::Regtest,
        server::join(dossiers),
        knowledge,
        &Context { previous: &[], system: &|_| None },
    );
    let published = survey.attribution.groups.iter().map(|group| group.published(&survey.servers));
    let groups = published.map(|group| (group.members.into_iter().collect(), group.declared)).collect();
    let fired = (0..survey.servers.len()).map(|place| {
        let case = Case { survey: &survey, place };
        let findings = indicators::catalogue().filter_map(|definition| definition.finding(&case));
        (case.server().name(), findings.map(|finding| finding.indicator.to_string()).collect())
    });
    Concluded { groups, fired: fired.collect() }
}

/// The operators of more than one server, largest first.
fn operators(truths: &[Value]) -> Vec<BTreeSet<String>> {
    let mut operators: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for truth in truths {
        let [operator, server] = ["operator", "server"].map(|key| truth[key].as_str().unwrap_or_default());
        operators.entry(operator).or_default().insert(server.to_owned());
    }
    operators.into_values().filter(|servers| servers.len() > 1).collect()
}

#[tokio::test]
async fn homes_that_follow_one_guide_are_strangers() -> anyhow::Result<()> {
    let (truths, concluded) = concluded("n2-monoculture", 30, 9_301).await?;
    ensure!(operators(&truths).is_empty() && concluded.groups.is_empty(), "{:?}", concluded.groups);
    // A certificate of one's own making is normal; nothing else may be said of them.
    let said: BTreeSet<_> = concluded.fired.values().flatten().map(String::as_str).collect();
    ensure!(said.is_subset(&BTreeSet::from(["I25"])), "{said:?}");
    Ok(())
}

#[tokio::test]
async fn a_declared_pair_is_two_servers_that_are_linked() -> anyhow::Result<()> {
    let (truths, concluded) = concluded("n3-pair", 10, 9_302).await?;
    let [(pair, declared)] = &concluded.groups[..] else { anyhow::bail!("{:?}", concluded.groups) };
    ensure!(operators(&truths) == [pair.clone()] && *declared, "{pair:?}");
    for server in pair {
        let fired = concluded.fired.get(server).context("two servers")?;
        ensure!(!["I17", "I23", "I33"].iter().any(|indicator| fired.contains(*indicator)), "{fired:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_fleet_is_one_group_and_says_nothing_of_it() -> anyhow::Result<()> {
    let (truths, concluded) = concluded("x4-fleet", 40, 9_303).await?;
    let [(fleet, declared)] = &concluded.groups[..] else { anyhow::bail!("{:?}", concluded.groups) };
    ensure!(operators(&truths) == [fleet.clone()] && !declared, "{fleet:?}");
    for (server, fired) in &concluded.fired {
        for indicator in ["I24", "I33"] {
            ensure!(fired.contains(indicator) == fleet.contains(server), "{server}: {fired:?}");
        }
    }
    Ok(())
}

/// Within one block there is not enough to link them. What is never right is to take a stranger for one of them.
#[tokio::test]
async fn brands_and_circles_are_not_mixed_with_strangers() -> anyhow::Result<()> {
    for (scenario, seed) in [("x5-brands", 9_304), ("x16-eclipse", 9_305)] {
        let (truths, concluded) = concluded(scenario, 30, seed).await?;
        let [operator] = &operators(&truths)[..] else {
            anyhow::bail!("{scenario} has one operator of several")
        };
        for (group, _) in &concluded.groups {
            ensure!(group.is_subset(operator), "{scenario}: {group:?}");
        }
        let honest = concluded.fired.iter().filter(|(server, _)| !operator.contains(*server));
        for (server, fired) in honest {
            ensure!(
                !["I17", "I22", "I33"].iter().any(|indicator| fired.contains(*indicator)),
                "{server}: {fired:?}"
            );
        }
    }
    Ok(())
}
