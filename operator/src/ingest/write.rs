//! Writes what was decided of servers and of the campaign. Writes of one kind are made some at a time; what the API server
//! refuses of one server holds up no other.

use std::collections::{BTreeMap, HashSet};

use crds::{ElectrumServer, ElectrumServerStatus, ScanCampaign, adopts, belongs};
use electrum::Host;
use fleet::{Uptime, schedule::Subject};
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use kube::{Api, ResourceExt as _};
use scanner::discovery::Exclusions;
use serde_json::{Value, json};
use tracing::warn;

use super::{
    Context,
    book::{self, Book, Object},
    retention::{Fate, fate},
    server::Due,
};
use crate::{Error, error::Class, names};

/// Writes at once.
const AT_ONCE: usize = 16;
/// Servers that are deleted at a look.
const DELETED: usize = 100;

/// One server's writes.
struct Work {
    host: Host,
    /// Its object, where that is to be made or its spec is another.
    object: Option<ElectrumServer>,
    known: Option<Object>,
    status: Option<ElectrumServerStatus>,
    refreshes: bool,
}

/// Writes what is due of these servers; of new ones no more than there is room for.
///
/// # Errors
/// Where nothing can be written at all. What one server is refused is logged and counted.
#[expect(clippy::too_many_arguments, reason = "what was decided of a batch")]
pub(super) async fn servers(
    context: &Context,
    campaign: &ScanCampaign,
    book: &mut Book,
    hosts: &HashSet<Host>,
    respecified: &HashSet<Host>,
    excluded: &Exclusions,
    uptimes: &BTreeMap<Subject, Vec<Uptime>>,
    mut room: usize,
) -> Result<(), Error> {
    let now = Timestamp::now();
    let mut work = Vec::new();
    for host in hosts {
        let entry = book.entry(host);
        if book::is_excluded(host, entry, excluded) {
            continue;
        }
        let known = entry.object.clone();
        if known.is_none() {
            if room == 0 || !book::deserves(host, entry, excluded) {
                continue;
            }
            room -= 1;
        }
        let makes = known.as_ref().is_none_or(|object| object.ours && respecified.contains(host));
        let object = makes.then(|| book::object(campaign, host, &entry.server));
        let due = entry.server.due(now);
        let refreshes = due == Due::Refresh;
        let uptime = uptimes.get(&Subject::Server(host.clone())).map(Vec::as_slice);
        let generation = known.as_ref().and_then(|object| object.generation);
        let status =
            (due != Due::Nothing).then(|| entry.server.status(generation, uptime.filter(|_| refreshes)));
        if object.is_some() || status.is_some() {
            work.push(Work { host: host.clone(), object, known, status, refreshes });
        }
    }
    let mut done = stream::iter(work).map(|work| one(context, campaign, work)).buffer_unordered(AT_ONCE);
    let mut wrong = None;
    while let Some((work, written)) = done.next().await {
        let entry = book.entry(&work.host);
        match written {
            Ok(object) => {
                entry.object = Some(object);
                if let Some(status) = work.status {
                    entry.server.wrote(status, work.refreshes, now);
                }
            }
            Err(error) if is_gone(&error) => entry.object = None,
            Err(error) => match error.class() {
                Class::Refused | Class::Forbidden | Class::Internal => {
                    warn!(server = %work.host, %error, "what was seen of a server could not be written");
                    context.metrics.failed("ingest", error.class());
                }
                _ => wrong = Some(error),
            },
        }
    }
    wrong.map_or(Ok(()), Err)
}

async fn one(context: &Context, campaign: &ScanCampaign, mut work: Work) -> (Work, Result<Object, Error>) {
    let written = try_one(context, campaign, &mut work).await;
    (work, written)
}

async fn try_one(context: &Context, campaign: &ScanCampaign, work: &mut Work) -> Result<Object, Error> {
    let api: Api<ElectrumServer> = servers_of(context, campaign);
    let mut known = work.known.clone();
    if let Some(object) = &work.object {
        let made = context.writer.apply(&api, &object.name_any(), names::INGEST_MANAGER, object).await?;
        known = Some(Object {
            name: made.name_any(),
            generation: made.metadata.generation,
            ours: true,
            excluded: made.spec.exclude,
        });
    }
    let object = known.ok_or(Error::Unwritable("a status without an object".to_owned()))?;
    if let Some(status) = &mut work.status {
        status.observed_generation = object.generation;
        for condition in &mut status.conditions {
            condition.observed_generation = object.generation;
        }
        let status = serde_json::to_value(&*status).map_err(|error| Error::Unwritable(error.to_string()))?;
        context.writer.apply_status(&api, &object.name, names::INGEST_MANAGER, status).await?;
    }
    Ok(object)
}

/// Writes what is told of a campaign.
///
/// # Errors
/// What the API server says; not that it is gone.
pub(super) async fn campaign(context: &Context, campaign: &ScanCampaign, status: Value) -> Result<(), Error> {
    let namespace = campaign.namespace().unwrap_or_default();
    let api: Api<ScanCampaign> = Api::namespaced(context.client.clone(), &namespace);
    let written =
        context.writer.apply_status(&api, &campaign.name_any(), names::INGEST_MANAGER, status).await;
    match written {
        // A vantage that was listed is not any more: the next look knows.
        Err(error) if is_gone(&error) || error.class() == Class::Refused => Ok(()),
        other => other,
    }
}

/// Marks servers that nobody reaches, and deletes those that the operator made; the names of those.
///
/// # Errors
/// What the API server says.
pub(super) async fn forget(
    context: &Context,
    campaign: &ScanCampaign,
    now: Timestamp,
) -> Result<Vec<String>, Error> {
    let unseen = campaign.spec.retention.unseen_servers;
    let campaigns = context.campaigns.state();
    let adopts = adopts(campaign, campaigns.iter().filter_map(|each| each.0.as_ref().ok()));
    let servers = context.servers.state();
    let servers = servers
        .iter()
        .filter_map(|each| each.0.as_ref().ok())
        .filter(|server| belongs(server, campaign, adopts));
    let fates: Vec<_> = servers.filter_map(|server| Some((server, fate(server, unseen, now)?))).collect();
    let api: Api<ElectrumServer> = servers_of(context, campaign);
    let mut deleted = Vec::new();
    for (server, fate) in fates {
        let name = server.name_any();
        match fate {
            Fate::Delete if deleted.len() < DELETED => {
                context.writer.delete(&api, &name, &server.uid().unwrap_or_default()).await?;
                deleted.push(name);
            }
            Fate::Delete => {}
            Fate::Mark(condition) => {
                let status = json!({"conditions": condition.as_slice()});
                let marked = context.writer.apply_status(&api, &name, names::RETENTION_MANAGER, status).await;
                match marked {
                    Err(error) if is_gone(&error) => {}
                    other => other?,
                }
            }
        }
    }
    Ok(deleted)
}

fn servers_of(context: &Context, campaign: &ScanCampaign) -> Api<ElectrumServer> {
    Api::namespaced(context.client.clone(), &campaign.namespace().unwrap_or_default())
}

fn is_gone(error: &Error) -> bool {
    matches!(error, Error::Api(error) if matches!(&**error, kube::Error::Api(status) if status.is_not_found()))
}
