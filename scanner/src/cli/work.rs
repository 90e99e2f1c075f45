//! `scanner work`: one worker.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use electrum::{dial::Dialer, limits::Limits, names::Names};
use fleet::{
    FleetError, Redis,
    arguments::Shared,
    exclusions::{LOOKED, Watch},
    permits::Permits,
    schedule::RedisSchedule,
};
use model::geoip::Databases;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    time::sleep,
};

use super::{Usage, say};
use crate::{
    aside::Tickets,
    caller::Caller,
    discovery::InForce,
    gate::Gate,
    ledger::Ledger,
    visit::Visitor,
    work::{
        Orders, OrdersError, Worker,
        health::{Condition, Health},
        http,
        metrics::Metrics,
        worker::{Ended, Hold},
    },
};

/// How long Redis may take to hear what is given back, when there is no time any more.
const LAST: Duration = Duration::from_secs(5);

/// Visit servers for a campaign, together with all others who do.
///
/// Workers share the campaign through Redis: none visits a server that another visits, or too soon after another. Any of
/// them may be killed; what it held is due again when its lease is over. Nobody is visited before it is known who is to be
/// left alone: the operator publishes that, or `scanner exclusions`. SIGTERM and Ctrl-C let the visits under way end and
/// give the others back; the second time, those under way too.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  scanner work --campaign campaign.yaml --redis redis://127.0.0.1:6379
  scanner work --campaign campaign.yaml --redis rediss://redis.example:6379 --redis-password-file /run/secrets/redis --vantage zurich
  scanner work --campaign campaign.yaml --redis redis+sentinel://a:26379,b:26379/mymaster --http 0.0.0.0:9090")]
pub struct Arguments {
    /// The campaign, a ScanCampaign resource in YAML. Where a source of seeds names a ConfigMap its text is expected
    /// beside it, in seeds-NAME, and read again whenever more servers are looked for
    #[arg(long, value_name = "FILE")]
    campaign: PathBuf,
    #[command(flatten)]
    shared: Shared,
    /// Which of the campaign's vantages this is; may be left out where there is only one
    #[arg(long, env = "OBSERVATORY_VANTAGE", value_name = "NAME")]
    vantage: Option<String>,
    /// Visits at once, instead of what the campaign says
    #[arg(long, value_name = "N")]
    concurrency: Option<std::num::NonZeroUsize>,
    /// Where /healthz, /readyz and /metrics are; port 0 is any that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9090")]
    http: SocketAddr,
    /// How this worker is called; no two may have one name
    #[arg(long, env = "OBSERVATORY_WORKER", value_name = "NAME")]
    name: Option<String>,
    /// Seconds that a claim is this worker's unless it says that it goes on
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u32).range(1..=600))]
    lease: u32,
    /// Series that single servers may have; what is beyond is told of as one server, `other`
    #[arg(long, value_name = "N", default_value = "100000")]
    series: usize,
    /// Visits that may wait in Redis to be read
    #[arg(long, value_name = "N", default_value = "200000")]
    backlog: u64,
    /// A database in MaxMind's format that knows autonomous systems: connections into one are spaced too
    #[arg(long, value_name = "FILE")]
    geoip: Vec<PathBuf>,
    /// Write logs as JSON
    #[arg(long, env = "OBSERVATORY_JSON_LOGS")]
    pub json_logs: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Usage`] for a campaign that cannot be worked on; else what kept it from working.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let orders = Orders::read(&arguments.campaign, arguments.vantage.as_deref());
    let mut orders = orders.map_err(|error: OrdersError| Usage(format!("--campaign: {error}")))?;
    orders.concurrency = arguments.concurrency.map_or(orders.concurrency, std::num::NonZeroUsize::get);
    let redis = arguments.shared.redis().map_err(|error| Usage(format!("--redis: {error}")))?;
    let (network, vantage) = (orders.network, orders.scope.vantage.clone());
    let metrics = Arc::new(Metrics::new(network, &vantage, arguments.series)?);
    let health = Arc::new(Health::new());
    let listener = TcpListener::bind(arguments.http).await;
    let listener = listener.with_context(|| format!("--http {}", arguments.http))?;
    say(&format!("http://{}/metrics tells how it goes.", listener.local_addr()?));
    tokio::spawn(http::serve(listener, Arc::clone(&health), Arc::clone(&metrics)));
    let gate = Gate::new(orders.concurrency);
    tokio::spawn(close_when_told(gate.clone())?);
    let name = arguments.name.unwrap_or_else(|| format!("worker-{:016x}", rand::random::<u64>()));
    let hold = Hold { lease: Duration::from_secs(arguments.lease.into()), ..Hold::default() };
    let schedule = RedisSchedule::new(redis.clone(), &orders.scope, arguments.backlog);
    let systems = Databases::open(&arguments.geoip).map_err(|e| Usage(format!("--geoip {e}")))?;
    let visitor = Arc::new(visitor(&orders, systems, Permits::new(redis.clone())));
    let mut watch = Watch::new(redis.clone());
    if gate.wait(prepare(&redis, &mut watch, &visitor, &health)).await.transpose()?.is_none() {
        return ended(Ended::Told, orders.once);
    }
    tokio::spawn(follow(watch, Arc::clone(&visitor)));
    tracing::info!("{name} works for {} from {vantage}", orders.scope.campaign);
    let (file, place) = (arguments.campaign, vantage.clone());
    let again = move || Orders::read(&file, Some(&place)).map(|orders| orders.seeds);
    let once = orders.once;
    let worker = Worker::new(name, schedule, (orders, again), visitor, hold, metrics, health, gate);
    ended(worker.run().await?, once)
}

/// Who starts a worker for as long as there is work must be told when there still is some.
fn ended(ended: Ended, once: bool) -> anyhow::Result<()> {
    match ended {
        Ended::Told if once => anyhow::bail!("it was told to end before everybody was visited"),
        Ended::Told | Ended::Done => Ok(()),
    }
}

/// Waits for what has to be there before anybody is visited: a Redis that can be used, and the rules of who is to be left
/// alone. Redis may only be coming up; what it will never do is said at once.
async fn prepare(
    redis: &Redis,
    watch: &mut Watch,
    visitor: &Visitor,
    health: &Arc<Health>,
) -> Result<(), FleetError> {
    let (mut waiting, mut said, mut unreadable) = (None, String::new(), None);
    loop {
        let asked = async {
            redis.check().await?;
            watch.changed().await
        };
        let (condition, why) = match asked.await {
            Ok(Some(rules)) => match take(&rules, visitor) {
                Ok(()) => return Ok(()),
                Err(reason) => (Condition::ExclusionsUnknown, unreadable.insert(reason).clone()),
            },
            Ok(None) => {
                let unpublished = || Condition::ExclusionsUnknown.advice().to_owned();
                (Condition::ExclusionsUnknown, unreadable.clone().unwrap_or_else(unpublished))
            }
            Err(FleetError::Away(error)) => (Condition::RedisAway, FleetError::Away(error).to_string()),
            Err(error) => return Err(error),
        };
        if why != said {
            tracing::warn!("nobody is visited before it is known who is to be left alone: {why}");
            said = why;
        }
        let again = health.waits(condition);
        drop(waiting.replace(again));
        sleep(LOOKED).await;
    }
}

/// Takes in each change of who is to be left alone. While Redis is away what was known holds.
async fn follow(mut watch: Watch, visitor: Arc<Visitor>) {
    loop {
        sleep(LOOKED).await;
        if let Ok(Some(rules)) = watch.changed().await
            && let Err(reason) = take(&rules, &visitor)
        {
            tracing::error!("the rules before still hold: exclusions, {reason}");
        }
    }
}

/// A wish that cannot be read would protect nobody.
fn take(rules: &str, visitor: &Visitor) -> Result<(), String> {
    visitor.exclusions.replace(super::exclusions::read(rules)?);
    Ok(())
}

fn visitor(orders: &Orders, systems: Databases, permits: Permits) -> Visitor {
    let names = orders.resolver.map_or_else(Names::system, Names::at);
    Visitor {
        dialer: Dialer::new(names, orders.seeds.guard, orders.proxy.clone(), Limits::default()),
        ledger: Ledger::shared(orders.politeness, systems, permits),
        exclusions: InForce::default(),
        caller: Caller {
            network: orders.network,
            vantage: orders.scope.vantage.clone(),
            name: orders.name.clone(),
            objects: OnceLock::new(),
            disabled: Arc::new(orders.disabled.clone()),
            secret: rand::random(),
        },
        tickets: Tickets::default(),
    }
}

/// The first signal ends the work in good order; the second ends it now, and gives back what can be given back.
fn close_when_told(gate: Gate) -> std::io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        let mut told = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        told().await;
        tracing::info!("the visits under way end, the others are given back");
        gate.close();
        told().await;
        tracing::info!("the visits under way are given back too");
        gate.shut();
        let _ = tokio::time::timeout(LAST, told()).await;
        std::process::exit(1);
    })
}
