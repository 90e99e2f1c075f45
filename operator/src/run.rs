//! Puts the parts together and runs them until told to stop: who watches first, who writes last.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use analyzer::identify::Knowledge;
use anyhow::Context as _;
use crds::{ElectrumServer, GROUP, ScanCampaign, ScanExclusion, VERSION};
use fleet::{Redis, exclusions::take_on};
use futures_util::StreamExt as _;
use kube::{
    Api, Client, Resource,
    runtime::{
        WatchStreamExt as _,
        reflector::{self, store::Writer as Reflector},
    },
};
use model::geoip::Databases;
use serde::de::DeserializeOwned;
use tokio::{
    join,
    net::TcpListener,
    sync::{Notify, watch as channel},
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    Settings, campaign,
    campaign::dereference::in_time,
    cleanup,
    exclusion::{
        self,
        publish::{self, Publisher},
    },
    gauges::collect::Gauges,
    health::Health,
    http, ingest,
    leader::{Candidate, Fence},
    metrics::Metrics,
    watch::{self, Guarded},
    writer::Writer,
};

/// How often it is asked whether the definitions are there.
const LOOK: Duration = Duration::from_secs(2);
/// The longest that the lease may be without a turn.
const LEASE_SILENCE: Duration = Duration::from_secs(60);

/// Runs until told to stop; then ends what is under way, and gives the lease back.
///
/// # Errors
/// The socket's, and faults of ours.
pub async fn run(
    client: Client,
    settings: Settings,
    listener: TcpListener,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let redis = settings.shared.redis().context("--redis")?;
    let knowledge = Knowledge::embedded()?;
    let files: Vec<PathBuf> = settings.geoip.iter().map(PathBuf::from).collect();
    // Where pods have them from a claim the operator need not have them too.
    let places = Databases::open(&files).unwrap_or_else(|error| {
        warn!(%error, "--geoip: statuses do not say where servers are");
        Databases::default()
    });
    let metrics = Metrics::new()?;
    let health = Health::default();
    health.wait_for(Some("the API server".to_owned()));
    // Whoever monitors sees it end.
    let ended = CancellationToken::new();
    let served = http::serve(listener, metrics.clone(), health.clone(), ended.clone());
    let worked = async {
        let worked = if waited(&client, &redis, &settings.lease_namespace, &health, &stop).await {
            work(client, (redis, knowledge, places), settings, metrics, health, stop).await
        } else {
            Ok(())
        };
        ended.cancel();
        worked
    };
    let (served, worked) = join!(served, worked);
    served?;
    worked
}

/// Waits until all definitions are there and Redis is no other's; whether that is so.
async fn waited(
    client: &Client,
    redis: &Redis,
    publisher: &str,
    health: &Health,
    stop: &CancellationToken,
) -> bool {
    loop {
        let what = match undefined(client).await {
            None => taken(redis, publisher).await,
            undefined => undefined,
        };
        let Some(what) = what else { return true };
        warn!(what, "waiting");
        health.wait_for(Some(what));
        tokio::select! {
            () = stop.cancelled() => return false,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Which definitions are not there, if any.
async fn undefined(client: &Client) -> Option<String> {
    match in_time(found(client)).await.map(|found| missing(found.iter().map(String::as_str))) {
        Ok(missing) if missing.is_empty() => None,
        Ok(missing) => {
            Some(format!("the definitions of {} (apply what `operator crds` prints)", missing.join(", ")))
        }
        Err(error) => Some(format!("the API server: {error}")),
    }
}

/// Whether Redis is another operator's: scanners that were started here would follow its rules, and not ours. Where Redis is
/// away nobody knows, and whoever publishes is told later.
async fn taken(redis: &Redis, publisher: &str) -> Option<String> {
    let other = take_on(redis, publisher).await.ok().flatten()?;
    Some(format!("a Redis of its own: {}", publish::shared(&other)))
}

/// The resources of our group that there are.
async fn found(client: &Client) -> kube::Result<Vec<String>> {
    let version = format!("{GROUP}/{VERSION}");
    let groups = client.list_api_groups().await?.groups;
    // The resources of a group that is not there are no empty list, but whatever error a server likes.
    if !groups.iter().flat_map(|group| &group.versions).any(|known| known.group_version == version) {
        return Ok(Vec::new());
    }
    let list = client.list_api_group_resources(&version).await?;
    Ok(list.resources.into_iter().map(|resource| resource.name).collect())
}

fn missing<'a>(there: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let there: Vec<_> = there.into_iter().collect();
    let plurals = crds::all().map(|definition| definition.spec.names.plural);
    plurals.into_iter().filter(|plural| !there.contains(&plural.as_str())).collect()
}

async fn work(
    client: Client,
    (redis, knowledge, places): (Redis, Knowledge, Databases),
    settings: Settings,
    metrics: Metrics,
    health: Health,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let fence = Fence::default();
    let candidate = Candidate {
        client: client.clone(),
        namespace: settings.lease_namespace.clone(),
        identity: settings.identity.clone(),
        fence: fence.clone(),
        metrics: metrics.clone(),
        pulse: health.part("lease", LEASE_SILENCE),
    };
    let writer = Writer::new(client.clone(), fence.clone(), metrics.clone(), &settings.identity);
    let (campaigns, campaigns_in) = reflector::store();
    let (servers, servers_in) = reflector::store();
    let (exclusions, exclusions_in) = reflector::store();
    metrics.also(Box::new(Gauges::new(
        fence.clone(),
        campaigns.clone(),
        servers.clone(),
        settings.series,
    )?))?;
    let [told, published, wished] = std::array::from_fn(|_| Arc::new(Notify::new()));
    let changed = [told.clone(), published.clone(), wished.clone()];
    let (publishes, rules) = channel::channel(exclusion::publish::Published::default());

    let check_campaigns = watch::check::<Guarded<ScanCampaign>>(
        settings.api(&client),
        campaigns.clone(),
        "campaigns",
        health.part("watch of campaigns", watch::SILENCE),
        stop.clone(),
    );
    let check_servers = watch::check::<Guarded<ElectrumServer>>(
        settings.api(&client),
        servers.clone(),
        "servers",
        health.part("watch of servers", watch::SILENCE),
        stop.clone(),
    );
    let check_exclusions = watch::check::<Guarded<ScanExclusion>>(
        Api::all(client.clone()),
        exclusions.clone(),
        "exclusions",
        health.part("watch of exclusions", watch::SILENCE),
        stop.clone(),
    );
    let keep_servers = keep(settings.api(&client), servers_in, "servers", &metrics, &changed, &stop);
    let keep_exclusions =
        keep(Api::all(client.clone()), exclusions_in, "exclusions", &metrics, &changed[..2], &stop);

    let exclusion_context = exclusion::Context {
        client: client.clone(),
        writer: writer.clone(),
        metrics: metrics.clone(),
        exclusions: exclusions.clone(),
        servers: servers.clone(),
        one_namespace: settings.namespace.is_some(),
        changed: told,
        published: rules,
    };
    let cleanup_context = cleanup::Context {
        client: client.clone(),
        writer: writer.clone(),
        redis: redis.clone(),
        metrics: metrics.clone(),
        campaigns: campaigns.clone(),
    };
    let ingest_context = Arc::new(ingest::Context {
        client: client.clone(),
        writer: writer.clone(),
        redis: redis.clone(),
        metrics: metrics.clone(),
        knowledge,
        places,
        campaigns: campaigns.clone(),
        servers: servers.clone(),
        exclusions: exclusions.clone(),
    });
    let publisher = Publisher {
        redis,
        publisher: settings.lease_namespace.clone(),
        exclusions: exclusions.clone(),
        servers: servers.clone(),
        changed: published,
        published: publishes,
    };
    let campaign_context = Arc::new(campaign::controller::Context {
        client,
        writer,
        settings,
        metrics: metrics.clone(),
        campaigns: campaigns.clone(),
        servers: servers.clone(),
        servers_changed: wished,
        failures: Mutex::new(HashMap::new()),
    });
    let ready = async {
        health.wait_for(Some("the first list of campaigns, servers and exclusions".to_owned()));
        let all = async {
            (
                campaigns.wait_until_ready().await,
                servers.wait_until_ready().await,
                exclusions.wait_until_ready().await,
            )
        };
        tokio::select! {
            () = stop.cancelled() => {}
            _ = all => health.wait_for(None),
        }
    };
    // The lease outlives whoever writes under it.
    let written = CancellationToken::new();
    let write = async {
        join!(
            campaign::run(campaign_context, campaigns_in, &fence, stop.clone()),
            exclusion::run(exclusion_context, &fence, stop.clone()),
            publisher.run(&fence, stop.clone()),
            ingest::run(ingest_context, &fence, stop.clone()),
            cleanup::run(cleanup_context, &fence, stop.clone()),
        );
        written.cancel();
    };
    join!(
        candidate.run(written.clone()),
        write,
        keep_servers,
        keep_exclusions,
        check_campaigns,
        check_servers,
        check_exclusions,
        ready,
    );
    Ok(())
}

/// Keeps a store as the API server is, and tells of changes.
async fn keep<K>(
    api: Api<Guarded<K>>,
    reflector: Reflector<Guarded<K>>,
    name: &'static str,
    metrics: &Metrics,
    changed: &[Arc<Notify>],
    stop: &CancellationToken,
) where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
{
    watch::follow(api, watch::config(), name, metrics.clone())
        // Half of what there is, and nobody reads it.
        .modify(|object| object.meta_mut().managed_fields = None)
        .reflect(reflector)
        .take_until(stop.cancelled())
        .for_each(|_| {
            changed.iter().for_each(|each| each.notify_one());
            std::future::ready(())
        })
        .await;
}
