//! Simulated networks, scanned by the real program: what it says of honest servers must be true.

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use support::simulation::{Simulation, truths};

fn observatory(arguments: &[&str]) -> anyhow::Result<Output> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_observatory"));
    Ok(command.args(arguments).env("NO_COLOR", "1").output()?)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn version(text: &str) -> Vec<u32> {
    text.split('.').map_while(|part| part.parse().ok()).collect()
}

/// What a row says of a server that has nothing to hide, if that is wrong.
fn wrong(truth: &Value, row: &Value) -> Option<String> {
    let identified = &row["implementation"]["identified"];
    if row["outcome"] != "answered" {
        return Some(format!("{truth}: {row}"));
    }
    if identified.is_null() {
        return None;
    }
    let is = version(text(&truth["version"]));
    let fits = identified["name"] == truth["implementation"]
        && version(text(&identified["min"])) <= is
        && identified["max"].as_str().is_none_or(|max| is <= version(max));
    (!fits).then(|| format!("{truth}: {identified}"))
}

/// The first seconds of the world, in which a test looks at it.
const LOOKED_AT: u64 = 600;

/// Whether a server is there from the beginning.
fn is_there(truth: &Value) -> bool {
    truth["exists"]["from"].as_u64().is_none_or(|from| from == 0)
}

/// Whether a server is up while a test looks.
fn is_up(truth: &Value) -> bool {
    let meets = |outage: &Value| {
        outage["from"].as_u64() < Some(LOOKED_AT) && outage["until"].as_u64().is_none_or(|until| until > 0)
    };
    !truth["outages"].as_array().is_some_and(|outages| outages.iter().any(meets))
}

fn scanned(name: &str, seed: u64) -> anyhow::Result<Vec<String>> {
    let simulation = Simulation::start(name, Some(12), seed)?;
    let (seeds, archive) = (simulation.path("seeds.txt")?, simulation.path("archive")?);
    let resolver = simulation.resolver()?;
    let scan = observatory(&[
        "scan",
        "--network",
        "regtest",
        "--seeds",
        &seeds,
        "--archive",
        &archive,
        "--allow-private",
        "--resolver",
        &resolver,
        "--json",
    ])?;
    ensure!(scan.status.success(), "{name}: {}", String::from_utf8_lossy(&scan.stderr));
    let rows: Vec<Value> =
        serde_json::Deserializer::from_slice(&scan.stdout).into_iter().collect::<Result<_, _>>()?;
    let rows: BTreeMap<&str, &Value> = rows.iter().map(|row| (text(&row["server"]), row)).collect();
    let truths: Vec<Value> = simulation.truths()?.into_iter().filter(is_there).collect();
    let hosts = |truth| -> &[Value] { Value::as_array(truth).map_or(&[], Vec::as_slice) };
    let everybody: BTreeSet<&str> =
        truths.iter().flat_map(|truth| hosts(&truth["hosts"])).map(text).collect();
    ensure!(rows.keys().copied().collect::<BTreeSet<_>>() == everybody, "{name}: {:?}", rows.keys());
    let honest = truths
        .iter()
        .filter(|truth| is_up(truth))
        .filter(|truth| truth["claims"].is_null() && truth["expected"].as_array().is_some_and(Vec::is_empty));
    let complaints: Vec<String> = honest
        .filter_map(|truth| wrong(truth, rows.get(text(&truth["server"]))?))
        .map(|complaint| format!("{name}: {complaint}"))
        .collect();
    // Who speaks in another's name is named by how it speaks, or not at all.
    for truth in truths.iter().filter(|truth| truth["claims"].is_string()) {
        let row = rows.get(text(&truth["server"])).context("a row")?;
        let implementation = &row["implementation"];
        ensure!(implementation["claimed"] == truth["claims"], "{name}: {row}");
        ensure!(wrong(truth, row).is_none(), "{name}: {truth}: {row}");
    }
    ensure!(simulation.end()?, "{name} did not end well");
    Ok(complaints)
}

#[test]
fn every_scenario_is_served_and_scanned() -> anyhow::Result<()> {
    let list = observatory(&["simulate", "--list"])?;
    let list = String::from_utf8(list.stdout)?;
    let names: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    ensure!(names.contains(&"mixed-2026") && names.contains(&"n1-passive-logger"), "{names:?}");
    // Who attacks does not answer; hostile_network.rs scans that one.
    let names = names.iter().filter(|name| **name != "hostile");
    // A few at once: most of the time is spent waiting for servers that take theirs.
    for several in names.zip(9_100..).collect::<Vec<_>>().chunks(4) {
        let complaints: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                several.iter().map(|(name, seed)| scope.spawn(move || scanned(name, *seed))).collect();
            let ended = threads.into_iter().map(|thread| thread.join().expect("no panic"));
            Ok::<_, anyhow::Error>(ended.collect::<Result<Vec<_>, _>>()?.concat())
        })?;
        ensure!(complaints.is_empty(), "{}", complaints.join("\n"));
    }
    Ok(())
}

#[test]
fn a_demonstration_leaves_everything_behind() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("demo");
    let out = out.to_str().context("a path in UTF-8")?;
    let arguments = ["demo", "--scenario", "x13-spoofer", "--seed", "9200", "--servers", "5", "--out", out];
    let demo = observatory(&arguments)?;
    let (said, noted) = (String::from_utf8(demo.stdout)?, String::from_utf8(demo.stderr)?);
    ensure!(demo.status.success(), "{noted}");
    let servers = truths(Path::new(out))?.len();
    ensure!(said.contains(&format!("{servers} servers, {servers} answered")), "{said}");
    let found = said.lines().find(|line| line.contains("suspicious")).context("a table of findings")?;
    ensure!(found.contains("I10 It calls itself ElectrumX 1.20.0"), "{said}");
    ensure!(noted.contains("listen after") && noted.contains("truth.json"), "{noted}");
    for name in ["archive", "seeds.txt", "truth.json", "geo.mmdb", "asn.mmdb", "report/index.html"] {
        ensure!(Path::new(out).join(name).exists(), "{name}");
    }
    let other = observatory(&["demo", "--scenario", "x13-spoofer", "--seed", "9201", "--out", out])?;
    let said = String::from_utf8(other.stderr)?;
    ensure!(other.status.code() == Some(2) && said.contains("another network"), "{said}");
    // The databases are those that a plan reads.
    let [seeds, asn] = ["seeds.txt", "asn.mmdb"].map(|name| format!("{out}/{name}"));
    let plan = observatory(&[
        "plan",
        "--network",
        "regtest",
        "--seeds",
        &seeds,
        "--allow-private",
        "--geoip",
        &asn,
        "--json",
    ])?;
    ensure!(plan.status.success(), "{}", String::from_utf8_lossy(&plan.stderr));
    let plan: Value = serde_json::from_slice(&plan.stdout)?;
    let placed: u64 =
        plan["by_as"].as_array().context("ASes")?.iter().filter_map(|row| row["servers"].as_u64()).sum();
    ensure!(placed == servers as u64, "{plan}");
    Ok(())
}

#[test]
fn what_is_no_scenario_is_told_by_exit_code_2() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("mine.toml");
    fs::write(&file, "title = \"t\"\nprose = \"p\"\ncolour = \"red\"\n")?;
    let file = file.to_str().context("a path in UTF-8")?;
    for (scenario, words) in
        [("x99-nothing", &["x99-nothing", "mixed-2026"][..]), (file, &["mine.toml", "line 3", "colour"])]
    {
        for command in ["simulate", "demo"] {
            let output = observatory(&[command, "--scenario", scenario, "--out", "/nowhere"])?;
            let said = String::from_utf8(output.stderr)?;
            ensure!(
                output.status.code() == Some(2) && words.iter().all(|word| said.contains(word)),
                "{said}"
            );
        }
    }
    Ok(())
}
