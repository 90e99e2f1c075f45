//! What a kubelet reports of a Pod.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use super::container::{End, Phase, State};
use super::seen::json as to_json;
use super::worker::{Obstacle, Worker};

pub(super) fn of(pod: &Pod, worker: &Worker, now: Timestamp) -> Value {
    let states: Vec<(&Container, State)> =
        worker.containers.iter().map(|(container, state)| (container, state.borrow().clone())).collect();
    let ends: Vec<Option<i32>> = states
        .iter()
        .map(|(_, state)| match &state.phase {
            Phase::Ended(end) => Some(end.code),
            _ => None,
        })
        .collect();
    let phase = match ends.iter().copied().collect::<Option<Vec<i32>>>() {
        Some(codes) if codes.iter().all(|code| *code == 0) => "Succeeded",
        Some(_) => "Failed",
        None if states.iter().all(|(_, state)| matches!(state.phase, Phase::Creating)) => "Pending",
        None => "Running",
    };
    let ready = states.iter().all(|(_, state)| state.ready);
    let before = pod.status.as_ref();
    let started =
        before.and_then(|status| status.start_time.as_ref()).map_or_else(|| json!(second(now)), to_json);
    let known = before.and_then(|status| status.conditions.clone()).unwrap_or_default();
    let condition = |kind: &str, holds: bool| {
        let status = if holds { "True" } else { "False" };
        let same = known.iter().find(|each| each.type_ == kind && each.status == status);
        let since = same
            .and_then(|each| each.last_transition_time.as_ref())
            .map_or_else(|| json!(second(now)), to_json);
        json!({ "type": kind, "status": status, "lastTransitionTime": since })
    };
    json!({
        "phase": phase,
        "podIP": worker.address,
        "podIPs": [{ "ip": worker.address }],
        "startTime": started,
        "conditions": [
            condition("PodScheduled", true),
            condition("Initialized", true),
            condition("ContainersReady", ready),
            condition("Ready", ready),
        ],
        "containerStatuses": states.iter().map(|(container, state)| describe(container, state)).collect::<Vec<_>>(),
    })
}

/// Of a Pod that could not be begun.
pub(super) fn waiting(pod: &Pod, obstacle: &Obstacle) -> Value {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers).map(|container| {
        let state = json!({ "waiting": { "reason": obstacle.0, "message": obstacle.1 } });
        status(container, false, 0, &state, &json!({}))
    });
    json!({ "phase": "Pending", "containerStatuses": containers.collect::<Vec<_>>() })
}

fn describe(container: &Container, state: &State) -> Value {
    let now = match &state.phase {
        Phase::Creating => json!({ "waiting": { "reason": "ContainerCreating" } }),
        Phase::BackOff => json!({ "waiting": { "reason": "CrashLoopBackOff" } }),
        Phase::Running(since) => json!({ "running": { "startedAt": second(*since) } }),
        Phase::Ended(end) => terminated(end),
    };
    let last = state.last.as_ref().map_or_else(|| json!({}), terminated);
    status(container, state.ready, state.restarts, &now, &last)
}

fn status(container: &Container, ready: bool, restarts: i32, now: &Value, last: &Value) -> Value {
    json!({
        "name": container.name, "image": container.image.clone().unwrap_or_default(), "imageID": "", "ready": ready,
        "restartCount": restarts, "started": now.get("running").is_some(), "state": now, "lastState": last,
    })
}

fn terminated(end: &End) -> Value {
    let reason = if end.code == 0 { "Completed" } else { "Error" };
    json!({ "terminated": {
        "exitCode": end.code, "reason": reason, "startedAt": second(end.started), "finishedAt": second(end.finished),
    } })
}

/// The API keeps whole seconds: with more, each look would find a difference.
fn second(time: Timestamp) -> String {
    to_json(&Time(time)).as_str().unwrap_or_default().into()
}
