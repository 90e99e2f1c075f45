//! Runs the five steps whenever something that a campaign depends on has changed, and once a minute.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use crds::{ElectrumServer, ScanCampaign, adopts};
use futures_util::{FutureExt as _, Stream, StreamExt as _, stream};
use jiff::Timestamp;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::Deployment,
        batch::v1::{CronJob, Job},
        core::v1::ConfigMap,
    },
};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::PartialObjectMeta,
    runtime::{
        Config, Controller, Predicate as _, WatchStreamExt as _,
        controller::Action,
        predicates,
        reflector::{ObjectRef, Store, store::Writer as Reflector},
        watcher::Error as WatchError,
    },
};
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    apply::{Place, apply, rest},
    build::build,
    counts::counts,
    dereference::{Found, dereference},
    notes::notes,
    persons,
    status::{Outcome, ours, status},
    validate::validate,
};
use crate::{
    Error, Settings,
    leader::Fence,
    metrics::Metrics,
    names,
    settings::AGAIN,
    watch::{self, Guarded},
    writer::{Note, Writer},
};

const NAME: &str = "campaign";

/// What looking after campaigns needs.
pub struct Context {
    /// Reads.
    pub client: Client,
    /// Writes.
    pub writer: Writer,
    /// The operator's own.
    pub settings: Settings,
    /// Where it is counted.
    pub metrics: Metrics,
    /// The campaigns that are watched.
    pub campaigns: Store<Guarded<ScanCampaign>>,
    /// The servers that are watched.
    pub servers: Store<Guarded<ElectrumServer>>,
    /// Tells that one of them has changed.
    pub servers_changed: Arc<Notify>,
    /// How often in a row each campaign could not be looked after.
    pub failures: Mutex<HashMap<ObjectRef<Guarded<ScanCampaign>>, u32>>,
}

/// Looks after campaigns until told to stop.
pub async fn run(
    context: Arc<Context>,
    reflector: Reflector<Guarded<ScanCampaign>>,
    fence: &Fence,
    stop: CancellationToken,
) {
    let (client, settings) = (&context.client, &context.settings);
    let (store, metrics) = (context.campaigns.clone(), context.metrics.clone());
    let roots = watch::follow(settings.api(client), watch::config(), "campaigns", metrics)
        .reflect(reflector)
        .applied_objects()
        .predicate_filter(predicates::generation.combine(predicates::finalizers), Default::default());
    let lists: Api<PartialObjectMeta<ConfigMap>> = settings.api(client);
    let lists = watch::follow(lists, watch::config(), "configmaps", context.metrics.clone());
    let campaigns = context.campaigns.clone();
    let wishes = persons::changes(context.servers.clone(), context.servers_changed.clone());
    Controller::for_stream(roots, store)
        .with_config(Config::default().concurrency(settings.concurrency))
        .owns_stream(children::<Deployment>(&context, "deployments"))
        .owns_stream(children::<Job>(&context, "jobs"))
        .owns_stream(children::<CronJob>(&context, "cronjobs"))
        .watches_stream(lists.touched_objects(), move |list| concerned(&campaigns, &list))
        .reconcile_all_on(stream::select(fence.elections(), wishes))
        .graceful_shutdown_on(stop.cancelled_owned())
        .run(reconcile, retry, context)
        // What failed was logged where it was counted.
        .for_each(|_| std::future::ready(()))
        .await;
}

fn children<K>(
    context: &Context,
    name: &'static str,
) -> impl Stream<Item = Result<PartialObjectMeta<K>, WatchError>> + Send + 'static
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug
        + Send
        + 'static,
{
    let api: Api<PartialObjectMeta<K>> = context.settings.api(&context.client);
    watch::follow(api, watch::config().labels(names::OURS), name, context.metrics.clone())
        .touched_objects()
        .predicate_filter(predicates::resource_version, Default::default())
}

/// The campaigns that a ConfigMap belongs to, or that take servers from it.
fn concerned(
    campaigns: &Store<Guarded<ScanCampaign>>,
    list: &PartialObjectMeta<ConfigMap>,
) -> Vec<ObjectRef<Guarded<ScanCampaign>>> {
    let concerns = |guarded: &Guarded<ScanCampaign>| {
        let Ok(campaign) = &guarded.0 else { return false };
        let sources = campaign.spec.discovery.sources.iter().filter_map(|source| source.seeds_from.as_ref());
        let names = || sources.map(|from| &from.config_map);
        campaign.namespace() == list.namespace()
            && (names().any(|name| *name == list.name_any())
                || names::config_map(&campaign.name_any()) == list.name_any())
    };
    campaigns.state_filter(concerns).iter().map(|campaign| ObjectRef::from_obj(&**campaign)).collect()
}

async fn reconcile(campaign: Arc<Guarded<ScanCampaign>>, context: Arc<Context>) -> Result<Action, Error> {
    if context.writer.may_write().is_err() {
        // Whoever is elected looks at all of them.
        return Ok(Action::await_change());
    }
    if context.servers.wait_until_ready().now_or_never().is_none() {
        // None are no news before all are known, and then all campaigns are looked at.
        return Ok(Action::await_change());
    }
    let began = Instant::now();
    let running = context.metrics.begins(NAME);
    let looked_after = match &campaign.0 {
        Ok(_) => look_after(&campaign, &context).await,
        Err(unreadable) => {
            let text =
                format!("cannot be read: {unreadable}; correct it, or apply the definitions of this version");
            let note = Note {
                warns: true,
                reason: "Malformed",
                action: "Read",
                text: text.chars().take(900).collect(),
                of: None,
            };
            context.writer.tell(&campaign.object_ref(&()), note).await;
            Ok(())
        }
    };
    drop(running);
    let unreadable = context.campaigns.state_filter(|campaign| campaign.0.is_err()).len();
    context.metrics.malformed("ScanCampaign", unreadable);
    context.metrics.reconciled(NAME, began.elapsed(), looked_after.as_ref().err().map(Error::class));
    looked_after?;
    failures(&context).remove(&ObjectRef::from_obj(&*campaign));
    // What cannot be read is no more readable in a minute.
    Ok(if campaign.0.is_ok() { Action::requeue(AGAIN) } else { Action::await_change() })
}

fn failures(context: &Context) -> std::sync::MutexGuard<'_, HashMap<ObjectRef<Guarded<ScanCampaign>>, u32>> {
    context.failures.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(clippy::needless_pass_by_value, reason = "the controller's signature")]
fn retry(campaign: Arc<Guarded<ScanCampaign>>, error: &Error, context: Arc<Context>) -> Action {
    let failed = {
        let mut failures = failures(&context);
        let failed = failures.entry(ObjectRef::from_obj(&*campaign)).or_default();
        *failed += 1;
        *failed - 1
    };
    warn!(campaign = campaign.name_any(), namespace = campaign.namespace(), %error, failed, "not looked after");
    Action::requeue(error.class().retry(failed))
}

async fn look_after(campaign: &Guarded<ScanCampaign>, context: &Context) -> Result<(), Error> {
    let (name, namespace) = (campaign.name_any(), campaign.namespace().unwrap_or_default());
    let Some(mut found) = dereference(&context.client, &namespace, &name).await? else { return Ok(()) };
    let known = context.campaigns.state();
    let adopts = adopts(&found.campaign, known.iter().filter_map(|known| known.0.as_ref().ok()));
    let servers = context.servers.state();
    let servers: Vec<_> = servers.iter().filter_map(|server| server.0.as_ref().ok()).collect();
    let counts = counts(&found.campaign, adopts, servers.iter().copied());
    found.persons = persons::list(&found.campaign, adopts, servers);
    let previous = found.campaign.status.clone().unwrap_or_default();
    let (generation, suspend) = (found.campaign.metadata.generation, found.campaign.spec.suspend);
    let owner = found.campaign.uid().unwrap_or_default();
    let place =
        Place { client: &context.client, writer: &context.writer, namespace: &namespace, owner: &owner };
    let tell =
        |outcome: &Outcome<'_>| status(outcome, generation, &previous, counts.clone(), Timestamp::now());

    let (told, changes, failed) = match validate(&found) {
        Err(invalid) => {
            let (rested, changes) =
                if suspend { rest(&place, &found.children).await } else { (Ok(()), Vec::new()) };
            (tell(&Outcome::Invalid(&invalid, suspend, &found.children)), changes, rested.err())
        }
        Ok(validated) => {
            let wanted = build(&validated, &context.settings)?;
            match apply(&place, wanted, &found.children).await {
                (Ok(applied), changes) => (tell(&Outcome::Applied(&validated, &applied)), changes, None),
                (Err(error), mut changes) => {
                    if suspend && !error.ends_it() {
                        changes.extend(rest(&place, &found.children).await.1);
                    }
                    // A campaign is no worse for an API server that is busy.
                    let passes = error.class().passes();
                    let told = if passes { previous.clone() } else { tell(&Outcome::Failed(&error)) };
                    (told, changes, Some(error))
                }
            }
        }
    };
    for change in &changes {
        info!(campaign = name, namespace, deed = ?change.deed, kind = change.kind, object = change.name, "applied");
    }
    let mine = ours(&told)?;
    if mine != ours(&previous)? {
        let api: Api<ScanCampaign> = Api::namespaced(context.client.clone(), &namespace);
        context.writer.apply_status(&api, &name, names::CAMPAIGN_MANAGER, mine).await?;
    }
    tell_all(context, &found, notes(&changes, &previous, &told)).await;
    failed.map_or(Ok(()), Err)
}

async fn tell_all(context: &Context, found: &Found, notes: Vec<Note>) {
    let about = found.campaign.object_ref(&());
    for note in notes {
        context.writer.tell(&about, note).await;
    }
}
