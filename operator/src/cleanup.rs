//! What a campaign leaves behind outside the cluster: its keys in Redis. A finalizer holds the campaign back until they are
//! gone, which is when nobody works for it any more, since workers would put some back. Everything in the cluster is
//! owned by the campaign and goes by itself; here only what works for it is ended first.

use std::{collections::HashMap, fmt::Debug, time::Duration};

use crds::ScanCampaign;
use fleet::{Redis, campaign};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::Deployment,
        batch::v1::{CronJob, Job},
    },
};
use kube::{Api, Client, Resource, ResourceExt as _, api::ListParams, runtime::reflector::Store};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    Error,
    campaign::dereference::in_time,
    leader::Fence,
    metrics::Metrics,
    names,
    watch::Guarded,
    writer::{Note, Writer},
};

const NAME: &str = "cleanup";
/// How often it is looked which campaigns begin and end.
const LOOK: Duration = Duration::from_secs(1);

/// What cleaning up needs.
pub struct Context {
    /// Reads.
    pub client: Client,
    /// Writes.
    pub writer: Writer,
    /// What is cleaned.
    pub redis: Redis,
    /// Where it is counted.
    pub metrics: Metrics,
    /// The campaigns that are watched.
    pub campaigns: Store<Guarded<ScanCampaign>>,
}

/// Why a campaign is not gone yet.
enum Left {
    /// So many work for it.
    Workers(usize),
    /// Nothing.
    Nothing,
}

/// Cleans up until told to stop, while this replica leads.
pub async fn run(context: Context, fence: &Fence, stop: CancellationToken) {
    let mut told: HashMap<String, &'static str> = HashMap::new();
    while !stop.is_cancelled() {
        if fence.until().is_ok() {
            for guarded in context.campaigns.state() {
                let Ok(campaign) = &guarded.0 else { continue };
                if let Err(error) = look_after(&context, campaign, &mut told).await {
                    context.metrics.failed(NAME, error.class());
                    warn!(campaign = campaign.name_any(), %error, "not cleaned up, tried again");
                }
            }
            told.retain(|uid, _| context.campaigns.find(|each| each.uid().as_ref() == Some(uid)).is_some());
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = sleep(LOOK) => {}
        }
    }
}

async fn look_after(
    context: &Context,
    campaign: &ScanCampaign,
    told: &mut HashMap<String, &'static str>,
) -> Result<(), Error> {
    let held = campaign.finalizers().iter().any(|finalizer| finalizer == names::FINALIZER);
    match (campaign.metadata.deletion_timestamp.is_some(), held) {
        (false, false) => hold(context, campaign).await,
        (true, true) => {
            let (reason, text) = match clean(context, campaign).await {
                Ok(Left::Nothing) => return release(context, campaign).await,
                Ok(Left::Workers(workers)) => (
                    "ScannersEnd",
                    format!(
                        "{workers} scanners end their visits; then what Redis keeps of the campaign is deleted"
                    ),
                ),
                Err(Error::Fleet(error)) => (
                    "RedisNotCleaned",
                    format!(
                        "what Redis keeps of the campaign is not deleted, tried again each second: {error}; take off the finalizer {} to let it stay there",
                        names::FINALIZER
                    ),
                ),
                Err(error) => return Err(error),
            };
            // Once for each reason.
            if told.insert(campaign.uid().unwrap_or_default(), reason) != Some(reason) {
                let warns = reason == "RedisNotCleaned";
                context
                    .writer
                    .tell(&campaign.object_ref(&()), Note { warns, reason, action: "Delete", text, of: None })
                    .await;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Adds the finalizer, unless the campaign is another by now.
async fn hold(context: &Context, campaign: &ScanCampaign) -> Result<(), Error> {
    let finalizers: Vec<&str> =
        campaign.finalizers().iter().map(String::as_str).chain([names::FINALIZER]).collect();
    change(context, campaign, &finalizers).await
}

async fn release(context: &Context, campaign: &ScanCampaign) -> Result<(), Error> {
    let others = campaign.finalizers().iter().map(String::as_str).filter(|each| *each != names::FINALIZER);
    change(context, campaign, &others.collect::<Vec<_>>()).await
}

async fn change(context: &Context, campaign: &ScanCampaign, finalizers: &[&str]) -> Result<(), Error> {
    let api: Api<ScanCampaign> =
        Api::namespaced(context.client.clone(), &campaign.namespace().unwrap_or_default());
    // The version keeps others' finalizers: who changed them meanwhile is seen at the next look.
    let patch =
        json!({"metadata": {"finalizers": finalizers, "resourceVersion": campaign.resource_version()}});
    match context.writer.merge(&api, &campaign.name_any(), names::CAMPAIGN_MANAGER, &patch).await {
        Err(Error::Api(error)) if matches!(&*error, kube::Error::Api(status) if status.is_not_found() || status.is_conflict()) => {
            Ok(())
        }
        other => other.map(drop),
    }
}

async fn clean(context: &Context, campaign: &ScanCampaign) -> Result<Left, Error> {
    end::<Deployment>(context, campaign).await?;
    end::<CronJob>(context, campaign).await?;
    end::<Job>(context, campaign).await?;
    let scope = format!("{}/{}", campaign.namespace().unwrap_or_default(), campaign.name_any());
    let workers = campaign::workers(&context.redis, &scope).await?;
    if workers > 0 {
        return Ok(Left::Workers(workers));
    }
    let keys = campaign::forget(&context.redis, &scope).await?;
    info!(campaign = scope, keys, "what Redis kept of a campaign is deleted");
    Ok(Left::Nothing)
}

/// Ends those that work for a campaign.
async fn end<K>(context: &Context, campaign: &ScanCampaign) -> Result<(), Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = Api::namespaced(context.client.clone(), &campaign.namespace().unwrap_or_default());
    let of_campaign = ListParams::default().labels(&names::of_campaign(&campaign.name_any()));
    for object in in_time(api.list_metadata(&of_campaign)).await?.items {
        let owned = object.owner_references().iter().any(|owner| Some(&owner.uid) == campaign.uid().as_ref());
        if owned && object.metadata.deletion_timestamp.is_none() {
            context.writer.delete(&api, &object.name_any(), &object.uid().unwrap_or_default()).await?;
        }
    }
    Ok(())
}
