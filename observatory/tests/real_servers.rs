//! The program against servers that others wrote: bitcoind and ElectrumX (and electrs where it is built)
//! on a regtest chain.

mod support;

use std::{collections::HashMap, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, ensure};
use electrum::Endpoint;
use futures_util::TryStreamExt as _;
use model::{Archive, Outcome, Visit};
use serde_json::Value;
use support::lab::{Lab, RealServer};

const BOUND: Duration = Duration::from_secs(60);

async fn visits(folder: &Path) -> anyhow::Result<Vec<Visit>> {
    let archive = Archive::open(folder.join("archive").to_str().context("a path in UTF-8")?)?;
    Ok(archive.read().try_collect().await?)
}

/// The results of a probe's answers, in the order of its calls.
fn results(visit: &Visit, probe: &str) -> anyhow::Result<Vec<Value>> {
    let of_probe = visit.exchanges.iter().filter(|exchange| exchange.probe == probe);
    of_probe
        .map(|exchange| {
            let reply = exchange.answer.as_ref().with_context(|| format!("{probe} has no answer"))?;
            let answer: Value = serde_json::from_slice(reply.response.bytes())?;
            answer.get("result").cloned().with_context(|| format!("{probe}: {answer}"))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn real_servers_are_measured_over_tcp_and_tls() -> anyhow::Result<()> {
    let lab = tokio::task::spawn_blocking(Lab::start).await??;
    let servers = lab.servers()?;
    let folder = tempfile::tempdir()?;
    let endpoints: Vec<Endpoint> = servers.iter().flat_map(RealServer::endpoints).collect();
    let run =
        support::command::scan(folder.path(), &endpoints, &["--allow-private", "--json"], BOUND).await?;
    let rows = run.by_server()?;
    ensure!(rows.len() == servers.len(), "{rows:?}");

    let visits = visits(folder.path()).await?;
    ensure!(visits.len() == endpoints.len(), "{} visits", visits.len());
    let by_endpoint: HashMap<_, _> = visits.iter().map(|visit| (&visit.endpoint, visit)).collect();
    for server in &servers {
        let row = rows.get(&server.host).context("a row")?;
        check_row(row, server, &lab).with_context(|| format!("{row}"))?;
        for endpoint in server.endpoints() {
            let visit = by_endpoint.get(&endpoint).with_context(|| format!("no visit to {endpoint}"))?;
            check_visit(visit, server, &lab).with_context(|| format!("{endpoint}: {}", server.version))?;
        }
    }
    Ok(())
}

fn check_row(row: &Value, server: &RealServer, lab: &Lab) -> anyhow::Result<()> {
    ensure!(row["outcome"] == "answered");
    let claimed = row["implementation"]["claimed"].as_str().context("a claim")?;
    ensure!(claimed.starts_with(&server.implementation) && claimed.contains(&server.version), "{claimed}");
    server.check_identified(&row["implementation"])?;
    ensure!(row["tip"]["height"] == lab.facts["tip"]["height"]);
    ensure!(row["tip"]["hash"] == lab.facts["tip"]["hash"]);
    ensure!(row["protocol"][0] == "1.4");
    ensure!(row["latency_ms"].as_f64().context("a latency")? > 0.0);
    if let Some((_, name)) = &server.tls {
        let tls = &row["tls"];
        ensure!(tls["subject"].as_str().context("a subject")?.contains(name.as_str()), "{tls}");
        ensure!(tls["self_signed"] == true && tls["version"] == "TLSv1.3", "{tls}");
    }
    Ok(())
}

fn check_visit(visit: &Visit, server: &RealServer, lab: &Lab) -> anyhow::Result<()> {
    ensure!(visit.outcome == Outcome::Answered, "{:?} {:?}", visit.outcome, visit.detail);
    ensure!(visit.unasked.count == 0 && visit.cost > 5.0 && visit.cost < 60.0, "{}", visit.cost);
    ensure!(visit.exchanges.iter().all(|exchange| exchange.answer.is_some()), "everything is answered");
    ensure!(results(visit, "M1")?[0]["genesis_hash"] == lab.facts["genesis"]);
    // One is enough of a server that keeps every answer for a second; later versions send the first at once.
    let pings = if server.version == "1.18.0" { 1 } else { 5 };
    ensure!(results(visit, "M5")?.len() == pings);
    // Nobody ever paid to the control script hash: no status, no balance, no history.
    let control = results(visit, "S1")?;
    ensure!(
        control[0].is_null() && control[1]["confirmed"] == 0 && control[2] == Value::Array(vec![]),
        "{control:?}"
    );
    let headers = results(visit, "C2")?;
    let genesis = headers.first().and_then(Value::as_str).context("a header")?;
    let genesis = electrum::proof::header::decode(genesis)?;
    ensure!(genesis.block_hash().to_string() == lab.text("/genesis")?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_loses_nothing_and_a_second_run_appends() -> anyhow::Result<()> {
    let lab = tokio::task::spawn_blocking(|| Lab::start_with(&["--electrumx", "1.17.0"])).await??;
    let servers = lab.servers()?;
    let folder = tempfile::tempdir()?;
    let archive = folder.path().join("archive");
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_observatory"));
        command
            .args(["scan", "--network", "regtest", "--allow-private", "--json", "--archive"])
            .arg(&archive);
        command.args(["--server", &servers[0].tcp.to_string()]).args(more);
        command.stdout(std::process::Stdio::piped());
        command
    };
    let child = run(&["--rounds", "1000", "--interval", "200ms"]).spawn()?;
    std::thread::sleep(Duration::from_millis(1_500));
    ensure!(Command::new("kill").args(["-INT", &child.id().to_string()]).status()?.success());
    let output = child.wait_with_output()?;
    ensure!(output.status.code() == Some(0), "{}", output.status);
    let row: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(row["outcome"] == "answered", "{row}");
    let first = visits(folder.path()).await?;
    ensure!(first.len() >= 2, "{} visits in 1.5 s of a round each 0.2 s", first.len());

    ensure!(run(&[]).output()?.status.success());
    let second = visits(folder.path()).await?;
    ensure!(second.len() == first.len() + 1 && second[..first.len()] == first[..]);
    Ok(())
}

#[test]
fn wrong_usage_is_told_in_one_line_and_by_exit_code_2() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    for (arguments, word) in [
        (&["scan", "--network", "mainnet"][..], "--contact"),
        (&["scan", "--network", "regtest", "--seeds", "/nowhere/seeds"], "/nowhere/seeds"),
        (&["scan", "--network", "regtest", "--exclude", "not a rule"], "exclusions"),
        (&["scan", "--network", "mars"], "mars"),
        (&["scan", "--network", "regtest", "--server", "127.0.0.1"], "127.0.0.1"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_observatory"))
            .args(arguments)
            .args(["--archive"])
            .arg(folder.path())
            .output()?;
        let said = String::from_utf8(output.stderr)?;
        ensure!(
            output.status.code() == Some(2) && said.contains(word),
            "{arguments:?}: {} {said}",
            output.status
        );
    }
    Ok(())
}
