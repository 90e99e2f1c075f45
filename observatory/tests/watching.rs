//! Watching real servers: two ElectrumX on one bitcoind and one on another, connected to the first. Every block
//! is seen at every server, and what the nodes estimate around it tells the two from the one.

mod support;

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use electrum::Transport;
use futures_util::TryStreamExt as _;
use model::{
    Archive, Outcome, Purpose, Visit,
    watch::{Sample, TipSeen, samples, tips},
};
use support::{
    chain::Chain,
    honest::Honest,
    lab::{Lab, RealServer},
    loopback,
};

const BOUND: Duration = Duration::from_secs(90);
/// Payments and blocks beforehand: a node estimates nothing until it has seen many confirmed.
const PRACTICE: usize = 30;
/// Blocks while the servers are watched, and the time between them: a server looks for blocks twice a second.
const BLOCKS: usize = 4;
const BETWEEN: Duration = Duration::from_secs(4);

/// A server, and what a watch saw of it.
struct Watched {
    name: String,
    node: u64,
    visit: Visit,
}

impl Watched {
    fn tips(&self) -> BTreeMap<String, TipSeen> {
        tips(&self.visit).into_iter().map(|seen| (seen.tip.hash.clone(), seen)).collect()
    }

    /// The samples taken last before and first after a block was told of.
    fn around(&self, seen: &TipSeen) -> [Option<Sample>; 2] {
        let all = samples(&self.visit);
        let (before, after): (Vec<_>, Vec<_>) = all.into_iter().partition(|sample| sample.at < seen.at);
        [before.into_iter().next_back(), after.into_iter().next()]
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_block_is_seen_at_every_server_and_the_nodes_show() -> anyhow::Result<()> {
    let lab = tokio::task::spawn_blocking(|| -> anyhow::Result<Lab> {
        let mut lab = Lab::start_with(&["--electrumx", "1.20.0,1.20.0,1.20.0@2"])?;
        for _ in 0..PRACTICE {
            lab.tell("pay 30")?;
            lab.tell("mine 1")?;
        }
        Ok(lab)
    });
    let mut lab = lab.await??;
    let servers = lab.servers()?;
    let folder = tempfile::tempdir()?;
    let endpoints: Vec<_> = servers.iter().flat_map(RealServer::endpoints).collect();
    let miner = tokio::task::spawn_blocking(move || -> anyhow::Result<Vec<String>> {
        let mut mined = Vec::new();
        // The scan itself takes a second or two.
        std::thread::sleep(BETWEEN * 2);
        for _ in 0..BLOCKS {
            lab.tell("pay 30")?;
            let block = lab.tell("mine 1")?["mined"][0].as_str().context("a block")?.to_owned();
            mined.push(block);
            std::thread::sleep(BETWEEN);
        }
        // The servers live until the watch is over.
        std::thread::sleep(BETWEEN * 3);
        Ok(mined)
    });
    let options = ["--allow-private", "--no-peers", "--watch", "26s"];
    let run = support::command::scan(folder.path(), &endpoints, &options, BOUND).await?;
    let mined = miner.await??;

    let watched = watched(folder.path(), &servers).await?;
    ensure!(watched.len() == servers.len(), "{} servers watched", watched.len());
    for server in &watched {
        let (visit, tips) = (&server.visit, server.tips());
        ensure!(visit.outcome == Outcome::Answered && visit.detail.is_none(), "{:?}", visit.detail);
        ensure!(visit.endpoint.transport.is_encrypted(), "watched where wallets connect");
        ensure!(mined.iter().all(|block| tips.contains_key(block)), "{}: {tips:?} of {mined:?}", server.name);
        // Nobody told of the script that nobody uses.
        ensure!(visit.unasked.count as usize == tips.len(), "{:?}", visit.unasked);
        ensure!(samples(visit).len() > BLOCKS, "one at first, and one after each block");
        ensure!(visit.cost < 150.0, "{} E", visit.cost);
    }
    for block in &mined {
        let after = |server: &Watched| -> anyhow::Result<String> {
            let [_, after] = server.around(&server.tips()[block]);
            Ok(fees(&after.context("a sample")?))
        };
        let [one, other, stranger] = &watched[..] else { anyhow::bail!("three servers") };
        ensure!(after(one)? == after(other)?, "two servers on one node say the same");
        ensure!(after(one)? != after(stranger)?, "one on another node does not");
    }
    let table = String::from_utf8(run.stdout)?;
    let summary = format!("{} servers watched, {BLOCKS} blocks told of", servers.len());
    ensure!(table.contains(&summary), "{table}");
    print(&markdown(&watched, &mined)?);
    Ok(())
}

#[expect(clippy::print_stdout, reason = "docs/probes.md shows this table")]
fn print(table: &str) {
    println!("{table}");
}

async fn visits(folder: &Path) -> anyhow::Result<Vec<Visit>> {
    let archive = Archive::open(folder.join("archive").to_str().context("a path in UTF-8")?)?;
    Ok(archive.read().try_collect().await?)
}

async fn watched(folder: &Path, servers: &[RealServer]) -> anyhow::Result<Vec<Watched>> {
    let watches = visits(folder).await?.into_iter().filter(|visit| visit.purpose == Purpose::Watch);
    let mut watched: Vec<Watched> = watches
        .map(|visit| {
            let host = visit.endpoint.host.to_string();
            let server = servers.iter().find(|server| server.host == host).context("a server of the lab")?;
            Ok(Watched { name: host, node: server.node, visit })
        })
        .collect::<anyhow::Result<_>>()?;
    watched.sort_by_key(|server| (server.node, server.name.clone()));
    Ok(watched)
}

/// What was seen of each block, server by server.
fn markdown(watched: &[Watched], mined: &[String]) -> anyhow::Result<String> {
    let mut text = String::from("| block | server | node | told at | sat/kvB before | after |\n");
    text.push_str("|---|---|---|---|---|---|\n");
    for block in mined {
        for server in watched {
            let tips = server.tips();
            let seen = tips.get(block).context("a block")?;
            let [before, after] = server.around(seen);
            writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} |",
                seen.tip.height,
                server.name,
                server.node,
                seen.at.strftime("%M:%S%.3f"),
                before.as_ref().map(fees).unwrap_or_default(),
                after.as_ref().map(fees).unwrap_or_default(),
            )?;
        }
    }
    Ok(text)
}

fn fees(sample: &Sample) -> String {
    let feerate = |estimate: &model::watch::Estimate| {
        estimate.feerate.map_or_else(|| "–".to_owned(), |feerate| feerate.to_string())
    };
    sample.fees.iter().map(feerate).collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_ends_a_watch_and_records_it() -> anyhow::Result<()> {
    let chain = Arc::new(Chain::mine(3));
    let server = Honest::new(&chain).start(loopback(41, 0), &[Transport::Tcp, Transport::Tls]).await?;
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_observatory"));
    command.args([
        "scan",
        "--network",
        "regtest",
        "--allow-private",
        "--json",
        "--watch",
        "12h",
        "--archive",
    ]);
    command.arg(folder.path().join("archive"));
    for endpoint in &server.endpoints {
        command.args(["--server", &endpoint.to_string()]);
    }
    let child = command.stdout(Stdio::piped()).spawn()?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    ensure!(Command::new("kill").args(["-INT", &child.id().to_string()]).status()?.success());
    let output = tokio::task::spawn_blocking(|| child.wait_with_output()).await??;
    ensure!(output.status.code() == Some(0), "{}", output.status);

    let row: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    ensure!(row["outcome"] == "answered" && row["watch"]["visits"] == 1, "{row}");
    let visits = visits(folder.path()).await?;
    let watches: Vec<_> = visits.iter().filter(|visit| visit.purpose == Purpose::Watch).collect();
    let [watch] = &watches[..] else { anyhow::bail!("{} watches", watches.len()) };
    ensure!(watch.outcome == Outcome::Answered && watch.detail.is_none(), "{:?}", watch.detail);
    ensure!(watch.endpoint.transport == Transport::Tls && samples(watch).len() == 1);
    ensure!(visits.len() == 3, "a light visit to each endpoint, and the watch");
    Ok(())
}
