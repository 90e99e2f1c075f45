//! The program names the software of every server that was captured, from bytes alone: the captures answer
//! again, as they are and claiming to be something else.

mod support;

use std::{path::Path, time::Duration};

use analyzer::{
    capture::Capture,
    identify::{Identified, Version},
};
use anyhow::{Context as _, ensure};
use serde_json::Value;
use support::{command::scan, loopback, replay::Replay, wire::Listening};

/// Six seconds a visit, for those that answer once a second, in a debug build on a busy machine.
const BOUND: Duration = Duration::from_secs(120);

fn captures() -> anyhow::Result<Vec<Capture>> {
    Ok(Capture::read_all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../analyzer/captures"))?)
}

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

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "the confusion table is what people look at")]
async fn every_captured_server_is_named_whatever_it_claims() -> anyhow::Result<()> {
    let captures = captures()?;
    let mut servers: Vec<(usize, String, Listening)> = Vec::new();
    for (number, capture) in (0_u16..).zip(&captures) {
        let index = usize::from(number);
        let other = &captures[(index + captures.len() / 2) % captures.len()];
        let claim = format!("{} {}", other.name, other.version);
        let honest = Replay::new(capture.clone());
        let liar = Replay::new(capture.clone()).claiming(&claim);
        servers.push((index, String::new(), honest.start(loopback(13, number * 2)).await?));
        servers.push((index, claim, liar.start(loopback(13, number * 2 + 1)).await?));
    }
    let folder = tempfile::tempdir()?;
    let endpoints: Vec<_> = servers.iter().flat_map(|(_, _, server)| server.endpoints.clone()).collect();
    let run = scan(folder.path(), &endpoints, &["--allow-private", "--no-peers", "--json"], BOUND).await?;
    let rows = run.by_server()?;
    let mut wrong = Vec::new();
    println!("{:24}{:24}{:40}confidence", "captured", "claims", "speaks like");
    for (index, claim, server) in &servers {
        let (capture, row) = (&captures[*index], rows.get(&server.host()).context("a row")?);
        ensure!(row["outcome"] == "answered", "{row}");
        let claimed = row["implementation"]["claimed"].as_str().context("a claim")?;
        ensure!(claimed.starts_with(claim.as_str()), "{claimed:?} is not {claim:?}");
        let found = identified(row)?;
        let speaks = found.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string);
        let confidence = found.as_ref().map_or(0.0, |found| found.confidence);
        let captured = format!("{} {}", capture.name, capture.version);
        println!(
            "{captured:24}{:24}{speaks:40}{confidence:.3}",
            claimed.chars().take(22).collect::<String>()
        );
        if !found.is_some_and(|found| is_right(&found, capture)) {
            wrong.push(format!("{captured} claiming {claimed}: {speaks}"));
        }
    }
    run.without(&wrong)
}
