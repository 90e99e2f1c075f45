//! Deployments, which control their Pods without a ReplicaSet between. A rolling update goes one Pod at a time,
//! whatever its strategy says.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::changes::{Changes, Kind};
use super::seen::{json as to_json, owned};
use super::template::{active, hash, pod, ready};

const HASH: &str = "pod-template-hash";

pub(super) fn decide(deployment: &Deployment, pods: &[Pod], now: Timestamp, changes: &mut Changes) {
    let (Some(spec), None) = (&deployment.spec, &deployment.metadata.deletion_timestamp) else { return };
    let wanted = usize::try_from(spec.replicas.unwrap_or(1)).unwrap_or(0);
    let hash = hash(&spec.template);
    let mine = owned(pods, deployment);
    let (mut new, mut old): (Vec<&Pod>, Vec<&Pod>) =
        mine.iter().filter(|each| active(each)).partition(|each| each.labels().get(HASH) == Some(&hash));
    // Those go first that are of least use.
    new.sort_by_key(|each| ready(each));
    old.sort_by_key(|each| ready(each));

    let recreate = spec.strategy.as_ref().and_then(|how| how.type_.as_deref()) == Some("Recreate");
    let others = mine.iter().any(|each| each.labels().get(HASH) != Some(&hash));
    let missing = if recreate {
        old.iter().for_each(|each| changes.delete(Kind::Pod, *each));
        if others { 0 } else { wanted.saturating_sub(new.len()) }
    } else {
        let available = new.iter().chain(&old).filter(|each| ready(each)).count();
        let idle = old.iter().filter(|each| !ready(each)).count();
        let spare = idle + available.saturating_sub(wanted);
        old.iter().take(spare).for_each(|each| changes.delete(Kind::Pod, *each));
        let room = if old.is_empty() { wanted } else { (wanted + 1).saturating_sub(old.len()) };
        room.min(wanted).saturating_sub(new.len())
    };
    new.iter().take(new.len().saturating_sub(wanted)).for_each(|each| changes.delete(Kind::Pod, *each));
    let prefix = format!("{}-{hash}-", deployment.name_any());
    changes.pods.extend((0..missing).map(|_| pod(deployment, &spec.template, &prefix, &[(HASH, &hash)])));
    changes.status(Kind::Deployment, deployment, &status(deployment, wanted, &new, &old, now));
}

fn status(deployment: &Deployment, wanted: usize, new: &[&Pod], old: &[&Pod], now: Timestamp) -> Value {
    let count = |number: usize| if number == 0 { Value::Null } else { json!(number) };
    let available = new.iter().chain(old).filter(|each| ready(each)).count();
    let complete = old.is_empty() && new.len() == wanted && available >= wanted;
    let before = deployment.status.as_ref().and_then(|status| status.conditions.clone()).unwrap_or_default();
    let condition = |kind: &str, holds: bool, reason: &str| {
        let status = if holds { "True" } else { "False" };
        let same = before.iter().find(|each| each.type_ == kind && each.status == status);
        let since = same
            .and_then(|each| each.last_transition_time.clone())
            .map_or_else(|| json!(now.to_string()), |time| to_json(&time));
        json!({ "type": kind, "status": status, "reason": reason, "lastTransitionTime": since })
    };
    let status = json!({
        "observedGeneration": deployment.metadata.generation,
        "replicas": count(new.len() + old.len()),
        "updatedReplicas": count(new.len()),
        "readyReplicas": count(available),
        "availableReplicas": count(available),
        "unavailableReplicas": count(wanted.saturating_sub(available)),
        "conditions": [
            condition("Available", available >= wanted, if available >= wanted { "MinimumReplicasAvailable" } else { "MinimumReplicasUnavailable" }),
            condition("Progressing", true, if complete { "NewReplicaSetAvailable" } else { "ReplicaSetUpdated" }),
        ],
    });
    status
}
