//! What the cluster was like at one moment.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::api::ListParams;
use kube::{Api, Client, Resource, ResourceExt};
use serde_json::Value;

pub(super) struct Seen {
    pub(super) deployments: Vec<Deployment>,
    pub(super) jobs: Vec<Job>,
    pub(super) cronjobs: Vec<CronJob>,
    pub(super) pods: Vec<Pod>,
    pub(super) configs: Vec<ConfigMap>,
    pub(super) secrets: Vec<Secret>,
}

impl Seen {
    pub(super) async fn read(client: &Client) -> kube::Result<Self> {
        // Owners before their Pods: who was seen without them would get a second set.
        Ok(Self {
            deployments: all(client).await?,
            cronjobs: all(client).await?,
            jobs: all(client).await?,
            pods: all(client).await?,
            configs: all(client).await?,
            secrets: all(client).await?,
        })
    }
}

async fn all<K>(client: &Client) -> kube::Result<Vec<K>>
where
    K: Resource<DynamicType = ()> + Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    Ok(Api::<K>::all(client.clone()).list(&ListParams::default()).await?.items)
}

/// That of this name, in this namespace.
pub(super) fn find<'a, K: Resource>(among: &'a [K], namespace: &str, name: &str) -> Option<&'a K> {
    among.iter().find(|each| {
        each.meta().namespace.as_deref() == Some(namespace) && each.meta().name.as_deref() == Some(name)
    })
}

/// Those that this one controls.
pub(super) fn owned<'a, K: Resource>(among: &'a [K], owner: &impl ResourceExt) -> Vec<&'a K> {
    let uid = owner.uid().unwrap_or_default();
    let is_its = |each: &&K| {
        each.owner_references()
            .iter()
            .any(|reference| reference.uid == uid && reference.controller == Some(true))
    };
    among.iter().filter(is_its).collect()
}

/// The same, as JSON.
pub(super) fn json(of: &impl serde::Serialize) -> Value {
    serde_json::to_value(of).expect("what was read as JSON can be written as such")
}
