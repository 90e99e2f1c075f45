//! `observatory scan`: visit servers, keep what they say in an archive, and print a line for each.

mod arguments;
mod memory;
mod progress;
mod rows;
mod summary;

use std::sync::{Arc, OnceLock};

use analyzer::identify::Knowledge;
use anyhow::Context as _;
use electrum::{Network, dial::Dialer};
use model::{Archive, archive::Writer};
use scanner::{
    aside::Tickets,
    discovery::{Caps, Exclusions, Frontier, Server, Source, bundled, parse_seeds},
    gate::Gate,
    kin::Kin,
    ledger::{Ledger, Politeness},
    sweep::{self, Event, Options, World},
    visit::Visitor,
};
use tokio::sync::mpsc;

pub(crate) use self::arguments::Arguments;
use self::{progress::Progress, summary::Summary};
use crate::output::{self, Usage};

/// Visits that may wait for the archive.
const BACKLOG: usize = 64;

/// Runs the command.
///
/// # Errors
/// [`Usage`] for arguments that do not go together; else what kept the scan from being done.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let client_name = arguments.client_name()?;
    let frontier = frontier(&arguments)?;
    let archive = Archive::open(&arguments.archive)?;
    let guard = arguments.guard();
    let dialer = Dialer::new(arguments.names(), guard, arguments.proxy.clone(), arguments.limits());
    let ledger = Ledger::new(Politeness::default());
    let acquaintances = memory::recall(&archive, arguments.network, &ledger).await?;
    let objects = memory::objects(&archive, arguments.network, arguments.objects.as_deref()).await?;
    let visitor = Arc::new(Visitor {
        dialer,
        ledger,
        exclusions: exclusions(&arguments)?,
        network: arguments.network,
        vantage: arguments.vantage.clone(),
        client_name,
        objects: objects.map_or_else(OnceLock::new, |objects| Arc::new(objects).into()),
        secret: rand::random(),
        tickets: Tickets::default(),
    });
    let options = Options {
        profile: arguments.profile.into(),
        rounds: arguments.rounds.get(),
        interval: arguments
            .interval
            .try_into()
            .map_err(|_| Usage("--interval cannot be negative".to_owned()))?,
        concurrency: arguments.concurrency.get(),
        follow_peers: !arguments.no_peers,
        guard,
    };
    let gate = Gate::new(options.concurrency);
    tokio::spawn(close_on_interrupt(gate.clone()));
    let (events, inbox) = mpsc::channel(BACKLOG);
    let sweep = tokio::spawn(sweep::run(
        visitor,
        World { frontier, acquaintances, kin: Kin::default() },
        options,
        gate.clone(),
        events,
    ));
    let recorded = record(inbox, &archive, arguments.network, arguments.rounds.get()).await;
    // If the archive failed nobody listens to the sweep any more, and it ends.
    gate.close();
    sweep.await.context("the scan broke off")?;
    let summary = recorded?;
    let text = if arguments.json { rows::json(&summary)? } else { rows::table(&summary) };
    output::result(&text)?;
    Ok(())
}

/// Takes what happens into the archive, the progress line and the summary.
async fn record(
    mut inbox: mpsc::Receiver<Event>,
    archive: &Archive,
    network: Network,
    rounds: u32,
) -> anyhow::Result<Summary> {
    let mut writer = archive.writer();
    let mut summary = Summary::new(Knowledge::embedded()?);
    let mut progress = Progress::new(rounds);
    let mut flush = tokio::time::interval(Writer::MAX_AGE);
    loop {
        let event = tokio::select! {
            event = inbox.recv() => event,
            _ = flush.tick() => {
                writer.flush_if_due().await?;
                continue;
            }
        };
        let Some(event) = event else { break };
        progress.show(&event);
        match event {
            Event::Visited(visit) => {
                writer.append(&visit).await?;
                summary.add(&visit);
            }
            Event::Objects(objects) => memory::keep_objects(archive, network, &objects).await?,
            Event::Round { .. } | Event::Learnt { .. } | Event::Skipped(_) => {}
        }
    }
    progress.finish();
    writer.close().await?;
    Ok(summary)
}

fn frontier(arguments: &Arguments) -> anyhow::Result<Frontier> {
    let network = arguments.network;
    let mut frontier = Frontier::new(Caps {
        onion: arguments.proxy.is_some(),
        total: arguments.max_servers.get(),
        ..Caps::default()
    });
    let mut admit = |source: &Source, servers: Vec<Server>| {
        // What a person names is admitted whatever its address is, so that its refusal shows in the table.
        frontier.admit(source, servers, |_| true);
    };
    for path in &arguments.seeds {
        let text =
            std::fs::read_to_string(path).map_err(|e| Usage(format!("--seeds {}: {e}", path.display())))?;
        let seeds =
            parse_seeds(&text, network).map_err(|e| Usage(format!("--seeds {}: {e}", path.display())))?;
        for problem in seeds.problems.described() {
            output::note(&format!("{}: {problem}", path.display()));
        }
        admit(&Source::Seeds(path.display().to_string()), seeds.servers);
    }
    admit(&Source::CommandLine, arguments.server.iter().cloned().map(Into::into).collect());
    if arguments.seeds.is_empty() && arguments.server.is_empty() {
        admit(&Source::Bundled(network), bundled(network));
    }
    if frontier.is_empty() {
        return Err(
            Usage(format!("nobody to visit: name servers of {network} with --server or --seeds")).into()
        );
    }
    Ok(frontier)
}

fn exclusions(arguments: &Arguments) -> anyhow::Result<Exclusions> {
    let mut text = arguments.exclude.join("\n");
    for path in &arguments.exclusions {
        let listed = std::fs::read_to_string(path)
            .map_err(|e| Usage(format!("--exclusions {}: {e}", path.display())))?;
        text = format!("{text}\n{listed}");
    }
    let (exclusions, problems) = Exclusions::parse(&text).map_err(|e| Usage(e.to_string()))?;
    // A wish that cannot be read would protect nobody: better not to scan at all.
    match problems.described().first() {
        Some(problem) => Err(Usage(format!("exclusions, {problem}")).into()),
        None => Ok(exclusions),
    }
}

/// The first interrupt ends the scan in good order; the second ends the process.
async fn close_on_interrupt(gate: Gate) {
    if tokio::signal::ctrl_c().await.is_err() {
        return;
    }
    output::note("Finishing the visits under way. Ctrl-C once more quits at once.");
    gate.close();
    if tokio::signal::ctrl_c().await.is_ok() {
        std::process::exit(1);
    }
}
