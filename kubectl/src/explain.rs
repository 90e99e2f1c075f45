//! `kubectl observatory explain`: what is held against a server, and how anybody can check it.

use std::fmt::Write as _;

use anyhow::Context as _;
use clap::Args;
use crds::{
    ElectrumServer,
    server::{ElectrumServerStatus, Suspicion},
};
use model::finding::Tier;

use crate::{
    cluster::Place,
    output::{self, Usage},
};

/// Explain what is held against a server, with the evidence.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kubectl observatory explain electrum.example.org
  kubectl observatory explain -n observatory mainnet-electrum-example-org-1f2e3d4c
  kubectl observatory explain --json electrum.example.org

Each finding names the digests of the exchanges it rests on: `observatory verify DIGEST --archive URL` proves them again.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// The server: its host, or the name of its ElectrumServer
    #[arg(value_name = "SERVER")]
    server: String,
    /// Print the resources as JSON, one a line
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Usage`] where nobody is called so; else what keeps servers from being read.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let servers = arguments.place.open().await?.servers(false).await?;
    let called = arguments.server.to_ascii_lowercase();
    let is = |server: &&ElectrumServer| {
        server.spec.host == called || server.metadata.name.as_deref() == Some(&called)
    };
    let found: Vec<_> = servers.iter().filter(is).collect();
    if found.is_empty() {
        return Err(nobody(&called, &servers).into());
    }
    for server in found {
        let text = if arguments.json { serde_json::to_string(server)? + "\n" } else { text(server)? };
        output::result(&text)?;
    }
    Ok(())
}

/// Nobody is called so; but perhaps nearly so.
fn nobody(called: &str, servers: &[ElectrumServer]) -> Usage {
    let hosts = servers.iter().map(|server| &*server.spec.host);
    let like: Vec<&str> = hosts.filter(|host| host.contains(called)).take(3).collect();
    let hint = if like.is_empty() { String::new() } else { format!("; there is {}", like.join(", ")) };
    Usage(format!("no ElectrumServer of this namespace has the host or name {called}{hint}"))
}

fn text(server: &ElectrumServer) -> anyhow::Result<String> {
    let mut text = String::new();
    let status = server.status.clone().unwrap_or_default();
    let ports = server.spec.ports.iter().map(|port| format!("{}:{}", port.transport, port.port));
    writeln!(
        text,
        "{} ({}, {})",
        server.spec.host,
        server.spec.network,
        ports.collect::<Vec<_>>().join(" ")
    )?;
    about(&mut text, &status).context("a text")?;
    match &status.suspicion {
        None => writeln!(text, "It has not been judged yet: the next analysis does.")?,
        Some(suspicion) => held(&mut text, suspicion).context("a text")?,
    }
    Ok(text)
}

fn about(text: &mut String, status: &ElectrumServerStatus) -> std::fmt::Result {
    if let Some(reachability) = &status.reachability {
        write!(text, "  {:?}", reachability.state)?;
        let week = reachability.uptime.as_ref().and_then(|uptime| uptime.week);
        if let Some(week) = week {
            write!(text, ", {week} % of the week")?;
        }
        for verdict in &reachability.vantages {
            write!(text, "; from {} {:?} since {}", verdict.vantage, verdict.state, verdict.since)?;
        }
        writeln!(text)?;
    }
    if let Some(software) = &status.software {
        let claimed = software.claimed.as_deref().unwrap_or("nothing");
        let identified = software.identified.as_ref().map_or("nothing we know".to_owned(), |found| {
            let newest = found.max.as_deref().unwrap_or("newer");
            format!("{} {} to {newest}", found.name, found.min)
        });
        writeln!(
            text,
            "  calls itself {claimed}; speaks like {identified} (confidence {})",
            software.confidence
        )?;
    }
    for address in &status.addresses {
        let place = [address.organisation.as_deref(), address.country.as_deref()];
        let place: Vec<&str> = place.into_iter().flatten().collect();
        writeln!(text, "  {} {}", address.ip, place.join(", "))?;
    }
    for condition in status.conditions.iter().filter(|condition| condition.status == "True") {
        if condition.type_ != "Reachable" {
            writeln!(text, "  {}: {}", condition.type_, condition.message)?;
        }
    }
    Ok(())
}

fn held(text: &mut String, suspicion: &Suspicion) -> std::fmt::Result {
    writeln!(
        text,
        "Score {} of 100: {} (confidence {}), of {} visits, by model {}, at {}.",
        suspicion.score,
        suspicion.level.name(),
        suspicion.confidence,
        suspicion.visits,
        suspicion.model,
        suspicion.analyzed_at
    )?;
    if let Some(group) = &suspicion.group {
        writeln!(
            text,
            "Its behaviour is consistent with one operator of {} servers: group {}, posterior {}.",
            group.size, group.id, group.posterior
        )?;
    }
    if suspicion.findings.is_empty() {
        writeln!(
            text,
            "Nothing was found. A server that only writes down what it sees cannot be told from an honest one."
        )?;
    }
    for finding in &suspicion.findings {
        let tier = match finding.tier {
            Tier::Hard => "hard: the protocol itself is falsified",
            Tier::Medium => "medium",
            Tier::Soft => "soft: alone it means little",
        };
        writeln!(
            text,
            "  {} ({tier}), {} points: {}",
            finding.indicator, finding.weight, &*finding.statement
        )?;
        for digest in &finding.evidence {
            writeln!(text, "     observatory verify {digest} --archive ARCHIVE")?;
        }
    }
    Ok(())
}
