//! CronJobs. Starts that were missed are not made up for, but for the last.

use croner::Cron;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{Resource, ResourceExt};
use serde_json::{Value, json};

use super::changes::{Changes, Kind};
use super::jobs::ended;
use super::seen::{json as to_json, owned};

pub(super) fn decide(cronjob: &CronJob, jobs: &[Job], now: Timestamp, changes: &mut Changes) {
    let (Some(spec), None) = (&cronjob.spec, &cronjob.metadata.deletion_timestamp) else { return };
    let mut mine = owned(jobs, cronjob);
    mine.sort_by_key(|job| job.creation_timestamp());
    let (running, finished): (Vec<&Job>, Vec<&Job>) = mine.into_iter().partition(|job| ended(job).is_none());
    prune(&finished, true, spec.successful_jobs_history_limit.unwrap_or(3), changes);
    prune(&finished, false, spec.failed_jobs_history_limit.unwrap_or(1), changes);

    let mut last =
        cronjob.status.as_ref().and_then(|status| status.last_schedule_time.clone()).map(|time| time.0);
    let since = last.or_else(|| cronjob.creation_timestamp().map(|time| time.0)).unwrap_or(now);
    let due = spec.suspend != Some(true) && is_due(&spec.schedule, spec.time_zone.as_deref(), since, now);
    let forbidden = spec.concurrency_policy.as_deref() == Some("Forbid") && !running.is_empty();
    if due && !forbidden {
        if spec.concurrency_policy.as_deref() == Some("Replace") {
            running.iter().for_each(|job| changes.delete(Kind::Job, *job));
        }
        changes.jobs.push(job(cronjob, now));
        last = Some(now);
    }
    let active: Vec<Value> = running.iter().map(|job| to_json(&job.object_ref(&()))).collect();
    let status = json!({
        "active": if active.is_empty() { Value::Null } else { json!(active) },
        "lastScheduleTime": last.map(|last| to_json(&Time(last))),
    });
    changes.status(Kind::CronJob, cronjob, &status);
}

/// The next Job of a CronJob.
pub(super) fn job(cronjob: &CronJob, now: Timestamp) -> Job {
    let template = cronjob.spec.as_ref().map(|spec| spec.job_template.clone()).unwrap_or_default();
    let mut metadata = template.metadata.unwrap_or_default();
    metadata.name = Some(format!("{}-{}", cronjob.name_any(), now.as_millisecond()));
    metadata.namespace = cronjob.namespace();
    metadata.owner_references = cronjob.controller_owner_ref(&()).map(|reference| vec![reference]);
    Job { metadata, spec: template.spec, status: None }
}

fn is_due(schedule: &str, zone: Option<&str>, since: Timestamp, now: Timestamp) -> bool {
    let zone = zone.map_or(Ok(TimeZone::UTC), TimeZone::get);
    let (Ok(cron), Ok(zone)) = (schedule.parse::<Cron>(), zone) else { return false };
    cron.find_next_occurrence(&since.to_zoned(zone), false).is_ok_and(|next| next.timestamp() <= now)
}

fn prune(finished: &[&Job], complete: bool, keep: i32, changes: &mut Changes) {
    let of_kind: Vec<_> = finished
        .iter()
        .filter(|job| job.status.as_ref().is_some_and(|status| status.completion_time.is_some()) == complete)
        .collect();
    let surplus = of_kind.len().saturating_sub(usize::try_from(keep).unwrap_or(0));
    of_kind.into_iter().take(surplus).for_each(|job| changes.delete(Kind::Job, *job));
}
