//! What a sweep costs: the real program visits honest servers on this machine.
//!
//! `cargo bench -p observatory --bench sweep -- [--servers N] [--runs N] [--concurrency N]` prints a
//! Markdown table. Servers and scanner share the machine's cores, so visits a second are a lower
//! bound; processor time is the scanner's alone.

#![allow(clippy::print_stdout, reason = "a table on standard output is what a bench is for")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{env, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use electrum::Transport;
use support::{bytes_under, chain::Chain, command::scan, honest::Honest, loopback, wire::Listening};

/// Half of the servers speak TLS, each with a certificate of its own.
const TRANSPORTS: [Transport; 2] = [Transport::Tcp, Transport::Tls];
const BOUND: Duration = Duration::from_secs(600);

struct Options {
    servers: u16,
    runs: u32,
    concurrency: u32,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::read()?;
    let chain = Arc::new(Chain::mine(120));
    let mut servers = Vec::new();
    for number in 0..options.servers {
        let transport = TRANSPORTS[usize::from(number) % TRANSPORTS.len()];
        servers.push(Honest::new(&chain).start(loopback(100, number), &[transport]).await?);
    }
    println!(
        "{} honest servers, half TCP and half TLS, concurrency {}\n",
        servers.len(),
        options.concurrency
    );
    println!("| run | visits/s | CPU ms/visit | bytes/visit | archive bytes/visit | peak memory MB |");
    println!("|---:|---:|---:|---:|---:|---:|");
    for run in 1..=options.runs {
        println!("| {run} | {} |", sweep(&servers, &options).await?);
    }
    Ok(())
}

/// One run: the cells of its row.
async fn sweep(servers: &[Listening], options: &Options) -> anyhow::Result<String> {
    let folder = tempfile::tempdir()?;
    let endpoints: Vec<_> = servers.iter().flat_map(|server| server.endpoints.clone()).collect();
    let concurrency = options.concurrency.to_string();
    let more = ["--allow-private", "--no-peers", "--json", "--concurrency", &concurrency];

    let bytes = || servers.iter().map(|server| server.meter.bytes()).sum::<u64>();
    let bytes_before = bytes();
    let run = scan(folder.path(), &endpoints, &more, BOUND).await?;
    let answered = run.rows()?.iter().filter(|row| row["outcome"] == "answered").count();
    ensure!(answered == servers.len(), "{answered} of {} answered: {}", servers.len(), run.complaint());

    // Numbers of visits are small: a float holds them exactly.
    let visits = f64::from(u32::try_from(answered)?);
    let per_visit = |sum: u64| sum as f64 / visits;
    Ok(format!(
        "{:.1} | {:.2} | {:.0} | {:.0} | {:.1}",
        visits / run.wall.as_secs_f64(),
        run.cpu.as_secs_f64() * 1_000.0 / visits,
        per_visit(bytes() - bytes_before),
        per_visit(bytes_under(&folder.path().join("archive"))?),
        run.peak_kib as f64 / 1_024.0,
    ))
}

impl Options {
    fn read() -> anyhow::Result<Self> {
        let mut options = Self { servers: 500, runs: 3, concurrency: 64 };
        let mut arguments = env::args().skip(1);
        while let Some(name) = arguments.next() {
            // Cargo gives every bench this one.
            if name == "--bench" {
                continue;
            }
            let value = arguments.next().with_context(|| format!("{name} wants a value"))?;
            match name.as_str() {
                "--servers" => options.servers = value.parse()?,
                "--runs" => options.runs = value.parse()?,
                "--concurrency" => options.concurrency = value.parse()?,
                _ => anyhow::bail!("unknown {name}: there are --servers, --runs and --concurrency"),
            }
        }
        Ok(options)
    }
}
