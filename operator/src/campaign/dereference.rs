//! First step: reads what a campaign refers to and what was made of it. Decides nothing, writes nothing.

use std::{collections::BTreeMap, fmt::Debug};

use crds::{ScanCampaign, campaign::SeedSource};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::Deployment,
        batch::v1::{CronJob, Job},
        core::v1::ConfigMap,
    },
};
use kube::{Api, Client, Resource, api::ListParams};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::{Error, names, settings::CALL};

/// What became of a source of seeds that refers to a ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seeds {
    /// The list.
    Text(String),
    /// There is no such ConfigMap.
    NoConfigMap,
    /// It has no such key.
    NoKey,
}

/// What was made of a campaign, as it is now.
#[derive(Clone, Debug, Default)]
pub struct Children {
    /// The campaign's text and its lists of seeds.
    pub config_maps: Vec<ConfigMap>,
    /// Scanners that go on.
    pub deployments: Vec<Deployment>,
    /// Scanners and analyses that end.
    pub jobs: Vec<Job>,
    /// Analyses that come again.
    pub cron_jobs: Vec<CronJob>,
}

/// A campaign with everything that was read.
#[derive(Clone, Debug)]
pub struct Found {
    /// The campaign, as it is now.
    pub campaign: ScanCampaign,
    /// Lists that stand elsewhere, by the name of their source.
    pub seeds: BTreeMap<String, Seeds>,
    /// The list of its servers that persons made.
    pub persons: String,
    /// What was made of it.
    pub children: Children,
}

/// Reads; nothing where the campaign is gone or about to be.
///
/// # Errors
/// What the API server says.
pub async fn dereference(client: &Client, namespace: &str, name: &str) -> Result<Option<Found>, Error> {
    let campaigns: Api<ScanCampaign> = Api::namespaced(client.clone(), namespace);
    let Some(campaign) = in_time(campaigns.get_opt(name)).await? else { return Ok(None) };
    if campaign.metadata.deletion_timestamp.is_some() {
        return Ok(None);
    }
    let mut seeds = BTreeMap::new();
    for source in &campaign.spec.discovery.sources {
        if let Some(found) = read(client, namespace, source).await? {
            seeds.insert(source.name.clone(), found);
        }
    }
    let selector = names::of_campaign(name);
    let children = Children {
        config_maps: list(client, namespace, &selector).await?,
        deployments: list(client, namespace, &selector).await?,
        jobs: list(client, namespace, &selector).await?,
        cron_jobs: list(client, namespace, &selector).await?,
    };
    Ok(Some(Found { campaign, seeds, persons: String::new(), children }))
}

async fn read(client: &Client, namespace: &str, source: &SeedSource) -> Result<Option<Seeds>, Error> {
    let Some(from) = &source.seeds_from else { return Ok(None) };
    let config_maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let Some(found) = in_time(config_maps.get_opt(&from.config_map)).await? else {
        return Ok(Some(Seeds::NoConfigMap));
    };
    let text = found.data.unwrap_or_default().remove(&from.key);
    Ok(Some(text.map_or(Seeds::NoKey, Seeds::Text)))
}

async fn list<K>(client: &Client, namespace: &str, selector: &str) -> Result<Vec<K>, Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    Ok(in_time(api.list(&ListParams::default().labels(selector))).await?.items)
}

/// What a call gives, if it does in time.
///
/// # Errors
/// What the API server says.
pub(crate) async fn in_time<T>(call: impl Future<Output = kube::Result<T>>) -> Result<T, Error> {
    Ok(timeout(CALL, call).await.map_err(|_| Error::TimedOut)??)
}
