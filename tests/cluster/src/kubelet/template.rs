//! Pods and names from templates.

use std::collections::BTreeMap;
use std::fmt::Write;

use k8s_openapi::api::core::v1::{Pod, PodTemplateSpec};
use kube::{Resource, ResourceExt};
use sha2::{Digest, Sha256};

use super::seen::json;

/// The node that all Pods are on.
pub(super) const NODE: &str = "test-node";

/// A Pod of a template, controlled by its owner; the API server completes its name.
pub(super) fn pod<K: Resource<DynamicType = ()>>(
    owner: &K,
    template: &PodTemplateSpec,
    prefix: &str,
    labels: &[(&str, &str)],
) -> Pod {
    let mut pod = Pod {
        metadata: template.metadata.clone().unwrap_or_default(),
        spec: template.spec.clone(),
        ..Pod::default()
    };
    pod.metadata.namespace = owner.namespace();
    pod.metadata.generate_name = Some(prefix.into());
    pod.metadata.owner_references = owner.controller_owner_ref(&()).map(|reference| vec![reference]);
    let own: BTreeMap<String, String> =
        labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    pod.metadata.labels.get_or_insert_default().extend(own);
    if let Some(spec) = &mut pod.spec {
        spec.node_name = Some(NODE.into());
    }
    pod
}

/// Tells templates apart.
pub(super) fn hash(template: &PodTemplateSpec) -> String {
    let digest = Sha256::digest(json(template).to_string());
    digest.iter().take(5).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether it has neither ended nor is to end.
pub(super) fn active(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_none() && !matches!(phase(pod), "Succeeded" | "Failed")
}

pub(super) fn phase(pod: &Pod) -> &str {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or("Pending")
}

pub(super) fn ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    active(pod) && conditions.iter().any(|each| each.type_ == "Ready" && each.status == "True")
}
