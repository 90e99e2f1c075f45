//! The program names the software of every server that was captured, from bytes alone: the captures answer
//! again, as they are and claiming to be something else.

mod support;

use std::{path::Path, time::Duration};

use analyzer::{
    capture::Capture,
    identify::{Identified, Version},
};
use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use support::{command::scan, loopback, replay::Replay, wire::Listening};

/// Six seconds a visit, for those that answer once a second, in a debug build on a busy machine.
const BOUND: Duration = Duration::from_secs(300);
const CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../analyzer/captures");

/// What `--json` says of the software.
fn identified(row: &Value) -> anyhow::Result<Option<Identified>> {
    let implementation = &row["implementation"];
    let found = &implementation["identified"];
    if found.is_null() {
        return Ok(None);
    }
    // "0" stands for: from the first version on.
    let version = |key: &str| found[key].as_str().filter(|text| *text != "0").and_then(Version::read);
    ensure!(found["min"].is_string(), "{implementation}");
    Ok(Some(Identified {
        name: found["name"].as_str().context("a name")?.to_owned(),
        min: version("min"),
        max: version("max"),
        confidence: implementation["confidence"].as_f64().context("a confidence")?,
    }))
}

fn is_right(found: &Identified, capture: &Capture) -> bool {
    found.name == capture.name
        && found.min.as_ref().is_none_or(|min| *min <= capture.version)
        && found.max.as_ref().is_none_or(|max| *max >= capture.version)
        && found.confidence >= 0.5
}

/// One of a captured server's lives: which it was, what it claims, where it answers.
struct Life {
    capture: Capture,
    claim: String,
    server: Listening,
}

/// Every captured server twice: as it was, and claiming to be another.
async fn replay(group: u8) -> anyhow::Result<Vec<Life>> {
    let captures = Capture::read_all(Path::new(CAPTURES))?;
    let mut lives = Vec::new();
    for (number, capture) in (0_u16..).zip(&captures) {
        let other = &captures[(usize::from(number) + captures.len() / 2) % captures.len()];
        let claim = format!("{} {}", other.name, other.version);
        let (honest, liar) = (Replay::new(capture.clone()), Replay::new(capture.clone()).claiming(&claim));
        let server = honest.start(loopback(group, number * 2)).await?;
        lives.push(Life { capture: capture.clone(), claim: String::new(), server });
        let server = liar.start(loopback(group, number * 2 + 1)).await?;
        lives.push(Life { capture: capture.clone(), claim, server });
    }
    Ok(lives)
}

/// Scans all lives, prints who was taken for what, and fails with all that is wrong.
#[expect(clippy::print_stdout, reason = "the confusion table is what people look at")]
async fn every_life_is_named(group: u8, more: &[&str]) -> anyhow::Result<()> {
    let lives = replay(group).await?;
    let folder = tempfile::tempdir()?;
    let endpoints: Vec<_> = lives.iter().flat_map(|life| life.server.endpoints.clone()).collect();
    let arguments: Vec<&str> =
        ["--allow-private", "--no-peers", "--json"].iter().chain(more).copied().collect();
    let run = scan(folder.path(), &endpoints, &arguments, BOUND).await?;
    let rows = run.by_server()?;
    let mut wrong = Vec::new();
    println!("{:24}{:24}{:30}confidence", "captured", "claims", "speaks like");
    for Life { capture, claim, server } in &lives {
        let row = rows.get(&server.host()).context("a row")?;
        ensure!(row["outcome"] == "answered", "{row}");
        let claimed = row["implementation"]["claimed"].as_str().context("a claim")?;
        ensure!(claimed.starts_with(claim.as_str()), "{claimed:?} is not {claim:?}");
        let found = identified(row)?;
        let speaks = found.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string);
        let confidence = found.as_ref().map_or(0.0, |found| found.confidence);
        let captured = format!("{} {}", capture.name, capture.version);
        let said: String = claimed.chars().take(22).collect();
        println!("{captured:24}{said:24}{speaks:30}{confidence:.3}");
        if !found.is_some_and(|found| is_right(&found, capture)) {
            wrong.push(format!("{captured} claiming {claimed}: {speaks}"));
        }
    }
    run.without(&wrong)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_light_visit_names_every_captured_server_whatever_it_claims() -> anyhow::Result<()> {
    every_life_is_named(13, &[]).await
}

/// The objects of the chain that most captures are of; what a capture does not know, it answers as it did for
/// objects of its own.
fn objects() -> anyhow::Result<Value> {
    let chain: Value = serde_json::from_slice(&std::fs::read(Path::new(CAPTURES).join("chain.json"))?)?;
    let output = |kind: &str| {
        let address = chain["addrs"][kind][0].as_str().context("an address")?;
        let (transaction, script) = (&chain["conf_tx"], &chain["spk"][address]);
        anyhow::Ok(json!({
            "kind": kind, "script": script, "txid": transaction["txid"], "height": transaction["height"],
            "position": transaction["pos"], "levels": 2, "history": 3,
        }))
    };
    Ok(json!({ "outputs": [output("p2pkh")?, output("p2wpkh")?, output("p2tr")?] }))
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_visits_name_every_captured_server_whatever_it_claims() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("objects.json");
    std::fs::write(&file, objects()?.to_string())?;
    let file = file.to_str().context("a path in UTF-8")?;
    every_life_is_named(14, &["--profile", "deep", "--objects", file]).await
}
