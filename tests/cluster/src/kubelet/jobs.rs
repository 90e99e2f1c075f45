//! Jobs: as many Pods as it takes, or as many failures as are allowed. Not indexed ones.

use jiff::{Timestamp, ToSpan};
use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use serde_json::{Value, json};

use super::changes::{Changes, Kind};
use super::seen::{json as to_json, owned};
use super::template::{active, phase, pod, ready};

pub(super) fn decide(job: &Job, pods: &[Pod], now: Timestamp, changes: &mut Changes) {
    let (Some(spec), None) = (&job.spec, &job.metadata.deletion_timestamp) else { return };
    if let Some(ended) = ended(job) {
        let kept = spec.ttl_seconds_after_finished.map(|seconds| ended + i64::from(seconds).seconds());
        if kept.is_some_and(|until| now >= until) {
            changes.delete(Kind::Job, job);
        }
        return;
    }
    let mine = owned(pods, job);
    let with = |wanted: &str| mine.iter().filter(|each| phase(each) == wanted).count();
    let (succeeded, failed) = (with("Succeeded"), with("Failed"));
    let running: Vec<&Pod> = mine.iter().copied().filter(|each| active(each)).collect();
    let started =
        job.status.as_ref().and_then(|status| status.start_time.as_ref()).map_or(now, |time| time.0);
    let suspended = spec.suspend == Some(true);
    let verdict = verdict(spec, succeeded, failed, now.duration_since(started).as_secs());
    let missing = match verdict {
        Some(_) => 0,
        None if suspended => 0,
        None => number(spec.parallelism)
            .min(spec.completions.map_or(usize::MAX, |n| number(Some(n)).saturating_sub(succeeded)))
            .saturating_sub(running.len()),
    };
    // A Job without completions begins no new Pod once one has succeeded.
    let missing = if spec.completions.is_none() && succeeded > 0 { 0 } else { missing };
    if verdict.is_some() || suspended {
        running.iter().for_each(|each| changes.delete(Kind::Pod, *each));
    }
    let prefix = format!("{}-", job.name_any());
    changes.pods.extend((0..missing).map(|_| pod(job, &spec.template, &prefix, &[])));

    let mut status = json!({
        "startTime": if suspended { Value::Null } else { to_json(&Time(started)) },
        "ready": running.iter().filter(|each| ready(each)).count(),
    });
    for (name, value) in [("active", running.len()), ("succeeded", succeeded), ("failed", failed)] {
        status[name] = if value > 0 { json!(value) } else { Value::Null };
    }
    if let Some((kind, reason)) = verdict {
        status["active"] = Value::Null;
        let condition = json!({ "type": kind, "status": "True", "reason": reason, "lastTransitionTime": now.to_string() });
        status["conditions"] = json!([condition]);
        if kind == "Complete" {
            status["completionTime"] = json!(now.to_string());
        }
    }
    changes.status(Kind::Job, job, &status);
}

/// How it ends, if it has.
fn verdict(
    spec: &JobSpec,
    succeeded: usize,
    failed: usize,
    seconds: i64,
) -> Option<(&'static str, &'static str)> {
    let enough = spec.completions.map_or(1, |wanted| number(Some(wanted)));
    if succeeded >= enough {
        Some(("Complete", "CompletionsReached"))
    } else if failed > number(spec.backoff_limit.or(Some(6))) {
        Some(("Failed", "BackoffLimitExceeded"))
    } else if spec.active_deadline_seconds.is_some_and(|limit| seconds >= limit) {
        Some(("Failed", "DeadlineExceeded"))
    } else {
        None
    }
}

/// When it was complete or had failed.
pub(super) fn ended(job: &Job) -> Option<Timestamp> {
    let conditions = job.status.as_ref()?.conditions.as_deref()?;
    let last = conditions.iter().find(|each| matches!(each.type_.as_str(), "Complete" | "Failed"))?;
    Some(last.last_transition_time.as_ref()?.0)
}

fn number(of: Option<i32>) -> usize {
    usize::try_from(of.unwrap_or(1)).unwrap_or(0)
}
