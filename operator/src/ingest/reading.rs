//! Reads the visits of one campaign in batches. A batch is acknowledged when all that follows from it is written: whoever
//! leads next is given what was not, since all leaders read under one name.

use std::{
    collections::{BTreeMap, HashSet},
    time::{Duration, Instant},
};

use crds::ScanCampaign;
use electrum::Host;
use fleet::{
    Uptime,
    schedule::{BACKLOG, RedisSchedule, Schedule as _, Scope, Subject},
    visits::{Delivered, Group, Reader},
};
use jiff::{SignedDuration, Timestamp};
use scanner::discovery::Exclusions;
use tokio_util::sync::CancellationToken;

use super::{
    Context,
    book::Book,
    campaign::{Gist, Heard, REFRESH, told},
    server::{Due, Rules},
    sight::Sight,
    write,
};
use crate::{Error, exclusion::rules};

/// Whoever leads. The name stays, so that what one left undone is given to the next.
const CONSUMER: &str = "operator";
/// Visits in a batch. Deep ones are some hundred KiB.
const BATCH: usize = 200;
/// How long a batch waits for its first visit.
const BLOCK: Duration = Duration::from_secs(2);
/// How often the campaign itself is looked at, and who is to be forgotten.
const UPKEEP: Duration = Duration::from_secs(15);

/// What a reader knows beside the book.
#[derive(Default)]
struct Notes {
    heard: BTreeMap<String, Heard>,
    gist: Option<(Gist, Timestamp)>,
    upkeep: Option<Instant>,
}

/// Reads until told to stop, or the campaign is gone.
///
/// # Errors
/// Where Redis or the API server cannot be used. What was not acknowledged comes again.
pub(super) async fn read(
    context: &Context,
    namespace: &str,
    name: &str,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let scope = format!("{namespace}/{name}");
    let mut reader = Reader::open(&context.redis, &scope, Group::Operator, CONSUMER).await?;
    let (mut book, mut notes) = (Book::default(), Notes::default());
    while let Some(campaign) = context.campaign(namespace, name) {
        let batch = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            batch = reader.read(BATCH, BLOCK) => batch?,
        };
        let now = Timestamp::now();
        context.metrics.ingested(&scope, batch.len(), batch.last().map(|last| waited(last, now)));
        if !batch.is_empty() {
            take(context, &campaign, &scope, &mut book, &batch, &mut notes).await?;
            reader.ack(batch.iter().map(|delivered| delivered.id.as_str())).await?;
            reader.trim().await?;
        }
        if notes.upkeep.is_none_or(|then| then.elapsed() >= UPKEEP) {
            upkeep(context, &campaign, &scope, &mut book, &mut notes).await?;
            notes.upkeep = Some(Instant::now());
        }
    }
    Ok(())
}

/// How long ago an entry was put into the stream, whose ids begin with the time.
fn waited(last: &Delivered, now: Timestamp) -> Duration {
    let put = last.id.split('-').next().and_then(|millis| millis.parse::<i64>().ok());
    let waited = now.as_millisecond().saturating_sub(put.unwrap_or(now.as_millisecond()));
    Duration::from_millis(u64::try_from(waited).unwrap_or_default())
}

/// Folds a batch, and writes what has changed by it.
async fn take(
    context: &Context,
    campaign: &ScanCampaign,
    scope: &str,
    book: &mut Book,
    batch: &[Delivered],
    notes: &mut Notes,
) -> Result<(), Error> {
    let hosts: HashSet<Host> = batch.iter().map(|delivered| delivered.visit.endpoint.host.clone()).collect();
    let servers = context.servers.state();
    let servers: Vec<_> = servers.iter().filter_map(|each| each.0.as_ref().ok()).collect();
    if book.lacks(hosts.iter()) {
        let campaigns = context.campaigns.state();
        let campaigns = campaigns.iter().filter_map(|each| each.0.as_ref().ok());
        book.learn(campaign, campaigns, servers.iter().copied());
    }
    let rules = judging(campaign);
    let mut respecified = HashSet::new();
    for delivered in batch {
        let visit = &delivered.visit;
        let heard = notes.heard.entry(visit.vantage.clone()).or_default();
        (heard.last, heard.abstains) = (heard.last.max(Some(visit.started_at)), delivered.doubtful);
        let host = &visit.endpoint.host;
        let entry = book.entry(host);
        let sight = Sight::of(delivered, &context.knowledge, entry.server.unknown());
        if entry.server.take(&sight, &rules, &context.places) {
            respecified.insert(host.clone());
        }
    }
    let excluded = excluded(context, &servers);
    let uptimes = uptimes(context, campaign, scope, book, &hosts).await?;
    let room =
        usize::try_from(campaign.spec.discovery.max_servers).unwrap_or_default().saturating_sub(book.ours());
    write::servers(context, campaign, book, &hosts, &respecified, &excluded, &uptimes, room).await?;
    book.trim();
    Ok(())
}

fn judging(campaign: &ScanCampaign) -> Rules {
    let liveness: Duration = campaign.spec.schedule.liveness.into();
    Rules {
        vantages: campaign.spec.vantages.iter().map(|vantage| vantage.name.clone()).collect(),
        quorum: campaign.spec.quorum.clone(),
        liveness: SignedDuration::try_from(liveness).unwrap_or(SignedDuration::from_mins(10)),
    }
}

/// Who is to be left alone, as it is now.
fn excluded(context: &Context, servers: &[&crds::ElectrumServer]) -> Exclusions {
    let exclusions = context.exclusions.state();
    let exclusions: Vec<_> = exclusions.iter().filter_map(|each| each.0.as_ref().ok()).collect();
    // What is written here can be read again.
    Exclusions::parse(&rules::all(&exclusions, servers).text).map(|(rules, _)| rules).unwrap_or_default()
}

/// The uptimes of those servers of which everything is due to be written, from each vantage.
async fn uptimes(
    context: &Context,
    campaign: &ScanCampaign,
    scope: &str,
    book: &mut Book,
    hosts: &HashSet<Host>,
) -> Result<BTreeMap<Subject, Vec<Uptime>>, Error> {
    let now = Timestamp::now();
    let due = hosts.iter().filter(|host| book.entry(host).server.due(now) == Due::Refresh);
    let subjects: Vec<Subject> = due.map(|host| Subject::Server(host.clone())).collect();
    let mut uptimes: BTreeMap<Subject, Vec<Uptime>> = BTreeMap::new();
    if subjects.is_empty() {
        return Ok(uptimes);
    }
    for schedule in schedules(context, campaign, scope) {
        for (subject, uptime) in subjects.iter().zip(schedule.uptime(&subjects).await?) {
            uptimes.entry(subject.clone()).or_default().push(uptime);
        }
    }
    Ok(uptimes)
}

fn schedules(context: &Context, campaign: &ScanCampaign, scope: &str) -> Vec<RedisSchedule> {
    let of = |vantage: &crds::campaign::Vantage| Scope {
        campaign: scope.to_owned(),
        vantage: vantage.name.clone(),
    };
    let vantages = campaign.spec.vantages.iter();
    vantages.map(|vantage| RedisSchedule::new(context.redis.clone(), &of(vantage), BACKLOG)).collect()
}

/// Looks at the campaign itself, and at who is to be forgotten.
async fn upkeep(
    context: &Context,
    campaign: &ScanCampaign,
    scope: &str,
    book: &mut Book,
    notes: &mut Notes,
) -> Result<(), Error> {
    let now = Timestamp::now();
    // What the leader before heard.
    for vantage in campaign.status.iter().flat_map(|status| &status.vantages) {
        let heard = notes.heard.entry(vantage.name.clone()).or_default();
        heard.last = heard.last.max(vantage.last_visit);
    }
    notes.heard.retain(|name, _| campaign.spec.vantages.iter().any(|vantage| vantage.name == *name));
    let mut scopes = Vec::new();
    for schedule in schedules(context, campaign, scope) {
        scopes.push(schedule.status().await?);
    }
    context.metrics.waiting(scope, scopes.first().map_or(0, |status| status.backlog.0));
    let (status, gist) = told(campaign, &notes.heard, &scopes, now);
    let again = notes
        .gist
        .as_ref()
        .is_none_or(|(before, then)| *before != gist || now.duration_since(*then) >= REFRESH);
    if again && campaign.status.is_some() {
        write::campaign(context, campaign, status).await?;
        notes.gist = Some((gist, now));
    }
    let judged = !campaign.spec.suspend && notes.heard.values().any(|heard| heard.last.is_some());
    if judged {
        for name in write::forget(context, campaign, now).await? {
            book.forget(&name);
        }
    }
    Ok(())
}
