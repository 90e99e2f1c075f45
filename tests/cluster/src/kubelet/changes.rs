//! What is to be done to the cluster, and its doing. What somebody else did first is left as it is.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, PropagationPolicy};
use kube::{Api, Client, Resource, ResourceExt};
use serde_json::{Value, json};

use super::seen;

/// Decided by the parts of a pass, in any order.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) pods: Vec<Pod>,
    pub(super) jobs: Vec<Job>,
    deletions: Vec<(Kind, String, String, Option<u32>)>,
    statuses: Vec<(Kind, String, String, Value)>,
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Pod,
    Job,
    CronJob,
    Deployment,
}

impl Changes {
    pub(super) fn delete(&mut self, kind: Kind, object: &impl ResourceExt) {
        if object.meta().deletion_timestamp.is_none() {
            let (namespace, name) = key(object);
            self.deletions.push((kind, namespace, name, None));
        }
    }

    /// Takes a Pod whose processes have ended out of the cluster.
    pub(super) fn forget(&mut self, pod: &Pod) {
        let (namespace, name) = key(pod);
        self.deletions.push((Kind::Pod, namespace, name, Some(0)));
    }

    /// Writes these fields of a status, unless they are so. Null is for those that must not be there.
    pub(super) fn status(
        &mut self,
        kind: Kind,
        object: &(impl ResourceExt + serde::Serialize),
        status: &Value,
    ) {
        let object_now = seen::json(object);
        let same = |(name, value): (&String, &Value)| {
            object_now.pointer(&format!("/status/{name}")).unwrap_or(&Value::Null) == value
        };
        if !status.as_object().is_some_and(|fields| fields.iter().all(same)) {
            let (namespace, name) = key(object);
            let version = object.resource_version();
            let change = json!({ "metadata": { "resourceVersion": version }, "status": status });
            self.statuses.push((kind, namespace, name, change));
        }
    }

    pub(super) async fn apply(self, client: &Client) -> kube::Result<()> {
        for pod in self.pods {
            let namespace = pod.namespace().unwrap_or_default();
            done(
                Api::<Pod>::namespaced(client.clone(), &namespace).create(&PostParams::default(), &pod).await,
            )?;
        }
        for job in self.jobs {
            let namespace = job.namespace().unwrap_or_default();
            done(
                Api::<Job>::namespaced(client.clone(), &namespace).create(&PostParams::default(), &job).await,
            )?;
        }
        for (kind, namespace, name, change) in self.statuses {
            match kind {
                Kind::Pod => patch::<Pod>(client, &namespace, &name, &change).await?,
                Kind::Job => patch::<Job>(client, &namespace, &name, &change).await?,
                Kind::CronJob => patch::<CronJob>(client, &namespace, &name, &change).await?,
                Kind::Deployment => patch::<Deployment>(client, &namespace, &name, &change).await?,
            }
        }
        for (kind, namespace, name, grace) in self.deletions {
            let mut how = DeleteParams {
                propagation_policy: Some(PropagationPolicy::Background),
                ..Default::default()
            };
            how.grace_period_seconds = grace;
            match kind {
                Kind::Job => drop_one::<Job>(client, &namespace, &name, &how).await?,
                _ => drop_one::<Pod>(client, &namespace, &name, &how).await?,
            }
        }
        Ok(())
    }
}

async fn patch<K>(client: &Client, namespace: &str, name: &str, change: &Value) -> kube::Result<()>
where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + serde::de::DeserializeOwned
        + std::fmt::Debug,
{
    let api = Api::<K>::namespaced(client.clone(), namespace);
    done(api.patch_status(name, &PatchParams::default(), &Patch::Merge(change)).await)
}

async fn drop_one<K>(client: &Client, namespace: &str, name: &str, how: &DeleteParams) -> kube::Result<()>
where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + serde::de::DeserializeOwned
        + std::fmt::Debug,
{
    done(Api::<K>::namespaced(client.clone(), namespace).delete(name, how).await)
}

/// The next pass sees what came of it: somebody else was first, or there is nothing left to change.
pub(super) fn done<T>(outcome: kube::Result<T>) -> kube::Result<()> {
    match outcome {
        Err(kube::Error::Api(refused)) if matches!(refused.code, 404 | 409) => Ok(()),
        other => other.map(drop),
    }
}

fn key(object: &impl ResourceExt) -> (String, String) {
    (object.namespace().unwrap_or_default(), object.name_any())
}
