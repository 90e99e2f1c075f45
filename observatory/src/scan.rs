//! `observatory scan`: visit servers, keep what they say in an archive, and print a line for each.

mod arguments;
pub(crate) mod memory;
mod progress;
mod rows;
mod sightings;
mod summary;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use analyzer::{identify::Knowledge, notes};
use anyhow::Context as _;
use electrum::{Network, dial::Dialer};
use model::{Archive, Purpose, archive::Writer};
use scanner::{
    aside::Tickets,
    caller::Caller,
    discovery::InForce,
    gate::Gate,
    kin::Kin,
    ledger::{Ledger, Politeness},
    sweep::{self, Event, Options, World},
    visit::Visitor,
    watch::{self, Watch},
};
use tokio::sync::mpsc;

pub(crate) use self::{
    arguments::{Arguments, product},
    memory::keep_objects,
};
use self::{progress::Progress, sightings::Sightings, summary::Summary};
use crate::output::{self, Usage};

/// Visits that may wait for the archive.
const BACKLOG: usize = 64;

/// Runs the command.
///
/// # Errors
/// [`output::Usage`] for arguments that do not go together; else what kept the scan from being done.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let name = arguments.client_name()?;
    let scope = &arguments.scope;
    let (network, options) = (scope.network, scope.options()?);
    let (frontier, _) = scope.frontier()?;
    let exclusions = scope.exclusions()?;
    let archive = Archive::create(&scope.archive)?.with(notes::beside()?);
    let dialer = Dialer::new(scope.names(), scope.guard(), scope.proxy.clone(), arguments.limits());
    let ledger = Ledger::new(Politeness::default());
    let acquaintances = memory::recall(&archive, network, &ledger).await?;
    let objects = memory::objects(&archive, network, scope.objects.as_deref()).await?;
    let visitor = Arc::new(Visitor {
        dialer,
        ledger,
        exclusions: InForce::new(exclusions),
        caller: Caller {
            network,
            vantage: arguments.vantage.clone(),
            name,
            objects: objects.map_or_else(OnceLock::new, |objects| Arc::new(objects).into()),
            disabled: Arc::default(),
            secret: rand::random(),
        },
        tickets: Tickets::default(),
    });
    let watching: Option<Duration> = arguments
        .watch
        .map(|long| long.try_into().map_err(|_| Usage("--watch cannot be negative".to_owned())))
        .transpose()?;
    let gate = Gate::new(options.concurrency);
    tokio::spawn(close_on_interrupt(gate.clone()));
    let (events, inbox) = mpsc::channel(BACKLOG);
    let world = World { frontier, acquaintances, kin: Kin::default() };
    let scan = tokio::spawn(scan(visitor, world, options, watching, gate.clone(), events));
    let recorded = record(inbox, &archive, network, options.rounds).await;
    // If the archive failed nobody listens to the scan any more, and it ends.
    gate.close();
    scan.await.context("the scan broke off")?;
    let (summary, sightings) = recorded?;
    let text = if arguments.json {
        rows::json(&summary, &sightings)?
    } else {
        rows::table(&summary) + &sightings.table()
    };
    output::result(&text)?;
    Ok(())
}

/// Everything that goes on: the rounds, and then the watch.
async fn scan(
    visitor: Arc<Visitor>,
    world: World,
    options: Options,
    watching: Option<Duration>,
    gate: Gate,
    events: mpsc::Sender<Event>,
) {
    let world = sweep::run(Arc::clone(&visitor), world, options, gate.clone(), events.clone()).await;
    if let Some(long) = watching {
        watch::run(visitor, &world, Watch::lasting(long), gate, events).await;
    }
}

/// Takes what happens into the archive, the progress line and the summaries.
async fn record(
    mut inbox: mpsc::Receiver<Event>,
    archive: &Archive,
    network: Network,
    rounds: u32,
) -> anyhow::Result<(Summary, Sightings)> {
    let mut writer = archive.writer();
    let (mut summary, mut sightings) = (Summary::new(Knowledge::embedded()?), Sightings::default());
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
                // A watch asks too little to speak for its server.
                if visit.purpose == Purpose::Watch {
                    sightings.add(&visit);
                } else {
                    summary.add(&visit);
                }
            }
            Event::Objects(objects) => memory::keep_objects(archive, network, &objects).await?,
            Event::Round { .. } | Event::Learnt { .. } | Event::Skipped(_) | Event::Watching(..) => {}
        }
    }
    progress.finish();
    writer.close().await?;
    Ok((summary, sightings))
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
