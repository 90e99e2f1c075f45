//! What has lost its owners is deleted, and deletions that wait for dependents are carried out.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DeleteParams, ListParams, PartialObjectMeta, Patch, PatchParams};
use kube::core::{DynamicObject, GroupVersionKind};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

use super::changes::done;

/// The built-in kinds that own, or are owned.
const KINDS: [(&str, &str); 15] = [
    ("", "ConfigMap"),
    ("", "Secret"),
    ("", "Service"),
    ("", "ServiceAccount"),
    ("", "PersistentVolumeClaim"),
    ("", "Pod"),
    ("apps", "Deployment"),
    ("apps", "ReplicaSet"),
    ("apps", "StatefulSet"),
    ("batch", "CronJob"),
    ("batch", "Job"),
    ("rbac.authorization.k8s.io", "Role"),
    ("rbac.authorization.k8s.io", "RoleBinding"),
    ("policy", "PodDisruptionBudget"),
    ("networking.k8s.io", "NetworkPolicy"),
];
const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";

/// Remembers who had no owner in the last pass: one look may fall between the making of an owner and its dependent.
#[derive(Default)]
pub(super) struct Collector {
    suspects: BTreeSet<String>,
}

struct Object {
    kind: ApiResource,
    meta: PartialObjectMeta<DynamicObject>,
}

impl Collector {
    pub(super) async fn collect(&mut self, client: &Client) -> kube::Result<()> {
        let objects = list(client).await?;
        let alive: BTreeMap<String, &Object> =
            objects.iter().filter_map(|each| Some((each.meta.uid()?, each))).collect();
        let mut suspects = BTreeSet::new();
        for object in &objects {
            let owners = object.meta.owner_references();
            let uid = object.meta.uid().unwrap_or_default();
            let kept = owners.iter().any(|owner| {
                alive
                    .get(&owner.uid)
                    .is_some_and(|owner| !owner.meta.finalizers().iter().any(|f| f == FOREGROUND))
            });
            if !owners.is_empty() && !kept && object.meta.metadata.deletion_timestamp.is_none() {
                if self.suspects.contains(&uid) {
                    object.delete(client).await?;
                }
                suspects.insert(uid);
            }
        }
        self.suspects = suspects;
        for object in objects.iter().filter(|each| each.meta.metadata.deletion_timestamp.is_some()) {
            object.finish(client, &objects).await?;
        }
        Ok(())
    }
}

impl Object {
    fn api(&self, client: &Client) -> Api<DynamicObject> {
        match self.meta.namespace() {
            Some(namespace) => Api::namespaced_with(client.clone(), &namespace, &self.kind),
            None => Api::all_with(client.clone(), &self.kind),
        }
    }

    fn dependents<'a>(&self, among: &'a [Object]) -> Vec<&'a Object> {
        let uid = self.meta.uid().unwrap_or_default();
        among
            .iter()
            .filter(|each| each.meta.owner_references().iter().any(|owner| owner.uid == uid))
            .collect()
    }

    async fn delete(&self, client: &Client) -> kube::Result<()> {
        let how = DeleteParams::background()
            .preconditions(kube::api::Preconditions { uid: self.meta.uid(), resource_version: None });
        done(self.api(client).delete(&self.meta.name_any(), &how).await)
    }

    /// Takes the part in a deletion that waits for the garbage collector.
    async fn finish(&self, client: &Client, among: &[Object]) -> kube::Result<()> {
        let finalizers = self.meta.finalizers();
        let waits = |name: &str| finalizers.iter().any(|each| each == name);
        let dependents = self.dependents(among);
        if waits(ORPHAN) {
            for each in dependents {
                let uid = self.meta.uid();
                let left: Vec<_> = each
                    .meta
                    .owner_references()
                    .iter()
                    .filter(|owner| Some(&owner.uid) != uid.as_ref())
                    .collect();
                each.patch(client, &json!({ "ownerReferences": left })).await?;
            }
        } else if !waits(FOREGROUND) || !dependents.is_empty() {
            return Ok(());
        }
        let left: Vec<_> = finalizers.iter().filter(|each| *each != ORPHAN && *each != FOREGROUND).collect();
        self.patch(client, &json!({ "finalizers": left })).await
    }

    async fn patch(&self, client: &Client, metadata: &serde_json::Value) -> kube::Result<()> {
        let mut metadata = metadata.clone();
        metadata["resourceVersion"] = json!(self.meta.resource_version());
        let change = Patch::Merge(json!({ "metadata": metadata }));
        done(self.api(client).patch_metadata(&self.meta.name_any(), &PatchParams::default(), &change).await)
    }
}

async fn list(client: &Client) -> kube::Result<Vec<Object>> {
    let mut kinds: Vec<ApiResource> = KINDS
        .iter()
        .map(|(group, kind)| ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind)))
        .collect();
    for crd in Api::<CustomResourceDefinition>::all(client.clone()).list(&ListParams::default()).await?.items
    {
        let Some(version) = crd.spec.versions.iter().find(|each| each.served) else { continue };
        let kind = GroupVersionKind::gvk(&crd.spec.group, &version.name, &crd.spec.names.kind);
        kinds.push(ApiResource::from_gvk_with_plural(&kind, &crd.spec.names.plural));
    }
    let mut objects = Vec::new();
    for kind in kinds {
        match Api::<DynamicObject>::all_with(client.clone(), &kind)
            .list_metadata(&ListParams::default())
            .await
        {
            Ok(listed) => {
                objects.extend(listed.items.into_iter().map(|meta| Object { kind: kind.clone(), meta }));
            }
            Err(kube::Error::Api(refused)) if refused.is_not_found() => {} // a definition that is only just made
            Err(error) => return Err(error),
        }
    }
    Ok(objects)
}
