//! `kubectl observatory top`: whom to look at first.

use std::cmp::Reverse;

use clap::Args;
use crds::{ElectrumServer, server::Suspicion};
use electrum::Network;
use model::assessment::Level;
use serde::Serialize;

use crate::{
    cluster::Place,
    output::{self, lines, table},
};

/// List the most suspicious servers.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kubectl observatory top
  kubectl observatory top --all-namespaces --network mainnet --limit 50
  kubectl observatory top --json | jq -r .server

docs/indicators.md describes what can be found. A server that only writes down what it sees cannot be told from an honest one.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// The servers of all namespaces
    #[arg(short = 'A', long)]
    all_namespaces: bool,
    /// Servers of this network alone
    #[arg(long, value_name = "NET")]
    network: Option<Network>,
    /// So many servers at most
    #[arg(long, value_name = "N", default_value = "20")]
    limit: usize,
    /// Print one JSON object a line for each server
    #[arg(long)]
    json: bool,
}

/// `top --json`.
#[derive(Serialize)]
struct Row<'a> {
    namespace: Option<&'a str>,
    name: Option<&'a str>,
    server: &'a str,
    network: Network,
    suspicion: &'a Suspicion,
}

/// Runs the command.
///
/// # Errors
/// What keeps servers from being read.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let servers = arguments.place.open().await?.servers(arguments.all_namespaces).await?;
    let wanted = |server: &&ElectrumServer| arguments.network.is_none_or(|net| server.spec.network == net);
    let ranked = ranked(servers.iter().filter(wanted));
    let shown = ranked.get(..arguments.limit).unwrap_or(&ranked);
    let text = if arguments.json { json(shown)? } else { text(shown, ranked.len(), servers.len()) };
    Ok(output::result(&text)?)
}

/// Those who were judged, the most suspicious first.
fn ranked<'a>(servers: impl Iterator<Item = &'a ElectrumServer>) -> Vec<(&'a ElectrumServer, &'a Suspicion)> {
    let judged = |server: &'a ElectrumServer| Some((server, server.status.as_ref()?.suspicion.as_ref()?));
    let mut judged: Vec<_> = servers.filter_map(judged).collect();
    judged.sort_by_key(|(server, suspicion)| (Reverse(suspicion.score), &server.spec.host));
    judged
}

fn json(shown: &[(&ElectrumServer, &Suspicion)]) -> serde_json::Result<String> {
    let line = |(server, suspicion): &(&ElectrumServer, &Suspicion)| {
        let row = Row {
            namespace: server.metadata.namespace.as_deref(),
            name: server.metadata.name.as_deref(),
            server: &server.spec.host,
            network: server.spec.network,
            suspicion,
        };
        Ok(serde_json::to_string(&row)? + "\n")
    };
    shown.iter().map(line).collect()
}

fn text(shown: &[(&ElectrumServer, &Suspicion)], judged: usize, known: usize) -> String {
    let suspects: Vec<_> = shown.iter().filter(|(_, suspicion)| suspicion.level > Level::Clear).collect();
    let mut text = String::new();
    if !suspects.is_empty() {
        let mut table = table(["SERVER", "SCORE", "LEVEL", "GROUP", "FINDING"]);
        for (server, suspicion) in &suspects {
            let finding = suspicion.findings.first();
            let finding = finding.map(|finding| format!("{} {}", finding.indicator, &*finding.statement));
            table.add_row([
                server.spec.host.clone(),
                suspicion.score.to_string(),
                suspicion.level.name().to_owned(),
                suspicion.group.as_ref().map_or("-", |group| &group.id).to_owned(),
                finding.unwrap_or_default(),
            ]);
        }
        text = lines(&table);
        text.push('\n');
    }
    text + &format!("{known} servers, {judged} judged, {} shown.\n", suspects.len())
}
