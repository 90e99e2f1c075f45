//! `kubectl observatory plan`: what a campaign does to servers in a day, before or while it does it. Pure but for what it
//! reads of the cluster or of a file: nobody is visited and no name is looked up.

use std::{num::NonZeroU16, path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use crds::{
    ElectrumServer, ScanCampaign, belongs,
    conditions::{self, EXCLUDED},
};
use electrum::{Endpoint, Subnet};
use jiff::Timestamp;
use scanner::{
    acquaintance::Acquaintances,
    agenda::Profile,
    discovery::{Frontier, Server, Source},
    ledger::Ledger,
    plan::{Basis, Load, Plan, Planned, Subject, plan},
    sweep::Options,
    work::Orders,
};
use serde::Serialize;
use tokio::time::Instant;

use crate::{
    cluster::Place,
    output::{self, Usage, lines, table},
};

/// Print what a campaign does to servers in a day.
///
/// Of a campaign in the cluster the servers are those it has found. Of a file they are its seeds: servers that these tell of
/// come on top. How many connections each server sees and what they cost it, in ElectrumX's cost units (E): what to expect,
/// and what is never exceeded.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kubectl observatory plan mainnet
  kubectl observatory plan --file campaign.yaml
  kubectl observatory plan mainnet --json")]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// The campaign
    #[arg(value_name = "CAMPAIGN", required_unless_present = "file", conflicts_with = "file")]
    campaign: Option<String>,
    /// A file of a campaign instead, with the lists that its sources name beside it, as seeds-NAME
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// `plan --json`.
#[derive(Serialize)]
struct Whole<'a> {
    campaign: &'a str,
    servers: usize,
    excluded: usize,
    vantages: usize,
    lanes: &'a [Row],
}

/// What a lane does in a day, from all vantages.
#[derive(Serialize)]
struct Row {
    lane: &'static str,
    every_seconds: u64,
    connections: [u64; 2],
    e: [f64; 2],
    most_loaded_server: String,
    most_loaded_subnet: Option<String>,
}

/// Whom a campaign visits.
struct Visited {
    campaign: ScanCampaign,
    subjects: Vec<Subject>,
    excluded: usize,
}

/// Runs the command.
///
/// # Errors
/// [`Usage`] for a campaign that is none; else what keeps it from being read.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let visited = match (&arguments.file, &arguments.campaign) {
        (Some(file), _) => of_file(file)?,
        (None, Some(name)) => of_cluster(&arguments.place, name).await?,
        (None, None) => return Err(Usage("name a campaign, or a --file".to_owned()).into()),
    };
    let orders = Orders::of(&visited.campaign, first_vantage(&visited.campaign), |_| Ok(String::new()))
        .map_err(|error| Usage(error.to_string()))?;
    let vantages = visited.campaign.spec.vantages.len();
    let schedule = &visited.campaign.spec.schedule;
    let mut lanes =
        vec![row(&visited, &orders, "liveness", Profile::Light, schedule.liveness.into(), vantages)];
    if orders.profile == Profile::Deep {
        lanes.push(row(&visited, &orders, "deep", Profile::Deep, schedule.deep.into(), vantages));
    }
    let whole = Whole {
        campaign: &orders.scope.campaign,
        servers: visited.subjects.len(),
        excluded: visited.excluded,
        vantages,
        lanes: &lanes,
    };
    let text = if arguments.json { serde_json::to_string(&whole)? + "\n" } else { text(&whole) };
    Ok(output::result(&text)?)
}

fn first_vantage(campaign: &ScanCampaign) -> Option<&str> {
    campaign.spec.vantages.first().map(|vantage| &*vantage.name)
}

fn of_file(file: &std::path::Path) -> anyhow::Result<Visited> {
    let text =
        std::fs::read_to_string(file).map_err(|error| Usage(format!("{}: {error}", file.display())))?;
    let campaign: ScanCampaign = crds::yaml::read(&text)
        .map_err(|error| Usage(format!("{} is no ScanCampaign: {error}", file.display())))?;
    let orders = Orders::read(file, first_vantage(&campaign)).map_err(|error| Usage(error.to_string()))?;
    let mut frontier = Frontier::new(orders.seeds.caps);
    for (source, servers) in orders.seeds.lists {
        frontier.admit(&source, servers, |_| true);
    }
    let subjects =
        frontier.servers().map(|server| Subject { server: server.clone(), address: server.host().address() });
    Ok(Visited { subjects: subjects.collect(), campaign, excluded: 0 })
}

async fn of_cluster(place: &Place, name: &str) -> anyhow::Result<Visited> {
    let cluster = place.open().await?;
    let (campaign, adopts) = cluster.campaign(name).await?;
    let servers = cluster.servers(false).await?;
    let (mut subjects, mut excluded) = (Vec::new(), 0);
    for server in servers.iter().filter(|server| belongs(server, &campaign, adopts)) {
        if is_excluded(server) {
            excluded += 1;
        } else {
            subjects.extend(subject(server));
        }
    }
    Ok(Visited { campaign, subjects, excluded })
}

fn is_excluded(server: &ElectrumServer) -> bool {
    let status = server.status.as_ref();
    server.spec.exclude || status.is_some_and(|status| conditions::holds(&status.conditions, EXCLUDED))
}

/// None where its host is none: a definition that people changed may let such a one in.
fn subject(server: &ElectrumServer) -> Option<Subject> {
    let host: electrum::Host = server.spec.host.parse().ok()?;
    let address =
        server.status.as_ref().and_then(|status| status.addresses.first()).map(|address| address.ip);
    let mut frontier = Frontier::new(scanner::discovery::Caps { onion: true, ..Default::default() });
    let endpoints = server.spec.ports.iter().filter_map(|port| {
        let number = NonZeroU16::new(port.port)?;
        Some(Server::from(Endpoint { host: host.clone(), port: number, transport: port.transport }))
    });
    frontier.admit(&Source::CommandLine, endpoints.collect::<Vec<_>>(), |_| true);
    let server = frontier.servers().next()?.clone();
    Some(Subject { address: address.or_else(|| server.host().address()), server })
}

fn row(
    visited: &Visited,
    orders: &Orders,
    lane: &'static str,
    profile: Profile,
    every: Duration,
    vantages: usize,
) -> Row {
    let options = Options {
        profile,
        rounds: u32::MAX,
        interval: every,
        concurrency: orders.concurrency,
        follow_peers: false,
        guard: orders.seeds.guard,
    };
    let basis = Basis {
        subjects: visited.subjects.clone(),
        acquaintances: Acquaintances::default(),
        objects: None,
        network: orders.network,
        options,
    };
    let ledger: Arc<Ledger> = Ledger::new(orders.politeness);
    let plan = plan(&basis, &ledger, Instant::now(), Timestamp::now());
    let (_, day) = plan.together(&plan.servers);
    let times = u64::try_from(vantages).unwrap_or(u64::MAX);
    #[expect(clippy::cast_precision_loss, reason = "eight vantages at most")]
    let times_e = vantages as f64;
    Row {
        lane,
        every_seconds: every.as_secs(),
        connections: [day.connections.expected * times, day.connections.bound * times],
        e: [day.e.expected * times_e, day.e.bound * times_e],
        most_loaded_server: most(&plan, |server| Some(server.host.to_string())).unwrap_or_default(),
        most_loaded_subnet: most(&plan, |server| server.address.map(|ip| Subnet::from(ip).to_string())),
    }
}

/// What bears most, and how much from one vantage.
fn most(plan: &Plan, of: impl Fn(&Planned) -> Option<String>) -> Option<String> {
    let groups = plan.by(of).into_iter();
    let loads = groups.map(|(of, servers)| (of, plan.together(servers.iter().copied()).1));
    let more = |a: &(String, Load), b: &(String, Load)| a.1.e.expected.total_cmp(&b.1.e.expected);
    let (of, load) = loads.max_by(more)?;
    Some(format!("{of} ({} connections, {:.0} E)", load.connections.expected, load.e.expected))
}

fn text(whole: &Whole<'_>) -> String {
    let mut table = table(["LANE", "EVERY", "CONNECTIONS", "AT MOST", "E", "AT MOST"]);
    for row in whole.lanes {
        table.add_row([
            row.lane.to_owned(),
            crds::Span::from_secs(row.every_seconds).to_string(),
            row.connections[0].to_string(),
            row.connections[1].to_string(),
            format!("{:.0}", row.e[0]),
            format!("{:.0}", row.e[1]),
        ]);
    }
    let mut text = format!(
        "{}: {} servers, {} excluded, from {} vantages. What they bear in a day:\n\n{}\n",
        whole.campaign,
        whole.servers,
        whole.excluded,
        whole.vantages,
        lines(&table)
    );
    for row in whole.lanes {
        let subnet = row.most_loaded_subnet.iter().map(|subnet| format!(", and {subnet}"));
        let most = format!("{}{}", row.most_loaded_server, subnet.collect::<String>());
        text += &format!("Most by {}, from each vantage: {most}.\n", row.lane);
    }
    text
}
