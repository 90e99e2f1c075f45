//! What the ledger charges is what ElectrumX charges, and neither is more than the plan says.

mod support;

use std::{
    collections::{BTreeMap, HashSet},
    fmt::Write as _,
    net::SocketAddr,
    path::Path,
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use electrum::{Endpoint, message::Answer};
use futures_util::TryStreamExt as _;
use model::{Archive, Purpose, Visit};
use scanner::ledger::{Class, MOST_ERRORS};
use serde_json::Value;
use support::{
    forwarder::{Forwarder, Held},
    lab::{Lab, RealServer},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    sync::oneshot,
};

/// So many rounds play every card.
const ROUNDS: &str = "10";
const BOUND: Duration = Duration::from_secs(240);

/// Asks ElectrumX's administrator's port what a session has cost so far; none where it hung up.
async fn cost_of(session: SocketAddr, rpc: SocketAddr) -> anyhow::Result<Option<f64>> {
    let mut stream = BufReader::new(TcpStream::connect(rpc).await?);
    stream.write_all(b"{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"sessions\",\"params\":[]}\n").await?;
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let answer: Value = serde_json::from_str(&line)?;
    let rows = answer["result"].as_array().context("sessions")?;
    let row = rows.iter().find(|row| row[2] == session.to_string());
    row.map(|row| row[5].as_f64().context("a cost")).transpose()
}

/// Asks until the server has charged everything that it wrote.
async fn final_cost(held: &Held, rpc: SocketAddr) -> anyhow::Result<Option<f64>> {
    let mut cost = cost_of(held.address, rpc).await?;
    while cost.is_some() {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let again = cost_of(held.address, rpc).await?;
        if again <= cost {
            return Ok(again);
        }
        cost = again;
    }
    Ok(None)
}

/// One ElectrumX behind a forwarder, and what it says of each visit.
struct Account {
    version: String,
    endpoint: Endpoint,
    costs: tokio::task::JoinHandle<anyhow::Result<Vec<Option<f64>>>>,
    over: oneshot::Sender<()>,
}

impl Account {
    async fn open(number: u16, server: RealServer, rpc: u16) -> anyhow::Result<Self> {
        let at = |port: u16| anyhow::Ok(SocketAddr::new(server.host.parse()?, port));
        let (rpc, tcp) = (at(rpc)?, at(server.tcp.port.get())?);
        let mut forwarder = Forwarder::start(support::loopback(81, number), tcp).await?;
        let endpoint = forwarder.endpoint.clone();
        let (over, mut is_over) = oneshot::channel();
        let costs = tokio::spawn(async move {
            let mut costs = Vec::new();
            loop {
                let held = tokio::select! {
                    biased;
                    held = forwarder.held.recv() => held.context("it forwards")?,
                    _ = &mut is_over => return Ok(costs),
                };
                costs.push(final_cost(&held, rpc).await?);
            }
        });
        Ok(Self { version: server.version, endpoint, costs, over })
    }
}

async fn visits(folder: &Path) -> anyhow::Result<Vec<Visit>> {
    let archive = Archive::open(folder.join("archive").to_str().context("a path in UTF-8")?)?;
    Ok(archive.read().try_collect().await?)
}

/// What an ElectrumX has in mind until the next block. The ledger charges what it costs when it does not.
#[derive(Default)]
struct Memory(HashSet<String>);

impl Memory {
    /// What it saved the server in a visit that it had this in mind, in E.
    fn saved(&mut self, visit: &Visit) -> f64 {
        let answered = visit.exchanges.iter().filter(|exchange| exchange.answer.is_some());
        let saved = answered.map(|exchange| {
            let request: Value = serde_json::from_slice(exchange.request.bytes()).unwrap_or_default();
            let (about, saves) = match request["method"].as_str().unwrap_or_default() {
                "blockchain.estimatefee" => (format!("target {}", request["params"][0]), 2.0),
                "blockchain.scripthash.subscribe" => (format!("history {}", request["params"][0]), 0.1),
                "blockchain.transaction.id_from_pos" => (format!("block {}", request["params"][0]), 0.2),
                "blockchain.transaction.get_merkle" => (format!("block {}", request["params"][1]), 0.2),
                _ => return 0.0,
            };
            if self.0.insert(about) { 0.0 } else { saves }
        });
        saved.fold(0.0, |sum, saves| sum + saves)
    }
}

fn errors(visit: &Visit) -> usize {
    let answers = visit.exchanges.iter().filter_map(|exchange| exchange.answer.as_ref());
    answers.filter(|reply| matches!(Answer::read(reply.response.bytes()), Some(Answer::Error(_)))).count()
}

fn budget(purpose: &Purpose) -> f64 {
    match purpose {
        Purpose::Light | Purpose::Twin(_) => Class::Light.budget(),
        Purpose::ParseError => Class::ParseError.budget(),
        _ => Class::Deep.budget(),
    }
}

fn name(purpose: &Purpose) -> String {
    let kind = serde_json::to_value(purpose).unwrap_or_default();
    kind["kind"].as_str().unwrap_or_default().to_owned()
}

/// What the plan says of each server, in E a day.
fn planned(endpoints: &[Endpoint], more: &[&str]) -> anyhow::Result<BTreeMap<String, f64>> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_observatory"));
    command.args(["plan", "--network", "regtest", "--json", "--allow-private", "--archive"]);
    command.arg(folder.path()).args(more);
    command.args(endpoints.iter().map(|endpoint| format!("--server={endpoint}")));
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let plan: Value = serde_json::from_slice(&output.stdout)?;
    let servers = plan["by_server"].as_array().context("servers")?;
    let bound = |row: &Value| Some((row["server"].as_str()?.to_owned(), row["e_per_day"]["bound"].as_f64()?));
    servers.iter().map(|row| bound(row).context("a bound")).collect()
}

/// Scans the servers of a lab that have this version, or all.
async fn compare(
    lab: &Lab,
    version: Option<&str>,
    memories: &mut BTreeMap<String, Memory>,
    more: &[&str],
) -> anyhow::Result<String> {
    let mut accounts = Vec::new();
    let servers =
        lab.servers()?.into_iter().filter(|server| version.is_none_or(|only| server.version == only));
    for (number, server) in (0..).zip(servers) {
        if let Some(rpc) = server.rpc {
            accounts.push(Account::open(number, server, rpc).await?);
        }
    }
    ensure!(!accounts.is_empty(), "the lab has no ElectrumX");
    let endpoints: Vec<Endpoint> = accounts.iter().map(|account| account.endpoint.clone()).collect();
    let bounds = planned(&endpoints, more)?;
    let folder = tempfile::tempdir()?;
    let arguments = [&["--allow-private", "--json", "--no-peers"], more].concat();
    support::command::scan(folder.path(), &endpoints, &arguments, BOUND).await?;
    let visits = visits(folder.path()).await?;

    let mut table = String::from(
        "| ElectrumX | visit | errors | charged | saved by caches | ElectrumX says | difference |\n|---|---|---|---|---|---|---|\n",
    );
    let mut complaints = Vec::new();
    for account in accounts {
        let _ = account.over.send(());
        let costs = account.costs.await??;
        let mine: Vec<&Visit> = visits.iter().filter(|visit| visit.endpoint == account.endpoint).collect();
        ensure!(mine.len() == costs.len(), "{} visits, {} sessions", mine.len(), costs.len());
        let sum: f64 = mine.iter().map(|visit| visit.cost).sum();
        let bound = bounds.get(&account.endpoint.host.to_string()).context("a plan")?;
        ensure!(sum <= *bound, "{sum} E, planned at most {bound}");
        let memory = memories.entry(account.version.clone()).or_default();
        for (visit, said) in mine.into_iter().zip(costs) {
            let (saved, errors) = (memory.saved(visit), errors(visit));
            let charged = visit.cost;
            let difference = said.map(|said| (charged - saved - said) / said * 100.0);
            let row = format!(
                "| {} | {} | {errors} | {charged:.2} | {saved:.1} | {} | {} |",
                account.version,
                name(&visit.purpose),
                said.map_or("hung up".to_owned(), |said| format!("{said:.2}")),
                difference.map_or(String::new(), |percent| format!("{percent:+.1} %")),
            );
            writeln!(table, "{row}")?;
            let honest = match difference {
                Some(percent) => percent.abs() <= 5.0,
                // Of a session that is over it says nothing; only a wrong greeting ends one.
                None => visit.purpose == Purpose::Opening,
            };
            let modest = charged <= budget(&visit.purpose) && errors <= MOST_ERRORS as usize;
            if !honest || !modest {
                complaints.push(row);
            }
        }
    }
    ensure!(complaints.is_empty(), "{}\n\nof\n{table}", complaints.join("\n"));
    Ok(table)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_charges_what_electrumx_charges() -> anyhow::Result<()> {
    let lab = tokio::task::spawn_blocking(Lab::start).await??;
    let mut memories = BTreeMap::new();
    let light = ["--profile", "light", "--rounds", "2", "--interval", "0s"];
    let deep = ["--profile", "deep", "--rounds", "2", "--interval", "0s"];
    let light = compare(&lab, None, &mut memories, &light).await?;
    let two = compare(&lab, None, &mut memories, &deep).await?;
    // Later versions take their time; they charge alike.
    let whole_deck = ["--profile", "deep", "--rounds", ROUNDS, "--interval", "0s"];
    let all = compare(&lab, Some("1.17.0"), &mut memories, &whole_deck).await?;
    // For docs/probes.md: `cargo test --test plan_bound -- --nocapture`.
    #[expect(clippy::print_stdout, reason = "the figures are what this test is for")]
    {
        println!("{light}\n{two}\n{all}");
    }
    Ok(())
}
