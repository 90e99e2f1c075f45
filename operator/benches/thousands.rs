//! What ten thousand servers cost: the real program, a real API server, a real Redis, and visits in the stream.
//!
//! `cargo bench -p operator --bench thousands -- [--servers N] [--minutes N]` prints a Markdown table. All of them share
//! the machine's cores, so times are upper bounds; memory and processor time are the operator's alone.

#![allow(clippy::print_stdout, reason = "a table on standard output is what a bench is for")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    env,
    fmt::Display,
    fs,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use crds::ElectrumServer;
use kube::{Api, api::ListParams};
use model::{Purpose, Visit};
use serde_json::json;
use support::{
    Setting, metric,
    store::free_port,
    stream::{CAMPAIGN, acknowledged, exchange, put, visit},
};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::sleep,
};

/// The block of height 0, as a server tells of its tip.
const TIP: &str = r#"{"height":0,"hex":"0100000000000000000000000000000000000000000000000000000000000000000000003ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a29ab5f49ffff001d1dac2b7c"}"#;
const FEATURES: &str = r#"{"genesis_hash":"00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043","hosts":{"up.example.org":{"tcp_port":50001,"ssl_port":50002}},"protocol_max":"1.6","protocol_min":"1.4","pruning":null,"server_version":"ElectrumX 1.20.0","hash_function":"sha256"}"#;
const OPERATOR: &str = "operator";
/// One in so many changes.
const CHANGES: usize = 10;
const BOUND: Duration = Duration::from_secs(900);
/// How long what follows from a change may take: campaigns count their servers once a minute.
const SETTLES: Duration = Duration::from_secs(75);

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Options { servers, minutes } = Options::read()?;
    let changed = servers / CHANGES;
    let setting = Setting::new().await;
    setting.campaign("main", &json!({"discovery": {"maxServers": servers}})).await;
    println!("| {servers} servers, {changed} of which change | |\n|---|---:|");

    put(&setting.redis.redis(), (0..servers).map(|n| seen(n, true))).await;
    let began = Instant::now();
    let operator = Running::start(&setting).await?;
    operator.has_told(&setting, servers, servers).await?;
    row("seconds until all are told, from an empty cluster", began.elapsed().as_secs());
    row("writes for each of them", ratio(of_servers(&calls(&setting, 0, true)), servers));
    operator.weigh()?;

    let (before, began) = (calls(&setting, 0, false).len(), Instant::now());
    put(&setting.redis.redis(), (0..changed).map(|n| seen(n, false))).await;
    operator.has_told(&setting, servers + changed, servers - changed).await?;
    row("seconds until the changes are told", began.elapsed().as_secs());
    let made = calls(&setting, before, false);
    row("API calls of any kind for each change", ratio(made.len(), changed));
    row("of these to servers", ratio(of_servers(&made), changed));
    sleep(SETTLES).await;

    let before = calls(&setting, 0, true).len();
    for minute in 1..=minutes {
        let ends = Instant::now() + Duration::from_secs(60);
        put(&setting.redis.redis(), (0..servers).map(|n| seen(n, n >= changed))).await;
        operator.has_told(&setting, servers * (minute + 1) + changed, servers - changed).await?;
        sleep(ends.saturating_duration_since(Instant::now())).await;
    }
    let written = calls(&setting, before, true);
    row(
        "writes a minute to servers, where all are visited each minute",
        ratio(of_servers(&written), minutes),
    );
    row("writes a minute to anything else", ratio(written.len() - of_servers(&written), minutes));
    operator.weigh()
}

fn row(what: &str, figure: impl Display) {
    println!("| {what} | {figure} |");
}

fn ratio(count: usize, of: usize) -> String {
    format!("{:.2}", count as f64 / of as f64)
}

/// What the operator asked of the API server after so many calls, the Lease aside: everything, or only what changes
/// something.
fn calls(setting: &Setting, after: usize, only_writes: bool) -> Vec<String> {
    let reads = |verb: &str| ["get", "list", "watch"].contains(&verb);
    let mut calls =
        setting.calls(OPERATOR, |verb, resource| resource != "leases" && !(only_writes && reads(verb)));
    calls.split_off(after)
}

fn of_servers(calls: &[String]) -> usize {
    calls.iter().filter(|call| call.contains(" electrumservers/")).count()
}

/// A visit that asked what a status tells.
fn seen(number: usize, up: bool) -> Visit {
    let mut visit = visit(&format!("tcp://electrum-{number}.example.org:50001"), up, "peer:a.example");
    if up {
        visit.purpose = Purpose::Deep;
        visit.exchanges.extend([exchange("M1", FEATURES), exchange("C1", TIP)]);
    }
    visit
}

/// The operator as its Pod runs it.
struct Running {
    process: Child,
    address: SocketAddr,
}

impl Running {
    async fn start(setting: &Setting) -> anyhow::Result<Self> {
        let user = setting.user(OPERATOR).await;
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        // Whoever kills the bench kills its operator.
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", env!("CARGO_BIN_EXE_operator")])
            .args(["run", "--image", support::IMAGE, "--log", "warn", "--log-format", "text"])
            .args(["--redis", &format!("redis://127.0.0.1:{}", setting.redis.port())])
            .args(["--listen", &address.to_string()])
            .env("KUBECONFIG", user.kubeconfig())
            .kill_on_drop(true)
            .spawn()?;
        cluster::eventually("the operator answers", async || TcpStream::connect(address).await.ok()).await;
        Ok(Self { process, address })
    }

    /// Waits until so many visits were read and what follows from them is written, and so many servers are said to be up.
    async fn has_told(&self, setting: &Setting, visits: usize, up: usize) -> anyhow::Result<()> {
        let ends = Instant::now() + BOUND;
        let series = format!("operator_ingested_visits_total{{campaign=\"{CAMPAIGN}\"}}");
        let redis = setting.redis.redis();
        while metric(self.address, &series).await < visits as f64 || !acknowledged(&redis).await {
            ensure!(Instant::now() < ends, "{visits} visits were not read within {BOUND:?}");
            sleep(Duration::from_millis(250)).await;
        }
        let servers: Api<ElectrumServer> = Api::default_namespaced(setting.cluster.client());
        let reachable = ListParams::default().fields("status.reachability.state=Reachable");
        let told = servers.list_metadata(&reachable).await?.items.len();
        ensure!(told == up, "{told} servers are said to be up, and {up} are");
        Ok(())
    }

    /// Prints what memory it has, and the most that it had.
    fn weigh(&self) -> anyhow::Result<()> {
        let id = self.process.id().context("the operator has ended")?;
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        for (field, what) in [("VmRSS:", "MB of memory then"), ("VmHWM:", "MB of memory at the most so far")]
        {
            let line = status.lines().find_map(|line| line.strip_prefix(field)).context("no such field")?;
            let kib: f64 = line.split_whitespace().next().context("no number")?.parse()?;
            row(what, format!("{:.0}", kib / 1_024.0));
        }
        Ok(())
    }
}

struct Options {
    servers: usize,
    minutes: usize,
}

impl Options {
    fn read() -> anyhow::Result<Self> {
        let mut options = Self { servers: 10_000, minutes: 3 };
        let mut arguments = env::args().skip(1);
        while let Some(name) = arguments.next() {
            // Cargo gives every bench this one.
            if name == "--bench" {
                continue;
            }
            let value = arguments.next().with_context(|| format!("{name} wants a value"))?;
            match name.as_str() {
                "--servers" => options.servers = value.parse()?,
                "--minutes" => options.minutes = value.parse()?,
                _ => anyhow::bail!("unknown {name}: there are --servers and --minutes"),
            }
        }
        ensure!(options.servers >= CHANGES && options.minutes > 0, "too few to measure");
        Ok(options)
    }
}
