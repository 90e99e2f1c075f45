//! From a simulated history to findings that a stranger can check: simulate --archive, analyze, verify, replay.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context as _, ensure};
use serde_json::Value;

fn observatory(arguments: &[&str]) -> anyhow::Result<Output> {
    Ok(Command::new(env!("CARGO_BIN_EXE_observatory")).args(arguments).env("NO_COLOR", "1").output()?)
}

fn must(arguments: &[&str]) -> anyhow::Result<String> {
    let output = observatory(arguments)?;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Every file of a folder, by its path in it.
fn files(folder: &Path) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name().into_string()))?;
        let name = name.map_err(|name| anyhow::anyhow!("{name:?}"))?;
        if path.is_dir() {
            all.extend(files(&path)?.into_iter().map(|(below, bytes)| (format!("{name}/{below}"), bytes)));
        } else {
            all.insert(name, fs::read(&path)?);
        }
    }
    Ok(all)
}

/// A history of three days in a folder, and where its archive is.
fn history(folder: &Path, scenario: &str) -> anyhow::Result<String> {
    let path = |name: &str| folder.join(name).to_str().map(str::to_owned).context("UTF-8");
    let (archive, network) = (path("archive")?, path("net")?);
    must(&[
        "simulate",
        "--scenario",
        scenario,
        "--days",
        "3",
        "--profile",
        "deep",
        "--archive",
        &archive,
        "--out",
        &network,
    ])?;
    Ok(archive)
}

#[test]
fn a_history_is_the_same_to_the_byte_and_so_is_what_follows_from_it() -> anyhow::Result<()> {
    let folders = [tempfile::tempdir()?, tempfile::tempdir()?];
    // From the notes beside the visits, and from the visits themselves.
    for (folder, how) in folders.iter().zip([&[][..], &["--notes", "ignore"]]) {
        let archive = history(folder.path(), "x9-fee-burn")?;
        let report = folder.path().join("report").to_str().context("UTF-8")?.to_owned();
        must(&[&["analyze", "--archive", &archive, "--out", &report, "--wallets", "50"], how].concat())?;
    }
    // Notes that are gone are written again, and are the same.
    let archive = folders[1].path().join("archive");
    for name in files(&archive)?.keys().filter(|name| name.contains(".notes-")) {
        fs::remove_file(archive.join(name))?;
    }
    let (elsewhere, archive) = (tempfile::tempdir()?, archive.to_str().context("UTF-8")?);
    let report = elsewhere.path().to_str().context("UTF-8")?;
    must(&["analyze", "--archive", archive, "--out", report, "--wallets", "50", "--notes", "keep"])?;

    let [one, other] = [files(folders[0].path())?, files(folders[1].path())?];
    ensure!(one.keys().eq(other.keys()), "{:?} and {:?}", one.keys(), other.keys());
    let differing: Vec<&String> = one.keys().filter(|name| one.get(*name) != other.get(*name)).collect();
    ensure!(differing.is_empty(), "{differing:?}");
    let of_the_last_day: Vec<&String> =
        one.keys().filter(|name| name.starts_with("archive/visits/2026-01-03/")).collect();
    let noted = of_the_last_day.iter().filter(|name| name.contains(".notes-")).count();
    ensure!(noted > 0 && of_the_last_day.len() == 2 * noted, "{of_the_last_day:?}");
    for name in [
        "index.html",
        "summary.json",
        "assessments.json",
        "groups.json",
        "servers.csv",
        "servers.parquet",
        "visits.parquet",
        "map.svg",
        "figures/operators.svg",
    ] {
        ensure!(one.contains_key(&format!("report/{name}")), "{name} is not in {:?}", one.keys());
    }
    Ok(())
}

#[test]
fn a_finding_is_proved_to_whoever_has_the_archive() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let archive = history(folder.path(), "x9-fee-burn")?;
    let report = folder.path().join("report").to_str().context("UTF-8")?.to_owned();
    let table = must(&["analyze", "--archive", &archive, "--out", &report, "--wallets", "50"])?;
    let assessments: Vec<Value> =
        serde_json::from_slice(&fs::read(folder.path().join("report/assessments.json"))?)?;
    let dishonest: Vec<&Value> =
        assessments.iter().filter(|assessment| assessment["level"] == "dishonest").collect();
    let [burner] = dishonest[..] else { anyhow::bail!("{dishonest:#?}") };
    let server = burner["server"].as_str().context("a name")?;
    ensure!(table.contains(server) && table.contains("dishonest"), "{table}");
    let findings = burner["findings"].as_array().context("findings")?;
    let hard = findings.iter().find(|finding| finding["tier"] == "hard").context("a hard finding")?;
    ensure!(hard["indicator"] == "I6", "{hard}");
    let digest = hard["evidence"][0].as_str().context("a digest")?;

    let proof = must(&["verify", digest, "--archive", &archive])?;
    ensure!(proof.contains("FAILS") && proof.contains("Verdict: what it said is not so."), "{proof}");
    ensure!(must(&["verify", &digest[..12], "--archive", &archive])? == proof, "twelve digits will do");
    let nothing = observatory(&["verify", &"0".repeat(64), "--archive", &archive])?;
    ensure!(nothing.status.code() == Some(2), "{nothing:?}");

    let line = must(&["replay", server, "--archive", &archive, "--against", &report])?;
    ensure!(serde_json::from_str::<Value>(&line)? == *burner, "{line}");
    let changed =
        fs::read_to_string(folder.path().join("report/assessments.json"))?.replace("\"I6\"", "\"I5\"");
    fs::write(folder.path().join("report/assessments.json"), changed)?;
    let differs = observatory(&["replay", server, "--archive", &archive, "--against", &report])?;
    ensure!(differs.status.code() == Some(1), "{differs:?}");
    Ok(())
}

#[test]
fn what_must_be_found_is_and_the_honest_have_peace() -> anyhow::Result<()> {
    let scenarios =
        ["x3-lapsed-name", "x5-brands", "x6-omission", "n3-pair", "n5-reorg-lag", "n7-same-datacentre"];
    let named: Vec<&str> = scenarios.iter().flat_map(|name| ["--scenario", name]).collect();
    let table = must(&[&["evaluate", "--seeds", "1"], &named[..]].concat())?;
    for name in scenarios {
        ensure!(table.contains(&format!("| {name} | 1 |")), "{table}");
    }
    Ok(())
}

#[test]
fn a_history_is_not_written_over_another() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let archive = history(folder.path(), "x9-fee-burn")?;
    let before = files(Path::new(&archive))?;
    let net = folder.path().join("other").to_str().context("UTF-8")?.to_owned();
    let again = observatory(&["simulate", "--every", "6h", "--archive", &archive, "--out", &net])?;
    let said = String::from_utf8(again.stderr)?;
    ensure!(again.status.code() == Some(2) && said.contains("it has visits already"), "{said}");
    ensure!(files(Path::new(&archive))? == before, "nothing changed");
    Ok(())
}

#[test]
fn an_archive_without_visits_is_a_wrong_argument() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let empty = folder.path().to_str().context("UTF-8")?;
    let output = observatory(&["analyze", "--archive", empty, "--out", empty])?;
    ensure!(output.status.code() == Some(2), "{output:?}");
    ensure!(String::from_utf8_lossy(&output.stderr).contains("no visits"), "{output:?}");
    Ok(())
}
